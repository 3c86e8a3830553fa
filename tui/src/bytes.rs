//! The bytes of a message, and which of them each field is.
//!
//! Only bytes that are known to hold no secret are kept: those of fields, which machine output shows as well, and the
//! headers around them. Everything else (ciphers, signatures, passwords, tokens) is blank. A field is found by its
//! value, in the forms that protocols write it in. One that is not found so is not lit; of one whose value stands in
//! several places all of these are, and are said to be several: which of them is the field is not known.

use std::{ops::Range, sync::Arc};

use decode::{Event, Message};

use crate::fields::fields;

/// Bytes shown of a message: a page of a directory's answer is longer, and nobody reads it as bytes.
const MAX_BYTES: usize = 64 << 10;
/// How deep headers are looked for.
const MAX_DEPTH: usize = 24;

/// A message as bytes.
#[derive(Clone, Debug)]
pub struct Found {
    /// The message itself.
    pub(crate) event: Option<Arc<Event>>,
    /// What may be shown; `None` for what may not.
    pub(crate) bytes: Vec<Option<u8>>,
    /// Where each field can be, in the order of [`fields`]: nowhere that is known, in one place, or in one of several.
    pub(crate) fields: Vec<Vec<Range<usize>>>,
    /// Bytes that are not kept because there are too many.
    pub(crate) beyond: usize,
}

impl Found {
    /// Looks for the fields of a message in its bytes, and keeps what holds no secret.
    pub fn new(event: Option<Arc<Event>>, raw: &[u8]) -> Self {
        let beyond = raw.len().saturating_sub(MAX_BYTES);
        let raw = raw.get(..MAX_BYTES).unwrap_or(raw);
        let mut shown = vec![false; raw.len()];
        let mut show = |range: Range<usize>| {
            for flag in shown.get_mut(range).unwrap_or_default() {
                *flag = true;
            }
        };
        let mut places = Vec::new();
        if let Some(event) = &event {
            for field in fields(event) {
                let ranges = if field.is_about_the_packet { Vec::new() } else { find(raw, &field.value) };
                ranges.iter().cloned().for_each(&mut show);
                places.push(ranges);
            }
            match &event.message {
                // Nothing in it is a secret.
                Message::Dns(_) => show(0..raw.len()),
                Message::Kerberos(_) | Message::Ldap(_) | Message::Cldap(_) => {
                    let start = if framed(raw) { 4 } else { 0 };
                    show(0..start);
                    headers(raw, start..raw.len(), MAX_DEPTH, &mut show);
                }
                _ => {}
            }
        }
        let bytes = raw.iter().zip(shown).map(|(byte, shown)| shown.then_some(*byte)).collect();
        Self { event, bytes, fields: places, beyond }
    }
}

/// Whether the length stands before it, as over TCP (RFC 4120 §7.2.2).
fn framed(raw: &[u8]) -> bool {
    let length = raw.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
    length.is_some_and(|length| length as usize == raw.len() - 4)
}

/// Tags and lengths of what holds other values (X.690 §8.1).
fn headers(raw: &[u8], mut range: Range<usize>, depth: usize, show: &mut dyn FnMut(Range<usize>)) {
    while depth > 0 && range.start < range.end {
        let Some(&[tag, length]) = raw.get(range.start..range.start + 2) else { return };
        // Tags of more than one byte are not used by these protocols.
        if tag & 0x1f == 0x1f {
            return;
        }
        let (header, length) = if length < 0x80 {
            (2, usize::from(length))
        } else {
            let count = usize::from(length & 0x7f);
            let Some(bytes) = raw.get(range.start + 2..range.start + 2 + count).filter(|_| (1..=4).contains(&count))
            else {
                return;
            };
            (2 + count, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        };
        let inside = range.start + header;
        let Some(end) = inside.checked_add(length).filter(|end| *end <= range.end) else { return };
        show(range.start..inside);
        if tag & 0x20 != 0 {
            headers(raw, inside..end, depth - 1, show);
        }
        range.start = end;
    }
}

/// Where a value can be, in the form that is most telling.
fn find(raw: &[u8], value: &str) -> Vec<Range<usize>> {
    if value.is_empty() {
        return Vec::new();
    }
    let whole = forms(value).iter().map(|form| places(raw, form)).find(|places| !places.is_empty());
    if let Some(whole) = whole {
        return whole;
    }
    // A list: its first item.
    if let Some((first, _)) = value.split_once(", ") {
        let places = find(raw, first);
        if !places.is_empty() {
            return places;
        }
    }
    // A name in parts: from the first to the last.
    let (Some(first), Some(last)) = (value.split(['/', '=']).next(), value.rsplit(['/', '=', '@']).next()) else {
        return Vec::new();
    };
    if first == value || first.is_empty() || last.is_empty() {
        return Vec::new();
    }
    let (firsts, lasts) = (places(raw, first.as_bytes()), places(raw, last.as_bytes()));
    let near = |first: &Range<usize>| {
        let last = lasts.iter().find(|last| last.start >= first.end && last.start - first.end <= MAX_BETWEEN)?;
        Some(first.start..last.end)
    };
    let joined: Vec<_> = firsts.iter().filter_map(near).collect();
    if joined.is_empty() { lasts } else { joined }
}

/// Bytes between the parts of a name: tag and length.
const MAX_BETWEEN: usize = 4;
/// Places of a value. What stands in more of them is anywhere, and to show where says nothing.
const MAX_PLACES: usize = 64;

/// Every place of these bytes.
fn places(raw: &[u8], form: &[u8]) -> Vec<Range<usize>> {
    let all = raw.windows(form.len().max(1)).enumerate().filter(|(_, window)| *window == form);
    let places: Vec<_> = all.map(|(at, _)| at..at + form.len()).take(MAX_PLACES + 1).collect();
    if places.len() > MAX_PLACES { Vec::new() } else { places }
}

/// The forms in which protocols write a value, the surest first.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    if let Ok(number) = value.parse::<i64>() {
        forms.push(integer(number));
        return forms;
    }
    if let Some(time) = time(value) {
        // GeneralizedTime, and UTCTime in certificates.
        forms.push(time.get(2..).unwrap_or_default().as_bytes().to_vec());
        return forms;
    }
    if let Some(bytes) = hex(value) {
        forms.push(bytes);
    }
    if let Some(oid) = oid(value) {
        forms.push(oid);
    }
    // Shorter ones are anywhere by chance.
    if value.len() >= 3 {
        forms.push(value.as_bytes().to_vec());
        forms.push(value.encode_utf16().flat_map(u16::to_le_bytes).collect());
        let labels: Option<Vec<u8>> = value
            .split('.')
            .map(|label| u8::try_from(label.len()).ok().map(|length| [&[length], label.as_bytes()].concat()))
            .collect::<Option<Vec<_>>>()
            .map(|labels| labels.concat());
        forms.extend(labels.filter(|_| value.contains('.')));
    }
    forms
}

