//! Records packets from a network interface to standard output, as pcapng.
//!
//! This is the one program that links libpcap and needs rights. It opens the device, filters in the kernel, writes
//! packets and drop counters, and never looks into a packet: what analyses them runs without rights at the other end
//! of a pipe, `hellotrace-capture -i eth0 | hellotrace read -`.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use capture::{CaptureTime, LinkType, Losses, MAX_PACKET, Recorder};
use clap::{CommandFactory, Parser};
use pcap::{Active, Capture, Device};

/// Record packets that matter to a sign-in, and write them to standard output as pcapng.
#[derive(Debug, Parser)]
#[command(name = "hellotrace-capture", version)]
struct Args {
    /// The interface to record from.
    #[arg(short, long, value_name = "NAME", required_unless_present = "list")]
    interface: Option<String>,
    /// List the interfaces and exit.
    #[arg(short = 'D', long)]
    list: bool,
    /// Stop after so many packets.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Record what this pcap-filter(7) expression chooses; '' for everything. By default, what a sign-in uses: DNS,
    /// Kerberos, LDAP, SMB, web, IP fragments and ICMP errors, in VLANs too.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Keep so many bytes of each packet. Kerberos with certificates needs whole packets.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_SNAPLEN, value_parser = clap::value_parser!(u32).range(64..=i64::from(MAX_SNAPLEN)))]
    snaplen: u32,
}

/// Why recording stopped before it should.
#[derive(Debug)]
enum Stopped {
    /// Whoever read the other end of the pipe is gone: nothing to complain about.
    ReaderGone,
    /// This sentence says why.
    Because(String),
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) | Err(Stopped::ReaderGone) => ExitCode::SUCCESS,
        Err(Stopped::Because(why)) => {
            // If standard error is closed as well, there is nobody left to tell.
            let _ = writeln!(io::stderr(), "hellotrace-capture: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Stopped> {
    if args.list {
        return list();
    }
    let Some(name) = &args.interface else {
        return Err(Stopped::Because(Args::command().render_usage().to_string()));
    };
    if io::stdout().is_terminal() {
        let why = "packets do not go to a terminal: pipe them to `hellotrace read -` or write them to a file with >";
        return Err(Stopped::Because(why.to_owned()));
    }
    let mut device = open(name, args.snaplen)?;
    let link = link_type(&device);
    let filter = install_filter(&mut device, args.filter.as_deref())?;
    let device = device.setnonblock().map_err(|error| because(name, &error))?;
    let application = concat!("hellotrace-capture ", env!("CARGO_PKG_VERSION"));
    let mut recorder = Recorder::new(BufWriter::with_capacity(OUTPUT_BUFFER, standard_output()?), application)?;
    let interface = recorder.interface(name, link, args.snaplen, &filter)?;
    recorder.flush()?;
    Recording { device, name, recorder, interface, last: CaptureTime(0), packets: 0, told: None }.run(args)
}

/// A device and where its packets go.
struct Recording<'a, W: Write> {
    device: Capture<Active>,
    name: &'a str,
    recorder: Recorder<W>,
    interface: u32,
    last: CaptureTime,
    packets: u64,
    /// The counters last written.
    told: Option<(u64, Losses)>,
}

