//! TCP connections by their headers alone: whether they opened, who refused or closed them, how much they carried.
//!
//! In: the segments of one connection, and ICMP messages about it. Out: one [`Connection`] when its fate is known, and
//! before it, of a connection to a KDC where one side repeats what the other does not acknowledge, an
//! [`Unacknowledged`]. What the payload says is none of its business, so it runs for all [`MATTERING_PORTS`], whether or
//! not their streams are put together.
//!
//! The event is `seen` from the first packet to the packet that decided the fate. Where silence decided it (a timeout,
//! the end of the capture) that is the last packet of the connection. Such events come out of `tick` and `finish` only,
//! where the merge sorts them among themselves, so they stay in the same place for any batch size and number of shards.

use capture::{CaptureTime, PacketId};

use crate::{
    Closing, Connection, Direction, Event, FlowKey, KDC_PORT, Message, NotReceived, Path, Refusal, Seen,
    Unacknowledged,
    decoder::{Side, length},
    wire::Segment,
};

/// Server ports whose connections are told of: DNS, HTTP (CRL, OCSP), Kerberos, the endpoint mapper of RPC, LDAP, HTTPS
/// (Entra ID), SMB, password change, LDAP over TLS, HTTP proxies (3128, 8080), and the global catalogue without and
/// with TLS. Sorted.
pub const MATTERING_PORTS: [u16; 13] = [53, 80, 88, 135, 389, 443, 445, 464, 636, 3128, 3268, 3269, 8080];

/// Whether connections to this server port are told of.
#[inline]
pub fn matters(port: u16) -> bool {
    // Asked of both ports of every packet: without a loop, and most ports are above all of them.
    port <= 8080 && matches!(port, 53 | 80 | 88 | 135 | 389 | 443 | 445 | 464 | 636 | 3128 | 3268 | 3269 | 8080)
}

/// Flag of the last segment of a direction.
pub(crate) const FIN: u8 = 1;
/// Flag of the first segment of a direction.
pub(crate) const SYN: u8 = 2;
/// Flag of a reset.
pub(crate) const RST: u8 = 4;
/// Flag saying that the acknowledgement number counts.
pub(crate) const ACK: u8 = 16;

/// How far a sequence number may be ahead to be taken as one of this connection: the largest window (RFC 7323 §2.3).
const MAX_AHEAD: u64 = 1 << 30;

/// How far a SYN may be behind data that the capture shows before it: a first window of ten segments and some.
const MAX_INVERSION: u64 = 64 << 10;

/// How often a segment is repeated without an acknowledgement before that is told: as often as TCP takes before it looks
/// for another way (RFC 9293 §3.8.3, R1), two seconds or so with the timers of Windows and Linux.
const MAX_REPEATS: u32 = 3;

/// Such a repetition comes at least so many nanoseconds after the packet of the connection before it: the shortest timer in
/// use is 200 milliseconds.
const REPEATED_AFTER: i64 = 100_000_000;

/// Offset of the first byte; not 0, so that earlier ones have an offset, too.
const ORIGIN: u64 = 1 << 32;

/// A packet and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The packet.
    pub packet: PacketId,
    /// Its capture time.
    pub at: CaptureTime,
}

impl From<Mark> for Seen {
    fn from(mark: Mark) -> Self {
        Self::in_packet(mark.packet, mark.at)
    }
}

/// Follows one connection.
#[derive(Debug)]
pub struct Tracker {
    /// Direction from the client to the server along the flow, whose key is kept by whoever keeps this.
    upwards: Direction,
    client: Half,
    server: Half,
    began: Mark,
    last: Mark,
    last_syn: Option<Mark>,
    syns: u32,
    syn_ack: bool,
    /// The client sent more than SYNs, so it had an answer even if the capture does not show it.
    went_on: bool,
    first_fin: Option<Side>,
    told: Told,
    /// What was repeated last, of either side. `None` until something is: most connections repeat nothing.
    repeated: Option<Box<[Repeated; 2]>>,
}

/// What one side repeats because it is not acknowledged.
#[derive(Clone, Copy, Debug)]
struct Repeated {
    /// Offset behind what the peer acknowledged.
    from: u64,
    times: u32,
    /// Payload bytes of the largest of these segments.
    bytes: u32,
}

impl Repeated {
    const NOTHING: Self = Self { from: 0, times: 0, bytes: 0 };

