//! The parallel stage: batches of packets in, events in one order out, joined into logons by the [`Grouper`].
//!
//! ```text
//! batch ─► lanes (one thread, in order) ─► shards (rayon, one task each) ─► merge ─► group
//! ```
//! Four rules make the result independent of the number of shards and of where batches end: events are merged by the
//! packet that completed them; every parallel step is followed by a sort; state expires only at whole ticks of
//! capture time, where the source cuts the batch; both directions and all fragments of a flow meet in one shard.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    vec::Drain,
};

use capture::{Batch, CaptureTime, Damage, Losses, PacketId};
use decode::{
    Event, FlowKey, Gap, GapKind, Message, Protocol, Seen,
    content::Gate,
    decoder::Detail,
    shard::{Config, Shard, shard_of},
    wire::{Unit, Wire},
};
use rayon::prelude::*;

use crate::{
    Class, ClockOffset, Facts, Grouper, Level, Logons, Shed, Visibility,
    group::{Use, use_of},
    hashed::HashSet,
};

/// Connections of one shard that are remembered for having asked the directory for keys.
const MAX_ASKING: usize = 4096;

/// How the work is divided. Nothing here changes any result.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Number of shards, at least 1.
    pub shards: usize,
}

impl Default for Settings {
    /// One shard less than rayon has threads, since a thread reads ahead meanwhile. A single shard works where its
    /// events are joined: with two processors it takes a tenth less processor time than two shards, whose memory goes
    /// from thread to thread.
    fn default() -> Self {
        Self { shards: rayon::current_num_threads().saturating_sub(1).max(1) }
    }
}

/// Units below which one thread has done the work of all shards before the others are awake. A sparse capture, a few
/// packets a second, has little else than such batches.
const WORTH_SHARING: usize = 128;

/// Batches to events.
pub struct Decoding {
    wire: Wire,
    gate: Gate,
    shards: Vec<Lane>,
    /// A list of units for each shard, empty between batches and used again: there is one of some hundred kilobytes for
    /// every batch.
    lanes: Vec<Vec<Unit<'static>>>,
    last: Seen,
    bytes: u64,
    first_time: Option<CaptureTime>,
    last_time: Option<CaptureTime>,
    ticked: Option<CaptureTime>,
    cut_at: Option<u32>,
    level: Level,
    shed: BTreeMap<Class, Shed>,
}

/// A shard and the events it has produced since the last merge.
struct Lane {
    shard: Shard,
    config: Config,
    events: Vec<Event>,
    /// What was only counted since the last merge; `None` where every event is handed out.
    counted: Option<Visibility>,
    /// Connections in which the directory was asked for keys. With [`MAX_ASKING`] of them, any may be one.
    asking: HashSet<FlowKey>,
}

impl Decoding {
    /// Starts with nothing. Every event is handed out.
    pub fn new(settings: Settings) -> Self {
        Self::start(settings, false)
    }

    /// Starts with nothing. Events of which nothing but their number counts are counted where they were made, so that
    /// they need not be ordered, nor freed by another thread: [`Decoding::take_counts`].
    fn counting(settings: Settings) -> Self {
        Self::start(settings, true)
    }

    fn start(settings: Settings, is_counting: bool) -> Self {
        let mut config = Config::for_shards(settings.shards.max(1));
        if is_counting {
            config.decoders.detail = Detail::SignIns;
        }
        let lanes = || Lane {
            shard: Shard::new(config),
            config,
            events: Vec::new(),
            counted: is_counting.then(Visibility::default),
            asking: HashSet::default(),
        };
        Self {
            wire: Wire::new(),
            gate: Gate::default(),
            shards: std::iter::repeat_with(lanes).take(settings.shards.max(1)).collect(),
            lanes: std::iter::repeat_with(Vec::new).take(settings.shards.max(1)).collect(),
            last: Seen::in_packet(PacketId::FIRST, CaptureTime(0)),
            bytes: 0,
            first_time: None,
            last_time: None,
            ticked: None,
            cut_at: None,
            level: Level::NONE,
            shed: BTreeMap::new(),
        }
    }

