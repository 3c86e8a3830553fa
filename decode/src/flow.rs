//! Who talks to whom: endpoints, and the key under which both directions of a conversation meet.

use std::{
    fmt,
    hash::{Hash, Hasher},
    net::IpAddr,
};

/// The port of a KDC, RFC 4120 §7.2.3.1.
pub const KDC_PORT: u16 = 88;

/// What carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP or ICMPv6; ports are 0.
    Icmp,
}

impl Transport {
    /// `tcp`, `udp` or `icmp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// IPv4 or IPv6 address.
    pub address: IpAddr,
    /// Port; 0 where the transport has none.
    pub port: u16,
}

/// `10.0.0.1:88`, `[2001:db8::1]:88`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}:{}", self.port),
            IpAddr::V6(address) => write!(f, "[{address}]:{}", self.port),
        }
    }
}

/// A conversation, the same for both of its directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// What carries it.
    pub transport: Transport,
    /// The endpoint that sorts first.
    pub low: Endpoint,
    /// The endpoint that sorts last.
    pub high: Endpoint,
}

/// As few words as there are: it is looked up for every packet.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for end in [self.low, self.high] {
            let port = u64::from(end.port);
            match end.address {
                IpAddr::V4(address) => {
                    state.write_u64((u64::from(address.to_bits()) << 32) | (port << 8) | self.transport as u64);
                }
                IpAddr::V6(address) => {
                    state.write_u128(address.to_bits());
                    state.write_u64((port << 8) | self.transport as u64);
                }
            }
        }
    }
}

/// Which way along a [`FlowKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From `low` to `high`.
    Up,
    /// From `high` to `low`.
    Down,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

impl FlowKey {
    /// The flow of a packet from `source` to `destination`, and the packet's direction along it.
    #[inline]
    pub fn of(transport: Transport, source: Endpoint, destination: Endpoint) -> (Self, Direction) {
        let sorted = match (source.address, destination.address) {
            // Most are so, and this is asked of every packet.
            (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits(), source.port) <= (other.to_bits(), destination.port),
            _ => source <= destination,
        };
        if sorted {
            (Self { transport, low: source, high: destination }, Direction::Up)
        } else {
            (Self { transport, low: destination, high: source }, Direction::Down)
        }
    }

    /// Source and destination of what travels `direction` along this flow.
    pub fn endpoints(&self, direction: Direction) -> (Endpoint, Endpoint) {
        match direction {
            Direction::Up => (self.low, self.high),
            Direction::Down => (self.high, self.low),
        }
    }
}
