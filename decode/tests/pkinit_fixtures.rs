//! Published PKINIT messages, certificates and key credentials that are not ours to redistribute.
//!
//! They are read where they lie: in the folder that HELLOTRACE_SHARED names, or in `shared` beside the repository.
//! Where there is none, each test says that it was skipped.

use std::path::{Path, PathBuf};

use decode::der::{Element, Reader, Tag};
use decode::kerberos::pkinit::{self, KeyAgreement, ReplyForm};
use decode::x509::Certificate;

/// A fixture's bytes; `None`, said aloud, where the shared folder is absent.
#[expect(clippy::print_stdout, reason = "a test that skips says so")]
fn fixture(name: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("HELLOTRACE_SHARED").map_or(beside, PathBuf::from).join("captures/fixtures");
    if !folder.is_dir() {
        println!("skipped {name}: no fixtures in {}", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(name)).expect(name))
}

fn element(bytes: &[u8]) -> Element<'_> {
    Reader::new(bytes).element().expect("an element")
}

/// The value of the padata of this type in an AS-REQ or AS-REP.
fn padata(message: &[u8], kind: i64) -> Vec<u8> {
    let message = element(message).inner().expect("KDC-REQ or KDC-REP");
    let mut fields = message.reader();
    while !fields.is_empty() {
        let field = fields.element().expect("a field");
        let Ok(list) = field.inner_expect(Tag::SEQUENCE) else { continue };
        let mut entries = list.reader();
        while let Ok(entry) = entries.expect(Tag::SEQUENCE) {
            let mut parts = entry.reader();
            let (Ok(number), Ok(value)) = (parts.expect(Tag::context(1)), parts.expect(Tag::context(2))) else { break };
            if number.inner().and_then(|number| number.integer()) == Ok(kind) {
                return value.inner().expect("padata-value").contents.to_vec();
            }
        }
    }
    panic!("no padata {kind}")
}

#[test]
fn a_windows_client_of_2019() {
    let Some(bytes) = fixture("kerberos.net/PKInitTests_signedPkAsReq.der") else { return };
    let request = pkinit::request(&bytes, None);
    assert_eq!(request.stopped, None);
    assert!(request.trusted_certifiers.is_empty() && !request.kdc_pk_id);
    assert_eq!(request.signed.digest.as_deref(), Some("sha1"));
    assert_eq!(request.signed.signature_algorithm.as_deref(), Some("rsa"));
    let signer = request.signed.signer.as_ref().unwrap();
    assert!(!signer.by_key_identifier);
    assert_eq!((signer.certificate, request.signed.certificates.len()), (Some(0), 1));
    assert!(request.checksum && !request.checksum2 && !request.freshness_token);
    assert_eq!(request.key_agreement, KeyAgreement::Dh { group: Some("modp-1024"), bits: 1024 });
    assert_eq!(request.supported_cms_types.as_deref(), Some(&[][..]), "present and empty");
    assert_eq!(request.supported_kdfs, None);
    assert!(request.client_dh_nonce);
    assert_eq!(request.ctime.unwrap().to_string(), "2019-12-20T16:44:40.000000000Z");
    assert_eq!((signer.verified, signer.reason), (Some(true), None));
    let certificate = request.signed.signer_certificate().unwrap();
    assert_eq!(certificate.san.upn, ["testuser@blah.corp.internal222"]);
    assert!(!certificate.self_signed);
    let template = certificate.template.as_ref().unwrap();
    assert!(template.name.is_empty() && template.oid.ends_with(".210.5711314.14774471"), "a template of its own");
}

