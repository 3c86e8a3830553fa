//! Doing less where there is too much: which packets are left undecoded, in which order, and when.
//!
//! Whoever records on a domain controller may limit what this program takes of it. [`Governor`] looks at what it takes
//! ([`Meter`]) at whole ticks of capture time and answers with a [`Level`]; [`Tracer::shed`](crate::Tracer::shed) then
//! leaves out the packets of the first classes of [`Class::ORDER`], before they are decoded. They are counted by class
//! in [`Visibility::shed`](crate::Visibility::shed), so no rule argues from a silence that was made here.
//!
//! Nothing here runs unless a limit was asked for. With one, a report depends on how busy the machine was.

use std::{fmt::Write as _, time::Duration};

use capture::CaptureTime;
use decode::{
    Transport,
    decoder::{DNS_PORT, ENDPOINT_MAPPER_PORT, GLOBAL_CATALOGUE_PORT, KERBEROS_PORT, LDAP_PORT, SMB_PORT},
    wire::Unit,
};

/// What packets are about, as far as their ports tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// TLS and HTTP, on their own ports and any other.
    Web,
    /// SMB, and RPC's endpoint mapper.
    Smb,
    /// LDAP over TCP.
    Ldap,
    /// What finds a domain controller: DNS, and LDAP pings, which are over UDP.
    Locating,
    /// Kerberos, password changes, and refusals by ICMP.
    Kerberos,
}

impl Class {
    /// The order in which they are left out: what says least of a sign-in first.
    pub const ORDER: [Self; 5] = [Self::Web, Self::Smb, Self::Ldap, Self::Locating, Self::Kerberos];

    /// In machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Smb => "smb",
            Self::Ldap => "ldap",
            Self::Locating => "locating",
            Self::Kerberos => "kerberos",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Web => "TLS and HTTP",
            Self::Smb => "SMB and RPC",
            Self::Ldap => "LDAP",
            Self::Locating => "DNS and LDAP pings",
            Self::Kerberos => "Kerberos",
        }
    }

    /// That of a unit. Where its two ports are of two classes, the later one in the order counts.
    pub(crate) fn of(unit: &Unit<'_>) -> Self {
        let path = match unit {
            Unit::Segment(segment) => segment.path,
            Unit::Datagram(datagram) => datagram.path,
            Unit::Unreachable { .. } => return Self::Kerberos,
        };
        let class = |port| match port {
            KERBEROS_PORT | PASSWORD_PORT => Self::Kerberos,
            DNS_PORT => Self::Locating,
            LDAP_PORT if path.transport == Transport::Udp => Self::Locating,
            LDAP_PORT | GLOBAL_CATALOGUE_PORT => Self::Ldap,
            SMB_PORT | ENDPOINT_MAPPER_PORT => Self::Smb,
            _ => Self::Web,
        };
        class(path.source.port).max(class(path.destination.port))
    }
}

/// Port of password changes (RFC 3244).
const PASSWORD_PORT: u16 = 464;

/// How many classes of [`Class::ORDER`] are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// Everything is decoded.
    pub const NONE: Self = Self(0);
    /// All but what finds a domain controller and Kerberos.
    const ALL_BUT_LAST: Self = Self(4);
    /// Nothing is decoded.
    pub const ALL: Self = Self(5);

    /// Whether this class is left out.
    pub fn sheds(self, class: Class) -> bool {
        (class as u8) < self.0
    }

    fn up(self) -> Self {
        Self(self.0.saturating_add(1)).min(Self::ALL)
    }

    fn down(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// `TLS and HTTP, SMB and RPC`; empty for none.
    fn words(self) -> String {
        let mut words = String::new();
        for class in Class::ORDER.into_iter().filter(|class| self.sheds(*class)) {
            let comma = if words.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(words, "{comma}{}", class.words());
        }
        words
    }
}

/// What was left out of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shed {
    /// Packets.
    pub packets: u64,
    /// Seconds of capture time in which it was left out.
    pub seconds: u64,
    /// Capture time of the first of them.
    pub first: CaptureTime,
    /// The latest of theirs.
    pub last: CaptureTime,
}

/// What this program may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Percent of one processor.
    pub cpu: Option<u32>,
}

/// What this program takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory, now.
    pub memory: u64,
    /// Processor time since some point.
    pub busy: Duration,
    /// Time since some point, by a clock that never steps back.
    pub passed: Duration,
}

/// Knows what this program takes.
pub trait Meter: Send {
    /// As of now; `None` when it cannot be told for once.
    fn read(&mut self) -> Option<Usage>;
}

/// Decides what is left out, so that limits are kept.
///
/// Memory is kept by how near it is to its limit (`MEMORY_PERCENT`): there is no waiting to see what comes of it, since
/// what is not decoded stops memory from growing and frees little at once. Processor time is kept by steps: one class
/// more while it is over the limit, one class less when it has been well below it for long enough, and longer each time
/// that was too early.
pub struct Governor {
    limits: Limits,
    meter: Box<dyn Meter>,
    tell: Box<dyn FnMut(String) + Send>,
    before: Option<Usage>,
    by_memory: Level,
    by_cpu: Level,
    /// Looks in a row at which the processor was over the limit.
    over: u32,
    /// Time for which it has been well below.
    calm: Duration,
    /// Time for which it must have been so.
    patience: Duration,
    /// Time since one class less was left out.
    since_less: Option<Duration>,
    level: Level,
}

