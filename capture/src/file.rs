//! One input: a capture file, or a pipe that brings one.
//!
//! An [`Input`] recognises the format, walks its records one at a time and numbers the packets. It stops at
//! nothing but a failing disk: what is damaged becomes a [`Damage`], and reading goes on behind it where the
//! format allows. It knows nothing of other inputs; [`merge`](crate::merge) puts them in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::{Aftermath, CaptureError, CaptureTime, Damage, InputId, LinkType, Losses, Packet, PacketId};

mod looks;
mod order;
mod origin;
mod pcap;
mod pcapng;
mod window;

use origin::{Disk, Origin};
pub(crate) use window::Wait;
use window::{Ended, Have, Window};

/// The largest packet there is, in bytes. A record that claims more is damage.
///
/// It is what Wireshark and tcpdump call the maximum snapshot length; no network card delivers more.
pub const MAX_PACKET: usize = 256 << 10;

/// Places at which an input may be damaged before the rest of it is given up: a file made of nothing but damage
/// must not fill the memory with reports of it.
const MAX_DAMAGE: u32 = 1000;

/// One input, and how far it was read.
#[derive(Debug)]
pub(crate) struct Input {
    id: InputId,
    name: String,
    path: PathBuf,
    state: State,
    /// Size on disk; `None` for a pipe.
    size: Option<u64>,
    /// Bytes taken from the disk, as long as `state` has no window to ask.
    taken: u64,
    /// The next packet, still in the window.
    head: Option<Head>,
    /// Damage found before the first packet, which is only worth telling if a packet follows.
    held: VecDeque<Damage>,
    damaged: u32,
    number: u64,
    last: Option<PacketId>,
    error: Option<CaptureError>,
    losses: Losses,
    complete_to: Option<CaptureTime>,
}

#[derive(Debug)]
enum State {
    Unopened(Disk),
    Reading(Box<Reading>),
    Ended,
}

#[derive(Debug)]
struct Reading {
    window: Window,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Reader),
    PcapNg(pcapng::Reader),
}

/// What comes next in an input.
#[derive(Debug)]
pub(crate) enum Peeked {
    /// A packet captured at this time.
    Packet(CaptureTime),
    /// Damage, and more to come.
    Damage(Damage),
    /// Nothing yet, and waiting was not allowed.
    NotYet,
    /// The input is at its end.
    End,
    /// It cannot be read on; [`Input::take_error`] says why. Asked again, it is at its end.
    Failed,
}

/// What a format reader found at the beginning of its window.
#[derive(Debug)]
enum Next {
    Packet(Head),
    Broken(Box<Broken>),
    NotYet,
    End,
    Failed,
}

/// A packet that lies at the beginning of the window.
#[derive(Clone, Copy, Debug)]
struct Head {
    at: CaptureTime,
    link: LinkType,
    wire_len: u32,
    /// Where its bytes lie in the window.
    begin: usize,
    end: usize,
    /// Length of the record or block around it.
    whole: usize,
    /// How far it is from the packet before by Wireshark's numbers: 1, and more behind blocks that Wireshark numbers
    /// although they hold no packet.
    numbers: u64,
}

/// [`Damage`], as far as the reader of a format can tell it.
#[derive(Debug)]
struct Broken {
    offset: u64,
    what: String,
    then: Aftermath,
}

