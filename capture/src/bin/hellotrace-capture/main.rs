//! Records packets from a network interface to standard output, as pcapng.
//!
//! This is the one program that links libpcap and needs rights. It opens the device, installs a filter in the kernel,
//! gives its rights up ([`system`]), and only then reads the first packet. Of a packet it looks at headers, to leave
//! out bulk ([`select`]); what analyses the rest runs at the other end of a pipe, as `hellotrace live` or
//! `hellotrace-capture -i eth0 | hellotrace read -`. It can also record to files ([`ring`]).

mod filter;
mod headers;
mod orders;
mod ring;
mod select;
mod system;
mod wait;

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use capture::{CaptureTime, LinkType, Losses, MAX_PACKET, Recorder};
use clap::{CommandFactory, Parser};
use pcap::{Active, Capture, Device};

use orders::Orders;
use ring::{Interface, Plan, Ring};
use select::{Choice, Selection};
use system::{LinkState, State};

/// Record packets that matter to a sign-in, and write them to standard output or to files, as pcapng.
#[derive(Debug, Parser)]
#[command(name = "hellotrace-capture", version)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Args {
    /// The interface to record from.
    #[arg(short, long, value_name = "NAME", required_unless_present_any = ["list", "print_filter"])]
    interface: Option<String>,
    /// List the interfaces and exit.
    #[arg(short = 'D', long)]
    list: bool,
    /// Stop after so many packets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    duration: Option<u64>,
    /// Record all that this pcap-filter(7) expression chooses; '' for everything. By default, what a sign-in uses: DNS,
    /// Kerberos, LDAP, SMB, RPC's port 135, SQL Server's 1433 and the web, IP fragments and ICMP errors, in VLANs and
    /// tunnels too; of bulk on web, SMB and SQL ports the beginning of each connection.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Print the built-in filter and exit. RPC beyond port 135 is not in it: its ports are not known beforehand.
    #[arg(long)]
    print_filter: bool,
    /// Keep so many bytes of each packet. Kerberos with certificates needs whole packets.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_SNAPLEN, value_parser = clap::value_parser!(u32).range(64..=i64::from(MAX_SNAPLEN)))]
    snaplen: u32,
    /// Let the kernel keep so many MB of packets while this program is late.
    #[arg(long, value_name = "MB", default_value_t = KERNEL_BUFFER_MB, value_parser = clap::value_parser!(u16).range(1..=1024))]
    buffer_size: u16,
    /// See only what is sent to and from this machine, and to all.
    #[arg(long)]
    no_promiscuous: bool,
    /// Record to this file, which must not exist. With a size, an age or a total, to files named after it and the time.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Begin the next file after so many MB.
    #[arg(long, value_name = "MB", requires = "write", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    rotate_size: Option<u64>,
    /// Begin the next file after so many seconds.
    #[arg(long, value_name = "SECONDS", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    rotate_age: Option<u64>,
    /// Delete the oldest files beyond so many MB together; files are then a quarter of it unless --rotate-size says
    /// more.
    #[arg(long, value_name = "MB", requires = "write", value_parser = clap::value_parser!(u64).range(4..=1 << 30))]
    keep: Option<u64>,
    /// Pause recording to files while less than so many MB are free on the disk.
    #[arg(long, value_name = "MB", default_value_t = MIN_FREE_MB)]
    min_free: u64,
    /// Who to be once the device is open, if it was opened by root [default: who called sudo, else nobody]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// When the interface goes away, wait for it and go on.
    #[arg(long)]
    wait: bool,
    /// Recording goes on after the interface was away, so many seconds after it began.
    #[arg(long, hide = true, value_name = "SECONDS")]
    again: Option<u64>,
    /// Take orders from standard input, and end with it.
    #[arg(long, hide = true)]
    orders: bool,
}

