//! Bytes in order to messages: one direction of a connection, after reordering and before decoding.
//!
//! In: pieces of the stream without overlap, and the sizes of the holes between them. Out: the events of the whole
//! messages, and **one** gap for each stretch that could not be decoded, however many holes it had: a stretch begins
//! where a message broke or no header was found, and ends where the next message begins. A message that breaks after
//! its length is known is passed over to its end, so the stream stays in step; otherwise the decoder looks for the next
//! header. Whole messages are decoded where they lie in the packet; only what a packet leaves unfinished is copied.

use capture::{CaptureTime, PacketId};

use crate::{
    Decoded, Event, Gap, GapKind, Message, Path, Protocol, Seen,
    cms::costly::{self, Accounts},
    decoder::{Begins, Counted, Decoder, Framing, MAX_HEADER, MAX_OPEN, Side, length},
    shard,
};

/// Where the results go, and what is the same for all of them: the packet being looked at.
pub struct Sink<'a> {
    /// The packet being looked at: what becomes complete now is completed by it.
    pub packet: PacketId,
    /// Capture time of `packet`.
    pub at: CaptureTime,
    /// The direction of the stream.
    pub path: Path,
    /// Who sends in this direction.
    pub side: Side,
    /// What decodes it.
    pub decoder: &'a mut dyn Decoder,
    /// Results are appended here.
    pub out: &'a mut Vec<Event>,
    /// Memory to be used again.
    pub scratch: &'a mut Scratch,
}

/// Memory that goes from message to message, and what was counted and not handed out.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Empty between messages.
    decoded: Vec<Decoded>,
    /// Empty buffers for messages whose end has not come, the least first.
    spare: Vec<Vec<u8>>,
    /// What was not handed out.
    pub counted: Counted,
    /// Signatures that may be checked although it takes long.
    pub(crate) costly: Accounts,
}

/// Buffers kept for the next message that comes in pieces, and the largest that is kept: few messages are in pieces at
/// a time, and fresh memory costs more than what is written to it.
const MAX_SPARES: usize = 4;
const MAX_SPARE_BYTES: usize = 512 << 10;

/// Bytes for which there is room at once when so many are announced. More comes as the message does.
const RESERVED: usize = 16 << 10;

impl Scratch {
    /// An empty buffer with room for the beginning of a message of `total` bytes: of those kept the least that holds it
    /// all.
    fn buffer(&mut self, total: usize) -> Vec<u8> {
        let place = self.spare.partition_point(|spare| spare.capacity() < total);
        let place = place.min(self.spare.len().saturating_sub(1));
        let mut buffer = if self.spare.is_empty() { Vec::new() } else { self.spare.remove(place) };
        buffer.reserve(total.min(RESERVED));
        buffer
    }

    /// Keeps a buffer for another message. Where there are too many, the least goes: the larger one is, the more it
    /// costs to have another.
    fn give_back(&mut self, mut buffer: Vec<u8>) {
        if !(1..=MAX_SPARE_BYTES).contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        let place = self.spare.partition_point(|spare| spare.capacity() < buffer.capacity());
        self.spare.insert(place, buffer);
        if self.spare.len() > MAX_SPARES {
            self.spare.remove(0);
        }
    }

    /// An empty list for what a decoder appends, to be given back with [`Scratch::keep_list`].
    pub(crate) fn list(&mut self) -> Vec<Decoded> {
        std::mem::take(&mut self.decoded)
    }

    pub(crate) fn keep_list(&mut self, list: Vec<Decoded>) {
        self.decoded = list;
    }
}

impl Sink<'_> {
    fn emit(&mut self, first: PacketId, decoded: Decoded) {
        let seen = Seen { last: self.packet, first, at: self.at };
        let Decoded { carriage, message } = decoded;
        self.out.push(Event { seen, path: Some(self.path), carriage, message });
    }

    /// Emits a gap of this stream that began in packet `first`.
    pub(super) fn gap(&mut self, first: PacketId, kind: GapKind, bytes: u64, detail: String) {
        let protocol = self.decoder.protocol();
        self.emit(first, Message::Gap(Box::new(Gap { kind, protocol, bytes, detail })).into());
    }
}