    /// Follows and keeps no more than so many bytes of memory allow, as [`Config::within`] says. To be called before
    /// the first batch.
    pub fn keep_within(&mut self, memory: u64) {
        let count = self.shards.len();
        for lane in &mut self.shards {
            lane.config = lane.config.within(memory, count);
            lane.shard = Shard::new(lane.config);
        }
    }

    /// Leaves out so much from here on. For whole ticks of capture time: before the batch that begins with one.
    pub fn shed(&mut self, level: Level) {
        self.level = level;
    }

    /// Takes in a batch and appends its events to `out`, those of a tick first.
    ///
    /// The tick that the batch begins with, if any, is returned: whoever keeps state of their own expires it then,
    /// before they look at the events behind `Pushed::after_tick`.
    pub fn push(&mut self, batch: &Batch, out: &mut Vec<Event>) -> Pushed {
        let tick = batch.tick();
        if let Some(now) = tick {
            let passed = self.ticked.map_or(0, |before| now.seconds().saturating_sub(before.seconds()));
            self.count_shed_time(u64::try_from(passed).unwrap_or(0));
            self.ticked = Some(now);
            self.tick(now, out);
        }
        if batch.may_hold_copies() {
            self.wire.watch_for_copies();
        }
        let after_tick = out.len();
        let count = self.shards.len();
        let mut lanes: Vec<Vec<Unit<'_>>> = std::mem::take(&mut self.lanes).into_iter().map(emptied).collect();
        let mut own = Vec::new();
        for packet in batch.packets() {
            self.bytes += packet.bytes.len() as u64;
            self.first_time.get_or_insert(packet.at);
            self.last_time = Some(self.last_time.map_or(packet.at, |last| last.max(packet.at)));
            if packet.bytes.len() < packet.wire_len as usize {
                let kept = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
                self.cut_at = Some(self.cut_at.map_or(kept, |least| least.max(kept)));
            }
            if let Some(unit) = self.wire.packet(&packet, &mut own).filter(|unit| self.gate.wants(unit)) {
                if self.level != Level::NONE && self.is_shed(&unit, packet.at) {
                    continue;
                }
                if let [only] = self.shards.as_mut_slice() {
                    only.run(|shard, events| shard.push(&unit, events));
                    continue;
                }
                let lane = unit.flow().map_or(0, |flow| shard_of(&flow, count));
                if let Some(lane) = lanes.get_mut(lane) {
                    lane.push(unit);
                }
            }
        }
        if let Some((packet, at)) = batch.last() {
            self.last = Seen::in_packet(packet, at);
        }
        let work = |(lane, units): (&mut Lane, &mut Vec<Unit<'_>>)| {
            for unit in &*units {
                lane.run(|shard, events| shard.push(unit, events));
            }
            in_order(&mut lane.events);
        };
        if lanes.iter().map(Vec::len).sum::<usize>() < WORTH_SHARING {
            self.shards.iter_mut().zip(&mut lanes).for_each(work);
        } else {
            self.shards.par_iter_mut().zip(&mut lanes).for_each(work);
        }
        self.lanes = lanes.into_iter().map(emptied).collect();
        own.extend(batch.damage().iter().map(|damage| damage_event(damage, self.last)));
        self.merge(own, out);
        Pushed { tick, after_tick }
    }

