//! KEY-03.

use capture::CaptureTime;
use decode::x509::Certificate;
use trace::{Facts, Logon, Tie};

use super::{
    directory::{self, NO_IDENTIFIER, NOT_READ, REFUSED},
    export::{self, Kept, NO_ACCOUNT},
    refused_key,
};
use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
    windows::JUST_READ_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A user showed a key of Windows Hello, and the directory does not have it: the account was read from the same
    /// domain controller, and the key was not among the account's keys. It has not arrived yet, was never written, or
    /// was deleted.
    ///
    /// ## How we know
    ///
    /// A request with a self-signed certificate was refused with error 62 (KDC_ERR_CLIENT_NOT_TRUSTED) or 75
    /// (KDC_ERR_CLIENT_NAME_MISMATCH). Over LDAP that is not encrypted, the account's object was read from this domain
    /// controller with all values of msDS-KeyCredentialLink in the 30 minutes before or after, and none is this key; or
    /// the key was seen to be taken away. Nothing was written in between that could have brought it. Proven if the
    /// search names the account, its reader can see its keys, and it was read after the refusal or not more than a
    /// minute before; otherwise likely: a reader without the right to see the attribute gets an object without it, and
    /// an object that has the account's name as its common name may belong to another account.
    ///
    /// Where the wire shows no such read, an export of the directory (`--directory`) takes its place: the account is in
    /// it with its keys, and none is this one, or another account has it. Proven if something in the export is newer
    /// than the refusal and nobody has the key, otherwise likely: a key may arrive, or be deleted, after the export.
    ///
    /// ## What to do
    ///
    /// 1. If the PIN was set up in the last hour, wait for the synchronisation, or start one on the Entra Connect
    ///    server: `Start-ADSyncSyncCycle -PolicyType Delta`.
    /// 2. See whether Microsoft Entra has the key:
    ///    `Get-MgUserAuthenticationWindowsHelloForBusinessMethod -UserId USER`. If it has, find out why it is not
    ///    written: permission (SYN-04), the synchronisation's scope and rules.
    /// 3. If Entra lacks it as well, set up the PIN again: `certutil -deletehellocontainer` as the user, then sign out
    ///    and in.
    /// 4. If it was there before, security event 5136 on the domain controllers says who deleted it.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2.1.4; MS-ADTS 2.2.20 (the key's identifier is the SHA-256 of the key as it is stored). 30 minutes
    /// and one minute are our choice. No such read beside a refusal was seen in a capture; objects read without and
    /// with keys were, in the sample `key-registered-in-clear`. With an export: the sample `key-not-in-directory`.
    pub static ABSENT = {
        code: "KEY-03",
        title: "the directory does not have the key, as it was read",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-02"],
        errors: [62, 75],
        statuses: [],
        events: ["Security 5136", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((refusal, certificate)) = directory::refused(logon, facts) else {
        return nothing_found(logon, facts, &REFUSED);
    };
    let key_id = certificate.key_id.as_str();
    if key_id.is_empty() {
        return Verdict::Unseen(NO_IDENTIFIER);
    }
    if facts.credentials.beyond() > 0 {
        return Verdict::Unseen("there are more writes of keys than are kept");
    }
    if directory::held(logon, facts, &refusal, key_id).is_some() {
        return Verdict::Clear;
    }
    let Some(absent) = directory::absent(logon, facts, &refusal, key_id) else {
        return by_export(logon, facts, &refusal, certificate);
    };
    let just_before = |at: CaptureTime| refusal.asked.at.since(at) <= JUST_READ_SECONDS.of(facts) * CaptureTime::SECOND;
    let in_time = absent.after.is_some() || absent.before.is_some_and(|said| just_before(said.at));
    let proven = absent.tie == Tie::Named && absent.visible && in_time;
    let confidence = Confidence::Proven.lowered_unless(proven);
    let summary = format!(
        "the {} of {} is not in the directory at {}: {} has no such key there",
        refused_key::words(certificate),
        name(logon),
        refusal.kdc(),
        absent.object.dn
    );
    let mut found = Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("the domain controller refuses the key"));
    for said in [absent.before, absent.after].into_iter().flatten() {
        found = found.with(directory::evidence(&said, absent.object, key_id));
    }
    refused_key::evidence(&refusal, certificate).into_iter().fold(found, Found::with).into()
}

/// What an export of the directory says where LDAP in clear says nothing.
fn by_export(logon: &Logon, facts: &Facts, refusal: &PkinitRefusal<'_>, certificate: &Certificate) -> Verdict {
    let kept = export::kept(logon, facts, &certificate.key_id);
    let key = export::whose(logon, certificate);
    let summary = match kept {
        Kept::Unknown if facts.directory.is_empty() => return Verdict::Unseen(NOT_READ),
        Kept::Unknown => return Verdict::Unseen(NO_ACCOUNT),
        Kept::Own(..) => return Verdict::Clear,
        Kept::Elsewhere(object) => format!("{key} is in the directory for {} only, as it was exported", object.dn),
        Kept::Absent(object) => format!("{key} is not in the directory: {} has no such key in the export", object.dn),
    };
    let in_time = export::is_newer_than(facts, refusal.answered.at.seconds());
    let confidence = Confidence::Proven.lowered_unless(in_time && matches!(kept, Kept::Absent(_)));
    let found = Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("the domain controller refuses the key"))
        .with_some(export::evidence(refusal, kept));
    refused_key::evidence(refusal, certificate).into_iter().fold(found, Found::with).into()
}

