//! Recorded messages: what they say, what is left of them when they are cut, and that damage never stops the decoder.

use decode::kerberos::{
    ApRequest, EncryptionType, ErrorCode, ErrorData, KdcReply, KdcRequest, KrbError, Message, NtStatus, PaData, PaType,
    Stage, decode,
};
use proptest::prelude::*;
use serde_json::Value;

macro_rules! goldens {
    ($($name:ident)*) => {
        const GOLDENS: &[(&str, &[u8])] = &[
            $((stringify!($name), include_bytes!(concat!("data/kerberos/", stringify!($name), ".bin")))),*
        ];
    };
}

goldens! {
    as_req_without_preauth as_req_pkinit as_rep_pkinit as_req_fast
    tgs_req_fast_negative_nonce tgs_rep ap_req ap_rep
    krb_error_25_method_data krb_error_18_nt_status krb_error_62 krb_error_65_typed_data krb_error_52_pk_as_rep
}

fn golden(name: &str) -> &'static [u8] {
    GOLDENS.iter().find(|(golden, _)| *golden == name).expect("a golden of that name").1
}

fn message(name: &str) -> Message {
    let message = decode(golden(name)).expect(name);
    assert_eq!(message.stopped(), None, "{name}");
    message
}

fn request(name: &str) -> KdcRequest {
    match message(name) {
        Message::KdcRequest(request) => request,
        other => panic!("{name} is {other:?}"),
    }
}

fn reply(name: &str) -> KdcReply {
    match message(name) {
        Message::KdcReply(reply) => reply,
        other => panic!("{name} is {other:?}"),
    }
}

fn error(name: &str) -> KrbError {
    match message(name) {
        Message::Error(error) => error,
        other => panic!("{name} is {other:?}"),
    }
}

fn ap_request(name: &str) -> ApRequest {
    match message(name) {
        Message::ApRequest(request) => request,
        other => panic!("{name} is {other:?}"),
    }
}

fn json(message: &Message) -> Value {
    serde_json::to_value(message).expect("a message is plain data")
}

