//! The flows of one shard: units in, events out. HOT.
//!
//! A unit goes to the shard that [`shard_of`] names for its flow, which is the same for both directions, so a shard
//! knows all of a connection and nothing of others. What comes out does not depend on how units were batched:
//!
//! - [`Shard::push`] emits what its unit completes, `seen` in that unit's packet.
//! - [`Shard::tick`] alone lets time pass. It counts whole seconds between ticks, never a packet's own time, so that
//!   two shards agree on what is due, and a clock that steps back makes nothing happen early or twice.
//! - [`Shard::finish`] ends all flows, in the order of their keys.
//!
//! Events of `tick` and `finish` are `seen` in the last packet of their flow, which is an older one. They belong before
//! the events of the batch that follows, sorted among themselves.
//!
//! It does not depend on the number of shards either, with one exception: the limits on memory ([`MAX_FLOWS`],
//! [`MAX_BUFFERED`]) are divided among the shards, so a capture that reaches them loses different flows then. Reaching
//! one is told as a gap.

mod alarms;
mod table;

use std::net::IpAddr;

use capture::CaptureTime;
use hashbrown::hash_table::Entry;

use self::{
    alarms::Alarms,
    table::{Id, Table},
};
use crate::{
    Carriage, Decoded, Event, FlowKey, Gap, GapKind, Message, Path, Protocol, Seen, Transport, Unreachable,
    cms::costly,
    connection::{Fate, Mark, RST, Relation, SYN, Stage, Tracker, matters},
    content::{self, ContentStream},
    decoder::{Counted, Decoder, Decoders, KERBEROS_PORT, Side},
    stream::{Duplex, Out, Scratch, out_of_place},
    tls,
    wire::{Datagram, Segment, Unit},
};

/// TCP connections followed at once, all shards together: some 400 MB. A busy domain controller has a few ten thousand.
pub const MAX_FLOWS: usize = 1_000_000;

/// What [`MAX_FLOWS`] says of one connection.
const BYTES_OF_A_FLOW: usize = 400;

/// Bytes of streams kept for later, all shards together.
pub const MAX_BUFFERED: usize = 256 << 20;

/// Seconds after its last SYN when a connection is told to be unanswered. Linux waits up to 32 s before its last
/// repetition, Windows up to 12 s.
pub const SYN_TIMEOUT: u64 = 35;

/// Seconds after which a silent connection is forgotten.
pub const IDLE_TIMEOUT: u64 = 300;

/// Seconds that a connection closed by one side is given, when silent, before it is told to be closed.
pub const HALF_CLOSED_TIMEOUT: u64 = 60;

/// Seconds that a connection closed by both sides, of which something is missing, is given before it is told.
pub const CLOSING_TIMEOUT: u64 = 10;

/// Seconds without a packet after which the ports of a connection that was told are free: what comes late until then
/// belongs to it and is no connection of its own.
pub const LINGER_TIMEOUT: u64 = 30;

/// Seconds for which a hole is waited for at most. Retransmission timers reach this only after repeated losses.
pub const HOLE_TIMEOUT: u64 = 30;

/// What a shard needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The functions that decode messages.
    pub decoders: Decoders,
    /// Connections this shard follows at once.
    pub max_flows: usize,
    /// Bytes of streams this shard keeps for later.
    pub max_buffered: usize,
}

impl Config {
    /// For one of `shards` shards.
    pub fn for_shards(shards: usize) -> Self {
        let share = |total: usize| total.checked_div(shards).unwrap_or(total).max(1);
        Self { decoders: Decoders::default(), max_flows: share(MAX_FLOWS), max_buffered: share(MAX_BUFFERED) }
    }

    /// The same for a program that should do with `memory` bytes: the connections of all `shards` may take a quarter of
    /// it, and what their streams keep for later another. Never more than before.
    #[must_use]
    pub fn within(self, memory: u64, shards: usize) -> Self {
        let quarter = usize::try_from(memory / 4).unwrap_or(usize::MAX).checked_div(shards).unwrap_or(usize::MAX);
        Self {
            max_flows: self.max_flows.min(quarter / BYTES_OF_A_FLOW).max(1),
            max_buffered: self.max_buffered.min(quarter).max(1),
            ..self
        }
    }
}

