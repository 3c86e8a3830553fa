//! POL-11.

use trace::{Facts, Logon};

use super::refusal_31::{Cause, agreement_words, cause};
use crate::{
    Confidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, still_waiting},
    },
    windows::DC_WORKS_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A Samba or Heimdal KDC refused a request to sign in with a key or certificate, and said nothing about
    /// why. Nothing is wrong with the request as far as it can be read. Most likely the KDC has no certificate
    /// of its own for PKINIT, or PKINIT is switched off; then no key and no smart card works there.
    ///
    /// ## How we know
    ///
    /// The answer is error 31 (KRB_AP_ERR_BAD_INTEGRITY), with which these KDCs refuse nearly every PKINIT
    /// request they do not like. What the request itself can show was looked at and is in order: the clock, the
    /// certificate and its dates and key usage, the kind of key agreement. A KDC without a certificate and one
    /// that refuses the size of the Diffie-Hellman group answer alike to the byte. That a KDC lists PKINIT in
    /// error 25 proves nothing. If the same KDC granted PKINIT to anyone within ten minutes, the cause is with
    /// this request after all.
    ///
    /// ## What to do
    ///
    /// 1. Read the KDC's log at the time of the refusal. Samba: `smbcontrol all debug kerberos:5`, then look
    ///    for lines with `PKINIT` in `log.samba`. It says `PKINIT request but PKINIT not enabled` or names what
    ///    it did not accept.
    /// 2. Check the KDC's configuration (`krb5.conf`, section `[kdc]`): `enable-pkinit = yes`,
    ///    `pkinit_identity` and `pkinit_anchors`; check that the files they name are there and readable.
    /// 3. Look at the certificate: `openssl x509 -in kdc.pem -noout -text`. It needs the purpose
    ///    1.3.6.1.5.2.3.5 and dates that hold.
    /// 4. If the group is smaller than 2048 bits, compare it with `pkinit_dh_min_bits` of the KDC, and let the
    ///    client propose 2048 bits.
    /// 5. Check that the KDC can do key trust at all: Samba from 4.24 on, Windows Server 2016 or later.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; source of the Heimdal KDC. Seen in captures of Samba without a certificate, with PKINIT
    /// switched off, and with a demand for a larger group.
    pub static REFUSED_WITHOUT_CAUSE = {
        code: "POL-11",
        title: "the KDC refused PKINIT without naming the cause",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [31],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all(logon) {
        let small = match cause(&refusal, facts) {
            Some(Cause::SmallGroup(bits)) => Some(bits),
            Some(Cause::Unnamed) => None,
            _ => continue,
        };
        let dc = facts.domain_controllers.get(&refusal.kdc());
        let works = dc.is_some_and(|dc| dc.issued_around(refusal.answered.at, DC_WORKS_SECONDS.of(facts)));
        let subject = if works { account_of(logon) } else { Subject::DomainController(refusal.kdc()) };
        let summary = match (works, small) {
            (true, None) => {
                "the KDC refused this PKINIT request without naming the cause; it grants PKINIT to others, so \
                             its log has to say what it did not accept"
                    .to_owned()
            }
            (true, Some(bits)) => format!(
                "the KDC refused this PKINIT request without naming the cause; it grants PKINIT to others, so the \
                 {bits}-bit Diffie-Hellman group may be too small for it (POL-05)"
            ),
            (false, None) => "the KDC refused a PKINIT request in which no fault shows; this is consistent with a KDC \
                              that has no PKINIT certificate (DCC-01)"
                .to_owned(),
            (false, Some(bits)) => format!(
                "the KDC refused a PKINIT request without naming the cause; this is consistent with a KDC that has no \
                 PKINIT certificate (DCC-01), or one that takes no {bits}-bit Diffie-Hellman group (POL-05)"
            ),
        };
        let summary = match dc {
            Some(dc) if refusal.self_signed().is_some() && !works && !dc.accepted_self_signed() => {
                format!("{summary}, or does not do key trust (KEY-20)")
            }
            _ => summary,
        };
        let agreement = refusal.pkinit().map(|pkinit| agreement_words(&pkinit.key_agreement));
        return Found::new(Confidence::Possible, subject, summary)
            .with(refusal.answer("the KDC refuses the request and does not say why"))
            .with(refusal.question("kerberos.padata_type", "16", "the client offered PKINIT"))
            .with_some(agreement.map(|words| {
                refusal.question("pkinit.clientPublicValue_element", words, "how the client wants to agree on a key")
            }))
            .into();
    }
    still_waiting(logon, facts)
}

#[cfg(test)]
mod tests {
    use super::REFUSED_WITHOUT_CAUSE;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_nothing_is_wrong_with_the_request() {
        let finding = found(
            &REFUSED_WITHOUT_CAUSE,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 31
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
        assert!(matches!(finding.found.subject, Subject::DomainController(_)));
        assert!(finding.found.summary.contains("DCC-01"), "{}", finding.found.summary);
        assert!(!finding.found.summary.contains("KEY-20"), "{}", finding.found.summary);
    }

    #[test]
    fn a_small_group_is_named_as_a_candidate() {
        let finding = found(
            &REFUSED_WITHOUT_CAUSE,
            "
            0.000 pc > dc  as-req alice pkinit dh modp-1024
            0.010 dc > pc  krb-error 31
        ",
        );
        let summary = &finding.found.summary;
        assert!(["DCC-01", "POL-05", "KEY-20"].iter().all(|code| summary.contains(code)), "{summary}");
    }

    #[test]
    fn about_the_account_when_the_kdc_grants_pkinit_to_others() {
        let finding = found(
            &REFUSED_WITHOUT_CAUSE,
            "
            0.000 pc2 > dc as-req bob pkinit key K2 dh modp-1024
            0.010 dc > pc2 as-rep bob ticket T2 pkinit
            5.000 pc > dc  as-req alice pkinit dh modp-1024
            5.010 dc > pc  krb-error 31
        ",
        );
        assert!(matches!(finding.found.subject, Subject::Account(_)));
        assert!(!finding.found.summary.contains("POL-05"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_request_shows_the_cause() {
        for fault in ["clock 7200", "no-certificate", "issued C1 expired", "usage none", "dh ecdh"] {
            clear(
                &REFUSED_WITHOUT_CAUSE,
                &format!("0.000 pc > dc as-req alice pkinit {fault}\n0.010 dc > pc krb-error 31"),
            );
        }
    }

    #[test]
    fn clear_when_31_answers_a_password() {
        clear(
            &REFUSED_WITHOUT_CAUSE,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &REFUSED_WITHOUT_CAUSE,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }
}