/// A DER INTEGER with its header: a bare number is anywhere by chance.
fn integer(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let redundant = bytes
        .windows(2)
        .take_while(|pair| {
            matches!(pair, [0, next] if next & 0x80 == 0) || matches!(pair, [0xff, next] if next & 0x80 != 0)
        })
        .count();
    let bytes = bytes.get(redundant..).unwrap_or_default();
    [&[0x02, u8::try_from(bytes.len()).unwrap_or(0)], bytes].concat()
}

/// `20261122095849Z` of `2026-11-22T09:58:49.161290000Z`.
fn time(value: &str) -> Option<String> {
    let (day, time) = value.split_once('T')?;
    let digits: String = day.split('-').chain(time.get(..8)?.split(':')).collect();
    (digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("{digits}Z"))
}

fn hex(value: &str) -> Option<Vec<u8>> {
    if value.len() < 8 || !value.len().is_multiple_of(2) || !value.is_ascii() {
        return None;
    }
    value.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// An object identifier's content (X.690 §8.19).
fn oid(value: &str) -> Option<Vec<u8>> {
    let arcs: Vec<u64> = value.split('.').map(|arc| arc.parse().ok()).collect::<Option<_>>()?;
    let [first, second, rest @ ..] = arcs.as_slice() else { return None };
    if *first > 2 || rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for arc in std::iter::once(&first.checked_mul(40)?.checked_add(*second)?).chain(rest) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.extend(groups.iter().rev());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{find, forms, headers, integer};

    #[test]
    fn values_have_the_forms_of_the_wire() {
        assert_eq!(integer(5), [2, 1, 5]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(-1), [2, 1, 0xff]);
        assert_eq!(forms("2026-11-22T09:58:49.1Z"), [b"261122095849Z".to_vec()]);
        assert!(forms("1.3.6.1.5.2.3.1").contains(&vec![0x2b, 6, 1, 5, 2, 3, 1]));
        assert!(forms("a.bc").contains(&b"\x01a\x02bc".to_vec()));
    }

    #[test]
    fn a_value_in_several_places_is_in_none_of_them_for_sure() {
        let raw = b"..CORP.EXAMPLE..krbtgt\x1b\x0cCORP.EXAMPLE..";
        assert_eq!(find(raw, "CORP.EXAMPLE"), [2..14, 24..36]);
        assert_eq!(find(raw, "krbtgt/CORP.EXAMPLE"), [std::ops::Range { start: 16, end: 36 }]);
        assert_eq!(find(raw, "nothing"), []);
        assert_eq!(find(raw, "krbtgt, OTHER"), [std::ops::Range { start: 16, end: 22 }], "the first of a list");
        assert_eq!(find(&b"abc".repeat(super::MAX_PLACES), "abc").len(), super::MAX_PLACES);
        assert_eq!(find(&b"abc".repeat(super::MAX_PLACES + 1), "abc"), [], "anywhere");
    }

    #[test]
    fn headers_are_shown_and_contents_are_not() {
        // SEQUENCE { [2] OCTET STRING secret }
        let raw = [0x30, 6, 0xa2, 4, 0x04, 2, 0xaa, 0xbb];
        let mut shown = Vec::new();
        headers(&raw, 0..raw.len(), 8, &mut |range| shown.extend(range));
        assert_eq!(shown, [0, 1, 2, 3, 4, 5]);
        for length in 0..raw.len() {
            headers(&raw[..length], 0..length, 8, &mut |range| assert!(range.end <= length));
        }
    }
}
