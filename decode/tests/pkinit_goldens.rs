//! PKINIT values recorded in the lab: every field that is kept of them, and that no damage to them is fatal.
//!
//! Expected values are those of `openssl asn1parse` over the same bytes. `data/pkinit/README.md` says where each file
//! comes from.

use decode::kerberos::pkinit::{self, KeyAgreement, Reply, ReplyForm, Request};
use proptest::prelude::{Strategy, any, prop, proptest};

const REQUESTS: [&str; 8] = [
    "keytrust_heimdal",
    "keytrust_mit",
    "windows_like",
    "python",
    "enckey",
    "ecdh",
    "certtrust_sid",
    "selfsigned_nocert",
];
const REPLIES: [&str; 7] =
    ["keytrust_heimdal", "keytrust_mit", "windows_like", "python", "kdc_noeku", "kdc_expired", "kdc_nosan"];

/// What Heimdal lists in supportedCMSTypes, duplicates included.
const HEIMDAL_CMS_TYPES: [&str; 16] = [
    "1.2.840.113549.1.1.13",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.4",
    "1.2.752.43.16.1",
    "2.16.840.1.101.3.4.2.3",
    "2.16.840.1.101.3.4.2.2",
    "2.16.840.1.101.3.4.2.1",
    "1.3.14.3.2.26",
    "1.2.840.113549.2.5",
    "1.2.840.113549.3.7",
    "2.16.840.1.101.3.4.1.2",
    "2.16.840.1.101.3.4.1.42",
];
const MIT_CMS_TYPES: [&str; 2] = ["1.2.840.113549.1.1.13", "1.2.840.113549.1.1.11"];
const MIT_KDFS: [&str; 3] = ["1.3.6.1.5.2.3.6.2", "1.3.6.1.5.2.3.6.1", "1.3.6.1.5.2.3.6.3"];
const CA: &str = "CN=CORP Issuing CA,DC=corp,DC=example";
const THROWAWAY_CA: &str = "CN=Throwaway client CA not known to the KDC,DC=corp,DC=example";

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/pkinit/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn request(name: &str) -> Request {
    pkinit::request(&golden(&format!("{name}.req")), None)
}

fn reply(name: &str) -> Reply {
    pkinit::reply(&golden(&format!("{name}.rep")))
}

fn ctime(request: &Request) -> String {
    request.ctime.map(|time| time.to_string()).unwrap_or_default()
}

const OAKLEY_2: KeyAgreement = KeyAgreement::Dh { group: Some("modp-1024"), bits: 1024 };
const GROUP_14: KeyAgreement = KeyAgreement::Dh { group: Some("modp-2048"), bits: 2048 };

#[test]
fn key_trust_of_heimdal() {
    let request = request("keytrust_heimdal");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x705e_2404));
    assert_eq!(ctime(&request), "2026-11-22T09:56:36.000000000Z");
    assert_eq!(request.cusec, Some(0));
    assert!(request.checksum && !request.checksum2 && !request.freshness_token && !request.kdc_pk_id);
    assert_eq!(request.key_agreement, OAKLEY_2);
    assert!(request.client_dh_nonce);
    assert_eq!(request.supported_cms_types.as_deref().unwrap(), HEIMDAL_CMS_TYPES);
    assert_eq!(request.supported_kdfs, None);
    assert_eq!(request.trusted_certifiers, [CA]);
    let signed = &request.signed;
    assert_eq!(signed.content_type.as_deref(), Some("1.3.6.1.5.2.3.1"));
    assert!(!signed.bare);
    assert_eq!(signed.digest.as_deref(), Some("sha512"));
    assert_eq!(signed.signature_algorithm.as_deref(), Some("rsa-sha512"));
    assert_eq!((signed.signers, signed.unreadable_certificates, signed.certificates.len()), (1, 0, 1));
    let by = signed.signer.as_ref().unwrap();
    assert!(by.by_key_identifier, "a0 16 04 14 is a key identifier, tagged EXPLICIT");
    assert_eq!(by.key_identifier.as_deref(), Some("d5ca3f4a3695a08450342deddf25b9c1720300c5"));
    assert_eq!((by.certificate, by.verified, by.reason), (Some(0), Some(true), None));
    assert!(signed.signer_certificate().unwrap().self_signed);
}

#[test]
fn key_trust_of_mit_shows_another_certificate() {
    let request = request("keytrust_mit");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x3479_0c9a));
    assert_eq!(ctime(&request), "2026-11-22T09:58:46.000000000Z");
    assert_eq!(request.cusec, Some(0x0c_f639));
    assert!(request.checksum && !request.checksum2 && request.freshness_token);
    assert_eq!(request.key_agreement, GROUP_14);
    assert!(!request.client_dh_nonce);
    assert_eq!(request.supported_cms_types.as_deref().unwrap(), MIT_CMS_TYPES);
    assert_eq!(request.supported_kdfs.as_deref().unwrap(), MIT_KDFS);
    assert_eq!(request.trusted_certifiers, [CA, THROWAWAY_CA, "CN=Untrusted CA,DC=corp,DC=example"]);
    assert_eq!(request.signed.digest.as_deref(), Some("sha256"));
    assert_eq!(request.signed.signature_algorithm.as_deref(), Some("rsa-sha256"));
    let signer = request.signed.signer.as_ref().unwrap();
    assert!(!signer.by_key_identifier);
    assert_eq!(signer.issuer.as_deref(), Some(THROWAWAY_CA));
    assert_eq!(signer.serial.as_deref(), Some("1000"));
    assert_eq!(signer.certificate, Some(0));
}