fn types(padata: &[PaData]) -> Vec<i32> {
    padata.iter().map(|data| data.kind.0).collect()
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_request_without_proof_of_identity() {
    let request = request("as_req_without_preauth");
    assert_eq!(request.stage, Stage::As);
    assert_eq!(shown(request.cname.as_ref()), "quin");
    assert_eq!(shown(request.realm.as_ref()), "CORP.EXAMPLE");
    assert!(request.sname.as_ref().is_some_and(decode::kerberos::PrincipalName::is_krbtgt));
    assert_eq!(types(&request.padata), [150, 149]);
    assert!(request.has(PaType::AS_FRESHNESS) && !request.has(PaType::PK_AS_REQ));
    assert_eq!(request.kdc_options, Some(0x0001_0010));
    assert_eq!(request.nonce, Some(989_476_760));
    assert_eq!(request.etypes.first(), Some(&EncryptionType::AES256_CTS_HMAC_SHA1_96));
    assert_eq!(shown(request.till.as_ref()), "2026-11-23T10:19:25.000000000Z");
    assert!(request.addresses.is_empty() && request.pkinit.is_none() && request.fast.is_none());
}

#[test]
fn a_key_trust_request_and_its_answer() {
    let request = request("as_req_pkinit");
    assert_eq!(types(&request.padata), [16, 132, 149]);
    assert!(request.pkinit.is_some());
    assert_eq!(shown(request.cname.as_ref()), "alice");
    let reply = reply("as_rep_pkinit");
    assert_eq!(reply.stage, Stage::As);
    assert_eq!(types(&reply.padata), [147, 17]);
    assert!(reply.pkinit.is_some());
    assert_eq!(shown(reply.crealm.as_ref()), "CORP.EXAMPLE");
    assert_eq!(shown(reply.cname.as_ref()), "alice");
    let ticket = reply.ticket.expect("a ticket");
    assert_eq!(shown(ticket.sname.as_ref()), "krbtgt/CORP.EXAMPLE");
    assert_eq!((ticket.etype, ticket.kvno), (Some(EncryptionType(18)), Some(1)));
    assert_eq!(reply.enc_part.map(|part| part.etype), Some(EncryptionType(18)));
}

#[test]
fn a_request_in_armor_shows_the_armor_s_ticket() {
    let request = request("as_req_fast");
    assert_eq!(types(&request.padata), [136]);
    let fast = request.fast.expect("armor");
    assert_eq!(fast.armor_type, Some(1));
    let armor = fast.armor.expect("an AP-REQ");
    let ticket = armor.ticket.expect("a ticket");
    assert_eq!(shown(ticket.sname.as_ref()), "krbtgt/MIT.EXAMPLE");
    assert_eq!(armor.authenticator.map(|part| part.etype), Some(EncryptionType(18)));
    assert_eq!(fast.enc_part.map(|part| part.etype), Some(EncryptionType(18)));
    assert!(request.pkinit.is_none(), "what is inside the armor is encrypted");
}

#[test]
fn a_ticket_request_with_a_negative_nonce_presents_its_ticket() {
    let request = request("tgs_req_fast_negative_nonce");
    assert_eq!(request.stage, Stage::Tgs);
    assert_eq!(request.nonce, Some(-996_589_904));
    assert_eq!(request.cname, None);
    assert_eq!(shown(request.sname.as_ref()), "cifs/dc1.corp.example");
    assert_eq!(shown(request.till.as_ref()), "1970-01-01T00:00:00.000000000Z");
    let presented = request.ap_request.expect("an AP-REQ").ticket.expect("a ticket");
    assert_eq!(shown(presented.sname.as_ref()), "krbtgt/CORP.EXAMPLE");
    let fast = request.fast.expect("FAST");
    assert!(fast.armor_type.is_none() && fast.armor.is_none() && fast.enc_part.is_some());
}

#[test]
fn the_same_ticket_has_the_same_id_wherever_it_appears() {
    let issued = reply("tgs_rep").ticket.expect("a ticket");
    let used = ap_request("ap_req").ticket.expect("a ticket");
    assert_eq!(shown(issued.sname.as_ref()), "ldap/dc1.corp.example");
    assert_eq!(issued, used);
    assert_eq!(issued.id.map(|id| id.to_string()).as_deref(), Some("36b094c9c029b27b"));
    assert_ne!(issued.id, reply("as_rep_pkinit").ticket.expect("a ticket").id);
}

#[test]
fn a_service_is_asked_and_answers() {
    let request = ap_request("ap_req");
    assert_eq!(request.ap_options, Some(0x2000_0000));
    assert_eq!(request.authenticator.map(|part| part.etype), Some(EncryptionType(18)));
    let Message::ApReply(reply) = message("ap_rep") else { panic!("an AP-REP") };
    assert_eq!(reply.enc_part.map(|part| (part.etype.0, part.length)), Some((18, 111)));
}

#[test]
fn errors_with_each_form_of_further_data() {
    let wanted = error("krb_error_25_method_data");
    assert_eq!(wanted.code, ErrorCode::PREAUTH_REQUIRED);
    assert_eq!(shown(wanted.e_text.as_ref()), "Need to use PA-ENC-TIMESTAMP/PA-PK-AS-REQ");
    let Some(ErrorData::MethodData(padata)) = &wanted.e_data else { panic!("{:?}", wanted.e_data) };
    assert_eq!(types(padata), [16, 15, 2, 136, 19, 150]);

    let disabled = error("krb_error_18_nt_status");
    assert_eq!(disabled.code, ErrorCode::CLIENT_REVOKED);
    assert_eq!(
        disabled.e_data,
        Some(ErrorData::Extended { data_type: 3, status: Some(NtStatus::ACCOUNT_DISABLED), flags: Some(1) })
    );
    assert_eq!(shown(disabled.stime.as_ref()), "2026-11-22T09:59:23.000000000Z");
    assert_eq!((disabled.susec, disabled.ctime, disabled.cusec), (Some(49_045), None, None));

    let refused = error("krb_error_62");
    assert_eq!(refused.code, ErrorCode::CLIENT_NOT_TRUSTED);
    assert_eq!(shown(refused.cname.as_ref()), "bob");
    let Some(ErrorData::MethodData(padata)) = &refused.e_data else { panic!("{:?}", refused.e_data) };
    assert_eq!(types(padata), [19]);

    let group = error("krb_error_65_typed_data");
    assert_eq!(group.code, ErrorCode::DH_KEY_PARAMETERS_NOT_ACCEPTED);
    assert_eq!(group.e_data, Some(ErrorData::TypedData(vec![109, 133])));

    let big = error("krb_error_52_pk_as_rep");
    assert_eq!(big.code, ErrorCode::RESPONSE_TOO_BIG);
    let Some(ErrorData::MethodData(padata)) = &big.e_data else { panic!("{:?}", big.e_data) };
    assert_eq!(types(padata), [147, 17]);
    assert!(padata.iter().any(|data| data.kind == PaType::PK_AS_REP && data.length > 1500));
}

#[test]
fn machine_output_has_the_names_scripts_rely_on() {
    let mut asked = json(&message("as_req_without_preauth"));
    assert_eq!(
        asked,
        serde_json::json!({
            "realm": "CORP.EXAMPLE", "cname": "quin", "cname_type": 1, "sname": "krbtgt/CORP.EXAMPLE", "sname_type": 2,
            "nonce": 989_476_760, "kdc_options": "00010010",
            "kdc_option_names": ["canonicalize", "renewable-ok"], "till": "2026-11-23T10:19:25.000000000Z",
            "etypes": [18, 17, 20, 19, 16, 23, 25, 26],
            "weak_etypes": [16, 23], "padata": [150, 149], "padata_values": {"freshness_token": false},
        })
    );
    asked = json(&message("tgs_req_fast_negative_nonce"));
    assert_eq!(
        asked["ticket"],
        serde_json::json!({"realm": "CORP.EXAMPLE", "sname": "krbtgt/CORP.EXAMPLE", "etype": 18, "kvno": 1,
            "id": "abc84911b53055ac"})
    );
    let error = json(&message("krb_error_18_nt_status"));
    assert_eq!(error["error_code"], 18);
    assert_eq!(error["error_name"], "KDC_ERR_CLIENT_REVOKED");
    assert_eq!(error["e_data"]["nt_status"], "0xc0000072");
    assert_eq!(json(&message("krb_error_65_typed_data"))["e_data"]["typed_data"], serde_json::json!([109, 133]));
    assert_eq!(json(&message("krb_error_62"))["e_data"]["padata"], serde_json::json!([19]));
    assert_eq!(json(&message("tgs_rep"))["enc_etype"], 18);
}

#[test]
fn names_of_messages() {
    let names: Vec<&str> = GOLDENS.iter().map(|(name, _)| message(name).name()).collect();
    let (requests, errors) = names.split_at(8);
    assert_eq!(requests, ["as-req", "as-req", "as-rep", "as-req", "tgs-req", "tgs-rep", "ap-req", "ap-rep"]);
    assert!(errors.iter().all(|name| *name == "krb-error"));
}

/// Whether everything in `part` is in `whole` too: fields equal, lists a beginning of theirs.
fn is_beginning_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, value)| name == "stopped" || whole.get(name).is_some_and(|full| is_beginning_of(value, full))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(part, whole)| is_beginning_of(part, whole))
        }
        _ => part == whole,
    }
}

