//! The interactive screens in a real terminal: `tmux` holds one, presses keys and says what is on it.
//!
//! Where there is no `tmux` these tests say so and pass.

#[path = "tui/demo.rs"]
mod demo;
#[path = "tui/large.rs"]
mod large;
#[path = "tui/terminal.rs"]
mod terminal;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use terminal::{BEFORE, Terminal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hellotrace");
/// How the colour of text is set.
const COLOUR: &str = "\u{1b}[38;5;";

#[test]
fn a_failure_is_found_and_its_finding_read_at_80_by_24() {
    find_a_failure("small", 80, 24);
}

#[test]
fn a_failure_is_found_and_its_finding_read_at_160_by_50() {
    find_a_failure("large", 160, 50);
}

fn find_a_failure(name: &str, columns: u16, rows: u16) {
    let Some(terminal) = Terminal::start(name, columns, rows) else { return };
    terminal.line(&format!("{PROGRAM} tui {}; echo ended with $?", sample("key-not-in-directory").display()));

    // The screens open on what is wrong, the worst selected.
    let overview = terminal.wait_for("KEY-02");
    assert!(overview.contains("1 overview") && overview.contains("what is wrong"), "{overview}");
    assert!(!overview.contains(BEFORE), "the screens have the terminal to themselves:\n{overview}");
    terminal.keys(&["Enter"]);
    let finding = terminal.wait_for("Because");
    assert!(finding.contains("packet 14") && finding.contains("kerberos.error_code = 62"), "{finding}");
    terminal.keys(&["End"]);
    terminal.wait_for("hellotrace explain KEY-02");
    terminal.keys(&["Escape"]);
    terminal.wait_for("what is wrong");
    terminal.keys(&["2"]);

    terminal.wait_for_all(&["To do first", "FAILED", "bob@CORP.EXAMPLE", "KEY-02"]);
    terminal.keys(&["Enter"]);
    let logon = terminal.wait_for("findings (2)");
    assert!(logon.contains("client") && logon.contains("DNS") && logon.contains("dc1"), "{logon}");
    assert!(logon.contains("KDC_ERR_CLIENT_NOT_TRUSTED"), "{logon}");
    terminal.keys(&["Tab", "Enter"]);
    let message = terminal.wait_for("bytes, ");
    assert!(message.contains("as-req in packet 11") && message.contains("CORP.EXAMPLE"), "{message}");
    terminal.keys(&["Escape"]);
    terminal.wait_for("findings (2)");
    terminal.keys(&["?"]);
    terminal.wait_for("quit");
    terminal.keys(&["Escape"]);
    terminal.wait_for("findings (2)");
    terminal.keys(&["Escape"]);
    terminal.wait_for("To do first");

    terminal.keys(&["q"]);
    let after = terminal.wait_for("ended with 0");
    assert!(after.contains(BEFORE), "what was on the screen is there again:\n{after}");
    assert!(!after.contains("findings"), "{after}");
    terminal.is_as_it_was();
}

#[test]
fn a_filter_and_failures_only_leave_what_was_asked_for() {
    let Some(terminal) = Terminal::start("filter", 80, 24) else { return };
    let (bad, good) = (sample("account-disabled"), sample("key-trust-udp-to-tcp"));
    terminal.line(&format!("{PROGRAM} tui {} {}", bad.display(), good.display()));
    terminal.wait_for("what is wrong");
    terminal.keys(&["2"]);
    terminal.wait_for_all(&["To do first", "frank@", "alice@"]);
    terminal.keys(&["f"]);
    let failures = terminal.wait_for("failures only: 1 of 2");
    assert!(failures.contains("frank@") && !failures.contains("alice@"), "{failures}");
    terminal.keys(&["f", "/", "u", "s", "e", "r", ":", "a", "l", "i", "c"]);
    let filtered = terminal.wait_for("user:alic: 1 of 2");
    assert!(!filtered.contains("frank@") && filtered.contains("alice@"), "{filtered}");
    terminal.keys(&["Space", "s", "i", "n", "c", "e", ":", "t"]);
    let fault = terminal.wait_for("not yet: t is no time");
    assert!(!fault.contains("frank@") && fault.contains("alice@"), "the last good filter stays:\n{fault}");
    terminal.keys(&["C-c"]);
    terminal.wait_for(BEFORE);
    terminal.is_as_it_was();
}

#[test]
fn what_is_shown_is_written_to_files_and_notes_are_there_again() {
    let Some(terminal) = Terminal::start("files", 100, 30) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(sample("key-not-in-directory"), folder.path().join("capture.pcap")).expect("copied");
    let command = format!("{PROGRAM} tui --session capture.pcap");
    terminal.line(&format!("cd {}; {command}", folder.path().display()));
    terminal.wait_for("KEY-02");
    terminal.keys(&["Enter", "e"]);
    terminal.wait_for("wrote KEY-02.md");
    terminal.keys(&["Escape"]);
    terminal.wait_for("what is wrong");
    terminal.keys(&["2", "e"]);
    terminal.wait_for("wrote logons.csv: 2 lines");
    terminal.keys(&["e"]);
    terminal.wait_for("wrote logons-2.csv");
    terminal.keys(&["m", "a", "n", "o", "w", "Enter"]);
    terminal.wait_for("note: now");
    terminal.keys(&["Enter", "e"]);
    terminal.wait_for("wrote logon-1.pcapng: 5 packets");
    terminal.keys(&["q"]);
    terminal.wait_for(BEFORE);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert!(read("KEY-02.md").contains("## What to do") && read("logons.csv").contains("bob@CORP.EXAMPLE"));
    let report = Command::new(PROGRAM)
        .args(["read", "--format", "json", &folder.path().join("logon-1.pcapng").display().to_string()])
        .output()
        .expect("the program starts");
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(report.contains("KEY-02"), "the packets alone show the same: {report}");
    let report = Command::new(PROGRAM)
        .args(["read", "--session", "capture.pcap"])
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(report.contains("\n           marked  now\n"), "the report repeats it: {report}");
    terminal.line(&command);
    terminal.wait_for("what is wrong");
    terminal.keys(&["2"]);
    terminal.wait_for("note: now");
    terminal.keys(&["q"]);
}

#[test]
fn settings_change_keys_and_what_is_wrong_in_them_is_said() {
    let Some(terminal) = Terminal::start("settings", 100, 30) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("tui.toml");
    let command =
        format!("{PROGRAM} tui --settings {} {}", settings.display(), sample("key-not-in-directory").display());
    std::fs::write(&settings, "start = \"logons\"\ntheme = \"light\"\n[keys]\nfailures = [\"Z\"]\n").expect("written");
    terminal.line(&command);
    terminal.wait_for("Z failures");
    terminal.keys(&["Z"]);
    terminal.wait_for("failures only: 1 of 1");
    terminal.keys(&["q"]);
    terminal.wait_for(BEFORE);
    std::fs::write(&settings, "theme = \"pink\"\n").expect("written");
    terminal.line(&format!("{command}; echo ended with $?"));
    let text = terminal.wait_for("ended with 2");
    assert!(text.contains("theme: pink is not one of dark, light, high-contrast"), "{text}");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let Some(terminal) = Terminal::start(&format!("signal-{signal}"), 80, 24) else { return };
        let sample = sample("key-not-in-directory");
        // The shell has the terminal's attention again only when the program has ended.
        terminal.line(&format!("{PROGRAM} tui {}; echo ended with $?", sample.display()));
        terminal.wait_for("what is wrong");
        let program = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let kill = format!("kill -{signal} $(pgrep -P {})", program.trim());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("sh starts");
        assert!(status.success(), "{kill}");
        terminal.wait_for("ended with 0");
        terminal.is_as_it_was();
    }
}