/// Why bytes of a stream are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hole {
    /// The capture does not hold them.
    Missing,
    /// Neither the capture nor the peer has them.
    NotReceived,
    /// Cut off: by the snap length, or by whatever left a frame shorter than its packet says.
    Cut,
    /// They may still have come, but waiting for them had reached a limit.
    GivenUp,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the sender's FIN, everything before it being there.
    Fin,
    /// The capture shows no more of it.
    Unseen,
}

/// Cuts one direction of a connection into messages.
#[derive(Debug)]
pub(super) struct Messages {
    state: State,
    /// Bytes too few to tell whether a message begins with them, each with its packet. Fewer than `MAX_HEADER`.
    head: Vec<(u8, PacketId)>,
    /// The beginning of a message whose end has not come; empty unless `Within`.
    pending: Vec<u8>,
    /// What cannot be decoded and has not been told yet.
    /// Boxed: there is one for each direction of each connection, and few lose anything.
    loss: Option<Box<Loss>>,
    /// The stream was joined in its middle and no message has been found yet.
    joining: bool,
    /// Where that began which the decoder keeps until more comes.
    kept: Option<PacketId>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In step: the next byte begins a message.
    Between,
    /// In step: `pending` holds the beginning of a message that takes `total` bytes, `header` of them framing.
    Within { header: usize, total: usize, began: PacketId },
    /// In step: `pending` holds the beginning of a message whose length is not known yet.
    Open { began: PacketId },
    /// In step: this many bytes belong to a message that cannot be decoded.
    Skipping { left: u64 },
    /// In step: this many bytes say nothing that is decoded.
    Passing { left: u64 },
    /// Nothing is decoded any more.
    Done,
    /// Out of step: looking for the beginning of a message.
    Seeking,
}

/// A stretch of the stream that cannot be decoded.
#[derive(Debug)]
struct Loss {
    first: PacketId,
    /// What broke it off: the name of the message and its length with framing, where that was known.
    broken: Option<(&'static str, u64)>,
    /// The stream had not been seen from its beginning when this stretch began.
    joined: bool,
    too_long: bool,
    missing: u64,
    not_received: u64,
    cut: u64,
    given_up: u64,
    /// Bytes that are there and of no use.
    unused: u64,
}

impl Messages {
    /// Of a stream whose first byte begins a message.
    pub(super) fn from_the_beginning() -> Self {
        Self { state: State::Between, head: Vec::new(), pending: Vec::new(), loss: None, joining: false, kept: None }
    }

    /// Of a stream that is joined somewhere.
    pub(super) fn from_the_middle() -> Self {
        Self { state: State::Seeking, joining: true, ..Self::from_the_beginning() }
    }

