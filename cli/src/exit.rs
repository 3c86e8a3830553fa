//! How the program ends: its exit status, and the one sentence that says what went wrong.

use std::{io, process::ExitCode};

use decode::WireText;

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// 0: done, and nothing of severity medium or worse found (`read`), no damage met (`events`).
    Clean,
    /// 1: done, and something was found, or damage was met.
    Found,
}

/// The exit status for what a command came to. 2: it could not be done, and the reason is on standard error.
///
/// A closed pipe is how readers like `head` say that they have enough: it ends the program quietly.
pub(crate) fn end(result: anyhow::Result<Status>) -> ExitCode {
    match result {
        Ok(Status::Clean) => ExitCode::SUCCESS,
        Ok(Status::Found) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&sentence(&error));
            ExitCode::from(2)
        }
    }
}

/// Writes one line to standard error, whatever names of files and arguments are quoted in it. That it cannot be
/// written is nothing that could be reported.
pub(crate) fn complain(message: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "hellotrace: {}", WireText::from(message));
}

/// The error and its causes, without those that the text before them quotes already.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        match (told.is_empty(), told.contains(&cause)) {
            (true, _) => cause,
            (false, true) => told,
            (false, false) => format!("{told}: {cause}"),
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::sentence;

    #[test]
    fn a_cause_that_is_quoted_already_is_not_repeated() {
        let error = Err::<(), _>(anyhow!("no such file")).context("cannot open a: no such file").unwrap_err();
        assert_eq!(sentence(&error), "cannot open a: no such file");
        let error = Err::<(), _>(anyhow!("no such file")).context("cannot open a").unwrap_err();
        assert_eq!(sentence(&error), "cannot open a: no such file");
    }
}
