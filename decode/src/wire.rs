//! Packets to units: link headers, tags, tunnels, IP, fragments, TCP, UDP and ICMP.
//!
//! In: packets in arrival order, on one thread. Out: [`Unit`]s that say which flow they belong to, so that the
//! shard of that flow can take them on. Fragments are put together here, before sharding, because they have no ports.

#![deny(clippy::indexing_slicing)]

mod copies;
mod defrag;
mod ip;
mod link;
mod transport;
mod tunnel;
mod unread;

use std::{borrow::Cow, collections::BTreeMap};

use capture::{CaptureTime, LinkType, Packet, PacketId};
use etherparse::ip_number;

pub use unread::Unread;

use crate::{Event, FlowKey, Gap, GapKind, Message, Path, Protocol, Seen, Transport, Unreachable};

/// Packets to units, for one thread.
///
/// Packets must come in arrival order. State is kept of fragments, and of packets of which copies may come.
#[derive(Debug, Default)]
pub struct Wire {
    defrag: defrag::Defrag,
    /// Present if there may be copies.
    copies: Option<copies::Copies>,
    counters: WireCounters,
}

/// What became of the packets.
///
/// Each packet is in just one of `units`, `copies`, `unknown_links`, `not_ip`, `too_deep`, `headers_cut`,
/// `undecodable`, `other_transports` and `fragments`, save that a fragment which completes a datagram is in `fragments`
/// and `datagrams_rebuilt`, and its datagram in one of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireCounters {
    /// All packets.
    pub packets: u64,
    /// Packets of which the capture kept only the beginning (snap length).
    pub cut: u64,
    /// Units handed on.
    pub units: u64,
    /// Packets that were recorded at more than one place: the second and each further time.
    pub copies: u64,
    /// Packets of link types that are not read here.
    pub unknown_links: BTreeMap<LinkType, u64>,
    /// Packets without IP: ARP, LLDP, 802.3 frames and so on.
    pub not_ip: u64,
    /// Packets with more tunnels or link headers in one another than are looked through.
    pub too_deep: u64,
    /// Packets of which the capture did not keep all headers.
    pub headers_cut: u64,
    /// Packets whose headers contradict themselves or the packet's length.
    pub undecodable: u64,
    /// IP packets of transports and ICMP types that are not read here.
    pub other_transports: u64,
    /// Of packets not read down to a transport that is known here, what was in the way: a breakdown of `unknown_links`,
    /// `not_ip` and `too_deep`, and of `other_transports` but for ICMP.
    pub unread: BTreeMap<Unread, u64>,
    /// IP fragments.
    pub fragments: u64,
    /// Fragments that brought nothing new: copies.
    pub fragments_repeated: u64,
    /// Fragments that overlap others of their datagram.
    pub fragments_overlapping: u64,
    /// Datagrams put together from fragments.
    pub datagrams_rebuilt: u64,
    /// Datagrams of which fragments never came.
    pub datagrams_incomplete: u64,
    /// Datagrams given up because of our limits.
    pub datagrams_given_up: u64,
}

impl Wire {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, looks for packets that were recorded more than once, and passes over all but the first.
    pub fn watch_for_copies(&mut self) {
        self.copies.get_or_insert_default();
    }

