//! Which rules no sample makes fire, and why: a rule that was never seen to work on real packets is known to be one.

use std::{collections::BTreeSet, fs, path::Path};

use diagnose::{CATALOGUE, Session};
use trace::Settings;

/// Rules that no sample shows, by code.
const WITHOUT_A_SAMPLE: &[(&str, &str)] = &[
    ("DCC-04", "the lab's certificates end in a year or have ended"),
    ("DCC-08", "the lab's CA writes no template"),
    ("DCC-12", "no computer joined to Entra only was recorded"),
    ("DCC-14", "no recording has two domain controllers whose certificates differ in kind"),
    ("KEY-03", "no key was refused in a recording in which the directory was read in clear"),
    ("KEY-04", "the one refused key that had been written in clear was refused for a name, which KEY-09 says"),
    ("KEY-12", "no key was refused with 62 that had been written or read in clear"),
    ("LOC-03", "no public resolver was asked in a recording"),
    ("LOC-04", "no domain controller without an address was recorded"),
    ("LOC-08", "the lab has one site"),
    ("LOC-10", "no client with cloud Kerberos trust was recorded"),
    ("NET-06", "no domain controller was recorded with some of its ports blocked"),
    ("NET-09", "no domain controller of the lab was slow"),
    ("POL-10", "no capture can show it"),
    ("SYN-03", "no Entra Connect was recorded"),
    ("SYN-04", "the account that wrote keys was always allowed to"),
    ("SYN-05", "no Entra Connect was recorded"),
    ("SYN-08", "no directory with an old schema was recorded"),
    ("TKT-06", "no client was recorded that turns to NTLM"),
];

/// So many may fire on no sample.
const MOST: usize = 40;

fn codes_found() -> BTreeSet<&'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("samples exist") {
        let path = entry.expect("readable").path().join("capture.pcap");
        if !path.exists() {
            continue;
        }
        let mut source = capture::open(&[path]).expect("the sample can be opened");
        let mut session = Session::new(Settings { shards: 1 });
        session.run(&mut source, capture::Batch::DEFAULT_PACKETS, |_| {}).expect("the sample can be read");
        found.extend(session.report().findings.iter().map(|finding| finding.code));
    }
    found
}

#[test]
fn every_rule_fires_on_a_sample_or_says_why_not() {
    let found = codes_found();
    let silent: Vec<&str> = CATALOGUE.iter().map(|rule| rule.code).filter(|code| !found.contains(code)).collect();
    assert!(silent.len() <= MOST, "{} rules fire on no sample", silent.len());
    println!("{} of {} rules never fire on a sample: {silent:?}", silent.len(), CATALOGUE.len());
    let named: Vec<&str> = WITHOUT_A_SAMPLE.iter().map(|(code, _)| *code).collect();
    for code in &silent {
        assert!(named.contains(code), "{code} fires on no sample, and no reason is given");
    }
    for code in named {
        assert!(silent.contains(&code), "{code} does fire on a sample: take it off the list");
    }
}
