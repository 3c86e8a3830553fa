//! A reader of DER and of the BER that real peers write: tag, length, value, with offsets kept.
//!
//! Tolerant where Kerberos peers are (long-form lengths, trailing bytes, constructed strings), strict where
//! tolerance would mean guessing (indefinite lengths outside CMS, values past their container). It allocates nothing
//! and recurses nowhere: nesting is the caller's, who names its own limit.

use std::fmt;

/// Where and why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DerError {
    /// Offset in the message where the faulty element begins, in bytes.
    pub offset: usize,
    /// Why.
    pub kind: DerErrorKind,
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerErrorKind {
    /// The bytes end inside an element.
    Truncated,
    /// The length is written in a form we do not read.
    Length,
    /// Another tag was expected.
    Tag,
    /// The value is not one of its type.
    Value,
    /// Nested deeper than our limit.
    Depth,
    /// More entries than our limit.
    Limit,
}

impl fmt::Display for DerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DerErrorKind::Truncated => "the bytes end inside an element",
            DerErrorKind::Length => "a length cannot be read",
            DerErrorKind::Tag => "an unexpected tag",
            DerErrorKind::Value => "a value is not of its type",
            DerErrorKind::Depth => "nested too deep",
            DerErrorKind::Limit => "more entries than are read",
        };
        write!(f, "{what} at offset {}", self.offset)
    }
}

/// An identifier octet (low tag numbers only, which is all these protocols use).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u8);

impl Tag {
    /// BOOLEAN.
    pub const BOOLEAN: Self = Self(0x01);
    /// INTEGER.
    pub const INTEGER: Self = Self(0x02);
    /// BIT STRING.
    pub const BIT_STRING: Self = Self(0x03);
    /// OCTET STRING.
    pub const OCTET_STRING: Self = Self(0x04);
    /// OBJECT IDENTIFIER.
    pub const OBJECT_IDENTIFIER: Self = Self(0x06);
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: Self = Self(0x18);
    /// SEQUENCE, SEQUENCE OF.
    pub const SEQUENCE: Self = Self(0x30);
    /// SET, SET OF.
    pub const SET: Self = Self(0x31);

    /// `[number]`, constructed (EXPLICIT, or IMPLICIT of a constructed type).
    pub const fn context(number: u8) -> Self {
        Self(0xa0 | number)
    }

    /// `[number]` IMPLICIT of a primitive type.
    pub const fn context_primitive(number: u8) -> Self {
        Self(0x80 | number)
    }

    /// `[APPLICATION number]`, constructed.
    pub const fn application(number: u8) -> Self {
        Self(0x60 | number)
    }
}

/// Indefinite lengths inside one another that [`Reader::ber`] follows; CMS needs five.
const MAX_INDEFINITE_DEPTH: usize = 16;

/// An element: its tag, its contents, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// Its tag.
    pub tag: Tag,
    /// Its contents.
    pub contents: &'a [u8],
    /// Tag, length and contents together.
    pub whole: &'a [u8],
    /// Offset of its tag in the message.
    pub offset: usize,
    /// Bytes of tag and length.
    header: usize,
    /// Whether what it contains may have indefinite lengths.
    ber: bool,
    /// Bytes that its length promises and its container lacks: 0 except from [`Reader::lax_element`].
    pub missing: usize,
}