impl<W: Write> Recording<'_, W> {
    fn run(mut self, args: &Args) -> Result<(), Stopped> {
        let begin = now();
        let limit = args.duration.map(Duration::from_secs);
        let most = args.count.unwrap_or(u64::MAX);
        let mut handed_on = begin;
        let mut counted = begin;
        loop {
            let is_idle = self.drain(most)?;
            let time = now();
            let is_over = self.packets >= most || limit.is_some_and(|limit| time.duration_since(begin) >= limit);
            if is_over || is_idle || time.duration_since(handed_on) >= HAND_ON_EVERY {
                self.recorder.flush()?;
                handed_on = time;
            }
            // Whoever is killed writes no last words, so the counters are written as they change. And a pipe that
            // nobody reads shows only when it is written to.
            if is_over || time.duration_since(counted) >= COUNT_EVERY {
                self.count()?;
                counted = time;
            }
            if is_over {
                return Ok(self.recorder.flush()?);
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
                    self.last = time_of(packet.header);
                    let bytes = packet.data.get(..MAX_PACKET).unwrap_or(packet.data);
                    self.recorder.packet(self.interface, self.last, packet.header.len, bytes)?;
                    self.packets = self.packets.saturating_add(1);
                }
                Err(pcap::Error::TimeoutExpired) => return Ok(true),
                Err(error) => {
                    // What was recorded stays readable, with its counters, even if the interface went away.
                    self.count()?;
                    self.recorder.flush()?;
                    return Err(because(self.name, &error));
                }
            }
        }
        Ok(false)
    }

    /// Writes the drop counters.
    fn count(&mut self) -> Result<(), Stopped> {
        // An interface that went away has no counters; the last ones written stand.
        if let Ok(stat) = self.device.stats() {
            let lost = Losses { by_interface: stat.if_dropped.into(), by_system: stat.dropped.into() };
            self.told = Some((stat.received.into(), lost));
        }
        if let Some((received, lost)) = self.told {
            self.recorder.statistics(self.interface, self.last, received, lost)?;
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

fn list() -> Result<(), Stopped> {
    let devices =
        Device::list().map_err(|error| Stopped::Because(format!("cannot list interfaces: {}", words(&error))))?;
    let mut out = io::stdout().lock();
    for device in devices {
        let addresses: Vec<_> = device.addresses.iter().map(|address| address.addr.to_string()).collect();
        let description = device.desc.map(|it| format!("  ({it})")).unwrap_or_default();
        writeln!(out, "{:<16} {}{description}", device.name, addresses.join(" "))?;
    }
    Ok(())
}

fn open(name: &str, snaplen: u32) -> Result<Capture<Active>, Stopped> {
    let attempt = |promiscuous| {
        // Immediate mode would give each packet a slot of `snaplen` bytes in the kernel's buffer, and so lose most of
        // them; without it packets lie close together and come at most a timeout late.
        Capture::from_device(name)?
            .promisc(promiscuous)
            .snaplen(snaplen.cast_signed())
            .timeout(TIMEOUT_MS)
            .immediate_mode(false)
            .buffer_size(KERNEL_BUFFER)
            .precision(PRECISION)
            .open()
    };
    // Some devices, such as `any`, cannot be promiscuous, and libpcap's warning of it counts as an error.
    attempt(true).or_else(|_| attempt(false)).map_err(|error| because(name, &error))
}

/// Installs the filter and answers its text.
fn install_filter(device: &mut Capture<Active>, chosen: Option<&str>) -> Result<String, Stopped> {
    if let Some(filter) = chosen {
        if !filter.trim().is_empty() {
            let wrong = |error| Stopped::Because(format!("cannot use the filter {filter:?}: {}", words(&error)));
            device.filter(filter, true).map_err(wrong)?;
        }
        return Ok(filter.trim().to_owned());
    }
    let plain = default_filter();
    // `vlan` shifts what follows it by a tag, so it comes last. Not all links have tags.
    let tagged = format!("({plain}) or (vlan and ({plain}))");
    if device.filter(&tagged, true).is_ok() {
        return Ok(tagged);
    }
    let wrong = |error| Stopped::Because(format!("this link cannot be filtered: {}; try --filter ''", words(&error)));
    device.filter(&plain, true).map_err(wrong)?;
    Ok(plain)
}

/// What a sign-in uses: the ports, later fragments of IPv4 and all of IPv6 (they have no ports), and errors.
fn default_filter() -> String {
    let ports: Vec<_> = PORTS.iter().map(|port| format!("port {port}")).collect();
    format!(
        "{} or (ip[6:2] & 0x1fff != 0) or ip6[6] == 44 or icmp[0] == 3 or (ip6[6] == 58 and ip6[40] <= 2)",
        ports.join(" or ")
    )
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
    if !["permission", "permitted"].iter().any(|word| text.to_lowercase().contains(word)) {
        return Stopped::Because(format!("cannot record from {name}: {text}"));
    }
    let program = std::env::current_exe().map_or("hellotrace-capture".to_owned(), |path| path.display().to_string());
    Stopped::Because(format!(
        "cannot record from {name}: the rights CAP_NET_RAW and CAP_NET_ADMIN are missing; grant them with \
         `sudo setcap cap_net_raw,cap_net_admin+ep {program}`, or run it as root"
    ))
}

/// What libpcap said, without the crate's word that libpcap said it.
fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Standard output without the line buffering that Rust adds to it.
#[cfg(unix)]
fn standard_output() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(not(unix))]
fn standard_output() -> io::Result<io::Stdout> {
    Ok(io::stdout())
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

/// DNS, Kerberos, LDAP and its secure and global catalogue ports, password change, SMB, and the web.
const PORTS: [u16; 10] = [53, 88, 389, 464, 636, 3268, 3269, 445, 80, 443];

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
/// Bytes of packets the kernel keeps while we are late: some tenths of a second of a busy domain controller.
const KERNEL_BUFFER: i32 = 64 << 20;
const OUTPUT_BUFFER: usize = 256 << 10;
/// Packets between two looks at the clock.
const AT_ONCE: u32 = 1024;
/// The device is asked without waiting, as libpcap may otherwise wait for a first packet for ever.
const PAUSE: Duration = Duration::from_millis(20);
const HAND_ON_EVERY: Duration = Duration::from_millis(100);
const COUNT_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_filter_compiles_for_every_link() {
        for link in [1, 113, 276, 12, 0, 108] {
            let device = Capture::dead(pcap::Linktype(link)).unwrap();
            device.compile(&default_filter(), true).unwrap();
        }
        let plain = default_filter();
        let ethernet = Capture::dead(pcap::Linktype(1)).unwrap();
        let program = ethernet.compile(&format!("({plain}) or (vlan and ({plain}))"), true).unwrap();
        // An Ethernet frame with an IPv4 header, and TCP ports from offset 34.
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[23] = 6;
        frame[36..38].copy_from_slice(&22_u16.to_be_bytes());
        assert!(!program.filter(&frame));
        frame[36..38].copy_from_slice(&88_u16.to_be_bytes());
        assert!(program.filter(&frame));
        let mut tagged = frame.clone();
        tagged.splice(12..12, [0x81, 0, 0, 5]);
        assert!(program.filter(&tagged));
        // A later fragment has no ports.
        frame[20..22].copy_from_slice(&[0, 100]);
        frame[36..38].fill(0);
        assert!(program.filter(&frame));
    }

    #[test]
    fn arguments_are_consistent() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["x"]).is_err());
        assert!(Args::try_parse_from(["x", "-i", "lo", "--snaplen", "0"]).is_err());
        assert!(Args::try_parse_from(["x", "-D"]).unwrap().list);
    }
}
