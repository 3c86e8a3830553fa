//! Whole screens, as they look without colour, against the files in `tests/screens/`.
//!
//! `UPDATE_SCREENS=1 cargo test -p tui` writes those files anew; look at the difference before it is
//! committed. A failing test prints both screens.

use std::{fs, path::PathBuf};

use ratatui::style::{Color, Modifier};
use tui::{Palette, Theme};

use crate::common::{Screens, report_of};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

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

/// Opens the samples, presses the keys and compares, at each size.
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
fn overview() {
    check("overview", &MANY, &["j"]);
}

#[test]
fn overview_of_success() {
    check("overview-of-success", &["key-trust-success"], &[]);
}

#[test]
fn list_of_one() {
    check("list-of-one", &["key-not-in-directory"], &["2"]);
}

#[test]
fn list_of_many() {
    check("list-of-many", &MANY, &["2", "j", "j"]);
}

#[test]
fn failures_only() {
    check("failures-only", &MANY, &["2", "f"]);
}

#[test]
fn filter_while_it_is_typed() {
    check(
        "filter-while-it-is-typed",
        &MANY,
        &["2", "/", "u", "s", "e", "r", ":", "a", "l", "i", "c", "e", " ", "!", "k", "e", "y", "-", "0"],
    );
}

#[test]
fn filter_that_is_none() {
    check(
        "filter-that-is-none",
        &MANY,
        &["2", "/", "d", "c", "1", " ", "c", "o", "l", "o", "u", "r", ":", "r", "e", "d"],
    );
}

#[test]
fn nothing_matches() {
    check("nothing-matches", &MANY, &["2", "/", "z", "z", "z", "enter"]);
}

#[test]
fn sorted_by_user() {
    check("sorted-by-user", &MANY, &["2", "left", "left", "s"]);
}

#[test]
fn grouped_by_user() {
    check("grouped-by-user", &MANY, &["2", "left", "left", "b"]);
}

#[test]
fn marked_and_noted() {
    check("marked-and-noted", &MANY, &["2", "m", "a", "c", "a", "l", "l", "e", "d", "enter"]);
}

#[test]
fn logon_that_failed() {
    check("logon-that-failed", &["key-not-in-directory"], &["2", "enter"]);
}

#[test]
fn logon_that_succeeded() {
    check("logon-that-succeeded", &["key-trust-success"], &["2", "enter"]);
}

#[test]
fn logon_that_reached_nobody() {
    check("logon-that-reached-nobody", &["kerberos-port-refused"], &["2", "enter", "tab", "j"]);
}

#[test]
fn logon_that_went_elsewhere() {
    check("logon-that-went-elsewhere", &["fail-over-to-second-dc"], &["2", "enter", "tab"]);
}

#[test]
fn logon_with_silence() {
    check("logon-with-silence", &["dc-takes-requests-and-stays-silent"], &["2", "enter", "tab"]);
}

#[test]
fn logon_with_a_service_and_the_cloud() {
    for (columns, rows) in SIZES {
        let mut report = report_of(&["key-trust-success", "sign-in-endpoint-refused"]);
        // Recorded half an hour later: as if the client had gone there right after the sign-in.
        let (ended, client) = (report.logons[0].began.plus_seconds(1), report.logons[0].client.clone());
        let contacts = report.hosts.iter_mut().flat_map(|host| &mut host.contacts);
        let moved =
            contacts.filter(|contact| contact.client.to_string() == client).map(|it| it.seen.at = ended).count();
        assert!(moved > 0, "the client went to the cloud");
        // And its files on a server of their own.
        let server: std::net::IpAddr = "10.99.0.30".parse().expect("an address");
        for step in report.logons[0].steps.iter_mut().filter(|step| step.kind.starts_with("smb-")) {
            let there = |it: std::net::IpAddr| if it.to_string() == client { it } else { server };
            step.between = step.between.map(|(from, to)| (there(from), there(to)));
        }
        let mut screens = Screens::new(columns, rows);
        screens.show(report);
        screens.press(&["2", "enter", "tab", "end"]);
        compare(&format!("logon-with-the-cloud-{columns}x{rows}"), &screens.text());
        screens.press(&["enter"]);
        assert!(screens.text().contains("login.microsoftonline.com"), "the step opens");
    }
}

#[test]
fn finding() {
    check("finding", &["key-not-in-directory"], &["enter"]);
}

#[test]
fn finding_to_its_end() {
    check("finding-to-its-end", &["key-not-in-directory"], &["enter", "end"]);
}

#[test]
fn finding_about_no_logon() {
    check("finding-about-no-logon", &["dns-no-answer"], &["enter"]);
}

#[test]
fn message_with_its_fields() {
    check("message-with-its-fields", &["key-not-in-directory"], &["2", "enter", "tab", "enter", "j", "j"]);
}

#[test]
fn domain_controllers() {
    check("domain-controllers", &MANY, &["3"]);
}

