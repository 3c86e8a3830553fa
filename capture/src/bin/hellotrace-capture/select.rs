//! What of the packets that the kernel handed on is kept: all that a decoder can use, and of bulk its beginning.
//!
//! Web, SMB and SQL connections are of interest for how they begin: names, certificates, how the client signs in. What
//! follows is the great part of a domain controller's traffic and says nothing here. So of each such connection the
//! first [`KEEP`] bytes are kept, and what opens and closes it; the rest is left out and counted. Inside tunnels,
//! which the kernel's filter does not see into, packets of other ports are left out too, as they are outside.

use std::collections::HashMap;
use std::net::IpAddr;

use capture::LinkType;

use crate::filter::PORTS;
use crate::headers::{Flow, Look, look};

/// Ports whose connections carry bulk behind their beginning.
const BULK: [u16; 7] = [80, 139, 443, 445, 1433, 3128, 8080];

/// Bytes of payload kept of a bulk connection, both directions together: a TLS handshake with its certificates, or an
/// SMB session set-up with a ticket of the largest size (64 KiB), and as much again.
const KEEP: u32 = 128 << 10;

/// Connections remembered in each of two generations, some 5 MB in all. A connection that is forgotten because too many
/// others came after it is new when it is seen again: then more of it is kept, never less.
const REMEMBERED: usize = 32_768;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It is kept.
    Keep,
    /// It is bulk behind the beginning of its connection.
    Thin,
    /// It is none that the filter would have chosen, had it seen into the tunnel.
    NotOurs,
}

/// Remembers how much was kept of each bulk connection.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    young: HashMap<Key, u32>,
    old: HashMap<Key, u32>,
}

type Key = ([(IpAddr, u16); 2], u8);

impl Selection {
    /// Chooses.
    pub(crate) fn choose(&mut self, link: LinkType, bytes: &[u8]) -> Choice {
        match look(link, bytes) {
            Look::Unknown => Choice::Keep,
            Look::OtherInTunnel => Choice::NotOurs,
            Look::Flow(flow) => self.flow(&flow),
        }
    }

    fn flow(&mut self, flow: &Flow) -> Choice {
        let is_in = |ports: &[u16]| flow.ends.iter().any(|(_, port)| ports.contains(port));
        if !is_in(&PORTS) {
            // Outside of a tunnel it is there because the kernel's filter wants it.
            return if flow.tunnelled { Choice::NotOurs } else { Choice::Keep };
        }
        let is_other = |(_, port): &(IpAddr, u16)| PORTS.contains(port) && !BULK.contains(port);
        if !is_in(&BULK) || flow.ends.iter().any(is_other) {
            return Choice::Keep;
        }
        let key = (flow.ends, flow.protocol);
        let before = self.seen(&key).filter(|_| !flow.begins).unwrap_or(0);
        self.remember(key, before.saturating_add(flow.payload));
        if flow.marks || before < KEEP { Choice::Keep } else { Choice::Thin }
    }