/// Reads elements one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    ber: bool,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, the first of which is at `offset` of its message.
    pub fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset, ber: false }
    }

    /// Reads a whole message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Reads a whole message that may have indefinite lengths, as CMS allows (RFC 5652 §2, X.690 §8.1.3.6).
    ///
    /// What its elements contain is read in the same way.
    pub fn ber(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0, ber: true }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Offset of what comes next.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Tag of the next element, without reading it.
    pub fn peek(&self) -> Option<Tag> {
        self.rest.first().map(|&byte| Tag(byte))
    }

    /// Reads the next element, whatever its tag.
    ///
    /// # Errors
    /// When the bytes end, or the length is one we do not read. The reader then stays where it was.
    #[inline]
    pub fn element(&mut self) -> Result<Element<'a>, DerError> {
        let mut ahead = *self;
        let element = ahead.lax_element()?;
        if element.missing > 0 {
            return Err(DerError { offset: self.offset, kind: DerErrorKind::Truncated });
        }
        *self = ahead;
        Ok(element)
    }

    /// Reads the next element even where it runs past its container: with what there is of its contents, and
    /// `missing` saying how much is not. So that what a cut message still holds can be read.
    ///
    /// # Errors
    /// When the bytes end before the contents begin, or the length is one we do not read. The reader then stays where
    /// it was.
    #[inline]
    pub fn lax_element(&mut self) -> Result<Element<'a>, DerError> {
        let fail = |kind| DerError { offset: self.offset, kind };
        let (&tag, after) = self.rest.split_first().ok_or(fail(DerErrorKind::Truncated))?;
        if tag & 0x1f == 0x1f {
            return Err(fail(DerErrorKind::Tag));
        }
        let (length, header, trailer) = match *after {
            // Nearly all lengths are written in one of these forms.
            [length @ ..=0x7f, ..] => (usize::from(length), 1, 0),
            [0x82, high, low, ..] => (usize::from(u16::from_be_bytes([high, low])), 3, 0),
            [0x80, ref body @ ..] if self.ber && tag & 0x20 != 0 => (end_of_contents(body).map_err(fail)?, 1, 2),
            _ => length_of(after).map(|(length, header)| (length, header, 0)).map_err(fail)?,
        };
        let header = header + 1;
        let contents_end = header.checked_add(length).ok_or(fail(DerErrorKind::Length))?;
        let end = contents_end.checked_add(trailer).ok_or(fail(DerErrorKind::Length))?;
        let whole = self.rest.get(..end).unwrap_or(self.rest);
        let contents = whole.get(header..contents_end.min(whole.len())).unwrap_or_default();
        let missing = end - whole.len();
        let element = Element { tag: Tag(tag), contents, whole, offset: self.offset, header, ber: self.ber, missing };
        self.rest = self.rest.get(whole.len()..).unwrap_or_default();
        self.offset += whole.len();
        Ok(element)
    }

    /// Reads the next element, which must carry `tag`.
    ///
    /// # Errors
    /// As [`Reader::element`], and when the tag is another one.
    #[inline]
    pub fn expect(&mut self, tag: Tag) -> Result<Element<'a>, DerError> {
        match self.peek() {
            Some(found) if found != tag => Err(DerError { offset: self.offset, kind: DerErrorKind::Tag }),
            _ => self.element(),
        }
    }

    /// Reads the next element if it carries `tag`.
    ///
    /// # Errors
    /// As [`Reader::element`].
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>, DerError> {
        if self.peek() == Some(tag) { self.element().map(Some) } else { Ok(None) }
    }
}

impl<'a> Element<'a> {
    /// Reads what this element contains.
    pub fn reader(&self) -> Reader<'a> {
        Reader { rest: self.contents, offset: self.offset + self.header, ber: self.ber }
    }

    /// Itself, when nothing of it is missing.
    ///
    /// # Errors
    /// When it came from [`Reader::lax_element`] and runs past its container.
    pub fn complete(self) -> Result<Self, DerError> {
        if self.missing > 0 {
            return Err(DerError { offset: self.offset, kind: DerErrorKind::Truncated });
        }
        Ok(self)
    }

    /// The one element inside an EXPLICIT tag.
    ///
    /// # Errors
    /// As [`Reader::element`].
    pub fn inner(&self) -> Result<Element<'a>, DerError> {
        self.reader().element()
    }

    /// The one element inside an EXPLICIT tag, which must carry `tag`.
    ///
    /// # Errors
    /// As [`Reader::expect`].
    pub fn inner_expect(&self, tag: Tag) -> Result<Element<'a>, DerError> {
        self.reader().expect(tag)
    }

    /// As an INTEGER of up to eight bytes (nine when the first is a zero), two's complement.
    ///
    /// # Errors
    /// When it is empty or larger.
    pub fn integer(&self) -> Result<i64, DerError> {
        let fail = DerError { offset: self.offset, kind: DerErrorKind::Value };
        let bytes = match self.contents {
            [] => return Err(fail),
            [0, rest @ ..] if rest.len() == 8 => rest,
            bytes if bytes.len() <= 8 => bytes,
            _ => return Err(fail),
        };
        let negative = self.contents.first().is_some_and(|first| first & 0x80 != 0);
        Ok(bytes.iter().fold(if negative { -1_i64 } else { 0 }, |value, &byte| (value << 8) | i64::from(byte)))
    }

    /// As an INTEGER that fits 32 bits; unsigned values up to 2³²−1 are taken as their two's complement.
    ///
    /// # Errors
    /// When it is empty or larger.
    pub fn integer32(&self) -> Result<i32, DerError> {
        let value = self.integer()?;
        i32::try_from(value)
            .or_else(|_| u32::try_from(value).map(u32::cast_signed))
            .map_err(|_| DerError { offset: self.offset, kind: DerErrorKind::Value })
    }

    /// As an OBJECT IDENTIFIER in dotted form.
    ///
    /// # Errors
    /// When it is empty, ends inside an arc, or has an arc above 64 bits.
    pub fn object_identifier(&self) -> Result<String, DerError> {
        dotted(self.contents).ok_or(DerError { offset: self.offset, kind: DerErrorKind::Value })
    }
}

