//! What the directory held of a refused key, as far as LDAP in clear shows it.

use std::net::IpAddr;

use capture::CaptureTime;
use decode::{kerberos::ErrorCode, x509::Certificate};
use trace::{Facts, KEY_ATTRIBUTE, KeyObject, Logon, Statement, Tie};

use super::refused_key;
use crate::{Evidence, rules::refusal::PkinitRefusal, windows::DIRECTORY_READ_SECONDS};

/// Refusals of a key that the directory does not have, or not with this account.
pub(crate) const REFUSED: [ErrorCode; 2] = [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::CLIENT_NAME_MISMATCH];

/// What rules say where nothing was read or written.
pub(super) const NOT_READ: &str = "the capture does not show the account's keys in the directory";
/// What they say of keys that are not RSA.
pub(super) const NO_IDENTIFIER: &str = "the key has no identifier by which it could be found in the directory";

/// The first refusal of a self-signed key, as KEY-01 and KEY-02 have it.
pub(super) fn refused<'l>(logon: &'l Logon, facts: &Facts) -> Option<(PkinitRefusal<'l>, &'l Certificate)> {
    REFUSED.into_iter().find_map(|code| refused_key::first(logon, facts, code))
}

/// The directory had the key at the time of a refusal.
pub(super) struct Held<'f> {
    /// The object that had it.
    pub(super) object: &'f KeyObject,
    /// What ties it to the account; `None`: nothing that is sure.
    pub(super) tie: Option<Tie>,
    /// The message that shows it.
    pub(super) shown: Statement<'f>,
    /// Whether at the domain controller that refused.
    pub(super) here: bool,
}

/// The key in the directory, as it was when this request was refused; at the domain controller that refused it, if that
/// one had it.
pub(super) fn held<'f>(logon: &Logon, facts: &'f Facts, refusal: &PkinitRefusal<'_>, key_id: &str) -> Option<Held<'f>> {
    let found = facts.credentials.with_key(key_id).filter_map(|object| {
        let said = before(facts.credentials.statements(object, key_id), refusal.asked.at);
        // What was taken away at one domain controller is soon away at all.
        let gone = said.iter().rev().find(|said| !said.read && said.holds != Some(true)).map(|said| said.at);
        let latest = |here: bool| {
            let there = |said: &&Statement<'_>| is_same(facts, said.server, refusal.kdc()) == here;
            let last = said.iter().rev().find(there).copied()?;
            (last.holds == Some(true) && gone.is_none_or(|gone| gone < last.at)).then_some((last, here))
        };
        let (shown, here) = latest(true).or_else(|| latest(false))?;
        Some(Held { object, tie: tie(logon, object), shown, here })
    });
    found.max_by_key(|held| (held.tie, held.here))
}

/// The directory did not have the key at the time of a refusal.
pub(super) struct Absent<'f> {
    /// The account's object.
    pub(super) object: &'f KeyObject,
    /// What ties it to the account.
    pub(super) tie: Tie,
    /// The last message before the request that shows it.
    pub(super) before: Option<Statement<'f>>,
    /// The first one after the answer.
    pub(super) after: Option<Statement<'f>>,
    /// Whether who read it can see keys of this object.
    pub(super) visible: bool,
}

