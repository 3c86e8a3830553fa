//! The recorded walk through the screens, `script/demo.tape`: its keys lead to its screens.
//!
//! `UPDATE_SCREENS=1 cargo test -p cli --test tui demo` records the screens anew.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{BEFORE, PROGRAM, terminal::Terminal, without_memory};

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// One step of the walk.
struct Step {
    /// Its lines but for the screen.
    head: Vec<String>,
    screen: Vec<String>,
}

impl Step {
    /// What follows a word at the beginning of a line.
    fn says(&self, word: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
    }
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands before the first step, and the steps.
fn tape() -> (String, Vec<Step>) {
    let text = fs::read_to_string(project().join("script/demo.tape")).expect("the tape");
    let (preface, rest) = text.split_once("\n\n").expect("a preface");
    let steps = rest.split("\n\n").filter(|step| !step.trim().is_empty()).map(|step| {
        let (screen, head): (Vec<&str>, Vec<&str>) = step.lines().partition(|line| line.starts_with('|'));
        Step {
            head: head.into_iter().map(str::to_owned).collect(),
            screen: screen.into_iter().map(|line| line[1..].to_owned()).collect(),
        }
    });
    (preface.to_owned(), steps.collect())
}

fn lines(screen: &str) -> Vec<String> {
    let mut lines: Vec<String> = screen.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.resize(usize::from(ROWS), String::new());
    lines
}

#[test]
fn demo_leads_to_the_screens_that_were_recorded() {
    let Some(terminal) = Terminal::start("demo", COLUMNS, ROWS) else { return };
    let (preface, mut steps) = tape();
    let is_recording = env::var_os("UPDATE_SCREENS").is_some();
    // Nobody's own settings.
    let folder = tempfile::tempdir().expect("a folder");
    terminal.line(&format!("cd {}; export XDG_CONFIG_HOME={}", project().display(), folder.path().display()));
    for step in &mut steps {
        if let Some(command) = step.says("run") {
            terminal.line(&command.replacen("hellotrace", PROGRAM, 1));
        }
        if let Some(keys) = step.says("press") {
            terminal.keys(&keys.split(' ').collect::<Vec<_>>());
        }
        if is_recording {
            step.screen = lines(&terminal.wait_for(step.says("wait").expect("each step waits for something")));
        } else {
            let told = step.says("say").expect("each step is explained");
            let expected = format!(
                "the screen of \"{told}\" in script/demo.tape (UPDATE_SCREENS=1 records anew):\n{}\n--- but there is",
                step.screen.join("\n")
            );
            let recorded = without_memory(&step.screen.join("\n"));
            let is_there = |screen: &String| without_memory(&lines(screen).join("\n")) == recorded;
            terminal.wait_until(&expected, is_there);
        }
    }
    terminal.keys(&["C-c"]);
    terminal.wait_for(BEFORE);
    terminal.is_as_it_was();
    if is_recording {
        let steps = steps.iter().map(|step| {
            let screen = step.screen.join("\n|");
            format!("{}\n|{screen}\n", step.head.join("\n"))
        });
        let tape = format!("{preface}\n\n{}", steps.collect::<Vec<_>>().join("\n"));
        fs::write(project().join("script/demo.tape"), tape).expect("written");
    }
}

#[test]
#[cfg(unix)]
fn demo_is_played_as_text_where_there_is_no_terminal() {
    let output = Command::new(project().join("script/demo"))
        .arg("--play")
        .stdin(Stdio::null())
        .output()
        .expect("script/demo starts");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let mut rest = &*told;
    for step in tape().1 {
        assert_eq!(step.screen.len(), usize::from(ROWS), "{:?}", step.head);
        for expected in [step.says("say").expect("each step is explained"), &step.screen.join("\n")] {
            let at = rest.find(expected).unwrap_or_else(|| panic!("{expected:?} is not in: {rest}"));
            rest = &rest[at + expected.len()..];
        }
    }
    assert!(!told.contains('\u{1b}'), "a file needs no cursor: {told:?}");
}
