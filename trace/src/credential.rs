//! Keys of Windows Hello in the directory, as LDAP in clear shows them: values of msDS-KeyCredentialLink that are
//! written or read, what became of the writes, and objects that have none.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use capture::CaptureTime;
use decode::{
    FlowKey, Path, Seen, WireText,
    key_credential::{KeyCredential, is_key_credential_link},
    ldap::{self, Change, ChangeKind, Entry, KeyValue, Keys, Operation, ResultCode, SearchRequest},
};

mod object;

pub use object::{KeyObject, Tie};

/// The attribute that holds the keys of Windows Hello. MS-ADA2 2.481.
pub const KEY_ATTRIBUTE: &str = "msDS-KeyCredentialLink";

/// The global catalog has no values of this attribute: what is absent there may well be in the directory. MS-ADTS 6.1.
const GLOBAL_CATALOG_PORT: u16 = 3268;

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
    /// What is written or taken away. `None`: no value could be read, or none was kept.
    pub keys: Option<Box<Keys>>,
}

/// A read of an object's keys.
#[derive(Clone, Debug)]
pub struct KeyRead {
    /// Who read.
    pub client: IpAddr,
    /// From which domain controller.
    pub server: IpAddr,
    /// The object as it came, the first time.
    pub first: Seen,
    /// The last time that this domain controller showed this client the same, before it showed something else.
    pub last: Seen,
    /// The keys it had.
    pub keys: Vec<KeyValue>,
    /// Whether these are all it had. Where it has none, the client may lack the right to see them.
    pub complete: bool,
}

/// What one message says of one key of one object.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'c> {
    /// The object as it was read, or the request of a write.
    pub seen: Seen,
    /// From when on it holds: the time of the object as it was read, or of the answer to a write.
    pub at: CaptureTime,
    /// The domain controller.
    pub server: IpAddr,
    /// Who read or wrote.
    pub client: IpAddr,
    /// Whether the object has the key from then on. `None`: a write that may have changed it, with a result that was
    /// not captured.
    pub holds: Option<bool>,
    /// Whether it was read; else it was written.
    pub read: bool,
    /// The key, where the message has it.
    pub value: Option<&'c KeyCredential>,
    /// Keys that the message has in all.
    pub keys: usize,
}

/// A search for keys whose end has not come.
#[derive(Debug)]
struct Search {
    asked: CaptureTime,
    /// Names of the account that it is for.
    names: Vec<String>,
    entries: u64,
    /// The first object found, where it has no such attribute.
    without: Option<(WireText, Seen)>,
}

/// What the capture shows of keys in the directory.
#[derive(Debug, Default)]
pub struct Credentials {
    writes: Vec<KeyWrite>,
    beyond: u64,
    /// Writes without a result, by connection and message number.
    open: BTreeMap<(FlowKey, i64), usize>,
    writers: BTreeSet<IpAddr>,
    /// Searches without a result, in the same way.
    searches: BTreeMap<(FlowKey, i64), Search>,
    objects: Vec<KeyObject>,
    /// By name in lower case.
    by_dn: BTreeMap<String, usize>,
    /// By the names that accounts may have: see [`KeyObject::tie`].
    by_name: BTreeMap<String, BTreeSet<usize>>,
    /// By the identifier of a key: as it is stored, and as a certificate of the key has it.
    by_key: BTreeMap<String, BTreeSet<usize>>,
    values: usize,
    reads: usize,
    unread: u64,
}

