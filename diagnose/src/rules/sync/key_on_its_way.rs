//! SYN-02.

use capture::CaptureTime;
use decode::{Seen, kerberos::ErrorCode, x509::Certificate};
use trace::{Facts, KeyUse, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        key::{
            directory,
            export::{self, Kept},
        },
        refusal::{PkinitRefusal, name, nothing_found},
    },
    windows::{HELLO_EARLY_SECONDS, SYNC_SECONDS},
};

/// Refusals of a key that the directory does not have, or not with this account.
const REFUSED: [ErrorCode; 2] = [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::CLIENT_NAME_MISMATCH];

rule! {
    /// ## What happened
    ///
    /// A user signed in with a new key of Windows Hello before the key had reached the directory, and was
    /// refused. That is normal: the key is set up in Microsoft Entra, and Entra Connect writes it into Active
    /// Directory in cycles of 30 minutes. It passes by itself.
    ///
    /// ## How we know
    ///
    /// A request signed with a self-signed certificate was answered with error 62 (KDC_ERR_CLIENT_NOT_TRUSTED) or 75
    /// (KDC_ERR_CLIENT_NAME_MISMATCH), and one of these holds: the same domain controller, which had not accepted this
    /// key before, accepted it within the 30 minutes after (likely); only another domain controller did (possible, as
    /// the two may differ); or the certificate has the name that Windows Hello gives it, and was made not more than 30
    /// minutes before the request (possible: its start of validity, which Windows sets ten minutes early, is all that
    /// tells; likely if an export of the directory, `--directory`, has the account without the key; and none if the
    /// export had it before). It would be wrong if somebody wrote the key by hand, or mended the directory, just then.
    ///
    /// ## What to do
    ///
    /// 1. Wait for the next synchronisation; until then sign in with the password.
    /// 2. If it cannot wait, start one on the Entra Connect server:
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`.
    /// 3. If the key is still refused an hour later, look at the finding beside this one (KEY-01 or KEY-02).
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business, enrolment with hybrid key trust (the key works after the next
    /// synchronisation, every 30 minutes). A key that arrived between two sign-ins was seen in captures of
    /// Samba.
    pub static KEY_ON_ITS_WAY = {
        code: "SYN-02",
        title: "a new key was used before it reached the directory",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: ["KEY-17"],
        errors: [62, 75],
        statuses: [],
        events: ["HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let refused =
        PkinitRefusal::all_in_vain(logon).filter(|refusal| REFUSED.contains(&refusal.code())).find_map(|refusal| {
            let certificate = refusal.self_signed()?;
            Some((refusal, certificate.as_ref()))
        });
    let Some((refusal, certificate)) = refused else { return nothing_found(logon, facts, &REFUSED) };
    let Some(key) = facts.keys.get(&certificate.key_id) else {
        return Verdict::Unseen("the key has no identifier by which it could be found again");
    };
    let before = |seen: &Seen| seen.at <= refusal.answered.at;
    if key.granted.iter().any(|(seen, kdc)| *kdc == refusal.kdc() && before(seen)) {
        return Verdict::Clear;
    }
    let who = name(logon);
    let shown = refusal.answer("the domain controller does not accept the key yet");
    if let Some((seen, same)) = accepted_after(key, &refusal, facts) {
        let summary = format!(
            "the key of {who} was refused before it had reached the directory, and accepted {} later",
            duration(seen.at.since(refusal.answered.at))
        );
        let written = written_between(facts, &certificate.key_id, (refusal.answered.at, seen.at));
        let (confidence, means) = if same {
            let confidence = if written.is_some() { Confidence::Proven } else { Confidence::Likely };
            (confidence, "the same domain controller accepts the same key")
        } else {
            (Confidence::Possible, "another domain controller accepts the same key")
        };
        return Found::new(confidence, account_of(logon), summary)
            .with(shown)
            .with(Evidence::new(seen, "kerberos.msg_type", "11", means))
            .with_some(written)
            .into();
    }
    let kept = export::kept(logon, facts, &certificate.key_id);
    let arrived = matches!(kept, Kept::Own(..)) && !export::is_newer_than(facts, refusal.asked.at.seconds());
    if key.granted.is_empty() && is_new(certificate, refusal.asked.at, facts) && !arrived {
        let summary = format!("the key of {who} is new; it may not have reached the directory yet");
        let made = certificate.not_before.to_string();
        let sure = Confidence::Likely.lowered_unless(matches!(kept, Kept::Absent(_)));
        return Found::new(sure, account_of(logon), summary)
            .with(shown)
            .with(refusal.question("x509af.notBefore", made, "the certificate of the key was made just before"))
            .with_some(export::evidence(&refusal, kept).filter(|_| matches!(kept, Kept::Absent(_))))
            .into();
    }
    if !facts.finished() && !facts.passed(refusal.answered.at, SYNC_SECONDS.of(facts)) {
        return Verdict::Pending;
    }
    Verdict::Clear
}

/// The first time within the window after this refusal that the key was accepted, and whether by the same domain
/// controller. Elsewhere does not count where this one goes on to refuse it: then the two differ.
fn accepted_after(key: &KeyUse, refusal: &PkinitRefusal<'_>, facts: &Facts) -> Option<(Seen, bool)> {
    let kdc = refusal.kdc();
    let in_time = |seen: &Seen| {
        let gap = seen.at.since(refusal.answered.at);
        (0..=SYNC_SECONDS.of(facts) * CaptureTime::SECOND).contains(&gap)
    };
    let mut after = key.granted.iter().filter(|(seen, _)| in_time(seen));
    if let Some((seen, _)) = after.clone().find(|(_, by)| *by == kdc) {
        return Some((*seen, true));
    }
    let (seen, _) = after.next()?;
    let refused_again =
        key.refused.iter().any(|(again, by, code)| *by == kdc && again.at > seen.at && REFUSED.contains(code));
    (!refused_again).then_some((*seen, false))
}

/// The write that brought the key into the directory between two times, where LDAP in clear shows it.
fn written_between(facts: &Facts, key_id: &str, (from, to): (CaptureTime, CaptureTime)) -> Option<Evidence> {
    let credentials = &facts.credentials;
    credentials.with_key(key_id).find_map(|object| {
        let said = credentials.statements(object, key_id).into_iter();
        let mut written =
            said.filter(|said| !said.read && said.holds == Some(true) && said.at >= from && said.at <= to);
        Some(directory::evidence(&written.next()?, object, key_id))
    })
}

/// Whether this is a Windows Hello certificate made not longer ago than a synchronisation takes.
fn is_new(certificate: &Certificate, at: CaptureTime, facts: &Facts) -> bool {
    let age = at.seconds().saturating_sub(certificate.not_before.as_second());
    certificate.hello_name().is_some() && (0..=SYNC_SECONDS.of(facts) + HELLO_EARLY_SECONDS).contains(&age)
}

/// Seconds or minutes for a sentence.
fn duration(nanoseconds: i64) -> String {
    match nanoseconds / CaptureTime::SECOND {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::KEY_ON_ITS_WAY;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    /// A name as Windows Hello gives it.
    const HELLO: &str = "cn S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
        383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";

    #[test]
    fn found_when_the_key_is_accepted_a_little_later() {
        let finding = found(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 62
            600.0 pc > dc  as-req alice pkinit key K1
            600.1 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
        assert_eq!(finding.packets(), [2, 4]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Info);
        assert!(finding.found.summary.contains("10 minutes later"), "{}", finding.found.summary);
        assert!(matches!(&finding.found.subject, Subject::Account(account) if account.name == "alice"));
    }

    #[test]
    fn proven_when_the_write_is_seen() {
        let script = "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 62
            300.0 pc3 > dc modify CN=alice,DC=corp,DC=example adds K1 id 8
            300.1 dc > pc3 modify-result 0 id 8
            600.0 pc > dc  as-req alice pkinit key K1
            600.1 dc > pc  as-rep alice ticket T1 pkinit
        ";
        let finding = found(&KEY_ON_ITS_WAY, script);
        assert_eq!(finding.packets(), [2, 6, 3]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        let failed = found(&KEY_ON_ITS_WAY, &script.replace("result 0", "result 50"));
        assert_eq!(failed.found.confidence, Confidence::Likely);
    }

    #[test]
    fn less_sure_when_only_another_domain_controller_accepts_it() {
        let finding = found(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 75
            600.0 pc > dc2 as-req alice pkinit key K1
            600.1 dc2 > pc as-rep alice ticket T1 pkinit
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn found_when_the_certificate_is_new() {
        let script = format!(
            "
            0.000 pc > dc  as-req alice pkinit key K1 made 900 {HELLO}
            0.010 dc > pc  krb-error 75
            "
        );
        let finding = found(&KEY_ON_ITS_WAY, &script);
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn an_export_makes_it_likely_or_rules_it_out() {
        let script = format!("0.0 pc > dc as-req alice pkinit key K1 made 900 {HELLO}\n0.1 dc > pc krb-error 75\n");
        let finding = found(&KEY_ON_ITS_WAY, &format!("{script}10 export alice"));
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        let before = script.replace("0.0 pc", "1.0 pc").replace("0.1 dc", "1.1 dc");
        clear(&KEY_ON_ITS_WAY, &format!("0 export alice keys K1\n{before}2 end"));
    }

    #[test]
    fn clear_when_the_certificate_is_older_or_not_of_hello() {
        for what in [format!("made 2500 {HELLO}"), "made 900".to_owned()] {
            let script = format!(
                "
                0.000 pc > dc  as-req alice pkinit key K1 {what}
                0.010 dc > pc  krb-error 75
                "
            );
            clear(&KEY_ON_ITS_WAY, &script);
        }
    }

    #[test]
    fn clear_when_the_key_is_accepted_too_late() {
        clear(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 62
            1900  pc > dc  as-req alice pkinit key K1
            1900.1 dc > pc as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_key_had_worked_here_before() {
        clear(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            60.00 pc > dc  as-req alice pkinit key K1
            60.01 dc > pc  krb-error 62
            120.0 pc > dc  as-req alice pkinit key K1
            120.1 dc > pc  as-rep alice ticket T2 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_domain_controllers_differ() {
        clear(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 62
            60.00 pc > dc2 as-req alice pkinit key K1
            60.01 dc2 > pc as-rep alice ticket T1 pkinit
            120.0 pc > dc  as-req alice pkinit key K1
            120.1 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn clear_when_another_key_is_accepted() {
        clear(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 62
            600.0 pc > dc  as-req alice pkinit key K2
            600.1 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_window_has_passed() {
        pending(
            &KEY_ON_ITS_WAY,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 62
            60    open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&KEY_ON_ITS_WAY, "0.010 dc > pc krb-error 62 client alice");
    }
}