    /// Takes the next `bytes`, which packet `from` brought.
    pub(super) fn feed(&mut self, bytes: &[u8], from: PacketId, sink: &mut Sink<'_>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.state {
                State::Between => self.frame(rest, from, sink),
                State::Within { header, total, began } => self.fill(rest, header, total, began, sink),
                State::Open { began } => self.reopen(rest, began, sink),
                State::Skipping { left } => self.skip(rest, left, sink),
                State::Passing { left } => self.pass(rest, left),
                State::Seeking => self.seek(rest, from, sink),
                State::Done => return,
            };
        }
    }

    /// Passes over `bytes` that are not there.
    pub(super) fn hole(&mut self, bytes: u64, why: Hole, sink: &mut Sink<'_>) {
        if bytes == 0 {
            return;
        }
        let (bytes, left) = match self.state {
            State::Within { total, .. } => {
                let left = total.saturating_sub(self.pending.len());
                self.break_off(sink);
                (bytes, left as u64)
            }
            State::Skipping { left } => (bytes, left),
            State::Open { .. } => {
                self.break_off(sink);
                (bytes, 0)
            }
            // What is missing of it would not have been decoded.
            State::Passing { left } => match left.checked_sub(bytes) {
                Some(left) => return self.go_on(left),
                None => (bytes.saturating_sub(left), 0),
            },
            State::Done => return,
            State::Between | State::Seeking => {
                self.drop_head(sink);
                self.state = State::Seeking;
                (bytes, 0)
            }
        };
        let loss = self.loss(sink.packet);
        match why {
            Hole::Missing => loss.missing = loss.missing.saturating_add(bytes),
            Hole::NotReceived => loss.not_received = loss.not_received.saturating_add(bytes),
            Hole::Cut => loss.cut = loss.cut.saturating_add(bytes),
            Hole::GivenUp => loss.given_up = loss.given_up.saturating_add(bytes),
        }
        self.interrupted(sink);
        match left.checked_sub(bytes) {
            // Out of step: either there was no length to go by, or what it counted ended inside the hole.
            None => self.state = State::Seeking,
            Some(left) => self.step(left, sink),
        }
    }

    /// Nothing follows: what is unfinished becomes a gap.
    pub(super) fn end(&mut self, end: End, sink: &mut Sink<'_>) {
        if matches!(self.state, State::Done) {
            return;
        }
        let unfinished = matches!(self.state, State::Within { .. } | State::Open { .. } | State::Skipping { .. })
            || (matches!(self.state, State::Between) && !self.head.is_empty());
        if let State::Within { .. } | State::Open { .. } = self.state {
            self.break_off(sink);
        }
        self.interrupted(sink);
        self.drop_head(sink);
        self.tell(sink, unfinished.then_some(end));
        self.state = State::Seeking;
    }

    /// Gives up the room a half-finished message takes, because all streams together take too much.
    pub(super) fn shed(&mut self, sink: &mut Sink<'_>) {
        if let State::Within { total, .. } = self.state {
            let left = total.saturating_sub(self.pending.len());
            self.break_off(sink);
            self.loss(sink.packet).too_long = true;
            self.step(left as u64, sink);
        } else if let State::Open { .. } = self.state {
            self.give_up(sink);
        }
        self.interrupted(sink);
    }

    /// Bytes of memory held for an unfinished message.
    pub(super) fn footprint(&self) -> usize {
        self.pending.capacity()
    }

    /// Whether nothing is decoded any more.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Decodes one whole message that began in packet `first`. What completes something that the decoder has kept began
    /// there.
    fn message(&mut self, first: PacketId, bytes: &[u8], sink: &mut Sink<'_>) {
        let mut messages = sink.scratch.list();
        let (decoder, side) = (&mut *sink.decoder, sink.side);
        if decoder.protocol() == Protocol::Kerberos {
            let group = shard::group_of(&sink.path.flow().0);
            sink.scratch.costly.within(group, bytes.len(), || decoder.message(side, bytes, &mut messages));
        } else {
            costly::without(|| decoder.message(side, bytes, &mut messages));
        }
        sink.scratch.counted.add(sink.decoder.take_counted());
        let completed = !messages.is_empty();
        for message in messages.drain(..) {
            sink.emit(self.kept.take().unwrap_or(first), message);
        }
        sink.scratch.keep_list(messages);
        let keeps = sink.decoder.kept(sink.side) > 0;
        self.kept = keeps.then(|| self.kept.filter(|_| !completed).unwrap_or(first));
    }

    /// Tells the decoder that what it keeps will not be completed.
    fn interrupted(&mut self, sink: &mut Sink<'_>) {
        let mut messages = Vec::new();
        sink.decoder.interrupted(sink.side, &mut messages);
        let first = self.kept.take().unwrap_or(sink.packet);
        for message in messages {
            sink.emit(first, message);
        }
    }

    /// In step, at the beginning of a message.
    fn frame<'r>(&mut self, rest: &'r [u8], from: PacketId, sink: &mut Sink<'_>) -> &'r [u8] {
        if self.head.is_empty() {
            return match framed(sink, rest) {
                Framed::Message { header, total } => {
                    let Some((message, after)) = rest.split_at_checked(total) else {
                        self.state = State::Within { header, total, began: from };
                        self.pending = sink.scratch.buffer(total);
                        self.pending.extend_from_slice(rest);
                        return &[];
                    };
                    self.message(from, message.get(header..).unwrap_or_default(), sink);
                    after
                }
                Framed::Open => {
                    self.state = State::Open { began: from };
                    self.pending.extend_from_slice(rest);
                    if self.pending.len() > MAX_OPEN {
                        self.give_up(sink);
                    }
                    &[]
                }
                Framed::TooLong { total } => self.too_long(rest, total, from, sink),
                Framed::Pass { total } => {
                    sink.decoder.passes(sink.side, rest);
                    self.go_on(total);
                    rest
                }
                Framed::Done => self.be_done(sink),
                Framed::More if rest.len() < MAX_HEADER => self.keep(rest, from),
                Framed::More | Framed::Lost => self.lose_step(rest),
            };
        }
        let (joined, enough) = self.joined(rest);
        let began = self.head.first().map_or(from, |&(_, packet)| packet);
        match framed(sink, &joined) {
            Framed::Message { header, total } if total > self.head.len() => {
                self.pending = sink.scratch.buffer(total);
                self.pending.extend(self.head.drain(..).map(|(byte, _)| byte));
                self.state = State::Within { header, total, began };
                rest
            }
            Framed::Open => {
                self.pending.extend(self.head.drain(..).map(|(byte, _)| byte));
                self.state = State::Open { began };
                rest
            }
            Framed::Pass { total } if total > self.head.len() as u64 => {
                sink.decoder.passes(sink.side, &joined);
                self.go_on(total.saturating_sub(self.head.len() as u64));
                self.head.clear();
                rest
            }
            // A header is recognised as soon as it is whole, so no message ends before `rest` begins.
            Framed::Message { .. } | Framed::Pass { .. } => {
                self.drop_head(sink);
                self.lose_step(rest)
            }
            Framed::Done => self.be_done(sink),
            Framed::TooLong { total } => {
                let held = self.head.len() as u64;
                self.head.clear();
                self.too_long(&joined, total, began, sink);
                self.loss(began).unused = held;
                self.step(total.saturating_sub(held), sink);
                rest
            }
            Framed::More if !enough => self.keep(rest, from),
            Framed::More | Framed::Lost => self.lose_step(rest),
        }
    }

    /// In step, inside a message.
    fn fill<'r>(
        &mut self,
        rest: &'r [u8],
        header: usize,
        total: usize,
        began: PacketId,
        sink: &mut Sink<'_>,
    ) -> &'r [u8] {
        let wanted = total.saturating_sub(self.pending.len());
        let Some((last, after)) = rest.split_at_checked(wanted) else {
            self.pending.extend_from_slice(rest);
            return &[];
        };
        self.pending.extend_from_slice(last);
        // The room is given back: connections outlive their messages by far, and most messages come in one packet.
        let message = std::mem::take(&mut self.pending);
        self.state = State::Between;
        self.message(began, message.get(header..).unwrap_or_default(), sink);
        sink.scratch.give_back(message);
        after
    }

    /// In step, inside a message of unknown length.
    fn reopen<'r>(&mut self, rest: &'r [u8], began: PacketId, sink: &mut Sink<'_>) -> &'r [u8] {
        let seen = self.pending.len();
        self.pending.extend_from_slice(rest);
        let framing = sink.decoder.reopen(sink.side, &self.pending, seen);
        match Framed::from(framing) {
            Framed::Message { header, total } => {
                let Some(after) = total.checked_sub(seen).and_then(|own| rest.get(own..)) else {
                    self.state = State::Within { header, total, began };
                    return &[];
                };
                let message = std::mem::take(&mut self.pending);
                self.state = State::Between;
                self.message(began, message.get(header..total).unwrap_or_default(), sink);
                sink.scratch.give_back(message);
                return after;
            }
            Framed::Open if self.pending.len() <= MAX_OPEN => {}
            Framed::Done => {
                self.be_done(sink);
            }
            _ => self.give_up(sink),
        }
        &[]
    }

    /// In step, inside bytes that say nothing.
    fn pass<'r>(&mut self, rest: &'r [u8], left: u64) -> &'r [u8] {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        self.go_on(left.saturating_sub(size as u64));
        rest.get(size..).unwrap_or_default()
    }

    /// In step, with so many bytes to pass over.
    fn go_on(&mut self, left: u64) {
        self.state = if left > 0 { State::Passing { left } } else { State::Between };
    }

    /// Nothing of what follows is looked at.
    fn be_done(&mut self, sink: &mut Sink<'_>) -> &'static [u8] {
        self.tell(sink, None);
        *self = Self { state: State::Done, ..Self::from_the_beginning() };
        &[]
    }

    /// The message in `pending` is longer than one whose length is not known may be.
    fn give_up(&mut self, sink: &mut Sink<'_>) {
        self.break_off(sink);
        self.loss(sink.packet).too_long = true;
        self.state = State::Seeking;
    }

    /// In step, inside a message that cannot be decoded.
    fn skip<'r>(&mut self, rest: &'r [u8], left: u64, sink: &mut Sink<'_>) -> &'r [u8] {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let (unused, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        let loss = self.loss(sink.packet);
        loss.unused = loss.unused.saturating_add(length(unused));
        self.step(left.saturating_sub(length(unused)), sink);
        after
    }

    /// Out of step.
    fn seek<'r>(&mut self, rest: &'r [u8], from: PacketId, sink: &mut Sink<'_>) -> &'r [u8] {
        if !self.head.is_empty() {
            return self.seek_from_head(rest, from, sink);
        }
        let mut at = 0;
        let mut found = false;
        while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
            let barren = sink.decoder.barren(tail);
            if barren > 0 {
                at = at.saturating_add(barren).min(rest.len());
                continue;
            }
            match begins(sink, tail) {
                Begins::Yes => {
                    found = true;
                    break;
                }
                Begins::Unknown if tail.len() < MAX_HEADER => break,
                Begins::Unknown | Begins::No => at = at.saturating_add(1),
            }
        }
        let (unused, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        self.pass_over(length(unused), from);
        if found {
            self.step(0, sink);
            return tail;
        }
        self.keep(tail, from)
    }

    /// Out of step, and a message may begin within `head`.
    fn seek_from_head<'r>(&mut self, rest: &'r [u8], from: PacketId, sink: &mut Sink<'_>) -> &'r [u8] {
        let (joined, enough) = self.joined(rest);
        let held = self.head.len();
        for at in 0..held {
            let found = begins(sink, joined.get(at..).unwrap_or_default());
            if found == Begins::No || (found == Begins::Unknown && enough) {
                continue;
            }
            let first = self.head.first().map_or(from, |&(_, packet)| packet);
            self.pass_over(at as u64, first);
            self.head.drain(..at);
            if found == Begins::Unknown {
                return self.keep(rest, from);
            }
            // The header starts in `head`: `frame` joins it to `rest` once more.
            self.step(0, sink);
            return rest;
        }
        self.drop_head(sink);
        rest
    }

    /// `head` and so much of `rest` that a header fits, and whether that is enough for any header.
    fn joined(&self, rest: &[u8]) -> (Vec<u8>, bool) {
        let joined: Vec<u8> =
            self.head.iter().map(|&(byte, _)| byte).chain(rest.iter().copied().take(MAX_HEADER)).collect();
        (joined, rest.len() >= MAX_HEADER)
    }

    /// Waits for more of a header.
    fn keep(&mut self, rest: &[u8], from: PacketId) -> &'static [u8] {
        self.head.extend(rest.iter().map(|&byte| (byte, from)));
        &[]
    }

    fn lose_step<'r>(&mut self, rest: &'r [u8]) -> &'r [u8] {
        self.state = State::Seeking;
        rest
    }

    /// A message that begins here is larger than our limit: none of it is kept.
    fn too_long<'r>(&mut self, rest: &'r [u8], total: u64, first: PacketId, sink: &mut Sink<'_>) -> &'r [u8] {
        let name = sink.decoder.name(sink.side, rest);
        let loss = self.loss(first);
        loss.broken = Some((name, total));
        loss.too_long = true;
        self.state = State::Skipping { left: total };
        rest
    }

    /// Turns the message begun in `pending` into a loss.
    fn break_off(&mut self, sink: &Sink<'_>) {
        let (began, total) = match self.state {
            State::Within { total, began, .. } => (began, Some(total as u64)),
            State::Open { began } => (began, None),
            _ => return,
        };
        let name = sink.decoder.name(sink.side, &self.pending);
        let held = length(&self.pending);
        let loss = self.loss(began);
        if let Some(total) = total {
            loss.broken.get_or_insert((name, total));
        }
        loss.unused = loss.unused.saturating_add(held);
        self.pending = Vec::new();
    }

    /// Passes over what waited for the rest of its header.
    fn drop_head(&mut self, sink: &Sink<'_>) {
        let first = self.head.first().map_or(sink.packet, |&(_, packet)| packet);
        self.pass_over(self.head.len() as u64, first);
        self.head.clear();
    }

    fn pass_over(&mut self, bytes: u64, first: PacketId) {
        if bytes > 0 {
            let loss = self.loss(first);
            loss.unused = loss.unused.saturating_add(bytes);
        }
    }

    /// In step again, after `left` more bytes.
    fn step(&mut self, left: u64, sink: &mut Sink<'_>) {
        if left > 0 {
            self.state = State::Skipping { left };
        } else {
            self.tell(sink, None);
            self.state = State::Between;
            self.joining = false;
        }
    }

    /// The current loss; begins one in packet `first` where there is none.
    fn loss(&mut self, first: PacketId) -> &mut Loss {
        let joined = self.joining;
        self.loss.get_or_insert_with(|| {
            let (missing, not_received, cut, given_up, unused) = (0, 0, 0, 0, 0);
            Box::new(Loss {
                first,
                broken: None,
                joined,
                too_long: false,
                missing,
                not_received,
                cut,
                given_up,
                unused,
            })
        })
    }

    /// Emits the loss, if there is one.
    fn tell(&mut self, sink: &mut Sink<'_>, unfinished: Option<End>) {
        if let Some(loss) = self.loss.take() {
            let (kind, detail) = loss.told(unfinished);
            sink.gap(loss.first, kind, loss.bytes(), detail);
        }
    }
}

