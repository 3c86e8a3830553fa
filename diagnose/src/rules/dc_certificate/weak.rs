//! DCC-09.

use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{Confidence, Found, Scope, Severity, Verdict, rule::rule, windows::RSA_BITS};

rule! {
    /// ## What happened
    ///
    /// The certificate with which the domain controller proves itself is of a kind that is going out of use: it
    /// is signed with SHA-1 or an older digest, or its RSA key has fewer than 2048 bits. Computers joined to
    /// Microsoft Entra are to be served with SHA-256 and RSA 2048, and policies that switch the old kinds off
    /// make clients refuse it.
    ///
    /// ## How we know
    ///
    /// The signature algorithm and the key of the certificate in the domain controller's reply say so. Whether
    /// this client minds cannot be said from the certificate. Where the client used its ticket, it took the
    /// certificate all the same, and the summary says so.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, see key length and signature of its certificates: `certutil -v -store my`.
    /// 2. If the CA still signs with SHA-1, let it sign with SHA-256:
    ///    `certutil -setreg ca\csp\CNGHashAlgorithm SHA256`, then `Restart-Service certsvc`.
    /// 3. In the template Kerberos Authentication set the minimum key size to 2048 (tab Cryptography), and let
    ///    all who hold such a certificate enrol again (Reenroll All Certificate Holders).
    /// 4. Enrol: `certutil -pulse` on each domain controller. Delete the old certificate, so that the KDC does
    ///    not choose it.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.1.1.2; RFC 8017; Microsoft: Entra-joined single sign-on with Windows Hello for Business
    /// (requirements on the domain controllers' certificates); texts of client events 102 and 205 to 208.
    /// A public capture shows one signed with SHA-1.
    pub static CERTIFICATE_WEAK = {
        code: "DCC-09",
        title: "the domain controller's certificate is signed with SHA-1 or has a short key",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [
            "Kerberos client 102",
            "Kerberos client 205",
            "Kerberos client 206",
            "Kerberos client 207",
            "Kerberos client 208",
        ],
        check: Scope::Logon(check),
    };
}

pub(super) fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let (key, signature) = (&shown.certificate.key, shown.certificate.signature_algorithm.as_str());
    let old_digest = old_digest(signature);
    // 0 bits: not to be told.
    let short_key =
        (key.algorithm.starts_with("rsa") && (1..RSA_BITS.of(facts)).contains(&key.bits)).then_some(key.bits);
    let weakness = match (old_digest, short_key) {
        (None, None) => return Verdict::Clear,
        (Some(digest), None) => format!("is signed with {digest}"),
        (None, Some(bits)) => format!("has an RSA key of {bits} bits"),
        (Some(digest), Some(bits)) => format!("is signed with {digest} and has an RSA key of {bits} bits"),
    };
    let effect = if logon.ticket_used() { "; this client took it all the same" } else { "" };
    let summary = format!("the domain controller's certificate {weakness}, which clients may refuse{effect}");
    Found::new(Confidence::Proven, shown.subject(), summary)
        .with_some(
            old_digest.map(|_| shown.field("x509af.algorithm.id", signature, "how the issuer signed the certificate")),
        )
        .with_some(short_key.map(|bits| {
            shown.field("x509af.subjectPublicKey", format!("RSA, {bits} bits"), "the key; 2048 bits are the least")
        }))
        .with(shown.which())
        .into()
}

/// The digest of a signature algorithm, if it is one that is not to be relied on any more.
fn old_digest(signature: &str) -> Option<&'static str> {
    match signature.rsplit_once('-')?.1 {
        "sha1" => Some("SHA-1"),
        "md5" => Some("MD5"),
        "md2" => Some("MD2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_WEAK;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_it_is_signed_with_sha1() {
        let finding = found(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit signature rsa-sha1
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Medium);
        assert_eq!(finding.found.evidence[0].value, "rsa-sha1");
    }

    #[test]
    fn found_when_the_key_is_short_though_the_client_minds_not() {
        let finding = found(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit bits 1024
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
            0.030 dc > pc  tgs-rep host/pc.corp.example ticket T2
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert!(finding.found.summary.ends_with("took it all the same"), "{}", finding.found.summary);
    }

    #[test]
    fn both_faults_are_told_together() {
        let finding = found(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit signature rsa-md5 bits 512
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 2]);
        assert!(finding.found.summary.contains("MD5 and has an RSA key of 512 bits"));
    }

    #[test]
    fn clear_when_key_and_signature_are_just_good_enough() {
        clear(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit signature ecdsa-sha256 bits 2048
        ",
        );
    }

    #[test]
    fn clear_when_the_size_of_the_key_cannot_be_told() {
        clear(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit bits 0
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &CERTIFICATE_WEAK,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
