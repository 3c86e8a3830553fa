//! A connection written down segment by segment, and what the shard makes of it as lines of text.
//!
//! Decoding is faked: a "decoded" message is a gap of kind `Encrypted` whose detail is a digest of the bytes, so that a
//! test sees which bytes were taken for a message.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{borrow::Cow, net::IpAddr};

use capture::{CaptureTime, InputId, PacketId};
use decode::{
    Endpoint, Event, Gap, GapKind, Message, NotReceived, Path, Protocol, Transport, Unreachable,
    decoder::{Decoders, Side},
    shard::{Config, Shard},
    wire::{Datagram, Segment, Unit},
};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

pub(crate) const CLIENT: Side = Side::Client;
pub(crate) const SERVER: Side = Side::Server;

/// One segment, its numbers relative to the first data byte of each side.
#[derive(Clone, Debug)]
pub(crate) struct Seg {
    pub(crate) side: Side,
    pub(crate) offset: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) flags: u8,
    pub(crate) ack: Option<i64>,
    pub(crate) cut: u32,
}

pub(crate) fn seg(side: Side, offset: i64, payload: &[u8]) -> Seg {
    Seg { side, offset, payload: payload.to_vec(), flags: ACK, ack: Some(0), cut: 0 }
}

impl Seg {
    pub(crate) fn ack(mut self, ack: i64) -> Self {
        self.ack = Some(ack);
        self
    }

    pub(crate) fn cut(mut self, cut: u32) -> Self {
        self.cut = cut;
        self
    }

    pub(crate) fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        if flags & ACK == 0 {
            self.ack = None;
        }
        self
    }
}

/// Pushes segments of connections between two hosts.
pub(crate) struct Net {
    pub(crate) shard: Shard,
    pub(crate) out: Vec<Event>,
    pub(crate) packet: u64,
    pub(crate) second: i64,
    pub(crate) client_port: u16,
    pub(crate) server_port: u16,
    /// Sequence numbers of the first data byte of client and server.
    pub(crate) first: (u32, u32),
}

pub(crate) fn fake(bytes: &[u8]) -> Result<Message, String> {
    if bytes.get(8) == Some(&0xbb) {
        return Err("bad on purpose".to_owned());
    }
    let gap = Gap {
        kind: GapKind::Encrypted,
        protocol: Protocol::Kerberos,
        bytes: bytes.len() as u64,
        detail: digest(bytes),
    };
    Ok(Message::Gap(Box::new(gap)))
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0_u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("{sum:08x}")
}

pub(crate) fn config() -> Config {
    Config { decoders: Decoders { kerberos: fake, dns: fake, ..Decoders::default() }, ..Config::for_shards(1) }
}

/// A Kerberos message with its length in front, `size` bytes in all, filled from `seed`.
pub(crate) fn kerberos(tag: u8, size: usize, seed: u8) -> Vec<u8> {
    let body = size - 4;
    let mut bytes = number(body).to_be_bytes().to_vec();
    bytes.extend([tag, 0x83]);
    bytes.extend(&number(body - 5).to_be_bytes()[1..]);
    bytes.push(0x30);
    let mut value = u32::from(seed).wrapping_mul(0x9e37_79b9) | 1;
    while bytes.len() < size {
        value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((value >> 24) as u8 | 1);
    }
    bytes
}

fn number(size: usize) -> u32 {
    u32::try_from(size).expect("tests send less than 4 GiB")
}

/// The line that [`Net::lines`] gives for this message.
pub(crate) fn line(side: Side, first: u64, last: u64, message: &[u8]) -> String {
    let way = if side == CLIENT { "c>s" } else { "s>c" };
    format!("{first}-{last} {way} message {} {}", message.len() - 4, digest(&message[4..]))
}