impl Credentials {
    /// Writes kept. Beyond it they are counted: one cycle of synchronisation in a large organisation writes thousands.
    pub const MAX_WRITES: usize = 20_000;
    /// Reads kept, those that show nothing new left out. Beyond it they are counted.
    pub const MAX_READS: usize = 20_000;
    /// Values kept, of writes and reads. Each takes some hundred bytes.
    pub const MAX_VALUES: usize = 50_000;
    /// Searches followed at a time. Clients wait for one before they begin the next, as a rule.
    const MAX_SEARCHES: usize = 4096;
    /// A result is not waited for beyond this time: what a server does longer than this it has given up
    /// (MaxQueryDuration is 120 seconds).
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
            Operation::SearchRequest(request) if request.attributes.iter().any(is_key_credential_link) => {
                self.search(request, message.message_id, path, seen);
            }
            Operation::SearchResultEntry(entry) if entry.keys.is_some() || !self.searches.is_empty() => {
                self.entry(entry, message, path, seen);
            }
            Operation::SearchResultDone(outcome) if !self.searches.is_empty() => {
                let Some(id) = message.message_id else { return };
                let (flow, _) = path.flow();
                let Some(search) = self.searches.remove(&(flow, id)) else { return };
                if outcome.code == Some(ResultCode::SUCCESS)
                    && search.entries == 1
                    && path.source.port != GLOBAL_CATALOG_PORT
                    && let Some((dn, seen)) = search.without
                {
                    self.read(&dn, &search.names, path, seen, None, true);
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
        self.searches.retain(|_, search| now.since(search.asked) < Self::FORGET_AFTER);
    }

    /// The writes, in the order of the wire.
    pub fn writes(&self) -> &[KeyWrite] {
        &self.writes
    }

    /// Whether this client wrote keys.
    pub fn has_written(&self, client: IpAddr) -> bool {
        self.writers.contains(&client)
    }

    /// Who wrote, in order of address.
    pub fn writers(&self) -> impl Iterator<Item = IpAddr> {
        self.writers.iter().copied()
    }

    /// Writes that were not kept, or not with all of their values.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Reads that were not kept.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Objects whose keys were read or written, in order of the first message about each.
    pub fn objects(&self) -> &[KeyObject] {
        &self.objects
    }

    /// Objects of which something was said that concerns this key: the `key_id` of a certificate, or as it is stored.
    pub fn with_key(&self, key_id: &str) -> impl Iterator<Item = &KeyObject> {
        self.by_key.get(key_id).into_iter().flatten().filter_map(|&index| self.objects.get(index))
    }

    /// Objects that are this account's, each with what ties it to the account.
    pub fn of_account(&self, principal: &crate::Principal) -> impl Iterator<Item = (&KeyObject, Tie)> {
        let found: BTreeSet<usize> = object::lookups(principal)
            .iter()
            .filter_map(|name| self.by_name.get(name))
            .flat_map(|indexes| indexes.iter().copied())
            .collect();
        let folded = principal.folded();
        found.into_iter().filter_map(move |index| {
            let object = self.objects.get(index)?;
            Some((object, object.tie(&folded)?))
        })
    }

    /// What was said of this key of this object, in order of time.
    pub fn statements<'c>(&'c self, object: &'c KeyObject, key_id: &str) -> Vec<Statement<'c>> {
        let written = object.writes.iter().filter_map(|&index| self.writes.get(index)?.says(key_id));
        let read = object.reads.iter().flat_map(|read| read.says(key_id)).flatten();
        let mut statements: Vec<Statement<'c>> = written.chain(read).collect();
        statements.sort_by_key(|statement| (statement.at, statement.seen));
        statements
    }

    fn write(&mut self, change: &Change, id: Option<i64>, path: Path, seen: Seen) {
        let Some(dn) = change.dn.clone() else { return };
        if self.writes.len() >= Self::MAX_WRITES {
            self.beyond += 1;
            return;
        }
        let write = self.writes.len();
        if let Some(id) = id {
            let (flow, _) = path.flow();
            self.open.insert((flow, id), write);
        }
        self.writers.insert(path.source.address);
        let index = self.object(&dn);
        let mut keys = change.keys.clone();
        if let Some(keys) = &mut keys {
            let room = Self::MAX_VALUES.saturating_sub(self.values);
            let over = keys.values.len().saturating_sub(room);
            if over > 0 {
                self.beyond += 1;
                keys.values.truncate(room);
                keys.left_out = keys.left_out.saturating_add(over);
            }
            self.index_values(&keys.values, index);
        }
        if let Some(object) = self.objects.get_mut(index) {
            object.writes.push(write);
        }
        self.writes.push(KeyWrite {
            client: path.source.address,
            server: path.destination.address,
            dn,
            asked: seen,
            answer: None,
            keys,
        });
    }

    fn search(&mut self, request: &SearchRequest, id: Option<i64>, path: Path, seen: Seen) {
        let Some(id) = id.filter(|_| self.searches.len() < Self::MAX_SEARCHES) else { return };
        let names = request.filter.as_deref().map(object::names_in).unwrap_or_default();
        let (flow, _) = path.flow();
        self.searches.insert((flow, id), Search { asked: seen.at, names, entries: 0, without: None });
    }

    fn entry(&mut self, entry: &Entry, message: &ldap::Message, path: Path, seen: Seen) {
        let Some(dn) = &entry.dn else { return };
        let (flow, _) = path.flow();
        let mut names = Vec::new();
        if let Some(search) = message.message_id.and_then(|id| self.searches.get_mut(&(flow, id))) {
            search.entries += 1;
            let is_whole = message.stopped.is_none();
            // A search for names only has the attribute and no values.
            if search.entries == 1 && is_whole && !entry.attributes.contains(KEY_ATTRIBUTE) {
                search.without = Some((dn.clone(), seen));
            }
            if entry.keys.is_some() {
                names.clone_from(&search.names);
            }
        }
        let Some(keys) = &entry.keys else { return };
        // `;range=0-99`: a part of the values.
        let in_parts = entry.attributes.iter().any(|name| is_key_credential_link(name) && name.contains(&b';'));
        let complete = message.stopped.is_none() && keys.left_out == 0 && !in_parts;
        self.read(dn, &names, path, seen, Some(keys), complete);
    }

    fn read(&mut self, dn: &WireText, names: &[String], path: Path, seen: Seen, keys: Option<&Keys>, complete: bool) {
        let values = keys.map(|keys| keys.values.as_slice()).unwrap_or_default();
        let known = self.by_dn.get(&dn.to_unicode().to_lowercase()).copied();
        if let Some(index) = known
            && let Some(object) = self.objects.get_mut(index)
        {
            for name in names.iter().filter(|name| object.names.insert((*name).clone())) {
                self.by_name.entry(name.clone()).or_default().insert(index);
            }
            let (server, client) = (path.source.address, path.destination.address);
            let last = object.reads.iter_mut().rev().find(|read| read.server == server);
            if let Some(last) = last
                && last.complete == complete
                && last.client == client
                && last.keys == values
            {
                last.last = seen;
                return;
            }
        }
        if self.reads >= Self::MAX_READS || self.values.saturating_add(values.len()) > Self::MAX_VALUES {
            self.unread += 1;
            return;
        }
        self.reads += 1;
        let index = self.object(dn);
        self.index_values(values, index);
        let Some(object) = self.objects.get_mut(index) else { return };
        object.reads.push(KeyRead {
            client: path.destination.address,
            server: path.source.address,
            first: seen,
            last: seen,
            keys: values.to_vec(),
            complete,
        });
        object.names.extend(names.iter().cloned());
        for name in names {
            self.by_name.entry(name.clone()).or_default().insert(index);
        }
    }

    /// The object of this name. There are no more than reads and writes.
    fn object(&mut self, dn: &WireText) -> usize {
        let folded = dn.to_unicode().to_lowercase();
        if let Some(&index) = self.by_dn.get(&folded) {
            return index;
        }
        let index = self.objects.len();
        let object = KeyObject::new(dn.clone(), &folded);
        if let Some(name) = object.common_name() {
            self.by_name.entry(name.to_owned()).or_default().insert(index);
        }
        self.objects.push(object);
        self.by_dn.insert(folded, index);
        index
    }

    fn index_values(&mut self, values: &[KeyValue], object: usize) {
        self.values = self.values.saturating_add(values.len());
        for value in values {
            for id in identifiers(&value.credential) {
                self.by_key.entry(id.to_owned()).or_default().insert(object);
            }
        }
    }
}

/// The identifiers by which a key may be known.
fn identifiers(credential: &KeyCredential) -> impl Iterator<Item = &str> {
    let computed = credential.material.as_ref().and_then(|material| material.bcrypt_key_id.as_deref());
    [computed, credential.key_id.as_deref()].into_iter().flatten()
}

/// Whether this is the key: by what it is, and only where that cannot be read by what it is called.
fn is_key(credential: &KeyCredential, key_id: &str) -> bool {
    identifiers(credential).next() == Some(key_id)
}

impl KeyWrite {
    /// Whether the domain controller said that it did it.
    pub fn succeeded(&self) -> bool {
        self.answer.is_some_and(|(_, code)| code == ResultCode::SUCCESS)
    }

