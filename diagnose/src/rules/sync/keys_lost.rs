//! SYN-07.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use capture::CaptureTime;
use decode::Seen;
use trace::Facts;

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::key::{directory::is_same, export::is_newer_than},
    windows::{LOST_SECONDS, LOST_USERS, REPEATED},
};

rule! {
    /// ## What happened
    ///
    /// Keys of Windows Hello of many users, which had worked, are refused from one moment on. It looks as if they were
    /// deleted from the directory at once: by a rule of the synchronisation, a script, or a domain controller that was
    /// restored from an old copy.
    ///
    /// ## How we know
    ///
    /// Self-signed keys of at least five users (or of three, if these are more than a fifth of all whose keys worked)
    /// were accepted, and were then refused with error 62 or 75, the first time within one hour, each by a domain
    /// controller that had accepted it, by two domain controllers in all, and never accepted again. Users who have
    /// another key that works are left out. Likely if other self-signed keys are still accepted by these domain
    /// controllers; otherwise possible, as an update that demands certificates of the NTAuth store makes all keys fail
    /// in the same way. Likely, too, if an export of the directory (`--directory`) made later has none of these keys.
    ///
    /// ## What to do
    ///
    /// 1. Stop the synchronisation before it deletes more: `Set-ADSyncScheduler -SyncCycleEnabled $false`.
    /// 2. Find out who deleted the keys: security event 5136 on the domain controllers, attribute
    ///    msDS-KeyCredentialLink.
    /// 3. If they are still in Microsoft Entra, mend the synchronisation's rules and scope, and run a full one:
    ///    `Start-ADSyncSyncCycle -PolicyType Initial`. Else restore the objects from a backup (authoritative restore).
    /// 4. If nothing was deleted, look for KDC events 21 and 45, and for updates of that hour (KB5057784).
    ///
    /// ## Sources
    ///
    /// Comparison of many sign-ins. The numbers and the hour are our choice. Not seen in a capture.
    pub static KEYS_LOST = {
        code: "SYN-07",
        title: "keys of many users are refused from one moment on",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [62, 75],
        statuses: [],
        events: ["Security 5136", "KDC 21", "KDC 45"],
        check: Scope::Capture(check),
    };
}

/// A key that stopped working.
struct Lost<'f> {
    user: &'f str,
    key_id: &'f str,
    refused: Seen,
    /// By whom, each of which had accepted it.
    by: Vec<IpAddr>,
}

fn check(facts: &Facts) -> Verdict {
    // Users whose keys worked, and when one of them did so last.
    let mut users: BTreeMap<&str, CaptureTime> = BTreeMap::new();
    let mut lost: Vec<Lost<'_>> = Vec::new();
    for (key_id, key) in facts.keys.iter().filter(|(_, key)| key.self_signed) {
        let Some(user) = key.principals.first().and_then(|name| name.split('@').next()) else { continue };
        let Some((granted, _)) = key.granted.last() else { continue };
        let worked = users.entry(user).or_insert(granted.at);
        *worked = granted.at.max(*worked);
        let had = |kdc: IpAddr| key.granted.iter().any(|(_, by)| is_same(facts, *by, kdc));
        let refused: Vec<(Seen, IpAddr)> = key.refused_since().iter().copied().filter(|(_, kdc)| had(*kdc)).collect();
        if let Some((first, _)) = refused.first() {
            lost.push(Lost { user, key_id, refused: *first, by: refused.iter().map(|(_, kdc)| *kdc).collect() });
        }
    }
    lost.retain(|lost| users.get(lost.user).is_some_and(|worked| *worked < lost.refused.at));
    lost.sort_by_key(|lost| lost.refused.at);
    let (concerned, lost) = worst_hour(&lost, LOST_SECONDS.of(facts));
    let Some(first) = lost.first() else { return Verdict::Clear };
    let is_many = concerned >= LOST_USERS.of(facts) || (concerned >= REPEATED.of(facts) && concerned * 5 > users.len());
    let kdcs: BTreeSet<IpAddr> = lost.iter().flat_map(|lost| lost.by.iter().copied()).collect();
    let differ = kdcs.iter().any(|one| kdcs.iter().any(|other| !is_same(facts, *one, *other)));
    if !is_many || !differ {
        return Verdict::Clear;
    }
    let others_work = facts
        .keys
        .values()
        .filter(|key| key.self_signed)
        .any(|key| key.granted.iter().any(|(seen, by)| seen.at > first.refused.at && kdcs.contains(by)));
    // An export after it that has none of the keys shows that they are gone, and not only refused.
    let exported = is_newer_than(facts, first.refused.at.seconds());
    let gone = exported && !lost.iter().any(|lost| facts.directory.with_key(lost.key_id).next().is_some());
    let confidence = if others_work || gone { Confidence::Likely } else { Confidence::Possible };
    let summary = format!(
        "keys of {concerned} users worked, and are refused by {} domain controllers since {}",
        kdcs.len(),
        first.refused.at
    );
    let mut found = Found::new(confidence, Subject::Capture, summary);
    for lost in lost {
        let means = format!("a key of {} that worked is refused", decode::WireText::from(lost.user));
        found = found.with(Evidence::new(lost.refused, "kerberos.error_code", "62 or 75", means));
    }
    found.into()
}

