//! Packets from a device, through the program that may open it.
//!
//! `hellotrace-capture` runs as a process of its own and writes pcapng to a pipe; what is read from there is read as
//! any capture is. So whoever decodes has no rights, and a recording of the same packets is read the same way. The
//! recorder says now and then up to when it has told all, so time passes although nothing comes.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::{Batch, CaptureError, Files, Losses, Position, Progress, Source};

/// A device as [`Source`].
#[derive(Debug)]
pub struct Live {
    files: Files,
    process: Child,
    orders: Orders,
    said: Receiver<String>,
    /// What the recorder said last, until it is certain that it was not its last words.
    held: VecDeque<String>,
    /// What was passed on last, as packets followed it.
    told: Option<String>,
    notes: Sender<String>,
    is_over: bool,
}

/// What a recorder can be told while it runs. Clones speak to the same one.
#[derive(Clone, Debug)]
pub struct Orders(Arc<Mutex<Option<ChildStdin>>>);

impl Orders {
    /// To end in order: what it has seen comes, and then the end of the source.
    pub fn stop(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// To begin the next file, where it records to files.
    pub fn rotate(&self) {
        if let Some(input) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // A recorder that is gone begins no file; its end is told elsewhere.
            let _ = input.write_all(b"r").and_then(|()| input.flush());
        }
    }
}

impl Live {
    /// Starts `program`, which is `hellotrace-capture`, on `interface`, with more `options` of its command line. What
    /// it says meanwhile (a sentence each: that the interface is down, that it is there again) comes to `notes`.
    ///
    /// # Errors
    /// When it cannot be started. Why it then does not record is told by [`Source::fill`].
    pub fn start(
        program: &Path,
        interface: &str,
        options: &[OsString],
        notes: Sender<String>,
    ) -> Result<Self, CaptureError> {
        let cannot = |why| CaptureError::Open { name: program.display().to_string(), why };
        let mut command = Command::new(program);
        command.arg("--orders").arg("--wait").args(options).arg("--interface").arg(interface);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(cannot)?;
        let (sender, said) = channel();
        if let Some(stderr) = process.stderr.take() {
            let listen = move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let line = line.strip_prefix(SPEAKER).unwrap_or(&line).to_owned();
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            };
            thread::Builder::new().name("notes".to_owned()).spawn(listen).map_err(cannot)?;
        }
        let orders = Orders(Arc::new(Mutex::new(process.stdin.take())));
        let files = match process.stdout.take() {
            Some(stdout) => Files::from_reader(interface, stdout),
            None => Files::from_reader(interface, std::io::empty()),
        };
        Ok(Self { files, process, orders, said, held: VecDeque::new(), told: None, notes, is_over: false })
    }

    /// How to tell the recorder something from another thread.
    pub fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// The recorder's process number.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Passes on what the recorder said, all but the last sentence.
    fn tell(&mut self) {
        self.held.extend(self.said.try_iter());
        while self.held.len() > 1 {
            if let Some(note) = self.held.pop_front() {
                // Whoever does not listen wants no notes.
                let _ = self.notes.send(note);
            }
        }
    }

    /// The recorder closed its end: either it was to, or its last words say why.
    fn end(&mut self) -> Result<Progress, CaptureError> {
        self.is_over = true;
        let status = self.process.wait();
        // Ends with the process, as nobody else holds that pipe.
        while let Ok(line) = self.said.recv_timeout(LAST_WORDS) {
            self.held.push_back(line);
        }
        if status.as_ref().is_ok_and(std::process::ExitStatus::success) {
            for note in self.held.drain(..) {
                let _ = self.notes.send(note);
            }
            return Ok(Progress::End);
        }
        // What it said last may have been taken for a note: its pipe still held packets from before.
        let told = self.told.take().filter(|_| status.as_ref().is_ok_and(|status| status.code().is_some()));
        let why = self.held.pop_back().or(told);
        for note in self.held.drain(..) {
            let _ = self.notes.send(note);
        }
        let why = why.unwrap_or_else(|| match status {
            Ok(status) => format!("hellotrace-capture ended without a word: {status}"),
            Err(error) => format!("hellotrace-capture is lost: {error}"),
        });
        Err(CaptureError::Recorder { why })
    }
}