    /// Whether it was repeated often enough to be told.
    fn is_told(&self) -> bool {
        self.times >= MAX_REPEATS
    }

    fn told(&self, at_last: bool) -> Unacknowledged {
        Unacknowledged { bytes: self.bytes, sent: self.times.saturating_add(1), at_last }
    }
}

/// Whether the event of a connection was emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Yes,
    /// Its refusal was; the client tries again with the same SYN, and only a success would be news.
    Refused,
}

/// What decided the fate of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did not come about.
    Refused(Refusal),
    /// It ended.
    Closed(Closing),
    /// Nothing more was seen, and it is not waited for any longer.
    Forgotten,
    /// The capture ended first.
    Unfinished,
}

/// What the streams of a connection lack; see [`Connection`].
#[derive(Clone, Copy, Debug)]
pub struct Lacks {
    /// Bytes that the capture does not hold, both ways together.
    pub missing: u64,
    /// What the server did not receive.
    pub lost_to_server: Option<NotReceived>,
    /// What the client did not receive.
    pub lost_to_client: Option<NotReceived>,
}

/// How a segment relates to the connection known under its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It belongs to it.
    Same,
    /// It begins another one between the same ports.
    New,
}

impl Tracker {
    /// Of the connection that this segment belongs to. `None`: it is one to a port that does not matter.
    ///
    /// A SYN tells who is the client. Without one, the server is taken to be the endpoint with the port that matters,
    /// or of two such the lower one.
    pub fn new(segment: &Segment<'_>) -> Option<Self> {
        let path = segment.path;
        let reverse = Path { source: path.destination, destination: path.source, ..path };
        let to_server = match segment.flags & (SYN | ACK | RST) {
            SYN => path,
            flags if flags == SYN | ACK => reverse,
            _ => match (matters(path.source.port), matters(path.destination.port)) {
                (true, false) => reverse,
                (true, true) if path.source.port < path.destination.port => reverse,
                _ => path,
            },
        };
        matters(to_server.destination.port).then(|| Self::begin(to_server, segment))
    }

    /// Of a connection whose content matters, beginning with a segment of it that `sender` sent.
    pub fn by_content(segment: &Segment<'_>, sender: Side) -> Self {
        let path = segment.path;
        let to_server = match sender {
            Side::Client => path,
            Side::Server => Path { source: path.destination, destination: path.source, ..path },
        };
        Self::begin(to_server, segment)
    }

    fn begin(to_server: Path, segment: &Segment<'_>) -> Self {
        let mark = Mark { packet: segment.packet, at: segment.at };
        Self {
            upwards: to_server.flow().1,
            client: Half::default(),
            server: Half::default(),
            began: mark,
            last: mark,
            last_syn: None,
            syns: 0,
            syn_ack: false,
            went_on: false,
            first_fin: None,
            told: Told::No,
            repeated: None,
        }
    }

    /// Who sent what travels in this direction.
    pub fn side(&self, direction: Direction) -> Side {
        if direction == self.upwards { Side::Client } else { Side::Server }
    }

    /// Whether a segment from `side` belongs to this connection or begins another one.
    pub fn relation(&self, segment: &Segment<'_>, side: Side) -> Relation {
        let same = match segment.flags & (SYN | ACK | RST) {
            SYN if side == Side::Server => false,
            SYN => match self.client.syn {
                Some(syn) => syn == segment.sequence,
                None => self.client.begins_near(segment.sequence) && self.told == Told::No,
            },
            flags if flags == SYN | ACK && side == Side::Server => {
                let answers = segment.acknowledgement.map(|number| number.wrapping_sub(1));
                match (self.server.syn, self.client.syn) {
                    (Some(syn), _) if syn == segment.sequence => true,
                    (_, Some(syn)) => answers == Some(syn),
                    (None, None) => self.server.begins_near(segment.sequence) && self.told == Told::No,
                    (Some(_), None) => false,
                }
            }
            _ => true,
        };
        if same { Relation::Same } else { Relation::New }
    }

