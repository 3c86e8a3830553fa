//! KEY-17.

use capture::CaptureTime;
use decode::{Seen, x509::Certificate};
use trace::{Facts, Logon};

use super::{refused_key, shown::certificates};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusal::name},
    windows::{HELLO_EARLY_SECONDS, SYNC_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// A user signed in, or tried to, with a key of Windows Hello that had just been made. This is no fault. It tells
    /// when the key was set up: until Entra Connect has written it into the directory, up to 30 minutes later, domain
    /// controllers refuse it rightly.
    ///
    /// ## How we know
    ///
    /// The request is the first with this key in the capture, its certificate has the name that Windows Hello gives,
    /// and was made not more than 30 minutes before (Windows sets the start of its validity ten minutes early). When
    /// the PIN was really set up is not on the wire. Where the key was refused for that reason, SYN-02 says this and
    /// more.
    ///
    /// ## What to do
    ///
    /// 1. Nothing. If the key is refused for longer than an hour, look at the finding about that.
    ///
    /// ## Sources
    ///
    /// The certificate of a real Windows Hello key, as published with DSInternals; Microsoft: Windows Hello for
    /// Business, enrolment with hybrid key trust.
    pub static NEW_KEY = {
        code: "KEY-17",
        title: "a new key of Windows Hello is used for the first time",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["User Device Registration 300", "HelloForBusiness 8510"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let (certificates, verdict) = certificates(logon, facts);
    let new = certificates.into_iter().find_map(|(seen, _, certificate)| {
        let age = age(certificate, seen, facts)?;
        (!used_before(certificate, facts, seen)).then_some((seen, certificate, age))
    });
    let Some((seen, certificate, age)) = new else { return verdict };
    let key = refused_key::words(certificate);
    let summary =
        format!("the {key} of {} was made {} min before, and is used for the first time", name(logon), age / 60);
    let made = certificate.not_before.to_string();
    Found::new(Confidence::Likely, account_of(logon), summary)
        .with(Evidence::new(seen, "x509af.notBefore", made, "the certificate of the key was made just before"))
        .into()
}

/// How many seconds before the request the certificate was made, if it is Windows Hello's and that was just before.
fn age(certificate: &Certificate, asked: Seen, facts: &Facts) -> Option<i64> {
    certificate.hello_name().filter(|_| certificate.self_signed && !certificate.key_id.is_empty())?;
    let made = certificate.not_before.as_second().saturating_add(HELLO_EARLY_SECONDS);
    let age = asked.at.seconds().saturating_sub(made);
    // It cannot be made after it was used; a minute is left for the clocks.
    (-60..=SYNC_SECONDS.of(facts)).contains(&age).then_some(age.max(0))
}

/// Whether the key was used earlier in the capture.
fn used_before(certificate: &Certificate, facts: &Facts, asked: Seen) -> bool {
    let Some(key) = facts.keys.get(&certificate.key_id) else { return false };
    let before = |at: CaptureTime| at < asked.at;
    key.granted.iter().any(|(seen, _)| before(seen.at)) || key.refused.iter().any(|(seen, _, _)| before(seen.at))
}

#[cfg(test)]
mod tests {
    use super::NEW_KEY;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    const HELLO: &str = "cn S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
        383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";

    #[test]
    fn found_once_when_it_was_made_just_before() {
        let script = format!(
            "
            0.000 pc > dc  as-req alice pkinit key K1 {HELLO} made 900
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            60.00 pc > dc  as-req alice pkinit key K1 {HELLO} made 960
            60.01 dc > pc  as-rep alice ticket T2 pkinit
            "
        );
        let finding = found(&NEW_KEY, &script);
        assert_eq!(finding.packets(), [1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Info);
        assert!(finding.found.summary.contains("made 5 min before"), "{}", finding.found.summary);
        let times = crate::testing::verdicts(&NEW_KEY, &trace::script::play(&script));
        assert_eq!(times.into_iter().filter_map(crate::Verdict::found).count(), 1);
    }

    #[test]
    fn left_to_syn_02_where_it_was_refused() {
        let played = trace::script::play(&format!(
            "0.000 pc > dc as-req alice pkinit key K1 {HELLO} made 900\n0.010 dc > pc krb-error 62"
        ));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert!(codes.contains(&"SYN-02") && !codes.contains(&"KEY-17"), "{codes:?}");
    }

    #[test]
    fn clear_when_the_key_is_old_or_not_of_hello() {
        for key in [format!("{HELLO} made 2401"), "made 900".to_owned()] {
            clear(
                &NEW_KEY,
                &format!("0.000 pc > dc as-req alice pkinit key K1 {key}\n0.010 dc > pc as-rep alice ticket T1 pkinit"),
            );
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&NEW_KEY, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_when_the_request_cannot_be_read() {
        unseen(&NEW_KEY, "0.000 pc > dc as-req alice pkinit unreadable\n0.010 dc > pc krb-error 62");
    }
}