#[test]
fn domain_controller_in_full() {
    check("domain-controller-in-full", &["dc-certificate-expired"], &["3", "enter"]);
    check("domain-controller-to-its-end", &["dc-certificate-expired"], &["3", "enter", "end"]);
}

#[test]
fn domain_controllers_by_another_column() {
    check("domain-controllers-sorted", &["fail-over-to-second-dc"], &["3", "right", "s", "s"]);
}

#[test]
fn certificate_of_a_message() {
    let mut keys = vec!["2", "enter", "tab", "enter"];
    keys.extend(["j"; 24]);
    keys.push("enter");
    check("certificate", &["key-not-in-directory"], &keys);
}

/// An account with the key that the sample shows, one with a key that nobody uses, and one without any.
const DIRECTORY: &str = "\
DistinguishedName,SamAccountName,Enabled,Identifier,Usage,CreationTime,ObjectClass
\"CN=eve,DC=corp,DC=example\",eve,True,9zGgLR8URdMXsymf9hRNP8I6UXecMF5bU0XQ3BraGhA=,NGC,2026-10-01T10:00:00Z,user
\"CN=carol,DC=corp,DC=example\",carol,False,AQID,NGC,2026-10-02T10:00:00Z,user
";

#[test]
fn keys_of_the_directory() {
    for (columns, rows) in SIZES {
        let mut screens = Screens::new(columns, rows);
        screens.show_with_directory(&["key-not-in-directory", "key-trust-success"], DIRECTORY);
        screens.press(&["4"]);
        compare(&format!("keys-of-the-directory-{columns}x{rows}"), &screens.text());
        screens.press(&["enter"]);
        compare(&format!("key-in-full-{columns}x{rows}"), &screens.text());
    }
}

#[test]
fn keys_and_users() {
    check("keys-and-users", &MANY, &["4"]);
}

#[test]
fn cloud() {
    check("cloud", &["sign-in-endpoint-refused", "sign-in-endpoint-works", "proxy-refuses-sign-in"], &["5"]);
}

#[test]
fn host_in_full() {
    check("host-in-full", &["sign-in-endpoint-works"], &["5", "enter"]);
}

#[test]
fn log() {
    check("log", &["packets-cut-short", "one-direction-only", "key-trust-success"], &["6"]);
}

#[test]
fn commands() {
    check("commands", &["key-not-in-directory"], &[":", "s"]);
}

#[test]
fn help() {
    check("help", &["key-not-in-directory"], &["?"]);
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
        ("small-overview", &[][..]),
        ("small-list", &["2"]),
        ("small-findings", &["2", "enter"]),
        ("small-steps", &["2", "enter", "tab"]),
        ("small-finding", &["enter"]),
        ("small-message", &["2", "enter", "tab", "enter"]),
        ("small-dcs", &["3"]),
        ("small-keys", &["?"]),
    ] {
        let mut screens = Screens::new(40, 10);
        screens.show(report_of(&["key-not-in-directory"]));
        screens.press(keys);
        compare(&format!("{name}-40x10"), &screens.text());
    }
}

#[test]
fn severity_and_outcome_have_their_styles() {
    let mut screens = Screens::new(120, 40);
    screens.show(report_of(&MANY));
    screens.press(&["2"]);
    // Without colour nothing but weight, underline and reversal is used.
    let plain = screens.styles();
    assert!(plain.iter().all(|(_, style)| style.fg.is_none_or(|colour| colour == Color::Reset)), "no colour");
    assert!(plain.iter().any(|(_, style)| style.add_modifier.contains(Modifier::REVERSED)), "the selected row");
    screens.press(&[":", "t", "h", "e", "m", "e", " ", "d", "a", "r", "k", "enter"]);
    let of = |screens: &mut Screens, text: &str| {
        let styles = screens.styles();
        let line: String = styles.iter().map(|(symbol, _)| symbol.as_str()).collect();
        let at = line.find(text).expect(text);
        let cell = line[..at].chars().count();
        styles[cell].1
    };
    assert_eq!(of(&mut screens, "succeeded").fg, Some(Color::Green));
    assert_eq!(of(&mut screens, "UNDECIDED").fg, Some(Color::Yellow));
    let failed = of(&mut screens, "FAILED    frank");
    assert!(failed.fg == Some(Color::Red) && failed.add_modifier.contains(Modifier::BOLD));
    screens.press(&[":", "t", "h", "e", "m", "e", " ", "l", "i", "g", "h", "t", "enter"]);
    assert_eq!(of(&mut screens, "UNDECIDED").fg, Some(Color::Magenta), "yellow cannot be read on white");
}

#[test]
fn ascii_is_all_there_is_where_nothing_else_can_be_drawn() {
    for keys in [&[][..], &["2"], &["2", "enter", "tab"], &["enter"], &["3"], &["2", "enter", "tab", "enter"]] {
        let mut screens = Screens::with(80, 24, Theme::new(Palette::Plain, false));
        screens.show(report_of(&MANY));
        screens.press(keys);
        let text = screens.text();
        assert!(text.is_ascii(), "{keys:?}\n{text}");
    }
}
