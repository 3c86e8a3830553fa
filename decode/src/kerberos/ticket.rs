//! Tickets and what presents them: EncryptedData, Ticket, AP-REQ.
//!
//! Of anything encrypted only the type, the key version and the length leave this file; of a ticket's bytes, a
//! truncated hash.

use super::fields::{self, Faults, Fields};
use super::principal::principal;
use super::{ApRequest, EncryptedPart, EncryptionType, Ticket, TicketId};
use crate::der::{DerError, DerErrorKind, Element, Tag};

/// EncryptedData, with its bytes borrowed for as long as it takes to hash them.
pub(super) struct Encrypted<'a> {
    pub(super) part: EncryptedPart,
    /// `None` when the cipher text is not there as a whole.
    cipher: Option<&'a [u8]>,
}

/// Reads an encrypted part.
///
/// ```text
/// EncryptedData ::= SEQUENCE {
///     etype  [0] Int32,
///     kvno   [1] UInt32 OPTIONAL,
///     cipher [2] OCTET STRING
/// }
/// ```
///
/// RFC 4120 §5.2.9. Key versions come as five bytes or negative where a read-only DC's number has the top bit set.
pub(super) fn encrypted<'a>(element: &Element<'a>, name: &'static str, faults: &mut Faults) -> Option<Encrypted<'a>> {
    if !fields::is_sequence(element, name, faults) {
        return None;
    }
    let mut etype = None;
    let mut kvno = None;
    let mut length = 0;
    let mut cipher = None;
    let mut walk = Fields::of(element, name);
    while let Some(field) = walk.next(faults) {
        let value = &field.value;
        match field.number {
            0 => etype = faults.keep(name, fields::integer32(value)).map(EncryptionType),
            1 => kvno = faults.keep(name, fields::integer(value)),
            2 => {
                length = value.contents.len().saturating_add(value.missing);
                cipher = faults.keep(name, fields::octets(value));
            }
            _ => {}
        }
    }
    Some(Encrypted { part: EncryptedPart { etype: etype?, kvno, length }, cipher })
}

/// As [`encrypted`], without the bytes.
pub(super) fn encrypted_part(element: &Element<'_>, name: &'static str, faults: &mut Faults) -> Option<EncryptedPart> {
    encrypted(element, name, faults).map(|encrypted| encrypted.part)
}

/// Reads a ticket.
///
/// ```text
/// Ticket ::= [APPLICATION 1] SEQUENCE {
///     tkt-vno  [0] INTEGER (5),
///     realm    [1] Realm,
///     sname    [2] PrincipalName,
///     enc-part [3] EncryptedData -- EncTicketPart
/// }
/// ```
///
/// RFC 4120 §5.3.
pub(super) fn ticket(element: &Element<'_>, name: &'static str, faults: &mut Faults) -> Option<Ticket> {
    let sequence = application(element, 1, name, faults)?;
    let mut ticket = Ticket { realm: None, sname: None, etype: None, kvno: None, id: None };
    let mut walk = Fields::of(&sequence, name);
    while let Some(field) = walk.next(faults) {
        match field.number {
            1 => ticket.realm = faults.keep(name, fields::text(&field.value)),
            2 => ticket.sname = principal(&field.value, name, faults),
            3 => {
                if let Some(encrypted) = encrypted(&field.value, name, faults) {
                    ticket.etype = Some(encrypted.part.etype);
                    ticket.kvno = encrypted.part.kvno;
                    ticket.id = encrypted.cipher.map(TicketId::of);
                }
            }
            _ => {}
        }
    }
    Some(ticket)
}

/// Reads an AP-REQ, from its APPLICATION tag on.
///
/// RFC 4120 §5.5.1; inside pre-authentication data §5.2.7.1 and RFC 6113 §5.4.1.1.
pub(super) fn ap_request(element: &Element<'_>, name: &'static str, faults: &mut Faults) -> Option<ApRequest> {
    let sequence = application(element, 14, name, faults)?;
    let request = ap_request_body(&sequence, Faults::default());
    if let Some(fault) = &request.stopped {
        faults.note(name, fault);
    }
    Some(request)
}

/// Reads an AP-REQ.
///
/// ```text
/// AP-REQ ::= [APPLICATION 14] SEQUENCE {
///     pvno          [0] INTEGER (5),
///     msg-type      [1] INTEGER (14),
///     ap-options    [2] APOptions,
///     ticket        [3] Ticket,
///     authenticator [4] EncryptedData -- Authenticator
/// }
/// ```
///
/// RFC 4120 §5.5.1.
pub(super) fn ap_request_body(sequence: &Element<'_>, mut faults: Faults) -> ApRequest {
    let mut request = ApRequest { ap_options: None, ticket: None, authenticator: None, stopped: None };
    let mut walk = Fields::of(sequence, "AP-REQ");
    while let Some(field) = walk.next(&mut faults) {
        let value = &field.value;
        match field.number {
            2 => request.ap_options = faults.keep("ap-options", fields::flags(value)),
            3 => request.ticket = ticket(value, "ticket", &mut faults),
            4 => request.authenticator = encrypted_part(value, "authenticator", &mut faults),
            _ => {}
        }
    }
    request.stopped = faults.into_stopped();
    request
}

/// The SEQUENCE inside `[APPLICATION number]`.
fn application<'a>(element: &Element<'a>, number: u8, name: &'static str, faults: &mut Faults) -> Option<Element<'a>> {
    if element.tag != Tag::application(number) {
        faults.note(name, DerError { offset: element.offset, kind: DerErrorKind::Tag });
        return None;
    }
    let sequence = faults.keep(name, element.reader().lax_element())?;
    fields::is_sequence(&sequence, name, faults).then_some(sequence)
}
