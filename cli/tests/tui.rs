//! The interactive screens in a real terminal: `tmux` holds one, presses keys and says what is on it.
//!
//! Where there is no `tmux` these tests say so and pass.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hellotrace");
/// Written before the program starts: it has to be there again when it has ended.
const BEFORE: &str = "this was here before";
/// A shell that knows nothing of where the tests run.
const SHELL: &str = "env -u NO_COLOR -u ENV LC_ALL=C.UTF-8 PS1='$ ' sh";
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

    // The list opens on the worst sign-in, and says what is wrong with it.
    let list = terminal.wait_for("To do first");
    assert!(list.contains("FAILED") && list.contains("bob@CORP.EXAMPLE") && list.contains("KEY-02"), "{list}");
    assert!(!list.contains(BEFORE), "the screens have the terminal to themselves:\n{list}");

    terminal.keys(&["Enter"]);
    let logon = terminal.wait_for("findings (2)");
    assert!(logon.contains("client") && logon.contains("DNS") && logon.contains("dc1"), "{logon}");
    assert!(logon.contains("KDC_ERR_CLIENT_NOT_TRUSTED"), "{logon}");

    terminal.keys(&["Enter"]);
    let finding = terminal.wait_for("Because");
    assert!(finding.contains("packet 14") && finding.contains("kerberos.error_code = 62"), "{finding}");
    terminal.keys(&["End"]);
    terminal.wait_for("hellotrace explain KEY-02");

    terminal.keys(&["Escape"]);
    terminal.wait_for("findings (2)");
    terminal.keys(&["Tab", "Enter"]);
    let step = terminal.wait_for("Message");
    assert!(step.contains("as-req in packet 11"), "{step}");
    terminal.keys(&["Escape"]);
    terminal.wait_for("findings (2)");
    terminal.keys(&["?"]);
    terminal.wait_for("quit from anywhere");
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
    let list = terminal.wait_for("To do first");
    assert!(list.contains("frank@") && list.contains("alice@"), "{list}");
    terminal.keys(&["f"]);
    let failures = terminal.wait_for("failures only: 1 of 2");
    assert!(failures.contains("frank@") && !failures.contains("alice@"), "{failures}");
    terminal.keys(&["f", "/", "a", "l", "i", "c"]);
    let filtered = terminal.wait_for("alic: 1 of 2");
    assert!(!filtered.contains("frank@") && filtered.contains("alice@"), "{filtered}");
    terminal.keys(&["C-c"]);
    terminal.wait_for(BEFORE);
    terminal.is_as_it_was();
}

#[test]
fn without_colours_there_are_none() {
    let Some(terminal) = Terminal::start("plain", 80, 24) else { return };
    let sample = sample("key-not-in-directory");
    terminal.line(&format!("NO_COLOR=1 {PROGRAM} tui {}", sample.display()));
    terminal.wait_for("To do first");
    let plain = terminal.capture(&["-e"]);
    assert!(plain.contains("\u{1b}[") && !plain.contains(COLOUR), "{plain:?}");
    terminal.keys(&["q"]);
    terminal.wait_for(BEFORE);
    terminal.line(&format!("{PROGRAM} tui {}", sample.display()));
    terminal.wait_for("To do first");
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

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name).join("capture.pcap")
}

/// A terminal with a shell in it, in a tmux server of its own.
struct Terminal {
    server: String,
}

impl Terminal {
    /// `None`, aloud, where there is no tmux.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn start(name: &str, columns: u16, rows: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            println!("skipped: there is no tmux here");
            return None;
        }
        let terminal = Self { server: format!("hellotrace-{name}-{}", std::process::id()) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, SHELL]);
        terminal.wait_for("$");
        terminal.line(&format!("echo {BEFORE}"));
        terminal.wait_for(&format!("\n{BEFORE}"));
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-L", &self.server])
            .args(arguments)
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .output()
            .expect("tmux starts");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a command.
    fn line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    fn keys(&self, keys: &[&str]) {
        for key in keys {
            self.tmux(&["send-keys", key]);
        }
    }

    fn capture(&self, options: &[&str]) -> String {
        self.tmux(&[&["capture-pane", "-p"], options].concat())
    }

    /// The screen once `text` is on it and nothing changes any more; fails after half a minute.
    fn wait_for(&self, text: &str) -> String {
        let mut screen = String::new();
        for _ in 0..600 {
            let before = std::mem::replace(&mut screen, self.capture(&[]));
            if screen.contains(text) && screen == before {
                return screen;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("{text:?} does not appear:\n{screen}");
    }

    /// Checks what a program can leave behind: the other screen, no cursor, raw mode.
    fn is_as_it_was(&self) {
        self.line("stty -a | tr -s ' ;' '\\n' | grep -E '^-?(icanon|echo|isig)$' | sort | tr '\\n' ' '; echo done");
        let text = self.wait_for(" isig done");
        assert!(text.contains("echo icanon isig done"), "the terminal is not as it was:\n{text}");
        assert_eq!(self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).trim(), "0 1");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
    }
}
