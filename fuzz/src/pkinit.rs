//! `pkinit`: what the padata of PKINIT and the CMS and certificates in it say.

use decode::{cms, kerberos::pkinit, x509::Certificate};

use super::check;

/// The input is the value of a PA-PK-AS-REQ or PA-PK-AS-REP, a CMS message, or a certificate.
pub fn run(bytes: &[u8]) {
    let (request, reply) = (pkinit::request(bytes, Some(bytes)), pkinit::reply(bytes));
    assert_eq!(check::shown(&request), check::shown(&pkinit::request(bytes, Some(bytes))));
    let old = pkinit::old_request(bytes);
    check::shown(&old);
    serde_json::to_string(&old).expect("a request of the draft is JSON");
    assert_eq!(check::shown(&reply), check::shown(&pkinit::reply(bytes)));
    serde_json::to_string(&request).expect("a request is JSON");
    serde_json::to_string(&reply).expect("a reply is JSON");

    let signed = cms::signed_data(bytes);
    check::shown(&signed);
    assert_eq!(signed.check(bytes), signed.check(bytes), "the same signature is judged twice");
    for certificate in &signed.certificates {
        let end = certificate.offset.checked_add(certificate.der.len());
        let place = end.and_then(|end| bytes.get(certificate.offset..end));
        assert!(signed.stopped.is_some() || place == Some(certificate.der), "the offset is another one's");
    }
    if let Some(content_type) = cms::content_type(bytes) {
        check::harmless(&content_type);
    }
    match Certificate::parse(bytes) {
        Ok(certificate) => {
            check::shown(&certificate);
            check::shown(&certificate.hello_name());
            serde_json::to_string(&certificate).expect("a certificate is JSON");
        }
        Err(error) => check::harmless(&error.to_string()),
    }
}
