//! What a value has to look like, whatever its case.

/// A value, a part of one, or parts in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Exactly this.
    Is(String),
    /// This somewhere.
    Contains(String),
    /// These one after the other, the first at the beginning, the last at the end.
    Parts(Vec<String>),
}

impl Pattern {
    /// `=value`, `a*b`, or a part.
    pub(crate) fn of(text: &str) -> Self {
        if let Some(value) = text.strip_prefix('=') {
            Self::Is(value.to_lowercase())
        } else if text.contains('*') {
            Self::Parts(text.to_lowercase().split('*').map(str::to_owned).collect())
        } else {
            Self::Contains(text.to_lowercase())
        }
    }

    pub(crate) fn fits(&self, value: &str) -> bool {
        match self {
            Self::Is(whole) if value.is_ascii() => value.eq_ignore_ascii_case(whole),
            Self::Is(whole) => value.to_lowercase() == *whole,
            Self::Contains(part) if value.is_ascii() => find(value.as_bytes(), part.as_bytes()).is_some(),
            Self::Contains(part) => value.to_lowercase().contains(part.as_str()),
            Self::Parts(parts) => in_order(&value.to_lowercase(), parts),
        }
    }

    /// The same of a value that is in lower case already.
    pub(crate) fn fits_lower(&self, value: &str) -> bool {
        match self {
            Self::Is(whole) => value == whole,
            Self::Contains(part) => value.contains(part.as_str()),
            Self::Parts(parts) => in_order(value, parts),
        }
    }
}

/// Where `part`, in lower case, is in text whose letters beyond ASCII are.
fn find(value: &[u8], part: &[u8]) -> Option<usize> {
    let Some((first, _)) = part.split_first() else { return Some(0) };
    let last = value.len().checked_sub(part.len())?;
    (0..=last).find(|start| {
        value.get(*start).is_some_and(|byte| byte.eq_ignore_ascii_case(first))
            && value.get(*start..start + part.len()).is_some_and(|here| here.eq_ignore_ascii_case(part))
    })
}

fn in_order(value: &str, parts: &[String]) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return true };
    let Some(rest) = value.strip_prefix(first.as_str()) else { return false };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
    for part in parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default() {
        // Values are short: to get the search of the standard library ready takes longer than to look.
        let Some(at) = find(rest.as_bytes(), part.as_bytes()) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn case_and_place_matter_as_the_pattern_says() {
        for (pattern, value) in [
            ("b", "aBc"),
            ("=ABC", "abc"),
            ("a*c", "ABBC"),
            ("*", ""),
            ("*b*", "abc"),
            ("É", "café"),
            ("", "x"),
            ("c", "ac"),
        ] {
            assert!(Pattern::of(pattern).fits(value), "{pattern} {value}");
            assert!(Pattern::of(pattern).fits_lower(&value.to_lowercase()), "{pattern} {value}");
        }
        for (pattern, value) in [("abcd", "abc"), ("=ab", "abc"), ("a*c", "abcd"), ("a*b*a", "aba*"), ("a*a", "a")] {
            assert!(!Pattern::of(pattern).fits(value), "{pattern} {value}");
            assert!(!Pattern::of(pattern).fits_lower(&value.to_lowercase()), "{pattern} {value}");
        }
    }
}
