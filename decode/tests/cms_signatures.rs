//! Signatures in CMS of every kind, by OpenSSL: each holds, cannot be told for a reason, and does not hold once
//! anything in it is changed. `data/cms/README.md` says how they were made.

use decode::cms::{self, Verdict};
use decode::der::{Element, Reader, Tag};
use decode::kerberos::pkinit;
use decode::x509::{self, HelloName};
use proptest::prelude::*;

const VERIFIED: [&str; 14] = [
    "rsa2048_sha1",
    "rsa2048_sha256",
    "rsa2048_sha384",
    "rsa2048_sha512",
    "rsa2048_sha256_no_attributes",
    "rsa1024_sha256",
    "pss_sha256",
    "pss_sha384",
    "pss_sha512",
    "p256_sha256",
    "p256_sha384",
    "p384_sha256",
    "p384_sha384",
    "rsa2048_sha256_sorted_otherwise",
];
const UNKNOWN: [(&str, &str); 6] = [
    ("rsa1024_sha384", "signatures of this kind are not checked with so small a key"),
    ("pss_sha1", "PSS signatures with these parameters are not checked"),
    ("pss_sha256_long_salt", "PSS signatures with these parameters are not checked"),
    ("p256_sha1", "ECDSA signatures with this digest are not checked"),
    ("p256_sha512", "ECDSA signatures with this digest are not checked"),
    ("p521_sha512", "keys on this curve are not checked"),
];