/// Which of `shards` shards a flow belongs to; the same for both of its directions, and in every run. No more than 256
/// get any.
pub fn shard_of(flow: &FlowKey, shards: usize) -> usize {
    group_of(flow).checked_rem(shards).unwrap_or(0)
}

/// Which group a flow is in. All of a group is in one shard, whatever their number.
pub(crate) fn group_of(flow: &FlowKey) -> usize {
    usize::try_from(hash(flow) % costly::GROUPS as u64).unwrap_or(0)
}

/// A number that is the same for both directions of a flow, and in every run.
pub(crate) fn hash(flow: &FlowKey) -> u64 {
    // SplitMix64's finisher over the words of the key. It needs to spread, not to withstand: whoever chooses addresses
    // so that all flows meet in one shard costs us speed and nothing else.
    let mix = |hash: u64, word: u64| {
        let hash = (hash ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash ^ (hash >> 29)
    };
    let hash = [flow.low, flow.high].into_iter().fold(flow.transport as u64, |hash, end| {
        let hash = match end.address {
            IpAddr::V4(address) => mix(hash, u64::from(address.to_bits())),
            IpAddr::V6(address) => address
                .segments()
                .chunks(4)
                .map(|words| words.iter().fold(0, |sum, &word| (sum << 16) | u64::from(word)))
                .fold(hash, mix),
        };
        mix(hash, u64::from(end.port))
    });
    mix(hash, hash >> 32)
}

/// Owns the flows of one shard.
#[derive(Debug)]
pub struct Shard {
    config: Config,
    flows: Table,
    alarms: Alarms,
    clock: Clock,
    /// Bytes that all streams keep for later.
    buffered: usize,
    /// When each limit was last told of: once a second is enough.
    told_flows: Option<u64>,
    told_buffered: Option<u64>,
    scratch: Scratch,
    /// The alarms that ring in a tick, and the flows to look at then; empty between ticks, and used again.
    ringing: Vec<Id>,
    due: Vec<FlowKey>,
}

impl Shard {
    /// A shard without flows.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            flows: Table::default(),
            alarms: Alarms::default(),
            clock: Clock::default(),
            buffered: 0,
            told_flows: None,
            told_buffered: None,
            scratch: Scratch::default(),
            ringing: Vec::new(),
            due: Vec::new(),
        }
    }

    /// Takes a unit of one of its flows. Units of one flow come in arrival order.
    pub fn push(&mut self, unit: &Unit<'_>, out: &mut Vec<Event>) {
        match unit {
            Unit::Segment(segment) => self.segment(segment, out),
            Unit::Datagram(datagram) => self.datagram(datagram, out),
            &Unit::Unreachable { packet, at, path, ref unreachable } => {
                self.unreachable(Mark { packet, at }, path, unreachable.clone(), out);
            }
        }
    }

    /// Lets capture time pass to `now`, a whole second.
    ///
    /// Every shard is to get every tick. What comes before the first one counts as of that second.
    pub fn tick(&mut self, now: CaptureTime, out: &mut Vec<Event>) {
        let now = self.clock.advance(now);
        let mut out = Out { events: out, scratch: &mut self.scratch };
        let mut due = std::mem::take(&mut self.due);
        self.alarms.take_due(now, &mut self.ringing);
        for id in self.ringing.drain(..) {
            // A flow whose alarm was moved to an earlier second leaves the old one behind.
            due.extend(self.flows.of_id(id).filter(|flow| flow.alarm <= now).map(|flow| flow.key));
        }
        due.sort_unstable();
        due.dedup();
        for key in due.drain(..) {
            let id = self.flows.id(&key);
            let Entry::Occupied(mut entry) = self.flows.entry(id, &key) else { continue };
            let flow = entry.get_mut();
            let before = flow.footprint();
            if flow.hole_deadline().is_some_and(|deadline| deadline <= now) {
                flow.pass_holes(&mut out);
            }
            let after = if flow.deadline() <= now {
                flow.finish(Fate::Forgotten, None, &mut out);
                entry.remove();
                0
            } else {
                flow.alarm = flow.next_alarm();
                self.alarms.set(flow.alarm, id);
                flow.kept = flow.footprint();
                flow.kept
            };
            self.buffered = self.buffered.saturating_sub(before).saturating_add(after);
        }
        self.ringing.shrink_to(alarms::MAX_SPARE);
        due.shrink_to(alarms::MAX_SPARE);
        self.due = due;
    }

    /// Ends all flows: the capture is over.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        self.alarms = Alarms::default();
        let mut out = Out { events: out, scratch: &mut self.scratch };
        for mut flow in self.flows.take_all() {
            flow.finish(Fate::Unfinished, None, &mut out);
        }
        self.buffered = 0;
    }

    /// Takes what was counted and not handed out since the last call: nothing, unless [`Detail::SignIns`] is asked for.
    ///
    /// [`Detail::SignIns`]: crate::decoder::Detail::SignIns
    pub fn take_counted(&mut self) -> Counted {
        std::mem::take(&mut self.scratch.counted)
    }

    /// Number of connections it follows at present.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Bytes that its streams keep for later.
    pub fn buffered(&self) -> usize {
        self.buffered
    }

    fn segment(&mut self, segment: &Segment<'_>, out: &mut Vec<Event>) {
        let (key, direction) = segment.path.flow();
        let at_home = matters(segment.path.source.port) || matters(segment.path.destination.port);
        // Most packets of a capture are held back by the gate, and most others to other ports end here.
        let id = self.flows.id(&key);
        if !at_home && content::begins(&segment.payload).is_none() && !self.flows.contains(id, &key) {
            return;
        }
        let mark = Mark { packet: segment.packet, at: segment.at };
        if self.flows.len() >= self.config.max_flows && !self.flows.contains(id, &key) {
            self.push_out(segment, out);
        }
        let out = &mut Out { events: out, scratch: &mut self.scratch };
        let (flow, before) = match self.flows.entry(id, &key) {
            Entry::Occupied(entry) => {
                let flow = entry.into_mut();
                let before = flow.kept;
                let again = flow.tracker.as_ref().map_or_else(
                    // A connection to another port uses the same two ports; only a SYN can say that this is over.
                    || if segment.flags & (SYN | RST) == SYN { Relation::New } else { Relation::Same },
                    |tracker| tracker.relation(segment, tracker.side(direction)),
                );
                if again == Relation::New {
                    flow.finish(Fate::Forgotten, Some(mark), out);
                    let alarm = flow.alarm;
                    **flow = Flow { alarm, ..Flow::new(key, segment) };
                } else if flow.tracker.is_none() && content::begins(&segment.payload).is_some() {
                    **flow = Flow { alarm: flow.alarm, ..Flow::new(key, segment) };
                }
                (flow, before)
            }
            Entry::Vacant(entry) => (entry.insert(Box::new(Flow::new(key, segment))).into_mut(), 0),
        };
        flow.touched = self.clock.elapsed;
        if let Some(tracker) = &mut flow.tracker {
            let side = tracker.side(direction);
            if let Some((what, path)) = tracker.repeats(segment, side) {
                out.events.push(Event::direct(mark.into(), Some(path), Message::Unacknowledged(what)));
            }
            let fate = tracker.segment(segment, side);
            if flow.streams.is_none() && !flow.dropped && carries(segment) {
                let decoder = decoder(self.config.decoders, &key, tracker, segment);
                flow.streams = decoder.map(|decoder| Box::new(Duplex::new(decoder, tracker.path(&key))));
            }
            let alerts = flow.streams.as_ref().map_or(flow.alerts, |streams| streams.alerts_of(side));
            if let Some(streams) = flow.streams.as_mut().filter(|_| segment.flags & RST == 0) {
                streams.segment(segment, side, tracker.first_sequences(), out);
                if streams.is_over() {
                    flow.alerts = streams.alerts_of(side);
                    flow.streams = None;
                    flow.dropped = true;
                }
            }
            if let Some(carriage) = alerts
                && tls::is_encrypted_alert(&segment.payload)
            {
                let alert = tls::Message { body: tls::Body::Alert(tls::Alert::Encrypted), stopped: None };
                let message = Message::Tls(Box::new(alert));
                out.events.push(Event { seen: mark.into(), path: Some(segment.path), carriage, message });
            }
            if let Some(fate) = fate {
                let lacks = flow.streams.as_ref().map(|streams| streams.lacks());
                out.events.extend(tracker.tell(&key, fate, lacks, None));
                flow.close(out);
            }
        }
        let mut after = flow.footprint();
        let others = self.buffered.saturating_sub(before);
        if after > before && others.saturating_add(after) > self.config.max_buffered {
            flow.shed(mark, out);
            after = flow.footprint();
            if self.told_buffered != Some(self.clock.elapsed) {
                self.told_buffered = Some(self.clock.elapsed);
                let detail = format!("streams keep more than {} bytes for later", self.config.max_buffered);
                out.events.push(limit(mark, segment.path, detail));
            }
        }
        flow.kept = after;
        self.buffered = others.saturating_add(after);
        let waiting = flow.streams.as_ref().is_some_and(|streams| streams.is_waiting());
        flow.waiting_since = waiting.then(|| flow.waiting_since.unwrap_or(flow.touched));
        flow.reschedule(id, &mut self.alarms);
    }

    fn datagram(&mut self, datagram: &Datagram<'_>, out: &mut Vec<Event>) {
        if self.config.decoders.only_counts(datagram) {
            self.scratch.counted.dns = self.scratch.counted.dns.saturating_add(1);
            return;
        }
        let mut found = self.scratch.list();
        let ports = [datagram.path.source.port, datagram.path.destination.port];
        if ports.contains(&KERBEROS_PORT) {
            let group = group_of(&datagram.path.flow().0);
            let decode = || self.config.decoders.datagram(datagram, &mut found);
            self.scratch.costly.within(group, datagram.payload.len(), decode);
        } else {
            costly::without(|| self.config.decoders.datagram(datagram, &mut found));
        }
        let seen = Seen { last: datagram.packet, first: datagram.first, at: datagram.at };
        let path = Some(datagram.path);
        out.extend(found.drain(..).map(|Decoded { carriage, message }| Event { seen, path, carriage, message }));
        self.scratch.keep_list(found);
    }

    fn unreachable(&mut self, mark: Mark, path: Path, unreachable: Unreachable, out: &mut Vec<Event>) {
        let (icmp_type, code, about) = (unreachable.icmp_type, unreachable.code, unreachable.about);
        let message = Message::Unreachable(Box::new(unreachable));
        out.push(Event::direct(mark.into(), Some(path), message));
        let Some(about) = about.filter(|about| about.transport == Transport::Tcp) else { return };
        let key = about.flow().0;
        let id = self.flows.id(&key);
        let Some(flow) = self.flows.get_mut(id, &key) else { return };
        let Some(tracker) = &mut flow.tracker else { return };
        if let Some(fate) = tracker.unreachable(&key, icmp_type, code, about, mark) {
            out.extend(tracker.tell(&key, fate, None, None));
            flow.touched = self.clock.elapsed;
            flow.reschedule(id, &mut self.alarms);
        }
    }

    /// Forgets the connection whose time would be up first, to make room for the one of `segment`.
    fn push_out(&mut self, segment: &Segment<'_>, out: &mut Vec<Event>) {
        let mark = Mark { packet: segment.packet, at: segment.at };
        while let Some((second, id)) = self.alarms.take_first() {
            // Flows whose alarm was moved to an earlier second leave the old one behind.
            let rings = self.flows.of_id(id).find(|flow| flow.alarm == second).map(|flow| flow.key);
            let Some(mut flow) = rings.and_then(|key| self.flows.remove(id, &key)) else { continue };
            self.buffered = self.buffered.saturating_sub(flow.footprint());
            flow.finish(Fate::Forgotten, Some(mark), &mut Out { events: out, scratch: &mut self.scratch });
            break;
        }
        if self.told_flows != Some(self.clock.elapsed) {
            self.told_flows = Some(self.clock.elapsed);
            let detail = format!("more than {} connections at once: the oldest are forgotten", self.config.max_flows);
            out.push(limit(mark, segment.path, detail));
        }
    }
}

