//! A panic while the screens are up: the terminal is given back, and the reason is readable.

use std::process::{Command, Stdio};

const NAME: &str = "panics::panic_in_a_terminal";

/// Not a test of its own: run in a terminal by the test below.
#[test]
#[ignore = "it panics on purpose; the other test runs it"]
fn panic_in_a_terminal() {
    let _ = tui::within(|screen| {
        // One that is caught elsewhere must not be seen.
        let _ = std::thread::spawn(|| panic!("in another thread")).join();
        let _ = screen.draw(|frame| frame.render_widget("screens", frame.area()));
        panic!("on purpose");
    });
}

#[test]
fn the_terminal_is_given_back_after_a_panic() {
    let Ok(program) = std::env::current_exe() else { panic!("this test has a path") };
    // script(1) gives its command a terminal, and writes down all that is sent to it.
    let command = format!("stty cols 80 rows 24; {} --ignored --exact {NAME} --nocapture; stty -a", program.display());
    let child = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("RUST_BACKTRACE", "0")
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: there is no script(1) here");
        return;
    };
    // Open until the end: script(1) ends when its own input does.
    let input = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    drop(input);
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("\u{1b}[?1049h") {
        println!("skipped: script(1) of another make: {text} {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let (screens, after) = text.split_once("\u{1b}[?1049l").expect("the other screen is left");
    assert!(screens.contains("screens"), "{screens:?}");
    assert!(!text.contains("in another thread"), "{text:?}");
    assert!(after.contains("\u{1b}[?25h"), "the cursor is shown: {after:?}");
    assert!(!after.contains("\u{1b}[?1049l"), "once: it moves the cursor: {after:?}");
    assert!(after.contains("on purpose"), "the reason is on the first screen: {after:?}");
    assert!(after.contains(" icanon") && after.contains(" echo "), "out of raw mode: {after:?}");
}