impl Governor {
    /// Keeps `limits` by what `meter` says. Each change is told in a sentence.
    pub fn new(limits: Limits, meter: Box<dyn Meter>, tell: Box<dyn FnMut(String) + Send>) -> Self {
        Self {
            limits,
            meter,
            tell,
            before: None,
            by_memory: Level::NONE,
            by_cpu: Level::NONE,
            over: 0,
            calm: Duration::ZERO,
            patience: LEAST_PATIENCE,
            since_less: None,
            level: Level::NONE,
        }
    }

    /// What it keeps.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What is to be left out from here on. For whole ticks of capture time, which may come faster than time passes.
    pub fn tick(&mut self) -> Level {
        let Some(usage) = self.meter.read() else { return self.level };
        let before = *self.before.get_or_insert(usage);
        let passed = usage.passed.saturating_sub(before.passed);
        if let Some(limit) = self.limits.memory {
            self.by_memory = by_memory(self.by_memory, usage.memory, limit);
        }
        let mut percent = None;
        if let Some(limit) = self.limits.cpu
            && passed >= LOOK_EVERY
        {
            self.before = Some(usage);
            let busy = usage.busy.saturating_sub(before.busy);
            let taken = u32::try_from(busy.as_millis() * 100 / passed.as_millis().max(1)).unwrap_or(u32::MAX);
            percent = Some((taken, limit));
            self.look_at_cpu(taken, limit, passed);
        }
        let level = self.by_memory.max(self.by_cpu);
        if level != self.level {
            self.say(level, usage, percent);
            self.level = level;
        }
        self.level
    }

    fn look_at_cpu(&mut self, taken: u32, limit: u32, passed: Duration) {
        self.since_less = self.since_less.map(|since| since.saturating_add(passed));
        self.over = if taken > limit { self.over.saturating_add(1) } else { 0 };
        let is_calm = u64::from(taken) * 100 < u64::from(limit) * CALM_PERCENT;
        self.calm = if is_calm { self.calm.saturating_add(passed) } else { Duration::ZERO };
        let most = if self.by_cpu == Level::ALL_BUT_LAST { OVER_BEFORE_THE_LAST } else { OVER };
        if self.over >= most {
            // Each step is given time to show.
            self.over = 0;
            self.by_cpu = self.by_cpu.up();
            if self.since_less.take().is_some_and(|since| since < TOO_EARLY) {
                self.patience = self.patience.saturating_mul(2).min(MOST_PATIENCE);
            }
        } else if self.by_cpu > Level::NONE && self.calm >= self.patience {
            self.calm = Duration::ZERO;
            self.by_cpu = self.by_cpu.down();
            self.since_less = Some(Duration::ZERO);
        } else if self.since_less.is_some_and(|since| since >= TOO_EARLY) {
            self.patience = LEAST_PATIENCE;
            self.since_less = None;
        }
    }

    fn say(&mut self, level: Level, usage: Usage, cpu: Option<(u32, u32)>) {
        let mut why = Vec::new();
        if let Some(limit) = self.limits.memory.filter(|_| self.by_memory == level) {
            why.push(format!("{} of {} MB of memory", usage.memory >> 20, limit >> 20));
        }
        if let Some((taken, limit)) = cpu.filter(|_| self.by_cpu == level) {
            why.push(format!("{taken} % of a processor, of {limit} %"));
        }
        let now = match level {
            Level::NONE => "all is decoded again".to_owned(),
            level if level > self.level => format!("not decoded from here on: {}", level.words()),
            level => format!("still not decoded: {}", level.words()),
        };
        (self.tell)(format!("in use: {}; {now}", why.join(", ")));
    }
}

/// The level for so much memory. It falls later than it rises, so that it does not swing.
fn by_memory(level: Level, taken: u64, limit: u64) -> Level {
    let percent = u128::from(taken) * 100 / u128::from(limit.max(1));
    let reached = |margin: u128| {
        let count = MEMORY_PERCENT.iter().filter(|least| percent + margin >= u128::from(**least)).count();
        Level(u8::try_from(count).unwrap_or(Level::ALL.0))
    };
    level.clamp(reached(0), reached(MEMORY_MARGIN_PERCENT))
}

