//! Faults of the way to a domain controller: silent, refused, open without a reply, or open for UDP or small packets only.

use std::net::IpAddr;

use decode::{Connection, Message, NotReceived, Refusal};
use trace::{Attempt, Undelivered};

use crate::Evidence;

pub(crate) mod hops;
pub(crate) mod kdc_proxy_fails;
pub(crate) mod large_messages_lost;
pub(crate) mod no_reply;
pub(crate) mod only_the_cloud;
pub(crate) mod partly_blocked;
pub(crate) mod refused;
pub(crate) mod slow;
pub(crate) mod udp_only;
pub(crate) mod unanswered;

/// Payload bytes of a packet that may be too large for a way, where small ones get through: IPv6 wants a way for packets
/// of 1,280 bytes (RFC 8200 §5), and tunnels over Ethernet leave more than 1,200 for TCP's payload.
const LARGE_SEGMENT: u32 = 1_200;

/// Whether what is not acknowledged may be too large for the way.
fn is_large(lost: Undelivered) -> bool {
    lost.bytes >= LARGE_SEGMENT
}

/// Where a peer says that it has no more than what comes before bytes that did not reach it.
fn asks_again(lost: NotReceived, who: &str) -> Evidence {
    let means = format!("{who} has what follows these {} bytes, and acknowledges only what is before them", lost.bytes);
    // Wireshark counts from the SYN.
    Evidence::new(lost.seen, "tcp.ack", lost.after.saturating_add(1).to_string(), means)
}

/// The TCP connection that came to nothing, where the attempt was one.
fn connection_of(attempt: &Attempt) -> Option<&Connection> {
    match &attempt.event.message {
        Message::Connection(connection) if connection.opened == Some(false) => Some(connection),
        _ => None,
    }
}

/// Whether nothing at all came back for a TCP connection.
fn is_silent(connection: &Connection) -> bool {
    connection.refused.is_none() && !connection.directions_seen.1
}

/// Whether the connection was refused by the server or by a device on the way.
fn is_refused(connection: &Connection, server: IpAddr) -> bool {
    match connection.refused {
        Some(Refusal::Reset) => true,
        Some(Refusal::Icmp(code)) => refuses(code, server),
        None => false,
    }
}

/// Whether an ICMP unreachable message with this code is a refusal: of the port, or by an administrator's rule.
///
/// That a host or network is not reachable is none: nobody decided it. RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1.
fn refuses(code: u8, server: IpAddr) -> bool {
    match server {
        IpAddr::V4(_) => matches!(code, 3 | 9 | 10 | 13),
        IpAddr::V6(_) => matches!(code, 1 | 4),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::refuses;

    #[test]
    fn ports_and_rules_refuse_and_lost_hosts_do_not() {
        let four = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let refusing = |server| (0..=20).filter(|code| refuses(*code, server)).collect::<Vec<u8>>();
        assert_eq!(refusing(four), [3, 9, 10, 13]);
        assert_eq!(refusing(six), [1, 4]);
    }
}
