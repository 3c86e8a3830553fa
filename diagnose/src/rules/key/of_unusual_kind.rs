//! KEY-14.

use decode::x509::Certificate;
use trace::{Facts, Logon};

use super::shown::certificates;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusal::name},
    windows::HELLO_RSA_BITS,
};

/// Algorithms with which certificates of Windows Hello keys were seen to be signed, or may well be.
const SIGNATURES: [&str; 2] = ["rsa-sha1", "rsa-sha256"];

rule! {
    /// ## What happened
    ///
    /// The user's key is not of the kind that Windows Hello makes: RSA with 2048 bits. Another product made it, or a
    /// tool. Domain controllers may refuse it, and the directory defines no way to store another kind.
    ///
    /// ## How we know
    ///
    /// The self-signed certificate in the PKINIT request holds another key, or is signed with an algorithm that was
    /// never seen with Windows Hello (SHA-1 and SHA-256 with RSA were). A later Windows may make other keys, and so it
    /// is possible only. Certificates that a CA issued are not looked at.
    ///
    /// ## What to do
    ///
    /// 1. Ask the user which product signs in there, and whether it is meant to.
    /// 2. Compare with the keys of the account: `Get-ADUser USER -Properties msDS-KeyCredentialLink`. If nobody knows
    ///    the key, follow KEY-16.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 2.2.20.5.1 (keys are RSA 2048); the certificate of a real Windows Hello key, as published with
    /// DSInternals.
    pub static KEY_OF_UNUSUAL_KIND = {
        code: "KEY-14",
        title: "the key is not of the kind that Windows Hello makes",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let (certificates, verdict) = certificates(logon, facts);
    let mut self_signed = certificates.into_iter().filter(|(_, _, certificate)| certificate.self_signed);
    let unusual = self_signed.find_map(|(seen, _, certificate)| Some((seen, oddity(certificate)?)));
    let Some((seen, (field, value))) = unusual else { return verdict };
    let summary = format!("the key of {} is not as Windows Hello makes them: {value}", name(logon));
    Found::new(Confidence::Possible, account_of(logon), summary)
        .with(Evidence::new(seen, field, value, "Windows Hello makes RSA keys of 2048 bits"))
        .into()
}

/// What is unusual about the key or the signature over it.
fn oddity(certificate: &Certificate) -> Option<(&'static str, String)> {
    let key = &certificate.key;
    if key.algorithm != "rsa" || (key.bits != 0 && key.bits != HELLO_RSA_BITS) {
        let bits = if key.bits == 0 { String::new() } else { format!(", {} bits", key.bits) };
        return Some(("x509af.subjectPublicKeyInfo_element", format!("{}{bits}", key.algorithm)));
    }
    let signature = certificate.signature_algorithm.as_str();
    (!SIGNATURES.contains(&signature)).then(|| ("x509af.algorithm.id", format!("signed with {signature}")))
}

#[cfg(test)]
mod tests {
    use super::KEY_OF_UNUSUAL_KIND;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    fn shows(key: &str) -> String {
        format!("0.000 pc > dc as-req alice pkinit {key}\n0.010 dc > pc as-rep alice ticket T1 pkinit")
    }

    #[test]
    fn found_for_another_key_or_signature() {
        for key in ["algorithm ec", "bits 4096", "bits 1024", "signature rsa-pss"] {
            let finding = found(&KEY_OF_UNUSUAL_KIND, &shows(key));
            assert_eq!(finding.packets(), [1]);
            assert_eq!(finding.found.confidence, Confidence::Possible);
            assert_eq!(finding.severity(), Severity::Low);
        }
    }

    #[test]
    fn clear_for_the_usual_and_for_certificates_of_a_ca() {
        for key in ["bits 2048", "signature rsa-sha1", "bits 0", "issued C1 bits 4096"] {
            clear(&KEY_OF_UNUSUAL_KIND, &shows(key));
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&KEY_OF_UNUSUAL_KIND, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_when_the_request_cannot_be_read() {
        unseen(&KEY_OF_UNUSUAL_KIND, "0.000 pc > dc as-req alice pkinit unreadable\n0.010 dc > pc krb-error 62");
    }
}
