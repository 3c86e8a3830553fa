//! ACC-12.

use capture::CaptureTime;
use decode::{
    Seen,
    kerberos::{ErrorCode, PaType},
};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{Refusal, account_of, by_what_is_missing, refusals},
    windows::{WRONG_PASSWORD_COUNT, WRONG_PASSWORD_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// A client sends wrong passwords for the account. One is a slip of the hand. Several in a row come from a program
    /// that keeps an old password: a service, a scheduled task, a mapped drive, a phone. They lead to a lock-out, and a
    /// locked account cannot sign in with Windows Hello either.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a request with an encrypted timestamp, which is made from the password, with
    /// error 24 (KDC_ERR_PREAUTH_FAILED). Three or more of them from one client for one name within ten minutes,
    /// without a ticket for that name between, are a series (severity low); fewer are a remark (info). Error 24 to a
    /// PKINIT request is another matter and does not count. Inside armor (FAST) the proof is hidden; where the domain
    /// controller answers 24 from inside the armor, it is most likely a password, and the finding says so.
    ///
    /// ## What to do
    ///
    /// 1. On the client in the evidence, list the user's saved credentials, `cmdkey /list`, and remove the old one:
    ///    `cmdkey /delete:TARGET`. Mapped drives: `net use`.
    /// 2. Look for services and tasks that run as the account:
    ///    `Get-CimInstance Win32_Service | ? StartName -like '*alice*'` and `schtasks /query /v /fo csv`.
    /// 3. In the domain controller's Security log, event 4771 with code 0x18 has every attempt with its address.
    /// 4. If the name is that of a computer (it ends in `$`), mend its password there:
    ///    `Test-ComputerSecureChannel -Repair -Credential (Get-Credential)`.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §5.2.7.2 and §7.5.9; captures of Samba and Windows KDCs. The threshold of three is our choice.
    pub static WRONG_PASSWORD = {
        code: "ACC-12",
        title: "wrong passwords are sent for the account",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [24],
        statuses: [0xc000_006a],
        events: ["Security 4771"],
        check: Scope::Logon(check),
    };
}

/// Pieces of evidence of a series beyond the first: a script that guesses passwords sends thousands.
const MAX_SHOWN: usize = 8;

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some(refusal) = refusals(logon, ErrorCode::PREAUTH_FAILED).filter(shows_password).last() else {
        return by_what_is_missing(logon.as_exchanges(), facts);
    };
    let series = longest_series(logon, facts);
    let repeated = series.len() >= WRONG_PASSWORD_COUNT.of(facts);
    let hidden = !shows_timestamp(&refusal);
    let likely = if hidden { "most likely " } else { "" };
    let summary = if repeated {
        format!("{} {likely}sent {} wrong passwords for the account within ten minutes", logon.client, series.len())
    } else {
        format!("{} {likely}sent a wrong password for the account", logon.client)
    };
    let (confidence, means) = if hidden {
        (Confidence::Likely, "the proof inside the armor was refused")
    } else {
        (Confidence::Proven, "the password was wrong")
    };
    let mut found = Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer(means))
        .with_some(refusal.client_evidence());
    if !repeated {
        return found.with_severity(Severity::Info).into();
    }
    let others = series.iter().filter(|seen| **seen != refusal.answered).take(MAX_SHOWN);
    found.evidence.extend(others.map(|&seen| {
        Evidence::new(
            seen,
            "kerberos.error_code",
            refusal.error.code.to_string(),
            "another wrong password of the series",
        )
    }));
    found.into()
}

/// Whether the request brought a password and no key.
fn shows_password(refusal: &Refusal<'_>) -> bool {
    let armored = || {
        let request = refusal.exchange.kdc_request();
        request.is_some_and(|request| request.has(PaType::FX_FAST)) && refusal.error.is_armored()
    };
    shows_timestamp(refusal) || armored()
}

fn shows_timestamp(refusal: &Refusal<'_>) -> bool {
    let request = refusal.exchange.kdc_request();
    request.is_some_and(|request| request.has(PaType::ENC_TIMESTAMP) && !request.has(PaType::PK_AS_REQ))
}

