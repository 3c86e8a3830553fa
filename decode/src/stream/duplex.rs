//! Both directions of a connection, with the decoder they share.
//!
//! In: every segment of the connection that is not a reset, in arrival order. It gives each its place: the data to the
//! stream of its direction, its acknowledgement to the other one, and to both the chance to stop waiting.

use super::{Hole, Scratch, Sink, Stream};
use crate::{
    Carriage, Event, Path, Protocol,
    connection::{FIN, Lacks, Mark, SYN},
    decoder::{Decoder, Side, length},
    wire::Segment,
};

/// Where results go.
pub struct Out<'a> {
    /// Events are appended here.
    pub events: &'a mut Vec<Event>,
    /// Memory to be used again.
    pub scratch: &'a mut Scratch,
}

/// The two streams of a connection.
pub struct Duplex {
    decoder: Box<dyn Decoder>,
    /// From the client to the server.
    path: Path,
    client: Stream,
    server: Stream,
}

impl Duplex {
    /// Of a connection whose client is the source of `path`.
    pub fn new(decoder: Box<dyn Decoder>, path: Path) -> Self {
        Self { decoder, path, client: Stream::default(), server: Stream::default() }
    }

    /// Takes a segment that `sender` sent. `first` holds, for client and server, the sequence number that follows the
    /// SYN, where the SYN was seen.
    pub fn segment(
        &mut self,
        segment: &Segment<'_>,
        sender: Side,
        first: (Option<u32>, Option<u32>),
        out: &mut Out<'_>,
    ) {
        let mark = Mark { packet: segment.packet, at: segment.at };
        for (opened, first) in [(Side::Client, first.0), (Side::Server, first.1)] {
            if let Some(first) = first
                && self.stream_mut(opened).is_joining()
            {
                self.with(opened, mark, out, |stream, sink| stream.open(first, sink));
            }
        }
        let flag = |flag| segment.flags & flag != 0;
        let data = segment.sequence.wrapping_add(u32::from(flag(SYN)));
        if !segment.payload.is_empty() || segment.cut > 0 || flag(FIN) {
            self.with(sender, mark, out, |stream, sink| {
                stream.segment(data, &segment.payload, segment.cut, sink);
                if flag(FIN) {
                    let size = length(&segment.payload).saturating_add(u64::from(segment.cut));
                    // Sequence numbers count modulo 2³².
                    #[expect(clippy::cast_possible_truncation)]
                    stream.fin(data.wrapping_add(size as u32), sink);
                }
            });
        }
        if let Some(number) = segment.acknowledgement {
            self.stream_mut(sender.other()).acknowledge(number, mark);
        }
        for side in [sender.other(), sender] {
            if self.stream_mut(side).waits_in_vain() {
                self.with(side, mark, out, Stream::lose_patience);
            } else {
                self.stream_mut(side).be_patient();
            }
        }
    }

    /// Passes all holes: they were waited for long enough. `mark`: the packet that this is seen in.
    pub fn pass_holes(&mut self, mark: Mark, out: &mut Out<'_>) {
        self.both(mark, out, |stream, sink| stream.pass_holes(Hole::Missing, sink));
    }

    /// Gives up what it holds, because all streams together hold too much.
    pub fn shed(&mut self, mark: Mark, out: &mut Out<'_>) {
        self.both(mark, out, Stream::shed);
    }

    /// Ends both streams.
    pub fn finish(&mut self, mark: Mark, out: &mut Out<'_>) {
        self.both(mark, out, Stream::finish);
    }

    /// Whether one of the streams waits for something.
    pub fn is_waiting(&self) -> bool {
        self.client.is_waiting() || self.server.is_waiting()
    }

    /// What it lacks so far.
    pub fn lacks(&self) -> Lacks {
        Lacks {
            missing: self.client.tally().missing.saturating_add(self.server.tally().missing),
            lost_to_server: self.client.not_received(),
            lost_to_client: self.server.not_received(),
        }
    }

    /// Whether nothing of it is decoded any more, and nothing is left to be told.
    pub fn is_over(&self) -> bool {
        let streams = [&self.client, &self.server];
        streams.iter().all(|stream| stream.is_over()) && streams.iter().any(|stream| stream.is_retired())
    }

    /// Whether both streams have come to their end.
    pub fn has_ended(&self) -> bool {
        self.client.is_over() && self.server.is_over()
    }

    /// What it is decoded as.
    pub fn protocol(&self) -> Protocol {
        self.decoder.protocol()
    }

    /// What carries the TLS in it whose alerts show even where nothing else is decoded. `None`: there is none such, or
    /// what `side` sends is still decoded.
    pub fn alerts_of(&self, side: Side) -> Option<Carriage> {
        let stream = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        stream.is_retired().then(|| self.decoder.shows_alerts()).flatten()
    }

    /// Bytes of memory held beyond its own size.
    pub fn footprint(&self) -> usize {
        let kept = self.decoder.kept(Side::Client).saturating_add(self.decoder.kept(Side::Server));
        [self.client.footprint(), self.server.footprint()].into_iter().fold(kept, usize::saturating_add)
    }

    fn both(&mut self, mark: Mark, out: &mut Out<'_>, act: impl Fn(&mut Stream, &mut Sink<'_>)) {
        self.with(Side::Client, mark, out, &act);
        self.with(Side::Server, mark, out, &act);
    }

    fn with(&mut self, side: Side, mark: Mark, out: &mut Out<'_>, act: impl FnOnce(&mut Stream, &mut Sink<'_>)) {
        let Mark { packet, at } = mark;
        let (stream, path) = match side {
            Side::Client => (&mut self.client, self.path),
            Side::Server => {
                (&mut self.server, Path { source: self.path.destination, destination: self.path.source, ..self.path })
            }
        };
        let Out { events, scratch } = out;
        act(stream, &mut Sink { packet, at, path, side, decoder: self.decoder.as_mut(), out: events, scratch });
    }

    fn stream_mut(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl std::fmt::Debug for Duplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Duplex").field("client", &self.client).field("server", &self.server).finish_non_exhaustive()
    }
}