/// How many users lost keys in the so many seconds in which most did, and their keys, of a list in order of time.
fn worst_hour<'l, 'f>(lost: &'l [Lost<'f>], seconds: i64) -> (usize, &'l [Lost<'f>]) {
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut most, mut end) = ((0, 0..0), 0);
    for (start, from) in lost.iter().enumerate() {
        while let Some(next) = lost.get(end)
            && next.refused.at.since(from.refused.at) <= seconds * CaptureTime::SECOND
        {
            *users.entry(next.user).or_default() += 1;
            end += 1;
        }
        if users.len() > most.0 {
            most = (users.len(), start..end);
        }
        if let Some(count) = users.get_mut(from.user) {
            *count -= 1;
            if *count == 0 {
                users.remove(from.user);
            }
        }
    }
    (most.0, lost.get(most.1).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::KEYS_LOST;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    /// Sign-ins of so many users with their keys, at two domain controllers; those listed are refused.
    fn round(at: u32, users: u32, refused: &[u32]) -> String {
        (0..users)
            .map(|user| {
                let dc = ["dc", "dc2"][(user % 2) as usize];
                let at = at + user * 10;
                let answer = if refused.contains(&user) {
                    "krb-error 62".to_owned()
                } else {
                    format!("as-rep user{user} ticket T{at} pkinit")
                };
                format!(
                    "{at}.0 pc > {dc} as-req user{user} pkinit key K{user} flow {user}\n\
                     {at}.1 {dc} > pc {answer} flow {user}\n"
                )
            })
            .collect::<Vec<_>>()
            .concat()
    }

    #[test]
    fn found_when_five_users_lose_their_keys() {
        let script = format!("{}{}", round(0, 30, &[]), round(4000, 30, &[1, 2, 3, 4, 5]));
        let finding = found(&KEYS_LOST, &script);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("5 users"), "{}", finding.found.summary);
    }

    #[test]
    fn possible_when_no_key_works_any_more() {
        let script = format!("{}{}", round(0, 4, &[]), round(4000, 4, &[0, 1, 2, 3]));
        assert_eq!(found(&KEYS_LOST, &script).found.confidence, Confidence::Possible);
        let exported = |keys: &str| format!("{script}5000 export user0 {keys}");
        assert_eq!(found(&KEYS_LOST, &exported("")).found.confidence, Confidence::Likely);
        assert_eq!(found(&KEYS_LOST, &exported("keys K0")).found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_they_are_few_far_apart_at_one_place_or_work_again() {
        let (before, lost) = (round(0, 30, &[]), [1, 2, 3, 4, 5]);
        for script in [
            format!("{before}{}", round(4000, 30, &[1, 2, 3, 4])),
            format!("{before}{}{}", round(4000, 30, &[1, 2]), round(9000, 30, &[1, 2, 3, 4, 5])),
            format!("{before}{}", round(4000, 30, &[1, 3, 5, 7, 9])),
            format!("{before}{}{}", round(4000, 30, &lost), round(9000, 30, &[])),
            round(4000, 30, &lost),
        ] {
            clear(&KEYS_LOST, &script);
        }
    }

    #[test]
    fn clear_when_the_users_have_new_keys() {
        let script = format!("{}{}", round(0, 30, &[]), round(4000, 30, &[1, 2, 3, 4, 5]));
        let new = round(9000, 30, &[]).replace("key K", "key N");
        clear(&KEYS_LOST, &format!("{script}{new}"));
    }
}
