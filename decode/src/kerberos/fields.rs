//! Fields of Kerberos SEQUENCEs, one after another, however damaged.
//!
//! Every structure of RFC 4120 is a SEQUENCE of fields with explicit tags `[0]`, `[1]`, …. [`Fields`] walks one;
//! [`Faults`] keeps the first thing that could not be read, so that a message with one bad field keeps the others and
//! still says so. Values are read leniently where peers are lenient and never guessed at.

use std::fmt;

use jiff::{civil, tz::Offset};

use super::KerberosTime;
use crate::WireText;
use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};

/// Fields that one SEQUENCE may hold: the largest of RFC 4120 has 13, extensions add a few.
const MAX_FIELDS: usize = 64;

/// The first thing that could not be read, as a clause. Names of fields come from us, never from the wire.
#[derive(Debug, Default)]
pub(super) struct Faults(Option<String>);

impl Faults {
    /// Remembers that `field` has a fault, unless an earlier one is known.
    #[cold]
    pub(super) fn note(&mut self, field: &str, fault: impl fmt::Display) {
        if self.0.is_none() {
            self.0 = Some(format!("{field}: {fault}"));
        }
    }

    /// Remembers a fault of the message as a whole, unless an earlier one is known.
    #[cold]
    pub(super) fn note_message(&mut self, fault: impl fmt::Display) {
        if self.0.is_none() {
            self.0 = Some(fault.to_string());
        }
    }

    /// Takes over the value, or remembers why there is none.
    pub(super) fn keep<T>(&mut self, field: &str, value: Result<T, DerError>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(fault) => {
                self.note(field, fault);
                None
            }
        }
    }

    /// The clause, if there was a fault.
    pub(super) fn into_stopped(self) -> Option<String> {
        self.0
    }
}

/// One field: the number of its tag, and the element inside the tag.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u8,
    /// May be cut short: see [`Element::missing`].
    pub(super) value: Element<'a>,
}

/// Walks the fields of a SEQUENCE in the order they come. Whatever is not a field is noted and passed over.
pub(super) struct Fields<'a> {
    reader: Reader<'a>,
    name: &'static str,
    left: usize,
    seen: u32,
    cut: Option<DerError>,
}

impl<'a> Fields<'a> {
    /// Walks `sequence`, which faults call `name`.
    pub(super) fn of(sequence: &Element<'a>, name: &'static str) -> Self {
        let cut = sequence.complete().err();
        Self { reader: sequence.reader(), name, left: MAX_FIELDS, seen: 0, cut }
    }

    /// The next field. `None` at the end, and where nothing further can be read.
    pub(super) fn next(&mut self, faults: &mut Faults) -> Option<Field<'a>> {
        while !self.reader.is_empty() {
            if self.left == 0 {
                faults.note(self.name, format_args!("more than {MAX_FIELDS} fields"));
                return None;
            }
            self.left -= 1;
            let tagged = faults.keep(self.name, self.reader.lax_element())?;
            let number = tagged.tag.0 & 0x1f;
            if tagged.tag != Tag::context(number) {
                faults.note(self.name, DerError { offset: tagged.offset, kind: DerErrorKind::Tag });
                continue;
            }
            // The first of two wins, as in most implementations; which of them a peer believed cannot be known.
            if self.seen & (1 << number) != 0 {
                faults.note(self.name, format_args!("field {number} again at offset {}", tagged.offset));
                continue;
            }
            self.seen |= 1 << number;
            if tagged.missing > 0 && self.cut.is_none() {
                self.cut = tagged.complete().err();
            }
            if let Some(value) = faults.keep(self.name, tagged.reader().lax_element()) {
                return Some(Field { number, value });
            }
        }
        // A cut exactly between two fields leaves no broken element behind, only a SEQUENCE that promised more.
        if let Some(cut) = self.cut.take() {
            faults.note(self.name, cut);
        }
        None
    }
}

/// Reads a list, `SEQUENCE OF`, up to `limit` entries; what `read` has no value for is left out.
///
/// `read` is responsible for noting its own faults.
pub(super) fn list<'a, T>(
    sequence: &Element<'a>,
    name: &'static str,
    limit: usize,
    faults: &mut Faults,
    mut read: impl FnMut(&Element<'a>, &mut Faults) -> Option<T>,
) -> Vec<T> {
    let mut entries = Vec::new();
    if !is_sequence(sequence, name, faults) {
        return entries;
    }
    let mut reader = sequence.reader();
    // Counts elements, not entries: a list of unreadable elements must end as well.
    let mut left = limit;
    while !reader.is_empty() {
        if left == 0 {
            faults.note(name, format_args!("more than {limit} entries"));
            return entries;
        }
        left -= 1;
        let Some(element) = faults.keep(name, reader.lax_element()) else { return entries };
        if left + 1 == limit {
            // Most lists hold elements of one size.
            entries.reserve((sequence.contents.len() / element.whole.len().max(1)).min(limit));
        }
        if let Some(entry) = read(&element, faults) {
            entries.push(entry);
        }
    }
    if let Err(cut) = sequence.complete() {
        faults.note(name, cut);
    }
    entries
}

