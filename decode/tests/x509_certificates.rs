//! Certificates: every field of recorded ones, and what made-up ones show of odd forms and limits.
//!
//! Expected values of the recorded ones are those of `openssl x509 -text -nameopt RFC2253`.

use decode::cms;
use decode::der::{Element, Reader, Tag};
use decode::x509::{Certificate, CertificateError, PublicKey};
use proptest::prelude::{any, prop, proptest};

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/pkinit/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn element(bytes: &[u8]) -> Element<'_> {
    Reader::new(bytes).element().expect("an element")
}

/// The first certificate in a recorded request or reply, as it was on the wire.
fn recorded(name: &str) -> Vec<u8> {
    let bytes = data(name);
    let outer = element(&bytes);
    let message = if outer.tag == Tag::SEQUENCE { outer.inner() } else { outer.inner().and_then(|info| info.inner()) };
    cms::signed_data(message.expect("CMS").contents).certificates[0].der.to_vec()
}

fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag, 0x83];
    bytes.extend(&u32::try_from(contents.len()).expect("short enough").to_be_bytes()[1..]);
    if contents.len() < 0x80 {
        bytes.truncate(1);
        bytes.push(u8::try_from(contents.len()).expect("short"));
    } else if contents.len() < 0x100 {
        bytes = vec![tag, 0x81, u8::try_from(contents.len()).expect("short")];
    } else if contents.len() < 0x1_0000 {
        bytes = vec![tag, 0x82];
        bytes.extend(u16::try_from(contents.len()).expect("short").to_be_bytes());
    }
    bytes.extend_from_slice(contents);
    bytes
}

/// OBJECT IDENTIFIER of small arcs and of 1.3.6.1.4.1.311.
fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').map(|arc| arc.parse().expect("a number")).collect();
    let mut bytes = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        groups.reverse();
        bytes.extend(groups);
    }
    wrap(6, &bytes)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(0x30, &parts.concat())
}

/// SubjectPublicKeyInfo of an RSA key with the exponent 65,537.
fn rsa_key_info(modulus: &[u8]) -> Vec<u8> {
    let numbers = sequence(&[&wrap(2, &[&[0], modulus].concat()), &wrap(2, &[1, 0, 1])]);
    let bits = wrap(3, &[&[0], numbers.as_slice()].concat());
    sequence(&[&sequence(&[&oid("1.2.840.113549.1.1.1"), &[5, 0]]), &bits])
}

/// A certificate with this validity, key and these extensions; subject and issuer are `CN=x`.
fn made_up(not_after: &[u8], key_info: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = sequence(&[&oid("1.2.840.10045.4.3.2")]);
    let name = sequence(&[&wrap(0x31, &sequence(&[&oid("2.5.4.3"), &wrap(0x0c, b"x")]))]);
    let validity = sequence(&[&wrap(0x17, b"200101000000Z"), not_after]);
    let extensions = wrap(0xa3, &wrap(0x30, &extensions.concat()));
    let tbs = sequence(&[
        &wrap(0xa0, &[2, 1, 2]),
        &[2, 2, 0, 0x81],
        &algorithm,
        &name,
        &validity,
        &name,
        key_info,
        &extensions,
    ]);
    sequence(&[&tbs, &algorithm, &[3, 2, 0, 0]])
}

fn with_extensions(extensions: &[Vec<u8>]) -> Certificate {
    Certificate::parse(&made_up(&wrap(0x17, b"300101000000Z"), &rsa_key_info(&[0xc1; 256]), extensions))
        .expect("made up")
}

fn extension(id: &str, value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(id), &wrap(4, value)])
}

fn other_name(id: &str, value: &[u8]) -> Vec<u8> {
    wrap(0xa0, &[oid(id), wrap(0xa0, value)].concat())
}

/// An entry of a key credential (u16 length, identifier, value), MS-ADTS 2.2.20.2.
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

