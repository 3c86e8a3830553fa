//! Fits text to a width, at blanks.

/// Breaks `text` into lines of at most `width` characters, at blanks. A longer word keeps a line to itself, unbroken:
/// a command or an identifier must stay one to be copied. Never empty; lines have no trailing blanks.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn breaks_at_blanks_and_keeps_long_words() {
        assert_eq!(wrap("run certutil -pulse on it", 12), ["run certutil", "-pulse on it"]);
        assert_eq!(wrap("a verylongidentifier b", 5), ["a", "verylongidentifier", "b"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
