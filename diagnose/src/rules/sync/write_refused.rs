//! SYN-04.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use decode::{Seen, WireText, kerberos::ErrorCode, ldap::ResultCode};
use trace::{Facts, KEY_ATTRIBUTE, KeyWrite};

use super::not_arriving::late;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::key::{directory::REFUSED, export::is_newer_than},
    windows::{SYNC_SECONDS, WRITTEN_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// The server that synchronises with Microsoft Entra (Entra Connect) tried to write users' keys of Windows Hello
    /// into Active Directory, and the domain controller refused: its account may not write them. So the keys of these
    /// users never arrive, and their sign-ins with Windows Hello are refused.
    ///
    /// ## How we know
    ///
    /// A request to change the attribute msDS-KeyCredentialLink was answered with result 50 (insufficientAccessRights),
    /// in an LDAP connection that is not encrypted: the domain controller says so itself, so it is proven. It is
    /// withdrawn for a user whose keys are written within 24 hours after. Entra Connect encrypts its connections, as a
    /// rule; then nothing of this can be seen, and its log is the place to look. An administrator's tool that is
    /// refused looks the same.
    ///
    /// Without such an answer it is possible only: a client that got tickets as `MSOL_…` turned to a domain controller
    /// in each of two cycles of 30 minutes, and after these new keys of at least two users were refused as SYN-01 has
    /// it. The synchronisation's rules and scope can be the reason as well. Likely if an export of the directory
    /// (`--directory`) made after these refusals has none of these keys.
    ///
    /// ## What to do
    ///
    /// 1. Find the account: on the Entra Connect server, `Get-ADSyncADConnectorAccount`.
    /// 2. Make it a member of the group Key Admins of the domain:
    ///    `Add-ADGroupMember -Identity 'Key Admins' -Members ACCOUNT`. In a forest of several domains, use Enterprise
    ///    Key Admins, or delegate the right to write msDS-KeyCredentialLink.
    /// 3. If only some users are concerned, they do not inherit permissions:
    ///    `Get-ADSyncObjectsWithInheritanceDisabled`. Members of protected groups (adminCount 1) are among these.
    /// 4. Run `Start-ADSyncSyncCycle -PolicyType Delta`, and look for export errors with code 8344.
    ///
    /// ## Sources
    ///
    /// RFC 4511 appendix A.2 (result 50); Microsoft: configure directory synchronization for Windows Hello for Business
    /// (Key Admins). 24 hours are our choice. Writes of this attribute in clear were captured in a lab; not one
    /// refused.
    pub static WRITE_REFUSED = {
        code: "SYN-04",
        title: "the directory refuses keys that are written into it",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["ADSync 8344"],
        check: Scope::Device(check),
    };
}

/// Users named in a summary.
const USERS_SHOWN: usize = 3;

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    // By object, without regard to case: the last refusal, until a write succeeds.
    let mut refused: BTreeMap<String, &KeyWrite> = BTreeMap::new();
    let mut open = false;
    let dn = |write: &KeyWrite| write.dn.to_unicode().to_lowercase();
    // Every device is asked, and nearly none writes any.
    let writes = if facts.credentials.has_written(client) { facts.credentials.writes() } else { &[] };
    for write in writes {
        match write.answer {
            Some((_, ResultCode::INSUFFICIENT_ACCESS_RIGHTS)) if write.client == client => {
                refused.entry(dn(write)).or_insert(write);
            }
            // Every device is asked, and nearly none was refused anything.
            Some((seen, ResultCode::SUCCESS)) if !refused.is_empty() => {
                let soon = |refused: &&KeyWrite| {
                    seen.at.since(refused.asked.at) <= WRITTEN_SECONDS.of(facts) * CaptureTime::SECOND
                };
                let dn = dn(write);
                if refused.get(&dn).is_some_and(soon) {
                    refused.remove(&dn);
                }
            }
            Some(_) => {}
            None => open |= write.client == client,
        }
    }
    if refused.is_empty() {
        if let Some(found) = in_vain(client, facts) {
            return found.into();
        }
        return if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear };
    }
    let mut writes: Vec<&KeyWrite> = refused.into_values().collect();
    writes.sort_by_key(|write| write.asked);
    let names: Vec<String> = writes.iter().take(USERS_SHOWN).map(|write| write.dn.to_string()).collect();
    let more = match writes.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let summary = format!("{client} may not write keys of Windows Hello for {}{more}", names.join("; "));
    let mut found = Found::new(Confidence::Proven, Subject::Device(client), summary);
    for write in writes {
        let Some((seen, code)) = write.answer else { continue };
        found = found
            .with(Evidence::new(
                seen,
                "ldap.resultCode",
                code.to_string(),
                format!("{} refuses the write", write.server),
            ))
            .with(Evidence::new(write.asked, "ldap.type", KEY_ATTRIBUTE, format!("keys are written for {}", write.dn)));
    }
    found.into()
}

