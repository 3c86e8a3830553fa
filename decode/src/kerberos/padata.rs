//! Pre-authentication data: the list, and the armor of FAST.
//!
//! The list keeps types and lengths. What a value holds is read by whoever knows the message it stands in: the same
//! type means different things in requests, replies and errors.

use super::fields::{self, Faults, Fields};
use super::ticket::{ap_request, encrypted_part};
use super::{FastArmor, PaData, PaType};
use crate::der::{DerError, DerErrorKind, Element, Tag};

/// Elements of one list. Real ones have up to fifteen.
pub(super) const MAX_PADATA: usize = 128;

/// Reads a list of pre-authentication data; `look` is shown each element's type and value.
///
/// ```text
/// PA-DATA ::= SEQUENCE {
///     -- NOTE: first tag is [1], not [0]
///     padata-type  [1] Int32,
///     padata-value [2] OCTET STRING -- might be encoded AP-REQ
/// }
/// ```
///
/// RFC 4120 §5.2.7. A value that is cut short is shown as far as it goes.
pub(super) fn padata<'a>(
    element: &Element<'a>,
    name: &'static str,
    faults: &mut Faults,
    mut look: impl FnMut(PaType, &Element<'a>, &mut Faults),
) -> Vec<PaData> {
    fields::list(element, name, MAX_PADATA, faults, |entry, faults| {
        if !fields::is_sequence(entry, name, faults) {
            return None;
        }
        one(entry, name, faults, &mut look)
    })
}

/// Reads one element of pre-authentication data.
pub(super) fn one<'a>(
    element: &Element<'a>,
    name: &'static str,
    faults: &mut Faults,
    mut look: impl FnMut(PaType, &Element<'a>, &mut Faults),
) -> Option<PaData> {
    let mut kind = None;
    let mut value = None;
    let mut own = Faults::default();
    let mut walk = Fields::of(element, name);
    while let Some(field) = walk.next(&mut own) {
        match field.number {
            1 => kind = own.keep(name, fields::integer32(&field.value)).map(PaType),
            2 if field.value.tag == Tag::OCTET_STRING => value = Some(field.value),
            2 => own.note(name, DerError { offset: field.value.offset, kind: DerErrorKind::Tag }),
            _ => {}
        }
    }
    if let (Some(kind), Some(value)) = (kind, &value) {
        look(kind, value, faults);
        own.keep(name, value.complete());
    }
    // After what was found inside the value, which is the more exact place.
    if let Some(fault) = own.into_stopped() {
        faults.note_message(fault);
    }
    let length = value.map_or(0, |value| value.contents.len().saturating_add(value.missing));
    Some(PaData { kind: kind?, length })
}

/// Reads PA-FX-FAST of a request. `None` when its value is empty, which only announces the ability.
///
/// ```text
/// PA-FX-FAST-REQUEST ::= CHOICE {
///     armored-data [0] KrbFastArmoredReq,
///     ...
/// }
/// KrbFastArmoredReq ::= SEQUENCE {
///     armor        [0] KrbFastArmor OPTIONAL,
///     req-checksum [1] Checksum,
///     enc-fast-req [2] EncryptedData, -- KrbFastReq --
///     ...
/// }
/// Checksum ::= SEQUENCE { cksumtype [0] Int32, checksum [1] OCTET STRING }
/// KrbFastArmor ::= SEQUENCE {
///     armor-type  [0] Int32,
///     armor-value [1] OCTET STRING,
///     ...
/// }
/// ```
///
/// RFC 6113 §5.4.1 and §5.4.2; armor type 1 is FX_FAST_ARMOR_AP_REQ (§5.4.1.1).
pub(super) fn fast(value: &Element<'_>, faults: &mut Faults) -> Option<FastArmor> {
    const NAME: &str = "PA-FX-FAST";
    if value.contents.is_empty() {
        return None;
    }
    let mut fast = FastArmor { armor_type: None, armor: None, checksum_type: None, enc_part: None };
    let Some(choice) = faults.keep(NAME, value.reader().lax_element()) else { return Some(fast) };
    if choice.tag != Tag::context(0) {
        faults.note(NAME, DerError { offset: choice.offset, kind: DerErrorKind::Tag });
        return Some(fast);
    }
    let Some(armored) = faults.keep(NAME, choice.reader().lax_element()) else { return Some(fast) };
    if !fields::is_sequence(&armored, NAME, faults) {
        return Some(fast);
    }
    let mut walk = Fields::of(&armored, NAME);
    while let Some(field) = walk.next(faults) {
        match field.number {
            0 if fields::is_sequence(&field.value, NAME, faults) => read_armor(&field.value, &mut fast, faults),
            1 if fields::is_sequence(&field.value, NAME, faults) => {
                let mut checksum = Fields::of(&field.value, NAME);
                while let Some(field) = checksum.next(faults) {
                    if field.number == 0 {
                        fast.checksum_type = faults.keep(NAME, fields::integer32(&field.value));
                    }
                }
            }
            2 => fast.enc_part = encrypted_part(&field.value, NAME, faults),
            _ => {}
        }
    }
    Some(fast)
}

/// Reads PA-FX-FAST of a reply or an error. `None` when its value is empty, which only announces the ability.
///
/// ```text
/// PA-FX-FAST-REPLY  ::= CHOICE { armored-data [0] KrbFastArmoredRep, ... }
/// KrbFastArmoredRep ::= SEQUENCE { enc-fast-rep [0] EncryptedData, -- KrbFastResponse -- ... }
/// ```
///
/// RFC 6113 §5.4.3.
pub(super) fn fast_reply(value: &Element<'_>, faults: &mut Faults) -> Option<FastArmor> {
    const NAME: &str = "PA-FX-FAST";
    if value.contents.is_empty() {
        return None;
    }
    let mut fast = FastArmor { armor_type: None, armor: None, checksum_type: None, enc_part: None };
    let Some(choice) = faults.keep(NAME, value.reader().lax_element()) else { return Some(fast) };
    if choice.tag != Tag::context(0) {
        faults.note(NAME, DerError { offset: choice.offset, kind: DerErrorKind::Tag });
        return Some(fast);
    }
    let Some(armored) = faults.keep(NAME, choice.reader().lax_element()) else { return Some(fast) };
    if !fields::is_sequence(&armored, NAME, faults) {
        return Some(fast);
    }
    let mut walk = Fields::of(&armored, NAME);
    while let Some(field) = walk.next(faults) {
        if field.number == 0 {
            fast.enc_part = encrypted_part(&field.value, NAME, faults);
        }
    }
    Some(fast)
}

/// Reads KrbFastArmor.
fn read_armor(sequence: &Element<'_>, fast: &mut FastArmor, faults: &mut Faults) {
    const NAME: &str = "FAST armor";
    let mut value = None;
    let mut walk = Fields::of(sequence, NAME);
    while let Some(field) = walk.next(faults) {
        match field.number {
            0 => fast.armor_type = faults.keep(NAME, fields::integer32(&field.value)),
            1 => value = Some(field.value),
            _ => {}
        }
    }
    // The value of another type of armor is nothing we know how to read.
    let (Some(1), Some(value)) = (fast.armor_type, value) else { return };
    if let Some(element) = faults.keep(NAME, value.reader().lax_element()) {
        fast.armor = ap_request(&element, NAME, faults).map(Box::new);
    }
}
