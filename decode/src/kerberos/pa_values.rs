//! What the values of pre-authentication data say, but for those of PKINIT and FAST.
//!
//! Everything secret in them (time stamps, keys, tokens, salts) is passed over: of these only what they are encrypted
//! with, or that they are there, leaves this file.

use super::fields::{self, Faults, Fields};
use super::principal::principal;
use super::ticket::encrypted_part;
use super::{EncryptionType, ForUser, PaType, PaValues};
use crate::der::{DerError, DerErrorKind, Element, Tag};

/// Encryption types in one list. The registries together have fewer.
const MAX_ETYPES: usize = 128;

/// Adds what the value of one element says. Values of types that are not read here change nothing, and neither do the
/// empty ones by which a KDC says what it takes.
pub(super) fn read(values: &mut PaValues, kind: PaType, value: &Element<'_>, faults: &mut Faults) {
    match kind {
        PaType::AS_FRESHNESS => values.freshness_token = Some(!value.contents.is_empty() || value.missing > 0),
        PaType::FX_ERROR => values.fx_error = true,
        _ if value.contents.is_empty() => {}
        PaType::SUPPORTED_ENCTYPES => read_supported_etypes(values, value, faults),
        PaType::PAC_REQUEST
        | PaType::PAC_OPTIONS
        | PaType::KERB_KEY_LIST_REQ
        | PaType::KERB_KEY_LIST_REP
        | PaType::ETYPE_INFO
        | PaType::ETYPE_INFO2
        | PaType::ENC_TIMESTAMP
        | PaType::FOR_USER
        | PaType::S4U_X509_USER => {
            let name = kind.name().unwrap_or("padata");
            let Some(element) = faults.keep(name, value.reader().lax_element()) else { return };
            if fields::is_sequence(&element, name, faults) {
                read_sequence(values, kind, name, &element, faults);
            }
        }
        _ => {}
    }
}

/// Reads a value that is a SEQUENCE.
///
/// ```text
/// PA-ENC-TIMESTAMP    ::= EncryptedData
/// KERB-KEY-LIST-REQ   ::= SEQUENCE OF Int32
/// KERB-KEY-LIST-REP   ::= SEQUENCE OF EncryptionKey
/// ETYPE-INFO          ::= SEQUENCE OF SEQUENCE { etype [0] Int32, salt [1] OCTET STRING OPTIONAL }
/// ETYPE-INFO2         ::= SEQUENCE OF SEQUENCE { etype [0] Int32, salt [1] KerberosString OPTIONAL, … }
/// EncryptionKey       ::= SEQUENCE { keytype [0] Int32, keyvalue [1] OCTET STRING }
/// KERB-PA-PAC-REQUEST ::= SEQUENCE { include-pac [0] BOOLEAN }
/// PA-PAC-OPTIONS      ::= SEQUENCE { options [0] KerberosFlags }
/// ```
///
/// RFC 4120 §5.2.7; MS-KILE 2.2.3, 2.2.10, 2.2.11 and 2.2.12.
fn read_sequence(values: &mut PaValues, kind: PaType, name: &'static str, element: &Element<'_>, faults: &mut Faults) {
    match kind {
        PaType::ENC_TIMESTAMP => {
            values.timestamp_etype = encrypted_part(element, name, faults).map(|part| part.etype);
        }
        PaType::KERB_KEY_LIST_REQ => {
            values.key_list = fields::list(element, name, MAX_ETYPES, faults, |etype, faults| {
                faults.keep(name, fields::integer32(etype)).map(EncryptionType)
            });
        }
        PaType::KERB_KEY_LIST_REP => values.key_list = first_numbers(element, name, faults),
        PaType::ETYPE_INFO2 => values.etype_info = first_numbers(element, name, faults),
        PaType::ETYPE_INFO => {
            let older = first_numbers(element, name, faults);
            if values.etype_info.is_empty() {
                values.etype_info = older;
            }
        }
        PaType::PAC_REQUEST => {
            if let Some(field) = first_field(element, name, faults) {
                values.include_pac = faults.keep(name, boolean(&field));
            }
        }
        PaType::PAC_OPTIONS => {
            if let Some(field) = first_field(element, name, faults) {
                values.pac_options = faults.keep(name, fields::flags(&field));
            }
        }
        PaType::FOR_USER => read_for_user(values, name, element, faults),
        PaType::S4U_X509_USER => {
            if let Some(field) = first_field(element, name, faults)
                && fields::is_sequence(&field, name, faults)
            {
                read_user_id(values, name, &field, faults);
            }
        }
        _ => {}
    }
}