/// The longest series of wrong passwords of this client for this name, without a ticket between.
fn longest_series<'f>(logon: &Logon, facts: &'f Facts) -> &'f [Seen] {
    let name = logon.requested.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
    let key = (name, logon.client);
    let wrong = facts.wrong_passwords.get(&key).map_or(&[][..], Vec::as_slice);
    let apart = |first: &Seen, last: &Seen| {
        last.at.since(first.at) > WRONG_PASSWORD_SECONDS.of(facts) * CaptureTime::SECOND
            || facts
                .granted_to(&key.0, key.1, first.at, (0, WRONG_PASSWORD_SECONDS.of(facts)))
                .any(|at| (first.at..=last.at).contains(&at))
    };
    let mut longest: &[Seen] = &[];
    let mut start = 0;
    for (end, last) in wrong.iter().enumerate() {
        while wrong.get(start).is_some_and(|first| start < end && apart(first, last)) {
            start += 1;
        }
        let series = wrong.get(start..=end).unwrap_or_default();
        if series.len() > longest.len() {
            longest = series;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::WRONG_PASSWORD;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn one_is_a_remark() {
        let finding = found(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 24
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.severity(), Severity::Info);
    }

    #[test]
    fn inside_armor_it_is_likely() {
        let script = "
            0.000 pc > dc  as-req alice fast
            0.004 dc > pc  krb-error 24 padata 136
        ";
        let finding = found(&WRONG_PASSWORD, script);
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Likely, Severity::Info));
        assert!(finding.found.summary.contains("most likely"), "{}", finding.found.summary);
        let again = "
            5.000 pc > dc  as-req alice fast
            5.004 dc > pc  krb-error 24 padata 136
            9.000 pc > dc  as-req alice fast
            9.004 dc > pc  krb-error 24 padata 136
        ";
        let finding = found(&WRONG_PASSWORD, &format!("{script}{again}"));
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Likely, Severity::Low));
    }

    #[test]
    fn clear_when_the_armor_itself_is_refused() {
        clear(&WRONG_PASSWORD, "0.000 pc > dc as-req alice fast\n0.004 dc > pc krb-error 24");
    }

    #[test]
    fn three_within_ten_minutes_are_a_series() {
        let finding = found(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 24
            200.0 pc > dc  as-req Alice password
            200.1 dc > pc  krb-error 24
            400.0 pc > dc  as-req alice password
            400.1 dc > pc  krb-error 24
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 4, 6]);
        assert_eq!(finding.severity(), Severity::Low);
        assert!(finding.found.summary.contains("3 wrong passwords"));
    }

    #[test]
    fn a_ticket_between_breaks_the_series() {
        let finding = found(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 24
            20.00 pc > dc  as-req alice password
            20.10 dc > pc  krb-error 24
            30.00 pc > dc  as-req alice password
            30.10 dc > pc  as-rep alice ticket T1
            40.00 pc > dc  as-req alice password
            40.10 dc > pc  krb-error 24
        ",
        );
        assert_eq!(finding.severity(), Severity::Info);
    }

    #[test]
    fn those_of_another_client_or_long_ago_do_not_count() {
        let finding = found(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc   as-req alice password
            0.004 dc > pc   krb-error 24
            1.000 pc2 > dc  as-req alice password
            1.004 dc > pc2  krb-error 24
            500.0 pc > dc   as-req alice password
            500.1 dc > pc   krb-error 24
            900.0 pc > dc   as-req alice password
            900.1 dc > pc   krb-error 24
        ",
        );
        assert_eq!(finding.severity(), Severity::Info);
    }

    #[test]
    fn clear_when_the_request_brought_a_key() {
        clear(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 24
            5.000 pc > dc  as-req bob pkinit password
            5.004 dc > pc  krb-error 24
        ",
        );
    }

    #[test]
    fn clear_when_the_proof_is_hidden() {
        clear(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc  as-req alice fast
            0.004 dc > pc  krb-error 24
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &WRONG_PASSWORD,
            "
            0.000 pc > dc  as-req alice password
            1.000          open
        ",
        );
    }
}
