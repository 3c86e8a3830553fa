//! Key credentials of the lab and published ones: what they say, what is wrong with them, and that damage is told.
//!
//! Published ones are read where they lie: in the folder that HELLOTRACE_SHARED names, or in `shared` beside the
//! repository. Where there is none, each test says that it was skipped.

#![allow(clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};

use decode::key_credential::{EntryId, Fault, KeyCredential, KeyMaterial, MaterialForm, is_key_credential_link};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const WINDOWS_FORM: &[u8] = include_bytes!("data/key_credential/windows_form.txt");
const SAMBA_FORM: &[u8] = include_bytes!("data/key_credential/samba_form.txt");
const TOOL_FORM: &[u8] = include_bytes!("data/key_credential/tool_form.txt");
const GOLDENS: [&[u8]; 3] = [WINDOWS_FORM, SAMBA_FORM, TOOL_FORM];

fn shown(credential: &KeyCredential) -> Value {
    serde_json::to_value(credential).expect("a key credential is plain data")
}

/// The binary part of a golden.
fn blob(golden: &[u8]) -> Vec<u8> {
    let hex = golden.split(|&byte| byte == b':').nth(2).expect("hex");
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("a digit");
    hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn entry(identifier: u8, value: &[u8]) -> Vec<u8> {
    let [low, high] = u16::try_from(value.len()).expect("short").to_le_bytes();
    [&[low, high, identifier], value].concat()
}

fn credential(entries: &[Vec<u8>]) -> KeyCredential {
    KeyCredential::from_blob(&[&[0, 2, 0, 0][..], &entries.concat()].concat())
}

/// The least that a key credential must have, made of this material.
fn least(material: &[u8]) -> [Vec<u8>; 3] {
    [entry(1, &Sha256::digest(material)), entry(3, material), entry(4, &[1])]
}

fn material(bytes: &[u8]) -> (KeyMaterial, Vec<Fault>) {
    let credential = credential(&least(bytes));
    (credential.material.expect("material"), credential.faults)
}

#[test]
fn a_key_as_windows_writes_it() {
    let credential = KeyCredential::from_dn_binary(WINDOWS_FORM);
    let key_id = "GrB8LA+OzKl9dv8UwRzbyHjluqRSn9YU7zNmZGRcvzo=";
    assert_eq!(
        shown(&credential),
        json!({
            "dn": "CN=lee,CN=Users,DC=corp,DC=example",
            "version": 0x200,
            "key_id": key_id,
            "key_id_matches": true,
            "key_hash_matches": true,
            "material": {
                "form": "bcrypt",
                "bytes": 283,
                "key": {"algorithm": "rsa", "bits": 2048},
                "bcrypt_key_id": key_id,
                "roca_weak": false,
            },
            "usage": 1,
            "usage_name": "NGC",
            "source": 0,
            "source_name": "AD",
            "device_id": "7f640ae4-26b8-87f9-4638-3b81102b824d",
            "custom_key_information": {"version": 1, "flags": 0},
            "last_logon": "2026-11-22T11:03:39.240848000Z",
            "created": "2026-11-22T11:03:39.240848000Z",
        })
    );
    assert_eq!(
        credential,
        KeyCredential { dn: credential.dn.clone(), ..KeyCredential::from_blob(&blob(WINDOWS_FORM)) }
    );
    assert_eq!(
        credential.to_string(),
        format!(
            "NGC key {key_id} of CN=lee,CN=Users,DC=corp,DC=example, rsa 2048, created 2026-11-22T11:03:39.240848Z"
        )
    );
}

#[test]
fn a_key_as_samba_writes_it() {
    let credential = KeyCredential::from_dn_binary(SAMBA_FORM);
    assert_eq!((credential.faults.as_slice(), credential.key_id_matches), (&[][..], Some(true)));
    let material = credential.material.expect("material");
    assert_eq!((material.form, material.bytes), (MaterialForm::Spki, 294));
    // The same key has another KeyID in the form that Windows reads.
    assert_ne!(material.bcrypt_key_id, credential.key_id);
    assert!(material.bcrypt_key_id.is_some() && credential.source.is_none() && credential.device_id.is_none());
}

#[test]
fn a_tools_time_is_read_and_told() {
    let credential = KeyCredential::from_dn_binary(TOOL_FORM);
    assert_eq!(shown(&credential)["created"], "2026-11-22T10:11:46.276160000Z");
    let time = Fault::TimeForm { entry: EntryId::CREATION_TIME, offset: 392 };
    assert_eq!(credential.faults, [Fault::KeyHash { offset: 39 }, time]);
    assert_eq!(credential.key_id_matches, Some(true));
    assert!(credential.custom_key_information.expect("one").mfa_not_used());
}

#[test]
fn only_the_attribute_of_that_name_is_meant() {
    for name in ["msDS-KeyCredentialLink", "MSDS-KEYCREDENTIALLINK;range=0-99", "1.2.840.113556.1.4.2328"] {
        assert!(is_key_credential_link(name.as_bytes()), "{name}");
    }
    for name in
        ["", "msDS-KeyCredentialLin", "msDS-KeyCredentialLink-BL", "msDS-KeyCredentialLinks", "1.2.840.113556.1.4.232"]
    {
        assert!(!is_key_credential_link(name.as_bytes()), "{name}");
    }
}

#[test]
fn what_is_wrong_with_the_text_is_told() {
    let found = |text: &str| {
        let credential = KeyCredential::from_dn_binary(text.as_bytes());
        (
            credential.version,
            credential.faults.into_iter().filter(|f| !matches!(f, Fault::Missing(_))).collect::<Vec<_>>(),
        )
    };
    let v2 = Some(0x200);
    assert_eq!(found("B:8:00020000:CN=a:b"), (v2, vec![]));
    assert_eq!(found("B:10:00020000:CN=a"), (v2, vec![Fault::HexCount { stated: Some(10), found: 8 }]));
    assert_eq!(found("B:x:00020000:CN=a"), (v2, vec![Fault::HexCount { stated: None, found: 8 }]));
    assert_eq!(found("B:10:00020000xx:CN=a"), (v2, vec![Fault::NotHex { offset: 13 }]));
    assert_eq!(found("B:9:000200000:CN=a"), (v2, vec![Fault::NotHex { offset: 12 }]));
    assert_eq!(found("B:8:00020000"), (v2, vec![Fault::NotDnBinary { offset: 12 }]));
    assert_eq!(found("CN=a"), (None, vec![Fault::NotDnBinary { offset: 0 }]));
    assert_eq!(found("B:8"), (None, vec![Fault::NotDnBinary { offset: 2 }]));
    assert_eq!(found("B:2:00:CN=a"), (None, vec![Fault::NoVersion { bytes: 1 }]));
    let dn = "a".repeat(20_000);
    assert_eq!(found(&format!("B:8:00020000:{dn}")), (v2, vec![Fault::LongDn { bytes: 20_000 }]));
    let hex = "0".repeat(200_000);
    assert_eq!(found(&format!("B:200000:{hex}:CN=a")), (None, vec![Fault::LongBlob { bytes: 100_000 }]));
    assert_eq!(KeyCredential::from_blob(&vec![0; 100_000]).faults, [Fault::LongBlob { bytes: 100_000 }]);
}

#[test]
fn what_is_wrong_with_the_blob_is_told() {
    let good = blob(WINDOWS_FORM);
    let changed = |at: usize, value: u8| {
        let mut bad = good.clone();
        bad[at] ^= value;
        KeyCredential::from_blob(&bad)
    };
    assert_eq!(changed(1, 1).faults, [Fault::Version(0x300)]);
    // A bit of KeyID, of KeyHash, of the key and of the last entry.
    assert_eq!(changed(7, 1).faults, [Fault::KeyId { offset: 4 }]);
    assert_eq!(changed(42, 1).faults, [Fault::KeyHash { offset: 39 }]);
    assert_eq!(changed(200, 1).faults, [Fault::KeyHash { offset: 39 }, Fault::KeyId { offset: 4 }]);
    let last = changed(410, 1);
    assert_eq!((last.faults.as_slice(), last.key_id_matches), (&[Fault::KeyHash { offset: 39 }][..], Some(true)));
    let cut = KeyCredential::from_blob(&good[..413]);
    let cut_value = Fault::CutValue { entry: EntryId::CREATION_TIME, offset: 403, stated: 8, found: 7 };
    assert_eq!(cut.faults, [Fault::KeyHash { offset: 39 }, cut_value]);
    assert_eq!(KeyCredential::from_blob(&good[..405]).faults[1], Fault::CutHeader { offset: 403 });
}

#[test]
fn entries_out_of_order_and_unknown_ones_are_kept() {
    let [id, key, usage] = least(b"key");
    let swapped = credential(&[id.clone(), usage.clone(), key.clone(), entry(200, b"new"), entry(0, b"")]);
    let unknown: Vec<_> = swapped.unknown_entries.iter().map(|entry| (entry.identifier, entry.bytes)).collect();
    assert_eq!(unknown, [(200, 3), (0, 0)]);
    let unread = Fault::Material { offset: 43, reason: "of no known form" };
    let order = |entry, offset| Fault::Order { entry: EntryId(entry), offset };
    assert_eq!(swapped.faults, [order(3, 43), order(0, 55), unread]);
    assert_eq!(swapped.key_id_matches, Some(true));

    let twice = credential(&[id.clone(), key.clone(), usage.clone(), entry(4, &[7])]);
    assert!(twice.faults.contains(&Fault::Repeated { entry: EntryId::KEY_USAGE, offset: 49 }), "{:?}", twice.faults);
    assert_eq!(twice.usage.map(|usage| usage.0), Some(1));

    let lengths = credential(&[entry(4, b""), entry(5, b"ab"), entry(6, b"c"), entry(7, b"d"), entry(8, b"")]);
    let found = lengths.faults.iter().filter(|fault| matches!(fault, Fault::Length { .. })).count();
    assert_eq!(found, 5);
    let missing = [1, 3].map(|entry| Fault::Missing(EntryId(entry)));
    assert_eq!(lengths.faults[5..], missing);

    let many = credential(&vec![entry(99, b""); 100]);
    assert_eq!(many.unknown_entries.len(), decode::key_credential::MAX_ENTRIES);
    assert_eq!(many.faults[0], Fault::Limit { offset: 4 + 3 * 64 });
    let long = credential(&[entry(1, &[0; 2000]), key, usage]);
    assert!(
        long.key_id.is_none() && long.faults.iter().any(|fault| matches!(fault, Fault::Length { bytes: 2000, .. }))
    );
    for fault in [swapped, twice, lengths, many, long].iter().flat_map(|credential| &credential.faults) {
        assert!(!fault.to_string().is_empty());
    }
}

#[test]
fn a_key_in_another_form_is_the_same_key() {
    let bcrypt = &blob(WINDOWS_FORM)[77..360];
    let (of_user, _) = material(bcrypt);
    let modulus = &bcrypt[27..];
    let pkcs1 = [&[0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0][..], modulus, &[2, 3, 1, 0, 1]].concat();
    let (of_computer, faults) = material(&pkcs1);
    assert_eq!((of_computer.form, faults), (MaterialForm::Pkcs1, vec![]));
    assert_eq!((of_computer.bcrypt_key_id, of_computer.key), (of_user.bcrypt_key_id.clone(), of_user.key.clone()));
    // TPM2B_PUBLIC of a signing key without a policy; exponent 0 is the default one.
    let header = [&b"PCPM\x0c\0\0\0\x02\0\0\0"[..], &[1, 0x16, 0, 1, 0, 0x0b, 0, 5, 0x24, 0x72, 0, 0]].concat();
    let parameters = [0, 0x10, 0, 0x14, 0, 0x0b, 8, 0, 0, 0, 0, 0, 1, 0];
    let blob = [&header[..], &parameters, modulus].concat();
    let (of_tpm, faults) = material(&blob);
    assert_eq!((of_tpm.form, faults), (MaterialForm::Tpm, vec![]));
    assert_eq!((of_tpm.bcrypt_key_id, of_tpm.roca_weak), (of_user.bcrypt_key_id, Some(false)));
    for form in [bcrypt, &pkcs1[..], &blob] {
        let more = [form, b"more"].concat();
        let (longer, faults) = material(&more);
        assert!(longer.key.is_some());
        // A TPM's blob goes on behind the public key.
        assert_eq!(faults.is_empty(), longer.form == MaterialForm::Tpm, "{faults:?}");
        for length in 1..form.len() {
            let (_, faults) = material(&form[..length]);
            assert!(faults.iter().any(|fault| matches!(fault, Fault::Material { .. })), "cut to {length}");
        }
    }
}

#[test]
fn a_security_keys_json_is_read() {
    // A P-256 key: a5 {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
    let mut data = [&[9; 32][..], &[0x41, 0, 0, 0, 1], &[7; 16], &[0, 4], b"cred"].concat();
    data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
    data.extend([1; 32]);
    data.extend([0x22, 0x58, 32]);
    data.extend([2; 32]);
    let json = |data: &[u8]| {
        let data = data_encoding::BASE64.encode(data);
        json!({"version": 1, "authData": data, "x5c": [], "displayName": "mia's key\u{1b}"}).to_string()
    };
    let read = |json: &str, id: &[u8]| credential(&[entry(1, id), entry(3, json.as_bytes()), entry(4, &[7])]);
    let whole = read(&json(&data), b"cred");
    assert_eq!((whole.faults.as_slice(), whole.key_id_matches), (&[][..], Some(true)));
    let fido = json!({"display_name": "mia's key\u{1b}", "aaguid": "07070707-0707-0707-0707-070707070707"});
    assert_eq!(shown(&whole)["material"]["fido"], fido);
    assert_eq!(shown(&whole)["material"]["key"], json!({"algorithm": "ec", "bits": 256}));
    assert_eq!(read(&json(&data), b"other").faults, [Fault::KeyId { offset: 4 }]);
    for length in 0..data.len() {
        let cut = read(&json(&data[..length]), b"cred");
        assert!(cut.faults.iter().any(|fault| matches!(fault, Fault::Material { .. })), "cut to {length}");
    }
    let json = json(&data);
    for length in 1..json.len() {
        let cut = read(&json[..length], b"cred");
        assert!(cut.faults.iter().any(|fault| matches!(fault, Fault::Material { .. })), "cut to {length}");
        assert_eq!(cut.key_id_matches, None);
    }
    let deep = format!("{{\"a\":{}", "[".repeat(60_000));
    assert_eq!(read(&deep, b"cred").faults.len(), 1);
}

#[test]
fn a_cut_value_never_passes_for_whole() {
    for golden in GOLDENS {
        let whole = blob(golden);
        for length in 0..whole.len() {
            let cut = KeyCredential::from_blob(&whole[..length]);
            // Of cuts between entries KeyHash tells.
            assert!(!cut.faults.is_empty(), "cut to {length}");
            shown(&cut);
        }
        let hex_end = golden.iter().rposition(|&byte| byte == b':').expect("a colon");
        for length in 0..golden.len() {
            let cut = KeyCredential::from_dn_binary(&golden[..length]);
            assert!(length > hex_end || !cut.faults.is_empty(), "text cut to {length}");
            shown(&cut);
        }
    }
}

/// A fixture's bytes; `None`, said aloud, where the shared folder is absent.
#[expect(clippy::print_stdout, reason = "a test that skips says so")]
fn fixture(name: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder =
        std::env::var_os("HELLOTRACE_SHARED").map_or(beside, PathBuf::from).join("captures/fixtures/keycredential");
    if !folder.is_dir() {
        println!("skipped {name}: no fixtures in {}", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(name)).expect(name))
}

fn published(name: &str) -> Option<KeyCredential> {
    Some(KeyCredential::from_blob(&fixture(&format!("dsinternals_KeyCredential_Parse_{name}.bin"))?))
}

#[test]
fn published_sign_in_keys() {
    for (name, form, source, weak, created) in [
        ("UserKey1", "bcrypt", "AD", false, "2018-06-13T22:32:38.168454500Z"),
        ("UserKey2", "bcrypt", "Entra ID", false, "2017-11-13T16:29:24.565746600Z"),
        ("UserKey3", "bcrypt", "Entra ID", true, "2017-07-19T07:41:02.645448100Z"),
        ("UserKey4", "bcrypt", "Entra ID", false, "2017-04-06T09:45:07.907002800Z"),
        ("ComputerKey", "pkcs1", "AD", false, "2018-05-28T08:06:51.614480900Z"),
        ("NonMFAKey", "pkcs1", "AD", false, "2017-08-23T15:41:01.355120200Z"),
        ("DeviceKey_RSA", "bcrypt", "AD", false, "2018-06-11T20:36:07.550726400Z"),
        ("DeviceKey_TPM", "tpm", "AD", false, "2019-08-02T18:11:37.566551200Z"),
    ] {
        let Some(credential) = published(name) else { return };
        assert_eq!(credential.faults, [], "{name}");
        assert_eq!((credential.key_id_matches, credential.key_hash_matches), (Some(true), Some(true)), "{name}");
        let fields = shown(&credential);
        assert_eq!(fields["material"]["form"], form, "{name}");
        assert_eq!(fields["material"]["key"], json!({"algorithm": "rsa", "bits": 2048}), "{name}");
        assert_eq!(fields["material"]["roca_weak"], weak, "{name}");
        assert_eq!((&fields["source_name"], &fields["created"]), (&json!(source), &json!(created)), "{name}");
        let matches = credential.key_id == credential.material.and_then(|material| material.bcrypt_key_id);
        assert_eq!(matches, form == "bcrypt", "{name}");
    }
    let Some(never) = published("UserKey2") else { return };
    assert_eq!(shown(&never)["last_logon"], "never");
    let Some(single_factor) = published("NonMFAKey") else { return };
    assert!(single_factor.custom_key_information.expect("one").mfa_not_used());
}

#[test]
fn published_security_keys() {
    for (name, display_name, aaguid, attestation) in [
        ("0", "Yubikey 5", "fa2b99dc-9e39-4257-8f92-4a30d23c4118", 1),
        ("1", "YubiKey FIDO2", "f8a011f3-8c0a-4d15-8006-17111f9edc7d", 1),
        ("4", "Feitian AllinPass FIDO2", "12ded745-4bed-47d4-abaa-e713f51d6393", 1),
        ("5", "Feitian BioPass FIDO2", "77010bd7-212a-4fc9-b236-d2ca5e9d4084", 1),
        ("6", "eWBM Goldengate G310", "95442b2e-f15e-4def-b270-efb106facb4e", 1),
        ("7", "eWMB Goldengate G320", "87dbc5a1-4c94-4dc8-8a47-97d800fd1f3c", 1),
    ] {
        let Some(credential) = published(&format!("UserKeyFIDO{name}")) else { return };
        assert_eq!((credential.key_id_matches, credential.key_hash_matches), (Some(true), Some(true)), "{name}");
        let fields = shown(&credential);
        assert_eq!((&fields["usage_name"], &fields["last_logon"]), (&json!("FIDO"), &json!("never")), "{name}");
        assert_eq!(fields["material"]["key"], json!({"algorithm": "ec", "bits": 256}), "{name}");
        let fido = credential.material.and_then(|material| material.fido).expect("what is said of it");
        assert_eq!(fido.display_name.map(|name| name.to_string()).as_deref(), Some(display_name));
        assert_eq!((fido.aaguid.as_deref(), fido.attestation.len()), (Some(aaguid), attestation), "{name}");
    }
    // Two that are something else.
    for name in ["2", "3"] {
        let Some(other) = published(&format!("UserKeyFIDO{name}")) else { return };
        assert!(matches!(other.faults[0], Fault::Version(_)), "{:?}", other.faults);
    }
}

#[test]
fn published_values_of_tools() {
    for name in ["dsinternals_DNWithBinary_Vector1", "manticore_0", "pydsinternals_key01", "pydsinternals_key02"] {
        let Some(text) = fixture(&format!("{name}.dnbin.txt")) else { return };
        let credential = KeyCredential::from_dn_binary(text.trim_ascii());
        assert_eq!((credential.faults.as_slice(), credential.key_id_matches), (&[][..], Some(true)), "{name}");
        assert!(credential.dn.is_some_and(|dn| dn.to_string().starts_with("CN")), "{name}");
    }
    let Some(impacket) = published("Impacket") else { return };
    let time = |entry, offset| Fault::TimeForm { entry, offset };
    let times = [time(EntryId::LAST_LOGON, 392), time(EntryId::CREATION_TIME, 403)];
    assert_eq!(impacket.faults[0], Fault::KeyHash { offset: 39 });
    assert_eq!((&impacket.faults[1..], impacket.key_id_matches), (&times[..], Some(true)));
}

#[test]
fn published_entries_one_by_one() {
    let read =
        |name: &str| fixture(&format!("samba_test_unpack_{name}.bin")).map(|blob| KeyCredential::from_blob(&blob));
    let field = |name: &str, field: &str| read(name).map(|credential| shown(&credential)[field].clone());
    let Some(usage) = field("KeyUsage", "usage") else { return };
    assert_eq!(usage, 1);
    assert_eq!(field("KeyId", "key_id"), Some(json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")));
    assert_eq!(field("KeyHash", "key_hash_matches"), Some(json!(false)));
    assert_eq!(field("KeySource", "source_name"), Some(json!("AD")));
    assert_eq!(field("DeviceId", "device_id"), Some(json!("03020100-0504-0706-0809-0a0b0c0d0e0f")));
    assert_eq!(field("LastLogon", "last_logon"), Some(json!("2025-06-03T21:43:22.760000000Z")));
    let custom = |name: &str| field(&format!("CustomKeyInformation{name}"), "custom_key_information");
    assert_eq!(custom(""), Some(json!({"version": 1, "flags": 2})));
    let extended = |flags, volume, notification, fek, strength| {
        Some(json!({
            "version": 1, "flags": flags, "volume_type": volume, "supports_notification": notification,
            "fek_key_version": fek, "key_strength": strength,
        }))
    };
    assert_eq!(custom("ExtendedNoCki"), extended(3, 2, 1, 1, 1));
    assert_eq!(custom("ExtendedOneCki"), extended(0, 0, 0, 1, 0));
    assert_eq!(custom("ExtendedTwoCki"), extended(1, 3, 1, 1, 2));
    let Some(full) = read("full") else { return };
    let wrong = [Fault::KeyHash { offset: 39 }, Fault::KeyId { offset: 4 }];
    assert!(wrong.iter().all(|fault| full.faults.contains(fault)), "{:?}", full.faults);
    for (name, form) in [("bcrypt", MaterialForm::Bcrypt), ("der", MaterialForm::Spki)] {
        let Some(bytes) = fixture(&format!("samba_test_unpack_{name}_key_material.bin")) else { return };
        let (found, faults) = material(&bytes);
        assert_eq!((found.form, faults), (form, vec![]), "{name}");
        assert_eq!(found.key.map(|key| key.bits), Some(2048), "{name}");
    }
    // Made up for a test of Samba's: the length of its header does not lead to the public key.
    let Some(bytes) = fixture("samba_test_unpack_tpm_key_material.bin") else { return };
    let (found, faults) = material(&bytes);
    assert_eq!((found.form, found.key, faults.len()), (MaterialForm::Tpm, None, 1));
    assert_eq!(read("empty_key_blob").map(|empty| empty.faults.len()), Some(3));
    assert_eq!(read("empty_key_blob_invalid_version").map(|empty| empty.faults[0]), Some(Fault::Version(0x300)));
    assert_eq!(read("short_key_blob").map(|short| short.faults), Some(vec![Fault::NoVersion { bytes: 3 }]));
}

#[test]
fn a_key_alone_has_the_identifier_of_its_value() {
    let Some(key) = fixture("dsinternals_KeyCredential_Generate_UserKey_FromCertificate.bin") else { return };
    let Some(value) = fixture("dsinternals_KeyCredential_Generate_UserKey_FromPublicKey.bin") else { return };
    let (found, faults) = material(&key);
    let value = KeyCredential::from_blob(&value);
    assert_eq!((faults, value.faults.as_slice(), found.bcrypt_key_id), (vec![], &[][..], value.key_id));
    let Some(computers) = fixture("dsinternals_KeyCredential_Generate_CompouterKey_FromPublicKey.bin") else { return };
    let Some(value) = published("ComputerKey") else { return };
    let (found, faults) = material(&computers);
    assert_eq!((faults, Some(found)), (vec![], value.material));
}

proptest! {
    // A failing case is worth a test of its own rather than a seed in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for credential in [KeyCredential::from_blob(&bytes), KeyCredential::from_dn_binary(&bytes)] {
            shown(&credential);
            let text = credential.to_string();
            prop_assert!(text.chars().all(|character| !character.is_control()), "{}", text);
        }
    }

    #[test]
    fn arbitrary_entries_never_panic(
        entries in proptest::collection::vec((0..12_u8, proptest::collection::vec(any::<u8>(), 0..40)), 0..80),
        magic in prop::sample::select(vec![&b"RSA1"[..], b"PCPM\x0c\0\0\0\x02\0\0\0", b"0\x82\x01", b"{\"authData\":\"", b""]),
    ) {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(identifier, value)| entry(identifier, &if identifier == 3 { [magic, &value].concat() } else { value }))
            .collect();
        shown(&credential(&entries));
    }

    #[test]
    fn changed_goldens_never_panic(
        which in 0..GOLDENS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = blob(GOLDENS[which]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        shown(&KeyCredential::from_blob(&bytes));
    }
}
