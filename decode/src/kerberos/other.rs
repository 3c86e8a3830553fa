//! Messages between client and service of which little is visible: AP-REP, KRB-SAFE, KRB-PRIV, KRB-CRED; and those that
//! prepare authentication to a user.

use super::exchange::MAX_TICKETS;
use super::fields::{self, Faults, Fields};
use super::principal::principal;
use super::ticket::{encrypted_part, ticket};
use super::{Message, Sealed};
use crate::der::Element;

/// Reads AP-REP or KRB-PRIV, whose encrypted part is field `number`.
///
/// ```text
/// AP-REP ::= [APPLICATION 15] SEQUENCE {
///     pvno     [0] INTEGER (5),
///     msg-type [1] INTEGER (15),
///     enc-part [2] EncryptedData -- EncAPRepPart
/// }
/// KRB-PRIV ::= [APPLICATION 21] SEQUENCE {
///     pvno     [0] INTEGER (5),
///     msg-type [1] INTEGER (21),
///     -- NOTE: there is no [2] tag
///     enc-part [3] EncryptedData -- EncKrbPrivPart
/// }
/// ```
///
/// RFC 4120 §5.5.2 and §5.7.1.
pub(super) fn sealed(number: u8, sequence: &Element<'_>, mut faults: Faults) -> Sealed {
    let mut enc_part = None;
    let mut walk = Fields::of(sequence, "message");
    while let Some(field) = walk.next(&mut faults) {
        if field.number == number {
            enc_part = encrypted_part(&field.value, "enc-part", &mut faults);
        }
    }
    Sealed { enc_part, stopped: faults.into_stopped() }
}

/// Walks over KRB-SAFE: its body is another protocol's, and its checksum is not to be kept.
///
/// ```text
/// KRB-SAFE ::= [APPLICATION 20] SEQUENCE {
///     pvno      [0] INTEGER (5),
///     msg-type  [1] INTEGER (20),
///     safe-body [2] KRB-SAFE-BODY,
///     cksum     [3] Checksum
/// }
/// ```
///
/// RFC 4120 §5.6.1.
pub(super) fn safe(sequence: &Element<'_>, mut faults: Faults) -> Message {
    let mut walk = Fields::of(sequence, "KRB-SAFE");
    while walk.next(&mut faults).is_some() {}
    Message::Safe { stopped: faults.into_stopped() }
}

/// Reads KRB-CRED.
///
/// ```text
/// KRB-CRED ::= [APPLICATION 22] SEQUENCE {
///     pvno     [0] INTEGER (5),
///     msg-type [1] INTEGER (22),
///     tickets  [2] SEQUENCE OF Ticket,
///     enc-part [3] EncryptedData -- EncKrbCredPart
/// }
/// ```
///
/// RFC 4120 §5.8.1.
pub(super) fn credential(sequence: &Element<'_>, mut faults: Faults) -> Message {
    let mut tickets = Vec::new();
    let mut enc_part = None;
    let mut walk = Fields::of(sequence, "KRB-CRED");
    while let Some(field) = walk.next(&mut faults) {
        match field.number {
            2 => {
                tickets = fields::list(&field.value, "tickets", MAX_TICKETS, &mut faults, |element, faults| {
                    ticket(element, "tickets", faults)
                });
            }
            3 => enc_part = encrypted_part(&field.value, "enc-part", &mut faults),
            _ => {}
        }
    }
    Message::Credential { tickets, enc_part, stopped: faults.into_stopped() }
}

/// Reads KERB-TGT-REQUEST.
///
/// ```text
/// KERB-TGT-REQUEST ::= SEQUENCE {
///     pvno        [0] INTEGER (5),
///     msg-type    [1] INTEGER (16),
///     server-name [2] PrincipalName OPTIONAL,
///     realm       [3] Realm OPTIONAL
/// }
/// ```
///
/// draft-swift-win2k-krb-user2user-03 §2.
pub(super) fn tgt_request(sequence: &Element<'_>, mut faults: Faults) -> Message {
    let (mut sname, mut realm) = (None, None);
    let mut walk = Fields::of(sequence, "KERB-TGT-REQUEST");
    while let Some(field) = walk.next(&mut faults) {
        match field.number {
            2 => sname = principal(&field.value, "server-name", &mut faults),
            3 => realm = faults.keep("realm", fields::text(&field.value)),
            _ => {}
        }
    }
    Message::TgtRequest { sname, realm, stopped: faults.into_stopped() }
}

/// Reads KERB-TGT-REPLY.
///
/// ```text
/// KERB-TGT-REPLY ::= SEQUENCE {
///     pvno     [0] INTEGER (5),
///     msg-type [1] INTEGER (17),
///     ticket   [2] Ticket
/// }
/// ```
///
/// draft-swift-win2k-krb-user2user-03 §2.
pub(super) fn tgt_reply(sequence: &Element<'_>, mut faults: Faults) -> Message {
    let mut shown = None;
    let mut walk = Fields::of(sequence, "KERB-TGT-REPLY");
    while let Some(field) = walk.next(&mut faults) {
        if field.number == 2 {
            shown = ticket(&field.value, "ticket", &mut faults);
        }
    }
    Message::TgtReply { ticket: shown, stopped: faults.into_stopped() }
}
