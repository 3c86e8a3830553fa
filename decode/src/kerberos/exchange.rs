//! The exchanges with a KDC: AS-REQ, AS-REP, TGS-REQ, TGS-REP.

use super::fields::{self, Faults, Fields};
use super::padata::{fast, fast_reply, padata};
use super::principal::{address, principal};
use super::ticket::{ap_request, encrypted_part, ticket};
use super::{EncryptionType, KdcReply, KdcRequest, PaType, PaValues, Stage, pa_values, pkinit};
use crate::der::Element;

/// Encryption types in one request. The registries together have fewer.
const MAX_ETYPES: usize = 128;

/// Addresses in one request. A host with more would not fit its request into a packet.
const MAX_ADDRESSES: usize = 64;

/// Tickets enclosed in one message.
pub(super) const MAX_TICKETS: usize = 64;

/// Reads AS-REQ or TGS-REQ.
///
/// ```text
/// AS-REQ  ::= [APPLICATION 10] KDC-REQ
/// TGS-REQ ::= [APPLICATION 12] KDC-REQ
///
/// KDC-REQ ::= SEQUENCE {
///     -- NOTE: first tag is [1], not [0]
///     pvno     [1] INTEGER (5),
///     msg-type [2] INTEGER (10 -- AS -- | 12 -- TGS --),
///     padata   [3] SEQUENCE OF PA-DATA OPTIONAL,
///     req-body [4] KDC-REQ-BODY
/// }
/// ```
///
/// RFC 4120 §5.4.1.
pub(super) fn request(stage: Stage, sequence: &Element<'_>, mut faults: Faults) -> KdcRequest {
    let mut request = KdcRequest {
        stage,
        padata: Vec::new(),
        kdc_options: None,
        cname: None,
        realm: None,
        sname: None,
        from: None,
        till: None,
        rtime: None,
        nonce: None,
        etypes: Vec::new(),
        addresses: Vec::new(),
        additional_tickets: Vec::new(),
        ap_request: None,
        pkinit: None,
        values: PaValues::default(),
        fast: None,
        stopped: None,
    };
    let mut signed = None;
    let mut body = None;
    let mut walk = Fields::of(sequence, "KDC-REQ");
    while let Some(field) = walk.next(&mut faults) {
        match field.number {
            3 => signed = read_request_padata(&field.value, &mut request, &mut faults),
            4 => {
                body = field.value.complete().ok().map(|body| body.whole);
                read_body(&field.value, &mut request, &mut faults);
            }
            _ => {}
        }
    }
    // Only now, for what is signed has checksums of the body.
    request.pkinit = signed.map(|(kind, value)| match kind {
        PaType::PK_AS_REQ => Box::new(pkinit::request(value, body)),
        _ => Box::new(pkinit::old_request(value)),
    });
    request.stopped = faults.into_stopped();
    request
}

/// Reads a request's pre-authentication data but for PKINIT's, which is returned with its type. Of two elements of one
/// type the first counts, and of PKINIT that of the RFC, where the draft's is there as well.
fn read_request_padata<'a>(
    element: &Element<'a>,
    request: &mut KdcRequest,
    faults: &mut Faults,
) -> Option<(PaType, &'a [u8])> {
    let mut presented = None;
    let (mut signed, mut drafted) = (None, None);
    let mut armored = None;
    let values = &mut request.values;
    request.padata = padata(element, "padata", faults, |kind, value, faults| match kind {
        PaType::TGS_REQ if presented.is_none() => {
            const NAME: &str = "PA-TGS-REQ";
            let element = faults.keep(NAME, value.reader().lax_element());
            presented = element.and_then(|element| ap_request(&element, NAME, faults));
        }
        PaType::PK_AS_REQ if signed.is_none() => signed = Some((kind, value.contents)),
        PaType::PK_AS_REQ_OLD | PaType::PK_AS_REP_OLD if drafted.is_none() && !value.contents.is_empty() => {
            drafted = Some((kind, value.contents));
        }
        PaType::FX_FAST if armored.is_none() => armored = fast(value, faults),
        _ => pa_values::read(values, kind, value, faults),
    });
    request.ap_request = presented;
    request.fast = armored;
    signed.or(drafted)
}

