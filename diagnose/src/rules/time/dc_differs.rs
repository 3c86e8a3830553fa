//! TIM-03.

use std::net::IpAddr;

use trace::{DomainController, Facts, percentile::median};

use super::skew::amount;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    windows::{CLOCK_SAMPLES, CLOCKS_AGREE_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// One domain controller has another time than the others. It may refuse clients whose clock is right, and the
    /// others may call its tickets "not yet valid" or expired. Users get in or not depending on which one their
    /// computer turns to.
    ///
    /// ## How we know
    ///
    /// Every error of a domain controller tells its time. Compared with the times at which the capture has them, the
    /// middle of three or more of one domain controller differs by more than a minute from those of all others (three
    /// or more each). It is likely where two others agree with each other; otherwise the one that differs more from
    /// the capture's own clock is named, which is possible only. Captures that were recorded at several machines and
    /// joined show the difference of the recorders' clocks: record at one place to be sure.
    ///
    /// ## What to do
    ///
    /// 1. Compare all domain controllers: `w32tm /monitor`.
    /// 2. On the one that differs: `w32tm /query /status`, `w32tm /query /source`, then `w32tm /resync /rediscover`.
    /// 3. If it is a virtual machine, switch off the host's time synchronisation for it, and look again after a
    ///    restart of the host.
    /// 4. Only the PDC emulator of the forest's root takes its time from outside:
    ///    `w32tm /config /manualpeerlist:"ntp.example.com,0x8" /syncfromflags:manual /reliable:yes /update`.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §5.9.1 (stime); Microsoft: how the Windows Time service works.
    pub static DC_CLOCK_DIFFERS = {
        code: "TIM-03",
        title: "one domain controller has a different clock",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["W32Time 24", "W32Time 36", "W32Time 50"],
        check: Scope::Capture(check),
    };
}

fn check(facts: &Facts) -> Verdict {
    let clocks: Vec<(IpAddr, &DomainController, f64)> = facts
        .domain_controllers
        .iter()
        .filter(|(_, dc)| dc.clock_samples() >= CLOCK_SAMPLES.of(facts))
        .filter_map(|(address, dc)| Some((*address, dc, dc.clock_offset()?)))
        .collect();
    if clocks.len() < 2 {
        return if facts.domain_controllers.len() < 2 {
            Verdict::Clear
        } else {
            Verdict::Unseen("fewer than two domain controllers told their clock often enough")
        };
    }
    let differs = |own: IpAddr, by: f64| {
        clocks.iter().all(|(other, _, offset)| *other == own || (offset - by).abs() > CLOCKS_AGREE_SECONDS.of(facts))
    };
    let alone = clocks.iter().filter(|(address, _, offset)| differs(*address, *offset));
    let Some((address, dc, offset)) = alone.max_by(|one, other| one.2.abs().total_cmp(&other.2.abs())) else {
        return Verdict::Clear;
    };
    let mut others: Vec<f64> = clocks.iter().filter(|(other, ..)| other != address).map(|(.., by)| *by).collect();
    let Some(usual) = median(&mut others, f64::total_cmp) else { return Verdict::Clear };
    // Two that agree against one are a majority; otherwise the capture's clock has to tell.
    let agree = others.iter().filter(|by| (*by - usual).abs() <= CLOCKS_AGREE_SECONDS.of(facts)).count();
    // Where the capture's clock is with the one, the others may be two addresses of one machine.
    if (agree < 2 && usual.abs() > CLOCKS_AGREE_SECONDS.of(facts)) || offset.abs() < usual.abs() {
        return Verdict::Unseen("the clock of the capture does not tell which of the domain controllers is right");
    }
    let confidence = if agree >= 2 { Confidence::Likely } else { Confidence::Possible };
    #[expect(clippy::cast_possible_truncation, reason = "an offset in seconds; what does not fit is no clock")]
    let apart = (offset - usual) as i64;
    let side = if apart > 0 { "ahead of" } else { "behind" };
    let whom = if others.len() == 1 { "the other domain controller" } else { "the other domain controllers" };
    let name = facts.name_of(*address).map_or_else(|| address.to_string(), str::to_owned);
    let summary = format!("the clock of {name} is {} {side} that of {whom}", amount(apart.abs()));
    let clock = |whose: IpAddr, dc: &DomainController, means: String| {
        dc.clock
            .map(|(time, seen)| Evidence::new(seen, "kerberos.stime", time.to_string(), format!("{whose}: {means}")))
    };
    let mut found = Found::new(confidence, Subject::DomainController(*address), summary).with_some(clock(
        *address,
        dc,
        against_capture(*offset),
    ));
    for (other, dc, offset) in clocks.iter().filter(|(other, ..)| other != address) {
        found = found.with_some(clock(*other, dc, against_capture(*offset)));
    }
    found.into()
}

