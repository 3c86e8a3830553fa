//! KEY-05.

use std::{collections::BTreeSet, net::IpAddr};

use capture::CaptureTime;
use decode::{Seen, kerberos::ErrorCode};
use trace::{Facts, KeyUse, Logon};

use super::refused_key;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, name, nothing_found},
    windows::KEY_WORKS_SECONDS,
};

/// Refusals of a key that the directory does not have, or not with this account. An MIT KDC says 71.
const REFUSED: [ErrorCode; 3] =
    [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::CLIENT_NAME_MISMATCH, ErrorCode::INVALID_CERTIFICATE];

rule! {
    /// ## What happened
    ///
    /// One domain controller accepts a user's key of Windows Hello, and another one refuses the same key. Users
    /// get in or not depending on which of them their computer turns to. Most often the key has not been
    /// replicated to the second one; or that one is older or differently patched, and cannot take such keys.
    ///
    /// ## How we know
    ///
    /// The same key (by its identifier) for the same account was accepted by one domain controller, and was refused by
    /// another with error 62 (KDC_ERR_CLIENT_NOT_TRUSTED), 71 (KDC_ERR_INVALID_CERTIFICATE) or 75
    /// (KDC_ERR_CLIENT_NAME_MISMATCH) up to 24 hours later. There is no finding if the second one ever accepted the key
    /// in this capture, as then it only came late; if the first one refused it afterwards, as then the key was removed
    /// everywhere; and if both addresses have the same name. A refusal before the key was first accepted says nothing
    /// by itself: the key may have arrived in between. It would be wrong if the key was removed from the whole
    /// directory between the two.
    ///
    /// ## What to do
    ///
    /// 1. Compare what the two have:
    ///    `Get-ADUser USER -Server DC1 -Properties msDS-KeyCredentialLink`, and the same with `-Server DC2`.
    /// 2. If the second has no such value, see why it is not replicated: `repadmin /showrepl DC2`,
    ///    `repadmin /replsummary`, and Directory Service events 1311 and 2087; then `repadmin /syncall DC2 /AdeP`.
    /// 3. If it has the value, compare the versions: `Get-ADDomainController -Filter * |
    ///    Format-Table Name,OperatingSystem,OperatingSystemVersion`. Key trust needs Windows Server 2016;
    ///    Windows Server 2019 before build 17763.316 refuses every key with 75. Install the current cumulative
    ///    update.
    /// 4. Until then, keep clients away from it where that can be done (sites, DNS records).
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business known deployment issues; MS-PKCA 3.1.5.2.1.4; RFC 4556 §3.2.2.
    /// Seen with MIT KDCs, in the sample `key-at-one-dc-only`.
    pub static WORKS_ELSEWHERE = {
        code: "KEY-05",
        title: "one domain controller accepts the key and another refuses it",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-02", "KEY-04", "SYN-02"],
        errors: [62, 71, 75],
        statuses: [],
        events: ["Directory Service 1311", "Directory Service 2087", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all(logon).filter(|refusal| REFUSED.contains(&refusal.code())) {
        let Some(certificate) = refusal.self_signed() else { continue };
        let Some(key) = facts.keys.get(&certificate.key_id).filter(|key| is_of_one_account(key)) else { continue };
        let Some((seen, by)) = accepted_elsewhere(key, &refusal, facts) else { continue };
        let machine = |address: IpAddr| facts.name_of(address).map_or_else(|| address.to_string(), str::to_owned);
        let (works, here) = (machine(by), machine(refusal.kdc()));
        let summary = format!(
            "the {} of {} works at {works} and is refused at {here}",
            refused_key::words(certificate),
            name(logon)
        );
        let mut found = Found::new(Confidence::Likely, Subject::DomainController(refusal.kdc()), summary)
            .with(refusal.answer("this domain controller refuses the key"))
            .with(Evidence::new(seen, "kerberos.msg_type", "11", format!("{by} accepts the same key")));
        for piece in refused_key::evidence(&refusal, certificate) {
            found = found.with(piece);
        }
        return found.into();
    }
    nothing_found(logon, facts, &REFUSED)
}

/// Whether a key was used for one account only, by the part of the name that its forms have in common.
fn is_of_one_account(key: &KeyUse) -> bool {
    let accounts: BTreeSet<&str> = key.principals.iter().filter_map(|name| name.split('@').next()).collect();
    accounts.len() == 1
}

/// The last time that another domain controller accepted the key before this one's last refusal, while it was still
/// good there; `None` where this one accepted it too.
///
/// The last refusal counts, and not only this one: who refuses both before and after was not too early.
fn accepted_elsewhere(key: &KeyUse, refusal: &PkinitRefusal<'_>, facts: &Facts) -> Option<(Seen, IpAddr)> {
    let kdc = refusal.kdc();
    let is_same = |other: IpAddr| {
        other == kdc
            || facts.name_of(other).zip(facts.name_of(kdc)).is_some_and(|(one, two)| one.eq_ignore_ascii_case(two))
    };
    if key.granted.iter().any(|(_, by)| is_same(*by)) {
        return None;
    }
    let refused = || key.refused.iter().filter(|(_, _, code)| REFUSED.contains(code));
    let last = refused().filter(|(_, by, _)| *by == kdc).map(|(seen, _, _)| *seen).max()?;
    let near = |seen: &Seen| {
        seen.at <= last.at
            && seen.at.since(refusal.answered.at).abs() <= KEY_WORKS_SECONDS.of(facts) * CaptureTime::SECOND
    };
    let still_good = |seen: &Seen, by: IpAddr| !refused().any(|(again, other, _)| *other == by && again.at > seen.at);
    let accepted = key.granted.iter().filter(|(seen, by)| near(seen) && still_good(seen, *by));
    accepted.max_by_key(|(seen, _)| *seen).copied()
}

#[cfg(test)]
mod tests {
    use super::WORKS_ELSEWHERE;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    /// Accepted by the first domain controller, refused by the second.
    const DIFFER: &str = "
        0.000 pc > dc  as-req alice pkinit key K1
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        60.00 pc > dc2 as-req alice pkinit key K1
        60.01 dc2 > pc krb-error 75
    ";

    #[test]
    fn found_when_one_accepts_and_another_refuses() {
        let finding = found(&WORKS_ELSEWHERE, DIFFER);
        assert_eq!(finding.packets(), [4, 2, 3, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Critical);
        assert!(finding.found.summary.contains("works at 10.99.0.10"), "{}", finding.found.summary);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
    }

    #[test]
    fn found_when_it_refuses_before_and_after() {
        let finding = found(
            &WORKS_ELSEWHERE,
            "
            0.000 pc > dc2 as-req alice pkinit key K1
            0.010 dc2 > pc krb-error 62
            60.00 pc > dc  as-req alice pkinit key K1
            60.01 dc > pc  as-rep alice ticket T1 pkinit
            120.0 pc > dc2 as-req alice pkinit key K1
            120.1 dc2 > pc krb-error 62
        ",
        );
        assert_eq!(finding.packets(), [2, 4, 1, 1]);
    }

    #[test]
    fn one_cause_is_one_finding() {
        let late = "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            4000  pc > dc2 as-req alice pkinit key K1
            4000.1 dc2 > pc krb-error 62
        ";
        for script in [DIFFER, late] {
            let played = trace::script::play(script);
            let (findings, _) = crate::diagnose(played.logons(), played.facts());
            let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
            assert_eq!(codes, ["KEY-05", "KEY-16"]);
        }
    }

    #[test]
    fn clear_when_the_key_came_late() {
        for after in ["dc2", "dc"] {
            let script = format!(
                "
                0.000 pc > dc2 as-req alice pkinit key K1
                0.010 dc2 > pc krb-error 62
                60.00 pc > {after} as-req alice pkinit key K1
                60.01 {after} > pc as-rep alice ticket T1 pkinit
                "
            );
            clear(&WORKS_ELSEWHERE, &script);
        }
        clear(
            &WORKS_ELSEWHERE,
            &format!(
                "{DIFFER}
                300.0 pc > dc2 as-req alice pkinit key K1
                300.1 dc2 > pc as-rep alice ticket T2 pkinit
                "
            ),
        );
    }

    #[test]
    fn clear_when_the_first_refuses_it_too_by_then() {
        clear(
            &WORKS_ELSEWHERE,
            &format!(
                "{DIFFER}
                70.00 pc > dc  as-req alice pkinit key K1
                70.01 dc > pc  krb-error 75
                "
            ),
        );
    }

    #[test]
    fn clear_when_it_is_another_key_or_another_account() {
        for other in ["alice pkinit key K2", "bob pkinit key K1"] {
            let script = format!(
                "
                0.000 pc > dc  as-req alice pkinit key K1
                0.010 dc > pc  as-rep alice ticket T1 pkinit
                60.00 pc > dc2 as-req {other}
                60.01 dc2 > pc krb-error 75
                "
            );
            clear(&WORKS_ELSEWHERE, &script);
        }
    }

    #[test]
    fn clear_when_both_addresses_are_of_one_machine() {
        clear(
            &WORKS_ELSEWHERE,
            &format!(
                "
                0.000 dns > pc a-answer dc1.corp.example 10.99.0.10
                0.000 dns > pc a-answer dc1.corp.example 10.99.0.11
                {DIFFER}
                "
            ),
        );
    }

    #[test]
    fn clear_when_a_ca_issued_the_certificate() {
        clear(&WORKS_ELSEWHERE, &DIFFER.replace("key K1", "issued C1"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &WORKS_ELSEWHERE,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&WORKS_ELSEWHERE, "0.010 dc > pc krb-error 75 client alice");
    }
}
