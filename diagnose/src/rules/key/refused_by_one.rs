//! KEY-06.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, nothing_found},
    windows::REPEATED,
};

rule! {
    /// ## What happened
    ///
    /// One domain controller refuses the keys of all users, and other domain controllers accept the same keys. Windows
    /// Server 2019 before build 17763.316 has this fault: every sign-in with key trust fails there.
    ///
    /// ## How we know
    ///
    /// Three or more keys of different users were refused by this domain controller with error 75
    /// (KDC_ERR_CLIENT_NAME_MISMATCH) and accepted by another one, and this one accepted no self-signed certificate in
    /// the whole capture. Sign-ins with certificates that a CA issued may work there. It would also look so if new keys
    /// of many users had not been replicated to it yet.
    ///
    /// ## What to do
    ///
    /// 1. See its version:
    ///    `Get-ADDomainController -Filter * | Format-Table Name,OperatingSystem,OperatingSystemVersion`.
    /// 2. Install the current cumulative update; the fault was mended by KB4487044.
    /// 3. If it is up to date, look at replication: `repadmin /showrepl DC`, and KEY-05.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business known deployment issues (hybrid key trust fails with Windows Server 2019).
    pub static REFUSED_BY_ONE = {
        code: "KEY-06",
        title: "one domain controller refuses every key",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-05"],
        errors: [75],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODE: ErrorCode = ErrorCode::CLIENT_NAME_MISMATCH;
    for refusal in PkinitRefusal::all(logon).filter(|refusal| refusal.code() == CODE && refusal.self_signed().is_some())
    {
        let kdc = refusal.kdc();
        if facts.domain_controllers.get(&kdc).is_none_or(trace::DomainController::accepted_self_signed) {
            continue;
        }
        let Some(differ) = facts.refused_only_by(kdc).filter(|differ| differ.users >= REPEATED.of(facts)) else {
            continue;
        };
        let name = facts.name_of(kdc).map_or_else(|| kdc.to_string(), str::to_owned);
        let summary = format!(
            "{name} refuses the keys of {} users that other domain controllers accept, and accepts none",
            differ.users
        );
        let mut found = Found::new(Confidence::Likely, Subject::DomainController(kdc), summary)
            .with(refusal.answer("this domain controller refuses the key"));
        for &(refused, accepted, by) in differ.keys.iter().take(REPEATED.of(facts)) {
            let here = Evidence::new(refused, "kerberos.error_code", CODE.to_string(), "a key that is refused here");
            let there = format!("{by} accepts the same key");
            found = found.with(here).with(Evidence::new(accepted, "kerberos.msg_type", "11", there));
        }
        return found.into();
    }
    nothing_found(logon, facts, &[CODE])
}

#[cfg(test)]
mod tests {
    use super::REFUSED_BY_ONE;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    /// So many users get in at one domain controller and are refused at the other.
    fn users(count: usize) -> String {
        (0..count)
            .map(|index| {
                format!(
                    "{index}.000 pc > dc as-req user{index} pkinit key K{index} flow {index}\n\
                     {index}.010 dc > pc as-rep user{index} ticket T{index} pkinit flow {index}\n\
                     {index}.500 pc > dc2 as-req user{index} pkinit key K{index} flow {index}\n\
                     {index}.510 dc2 > pc krb-error 75 flow {index}\n"
                )
            })
            .collect::<Vec<String>>()
            .concat()
    }

    #[test]
    fn found_when_it_refuses_three_that_another_accepts() {
        let finding = found(&REFUSED_BY_ONE, &users(3));
        assert_eq!(finding.packets(), [4, 4, 2, 8, 6, 12, 10]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
    }

    #[test]
    fn one_cause_is_one_finding() {
        let played = trace::script::play(&users(3));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert!(codes.contains(&"KEY-06") && !codes.contains(&"KEY-05") && !codes.contains(&"KEY-01"), "{codes:?}");
    }

    #[test]
    fn clear_when_there_are_two_or_it_accepts_one() {
        clear(&REFUSED_BY_ONE, &users(2));
        let script = format!(
            "{}\n 9.000 pc > dc2 as-req mia pkinit key KM\n 9.010 dc2 > pc as-rep mia ticket TM pkinit",
            users(3)
        );
        clear(&REFUSED_BY_ONE, &script);
    }

    #[test]
    fn clear_for_certificates_of_a_ca_and_other_errors() {
        clear(&REFUSED_BY_ONE, &users(3).replace("key K", "issued C"));
        clear(&REFUSED_BY_ONE, &users(3).replace("krb-error 75", "krb-error 62"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&REFUSED_BY_ONE, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&REFUSED_BY_ONE, "0.010 dc > pc krb-error 75 client alice");
    }
}
