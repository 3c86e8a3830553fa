//! DCC-02.

use capture::CaptureTime;
use decode::{Seen, kerberos::ErrorCode};
use trace::{DomainController, Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{
        key::directory::is_same,
        refusal::{PkinitRefusal, nothing_found},
    },
    windows::SAME_DAY_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// One domain controller refused a sign-in because it cannot do PKINIT, while another one of the same domain can.
    /// So signing in works or fails by which of them a computer happens to ask: it looks as if it came and went.
    ///
    /// ## How we know
    ///
    /// A PKINIT request was answered with error 16 (KDC_ERR_PADATA_TYPE_NOSUPP), and within 24 hours before or after,
    /// another domain controller that serves the same realm granted one. It is withdrawn if the one that refused
    /// granted a request later: then it had got its certificate in between.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller that refuses: `certutil -dcinfo verify` and `certutil -store my`. It lacks a valid
    ///    certificate with the purpose KDC Authentication, or its private key.
    /// 2. See whether it may enrol and does: autoenrolment by group policy for the unit Domain Controllers, and the
    ///    right Enroll of the template for it (a read-only or new domain controller is not always in the group).
    /// 3. `certutil -pulse` there, then restart the service Kerberos Key Distribution Center.
    /// 4. Compare all: `hellotrace dcs` on a capture of each.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; comparison of domain controllers. 24 hours are our choice.
    pub static AT_SOME_ONLY = {
        code: "DCC-02",
        title: "only some domain controllers can do PKINIT",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["DCC-01"],
        errors: [16],
        statuses: [0xc000_00bb],
        events: ["KDC 19", "KDC 29", "KDC 120", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all(logon).filter(|refusal| refusal.code() == ErrorCode::PADATA_TYPE_NOSUPP) {
        let kdc = refusal.kdc();
        let later = |dc: &DomainController| dc.issued.iter().any(|issuance| issuance.seen.at > refusal.answered.at);
        if facts.domain_controllers.get(&kdc).is_some_and(later) {
            continue;
        }
        let realm = refusal.request.realm.as_ref().map(|realm| realm.to_unicode().to_lowercase()).unwrap_or_default();
        let serves = |dc: &DomainController| dc.realms.iter().any(|own| own.to_lowercase() == realm);
        let others =
            facts.domain_controllers.iter().filter(|(address, dc)| !is_same(facts, **address, kdc) && serves(dc));
        let mut granted = others.filter_map(|(address, dc)| Some((*address, near(dc, refusal.answered.at, facts)?)));
        let Some((other, seen)) = granted.next() else { continue };
        let machine = |address| facts.name_of(address).map_or_else(|| format!("{address}"), str::to_owned);
        let summary = format!("{} cannot do PKINIT, and {} of the same domain can", machine(kdc), machine(other));
        return Found::new(Confidence::Likely, Subject::DomainController(kdc), summary)
            .with(refusal.answer("the domain controller cannot take it"))
            .with(refusal.question("kerberos.padata_type", "16", "the client offered PKINIT"))
            .with(Evidence::new(seen, "kerberos.msg_type", "11", format!("{other} grants a PKINIT request")))
            .into();
    }
    nothing_found(logon, facts, &[])
}

/// A PKINIT request that this one granted within a day.
fn near(dc: &DomainController, at: CaptureTime, facts: &Facts) -> Option<Seen> {
    dc.issued_near(at, SAME_DAY_SECONDS.of(facts)).next().map(|issuance| issuance.seen)
}

#[cfg(test)]
mod tests {
    use super::AT_SOME_ONLY;
    use crate::{
        Subject,
        testing::{clear, found, pending},
    };

    const REFUSED: &str = "
        60.00 pc > dc2 as-req alice pkinit key K1
        60.01 dc2 > pc krb-error 16
    ";
    const GRANTED: &str = "
        0.000 pc2 > dc as-req bob pkinit key K2
        0.010 dc > pc2 as-rep bob ticket T1 pkinit
    ";

    #[test]
    fn found_when_another_one_grants_what_this_one_refuses() {
        let finding = found(&AT_SOME_ONLY, &format!("{GRANTED}{REFUSED}"));
        assert_eq!(finding.packets(), [4, 3, 2]);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
    }

    #[test]
    fn it_takes_the_place_of_the_less_specific_finding() {
        let played = trace::script::play(&format!("{GRANTED}{REFUSED}"));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert!(codes.contains(&"DCC-02") && !codes.contains(&"DCC-01"), "{codes:?}");
    }

    #[test]
    fn clear_when_nobody_else_grants_or_it_does_so_later() {
        clear(&AT_SOME_ONLY, REFUSED);
        clear(&AT_SOME_ONLY, &format!("{GRANTED}{}", REFUSED.replace("16", "62")));
        clear(&AT_SOME_ONLY, &format!("{GRANTED}{}", REFUSED.replace("dc2", "dc")));
        clear(&AT_SOME_ONLY, &format!("{GRANTED}{}", REFUSED.replace("60.", "90000.")));
        let later = "100.0 pc > dc2 as-req alice pkinit\n100.1 dc2 > pc as-rep alice ticket T9 pkinit";
        clear(&AT_SOME_ONLY, &format!("{GRANTED}{REFUSED}{later}"));
        let other_domain = GRANTED
            .replace("as-rep bob", "as-rep bob realm OTHER.EXAMPLE")
            .replace("as-req bob", "as-req bob realm OTHER.EXAMPLE");
        clear(
            &AT_SOME_ONLY,
            &format!("{other_domain}{}", REFUSED.replace("as-req alice", "as-req alice realm NEW.EXAMPLE")),
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&AT_SOME_ONLY, "0.0 pc > dc as-req alice pkinit\n1 open");
    }
}