#[test]
fn a_windows_domain_controller_of_2019() {
    let Some(bytes) = fixture("kerberos.net/PKInitTests_signedPkAsRep.der") else { return };
    let reply = pkinit::reply(&bytes);
    assert_eq!((reply.stopped.as_ref(), reply.form), (None, ReplyForm::DhInfo));
    assert!(reply.server_dh_nonce);
    assert_eq!(reply.kdf, None);
    assert_eq!(reply.nonce, Some(1_142_772_137), "the request's");
    assert_eq!(reply.dh_key_expiration.unwrap().to_string(), "2019-12-20T18:44:40.000000000Z");
    assert_eq!(reply.signed.digest.as_deref(), Some("sha1"));
    assert_eq!(reply.signed.signature_algorithm.as_deref(), Some("rsa"));
    assert_eq!(reply.signed.signer.as_ref().unwrap().verified, Some(true));
    assert_eq!(reply.signed.certificates.len(), 1, "the leaf only");
    let certificate = reply.signed.signer_certificate().unwrap();
    assert_eq!(certificate.subject, "");
    assert_eq!(certificate.san.dns, ["dc02.corp.identityintervention.com", "corp.identityintervention.com", "corp"]);
    assert_eq!(
        certificate.eku.as_deref().unwrap(),
        ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.2.3.5"]
    );
    assert_eq!(certificate.key_usage.as_deref().unwrap(), ["digitalSignature", "keyEncipherment"]);
    assert_eq!(certificate.signature_algorithm, "rsa-sha256");
    let template = certificate.template.as_ref().unwrap();
    assert_eq!(template.name, "KerberosAuthentication");
    assert!(template.oid.ends_with(".1.33"));
    assert!(matches!(certificate.crl_urls.as_slice(), [url] if url.starts_with("ldap:///")));
}