    /// Takes a segment of this connection that `side` sent, and says whether it decided the connection's fate.
    pub fn segment(&mut self, segment: &Segment<'_>, side: Side) -> Option<Fate> {
        let mark = Mark { packet: segment.packet, at: segment.at };
        self.last = mark;
        let flag = |flag| segment.flags & flag != 0;
        let opening = flag(SYN) && !flag(ACK);
        if opening && side == Side::Client && !flag(RST) {
            self.syns = self.syns.saturating_add(1);
            self.last_syn = Some(mark);
            if self.told == Told::Yes && self.opened() != Some(true) {
                self.told = Told::Refused;
            }
        }
        if flag(RST) {
            return self.reset(segment, side);
        }
        self.syn_ack |= side == Side::Server && flag(SYN) && flag(ACK);
        self.went_on |= side == Side::Client && !flag(SYN);
        let carried = length(&segment.payload).saturating_add(u64::from(segment.cut));
        let (own, peer) = match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        own.segment(segment.sequence, carried, flag(SYN), flag(FIN));
        if let Some(number) = segment.acknowledgement {
            peer.acknowledge(number);
        }
        if flag(FIN) {
            self.first_fin.get_or_insert(side);
        }
        (self.client.is_complete() && self.server.is_complete()).then(|| Fate::Closed(self.closing(side)))
    }

    /// What `side` repeats on a connection to a KDC with this segment without being acknowledged, once that is often
    /// enough to be told; or what of the other side it acknowledges after that was told. With the direction of those bytes.
    /// To be asked before [`Tracker::segment`].
    ///
    /// Only to a KDC: of other connections live capture leaves out packets, and acknowledgements with them.
    pub fn repeats(&mut self, segment: &Segment<'_>, side: Side) -> Option<(Unacknowledged, Path)> {
        let Path { source, destination, .. } = segment.path;
        if source.port != KDC_PORT && destination.port != KDC_PORT {
            return None;
        }
        let (own, peer, [index, other]) = match side {
            Side::Client => (&self.client, &self.server, [0, 1]),
            Side::Server => (&self.server, &self.client, [1, 0]),
        };
        if let Some(told) = self.repeated.as_mut().and_then(|both| both.get_mut(other)).filter(|other| other.is_told())
            && segment.acknowledgement.is_some_and(|number| peer.is_acknowledged_beyond(told.from, number))
        {
            let what = told.told(true);
            *told = Repeated::NOTHING;
            return Some((what, Path { source: destination, destination: source, ..segment.path }));
        }
        let bytes = length(&segment.payload).saturating_add(u64::from(segment.cut));
        if bytes == 0 || !own.is_repeated_unacknowledged(segment.sequence, bytes) {
            return None;
        }
        let from = own.acknowledged;
        // A timer rings in silence; copies of a packet come at once, and what is sent early comes with others.
        let is_late = segment.at.since(self.last.at) >= REPEATED_AFTER;
        let both = self.repeated.get_or_insert_with(|| Box::new([Repeated::NOTHING; 2]));
        let repeated = both.get_mut(index)?;
        if repeated.from != from {
            *repeated = Repeated { from, ..Repeated::NOTHING };
        }
        if repeated.is_told() || !is_late {
            return None;
        }
        repeated.times = repeated.times.saturating_add(1);
        // Systems try smaller segments when large ones are lost.
        repeated.bytes = repeated.bytes.max(u32::try_from(bytes).unwrap_or(u32::MAX));
        repeated.is_told().then(|| (repeated.told(false), segment.path))
    }

    /// Takes an ICMP message about a packet of this connection, on `flow`, that travelled as `about` says.
    ///
    /// `None` where that decides nothing: the connection is open, or the message only asks for smaller packets.
    pub fn unreachable(&mut self, flow: &FlowKey, icmp_type: u8, code: u8, about: Path, mark: Mark) -> Option<Fate> {
        // ICMP type 3 code 4, RFC 1191: fragmentation needed.
        let too_big = icmp_type == 3 && code == 4;
        if about != self.path(flow) || too_big || self.syns == 0 || self.syn_ack || self.went_on {
            return None;
        }
        self.last = mark;
        Some(Fate::Refused(Refusal::Icmp(code)))
    }