/// Why recording stopped before it should.
#[derive(Debug)]
enum Stopped {
    /// Whoever read the other end of the pipe is gone: nothing to complain about.
    ReaderGone,
    /// This sentence says why.
    Because(String),
    /// The interface went away or is down, as this sentence says.
    NotThere(String),
    /// With this status; why was said before.
    Silently(u8),
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) | Err(Stopped::ReaderGone) => ExitCode::SUCCESS,
        Err(Stopped::Because(why)) => {
            say(&why);
            ExitCode::from(2)
        }
        Err(Stopped::NotThere(why)) => {
            say(&why);
            ExitCode::from(NOT_THERE_STATUS)
        }
        Err(Stopped::Silently(status)) => ExitCode::from(status),
    }
}

/// Writes a line to standard error. If that is closed, there is nobody left to tell.
fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "hellotrace-capture: {sentence}");
}

fn run(args: &Args) -> Result<(), Stopped> {
    if args.list {
        return list();
    }
    if args.print_filter {
        writeln!(io::stdout(), "{}", filter::built_in())?;
        return Ok(());
    }
    let Some(name) = &args.interface else {
        return Err(Stopped::Because(Args::command().render_usage().to_string()));
    };
    let is_terminal = io::stdout().is_terminal();
    if is_terminal && args.write.is_none() {
        let why = "packets do not go to a terminal: pipe them to `hellotrace read -`, or name a file with --write";
        return Err(Stopped::Because(why.to_owned()));
    }
    if args.wait {
        return wait::keep_recording(name, std::env::args_os().skip(1));
    }
    let orders = Orders::default();
    system::listen(&orders)?;
    let link_state = LinkState::of(name);
    let mut device = open(name, args)?;
    let filter = filter::install(&mut device, args.filter.as_deref()).map_err(Stopped::Because)?;
    let device = device.setnonblock().map_err(|error| because(name, &error))?;
    system::give_up_rights(args.user.as_deref(), args.write.as_deref()).map_err(Stopped::Because)?;
    if args.orders {
        orders.take_from_standard_input()?;
    }
    let interface = Interface { name: name.clone(), link: link_type(&device), snaplen: args.snaplen, filter };
    let ring = args.plan().map(|plan| Ring::begin(plan, interface.clone(), now())).transpose();
    let pipe = if is_terminal { None } else { Some(begin_pipe(&interface)?) };
    let recording = Recording {
        device,
        name,
        link: interface.link,
        selection: args.filter.is_none().then(Selection::default),
        pipe,
        ring: ring.map_err(Stopped::Because)?,
        link_state,
        was_up: true,
        last: CaptureTime(0),
        complete_to: CaptureTime(0),
        packets: 0,
        received: 0,
        lost: Losses { interruptions: u64::from(args.again.is_some()), ..Losses::default() },
    };
    recording.run(args, &orders)
}

impl Args {
    fn plan(&self) -> Option<Plan> {
        let bytes = |megabytes: u64| megabytes.saturating_mul(1 << 20);
        let total = self.keep.map(bytes);
        Some(Plan {
            path: self.write.clone()?,
            size: self.rotate_size.map(bytes).or(total.map(|total| total / 4)),
            age: self.rotate_age.map(Duration::from_secs),
            total,
            free: bytes(self.min_free),
            again: self.again.is_some(),
        })
    }
}

/// Standard output as a capture.
type Pipe = Recorder<Box<dyn Write>>;

fn begin_pipe(interface: &Interface) -> Result<Pipe, Stopped> {
    let out: Box<dyn Write> = Box::new(BufWriter::with_capacity(OUTPUT_BUFFER, system::standard_output()?));
    let mut pipe = Recorder::new(out, APPLICATION)?;
    pipe.interface(&interface.name, interface.link, interface.snaplen, &interface.filter)?;
    pipe.flush()?;
    Ok(pipe)
}