/// The account's object without the key, at the domain controller that refused it.
pub(super) fn absent<'f>(
    logon: &Logon,
    facts: &'f Facts,
    refusal: &PkinitRefusal<'_>,
    key_id: &str,
) -> Option<Absent<'f>> {
    let credentials = &facts.credentials;
    let found = objects(logon, facts).into_iter().filter_map(|(object, tie)| {
        let all = credentials.statements(object, key_id);
        let here = |said: &&Statement<'_>| is_same(facts, said.server, refusal.kdc());
        let near = |said: &Statement<'_>, at: CaptureTime| {
            said.at.since(at).abs() <= DIRECTORY_READ_SECONDS.of(facts) * CaptureTime::SECOND
        };
        // A write without an answer, or to another domain controller, that may have brought the key in between.
        let open_since = |from: CaptureTime| {
            all.iter().any(|said| said.at > from && said.at <= refusal.answered.at && said.holds != Some(false))
        };
        let last = all.iter().filter(here).rfind(|said| said.at <= refusal.asked.at).copied();
        let next = all.iter().filter(here).find(|said| said.at >= refusal.answered.at).copied();
        let before =
            last.filter(|said| said.holds == Some(false) && near(said, refusal.asked.at) && !open_since(said.at));
        // It was there: then it went, nobody knows when.
        let had =
            last.is_some_and(|said| said.holds != Some(false)) || (before.is_none() && open_since(CaptureTime(0)));
        let after =
            next.filter(|said| said.read && said.holds == Some(false) && near(said, refusal.answered.at) && !had);
        let (one, two) = (before.map(|said| said.client), after.map(|said| said.client));
        let visible = before.is_some_and(|said| !said.read)
            || object.reads.iter().any(|read| !read.keys.is_empty() && [one, two].contains(&Some(read.client)));
        (before.is_some() || after.is_some()).then_some(Absent { object, tie, before, after, visible })
    });
    found.max_by_key(|absent| absent.tie)
}

/// When and how a key was taken out of the directory between two times.
pub(super) fn removed<'f>(
    logon: &Logon,
    facts: &'f Facts,
    key_id: &str,
    (from, to): (CaptureTime, CaptureTime),
) -> Option<(&'f KeyObject, Statement<'f>)> {
    let own = objects(logon, facts).into_iter().map(|(object, _)| object);
    let found = facts.credentials.with_key(key_id).chain(own).filter_map(|object| {
        let said = facts.credentials.statements(object, key_id);
        let between = |said: &&Statement<'_>| said.at > from && said.at <= to;
        let last = said.iter().rfind(between).filter(|said| said.holds == Some(false))?;
        // The write that did it rather than the read that shows it.
        let write = said.iter().filter(between).rfind(|said| !said.read && said.holds == Some(false));
        Some((object, *write.unwrap_or(last)))
    });
    found.min_by_key(|(_, said)| (said.read, said.at))
}

/// What a message about a key shows, as evidence.
pub(crate) fn evidence(said: &Statement<'_>, object: &KeyObject, key_id: &str) -> Evidence {
    let (server, dn) = (said.server, &object.dn);
    let means = match (said.read, said.holds) {
        (true, Some(true)) => format!("{server} has this key for {dn}"),
        (true, _) if said.keys == 0 => format!("{server} shows no key for {dn}"),
        (true, _) => format!("{server} shows {} for {dn}, and this one is not among them", keys(said.keys)),
        (false, Some(true)) => format!("this key is written for {dn}, and {server} accepts that"),
        (false, _) => format!("this key is taken away from {dn}, and {server} accepts that"),
    };
    let value = if said.holds == Some(true) { key_id } else { KEY_ATTRIBUTE };
    Evidence::new(said.seen, "ldap.type", value, means)
}

/// Whether a key in a self-signed certificate is accepted anywhere after this time.
pub(super) fn works_later(facts: &Facts, at: CaptureTime) -> bool {
    facts.key_accepted.is_some_and(|seen| seen.at > at)
}

/// Whether two addresses are of one machine.
pub(crate) fn is_same(facts: &Facts, one: IpAddr, other: IpAddr) -> bool {
    one == other
        || facts.name_of(one).zip(facts.name_of(other)).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

fn before(mut said: Vec<Statement<'_>>, at: CaptureTime) -> Vec<Statement<'_>> {
    said.retain(|said| said.at <= at);
    said
}

/// Objects of the account, by either of its names.
fn objects<'f>(logon: &Logon, facts: &'f Facts) -> Vec<(&'f KeyObject, Tie)> {
    let names = [logon.requested.as_ref(), logon.canonical.as_ref()];
    names.into_iter().flatten().flat_map(|name| facts.credentials.of_account(name)).collect()
}

fn tie(logon: &Logon, object: &KeyObject) -> Option<Tie> {
    let names = [logon.requested.as_ref(), logon.canonical.as_ref()];
    names.into_iter().flatten().filter_map(|name| object.tie(&name.folded())).max()
}

fn keys(count: usize) -> String {
    if count == 1 { "one key".to_owned() } else { format!("{count} keys") }
}
