//! The decoder against others: what `rasn-kerberos` encodes is decoded to the same values, and the recorded messages
//! mean to `rasn-kerberos` and `kerberos_asn1` what they mean to us.
//!
//! Neither is a measure of what is on the wire: the former refuses negative nonces, the latter panics on some dates.

use std::panic::catch_unwind;

use decode::kerberos::{ErrorData, KdcReply, KdcRequest, Message, PrincipalName, Ticket, decode};
use kerberos_asn1::Asn1Object;
use proptest::prelude::*;
use rasn::types::{BitString, GeneralString, GeneralizedTime, OctetString};
use rasn_kerberos as theirs;

fn text(text: &str) -> GeneralString {
    GeneralString::from_bytes(text.as_bytes()).expect("plain ASCII")
}

fn name(kind: i32, components: &[String]) -> theirs::PrincipalName {
    theirs::PrincipalName { r#type: kind, string: components.iter().map(|part| text(part)).collect() }
}

fn time(seconds: i64) -> theirs::KerberosTime {
    theirs::KerberosTime(date(seconds).parse::<GeneralizedTime>().expect("a date"))
}

/// The date as RFC 3339 text.
fn date(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    // Days to a civil date, after Howard Hinnant's algorithm.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}+00:00", rest / 3600, rest / 60 % 60, rest % 60)
}

fn flags(flags: u32) -> BitString {
    BitString::from_slice(&flags.to_be_bytes())
}

fn octets(bytes: &[u8]) -> OctetString {
    OctetString::from(bytes.to_vec())
}

fn sealed(etype: i32, kvno: Option<u32>, cipher: &[u8]) -> theirs::EncryptedData {
    theirs::EncryptedData { etype, kvno, cipher: octets(cipher) }
}

/// What both decoders are asked about.
#[derive(Clone, Debug)]
struct Values {
    client: Vec<String>,
    service: Vec<String>,
    realm: String,
    kinds: (i32, i32),
    flags: u32,
    nonce: u32,
    till: i64,
    etypes: Vec<i32>,
    padata: Vec<(i32, Vec<u8>)>,
    kvno: Option<u32>,
    cipher: Vec<u8>,
    code: i32,
    microseconds: u32,
}

fn values() -> impl Strategy<Value = Values> {
    let names = || proptest::collection::vec("[a-zA-Z0-9.$-]{0,40}", 0..5);
    // Above 200: types whose values are not looked into.
    let padata = proptest::collection::vec((200..70_000_i32, proptest::collection::vec(any::<u8>(), 0..300)), 0..10);
    let cipher = proptest::collection::vec(any::<u8>(), 0..2000);
    (
        (names(), names(), "[A-Z.]{1,30}", any::<(i32, i32)>(), any::<u32>(), any::<u32>()),
        (0..=4_102_444_800_i64, proptest::collection::vec(any::<i32>(), 1..20), padata),
        (any::<Option<u32>>(), cipher, any::<i32>(), 0..1_000_000_u32),
    )
        .prop_map(
            |(
                (client, service, realm, kinds, flags, nonce),
                (till, etypes, padata),
                (kvno, cipher, code, microseconds),
            )| {
                Values {
                    client,
                    service,
                    realm,
                    kinds,
                    flags,
                    nonce,
                    till,
                    etypes,
                    padata,
                    kvno,
                    cipher,
                    code,
                    microseconds,
                }
            },
        )
}

impl Values {
    fn padata(&self) -> Vec<theirs::PaData> {
        self.padata.iter().map(|(kind, value)| theirs::PaData { r#type: *kind, value: octets(value) }).collect()
    }

    fn ticket(&self) -> theirs::Ticket {
        theirs::Ticket {
            tkt_vno: 5.into(),
            realm: text(&self.realm),
            sname: name(self.kinds.1, &self.service),
            enc_part: sealed(18, self.kvno, &self.cipher),
        }
    }

    fn request(&self) -> theirs::KdcReq {
        theirs::KdcReq {
            pvno: 5.into(),
            msg_type: 10.into(),
            padata: Some(self.padata()),
            req_body: theirs::KdcReqBody {
                kdc_options: theirs::KdcOptions(flags(self.flags)),
                cname: Some(name(self.kinds.0, &self.client)),
                realm: text(&self.realm),
                sname: Some(name(self.kinds.1, &self.service)),
                from: None,
                till: time(self.till),
                rtime: Some(time(0)),
                nonce: self.nonce,
                etype: self.etypes.clone(),
                addresses: Some(vec![theirs::HostAddress { addr_type: 20, address: octets(b"WS01            ") }]),
                enc_authorization_data: None,
                additional_tickets: Some(vec![self.ticket()]),
            },
        }
    }

    fn reply(&self) -> theirs::KdcRep {
        theirs::KdcRep {
            pvno: 5.into(),
            msg_type: 11.into(),
            padata: Some(self.padata()),
            crealm: text(&self.realm),
            cname: name(self.kinds.0, &self.client),
            ticket: self.ticket(),
            enc_part: sealed(self.etypes[0], self.kvno, &self.cipher),
        }
    }

    fn is_client(&self, found: Option<&PrincipalName>) -> bool {
        found.is_some_and(|found| found.name_type == self.kinds.0 && parts(found) == self.client)
    }

    fn is_service(&self, found: Option<&PrincipalName>) -> bool {
        found.is_some_and(|found| found.name_type == self.kinds.1 && parts(found) == self.service)
    }

    fn is_ticket(&self, found: &Ticket) -> bool {
        self.is_service(found.sname.as_ref())
            && found.realm.as_ref().map(ToString::to_string).as_ref() == Some(&self.realm)
            && found.etype.map(|etype| etype.0) == Some(18)
            && found.kvno == self.kvno.map(i64::from)
            && found.id.is_some()
    }

    fn is_request(&self, found: &KdcRequest) -> bool {
        let padata: Vec<(i32, usize)> = found.padata.iter().map(|data| (data.kind.0, data.length)).collect();
        self.is_client(found.cname.as_ref())
            && self.is_service(found.sname.as_ref())
            && found.realm.as_ref().map(ToString::to_string).as_ref() == Some(&self.realm)
            && found.kdc_options == Some(self.flags)
            && found.nonce == Some(i64::from(self.nonce))
            && found.till.map(decode::kerberos::KerberosTime::seconds) == Some(self.till)
            && found.rtime.map(decode::kerberos::KerberosTime::seconds) == Some(0)
            && found.etypes.iter().map(|etype| etype.0).eq(self.etypes.iter().copied())
            && padata == self.padata.iter().map(|(kind, value)| (*kind, value.len())).collect::<Vec<_>>()
            && matches!(found.addresses.as_slice(), [only] if only.text.to_string() == "WS01")
            && matches!(found.additional_tickets.as_slice(), [only] if self.is_ticket(only))
            && found.stopped.is_none()
    }

    fn is_reply(&self, found: &KdcReply) -> bool {
        self.is_client(found.cname.as_ref())
            && found.crealm.as_ref().map(ToString::to_string).as_ref() == Some(&self.realm)
            && found.ticket.as_ref().is_some_and(|ticket| self.is_ticket(ticket))
            && found.enc_part.is_some_and(|part| part.etype.0 == self.etypes[0] && part.length == self.cipher.len())
            && found.stopped.is_none()
    }
}

fn parts(name: &PrincipalName) -> Vec<String> {
    name.components.iter().map(ToString::to_string).collect()
}

fn encode(message: &impl rasn::Encode) -> Vec<u8> {
    rasn::der::encode(message).expect("they can encode what they can hold")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_they_encode_are_decoded_to_the_same_values(values in values()) {
        for bytes in [encode(&theirs::AsReq(values.request())), encode(&theirs::TgsReq(values.request()))] {
            let message = decode(&bytes).unwrap();
            let Message::KdcRequest(found) = &message else { panic!("{message:?}") };
            prop_assert!(values.is_request(found), "{found:?}");
        }
    }

    #[test]
    fn replies_they_encode_are_decoded_to_the_same_values(values in values()) {
        for bytes in [encode(&theirs::AsRep(values.reply())), encode(&theirs::TgsRep(values.reply()))] {
            let message = decode(&bytes).unwrap();
            let Message::KdcReply(found) = &message else { panic!("{message:?}") };
            prop_assert!(values.is_reply(found), "{found:?}");
        }
    }

    #[test]
    fn errors_they_encode_are_decoded_to_the_same_values(values in values()) {
        let bytes = encode(&theirs::KrbError {
            pvno: 5.into(),
            msg_type: 30.into(),
            ctime: Some(time(values.till)),
            cusec: Some(values.microseconds.into()),
            stime: time(0),
            susec: 0.into(),
            error_code: values.code,
            crealm: Some(text(&values.realm)),
            cname: Some(name(values.kinds.0, &values.client)),
            realm: text(&values.realm),
            sname: name(values.kinds.1, &values.service),
            e_text: Some(text("no")),
            e_data: Some(octets(&encode(&values.padata()))),
        });
        let message = decode(&bytes).unwrap();
        let Message::Error(found) = &message else { panic!("{message:?}") };
        prop_assert_eq!(found.code.0, values.code);
        prop_assert_eq!(found.cusec, Some(i64::from(values.microseconds)));
        prop_assert_eq!(found.ctime.map(decode::kerberos::KerberosTime::seconds), Some(values.till));
        prop_assert!(values.is_client(found.cname.as_ref()) && values.is_service(found.sname.as_ref()));
        let Some(ErrorData::MethodData(padata)) = &found.e_data else { panic!("{:?}", found.e_data) };
        prop_assert!(padata.iter().map(|data| data.kind.0).eq(values.padata.iter().map(|(kind, _)| *kind)));
        prop_assert!(found.stopped.is_none());
    }

    #[test]
    fn tickets_they_present_are_decoded_to_the_same_values(values in values()) {
        let bytes = encode(&theirs::ApReq {
            pvno: 5.into(),
            msg_type: 14.into(),
            ap_options: theirs::ApOptions(flags(values.flags)),
            ticket: values.ticket(),
            authenticator: sealed(23, None, &values.cipher),
        });
        let message = decode(&bytes).unwrap();
        let Message::ApRequest(found) = &message else { panic!("{message:?}") };
        prop_assert_eq!(found.ap_options, Some(values.flags));
        prop_assert!(found.ticket.as_ref().is_some_and(|ticket| values.is_ticket(ticket)));
        prop_assert_eq!(found.authenticator.map(|part| (part.etype.0, part.kvno)), Some((23, None)));

        let bytes = encode(&theirs::KrbCred {
            pvno: 5.into(),
            msg_type: 22.into(),
            tickets: vec![values.ticket(), values.ticket()],
            enc_part: sealed(0, None, &values.cipher),
        });
        let message = decode(&bytes).unwrap();
        let Message::Credential { tickets, enc_part, stopped } = &message else { panic!("{message:?}") };
        prop_assert!(tickets.len() == 2 && tickets.iter().all(|ticket| values.is_ticket(ticket)));
        prop_assert_eq!(enc_part.map(|part| part.length), Some(values.cipher.len()));
        prop_assert_eq!(stopped, &None);
    }
}

/// A recorded message by its file name.
fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/kerberos/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("a golden of that name")
}

/// Our answer as text, to hold against a second opinion.
fn ours(name: &str) -> String {
    let components = |name: Option<&PrincipalName>| name.map(parts).unwrap_or_default().join("/");
    match decode(&golden(name)).expect("a message") {
        Message::KdcRequest(request) => format!(
            "{} {} {} {:?}",
            components(request.cname.as_ref()),
            components(request.sname.as_ref()),
            request.nonce.expect("a nonce"),
            request.etypes.iter().map(|etype| etype.0).collect::<Vec<_>>()
        ),
        Message::KdcReply(reply) => {
            let ticket = reply.ticket.expect("a ticket");
            format!(
                "{} {} {} {}",
                components(reply.cname.as_ref()),
                components(ticket.sname.as_ref()),
                ticket.etype.expect("a type").0,
                reply.enc_part.expect("an encrypted part").length
            )
        }
        Message::Error(error) => format!(
            "{} {} {} {}",
            components(error.cname.as_ref()),
            components(error.sname.as_ref()),
            error.code.0,
            error.susec.expect("microseconds")
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn kerberos_asn1_reads_the_recorded_messages_alike() {
    let joined = |name: &kerberos_asn1::PrincipalName| name.name_string.join("/");
    for file in ["as_req_without_preauth", "as_req_pkinit", "as_req_fast"] {
        let bytes = golden(file);
        let opinion = catch_unwind(|| kerberos_asn1::AsReq::parse(&bytes).map(|(_, request)| request));
        let body = opinion.expect("no panic").expect("a request").req_body;
        let cname = body.cname.as_ref().map(joined).unwrap_or_default();
        let sname = body.sname.as_ref().map(joined).unwrap_or_default();
        assert_eq!(ours(file), format!("{cname} {sname} {} {:?}", body.nonce, body.etypes), "{file}");
    }
    let bytes = golden("as_rep_pkinit");
    let opinion = catch_unwind(|| kerberos_asn1::AsRep::parse(&bytes).map(|(_, reply)| reply));
    let reply = opinion.expect("no panic").expect("a reply");
    let length = reply.enc_part.cipher.len();
    let said =
        format!("{} {} {} {length}", joined(&reply.cname), joined(&reply.ticket.sname), reply.ticket.enc_part.etype);
    assert_eq!(ours("as_rep_pkinit"), said);
    for file in ["krb_error_25_method_data", "krb_error_18_nt_status", "krb_error_62", "krb_error_65_typed_data"] {
        let bytes = golden(file);
        let opinion = catch_unwind(|| kerberos_asn1::KrbError::parse(&bytes).map(|(_, error)| error));
        let error = opinion.expect("no panic").expect("an error");
        let cname = error.cname.as_ref().map(joined).unwrap_or_default();
        let said = format!("{cname} {} {} {}", joined(&error.sname), error.error_code, error.susec);
        assert_eq!(ours(file), said, "{file}");
    }
}

#[test]
fn rasn_reads_the_recorded_messages_alike() {
    let joined = |name: &theirs::PrincipalName| {
        let parts: Vec<_> = name.string.iter().map(|part| String::from_utf8_lossy(part.as_bytes())).collect();
        parts.join("/")
    };
    for file in ["as_req_without_preauth", "as_req_pkinit", "as_req_fast"] {
        let body = rasn::der::decode::<theirs::AsReq>(&golden(file)).expect("a request").0.req_body;
        let cname = body.cname.as_ref().map(joined).unwrap_or_default();
        let sname = body.sname.as_ref().map(joined).unwrap_or_default();
        assert_eq!(ours(file), format!("{cname} {sname} {} {:?}", body.nonce, body.etype), "{file}");
    }
    let reply = rasn::der::decode::<theirs::TgsRep>(&golden("tgs_rep")).expect("a reply").0;
    let length = reply.enc_part.cipher.len();
    let said =
        format!("{} {} {} {length}", joined(&reply.cname), joined(&reply.ticket.sname), reply.ticket.enc_part.etype);
    assert_eq!(ours("tgs_rep"), said);
    for file in ["krb_error_25_method_data", "krb_error_62", "krb_error_52_pk_as_rep"] {
        let error = rasn::der::decode::<theirs::KrbError>(&golden(file)).expect("an error");
        let cname = error.cname.as_ref().map(joined).unwrap_or_default();
        let said = format!("{cname} {} {} {}", joined(&error.sname), error.error_code, error.susec);
        assert_eq!(ours(file), said, "{file}");
    }
}
