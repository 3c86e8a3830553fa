//! `stream`: TCP segments in any order, with holes, repetitions and cuts, into a shard with its decoders.

use std::borrow::Cow;

use capture::{CaptureTime, InputId, PacketId};
use decode::{
    Event, Message, Path, Transport,
    decoder::{DNS_PORT, ENDPOINT_MAPPER_PORT, GLOBAL_CATALOGUE_PORT, KERBEROS_PORT, LDAP_PORT, SMB_PORT},
    shard::{Config, Shard},
    wire::{Segment, Unit},
};

use super::{check, input::Input};

/// Of TLS and HTTP, which are known by their content.
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

pub(crate) const PORTS: [u16; 8] =
    [KERBEROS_PORT, DNS_PORT, LDAP_PORT, GLOBAL_CATALOGUE_PORT, SMB_PORT, ENDPOINT_MAPPER_PORT, HTTPS_PORT, HTTP_PORT];

/// Bits of the first byte of an input; the lowest three choose the port.
pub(crate) const SHUFFLED: u8 = 8;
pub(crate) const FROM_SERVER: u8 = 16;

/// Bits of the second byte of a segment; the two above them choose the step of time, and the ones above these the
/// client's port.
pub(crate) const BY_SERVER: u8 = 1;
const SECONDS: [i64; 4] = [0, 1, 11, 400];

/// Sequence numbers of the first data byte of client and server: the client's soon begin anew.
pub(crate) const FIRST: [u32; 2] = [0xffff_ff00, 0x7000_0000];

const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
const ACK: u8 = 16;

/// Few and small, so that they are met.
const MAX_FLOWS: usize = 3;
const MAX_BUFFERED: usize = 16 << 10;

/// The input says which of two things is done: segments of some connections with nothing certain about them, or one
/// direction of a connection delivered in disorder and then whole, which must say what it says in order.
pub fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let head = input.u8();
    let port = PORTS[usize::from(head & 7)];
    if head & SHUFFLED == 0 {
        let events = segments(Input(input.0), port);
        assert_eq!(events, segments(input, port));
    } else {
        shuffled(input, port, head & FROM_SERVER != 0);
    }
}

/// Segments: flags, options, offset of the sequence number, offset of the acknowledgement (four bytes each), bytes cut
/// off by the snap length, length of the payload in two bytes, payload.
fn segments(mut input: Input<'_>, port: u16) -> Vec<(String, String)> {
    let mut net = Net::new(Config { max_flows: MAX_FLOWS, max_buffered: MAX_BUFFERED, ..Config::for_shards(1) });
    while !input.is_empty() {
        let (flags, options) = (input.u8(), input.u8());
        let (sequence, acknowledgement, cut) = (input.u32(), input.u32(), u32::from(input.u8()));
        let size = usize::from(input.u16());
        let payload = input.bytes(size);
        net.pass(SECONDS[usize::from(options >> 1 & 3)]);
        let client_port = 50_000 + u16::from(options >> 3);
        let to_server = check::path(Transport::Tcp, client_port, port);
        let server = options & BY_SERVER != 0;
        let own = usize::from(server);
        let sequence = FIRST[own].wrapping_add(sequence);
        let acknowledgement = (flags & ACK != 0).then(|| FIRST[1 - own].wrapping_add(acknowledgement));
        net.push(to_server, server, (flags, sequence, acknowledgement), payload, cut);
        assert!(net.shard.flows() <= MAX_FLOWS);
        assert!(net.shard.buffered() <= MAX_BUFFERED, "{} bytes are kept", net.shard.buffered());
    }
    net.finish()
}

/// The number of pieces in one byte, where each begins and how long it is in two bytes each, and then the data.
fn shuffled(mut input: Input<'_>, port: u16, from_server: bool) {
    let count = input.u8();
    let pieces: Vec<(u16, u16)> = (0..count).map(|_| (input.u16(), input.u16())).collect();
    let data = input.bytes(usize::from(u16::MAX));
    let piece = |start: usize, size: usize| data.get(start..).map(|rest| (start, &rest[..size.min(rest.len())]));
    let in_order = piece(0, data.len()).into_iter().collect::<Vec<_>>();
    let disorder = pieces.iter().filter_map(|&(start, size)| piece(start.into(), size.into()));
    let disorder = disorder.chain(in_order.iter().copied()).collect::<Vec<_>>();
    let expected = delivered(&in_order, port, from_server);
    assert_eq!(delivered(&disorder, port, from_server), expected, "the order of segments changes what they say");
}

