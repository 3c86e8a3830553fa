//! TIM-05.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller had seen the very same proof before and took it for a replay. Mostly a device on the way
    /// doubles packets, or a load balancer sends one request to two servers; machines cloned while they run do it too.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 34 (KRB_AP_ERR_REPEAT). Copies of the request that the capture holds
    /// are told beside it; a port that mirrors both ways shows every packet twice, and that is not what the domain
    /// controller sees. The finding is withdrawn when the client gets a ticket within ten seconds; if the capture ends
    /// before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Look for what doubles packets between the client and the domain controller: load balancers, VPN with two
    ///    ways, bonded interfaces.
    /// 2. If the client was cloned, let it restart, and join the domain anew.
    /// 3. If nothing of that is so, ask who could record and resend packets there.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §3.2.3 and §7.5.9.
    pub static REPLAY = {
        code: "TIM-05",
        title: "the domain controller took a request for a replay",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [34],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let refused = refusals(logon, ErrorCode::REPEAT).find(|refusal| !adjusted(logon, facts, refusal.answered.at));
    let Some(refusal) = refused else { return by_what_is_missing(logon.exchanges.iter(), facts) };
    let exchange = refusal.exchange;
    let copies = exchange.repeat_count;
    let summary = if copies > 0 {
        format!("the domain controller took a request for a replay; the capture has it {} times", copies + 1)
    } else {
        "the domain controller took a request for a replay".to_owned()
    };
    let confidence = Confidence::Likely.lowered_unless(facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts)));
    let kind = |number: &str, seen, means: &str| Evidence::new(seen, "kerberos.msg_type", number, means);
    let number = exchange.kdc_request().map_or("10", |request| match request.stage {
        decode::kerberos::Stage::As => "10",
        decode::kerberos::Stage::Tgs => "12",
    });
    Found::new(confidence, Subject::Device(exchange.client.address), summary)
        .with(refusal.answer("seen before, says the domain controller"))
        .with_some(exchange.request.as_deref().map(|request| kind(number, request.seen, "the request")))
        .with_some(exchange.repeats.first().map(|seen| kind(number, *seen, "the same request again")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::REPLAY;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_with_both_copies() {
        let finding = found(
            &REPLAY,
            "
            0.000 pc > dc  as-req alice password nonce 7 udp
            0.001 pc > dc  as-req alice password nonce 7 udp
            0.010 dc > pc  krb-error 34 udp
            30    end
            ",
        );
        assert_eq!(finding.packets(), [3, 1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Low);
        assert!(finding.found.summary.ends_with("2 times"), "{}", finding.found.summary);
    }

    #[test]
    fn found_for_a_service_ticket_and_less_sure_at_the_end() {
        let finding = found(&REPLAY, "0.000 pc > dc tgs-req host/srv ticket T9\n0.010 dc > pc krb-error 34");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_the_client_gets_its_ticket() {
        clear(
            &REPLAY,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  krb-error 34
            1.000 pc > dc  as-req alice password
            1.010 dc > pc  as-rep alice ticket T1
            30    end
            ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&REPLAY, "0.000 pc > dc as-req alice password\n1.000 open");
    }
}
