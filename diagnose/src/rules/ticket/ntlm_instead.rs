//! TKT-06.

use capture::CaptureTime;
use decode::{Seen, kerberos::ErrorCode};
use trace::{Facts, Logon, Method, NtlmUse};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusal::name},
    windows::{NTLM_SECONDS, TICKET_LIFE_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// Kerberos failed for a user of Windows Hello, and the computer signed in to a server by NTLM instead. With a key
    /// alone there is no password to make NTLM's answer from: it works only where the user got a ticket before, whose
    /// data holds what NTLM needs, or typed a password. Where NTLM is restricted, nothing works.
    ///
    /// ## How we know
    ///
    /// In the minute after a KDC refused a request of this sign-in with a self-signed certificate (or a request for a
    /// service with its ticket), the same client signed in by NTLM as the same user, and showed that server no ticket
    /// from a minute before to a minute after. That NTLM came because of the refusal is likely, not proven: whoever
    /// names a server by its address gets NTLM as well, and a local account of the same name looks like the user.
    ///
    /// It is possible only where nothing was refused: a user who signed in with a key signs in by NTLM to a server
    /// whose name DNS gave this capture, and the computer asked no KDC for anything in the minute before and showed no
    /// ticket there.
    ///
    /// ## What to do
    ///
    /// 1. Look at the finding that explains the refusal: this one goes when Kerberos works.
    /// 2. If there is none, see how the server is addressed: by name, so that a service principal name fits:
    ///    `setspn -Q cifs/server.corp.example`.
    /// 3. See who uses NTLM: log Microsoft-Windows-NTLM/Operational, events 8001 to 8003, and security event 4776 on
    ///    domain controllers.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2 and MS-PAC 2.6.4 (NTLM_SUPPLEMENTAL_CREDENTIAL); MS-NLMP 3.1.5.1.2. A minute is our choice. Not
    /// seen in a capture.
    pub static NTLM_INSTEAD = {
        code: "TKT-06",
        title: "the client turns to NTLM after trouble with Kerberos",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security 4776", "NTLM 8001", "NTLM 8002", "NTLM 8003"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    if logon.method != Method::KeyTrust {
        return Verdict::Clear;
    }
    let refusal = logon.refusal().and_then(|(exchange, code)| Some((exchange.reply.as_deref()?.seen, code)));
    // Windows asks for what a KDC may not grant as a matter of course (13), and goes on.
    let of_services = logon.tgs_exchanges().filter_map(|exchange| {
        let code = exchange.error()?.code;
        (code != ErrorCode::BADOPTION).then_some((exchange.reply.as_deref()?.seen, code))
    });
    let mut open = false;
    for (seen, code) in refusal.into_iter().chain(of_services) {
        if let Some(used) = ntlm_after(logon, facts, seen) {
            return found(logon, facts, (seen, code), used);
        }
        open |= !facts.passed(seen.at, NTLM_SECONDS.of(facts));
    }
    if let Some((granted, used)) = untried(logon, facts) {
        return found_untried(logon, facts, granted, used);
    }
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

/// The first sign-in by NTLM of this logon's user and client in the time after a refusal, to a server that is shown no
/// ticket.
fn ntlm_after(logon: &Logon, facts: &Facts, refused: Seen) -> Option<NtlmUse> {
    let names = [logon.requested.as_ref(), logon.canonical.as_ref()].into_iter().flatten();
    let uses = names.flat_map(|name| facts.ntlm_after(logon.client, &name.name, refused.at, NTLM_SECONDS.of(facts)));
    let window = (NTLM_SECONDS.of(facts), NTLM_SECONDS.of(facts));
    let without_ticket = |used: &NtlmUse| !facts.showed_ticket((logon.client, used.server), used.seen.at, window);
    uses.filter(without_ticket).min_by_key(|used| used.seen)
}

/// The first sign-in by NTLM of a user whose key was accepted, to a server with a name for which no ticket was asked.
fn untried(logon: &Logon, facts: &Facts) -> Option<(Seen, NtlmUse)> {
    let granted = logon.issued()?.0.reply.as_deref()?.seen;
    let window = (NTLM_SECONDS.of(facts), NTLM_SECONDS.of(facts));
    let is_untried = |used: &NtlmUse| {
        let minute = used.seen.at.plus_seconds(-NTLM_SECONDS.of(facts));
        facts.locator.name_of(used.server).is_some()
            && !facts.kerberos_within(logon.client, minute, NTLM_SECONDS.of(facts))
            && !facts.showed_ticket((logon.client, used.server), used.seen.at, window)
    };
    // A later sign-in of the user has what comes after it.
    let is_later = |name: &str, used: &NtlmUse| {
        facts.grants(name).any(|(at, client)| client == logon.client && at > granted.at && at <= used.seen.at)
    };
    let names = [logon.requested.as_ref(), logon.canonical.as_ref()].into_iter().flatten();
    let first = names.filter_map(|name| {
        let mut uses = facts.ntlm_after(logon.client, &name.name, granted.at, TICKET_LIFE_SECONDS.of(facts));
        uses.find(is_untried).filter(|used| !is_later(&name.name, used))
    });
    let used = first.min_by_key(|used| used.seen)?;
    facts.passed(used.seen.at, NTLM_SECONDS.of(facts)).then_some((granted, used))
}

fn found_untried(logon: &Logon, facts: &Facts, granted: Seen, used: NtlmUse) -> Verdict {
    let server = facts.name_of(used.server).map_or_else(|| used.server.to_string(), str::to_owned);
    let summary = format!("{} signs in to {server} by NTLM, and asks for no ticket for it", name(logon));
    let account = logon.requested.as_ref().map(ToString::to_string).unwrap_or_default();
    let means = format!("{} signs in by NTLM, and shows no ticket there", logon.client);
    Found::new(Confidence::Possible, account_of(logon), summary)
        .with(Evidence::new(used.seen, "ntlmssp.auth.username", account, means))
        .with(Evidence::new(granted, "kerberos.msg_type", "11", "the user has a ticket, by a key"))
        .into()
}

fn found(logon: &Logon, facts: &Facts, (refused, code): (Seen, ErrorCode), used: NtlmUse) -> Verdict {
    let server = facts.name_of(used.server).map_or_else(|| used.server.to_string(), str::to_owned);
    let after = used.seen.at.since(refused.at) / CaptureTime::SECOND;
    let who = name(logon);
    let summary = format!("{who} signs in to {server} by NTLM, {after} seconds after Kerberos failed");
    let account = logon.requested.as_ref().map(ToString::to_string).unwrap_or_default();
    let means = format!("{} signs in by NTLM, and shows no ticket there", logon.client);
    Found::new(Confidence::Likely, account_of(logon), summary)
        .with(Evidence::new(used.seen, "ntlmssp.auth.username", account, means))
        .with(Evidence::new(refused, "kerberos.error_code", code.to_string(), "Kerberos had failed before"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::NTLM_INSTEAD;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_after_a_refused_key() {
        let finding = found(
            &NTLM_INSTEAD,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   krb-error 62
            9.000 pc > dc2  ntlm Alice
            90              end
        ",
        );
        assert_eq!(finding.packets(), [3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_after_a_refused_service() {
        let finding = found(
            &NTLM_INSTEAD,
            "
            0.000 pc > dc   as-req alice@corp.example pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit
            0.020 pc > dc   tgs-req cifs/files ticket T1 flow 2
            0.025 dc > pc   krb-error 7 flow 2 service cifs/files
            0.100 pc > dc2  ntlm alice
            90              end
        ",
        );
        assert_eq!(finding.packets(), [5, 4]);
    }

    #[test]
    fn possible_where_no_ticket_was_asked_for_a_server_with_a_name() {
        let script = "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit
            70.00 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            70.01 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example found dc2.corp.example
            70.02 dns > pc  a-answer dc2.corp.example 10.99.0.11
            75.00 pc > dc2  ntlm alice
            200             end
        ";
        let finding = found(&NTLM_INSTEAD, script);
        assert_eq!((finding.packets(), finding.found.confidence), (vec![6, 2], Confidence::Possible));
        clear(&NTLM_INSTEAD, &script.replace("200             end", "75.10 pc > dc2 ap-req ticket T9\n200 end"));
        clear(&NTLM_INSTEAD, &script.replace("75.00", "74.00 pc > dc tgs-req cifs/dc2 ticket T1 flow 2\n75.00"));
        clear(&NTLM_INSTEAD, &script.replace("75.00", "74.00 pc > dc as-req alice password flow 3\n75.00"));
    }

    #[test]
    fn clear_when_the_server_is_shown_a_ticket() {
        clear(
            &NTLM_INSTEAD,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   krb-error 62
            9.000 pc > dc2  ntlm alice
            20.00 pc > dc2  ap-req ticket T9
            90              end
        ",
        );
    }

    #[test]
    fn clear_of_other_users_other_clients_and_later_times() {
        clear(
            &NTLM_INSTEAD,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   krb-error 62
            9.000 pc > dc2  ntlm bob
            9.100 pc2 > dc2 ntlm alice
            80.00 pc > dc2  ntlm alice
            90              end
        ",
        );
    }

    #[test]
    fn clear_when_kerberos_works_or_the_user_has_no_key() {
        clear(
            &NTLM_INSTEAD,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit
            9.000 pc > dc2  ntlm alice
            10.00 pc > dc   as-req bob password
            10.01 dc > pc   krb-error 24
            11.00 pc > dc2  ntlm bob
            90              end
        ",
        );
    }

    #[test]
    fn pending_within_the_minute() {
        pending(
            &NTLM_INSTEAD,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 62
            9.000          open
        ",
        );
    }
}