/// The contents of an OBJECT IDENTIFIER in dotted form. `None` when they are empty, end inside an arc, or have an
/// arc above 64 bits.
pub fn dotted(contents: &[u8]) -> Option<String> {
    // Two or three characters for each byte are enough for nearly all.
    let mut text = String::with_capacity(contents.len() * 3);
    let mut arc: u64 = 0;
    let mut open = false;
    for &byte in contents {
        arc = arc.checked_mul(128)? | u64::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if open {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            push_decimal(&mut text, first);
            arc -= first * 40;
        }
        text.push('.');
        push_decimal(&mut text, arc);
        arc = 0;
    }
    if text.is_empty() || open { None } else { Some(text) }
}

/// Appends a number. Certificates and CMS are full of object identifiers, and the formatter costs several times as
/// much.
fn push_decimal(text: &mut String, number: u64) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or_default()));
}

/// How many bytes stand before the end-of-contents octets that close an indefinite length begun just before `bytes`.
fn end_of_contents(bytes: &[u8]) -> Result<usize, DerErrorKind> {
    let mut rest = bytes;
    let mut depth = 0_usize;
    loop {
        match rest {
            [0, 0, ..] if depth == 0 => return Ok(bytes.len() - rest.len()),
            [0, 0, after @ ..] => {
                depth -= 1;
                rest = after;
            }
            [tag, 0x80, after @ ..] if tag & 0x20 != 0 => {
                depth += 1;
                if depth > MAX_INDEFINITE_DEPTH {
                    return Err(DerErrorKind::Depth);
                }
                rest = after;
            }
            _ => {
                let mut reader = Reader::new(rest);
                reader.element().map_err(|error| error.kind)?;
                rest = reader.rest();
            }
        }
    }
}

/// The length octets at the start of `bytes`: the length, and how many octets state it.
fn length_of(bytes: &[u8]) -> Result<(usize, usize), DerErrorKind> {
    let (&first, rest) = bytes.split_first().ok_or(DerErrorKind::Truncated)?;
    if first < 0x80 {
        return Ok((usize::from(first), 1));
    }
    let count = usize::from(first & 0x7f);
    // Indefinite (0) and lengths no message here can have are refused rather than guessed at.
    if count == 0 || count > 8 {
        return Err(DerErrorKind::Length);
    }
    let octets = rest.get(..count).ok_or(DerErrorKind::Truncated)?;
    let length = octets.iter().try_fold(0_usize, |length, &octet| {
        length.checked_mul(256).map(|length| length | usize::from(octet)).ok_or(DerErrorKind::Length)
    })?;
    Ok((length, 1 + count))
}

#[cfg(test)]
mod tests {
    use super::{DerErrorKind, Reader, Tag};