/// What traffic alone tells: the client synchronises, and new keys of several users do not arrive (SYN-01).
fn in_vain(client: IpAddr, facts: &Facts) -> Option<Found> {
    if !facts.synchronisers().contains(&client) {
        return None;
    }
    let connected = |at: CaptureTime| {
        let mut servers = facts.domain_controllers.keys();
        servers.any(|server| facts.showed_ticket((client, *server), at, (SYNC_SECONDS.of(facts), 0)))
    };
    let mut users: BTreeMap<&str, (Seen, ErrorCode)> = BTreeMap::new();
    let mut in_export = false;
    for (key_id, key) in facts.keys.iter().filter(|(_, key)| key.granted.is_empty()) {
        let refused = key.refused.iter().rfind(|(seen, _, code)| {
            let last_cycle = CaptureTime(seen.at.0.saturating_sub(SYNC_SECONDS.of(facts) * CaptureTime::SECOND));
            REFUSED.contains(code)
                && late(facts, key_id, key, *seen).is_some()
                && connected(seen.at)
                && connected(last_cycle)
        });
        let user = key.principals.first().and_then(|name| name.split('@').next());
        if let (Some(&(seen, _, code)), Some(user)) = (refused, user) {
            users.insert(user, (seen, code));
            in_export |= facts.directory.with_key(key_id).next().is_some();
        }
    }
    if users.len() < 2 {
        return None;
    }
    let summary = format!(
        "{client} synchronises, and new keys of {} users do not arrive; it may lack the right to write them",
        users.len()
    );
    let newer = users.values().all(|(seen, _)| is_newer_than(facts, seen.at.seconds()));
    let sure = Confidence::Likely.lowered_unless(newer && !in_export);
    let found = Found::new(sure, Subject::Device(client), summary);
    Some(users.into_iter().fold(found, |found, (user, (seen, code))| {
        let means = format!("the new key of {} is refused, an hour or more after it was made", WireText::from(user));
        found.with(Evidence::new(seen, "kerberos.error_code", code.to_string(), means))
    }))
}

#[cfg(test)]
mod tests {
    use super::WRITE_REFUSED;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_directory_refuses_to_take_keys() {
        let finding = found(
            &WRITE_REFUSED,
            "
            0.000 pc > dc  bind simple MSOL_0a@corp.example
            0.001 dc > pc  bind-result 0
            0.010 pc > dc  modify CN=alice,DC=corp,DC=example id 2
            0.011 dc > pc  modify-result 50 id 2
            0.020 pc > dc  modify CN=bob,DC=corp,DC=example id 3
            0.021 dc > pc  modify-result 50 id 3
        ",
        );
        assert_eq!(finding.packets(), [4, 3, 6, 5]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert!(matches!(finding.found.subject, Subject::Device(_)));
        assert!(finding.found.summary.contains("CN=alice"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_write_succeeds_later() {
        clear(
            &WRITE_REFUSED,
            "
            0.010 pc > dc  modify CN=alice,DC=corp,DC=example id 2
            0.011 dc > pc  modify-result 50 id 2
            900.0 pc > dc  modify cn=Alice,DC=corp,DC=example id 3
            900.1 dc > pc  modify-result 0 id 3
        ",
        );
    }

    #[test]
    fn found_when_it_is_refused_again_after_a_success() {
        let finding = found(
            &WRITE_REFUSED,
            "
            0.010 pc > dc  modify CN=alice,DC=corp,DC=example id 2
            0.011 dc > pc  modify-result 0 id 2
            900.0 pc > dc  modify CN=alice,DC=corp,DC=example id 3
            900.1 dc > pc  modify-result 50 id 3
        ",
        );
        assert_eq!(finding.packets(), [4, 3]);
    }

    #[test]
    fn clear_of_other_attributes_and_other_results() {
        clear(
            &WRITE_REFUSED,
            "
            0.010 pc > dc  modify CN=alice,DC=corp,DC=example attribute description id 2
            0.011 dc > pc  modify-result 50 id 2
            0.020 pc > dc  modify CN=bob,DC=corp,DC=example id 3
            0.021 dc > pc  modify-result 32 id 3
        ",
        );
    }

    #[test]
    fn possible_when_it_synchronises_and_new_keys_do_not_arrive() {
        let hello = "cn S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
            383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";
        let script = format!(
            "
            0.000 pc3 > dc  as-req MSOL_0a password
            0.001 dc > pc3  as-rep MSOL_0a ticket T1
            10.00 pc3 > dc  ap-req ticket T2
            1900  pc3 > dc  ap-req ticket T2
            3000  pc > dc   as-req alice pkinit key K1 made 5000 {hello}
            3000.1 dc > pc  krb-error 75
            3010  pc2 > dc  as-req bob pkinit key K2 made 5000 {hello}
            3010.1 dc > pc2 krb-error 75
            "
        );
        let finding = found(&WRITE_REFUSED, &script);
        assert_eq!(finding.packets(), [6, 8]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
        let exported = found(&WRITE_REFUSED, &format!("{script}4000 export alice\n4000 export bob keys K9"));
        assert_eq!(exported.found.confidence, Confidence::Likely);
        for (what, instead) in
            [("MSOL_0a", "carol"), ("1900 ", "100 "), ("key K2 made 5000", "key K2 made 900"), ("bob", "alice")]
        {
            clear(&WRITE_REFUSED, &script.replace(what, instead));
        }
    }

    #[test]
    fn pending_until_the_result_comes() {
        pending(
            &WRITE_REFUSED,
            "
            0.010 pc > dc  modify CN=alice,DC=corp,DC=example
            0.020          open
        ",
        );
    }
}
