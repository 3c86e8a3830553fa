//! TKT-02.

use decode::kerberos::{ErrorCode, NtStatus, PrincipalName, Stage};
use trace::{Facts, Logon, Method};

use super::{issued_after_all, service_of};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{Refusal, by_what_is_missing, refusals},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The user is signed in and asks for a ticket for a service, and the domain controller knows no account with that
    /// service principal name (SPN). The server goes by an alias or an IP address, its SPN was never set, or its
    /// account is gone. Windows then falls back to NTLM, which is often forbidden and never gives single sign-on to
    /// people without a password.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a TGS request with error 7 (KDC_ERR_S_PRINCIPAL_UNKNOWN). The finding is
    /// withdrawn when the same logon gets a ticket for the same service within ten seconds, under the short or the full
    /// name of the host; if the capture ends before, it is one step less sure. A read-only domain controller without
    /// secrets of the service says the same with NTSTATUS 0xC0000371; that is no fault, since the client asks a full
    /// one next. The severity is medium for people who signed in with a password.
    ///
    /// ## What to do
    ///
    /// 1. See who has the name: `setspn -Q cifs/files.corp.example`. No line means nobody.
    /// 2. If the name is an alias of a server, add it there: `netdom computername files /add:alias.corp.example`; for a
    ///    service with an account of its own: `setspn -S http/web.corp.example CORP\websvc`.
    /// 3. If the name is an IP address, have people use the server's name.
    /// 4. If it is `host/` with the name of the client, its computer account is gone or renamed:
    ///    `Test-ComputerSecureChannel -Verbose`, and join the computer again if that fails.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; MS-KILE 3.3.5.7; captures of Samba and Windows KDCs; text of the Kerberos client event 100.
    pub static SERVICE_UNKNOWN = {
        code: "TKT-02",
        title: "the domain knows no account for the service",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [7],
        statuses: [],
        events: ["Kerberos client 100", "Security 4769"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in refusals(logon, ErrorCode::S_PRINCIPAL_UNKNOWN) {
        let Some(service) = service_of(&refusal).filter(|service| is_about_service(&refusal, service)) else {
            continue;
        };
        if refusal.status() == Some(NtStatus::NO_SECRETS) || issued_after_all(&refusal, logon, facts) {
            continue;
        }
        let confidence =
            Confidence::Proven.lowered_unless(facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts)));
        let asked = refusal.exchange.request.as_deref().map(|request| {
            let means = format!("{} asks for a ticket for this service", refusal.exchange.client.address);
            Evidence::new(request.seen, "kerberos.SNameString", service.to_string(), means)
        });
        let summary = "the domain controller knows no account with the service principal name that the client asks for";
        let found = Found::new(confidence, Subject::Service(service.to_unicode()), summary)
            .with(refusal.answer("the domain controller does not know the service"))
            .with_some(refusal.status_evidence())
            .with_some(asked);
        return if logon.method == Method::Password {
            found.with_severity(Severity::Medium).into()
        } else {
            found.into()
        };
    }
    by_what_is_missing(logon.tgs_exchanges(), facts)
}

/// Whether the refused request was for a service. Where the request is not in the capture, the name in the error tells.
fn is_about_service(refusal: &Refusal<'_>, service: &PrincipalName) -> bool {
    if refusal.exchange.request.is_some() { refusal.exchange.stage == Stage::Tgs } else { !service.is_krbtgt() }
}

#[cfg(test)]
mod tests {
    use super::SERVICE_UNKNOWN;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_after_a_logon_by_key() {
        let finding = found(
            &SERVICE_UNKNOWN,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            1.000 pc > dc  tgs-req cifs/alias ticket T1
            1.004 dc > pc  krb-error 7 service cifs/alias
            20             end
        ",
        );
        assert_eq!(finding.packets(), [4, 3]);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.subject, crate::Subject::Service("cifs/alias".to_owned()));
    }

    #[test]
    fn found_with_a_ticket_whose_issue_was_not_seen() {
        let finding = found(
            &SERVICE_UNKNOWN,
            "
            1.000 pc > dc  tgs-req cifs/alias ticket T9
            1.004 dc > pc  krb-error 7
        ",
        );
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_although_a_referral_follows() {
        let finding = found(
            &SERVICE_UNKNOWN,
            "
            1.000 pc > dc   tgs-req cifs/alias ticket T9
            1.004 dc > pc   krb-error 7
            1.010 pc > dc2  tgs-req cifs/alias ticket T9
            1.014 dc2 > pc  tgs-rep krbtgt/OTHER.EXAMPLE ticket T2
            20              end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
    }

    #[test]
    fn less_severe_after_a_logon_by_password() {
        let finding = found(
            &SERVICE_UNKNOWN,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  as-rep alice ticket T1
            1.000 pc > dc  tgs-req cifs/alias ticket T1
            1.004 dc > pc  krb-error 7
            20             end
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_the_full_name_works() {
        clear(
            &SERVICE_UNKNOWN,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            1.000 pc > dc  tgs-req cifs/files ticket T1
            1.004 dc > pc  krb-error 7
            1.010 pc > dc  tgs-req cifs/files.corp.example ticket T1
            1.014 dc > pc  tgs-rep cifs/files.corp.example ticket T2
            20             end
        ",
        );
    }

    #[test]
    fn clear_when_a_read_only_dc_has_no_secrets() {
        clear(
            &SERVICE_UNKNOWN,
            "
            1.000 pc > dc  tgs-req cifs/files ticket T9
            1.004 dc > pc  krb-error 7 status 0xc0000371
            20             end
        ",
        );
    }

    #[test]
    fn clear_when_it_answers_a_first_request() {
        clear(
            &SERVICE_UNKNOWN,
            "
            0.000 pc > dc  as-req alice realm OTHER.EXAMPLE
            0.004 dc > pc  krb-error 7
            20             end
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &SERVICE_UNKNOWN,
            "
            1.000 pc > dc  tgs-req cifs/files ticket T9
            1.500          open
        ",
        );
    }

    #[test]
    fn evidence_names_the_machine_to_which_the_ticket_was_forwarded() {
        let finding = found(
            &SERVICE_UNKNOWN,
            "
            0.000 pc > dc   as-req alice pkinit
            0.004 dc > pc   as-rep alice ticket T1 pkinit
            9.000 pc2 > dc  tgs-req nfs/files ticket T1
            9.004 dc > pc2  krb-error 7 service nfs/files
            30              end
        ",
        );
        assert!(finding.found.evidence.iter().any(|evidence| evidence.means.starts_with("10.99.0.22 asks")));
    }
}
