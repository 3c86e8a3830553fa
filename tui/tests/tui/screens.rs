//! Whole screens, as they look without colour, against the files in `tests/screens/`.
//!
//! `UPDATE_SCREENS=1 cargo test -p tui` writes those files anew; look at the difference before it is
//! committed. A failing test prints both screens.

use std::{fs, path::PathBuf};

use crate::common::{Screens, report_of};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// The captures of the long list: every kind of outcome, a finding about no sign-in, several on one.
const MANY: [&str; 10] = [
    "account-disabled",
    "certificate-trust-success",
    "clock-skew",
    "dc-certificate-expired",
    "dns-no-answer",
    "kerberos-port-refused",
    "key-not-in-directory",
    "key-trust-success",
    "password-after-refused-key",
    "password-success",
];

/// Opens the samples, presses the keys and compares, at both sizes.
fn check(name: &str, samples: &[&str], keys: &[&str]) {
    for (columns, rows) in SIZES {
        let mut screens = Screens::new(columns, rows);
        screens.show(report_of(samples));
        screens.press(keys);
        compare(&format!("{name}-{columns}x{rows}"), &screens.text());
    }
}

fn compare(name: &str, screen: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        fs::write(&path, screen).expect("the folder can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        screen == expected,
        "{name} looks different; UPDATE_SCREENS=1 accepts it.\n--- as it was\n{expected}\n--- as it is\n{screen}"
    );
}

#[test]
fn list_of_one() {
    check("list-of-one", &["key-not-in-directory"], &[]);
}

#[test]
fn list_of_many() {
    check("list-of-many", &MANY, &["j", "j"]);
}

#[test]
fn failures_only() {
    check("failures-only", &MANY, &["f"]);
}

#[test]
fn filter_while_it_is_typed() {
    check("filter", &MANY, &["/", "a", "l", "i", "c", "e", " ", "!", "k", "e", "y", "-", "0"]);
}

#[test]
fn nothing_matches() {
    check("nothing-matches", &MANY, &["/", "z", "z", "z", "enter"]);
}

#[test]
fn logon_that_failed() {
    check("logon-failed", &["key-not-in-directory"], &["enter"]);
}

#[test]
fn logon_that_succeeded() {
    check("logon-succeeded", &["key-trust-success"], &["enter"]);
}

#[test]
fn logon_that_reached_nobody() {
    check("logon-unreached", &["kerberos-port-refused"], &["enter", "tab", "j"]);
}

#[test]
fn finding() {
    check("finding", &["key-not-in-directory"], &["enter", "enter"]);
}

#[test]
fn finding_to_its_end() {
    check("finding-end", &["key-not-in-directory"], &["enter", "enter", "end"]);
}

#[test]
fn finding_about_no_logon() {
    check("finding-alone", &["dns-no-answer"], &["enter"]);
}

#[test]
fn step_with_its_message() {
    check("step", &["key-not-in-directory"], &["enter", "tab", "enter"]);
}

#[test]
fn keys() {
    check("keys", &["key-not-in-directory"], &["?"]);
}

#[test]
fn before_anything_was_read() {
    for (columns, rows) in SIZES {
        compare(&format!("reading-{columns}x{rows}"), &Screens::new(columns, rows).text());
    }
}

#[test]
fn on_the_smallest_screen() {
    for (name, keys) in [
        ("small-list", &[][..]),
        ("small-findings", &["enter"]),
        ("small-steps", &["enter", "tab"]),
        ("small-finding", &["enter", "enter"]),
        ("small-keys", &["?"]),
    ] {
        let mut screens = Screens::new(40, 10);
        screens.show(report_of(&["key-not-in-directory"]));
        screens.press(keys);
        compare(&format!("{name}-40x10"), &screens.text());
    }
}