/// What decodes a connection that this segment is of: by its port, by what it begins with where that is seen, or by
/// what the segment begins with.
fn decoder(decoders: Decoders, flow: &FlowKey, tracker: &Tracker, segment: &Segment<'_>) -> Option<Box<dyn Decoder>> {
    let port = tracker.path(flow).destination.port;
    decoders.stream(port).or_else(|| {
        let carries = !segment.payload.is_empty() || segment.cut > 0;
        let from_the_beginning = content::is_home(port) && tracker.first_sequences() != (None, None);
        let begins = if content::is_home(port) {
            content::begins_at_home(&segment.payload)
        } else {
            content::begins(&segment.payload).is_some()
        };
        let decoded = carries && (from_the_beginning || begins);
        let at_home = content::is_home(port);
        let detail = decoders.detail;
        decoded.then(|| {
            if at_home {
                Box::new(ContentStream::new(port, detail))
            } else {
                content::decoder(port, &segment.payload, detail)
            }
        })
    })
}

/// Whether a segment is one for a stream. A lone SYN is not, so that a flood of them costs no streams.
fn carries(segment: &Segment<'_>) -> bool {
    segment.flags & RST == 0 && (segment.flags & SYN == 0 || !segment.payload.is_empty() || segment.cut > 0)
}

