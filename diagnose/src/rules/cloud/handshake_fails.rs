//! CLD-11.

use trace::{
    Facts,
    cloud::{Failure, Service},
};

use super::{Wanted, is_handshake};
use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{is_sign_in, role},
    rule::rule,
    windows::ENDPOINT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer reaches a host of Microsoft Entra, or what answers in its place, and the encrypted connection does
    /// not come about: the other side refuses, closes, stays silent, or answers with something that is not TLS. A
    /// filter that reads the server name, a proxy that is not asked as one, or a computer that speaks only old versions
    /// does that. What needs the host fails: signing in to the cloud, joining, registering a key.
    ///
    /// ## How we know
    ///
    /// After the ClientHello with the server name came an alert of the server that is not about a certificate (40
    /// handshake_failure, 70 protocol_version and others), the end of the connection, or bytes that are no TLS record:
    /// proven. Silence is likely, and counts when ten seconds passed, or the client gave up after three, where both
    /// directions are in the capture. An encrypted alert in the place where a client of TLS 1.3 ends its handshake is
    /// possible: it may be about the certificate (CLD-12, CLD-01). The finding is withdrawn when a handshake with that
    /// name succeeds within a minute before or after; in a capture that ends sooner it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Find what stands between: compare with the same handshake from another network, with `openssl s_client
    ///    -connect login.microsoftonline.com:443 -servername login.microsoftonline.com`.
    /// 2. Exempt the sign-in hosts from inspection and from filters by server name.
    /// 3. Allow TLS 1.2 and 1.3 on computer and proxy; on old Windows look at SchUseStrongCrypto and the SCHANNEL
    ///    protocols in the registry.
    /// 4. If a proxy is required, tell the computer: `netsh winhttp show proxy`.
    ///
    /// ## Sources
    ///
    /// RFC 8446 §6.2 and appendix D; Microsoft: TLS 1.2 is required for Microsoft Entra. Alert 70, the close, the
    /// silence and an answer in plain HTTP were seen in captures.
    pub static HANDSHAKE_FAILS = {
        code: "CLD-11",
        title: "the TLS handshake with a sign-in endpoint fails",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Schannel 36887", "Schannel 36874", "AAD 1081"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !role(&service.name).is_some_and(is_sign_in) {
        return Verdict::Clear;
    }
    let wanted = Wanted { failures: is_handshake, seconds: ENDPOINT_SECONDS.of(facts), confidence: Confidence::Proven };
    match super::check(service, facts, wanted) {
        Verdict::Clear => {
            let hidden = |failure| failure == Failure::HiddenAlert;
            super::check(service, facts, Wanted { failures: hidden, confidence: Confidence::Possible, ..wanted })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::HANDSHAKE_FAILS;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_server_closes_after_the_hello() {
        let finding = found(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.100 pc > web  connect open closed server-fin bytes 1585,0 port 443
            70  end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_when_the_server_sends_an_alert() {
        let finding = found(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello enterpriseregistration.windows.net
            0.010 web > pc  alert 70
            70  end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
    }

    #[test]
    fn found_when_the_client_gives_up_waiting() {
        let finding = found(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            5.000 pc > web  connect open closed client-fin bytes 1585,0 port 443
            6  end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn found_when_something_else_answers() {
        found(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com port 4444
            0.010 web > pc  http 400 GET / port 4444
            0.020 pc > web  connect open closed client-reset bytes 1585,47 port 4444
            6  end
        ",
        );
    }

    #[test]
    fn found_when_the_client_hides_why_it_leaves() {
        let finding = found(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls13
            0.020 pc > web  encrypted-alert
            70  end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_the_handshake_works() {
        clear(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.020 web > pc  certificate login.microsoftonline.com
            0.030 pc > web  data
            0.040 web > pc  data
            0.050 pc > web  connect open closed client-fin bytes 2000,3000 port 443
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_the_client_accepts_and_closes_without_data() {
        clear(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello enterpriseregistration.windows.net
            0.010 web > pc  server-hello tls12
            0.020 pc > web  encrypted-alert
            0.050 pc > web  connect open closed client-fin bytes 2000,3000 port 443
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works_at_the_next_try() {
        clear(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  alert 70
            1.000 pc > web  client-hello login.microsoftonline.com
            1.010 web > pc  server-hello tls12
            1.020 web > pc  data
            70  end
        ",
        );
    }

    #[test]
    fn unseen_when_the_client_had_no_more_use_for_it() {
        unseen(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.100 pc > web  connect open closed client-fin bytes 1585,0 port 443
            70  end
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            20.00 pc > web  connect one-sided bytes 1585,0 port 443
            70  end
        ",
        );
    }

    #[test]
    fn pending_while_an_answer_may_come() {
        pending(
            &HANDSHAKE_FAILS,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            1.000 pc > web  connect open bytes 1585,0 port 443
            2  open
        ",
        );
    }
}
