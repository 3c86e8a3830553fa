//! ACC-11.

use decode::kerberos::{ErrorCode, Stage};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{account_of, by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// Two or more accounts share the name that was asked for: two users the same user principal name, or two computers
    /// or service accounts the same service principal name. The domain controller does not choose between them and
    /// issues no ticket. For services Windows may fall back to NTLM.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 8 (KDC_ERR_PRINCIPAL_NOT_UNIQUE), which says so. The finding is
    /// withdrawn when the client gets a ticket within ten seconds; if the capture ends before, it is one step less
    /// sure.
    ///
    /// ## What to do
    ///
    /// 1. For a service, list all doubles: `setspn -X -F`; then take the name from the account that should not have it:
    ///    `setspn -D cifs/files.corp.example ACCOUNT`.
    /// 2. For a user, search the forest: `Get-ADObject -Server dc1:3268 -LDAPFilter
    ///    "(|(userPrincipalName=alice@corp.example)(sAMAccountName=alice))"`, and rename one.
    /// 3. If the doubles differ by domain controller, let replication finish first: `repadmin /replsummary`.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; text of the KDC event 11.
    pub static NAME_NOT_UNIQUE = {
        code: "ACC-11",
        title: "two accounts share the name",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [8],
        statuses: [0xc000_02f7],
        events: ["KDC 11", "KDC operational 101"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let refused =
        refusals(logon, ErrorCode::PRINCIPAL_NOT_UNIQUE).find(|refusal| !adjusted(logon, facts, refusal.answered.at));
    let Some(refusal) = refused else { return by_what_is_missing(logon.exchanges.iter(), facts) };
    let request = refusal.exchange.kdc_request();
    let service = request.and_then(|request| request.sname.as_ref()).or(refusal.error.sname.as_ref());
    let service = service.filter(|_| refusal.exchange.stage == Stage::Tgs);
    let subject = service.map_or_else(|| account_of(logon), |service| Subject::Service(service.to_unicode()));
    let what = if service.is_some() { "service principal name" } else { "user's name" };
    let summary = format!("two or more accounts share the {what}, and the domain controller issues no ticket for it");
    let confidence = Confidence::Proven.lowered_unless(facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts)));
    let found = Found::new(confidence, subject, summary).with(refusal.answer("the name is not unique"));
    match (service, refusal.exchange.request.as_deref()) {
        (Some(service), Some(request)) => {
            found.with(Evidence::new(request.seen, "kerberos.SNameString", service.to_string(), "the name asked for"))
        }
        _ => found.with_some(refusal.client_evidence()),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::NAME_NOT_UNIQUE;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_for_a_user() {
        let finding = found(&NAME_NOT_UNIQUE, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 8\n30 end");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::High);
        assert!(matches!(finding.found.subject, Subject::Account(_)));
    }

    #[test]
    fn found_for_a_service_and_less_sure_at_the_end() {
        let finding = found(&NAME_NOT_UNIQUE, "0.000 pc > dc tgs-req cifs/files ticket T9\n0.010 dc > pc krb-error 8");
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.found.subject, Subject::Service("cifs/files".to_owned()));
    }

    #[test]
    fn clear_when_the_client_gets_in() {
        clear(
            &NAME_NOT_UNIQUE,
            "
            0.000 pc > dc as-req alice pkinit
            0.010 dc > pc krb-error 8
            1.000 pc > dc as-req alice pkinit
            1.010 dc > pc as-rep alice ticket T1 pkinit
            ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&NAME_NOT_UNIQUE, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }
}