/// ```text
/// PA-FOR-USER-ENC ::= SEQUENCE {
///     userName [0] PrincipalName, userRealm [1] Realm, cksum [2] Checksum, auth-package [3] KerberosString }
/// ```
///
/// MS-SFU 2.2.1.
fn read_for_user(values: &mut PaValues, name: &'static str, sequence: &Element<'_>, faults: &mut Faults) {
    let user = values.for_user.get_or_insert_default();
    let mut walk = Fields::of(sequence, name);
    while let Some(field) = walk.next(faults) {
        match field.number {
            0 => user.name = principal(&field.value, name, faults),
            1 => user.realm = faults.keep(name, fields::text(&field.value)),
            _ => {}
        }
    }
}

/// ```text
/// PA-S4U-X509-USER ::= SEQUENCE { user-id [0] S4UUserID, checksum [1] Checksum }
/// S4UUserID ::= SEQUENCE {
///     nonce [0] UInt32, cname [1] PrincipalName OPTIONAL, crealm [2] Realm,
///     subject-certificate [3] OCTET STRING OPTIONAL, options [4] BIT STRING OPTIONAL }
/// ```
///
/// MS-SFU 2.2.2. It may stand beside PA-FOR-USER, and then tells the same.
fn read_user_id(values: &mut PaValues, name: &'static str, sequence: &Element<'_>, faults: &mut Faults) {
    let mut told = ForUser::default();
    let mut walk = Fields::of(sequence, name);
    while let Some(field) = walk.next(faults) {
        match field.number {
            1 => told.name = principal(&field.value, name, faults),
            2 => told.realm = faults.keep(name, fields::text(&field.value)),
            3 => told.certificate = true,
            _ => {}
        }
    }
    let user = values.for_user.get_or_insert_default();
    user.name = user.name.take().or(told.name);
    user.realm = user.realm.take().or(told.realm);
    user.certificate |= told.certificate;
}

/// The bits of msDS-SupportedEncryptionTypes, MS-KILE 2.2.8: four bytes, little-endian, with nothing around them.
fn read_supported_etypes(values: &mut PaValues, value: &Element<'_>, faults: &mut Faults) {
    let bytes = value.contents.first_chunk().filter(|_| value.contents.len() == 4);
    let bytes = bytes.ok_or(DerError { offset: value.offset, kind: DerErrorKind::Value });
    values.supported_etypes = faults.keep("PA-SUPPORTED-ENCTYPES", bytes).map(|bytes| u32::from_le_bytes(*bytes));
}

/// The value of field 0.
fn first_field<'a>(sequence: &Element<'a>, name: &'static str, faults: &mut Faults) -> Option<Element<'a>> {
    let mut first = None;
    let mut walk = Fields::of(sequence, name);
    while let Some(field) = walk.next(faults) {
        if field.number == 0 {
            first = Some(field.value);
        }
    }
    first
}

/// The numbers in field 0 of the entries of a list.
fn first_numbers(list: &Element<'_>, name: &'static str, faults: &mut Faults) -> Vec<EncryptionType> {
    fields::list(list, name, MAX_ETYPES, faults, |entry, faults| {
        if !fields::is_sequence(entry, name, faults) {
            return None;
        }
        let field = first_field(entry, name, faults)?;
        faults.keep(name, fields::integer32(&field)).map(EncryptionType)
    })
}

/// A BOOLEAN. Whatever is not zero is true, as in BER.
fn boolean(element: &Element<'_>) -> Result<bool, DerError> {
    match element.contents {
        [octet] if element.tag == Tag::BOOLEAN => Ok(*octet != 0),
        _ => Err(DerError { offset: element.offset, kind: DerErrorKind::Value }),
    }
}