#[test]
fn a_subject_as_windows_writes_it_names_the_user() {
    let request = request("windows_like");
    assert_eq!(request.nonce, Some(0x7ccd_2cbc));
    assert_eq!(ctime(&request), "2026-11-22T10:12:35.000000000Z");
    let certificate = request.signed.signer_certificate().unwrap();
    let name = certificate.hello_name().unwrap();
    assert_eq!(name.sid, "S-1-12-1-1234567890-1098765432-2345678901-3456789012");
    assert_eq!(name.upn, "alice@corp.example");
    assert!(certificate.self_signed && !certificate.is_sid_name());
    assert_eq!(request.signed.signer.as_ref().unwrap().certificate, Some(0));
}

#[test]
fn sha1_and_plain_rsa_of_a_python_client() {
    let request = request("python");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x42af_828a));
    assert_eq!(request.cusec, Some(0x0e_1690));
    assert_eq!(request.signed.digest.as_deref(), Some("sha1"));
    assert_eq!(request.signed.signature_algorithm.as_deref(), Some("rsa"));
    assert_eq!(request.key_agreement, OAKLEY_2);
    assert!(request.client_dh_nonce);
    assert_eq!((request.supported_cms_types, request.supported_kdfs), (None, None));
    assert!(request.trusted_certifiers.is_empty());
    let reply = reply("python");
    assert_eq!(reply.signed.digest.as_deref(), Some("sha1"));
    assert_eq!(reply.signed.signature_algorithm.as_deref(), Some("rsa-sha1"));
    assert_eq!(reply.nonce, Some(0x42af_828a));
    assert_eq!(reply.signed.signer_certificate().unwrap().serial, "100b");
}

#[test]
fn rsa_transport_has_no_public_value_and_an_encrypted_reply() {
    let request = request("enckey");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x3f03_3450));
    assert_eq!(request.key_agreement, KeyAgreement::Rsa);
    assert!(!request.client_dh_nonce);
    assert_eq!(request.supported_cms_types.as_deref().unwrap(), HEIMDAL_CMS_TYPES);
    let reply = reply("enckey");
    assert_eq!(reply.form, ReplyForm::EncKeyPack);
    assert_eq!((reply.stopped, reply.nonce), (None, None));
    assert!(reply.signed.certificates.is_empty() && reply.signed.signer.is_none());
}

#[test]
fn elliptic_curves_and_the_second_checksum() {
    let request = request("ecdh");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x2540_02cc));
    assert_eq!(request.key_agreement, KeyAgreement::Ecdh { curve: "P-256".to_owned(), bits: 256 });
    assert!(request.checksum && request.checksum2 && request.freshness_token);
    assert_eq!(
        request.supported_cms_types.as_deref().unwrap(),
        ["1.2.840.10045.4.3.4", "1.2.840.10045.4.3.2", MIT_CMS_TYPES[0], MIT_CMS_TYPES[1]]
    );
}

#[test]
fn a_certificate_of_a_ca_with_the_accounts_sid() {
    let request = request("certtrust_sid");
    assert_eq!(request.nonce, Some(0x1756_edf2));
    let certificate = request.signed.signer_certificate().unwrap();
    assert_eq!(certificate.sid.as_deref(), Some("S-1-5-21-2343287789-258098456-3815239209-1106"));
    assert_eq!(certificate.subject, "CN=dave,DC=corp,DC=example");
    assert!(!certificate.self_signed);
}

#[test]
fn a_signer_whose_certificate_was_left_out_is_still_named() {
    let request = request("selfsigned_nocert");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x0d30_d368));
    assert!(request.signed.certificates.is_empty());
    assert_eq!(request.signed.signature_algorithm.as_deref(), Some("rsa-sha256"));
    let signer = request.signed.signer.as_ref().unwrap();
    assert_eq!(signer.certificate, None);
    assert_eq!(signer.issuer.as_deref(), Some("CN=alice@corp.example"));
    assert_eq!(signer.serial.as_deref(), Some("4f1b2ff19516d94c3a7b75367abec70035dc7ec7"));
    assert!(request.signed.signer_certificate().is_none());
    assert_eq!(request.trusted_certifiers, [CA, "CN=alice@corp.example"]);
}