    /// The event of this connection, on `flow`, unless it was told before. `lacks`: what its streams lack, where they
    /// are put together. `decided`: the packet that decided, where it is none of this connection.
    pub fn tell(&mut self, flow: &FlowKey, fate: Fate, lacks: Option<Lacks>, decided: Option<Mark>) -> Option<Event> {
        let told = self.told;
        self.told = Told::Yes;
        let opened = self.opened();
        match told {
            Told::No => {}
            Told::Refused if opened == Some(true) => {}
            Told::Refused | Told::Yes => return None,
        }
        let refused = match fate {
            Fate::Refused(refusal) => Some(refusal),
            _ => None,
        };
        let ended = |otherwise| self.first_fin.map(closed_by_fin).or(otherwise);
        let closed = match fate {
            Fate::Refused(_) => None,
            Fate::Closed(closing) => Some(closing),
            Fate::Forgotten if opened == Some(false) => None,
            Fate::Forgotten => ended(Some(Closing::Forgotten)),
            Fate::Unfinished => ended(None),
        };
        let lacks = lacks.unwrap_or_else(|| Lacks {
            missing: self.client.missing().saturating_add(self.server.missing()),
            lost_to_server: None,
            lost_to_client: None,
        });
        let connection = Connection {
            opened,
            syns: self.syns,
            began: self.began.into(),
            last_syn: self.last_syn.map(Seen::from),
            refused,
            closed,
            bytes_to_server: self.client.bytes(),
            bytes_to_client: self.server.bytes(),
            directions_seen: (self.client.seen, self.server.seen),
            missing: lacks.missing,
            lost_to_server: lacks.lost_to_server,
            lost_to_client: lacks.lost_to_client,
        };
        let last = decided.unwrap_or(self.last);
        let seen = Seen { last: last.packet, first: self.began.packet, at: last.at };
        Some(Event::direct(seen, Some(self.path(flow)), Message::Connection(Box::new(connection))))
    }

    /// From the client to the server, on `flow`.
    pub fn path(&self, flow: &FlowKey) -> Path {
        let (source, destination) = flow.endpoints(self.upwards);
        Path { transport: flow.transport, source, destination }
    }

    /// The last packet.
    pub fn last(&self) -> Mark {
        self.last
    }

    /// The sequence numbers that follow the SYNs of client and server, where those were seen.
    pub fn first_sequences(&self) -> (Option<u32>, Option<u32>) {
        let after = |half: &Half| half.syn.map(|syn| syn.wrapping_add(1));
        (after(&self.client), after(&self.server))
    }

    /// Bytes that one side sent beyond its FIN.
    pub fn beyond_fin(&self, side: Side) -> u64 {
        let half = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        half.fin.map_or(0, |fin| half.high.saturating_sub(fin))
    }

    /// What is waited for next.
    pub fn stage(&self) -> Stage {
        match (self.told == Told::Yes, self.client.fin.is_some(), self.server.fin.is_some()) {
            (true, ..) => Stage::Told,
            (_, true, true) => Stage::Closing,
            (_, true, false) | (_, false, true) => Stage::HalfClosed,
            _ if self.syns > 0 && !self.syn_ack && !self.went_on && !self.server.seen => Stage::Opening,
            _ => Stage::Open,
        }
    }

    /// See [`Connection::opened`].
    fn opened(&self) -> Option<bool> {
        let carried = |half: &Half| half.low < half.high;
        if (self.syn_ack && self.client.seen) || (carried(&self.client) && carried(&self.server)) {
            Some(true)
        } else if self.syns > 0 && !self.syn_ack && !self.went_on {
            Some(false)
        } else {
            None
        }
    }

    fn reset(&mut self, segment: &Segment<'_>, side: Side) -> Option<Fate> {
        let half = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        half.seen = true;
        if side == Side::Server && self.syns > 0 && !self.syn_ack && !self.went_on {
            // RFC 9293 §3.10.7.3: before the connection is open, a reset counts if it acknowledges the SYN.
            let expected = self.client.syn.map(|syn| syn.wrapping_add(1));
            return (segment.acknowledgement == expected).then_some(Fate::Refused(Refusal::Reset));
        }
        let reset = match side {
            Side::Client => Closing::ClientReset,
            Side::Server => Closing::ServerReset,
        };
        Some(Fate::Closed(self.first_fin.map_or(reset, closed_by_fin)))
    }

    fn closing(&self, side: Side) -> Closing {
        closed_by_fin(self.first_fin.unwrap_or(side))
    }
}

/// What is waited for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The server's answer to the SYN.
    Opening,
    /// Anything.
    Open,
    /// The other side's FIN.
    HalfClosed,
    /// Data that belongs before the FINs.
    Closing,
    /// Nothing: the event was emitted.
    Told,
}

fn closed_by_fin(side: Side) -> Closing {
    match side {
        Side::Client => Closing::ClientFin,
        Side::Server => Closing::ServerFin,
    }
}