    fn seen(&self, key: &Key) -> Option<u32> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn remember(&mut self, key: Key, bytes: u32) {
        if self.young.len() >= REMEMBERED && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    const FIN: u8 = 0x11;

    /// A TCP segment in IPv4.
    fn segment(source: (u8, u16), destination: (u8, u16), flags: u8, payload: usize) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend(u16::try_from(40 + payload).unwrap().to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, source.0, 10, 0, 0, destination.0]);
        packet.extend(source.1.to_be_bytes());
        packet.extend(destination.1.to_be_bytes());
        packet.extend([0; 8]);
        packet.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
        packet.resize(packet.len() + payload, 0);
        packet
    }

    fn ethernet(packet: &[u8]) -> Vec<u8> {
        [&[2; 12][..], &[8, 0], packet].concat()
    }

    /// The choices for a connection to `port` that carries `segments` of 1,000 bytes, without its SYN and FIN.
    fn bulk(selection: &mut Selection, port: u16, segments: usize) -> Vec<Choice> {
        let (client, server) = ((1, 50_000), (2, port));
        let mut send = |from, to, flags, payload| selection.choose(LinkType::RAW, &segment(from, to, flags, payload));
        assert_eq!(send(client, server, SYN, 0), Choice::Keep);
        let choices = (0..segments).map(|_| send(server, client, ACK, 1000)).collect();
        assert_eq!(send(server, client, FIN, 0), Choice::Keep);
        choices
    }

    #[test]
    fn bulk_is_thinned_behind_its_beginning() {
        for port in BULK {
            let mut selection = Selection::default();
            let choices = bulk(&mut selection, port, 300);
            let kept = choices.iter().take_while(|choice| **choice == Choice::Keep).count();
            assert_eq!(kept, KEEP.div_ceil(1000) as usize, "port {port}");
            assert!(choices[kept..].iter().all(|choice| *choice == Choice::Thin));
            // The same ports again: a new connection has a beginning of its own.
            assert_eq!(bulk(&mut selection, port, 10), [Choice::Keep; 10]);
        }
    }

    #[test]
    fn kerberos_and_the_directory_are_never_thinned() {
        for port in PORTS.into_iter().filter(|port| !BULK.contains(port)) {
            assert!(bulk(&mut Selection::default(), port, 300).iter().all(|choice| *choice == Choice::Keep), "{port}");
        }
        // A client may use a port that is somebody's: what it talks to decides.
        let mut selection = Selection::default();
        for _ in 0..300 {
            let packet = segment((1, 8080), (2, 88), ACK, 1000);
            assert_eq!(selection.choose(LinkType::RAW, &packet), Choice::Keep);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut selection = Selection::default();
        for n in 0..200_000_u32 {
            let [a, b, c, d] = n.to_be_bytes();
            let mut packet = segment((1, u16::from_be_bytes([c, d])), (2, 443), ACK, 10);
            packet[13..15].copy_from_slice(&[a, b]);
            assert_eq!(selection.choose(LinkType::RAW, &packet), Choice::Keep);
        }
        assert!(selection.young.len() <= REMEMBERED && selection.old.len() <= REMEMBERED);
    }

    /// Puts a packet into a tunnel.
    type Form<'f> = &'f dyn Fn(&[u8]) -> Vec<u8>;

    #[test]
    fn tunnels_are_seen_into() {
        let wanted = segment((1, 50_000), (2, 88), ACK, 10);
        let unwanted = segment((1, 50_000), (2, 22), ACK, 10);
        let in_ip = |protocol: u8, payload: &[u8]| {
            let mut packet = segment((3, 0), (4, 0), 0, 0)[..20].to_vec();
            packet[9] = protocol;
            packet[2..4].copy_from_slice(&u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
            [&packet, payload].concat()
        };
        let udp = |port: u16, payload: &[u8]| {
            in_ip(17, &[&[0x9c, 0x40][..], &port.to_be_bytes(), &[0, 0, 0, 0], payload].concat())
        };
        let forms: [(&str, Form<'_>); 9] = [
            ("IP in IP", &|packet| in_ip(4, packet)),
            ("GRE", &|packet| in_ip(47, &[&[0, 0, 8, 0][..], packet].concat())),
            ("GRE with a key", &|packet| in_ip(47, &[&[0x20, 0, 8, 0, 0, 0, 0, 1][..], packet].concat())),
            ("NVGRE", &|packet| in_ip(47, &[&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0][..], &ethernet(packet)].concat())),
            ("ERSPAN I", &|packet| in_ip(47, &[&[0, 0, 0x88, 0xbe][..], &ethernet(packet)].concat())),
            ("ERSPAN II", &|packet| {
                in_ip(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1][..], &[0x10; 8], &ethernet(packet)].concat())
            }),
            ("VXLAN", &|packet| udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &ethernet(packet)].concat())),
            ("GENEVE", &|packet| {
                udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9][..], &ethernet(packet)].concat())
            }),
            ("VXLAN in GRE", &|packet| {
                let inner = udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &ethernet(packet)].concat());
                in_ip(47, &[&[0, 0, 8, 0][..], &inner].concat())
            }),
        ];
        for (name, form) in forms {
            let mut selection = Selection::default();
            assert_eq!(selection.choose(LinkType::RAW, &form(&wanted)), Choice::Keep, "{name}");
            assert_eq!(selection.choose(LinkType::RAW, &form(&unwanted)), Choice::NotOurs, "{name}");
            let tagged = [&[2; 12][..], &[0x81, 0, 0, 5, 8, 0], &form(&unwanted)].concat();
            assert_eq!(selection.choose(LinkType::ETHERNET, &tagged), Choice::NotOurs, "{name}");
        }
        assert_eq!(Selection::default().choose(LinkType::RAW, &unwanted), Choice::Keep, "the kernel has chosen it");
    }

    #[test]
    fn any_bytes_can_be_looked_at() {
        let mut packet = segment((1, 50_000), (2, 88), ACK, 60);
        for at in 0..packet.len() {
            for value in [0, 4, 6, 41, 44, 47, 0x60, 0x4f, 0xff] {
                let before = std::mem::replace(&mut packet[at], value);
                for link in [LinkType::RAW, LinkType::ETHERNET, LinkType::LINUX_SLL, LinkType::LINUX_SLL2] {
                    for length in 0..=packet.len() {
                        Selection::default().choose(link, &packet[..length]);
                    }
                }
                packet[at] = before;
            }
        }
    }
}
