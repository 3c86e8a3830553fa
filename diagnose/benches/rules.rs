//! What the rules cost over many sign-ins, and what a sign-in that is over keeps.
//!
//! `cargo bench -p diagnose` prints processor seconds of the rules alone for some mixes of sign-ins, and of the first
//! the bytes for each sign-in that the program holds when all are over: what is kept of it, and its part of what is
//! known beyond it. The figures are from `/proc/self`, so it measures on Linux only.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::{fmt::Write as _, fs, process::ExitCode};

use trace::script::{group, play};

/// Sign-ins of one mix.
const LOGONS: usize = 100_000;
/// Ticks of the processor times in `/proc/self/stat` in a second: `USER_HZ`, which Linux fixes on x86 and ARM.
const TICKS: f64 = 100.0;
/// Bytes of a page in `/proc/self/statm`.
const PAGE: u64 = 4096;

/// Sign-ins as lines of a script.
struct Mix {
    name: &'static str,
    /// Adds the lines of one sign-in, by its number.
    add: fn(&mut String, usize),
}

const MIXES: [Mix; 7] = [
    Mix { name: "a site's day: keys, certificates, passwords; one in twenty fails", add: day },
    Mix { name: "one domain controller refuses the keys of everybody that it took before", add: turned },
    Mix { name: "one user, one key, one domain controller", add: one_user },
    Mix { name: "one domain controller refuses the keys of everybody that another accepts", add: refused_by_one },
    Mix { name: "the keys of everybody worked, and two domain controllers refuse them since", add: lost },
    Mix { name: "one key worked, and two domain controllers refuse it since", add: one_lost },
    Mix {
        name: "one user, one computer, one domain controller, a ticket every 20 seconds that is not used",
        add: unused,
    },
];

fn day(script: &mut String, number: usize) {
    let (pc, dc) = (["pc", "pc2", "pc3"][number % 3], ["dc", "dc2", "dc3"][number / 3 % 3]);
    let user = number % 5_000;
    let (how, answer) = match number % 20 {
        0 => (format!("pkinit key K{user}"), ["krb-error 62", "krb-error 75", "krb-error 16"][number / 20 % 3]),
        1..=12 => (format!("pkinit key K{user}"), ""),
        13..=15 => (format!("pkinit issued C{user}"), ""),
        _ => ("password".to_owned(), ""),
    };
    sign_in(script, number, (pc, dc, &format!("user{user}")), (&how, answer));
}

fn turned(script: &mut String, number: usize) {
    let user = number % (LOGONS / 2);
    let how = format!("pkinit key K{user}");
    let answer = if number < LOGONS / 2 { "" } else { "krb-error 62" };
    sign_in(script, number, ("pc", "dc", &format!("user{user}")), (&how, answer));
    if number % 1_000 == 999 {
        sign_in(script, number, ("pc2", "dc", "card"), ("pkinit issued C1 flow 2", ""));
    }
}

fn one_user(script: &mut String, number: usize) {
    let answer = if number.is_multiple_of(2) { "" } else { "krb-error 62" };
    sign_in(script, number, ("pc", "dc", "alice"), ("pkinit key K1", answer));
}

fn refused_by_one(script: &mut String, number: usize) {
    let user = number % (LOGONS / 2);
    let (dc, answer) = if number < LOGONS / 2 { ("dc", "") } else { ("dc2", "krb-error 75") };
    sign_in(script, number, ("pc", dc, &format!("user{user}")), (&format!("pkinit key K{user}"), answer));
}

fn lost(script: &mut String, number: usize) {
    let user = number % (LOGONS / 4);
    let (dc, answer) =
        [("dc", ""), ("dc2", "krb-error 62"), ("dc", "krb-error 75"), ("dc", "krb-error 62")][number / (LOGONS / 4)];
    sign_in(script, number, ("pc", dc, &format!("user{user}")), (&format!("pkinit key K{user}"), answer));
    if number == LOGONS - 1 {
        sign_in(script, number, ("pc2", "dc", "other"), ("pkinit key K-other flow 2", ""));
    }
}

fn one_lost(script: &mut String, number: usize) {
    let (dc, answer) = if number == 0 { ("dc", "") } else { (["dc", "dc2"][number % 2], "krb-error 62") };
    sign_in(script, number, ("pc", dc, "alice"), ("pkinit key K1", answer));
    if number == LOGONS - 1 {
        sign_in(script, number, ("pc2", "dc", "other"), ("pkinit key K-other flow 2", ""));
    }
}

fn unused(script: &mut String, number: usize) {
    if number == 0 {
        sign_in(script, number, ("pc2", "dc", "PC2$"), ("password", ""));
    }
    let (flow, at) = (number % 10_000, 20 * number);
    let _ = writeln!(
        script,
        "{at}.5 pc > dc as-req alice pkinit key K1 flow {flow}\n\
         {at}.6 dc > pc as-rep alice ticket A{number} pkinit flow {flow}"
    );
    if number.is_multiple_of(1_000) {
        sign_in(script, at + 1, ("pc2", "dc", "bob"), ("pkinit key K2", ""));
    }
}

/// A sign-in a second; `answer`: with what it is refused.
fn sign_in(script: &mut String, number: usize, (pc, dc, user): (&str, &str, &str), (how, answer): (&str, &str)) {
    let flow = number % 10_000;
    let reply = if answer.is_empty() { format!("as-rep {user} ticket T{number} pkinit") } else { answer.to_owned() };
    let _ = writeln!(
        script,
        "{number}.0 {pc} > {dc} as-req {user} {how} flow {flow}\n{number}.1 {dc} > {pc} {reply} flow {flow}"
    );
    if answer.is_empty() {
        let _ = writeln!(
            script,
            "{number}.2 {pc} > {dc} tgs-req host/{pc} ticket T{number} flow {flow}\n\
             {number}.3 {dc} > {pc} tgs-rep host/{pc} ticket S{number} flow {flow}"
        );
    }
}

/// Processor seconds of this process, of the user and the system.
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name in brackets, the times are the 12th and 13th.
    let times: Vec<f64> =
        stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2).filter_map(|time| time.parse().ok()).collect();
    Some(times.iter().sum::<f64>() / TICKS)
}

/// Bytes of memory of its own that this process has.
fn resident() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: Vec<u64> = statm.split(' ').filter_map(|pages| pages.parse().ok()).collect();
    Some(pages.get(1)?.saturating_sub(*pages.get(2)?) * PAGE)
}

fn main() -> ExitCode {
    let (Some(_), Some(_)) = (processor_seconds(), resident()) else {
        println!("there is no /proc here, so nothing is measured");
        return ExitCode::SUCCESS;
    };
    for (number, mix) in MIXES.into_iter().enumerate() {
        let mut script = String::new();
        (0..LOGONS).for_each(|number| (mix.add)(&mut script, number));
        println!("{}:", mix.name);
        let before = resident().unwrap_or_default();
        let kept = group(&script);
        let bytes = resident().unwrap_or_default().saturating_sub(before) / LOGONS as u64;
        // Of the first only: later ones use memory again that was given back.
        if number == 0 {
            println!("    {} sign-ins, {bytes} bytes each", kept.logons().len());
        }
        drop(kept);
        let played = play(&script);
        let begun = processor_seconds().unwrap_or_default();
        let (found, failures) = diagnose::diagnose(played.logons(), played.facts());
        let seconds = processor_seconds().unwrap_or_default() - begun;
        println!("    {} findings, {} rules failed, {seconds:.2} processor seconds", found.len(), failures.0.len());
    }
    ExitCode::SUCCESS
}