    /// Ends: what is still open is told as it stands.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let mut own = Vec::new();
        self.wire.finish(&mut own);
        self.shards.par_iter_mut().for_each(|lane| {
            lane.run(Shard::finish);
            in_order(&mut lane.events);
        });
        self.merge(own, out);
    }

    /// Nothing follows: gives back the memory that was held for it.
    fn give_back(&mut self) {
        for lane in &mut self.shards {
            lane.shard = Shard::new(lane.config);
            lane.asking = HashSet::default();
        }
        self.lanes.iter_mut().for_each(|lane| *lane = Vec::new());
    }

    /// Adds what was counted and not handed out since the last call.
    fn take_counts(&mut self, visibility: &mut Visibility) {
        for lane in &mut self.shards {
            if let Some(counted) = &mut lane.counted {
                counted.count(lane.shard.take_counted());
                visibility.take_counts(counted);
            }
        }
    }

    /// What became of the packets, so far.
    pub fn account(&self, visibility: &mut Visibility) {
        let counters = self.wire.counters();
        visibility.packets = counters.packets;
        visibility.cut_packets = counters.cut;
        visibility.unread_links = counters.unknown_links.iter().map(|(link, count)| (link.0, *count)).collect();
        visibility.copies = counters.copies;
        visibility.unread = counters.all_unread();
        visibility.bytes = self.bytes;
        visibility.first = self.first_time;
        visibility.last = self.last_time;
        visibility.now = self.last_time.max(self.ticked);
        visibility.cut_at = self.cut_at;
        visibility.shed.clone_from(&self.shed);
    }

    /// Whether this unit is left out; if so, it is counted.
    #[cold]
    fn is_shed(&mut self, unit: &Unit<'_>, at: CaptureTime) -> bool {
        let class = Class::of(unit);
        if !self.level.sheds(class) {
            return false;
        }
        let shed = self.shed.entry(class).or_insert(Shed { packets: 0, seconds: 0, first: at, last: at });
        shed.packets = shed.packets.saturating_add(1);
        shed.last = shed.last.max(at);
        true
    }

    /// Notes that this level lasted for so many seconds more. A class of which nothing came is not missed.
    fn count_shed_time(&mut self, seconds: u64) {
        for (class, shed) in &mut self.shed {
            if self.level.sheds(*class) {
                shed.seconds = shed.seconds.saturating_add(seconds);
            }
        }
    }

    fn tick(&mut self, now: CaptureTime, out: &mut Vec<Event>) {
        let mut own = Vec::new();
        self.wire.tick(now, &mut own);
        // What is due in one second is little: waking the other threads would cost more than it.
        self.shards.iter_mut().for_each(|lane| {
            lane.run(|shard, events| shard.tick(now, events));
            in_order(&mut lane.events);
        });
        self.merge(own, out);
    }

    /// Moves the events of all shards, and `own`, to `out`: ordered by packet and path, those of one shard with the
    /// same as they came.
    fn merge(&mut self, mut own: Vec<Event>, out: &mut Vec<Event>) {
        in_order(&mut own);
        let lists = std::iter::once(&mut own).chain(self.shards.iter_mut().map(|lane| &mut lane.events));
        let mut lists: Vec<_> = lists.filter(|list| !list.is_empty()).map(|list| list.drain(..)).collect();
        // As many as there are shards: to look at the first of each costs less than a queue of them.
        let of_least = |lists: &[Drain<'_, Event>]| {
            let firsts = lists.iter().enumerate().filter_map(|(at, list)| Some((at, list.as_slice().first()?)));
            firsts.min_by(|(_, one), (_, other)| by_place(one, other)).map(|(at, _)| at)
        };
        while let Some(list) = of_least(&lists).and_then(|at| lists.get_mut(at)) {
            out.extend(list.next());
        }
    }
}

/// The order of events: by the packet that completed them, then by path.
fn by_place(one: &Event, other: &Event) -> Ordering {
    one.seen.last.cmp(&other.seen.last).then_with(|| one.path.cmp(&other.path))
}

/// Puts the events of one shard in order. Those of a batch come packet by packet, those of a tick as it happens.
fn in_order(events: &mut [Event]) {
    if events.is_sorted_by_key(|event| event.seen.last) {
        // A few at a time need no memory to be sorted.
        for packet in events.chunk_by_mut(|one, next| one.seen.last == next.seen.last) {
            packet.sort_by_key(|event| event.path);
        }
    } else {
        events.sort_by(by_place);
    }
}