/// A device and where its packets go.
struct Recording<'a> {
    device: Capture<Active>,
    name: &'a str,
    link: LinkType,
    /// `None` when the user chose a filter: then all that it chooses is kept.
    selection: Option<Selection>,
    pipe: Option<Pipe>,
    ring: Option<Ring>,
    link_state: Option<LinkState>,
    was_up: bool,
    last: CaptureTime,
    /// Before this nothing is left in the kernel.
    complete_to: CaptureTime,
    packets: u64,
    /// The counters, since the device was opened.
    received: u64,
    lost: Losses,
}

impl Recording<'_> {
    fn run(mut self, args: &Args, orders: &Orders) -> Result<(), Stopped> {
        let begin = now();
        let before = args.again.unwrap_or(0);
        let limit = args.duration.map(|limit| Duration::from_secs(limit.saturating_sub(before)));
        let most = args.count.unwrap_or(u64::MAX);
        let mut handed_on = begin;
        let mut counted = begin;
        let mut ending = None;
        loop {
            let is_idle = self.drain(most)?;
            let time = now();
            // What nothing was heard of while the interface is down was not silent.
            if is_idle && self.was_up {
                self.complete_to = CaptureTime(system::wall_clock().0.saturating_sub(SETTLED));
            }
            if limit.is_some_and(|limit| time.duration_since(begin) >= limit) || orders.is_over() {
                // What came until now is still to come out of the kernel.
                let since = time.duration_since(*ending.get_or_insert(time));
                if since >= LAST_LOOK && is_idle || since >= LONGEST_LAST_LOOK {
                    return self.end();
                }
            }
            if self.packets >= most {
                return self.end();
            }
            if is_idle || time.duration_since(handed_on) >= HAND_ON_EVERY {
                self.pipe.as_mut().map_or(Ok(()), Recorder::flush)?;
                handed_on = time;
            }
            // Whoever is killed writes no last words, so the counters are written as they change. And a pipe that
            // nobody reads shows only when it is written to.
            if time.duration_since(counted) >= COUNT_EVERY {
                self.count(time)?;
                counted = time;
            }
            if orders.take_rotate()
                && let Some(ring) = &mut self.ring
            {
                ring.rotate(self.last.max(self.complete_to), time);
            }
            if is_idle {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Writes packets that are ready, up to a number that keeps the time between two looks at the clock short.
    /// Answers whether there were none left.
    fn drain(&mut self, most: u64) -> Result<bool, Stopped> {
        for _ in 0..AT_ONCE {
            if self.packets >= most {
                return Ok(true);
            }
            match self.device.next_packet() {
                Ok(packet) => {
                    let bytes = packet.data.get(..MAX_PACKET).unwrap_or(packet.data);
                    let choice = self.selection.as_mut().map_or(Choice::Keep, |it| it.choose(self.link, bytes));
                    self.last = time_of(packet.header);
                    match choice {
                        Choice::Keep => {}
                        Choice::Thin => {
                            self.lost.thinned = self.lost.thinned.saturating_add(1);
                            continue;
                        }
                        Choice::NotOurs => continue,
                    }
                    if let Some(pipe) = &mut self.pipe {
                        pipe.packet(0, self.last, packet.header.len, bytes)?;
                    }
                    if let Some(ring) = &mut self.ring {
                        ring.packet(self.last, packet.header.len, bytes);
                    }
                    self.packets = self.packets.saturating_add(1);
                }
                Err(pcap::Error::TimeoutExpired) => return Ok(true),
                Err(error) => {
                    // What was recorded stays readable, with its counters, even if the interface went away.
                    self.end()?;
                    return Err(because(self.name, &error));
                }
            }
        }
        Ok(false)
    }

    /// Reads the counters. An interface that went away has none; the last ones stand.
    fn ask(&mut self) {
        if let Ok(stat) = self.device.stats() {
            self.received = stat.received.into();
            self.lost.by_interface = stat.if_dropped.into();
            self.lost.by_system = stat.dropped.into();
        }
    }

    /// Writes the counters, and looks at the interface.
    fn count(&mut self, time: Instant) -> Result<(), Stopped> {
        self.ask();
        let at = self.last.max(self.complete_to);
        if let Some(pipe) = &mut self.pipe {
            pipe.statistics(0, at, self.received, self.lost)?;
            pipe.flush()?;
        }
        if let Some(ring) = &mut self.ring {
            ring.count(at, self.received, self.lost, time);
        }
        match self.link_state.as_mut().map(LinkState::read) {
            Some(State::Down) if self.was_up => {
                say(&format!("{} is down: waiting for it", self.name));
                self.was_up = false;
                self.lost.interruptions = self.lost.interruptions.saturating_add(1);
            }
            Some(State::Up) if !self.was_up => {
                say(&format!("{} is up again", self.name));
                self.was_up = true;
            }
            Some(State::Gone) => {
                self.end()?;
                return Err(Stopped::NotThere(format!("{} is gone", self.name)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes the counters for the last time.
    fn end(&mut self) -> Result<(), Stopped> {
        self.ask();
        let at = self.last.max(self.complete_to);
        if let Some(ring) = &mut self.ring {
            ring.finish(at, self.received, self.lost);
        }
        if let Some(pipe) = &mut self.pipe {
            pipe.statistics(0, at, self.received, self.lost)?;
            pipe.flush()?;
        }
        Ok(())
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Because(format!("cannot write packets: {error}")),
        }
    }
}

/// Name, whether it is up, addresses, description; a line each.
fn list() -> Result<(), Stopped> {
    let devices =
        Device::list().map_err(|error| Stopped::Because(format!("cannot list interfaces: {}", words(&error))))?;
    let mut out = io::stdout().lock();
    for device in devices {
        let addresses: Vec<_> = device.addresses.iter().map(|address| address.addr.to_string()).collect();
        let description = device.desc.map(|it| format!("  ({it})")).unwrap_or_default();
        let state = if device.flags.is_up() { "up" } else { "down" };
        let line = format!("{:<16} {state:<5} {}{description}", device.name, addresses.join(" "));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn open(name: &str, args: &Args) -> Result<Capture<Active>, Stopped> {
    let attempt = |promiscuous| {
        // Immediate mode would give each packet a slot of `snaplen` bytes in the kernel's buffer, and so lose most of
        // them; without it packets lie close together and come at most a timeout late.
        Capture::from_device(name)?
            .promisc(promiscuous)
            .snaplen(args.snaplen.cast_signed())
            .timeout(TIMEOUT_MS)
            .immediate_mode(false)
            .buffer_size(i32::from(args.buffer_size) << 20)
            .precision(PRECISION)
            .open()
    };
    if args.no_promiscuous {
        return attempt(false).map_err(|error| because(name, &error));
    }
    // Some devices, such as `any`, cannot be promiscuous, and libpcap's warning of it counts as an error.
    attempt(true).or_else(|_| attempt(false)).map_err(|error| because(name, &error))
}

/// The link type as files number it: for raw IP the systems disagree.
fn link_type(device: &Capture<Active>) -> LinkType {
    match u16::try_from(device.get_datalink().0).map(LinkType) {
        Ok(LinkType::RAW_BSD | LinkType::RAW_OPENBSD) => LinkType::RAW,
        Ok(link) => link,
        Err(_) => LinkType(u16::MAX),
    }
}

/// One sentence for what libpcap said, with what to do if rights are missing.
fn because(name: &str, error: &pcap::Error) -> Stopped {
    let text = words(error);
    let says = |parts: &[&str]| parts.iter().any(|part| text.to_lowercase().contains(part));
    if says(&["permission", "permitted"]) {
        return Stopped::Because(format!("cannot record from {name}: {}", system::missing_rights()));
    }
    // As libpcap puts it for an interface that is down when it is opened, goes down, or goes away.
    if says(&["not up", "went down", "disappeared", "network is down"]) {
        return Stopped::NotThere(format!("{name} is not up: {text}"));
    }
    Stopped::Because(format!("cannot record from {name}: {text}"))
}

/// What libpcap said, without the crate's word that libpcap said it.
fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The parts of a time as libpcap gives it differ in width between systems.
#[cfg_attr(all(unix, target_pointer_width = "64"), expect(clippy::useless_conversion, reason = "i32 elsewhere"))]
fn time_of(header: &pcap::PacketHeader) -> CaptureTime {
    let fraction = i64::from(header.ts.tv_usec).saturating_mul(NANOSECONDS_IN_FRACTION);
    CaptureTime(fraction).plus_seconds(i64::from(header.ts.tv_sec))
}

#[expect(clippy::disallowed_methods, reason = "how long to record and when to flush is not the packets' time")]
fn now() -> Instant {
    Instant::now()
}

/// Linux stamps nanoseconds on all its devices; elsewhere libpcap would not say which it gives.
#[cfg(target_os = "linux")]
const PRECISION: pcap::Precision = pcap::Precision::Nano;
#[cfg(target_os = "linux")]
const NANOSECONDS_IN_FRACTION: i64 = 1;
#[cfg(not(target_os = "linux"))]
const PRECISION: pcap::Precision = pcap::Precision::Micro;
#[cfg(not(target_os = "linux"))]
const NANOSECONDS_IN_FRACTION: i64 = 1000;

/// As large as any packet, 256 KiB; checked below against the reader.
const MAX_SNAPLEN: u32 = 256 << 10;
const _: () = assert!(MAX_SNAPLEN as usize == MAX_PACKET);

/// The kernel hands on packets that are so old, in milliseconds.
const TIMEOUT_MS: i32 = 100;
/// What the kernel keeps while we are late: some tenths of a second of a busy domain controller.
const KERNEL_BUFFER_MB: u16 = 64;
/// A domain controller whose disk is full stops working; this is left to it.
const MIN_FREE_MB: u64 = 1024;
/// Who wrote a capture, in its header.
const APPLICATION: &str = concat!("hellotrace-capture ", env!("CARGO_PKG_VERSION"));
/// The exit status when the interface is not there, or no longer.
const NOT_THERE_STATUS: u8 = 3;
/// The same, as whoever waits for it sees it.
const NOT_THERE: i32 = NOT_THERE_STATUS as i32;
const OUTPUT_BUFFER: usize = 256 << 10;
/// Packets between two looks at the clock.
const AT_ONCE: u32 = 1024;
/// The device is asked without waiting, as libpcap may otherwise wait for a first packet for ever.
const PAUSE: Duration = Duration::from_millis(20);
const HAND_ON_EVERY: Duration = Duration::from_millis(100);
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Some of the kernel's timeouts; and as long as anybody who asks for the end is kept waiting.
const LAST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_LAST_LOOK: Duration = Duration::from_secs(2);
/// What was stamped so long before the kernel had no more to hand on has been handed on, in nanoseconds: some of its
/// timeouts.
const SETTLED: i64 = 500_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["x"]).is_err());
        assert!(Args::try_parse_from(["x", "-i", "lo", "--snaplen", "0"]).is_err());
        assert!(Args::try_parse_from(["x", "-i", "lo", "--keep", "100"]).is_err(), "of what?");
        assert!(Args::try_parse_from(["x", "-D"]).unwrap().list);
        let args = Args::try_parse_from(["x", "-i", "lo", "--write", "a.pcapng", "--keep", "100"]).unwrap();
        let plan = args.plan().unwrap();
        assert_eq!((plan.size, plan.total), (Some(25 << 20), Some(100 << 20)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| pcap::Error::PcapError(text.to_owned());
        let Stopped::Because(why) =
            because("eth0", &error("eth0: You don't have permission to capture on that device"))
        else {
            panic!("rights are not waited for");
        };
        assert!(why.contains("cannot record from eth0"), "{why}");
        #[cfg(unix)]
        assert!(why.contains("setcap cap_net_raw,cap_net_admin+ep"), "{why}");
        let down = because("eth0", &error("eth0: That device is not up"));
        assert!(matches!(down, Stopped::NotThere(_)), "{down:?}");
    }
}