/// A clock against the capture's, in words.
fn against_capture(offset: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "an offset in seconds; what does not fit is no clock")]
    let seconds = offset.round() as i64;
    match seconds {
        -1..=1 => "as the capture's clock".to_owned(),
        2.. => format!("{} ahead of the capture's clock", amount(seconds)),
        _ => format!("{} behind the capture's clock", amount(seconds.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::DC_CLOCK_DIFFERS;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, unseen},
    };

    /// Three answers of a domain controller whose clock is off by this many seconds.
    fn answers(dc: &str, clock: i64) -> String {
        (0..3)
            .map(|index| {
                format!(
                    "{index}.100 pc > {dc} as-req user{index} flow {index}\n\
                     {index}.110 {dc} > pc krb-error 25 padata 16,2 clock {clock} flow {index}\n"
                )
            })
            .collect::<Vec<String>>()
            .concat()
    }

    fn in_order(parts: &[String]) -> String {
        let mut lines: Vec<&str> = parts.iter().flat_map(|part| part.lines()).collect();
        lines.sort_by(|one, other| one.split(' ').next().cmp(&other.split(' ').next()));
        lines.join("\n")
    }

    #[test]
    fn found_when_two_others_agree() {
        let finding = found(&DC_CLOCK_DIFFERS, &in_order(&[answers("dc", 0), answers("dc2", 3600), answers("dc3", 2)]));
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
        assert_eq!(finding.packets().len(), 3);
        assert!(finding.found.summary.ends_with("59 min ahead of that of the other domain controllers"));
    }

    #[test]
    fn possible_when_the_captures_clock_has_to_tell() {
        let finding = found(&DC_CLOCK_DIFFERS, &in_order(&[answers("dc", 1), answers("dc2", -300)]));
        assert_eq!(finding.found.confidence, Confidence::Possible);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
    }

    #[test]
    fn clear_when_they_agree_and_the_capture_is_off() {
        clear(&DC_CLOCK_DIFFERS, &in_order(&[answers("dc", 900), answers("dc2", 905)]));
        clear(&DC_CLOCK_DIFFERS, &in_order(&[answers("dc", 0), answers("dc2", 59)]));
    }

    #[test]
    fn unseen_when_neither_agrees_with_the_capture() {
        unseen(&DC_CLOCK_DIFFERS, &in_order(&[answers("dc", 900), answers("dc2", -300)]));
        unseen(&DC_CLOCK_DIFFERS, &in_order(&[answers("dc", 900), answers("dc2", 0), answers("dc3", 901)]));
    }

    #[test]
    fn unseen_with_too_few_samples() {
        unseen(
            &DC_CLOCK_DIFFERS,
            "
            0.000 pc > dc  as-req alice
            0.010 dc > pc  krb-error 25 padata 16,2
            1.000 pc > dc2 as-req alice
            1.010 dc2 > pc krb-error 25 padata 16,2 clock 3600
            ",
        );
    }
}