fn data(name: &str) -> Vec<u8> {
    if name == "rsa2048_sha256_sorted_otherwise" {
        return sorted_otherwise(&data("rsa2048_sha256"));
    }
    let path = format!("{}/tests/data/cms/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn children<'a>(element: &Element<'a>) -> Vec<Element<'a>> {
    let mut reader = element.reader();
    std::iter::from_fn(|| (!reader.is_empty()).then(|| reader.element().expect("an element"))).collect()
}

/// The SubjectPublicKeyInfo of a certificate that has a version.
fn public_key(certificate: &[u8]) -> Vec<u8> {
    let certificate = Reader::new(certificate).expect(Tag::SEQUENCE).expect("it is there");
    children(&certificate.inner().expect("it is there"))[6].whole.to_vec()
}

fn check(message: &[u8]) -> Verdict {
    let signed = cms::signed_data(message);
    assert_eq!(signed.stopped, None);
    signed.check(&public_key(signed.certificates[0].der))
}

/// Where the signed attributes are, with their tag.
fn attributes(message: &[u8]) -> std::ops::Range<usize> {
    let signed_data = children(&Reader::new(message).element().expect("it is there"))[1].inner().expect("it is there");
    let signers = *children(&signed_data).last().expect("it is there");
    let attributes = children(&signers.inner().expect("it is there"))[3];
    assert_eq!(attributes.tag, Tag::context(0));
    attributes.offset..attributes.offset + attributes.whole.len()
}

/// The same with its attributes sent in the opposite order; what is signed is their DER, which is sorted.
fn sorted_otherwise(message: &[u8]) -> Vec<u8> {
    let place = attributes(message);
    let element = Reader::new(&message[place.clone()]).element().expect("it is there");
    let header = element.whole.len() - element.contents.len();
    let reversed: Vec<u8> = children(&element).iter().rev().flat_map(|attribute| attribute.whole.to_vec()).collect();
    assert_ne!(reversed, element.contents);
    [&message[..place.start + header], &reversed, &message[place.end..]].concat()
}

/// `message` with the last byte of the first `wanted` in it changed.
fn changed(message: &[u8], wanted: &[u8]) -> Vec<u8> {
    let place = message.windows(wanted.len()).position(|window| window == wanted).expect("it is there");
    let mut message = message.to_vec();
    message[place + wanted.len() - 1] ^= 1;
    message
}

#[test]
fn what_openssl_signed_holds() {
    for name in VERIFIED {
        assert_eq!(check(&data(name)), Verdict::Verified, "{name}");
    }
}

#[test]
fn what_is_not_checked_is_neither_right_nor_wrong() {
    for (name, why) in UNKNOWN {
        assert_eq!(check(&data(name)), Verdict::Unknown(why), "{name}");
    }
}

#[test]
fn other_content_is_wrong() {
    for name in VERIFIED {
        let why = match check(&changed(&data(name), b"what is signed")) {
            Verdict::Wrong(why) => why,
            other => panic!("{name}: {other:?}"),
        };
        let expected = if name == "rsa2048_sha256_no_attributes" { "over this content" } else { "digest is another" };
        assert!(why.contains(expected), "{name}: {why}");
    }
}

#[test]
fn of_content_outside_an_octet_string_the_tag_is_not_signed() {
    let message = data("rsa2048_sha256");
    let place = message.windows(4).position(|window| window == b"\x04\x0ewh").expect("the content");
    let with = |tag| {
        let mut message = message.clone();
        message[place] = tag;
        check(&message)
    };
    assert_eq!(with(0x30), Verdict::Verified, "as PKCS #7 signs a SEQUENCE");
    assert_eq!(with(0x05), Verdict::Unknown("what was signed cannot be read"));
}

#[test]
fn another_signature_is_wrong() {
    for name in VERIFIED {
        let message = data(name);
        let verdict = check(&changed(&message, &message[message.len() - 16..]));
        assert!(matches!(verdict, Verdict::Wrong(_)), "{name}: {verdict:?}");
    }
}

#[test]
fn other_attributes_are_wrong() {
    for name in VERIFIED.iter().filter(|name| !name.ends_with("no_attributes")) {
        let mut message = data(name);
        let place = attributes(&message);
        let time = message[place.clone()].windows(2).position(|two| two == [0x17, 13]).expect("signingTime");
        // The second digit of the year.
        message[place.start + time + 3] ^= 1;
        let verdict = check(&message);
        assert_eq!(
            verdict,
            Verdict::Wrong("it is not one by the certificate's key over the signed attributes"),
            "{name}"
        );
    }
}

#[test]
fn the_key_of_another_certificate_is_wrong_and_one_of_another_kind_is_no_key_for_it() {
    let message = data("rsa2048_sha256");
    let signed = cms::signed_data(&message);
    let other = data("rsa1024_sha256");
    let other = public_key(cms::signed_data(&other).certificates[0].der);
    assert!(matches!(signed.check(&other), Verdict::Wrong(_)));
    let curve = data("p256_sha256");
    let curve = public_key(cms::signed_data(&curve).certificates[0].der);
    assert_eq!(signed.check(&curve), Verdict::Unknown("the signature is RSA and the certificate's key on a curve"));
    assert_eq!(signed.check(&[]), Verdict::Unknown("the certificate's key cannot be read"));
}

#[test]
fn keys_that_no_check_is_spent_on() {
    let message = data("rsa2048_sha256");
    let signed = cms::signed_data(&message);
    let with = |modulus: &[u8], exponent: &[u8]| {
        let integer = |number: &[u8]| wrap(2, &[&[0], number].concat());
        let key = wrap(0x30, &[integer(modulus), integer(exponent)].concat());
        let algorithm = wrap(0x30, &[&[6, 9][..], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1], &[5, 0]].concat());
        signed.check(&wrap(0x30, &[algorithm, wrap(3, &[&[0][..], &key].concat())].concat()))
    };
    assert_eq!(with(&[0xff; 513], &[1, 0, 1]), Verdict::Unknown("RSA keys of this size are not checked"));
    assert_eq!(with(&[0xff; 127], &[1, 0, 1]), Verdict::Unknown("RSA keys of this size are not checked"));
    for exponent in [&[1][..], &[1, 0, 3], &[0xff; 5]] {
        assert_eq!(with(&[0xff; 256], exponent), Verdict::Unknown("RSA keys with this exponent are not checked"));
    }
    assert_eq!(with(&[0xff; 256], &[4]), Verdict::Unknown("no RSA key has such numbers"));
    assert_eq!(with(&[0xfe; 256], &[1, 0, 1]), Verdict::Unknown("no RSA key has such numbers"));
    assert!(matches!(with(&[0xff; 256], &[1, 0, 1]), Verdict::Wrong(_)));
}

fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let head = match length {
        0..0x80 => vec![tag, u8::try_from(length).expect("short")],
        _ => vec![tag, 0x82, u8::try_from(length >> 8).expect("short"), u8::try_from(length & 0xff).expect("short")],
    };
    [&head[..], contents].concat()
}

#[test]
fn every_truncation_is_told_and_none_is_wrong() {
    for name in VERIFIED {
        let message = data(name);
        let key = public_key(cms::signed_data(&message).certificates[0].der);
        for length in 0..message.len() {
            let signed = cms::signed_data(&message[..length]);
            assert!(signed.stopped.is_some(), "{name} cut to {length}");
            assert!(matches!(signed.check(&key), Verdict::Unknown(_)), "{name} cut to {length}");
        }
    }
}

#[test]
fn a_request_of_windows_2000_is_read_and_its_signature_holds() {
    let path = format!("{}/tests/data/pkinit/draft.req.bin", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).expect(&path);
    let request = pkinit::old_request(&bytes);
    assert_eq!(request.stopped, None);
    assert!(request.draft && !request.checksum);
    assert_eq!((request.nonce, request.cusec), (Some(1_158_151_804), Some(496_212)));
    assert_eq!(request.ctime.unwrap().to_string(), "2026-11-22T10:21:28.000000000Z");
    assert_eq!(request.key_agreement, pkinit::KeyAgreement::Rsa);
    assert_eq!(request.signed.signer.as_ref().unwrap().verified, Some(true));
    assert_eq!(request.signed.signer_certificate().unwrap().subject, "CN=alice,DC=mit,DC=example");
    for length in 0..bytes.len() {
        assert!(pkinit::old_request(&bytes[..length]).stopped.is_some(), "cut to {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn changed_messages_never_panic_and_never_verify_with_other_content(
        name in prop::sample::select(&VERIFIED[..]),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let message = data(name);
        let key = public_key(cms::signed_data(&message).certificates[0].der);
        let content = cms::signed_data(&message).content.map(std::borrow::Cow::into_owned);
        let mut changed = message.clone();
        changed[place.index(message.len())] = byte;
        let signed = cms::signed_data(&changed);
        let verdict = signed.check(&key);
        if verdict == Verdict::Verified {
            // Not in an OCTET STRING, as in PKCS #7, the tag and the length of what is signed are not.
            let found = signed.content.as_deref().expect("content").get(if signed.unwrapped { 2.. } else { 0.. });
            prop_assert_eq!(found, content.as_deref());
        }
    }

    #[test]
    fn keys_of_any_bytes_never_panic(key in prop::collection::vec(any::<u8>(), 0..400)) {
        let message = data("rsa2048_sha256");
        prop_assert_ne!(cms::signed_data(&message).check(&key), Verdict::Verified);
    }

    #[test]
    fn cms_and_numbers_of_any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let signed = cms::signed_data(&bytes);
        prop_assert_ne!(signed.check(&bytes), Verdict::Verified);
        prop_assert!(cms::content_type(&bytes).is_none_or(|oid| !oid.is_empty()));
        prop_assert!(!x509::is_roca_weak(&bytes) || bytes.iter().all(|&byte| byte == 0) || bytes.len() < 64);
    }

    #[test]
    fn changed_old_requests_never_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let path = format!("{}/tests/data/pkinit/draft.req.bin", env!("CARGO_MANIFEST_DIR"));
        let mut bytes = std::fs::read(&path).expect("the golden");
        let place = place.index(bytes.len());
        bytes[place] = byte;
        prop_assert!(pkinit::old_request(&bytes).draft);
    }

    #[test]
    fn subjects_of_any_text_never_panic(text in ".{0,120}", upn in "[^@]{1,20}@[^@]{1,20}") {
        prop_assert!(HelloName::parse(&text).is_none());
        let guid = "383a3889-5bc9-47a3-846c-2b70f0b7fe0e";
        let parts = HelloName::parse(&format!("S-1-5-21-1-2-3-1106/{guid}/login.windows.net/{guid}/{upn}"));
        prop_assert_eq!(parts.map(|parts| parts.upn), Some(upn));
    }

    #[test]
    fn old_requests_of_any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(pkinit::old_request(&bytes).draft);
    }
}
