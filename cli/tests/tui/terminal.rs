//! A terminal for tests: `tmux` holds it, presses keys and says what is on it.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// Written before the program starts: it has to be there again when it has ended.
pub(crate) const BEFORE: &str = "this was here before";
/// A shell that knows nothing of where the tests run.
const SHELL: &str = "env -u NO_COLOR -u ENV LC_ALL=C.UTF-8 PS1='$ ' sh";

/// A terminal with a shell in it, in a tmux server of its own.
pub(crate) struct Terminal {
    server: String,
}

impl Terminal {
    /// `None`, aloud, where there is no tmux.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn start(name: &str, columns: u16, rows: u16) -> Option<Self> {
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

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
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
    pub(crate) fn line(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    /// Presses keys. Behind esc none may follow before it has shown its effect: with another close behind it is alt.
    #[track_caller]
    pub(crate) fn keys(&self, keys: &[&str]) {
        assert!(keys.iter().rev().skip(1).all(|key| *key != "Escape"), "{keys:?}");
        for key in keys {
            self.tmux(&["send-keys", key]);
        }
    }

    /// Gives the terminal so many columns and rows.
    #[allow(dead_code, reason = "not all tests that need a terminal change its size")]
    pub(crate) fn resize(&self, (columns, rows): (u16, u16)) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    pub(crate) fn capture(&self, options: &[&str]) -> String {
        self.tmux(&[&["capture-pane", "-p"], options].concat())
    }

    /// The screen once `text` is on it and nothing changes any more; fails after two minutes.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_for_all(&[text])
    }

    /// The same for several texts: rows may come one after the other.
    pub(crate) fn wait_for_all(&self, texts: &[&str]) -> String {
        let mut before = String::new();
        self.wait_until(&format!("{texts:?}"), |screen| {
            let is_still = *screen == before;
            before.clone_from(screen);
            is_still && texts.iter().all(|text| screen.contains(text))
        })
    }

    /// The first screen of which this holds; fails after two minutes, saying `what` was waited for.
    pub(crate) fn wait_until(&self, what: &str, mut is_so: impl FnMut(&String) -> bool) -> String {
        let mut screen = String::new();
        for _ in 0..2400 {
            screen = self.capture(&[]);
            if is_so(&screen) {
                return screen;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("waited in vain for {what}:\n{screen}");
    }

    /// Checks what a program can leave behind: the other screen, no cursor, raw mode.
    pub(crate) fn is_as_it_was(&self) {
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