    /// What it says of a key; `None`: nothing.
    fn says(&self, key_id: &str) -> Option<Statement<'_>> {
        if self.answer.is_some() && !self.succeeded() {
            return None;
        }
        let statement = |holds: Option<bool>, value| Statement {
            seen: self.asked,
            at: self.answer.map_or(self.asked.at, |(seen, _)| seen.at),
            server: self.server,
            client: self.client,
            // What was asked for is not done until the answer says so.
            holds: holds.filter(|_| self.answer.is_some()),
            read: false,
            value,
            keys: self.keys.as_ref().map_or(0, |keys| keys.values.len()),
        };
        let Some(keys) = self.keys.as_deref() else { return Some(statement(None, None)) };
        let mut named = keys.values.iter().filter(|value| is_key(&value.credential, key_id));
        if let Some(put) = named.clone().find(|value| value.change != Some(ChangeKind::DELETE)) {
            return Some(statement(Some(true), Some(&put.credential)));
        }
        if keys.left_out > 0 {
            return Some(statement(None, None));
        }
        if let Some(taken) = named.next() {
            return Some(statement(Some(false), Some(&taken.credential)));
        }
        keys.all_removed.then(|| statement(Some(false), None))
    }
}

impl KeyRead {
    /// What it says of a key, the first time and the last.
    fn says(&self, key_id: &str) -> [Option<Statement<'_>>; 2] {
        let value = self.keys.iter().find(|value| is_key(&value.credential, key_id)).map(|value| &value.credential);
        if value.is_none() && !self.complete {
            return [None, None];
        }
        let at = |seen: Seen| Statement {
            seen,
            at: seen.at,
            server: self.server,
            client: self.client,
            holds: Some(value.is_some()),
            read: true,
            value,
            keys: self.keys.len(),
        };
        [Some(at(self.first)), (self.last != self.first).then(|| at(self.last))]
    }
}
