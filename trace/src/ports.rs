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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortUse {
    /// Whether any was opened.
    pub opened: bool,
    /// The first that was refused: by RST or ICMP.
    pub refused: Option<Seen>,
    /// The one that nobody answered, with the most SYNs.
    pub unanswered: Option<Unanswered>,
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
    /// By server and client.
    uses: BTreeMap<(IpAddr, IpAddr), Uses>,
    beyond: u64,
}

/// What became of connections of one client to one server. Most just work: what is rare is apart.
#[derive(Debug, Default)]
struct Uses {
    /// Ports that were tried: the lowest bit stands for the first of [`DC_PORTS`].
    tried: u16,
    /// Those of them that were opened.
    opened: u16,
    /// What else became of some, by their place in [`DC_PORTS`], and therefore few.
    #[expect(clippy::box_collection, reason = "most have none: 8 bytes instead of 24")]
    failed: Option<Box<Vec<(usize, PortUse)>>>,
}

impl Uses {
    /// The port at this place of [`DC_PORTS`], if it was tried.
    fn at(&self, place: usize) -> Option<PortUse> {
        let bit = 1 << place;
        let failed = self.failed.iter().flat_map(|failed| failed.iter()).find(|(of, _)| *of == place);
        let port = failed.map(|(_, port)| *port).unwrap_or_default();
        (self.tried & bit != 0).then_some(PortUse { opened: self.opened & bit != 0, ..port })
    }

    fn failed_mut(&mut self, place: usize) -> Option<&mut PortUse> {
        let failed = self.failed.get_or_insert_default();
        let known = failed.iter().position(|(of, _)| *of == place).unwrap_or_else(|| {
            failed.push((place, PortUse::default()));
            failed.len() - 1
        });
        failed.get_mut(known).map(|(_, port)| port)
    }
}

impl Ports {
    /// Clients kept, with each server that they connect to: some thousand clients of each of some ten domain
    /// controllers.
    pub const MAX_USES: usize = 100_000;

    /// Takes in a connection.
    pub(crate) fn push(&mut self, connection: &Connection, path: Path) {
        let (client, server) = (path.source.address, path.destination.address);
        let Some(place) = DC_PORTS.iter().position(|port| *port == path.destination.port) else { return };
        if connection.opened.is_none() {
            return;
        }
        let key = (server, client);
        if self.uses.len() >= Self::MAX_USES && !self.uses.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let uses = self.uses.entry(key).or_default();
        uses.tried |= 1 << place;
        if connection.opened == Some(true) {
            uses.opened |= 1 << place;
            return;
        }
        let Some(port) = uses.failed_mut(place) else { return };
        if connection.refused.is_some() {
            port.refused.get_or_insert(connection.began);
        } else {
            let last = connection.last_syn.unwrap_or(connection.began);
            let seconds = last.at.since(connection.began.at) / CaptureTime::SECOND;
            let tried = Unanswered { seen: connection.began, syns: connection.syns, seconds };
            if port.unanswered.as_ref().is_none_or(|known| known.syns < tried.syns) {
                port.unanswered = Some(tried);
            }
        }
    }

    /// Connections of clients that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Uses of a server's ports: client, port, what became of it, in order of client and port.
    pub fn of_server(&self, server: IpAddr) -> impl Iterator<Item = (IpAddr, u16, PortUse)> {
        let all = self.uses.range((server, LOWEST)..).take_while(move |((of, _), _)| *of == server);
        all.flat_map(|((_, client), uses)| {
            let ports = DC_PORTS.iter().enumerate();
            ports.filter_map(move |(place, port)| Some((*client, *port, uses.at(place)?)))
        })
    }

    /// Servers, in order of address.
    pub fn servers(&self) -> BTreeSet<IpAddr> {
        self.uses.keys().map(|(server, _)| *server).collect()
    }

    /// What became of connections of one client to one port of one server.
    pub fn between(&self, client: IpAddr, server: IpAddr, port: u16) -> Option<PortUse> {
        let place = DC_PORTS.iter().position(|known| *known == port)?;
        self.uses.get(&(server, client))?.at(place)
    }
}

/// The lowest address.
const LOWEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
