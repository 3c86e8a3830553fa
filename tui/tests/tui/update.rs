//! What keys and reports do to the screens.

use std::sync::Arc;

use tui::{Message, Snapshot, update};

use crate::common::{Screens, report_of, session};

const MANY: [&str; 6] = [
    "account-disabled",
    "clock-skew",
    "dns-no-answer",
    "kerberos-port-refused",
    "key-not-in-directory",
    "key-trust-success",
];

fn opened() -> Screens {
    let mut screens = Screens::new(80, 24);
    screens.show(report_of(&MANY));
    screens.press(&["2"]);
    screens
}

/// The highlighted line: it begins with `>`.
fn selected(screens: &mut Screens) -> String {
    let text = screens.text();
    text.lines().find(|line| line.starts_with("> ")).map(str::to_owned).unwrap_or_default()
}

fn rows(screens: &mut Screens) -> usize {
    let text = screens.text();
    text.lines().skip(3).take_while(|line| !line.trim().is_empty() && !line.starts_with('─')).count()
}

#[test]
fn esc_leads_back_to_the_list_from_everywhere() {
    let ways: [&[&str]; 9] = [
        &["enter"],
        &["enter", "tab"],
        &["enter", "enter"],
        &["enter", "enter", "?"],
        &["enter", "tab", "enter"],
        &["?"],
        &["/", "x"],
        &["f"],
        &["enter", "enter", "s"],
    ];
    let list = opened().text();
    for way in ways {
        let mut screens = opened();
        screens.press(way);
        assert_ne!(screens.text(), list, "{way:?} leads somewhere");
        screens.press(&["esc", "esc", "esc", "esc"]);
        assert_eq!(screens.text(), list, "from {way:?}");
    }
}

#[test]
fn every_key_of_the_help_does_something_somewhere() {
    // Moving, in a list longer than the screen.
    let samples: Vec<&str> = MANY.iter().cycle().take(18).copied().collect();
    let start = || {
        let mut screens = Screens::new(80, 20);
        screens.show(report_of(&samples));
        screens.press(&["2", "j", "j", "j"]);
        screens
    };
    let keys =
        "up|k|down|j|page up|page down| |home|g|end|G|enter|left|h|/|f|?|s|b|o|x|w|z|F|m|a|:|1|3|4|5|6|T|y|e|ctrl-x";
    for key in keys.split('|') {
        let mut screens = start();
        let before = screens.text();
        screens.press(&[key]);
        assert_ne!(screens.text(), before, "{key} on the list");
    }
    for key in ["tab", "n", "p", "s", "enter", "esc"] {
        let mut screens = start();
        screens.press(&["k", "k", "enter"]);
        let before = screens.text();
        screens.press(&[key]);
        assert_ne!(screens.text(), before, "{key} on a sign-in");
    }
    for key in ["backspace", "ctrl-u", "enter", "esc", "x"] {
        let mut screens = start();
        screens.press(&["/", "a", "b"]);
        let before = screens.text();
        screens.press(&[key]);
        assert_ne!(screens.text(), before, "{key} in a filter");
    }
    for way in [&["q"][..], &["ctrl-c"], &["/", "ctrl-c"], &["enter", "q"], &["?", "q"], &["enter", "enter", "q"]] {
        let mut screens = start();
        screens.press(way);
        assert!(screens.model.is_over(), "{way:?}");
    }
}

#[test]
fn a_filter_narrows_the_list_as_it_is_typed() {
    let mut screens = opened();
    let all = rows(&mut screens);
    screens.press(&["/", "f", "r", "a", "n", "k"]);
    let some = rows(&mut screens);
    assert!(some > 0 && some < all, "{some} of {all}");
    assert!(selected(&mut screens).contains("frank@"));
    screens.press(&["ctrl-u", "!", "f", "r", "a", "n", "k"]);
    assert_eq!(rows(&mut screens), all - some, "what is not wanted");
    screens.press(&["ctrl-u", "q", "?", "j"]);
    assert!(!screens.model.is_over(), "letters are text");
    assert_eq!(rows(&mut screens), 0);
    // Nothing to open, and nothing breaks.
    screens.press(&["enter", "enter", "n", "j", "k", "end", "s", "esc"]);
    assert_eq!(rows(&mut screens), all);
}