/// [`Framing`] without lengths that cannot be.
enum Framed {
    More,
    Message { header: usize, total: usize },
    Open,
    TooLong { total: u64 },
    Pass { total: u64 },
    Done,
    Lost,
}

impl From<Framing> for Framed {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::More => Self::More,
            Framing::Message { header, length } => match header.checked_add(length) {
                // A message of no bytes would be found at the same place for ever.
                None | Some(0) => Self::Lost,
                Some(total) => Self::Message { header, total },
            },
            Framing::Open => Self::Open,
            Framing::TooLong { total: 0 } | Framing::Pass { total: 0 } | Framing::Lost => Self::Lost,
            Framing::TooLong { total } => Self::TooLong { total },
            Framing::Pass { total } => Self::Pass { total },
            Framing::Done => Self::Done,
        }
    }
}

fn framed(sink: &Sink<'_>, bytes: &[u8]) -> Framed {
    sink.decoder.frame(sink.side, bytes).into()
}

/// Whether a message begins here that can then be framed; else seeking and framing could disagree for ever.
fn begins(sink: &Sink<'_>, bytes: &[u8]) -> Begins {
    match sink.decoder.begins(sink.side, bytes) {
        Begins::Yes if matches!(framed(sink, bytes), Framed::More) => Begins::Unknown,
        Begins::Yes
            if !matches!(
                framed(sink, bytes),
                Framed::Message { .. } | Framed::TooLong { .. } | Framed::Open | Framed::Pass { .. }
            ) =>
        {
            Begins::No
        }
        answer => answer,
    }
}