impl Input {
    /// Opens a file and reads up to its first packet; a pipe (also `-`, standard input) is left alone until then.
    ///
    /// # Errors
    /// [`CaptureError`], for all that makes the file useless.
    pub(crate) fn open(id: InputId, path: &Path) -> Result<Self, CaptureError> {
        if path == Path::new("-") {
            return Ok(Self::from_reader(id, "standard input", Box::new(io::stdin())));
        }
        let name = printable(path);
        let cannot = |source| CaptureError::Open { name: name.clone(), source };
        let directory = || cannot(io::Error::new(ErrorKind::IsADirectory, "it is a directory, name the files in it"));
        let file = match File::open(path) {
            Ok(file) => file,
            // Windows answers "access denied".
            Err(_) if path.is_dir() => return Err(directory()),
            Err(error) => return Err(cannot(error)),
        };
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(directory());
        }
        let mut input = Self::from_reader(id, &name, Box::new(file));
        path.clone_into(&mut input.path);
        if metadata.is_file() {
            input.size = Some(metadata.len());
            if let Peeked::Failed = input.prepare()
                && let Some(error) = input.take_error()
            {
                return Err(error);
            }
        }
        Ok(input)
    }

    /// Reads `reader`, which may be a pipe, under `name`. Reading starts with the first [`Input::peek`].
    pub(crate) fn from_reader(id: InputId, name: &str, reader: Box<dyn Read + Send>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            path: PathBuf::from(name),
            state: State::Unopened(Disk::new(reader)),
            size: None,
            taken: 0,
            head: None,
            held: VecDeque::new(),
            damaged: 0,
            number: 0,
            last: None,
            error: None,
            losses: Losses::default(),
            complete_to: None,
        }
    }

    /// Says what comes next. A packet stays until [`Input::advance`]; everything else is said once.
    #[inline]
    pub(crate) fn peek(&mut self, wait: Wait) -> Peeked {
        if self.number > 0
            && let State::Reading(reading) = &mut self.state
        {
            let next = reading.next(wait);
            if let Next::Packet(head) = next {
                self.head = Some(head);
                return Peeked::Packet(head.at);
            }
            return self.other(next);
        }
        self.peek_first(wait)
    }

    /// The packet that was peeked at, under the identity it is to have.
    #[inline]
    pub(crate) fn packet(&self, arrival: u64) -> Option<Packet<'_>> {
        let (Some(head), State::Reading(reading)) = (self.head, &self.state) else { return None };
        Some(Packet {
            id: PacketId { arrival, input: self.id, number: self.number.saturating_add(head.numbers) },
            at: head.at,
            link: head.link,
            wire_len: head.wire_len,
            bytes: reading.window.bytes().get(head.begin..head.end).unwrap_or_default(),
        })
    }

    /// Passes over the packet that was peeked at.
    #[inline]
    pub(crate) fn advance(&mut self, arrival: u64) {
        if let (Some(head), State::Reading(reading)) = (self.head.take(), &mut self.state) {
            reading.window.consume(head.whole);
            self.number = self.number.saturating_add(head.numbers);
            self.last = Some(PacketId { arrival, input: self.id, number: self.number });
        }
    }

    /// Takes the error behind [`Peeked::Failed`].
    pub(crate) fn take_error(&mut self) -> Option<CaptureError> {
        self.error.take()
    }

    /// The input as the user gave it, made safe to print.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Size on disk; `None` for a pipe.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Bytes taken from the disk so far.
    pub(crate) fn taken(&self) -> u64 {
        match &self.state {
            State::Unopened(disk) => disk.taken(),
            State::Reading(reading) => reading.window.taken(),
            State::Ended => self.taken,
        }
    }

    /// Up to when nothing is missing but what was read, by the word of our own recorder.
    pub(crate) fn complete_to(&self) -> Option<CaptureTime> {
        match &self.state {
            State::Reading(reading) => reading.complete_to(),
            State::Unopened(_) | State::Ended => self.complete_to,
        }
    }

    /// What its writer says was lost.
    pub(crate) fn losses(&self) -> Losses {
        match &self.state {
            State::Reading(reading) => reading.losses(),
            State::Unopened(_) | State::Ended => self.losses,
        }
    }

    /// Looks for the first packet, keeping back the damage before it: if none comes, nothing could be read.
    fn prepare(&mut self) -> Peeked {
        if matches!(self.state, State::Unopened(_))
            && let Err(error) = self.recognise()
        {
            return self.fail(error);
        }
        loop {
            let State::Reading(reading) = &mut self.state else { return self.nothing() };
            match reading.next(Wait::Yes) {
                Next::Packet(head) => {
                    self.head = Some(head);
                    return Peeked::Packet(head.at);
                }
                Next::Broken(broken) => {
                    let damage = self.damage(*broken);
                    self.held.push_back(damage);
                }
                other => match self.other(other) {
                    Peeked::End => return self.nothing(),
                    answer => return answer,
                },
            }
        }
    }

    /// The input ended without a packet: that is an error only if it was damaged.
    fn nothing(&mut self) -> Peeked {
        let Some(Damage { name, what, offset, .. }) = self.held.pop_front() else { return Peeked::End };
        self.fail(CaptureError::NothingReadable { name, what, offset })
    }

    #[cold]
    fn peek_first(&mut self, wait: Wait) -> Peeked {
        if self.head.is_none() {
            if self.size.is_none() && wait == Wait::No && !matches!(self.state, State::Ended) {
                return Peeked::NotYet;
            }
            match self.prepare() {
                Peeked::Packet(_) => {}
                other => return other,
            }
        }
        match (self.held.pop_front(), self.head) {
            (Some(damage), _) => Peeked::Damage(damage),
            (None, Some(head)) => Peeked::Packet(head.at),
            (None, None) => Peeked::End,
        }
    }

    #[cold]
    fn other(&mut self, next: Next) -> Peeked {
        match next {
            Next::Packet(head) => {
                self.head = Some(head);
                Peeked::Packet(head.at)
            }
            Next::Broken(broken) => Peeked::Damage(self.damage(*broken)),
            Next::NotYet => Peeked::NotYet,
            Next::End => {
                self.end();
                Peeked::End
            }
            Next::Failed => {
                let source = match &mut self.state {
                    State::Reading(reading) => reading.window.take_error(),
                    State::Unopened(_) | State::Ended => None,
                };
                let source = source.unwrap_or_else(|| io::Error::from(ErrorKind::Other));
                let (name, offset) = (self.name.clone(), self.taken());
                self.fail(CaptureError::Read { name, offset, source })
            }
        }
    }

    fn damage(&mut self, broken: Broken) -> Damage {
        let Broken { offset, mut what, mut then } = broken;
        self.damaged = self.damaged.saturating_add(1);
        if self.damaged >= MAX_DAMAGE && then != Aftermath::Stopped {
            what = format!("{what}, the last of {MAX_DAMAGE} damaged places, where reading was given up");
            then = Aftermath::Stopped;
        }
        if then == Aftermath::Stopped {
            self.end();
        }
        Damage { input: self.id, name: self.name.clone(), after: self.last, offset, what, then }
    }

    fn fail(&mut self, error: CaptureError) -> Peeked {
        self.end();
        self.held.clear();
        self.error = Some(error);
        Peeked::Failed
    }

    /// Nothing more is read, so the memory and the file go back; the counters stay.
    fn end(&mut self) {
        self.taken = self.taken();
        self.losses = self.losses();
        self.complete_to = self.complete_to();
        self.state = State::Ended;
    }

    /// Tells the format by the first bytes.
    fn recognise(&mut self) -> Result<(), CaptureError> {
        let State::Unopened(disk) = std::mem::replace(&mut self.state, State::Ended) else { return Ok(()) };
        let name = || self.name.clone();
        let read_error = |source, offset| CaptureError::Read { name: name(), offset, source };
        let origin = Origin::recognise(disk).map_err(|(source, offset)| read_error(source, offset))?;
        let mut window = Window::new(origin, self.size.is_none());
        // A pipe with only a header in it must not be waited for longer than the format needs.
        window.want(4, Wait::Yes);
        let format = if let Some(reader) = pcap::Reader::recognise(window.bytes()) {
            Some(Format::Pcap(reader))
        } else if pcapng::is_one(window.bytes()) {
            Some(Format::PcapNg(pcapng::Reader::new()))
        } else {
            window.want(looks::ENOUGH, Wait::Yes);
            None
        };
        if let Some(source) = window.take_error() {
            return Err(read_error(source, window.taken()));
        }
        self.taken = window.taken();
        let Some(format) = format else {
            let first = window.bytes();
            return Err(match window.ended() {
                Some(Ended::Damaged(what)) if first.len() < 4 => {
                    CaptureError::NothingReadable { name: name(), what: (*what).to_owned(), offset: 0 }
                }
                _ if first.is_empty() => CaptureError::Empty { name: name() },
                _ if looks::is_event_trace_log(&self.path, first) => CaptureError::EventTraceLog { name: name() },
                _ => CaptureError::NotACapture { name: name(), looks_like: looks::looks_like(first) },
            });
        };
        self.state = State::Reading(Box::new(Reading { window, format }));
        Ok(())
    }
}