/// What the pieces of one direction say, after a handshake and before a FIN.
fn delivered(pieces: &[(usize, &[u8])], port: u16, from_server: bool) -> Vec<String> {
    let mut net = Net::new(Config::for_shards(1));
    let path = check::path(Transport::Tcp, 50_000, port);
    let [client, server] = FIRST;
    net.push(path, false, (SYN, client.wrapping_sub(1), None), &[], 0);
    net.push(path, true, (SYN | ACK, server.wrapping_sub(1), Some(client)), &[], 0);
    let (own, peer) = if from_server { (server, client) } else { (client, server) };
    let mut end = own;
    for (start, piece) in pieces {
        let at = |offset: usize| own.wrapping_add(u32::try_from(offset).unwrap_or(u32::MAX));
        net.push(path, from_server, (ACK, at(*start), Some(peer)), piece, 0);
        end = at(start + piece.len());
    }
    net.push(path, from_server, (FIN | ACK, end, Some(peer)), &[], 0);
    net.finish_quietly();
    let said = |event: &Event| !matches!(event.message, Message::Connection(_));
    net.events.iter().filter(|event| said(event)).map(|event| check::shown(&event.message)).collect()
}

/// A shard, and what came out of it.
struct Net {
    shard: Shard,
    events: Vec<Event>,
    packet: u64,
    second: i64,
}

impl Net {
    fn new(config: Config) -> Self {
        let mut shard = Shard::new(config);
        let second = 1_700_000_000;
        shard.tick(CaptureTime(0).plus_seconds(second), &mut Vec::new());
        Self { shard, events: Vec::new(), packet: 0, second }
    }

    fn id(&self) -> PacketId {
        PacketId { arrival: self.packet, input: InputId(0), number: self.packet + 1 }
    }

    fn pass(&mut self, seconds: i64) {
        if seconds > 0 {
            self.second += seconds;
            self.shard.tick(CaptureTime(0).plus_seconds(self.second), &mut self.events);
        }
    }

    /// `numbers`: flags, sequence number and acknowledgement.
    fn push(&mut self, to_server: Path, by_server: bool, numbers: (u8, u32, Option<u32>), payload: &[u8], cut: u32) {
        let (flags, sequence, acknowledgement) = numbers;
        let from_server = Path { source: to_server.destination, destination: to_server.source, ..to_server };
        let packet = self.id();
        self.packet += 1;
        let segment = Segment {
            packet,
            at: CaptureTime(0).plus_seconds(self.second),
            path: if by_server { from_server } else { to_server },
            sequence,
            acknowledgement,
            flags,
            payload: Cow::Borrowed(payload),
            cut,
        };
        let before = self.events.len();
        self.shard.push(&Unit::Segment(segment), &mut self.events);
        for event in &self.events[before..] {
            assert_eq!(event.seen.last, packet, "not seen in the packet that completed it");
        }
    }

    fn finish_quietly(&mut self) {
        self.shard.finish(&mut self.events);
        assert_eq!((self.shard.flows(), self.shard.buffered()), (0, 0));
    }

    fn finish(mut self) -> Vec<(String, String)> {
        self.finish_quietly();
        for event in &self.events {
            assert!(event.seen.first <= event.seen.last);
            assert!(event.seen.last < self.id());
        }
        self.events.iter().map(check::told).collect()
    }
}

/// A segment as [`run`] reads it. `numbers`: flags, and sequence number and acknowledgement counted from the first data
/// byte of their side.
pub(crate) fn written(by_server: bool, numbers: (u8, u32, u32), payload: &[u8]) -> Vec<u8> {
    let (flags, sequence, acknowledgement) = numbers;
    let size = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    [
        &[flags, u8::from(by_server) * BY_SERVER][..],
        &sequence.to_le_bytes(),
        &acknowledgement.to_le_bytes(),
        &[0],
        &size.to_le_bytes(),
        &payload[..usize::from(size)],
    ]
    .concat()
}