#[test]
fn failures_only_hides_what_went_well() {
    let mut screens = Screens::new(80, 24);
    screens.show(report_of(&["key-not-in-directory", "password-success"]));
    screens.press(&["2"]);
    assert!(screens.text().contains("succeeded "));
    screens.press(&["f"]);
    let text = screens.text();
    assert!(!text.lines().skip(3).any(|line| line.contains("succeeded ")), "{text}");
    screens.press(&["f"]);
    assert!(screens.text().lines().skip(3).any(|line| line.contains("succeeded ")));
}

#[test]
fn the_selection_stays_with_its_row_while_others_come() {
    let mut screens = Screens::new(80, 24);
    let first = report_of(&["account-disabled", "key-trust-success"]);
    update(&mut screens.model, Message::Report(Arc::new(Snapshot::new(first))));
    screens.press(&["2", "end"]);
    let before = selected(&mut screens);
    assert!(!before.is_empty());
    // Worse ones come; sign-ins keep their numbers only within one capture, so the same ones come again.
    let mut second = report_of(&["account-disabled", "key-trust-success"]);
    let worse = report_of(&["key-not-in-directory"]);
    second.logons.extend(worse.logons.into_iter().map(|mut logon| {
        logon.id += 1000;
        logon
    }));
    second.findings.extend(worse.findings.into_iter().map(|mut finding| {
        finding.logons.iter_mut().for_each(|id| *id += 1000);
        finding
    }));
    second.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    update(&mut screens.model, Message::Report(Arc::new(Snapshot::new(second))));
    assert_eq!(selected(&mut screens), before);
    screens.press(&["home"]);
    assert!(selected(&mut screens).contains("bob@"), "the worst is on top");
}

#[test]
fn nothing_is_left_open_that_a_report_no_longer_has() {
    for way in [&["enter"][..], &["enter", "enter"], &["enter", "tab", "enter"], &["end"]] {
        let mut screens = opened();
        screens.press(way);
        screens.show(report_of(&["password-success"]));
        let text = screens.text();
        assert!(text.contains("outcome"), "{way:?} leads back to the list:\n{text}");
        assert!(!selected(&mut screens).is_empty());
        screens.press(&["enter", "enter", "end", "home", "n", "p"]);
        screens.text();
    }
}

#[test]
fn reports_come_while_reading_goes_on_and_the_last_has_everything() {
    let mut counts = Vec::new();
    let session = session(&["key-trust-success", "clock-skew"], 8, |report| counts.push(report.logons.len()));
    assert!(counts.len() > 3, "{counts:?}");
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.last().copied(), Some(session.report().logons.len()));
}

#[test]
fn reading_that_breaks_off_is_said() {
    let mut screens = Screens::new(80, 24);
    update(&mut screens.model, Message::Progress(5 << 20, Some(10 << 20), 1 << 20));
    assert!(screens.text().contains("reading 50 %, 1 MB/s, 5 s left"));
    update(&mut screens.model, Message::Report(Arc::new(Snapshot::new(report_of(&["clock-skew"])))));
    update(&mut screens.model, Message::Ended(Some("the disk is gone".to_owned())));
    assert!(screens.text().contains("the disk is gone"));
    update(&mut screens.model, Message::Gone);
    assert!(screens.text().contains("the disk is gone"), "the first reason stays");
}

#[test]
fn no_size_breaks_a_screen() {
    let ways: [&[&str]; 7] = [
        &[],
        &["enter"],
        &["enter", "tab"],
        &["enter", "enter", "end"],
        &["enter", "tab", "enter", "end"],
        &["?", "end"],
        &["/", "a"],
    ];
    for way in ways {
        let mut screens = opened();
        screens.press(way);
        for columns in [0, 1, 2, 5, 13, 40, 59, 60, 76, 110, 300] {
            for rows in [0, 1, 2, 3, 5, 10, 14, 17, 60] {
                screens.resize(columns, rows);
                screens.text();
            }
        }
    }
}

