//! The forms in which peers write CMS: BER and DER, with and without ContentInfo, every way to name a signer.
//!
//! Made from a recorded reply by writing its parts anew, so that what must come out is known.

use decode::cms::{self, SignerIdentifier};
use decode::der::{Element, Reader, Tag};
use decode::kerberos::pkinit::{self, SignedData};

/// A reply of the lab whose certificate has no key identifier, by issuer and serial number.
fn golden() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pkinit/windows_like.rep.bin")).expect("golden file")
}

/// Tag, definite length, contents.
fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u16::try_from(contents.len()).expect("short enough") {
        length @ 0..0x80 => bytes.push(length.to_le_bytes()[0]),
        length => {
            bytes.push(0x82);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(contents);
    bytes
}

/// Tag, indefinite length, contents, end of contents.
fn wrap_indefinite(tag: u8, contents: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], contents, &[0, 0]].concat()
}

fn element(bytes: &[u8]) -> Element<'_> {
    Reader::new(bytes).element().expect("an element")
}

fn children<'a>(element: &Element<'a>) -> Vec<Element<'a>> {
    let mut reader = element.reader();
    let mut all = Vec::new();
    while !reader.is_empty() {
        all.push(reader.element().expect("a child"));
    }
    all
}

/// The parts of the golden reply's SignedData: version, digests, content, certificates, signers.
struct Parts {
    head: Vec<u8>,
    content: Vec<u8>,
    certificate: Vec<u8>,
    signer: Vec<u8>,
}

fn parts() -> Parts {
    let bytes = golden();
    let info = element(&bytes).inner().expect("DHRepInfo");
    let message = children(&info)[0].contents;
    let signed = children(&element(message))[1].inner().expect("SignedData");
    let fields = children(&signed);
    assert_eq!(fields.len(), 5);
    Parts {
        head: [fields[0].whole, fields[1].whole].concat(),
        content: fields[2].whole.to_vec(),
        certificate: fields[3].inner().expect("certificate").whole.to_vec(),
        signer: fields[4].inner().expect("SignerInfo").whole.to_vec(),
    }
}

impl Parts {
    fn signed_data(&self, certificates: &[u8], signers: &[u8]) -> Vec<u8> {
        let parts = [self.head.clone(), self.content.clone(), wrap(0xa0, certificates), wrap(0x31, signers)];
        wrap(0x30, &parts.concat())
    }

    /// The signer with another identifier.
    fn signer_named(&self, identifier: &[u8]) -> Vec<u8> {
        let fields = children(&element(&self.signer));
        let rest: Vec<u8> = fields[2..].iter().flat_map(|field| field.whole.to_vec()).collect();
        wrap(0x30, &[fields[0].whole, identifier, &rest].concat())
    }
}

fn content_info(signed_data: &[u8]) -> Vec<u8> {
    wrap(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2][..], &wrap(0xa0, signed_data)].concat())
}

/// What a reply with this CMS message decodes to.
fn reply(message: &[u8]) -> pkinit::Reply {
    pkinit::reply(&wrap(0xa0, &wrap(0x30, &wrap(0x80, message))))
}

fn assert_complete(signed: &SignedData) {
    assert_eq!(signed.content_type.as_deref(), Some("1.3.6.1.5.2.3.2"));
    assert_eq!(signed.certificates.len(), 1);
    assert_eq!(signed.certificates[0].sha256, "362298e0f2cbbb80afd9ce2808838804237c00c193ce31a7b75f0369b08a0487");
    assert_eq!(signed.digest.as_deref(), Some("sha512"));
    assert_eq!(signed.signature_algorithm.as_deref(), Some("rsa-sha512"));
    assert_eq!(signed.signer.as_ref().and_then(|signer| signer.certificate), Some(0));
}

/// SHA-1 of the certificate's key bits, what RFC 5280 would have put into its key identifier.
fn key_hash(certificate: &[u8]) -> Vec<u8> {
    use sha1::Digest as _;
    let fields = children(&children(&element(certificate))[0]);
    let key_info = &fields[6];
    let bits = children(key_info)[1];
    assert_eq!(bits.tag, Tag::BIT_STRING);
    sha1::Sha1::digest(&bits.contents[1..]).to_vec()
}

