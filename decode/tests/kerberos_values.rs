//! What values of pre-authentication data and typed data say. `kerberos_asn1` encodes what it has types for, so that
//! the reading of the ASN.1 is not ours alone; in `catch_unwind`, for it panics where it should not.

use std::panic::catch_unwind;

use decode::kerberos::pkinit::KeyAgreement;
use decode::kerberos::{ErrorData, KdcRequest, KrbError, Message, PaType, PaValues, PrincipalName, decode};
use kerberos_asn1::{self as theirs, Asn1Object};
use proptest::prelude::*;

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let head = match length {
        0..0x80 => vec![tag, u8::try_from(length).expect("short")],
        _ => vec![tag, 0x82, u8::try_from(length >> 8).expect("short"), u8::try_from(length & 0xff).expect("short")],
    };
    [&head[..], contents].concat()
}

fn encode(object: &(impl Asn1Object + std::panic::RefUnwindSafe)) -> Vec<u8> {
    catch_unwind(|| object.build()).expect("it can encode what it holds")
}

/// An AS-REQ with this pre-authentication data.
fn asks(padata: Vec<(i32, Vec<u8>)>) -> Vec<u8> {
    let padata = padata.into_iter().map(|(kind, value)| theirs::PaData::new(kind, value)).collect();
    let req_body =
        theirs::KdcReqBody { realm: "CORP.EXAMPLE".to_owned(), etypes: vec![18], ..theirs::KdcReqBody::default() };
    let request = theirs::AsReq { padata: Some(padata), req_body, ..theirs::AsReq::default() };
    encode(&request)
}

fn request(padata: Vec<(i32, Vec<u8>)>) -> KdcRequest {
    match decode(&asks(padata)).expect("a message") {
        Message::KdcRequest(request) => request,
        other => panic!("{other:?}"),
    }
}

fn values(padata: Vec<(i32, Vec<u8>)>) -> PaValues {
    let request = request(padata);
    assert_eq!(request.stopped, None);
    request.values
}

