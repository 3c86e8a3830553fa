//! POL-08.

use decode::{
    Seen,
    kerberos::{PaType, Stage},
};
use trace::{Facts, Logon, Method};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusal::name},
    windows::FALLBACK_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A user whose key or certificate was refused signed in, or tried to, with the password a moment later.
    /// This is no fault by itself; it shows that the refusal before reached a person.
    ///
    /// ## How we know
    ///
    /// On the same client and for the same name, a request with an encrypted timestamp (padata 2) or an
    /// encrypted challenge (138) follows a refused PKINIT request within two minutes. Whether the password was
    /// right does not matter.
    ///
    /// ## What to do
    ///
    /// 1. Look at the finding about the refusal before: that is the cause.
    /// 2. Count how often this is found, to know how many users a fault reaches.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §5.2.7.2 (encrypted timestamp); RFC 6113 §5.4.6 (encrypted challenge); text of the security
    /// event 4768, which names the kind of pre-authentication. Seen in captures of Samba.
    pub static PASSWORD_AFTER_REFUSAL = {
        code: "POL-08",
        title: "a user whose key was refused fell back to the password",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((asked, kind)) = password_request(logon) else {
        return if logon.method == Method::Hidden && refused_before(logon, facts, logon.began).is_some() {
            Verdict::Unseen("what follows the refused key is inside FAST")
        } else {
            Verdict::Clear
        };
    };
    let Some(refused) = refused_before(logon, facts, asked) else { return Verdict::Clear };
    let who = name(logon);
    Found::new(
        Confidence::Proven,
        account_of(logon),
        format!("{who} fell back to the password after a key was refused"),
    )
    .with(Evidence::new(asked, "kerberos.padata_type", kind.to_string(), "the client shows that it knows the password"))
    .with(Evidence::new(
        refused,
        "kerberos.msg_type",
        "30",
        "just before, PKINIT was refused to the same client and name",
    ))
    .into()
}

/// The first request that shows knowledge of the password, and how.
fn password_request(logon: &Logon) -> Option<(Seen, PaType)> {
    logon.exchanges.iter().filter(|exchange| exchange.stage == Stage::As).find_map(|exchange| {
        let request = exchange.kdc_request().filter(|request| !request.has(PaType::PK_AS_REQ))?;
        let kind = [PaType::ENC_TIMESTAMP, PaType::ENCRYPTED_CHALLENGE].into_iter().find(|kind| request.has(*kind))?;
        Some((exchange.request.as_deref()?.seen, kind))
    })
}

/// The last refusal of PKINIT to this client and name in the two minutes before `seen`.
fn refused_before(logon: &Logon, facts: &Facts, seen: Seen) -> Option<Seen> {
    let name = logon.requested.as_ref()?.name.to_lowercase();
    let refused = facts.refused_pkinit.get(&(logon.client, name))?;
    let before = refused.iter().map(|(_, reply, _)| *reply).filter(|reply| {
        let gap = seen.at.since(reply.at);
        (0..=FALLBACK_SECONDS.of(facts) * capture::CaptureTime::SECOND).contains(&gap)
    });
    before.max()
}

#[cfg(test)]
mod tests {
    use super::PASSWORD_AFTER_REFUSAL;
    use crate::{
        Severity,
        testing::{clear, found, unseen},
    };

    #[test]
    fn found_when_a_password_follows_a_refused_key() {
        let finding = found(
            &PASSWORD_AFTER_REFUSAL,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 62
            20.00 pc > dc  as-req alice password
            20.01 dc > pc  as-rep alice ticket T1
        ",
        );
        assert_eq!(finding.packets(), [3, 2]);
        assert_eq!(finding.severity(), Severity::Info);
    }

    #[test]
    fn found_even_if_the_password_is_wrong() {
        found(
            &PASSWORD_AFTER_REFUSAL,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 75
            1.000 pc > dc  as-req Alice password
            1.010 dc > pc  krb-error 24
        ",
        );
    }

    #[test]
    fn clear_when_the_password_comes_from_another_client() {
        clear(
            &PASSWORD_AFTER_REFUSAL,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 62
            1.000 pc2 > dc as-req alice password
            1.010 dc > pc2 as-rep alice ticket T1
        ",
        );
    }

    #[test]
    fn clear_when_the_password_comes_much_later() {
        clear(
            &PASSWORD_AFTER_REFUSAL,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 62
            121.0 pc > dc  as-req alice password
            121.1 dc > pc  as-rep alice ticket T1
        ",
        );
    }

    #[test]
    fn clear_when_the_key_was_granted() {
        clear(
            &PASSWORD_AFTER_REFUSAL,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            1.000 pc > dc  as-req alice password
            1.010 dc > pc  as-rep alice ticket T2
        ",
        );
    }

    #[test]
    fn unseen_inside_fast() {
        unseen(
            &PASSWORD_AFTER_REFUSAL,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 62
            1.000 pc > dc  as-req alice fast
            1.010 dc > pc  as-rep alice ticket T1
        ",
        );
    }
}
