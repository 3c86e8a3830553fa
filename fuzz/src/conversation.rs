//! A connection whose segments are all there and in order, into one decoder, as `decode::stream` would hand it over.

use decode::{
    Decoded,
    decoder::{Begins, Decoder, Framing, MAX_HEADER, MAX_OPEN, Side},
};

use super::{check, input::Input};

/// Pieces: the lowest bit of a byte says which side sends, two bytes how much, then the payload. What the decoder says.
pub(crate) fn run(bytes: &[u8], decoder: fn() -> Box<dyn Decoder>) {
    assert_eq!(said(bytes, decoder()), said(bytes, decoder()));
}

fn said(bytes: &[u8], mut decoder: Box<dyn Decoder>) -> Vec<(String, String)> {
    let (mut input, mut out) = (Input(bytes), Vec::new());
    let mut halves = [Half::default(), Half::default()];
    while !input.is_empty() {
        let side = if input.u8() & 1 == 0 { Side::Client } else { Side::Server };
        let length = usize::from(input.u16());
        halves[usize::from(side == Side::Server)].feed(side, input.bytes(length), decoder.as_mut(), &mut out);
    }
    for side in [Side::Client, Side::Server] {
        decoder.interrupted(side, &mut out);
        assert_eq!(decoder.kept(side), 0, "something is kept of what has ended");
    }
    out.into_iter().map(check::decoded).collect()
}

/// A piece as [`run`] reads it.
pub(crate) fn written(by_server: bool, payload: &[u8]) -> Vec<u8> {
    let size = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    [&[u8::from(by_server)][..], &size.to_le_bytes(), &payload[..usize::from(size)]].concat()
}

/// One direction.
#[derive(Default)]
struct Half {
    bytes: Vec<u8>,
    /// Bytes of these that are known not to end an open message.
    seen: usize,
    pass: u64,
    seeking: bool,
    done: bool,
}

impl Half {
    fn feed(&mut self, side: Side, payload: &[u8], decoder: &mut dyn Decoder, out: &mut Vec<Decoded>) {
        if self.done {
            return;
        }
        self.bytes.extend_from_slice(payload);
        loop {
            let passed = usize::try_from(self.pass).unwrap_or(usize::MAX).min(self.bytes.len());
            self.bytes.drain(..passed);
            self.pass -= passed as u64;
            if self.bytes.is_empty() {
                return;
            }
            if self.seeking {
                match decoder.begins(side, &self.bytes) {
                    Begins::Yes => self.seeking = false,
                    Begins::Unknown if self.bytes.len() < MAX_HEADER => return,
                    Begins::Unknown | Begins::No => {
                        self.bytes.remove(0);
                        continue;
                    }
                }
            }
            match decoder.reopen(side, &self.bytes, std::mem::take(&mut self.seen)) {
                Framing::More => {
                    assert!(self.bytes.len() < MAX_HEADER, "a header is not recognised in {MAX_HEADER} bytes");
                    return;
                }
                Framing::Message { header, length } => {
                    let total = header + length;
                    assert!(total > 0, "a message of nothing");
                    if self.bytes.len() < total {
                        return;
                    }
                    decoder.message(side, &self.bytes[header..total], out);
                    self.bytes.drain(..total);
                }
                Framing::Open if self.bytes.len() <= MAX_OPEN => {
                    self.seen = self.bytes.len();
                    return;
                }
                Framing::Pass { total } => {
                    assert!(total > 0, "nothing is passed over");
                    decoder.passes(side, &self.bytes);
                    self.pass = total;
                }
                Framing::TooLong { total } => {
                    assert!(total > 0, "nothing is too long");
                    decoder.interrupted(side, out);
                    self.pass = total;
                }
                Framing::Open | Framing::Lost => {
                    decoder.interrupted(side, out);
                    self.bytes.remove(0);
                    self.seeking = true;
                }
                Framing::Done => {
                    self.done = true;
                    return;
                }
            }
        }
    }
}
