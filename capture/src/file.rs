//! One input: a capture file, or a pipe that brings one.
//!
//! An [`Input`] recognises the format, walks its records one at a time and numbers the packets. It stops at
//! nothing but a failing disk: what is damaged becomes a [`Damage`], and reading goes on behind it where the
//! format allows. It knows nothing of other inputs; [`merge`](crate::merge) puts them in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::{Aftermath, CaptureError, CaptureTime, Damage, InputId, LinkType, Losses, Packet, PacketId};

mod gzip;
mod looks;
mod lz4;
mod order;
mod origin;
mod pcap;
mod pcapng;
mod snoop;
mod window;
mod zstd;

use origin::{Disk, Follow, Origin};
use window::{Ended, Have, Window};
pub(crate) use window::{POLL, Wait};

/// The largest packet there is, in bytes. A record that claims more is damage.
///
/// It is what Wireshark and tcpdump call the maximum snapshot length; no network card delivers more.
pub const MAX_PACKET: usize = 256 << 10;

/// Places at which an input may be damaged before the rest of it is given up: a file made of nothing but damage
/// must not fill the memory with reports of it.
const MAX_DAMAGE: u32 = 1000;

/// The longest header that a format begins with, in bytes: that of pcap. The least of pcapng is 28, but its first 4 do.
const LONGEST_HEADER: u64 = 24;

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
    /// Present if the file is still written to.
    follow: Option<Follow>,
    /// Whether it may hold a packet more than once, as it said before its first packet.
    may_hold_copies: bool,
    /// Nanoseconds that its clock is ahead of the others'.
    ahead: i64,
    complete_to: Option<CaptureTime>,
}

#[derive(Debug)]
enum State {
    Unopened(Disk),
    /// Its first packet is known; it is opened again when that packet's turn has come.
    Parked,
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
    Snoop(snoop::Reader),
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
        let cannot = |why| CaptureError::Open { name: name.clone(), why };
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
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

    /// Opens a file that is still written to, and leaves it alone until the first [`Input::peek`]. What is no file,
    /// such as a pipe, is read as ever.
    ///
    /// # Errors
    /// [`CaptureError::Open`].
    pub(crate) fn follow(id: InputId, path: &Path, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let name = printable(path);
        let cannot = |why| CaptureError::Open { name: name.clone(), why };
        if path == Path::new("-") {
            return Self::open(id, path);
        }
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(cannot(ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Ok(Self::from_reader(id, &name, Box::new(file)));
        }
        let follow = Follow::new(path, &metadata, stop);
        let mut input = Self::from_reader(id, &name, Box::new(io::empty()));
        path.clone_into(&mut input.path);
        input.state = State::Unopened(Disk::followed(Box::new(file), follow.clone()));
        input.follow = Some(follow);
        Ok(input)
    }

    /// As [`Input::follow`], for one of the files in a folder: that it is taken away or written anew is no damage, and
    /// it is no open file while nothing comes.
    ///
    /// # Errors
    /// [`CaptureError::Open`].
    pub(crate) fn follow_in_folder(id: InputId, path: &Path, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let name = printable(path);
        let metadata = std::fs::metadata(path).map_err(|why| CaptureError::Open { name: name.clone(), why })?;
        let follow = Follow::in_folder(path, &metadata, stop);
        let mut input = Self::from_reader(id, &name, Box::new(io::empty()));
        path.clone_into(&mut input.path);
        input.state = State::Unopened(Disk::dozing(follow.clone()));
        input.follow = Some(follow);
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
            follow: None,
            may_hold_copies: false,
            ahead: 0,
            complete_to: None,
        }
    }

    /// Has all its times put back by so many nanoseconds.
    pub(crate) fn put_back(&mut self, ahead: i64) {
        self.ahead = ahead;
        if let Some(head) = &mut self.head {
            head.at = CaptureTime(head.at.0.saturating_sub(ahead));
        }
    }

    /// Whether it may hold a packet more than once.
    pub(crate) fn may_hold_copies(&self) -> bool {
        self.may_hold_copies
    }