impl Source for Live {
    fn fill(&mut self, batch: &mut Batch) -> Result<Progress, CaptureError> {
        if self.is_over {
            batch.clear();
            return Ok(Progress::End);
        }
        // What was said before the batch that is waited for: if it goes on recording, those were not its last words.
        let before = self.held.len();
        let progress = self.files.fill(batch);
        if before > 0
            && progress.as_ref().is_ok_and(|progress| *progress != Progress::End)
            && let Some(note) = self.held.pop_front()
        {
            self.told = Some(note.clone());
            let _ = self.notes.send(note);
        }
        self.tell();
        match progress {
            Ok(Progress::End) | Err(CaptureError::Empty { .. }) => {
                // The last packets first; then there is time for why it ended.
                if !batch.is_empty() || !batch.damage().is_empty() || batch.tick().is_some() {
                    return Ok(Progress::More);
                }
                self.end()
            }
            other => other,
        }
    }

    fn inputs(&self) -> &[String] {
        self.files.inputs()
    }

    fn position(&self) -> Position {
        self.files.position()
    }

    fn losses(&self) -> Losses {
        self.files.losses()
    }
}

impl Drop for Live {
    /// A recorder whose packets nobody reads ends by itself: its orders and its pipe are closed.
    fn drop(&mut self) {
        self.orders.stop();
    }
}

/// What begins each sentence of the recorder.
const SPEAKER: &str = "hellotrace-capture: ";

/// How long the last words may take once the process has ended. Its pipe closes with it, so only a machine that has no
/// time for the thread that listens takes long.
const LAST_WORDS: Duration = Duration::from_secs(10);

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaptureTime, LinkType, Recorder};

    /// A script in the place of the recorder; `$FILE` is a capture.
    fn live(script: &str, folder: &Path) -> (Live, Receiver<String>) {
        use std::os::unix::fs::PermissionsExt;

        let capture = folder.join("capture");
        let mut recorder = Recorder::new(Vec::new(), "a test").unwrap();
        recorder.interface("eth0", LinkType::ETHERNET, 0, "").unwrap();
        recorder.packet(0, CaptureTime(7), 3, b"one").unwrap();
        recorder.packet(0, CaptureTime(8), 3, b"two").unwrap();
        recorder.statistics(0, CaptureTime(9 * CaptureTime::SECOND), 2, Losses::default()).unwrap();
        std::fs::write(&capture, recorder.into_inner()).unwrap();
        let program = folder.join("program");
        std::fs::write(&program, format!("#!/bin/sh\nFILE={}\n{script}\n", capture.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (sender, notes) = channel();
        // Another test may fork while the script is still open for writing in this process.
        for _ in 0..3000 {
            match Live::start(&program, "eth0", &[], sender.clone()) {
                Ok(live) => return (live, notes),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
        panic!("it does not start");
    }

    /// Packets, ticks, and how it ended.
    fn read(mut live: Live) -> (usize, Vec<i64>, Result<(), String>) {
        let mut batch = Batch::default();
        let (mut packets, mut ticks) = (0, Vec::new());
        loop {
            match live.fill(&mut batch) {
                Ok(progress) => {
                    packets += batch.len();
                    ticks.extend(batch.tick().map(CaptureTime::seconds));
                    if progress == Progress::End {
                        return (packets, ticks, Ok(()));
                    }
                }
                Err(error) => return (packets, ticks, Err(error.to_string())),
            }
        }
    }

    #[test]
    fn time_passes_without_packets_and_the_end_is_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (live, notes) =
            live("cat $FILE; echo 'hellotrace-capture: eth0 is down' >&2; cat > /dev/null", folder.path());
        live.orders().rotate();
        let orders = live.orders();
        let stopper = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            orders.stop();
        });
        assert_eq!(read(live), (2, vec![9], Ok(())));
        stopper.join().unwrap();
        assert_eq!(notes.try_iter().collect::<Vec<_>>(), ["eth0 is down"]);
    }

    #[test]
    fn the_last_words_say_why_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (live, notes) = live("echo 'hellotrace-capture: first' >&2; echo 'no rights' >&2; exit 2", folder.path());
        assert_eq!(read(live), (0, vec![], Err("no rights".to_owned())));
        assert_eq!(notes.try_iter().collect::<Vec<_>>(), ["first"]);
    }

    #[test]
    fn what_came_before_a_failure_is_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let (live, _notes) = live("cat $FILE; echo 'eth0 burns' >&2; exit 2", folder.path());
        assert_eq!(read(live), (2, vec![9], Err("eth0 burns".to_owned())));
    }

    #[test]
    fn last_words_that_overtake_packets_still_say_why_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (live, _notes) = live("echo 'eth0 burns' >&2; sleep 0.2; cat $FILE; exit 2", folder.path());
        assert_eq!(read(live), (2, vec![9], Err("eth0 burns".to_owned())));
    }
}