#[test]
fn written_anew_it_is_the_same() {
    let parts = parts();
    let message = content_info(&parts.signed_data(&parts.certificate, &parts.signer));
    let reply = reply(&message);
    assert_eq!(reply.stopped, None);
    assert_eq!(reply.nonce, Some(0x7ccd_2cbc));
    assert_complete(&reply.signed);
    assert_eq!(golden(), wrap(0xa0, &wrap(0x30, &wrap(0x80, &message))));
}

#[test]
fn signed_data_alone_is_taken_and_marked() {
    let parts = parts();
    let reply = reply(&parts.signed_data(&parts.certificate, &parts.signer));
    assert!(reply.signed.bare);
    assert_eq!((reply.stopped, reply.nonce), (None, Some(0x7ccd_2cbc)));
    assert_complete(&reply.signed);
}

#[test]
fn indefinite_lengths_and_content_in_pieces() {
    let parts = parts();
    let content_fields = element(&parts.content);
    let fields = children(&content_fields);
    let octets = fields[1].inner().unwrap().contents;
    let (first, second) = octets.split_at(20);
    let pieces = wrap_indefinite(0x24, &[wrap(4, first), wrap(4, second)].concat());
    let content = wrap_indefinite(0x30, &[fields[0].whole, &wrap_indefinite(0xa0, &pieces)].concat());
    let signed = wrap_indefinite(
        0x30,
        &[
            parts.head.clone(),
            content,
            wrap_indefinite(0xa0, &parts.certificate),
            wrap_indefinite(0x31, &wrap_indefinite(0x30, element(&parts.signer).contents)),
        ]
        .concat(),
    );
    let oid = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    let message = wrap_indefinite(0x30, &[&oid[..], &wrap_indefinite(0xa0, &signed)].concat());
    let reply = reply(&message);
    assert_eq!((reply.stopped, reply.nonce), (None, Some(0x7ccd_2cbc)));
    assert_complete(&reply.signed);
    for length in 0..message.len() {
        assert!(cms::signed_data(&message[..length]).stopped.is_some());
    }
}

#[test]
fn certificates_keep_their_bytes_and_their_place() {
    let parts = parts();
    let message = content_info(&parts.signed_data(&parts.certificate, &parts.signer));
    let signed = cms::signed_data(&message);
    let [certificate] = signed.certificates.as_slice() else { panic!("one certificate") };
    assert_eq!(certificate.der, parts.certificate);
    assert_eq!(&message[certificate.offset..certificate.offset + certificate.der.len()], parts.certificate);
}

#[test]
fn every_way_to_tag_a_key_identifier() {
    let parts = parts();
    let hash = key_hash(&parts.certificate);
    for identifier in [wrap(0x80, &hash), wrap(0xa0, &wrap(4, &hash))] {
        let message = content_info(&parts.signed_data(&parts.certificate, &parts.signer_named(&identifier)));
        assert_eq!(
            cms::signed_data(&message).signer.map(|signer| signer.sid),
            Some(SignerIdentifier::SubjectKeyIdentifier(&hash))
        );
        let reply = reply(&message);
        assert_eq!(reply.stopped, None);
        assert_complete(&reply.signed);
        assert!(reply.signed.signer.unwrap().by_key_identifier);
    }
}

#[test]
fn a_signer_that_names_no_certificate_here() {
    let parts = parts();
    let signer = parts.signer_named(&wrap(0x80, &[7; 20]));
    let twice = [parts.certificate.clone(), parts.certificate.clone()].concat();
    let one = reply(&content_info(&parts.signed_data(&parts.certificate, &signer))).signed;
    assert_eq!(one.signer.as_ref().unwrap().certificate, None);
    assert!(one.signer_certificate().is_some(), "the only one there is");
    let two = reply(&content_info(&parts.signed_data(&twice, &signer))).signed;
    assert!(two.signer_certificate().is_none(), "either could be meant");
}

