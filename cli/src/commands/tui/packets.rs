//! Back to the packets: the bytes of a message, and the packets of a sign-in as a capture of their own.
//!
//! The inputs are read again for that, up to the last packet that is wanted. Nothing of them is kept while they are
//! not.

use std::{collections::BTreeMap, io::Write, net::IpAddr, path::PathBuf, sync::Arc};

use ::tui::{Found, Packets, Wanted};
use anyhow::bail;
use capture::{Batch, InputId, LinkType, Packet, Progress, Recorder, Source as _};
use decode::{
    Event, Path,
    shard::{Config, Shard},
    wire::{Unit, Wire},
};

/// Packets looked at at a time.
const BATCH: usize = 4096;
/// Bytes put together of one message: more than a Kerberos message may have.
const MAX_MESSAGE: usize = 1 << 20;

/// Calls `take` with every packet of the inputs up to the last that is wanted, and the places in `wanted` that it is
/// within the numbers of.
fn scan(
    captures: &[PathBuf],
    wanted: &[Packets],
    mut take: impl FnMut(&Packet<'_>, &[usize]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if captures.is_empty() {
        bail!("the packets of a device are not kept; --write records them");
    }
    if captures.iter().any(|capture| capture == std::path::Path::new("-")) {
        bail!("standard input cannot be read a second time");
    }
    let mut source = capture::open(captures)?;
    let inputs = source.inputs().to_vec();
    let is_of = |wanted: &Packets, packet: &Packet<'_>| match &wanted.file {
        None => true,
        Some(file) => inputs.get(usize::from(packet.id.input.0)).is_some_and(|input| input == file),
    };
    let mut left: u64 = wanted.len() as u64;
    let mut batch = Batch::new(BATCH);
    while left > 0 {
        let progress = source.fill(&mut batch)?;
        for packet in batch.packets() {
            let number = packet.id.number;
            let mut places = Vec::new();
            for (place, it) in wanted.iter().enumerate() {
                let (first, last) = it.numbers;
                if (first..=last).contains(&number) && is_of(it, &packet) {
                    places.push(place);
                    left = left.saturating_sub(u64::from(number == last));
                }
            }
            take(&packet, &places)?;
        }
        if progress == Progress::End {
            break;
        }
    }
    Ok(())
}

/// Whether a unit went between these two, either way.
fn is_between(unit: &Unit<'_>, between: Option<(IpAddr, IpAddr)>) -> bool {
    let path = match unit {
        Unit::Segment(segment) => segment.path,
        Unit::Datagram(datagram) => datagram.path,
        Unit::Unreachable { path, .. } => *path,
    };
    let ends = (path.source.address, path.destination.address);
    between.is_none_or(|(one, other)| ends == (one, other) || ends == (other, one))
}

/// The bytes of a message, what may not be shown of them blank; and the message, where the report does not hold it.
pub(super) fn bytes(captures: &[PathBuf], wanted: &Wanted) -> Result<Found, String> {
    find(captures, wanted).map_err(|error| error.to_string())
}

fn find(captures: &[PathBuf], wanted: &Wanted) -> anyhow::Result<Found> {
    let (first, last) = wanted.packets.numbers;
    let mut wire = Wire::new();
    let mut shard = Shard::new(Config::for_shards(1));
    let (mut events, mut gaps): (Vec<Event>, Vec<Event>) = (Vec::new(), Vec::new());
    let mut pieces: Vec<Piece> = Vec::new();
    let mut kept = 0;
    scan(captures, std::slice::from_ref(&wanted.packets), |packet, places| {
        gaps.clear();
        let Some(unit) = wire.packet(packet, &mut gaps).filter(|unit| is_between(unit, wanted.packets.between)) else {
            return Ok(());
        };
        if let Some(piece) =
            Piece::of(&unit).filter(|piece| !places.is_empty() && kept + piece.bytes.len() <= MAX_MESSAGE)
        {
            kept += piece.bytes.len();
            pieces.push(piece);
        }
        // Decoded again only where the report has no message: then what was said before matters as well.
        if wanted.event.is_none() && events.is_empty() {
            let mut out = Vec::new();
            shard.push(&unit, &mut out);
            events.extend(out.into_iter().filter(|event| {
                event.seen.last.number == last && event.seen.last.input == packet.id.input && !places.is_empty()
            }));
        }
        Ok(())
    })?;
    let event = wanted.event.clone().or_else(|| events.pop().map(Arc::new));
    if pieces.is_empty() {
        bail!("packets {first} to {last} hold nothing between these two");
    }
    // Of a message, the way that it went; of a packet without one, all of it.
    let path = event.as_ref().and_then(|event| event.path);
    pieces.retain(|piece| path.is_none_or(|path| path == piece.path));
    Ok(Found::new(event, &joined(&pieces)))
}

