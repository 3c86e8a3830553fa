//! Every key: those shown on the wire, those in an export of the directory, and how the two fit together.

use std::collections::{BTreeMap, BTreeSet};

use decode::{
    Seen, WireText,
    directory::{Object, identifiers},
    key_credential::{KeyCredential, KeyTime, KeyUsage},
};
use serde::Serialize;
use trace::{Facts, KeyUse};

use crate::{report::harmless, rules::key::malformed::wrong};

/// The version of this output's form.
const SCHEMA: &str = "hellotrace.keys/1";

/// Every key that is known.
#[derive(Clone, Debug, Serialize)]
pub struct KeysReport {
    /// `hellotrace.keys/1`.
    pub schema: &'static str,
    /// What the exports hold; `null` where none was given.
    pub directory: Option<DirectoryReport>,
    /// The keys, worst first.
    pub keys: Vec<KeyReport>,
}

/// What the exports hold.
#[derive(Clone, Debug, Serialize)]
pub struct DirectoryReport {
    /// Objects.
    pub objects: usize,
    /// Objects beyond the limit, which were not kept.
    pub beyond: u64,
    /// Those with keys.
    pub with_keys: usize,
    /// It was exported at this time or later; `""` where nothing in it tells.
    pub newest: String,
    /// objectVersion of the schema; `null` where it was not exported. 87 is Windows Server 2016.
    pub schema_version: Option<u32>,
}

/// How a key on the wire and the directory fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It was used, and the directory has it for another account only.
    AnotherUser,
    /// It was used, and the directory does not have it.
    NotInDirectory,
    /// The directory has it in a value that Windows does not read.
    Malformed,
    /// The directory has it where it is of no use: its account is disabled, its device is gone, or its value names
    /// another object.
    Orphaned,
    /// It was used, and nothing tells what the directory has: no export, or none with this account.
    Unknown,
    /// It was used, and the directory has it for this account.
    ThisUser,
    /// The directory has it, and it was not used in the capture.
    NeverUsed,
    /// It is no key for signing in with PKINIT: a security key, a recovery key.
    OtherUsage,
}

impl KeyState {
    /// The name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnotherUser => "another_user",
            Self::NotInDirectory => "not_in_directory",
            Self::Malformed => "malformed",
            Self::Orphaned => "orphaned",
            Self::Unknown => "unknown",
            Self::ThisUser => "this_user",
            Self::NeverUsed => "never_used",
            Self::OtherUsage => "other_usage",
        }
    }

    /// In two or three words, for a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::AnotherUser => "another user",
            Self::NotInDirectory => "not there",
            Self::Malformed => "malformed",
            Self::Orphaned => "orphaned",
            Self::Unknown => "not known",
            Self::ThisUser => "this user",
            Self::NeverUsed => "never used",
            Self::OtherUsage => "other usage",
        }
    }
}

/// A key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReport {
    /// Its identifier, base64.
    pub key_id: String,
    /// How the wire and the directory fit together.
    pub state: KeyState,
    /// Why, where the state does not say it all; `""` else.
    pub why: String,
    /// Objects that have it in the exports.
    pub owners: Vec<OwnerReport>,
    /// Distinguished names of objects that had it in LDAP messages of the capture.
    pub on_the_wire: Vec<String>,
    /// How it was used in the capture; `null` where it was not.
    pub used: Option<UseReport>,
    /// What it is for, as the directory says: `NGC`, `FIDO`, …; `""` where it does not.
    pub usage: String,
    /// Algorithm and bits, such as `rsa 2048`; `""` where nothing tells.
    pub key: String,
    /// When it was made, as the directory says; `""` where it does not.
    pub created: String,
    /// About when it was last used, as the directory says; `""` where it does not.
    pub last_logon: String,
    /// The device, by identifier; `""` where nothing tells.
    pub device_id: String,
    /// The name of that device, where the exports have a computer with this identifier; `""` else.
    pub device: String,
    /// Whether the private key can be computed from it (ROCA, CVE-2017-15361); `null` where it was not seen whole.
    pub roca_weak: Option<bool>,
    /// Whether it was made without multi-factor authentication, as the directory says.
    pub mfa_not_used: Option<bool>,
    /// What is wrong with its value.
    pub faults: Vec<String>,
}

