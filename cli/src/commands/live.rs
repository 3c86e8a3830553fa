//! `hellotrace live`: packets of a device in, sign-ins out as they settle, a report at the end.
//!
//! This program opens no device: `hellotrace-capture` beside it does, and gives its rights up before it reads a packet.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process,
    sync::mpsc::{Receiver, channel},
    thread,
};

use anyhow::{Context as _, bail};
use capture::CaptureTime;
use diagnose::{FindingReport, LogonReports, Report, Session};
use trace::{Governor, Limits};
use tui::Marks;

use super::{known, read::warn, settings_for};
use crate::{
    args::{Device, Format, Live},
    exit::{Status, complain},
    interrupt,
    meter::Processes,
    output::{Output, json, text},
    signals::{self, Signal},
};

/// A sign-in is told when it has been quiet for so long, in seconds: then a client that goes on has gone on.
const QUIET_SECONDS: i64 = 10;

/// Records until told to end.
pub(crate) fn run(arguments: &Live) -> anyhow::Result<Status> {
    let Some(device) = arguments.device.as_ref() else {
        return pass_on(&["--print-filter"]);
    };
    let (mut source, notes) = start(device)?;
    let settings = settings_for(&[], &arguments.work)?;
    let governor = governor(device, &source, |sentence| complain(&sentence))?;
    let orders = source.orders();
    // The first ctrl-C ends the recording and not the program, whoever else listens.
    interrupt::stop();
    signals::listen(move |signal| match signal {
        Signal::End => orders.stop(),
        Signal::Rotate => orders.rotate(),
    })?;
    let mut output = Output::new(arguments.target.output.as_deref(), &[])?;
    thread::Builder::new().name("complain".to_owned()).spawn(move || {
        for note in notes {
            complain(&note);
        }
    })?;
    // Where the report is JSON and goes to standard output, nothing else does.
    let is_apart = arguments.format == Format::Json && arguments.target.output.is_none();
    let mut lines: Box<dyn Write> = if is_apart { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) };
    let mut teller = Teller::default();
    let mut session = Session::new(settings);
    if let Some(governor) = governor {
        session.govern(governor);
    }
    session.keep_logons(arguments.limits.max_logons as usize);
    known::note(&arguments.known, &mut session)?;
    let orders = source.orders();
    let mut dropped = 0;
    let ended = session.run_live(&mut source, arguments.work.batch as usize, |report, now| {
        if report.capture.losses > dropped {
            dropped = report.capture.losses;
            complain(&format!("{dropped} packets were dropped so far, by the kernel or the interface"));
        }
        if teller.tell(&report, now, &mut lines).is_err() {
            // Nobody reads it any more.
            orders.stop();
        }
    });
    warn(&session);
    let report = session.last_report();
    if report.capture.packets > 0 || ended.is_ok() {
        match arguments.format {
            Format::Text => {
                if teller.has_told() && arguments.target.output.is_none() {
                    writeln!(output)?;
                }
                text::write(&report, 0, &Marks::default(), &mut output)?;
            }
            Format::Json => json::write_report(&report, &mut output)?,
        }
        output.finish()?;
    }
    ended?;
    Ok(if report.has_faults() { Status::Found } else { Status::Clean })
}

/// Lists interfaces.
pub(crate) fn interfaces() -> anyhow::Result<Status> {
    pass_on(&["--list"])
}

/// Starts recording, and is root no longer. What the recorder has to say comes to the receiver.
pub(super) fn start(device: &Device) -> anyhow::Result<(capture::Live, Receiver<String>)> {
    let (sender, notes) = channel();
    let recorder = recorder()?;
    let source = capture::Live::start(&recorder, &device.interface, &options(device), sender)?;
    if let Err(why) = signals::be_root_no_longer(device.user.as_deref()) {
        bail!("{why}");
    }
    Ok((source, notes))
}

/// Keeps the limits that were asked for, if any, and tells of what that costs.
pub(super) fn governor(
    device: &Device,
    source: &capture::Live,
    tell: impl FnMut(String) + Send + 'static,
) -> anyhow::Result<Option<Governor>> {
    let limits = Limits { memory: device.max_memory.map(|megabytes| megabytes << 20), cpu: device.max_cpu };
    if limits == Limits::default() {
        return Ok(None);
    }
    let meter = Processes::new(Some(source.process())).context("--max-memory and --max-cpu cannot be kept here")?;
    Ok(Some(Governor::new(limits, Box::new(meter), Box::new(tell))))
}

