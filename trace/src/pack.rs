//! A logon in a few hundred bytes: what it is kept as once nothing more happens to it.
//!
//! Decoded messages are many small pieces of memory. Here they are one, together with what is shared anyway
//! (certificates). Nothing is left out: a logon that is packed and unpacked is the same, so that whoever looks at it
//! later sees what he would have seen at once. The bytes never leave the process, and hold no more than the messages
//! did.

mod message;

use std::{net::IpAddr, sync::Arc};

use capture::{CaptureTime, InputId, PacketId};
use decode::{
    Carriage, Closing, Endpoint, Event, Message, NotReceived, Path, Seen, Transport, WireText, kerberos, ldap::AdError,
    x509::Certificate,
};

use crate::{
    Attempt, Exchange, Logon, LogonId, Method, Principal, Service, Session, SessionAnswer, SessionProof, Silence,
    Undelivered,
};

/// A logon that nothing happens to.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    bytes: Box<[u8]>,
    shared: Box<[Shared]>,
}

/// What is not written down, but pointed to.
#[derive(Clone, Debug)]
enum Shared {
    Certificate(Arc<Certificate>),
    /// A name out of a table of this program.
    Name(&'static str),
    /// A kind of event that is rare.
    Event(Arc<Event>),
}

impl Packed {
    /// Packs a logon.
    pub(crate) fn of(logon: &Logon) -> Self {
        let mut writer = Writer::default();
        logon.pack(&mut writer);
        Self { bytes: writer.bytes.into(), shared: writer.shared.into() }
    }

    /// The logon as it was. `None` cannot be, with bytes that were packed here.
    pub(crate) fn open(&self) -> Option<Logon> {
        let mut reader = Reader { bytes: &self.bytes, shared: &self.shared, last: NOWHERE };
        Logon::unpack(&mut reader)
    }

    /// Bytes of memory, without what is shared.
    #[cfg(test)]
    fn size(&self) -> usize {
        self.bytes.len() + size_of_val::<[Shared]>(&self.shared)
    }
}

/// From where the first place counts.
const NOWHERE: Seen = Seen { last: PacketId::FIRST, first: PacketId::FIRST, at: CaptureTime(0) };

/// What is written so far.
struct Writer {
    bytes: Vec<u8>,
    shared: Vec<Shared>,
    /// The last place: places are near each other.
    last: Seen,
}

impl Writer {
    /// What most logons do not exceed. What is not needed is given back at once.
    const USUAL_BYTES: usize = 1 << 10;
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: Vec::with_capacity(Self::USUAL_BYTES), shared: Vec::new(), last: NOWHERE }
    }
}

/// What is not read yet.
struct Reader<'p> {
    bytes: &'p [u8],
    shared: &'p [Shared],
    last: Seen,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn next_shared(&mut self) -> Option<Shared> {
        let (first, rest) = self.shared.split_first()?;
        self.shared = rest;
        Some(first.clone())
    }
}

/// What can be packed: `unpack` reads what `pack` wrote.
trait Pack: Sized {
    fn pack(&self, to: &mut Writer);
    fn unpack(from: &mut Reader<'_>) -> Option<Self>;
}

/// Structures, field by field. One that gets a field more does not compile until it is named here.
macro_rules! packed_fields {
    ($($type:ty { $($field:ident),+ $(,)? })+) => {
        $(impl Pack for $type {
            fn pack(&self, to: &mut Writer) {
                let Self { $($field),+ } = self;
                $($field.pack(to);)+
            }

            fn unpack(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self { $($field: Pack::unpack(from)?),+ })
            }
        })+
    };
}

/// Enumerations without fields, by their place in the list.
macro_rules! packed_choices {
    ($($type:ty { $($choice:ident),+ $(,)? })+) => {
        $(impl Pack for $type {
            fn pack(&self, to: &mut Writer) {
                const ALL: &[$type] = &[$(<$type>::$choice),+];
                // The list is whole, or this does not compile.
                match self { $(Self::$choice => {})+ }
                ALL.iter().position(|choice| choice == self).unwrap_or_default().pack(to);
            }

            fn unpack(from: &mut Reader<'_>) -> Option<Self> {
                const ALL: &[$type] = &[$(<$type>::$choice),+];
                ALL.get(usize::unpack(from)?).copied()
            }
        })+
    };
}