/// The list without its units, for those of another batch; its memory stays.
fn emptied<'b>(units: Vec<Unit<'_>>) -> Vec<Unit<'b>> {
    // Collected in place: the lifetime is all that changes.
    units.into_iter().map_while(|_| None).collect()
}

/// What [`Decoding::push`] appended.
#[derive(Clone, Copy, Debug)]
pub struct Pushed {
    /// The tick with which the batch began.
    pub tick: Option<CaptureTime>,
    /// Index behind the events of that tick.
    pub after_tick: usize,
}

impl Lane {
    /// Runs `work` on the shard. A panic in it costs the shard's state and is told as an event, not the run.
    fn run(&mut self, work: impl FnOnce(&mut Shard, &mut Vec<Event>)) {
        let before = self.events.len();
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut self.shard, &mut self.events)));
        if outcome.is_err() {
            self.shard = Shard::new(self.config);
            let seen = self.events.last().map_or(Seen::in_packet(PacketId::FIRST, CaptureTime(0)), |event| event.seen);
            let gap = Gap {
                kind: GapKind::Undecodable,
                protocol: Protocol::Capture,
                bytes: 0,
                detail: String::from("a fault in this program; the flows of one shard were dropped"),
            };
            self.events.push(Event::direct(seen, None, Message::Gap(Box::new(gap))));
        }
        if let Some(counted) = &mut self.counted
            && self.events.len() > before
        {
            let asking = &mut self.asking;
            let is_only_counted = |event: &mut Event| match use_of(event) {
                Use::None => true,
                Use::Joined => false,
                Use::Keys => {
                    if let Some(path) = event.path
                        && asking.len() < MAX_ASKING
                    {
                        asking.insert(path.flow().0);
                    }
                    false
                }
                Use::Answer => {
                    asking.len() < MAX_ASKING && event.path.is_none_or(|path| !asking.contains(&path.flow().0))
                }
            };
            self.events.extract_if(before.., is_only_counted).for_each(|event| counted.note(&event));
        }
    }
}

fn damage_event(damage: &Damage, last: Seen) -> Event {
    let seen = damage.after.map_or(last, |packet| Seen::in_packet(packet, last.at));
    Event::direct(seen, None, Message::Damage(Box::new(damage.clone())))
}

/// Batches to logons.
pub struct Tracer {
    decoding: Decoding,
    grouper: Grouper,
    events: Vec<Event>,
}

impl Tracer {
    /// Starts with nothing.
    pub fn new(settings: Settings) -> Self {
        Self { decoding: Decoding::counting(settings), grouper: Grouper::default(), events: Vec::new() }
    }

    /// Follows TLS and HTTP with hosts of these names only. Without this, with all.
    pub fn watch(&mut self, names: fn(&str) -> bool) {
        self.grouper.facts_mut().cloud.watch(names);
    }

    /// As [`Decoding::keep_within`].
    pub fn keep_within(&mut self, memory: u64) {
        self.decoding.keep_within(memory);
    }

    /// As [`Decoding::shed`].
    pub fn shed(&mut self, level: Level) {
        self.decoding.shed(level);
    }

    /// Takes in a batch. If it begins with a tick, `at_tick` is called with the time of it, before what follows is
    /// joined.
    pub fn push(&mut self, batch: &Batch, at_tick: impl FnOnce(&mut Grouper, CaptureTime)) {
        let pushed = self.decoding.push(batch, &mut self.events);
        self.decoding.take_counts(&mut self.grouper.facts_mut().visibility);
        let mut events = self.events.drain(..);
        for event in events.by_ref().take(pushed.after_tick) {
            self.grouper.push(event);
        }
        if let Some(now) = pushed.tick {
            self.grouper.tick(now);
            at_tick(&mut self.grouper, now);
        }
        for event in events {
            self.grouper.push(event);
        }
    }