/// Reads the body of a request.
///
/// ```text
/// KDC-REQ-BODY ::= SEQUENCE {
///     kdc-options            [0]  KDCOptions,
///     cname                  [1]  PrincipalName OPTIONAL -- Used only in AS-REQ --,
///     realm                  [2]  Realm -- Server's realm; also client's in AS-REQ --,
///     sname                  [3]  PrincipalName OPTIONAL,
///     from                   [4]  KerberosTime OPTIONAL,
///     till                   [5]  KerberosTime,
///     rtime                  [6]  KerberosTime OPTIONAL,
///     nonce                  [7]  UInt32,
///     etype                  [8]  SEQUENCE OF Int32 -- in preference order --,
///     addresses              [9]  HostAddresses OPTIONAL,
///     enc-authorization-data [10] EncryptedData OPTIONAL -- AuthorizationData --,
///     additional-tickets     [11] SEQUENCE OF Ticket OPTIONAL
/// }
/// ```
///
/// RFC 4120 §5.4.1.
fn read_body(sequence: &Element<'_>, request: &mut KdcRequest, faults: &mut Faults) {
    if !fields::is_sequence(sequence, "req-body", faults) {
        return;
    }
    let mut walk = Fields::of(sequence, "req-body");
    while let Some(field) = walk.next(faults) {
        let value = &field.value;
        match field.number {
            0 => request.kdc_options = faults.keep("kdc-options", fields::flags(value)),
            1 => request.cname = principal(value, "cname", faults),
            2 => request.realm = faults.keep("realm", fields::text(value)),
            3 => request.sname = principal(value, "sname", faults),
            4 => request.from = faults.keep("from", fields::time(value)),
            5 => request.till = faults.keep("till", fields::time(value)),
            6 => request.rtime = faults.keep("rtime", fields::time(value)),
            7 => request.nonce = faults.keep("nonce", fields::integer(value)),
            8 => {
                request.etypes = fields::list(value, "etype", MAX_ETYPES, faults, |etype, faults| {
                    faults.keep("etype", fields::integer32(etype)).map(EncryptionType)
                });
            }
            9 => request.addresses = fields::list(value, "addresses", MAX_ADDRESSES, faults, address),
            11 => {
                request.additional_tickets =
                    fields::list(value, "additional-tickets", MAX_TICKETS, faults, |element, faults| {
                        ticket(element, "additional-tickets", faults)
                    });
            }
            _ => {}
        }
    }
}

/// Reads AS-REP or TGS-REP.
///
/// ```text
/// AS-REP  ::= [APPLICATION 11] KDC-REP
/// TGS-REP ::= [APPLICATION 13] KDC-REP
///
/// KDC-REP ::= SEQUENCE {
///     pvno     [0] INTEGER (5),
///     msg-type [1] INTEGER (11 -- AS -- | 13 -- TGS --),
///     padata   [2] SEQUENCE OF PA-DATA OPTIONAL,
///     crealm   [3] Realm,
///     cname    [4] PrincipalName,
///     ticket   [5] Ticket,
///     enc-part [6] EncryptedData -- EncASRepPart or EncTGSRepPart --
/// }
/// ```
///
/// RFC 4120 §5.4.2.
pub(super) fn reply(stage: Stage, sequence: &Element<'_>, mut faults: Faults) -> KdcReply {
    let mut reply = KdcReply {
        stage,
        padata: Vec::new(),
        crealm: None,
        cname: None,
        ticket: None,
        enc_part: None,
        pkinit: None,
        values: PaValues::default(),
        fast: None,
        stopped: None,
    };
    let mut walk = Fields::of(sequence, "KDC-REP");
    while let Some(field) = walk.next(&mut faults) {
        let value = &field.value;
        match field.number {
            2 => {
                let (mut signed, mut drafted) = (None, None);
                let (values, armored) = (&mut reply.values, &mut reply.fast);
                reply.padata = padata(value, "padata", &mut faults, |kind, value, faults| match kind {
                    PaType::PK_AS_REP if signed.is_none() => signed = Some(value.contents),
                    PaType::PK_AS_REP_OLD if drafted.is_none() => drafted = Some(value.contents),
                    PaType::FX_FAST if armored.is_none() => *armored = fast_reply(value, faults),
                    _ => pa_values::read(values, kind, value, faults),
                });
                reply.pkinit = signed.or(drafted).map(|value| Box::new(pkinit::reply(value)));
            }
            3 => reply.crealm = faults.keep("crealm", fields::text(value)),
            4 => reply.cname = principal(value, "cname", &mut faults),
            5 => reply.ticket = ticket(value, "ticket", &mut faults),
            6 => reply.enc_part = encrypted_part(value, "enc-part", &mut faults),
            _ => {}
        }
    }
    reply.stopped = faults.into_stopped();
    reply
}
