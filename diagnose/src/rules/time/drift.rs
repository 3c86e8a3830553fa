//! TIM-02.

use decode::{
    Seen,
    kerberos::{KerberosTime, pkinit},
};
use trace::{DomainController, Exchange, Facts, Logon};

use super::skew::{amount, is_off};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, rules::refusal::still_waiting,
    windows::DRIFT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The clock of the client is more than two minutes off, and still within the five minutes that Kerberos allows.
    /// If it goes on drifting, sign-in at this computer will fail.
    ///
    /// ## How we know
    ///
    /// A PKINIT request tells the client's time, and an error of the same domain controller in the same sign-in tells
    /// the domain controller's: both are compared with the times at which the capture has them, and so its own clock
    /// does not matter (proven). Where the sign-in has no such error, the middle of all times that this domain
    /// controller told in the capture is taken (likely). Some clients correct the time they write by what a domain
    /// controller told them before; then the drift does not show. There is no finding where it is the domain
    /// controller's clock that is off, which TIM-03 and TIM-01 say.
    ///
    /// ## What to do
    ///
    /// 1. On the client, see from where it takes its time: `w32tm /query /status` and `w32tm /query /source`.
    /// 2. Set it right: `w32tm /resync /rediscover`. A client that belongs to the domain takes its time from a domain
    ///    controller: `w32tm /config /syncfromflags:domhier /update`.
    /// 3. On laptops that are seldom in the network, see whether the service runs: `sc query w32time`.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.1 (PKAuthenticator); RFC 4120 §5.9.1; SkewTime in Microsoft's list of Kerberos registry entries.
    pub static CLOCK_DRIFTS = {
        code: "TIM-02",
        title: "the client's clock is off, and soon too far",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["W32Time 24", "W32Time 29", "W32Time 47"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut untold = false;
    for exchange in logon.pkinit_exchanges() {
        let Some((client, asked)) = clock_of(exchange) else { continue };
        let kdc = exchange.kdc.address;
        let ahead = client.seconds() - asked.at.seconds();
        let told = told_by(logon, exchange);
        let usual = || facts.domain_controllers.get(&kdc).and_then(DomainController::clock_offset);
        #[expect(clippy::cast_possible_truncation, reason = "an offset in seconds; what does not fit is no clock")]
        let of_dc =
            told.map(|(stime, seen)| stime.seconds() - seen.at.seconds()).or_else(|| usual().map(|by| by as i64));
        let Some(of_dc) = of_dc else {
            untold = true;
            continue;
        };
        let apart = ahead.saturating_sub(of_dc);
        if apart.abs() <= DRIFT_SECONDS.of(facts) || is_off(kdc, facts) {
            continue;
        }
        let side = if apart > 0 { "ahead of" } else { "behind" };
        let summary = format!("the clock of the client is {} {side} the domain controller's", amount(apart.abs()));
        let confidence = if told.is_some() { Confidence::Proven } else { Confidence::Likely };
        return Found::new(confidence, Subject::Device(exchange.client.address), summary)
            .with(Evidence::new(asked, "pkinit.ctime_element", client.to_string(), "the client's clock"))
            .with_some(told.map(|(stime, seen)| {
                Evidence::new(seen, "kerberos.stime", stime.to_string(), "the domain controller's clock")
            }))
            .into();
    }
    if untold {
        return Verdict::Unseen("no answer of this domain controller tells its clock");
    }
    still_waiting(logon, facts)
}

/// The client's clock in a PKINIT request, and when the request was captured.
fn clock_of(exchange: &Exchange) -> Option<(KerberosTime, Seen)> {
    let pkinit: &pkinit::Request = exchange.kdc_request()?.pkinit.as_deref()?;
    Some((pkinit.ctime?, exchange.request.as_deref()?.seen))
}

/// The clock that the same domain controller tells in this logon, nearest to the request.
fn told_by(logon: &Logon, asked: &Exchange) -> Option<(KerberosTime, Seen)> {
    let at = asked.request.as_deref()?.seen.at;
    let told = logon.exchanges.iter().filter(|exchange| exchange.kdc.address == asked.kdc.address);
    told.filter_map(|exchange| Some((exchange.error()?.stime?, exchange.reply.as_deref()?.seen)))
        .min_by_key(|(_, seen)| seen.at.since(at).abs())
}

#[cfg(test)]
mod tests {
    use super::CLOCK_DRIFTS;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    fn signs_in(offset: i64, dc: i64) -> String {
        format!(
            "
            0.000 pc > dc  as-req alice
            0.010 dc > pc  krb-error 25 padata 16,2 clock {dc}
            0.100 pc > dc  as-req alice pkinit clock {offset}
            0.110 dc > pc  as-rep alice ticket T1 pkinit
            "
        )
    }

    #[test]
    fn found_although_the_logon_works() {
        let finding = found(&CLOCK_DRIFTS, &signs_in(-200, 0));
        assert_eq!(finding.packets(), [3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Medium);
        assert_eq!(finding.found.subject, Subject::Device([10, 99, 0, 21].into()));
        assert!(finding.found.summary.contains("3 min behind"), "{}", finding.found.summary);
    }

    #[test]
    fn likely_by_what_the_domain_controller_told_others() {
        let finding = found(
            &CLOCK_DRIFTS,
            "
            0.000 pc2 > dc as-req bob
            0.010 dc > pc2 krb-error 25 padata 16,2
            5.000 pc > dc  as-req alice pkinit clock 150
            5.010 dc > pc  as-rep alice ticket T1 pkinit
            ",
        );
        assert_eq!(finding.packets(), [3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_it_is_the_captures_clock_that_is_off() {
        clear(&CLOCK_DRIFTS, &signs_in(-200, -199));
        clear(&CLOCK_DRIFTS, &signs_in(120, 0));
    }

    #[test]
    fn clear_when_it_is_the_domain_controllers_clock() {
        clear(&CLOCK_DRIFTS, &signs_in(0, 200));
    }

    #[test]
    fn left_to_tim_01_when_it_was_refused() {
        let played = trace::script::play(
            "
            0.000 pc > dc  as-req alice pkinit clock 7200
            0.010 dc > pc  krb-error 37
            30    end
            ",
        );
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert_eq!(codes, ["TIM-01", "KEY-16"]);
    }

    #[test]
    fn unseen_when_nobody_tells_the_domain_controllers_clock() {
        unseen(
            &CLOCK_DRIFTS,
            "0.000 pc > dc as-req alice pkinit clock 200\n0.010 dc > pc as-rep alice ticket T1 pkinit",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CLOCK_DRIFTS,
            "
            0.000 pc > dc as-req alice
            0.010 dc > pc krb-error 25 padata 16,2
            0.020 pc > dc as-req alice pkinit
            1.000 open
            ",
        );
    }
}
