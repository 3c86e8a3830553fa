//! What stands in the e-data of a KRB-ERROR.
//!
//! The field is an OCTET STRING whose contents depend on the error code and on who wrote it, and nothing says which
//! form it is: the tags do. METHOD-DATA numbers its fields from 1, TYPED-DATA from 0, and KERB-ERROR-DATA of Windows is
//! no list at all.

use super::fields::{self, Faults, Fields};
use super::padata::{MAX_PADATA, fast_reply, one, padata};
use super::{ErrorData, FastArmor, NtStatus, PaData, PaType, PaValues, TypedValues, pa_values, typed_data};
use crate::der::{Element, Reader, Tag};

/// What the values in e-data say.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) pa: PaValues,
    pub(super) typed: Option<Box<TypedValues>>,
    pub(super) fast: Option<FastArmor>,
}

impl Values {
    /// Adds what one value says. Typed data has numbers of its own, and some KDCs list it among pre-authentication
    /// data.
    fn add(&mut self, kind: PaType, value: &Element<'_>, faults: &mut Faults) {
        match kind {
            PaType::FX_FAST if self.fast.is_none() => self.fast = fast_reply(value, faults),
            _ => pa_values::read(&mut self.pa, kind, value, faults),
        }
        if !value.contents.is_empty() && typed_data::is_read(kind) {
            typed_data::read(self.typed.get_or_insert_default(), kind, value, faults);
        }
    }
}

/// KERB_AP_ERR_TYPE_NTSTATUS, KERB_AP_ERR_TYPE_SKEW_RECOVERY and KERB_ERR_TYPE_EXTENDED: MS-KILE 2.2.1.
const EXTENDED_TYPES: std::ops::RangeInclusive<i32> = 1..=3;

/// The `data-type` that carries an NTSTATUS.
const EXTENDED: i32 = 3;

/// Length of KERB_EXT_ERROR: status, a reserved word, flags.
const EXT_ERROR_LENGTH: usize = 12;

/// Reads the contents of e-data, the first byte of which is at `offset` of the message.
pub(super) fn error_data(bytes: &[u8], offset: usize, values: &mut Values, faults: &mut Faults) -> ErrorData {
    let unknown = ErrorData::Unknown(bytes.len());
    let Ok(outer) = Reader::at(bytes, offset).lax_element() else {
        return bare(bytes).unwrap_or(unknown);
    };
    if outer.tag != Tag::SEQUENCE {
        return bare(bytes).unwrap_or(unknown);
    }
    let mut inside = outer.reader();
    match inside.peek() {
        None => ErrorData::MethodData(Vec::new()),
        Some(tag) if tag == Tag::context(1) => single(&outer, values, faults).unwrap_or(unknown),
        Some(Tag::SEQUENCE) => {
            let first = inside.lax_element().ok().and_then(|entry| entry.reader().peek());
            if first == Some(Tag::context(0)) {
                typed_data(&outer, values, faults)
            } else {
                method_data(&outer, values, faults)
            }
        }
        Some(_) => unknown,
    }
}

/// ```text
/// METHOD-DATA ::= SEQUENCE OF PA-DATA
/// ```
///
/// RFC 4120 §5.9.1. Older Samba KDCs put KERB_EXT_ERROR into such a list, as the value of the type that KERB-ERROR-DATA
/// would have given it.
fn method_data(list: &Element<'_>, values: &mut Values, faults: &mut Faults) -> ErrorData {
    let mut status = None;
    let entries = padata(list, "e-data", faults, |kind, value, faults| {
        if kind.0 == EXTENDED && status.is_none() {
            status = ext_error(value.contents);
        }
        values.add(kind, value, faults);
    });
    match (entries.as_slice(), status) {
        ([_only], Some((status, flags))) => {
            ErrorData::Extended { data_type: EXTENDED, status: Some(status), flags: Some(flags) }
        }
        // Cut inside that value: it may have been either.
        ([PaData { kind: PaType(EXTENDED), .. }], None) if list.missing > 0 => ErrorData::Unknown(list.contents.len()),
        _ => ErrorData::MethodData(entries),
    }
}

/// A typed-data list.
///
/// ```text
/// TYPED-DATA ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE {
///     data-type  [0] Int32,
///     data-value [1] OCTET STRING OPTIONAL
/// }
/// ```
///
/// RFC 4120 §5.9.1; the types of PKINIT in RFC 4556 §3.1.3 and RFC 8636 §4.
fn typed_data(list: &Element<'_>, values: &mut Values, faults: &mut Faults) -> ErrorData {
    const NAME: &str = "e-data";
    ErrorData::TypedData(fields::list(list, NAME, MAX_PADATA, faults, |entry, faults| {
        let mut kind = None;
        let mut value = None;
        let mut walk = Fields::of(entry, NAME);
        while let Some(field) = walk.next(faults) {
            match field.number {
                0 => kind = faults.keep(NAME, fields::integer32(&field.value)),
                1 if field.value.tag == Tag::OCTET_STRING => value = Some(field.value),
                _ => {}
            }
        }
        if let (Some(kind), Some(value)) = (kind, value) {
            values.add(PaType(kind), &value, faults);
        }
        kind
    }))
}