#[test]
fn nobody_signs_an_anonymous_request() {
    let request = request("anonymous");
    assert_eq!(request.stopped, None);
    assert_eq!(request.nonce, Some(0x3da9_5303));
    assert_eq!(request.cusec, Some(0x2142));
    assert!(request.freshness_token);
    assert_eq!(request.key_agreement, GROUP_14);
    let signed = &request.signed;
    assert!(signed.signer.is_none() && signed.certificates.is_empty() && signed.digest.is_none());
    let reply = reply("anonymous");
    assert_eq!(reply.nonce, request.nonce);
    assert_eq!(reply.kdf.as_deref(), Some("1.3.6.1.5.2.3.6.2"));
    assert_eq!(reply.signed.signer_certificate().unwrap().san.pkinit, ["krbtgt/MIT.EXAMPLE@MIT.EXAMPLE"]);
}

#[test]
fn replies_repeat_the_nonce_and_carry_the_kdc_certificate() {
    for name in ["keytrust_heimdal", "keytrust_mit", "windows_like", "python"] {
        let (request, reply) = (request(name), reply(name));
        assert_eq!(reply.stopped, None, "{name}");
        assert_eq!(reply.form, ReplyForm::DhInfo, "{name}");
        assert_eq!(reply.nonce, request.nonce, "{name}");
        assert_eq!(reply.signed.content_type.as_deref(), Some("1.3.6.1.5.2.3.2"), "{name}");
        assert_eq!(reply.signed.signer.as_ref().unwrap().certificate, Some(0), "{name}");
        assert_eq!(reply.signed.signer_certificate().unwrap().subject, "CN=dc1.corp.example", "{name}");
        assert_eq!((reply.server_dh_nonce, reply.kdf, reply.dh_key_expiration), (false, None, None), "{name}");
        let KeyAgreement::Dh { bits, .. } = request.key_agreement else { panic!("{name}") };
        let public = reply.public_key_bits.unwrap();
        assert!(public <= bits && public > bits - 16, "{name}: {public}");
    }
    assert_eq!(reply("keytrust_heimdal").signed.digest.as_deref(), Some("sha512"));
    assert_eq!(reply("keytrust_heimdal").nonce, Some(0x705e_2404));
}

#[test]
fn defects_of_kdc_certificates_are_there_to_be_judged() {
    let certificate = |name| reply(name).signed.signer_certificate().cloned().unwrap();
    let no_eku = certificate("kdc_noeku");
    assert_eq!(no_eku.eku.as_deref().unwrap(), ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    let expired = certificate("kdc_expired");
    assert_eq!(expired.not_after.to_string(), "2025-01-01T00:00:00Z");
    let no_san = certificate("kdc_nosan");
    assert_eq!(no_san.san, decode::x509::AlternativeNames::default());
}

#[test]
fn recorded_signatures_hold() {
    let signers = REQUESTS.map(|name| (name, request(name).signed.signer.unwrap()));
    for (name, signer) in signers {
        if name == "selfsigned_nocert" {
            assert_eq!(signer.verified, None);
            assert_eq!(signer.reason, Some("the signer's certificate is not in the message"));
        } else {
            assert_eq!((signer.verified, signer.reason), (Some(true), None), "{name}");
        }
    }
    for name in REPLIES {
        let signer = reply(name).signed.signer.unwrap();
        assert_eq!((signer.verified, signer.reason), (Some(true), None), "{name}");
    }
}

#[test]
fn every_truncation_is_taken_and_named() {
    for name in REQUESTS.into_iter().chain(["anonymous"]) {
        let bytes = golden(&format!("{name}.req"));
        for length in 0..bytes.len() {
            assert!(pkinit::request(&bytes[..length], None).stopped.is_some(), "{name} cut to {length}");
        }
    }
    for name in REPLIES.into_iter().chain(["anonymous", "enckey"]) {
        let bytes = golden(&format!("{name}.rep"));
        for length in 0..bytes.len() {
            assert!(pkinit::reply(&bytes[..length]).stopped.is_some(), "{name} cut to {length}");
        }
    }
}

#[test]
fn a_request_that_cannot_be_read_does_not_claim_rsa_transport() {
    assert_eq!(pkinit::request(&[], None).key_agreement, KeyAgreement::UNREAD);
    assert_eq!(pkinit::request(&[0x30, 0], None).key_agreement, KeyAgreement::UNREAD);
}

/// A message and up to eight bytes of it to change.
fn damaged(names: &'static [&'static str], suffix: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    (prop::sample::select(names), changes).prop_map(move |(name, changes)| {
        let mut bytes = golden(&format!("{name}.{suffix}"));
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn a_damaged_request_never_panics(bytes in damaged(&REQUESTS, "req")) {
        let _ = pkinit::request(&bytes, None);
        let _ = pkinit::reply(&bytes);
    }

    #[test]
    fn a_damaged_reply_never_panics(bytes in damaged(&REPLIES, "rep")) {
        let _ = pkinit::reply(&bytes);
        let _ = pkinit::request(&bytes, None);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = pkinit::request(&bytes, None);
        let _ = pkinit::reply(&bytes);
    }
}