    /// Notes the next packet, and answers its time by the common clock.
    #[inline]
    fn keep(&mut self, mut head: Head) -> Peeked {
        head.at = CaptureTime(head.at.0.saturating_sub(self.ahead));
        self.head = Some(head);
        Peeked::Packet(head.at)
    }

    /// Closes a file whose first packet is known, until [`Input::wake`]: of a thousand files in a row, few are in use
    /// at a time.
    pub(crate) fn park(&mut self) {
        if self.size.is_some() && self.head.is_some() && self.number == 0 {
            self.end();
            self.taken = 0;
            self.state = State::Parked;
        }
    }

    /// Opens a parked file again; nothing to others. `Some` if that failed.
    #[inline]
    pub(crate) fn wake(&mut self) -> Option<Peeked> {
        if matches!(self.state, State::Parked) { self.reopen() } else { None }
    }

    #[cold]
    fn reopen(&mut self) -> Option<Peeked> {
        let opened = File::open(&self.path).map_err(|why| CaptureError::Open { name: self.name.clone(), why });
        let recognised = opened.and_then(|file| {
            self.state = State::Unopened(Disk::new(Box::new(file)));
            self.recognise()
        });
        if let Err(error) = recognised {
            return Some(self.fail(error));
        }
        self.head = None;
        // What is broken before the first packet was told when that was looked for.
        while let State::Reading(reading) = &mut self.state {
            match reading.next(Wait::Yes) {
                Next::Packet(head) => {
                    self.keep(head);
                    return None;
                }
                Next::Broken(broken) if broken.then != Aftermath::Stopped => {}
                Next::Failed => return Some(self.other(Next::Failed)),
                Next::Broken(_) | Next::NotYet | Next::End => self.end(),
            }
        }
        None
    }

    /// Whether it is a file that is still written to.
    pub(crate) fn is_followed(&self) -> bool {
        self.follow.is_some()
    }

    /// Whether it is one of the files of a followed folder, and no packet of it was read so far.
    pub(crate) fn is_new_in_folder(&self) -> bool {
        self.number == 0 && self.follow.as_ref().is_some_and(Follow::is_in_folder)
    }

