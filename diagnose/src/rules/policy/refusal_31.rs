//! What error 31 (KRB_AP_ERR_BAD_INTEGRITY) to a PKINIT request can be narrowed to.
//!
//! Samba and Heimdal answer nearly every faulty PKINIT request with it. Most causes show in the request itself, and the
//! first that does is the one: a KDC looks at clock, certificate and Diffie-Hellman group in this order. What shows
//! nothing is left without a cause.

use decode::{
    Seen,
    kerberos::{ErrorCode, PrincipalName, pkinit::KeyAgreement},
    x509::Certificate,
};
use trace::Facts;

use crate::{rules::refusal::PkinitRefusal, windows::SKEW_SECONDS};

/// Bits from which a Diffie-Hellman group is taken everywhere.
const SAFE_GROUP_BITS: u32 = 2048;

/// Why a KDC answered 31, as far as the request shows. Each is one rule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// TIM-01: the clocks are more than five minutes apart.
    ClockSkew,
    /// KEY-19: the request carries no certificate.
    CertificateLeftOut,
    /// PKI-08: the client's certificate has expired, or is not valid yet.
    CertificateOutOfDate,
    /// KEY-18: the client's certificate may not sign.
    NoDigitalSignature,
    /// POL-05: the key agreement is one that such a KDC does not know.
    UnknownGroup,
    /// POL-11: nothing is wrong with the request but perhaps the size of its group, in bits.
    SmallGroup(u32),
    /// POL-11: nothing is wrong with the request.
    Unnamed,
}

/// The cause of this refusal; `None` when it is another error than 31.
pub(crate) fn cause(refusal: &PkinitRefusal<'_>, facts: &Facts) -> Option<Cause> {
    if refusal.code() != ErrorCode::BAD_INTEGRITY {
        return None;
    }
    let Some(pkinit) = refusal.pkinit() else { return Some(Cause::Unnamed) };
    if clocks_apart(refusal).is_some_and(|seconds| seconds.abs() > SKEW_SECONDS.of(facts)) {
        return Some(Cause::ClockSkew);
    }
    if certificate_left_out(refusal) {
        return Some(Cause::CertificateLeftOut);
    }
    if let Some(certificate) = refusal.certificate() {
        if has_expired(certificate, refusal.answered) || is_early(certificate, refusal.answered, facts) {
            return Some(Cause::CertificateOutOfDate);
        }
        if !may_sign(certificate) {
            return Some(Cause::NoDigitalSignature);
        }
    }
    let agreement = &pkinit.key_agreement;
    if facts.domain_controllers.get(&refusal.kdc()).is_some_and(|dc| dc.accepted_agreement(agreement)) {
        return Some(Cause::Unnamed);
    }
    Some(match agreement {
        KeyAgreement::Ecdh { .. } | KeyAgreement::Dh { group: None, .. } => Cause::UnknownGroup,
        KeyAgreement::Other(algorithm) if !algorithm.is_empty() => Cause::UnknownGroup,
        KeyAgreement::Dh { bits, .. } if *bits < SAFE_GROUP_BITS => Cause::SmallGroup(*bits),
        _ => Cause::Unnamed,
    })
}

/// The client's clock minus the KDC's, in seconds, by the request's and the error's own words.
pub(crate) fn clocks_apart(refusal: &PkinitRefusal<'_>) -> Option<i64> {
    let ctime = refusal.pkinit()?.ctime?;
    Some(ctime.seconds() - refusal.error.stime?.seconds())
}

/// Whether the certificate that would show whose key it is is not enclosed, of somebody who has a name.
pub(crate) fn certificate_left_out(refusal: &PkinitRefusal<'_>) -> bool {
    refusal.pkinit().is_some_and(|pkinit| {
        // What broke off may have lost its certificates; who is anonymous has none to show (RFC 8062 §4.1).
        pkinit.stopped.is_none()
            && pkinit.signed.certificates.is_empty()
            && !refusal.request.cname.as_ref().is_some_and(PrincipalName::is_anonymous)
    })
}

/// Whether a certificate was past its end when this packet was captured.
pub(crate) fn has_expired(certificate: &Certificate, seen: Seen) -> bool {
    certificate.not_after.as_second() < seen.at.seconds()
}

/// Whether a certificate was not valid yet when this packet was captured, by more than clocks may differ.
pub(crate) fn is_early(certificate: &Certificate, seen: Seen, facts: &Facts) -> bool {
    certificate.not_before.as_second() - seen.at.seconds() > SKEW_SECONDS.of(facts)
}

/// Whether a certificate's key may make signatures, as Samba wants it said.
pub(crate) fn may_sign(certificate: &Certificate) -> bool {
    certificate.key_usage.as_ref().is_some_and(|usage| usage.contains(&"digitalSignature"))
}