/// Base64 read back, for comparison with the directory's bytes.
fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits: u32 = 0;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in text.chars().filter(|&letter| letter != '=') {
        bits = (bits << 6) | u32::try_from(ALPHABET.find(letter).expect("base64")).expect("below 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    bytes
}

/// A certificate around the modulus at the end of a BCRYPT_RSAKEY_BLOB of 2,048 bits.
fn around(key_material: &[u8]) -> Certificate {
    let modulus = &key_material[key_material.len() - 256..];
    Certificate::parse(&made_up(&wrap(0x17, b"300101000000Z"), &rsa_key_info(modulus), &[])).expect("made up")
}

#[test]
fn every_field_of_a_recorded_kdc_certificate() {
    let certificate = Certificate::parse(&recorded("keytrust_heimdal.rep")).unwrap();
    assert_eq!(certificate.subject, "CN=dc1.corp.example");
    assert_eq!(certificate.issuer, "CN=CORP Issuing CA,DC=corp,DC=example");
    assert_eq!(certificate.serial, "1000");
    assert_eq!(certificate.not_before.to_string(), "2026-11-22T09:52:21Z");
    assert_eq!(certificate.not_after.to_string(), "2027-11-22T09:52:21Z");
    assert_eq!(certificate.key, PublicKey { algorithm: "rsa".to_owned(), bits: 2048 });
    assert_eq!(certificate.signature_algorithm, "rsa-sha256");
    assert_eq!(
        certificate.eku.as_deref().unwrap(),
        ["1.3.6.1.5.2.3.5", "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2"]
    );
    assert_eq!(certificate.key_usage.as_deref().unwrap(), ["digitalSignature", "keyEncipherment"]);
    assert_eq!(certificate.san.dns, ["dc1.corp.example", "corp.example", "CORP"]);
    assert_eq!(certificate.san.pkinit, ["krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"]);
    assert!(certificate.san.upn.is_empty() && certificate.san.uri.is_empty() && certificate.san.email.is_empty());
    assert_eq!((certificate.template.as_ref(), certificate.sid.as_ref()), (None, None));
    assert!(!certificate.self_signed);
    assert_eq!(certificate.sha256, "463f8c72810105ce53c338806e426d107638847ae46be40774012a7ad4bce105");
    assert_eq!(certificate.subject_key_id.as_deref(), Some("84c80e571a1ac1b90a98e801a6d0dd0e8c9e66be"));
    assert_eq!(certificate.authority_key_id.as_deref(), Some("bdae981ffd0995450338753c8b748e49fd0b5af2"));
    assert_eq!(certificate.crl_urls, ["http://pki.corp.example/corp.crl"]);
    assert!(certificate.ocsp_urls.is_empty());
    assert_eq!(certificate.modulus.len(), 512);
    assert!(certificate.modulus.starts_with("88485b0e8a13a19d") && certificate.modulus.ends_with("6b286d4363641"));
    assert_eq!(certificate.common_name.as_deref(), Some("dc1.corp.example"));
    assert_eq!(certificate.stopped, None);
    assert_eq!(certificate.hello_name(), None);
}

#[test]
fn a_recorded_self_signed_client_certificate() {
    let certificate = Certificate::parse(&recorded("keytrust_heimdal.req")).unwrap();
    assert_eq!(certificate.subject, "CN=alice@corp.example");
    assert_eq!(certificate.issuer, certificate.subject);
    assert!(certificate.self_signed);
    assert_eq!(certificate.serial, "4f1b2ff19516d94c3a7b75367abec70035dc7ec7");
    assert_eq!(certificate.eku.as_deref().unwrap(), ["1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.5.7.3.2"]);
    assert_eq!(certificate.key_usage.as_deref().unwrap(), ["digitalSignature"]);
    assert_eq!(certificate.san.upn, ["alice@corp.example"]);
}

#[test]
fn the_key_is_found_in_the_directory_in_each_of_its_forms() {
    // lee's key is stored as Windows stores it, alice's as Samba takes it.
    let lee = data("keycredential_lee");
    assert_eq!(from_base64(&around(&credential_entry(&lee, 3)).key_id), credential_entry(&lee, 1));
    let alice = data("keycredential_alice");
    let certificate = Certificate::parse(&recorded("keytrust_heimdal.req")).unwrap();
    assert_eq!(from_base64(&certificate.key_id_spki), credential_entry(&alice, 1));
    // The same key in a certificate of another issuer.
    let of_a_ca = Certificate::parse(&recorded("keytrust_mit.req")).unwrap();
    assert_eq!(of_a_ca.key_id_spki, certificate.key_id_spki);
    assert_eq!(of_a_ca.key_id, "JLB3cPSf/aUTf1SyDzfJhctKn+TjG/wN/9YyramKi3A=");
    assert_eq!(of_a_ca.key_id_pkcs1, "tCmbXdglGBlX1nD3ZSGNhgVf2Oe5ZSsLk/q8eyEthq4=");
}

#[test]
fn alternative_names_of_every_kind() {
    let kerberos = sequence(&[
        &wrap(0xa0, &wrap(0x1b, b"CORP.EXAMPLE")),
        &wrap(
            0xa1,
            &sequence(&[
                &wrap(0xa0, &[2, 1, 1]),
                &wrap(0xa1, &sequence(&[&wrap(0x1b, b"krbtgt"), &wrap(0x1b, b"CORP.EXAMPLE")])),
            ]),
        ),
    ]);
    let names = sequence(&[
        &other_name("1.3.6.1.4.1.311.20.2.3", &wrap(0x0c, "jürgen@corp.example".as_bytes())),
        &other_name("1.3.6.1.5.2.2", &kerberos),
        &other_name("1.3.6.1.4.1.311.25.1", &wrap(4, &[7; 16])),
        &wrap(0x81, b"a@corp.example"),
        &wrap(0x82, b"dc\x1b[2J.corp.example"),
        &wrap(0x86, b"tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-4"),
        &wrap(0x87, &[10, 0, 0, 1]),
    ]);
    let san = with_extensions(&[extension("2.5.29.17", &names)]).san;
    assert_eq!(san.upn, ["jürgen@corp.example"]);
    assert_eq!(san.pkinit, ["krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"]);
    assert_eq!(san.other, ["1.3.6.1.4.1.311.25.1"]);
    assert_eq!(san.email, ["a@corp.example"]);
    assert_eq!(san.dns, ["dc\\u{1b}[2J.corp.example"], "harmless on a terminal");
    assert_eq!(san.uri, ["tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-4"]);
}

#[test]
fn templates_usages_and_addresses() {
    let bmp: Vec<u8> = "DomainController".bytes().flat_map(|byte| [0, byte]).collect();
    let by_name = with_extensions(&[extension("1.3.6.1.4.1.311.20.2", &wrap(0x1e, &bmp))]).template.unwrap();
    assert_eq!((by_name.name.as_str(), by_name.oid.as_str()), ("DomainController", ""));
    let id = "1.3.6.1.4.1.311.21.8.1.2.3.4.5.6.1.33";
    let value = sequence(&[&oid(id), &[2, 1, 110], &[2, 1, 2]]);
    let by_oid = with_extensions(&[extension("1.3.6.1.4.1.311.21.7", &value)]).template.unwrap();
    assert_eq!((by_oid.name.as_str(), by_oid.oid.as_str()), ("KerberosAuthentication", id));

    let sid = sequence(&[&other_name("1.3.6.1.4.1.311.25.2.1", &wrap(4, b"S-1-5-21-1-2-3-500"))]);
    let location = |method: &str, url: &[u8]| sequence(&[&oid(method), &wrap(0x86, url)]);
    let access = sequence(&[
        &location("1.3.6.1.5.5.7.48.2", b"http://pki.example/ca.crt"),
        &location("1.3.6.1.5.5.7.48.1", b"http://ocsp.example/"),
    ]);
    let point = |url: &[u8]| sequence(&[&wrap(0xa0, &wrap(0xa0, &wrap(0x86, url)))]);
    let points = sequence(&[&point(b"ldap:///CN=CA"), &sequence(&[]), &point(b"http://pki.example/ca.crl")]);
    let certificate = with_extensions(&[
        extension("1.3.6.1.4.1.311.25.2", &sid),
        extension("1.3.6.1.5.5.7.1.1", &access),
        extension("2.5.29.31", &points),
        extension("2.5.29.15", &[3, 3, 7, 0xff, 0x80]),
        extension("2.5.29.37", &sequence(&[])),
    ]);
    assert_eq!(certificate.sid.as_deref(), Some("S-1-5-21-1-2-3-500"));
    assert_eq!(certificate.ocsp_urls, ["http://ocsp.example/"]);
    assert_eq!(certificate.ca_urls, ["http://pki.example/ca.crt"]);
    assert_eq!(certificate.crl_urls, ["ldap:///CN=CA", "http://pki.example/ca.crl"]);
    assert_eq!(certificate.key_usage.as_ref().unwrap().len(), 9);
    assert_eq!(certificate.eku.as_deref(), Some(&[][..]), "there, and empty");
    assert_eq!(certificate.signature_algorithm, "ecdsa-sha256");
    assert_eq!(certificate.serial, "81", "the zero byte only keeps it positive");
    assert_eq!(certificate.stopped, None);
}

#[test]
fn a_damaged_extension_costs_only_itself() {
    let certificate = with_extensions(&[
        extension("2.5.29.17", &[0x30, 5, 0x82]),
        extension("2.5.29.37", &sequence(&[&oid("1.3.6.1.5.2.3.5")])),
    ]);
    assert!(certificate.stopped.as_deref().unwrap().starts_with("extension 2.5.29.17: "));
    assert_eq!(certificate.eku.as_deref().unwrap(), ["1.3.6.1.5.2.3.5"]);
    assert!(certificate.san.dns.is_empty());
}

#[test]
fn limits_are_kept_and_named() {
    let names = wrap(0x30, &wrap(0x82, b"a").repeat(1000));
    let certificate = with_extensions(&[extension("2.5.29.17", &names)]);
    assert_eq!(certificate.san.dns.len(), 256);
    assert!(certificate.stopped.is_some());
    let many: Vec<Vec<u8>> = (0..200).map(|_| extension("2.5.29.19", &[0x30, 0])).collect();
    assert_eq!(with_extensions(&many).stopped.as_deref(), Some("more than 128 extensions"));
    assert_eq!(Certificate::parse(&vec![0x30; 70_000]), Err(CertificateError::TooLarge { bytes: 70_000 }));
}

#[test]
fn a_certificate_without_an_end_ends_as_late_as_can_be_written() {
    let der = made_up(&wrap(0x18, b"99991231235959Z"), &rsa_key_info(&[0xc1; 256]), &[]);
    assert_eq!(Certificate::parse(&der).unwrap().not_after, jiff::Timestamp::MAX);
}

#[test]
fn keys_of_other_kinds() {
    let key = |algorithm: &[u8], bits: &[u8]| {
        let info = sequence(&[algorithm, &wrap(3, &[&[0], bits].concat())]);
        Certificate::parse(&made_up(&wrap(0x17, b"300101000000Z"), &info, &[])).expect("made up")
    };
    let p384 = key(&sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.3.132.0.34")]), &[4; 97]);
    assert_eq!(p384.key, PublicKey { algorithm: "ec".to_owned(), bits: 384 });
    assert_eq!((p384.key_id.as_str(), p384.modulus.as_str()), ("", ""));
    let ed25519 = key(&sequence(&[&oid("1.3.101.112")]), &[4; 32]);
    assert_eq!(ed25519.key, PublicKey { algorithm: "ed25519".to_owned(), bits: 256 });
    let unknown = key(&sequence(&[&oid("1.2.3.4")]), &[4; 32]);
    assert_eq!(unknown.key, PublicKey { algorithm: "1.2.3.4".to_owned(), bits: 0 });
    let broken = key(&sequence(&[&oid("1.2.840.113549.1.1.1")]), &[4; 32]);
    assert_eq!(broken.key, PublicKey { algorithm: "rsa".to_owned(), bits: 0 });
}

#[test]
fn every_truncation_is_refused() {
    let der = recorded("keytrust_heimdal.rep");
    for length in 0..der.len() {
        assert!(Certificate::parse(&der[..length]).is_err(), "cut to {length}");
    }
}

proptest! {
    #[test]
    fn a_damaged_certificate_never_panics(
        name in prop::sample::select(&["keytrust_heimdal.req", "keytrust_heimdal.rep", "windows_like.req", "certtrust_sid.req"][..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut der = recorded(name);
        for (place, byte) in changes {
            let place = place.index(der.len());
            der[place] = byte;
        }
        let _ = Certificate::parse(&der);
    }

    #[test]
    fn arbitrary_extensions_never_panic(
        id in prop::sample::select(&[
            "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.31", "2.5.29.35", "2.5.29.37", "1.3.6.1.5.5.7.1.1",
            "1.3.6.1.4.1.311.20.2", "1.3.6.1.4.1.311.21.7", "1.3.6.1.4.1.311.25.2",
        ][..]),
        value in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = with_extensions(&[extension(id, &value), extension(id, &wrap(0x30, &value))]);
    }
}