/// One direction, by sequence numbers.
#[derive(Debug, Default)]
struct Half {
    seen: bool,
    /// Sequence number of the SYN.
    syn: Option<u32>,
    /// The sequence number at `ORIGIN`.
    origin: Option<u32>,
    /// Offsets of the first byte, and of the one behind the last.
    low: u64,
    high: u64,
    /// Bytes that were jumped over and have not come since.
    ///
    /// An estimate: what is repeated while something is missing counts as what is missing. Exact accounts are kept
    /// where streams are put together.
    jumped: u64,
    acknowledged: u64,
    /// Offset of the FIN.
    fin: Option<u64>,
}

impl Half {
    fn segment(&mut self, sequence: u32, size: u64, syn: bool, fin: bool) {
        self.seen = true;
        let data = sequence.wrapping_add(u32::from(syn));
        if self.origin.is_none() {
            self.origin = Some(data);
            (self.low, self.high) = (ORIGIN, ORIGIN);
        }
        let Some(start) = self.offset(data).filter(|&start| start.saturating_sub(self.high) <= MAX_AHEAD) else {
            return;
        };
        if syn && self.syn.is_none() {
            self.syn = Some(sequence);
            // Data that came before its SYN has set `low` too high.
            self.low = self.low.min(start);
        }
        let end = start.saturating_add(size);
        if size > 0 {
            if end <= self.high {
                self.jumped = self.jumped.saturating_sub(size);
            } else {
                self.jumped = self.jumped.saturating_add(start.saturating_sub(self.high));
            }
            if self.syn.is_none() && self.low.saturating_sub(start) <= MAX_INVERSION {
                self.low = self.low.min(start);
            }
            self.high = self.high.max(end);
        }
        if fin && self.fin.is_none() {
            self.fin = Some(end);
        }
    }

    /// Whether `size` bytes from here on were sent before, and begin with, or before, the first that the peer has not
    /// acknowledged. Not where no acknowledgement was seen at all: they may be on a way that is not captured. A byte
    /// alone asks whether the peer has room again (RFC 9293 §3.8.6.1).
    fn is_repeated_unacknowledged(&self, sequence: u32, size: u64) -> bool {
        let Some(start) = self.offset(sequence) else { return false };
        let end = start.saturating_add(size);
        size > 1 && end <= self.high && (start..end).contains(&self.acknowledged)
    }

    /// Whether this acknowledgement is of more than what is before `from`.
    fn is_acknowledged_beyond(&self, from: u64, number: u32) -> bool {
        self.offset(number).is_some_and(|offset| offset > from && offset.saturating_sub(self.high) <= MAX_AHEAD)
    }

    fn acknowledge(&mut self, number: u32) {
        if let Some(offset) = self.offset(number)
            && offset > self.acknowledged
            && offset.saturating_sub(self.high) <= MAX_AHEAD
        {
            self.acknowledged = offset;
        }
    }

    /// The offset nearest to `high` that has this sequence number.
    fn offset(&self, sequence: u32) -> Option<u64> {
        let origin = self.origin?;
        // Truncation is the point: sequence numbers are offsets modulo 2³².
        #[expect(clippy::cast_possible_truncation)]
        let high = origin.wrapping_add(self.high.wrapping_sub(ORIGIN) as u32);
        self.high.checked_add_signed(i64::from(sequence.wrapping_sub(high).cast_signed()))
    }

    /// Whether a SYN with this sequence number fits what was seen before it.
    fn begins_near(&self, syn: u32) -> bool {
        !self.seen
            || self
                .offset(syn.wrapping_add(1))
                .is_some_and(|begin| begin <= self.low && self.low.saturating_sub(begin) <= MAX_INVERSION)
    }

    /// Offset behind the last byte that is known to have been sent.
    fn end(&self) -> u64 {
        match self.fin {
            Some(fin) => self.high.max(self.acknowledged.min(fin)),
            // One more than was seen is what a FIN takes, and it may be the FIN that is missing.
            None if self.acknowledged == self.high.saturating_add(1) => self.high,
            None => self.high.max(self.acknowledged),
        }
    }

    fn bytes(&self) -> u64 {
        self.end().saturating_sub(self.low)
    }

    fn missing(&self) -> u64 {
        self.jumped.saturating_add(self.end().saturating_sub(self.high))
    }

    /// Whether its FIN and, as far as headers show, all before it were seen.
    fn is_complete(&self) -> bool {
        self.jumped == 0 && self.fin.is_some_and(|fin| self.high >= fin)
    }
}