/// Reads the form that is no list.
///
/// ```text
/// KERB-ERROR-DATA ::= SEQUENCE {
///     data-type  [1] INTEGER,
///     data-value [2] OCTET STRING OPTIONAL
/// }
/// ```
///
/// MS-KILE 2.2.1. A lone PA-DATA, which some KDCs send in place of a list of one, has the same tags; its type tells.
fn single(sequence: &Element<'_>, values: &mut Values, faults: &mut Faults) -> Option<ErrorData> {
    let mut status = None;
    let entry = one(sequence, "e-data", faults, |kind, value, faults| {
        let bare_status = value.contents.first_chunk().filter(|_| value.contents.len() == 4);
        status = ext_error(value.contents)
            .map(|(status, flags)| (status, Some(flags)))
            .or(bare_status.map(|bytes| (NtStatus(u32::from_le_bytes(*bytes)), None)));
        // 2 is the type of a time stamp as well.
        if !EXTENDED_TYPES.contains(&kind.0) {
            values.add(kind, value, faults);
        }
    })?;
    let PaData { kind: PaType(data_type), length } = entry;
    if EXTENDED_TYPES.contains(&data_type) && (length == 0 || status.is_some()) {
        let (status, flags) = status.map_or((None, None), |(status, flags)| (Some(status), flags));
        return Some(ErrorData::Extended { data_type, status, flags });
    }
    // Cut before its value was complete: it may have been either.
    if EXTENDED_TYPES.contains(&data_type) && sequence.missing > 0 {
        return None;
    }
    Some(ErrorData::MethodData(vec![entry]))
}

/// KERB_EXT_ERROR without anything around it. Only when it is an error status: other bytes have this length too.
fn bare(bytes: &[u8]) -> Option<ErrorData> {
    let (status, flags) = ext_error(bytes).filter(|(status, _)| status.0 >> 28 == 0xc)?;
    Some(ErrorData::Extended { data_type: EXTENDED, status: Some(status), flags: Some(flags) })
}

/// ```text
/// typedef struct KERB_EXT_ERROR {
///     unsigned long status;    -- an NTSTATUS
///     unsigned long reserved;
///     unsigned long flags;
/// } KERB_EXT_ERROR;
/// ```
///
/// MS-KILE 2.2.2, little-endian. The flags are 1 in answers of the AS, 3 in those of the TGS.
fn ext_error(bytes: &[u8]) -> Option<(NtStatus, u32)> {
    if bytes.len() != EXT_ERROR_LENGTH {
        return None;
    }
    let status = u32::from_le_bytes(*bytes.first_chunk()?);
    let flags = u32::from_le_bytes(*bytes.last_chunk()?);
    Some((NtStatus(status), flags))
}

#[cfg(test)]
mod tests {
    use super::{Values, error_data};
    use crate::kerberos::fields::Faults;
    use crate::kerberos::{ErrorData, NtStatus, PaData, PaType};

    const DISABLED: [u8; 12] = [0x72, 0, 0, 0xc0, 0, 0, 0, 0, 1, 0, 0, 0];

    fn read(bytes: &[u8]) -> ErrorData {
        error_data(bytes, 0, &mut Values::default(), &mut Faults::default())
    }

    fn disabled() -> ErrorData {
        ErrorData::Extended { data_type: 3, status: Some(NtStatus(0xc000_0072)), flags: Some(1) }
    }

    #[test]
    fn the_extended_error_of_windows() {
        let mut bytes = vec![0x30, 0x15, 0xa1, 3, 2, 1, 3, 0xa2, 0x0e, 4, 0x0c];
        bytes.extend(DISABLED);
        assert_eq!(read(&bytes), disabled());
    }

    #[test]
    fn the_extended_error_in_a_list_as_older_samba_writes_it() {
        let mut bytes = vec![0x30, 0x17, 0x30, 0x15, 0xa1, 3, 2, 1, 3, 0xa2, 0x0e, 4, 0x0c];
        bytes.extend(DISABLED);
        assert_eq!(read(&bytes), disabled());
    }

    #[test]
    fn the_extended_error_with_nothing_around_it() {
        assert_eq!(read(&DISABLED), disabled());
        assert_eq!(read(&[0x72, 0, 0, 0x40, 0, 0, 0, 0, 1, 0, 0, 0]), ErrorData::Unknown(12));
    }

    #[test]
    fn skew_recovery_has_a_type_and_no_value() {
        let recovered = ErrorData::Extended { data_type: 2, status: None, flags: None };
        assert_eq!(read(&[0x30, 5, 0xa1, 3, 2, 1, 2]), recovered);
        assert_eq!(read(&[0x30, 9, 0xa1, 3, 2, 1, 2, 0xa2, 2, 4, 0]), recovered);
    }

    #[test]
    fn a_lone_element_of_pre_authentication_data() {
        let bytes = [0x30, 11, 0xa1, 3, 2, 1, 19, 0xa2, 4, 4, 2, 0x30, 0];
        assert_eq!(read(&bytes), ErrorData::MethodData(vec![PaData { kind: PaType::ETYPE_INFO2, length: 2 }]));
    }

    #[test]
    fn method_data_counts_from_one_and_typed_data_from_zero() {
        let method = [0x30, 11, 0x30, 9, 0xa1, 3, 2, 1, 16, 0xa2, 2, 4, 0];
        assert_eq!(read(&method), ErrorData::MethodData(vec![PaData { kind: PaType::PK_AS_REQ, length: 0 }]));
        let typed = [0x30, 11, 0x30, 9, 0xa0, 3, 2, 1, 109, 0xa1, 2, 4, 0];
        assert_eq!(read(&typed), ErrorData::TypedData(vec![109]));
        assert_eq!(read(&[0x30, 7, 0x30, 5, 0xa0, 3, 2, 1, 104]), ErrorData::TypedData(vec![104]));
        assert_eq!(read(&[0x30, 0]), ErrorData::MethodData(Vec::new()));
    }

    #[test]
    fn anything_else_is_a_length() {
        assert_eq!(read(b"try again later"), ErrorData::Unknown(15));
        assert_eq!(read(&[]), ErrorData::Unknown(0));
        assert_eq!(read(&[0x30, 3, 2, 1, 5]), ErrorData::Unknown(5));
    }
}