#[test]
fn a_capture_that_grows_is_followed_and_sizes_change_meanwhile() {
    use std::io::Write as _;
    let Some(terminal) = Terminal::start("grows", 100, 30) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("capture.pcap");
    let bytes = std::fs::read(sample("key-not-in-directory")).expect("the sample exists");
    // The file's header and nothing else, at first.
    let mut file = std::fs::File::create(&capture).expect("created");
    file.write_all(&bytes[..24]).expect("written");
    terminal.line(&format!("{PROGRAM} tui --follow {}", capture.display()));
    terminal.wait_for("Reading ...");
    for (part, size) in bytes[24..].chunks(700).zip([(40, 10), (200, 50), (80, 24), (20, 5), (120, 40)].iter().cycle())
    {
        file.write_all(part).expect("written");
        file.flush().expect("written");
        terminal.resize(*size);
        sleep(Duration::from_millis(20));
    }
    terminal.resize((100, 30));
    terminal.wait_for("KEY-02");
    terminal.keys(&["q"]);
    terminal.wait_for(BEFORE);
    terminal.is_as_it_was();
}

#[test]
fn screens_are_whole_again_after_a_storm_of_sizes() {
    let Some(terminal) = Terminal::start("storm", 100, 30) else { return };
    terminal.line(&format!("{PROGRAM} tui {}", sample("key-not-in-directory").display()));
    // What is waited for is on the screen that the keys before lead to.
    for (keys, text) in [
        (&[][..], "KEY-02"),
        (&["Enter"], "Because"),
        (&["Escape"], "what is wrong"),
        (&["2"], "To do first"),
        (&["Enter"], "findings (2)"),
        (&["Tab", "Enter"], "bytes, "),
        (&["?"], "a screenful up"),
    ] {
        terminal.keys(keys);
        let before = terminal.wait_for(text);
        for size in [(10, 4), (200, 60), (1, 1), (80, 24), (20, 3), (300, 10), (10, 4), (99, 31), (5, 40)].repeat(4) {
            terminal.resize(size);
        }
        terminal.resize((100, 30));
        terminal.wait_until(&format!("the screen as it was:\n{before}"), |screen| {
            without_memory(screen) == without_memory(&before)
        });
    }
    terminal.keys(&["C-c"]);
    terminal.wait_for(BEFORE);
    terminal.is_as_it_was();
}