/// A KRB-ERROR with this e-data.
fn error(e_data: Vec<u8>) -> KrbError {
    let error = theirs::KrbError {
        pvno: 5,
        msg_type: 30,
        error_code: 65,
        e_data: Some(e_data),
        sname: theirs::PrincipalName::new(2, "krbtgt".to_owned()),
        ..theirs::KrbError::default()
    };
    match decode(&encode(&error)).expect("a message") {
        Message::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

fn numbers(types: &[decode::kerberos::EncryptionType]) -> Vec<i32> {
    types.iter().map(|etype| etype.0).collect()
}

fn same(name: &theirs::PrincipalName, found: Option<&PrincipalName>) -> bool {
    found.is_some_and(|found| {
        found.name_type == name.name_type
            && found.components.iter().map(ToString::to_string).eq(name.name_string.clone())
    })
}

fn principal() -> impl Strategy<Value = theirs::PrincipalName> {
    let parts = prop::collection::vec("[a-zA-Z0-9.$-]{1,20}", 1..4);
    (any::<i32>(), parts).prop_map(|(name_type, name_string)| theirs::PrincipalName { name_type, name_string })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_kerberos_asn1_encodes_is_read_to_the_same_values(
        include_pac in any::<bool>(),
        flags in any::<u32>(),
        etypes in prop::collection::vec(any::<i32>(), 1..8),
        name in principal(),
        realm in "[A-Z.]{1,20}",
        secret in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let checksum = theirs::Checksum { cksumtype: -138, checksum: secret.clone() };
        let keys: theirs::KerbKeyListRep =
            etypes.iter().map(|&keytype| theirs::EncryptionKey::new(keytype, secret.clone())).collect();
        let info: theirs::EtypeInfo2 = etypes
            .iter()
            .map(|&etype| theirs::EtypeInfo2Entry::new(etype, Some("CORP.EXAMPLEalice".to_owned()), None))
            .collect();
        let found = values(vec![
            (128, encode(&theirs::KerbPaPacRequest::new(include_pac))),
            (167, encode(&theirs::PaPacOptions { kerberos_flags: flags.into() })),
            (161, encode(&etypes)),
            (165, flags.to_le_bytes().to_vec()),
            (19, encode(&info)),
            (2, encode(&theirs::EncryptedData::new(etypes[0], None, secret.clone()))),
            (129, encode(&theirs::PaForUser {
                username: name.clone(),
                userrealm: realm.clone(),
                cksum: checksum.clone(),
                auth_package: "Kerberos".to_owned(),
            })),
            (150, Vec::new()),
        ]);
        prop_assert_eq!(found.include_pac, Some(include_pac));
        prop_assert_eq!(found.pac_options, Some(flags));
        prop_assert_eq!(found.supported_etypes, Some(flags));
        prop_assert_eq!(&numbers(&found.key_list), &etypes);
        prop_assert_eq!(&numbers(&found.etype_info), &etypes);
        prop_assert_eq!(found.timestamp_etype.map(|etype| etype.0), Some(etypes[0]));
        prop_assert_eq!(found.freshness_token, Some(false));
        prop_assert!(!found.fx_error);
        let user = found.for_user.expect("a user");
        prop_assert!(same(&name, user.name.as_ref()) && !user.certificate);
        prop_assert_eq!(user.realm.map(|realm| realm.to_string()), Some(realm.clone()));

        let by_certificate = theirs::PaS4uX509User {
            user_id: theirs::S4uUserId {
                nonce: flags,
                cname: Some(name.clone()),
                crealm: realm.clone(),
                subject_certificate: Some(secret.clone()),
                options: None,
            },
            checksum,
        };
        let found = values(vec![(130, encode(&by_certificate)), (162, encode(&keys)), (150, vec![0, 0, 1])]);
        let user = found.for_user.expect("a user");
        prop_assert!(same(&name, user.name.as_ref()) && user.certificate);
        prop_assert_eq!(&numbers(&found.key_list), &etypes);
        prop_assert_eq!(found.freshness_token, Some(true));
    }

    #[test]
    fn values_of_any_bytes_never_panic(
        kind in prop::sample::select(vec![1, 2, 11, 14, 15, 16, 17, 19, 128, 129, 130, 136, 137, 150, 161, 162, 165, 167]),
        value in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let found = request(vec![(kind, value.clone())]);
        prop_assert!(found.has(PaType(kind)));
        let _ = serde_json::to_string(&Message::KdcRequest(found)).expect("plain data");
    }

    #[test]
    fn typed_data_of_any_bytes_never_panics(
        kind in prop::sample::select(vec![101, 104, 105, 109, 111, 112, 136, 19]),
        value in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let typed = vec![theirs::TypedDataEntry { data_type: kind, data_value: Some(value.clone()) }];
        let found = error(encode(&typed));
        prop_assert_eq!(&found.e_data, &Some(ErrorData::TypedData(vec![kind])));
        let _ = serde_json::to_string(&Message::Error(found)).expect("plain data");
    }

    #[test]
    fn kerberos_asn1_reads_what_we_read_of_its_own_messages(
        name in principal(),
        realm in "[A-Z.]{1,20}",
        nonce in any::<u32>(),
        flags in any::<u32>(),
        etypes in prop::collection::vec(any::<i32>(), 0..8),
    ) {
        let req_body = theirs::KdcReqBody {
            kdc_options: flags.into(),
            cname: Some(name.clone()),
            realm: realm.clone(),
            nonce,
            etypes: etypes.clone(),
            ..theirs::KdcReqBody::default()
        };
        let request = theirs::AsReq { req_body, ..theirs::AsReq::default() };
        let bytes = encode(&request);
        let message = decode(&bytes).expect("a message");
        let Message::KdcRequest(ours) = &message else { panic!("{message:?}") };
        prop_assert!(same(&name, ours.cname.as_ref()));
        prop_assert_eq!(ours.nonce.map(|nonce| nonce & 0xffff_ffff), Some(i64::from(nonce)));
        prop_assert_eq!(ours.kdc_options, Some(flags));
        prop_assert_eq!(&numbers(&ours.etypes), &etypes);
        // Where it reads its own message back at all: it refuses nonces above 2³¹−1.
        if let Ok(Ok((_, read))) = catch_unwind(|| theirs::AsReq::parse(&bytes)) {
            prop_assert_eq!(Some(i64::from(read.req_body.nonce)), ours.nonce.map(|nonce| nonce & 0xffff_ffff));
            prop_assert_eq!(read.req_body.etypes, etypes);
        }
    }
}

#[test]
fn empty_values_only_announce() {
    let found = values([2, 16, 19, 128, 129, 136, 161, 165, 167].map(|kind| (kind, Vec::new())).to_vec());
    assert_eq!(found, PaValues::default());
    assert!(values(vec![(137, Vec::new())]).fx_error);
}

#[test]
fn the_newer_list_of_encryption_types_counts_in_either_order() {
    let older = |etype| encode(&vec![theirs::EtypeInfoEntry { etype, salt: None }]);
    let newer = |etype| encode(&vec![theirs::EtypeInfo2Entry::new(etype, None, None)]);
    for padata in [vec![(11, older(23)), (19, newer(18))], vec![(19, newer(18)), (11, older(23))]] {
        assert_eq!(numbers(&values(padata).etype_info), [18]);
    }
    assert_eq!(numbers(&values(vec![(11, older(23))]).etype_info), [23]);
}

#[test]
fn a_value_that_cannot_be_read_is_mentioned_and_costs_only_itself() {
    let found =
        request(vec![(167, vec![4, 0]), (165, vec![1, 2, 3]), (128, encode(&theirs::KerbPaPacRequest::new(true)))]);
    assert!(found.stopped.as_deref().is_some_and(|stopped| stopped.starts_with("PA-PAC-OPTIONS: ")));
    assert_eq!((found.values.include_pac, found.values.pac_options), (Some(true), None));
}

#[test]
fn every_truncation_of_a_value_is_mentioned() {
    let user = theirs::PrincipalName::new(1, "alice".to_owned());
    let for_user =
        theirs::PaForUser { username: user, userrealm: "CORP.EXAMPLE".to_owned(), ..theirs::PaForUser::default() };
    let all = [
        (2, encode(&theirs::EncryptedData::new(18, None, vec![7; 20]))),
        (19, encode(&vec![theirs::EtypeInfo2Entry::new(18, Some("CORP.EXAMPLEalice".to_owned()), None)])),
        (128, encode(&theirs::KerbPaPacRequest::new(true))),
        (129, encode(&for_user)),
        (161, encode(&vec![18, 17])),
        (165, vec![0x1c, 0, 0, 0]),
        (167, encode(&theirs::PaPacOptions { kerberos_flags: 0x5000_0000.into() })),
    ];
    for (kind, value) in all {
        assert_eq!(request(vec![(kind, value.clone())]).stopped, None, "{kind}");
        for length in 1..value.len() {
            let cut = request(vec![(kind, value[..length].to_vec())]);
            assert!(cut.stopped.is_some(), "{kind} cut to {length}");
        }
    }
}

/// An AlgorithmIdentifier.
fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(6, oid), parameters].concat())
}