    /// Takes a packet; answers with what it holds for a flow, itself or as the last fragment of a datagram.
    ///
    /// `gaps` gets an event where a packet of a decoded protocol cannot be read; what is not readable of others is
    /// only counted. A packet gives one unit and one gap at most.
    pub fn packet<'b>(&mut self, packet: &Packet<'b>, gaps: &mut Vec<Event>) -> Option<Unit<'b>> {
        let counters = &mut self.counters;
        counters.packets += 1;
        let captured = packet.bytes.len();
        let on_wire = usize::try_from(packet.wire_len).unwrap_or(usize::MAX).max(captured);
        let snapped = on_wire > captured;
        counters.cut += u64::from(snapped);
        let layer = Layer { payload: link::strip(packet.link, packet.bytes), held: captured, on_wire };
        self.unwrap(packet, layer, 0, gaps)
    }

    /// Takes off one IP header after another, `depth` of which were taken off before, until there is a unit.
    fn unwrap<'b>(
        &mut self,
        packet: &Packet<'_>,
        mut layer: Layer<'b>,
        mut depth: usize,
        gaps: &mut Vec<Event>,
    ) -> Option<Unit<'b>> {
        loop {
            let ip = self.ip(packet.link, layer)?;
            if depth == 0
                && let Some(copies) = &mut self.copies
                && let link::Payload::Ip(bytes) = layer.payload
                && copies.is_copy(copies::fingerprint(bytes, &ip), packet.id, packet.at)
            {
                self.counters.copies += 1;
                return None;
            }
            let whole = match ip.fragment {
                None => transport::Whole {
                    packet: packet.id,
                    first: packet.id,
                    at: packet.at,
                    source: ip.source,
                    destination: ip.destination,
                    protocol: ip.protocol,
                    payload: Cow::Borrowed(ip.payload),
                    missing: ip.missing,
                },
                Some(fragment) => self.defrag.push(packet, &ip, fragment, &mut self.counters, gaps)?,
            };
            let protocol = whole.protocol;
            if tunnel::inside(protocol, &whole.payload).is_none() {
                return self.transport(whole, gaps);
            }
            depth += 1;
            if depth > MAX_TUNNELS {
                self.counters.too_deep += 1;
                self.counters.pass_over(Unread::TooDeep);
                return None;
            }
            let on_wire = |held: &[u8]| held.len().saturating_add(usize::try_from(whole.missing).unwrap_or(usize::MAX));
            match whole.payload {
                Cow::Borrowed(bytes) => {
                    let payload = tunnel::inside(protocol, bytes)?;
                    layer = Layer { payload, held: bytes.len(), on_wire: on_wire(bytes) };
                }
                // Put together from fragments, so it cannot be borrowed from the batch.
                Cow::Owned(ref bytes) => {
                    let payload = tunnel::inside(protocol, bytes)?;
                    let layer = Layer { payload, held: bytes.len(), on_wire: on_wire(bytes) };
                    return self.unwrap(packet, layer, depth, gaps).map(Unit::into_owned);
                }
            }
        }
    }

    /// The IP packet in a layer; counts what is none.
    fn ip<'b>(&mut self, link: LinkType, layer: Layer<'b>) -> Option<ip::Ip<'b>> {
        let counters = &mut self.counters;
        let bytes = match layer.payload {
            link::Payload::Ip(bytes) => bytes,
            link::Payload::Unknown => {
                *counters.unknown_links.entry(link).or_default() += 1;
                counters.pass_over(Unread::Link(link));
                return None;
            }
            link::Payload::Other(unread) => {
                counters.not_ip += 1;
                counters.pass_over(unread);
                return None;
            }
            link::Payload::Short if layer.on_wire > layer.held => {
                counters.headers_cut += 1;
                return None;
            }
            link::Payload::Short => {
                counters.undecodable += 1;
                return None;
            }
            link::Payload::TooDeep => {
                counters.too_deep += 1;
                counters.pass_over(Unread::TooDeep);
                return None;
            }
        };
        let header = layer.held.saturating_sub(bytes.len());
        match ip::read(bytes, layer.on_wire.saturating_sub(header)) {
            Ok(ip) => Some(ip),
            Err(fault) => {
                counters.count(fault);
                None
            }
        }
    }

    fn transport<'b>(&mut self, whole: transport::Whole<'b>, gaps: &mut Vec<Event>) -> Option<Unit<'b>> {
        let counters = &mut self.counters;
        let seen = Seen { last: whole.packet, first: whole.first, at: whole.at };
        let (missing, protocol) = (whole.missing, whole.protocol);
        match transport::read(whole) {
            transport::Found::Unit(unit) => {
                counters.units += 1;
                Some(unit)
            }
            transport::Found::Other => {
                counters.other_transports += 1;
                if !matches!(protocol, ip_number::ICMP | ip_number::IPV6_ICMP) {
                    counters.pass_over(Unread::Ip(protocol.0));
                }
                None
            }
            transport::Found::Faulty(fault, path) => {
                counters.count(fault);
                if let Some((path, protocol)) = path.and_then(|path| Some((path, decoded_as(&path)?))) {
                    let (kind, detail) = match fault {
                        ip::Fault::Cut => (GapKind::CutShort, "the capture ends inside the transport header"),
                        ip::Fault::Damaged => (GapKind::Undecodable, "the transport header contradicts itself"),
                    };
                    gaps.push(gap(seen, Some(path), kind, protocol, u64::from(missing), detail));
                }
                None
            }
        }
    }

    /// Gives up fragments that have waited too long by `now`. To be called at whole ticks of capture time only, so that
    /// results do not depend on how packets were batched.
    pub fn tick(&mut self, now: CaptureTime, gaps: &mut Vec<Event>) {
        self.defrag.tick(now, &mut self.counters, gaps);
    }

    /// Gives up all fragments: no more packets will come.
    pub fn finish(&mut self, gaps: &mut Vec<Event>) {
        self.defrag.finish(&mut self.counters, gaps);
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> &WireCounters {
        &self.counters
    }
}