/// Whether `element` is a SEQUENCE; notes it when it is not.
pub(super) fn is_sequence(element: &Element<'_>, name: &'static str, faults: &mut Faults) -> bool {
    let right = element.tag == Tag::SEQUENCE;
    if !right {
        faults.note(name, DerError { offset: element.offset, kind: DerErrorKind::Tag });
    }
    right
}

/// An INTEGER of any size up to 64 bits: `Int32`, `UInt32` and `Microseconds` alike.
///
/// RFC 4120 §5.2.4 has nonces and key versions unsigned; libkrb5 writes them as signed 32-bit numbers.
pub(super) fn integer(element: &Element<'_>) -> Result<i64, DerError> {
    expect(element, Tag::INTEGER)?.integer()
}

/// An INTEGER of 32 bits, however its sign was written.
pub(super) fn integer32(element: &Element<'_>) -> Result<i32, DerError> {
    expect(element, Tag::INTEGER)?.integer32()
}

/// The first 32 bits of a BIT STRING, bit 0 the most significant.
///
/// ```text
/// KerberosFlags ::= BIT STRING (SIZE (32..MAX))    -- minimum number of bits shall be sent, but no fewer than 32
/// ```
///
/// RFC 4120 §5.2.8. Shorter ones, which old implementations send, count as padded with zeros.
pub(super) fn flags(element: &Element<'_>) -> Result<u32, DerError> {
    let element = expect(element, Tag::BIT_STRING)?;
    let (_unused, bits) =
        element.contents.split_first().ok_or(DerError { offset: element.offset, kind: DerErrorKind::Value })?;
    let padded = bits.iter().copied().chain(std::iter::repeat(0)).take(4);
    Ok(padded.fold(0, |flags, byte| (flags << 8) | u32::from(byte)))
}

/// An OCTET STRING.
pub(super) fn octets<'a>(element: &Element<'a>) -> Result<&'a [u8], DerError> {
    expect(element, Tag::OCTET_STRING).map(|element| element.contents)
}

/// ```text
/// KerberosString ::= GeneralString (IA5String)
/// ```
///
/// RFC 4120 §5.2.1. In practice the bytes are UTF-8 or a local code page, and some write another string type.
pub(super) fn text(element: &Element<'_>) -> Result<WireText, DerError> {
    // GeneralString; UTF8String, PrintableString, TeletexString, IA5String, VisibleString.
    let strings = [0x1b, 0x0c, 0x13, 0x14, 0x16, 0x1a];
    if !strings.contains(&element.tag.0) {
        return Err(DerError { offset: element.offset, kind: DerErrorKind::Tag });
    }
    element.complete().map(|element| WireText::new(element.contents))
}

/// ```text
/// KerberosTime ::= GeneralizedTime -- with no fractional seconds
/// ```
///
/// RFC 4120 §5.2.3. A fraction is passed over. A text that names no day or second that exists is an error, and so is
/// the last day of the year 9999, which is beyond what a timestamp can hold.
pub(super) fn time(element: &Element<'_>) -> Result<KerberosTime, DerError> {
    let element = expect(element, Tag::GENERALIZED_TIME)?;
    date(element.contents).ok_or(DerError { offset: element.offset, kind: DerErrorKind::Value })
}

/// `YYYYMMDDHHMMSS`, perhaps a fraction, and `Z`.
pub(super) fn date(text: &[u8]) -> Option<KerberosTime> {
    let (digits, rest) = text.split_at_checked(14)?;
    let [fraction @ .., b'Z'] = rest else { return None };
    match fraction {
        [] => {}
        [b'.' | b',', decimals @ ..] if !decimals.is_empty() && decimals.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = digits.get(from..to)?;
        digits.iter().try_fold(0_i16, |number, digit| number.checked_mul(10)?.checked_add(i16::from(digit - b'0')))
    };
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let date = civil::Date::new(number(0, 4)?, small(4)?, small(6)?).ok()?;
    let time = civil::Time::new(small(8)?, small(10)?, small(12)?, 0).ok()?;
    Offset::UTC.to_timestamp(date.to_datetime(time)).ok().map(KerberosTime)
}

