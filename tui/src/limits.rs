//! What this program could not see or do: the account of its own limits.

use diagnose::Report;

/// One thing, with how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What kind of limit: `capture`, `gap`, `program`.
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
    add("capture", "packets recorded twice".to_owned(), capture.copies, "they count once");
    limits
}

/// Sign-ins that are named for having too many exchanges.
const MAX_LOGONS: usize = 50;

fn gap_means(what: &str) -> &'static str {
    match what.rsplit('.').next().unwrap_or_default() {
        "encrypted" => "what is sealed cannot be read, by design",
        "missing" => "bytes are missing from the capture",
        "cut_short" => "the recorder kept too little of the packet",
        "limit_reached" => "this program gave up to stay within its memory",
        _ => "a message was not understood",
    }
}
