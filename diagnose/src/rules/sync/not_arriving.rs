//! SYN-01.

use capture::CaptureTime;
use decode::Seen;
use trace::{Facts, KeyUse, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        key::{
            directory::REFUSED,
            export::{self, Kept, is_newer_than},
        },
        refusal::{PkinitRefusal, name, nothing_found},
    },
    windows::{HELLO_EARLY_SECONDS, LATE_SECONDS, NEW_KEY_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// A new key of Windows Hello is still refused an hour or more after it was made. The user's device has registered
    /// it with Microsoft Entra, and Entra Connect should have written it into Active Directory within about 30 minutes.
    ///
    /// ## How we know
    ///
    /// A request whose certificate has the name that Windows Hello gives it was refused with error 62
    /// (KDC_ERR_CLIENT_NOT_TRUSTED) or 75 (KDC_ERR_CLIENT_NAME_MISMATCH), between one hour and one day after the
    /// certificate was made (its start of validity, which Windows sets ten minutes early), and the key was not accepted
    /// before, nor is it in the directory as far as LDAP in clear shows it. Likely if the capture began before the key
    /// was made, else possible: the key may have worked before, and have been deleted. An export of the directory
    /// (`--directory`) that was made an hour or more after the key and has the account without it makes it likely, too.
    /// If it is accepted later in the capture, the finding is of medium severity: it was late. It would also look like
    /// this with a longer cycle of synchronisation.
    ///
    /// ## What to do
    ///
    /// 1. On the Entra Connect server, see whether it synchronises: `Get-ADSyncScheduler`, and errors of the last
    ///    export in the Synchronization Service Manager.
    /// 2. See whether its account may write keys: `Get-ADSyncADConnectorAccount`, member of Key Admins (SYN-04).
    /// 3. See whether the user is in the scope of the synchronisation, and the forest's schema is of Windows Server
    ///    2016.
    /// 4. If the key is in the directory, at one domain controller only: `repadmin /showrepl`.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business, enrolment with hybrid key trust (every 30 minutes). One hour, two cycles,
    /// and one day are our choice. Not seen in a capture.
    pub static NOT_ARRIVING = {
        code: "SYN-01",
        title: "a new key has not arrived for longer than a synchronisation takes",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [62, 75],
        statuses: [],
        events: ["ADSync 6100", "ADSync 6105", "ADSync 904", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let refusals = PkinitRefusal::all_in_vain(logon).filter(|refusal| REFUSED.contains(&refusal.code()));
    for refusal in refusals {
        let Some(certificate) = refusal.self_signed() else { continue };
        let key_id = certificate.key_id.as_str();
        let Some(key) = facts.keys.get(key_id) else { continue };
        let Some(made) = late(facts, key_id, key, refusal.answered) else { continue };
        let hours = refusal.answered.at.seconds().saturating_sub(made) / 3600;
        let what = if hours < 2 { "an hour".to_owned() } else { format!("{hours} hours") };
        let summary = format!("the key of {} is refused {what} after it was made", name(logon));
        let seen_from_the_start = facts.visibility.first.is_some_and(|first| first.seconds() <= made);
        let came = key.granted.iter().any(|(seen, _)| seen.at > refusal.answered.at);
        let kept = export::kept(logon, facts, key_id);
        let absent = matches!(kept, Kept::Absent(_) | Kept::Elsewhere(_))
            && is_newer_than(facts, made.saturating_add(LATE_SECONDS.of(facts)));
        let confidence = Confidence::Likely.lowered_unless(seen_from_the_start || absent);
        let found = Found::new(confidence, account_of(logon), summary)
            .with(refusal.answer("the domain controller does not accept the key"))
            .with(refusal.question(
                "x509af.notBefore",
                certificate.not_before.to_string(),
                "the certificate of the key begins ten minutes before it was made",
            ))
            .with_some(absent.then(|| export::evidence(&refusal, kept)).flatten());
        return if came { found.with_severity(Severity::Medium) } else { found }.into();
    }
    nothing_found(logon, facts, &REFUSED)
}

/// When a key of Windows Hello was made, in seconds since 1970, if this refusal of it is one too late for a key on its
/// way.
pub(super) fn late(facts: &Facts, key_id: &str, key: &KeyUse, refused: Seen) -> Option<i64> {
    let made = key.hello_since.filter(|_| key.self_signed)?.as_second().saturating_add(HELLO_EARLY_SECONDS);
    let age = refused.at.seconds().saturating_sub(made);
    let worked = key.granted.iter().any(|(seen, _)| seen.at < refused.at);
    let is_late = (LATE_SECONDS.of(facts)..=NEW_KEY_SECONDS.of(facts)).contains(&age) && !worked;
    (is_late && !was_in_directory(facts, key_id, refused.at)).then_some(made)
}

fn was_in_directory(facts: &Facts, key_id: &str, at: CaptureTime) -> bool {
    let credentials = &facts.credentials;
    // An export that is newer may have got the key since.
    let exported = facts.directory.with_key(key_id).next().is_some() && !is_newer_than(facts, at.seconds());
    if exported {
        return true;
    }
    credentials.with_key(key_id).any(|object| {
        credentials.statements(object, key_id).iter().any(|said| said.at <= at && said.holds == Some(true))
    })
}

#[cfg(test)]
mod tests {
    use super::NOT_ARRIVING;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    const HELLO: &str = "cn S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
        383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";

    /// A refusal at this time of a key whose certificate began so long before.
    fn refused(at: u32, made: u32) -> String {
        format!(
            "
            {at}.0 pc > dc  as-req alice pkinit key K1 made {made} {HELLO}
            {at}.1 dc > pc  krb-error 75
            "
        )
    }

    #[test]
    fn found_when_the_key_was_made_an_hour_before() {
        let finding = found(&NOT_ARRIVING, &refused(0, 4300));
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
        assert!(finding.found.summary.contains("an hour after"), "{}", finding.found.summary);
    }

    #[test]
    fn likely_when_the_capture_began_before() {
        let finding = found(&NOT_ARRIVING, &format!("{}{}", refused(0, 500), refused(7300, 7800)));
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Critical);
        assert!(finding.found.summary.contains("2 hours after"), "{}", finding.found.summary);
    }

    #[test]
    fn an_export_makes_it_likely_or_rules_it_out() {
        let finding = found(&NOT_ARRIVING, &format!("{}10 export alice keys K2", refused(0, 4300)));
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        clear(&NOT_ARRIVING, &format!("0 export alice keys K1\n{}", refused(1, 4300)));
    }

    #[test]
    fn less_grave_when_it_came_in_the_end() {
        let later = "
            900.0 pc > dc  as-req alice pkinit key K1
            900.1 dc > pc  as-rep alice ticket T1 pkinit
        ";
        assert_eq!(found(&NOT_ARRIVING, &format!("{}{later}", refused(0, 4300))).severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_it_may_be_on_its_way_is_old_or_had_arrived() {
        let worked = format!(
            "0.0 pc > dc as-req alice pkinit key K1 made 700 {HELLO}\n0.1 dc > pc as-rep alice ticket T1 pkinit"
        );
        let written = "0.0 dc > pc3 entry CN=alice,DC=corp,DC=example keys K1";
        for script in [
            refused(0, 4100),
            refused(0, 90_000),
            refused(0, 4300).replace(HELLO, ""),
            format!("{worked}{}", refused(4000, 4700)),
            format!("{written}{}", refused(1, 4300)),
        ] {
            clear(&NOT_ARRIVING, &script);
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&NOT_ARRIVING, "0.000 pc > dc as-req bob pkinit key K1\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&NOT_ARRIVING, "0.010 dc > pc krb-error 62 client bob");
    }
}