    /// Ends: nothing follows.
    pub fn finish(&mut self, losses: Losses) {
        self.decoding.finish(&mut self.events);
        self.decoding.take_counts(&mut self.grouper.facts_mut().visibility);
        self.decoding.give_back();
        for event in std::mem::take(&mut self.events) {
            self.grouper.push(event);
        }
        self.grouper.finish();
        self.account(losses);
        self.grouper.facts_mut().visibility.finished = true;
    }

    /// Brings the account of the capture up to date.
    pub fn account(&mut self, losses: Losses) {
        let visibility = &mut self.grouper.facts_mut().visibility;
        self.decoding.account(visibility);
        visibility.losses = losses;
    }

    /// Takes in what exports of the directory say.
    pub fn note_directory(&mut self, directory: decode::directory::Directory) {
        self.grouper.facts_mut().directory = directory;
    }

    /// Notes which domains are verified with Microsoft Entra.
    pub fn note_verified_domains(&mut self, domains: Vec<String>) {
        self.grouper.facts_mut().verified_domains = domains.into_iter().map(|domain| domain.to_lowercase()).collect();
    }

    /// Notes which thresholds of rules the user set, by name.
    pub fn note_thresholds(&mut self, thresholds: BTreeMap<&'static str, i64>) {
        self.grouper.facts_mut().thresholds = thresholds;
    }

    /// Notes how the clocks of the inputs were found to differ.
    pub fn note_clocks(&mut self, clocks: Vec<ClockOffset>) {
        self.grouper.facts_mut().visibility.clocks = clocks;
    }

    /// The logons so far, in the order in which they began.
    pub fn logons(&self) -> &Logons {
        self.grouper.logons()
    }

    /// What holds beyond them.
    pub fn facts(&self) -> &Facts {
        self.grouper.facts()
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use capture::{Batch, Progress, Source as _};
    use decode::{decoder::Detail, shard::Shard};

    use super::{Decoding, Settings};
    use crate::Visibility;

    /// What comes out for joining, and what was counted, if the shards hand out so much.
    fn read(sample: &Path, detail: Detail) -> (Vec<String>, Visibility) {
        let mut decoding = Decoding::counting(Settings { shards: 2 });
        for lane in &mut decoding.shards {
            lane.config.decoders.detail = detail;
            lane.shard = Shard::new(lane.config);
        }
        let mut source = capture::open(&[sample]).expect("the sample can be opened");
        let (mut batch, mut events, mut counted) = (Batch::default(), Vec::new(), Visibility::default());
        let mut progress = Progress::More;
        while progress != Progress::End {
            progress = source.fill(&mut batch).expect("the sample can be read");
            decoding.push(&batch, &mut events);
        }
        decoding.finish(&mut events);
        decoding.take_counts(&mut counted);
        let told = events.iter().map(|event| {
            let protocol = event.message.protocol();
            // Of TLS, fingerprints are left out.
            let message =
                if protocol == decode::Protocol::Tls { String::new() } else { format!("{:?}", event.message) };
            format!("{:?} {:?} {:?} {protocol:?} {message}", event.seen, event.path, event.carriage)
        });
        (told.collect(), counted)
    }

    #[test]
    fn what_shards_only_count_is_what_has_no_use() {
        let samples: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "samples"].iter().collect();
        let mut left_out = 0;
        for folder in std::fs::read_dir(samples).expect("there are samples") {
            let sample = folder.expect("the folder can be read").path().join("capture.pcap");
            if !sample.exists() {
                continue;
            }
            let (every, every_counted) = read(&sample, Detail::Every);
            let (some, counted) = read(&sample, Detail::SignIns);
            assert_eq!(every, some, "{}", sample.display());
            assert_eq!(every_counted.messages, counted.messages, "{}", sample.display());
            assert_eq!(every_counted.gaps, counted.gaps, "{}", sample.display());
            left_out += counted.messages.values().sum::<u64>();
        }
        assert!(left_out > 100, "only {left_out} messages of the samples are of no use");
    }
}