impl Reading {
    #[inline]
    fn next(&mut self, wait: Wait) -> Next {
        match &mut self.format {
            Format::Pcap(reader) => reader.next(&mut self.window, wait),
            Format::PcapNg(reader) => reader.next(&mut self.window, wait),
        }
    }

    fn complete_to(&self) -> Option<CaptureTime> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::PcapNg(reader) => reader.complete_to(),
        }
    }

    fn losses(&self) -> Losses {
        match &self.format {
            Format::Pcap(_) => Losses::default(),
            Format::PcapNg(reader) => reader.losses(),
        }
    }
}

impl Next {
    fn broken(offset: u64, what: impl Into<String>, then: Aftermath) -> Self {
        Self::Broken(Box::new(Broken { offset, what: what.into(), then }))
    }

    /// What it means that nothing sound was found behind damage at `offset`: the end of this input, unless it was the
    /// disk that failed, which ends the run.
    fn given_up(window: &Window, offset: u64, what: String) -> Self {
        match window.ended() {
            Some(Ended::Failed(_)) => Self::Failed,
            _ => Self::broken(offset, what, Aftermath::Stopped),
        }
    }

    /// What it means that the window holds too few bytes: nothing left, or cut `midway` (a clause).
    fn ended(window: &Window, midway: &'static str) -> Self {
        match window.ended() {
            Some(Ended::Failed(_)) => Self::Failed,
            Some(Ended::Damaged(what)) => Self::broken(window.offset(), *what, Aftermath::Stopped),
            Some(Ended::Here) if window.len() == 0 => Self::End,
            Some(Ended::Here) | None => Self::broken(window.offset(), midway, Aftermath::Stopped),
        }
    }
}

/// `path` with everything escaped that could do more to a terminal than show a character.
pub(crate) fn printable(path: &Path) -> String {
    let mut name = String::new();
    for c in path.to_string_lossy().chars() {
        let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if c.is_control() || invisible {
            name.extend(c.escape_default());
        } else {
            name.push(c);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_to_print() {
        assert_eq!(printable(Path::new("a\x1b[2J\n.pcap")), "a\\u{1b}[2J\\n.pcap");
        assert_eq!(printable(Path::new("a\u{202e}pacp.b")), "a\\u{202e}pacp.b");
        assert_eq!(printable(Path::new("Grüße.pcap")), "Grüße.pcap");
    }

    #[test]
    fn endless_damage_is_given_up() {
        let mut input = Input::from_reader(InputId(0), "x", Box::new(io::empty()));
        for n in 1..=MAX_DAMAGE {
            let then = Aftermath::Resumed { skipped: 1 };
            let damage = input.damage(Broken { offset: 0, what: "it is broken".to_owned(), then });
            assert_eq!(damage.then == Aftermath::Stopped, n == MAX_DAMAGE);
        }
        assert!(matches!(input.peek(Wait::Yes), Peeked::End));
    }
}