/// Numbers in a coat.
macro_rules! packed_coats {
    ($($type:ident),+ $(,)?) => {
        $(impl Pack for $type {
            fn pack(&self, to: &mut Writer) {
                self.0.pack(to);
            }

            fn unpack(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self(Pack::unpack(from)?))
            }
        })+
    };
}

use {packed_choices, packed_coats, packed_fields};

/// Seven bits a byte, the lowest first.
impl Pack for u64 {
    fn pack(&self, to: &mut Writer) {
        let mut rest = *self;
        while rest >= 0x80 {
            to.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        to.bytes.push(rest.to_le_bytes()[0]);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = from.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// Small numbers of either sign are short.
impl Pack for i64 {
    fn pack(&self, to: &mut Writer) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().pack(to);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        let value = u64::unpack(from)?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

macro_rules! packed_numbers {
    ($($type:ty as $wide:ty),+) => {
        $(impl Pack for $type {
            fn pack(&self, to: &mut Writer) {
                <$wide>::try_from(*self).unwrap_or_default().pack(to);
            }

            fn unpack(from: &mut Reader<'_>) -> Option<Self> {
                Self::try_from(<$wide>::unpack(from)?).ok()
            }
        })+
    };
}

packed_numbers!(u8 as u64, u16 as u64, u32 as u64, usize as u64, i32 as i64);

impl Pack for bool {
    fn pack(&self, to: &mut Writer) {
        to.bytes.push(u8::from(*self));
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        Some(from.byte()? != 0)
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, to: &mut Writer) {
        self.is_some().pack(to);
        if let Some(value) = self {
            value.pack(to);
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        if bool::unpack(from)? { T::unpack(from).map(Some) } else { Some(None) }
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, to: &mut Writer) {
        self.len().pack(to);
        for item in self {
            item.pack(to);
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        let count = usize::unpack(from)?;
        // Whatever is packed takes a byte or more, or is shared.
        let mut items = Self::with_capacity(count.min(from.bytes.len() + from.shared.len()));
        for _ in 0..count {
            items.push(T::unpack(from)?);
        }
        Some(items)
    }
}

impl<T: Pack> Pack for Box<T> {
    fn pack(&self, to: &mut Writer) {
        self.as_ref().pack(to);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        T::unpack(from).map(Self::new)
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn pack(&self, to: &mut Writer) {
        self.0.pack(to);
        self.1.pack(to);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::unpack(from)?, B::unpack(from)?))
    }
}

fn pack_bytes(bytes: &[u8], to: &mut Writer) {
    bytes.len().pack(to);
    to.bytes.extend_from_slice(bytes);
}

fn unpack_bytes<'p>(from: &mut Reader<'p>) -> Option<&'p [u8]> {
    let length = usize::unpack(from)?;
    let (bytes, rest) = from.bytes.split_at_checked(length)?;
    from.bytes = rest;
    Some(bytes)
}

impl Pack for String {
    fn pack(&self, to: &mut Writer) {
        pack_bytes(self.as_bytes(), to);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        Self::from_utf8(unpack_bytes(from)?.to_vec()).ok()
    }
}

impl Pack for WireText {
    fn pack(&self, to: &mut Writer) {
        pack_bytes(self.as_bytes(), to);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        unpack_bytes(from).map(Self::new)
    }
}

/// A name out of a table.
impl Pack for &'static str {
    fn pack(&self, to: &mut Writer) {
        to.shared.push(Shared::Name(self));
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match from.next_shared()? {
            Shared::Name(name) => Some(name),
            _ => None,
        }
    }
}

impl Pack for Arc<Certificate> {
    fn pack(&self, to: &mut Writer) {
        to.shared.push(Shared::Certificate(Self::clone(self)));
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match from.next_shared()? {
            Shared::Certificate(certificate) => Some(certificate),
            _ => None,
        }
    }
}

impl Pack for IpAddr {
    fn pack(&self, to: &mut Writer) {
        match self {
            Self::V4(address) => pack_bytes(&address.octets(), to),
            Self::V6(address) => pack_bytes(&address.octets(), to),
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        let bytes = unpack_bytes(from)?;
        let v4 = <[u8; 4]>::try_from(bytes).ok().map(Self::from);
        v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(Self::from))
    }
}

/// A packet, by how far it is from another one.
fn pack_packet(packet: PacketId, other: PacketId, to: &mut Writer) {
    packet.arrival.wrapping_sub(other.arrival).cast_signed().pack(to);
    packet.number.wrapping_sub(other.number).cast_signed().pack(to);
    packet.input.0.pack(to);
}

fn unpack_packet(other: PacketId, from: &mut Reader<'_>) -> Option<PacketId> {
    Some(PacketId {
        arrival: other.arrival.wrapping_add(i64::unpack(from)?.cast_unsigned()),
        number: other.number.wrapping_add(i64::unpack(from)?.cast_unsigned()),
        input: InputId(u16::unpack(from)?),
    })
}

impl Pack for Seen {
    fn pack(&self, to: &mut Writer) {
        pack_packet(self.last, to.last.last, to);
        self.at.0.wrapping_sub(to.last.at.0).pack(to);
        (self.first == self.last).pack(to);
        if self.first != self.last {
            pack_packet(self.first, self.last, to);
        }
        to.last = *self;
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        let last = unpack_packet(from.last.last, from)?;
        let at = CaptureTime(from.last.at.0.wrapping_add(i64::unpack(from)?));
        let first = if bool::unpack(from)? { last } else { unpack_packet(last, from)? };
        from.last = Self { last, first, at };
        Some(from.last)
    }
}

/// Messages between clients and KDCs in full; what else a logon holds is rare.
impl Pack for Arc<Event> {
    fn pack(&self, to: &mut Writer) {
        let message = match &self.message {
            Message::Kerberos(message) if self.carriage.is_direct() && message::is_packed(message) => Some(message),
            _ => None,
        };
        message.is_some().pack(to);
        if let Some(message) = message {
            self.seen.pack(to);
            self.path.pack(to);
            message.pack(to);
        } else {
            to.shared.push(Shared::Event(Self::clone(self)));
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        if bool::unpack(from)? {
            let (seen, path) = (Pack::unpack(from)?, Pack::unpack(from)?);
            let message: Box<kerberos::Message> = Pack::unpack(from)?;
            return Some(Self::new(Event {
                seen,
                path,
                carriage: Carriage::DIRECT,
                message: Message::Kerberos(message),
            }));
        }
        match from.next_shared()? {
            Shared::Event(event) => Some(event),
            _ => None,
        }
    }
}

impl Pack for Silence {
    fn pack(&self, to: &mut Writer) {
        let (kind, seen) = match self {
            Self::Waiting => (0_u8, None),
            Self::TimedOut => (1, None),
            Self::Hidden => (2, None),
            Self::Unreachable(seen) => (3, Some(*seen)),
            Self::Closed { seen, how: Closing::ClientFin } => (4, Some(*seen)),
            Self::Closed { seen, how: Closing::ClientReset } => (5, Some(*seen)),
            Self::Closed { seen, how: Closing::ServerFin } => (6, Some(*seen)),
            Self::Closed { seen, how: Closing::ServerReset | Closing::Forgotten } => (7, Some(*seen)),
        };
        kind.pack(to);
        if let Some(seen) = seen {
            seen.pack(to);
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Some(Self::Waiting),
            1 => Some(Self::TimedOut),
            2 => Some(Self::Hidden),
            3 => Seen::unpack(from).map(Self::Unreachable),
            4 => Seen::unpack(from).map(|seen| Self::Closed { seen, how: Closing::ClientFin }),
            5 => Seen::unpack(from).map(|seen| Self::Closed { seen, how: Closing::ClientReset }),
            6 => Seen::unpack(from).map(|seen| Self::Closed { seen, how: Closing::ServerFin }),
            _ => Seen::unpack(from).map(|seen| Self::Closed { seen, how: Closing::ServerReset }),
        }
    }
}

impl Pack for SessionAnswer {
    fn pack(&self, to: &mut Writer) {
        match self {
            Self::Accepted => 0_u8.pack(to),
            Self::Refused(code, error) => (1_u8, (code.0, *error)).pack(to),
            Self::Failed(status) => (2_u8, status.0).pack(to),
            Self::TicketRefused(code) => (3_u8, code.0).pack(to),
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Some(Self::Accepted),
            1 => Some(Self::Refused(decode::ldap::ResultCode(Pack::unpack(from)?), Pack::unpack(from)?)),
            2 => Some(Self::Failed(kerberos::NtStatus(Pack::unpack(from)?))),
            _ => Some(Self::TicketRefused(kerberos::ErrorCode(Pack::unpack(from)?))),
        }
    }
}

packed_coats!(LogonId);

packed_choices! {
    Transport { Tcp, Udp, Icmp }
    Method { KeyTrust, Certificate, Password, CloudKerberos, Anonymous, Hidden, Unknown }
    Service { Ldap, Smb }
    SessionProof { Anonymous, Simple, Kerberos, Ntlm, Sasl, Other }
}

packed_fields! {
    AdError { code, dsid, data, bind }
    Endpoint { address, port }
    Path { transport, source, destination }
    Principal { name, realm }
    Undelivered { seen, bytes, sent, of_reply, at_last }
    NotReceived { seen, bytes, after }
    Exchange { stage, client, kdc, transport, request, repeats, repeat_count, reply, silence, undelivered, lost_reply }
    Attempt { kdc, event, settled }
    Session { service, server, opened, proof, answer, certain }
    Logon {
        id, client, requested, canonical, method, exchanges, exchanges_beyond, attempts, sessions, began, ended, closed,
    }
}

#[cfg(test)]
mod tests {
    use super::Packed;
    use crate::{Logon, script::play};

    const SCRIPT: &str = "
        0.000 pc > dc   as-req alice udp netbios PC
        0.001 pc > dc   as-req alice udp nonce 1
        0.004 dc > pc   krb-error 25 padata 16,2 udp
        0.010 pc > dc   as-req alice pkinit key K1 dh modp-2048 trusts CN=CA freshness etypes 18,17 flow 2
        0.015 dc > pc   krb-error 62 text no_trust clock 3 flow 2
        1.000 pc > dc   as-req bob pkinit issued I1 dh ecdh flow 3
        1.010 dc > pc   as-rep bob ticket T1 pkinit dc D1 chain flow 3
        1.020 pc > dc   tgs-req cifs/dc ticket T1 fast flow 4
        1.030 dc > pc   tgs-rep cifs/dc ticket T2 flow 4
        1.040 pc > dc   ap-req ticket T2
        1.050 dc > pc   ap-rep
        2.000 pc2 > dc  as-req carol password udp
        3.000 dc > pc2  icmp 1
        4.000 pc3 > dc  connect unanswered syns 4
        5.000 pc3 > dc2 as-req dave flow 2
        5.010 dc2 > pc3 krb-error 18 status 0xc0000072 flow 2
        6.000 pc2 > dc  as-req erin pkinit flow 7
        8.100 pc2 > dc  unacknowledged flow 7
        8.200 pc2 > dc  connect open since 17 closed client-reset flow 7
        9.000 pc2 > dc2 as-req erin pkinit flow 8
        9.100 pc2 > dc2 connect open since 20 closed server-fin flow 8
        9.200 pc2 > dc  as-req erin pkinit flow 9
        9.300 pc2 > dc  connect open since 22 lost 1448 to-client flow 9
        9.400 pc2 > dc  connect open since 23 lost 2896 to-server flow 10
    ";

    fn packed_and_unpacked(logon: &Logon) -> Logon {
        Packed::of(logon).open().expect("what was packed can be unpacked")
    }

    #[test]
    fn a_logon_is_the_same_after_packing() {
        let played = play(SCRIPT);
        assert!(played.logons().len() >= 4);
        assert!(played.logons().iter().any(|logon| !logon.sessions.is_empty()));
        assert!(played.logons().iter().any(|logon| !logon.attempts.is_empty()));
        let exchanges = || played.logons().iter().flat_map(|logon| &logon.exchanges);
        assert!(exchanges().any(|exchange| exchange.undelivered.is_some()));
        assert!(exchanges().any(|exchange| exchange.lost_reply.is_some()));
        assert!(
            played.logons().iter().flat_map(|logon| &logon.attempts).any(|attempt| attempt.lost_request().is_some())
        );
        let closed = exchanges().filter(|exchange| matches!(exchange.silence, crate::Silence::Closed { .. }));
        assert_eq!(closed.count(), 2);
        for logon in played.logons() {
            assert_eq!(format!("{:?}", packed_and_unpacked(logon)), format!("{logon:?}"));
        }
    }

    #[test]
    fn a_packed_logon_is_small() {
        for logon in play(SCRIPT).logons() {
            let size = Packed::of(logon).size();
            assert!(size < 1024, "{size} bytes: {logon:?}");
        }
    }

    #[test]
    fn bytes_that_break_off_are_no_logon() {
        let logon = play(SCRIPT).logons().first().cloned().expect("a logon");
        let Packed { bytes, shared } = Packed::of(&logon);
        for length in 0..bytes.len() {
            let part = Packed { bytes: bytes.get(..length).expect("shorter").into(), shared: shared.clone() };
            assert!(part.open().is_none(), "{length} bytes of {}", bytes.len());
        }
    }
}