/// An object that has a key.
#[derive(Clone, Debug, Serialize)]
pub struct OwnerReport {
    /// Its distinguished name.
    pub dn: String,
    /// Its account.
    pub account: String,
    /// `user`, `computer`, `domain-controller` or `other`.
    pub class: &'static str,
    /// Whether the account is enabled; `null` where the export does not say.
    pub enabled: Option<bool>,
}

/// The use of a key in the capture.
#[derive(Clone, Debug, Serialize)]
pub struct UseReport {
    /// Names it was used for, in lower case.
    pub principals: Vec<String>,
    /// Addresses that used it.
    pub clients: Vec<String>,
    /// How often it was accepted.
    pub granted: usize,
    /// How often it was refused, by error code.
    pub refused: BTreeMap<i32, usize>,
    /// Capture time of the first answer.
    pub first: String,
    /// Packet of that answer.
    pub first_packet: u64,
    /// Capture time of the last.
    pub last: String,
    /// Packet of that answer.
    pub last_packet: u64,
    /// Whether its certificate is self-signed: key trust.
    pub self_signed: bool,
}

impl KeyReport {
    /// Whether somebody should do something about it.
    pub fn is_fault(&self) -> bool {
        matches!(self.state, KeyState::AnotherUser | KeyState::NotInDirectory | KeyState::Malformed)
            || self.roca_weak == Some(true)
            || self.owners.len() > 1
    }
}

impl KeysReport {
    /// Writes down every key of these facts. Certificates that others issued have keys, too: these are left out.
    pub fn new(facts: &Facts) -> Self {
        let exports = Exports::new(facts);
        let mut ids: BTreeSet<&str> = exports.by_id.keys().copied().collect();
        let used = |id: &str| facts.keys.get(id).filter(|key| key.self_signed);
        ids.extend(facts.keys.iter().filter(|(_, key)| key.self_signed).map(|(id, _)| id.as_str()));
        let mut keys: Vec<KeyReport> = ids.into_iter().map(|id| exports.key(id, used(id), facts)).collect();
        keys.sort_by(|one, other| {
            let order = |key: &KeyReport| (!key.is_fault(), key.state);
            let name = |key: &KeyReport| key.owners.first().map(|owner| owner.account.clone());
            order(one)
                .cmp(&order(other))
                .then_with(|| name(one).cmp(&name(other)))
                .then_with(|| one.key_id.cmp(&other.key_id))
        });
        let directory = &facts.directory;
        Self {
            schema: SCHEMA,
            directory: (!directory.is_empty()).then(|| DirectoryReport {
                objects: directory.objects().len(),
                beyond: directory.beyond(),
                with_keys: directory.objects().iter().filter(|object| !object.keys.is_empty()).count(),
                newest: directory.newest().map(|newest| newest.to_string()).unwrap_or_default(),
                schema_version: directory.schema_version(),
            }),
            keys,
        }
    }

    /// Whether any key wants looking after.
    pub fn has_faults(&self) -> bool {
        self.keys.iter().any(KeyReport::is_fault)
    }
}

/// Keys of the exports by identifier, and devices.
struct Exports<'f> {
    /// By the identifier that a certificate of the key has, else as it is stored.
    by_id: BTreeMap<&'f str, Vec<(&'f Object, &'f KeyCredential)>>,
    /// Names of computers and devices by identifier.
    devices: BTreeMap<[u8; 16], String>,
    /// Whether devices that registered themselves were exported, so that one that is not among them is gone.
    has_devices: bool,
}

impl<'f> Exports<'f> {
    fn new(facts: &'f Facts) -> Self {
        let mut exports = Self { by_id: BTreeMap::new(), devices: BTreeMap::new(), has_devices: false };
        for object in facts.directory.objects() {
            for key in &object.keys {
                let id = identifiers(key).next().unwrap_or_default();
                exports.by_id.entry(id).or_default().push((object, key));
            }
            if let Some(guid) = object.guid {
                exports.devices.insert(guid.0, object.name());
            }
            exports.has_devices |= object.is_registered_device();
        }
        exports
    }