    #[test]
    fn reads_nested_elements_with_their_offsets() {
        let bytes = [0x30, 0x06, 0xa1, 0x04, 0x02, 0x02, 0xff, 0x7f];
        let sequence = Reader::new(&bytes).expect(Tag::SEQUENCE).unwrap();
        let tagged = sequence.reader().expect(Tag::context(1)).unwrap();
        assert_eq!(tagged.offset, 2);
        let integer = tagged.inner_expect(Tag::INTEGER).unwrap();
        assert_eq!(integer.offset, 4);
        assert_eq!(integer.integer().unwrap(), -129);
    }

    #[test]
    fn integers_keep_sign_and_size() {
        let read = |bytes: &[u8]| Reader::new(bytes).element().unwrap().integer();
        assert_eq!(read(&[2, 5, 0, 0xff, 0xff, 0xff, 0xff]).unwrap(), 0xffff_ffff);
        assert_eq!(read(&[2, 4, 0xff, 0xff, 0xff, 0xfe]).unwrap(), -2);
        assert_eq!(read(&[2, 0]).unwrap_err().kind, DerErrorKind::Value);
        assert_eq!(
            Reader::new(&[2, 5, 0, 0xa1, 0xb2, 0, 2]).element().unwrap().integer32().unwrap(),
            0xa1b2_0002_u32.cast_signed()
        );
    }

    #[test]
    fn object_identifiers_in_dotted_form() {
        let oid = [6, 6, 0x2b, 6, 1, 5, 2, 3];
        assert_eq!(Reader::new(&oid).element().unwrap().object_identifier().unwrap(), "1.3.6.1.5.2.3");
        assert!(Reader::new(&[6, 2, 0x2b, 0x86]).element().unwrap().object_identifier().is_err());
        let largest = [0x88, 0x37, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 100];
        assert_eq!(super::dotted(&largest).unwrap(), "2.999.18446744073709551615.100");
    }

    #[test]
    fn indefinite_lengths_only_where_asked_for() {
        // SEQUENCE (indefinite) { [0] (indefinite) { INTEGER 5 } INTEGER 6 }, and an INTEGER after it.
        let bytes = [0x30, 0x80, 0xa0, 0x80, 2, 1, 5, 0, 0, 2, 1, 6, 0, 0, 2, 1, 7];
        assert_eq!(Reader::new(&bytes).element().unwrap_err().kind, DerErrorKind::Length);
        let mut outer = Reader::ber(&bytes);
        let mut inside = outer.element().unwrap().reader();
        let tagged = inside.element().unwrap();
        assert_eq!((tagged.offset, tagged.whole.len()), (2, 7));
        assert_eq!(tagged.inner().unwrap().offset, 4);
        assert_eq!(inside.element().unwrap().integer().unwrap(), 6);
        assert!(inside.is_empty());
        assert_eq!(outer.element().unwrap().integer().unwrap(), 7);
    }

    #[test]
    fn indefinite_lengths_are_followed_to_a_limit() {
        let mut bytes = [0x30, 0x80].repeat(40);
        assert_eq!(Reader::ber(&bytes).element().unwrap_err().kind, DerErrorKind::Depth);
        bytes.truncate(8);
        assert_eq!(Reader::ber(&bytes).element().unwrap_err().kind, DerErrorKind::Truncated);
    }

    #[test]
    fn lax_reading_gives_what_there_is_of_a_cut_element() {
        let mut reader = Reader::new(&[0x04, 5, 1, 2]);
        let element = reader.lax_element().unwrap();
        assert_eq!((element.contents, element.missing), (&[1, 2][..], 3));
        assert_eq!(element.complete().unwrap_err().kind, DerErrorKind::Truncated);
        assert!(reader.is_empty());
        let mut header_only = Reader::new(&[0x04, 0x82, 1]);
        assert_eq!(header_only.lax_element().unwrap_err().kind, DerErrorKind::Truncated);
        assert_eq!(header_only.rest().len(), 3);
    }

    #[test]
    fn refuses_what_runs_past_its_container() {
        assert_eq!(Reader::new(&[0x30, 5, 0]).element().unwrap_err().kind, DerErrorKind::Truncated);
        assert_eq!(Reader::new(&[0x30, 0x80, 0, 0]).element().unwrap_err().kind, DerErrorKind::Length);
        assert_eq!(
            Reader::new(&[0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]).element().unwrap_err().kind,
            DerErrorKind::Length
        );
    }
}
