//! What this program could not see or do: the account of its own limits.

use diagnose::Report;

/// One thing, with how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What kind of limit: `capture`, `gap`, `program`, `setting`.
    pub(crate) kind: &'static str,
    pub(crate) what: String,
    pub(crate) count: u64,
    /// What it means for what is said elsewhere.
    pub(crate) means: &'static str,
}

/// All of a report, the most doubtful first.
pub(crate) fn limits(report: &Report) -> Vec<Limit> {
    let capture = &report.capture;
    let mut limits = Vec::new();
    let mut add = |kind, what: String, count: u64, means| {
        if count > 0 {
            limits.push(Limit { kind, what, count, means });
        }
    };
    for (code, count) in &capture.rule_failures {
        add(
            "program",
            format!("rule {code} failed by a fault of this program"),
            *count,
            "what it looks for is not known",
        );
    }
    add("capture", "packets dropped while recording".to_owned(), capture.losses, "silence may be a lost packet");
    add("capture", "only one direction was captured".to_owned(), u64::from(capture.one_sided), "answers are not seen");
    add("capture", "times the interface was away".to_owned(), capture.interruptions, "what happened then is not seen");
    add("capture", "damaged places in the input".to_owned(), capture.damage, "packets there are lost");
    add(
        "capture",
        "packets of which only the beginning was kept".to_owned(),
        capture.cut_packets,
        "large messages cannot be decoded",
    );
    for (class, shed) in &capture.shed {
        let what = format!("packets of {class} not decoded to keep the limits, in {} s", shed.seconds);
        add("program", what, shed.packets, "silence of these protocols says nothing then");
    }
    for (outcome, count) in &capture.retired_logons {
        let what = format!("earlier sign-ins that {}, only counted", past_of(outcome));
        add("program", what, *count, "they are in no list");
    }
    for (limit, beyond) in &capture.limits {
        let what = format!("{} not kept, or no longer: a limit was reached", limit.replace('_', " "));
        add("program", what, *beyond, "what they would tell may be missing");
    }
    add("capture", "packets left out on purpose (bulk)".to_owned(), capture.thinned, "no sign-in is touched by it");
    for (link, count) in &capture.unread_links {
        add("gap", format!("packets of link type {link}, which is not read"), *count, "nothing in them is seen");
    }
    for (what, count) in &capture.unread {
        add("gap", format!("packets not read down to TCP or UDP: {what}"), *count, "nothing in them is seen");
    }
    for (what, count) in &capture.gaps {
        add("gap", what.clone(), *count, gap_means(what));
    }
    for logon in report.logons.iter().filter(|logon| logon.exchanges_beyond > 0).take(MAX_LOGONS) {
        let what = format!("sign-in {}: exchanges not kept, there are too many", logon.id);
        add("program", what, u64::from(logon.exchanges_beyond), "its steps are not all shown");
    }
    for clock in &capture.clock_offsets {
        let way = if clock.ahead_microseconds < 0 { "behind" } else { "ahead" };
        let apart = clock.ahead_microseconds.unsigned_abs();
        let (seconds, rest) = (apart / 1_000_000, apart % 1_000_000);
        let what = format!("packets say that the clock of {} is {seconds}.{rest:06} s {way}", clock.input);
        add("capture", what, clock.packets, "its times are put right");
    }
    for threshold in &report.thresholds {
        let what = format!("threshold {} set to {}, by default {}", threshold.name, threshold.value, threshold.default);
        add("setting", what, 1, "rules judge by it");
    }
    add("capture", "packets recorded twice".to_owned(), capture.copies, "they count once");
    limits
}

/// Sign-ins that are named for having too many exchanges.
const MAX_LOGONS: usize = 50;

fn past_of(outcome: &str) -> &str {
    if outcome == "undecided" { "are undecided" } else { outcome }
}

fn gap_means(what: &str) -> &'static str {
    match what.rsplit('.').next().unwrap_or_default() {
        "encrypted" => "what is sealed cannot be read, by design",
        "missing" => "bytes are missing from the capture",
        "cut_short" => "the recorder kept too little of the packet",
        "limit_reached" => "this program gave up to stay within its memory",
        _ => "a message was not understood",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use diagnose::{ClockReport, Session, ShedReport, ThresholdReport};

    use super::limits;

    #[test]
    fn what_was_left_out_to_keep_limits_is_told() {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/account-disabled/capture.pcap"));
        let mut source = capture::open(&[path]).unwrap();
        let mut session = Session::new(trace::Settings { shards: 1 });
        session.run_watched(&mut source, 4096, |_| {}, |_| {}).unwrap();
        let mut report = session.report().collected();
        let before = limits(&report).len();
        let time = String::new;
        report.capture.shed.insert("ldap", ShedReport { packets: 7, seconds: 2, first: time(), last: time() });
        report.capture.retired_logons.insert("succeeded", 5);
        report.capture.limits.insert("ntlm_uses", 3);
        let clock = ClockReport { input: "dc.pcap".to_owned(), ahead_microseconds: -1_002_000, packets: 9 };
        report.capture.clock_offsets.push(clock);
        report.thresholds.push(ThresholdReport { name: "sync-seconds".to_owned(), value: 3600, default: 1800 });
        let limits = limits(&report);
        assert_eq!(limits.len(), before + 5);
        for (what, count) in [
            ("packets of ldap not decoded to keep the limits, in 2 s", 7),
            ("earlier sign-ins that succeeded, only counted", 5),
            ("ntlm uses not kept, or no longer: a limit was reached", 3),
            ("packets say that the clock of dc.pcap is 1.002000 s behind", 9),
            ("threshold sync-seconds set to 3600, by default 1800", 1),
        ] {
            assert!(limits.iter().any(|limit| limit.what == what && limit.count == count), "{what}: {limits:?}");
        }
    }
}