/// Says that a limit of ours was reached at this packet.
fn limit(mark: Mark, path: Path, detail: String) -> Event {
    let gap = Gap { kind: GapKind::LimitReached, protocol: Protocol::Tcp, bytes: 0, detail };
    Event::direct(mark.into(), Some(path), Message::Gap(Box::new(gap)))
}

/// One conversation over TCP.
#[derive(Debug)]
struct Flow {
    key: FlowKey,
    /// `None`: a connection to a port that does not matter, from one that looks as if it did.
    tracker: Option<Tracker>,
    /// Where it is one that is decoded, and more than a SYN was seen.
    streams: Option<Box<Duplex>>,
    /// It is one of which nothing more is decoded.
    dropped: bool,
    /// It came to its end and was told, and was decoded as this.
    closed: Option<Protocol>,
    /// Encrypted alerts can be told from data in it; what carries them.
    alerts: Option<Carriage>,
    /// Second of the last packet, by the shard's clock.
    touched: u64,
    /// Second since which a stream waits for something.
    waiting_since: Option<u64>,
    /// Second for which its earliest alarm is set.
    alarm: u64,
    /// Bytes that its streams keep for later.
    kept: usize,
}

impl Flow {
    fn new(key: FlowKey, segment: &Segment<'_>) -> Self {
        let tracker = Tracker::new(segment).or_else(|| {
            let sender = content::begins(&segment.payload)?;
            Some(Tracker::by_content(segment, sender))
        });
        Self {
            key,
            tracker,
            streams: None,
            dropped: false,
            closed: None,
            alerts: None,
            touched: 0,
            waiting_since: None,
            alarm: u64::MAX,
            kept: 0,
        }
    }

