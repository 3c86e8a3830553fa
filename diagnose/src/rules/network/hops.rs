//! NET-10.

use std::net::IpAddr;

use capture::CaptureTime;
use decode::Seen;
use trace::{Exchange, Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, rules::key::directory::is_same,
    windows::HOP_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer went from one domain controller to another, because the first did not answer or refused its key.
    /// Users say of this that it works sometimes, or that it takes long.
    ///
    /// ## How we know
    ///
    /// Within 60 seconds, the same client asked two domain controllers in the same name. The first did not answer,
    /// could not be reached, or refused the PKINIT request, and granted nothing in this attempt. One that is just being
    /// restarted looks the same.
    ///
    /// ## What to do
    ///
    /// 1. See what is wrong with the first one: the finding beside this one says so (NET-01, NET-02, NET-03, DCC-02,
    ///    KEY-05).
    /// 2. Compare the domain controllers: `hellotrace dcs`.
    /// 3. Until it is mended, take it out of DNS for clients: `nltest /dsderegdns:dc2.corp.example`, or lower its
    ///    weight.
    ///
    /// ## Sources
    ///
    /// MS-KILE 3.2.5.1 (a client turns to another KDC). 60 seconds are our choice. Seen in captures of a lab.
    pub static HOPS = {
        code: "NET-10",
        title: "the client goes from one domain controller to another",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security-Kerberos 302"],
        check: Scope::Logon(check),
    };
}

/// What a client met at a domain controller that made it turn to another.
struct Met {
    kdc: IpAddr,
    at: Seen,
    what: String,
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let attempts = logon.attempts.iter().filter(|attempt| attempt.settled);
    let mut hops: Vec<Met> = attempts
        .map(|attempt| {
            let lost = attempt.lost_request().is_some();
            let what = if lost { "did not get the whole request" } else { "cannot be reached" };
            Met { kdc: attempt.kdc, at: attempt.event.seen, what: what.to_owned() }
        })
        .collect();
    hops.extend(logon.as_exchanges().filter_map(|exchange| met(exchange, facts)));
    hops.extend(refused_before(logon, facts));
    hops.sort_by_key(|met| met.at);
    let Some(first) = hops.first() else {
        let open = logon.as_exchanges().any(|exchange| exchange.reply.is_none());
        return if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear };
    };
    let is_first = |exchange: &Exchange| is_same(facts, exchange.kdc.address, first.kdc);
    if logon.as_exchanges().any(|exchange| exchange.granted().is_some() && is_first(exchange)) {
        return Verdict::Clear;
    }
    let next = logon.as_exchanges().filter(|exchange| !is_first(exchange)).find_map(|exchange| {
        let began = exchange.began()?;
        let near = began.at.since(first.at.at).abs() <= HOP_SECONDS.of(facts) * CaptureTime::SECOND;
        near.then_some((exchange, began))
    });
    let Some((other, began)) = next else {
        let over = facts.finished() || facts.passed(first.at.at, HOP_SECONDS.of(facts));
        return if over { Verdict::Clear } else { Verdict::Pending };
    };
    let machine = |address: IpAddr| facts.name_of(address).map_or_else(|| address.to_string(), str::to_owned);
    let (one, two) = (machine(first.kdc), machine(other.kdc.address));
    let came = if other.granted().is_some() { ", which grants a ticket" } else { "" };
    let summary = format!("{one} {}, and {} turns to {two}{came}", first.what, logon.client);
    Found::new(Confidence::Likely, Subject::Device(logon.client), summary)
        .with(Evidence::new(first.at, "ip.addr", first.kdc.to_string(), format!("it {}", first.what)))
        .with(Evidence::new(began, "ip.addr", other.kdc.address.to_string(), "the next domain controller"))
        .into()
}

/// A failure at a domain controller for which a client turns to another.
fn met(exchange: &Exchange, facts: &Facts) -> Option<Met> {
    let kdc = exchange.kdc.address;
    let asked = exchange.request.as_deref()?.seen;
    let visible = !facts.visibility.is_one_sided() && !facts.visibility.has_drops();
    match (exchange.error(), exchange.reply.as_deref()) {
        (Some(error), Some(reply)) if exchange.is_pkinit() && !exchange.is_intermediate() => {
            Some(Met { kdc, at: reply.seen, what: format!("refuses with error {}", error.code) })
        }
        (None, None) if !exchange.may_be_answered() && visible => {
            Some(Met { kdc, at: asked, what: "does not answer".to_owned() })
        }
        _ => None,
    }
}

/// A refusal of this logon's key, of this client alone, at another domain controller shortly before.
fn refused_before(logon: &Logon, facts: &Facts) -> Option<Met> {
    let certificate = logon.client_certificate()?;
    let key = facts.keys.get(&certificate.key_id)?;
    let (began, own) = (logon.began.at, logon.kdc()?);
    let near = |seen: &Seen| (0..=HOP_SECONDS.of(facts) * CaptureTime::SECOND).contains(&began.since(seen.at));
    if key.holders.keys().any(|(client, _)| *client != logon.client) {
        return None;
    }
    let &(at, kdc, code) = key.refused.iter().rfind(|(seen, kdc, _)| near(seen) && !is_same(facts, own, *kdc))?;
    let grants = key.granted.iter().any(|(_, by)| is_same(facts, *by, kdc));
    (!grants).then(|| Met { kdc, at, what: format!("refuses with error {code}") })
}

#[cfg(test)]
mod tests {
    use super::HOPS;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_when_the_first_refuses_the_key() {
        let finding = found(
            &HOPS,
            "
            0.0 pc > dc  as-req alice pkinit key K1
            0.1 dc > pc  krb-error 16
            5.0 pc > dc2 as-req alice pkinit key K1
            5.1 dc2 > pc as-rep alice ticket T1 pkinit
            ",
        );
        assert_eq!(finding.packets(), [2, 3]);
        assert!(finding.found.summary.ends_with("10.99.0.11, which grants a ticket"), "{}", finding.found.summary);
    }

    #[test]
    fn found_when_the_first_is_silent_or_out_of_reach() {
        let second = "15.0 pc > dc2 as-req alice pkinit nonce 9\n15.1 dc2 > pc as-rep alice ticket T1 pkinit\n40 end";
        found(&HOPS, &format!("0.0 pc > dc as-req alice pkinit nonce 9\n{second}"));
        found(&HOPS, &format!("14.0 pc > dc connect refused\n{second}"));
        let lost = found(&HOPS, &format!("14.0 pc > dc connect open lost 2896 to-server\n{second}"));
        assert!(lost.found.summary.contains("did not get the whole request"), "{}", lost.found.summary);
    }

    #[test]
    fn clear_when_it_stays_or_much_time_passes_or_nothing_failed() {
        let refused = "0.0 pc > dc as-req alice pkinit\n0.1 dc > pc krb-error 62\n";
        clear(&HOPS, &format!("{refused}5 pc > dc as-req alice pkinit\n5.1 dc > pc krb-error 62\n90 end"));
        let late = "95 pc > dc2 as-req alice pkinit\n95.1 dc2 > pc as-rep alice ticket T1 pkinit\n200 end";
        clear(&HOPS, &format!("{refused}{late}"));
        let asked = "0.0 pc > dc as-req alice\n0.1 dc > pc krb-error 25\n";
        clear(
            &HOPS,
            &format!("{asked}1 pc > dc2 as-req alice pkinit\n1.1 dc2 > pc as-rep alice ticket T1 pkinit\n90 end"),
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&HOPS, "0.0 pc > dc as-req alice pkinit\n1 open");
    }
}
