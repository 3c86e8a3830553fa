//! From a key to the redrawn screen, with a hundred thousand sign-ins loaded: the figures of `docs/performance.md`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diagnose::Report;
use tui::{Message, Snapshot, update};

use crate::common::{Screens, report_of};

/// Sign-ins, some ten times what a domain controller has in an hour of a morning.
const LOGONS: u64 = 100_000;
/// What a person takes for at once.
const MOST: Duration = Duration::from_millis(50);

/// The sign-ins of some samples, over and over, each its own user's, one every other second.
fn large() -> Report {
    let mut report = report_of(&[
        "account-disabled",
        "clock-skew",
        "five-workstations",
        "key-not-in-directory",
        "key-trust-success",
        "password-after-refused-key",
    ]);
    let few = std::mem::take(&mut report.logons);
    let mut numbers: Vec<Vec<u64>> = vec![Vec::new(); few.len()];
    for id in 0..LOGONS {
        let which = usize::try_from(id).expect("small") % few.len();
        let mut logon = few[which].clone();
        numbers[which].push(id);
        logon.id = id;
        logon.principal = Some(format!("user{}@CORP.EXAMPLE", id % 7919));
        logon.client = format!("10.{}.{}.{}", id >> 16 & 255, id >> 8 & 255, id & 255);
        logon.began = logon.began.plus_seconds(i64::try_from(id).expect("small") * 2);
        logon.started = logon.began.to_string();
        report.logons.push(logon);
    }
    for finding in &mut report.findings {
        finding.logons = few
            .iter()
            .zip(&numbers)
            .filter(|(logon, _)| finding.logons.contains(&logon.id))
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect();
        finding.logons.sort_unstable();
    }
    report
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures how long it takes")]
#[ignore = "measures: cargo test --release -p tui -- --ignored --nocapture speed"]
fn a_key_is_answered_at_once_with_a_hundred_thousand_sign_ins() {
    let report = large();
    let begun = Instant::now();
    let snapshot = Arc::new(Snapshot::new(report));
    println!("worked out behind the screens in {:?}", begun.elapsed());
    let mut screens = Screens::new(200, 50);
    let begun = Instant::now();
    update(&mut screens.model, Message::Report(Arc::clone(&snapshot)));
    println!("taken over in {:?}", begun.elapsed());
    screens.text();
    let typed = |text: &'static str| text.split("").filter(|key| !key.is_empty());
    let mut ways: Vec<Vec<&str>> = vec![
        vec!["2"],
        vec!["down"; 200],
        vec!["page down"; 100],
        vec!["end", "home", "end", "page up", "page up"],
        typed("/user:user12 outcome:failed").collect(),
        vec!["enter", "enter", "tab", "enter", "down", "down", "esc", "n", "n", "esc", "esc"],
        typed("/!key-02 10.0.").collect(),
        vec!["enter", "n", "n", "p", "f", "f", "esc"],
        vec!["left", "s", "s", "left", "s", "left", "left", "s", "right", "right", "right", "right", "right", "s"],
        vec!["left", "left", "b", "down", "down", "enter", "down", "esc", "esc"],
        typed(":group user").chain(["enter", "down", "enter", "esc", "esc"]).collect(),
        typed(":group client").chain(["enter", "end", "enter", "esc", "esc"]).collect(),
        typed(":group time").chain(["enter", "esc"]).collect(),
        typed("/10").chain(["esc", "/", "*", "7", "*", "9", "esc", "/", "=", "u", "esc"]).collect(),
        typed("/since:12:00 longer:1ms").chain(["esc"]).collect(),
        vec!["home", "o", "esc", "x", "esc", "w", "w", "W", ".", ",", "esc", "esc", "esc", "esc"],
        vec!["F", "up", "1", "down", "down", "enter", "tab", "enter", "esc", "s", "esc"],
        vec!["3", "4", "page down", "5", "6", "2", "m", "y", "?"],
    ];
    ways.push(vec!["esc", "2"]);
    let mut times: Vec<(Duration, &str)> = Vec::new();
    for _ in 0..3 {
        for way in &ways {
            for key in way {
                let begun = Instant::now();
                screens.press(&[key]);
                screens.text();
                times.push((begun.elapsed(), key));
            }
        }
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 1000).min(times.len() - 1)].0;
    println!("{} keys: half {:?}, 99 % {:?}, 99.9 % {:?}", times.len(), at(500), at(990), at(999));
    println!("the slowest: {:?}", &times[times.len() - 8..]);
    assert!(at(990) <= MOST, "99 % of the keys are answered within {:?}", at(990));
}