/// Percent of the limit on memory at which each class is left out. Kerberos goes when the limit is reached, the others
/// before, so that it seldom is.
const MEMORY_PERCENT: [u32; 5] = [80, 85, 90, 95, 100];
/// How far below it must be for a class to be decoded again.
const MEMORY_MARGIN_PERCENT: u128 = 5;
/// Processor time over less than this says little.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks in a row over the limit before one class more is left out: a single burst is none.
const OVER: u32 = 2;
/// The same before Kerberos is left out, too.
const OVER_BEFORE_THE_LAST: u32 = 10;
/// Below this share of the limit there is room for one class more.
const CALM_PERCENT: u64 = 70;
/// How long it must have been so at first, and at most.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);
const MOST_PATIENCE: Duration = Duration::from_mins(5);
/// One class less was too early when it was too much within this time.
const TOO_EARLY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Says what it is given, a second apart.
    struct Fake {
        seconds: u64,
        busy: Duration,
        percent: Arc<Mutex<u32>>,
        memory: Arc<Mutex<u64>>,
    }

    impl Meter for Fake {
        fn read(&mut self) -> Option<Usage> {
            self.seconds += 1;
            self.busy += Duration::from_millis(u64::from(*self.percent.lock().unwrap()) * 10);
            let memory = *self.memory.lock().unwrap();
            Some(Usage { memory, busy: self.busy, passed: Duration::from_secs(self.seconds) })
        }
    }

    struct Bench {
        governor: Governor,
        percent: Arc<Mutex<u32>>,
        memory: Arc<Mutex<u64>>,
        told: Arc<Mutex<Vec<String>>>,
    }

    fn bench(limits: Limits) -> Bench {
        let (percent, memory) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let told = Arc::new(Mutex::new(Vec::new()));
        let fake = Fake { seconds: 0, busy: Duration::ZERO, percent: percent.clone(), memory: memory.clone() };
        let listener = told.clone();
        let tell = Box::new(move |sentence| listener.lock().unwrap().push(sentence));
        Bench { governor: Governor::new(limits, Box::new(fake), tell), percent, memory, told }
    }

    impl Bench {
        /// The levels of so many seconds at this load.
        fn at(&mut self, percent: u32, seconds: usize) -> Vec<u8> {
            *self.percent.lock().unwrap() = percent;
            (0..seconds).map(|_| self.governor.tick().0).collect()
        }
    }

    #[test]
    fn classes_go_one_by_one_and_kerberos_last() {
        let mut bench = bench(Limits { memory: None, cpu: Some(50) });
        bench.at(0, 1);
        assert_eq!(bench.at(90, 8), [0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(bench.at(90, 10).last(), Some(&5));
        assert_eq!(bench.at(90, 5), [5; 5]);
        let told = bench.told.lock().unwrap();
        assert_eq!(told[0], "in use: 90 % of a processor, of 50 %; not decoded from here on: TLS and HTTP");
        assert!(told[3].ends_with("TLS and HTTP, SMB and RPC, LDAP, DNS and LDAP pings"), "{told:?}");
        assert!(told[4].ends_with("DNS and LDAP pings, Kerberos"), "{told:?}");
    }

    #[test]
    fn a_burst_and_a_load_near_the_limit_change_nothing() {
        let mut bench = bench(Limits { memory: None, cpu: Some(50) });
        bench.at(0, 1);
        for _ in 0..20 {
            assert_eq!(bench.at(100, 1), [0]);
            assert_eq!(bench.at(49, 2), [0, 0]);
        }
        bench.at(100, 2);
        assert_eq!(bench.at(45, 100), [1; 100], "below the limit, with no room for more");
    }

    #[test]
    fn what_comes_back_too_early_waits_longer_next_time() {
        let mut bench = bench(Limits { memory: None, cpu: Some(50) });
        bench.at(0, 1);
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert_eq!(bench.at(100, 2).last(), Some(&1));
            waits.push((1..1000).find(|_| bench.at(10, 1) == [0]).unwrap());
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
        bench.at(10, 61);
        bench.at(100, 2);
        assert_eq!((1..1000).find(|_| bench.at(10, 1) == [0]), Some(10), "a quiet minute makes up for it");
        assert!(bench.told.lock().unwrap().last().unwrap().ends_with("all is decoded again"));
    }

    #[test]
    fn memory_is_kept_by_how_near_the_limit_is() {
        let mut bench = bench(Limits { memory: Some(1000 << 20), cpu: None });
        let mut at = |megabytes: u64| {
            *bench.memory.lock().unwrap() = megabytes << 20;
            bench.governor.tick().0
        };
        assert_eq!([700, 799, 800, 849, 850, 900, 950, 999, 1000].map(&mut at), [0, 0, 1, 1, 2, 3, 4, 4, 5]);
        assert_eq!([950, 949, 900, 899, 849, 800, 799, 750, 749].map(&mut at), [5, 4, 4, 3, 2, 2, 1, 1, 0]);
    }

    #[test]
    fn without_a_word_of_the_meter_nothing_changes() {
        struct Silent;
        impl Meter for Silent {
            fn read(&mut self) -> Option<Usage> {
                None
            }
        }
        let limits = Limits { memory: Some(1), cpu: Some(1) };
        let mut governor = Governor::new(limits, Box::new(Silent), Box::new(|_| panic!("nothing to tell")));
        assert_eq!(governor.tick(), Level::NONE);
    }
}
