//! A packet as it was captured: where it came from, when, on what kind of link, and its bytes.
//!
//! Packets borrow their bytes from the [`Batch`](crate::Batch) that holds them; nothing here copies or decodes.

use std::fmt;

use jiff::Timestamp;

/// Which packet, and its place in the order of arrival.
///
/// Ordered by arrival over all inputs; `number` is what Wireshark shows for the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId {
    /// Place in the order of arrival over all inputs, from 0. Unique.
    pub arrival: u64,
    /// The input it was read from.
    pub input: InputId,
    /// Its number within that input, counted from 1.
    pub number: u64,
}

impl PacketId {
    /// The first packet of the first input.
    pub const FIRST: Self = Self { arrival: 0, input: InputId(0), number: 1 };
}

/// An input by its place on the command line, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub u16);

/// Nanoseconds since 1970-01-01 00:00 UTC by the clock of the capture, never by the wall clock.
///
/// Capture clocks step back: order is [`PacketId`], not this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureTime(pub i64);

impl CaptureTime {
    /// Nanoseconds in a second.
    pub const SECOND: i64 = 1_000_000_000;

    /// Nanoseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time with `seconds` added.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(Self::SECOND)))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(Self::SECOND)
    }
}

/// `YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ`.
impl fmt::Display for CaptureTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.9}"),
            // An i64 of nanoseconds reaches from 1677 to 2262, all of it within jiff's range.
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

/// What the bytes of a packet begin with.
///
/// The numbers are the LINKTYPE_ values of <https://www.tcpdump.org/linktypes.html>; unknown ones survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a 4-byte address family in the byte order of the recording machine.
    pub const NULL: Self = Self(0);
    /// Ethernet II or 802.3.
    pub const ETHERNET: Self = Self(1);
    /// Token ring. Known by name only.
    pub const TOKEN_RING: Self = Self(6);
    /// PPP, with or without the address and control bytes of HDLC-like framing.
    pub const PPP: Self = Self(9);
    /// FDDI. Known by name only.
    pub const FDDI: Self = Self(10);
    /// Raw IP, the number some writers use.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, another number in use (OpenBSD).
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// PPP over Ethernet, from the PPPoE header on.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IPv4 or IPv6, told apart by the first four bits.
    pub const RAW: Self = Self(101);
    /// Cisco's HDLC.
    pub const C_HDLC: Self = Self(104);
    /// 802.11, from the MAC header on.
    pub const IEEE802_11: Self = Self(105);
    /// OpenBSD loopback: a 4-byte address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// IPsec as OpenBSD shows it: 12 bytes of what it belongs to, then IP.
    pub const ENC: Self = Self(109);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// What the packet filter of BSD logs: a header that tells its own length, then IP.
    pub const PFLOG: Self = Self(117);
    /// 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// For private use. Apple's programs write [`LinkType::PKTAP`] under this number.
    pub const USER2: Self = Self(149);
    /// Ethernet behind a header of Juniper's.
    pub const JUNIPER_ETHER: Self = Self(178);
    /// Per-packet information in front of another link type, mostly of 802.11.
    pub const PPI: Self = Self(192);
    /// What Solaris shows of its loopback and of zones: 24 bytes, then IP.
    pub const IPNET: Self = Self(226);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// What Linux's netfilter logs: attributes, one of which is the IP packet.
    pub const NFLOG: Self = Self(239);
    /// IP over InfiniBand: 40 bytes of addresses, an EtherType, two bytes.
    pub const IPOIB: Self = Self(242);
    /// Apple's packet metadata in front of another link type.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Ethernet with four bytes of a Broadcom switch behind the addresses.
    pub const DSA_BROADCOM: Self = Self(281);
    /// Ethernet behind four bytes of a Broadcom switch.
    pub const DSA_BROADCOM_PREPENDED: Self = Self(282);
    /// Ethernet with four bytes of a Marvell switch behind the addresses.
    pub const DSA_MARVELL: Self = Self(284);
    /// Ethernet with an EtherType and six bytes of a Marvell switch behind the addresses.
    pub const DSA_MARVELL_TYPED: Self = Self(285);
}

/// One captured packet, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'b> {
    /// Which packet this is.
    pub id: PacketId,
    /// When it was captured.
    pub at: CaptureTime,
    /// How to read `bytes`.
    pub link: LinkType,
    /// Its length on the wire in bytes; larger than `bytes.len()` when the capture cut it short.
    pub wire_len: u32,
    /// What was kept of it, from the link header on. May be empty.
    pub bytes: &'b [u8],
}