const SHA256: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SHA384: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const RSA_SHA512: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 13];

#[test]
fn typed_data_of_pkinit_in_either_form_of_list() {
    // A certifier by its name, one by issuer and serial number, one by its key.
    let cn = tlv(0x30, &tlv(0x31, &tlv(0x30, &[tlv(6, &[0x55, 4, 3]), tlv(0x0c, b"CA")].concat())));
    let by_name = tlv(0x30, &tlv(0x80, &cn));
    let by_serial = tlv(0x30, &tlv(0x81, &tlv(0x30, &[&cn[..], &[2, 1, 7]].concat())));
    let by_key = tlv(0x30, &tlv(0x82, &[4, 2, 0xab, 0xcd]));
    let certifiers = tlv(0x30, &[by_name, by_serial, by_key].concat());
    let invalid = tlv(0x30, &tlv(0x30, &tlv(0x82, &[4, 1, 0xee])));
    let unknown_group = algorithm(&[0x2a, 0x86, 0x48, 0xce, 0x3e, 2, 1], &tlv(0x30, &[2, 2, 0x0f, 0xff, 2, 1, 2]));
    let curve = algorithm(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], &tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]));
    let groups = tlv(0x30, &[unknown_group, curve].concat());
    let digests = tlv(0x30, &[algorithm(&SHA256, &[]), algorithm(&SHA384, &[5, 0])].concat());
    let of_certificates = tlv(0x30, &tlv(0xa0, &tlv(0x30, &algorithm(&RSA_SHA512, &[5, 0]))));
    let all = [(104, certifiers), (105, invalid), (109, groups), (111, digests), (112, of_certificates)];

    let typed: theirs::TypedData = all
        .iter()
        .map(|(kind, value)| theirs::TypedDataEntry { data_type: *kind, data_value: Some(value.clone()) })
        .collect();
    let method: theirs::MethodData =
        all.iter().map(|(kind, value)| theirs::PaData::new(*kind, value.clone())).collect();
    for e_data in [encode(&typed), encode(&method)] {
        let found = error(e_data.clone());
        assert_eq!(found.stopped, None);
        let values = *found.typed.expect("values");
        assert_eq!(values.trusted_certifiers, ["CN=CA", "CN=CA", "ski:abcd"]);
        assert_eq!(values.invalid_certificates, ["ski:ee"]);
        assert_eq!(
            values.dh_parameters,
            [KeyAgreement::Dh { group: None, bits: 12 }, KeyAgreement::Ecdh { curve: "P-256".to_owned(), bits: 256 }]
        );
        assert_eq!(values.digests, ["sha256", "sha384"]);
        assert_eq!(values.certificate_digests, ["rsa-sha512"]);
        // Cut anywhere it says so, and claims nothing that is not there.
        for length in 0..e_data.len() {
            let cut = error(e_data[..length].to_vec()).typed.unwrap_or_default();
            assert!(values.trusted_certifiers.starts_with(&cut.trusted_certifiers), "cut to {length}");
            assert!(values.dh_parameters.starts_with(&cut.dh_parameters), "cut to {length}");
            assert!(values.digests.starts_with(&cut.digests), "cut to {length}");
        }
    }
}