    fn key(&self, id: &str, used: Option<&KeyUse>, facts: &Facts) -> KeyReport {
        let stored = self.by_id.get(id).map(Vec::as_slice).unwrap_or_default();
        let (state, why) = self.state(stored, used, facts);
        let first = stored.first().map(|(_, key)| *key);
        let material = first.and_then(|key| key.material.as_ref());
        let time = |time: Option<KeyTime>| time.map(|time| time.to_string()).unwrap_or_default();
        let device = first.and_then(|key| key.device_id).filter(|device| device.0 != [0; 16]);
        let mut faults: Vec<String> =
            stored.iter().flat_map(|(_, key)| key.faults.iter().map(ToString::to_string)).collect();
        faults.dedup();
        KeyReport {
            key_id: harmless(id),
            state,
            why,
            owners: stored.iter().map(|(object, _)| owner(object)).collect(),
            on_the_wire: facts.credentials.with_key(id).map(|object| object.dn.to_string()).collect(),
            used: used.and_then(report_use),
            usage: first.and_then(|key| key.usage).map(usage).unwrap_or_default(),
            key: material
                .and_then(|material| material.key.as_ref())
                .map(|key| format!("{} {}", key.algorithm, key.bits))
                .unwrap_or_default(),
            created: time(first.and_then(|key| key.created)),
            last_logon: time(first.and_then(|key| key.last_logon)),
            device_id: device.map(|device| device.to_string()).unwrap_or_default(),
            device: device
                .and_then(|device| self.devices.get(&device.0))
                .map(|name| harmless(name))
                .unwrap_or_default(),
            roca_weak: material.and_then(|material| material.roca_weak),
            mfa_not_used: first.and_then(|key| key.custom_key_information).map(|custom| custom.mfa_not_used()),
            faults,
        }
    }

    fn state(&self, stored: &[(&Object, &KeyCredential)], used: Option<&KeyUse>, facts: &Facts) -> (KeyState, String) {
        let is_theirs =
            |object: &Object| used.is_some_and(|used| used.principals.iter().any(|name| object.is_called(name)));
        let Some(&(object, key)) = stored.iter().find(|(object, _)| is_theirs(object)).or(stored.first()) else {
            let names = used.map(|used| &used.principals);
            let known = names.is_some_and(|names| {
                let called = |object: &&Object| object.keys_shown && names.iter().any(|name| object.is_called(name));
                facts.directory.objects().iter().any(|object| called(&object))
            });
            let state = if known { KeyState::NotInDirectory } else { KeyState::Unknown };
            return (state, String::new());
        };
        if key.usage.is_some_and(|usage| usage != KeyUsage::NGC) && used.is_none() {
            return (KeyState::OtherUsage, String::new());
        }
        let is_machine = object.account.as_ref().is_some_and(|name| name.as_bytes().ends_with(b"$"));
        // What a domain controller accepts it can read, whatever it is.
        let accepted = used.is_some_and(|used| !used.granted.is_empty());
        if let Some((_, wrong)) = wrong(key, is_machine).filter(|_| !accepted) {
            return (KeyState::Malformed, wrong.to_owned());
        }
        if used.is_some() && !is_theirs(object) {
            return (KeyState::AnotherUser, format!("the directory has it for {}", object.dn));
        }
        if let Some(why) = self.orphaned(object, key) {
            return (KeyState::Orphaned, why);
        }
        (if used.is_some() { KeyState::ThisUser } else { KeyState::NeverUsed }, String::new())
    }

    /// Why a key is of no use to anybody.
    fn orphaned(&self, object: &Object, key: &KeyCredential) -> Option<String> {
        if object.enabled == Some(false) {
            return Some("the account is disabled".to_owned());
        }
        // Tools write blanks around the signs.
        let folded = |dn: &WireText| dn.to_unicode().to_lowercase().replace(" = ", "=").replace(", ", ",");
        if let Some(dn) = key.dn.as_ref().filter(|dn| folded(dn) != folded(&object.dn)) {
            return Some(format!("its value names {dn}"));
        }
        let device = key.device_id.filter(|device| device.0 != [0; 16])?;
        (self.has_devices && !self.devices.contains_key(&device.0))
            .then(|| format!("its device {device} is not among the devices that were exported"))
    }
}

fn owner(object: &Object) -> OwnerReport {
    OwnerReport {
        dn: object.dn.to_string(),
        account: harmless(&object.name()),
        class: object.class.name(),
        enabled: object.enabled,
    }
}

