//! Text from the wire. It is hostile: it may hold terminal escapes, direction overrides, or no text at all.
//!
//! [`WireText`] keeps the bytes as they were, and shows them only in a form that cannot harm a screen.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Serialize, Serializer};

/// Bytes that a peer calls text.
#[derive(Clone)]
pub struct WireText(Bytes);

/// Most realms and names of hosts are short enough to stand in the value itself, and a message has five of them or
/// more: without memory of their own they cost neither the thread that makes the message nor the one that drops it.
#[derive(Clone)]
enum Bytes {
    /// The first so many of these.
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

/// With it a value takes 24 bytes, 8 more than a box alone.
const SHORT: usize = 22;

impl WireText {
    /// Keeps `bytes` as they are.
    pub fn new(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match (u8::try_from(bytes.len()), short.get_mut(..bytes.len())) {
            (Ok(length), Some(place)) => {
                place.copy_from_slice(bytes);
                Self(Bytes::Short(length, short))
            }
            _ => Self(Bytes::Long(bytes.into())),
        }
    }

    /// The bytes as they were on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Bytes::Long(bytes) => bytes,
        }
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Equal when ASCII case is ignored, as realms and DNS names are compared.
    pub fn eq_ignore_case(&self, other: &str) -> bool {
        self.as_bytes().eq_ignore_ascii_case(other.as_bytes())
    }

    /// The text as Unicode, what is not UTF-8 replaced by U+FFFD. **Not safe for a screen.**
    pub fn to_unicode(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }
}

impl Default for WireText {
    fn default() -> Self {
        Self(Bytes::Short(0, [0; SHORT]))
    }
}

impl PartialEq for WireText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for WireText {}

impl PartialOrd for WireText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WireText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for WireText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// Harmless on a terminal: control, direction and zero-width characters appear as `\u{…}`, other bytes as `\x…`.
impl fmt::Display for WireText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some((place, character)) = rest.char_indices().find(|&(_, character)| is_harmful(character)) {
                let (harmless, from_there) = rest.split_at(place);
                write!(f, "{harmless}{}", character.escape_unicode())?;
                rest = from_there.get(character.len_utf8()..).unwrap_or_default();
            }
            f.write_str(rest)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for WireText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&str> for WireText {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

/// As Unicode; whoever writes the JSON escapes what a terminal could take for a command.
impl Serialize for WireText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_unicode())
    }
}

/// Whether a character can change what a terminal shows around it: C0 and C1 controls, direction marks and
/// overrides, zero-width characters, line and paragraph separators, the byte-order mark and tag characters.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::WireText;

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        let text = WireText::new(b"a\x1b[2J\xc2\x9b\xe2\x80\xaeb\xff");
        assert_eq!(text.to_string(), "a\\u{1b}[2J\\u{9b}\\u{202e}b\\xff");
    }

    #[test]
    fn short_and_long_texts_are_the_bytes_they_were_made_of() {
        let all = [b'x'; 40];
        let texts: Vec<WireText> = (0..=all.len()).map(|length| WireText::new(&all[..length])).collect();
        for (length, text) in texts.iter().enumerate() {
            assert_eq!((text.as_bytes(), text.is_empty()), (&all[..length], length == 0));
            assert_eq!(text.to_string().len(), length);
        }
        assert!(texts.is_sorted() && texts.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(WireText::default(), WireText::new(&[]));
        assert!(WireText::new(b"b") > WireText::new(&[b'a'; 30]));
        assert_eq!(size_of::<WireText>(), 24);
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(WireText::from("José@CORP").to_string(), "José@CORP");
    }
}
