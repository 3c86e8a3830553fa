//! PKI-09.

use decode::{kerberos::ErrorCode, x509::Certificate};
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
    /// The user showed a certificate that a CA issued, and the domain controller does not see that it belongs
    /// to this account: either what ties the two is too weak for it, or the certificate names another account.
    /// Since 2022, and by default since 2025, Windows wants a strong tie: the account's SID in the certificate,
    /// or an explicit mapping at the account. Key trust always has one.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 66 (KDC_ERR_CERTIFICATE_MISMATCH): that says it. Or it
    /// answered a request with a certificate from a CA with 75 (KDC_ERR_CLIENT_NAME_MISMATCH): then the names
    /// in the certificate do not lead to the account, which may be a wrong certificate or a user who was
    /// renamed. For a self-signed certificate 75 is KEY-01.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, see KDC events 39 (no strong tie), 40 (the certificate is older than the
    ///    account) and 41 (the SID in it is another's).
    /// 2. Compare the names in the evidence with the account:
    ///    `Get-ADUser USER -Properties userPrincipalName,objectSid`.
    /// 3. Enrol a new certificate from a CA with current updates, which puts the SID in:
    ///    `certutil -user -pulse`. For templates with names from the request, have the requester put it in.
    /// 4. Or map this certificate by hand:
    ///    `Set-ADUser USER -Add @{altSecurityIdentities='X509:<I>ISSUER<SR>SERIAL'}`, the serial number with
    ///    its bytes in reverse order.
    /// 5. On MIT and Heimdal KDCs, give the certificate a name that leads to the principal (id-pkinit-san), or
    ///    map it: `pkinit_allow_upn`, `pki-mapping`.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2.1.5; KB5014754; RFC 4556 §3.2.2. Error 66 was seen in a capture of Samba with full
    /// enforcement, 75 for certificates of a CA in captures of MIT and Heimdal KDCs.
    pub static MAPPING_WEAK = {
        code: "PKI-09",
        title: "nothing ties the client's certificate strongly enough to the account",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [66, 75],
        statuses: [0xc000_02f9],
        events: ["KDC 39", "KDC 40", "KDC 41"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon) {
        let who = name(logon);
        let (confidence, summary, means) = match refusal.code() {
            ErrorCode::CERTIFICATE_MISMATCH => (
                Confidence::Proven,
                format!("nothing ties the certificate strongly enough to the account {who}"),
                "the tie between certificate and account is too weak",
            ),
            ErrorCode::CLIENT_NAME_MISMATCH if refusal.issued().is_some() => (
                Confidence::Likely,
                format!("the names in the certificate do not lead to the account {who}; it may be another user's"),
                "the certificate does not belong to the account",
            ),
            _ => continue,
        };
        let mut found = Found::new(confidence, account_of(logon), summary).with(refusal.answer(means));
        if let Some(certificate) = refusal.certificate() {
            let sid = certificate.sid.as_deref().unwrap_or("absent");
            found = found
                .with(refusal.question("x509ce.SubjectAltName", names(certificate), "whom the certificate names"))
                .with(refusal.question("x509ce.id", sid, "the account's SID in the certificate"));
        }
        return found.into();
    }
    nothing_found(logon, facts, &[ErrorCode::CERTIFICATE_MISMATCH, ErrorCode::CLIENT_NAME_MISMATCH])
}

/// Whom a certificate names, by the names that a KDC looks at.
fn names(certificate: &Certificate) -> String {
    let san = &certificate.san;
    let names: Vec<&str> =
        [&san.upn, &san.pkinit, &san.email, &san.dns].into_iter().flatten().map(String::as_str).collect();
    if names.is_empty() { format!("none; subject {}", certificate.subject) } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::MAPPING_WEAK;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &MAPPING_WEAK,
            "
            0.000 pc > dc  as-req frank pkinit issued C1 upn frank@corp.example
            0.010 dc > pc  krb-error 66
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.evidence[1].value, "frank@corp.example");
        assert_eq!(finding.found.evidence[2].value, "absent");
    }

    #[test]
    fn likely_when_the_certificate_names_another() {
        let finding = found(
            &MAPPING_WEAK,
            "
            0.000 pc > dc  as-req bob pkinit issued C1 upn alice@corp.example
            0.010 dc > pc  krb-error 75
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_certificate_is_self_signed() {
        clear(
            &MAPPING_WEAK,
            "
            0.000 pc > dc  as-req bob pkinit
            0.010 dc > pc  krb-error 75
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &MAPPING_WEAK,
            "
            0.000 pc > dc  as-req bob pkinit issued C1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&MAPPING_WEAK, "0.010 dc > pc krb-error 66 client bob");
    }
}