#[test]
fn a_windows_domain_controller_of_2025_with_the_old_template() {
    let name = "scapy/kerberos_PKINIT_Parse_AS_REP_with_CMS_structures_MIT_Kerberos__Kerberos.bin";
    let Some(bytes) = fixture(name) else { return };
    let reply = pkinit::reply(&padata(&bytes, 17));
    assert_eq!(reply.stopped, None);
    assert_eq!((reply.server_dh_nonce, reply.dh_key_expiration, reply.kdf.as_ref()), (false, None, None));
    assert_eq!(reply.signed.digest.as_deref(), Some("sha256"));
    assert_eq!(reply.signed.signature_algorithm.as_deref(), Some("rsa"));
    assert_eq!(reply.public_key_bits, Some(2048));
    assert_eq!(reply.signed.signer.as_ref().unwrap().verified, Some(true));
    let certificate = reply.signed.signer_certificate().unwrap();
    assert_eq!(certificate.template.as_ref().unwrap().name, "DomainController");
    assert_eq!(certificate.eku.as_deref().unwrap(), ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
    assert_eq!(certificate.san.dns, ["DC1.DOMAIN.LOCAL"]);
    assert_eq!(certificate.san.other, ["1.3.6.1.4.1.311.25.1"]);
    assert_eq!(certificate.sid.as_deref(), Some("S-1-5-21-1322257866-4035133662-1140769222-1000"));
}

#[test]
fn the_second_checksum_under_tag_5() {
    let name = "scapy/kerberos_PKINIT_Parse_AS_REQ_with_CMS_structures_MIT_Kerberos__Kerberos.bin";
    let Some(bytes) = fixture(name) else { return };
    let request = pkinit::request(&padata(&bytes, 16), None);
    assert_eq!(request.stopped, None);
    assert!(request.checksum && request.checksum2 && !request.freshness_token);
    assert_eq!(request.key_agreement, KeyAgreement::Dh { group: Some("modp-2048"), bits: 2048 });
    assert_eq!(request.supported_kdfs.as_ref().map(Vec::len), Some(3));
    let certificate = request.signed.signer_certificate().unwrap();
    assert_eq!(certificate.template.as_ref().unwrap().name, "User");
    assert_eq!(certificate.sid.as_deref(), Some("S-1-5-21-1322257866-4035133662-1140769222-500"));
}

#[test]
fn messages_of_kerby() {
    let Some(bytes) = fixture("kerby/pkinit_anonymous_asreq.der") else { return };
    let request = pkinit::request(&padata(&bytes, 16), None);
    assert_eq!((request.stopped, request.nonce), (None, Some(1_797_404_543)));
    assert!(request.signed.signer.is_none());
    let reply = pkinit::reply(&padata(&fixture("kerby/pkinit_anonymous_asrep.der").unwrap(), 17));
    assert_eq!((reply.stopped, reply.nonce), (None, Some(1_797_404_543)));
    assert_eq!(reply.kdf.as_deref(), Some("1.3.6.1.5.2.3.6.2"));
    let certificate = reply.signed.signer_certificate().unwrap();
    assert_eq!(certificate.subject, "emailAddress=JIAJIA.LI@INTEL.COM,CN=JIAJIA,OU=INTEL,O=INTEL,L=SH,ST=SH,C=CN");
    let request = pkinit::request(&padata(&fixture("kerby/pkinit_rsa_asreq.der").unwrap(), 16), None);
    assert_eq!((request.stopped, request.key_agreement), (None, KeyAgreement::Rsa));
    let reply = pkinit::reply(&padata(&fixture("kerby/pkinit_rsa_asrep.der").unwrap(), 17));
    assert_eq!((reply.stopped, reply.form), (None, ReplyForm::EncKeyPack));
}

#[test]
fn encoder_samples_of_mit_whose_parts_are_no_cms() {
    let Some(bytes) = fixture("mit-krb5/pkinit_pa_pk_as_req.der") else { return };
    let request = pkinit::request(&bytes, None);
    assert!(request.kdc_pk_id);
    assert!(request.stopped.unwrap().starts_with("CMS: "));
    assert_eq!(request.key_agreement, KeyAgreement::UNREAD);
    let reply = pkinit::reply(&fixture("mit-krb5/pkinit_pa_pk_as_rep_dhInfo.der").unwrap());
    assert!(reply.server_dh_nonce && reply.kdf.is_some() && reply.stopped.is_some());
    let reply = pkinit::reply(&fixture("mit-krb5/pkinit_pa_pk_as_rep_encKeyPack.der").unwrap());
    assert_eq!(reply.form, ReplyForm::EncKeyPack);
}

/// The value of an entry of a key credential, MS-ADTS 2.2.20.2.
fn credential_entry(blob: &[u8], wanted: u8) -> Vec<u8> {
    let mut rest = &blob[4..];
    while let [low, high, id, after @ ..] = rest {
        let (value, next) = after.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        if *id == wanted {
            return value.to_vec();
        }
        rest = next;
    }
    panic!("no entry {wanted}")
}

#[test]
fn key_ids_of_users_are_those_of_the_directory() {
    for (name, base64) in [
        ("UserKey1", Some("IHF64FL8z1RqrQ1R6Hiq1pzgT9w59ajY4866a8tNoOc=")),
        ("UserKey2", None),
        ("UserKey3", None),
        ("UserKey4", None),
    ] {
        let Some(blob) = fixture(&format!("keycredential/dsinternals_KeyCredential_Parse_{name}.bin")) else { return };
        let material = credential_entry(&blob, 3);
        let certificate = Certificate::parse(&made_up(&material[material.len() - 256..])).unwrap();
        assert_eq!(from_base64(&certificate.key_id), credential_entry(&blob, 1), "{name}");
        if let Some(base64) = base64 {
            assert_eq!(certificate.key_id, base64, "{name}");
        }
    }
}

#[test]
fn a_computers_certificate_has_its_sid_for_a_name() {
    let name = "keycredential/dsinternals_KeyCredential_Generate_CompouterKey_FromCertificate.bin";
    let Some(blob) = fixture(name) else { return };
    // A stored certificate of Windows: properties first, the certificate last.
    let certificate = (0..blob.len()).find_map(|start| Certificate::parse(&blob[start..]).ok()).unwrap();
    assert_eq!(certificate.subject, "CN=S-1-5-21-1236425271-2880748467-2592687428-1108");
    assert!(certificate.is_sid_name() && certificate.self_signed);
    assert_eq!(certificate.hello_name(), None);
    assert_eq!(certificate.not_after.to_string(), "2049-08-04T13:40:30Z");
}

/// Base64 read back, for comparison with the directory's bytes.
fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = text.chars().filter_map(|letter| ALPHABET.find(letter));
    let bits: Vec<usize> = sextets.flat_map(|sextet| (0..6).rev().map(move |place| (sextet >> place) & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, &bit| (value << 1) | u8::from(bit == 1))).collect()
}

fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).expect("short enough").to_be_bytes();
    [&[tag, 0x82], &length[..], contents].concat()
}

/// A certificate with this modulus and the exponent 65,537.
fn made_up(modulus: &[u8]) -> Vec<u8> {
    const ECDSA: [u8; 12] = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    const RSA: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let numbers = wrap(0x30, &[&wrap(2, &[&[0], modulus].concat())[..], &[2, 3, 1, 0, 1]].concat());
    let key_info = wrap(0x30, &[&RSA[..], &wrap(3, &[&[0], &numbers[..]].concat())].concat());
    let validity = [&[0x30, 30, 0x17, 13][..], b"200101000000Z", &[0x17, 13], b"300101000000Z"].concat();
    let tbs = [&[2, 1, 1][..], &ECDSA, &[0x30, 0], &validity, &[0x30, 0], &key_info].concat();
    wrap(0x30, &[&wrap(0x30, &tbs)[..], &ECDSA, &[3, 2, 0, 0]].concat())
}