    /// Ends it. `decided`: the packet of another flow or connection that ended it.
    fn finish(&mut self, fate: Fate, decided: Option<Mark>, out: &mut Out<'_>) {
        let Some(tracker) = &mut self.tracker else { return };
        if let Some(streams) = &mut self.streams {
            streams.finish(decided.unwrap_or(tracker.last()), out);
        }
        if let Some(protocol) = self.closed.take() {
            let seen = decided.unwrap_or(tracker.last()).into();
            let to_server = tracker.path(&self.key);
            let to_client = Path { source: to_server.destination, destination: to_server.source, ..to_server };
            for (side, path) in [(Side::Client, to_server), (Side::Server, to_client)] {
                let bytes = tracker.beyond_fin(side);
                if bytes > 0 {
                    let detail = out_of_place(bytes);
                    let gap = Gap { kind: GapKind::Undecodable, protocol, bytes, detail };
                    out.events.push(Event::direct(seen, Some(path), Message::Gap(Box::new(gap))));
                }
            }
        }
        let lacks = self.streams.as_ref().map(|streams| streams.lacks());
        out.events.extend(tracker.tell(&self.key, fate, lacks, decided));
    }

    /// It has been told. Where its streams have come to their end, their memory goes back: the ports are kept for a
    /// while, so that what comes late is no connection of its own, and there are many such.
    fn close(&mut self, out: &mut Out<'_>) {
        let (Some(tracker), Some(streams)) = (&self.tracker, &mut self.streams) else { return };
        let is_clean = [Side::Client, Side::Server].iter().all(|&side| tracker.beyond_fin(side) == 0);
        if tracker.stage() == Stage::Told && streams.has_ended() && is_clean {
            streams.finish(tracker.last(), out);
            self.closed = Some(streams.protocol());
            self.streams = None;
            self.dropped = true;
        }
    }

