//! DCE/RPC over TCP, as far as it authenticates: the Kerberos and NTLM in its binds. C706 chapter 12, MS-RPCE 2.2.2.
//!
//! Binds, their answers and what alters them are read for the token behind them, whose place the header tells; what
//! they bind to is not. Calls are passed over by their length, with the trailers that protect them (MS-RPCE 2.2.2.11,
//! 2.2.2.13) and in however many fragments they come: nothing of them is kept, and nothing is said where they are
//! missing.
//!
//! Services have ports of their own, which the endpoint mapper gives out. Their connections are known by a message that
//! authenticates ([`begins`]); of those that do not authenticate there is nothing to tell.

#![deny(clippy::indexing_slicing)]

use crate::{
    Carrier, Decoded, Gap, GapKind, Message, Protocol,
    decoder::{Begins, Decoder, Framing, Side, length},
    spnego,
};

/// Decodes a connection to the endpoint mapper, or to a service behind it.
#[derive(Debug, Default)]
pub struct DcerpcStream;

/// Bytes of the header that all messages share. C706 §12.6.3.1.
const HEADER: usize = 16;

/// Bytes before the token: type, level, padding, reserved, context. MS-RPCE 2.2.2.11.
const TRAILER: usize = 8;

/// What the header of a message says.
struct Header {
    kind: u8,
    /// Bytes of the whole message.
    total: u16,
    /// Bytes of the token at its end.
    token: u16,
}

impl Header {
    /// The one at the start of `bytes`. `Ok(None)`: too little to tell. `Err`: there is none.
    fn read(bytes: &[u8]) -> Result<Option<Self>, ()> {
        let Some(&[5, 0 | 1, kind @ 0..=19, _, order, float, 0, 0, t0, t1, a0, a1, ..]) = bytes.first_chunk::<HEADER>()
        else {
            let fits = |(at, &byte): (usize, &u8)| match at {
                0 => byte == 5,
                1 => byte <= 1,
                2 => byte <= 19,
                _ => true,
            };
            let short = bytes.len() < HEADER && bytes.iter().enumerate().all(fits);
            return if short { Ok(None) } else { Err(()) };
        };
        // Integers little-endian or big-endian, characters in ASCII; four formats of floating point. C706 §14.1.
        let number = match order {
            0x10 => u16::from_le_bytes,
            0x00 => u16::from_be_bytes,
            _ => return Err(()),
        };
        let header = Self { kind, total: number([t0, t1]), token: number([a0, a1]) };
        let least = HEADER.saturating_add(if header.token == 0 { 0 } else { TRAILER + usize::from(header.token) });
        if float > 3 || usize::from(header.total) < least { Err(()) } else { Ok(Some(header)) }
    }

    /// The message as C706 and MS-RPCE 2.2.2 call it, where it can carry a token of an authentication.
    fn name(&self) -> Option<&'static str> {
        Some(match self.kind {
            BIND => "bind",
            BIND_ACK => "bind_ack",
            ALTER_CONTEXT => "alter_context",
            ALTER_CONTEXT_RESP => "alter_context_resp",
            AUTH_3 => "rpc_auth_3",
            _ => return None,
        })
    }
}

/// Who sends a payload that begins with a message of an authentication; `None` for all others. For streams that are not
/// known to hold DCE/RPC.
///
/// Beyond what `Header::read` asks for, the message is the only one of its call (C706 §12.6.3.1), and its trailer,
/// where it is there already, names a provider that carries Kerberos or NTLM.
pub fn begins(payload: &[u8]) -> Option<Side> {
    const WHOLE: u8 = 0x03;
    let header = Header::read(payload).ok()??;
    let from = match header.kind {
        BIND | ALTER_CONTEXT | AUTH_3 => Side::Client,
        BIND_ACK | ALTER_CONTEXT_RESP => Side::Server,
        _ => return None,
    };
    let flags = payload.get(3)?;
    let behind = usize::from(header.total).checked_sub(usize::from(header.token))?;
    let provider = behind.checked_sub(TRAILER).and_then(|at| payload.get(at));
    let known = provider.is_none_or(|provider| PROVIDERS.contains(provider));
    (header.token > 0 && flags & WHOLE == WHOLE && known).then_some(from)
}

/// Providers whose tokens are read: SPNEGO, NTLM, Kerberos. MS-RPCE 2.2.1.1.7. Others have tokens of their own form.
const PROVIDERS: [u8; 3] = [9, 10, 16];

const BIND: u8 = 11;
const BIND_ACK: u8 = 12;
const ALTER_CONTEXT: u8 = 14;
const ALTER_CONTEXT_RESP: u8 = 15;
const AUTH_3: u8 = 16;

impl Decoder for DcerpcStream {
    fn protocol(&self) -> Protocol {
        Protocol::Dcerpc
    }

    fn frame(&self, _: Side, bytes: &[u8]) -> Framing {
        match Header::read(bytes) {
            Err(()) => Framing::Lost,
            Ok(None) => Framing::More,
            Ok(Some(header)) if header.token > 0 && header.name().is_some() => {
                Framing::Message { header: 0, length: usize::from(header.total) }
            }
            Ok(Some(header)) => Framing::Pass { total: u64::from(header.total) },
        }
    }

    /// A header whose version, byte order and lengths agree with one another.
    fn begins(&self, _: Side, bytes: &[u8]) -> Begins {
        match Header::read(bytes) {
            Err(()) => Begins::No,
            Ok(None) => Begins::Unknown,
            Ok(Some(_)) => Begins::Yes,
        }
    }

