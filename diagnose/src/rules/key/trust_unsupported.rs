//! KEY-20.

use std::net::IpAddr;

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{
        dc_certificate::chain_unverifiable::OWN_CHAIN,
        policy::refusal_31::{Cause, cause},
        refusal::{PkinitRefusal, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The KDC treats the self-signed certificate around a Hello key like any certificate: it looks for a CA
    /// behind it, finds none, and refuses. It does not know key trust, where the directory vouches for the key.
    /// No user of Windows Hello key trust can sign in there; certificate trust and smart cards may work.
    ///
    /// ## How we know
    ///
    /// A self-signed certificate was answered with error 71 or 70 (MIT), 24, or 31 (Heimdal), and in the whole
    /// capture this KDC accepted no self-signed one, nor judged one as a KDC with key trust does (62, 75).
    /// Errors 24 and 31 have many other causes; 24 counts only if the request carries the freshness token that
    /// might be missed, 31 only if nothing in the request explains it and this KDC is seen to accept
    /// certificates of a CA; after these two it is possible, after 70 and 71 likely. Otherwise 31 is POL-11.
    ///
    /// ## What to do
    ///
    /// 1. See which KDC it is. Key trust needs Windows Server 2016 or later, or Samba 4.24 or later; MIT and
    ///    Heimdal do not know it. For Windows:
    ///    `Get-ADDomainController -Filter * | select Name,OperatingSystem`.
    /// 2. Send the clients elsewhere for the time being: put capable domain controllers into the clients' site.
    /// 3. Upgrade the others.
    /// 4. If that cannot be, give the users certificates: the policy Use certificate for on-premises
    ///    authentication.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business key trust requirements; our lab with Samba 4.24; RFC 4556 §3.2.2.
    /// Error 71 was seen of an MIT KDC and 31 of a Heimdal KDC in our lab.
    pub static TRUST_UNSUPPORTED = {
        code: "KEY-20",
        title: "the KDC does not do key trust",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["POL-11"],
        errors: [24, 31, 70, 71],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all(logon) {
        let Some(confidence) = sureness(&refusal, facts) else { continue };
        let Some(certificate) = refusal.self_signed() else { continue };
        if knows_key_trust(refusal.kdc(), facts) {
            continue;
        }
        let others = if accepts_issued(refusal.kdc(), facts) {
            "while it accepts certificates of a CA"
        } else {
            "and accepts none in this capture"
        };
        let summary = if confidence == Confidence::Likely {
            format!("the KDC refuses a self-signed certificate as invalid, {others}: it does not do key trust")
        } else {
            format!(
                "the KDC refuses a self-signed certificate, {others}; this is consistent with a KDC that does not do \
                 key trust"
            )
        };
        return Found::new(confidence, Subject::DomainController(refusal.kdc()), summary)
            .with(refusal.answer("the KDC does not take the certificate"))
            .with(refusal.question(
                "x509af.issuer",
                certificate.issuer.as_str(),
                "the certificate is its own issuer: key trust",
            ))
            .into();
    }
    nothing_found(logon, facts, &[ErrorCode::INVALID_CERTIFICATE, ErrorCode::CANT_VERIFY_CERTIFICATE])
}

/// How sure the answer makes us; `None` when it does not speak of this fault.
fn sureness(refusal: &PkinitRefusal<'_>, facts: &Facts) -> Option<Confidence> {
    match refusal.code() {
        ErrorCode::INVALID_CERTIFICATE | ErrorCode::CANT_VERIFY_CERTIFICATE => Some(Confidence::Likely),
        ErrorCode::PREAUTH_FAILED => {
            let fresh = refusal.pkinit().is_some_and(|pkinit| pkinit.freshness_token);
            (fresh && !refusal.says(OWN_CHAIN)).then_some(Confidence::Possible)
        }
        ErrorCode::BAD_INTEGRITY => {
            let unexplained = cause(refusal, facts) == Some(Cause::Unnamed);
            (unexplained && accepts_issued(refusal.kdc(), facts)).then_some(Confidence::Possible)
        }
        _ => None,
    }
}

/// Whether this KDC accepted a self-signed certificate, or refused a key in the way of one that looks for it.
fn knows_key_trust(kdc: IpAddr, facts: &Facts) -> bool {
    // The facts do not say of which kind a refused key's certificate was; of the two, silence is the lesser mistake.
    facts.domain_controllers.get(&kdc).is_some_and(|dc| dc.accepted_self_signed() || dc.on_keys.judges)
}

fn accepts_issued(kdc: IpAddr, facts: &Facts) -> bool {
    facts.domain_controllers.get(&kdc).is_some_and(trace::DomainController::accepted_issued)
}

#[cfg(test)]
mod tests {
    use super::TRUST_UNSUPPORTED;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_a_self_signed_certificate_is_invalid() {
        let finding = found(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 71
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(matches!(finding.found.subject, Subject::DomainController(_)));
    }

    #[test]
    fn possible_when_31_stays_unexplained_at_a_kdc_that_takes_other_certificates() {
        let finding = found(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc2 > dc as-req bob pkinit issued C2
            0.010 dc > pc2 as-rep bob ticket T2 pkinit
            5.000 pc > dc  as-req alice pkinit
            5.010 dc > pc  krb-error 31
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
        assert_eq!(finding.packets(), [4, 3]);
    }

    #[test]
    fn possible_when_24_answers_a_fresh_request() {
        let finding = found(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit freshness
            0.010 dc > pc  krb-error 24
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_24_may_be_about_freshness() {
        clear(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 24
        ",
        );
    }

    #[test]
    fn clear_when_31_may_as_well_be_a_kdc_without_certificate() {
        clear(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn clear_when_the_request_explains_31() {
        for fault in ["clock 7200", "expired", "usage none", "dh ecdh"] {
            clear(
                &TRUST_UNSUPPORTED,
                &format!(
                    "
                0.000 pc2 > dc as-req bob pkinit issued C2
                0.010 dc > pc2 as-rep bob ticket T2 pkinit
                5.000 pc > dc  as-req alice pkinit {fault}
                5.010 dc > pc  krb-error 31
            "
                ),
            );
        }
    }

    #[test]
    fn clear_when_the_kdc_accepted_a_self_signed_certificate() {
        clear(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc2 > dc as-req bob pkinit key K2
            0.010 dc > pc2 as-rep bob ticket T2 pkinit
            5.000 pc > dc  as-req alice pkinit
            5.010 dc > pc  krb-error 71
        ",
        );
    }

    #[test]
    fn clear_when_the_kdc_looks_keys_up() {
        for code in [62, 75] {
            clear(
                &TRUST_UNSUPPORTED,
                &format!(
                    "
                0.000 pc2 > dc as-req bob pkinit key K2
                0.010 dc > pc2 krb-error {code}
                5.000 pc > dc  as-req alice pkinit
                5.010 dc > pc  krb-error 71
            "
                ),
            );
        }
    }

    #[test]
    fn clear_when_the_certificate_was_issued_by_a_ca() {
        clear(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 71
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &TRUST_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&TRUST_UNSUPPORTED, "0.010 dc > pc krb-error 71 client alice");
    }
}