#[test]
fn without_colours_there_are_none() {
    let Some(terminal) = Terminal::start("plain", 80, 24) else { return };
    let sample = sample("key-not-in-directory");
    terminal.line(&format!("NO_COLOR=1 {PROGRAM} tui {}", sample.display()));
    terminal.wait_for("what is wrong");
    let plain = terminal.capture(&["-e"]);
    assert!(plain.contains("\u{1b}[") && !plain.contains(COLOUR), "{plain:?}");
    terminal.keys(&["q"]);
    terminal.wait_for(BEFORE);
    terminal.line(&format!("{PROGRAM} tui {}", sample.display()));
    terminal.wait_for("what is wrong");
    let coloured = terminal.capture(&["-e"]);
    assert!(coloured.contains(COLOUR), "{coloured:?}");
    terminal.keys(&["q"]);
}

#[test]
fn what_cannot_be_read_is_said_before_and_after_the_screens() {
    let Some(terminal) = Terminal::start("damage", 80, 24) else { return };
    terminal.line(&format!("{PROGRAM} tui /nowhere/at/all.pcap; echo ended with $?"));
    let text = terminal.wait_for("ended with 2");
    assert!(text.contains("/nowhere/at/all.pcap") && text.contains(BEFORE), "{text}");
    terminal.is_as_it_was();
}

#[test]
fn screens_need_a_terminal() {
    let output = Command::new(PROGRAM)
        .args(["tui", &sample("key-not-in-directory").display().to_string()])
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("not a terminal") && error.contains("hellotrace read"), "{error}");
    assert!(output.stdout.is_empty());
}

/// A screen without the memory in use, which is another each time.
fn without_memory(screen: &str) -> String {
    let line = |line: &str| match line.split_once(" MB of memory") {
        Some((before, _)) => before.trim_end_matches(|it: char| it.is_ascii_digit()).trim_end_matches(", ").to_owned(),
        None => line.to_owned(),
    };
    screen.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name).join("capture.pcap")
}