impl Loss {
    fn bytes(&self) -> u64 {
        let others = [self.not_received, self.cut, self.given_up, self.unused];
        others.into_iter().fold(self.missing, u64::saturating_add)
    }

    /// Its kind, and how to say it.
    fn told(&self, unfinished: Option<End>) -> (GapKind, String) {
        use std::fmt::Write as _;
        let kind = if self.too_long || self.given_up > 0 {
            GapKind::LimitReached
        } else if self.missing == 0 && self.not_received > 0 {
            GapKind::NotReceived
        } else if self.missing > 0 || unfinished == Some(End::Unseen) || (self.joined && self.cut == 0) {
            GapKind::Missing
        } else if self.cut > 0 {
            GapKind::CutShort
        } else {
            GapKind::Undecodable
        };
        let mut detail = String::new();
        if let Some((name, total)) = self.broken {
            let _ = write!(detail, "{name} of {total} bytes: ");
        }
        let mut parts = Vec::new();
        for (bytes, what) in [
            (self.missing, "are not in the capture"),
            (self.not_received, "are not in the capture and did not reach the peer either"),
            (self.cut, "were cut off in the capture"),
            (self.given_up, "were waited for up to a limit"),
            (self.unused, "are there and could not be used"),
        ] {
            if bytes > 0 {
                parts.push(format!("{bytes} bytes {what}"));
            }
        }
        if self.too_long {
            parts.push("larger than is kept of one message or of all streams".to_owned());
        }
        match unfinished {
            Some(End::Fin) => parts.push("the connection was closed before the message was whole".to_owned()),
            Some(End::Unseen) => parts.push("the end of the message was not seen".to_owned()),
            None if self.joined => parts.push("the beginning of the connection was not seen".to_owned()),
            None => {}
        }
        detail.push_str(&parts.join(", "));
        (kind, detail)
    }
}