#[test]
fn a_cut_message_keeps_fields_before_the_cut_and_nothing_else() {
    for (name, bytes) in GOLDENS {
        let whole = json(&message(name));
        let mut kept = 0;
        for length in 0..bytes.len() {
            let Ok(cut) = decode(&bytes[..length]) else { continue };
            kept += 1;
            assert!(cut.stopped().is_some(), "{name} cut to {length} bytes does not say so");
            let mut fields = json(&cut);
            // What PKINIT says of a cut value is its own tests' matter.
            fields.as_object_mut().expect("an object").remove("pkinit");
            assert!(is_beginning_of(&fields, &whole), "{name} cut to {length} bytes: {fields}");
        }
        // An error needs its code, which ends some 60 bytes in; everything else needs one field.
        assert!(kept + 80 > bytes.len(), "{name}: only {kept} of {} cuts are readable", bytes.len());
    }
}

#[test]
fn a_cut_request_keeps_its_padata_and_says_where_it_ends() {
    let bytes = golden("as_req_without_preauth");
    let Ok(Message::KdcRequest(cut)) = decode(&bytes[..90]) else { panic!("a request") };
    assert_eq!(types(&cut.padata), [150, 149]);
    assert_eq!(cut.kdc_options, Some(0x0001_0010));
    assert_eq!(cut.stopped.as_deref(), Some("realm: the bytes end inside an element at offset 80"));
}

proptest! {
    // A failing case is worth a test of its own rather than a seed in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode(&bytes).map(|message| json(&message));
    }

    #[test]
    fn bytes_behind_a_message_head_never_panic(
        tag in prop::sample::select(vec![0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x74, 0x75, 0x76, 0x7e_u8]),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut message = vec![tag, 0x84, 0, 0, 2, 0, 0x30, 0x84, 0, 0, 1, 0xf0];
        message.extend(bytes);
        let _ = decode(&message).map(|message| json(&message));
    }

    #[test]
    fn mutated_goldens_never_panic(
        which in 0..GOLDENS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = GOLDENS[which].1.to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = decode(&bytes).map(|message| json(&message));
    }
}