#[test]
fn a_table_sorts_by_each_of_its_columns() {
    let mut screens = Screens::new(200, 30);
    screens.show(report_of(&MANY));
    for view in ["3", "4", "6"] {
        screens.press(&[view]);
        let before = screens.text();
        let titles = before.lines().nth(2).expect("a heading").split_whitespace().count();
        assert!(titles > 3, "{before}");
        for _ in 0..titles {
            screens.press(&["s"]);
            let down = screens.text();
            let heading = |text: &str| text.lines().nth(2).map(str::to_owned).expect("a heading");
            assert!(heading(&down).contains(" v") && down.contains("sorted by"), "{down}");
            screens.press(&["s"]);
            assert!(heading(&screens.text()).contains(" ^"), "the other way round");
            screens.press(&["right"]);
        }
    }
    screens.press(&["4", ":", "s", "o", "r", "t", " ", "o", "k", "enter"]);
    let rows = |text: &str| -> Vec<u64> {
        let ok = text.lines().nth(2).expect("a heading").find("ok v").expect("sorted by ok");
        let cell = |line: &str| line.get(ok..ok + 3).and_then(|cell| cell.trim().parse().ok());
        text.lines().skip(3).filter_map(cell).collect()
    };
    let counts = rows(&screens.text());
    assert!(counts.len() > 2 && counts.is_sorted() && counts.first() < counts.last(), "{counts:?}");
}

#[test]
fn enter_leads_from_a_domain_controller_or_a_key_to_its_sign_ins() {
    for (view, what) in [("3", "dc:="), ("4", "key:=")] {
        let mut screens = opened();
        screens.press(&[view, "enter"]);
        assert!(screens.text().contains("sign-ins "), "in full first");
        screens.press(&["enter"]);
        let text = screens.text();
        assert!(text.contains(what) && text.contains("[finding]"), "{text}");
    }
}

#[test]
fn a_certificate_of_a_message_leads_to_the_sign_ins_with_its_key() {
    let mut screens = Screens::new(80, 24);
    screens.show(report_of(&["key-not-in-directory", "key-trust-success"]));
    screens.press(&["2", "enter", "tab", "enter", "enter"]);
    assert!(screens.text().contains("no certificate"), "not on its lines");
    screens.press(&["j"; 24]);
    screens.press(&["enter"]);
    assert!(screens.text().contains("CN=bob@corp.example (itself)"));
    screens.press(&["enter"]);
    let text = screens.text();
    assert!(text.contains("key:=9zG") && text.contains("bob@") && !text.contains("alice@"), "{text}");
}

#[test]
fn the_overview_says_what_the_program_takes_of_memory() {
    let mut screens = Screens::new(80, 24);
    screens.show(report_of(&["key-trust-success"]));
    assert!(!screens.text().contains("of memory"), "where nothing tells it");
    update(&mut screens.model, Message::Memory((123 << 20) - 1));
    let text = screens.text();
    assert!(text.contains("packets, 0 dropped, ") && text.contains(", 123 MB of memory"), "{text}");
}

#[test]
fn a_device_is_shown_with_what_it_lost_and_what_became_of_it() {
    let mut screens = Screens::new(80, 24);
    update(&mut screens.model, Message::Note("eth0 is down: waiting for it".to_owned()));
    assert!(screens.text().contains("eth0 is down: waiting for it"));
    update(&mut screens.model, Message::Live(12, 0));
    let text = screens.text();
    assert!(text.contains("live, 12 packets") && !text.contains("is down"), "{text}");
    update(&mut screens.model, Message::Live(13, 7));
    assert!(screens.text().contains("live, 13 packets, 7 dropped"));
    update(&mut screens.model, Message::Note("a\u{1b}[2Jb".to_owned()));
    assert!(screens.text().contains("a\\u{1b}[2Jb"), "nothing that a terminal would obey");
    update(&mut screens.model, Message::Ended(None));
    assert!(!screens.text().contains("live"));
}