#[test]
fn the_signer_need_not_be_the_first_certificate() {
    let parts = parts();
    let other =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pkinit/keytrust_heimdal.rep.bin")).unwrap();
    let other = pkinit_certificate(&other);
    let both = [other, parts.certificate.clone()].concat();
    let signed = reply(&content_info(&parts.signed_data(&both, &parts.signer))).signed;
    assert_eq!(signed.signer.as_ref().unwrap().certificate, Some(1));
    assert_eq!(signed.signer_certificate().unwrap().serial, "100b");
}

/// The first certificate in a recorded reply.
fn pkinit_certificate(bytes: &[u8]) -> Vec<u8> {
    let info = element(bytes).inner().expect("DHRepInfo");
    cms::signed_data(children(&info)[0].contents).certificates[0].der.to_vec()
}

#[test]
fn several_signers_are_counted() {
    let parts = parts();
    let signers = [parts.signer.clone(), parts.signer.clone(), parts.signer.clone()].concat();
    let signed = reply(&content_info(&parts.signed_data(&parts.certificate, &signers))).signed;
    assert_eq!(signed.signers, 3);
    assert_complete(&signed);
}

#[test]
fn what_is_no_certificate_is_counted_and_the_rest_is_read() {
    let parts = parts();
    // An attribute certificate, and a SEQUENCE that is none.
    let set = [wrap(0xa1, &[2, 1, 0]), wrap(0x30, &[2, 1, 0]), parts.certificate.clone()].concat();
    let reply = reply(&content_info(&parts.signed_data(&set, &parts.signer)));
    assert_eq!(reply.signed.unreadable_certificates, 2);
    assert_complete(&reply.signed);
    assert!(reply.stopped.unwrap().starts_with("CMS: certificate at offset "));
    assert_eq!(reply.nonce, Some(0x7ccd_2cbc));
}

#[test]
fn more_certificates_than_the_limit_are_left_out_and_it_is_said() {
    let parts = parts();
    let small = wrap(0x30, &[2, 1, 0]);
    let set = [parts.certificate.clone(), small.repeat(40)].concat();
    let reply = reply(&content_info(&parts.signed_data(&set, &parts.signer)));
    assert_eq!(reply.signed.certificates.len() + reply.signed.unreadable_certificates, cms::MAX_CERTIFICATES);
    assert_eq!(reply.stopped.as_deref(), Some("CMS: more than 32 certificates"));
    assert_eq!(reply.nonce, Some(0x7ccd_2cbc), "what follows the certificates is read");
}

#[test]
fn other_content_is_named() {
    let message = wrap(0x30, &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]);
    assert_eq!(cms::signed_data(&message).stopped.unwrap(), "CMS: content type 1.2.840.113549.1.7.1 is not signedData");
    let parts = parts();
    let message = content_info(&parts.signed_data(&parts.certificate, &parts.signer));
    let request = pkinit::request(&wrap(0x30, &wrap(0x80, &message)), None);
    assert_eq!(request.stopped.unwrap(), "CMS: content type 1.3.6.1.5.2.3.2 is not id-pkinit-authData");
}

#[test]
fn old_windows_replies_have_the_message_right_under_the_choice() {
    let parts = parts();
    let message = content_info(&parts.signed_data(&parts.certificate, &parts.signer));
    for value in [wrap(0x80, &message), wrap(0xa0, &message), wrap(0xa0, &wrap(4, &message))] {
        let reply = pkinit::reply(&value);
        assert_eq!((reply.stopped, reply.nonce), (None, Some(0x7ccd_2cbc)));
        assert_complete(&reply.signed);
    }
}

#[test]
fn an_explicit_signed_auth_pack_is_taken() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pkinit/python.req.bin")).unwrap();
    let message = children(&element(&bytes))[0].contents;
    for field in [wrap(0x80, message), wrap(0xa0, &wrap(4, message)), wrap(0xa0, message)] {
        let request = pkinit::request(&wrap(0x30, &field), None);
        assert_eq!((request.stopped, request.nonce), (None, Some(0x42af_828a)));
    }
}
