//! PKI-07.

use decode::kerberos::{ErrorCode, ErrorData};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

/// TD-TRUSTED-CERTIFIERS, RFC 4556 §3.1.3: the issuers that the KDC takes.
const TD_TRUSTED_CERTIFIERS: i32 = 104;
/// TD-INVALID-CERTIFICATES, RFC 4556 §3.1.3: the certificates that the KDC does not take.
const TD_INVALID_CERTIFICATES: i32 = 105;

rule! {
    /// ## What happened
    ///
    /// The user showed a certificate that a CA issued (a smart card, or Windows Hello with certificate trust),
    /// and the domain controller does not trust where it comes from: the root is missing there, or the issuing
    /// CA is not in NTAuth.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a request with a certificate that another name issued with error 70 (no
    /// path to a root), 71 (not valid) or 62 (not trusted). MIT KDCs add a list of the issuers they take, or of
    /// the certificates they refuse. Error 62 says less: Windows gives it for a revoked certificate, too (KDC
    /// event 21 tells which it was), and even where the domain controller itself lacks a certificate; Samba
    /// gives it when it neither trusts the issuer nor finds the key in the directory. A certificate that has
    /// expired is PKI-08.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, see what KDC event 21 says, and check the certificate there:
    ///    `certutil -verify -urlfetch user.cer`.
    /// 2. See whether the issuing CA is in NTAuth: `certutil -viewstore -enterprise NTAuth`. If not:
    ///    `certutil -dspublish -f issuingca.cer NTAuthCA`.
    /// 3. See whether the root is trusted: `certutil -viewstore -enterprise Root`. If not:
    ///    `certutil -dspublish -f root.cer RootCA`.
    /// 4. Let domain controllers take that over at once: `gpupdate /force`, then `certutil -pulse`.
    /// 5. On MIT and Samba KDCs put the root into `pkinit_anchors`.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.1.3 and §3.2.2; MS-ERREF 2.3.1 (STATUS_ISSUING_CA_UNTRUSTED); Microsoft: importing
    /// third-party CA certificates into the NTAuth store. Error 70 was seen in captures of MIT KDCs, 62 of
    /// Samba.
    pub static CLIENT_CHAIN_UNTRUSTED = {
        code: "PKI-07",
        title: "the domain controller does not trust the chain of the client's certificate",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [62, 70, 71],
        statuses: [0xc000_038a, 0xc000_038c],
        events: ["KDC 21", "System 8", "Kerberos client 103"],
        check: Scope::Logon(check),
    };
}

const CODES: [ErrorCode; 3] =
    [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::CANT_VERIFY_CERTIFICATE, ErrorCode::INVALID_CERTIFICATE];

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon).filter(|refusal| CODES.contains(&refusal.code())) {
        let Some(certificate) = refusal.issued() else { continue };
        let who = name(logon);
        let summary = match refusal.code() {
            ErrorCode::CANT_VERIFY_CERTIFICATE => {
                format!("the KDC finds no way from the certificate of {who} to a CA it trusts")
            }
            ErrorCode::INVALID_CERTIFICATE => {
                format!("the KDC does not take the certificate of {who} or one of its chain for valid")
            }
            _ => format!(
                "the KDC does not trust the certificate of {who}: its chain is not trusted or it is revoked; a Samba \
                 KDC also says so when the key is not in the directory"
            ),
        };
        return Found::new(Confidence::Likely, account_of(logon), summary)
            .with(refusal.answer("the KDC does not trust the certificate"))
            .with(refusal.question("x509af.issuer", certificate.issuer.as_str(), "who issued the client's certificate"))
            .with_some(list(&refusal))
            .into();
    }
    nothing_found(logon, facts, &CODES)
}

/// The list that the KDC sends with its refusal, as evidence.
fn list(refusal: &PkinitRefusal<'_>) -> Option<Evidence> {
    let Some(ErrorData::TypedData(kinds)) = &refusal.error.e_data else { return None };
    let (name, means) = if kinds.contains(&TD_TRUSTED_CERTIFIERS) {
        ("104 TD-TRUSTED-CERTIFIERS", "the KDC lists the issuers it takes")
    } else if kinds.contains(&TD_INVALID_CERTIFICATES) {
        ("105 TD-INVALID-CERTIFICATES", "the KDC lists the certificates it does not take")
    } else {
        return None;
    };
    Some(Evidence::new(refusal.answered, "kerberos.e_data", name, means))
}

#[cfg(test)]
mod tests {
    use super::CLIENT_CHAIN_UNTRUSTED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_for_each_error_to_an_issued_certificate() {
        for code in [62, 70, 71] {
            let finding = found(
                &CLIENT_CHAIN_UNTRUSTED,
                &format!("0.000 pc > dc as-req alice pkinit issued C1\n0.010 dc > pc krb-error {code}"),
            );
            assert_eq!(finding.packets(), [2, 1]);
            assert_eq!(finding.found.confidence, Confidence::Likely);
        }
    }

    #[test]
    fn the_list_of_issuers_is_evidence() {
        let finding = found(
            &CLIENT_CHAIN_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 70 typed 104
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 2]);
    }

    #[test]
    fn clear_when_the_certificate_is_self_signed() {
        for code in [62, 70, 71] {
            clear(
                &CLIENT_CHAIN_UNTRUSTED,
                &format!("0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error {code}"),
            );
        }
    }

    #[test]
    fn clear_when_an_unknown_issuer_is_taken_all_the_same() {
        clear(
            &CLIENT_CHAIN_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CLIENT_CHAIN_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CLIENT_CHAIN_UNTRUSTED, "0.010 dc > pc krb-error 70 client alice");
    }
}
