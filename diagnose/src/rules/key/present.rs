//! KEY-04.

use capture::CaptureTime;
use trace::{Facts, Logon};

use super::{
    account_mismatch::IMPERSONATION,
    directory::{self, NO_IDENTIFIER, NOT_READ, REFUSED},
    export::{self, Kept},
    refused_key,
};
use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{name, nothing_found},
    },
    windows::SYNC_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A domain controller refused a user's key of Windows Hello although the directory has it. So this is no fault of
    /// the synchronisation with Microsoft Entra. Where another domain controller has the key, it has not been
    /// replicated to this one; where this one has it itself, it cannot read the value, or refuses such keys altogether.
    ///
    /// ## How we know
    ///
    /// A request with a self-signed certificate was refused with error 62 (KDC_ERR_CLIENT_NOT_TRUSTED) or 75
    /// (KDC_ERR_CLIENT_NAME_MISMATCH), after LDAP that is not encrypted had shown the same key in the directory: it was
    /// read, or written with success, and not taken away before the request. It is withdrawn if the domain controller
    /// accepts the key in the 30 minutes after the refusal, as then it only came late, and if it says, or the
    /// certificate shows, that the certificate names another account (KEY-09). Likely where the object is the
    /// account's, by the name it was searched for or by its common name; possible where nothing tells whose object has
    /// the key. Where the wire shows no such read or write, an export of the directory (`--directory`) in which the
    /// account has the key takes its place: likely, or possible where the export is newer than the refusal.
    ///
    /// ## What to do
    ///
    /// 1. Compare what the domain controllers have: `Get-ADUser USER -Server DC -Properties msDS-KeyCredentialLink`.
    /// 2. If the one that refuses lacks the key: `repadmin /showrepl DC`, then `repadmin /syncall DC /AdeP`.
    /// 3. If it has the key, compare versions:
    ///    `Get-ADDomainController -Filter * | Format-Table Name,OperatingSystem,OperatingSystemVersion`, and install
    ///    the current cumulative update. Key trust needs Windows Server 2016; Windows Server 2019 before build
    ///    17763.316 refuses every key with 75.
    /// 4. Look for KDC events 21 and 45 there: updates from April 2025 on can demand that certificates chain to the
    ///    NTAuth store, which no key's does (KB5057784).
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2.1.4; Microsoft: Windows Hello for Business known deployment issues; KB5057784. Keys that are
    /// written and read over LDAP in clear were seen in captures of Samba; none that was refused afterwards but for the
    /// name in its certificate.
    pub static PRESENT = {
        code: "KEY-04",
        title: "the directory has the key, and the domain controller refuses it",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-02"],
        errors: [62, 75],
        statuses: [],
        events: ["KDC 21", "KDC 45", "Directory Service 1311", "Directory Service 2087"],
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
    if refusal.says(IMPERSONATION) {
        return Verdict::Clear;
    }
    let held = directory::held(logon, facts, &refusal, key_id);
    let kept = export::kept(logon, facts, key_id);
    if held.is_none() && !matches!(kept, Kept::Own(..)) {
        return Verdict::Unseen(NOT_READ);
    }
    let soon =
        |at: CaptureTime| (0..=SYNC_SECONDS.of(facts) * CaptureTime::SECOND).contains(&at.since(refusal.answered.at));
    let came_late = |key: &trace::KeyUse| {
        key.granted.iter().any(|(seen, by)| soon(seen.at) && directory::is_same(facts, *by, refusal.kdc()))
    };
    if facts.keys.get(key_id).is_some_and(came_late) {
        return Verdict::Clear;
    }
    let Some(held) = held else {
        let summary =
            format!("{} refuses {}, which the directory has", refusal.kdc(), export::whose(logon, certificate));
        // A later export may have a key that came after the refusal.
        let confidence =
            Confidence::Likely.lowered_unless(!export::is_newer_than(facts, refusal.answered.at.seconds()));
        let found = Found::new(confidence, account_of(logon), summary)
            .with(refusal.answer("the domain controller refuses the key"))
            .with_some(export::evidence(&refusal, kept));
        return refused_key::evidence(&refusal, certificate).into_iter().fold(found, Found::with).into();
    };
    let confidence = Confidence::Likely.lowered_unless(held.tie.is_some());
    let (who, key) = (name(logon), refused_key::words(certificate));
    let (kdc, dn) = (refusal.kdc(), &held.object.dn);
    let summary = if held.here {
        format!("{kdc} refuses the {key} of {who}, and has it itself, for {dn}")
    } else {
        format!("{kdc} refuses the {key} of {who}, which {} has for {dn}", held.shown.server)
    };
    let found = Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("the domain controller refuses the key"))
        .with(directory::evidence(&held.shown, held.object, key_id));
    refused_key::evidence(&refusal, certificate).into_iter().fold(found, Found::with).into()
}