/// What was found under link headers or in a tunnel.
#[derive(Clone, Copy, Debug)]
struct Layer<'b> {
    payload: link::Payload<'b>,
    /// Bytes of the layer captured, from its first header on.
    held: usize,
    /// Bytes of it on the wire.
    on_wire: usize,
}

impl WireCounters {
    /// What kept packets from being read, and how many: [`WireCounters::unread`], and headers that are cut or damaged.
    pub fn all_unread(&self) -> BTreeMap<Unread, u64> {
        let mut all = self.unread.clone();
        let headers = [(Unread::HeadersCut, self.headers_cut), (Unread::Undecodable, self.undecodable)];
        all.extend(headers.into_iter().filter(|(_, count)| *count > 0));
        all
    }

    #[cold]
    fn pass_over(&mut self, unread: Unread) {
        *self.unread.entry(unread).or_default() += 1;
    }

    fn count(&mut self, fault: ip::Fault) {
        match fault {
            ip::Fault::Cut => self.headers_cut += 1,
            ip::Fault::Damaged => self.undecodable += 1,
        }
    }
}

/// A number by which a packet is known again wherever on its way it was recorded, and whether its source is the lower
/// of its two addresses.
///
/// `None` for packets of which there may be others just like them at other times, such as announcements and heartbeats:
/// only the beginning and the data of a TCP connection, and datagrams of protocols that number their messages, have
/// one.
pub fn fingerprint(packet: &Packet<'_>) -> Option<(u64, bool)> {
    let link::Payload::Ip(bytes) = link::strip(packet.link, packet.bytes) else { return None };
    let ip = ip::read(bytes, bytes.len()).ok().filter(|ip| ip.fragment.is_none())?;
    let is_unique = match (ip.protocol, ip.payload) {
        (ip_number::TCP, &[_, _, _, _, _, _, _, _, _, _, _, _, offset, flags, ..]) => {
            let sent = ip.payload.len().saturating_add(usize::try_from(ip.missing).unwrap_or(usize::MAX));
            // A keep-alive repeats at most one byte.
            flags & TCP_SYN != 0 || sent > usize::from(offset >> 4) * 4 + 1
        }
        (ip_number::UDP, payload) => transport::path(ip.source, ip.destination, ip.protocol, Some(payload))
            .as_ref()
            .and_then(decoded_as)
            .is_some(),
        _ => false,
    };
    is_unique.then(|| (copies::fingerprint(bytes, &ip), ip.source < ip.destination))
}