impl Net {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut shard = Shard::new(config);
        let mut out = Vec::new();
        shard.tick(CaptureTime(0), &mut out);
        Self { shard, out, packet: 0, second: 0, client_port: 50_000, server_port: 88, first: (1000, 9000) }
    }

    /// SYN, SYN-ACK, ACK: packets 1 to 3 when it is the first thing done.
    pub(crate) fn opened() -> Self {
        let mut net = Self::new();
        net.open();
        net
    }

    pub(crate) fn open(&mut self) {
        self.send(&seg(CLIENT, -1, &[]).flags(SYN));
        self.send(&seg(SERVER, -1, &[]).flags(SYN | ACK));
        self.send(&seg(CLIENT, 0, &[]));
    }

    pub(crate) fn path(&self, side: Side) -> Path {
        let client = Endpoint { address: IpAddr::from([10, 0, 0, 21]), port: self.client_port };
        let server = Endpoint { address: IpAddr::from([10, 0, 0, 1]), port: self.server_port };
        match side {
            Side::Client => Path { transport: Transport::Tcp, source: client, destination: server },
            Side::Server => Path { transport: Transport::Tcp, source: server, destination: client },
        }
    }

    pub(crate) fn id(&mut self) -> PacketId {
        self.packet += 1;
        PacketId { arrival: self.packet - 1, input: InputId(0), number: self.packet }
    }

    pub(crate) fn at(&self) -> CaptureTime {
        CaptureTime(0).plus_seconds(self.second)
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sequence numbers wrap")]
    pub(crate) fn send(&mut self, seg: &Seg) {
        let (own, peer) = match seg.side {
            Side::Client => (self.first.0, self.first.1),
            Side::Server => (self.first.1, self.first.0),
        };
        let segment = Segment {
            packet: self.id(),
            at: self.at(),
            path: self.path(seg.side),
            sequence: own.wrapping_add(seg.offset as u32),
            acknowledgement: seg.ack.map(|ack| peer.wrapping_add(ack as u32)),
            flags: seg.flags,
            payload: Cow::Borrowed(&seg.payload),
            cut: seg.cut,
        };
        self.shard.push(&Unit::Segment(segment), &mut self.out);
    }

    /// Sends all of `bytes` in segments of `step`.
    pub(crate) fn data(&mut self, side: Side, offset: i64, bytes: &[u8], step: usize) {
        for (index, piece) in bytes.chunks(step).enumerate() {
            self.send(&seg(side, offset + i64::from(number(index * step)), piece));
        }
    }

    /// Packets that say nothing, one from each side in turn.
    pub(crate) fn idle(&mut self, packets: usize) {
        for index in 0..packets {
            self.send(&seg(if index % 2 == 0 { CLIENT } else { SERVER }, 0, &[]));
        }
    }

    pub(crate) fn datagram(&mut self, port: u16, payload: &[u8], cut: u32) {
        let mut path = self.path(CLIENT);
        path.transport = Transport::Udp;
        path.destination.port = port;
        let packet = self.id();
        let datagram = Datagram { packet, first: packet, at: self.at(), path, payload: Cow::Borrowed(payload), cut };
        self.shard.push(&Unit::Datagram(datagram), &mut self.out);
    }

    pub(crate) fn unreachable(&mut self, icmp_type: u8, code: u8) {
        let about = Some(self.path(CLIENT));
        let mut path = self.path(SERVER);
        path.transport = Transport::Icmp;
        let packet = self.id();
        let at = self.at();
        let unreachable = Unreachable { icmp_type, code, about };
        self.shard.push(&Unit::Unreachable { packet, at, path, unreachable }, &mut self.out);
    }

    /// A tick at every second up to `second`.
    pub(crate) fn until(&mut self, second: i64) {
        while self.second < second {
            self.second += 1;
            let now = self.at();
            self.shard.tick(now, &mut self.out);
        }
    }

    pub(crate) fn finish(&mut self) {
        self.shard.finish(&mut self.out);
    }

    /// What came out so far, and forgets it.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out).iter().map(|event| self.told(event)).collect()
    }

    /// The same without the connections.
    pub(crate) fn stream_lines(&mut self) -> Vec<String> {
        self.lines().into_iter().filter(|line| !line.contains("connection")).collect()
    }

    pub(crate) fn told(&self, event: &Event) -> String {
        let client = event.path.is_some_and(|path| path.source.port == self.client_port);
        let way = if client { "c>s" } else { "s>c" };
        let place = format!("{}-{} {way}", event.seen.first.number, event.seen.last.number);
        match &event.message {
            Message::Gap(gap) if gap.kind == GapKind::Encrypted => {
                format!("{place} message {} {}", gap.bytes, gap.detail)
            }
            Message::Gap(gap) => {
                format!("{place} {} {} {}: {}", gap.kind.name(), gap.protocol.name(), gap.bytes, gap.detail)
            }
            Message::Connection(connection) => {
                let lost = |what: Option<NotReceived>| match what {
                    Some(lost) => format!(" lost {} after {}, {}", lost.bytes, lost.after, lost.seen.last.number),
                    None => String::new(),
                };
                format!(
                    "{place} connection opened {:?} syns {} refused {:?} closed {:?} bytes {}/{} missing {}{}{}",
                    connection.opened,
                    connection.syns,
                    connection.refused,
                    connection.closed,
                    connection.bytes_to_server,
                    connection.bytes_to_client,
                    connection.missing,
                    lost(connection.lost_to_server),
                    lost(connection.lost_to_client),
                )
            }
            Message::Unacknowledged(what) => {
                let word = if what.at_last { "acknowledged at last" } else { "unacknowledged" };
                format!("{place} {word} {} sent {}", what.bytes, what.sent)
            }
            Message::Unreachable(unreachable) => format!("{place} unreachable {}", unreachable.code),
            other => format!("{place} {}", other.protocol().name()),
        }
    }
}