    /// Whether it is one of the files of a followed folder, and its name stands for something else now, or nothing.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, State::Ended) && self.follow.as_ref().is_some_and(Follow::is_gone)
    }

    /// Says what comes next. A packet stays until [`Input::advance`]; everything else is said once.
    #[inline]
    pub(crate) fn peek(&mut self, wait: Wait) -> Peeked {
        if self.number > 0
            && let State::Reading(reading) = &mut self.state
        {
            let next = reading.next(wait);
            if let Next::Packet(head) = next {
                return self.keep(head);
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

    /// Its path, if it is a file that can be read once more.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.size.map(|_| self.path.as_path())
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
            State::Parked | State::Ended => self.taken,
        }
    }

    /// Up to when nothing is missing but what was read, by the word of our own recorder.
    pub(crate) fn complete_to(&self) -> Option<CaptureTime> {
        let at = match &self.state {
            State::Reading(reading) => reading.complete_to(),
            State::Unopened(_) | State::Parked | State::Ended => self.complete_to,
        }?;
        Some(CaptureTime(at.0.saturating_sub(self.ahead)))
    }

    /// What its writer says was lost.
    pub(crate) fn losses(&self) -> Losses {
        match &self.state {
            State::Reading(reading) => reading.losses(),
            State::Unopened(_) | State::Parked | State::Ended => self.losses,
        }
    }

    /// Looks for the first packet, keeping back the damage before it: if none comes, nothing could be read.
    fn prepare(&mut self) -> Peeked {
        let wait = if self.is_followed() { Wait::No } else { Wait::Yes };
        if matches!(self.state, State::Unopened(_))
            && let Err(error) = self.recognise()
        {
            return self.fail(error);
        }
        loop {
            let State::Reading(reading) = &mut self.state else { return self.nothing() };
            match reading.next(wait) {
                Next::Packet(head) => {
                    self.may_hold_copies = reading.may_hold_copies();
                    return self.keep(head);
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
            let is_ready = match &self.follow {
                Some(follow) => follow.is_stopped() || !self.is_too_short_to_tell(follow),
                None => self.size.is_some() || wait == Wait::Yes,
            };
            if !is_ready && !matches!(self.state, State::Ended) {
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

    /// Whether a followed file does not hold a header of any format yet. One that is gone is found to be so later.
    fn is_too_short_to_tell(&self, follow: &Follow) -> bool {
        matches!(self.state, State::Unopened(_))
            && std::fs::metadata(&follow.path).is_ok_and(|metadata| metadata.len() < LONGEST_HEADER)
    }

    #[cold]
    fn other(&mut self, next: Next) -> Peeked {
        match next {
            Next::Packet(head) => self.keep(head),
            Next::Broken(broken) => Peeked::Damage(self.damage(*broken)),
            Next::NotYet => Peeked::NotYet,
            Next::End => {
                self.end();
                Peeked::End
            }
            Next::Failed => {
                let why = match &mut self.state {
                    State::Reading(reading) => reading.window.take_error(),
                    State::Unopened(_) | State::Parked | State::Ended => None,
                };
                let why = why.unwrap_or_else(|| io::Error::from(ErrorKind::Other));
                let (name, offset) = (self.name.clone(), self.taken());
                self.fail(CaptureError::Read { name, offset, why })
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
        let read_error = |why, offset| CaptureError::Read { name: name(), offset, why };
        let origin = Origin::recognise(disk).map_err(|(why, offset)| read_error(why, offset))?;
        let mut window = match (&self.follow, origin) {
            (None, origin) => Window::new(origin, self.size.is_none()),
            (Some(_), origin @ Origin::Plain(_)) => Window::followed(origin),
            (Some(_), _) => {
                let why = io::Error::new(ErrorKind::Unsupported, "it is compressed, so it cannot be followed");
                return Err(CaptureError::Open { name: name(), why });
            }
        };
        // A pipe with only a header in it must not be waited for longer than the format needs.
        window.want(4, Wait::Yes);
        let format = if let Some(reader) = pcap::Reader::recognise(window.bytes()) {
            Some(Format::Pcap(reader))
        } else if pcapng::is_one(window.bytes()) {
            Some(Format::PcapNg(pcapng::Reader::new()))
        } else if window.bytes().starts_with(b"snoo")
            && window.want(snoop::MAGIC.len(), Wait::Yes) == Have::Enough
            && window.bytes().starts_with(&snoop::MAGIC)
        {
            Some(Format::Snoop(snoop::Reader::default()))
        } else {
            // More may never be written to what is no capture.
            window.want(looks::ENOUGH, if self.follow.is_some() { Wait::No } else { Wait::Yes });
            None
        };
        if let Some(why) = window.take_error() {
            return Err(read_error(why, window.taken()));
        }
        self.taken = window.taken();
        let Some(format) = format else {
            let first = window.bytes();
            let first = first.get(..looks::ENOUGH).unwrap_or(first);
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
            Format::Snoop(reader) => reader.next(&mut self.window, wait),
        }
    }

    fn may_hold_copies(&self) -> bool {
        match &self.format {
            Format::Pcap(_) | Format::Snoop(_) => false,
            Format::PcapNg(reader) => reader.may_hold_copies(),
        }
    }

    fn complete_to(&self) -> Option<CaptureTime> {
        match &self.format {
            Format::Pcap(_) | Format::Snoop(_) => None,
            Format::PcapNg(reader) => reader.complete_to(),
        }
    }

    fn losses(&self) -> Losses {
        match &self.format {
            Format::Pcap(_) => Losses::default(),
            Format::PcapNg(reader) => reader.losses(),
            Format::Snoop(reader) => reader.losses(),
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
            Some(Ended::Here) if window.len() == 0 || window.is_followed() => Self::End,
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