/// What a packet holds for a flow.
#[derive(Clone, Debug)]
pub enum Unit<'b> {
    /// A TCP segment.
    Segment(Segment<'b>),
    /// A UDP datagram.
    Datagram(Datagram<'b>),
    /// An ICMP message saying that a packet of this flow did not arrive.
    Unreachable {
        /// Which packet carried it.
        packet: PacketId,
        /// When.
        at: CaptureTime,
        /// From whom to whom the ICMP message itself went.
        path: Path,
        /// What it says.
        unreachable: Unreachable,
    },
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Segment<'b> {
    /// The packet (of a fragmented one, the fragment that completed it).
    pub packet: PacketId,
    /// Capture time of `packet`.
    pub at: CaptureTime,
    /// Source and destination.
    pub path: Path,
    /// Sequence number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// Acknowledgement number, where the ACK flag is set.
    pub acknowledgement: Option<u32>,
    /// The flags octet: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// Payload as far as captured.
    pub payload: Cow<'b, [u8]>,
    /// Payload bytes that the packet says it has behind these, and that the capture does not hold.
    pub cut: u32,
}

/// A UDP datagram.
#[derive(Clone, Debug)]
pub struct Datagram<'b> {
    /// The packet (of a fragmented one, the fragment that completed it).
    pub packet: PacketId,
    /// The packet with the first fragment seen; equal to `packet` where there was only one.
    pub first: PacketId,
    /// Capture time of `packet`.
    pub at: CaptureTime,
    /// Source and destination.
    pub path: Path,
    /// Payload as far as captured.
    pub payload: Cow<'b, [u8]>,
    /// Payload bytes that the packet says it has behind these, and that the capture does not hold.
    pub cut: u32,
}

impl Unit<'_> {
    /// The same, with its payload copied.
    fn into_owned(self) -> Unit<'static> {
        match self {
            Self::Segment(it) => {
                let Segment { packet, at, path, sequence, acknowledgement, flags, payload, cut } = it;
                let payload = Cow::Owned(payload.into_owned());
                Unit::Segment(Segment { packet, at, path, sequence, acknowledgement, flags, payload, cut })
            }
            Self::Datagram(Datagram { packet, first, at, path, payload, cut }) => {
                let payload = Cow::Owned(payload.into_owned());
                Unit::Datagram(Datagram { packet, first, at, path, payload, cut })
            }
            Self::Unreachable { packet, at, path, unreachable } => Unit::Unreachable { packet, at, path, unreachable },
        }
    }

    /// The flow whose shard must see it. `None`: an ICMP message that quotes too little to tell.
    pub fn flow(&self) -> Option<FlowKey> {
        match self {
            Self::Segment(segment) => Some(segment.path.flow().0),
            Self::Datagram(datagram) => Some(datagram.path.flow().0),
            Self::Unreachable { unreachable, .. } => unreachable.about.map(|path| path.flow().0),
        }
    }
}

/// What would have been decoded on a path, by its ports: gaps are told for these only.
fn decoded_as(path: &Path) -> Option<Protocol> {
    match (path.source.port, path.destination.port) {
        (PORT_KERBEROS, _) | (_, PORT_KERBEROS) => Some(Protocol::Kerberos),
        (PORT_DNS, _) | (_, PORT_DNS) => Some(Protocol::Dns),
        (PORT_LDAP, _) | (_, PORT_LDAP) if path.transport == Transport::Udp => Some(Protocol::Cldap),
        (PORT_LDAP | PORT_GLOBAL_CATALOGUE, _) | (_, PORT_LDAP | PORT_GLOBAL_CATALOGUE) => Some(Protocol::Ldap),
        _ => None,
    }
}

fn gap(seen: Seen, path: Option<Path>, kind: GapKind, protocol: Protocol, bytes: u64, detail: &str) -> Event {
    Event::direct(seen, path, Message::Gap(Box::new(Gap { kind, protocol, bytes, detail: detail.to_owned() })))
}

/// IP headers inside others that are looked through. A virtual machine's overlay inside a site's tunnel, mirrored by
/// ERSPAN, makes three.
const MAX_TUNNELS: usize = 4;

/// The SYN flag.
const TCP_SYN: u8 = 0x02;

const PORT_DNS: u16 = 53;
const PORT_GLOBAL_CATALOGUE: u16 = 3268;
const PORT_KERBEROS: u16 = 88;
const PORT_LDAP: u16 = 389;