/// `element`, when it has this tag and nothing of it is missing.
fn expect<'a>(element: &Element<'a>, tag: Tag) -> Result<Element<'a>, DerError> {
    if element.tag != tag {
        return Err(DerError { offset: element.offset, kind: DerErrorKind::Tag });
    }
    element.complete()
}

#[cfg(test)]
mod tests {
    use super::{Faults, Fields, date, flags, text};
    use crate::der::Reader;

    fn shown(text: &str) -> Option<String> {
        date(text.as_bytes()).map(|time| time.to_string())
    }

    #[test]
    fn dates_that_exist_are_read() {
        assert_eq!(shown("20261122102030Z").as_deref(), Some("2026-11-22T10:20:30.000000000Z"));
        assert_eq!(shown("19700101000000Z").as_deref(), Some("1970-01-01T00:00:00.000000000Z"));
        assert_eq!(shown("20370913024805Z").as_deref(), Some("2037-09-13T02:48:05.000000000Z"));
        assert_eq!(shown("20240229000000.123Z").as_deref(), Some("2024-02-29T00:00:00.000000000Z"));
    }

    #[test]
    fn dates_that_do_not_exist_are_none() {
        for text in [
            "00000000000000Z",
            "20260231000000Z",
            "20250229000000Z",
            "20261122102060Z",
            "20261122242030Z",
            "20261122102030",
            "20261122102030.Z",
            "20261122102030+0100",
            "2026112210203Z",
            "2026-11-22102030Z",
            "",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn short_flags_are_padded_and_long_ones_cut() {
        let read = |bytes: &[u8]| flags(&Reader::new(bytes).element().unwrap());
        assert_eq!(read(&[3, 5, 0, 0x40, 0x81, 0, 0x10]).unwrap(), 0x4081_0010);
        assert_eq!(read(&[3, 2, 0, 0x40]).unwrap(), 0x4000_0000);
        assert_eq!(read(&[3, 6, 0, 0, 0, 0, 1, 0xff]).unwrap(), 1);
        assert_eq!(read(&[3, 1, 0]).unwrap(), 0);
        assert!(read(&[3, 0]).is_err());
    }

    #[test]
    fn any_string_type_is_text_and_nothing_else_is() {
        let read = |bytes: &[u8]| text(&Reader::new(bytes).element().unwrap()).ok().map(|text| text.to_string());
        assert_eq!(read(&[0x1b, 2, b'h', b'i']).as_deref(), Some("hi"));
        assert_eq!(read(&[0x0c, 2, 0xc3, 0xa9]).as_deref(), Some("é"));
        assert_eq!(read(&[0x16, 0]).as_deref(), Some(""));
        assert_eq!(read(&[0x04, 2, b'h', b'i']), None);
    }

    #[test]
    fn a_field_given_twice_counts_once_and_is_noted() {
        let bytes = [0x30, 10, 0xa0, 3, 2, 1, 5, 0xa0, 3, 2, 1, 6];
        let mut faults = Faults::default();
        let mut fields = Fields::of(&Reader::new(&bytes).element().unwrap(), "body");
        assert_eq!(fields.next(&mut faults).unwrap().value.contents, [5]);
        assert!(fields.next(&mut faults).is_none());
        assert_eq!(faults.into_stopped().as_deref(), Some("body: field 0 again at offset 7"));
    }

    #[test]
    fn what_is_no_field_is_passed_over_and_noted() {
        let bytes = [0x30, 8, 2, 1, 9, 0xa1, 3, 2, 1, 6];
        let mut faults = Faults::default();
        let mut fields = Fields::of(&Reader::new(&bytes).element().unwrap(), "body");
        assert_eq!(fields.next(&mut faults).unwrap().number, 1);
        assert_eq!(faults.into_stopped().as_deref(), Some("body: an unexpected tag at offset 2"));
    }

    #[test]
    fn a_sequence_cut_between_two_fields_is_noted() {
        let bytes = [0x30, 10, 0xa0, 3, 2, 1, 5];
        let mut faults = Faults::default();
        let mut fields = Fields::of(&Reader::new(&bytes).lax_element().unwrap(), "body");
        assert!(fields.next(&mut faults).is_some());
        assert!(fields.next(&mut faults).is_none());
        assert_eq!(faults.into_stopped().as_deref(), Some("body: the bytes end inside an element at offset 0"));
    }
}