fn usage(usage: KeyUsage) -> String {
    usage.name().map_or_else(|| usage.0.to_string(), str::to_owned)
}

fn report_use(key: &KeyUse) -> Option<UseReport> {
    let answers = key.granted.iter().map(|(seen, _)| *seen).chain(key.refused.iter().map(|(seen, _, _)| *seen));
    let (first, last): (Seen, Seen) = (answers.clone().min()?, answers.max()?);
    let mut refused = BTreeMap::new();
    for (_, _, code) in &key.refused {
        *refused.entry(code.0).or_default() += 1;
    }
    let clients: BTreeSet<String> = key.holders.keys().map(|(client, _)| client.to_string()).collect();
    Some(UseReport {
        principals: key.principals.iter().map(|name| harmless(name)).collect(),
        clients: clients.into_iter().collect(),
        granted: key.granted.len(),
        refused,
        first: first.at.to_string(),
        first_packet: first.last.number,
        last: last.at.to_string(),
        last_packet: last.last.number,
        self_signed: key.self_signed,
    })
}

#[cfg(test)]
mod tests {
    use super::{KeyState, KeysReport};

    fn states(script: &str) -> Vec<(String, KeyState)> {
        let played = trace::script::play(script);
        KeysReport::new(played.facts()).keys.into_iter().map(|key| (key.key_id, key.state)).collect()
    }

    const USED: &str = "
        0.0 pc > dc as-req bob pkinit key K1
        0.1 dc > pc krb-error 62
    ";

    #[test]
    fn each_key_is_held_against_the_directory() {
        for (export, state) in [
            ("", KeyState::Unknown),
            ("1 export eve keys K2", KeyState::Unknown),
            ("1 export bob keys K1", KeyState::ThisUser),
            ("1 export bob", KeyState::NotInDirectory),
            ("1 export bob keys K1 spki", KeyState::Malformed),
            ("1 export eve keys K1", KeyState::AnotherUser),
        ] {
            let states = states(&format!("{USED}{export}"));
            assert!(states.contains(&("K1".to_owned(), state)), "{export}: {states:?}");
        }
    }

    #[test]
    fn keys_of_the_directory_that_nobody_uses_come_last() {
        let states = states(&format!("{USED}1 export bob keys K9,K1\n1 export carol keys K3"));
        assert_eq!(states.len(), 3);
        assert_eq!(states[0], ("K1".to_owned(), KeyState::ThisUser));
        assert!(states[1..].iter().all(|(_, state)| *state == KeyState::NeverUsed));
    }

    #[test]
    fn a_key_of_two_accounts_wants_looking_after() {
        let played = trace::script::play("0 export bob keys K1\n0 export eve keys K1\n0 export carol keys K2");
        let report = KeysReport::new(played.facts());
        assert!(report.has_faults());
        assert_eq!(report.keys[0].owners.len(), 2);
        assert!(!report.keys[1].is_fault());
    }

    #[test]
    fn a_key_is_an_orphan_when_its_account_or_device_is_gone() {
        const DEVICE: &str = "1966d4da-14da-4581-a7a7-5e8e07e93ad9";
        let table = |enabled: &str, device: &str| {
            format!(
                "DistinguishedName,SamAccountName,Enabled,Identifier,Usage,DeviceId,ObjectClass,ObjectGUID\n\
                 \"CN=bob,DC=corp,DC=example\",bob,{enabled},AQID,NGC,{DEVICE},user,\n\
                 \"CN=x,CN=RegisteredDevices,DC=corp,DC=example\",,,,,,msDS-Device,{device}\n"
            )
        };
        for (text, state) in [
            (table("True", DEVICE), KeyState::NeverUsed),
            (table("False", DEVICE), KeyState::Orphaned),
            (table("True", "00000000-0000-0000-0000-000000000001"), KeyState::Orphaned),
        ] {
            let mut directory = decode::directory::Directory::default();
            directory.read(text.as_bytes()).unwrap();
            let mut facts = trace::Facts::default();
            facts.directory = directory;
            let keys = KeysReport::new(&facts).keys;
            assert_eq!((keys[0].key_id.as_str(), keys[0].state), ("AQID", state), "{:?}", keys[0].why);
        }
    }
}