/// The program beside this one that may open devices.
///
/// Nowhere else: what is run with rights must not depend on where somebody stands.
fn recorder() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program lies is not known")?;
    let recorder = own.with_file_name(format!("hellotrace-capture{}", std::env::consts::EXE_SUFFIX));
    if !recorder.is_file() {
        bail!(
            "{} is not installed, and live capture needs it: `cargo build --release -p capture --features live` builds it; \
             it needs libpcap",
            recorder.display()
        );
    }
    Ok(recorder)
}

/// Runs the recorder for something that it answers at once.
fn pass_on(arguments: &[&str]) -> anyhow::Result<Status> {
    let recorder = recorder()?;
    let answer = process::Command::new(&recorder).args(arguments).stderr(process::Stdio::piped()).output();
    let answer = answer.with_context(|| format!("cannot run {}", recorder.display()))?;
    if !answer.status.success() {
        let why = String::from_utf8_lossy(&answer.stderr);
        bail!("{}", why.trim().trim_start_matches("hellotrace-capture: "));
    }
    let mut output = Output::standard();
    output.write_all(&answer.stdout)?;
    output.finish()?;
    Ok(Status::Clean)
}

/// The recorder's command line. What was not asked for is left to it.
fn options(device: &Device) -> Vec<OsString> {
    let mut options = Vec::new();
    let mut add = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            // In one word, so that a value may begin with a dash.
            let mut option = OsString::from(format!("--{name}="));
            option.push(value);
            options.push(option);
        }
    };
    let number = |number: Option<u64>| number.map(|number| OsString::from(number.to_string()));
    add("count", number(device.count));
    add("duration", number(device.duration));
    add("filter", device.filter.as_ref().map(OsString::from));
    add("snaplen", number(device.snaplen.map(u64::from)));
    add("buffer-size", number(device.buffer_size.map(u64::from)));
    add("write", device.write.as_deref().map(Path::as_os_str).map(OsString::from));
    add("rotate-size", number(device.rotate_size));
    add("rotate-age", number(device.rotate_age));
    add("keep", number(device.keep));
    add("min-free", number(device.min_free));
    add("user", device.user.as_ref().map(OsString::from));
    if device.no_promiscuous {
        options.push("--no-promiscuous".into());
    }
    options
}

/// Says of each sign-in once what became of it, and again when that changes.
#[derive(Default)]
struct Teller {
    /// What was said, by the sign-in's number.
    told: HashMap<u64, (&'static str, Vec<&'static str>)>,
}

impl Teller {
    /// Writes a line for each sign-in that has come to rest since the last time.
    fn tell(
        &mut self,
        report: &Report<LogonReports<'_>>,
        now: CaptureTime,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        for logon in report.logons.rows() {
            let quiet = now.since(logon.began).saturating_sub(logon.lasted);
            if quiet < QUIET_SECONDS.saturating_mul(CaptureTime::SECOND) {
                continue;
            }
            let told = self.told.get(&logon.id);
            let findings: Vec<&'static str> = report.logons.codes_of(logon.id).collect();
            if told.is_some_and(|(outcome, known)| *outcome == logon.outcome && *known == findings) {
                continue;
            }
            if let Some(logon) = report.logons.get(logon) {
                text::line(&logon, &findings_of(logon.id, report), told.is_some(), out)?;
            }
            self.told.insert(logon.id, (logon.outcome, findings));
        }
        // Nothing more is said of those that are only counted.
        let rows = report.logons.rows();
        if self.told.len() > 2 * rows.len() {
            self.told.retain(|id, _| rows.binary_search_by_key(id, |row| row.id).is_ok());
        }
        out.flush()
    }

    fn has_told(&self) -> bool {
        !self.told.is_empty()
    }
}

/// Those of a sign-in, worst first as in the report.
fn findings_of<L>(id: u64, report: &Report<L>) -> Vec<&FindingReport> {
    report.findings.iter().filter(|finding| finding.logons.binary_search(&id).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_recorder_in_one_word_each() {
        let device = Device {
            interface: "eth0".to_owned(),
            count: Some(5),
            duration: None,
            filter: Some("-not an option".to_owned()),
            snaplen: None,
            buffer_size: Some(8),
            no_promiscuous: true,
            write: Some("a b.pcapng".into()),
            rotate_size: None,
            rotate_age: None,
            keep: None,
            min_free: None,
            max_memory: None,
            max_cpu: None,
            user: None,
        };
        let expected =
            ["--count=5", "--filter=-not an option", "--buffer-size=8", "--write=a b.pcapng", "--no-promiscuous"];
        assert_eq!(options(&device), expected);
    }
}