    fn name(&self, _: Side, bytes: &[u8]) -> &'static str {
        let header = Header::read(bytes).ok().flatten();
        header.and_then(|header| header.name()).unwrap_or("a DCE/RPC message")
    }

    fn message(&mut self, _: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        let Ok(Some(header)) = Header::read(bytes) else { return };
        let token = usize::from(header.token);
        let place = bytes.len().checked_sub(token).and_then(|at| bytes.split_at_checked(at));
        let trailer = place.and_then(|(before, token)| Some((before.last_chunk::<TRAILER>()?, token)));
        match trailer {
            Some(([provider, ..], token)) if PROVIDERS.contains(provider) => {
                spnego::decode(token, Carrier::Dcerpc.into(), out);
            }
            Some(_) => {}
            None => {
                let (kind, protocol) = (GapKind::Undecodable, Protocol::Dcerpc);
                let detail = "a token that is not where the message says".to_owned();
                out.push(Message::Gap(Box::new(Gap { kind, protocol, bytes: length(bytes), detail })).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DcerpcStream, begins};
    use crate::{
        Message,
        decoder::{Begins, Decoder, Framing, Side},
    };

    const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";

    /// A message of this kind with a token of this authentication at its end.
    fn message(kind: u8, authentication: u8, token: &[u8]) -> Vec<u8> {
        let body = [0x77; 20];
        let trailer = [authentication, 6, 0, 0, 1, 0, 0, 0];
        let total = u16::try_from(16 + body.len() + 8 + token.len()).unwrap().to_le_bytes();
        let size = u16::try_from(token.len()).unwrap().to_le_bytes();
        let header = [5, 0, kind, 3, 0x10, 0, 0, 0, total[0], total[1], size[0], size[1], 1, 0, 0, 0];
        [&header, &body[..], &trailer, token].concat()
    }

    fn told(bytes: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        DcerpcStream.message(Side::Client, bytes, &mut out);
        let line = |message: &Message| match message {
            Message::Ntlm(message) => message.kind.name().to_owned(),
            Message::Gap(gap) => gap.detail.clone(),
            other => panic!("{other:?}"),
        };
        out.iter().map(|decoded| format!("{:?} {}", decoded.carriage, line(&decoded.message))).collect()
    }

    #[test]
    fn binds_are_read_and_calls_are_passed_over() {
        for kind in [11, 12, 14, 15, 16] {
            let bind = message(kind, 10, NEGOTIATE);
            assert_eq!(DcerpcStream.frame(Side::Client, &bind), Framing::Message { header: 0, length: bind.len() });
            assert_eq!(told(&bind), ["[\"dcerpc\"] negotiate"]);
            // NETLOGON and Schannel have tokens of their own form.
            assert!(told(&message(kind, 68, NEGOTIATE)).is_empty());
        }
        let call = message(0, 10, NEGOTIATE);
        assert_eq!(DcerpcStream.frame(Side::Client, &call), Framing::Pass { total: call.len() as u64 });
    }

    #[test]
    fn a_header_is_recognised_at_its_place_only() {
        let bind = message(11, 9, NEGOTIATE);
        assert_eq!(DcerpcStream.begins(Side::Client, &bind), Begins::Yes);
        for end in 0..16 {
            assert_eq!(DcerpcStream.frame(Side::Client, &bind[..end]), Framing::More, "{end} bytes");
        }
        for at in 1..bind.len() {
            assert_ne!(DcerpcStream.begins(Side::Client, &bind[at..]), Begins::Yes, "at {at}");
        }
        let mut long = bind;
        long[10] = 200;
        assert_eq!(DcerpcStream.frame(Side::Client, &long), Framing::Lost);
        assert_eq!(DcerpcStream.frame(Side::Client, b"GET / HTTP/1.1"), Framing::Lost);
    }

    #[test]
    fn both_byte_orders_are_read() {
        let mut bind = message(11, 9, NEGOTIATE);
        bind[4] = 0;
        bind[8..10].reverse();
        bind[10..12].reverse();
        assert_eq!(DcerpcStream.frame(Side::Client, &bind), Framing::Message { header: 0, length: bind.len() });
        assert_eq!(begins(&bind), Some(Side::Client));
        assert_eq!(told(&bind), ["[\"dcerpc\"] negotiate"]);
    }

    #[test]
    fn only_what_authenticates_is_known_by_its_content() {
        for (kind, from) in
            [(11, Side::Client), (14, Side::Client), (16, Side::Client), (12, Side::Server), (15, Side::Server)]
        {
            let whole = message(kind, 9, NEGOTIATE);
            assert_eq!(begins(&whole), Some(from), "{kind}");
            assert_eq!(begins(&whole[..16]), Some(from), "the rest comes in the next segment");
            for end in 0..16 {
                assert_eq!(begins(&whole[..end]), None, "{kind}, {end} bytes");
            }
            assert_eq!(begins(&message(kind, 68, NEGOTIATE)), None, "NETLOGON");
            let mut first = whole;
            first[3] = 1;
            assert_eq!(begins(&first), None, "a fragment");
        }
        assert_eq!(begins(&message(0, 9, NEGOTIATE)), None, "a call");
        let mut bare = message(11, 9, &[]);
        bare[10] = 0;
        assert_eq!(begins(&bare), None, "nothing to tell of");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut bind = message(11, 10, NEGOTIATE);
            bind.splice(8..8 + bytes.len().min(40), bytes.iter().copied().take(40));
            for bytes in [&bytes, &bind] {
                let _ = (DcerpcStream.frame(Side::Client, bytes), DcerpcStream.begins(Side::Client, bytes), begins(bytes));
                DcerpcStream.message(Side::Client, bytes, &mut Vec::new());
            }
        }
    }
}
