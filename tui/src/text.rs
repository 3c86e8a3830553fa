//! Text by the columns it takes on a screen.

use ratatui::text::Span;

use crate::wrap;

/// What stands for the rest of a text that was cut.
const CUT: &str = "..";

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { Span::raw(text).width() }
}

/// `text` in at most `columns`, its end cut off where it is longer.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if columns > 6 { CUT } else { "" };
    let mut kept = head(text, columns.saturating_sub(mark.len())).to_owned();
    kept.push_str(mark);
    kept
}

/// `text` in exactly `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&text))));
    text
}

/// `text` at the right of `columns`.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(&text))))
}

/// Breaks `text` at blanks into lines that fit, and within words that do not.
pub(crate) fn fold(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for line in wrap(text, columns) {
        let mut rest = line.as_str();
        while width(rest) > columns {
            let part = head(rest, columns);
            // A character wider than the screen: nothing fits, so nothing is shown.
            let Some(tail) = rest.get(part.len()..).filter(|_| !part.is_empty()) else { break };
            lines.push(part.to_owned());
            rest = tail;
        }
        lines.push(rest.to_owned());
    }
    lines
}

/// The beginning of `text` that fits.
fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let mut bytes = [0; 4];
        used += width(character.encode_utf8(&mut bytes));
        if used > columns {
            break;
        }
        end = at + character.len_utf8();
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{cut, fold, pad, right};

    #[test]
    fn wide_characters_count_as_they_look() {
        assert_eq!(cut("日本語のユーザー", 9), "日本語..");
        assert_eq!(pad("日本", 6), "日本  ");
        assert_eq!(right("12", 4), "  12");
        assert_eq!(cut("abcdef", 3), "abc");
    }

    #[test]
    fn long_words_are_broken_only_when_they_must() {
        assert_eq!(fold("ab cdefghij", 4), ["ab", "cdef", "ghij"]);
        assert_eq!(fold("日本", 1), ["日本"]);
        assert_eq!(fold("", 0), [""]);
    }
}