#[cfg(test)]
mod tests {
    use super::ABSENT;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const REFUSED: &str = "
        10.00 pc > dc  as-req bob pkinit key K1
        10.01 dc > pc  krb-error 62
    ";
    const SEARCH: &str = "(sAMAccountName=bob)";
    const BOB: &str = "CN=bob,CN=Users,DC=corp,DC=example";

    /// A read of bob's object at this time with these keys, and the end of the search.
    fn read(at: u32, keys: &str) -> String {
        format!(
            "
            {at}.1 pc3 > dc search {SEARCH} id {at}
            {at}.2 dc > pc3 entry {BOB} {keys} id {at}
            {at}.3 dc > pc3 search-result 0 id {at}
            "
        )
    }

    #[test]
    fn proven_when_other_keys_are_read_just_before() {
        let finding = found(&ABSENT, &format!("{}{REFUSED}", read(1, "keys K2,K3")));
        assert_eq!(finding.packets(), [5, 2, 4, 4]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert!(finding.found.summary.contains("CN=bob"), "{}", finding.found.summary);
    }

    #[test]
    fn proven_when_it_is_still_absent_afterwards() {
        let finding = found(&ABSENT, &format!("{REFUSED}{}", read(900, "keys K2")));
        assert_eq!(finding.packets(), [2, 4, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn likely_when_no_key_is_shown_at_all() {
        let finding = found(&ABSENT, &format!("{}{REFUSED}", read(1, "")));
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn proven_when_the_reader_sees_the_key_that_is_written_later() {
        let finding = found(
            &ABSENT,
            &format!(
                "{}{REFUSED}
                20.0 pc3 > dc modify {BOB} adds K1 id 8
                20.1 dc > pc3 modify-result 0 id 8
                {}",
                read(1, ""),
                read(30, "keys K1")
            ),
        );
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_when_all_keys_were_taken_away() {
        let script = format!("1.0 pc3 > dc modify {BOB} clears id 8\n1.1 dc > pc3 modify-result 0 id 8\n{REFUSED}");
        let finding = found(&ABSENT, &script);
        assert_eq!(finding.packets(), [4, 1, 3, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_key_is_read() {
        clear(&ABSENT, &format!("{}{REFUSED}", read(1, "keys K2,K1")));
    }

    #[test]
    fn unseen_when_a_write_may_have_brought_it() {
        for result in ["", "5.1 dc > pc3 modify-result 0 id 8"] {
            let script = format!("{}\n5.0 pc3 > dc modify {BOB} adds K1 id 8\n{result}\n{REFUSED}", read(1, "keys K2"));
            let played = trace::script::play(&script);
            let verdicts = crate::testing::verdicts(&ABSENT, &played);
            assert!(verdicts.into_iter().all(|verdict| verdict.found().is_none()), "{result}");
        }
    }

    #[test]
    fn unseen_when_the_read_proves_nothing() {
        let reads = [
            // Some of the keys.
            read(1, "keys K2 part"),
            // Another account's object; two objects; a search that failed.
            read(1, "keys K2").replace("bob", "eve"),
            format!(
                "1.1 pc3 > dc search {SEARCH} id 1\n1.2 dc > pc3 entry {BOB} id 1\n1.2 dc > pc3 entry CN=x id 1\n1.3 dc > pc3 search-result 0 id 1"
            ),
            read(1, "").replace("search-result 0", "search-result 4"),
            // The global catalog, another domain controller, and too early.
            read(1, "").replace("id 1", "id 1 port 3268"),
            read(1, "keys K2").replace("dc", "dc2"),
            // It was not asked for.
            read(1, "").replace(SEARCH, &format!("{SEARCH} attribute description")),
        ];
        for read in reads {
            unseen(&ABSENT, &format!("{read}{REFUSED}"));
        }
        unseen(&ABSENT, &format!("{}{}", read(1, "keys K2"), REFUSED.replace("10.0", "2000.0")));
    }

    #[test]
    fn an_export_takes_the_place_of_a_read() {
        for (export, confidence) in [
            ("5 export bob keys K2", Confidence::Likely),
            ("5 export bob", Confidence::Likely),
            ("20 export bob keys K2", Confidence::Proven),
            ("20 export bob keys K2\n20 export eve keys K1", Confidence::Likely),
        ] {
            let finding = found(&ABSENT, &format!("{REFUSED}{export}"));
            assert_eq!(finding.packets(), [2, 1, 1, 1], "{export}");
            assert_eq!(finding.found.confidence, confidence, "{export}");
        }
        clear(&ABSENT, &format!("{REFUSED}20 export bob keys K2,K1"));
        unseen(&ABSENT, &format!("{REFUSED}20 export eve keys K2"));
        unseen(&ABSENT, &format!("{REFUSED}20 export eve keys K1"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&ABSENT, "0.000 pc > dc as-req bob pkinit key K1\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&ABSENT, "0.010 dc > pc krb-error 62 client bob");
    }
}
