//! KEY-18.

use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        policy::refusal_31::{Cause, cause},
        refusal::{PkinitRefusal, name, still_waiting},
    },
};

rule! {
    /// ## What happened
    ///
    /// The certificate around the client's key does not say that the key may make signatures, and a Samba or
    /// Heimdal KDC does not take it for that reason. Certificates that Windows makes for Hello keys carry no
    /// key usage at all; Windows domain controllers do not ask for it.
    ///
    /// ## How we know
    ///
    /// The KDC answered with error 31 (KRB_AP_ERR_BAD_INTEGRITY). The certificate in the request has no key
    /// usage, or one without digitalSignature. Clock and dates were looked at first and are in order. The error
    /// itself does not name the cause; the log of the KDC does. A client that got its ticket after all is not
    /// found.
    ///
    /// ## What to do
    ///
    /// 1. Read the KDC's log at the time of the refusal; it names what it misses in the certificate.
    /// 2. Make the key's certificate anew with the key usage; with OpenSSL:
    ///    `openssl req -x509 -key user.key -subj /CN=user -addext keyUsage=critical,digitalSignature -out user.pem`.
    ///    The key stays the same, so the directory need not change.
    /// 3. For certificates from a CA, add Digital Signature to the template and enrol again.
    /// 4. For Windows clients in a Samba domain, update Samba.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.2.1.3; source and log of Samba's KDC. Error 31 for such certificates was seen in our lab
    /// with Samba.
    pub static WITHOUT_DIGITAL_SIGNATURE = {
        code: "KEY-18",
        title: "the client's certificate lacks the key usage digitalSignature",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-20", "POL-11"],
        errors: [31],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon) {
        if cause(&refusal, facts) != Some(Cause::NoDigitalSignature) {
            continue;
        }
        let Some(certificate) = refusal.certificate() else { continue };
        let usage = match certificate.key_usage.as_deref() {
            None => "absent".to_owned(),
            Some([]) => "none".to_owned(),
            Some(usage) => usage.join(", "),
        };
        let who = name(logon);
        return Found::new(
            Confidence::Likely,
            account_of(logon),
            format!("the KDC refused {who}, most likely because the certificate lacks the key usage digitalSignature"),
        )
        .with(refusal.answer("the KDC refuses the request and does not say why"))
        .with(refusal.question("x509ce.keyUsage", usage, "the key usage of the client's certificate"))
        .into();
    }
    still_waiting(logon, facts)
}

#[cfg(test)]
mod tests {
    use super::WITHOUT_DIGITAL_SIGNATURE;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_31_answers_a_certificate_without_key_usage() {
        let finding = found(
            &WITHOUT_DIGITAL_SIGNATURE,
            "
            0.000 pc > dc  as-req alice pkinit usage none
            0.010 dc > pc  krb-error 31
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.found.evidence[1].value, "absent");
    }

    #[test]
    fn found_when_the_key_may_only_encipher() {
        found(
            &WITHOUT_DIGITAL_SIGNATURE,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 usage keyEncipherment
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn clear_when_the_key_may_sign() {
        clear(
            &WITHOUT_DIGITAL_SIGNATURE,
            "
            0.000 pc > dc  as-req alice pkinit usage digitalSignature
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn clear_when_the_kdc_takes_it() {
        clear(
            &WITHOUT_DIGITAL_SIGNATURE,
            "
            0.000 pc > dc  as-req alice pkinit usage none
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_error_is_another() {
        clear(
            &WITHOUT_DIGITAL_SIGNATURE,
            "
            0.000 pc > dc  as-req alice pkinit usage none
            0.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &WITHOUT_DIGITAL_SIGNATURE,
            "
            0.000 pc > dc  as-req alice pkinit usage none
            1.000 open
        ",
        );
    }
}
