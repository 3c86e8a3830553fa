//! Which ports of which servers answered which clients: by TCP connections, as far as the capture shows both sides.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use capture::CaptureTime;
use decode::{Connection, Path, Seen};

/// Ports of a domain controller that are followed: DNS, Kerberos, the endpoint mapper of RPC, LDAP, SMB, changes of
/// passwords, LDAP over TLS, the global catalogue.
pub const DC_PORTS: [u16; 9] = [53, 88, 135, 389, 445, 464, 636, 3268, 3269];

/// What became of connections of one client to one port of one server.
///
/// There is one for each port that each client uses, and most of them just work: what is rare is boxed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortUse {
    /// Whether any was opened.
    pub opened: bool,
    /// The first that was refused: by RST or ICMP.
    pub refused: Option<Box<Seen>>,
    /// The one that nobody answered, with the most SYNs.
    pub unanswered: Option<Box<Unanswered>>,
}

/// A connection that nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its first SYN.
    pub seen: Seen,
    /// SYNs, retransmissions included.
    pub syns: u32,
    /// Seconds from the first SYN to the last.
    pub seconds: i64,
}

/// Ports of servers by client.
#[derive(Debug, Default)]
pub struct Ports {
    /// By server, client and port.
    uses: BTreeMap<(IpAddr, IpAddr, u16), PortUse>,
    beyond: u64,
}

impl Ports {
    /// Entries kept: some thousand clients of each of some ten domain controllers, with a few ports each.
    pub const MAX_USES: usize = 200_000;

    /// Takes in a connection.
    pub(crate) fn push(&mut self, connection: &Connection, path: Path) {
        let (client, server) = (path.source.address, path.destination.address);
        if !DC_PORTS.contains(&path.destination.port) || connection.opened.is_none() {
            return;
        }
        let key = (server, client, path.destination.port);
        if self.uses.len() >= Self::MAX_USES && !self.uses.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let port = self.uses.entry(key).or_default();
        if connection.opened == Some(true) {
            port.opened = true;
        } else if connection.refused.is_some() {
            port.refused.get_or_insert_with(|| Box::new(connection.began));
        } else {
            let last = connection.last_syn.unwrap_or(connection.began);
            let seconds = last.at.since(connection.began.at) / CaptureTime::SECOND;
            let tried = Unanswered { seen: connection.began, syns: connection.syns, seconds };
            if port.unanswered.as_ref().is_none_or(|known| known.syns < tried.syns) {
                port.unanswered = Some(Box::new(tried));
            }
        }
    }

    /// Connections to ports that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Uses of a server's ports: client, port, what became of it, in order of client and port.
    pub fn of_server(&self, server: IpAddr) -> impl Iterator<Item = (IpAddr, u16, &PortUse)> {
        let all = self.uses.range((server, LOWEST, 0)..).take_while(move |((of, _, _), _)| *of == server);
        all.map(|((_, client, port), port_use)| (*client, *port, port_use))
    }

    /// Servers, in order of address.
    pub fn servers(&self) -> BTreeSet<IpAddr> {
        self.uses.keys().map(|(server, _, _)| *server).collect()
    }

    /// What became of connections of one client to one port of one server.
    pub fn between(&self, client: IpAddr, server: IpAddr, port: u16) -> Option<&PortUse> {
        self.uses.get(&(server, client, port))
    }
}

/// The lowest address.
const LOWEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
