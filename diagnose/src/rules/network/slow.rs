//! NET-09.

use std::net::IpAddr;

use decode::Seen;
use trace::{Exchange, Facts, Logon, UsualTimes, percentile::median};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    windows::{COMPARED_REPLIES, FELT_MICROSECONDS, SLOW_MICROSECONDS, SLOWER_BY},
};

rule! {
    /// ## What happened
    ///
    /// A domain controller takes long for its answers. Signing in feels slow; at ten seconds clients give up and turn
    /// to another one.
    ///
    /// ## How we know
    ///
    /// An answer came more than two seconds after the (last) request; or it took more than 0.2 seconds, belongs to the
    /// slowest twentieth of this domain controller's answers, and these take three times as long as the usual answers
    /// of the others, with at least 20 answers of each. Repeated requests count from the last repetition, so that
    /// packets which were lost on the way do not count as slowness.
    ///
    /// ## What to do
    ///
    /// 1. Compare the domain controllers: `hellotrace dcs` shows the response times of each.
    /// 2. On the slow one, look at its load, and at what it waits for: revocation lists that it cannot fetch (log
    ///    CAPI2), the holder of the role PDC emulator, which it asks about wrong passwords, a global catalogue.
    /// 3. Compare with the round trip on the way: `Test-NetConnection -ComputerName dc1.corp.example -Port 88`.
    ///
    /// ## Sources
    ///
    /// Microsoft: KdcWaitTime (ten seconds). The other numbers are our choice.
    pub static SLOW = {
        code: "NET-09",
        title: "the domain controller answers slowly",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["CAPI2 53"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for exchange in &logon.exchanges {
        let slow = took(exchange).filter(|(.., took)| *took >= FELT_MICROSECONDS.of(facts));
        let Some((asked, answered, took)) = slow else { continue };
        let kdc = exchange.kdc.address;
        let compared = if took > SLOW_MICROSECONDS.of(facts) {
            String::new()
        } else {
            let Some(usual) = slower_than_others(took, kdc, facts) else { continue };
            format!(", where others take {}", words(usual))
        };
        let summary = format!("the domain controller took {} for an answer{compared}", words(took));
        return Found::new(Confidence::Likely, Subject::DomainController(kdc), summary)
            .with(Evidence::new(answered, "kerberos.time", words(took), "the answer came so long after the request"))
            .with(Evidence::new(asked, "ip.dst", kdc.to_string(), "the request"))
            .into();
    }
    let open = logon.exchanges.iter().any(|exchange| exchange.reply.is_none());
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

/// The last request, the answer, and the microseconds between. `None` where the request came late: that is the network.
fn took(exchange: &Exchange) -> Option<(Seen, Seen, u64)> {
    if exchange.came_late() {
        return None;
    }
    let asked = exchange.repeats.last().copied().or(exchange.request.as_deref().map(|event| event.seen))?;
    let answered = exchange.reply.as_deref()?.seen;
    let took = u64::try_from(answered.at.since(asked.at)).ok()?;
    Some((asked, answered, took / 1000))
}

/// The usual time of the others, if this domain controller's slowest twentieth begins at so many times that, and
/// `took` belongs to it.
fn slower_than_others(took: u64, kdc: IpAddr, facts: &Facts) -> Option<u64> {
    let all = facts.usual_times();
    let enough = |times: &UsualTimes| times.count >= COMPARED_REPLIES.of(facts);
    let slowest = all.get(&kdc).filter(|own| enough(own))?.slow;
    let others = all.iter().filter(|(address, times)| **address != kdc && enough(times));
    let mut others: Vec<u64> = others.map(|(_, times)| times.median).collect();
    let usual = median(&mut others, u64::cmp)?;
    (took >= slowest && slowest > usual.saturating_mul(SLOWER_BY.of(facts))).then_some(usual)
}

/// `2.500 s` or `312 ms`.
fn words(microseconds: u64) -> String {
    match microseconds / 1000 {
        milliseconds @ 0..1000 => format!("{milliseconds} ms"),
        milliseconds => format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::SLOW;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_after_two_seconds() {
        let finding = found(&SLOW, "0.0 pc > dc as-req alice pkinit\n2.5 dc > pc krb-error 62");
        assert_eq!(finding.packets(), [2, 1]);
        assert!(finding.found.summary.contains("2.500 s"), "{}", finding.found.summary);
    }

    /// So many sign-ins at each of two domain controllers, with the time that each takes for an answer.
    fn many(count: u32, times: [f64; 2]) -> String {
        let sign_in = |number: u32| {
            let (first, second) = (f64::from(number * 10), f64::from(number * 10 + 5));
            format!(
                "{first} pc > dc as-req u{number} flow {number}\n{} dc > pc krb-error 6 flow {number}\n\
                 {second} pc > dc2 as-req v{number} flow {number}\n{} dc2 > pc krb-error 6 flow {number}\n",
                first + times[0],
                second + times[1]
            )
        };
        (0..count).map(sign_in).collect::<Vec<_>>().concat()
    }

    #[test]
    fn found_when_it_is_far_slower_than_others() {
        let finding = found(&SLOW, &many(20, [0.4, 0.01]));
        assert!(finding.found.summary.ends_with("where others take 10 ms"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_is_quick_alone_little_slower_or_repeated() {
        clear(&SLOW, "0.0 pc > dc as-req alice\n1.5 dc > pc krb-error 6");
        clear(&SLOW, &many(20, [0.4, 0.3]));
        clear(&SLOW, &many(10, [0.4, 0.01]));
        clear(&SLOW, &many(20, [0.15, 0.01]));
        let late = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged\n3.1 dc > pc krb-error 62";
        clear(&SLOW, late);
        let repeated = "0.0 pc > dc as-req alice nonce 5 udp\n3.0 pc > dc as-req alice nonce 5 udp\n";
        clear(&SLOW, &format!("{repeated}3.1 dc > pc krb-error 6 udp"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&SLOW, "0.0 pc > dc as-req alice\n1 open");
    }
}
