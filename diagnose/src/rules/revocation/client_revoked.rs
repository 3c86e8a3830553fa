//! PKI-06.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The certificate on the user's smart card or in the user's profile has been revoked by its CA, and the
    /// domain controller does not take it any more. This is what revoking is for; it is a fault only if nobody
    /// meant it.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 72 (KDC_ERR_REVOKED_CERTIFICATE). Windows says 62 for a
    /// revoked certificate as for every other one it does not trust, and so does Samba; that is found as
    /// PKI-07, and KDC event 21 tells the reason.
    ///
    /// ## What to do
    ///
    /// 1. Find out at the CA who revoked the certificate with this serial number, and why:
    ///    `certutil -view -restrict "SerialNumber=SERIAL" -out RequesterName,RevokedWhen,RevokedReason`.
    /// 2. Give the user a new certificate: `certreq -enroll -user TEMPLATE`, or a new card.
    /// 3. Delete the revoked one on the client, so that it is not offered again:
    ///    `certutil -user -delstore my SERIAL`.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.2; MS-ERREF 2.3.1 (STATUS_SMARTCARD_CERT_REVOKED); tests of Samba's KDC. Error 72 was seen
    /// in our lab, of an MIT KDC.
    pub static CLIENT_REVOKED = {
        code: "PKI-06",
        title: "the client's certificate is revoked",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [62, 72],
        statuses: [0xc000_0389],
        events: ["KDC 21"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let codes = [ErrorCode::REVOKED_CERTIFICATE];
    let Some(refusal) = PkinitRefusal::all_in_vain(logon).find(|refusal| codes.contains(&refusal.code())) else {
        return nothing_found(logon, facts, &codes);
    };
    let serial = refusal.certificate().map(|certificate| {
        refusal.question(
            "x509af.serialNumber",
            certificate.serial.as_str(),
            "the serial number of the revoked certificate",
        )
    });
    Found::new(Confidence::Proven, account_of(logon), format!("the certificate of {} has been revoked", name(logon)))
        .with(refusal.answer("the certificate is revoked"))
        .with_some(serial)
        .into()
}

#[cfg(test)]
mod tests {
    use super::CLIENT_REVOKED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &CLIENT_REVOKED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 72 typed 105
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn clear_when_it_is_only_not_trusted() {
        clear(
            &CLIENT_REVOKED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CLIENT_REVOKED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CLIENT_REVOKED, "0.010 dc > pc krb-error 72 client alice");
    }
}
