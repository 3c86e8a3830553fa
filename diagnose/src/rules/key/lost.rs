//! KEY-08.

use std::{collections::BTreeSet, net::IpAddr};

use decode::Seen;
use trace::{Facts, KeyUse, Logon, Tie};

use super::{
    directory::{self, REFUSED},
    export::{self, Kept},
    refused_key,
};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// A user's key of Windows Hello worked, and then it was refused everywhere: it is no longer in the directory.
    /// Someone deleted it, or its device in Microsoft Entra; a rule of the synchronisation took it away; or a domain
    /// controller with a known defect lost it.
    ///
    /// ## How we know
    ///
    /// A self-signed key that was accepted earlier in the capture was refused with error 62
    /// (KDC_ERR_CLIENT_NOT_TRUSTED) or 75 (KDC_ERR_CLIENT_NAME_MISMATCH), was never accepted again, and one of these
    /// holds. LDAP that is not encrypted shows that it was taken away in between: proven if the message names the key
    /// or the account was searched for by name, else likely. Or at least two domain controllers refused it, among them
    /// one that had accepted it, while another key works later (likely); or one that had accepted it did, and the
    /// capture shows no other that was asked since (possible). There is no finding of these kinds if the user has
    /// another key that works later: then this one may be an old one. Or an export of the directory (`--directory`) has
    /// the account without the key: likely if something in the export is newer than the last time that it worked, else
    /// possible; and an export that has it rules this finding out, unless it was seen to be taken away.
    ///
    /// ## What to do
    ///
    /// 1. Find out who deleted it: security event 5136 on the domain controllers, attribute msDS-KeyCredentialLink.
    /// 2. See whether the device and the key are still in Microsoft Entra:
    ///    `Get-MgUserAuthenticationWindowsHelloForBusinessMethod -UserId USER`. If they are, run
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`; if not, set up the PIN again.
    /// 3. If keys return with the next synchronisation and vanish again, update the domain controllers: Windows Server
    ///    2016 builds 14393.3930 to 14393.4048 and Windows Server 2019 builds 17763.1457 to 17763.1613 delete keys
    ///    (KB4593226, KB4592440).
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business known deployment issues. Seen in a capture of one Samba domain controller
    /// whose directory lost the key; with two in crafted ones only.
    pub static LOST = {
        code: "KEY-08",
        title: "the key worked, and is refused everywhere since",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-02", "KEY-03"],
        errors: [62, 75],
        statuses: [],
        events: ["Security 5136", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let refusals = PkinitRefusal::all_in_vain(logon).filter(|refusal| REFUSED.contains(&refusal.code()));
    for refusal in refusals {
        let Some(certificate) = refusal.self_signed() else { continue };
        let key_id = certificate.key_id.as_str();
        let Some(key) = facts.keys.get(key_id) else { continue };
        let Some(granted) = key.granted.last() else { continue };
        if granted.0.at >= refusal.answered.at {
            continue;
        }
        let who = name(logon);
        let words = refused_key::words(certificate);
        let refused = refusal.answer("the domain controller refuses the key");
        let worked = Evidence::new(granted.0, "kerberos.msg_type", "11", format!("{} had accepted it", granted.1));
        let window = (granted.0.at, refusal.answered.at);
        if let Some((object, said)) = directory::removed(logon, facts, key_id, window) {
            let is_named = said.value.is_some()
                || logon.principal().is_some_and(|name| object.tie(&name.folded()) == Some(Tie::Named));
            let summary = format!("the {words} of {who} worked, and was taken away from {}", object.dn);
            return Found::new(Confidence::Proven.lowered_unless(is_named && !said.read), account_of(logon), summary)
                .with(refused)
                .with(directory::evidence(&said, object, key_id))
                .with(worked)
                .into();
        }
        let kept = export::kept(logon, facts, key_id);
        if matches!(kept, Kept::Absent(_) | Kept::Elsewhere(_)) {
            let summary = format!("the {words} of {who} worked, and is not in the directory as it was exported");
            let newer = export::is_newer_than(facts, granted.0.at.seconds());
            return Found::new(Confidence::Likely.lowered_unless(newer), account_of(logon), summary)
                .with(refused)
                .with_some(export::evidence(&refusal, kept))
                .with(worked)
                .into();
        }
        if matches!(kept, Kept::Own(..)) {
            continue;
        }
        let Some((first, _)) = key.refused_since().first() else { continue };
        let Some(by) = refused_by(key, facts) else { continue };
        let several = by.len() > 1;
        // One that is replaced may be an old one.
        if (several && !directory::works_later(facts, first.at)) || facts.user_has_key_after(key, first.at) {
            continue;
        }
        let summary = if several {
            format!("the {words} of {who} worked, and {} domain controllers refuse it since", by.len())
        } else {
            format!("the {words} of {who} worked, and the domain controller that took it refuses it since")
        };
        let confidence = Confidence::Likely.lowered_unless(several);
        let mut found = Found::new(confidence, account_of(logon), summary).with(refused).with(worked);
        for (seen, kdc) in by.into_iter().filter(|(seen, _)| *seen != refusal.answered) {
            found = found.with(Evidence::new(
                seen,
                "kerberos.error_code",
                refusal.code().to_string(),
                format!("{kdc} refuses it, too"),
            ));
        }
        return found.into();
    }
    nothing_found(logon, facts, &REFUSED)
}

/// The first refusal by each domain controller, if one of them had accepted the key.
fn refused_by(key: &KeyUse, facts: &Facts) -> Option<Vec<(Seen, IpAddr)>> {
    let mut by: Vec<(Seen, IpAddr)> = Vec::new();
    for &(seen, kdc) in key.refused_since() {
        if !by.iter().any(|(_, known)| directory::is_same(facts, *known, kdc)) {
            by.push((seen, kdc));
        }
    }
    let accepted: BTreeSet<IpAddr> = key.granted.iter().map(|(_, kdc)| *kdc).collect();
    let had = |kdc: IpAddr| accepted.iter().any(|one| directory::is_same(facts, *one, kdc));
    by.iter().any(|(_, kdc)| had(*kdc)).then_some(by)
}

#[cfg(test)]
mod tests {
    use super::LOST;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const WORKED: &str = "
        0.000 pc > dc  as-req bob pkinit key K1
        0.010 dc > pc  as-rep bob ticket T1 pkinit
    ";
    const REFUSED: &str = "
        4000.0 pc > dc  as-req bob pkinit key K1
        4000.1 dc > pc  krb-error 62
    ";
    const ELSEWHERE: &str = "
        4001.0 pc > dc2 as-req bob pkinit key K1
        4001.1 dc2 > pc krb-error 75
    ";
    const ANOTHER: &str = "
        5000.0 pc2 > dc as-req eve pkinit key K9
        5000.1 dc > pc2 as-rep eve ticket T9 pkinit
    ";

    fn removed(how: &str) -> String {
        format!(
            "
            9.000 pc3 > dc2 modify CN=bob,CN=Users,DC=corp,DC=example {how} id 8
            9.100 dc2 > pc3 modify-result 0 id 8
            "
        )
    }

    #[test]
    fn proven_when_it_was_seen_to_be_taken_away() {
        let finding = found(&LOST, &format!("{WORKED}{}{REFUSED}", removed("removes K1")));
        assert_eq!(finding.packets(), [6, 3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn likely_when_all_keys_of_that_name_were_taken_away() {
        for how in ["clears", "replaces K2"] {
            let finding = found(&LOST, &format!("{WORKED}{}{REFUSED}", removed(how)));
            assert_eq!(finding.found.confidence, Confidence::Likely);
        }
    }

    #[test]
    fn likely_when_two_refuse_it_and_other_keys_work() {
        let finding = found(&LOST, &format!("{WORKED}{REFUSED}{ELSEWHERE}{ANOTHER}"));
        assert_eq!(finding.packets(), [4, 2, 6]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn possible_when_the_only_one_that_is_asked_took_it_before() {
        let finding = found(&LOST, &format!("{WORKED}{REFUSED}"));
        assert_eq!(finding.packets(), [4, 2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn an_export_shows_that_it_is_gone_or_there() {
        let finding = found(&LOST, &format!("{WORKED}{REFUSED}4500 export bob keys K2"));
        assert_eq!(finding.packets(), [4, 3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(
            found(&LOST, &format!("0 export bob\n{}{REFUSED}", WORKED.replace("0.0", "1.0"))).found.confidence,
            Confidence::Possible
        );
        clear(&LOST, &format!("{WORKED}{REFUSED}{ELSEWHERE}{ANOTHER}4500 export bob keys K1"));
    }

    #[test]
    fn clear_when_it_need_not_be_lost() {
        let again = "
            6000.0 pc > dc  as-req bob pkinit key K1
            6000.1 dc > pc  as-rep bob ticket T7 pkinit
        ";
        let new_key = "
            6000.0 pc > dc  as-req bob pkinit key K5
            6000.1 dc > pc  as-rep bob ticket T7 pkinit
        ";
        for script in [
            // No other key works; it works again; the user has a new one.
            format!("{WORKED}{REFUSED}{ELSEWHERE}"),
            format!("{WORKED}{REFUSED}{again}"),
            format!("{WORKED}{REFUSED}{new_key}"),
            // Only one that never accepted it refuses it.
            format!("{WORKED}{ELSEWHERE}{ANOTHER}"),
            format!("{WORKED}{REFUSED}{ELSEWHERE}{ANOTHER}{again}"),
            format!("{WORKED}{REFUSED}{ELSEWHERE}{ANOTHER}{new_key}"),
            // It never worked; another key was taken away, or another account's, or in vain.
            format!("{REFUSED}{ELSEWHERE}{ANOTHER}"),
            format!("{WORKED}{}{REFUSED}{ELSEWHERE}", removed("removes K2")),
            format!("{WORKED}{}{REFUSED}{ELSEWHERE}", removed("clears").replace("bob", "eve")),
            format!("{WORKED}{}{REFUSED}{ELSEWHERE}", removed("clears").replace("result 0", "result 50")),
        ] {
            clear(&LOST, &script);
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&LOST, "0.000 pc > dc as-req bob pkinit key K1\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&LOST, "0.010 dc > pc krb-error 62 client bob");
    }
}