/// What a packet carries.
struct Piece {
    path: Path,
    /// Where in the stream it is, over TCP.
    sequence: Option<u32>,
    bytes: Vec<u8>,
}

impl Piece {
    fn of(unit: &Unit<'_>) -> Option<Self> {
        match unit {
            Unit::Segment(segment) => {
                Some(Self { path: segment.path, sequence: Some(segment.sequence), bytes: segment.payload.to_vec() })
            }
            Unit::Datagram(datagram) => {
                Some(Self { path: datagram.path, sequence: None, bytes: datagram.payload.to_vec() })
            }
            Unit::Unreachable { .. } => None,
        }
    }
}

/// Pieces of one stream in its order, each byte once.
fn joined(pieces: &[Piece]) -> Vec<u8> {
    let Some(first) = pieces.first() else { return Vec::new() };
    let Some(begin) = first.sequence else {
        return pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
    };
    // Sequence numbers wrap; what lies before the first one counts as before it.
    let place = |piece: &Piece| i64::from(piece.sequence.unwrap_or(begin).wrapping_sub(begin).cast_signed());
    let mut sorted: Vec<&Piece> = pieces.iter().filter(|piece| !piece.bytes.is_empty()).collect();
    sorted.sort_by_key(|piece| place(piece));
    let mut bytes = Vec::new();
    let mut next = sorted.first().map_or(0, |piece| place(piece));
    for piece in sorted {
        let known = usize::try_from(next - place(piece)).unwrap_or(0);
        if let Some(new) = piece.bytes.get(known..).filter(|new| !new.is_empty()) {
            bytes.extend_from_slice(new);
            next = place(piece) + i64::try_from(piece.bytes.len()).unwrap_or(0);
        }
    }
    bytes
}

/// Writes these packets as pcapng and answers how many there are.
pub(super) fn write(captures: &[PathBuf], wanted: &[Packets], out: impl Write) -> anyhow::Result<u64> {
    let mut recorder = Recorder::new(out, "hellotrace")?;
    let mut interfaces: BTreeMap<(InputId, LinkType), u32> = BTreeMap::new();
    let mut wire = Wire::new();
    let mut gaps = Vec::new();
    let mut count = 0;
    scan(captures, wanted, |packet, places| {
        gaps.clear();
        // Of all packets, so that fragments are put together.
        let unit = wire.packet(packet, &mut gaps);
        let is_wanted = places.iter().filter_map(|place| wanted.get(*place)).any(|wanted| {
            let (first, last) = wanted.numbers;
            // A fragment is no unit, and the first packet or the last belongs to it in any case.
            [first, last].contains(&packet.id.number)
                || unit.as_ref().is_some_and(|unit| is_between(unit, wanted.between))
        });
        if !is_wanted {
            return Ok(());
        }
        let key = (packet.id.input, packet.link);
        let interface = if let Some(interface) = interfaces.get(&key) {
            *interface
        } else {
            let name = format!("input {} link {}", packet.id.input.0, packet.link.0);
            let interface = recorder.interface(&name, packet.link, 0, "")?;
            interfaces.insert(key, interface);
            interface
        };
        recorder.packet(interface, packet.at, packet.wire_len, packet.bytes)?;
        count += 1;
        Ok(())
    })?;
    recorder.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use decode::{Endpoint, Path, Transport};

    use super::{Piece, joined};

    #[test]
    fn a_stream_is_put_in_order_and_repeats_nothing() {
        let end = Endpoint { address: std::net::Ipv4Addr::LOCALHOST.into(), port: 88 };
        let path = Path { transport: Transport::Tcp, source: end, destination: end };
        let piece = |sequence: u32, bytes: &[u8]| Piece { path, sequence: Some(sequence), bytes: bytes.to_vec() };
        let pieces = [piece(u32::MAX - 1, b"ab"), piece(2, b"ef"), piece(0, b"cd"), piece(1, b"de"), piece(2, b"")];
        assert_eq!(joined(&pieces), b"abcdef");
        assert_eq!(joined(&[]), b"");
    }
}