/// A key agreement in words: `1024-bit Diffie-Hellman`.
pub(crate) fn agreement_words(agreement: &KeyAgreement) -> String {
    match agreement {
        KeyAgreement::Rsa => "RSA transport".to_owned(),
        KeyAgreement::Dh { group: Some(_), bits } => format!("{bits}-bit Diffie-Hellman"),
        KeyAgreement::Dh { group: None, bits } => format!("Diffie-Hellman with an unknown {bits}-bit group"),
        KeyAgreement::Ecdh { curve, .. } => format!("elliptic-curve Diffie-Hellman ({curve})"),
        KeyAgreement::Other(algorithm) => format!("the algorithm {algorithm}"),
    }
}

#[cfg(test)]
mod tests {
    use trace::script::play;

    use super::{Cause, cause};
    use crate::rules::refusal::PkinitRefusal;

    /// The cause of the last refusal in a script.
    fn cause_in(script: &str) -> Option<Cause> {
        let played = play(script);
        played.logons().iter().flat_map(PkinitRefusal::all).last().and_then(|refusal| cause(&refusal, played.facts()))
    }

    fn cause_of(request: &str) -> Option<Cause> {
        cause_in(&format!("0.000 pc > dc as-req alice pkinit {request}\n0.010 dc > pc krb-error 31"))
    }

    #[test]
    fn each_cause_is_told_from_the_request() {
        assert_eq!(cause_of("clock 7200"), Some(Cause::ClockSkew));
        assert_eq!(cause_of("no-certificate"), Some(Cause::CertificateLeftOut));
        assert_eq!(cause_of("issued C1 expired"), Some(Cause::CertificateOutOfDate));
        assert_eq!(cause_of("issued C1 made -86400"), Some(Cause::CertificateOutOfDate));
        assert_eq!(cause_of("usage none"), Some(Cause::NoDigitalSignature));
        assert_eq!(cause_of("usage keyEncipherment"), Some(Cause::NoDigitalSignature));
        assert_eq!(cause_of("dh ecdh"), Some(Cause::UnknownGroup));
        assert_eq!(cause_of("dh unknown"), Some(Cause::UnknownGroup));
        assert_eq!(cause_of("dh modp-1024"), Some(Cause::SmallGroup(1024)));
        assert_eq!(cause_of("dh modp-2048"), Some(Cause::Unnamed));
        assert_eq!(cause_of("clock 299"), Some(Cause::Unnamed));
    }

    #[test]
    fn the_first_that_shows_is_the_one() {
        assert_eq!(cause_of("clock -7200 expired usage none dh ecdh"), Some(Cause::ClockSkew));
        assert_eq!(cause_of("expired usage none dh ecdh"), Some(Cause::CertificateOutOfDate));
        assert_eq!(cause_of("usage none dh ecdh"), Some(Cause::NoDigitalSignature));
    }

    #[test]
    fn who_is_anonymous_has_no_certificate_to_leave_out() {
        let script =
            "0.000 pc > dc as-req WELLKNOWN/ANONYMOUS pkinit anonymous dh modp-2048\n0.010 dc > pc krb-error 31";
        assert_eq!(cause_in(script), Some(Cause::Unnamed));
        // Heimdal's client signs nothing when the key it was given may not sign.
        assert_eq!(cause_of("anonymous"), Some(Cause::CertificateLeftOut));
    }

    #[test]
    fn a_size_that_this_kdc_takes_is_not_the_cause() {
        let script = "
            0.000 pc2 > dc as-req bob pkinit key K2 dh modp-1024
            0.010 dc > pc2 as-rep bob ticket T2 pkinit
            5.000 pc > dc  as-req alice pkinit dh modp-1024
            5.010 dc > pc  krb-error 31
        ";
        assert_eq!(cause_in(script), Some(Cause::Unnamed));
    }

    #[test]
    fn one_cause_is_one_finding() {
        for (request, code) in [
            ("clock 7200 expired", "TIM-01"),
            ("no-certificate", "KEY-19"),
            ("issued C1 expired", "PKI-08"),
            ("usage none dh modp-1024", "KEY-18"),
            ("dh ecdh", "POL-05"),
            ("dh modp-1024", "POL-11"),
            ("issued C1", "POL-11"),
        ] {
            let played = play(&format!("0.000 pc > dc as-req alice pkinit {request}\n0.010 dc > pc krb-error 31"));
            let (findings, failures) = crate::diagnose(played.logons(), played.facts());
            let of_the_refusal = |code: &str| code != "KEY-16";
            let worth = findings
                .iter()
                .filter(|finding| finding.severity >= crate::Severity::Medium && of_the_refusal(finding.rule.code));
            let codes: Vec<&str> = worth.map(|finding| finding.rule.code).collect();
            assert_eq!(codes, [code], "{request}");
            assert!(failures.0.is_empty());
        }
    }

    #[test]
    fn another_error_is_not_narrowed() {
        let script = "
            0.000 pc > dc  as-req alice pkinit clock 7200
            0.010 dc > pc  krb-error 62
        ";
        assert_eq!(cause_in(script), None);
    }
}