#[test]
fn checksums_are_of_the_body_they_came_with() {
    let recorded = |folder: &str, name: &str| {
        let path = format!("{}/tests/data/{folder}/{name}.bin", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(&path).expect(&path)
    };
    let pkinit = |bytes: &[u8]| match decode(bytes).expect("a message") {
        Message::KdcRequest(request) => *request.pkinit.expect("PKINIT"),
        other => panic!("{other:?}"),
    };
    let bytes = recorded("kerberos", "as_req_pkinit");
    assert_eq!(pkinit(&bytes).checksum_matches, Some(true));
    let mut altered = bytes.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let found = pkinit(&altered);
    assert_eq!(found.checksum_matches, Some(false));
    assert_eq!(found.signed.signer.unwrap().verified, Some(true), "the body is not what is signed");
    let cut = pkinit(&bytes[..last]);
    assert_eq!((cut.checksum, cut.checksum_matches), (true, None));

    let value = recorded("pkinit", "ecdh.req");
    let other = decode::kerberos::pkinit::request(&value, Some(b"another body"));
    assert_eq!((other.checksum_matches, other.checksum2_matches), (Some(false), Some(false)));
    assert_eq!(other.checksum2_algorithm.as_deref(), Some("sha256"));
}

#[test]
fn pkinit_of_the_rfc_counts_before_that_of_the_draft() {
    let path = |name| format!("{}/tests/data/pkinit/{name}.req.bin", env!("CARGO_MANIFEST_DIR"));
    let (draft, rfc) = (std::fs::read(path("draft")).unwrap(), std::fs::read(path("python")).unwrap());
    for padata in [vec![(15, draft.clone()), (16, rfc.clone())], vec![(16, rfc), (14, draft.clone())]] {
        assert!(!request(padata).pkinit.expect("PKINIT").draft);
    }
    for kind in [14, 15] {
        assert!(request(vec![(kind, draft.clone())]).pkinit.expect("PKINIT").draft);
    }
}

#[test]
fn armor_of_what_a_kdc_sends_shows_how_it_is_encrypted() {
    let part = encode(&theirs::EncryptedData::new(18, None, vec![7; 40]));
    let value = tlv(0xa0, &tlv(0x30, &tlv(0xa0, &part)));
    let found = error(encode(&vec![theirs::PaData::new(136, value.clone())]));
    assert_eq!(found.fast.and_then(|fast| fast.enc_part).map(|part| (part.etype.0, part.length)), Some((18, 40)));
    for length in 1..value.len() {
        let found = error(encode(&vec![theirs::PaData::new(136, value[..length].to_vec())]));
        assert!(found.stopped.is_some() && found.fast.is_some(), "cut to {length}");
    }
}