#[cfg(test)]
mod tests {
    use super::PRESENT;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const WRITTEN: &str = "
        1.0 pc3 > dc modify CN=bob,CN=Users,DC=corp,DC=example adds K1 id 8
        1.1 dc > pc3 modify-result 0 id 8
    ";
    const REFUSED: &str = "
        10.00 pc > dc  as-req bob pkinit key K1
        10.01 dc > pc  krb-error 62
    ";

    #[test]
    fn found_when_the_key_was_written_here() {
        let finding = found(&PRESENT, &format!("{WRITTEN}{REFUSED}"));
        assert_eq!(finding.packets(), [4, 1, 3, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("has it itself"), "{}", finding.found.summary);
    }

    #[test]
    fn found_when_another_domain_controller_has_it() {
        let finding = found(&PRESENT, &format!("{}{REFUSED}", WRITTEN.replace("dc ", "dc2 ")));
        assert!(finding.found.summary.contains("which 10.99.0.11 has"), "{}", finding.found.summary);
    }

    #[test]
    fn possible_when_nothing_tells_whose_object_it_is() {
        let read = "1.0 dc > pc3 entry CN=Robert,DC=corp,DC=example keys K1";
        let finding = found(&PRESENT, &format!("{read}{REFUSED}"));
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn it_says_more_than_that_the_key_is_not_accepted() {
        let played = trace::script::play(&format!("{WRITTEN}{REFUSED}"));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert_eq!(codes, ["KEY-04", "KEY-16"]);
    }

    #[test]
    fn clear_when_the_name_is_the_reason() {
        let text = "krb-error 75 text PKINIT_certificate_not_allowed_to_impersonate_principal";
        clear(&PRESENT, &format!("{WRITTEN}{}", REFUSED.replace("krb-error 62", text)));
    }

    #[test]
    fn clear_when_it_only_came_late() {
        clear(
            &PRESENT,
            &format!(
                "{WRITTEN}{REFUSED}\n600 pc > dc as-req bob pkinit key K1\n601 dc > pc as-rep bob ticket T1 pkinit"
            ),
        );
    }

    #[test]
    fn unseen_when_it_was_not_there_then() {
        let removed = "5.0 pc3 > dc2 modify CN=bob,CN=Users,DC=corp,DC=example removes K1 id 9
            5.1 dc2 > pc3 modify-result 0 id 9";
        for before in [
            WRITTEN.replace("modify-result 0", "modify-result 50"),
            WRITTEN.replace("1.1 dc > pc3 modify-result 0 id 8", ""),
            WRITTEN.replace("K1", "K2"),
            format!("{WRITTEN}{removed}"),
            format!("{WRITTEN}{}", removed.replace("removes K1", "clears")),
        ] {
            unseen(&PRESENT, &format!("{before}{REFUSED}"));
        }
        unseen(&PRESENT, &format!("{REFUSED}{}", WRITTEN.replace("1.", "11.")));
    }

    #[test]
    fn an_export_takes_the_place_of_a_read() {
        let finding = found(&PRESENT, &format!("{REFUSED}5 export bob keys K1"));
        assert_eq!(finding.packets(), [2, 1, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        let later = found(&PRESENT, &format!("{REFUSED}5000 export bob keys K1"));
        assert_eq!(later.found.confidence, Confidence::Possible);
        unseen(&PRESENT, &format!("{REFUSED}5 export bob keys K2\n5 export eve keys K1"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&PRESENT, "0.000 pc > dc as-req bob pkinit key K1\n1.000 open");
    }
}
