//! Key credentials on their way into the directory: writes of msDS-KeyCredentialLink, and what became of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use capture::CaptureTime;
use decode::{
    FlowKey, Path, Seen, WireText,
    ldap::{self, Change, Operation, ResultCode},
};

/// The attribute that holds the keys of Windows Hello. MS-ADA2 2.481.
pub const KEY_ATTRIBUTE: &str = "msDS-KeyCredentialLink";

/// A write of an object's keys that could be read on the wire.
#[derive(Clone, Debug)]
pub struct KeyWrite {
    /// Who wrote.
    pub client: IpAddr,
    /// To which domain controller.
    pub server: IpAddr,
    /// Whose keys.
    pub dn: WireText,
    /// The request.
    pub asked: Seen,
    /// The result.
    pub answer: Option<(Seen, ResultCode)>,
}

/// What the capture shows of keys in the directory.
#[derive(Debug, Default)]
pub struct Credentials {
    writes: Vec<KeyWrite>,
    beyond: u64,
    /// Writes without a result, by connection and message number.
    open: BTreeMap<(FlowKey, i64), usize>,
    writers: BTreeSet<IpAddr>,
}

impl Credentials {
    /// Writes kept. Beyond it they are counted: one cycle of synchronisation in a large organisation writes thousands.
    pub const MAX_WRITES: usize = 20_000;
    /// A result is not waited for beyond this time: what a server does longer than this it has given up (MaxQueryDuration
    /// is 120 seconds).
    const FORGET_AFTER: i64 = 300 * CaptureTime::SECOND;

    /// Takes in a message over LDAP.
    pub(crate) fn push(&mut self, message: &ldap::Message, path: Path, seen: Seen) {
        match &message.operation {
            Operation::ModifyRequest(change) | Operation::AddRequest(change)
                if change.attributes.contains(KEY_ATTRIBUTE) =>
            {
                self.write(change, message.message_id, path, seen);
            }
            Operation::ModifyResponse(outcome) | Operation::AddResponse(outcome) if !self.open.is_empty() => {
                let (Some(id), Some(code)) = (message.message_id, outcome.code) else { return };
                let (flow, _) = path.flow();
                if let Some(index) = self.open.remove(&(flow, id))
                    && let Some(write) = self.writes.get_mut(index)
                {
                    write.answer = Some((seen, code));
                }
            }
            _ => {}
        }
    }

    /// Capture time has passed to `now`.
    pub(crate) fn tick(&mut self, now: CaptureTime) {
        let writes = &self.writes;
        self.open
            .retain(|_, index| writes.get(*index).is_some_and(|write| now.since(write.asked.at) < Self::FORGET_AFTER));
    }

    /// The writes, in the order of the wire.
    pub fn writes(&self) -> &[KeyWrite] {
        &self.writes
    }

    /// Who wrote, in order of address.
    pub fn writers(&self) -> impl Iterator<Item = IpAddr> {
        self.writers.iter().copied()
    }

    /// Writes that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    fn write(&mut self, change: &Change, id: Option<i64>, path: Path, seen: Seen) {
        let Some(dn) = change.dn.clone() else { return };
        if self.writes.len() >= Self::MAX_WRITES {
            self.beyond += 1;
            return;
        }
        if let Some(id) = id {
            let (flow, _) = path.flow();
            self.open.insert((flow, id), self.writes.len());
        }
        self.writers.insert(path.source.address);
        self.writes.push(KeyWrite {
            client: path.source.address,
            server: path.destination.address,
            dn,
            asked: seen,
            answer: None,
        });
    }
}