    /// Passes all holes of its streams. Where a peer still asks for what is in one, nothing comes of the connection any
    /// more: it is told.
    fn pass_holes(&mut self, out: &mut Out<'_>) {
        if let (Some(streams), Some(tracker)) = (&mut self.streams, &mut self.tracker) {
            streams.pass_holes(tracker.last(), out);
            let lacks = streams.lacks();
            if lacks.lost_to_server.is_some() || lacks.lost_to_client.is_some() {
                out.events.extend(tracker.tell(&self.key, Fate::Forgotten, Some(lacks), None));
            }
        }
        self.waiting_since = None;
    }

    /// Makes its streams give up what they keep for later.
    fn shed(&mut self, mark: Mark, out: &mut Out<'_>) {
        if let Some(streams) = &mut self.streams {
            streams.shed(mark, out);
        }
    }

    fn footprint(&self) -> usize {
        self.streams.as_ref().map_or(0, |streams| streams.footprint())
    }

    /// When it is over, if nothing more comes.
    fn deadline(&self) -> u64 {
        let patience = match self.tracker.as_ref().map(Tracker::stage) {
            Some(Stage::Opening) => SYN_TIMEOUT,
            Some(Stage::Open) => IDLE_TIMEOUT,
            Some(Stage::HalfClosed) => HALF_CLOSED_TIMEOUT,
            Some(Stage::Closing) => CLOSING_TIMEOUT,
            Some(Stage::Told) | None => LINGER_TIMEOUT,
        };
        self.touched.saturating_add(patience)
    }

    fn hole_deadline(&self) -> Option<u64> {
        self.waiting_since.map(|since| since.saturating_add(HOLE_TIMEOUT))
    }

    fn next_alarm(&self) -> u64 {
        self.hole_deadline().map_or(self.deadline(), |hole| hole.min(self.deadline()))
    }

    /// Sets an alarm, where none is set that is early enough.
    fn reschedule(&mut self, id: Id, alarms: &mut Alarms) {
        let next = self.next_alarm();
        if next < self.alarm {
            self.alarm = next;
            alarms.set(next, id);
        }
    }
}

/// Whole seconds of capture time that have passed, by ticks.
#[derive(Debug, Default)]
struct Clock {
    elapsed: u64,
    /// The last tick, as whole seconds since 1970.
    last: Option<i64>,
}

impl Clock {
    /// The first tick starts it: what came before counts as of that second, since no shard knows the first packet of
    /// all. A clock that steps back stands still here, and goes on from where it stepped to.
    fn advance(&mut self, now: CaptureTime) -> u64 {
        let now = now.seconds();
        let passed = self.last.map_or(0, |last| now.saturating_sub(last));
        self.last = Some(now);
        self.elapsed = self.elapsed.saturating_add(u64::try_from(passed).unwrap_or(0));
        self.elapsed
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use capture::CaptureTime;

    use super::{Clock, shard_of};
    use crate::{Endpoint, FlowKey, Transport};

    #[test]
    fn both_directions_share_a_shard_and_flows_spread() {
        let mut counts = [0; 7];
        for host in 0..200_u8 {
            for port in 49_152..49_172 {
                let client = Endpoint { address: IpAddr::from([10, 0, 1, host]), port };
                let server = Endpoint { address: IpAddr::from([10, 0, 0, 1]), port: 88 };
                let there = shard_of(&FlowKey::of(Transport::Tcp, client, server).0, 7);
                assert_eq!(there, shard_of(&FlowKey::of(Transport::Tcp, server, client).0, 7));
                counts[there] += 1;
            }
        }
        assert!(counts.iter().all(|&count| (450..700).contains(&count)), "{counts:?}");
    }

    #[test]
    fn the_shard_of_a_flow_is_the_same_in_every_run() {
        let v6 = |last| Endpoint { address: IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]), port: 88 };
        let key = FlowKey::of(Transport::Udp, v6(1), v6(2)).0;
        assert_eq!(shard_of(&key, 1), 0);
        assert_eq!(shard_of(&key, 0), 0);
        assert_eq!(shard_of(&key, 1 << 16), shard_of(&key, 1 << 16));
    }

    #[test]
    fn a_clock_that_steps_back_stands_still() {
        let second = |seconds| CaptureTime(0).plus_seconds(seconds);
        let mut clock = Clock::default();
        assert_eq!(clock.advance(second(100)), 0);
        assert_eq!(clock.advance(second(103)), 3);
        assert_eq!(clock.advance(second(50)), 3);
        assert_eq!(clock.advance(second(52)), 5);
    }
}
