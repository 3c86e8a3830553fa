//! An object of the directory: a user, a computer, a domain controller.

use super::{DirectoryError, Record};
use crate::{WireText, key_credential::KeyCredential, ldap::Guid};

/// What an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A user, or what nothing else is said of.
    #[default]
    User,
    /// A computer that is no domain controller.
    Computer,
    /// A domain controller (SERVER_TRUST_ACCOUNT, PARTIAL_SECRETS_ACCOUNT, or in the unit for them).
    DomainController,
    /// Neither: the schema, a device, a container.
    Other,
}

impl Class {
    /// In machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Computer => "computer",
            Self::DomainController => "domain-controller",
            Self::Other => "other",
        }
    }
}

/// An object of the directory.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its distinguished name.
    pub dn: WireText,
    /// Where the export has it: the line, or in JSON the number of the object. The first, where several have it.
    pub line: u64,
    /// What it is.
    pub class: Class,
    /// sAMAccountName.
    pub account: Option<WireText>,
    /// userPrincipalName.
    pub principal: Option<WireText>,
    /// objectSid, `S-1-5-21-…`.
    pub sid: Option<String>,
    /// objectGUID, of registered devices msDS-DeviceID: the device's identifier, as keys name it.
    pub guid: Option<Guid>,
    /// dNSHostName, of computers.
    pub host: Option<WireText>,
    /// operatingSystem with its version, of computers.
    pub system: Option<WireText>,
    /// Whether the account is enabled; `None`: the export does not say.
    pub enabled: Option<bool>,
    /// Its key credentials, each once.
    pub keys: Vec<KeyCredential>,
    /// Whether its keys were exported, so that an object without any has none.
    pub keys_shown: bool,
    /// The DNS name of its domain, in lower case.
    pub(super) domain: String,
}

/// ADS_UF_ACCOUNTDISABLE, MS-ADTS 2.2.16.
const DISABLED: u32 = 0x2;
/// ADS_UF_SERVER_TRUST_ACCOUNT and ADS_UF_PARTIAL_SECRETS_ACCOUNT, MS-ADTS 2.2.16: domain controllers.
const CONTROLLER: u32 = 0x2000 | 0x0400_0000;
/// ADS_UF_WORKSTATION_TRUST_ACCOUNT, MS-ADTS 2.2.16.
const WORKSTATION: u32 = 0x1000;

impl Object {
    pub(super) fn of(record: Record, shown: bool) -> Result<Self, DirectoryError> {
        let Some(dn) = record.dn.clone() else {
            return Err(DirectoryError::line(record.line, "an object without a distinguished name"));
        };
        let folded = dn.to_unicode().to_lowercase();
        let control: Option<u32> = record.text("useraccountcontrol").and_then(|text| text.trim().parse().ok());
        let enabled = match record.text("enabled").as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => control.map(|control| control & DISABLED == 0),
        };
        let name = |name: &str| record.text(name).map(|text| WireText::from(text.as_str()));
        let system = match (record.text("operatingsystem"), record.text("operatingsystemversion")) {
            (Some(system), Some(version)) => Some(format!("{system} {version}")),
            (system, _) => system,
        };
        let keys_shown = shown || record.shows_keys();
        let guid = ["msds-deviceid", "objectguid"].iter().find_map(|name| guid(record.values(name).first()?));
        let sid = ["objectsid", "sid"].iter().find_map(|name| sid(record.values(name).first()?));
        Ok(Self {
            line: record.line,
            class: class(&record, &folded, control),
            account: name("samaccountname"),
            principal: name("userprincipalname"),
            sid,
            guid,
            host: name("dnshostname"),
            system: system.map(|system| WireText::from(system.as_str())),
            enabled,
            keys: record.keys,
            keys_shown,
            ..Self::new(dn)
        })
    }

    /// An object of this name of which nothing else is known.
    pub fn new(dn: WireText) -> Self {
        let domain = domain(&dn.to_unicode().to_lowercase());
        Self {
            dn,
            line: 0,
            class: Class::default(),
            account: None,
            principal: None,
            sid: None,
            guid: None,
            host: None,
            system: None,
            enabled: None,
            keys: Vec::new(),
            keys_shown: false,
            domain,
        }
    }

    /// Adds what another export, or another line of the same, says of it.
    pub(super) fn merge(&mut self, other: Self) {
        if self.class == Class::User {
            self.class = other.class;
        }
        self.account = self.account.take().or(other.account);
        self.principal = self.principal.take().or(other.principal);
        self.sid = self.sid.take().or(other.sid);
        self.guid = self.guid.take().or(other.guid);
        self.host = self.host.take().or(other.host);
        self.system = self.system.take().or(other.system);
        self.enabled = self.enabled.or(other.enabled);
        self.keys_shown |= other.keys_shown;
        for key in other.keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
    }

    /// The DNS name of its domain, in lower case; `""` where the name does not tell it.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The SID of its domain.
    pub fn domain_sid(&self) -> Option<&str> {
        self.sid.as_deref()?.rsplit_once('-').map(|(domain, _)| domain).filter(|domain| domain.starts_with("S-1-5-21-"))
    }

    /// Its name for people: the account, else the common name.
    pub fn name(&self) -> String {
        let common = || {
            let dn = self.dn.to_unicode();
            let first = dn.split_once(',').map_or(dn.as_str(), |(first, _)| first);
            first.split_once('=').map_or(first, |(_, name)| name).to_owned()
        };
        self.account.as_ref().map_or_else(common, WireText::to_unicode)
    }

    /// Whether it is a device that registered itself: these stand in a container of their own.
    pub fn is_registered_device(&self) -> bool {
        self.class == Class::Other && self.dn.to_unicode().to_lowercase().contains(",cn=registereddevices,")
    }

    /// Whether this name, in lower case and without a realm, may be the account's: its sAMAccountName, its
    /// userPrincipalName, or its sAMAccountName with the domain's name.
    pub fn is_called(&self, name: &str) -> bool {
        let is = |own: &Option<WireText>, name: &str| {
            own.as_ref().is_some_and(|own| own.to_unicode().to_lowercase() == name)
        };
        let local =
            name.split_once('@').is_some_and(|(local, suffix)| suffix == self.domain && is(&self.account, local));
        let unnamed = self.account.is_none() && self.name().to_lowercase() == name;
        is(&self.account, name) || is(&self.principal, name) || local || unnamed
    }

    /// Whether it belongs to a domain of this DNS or NetBIOS name, in lower case.
    pub(super) fn is_in_domain(&self, name: &str) -> bool {
        let short = || self.domain.split('.').next() == Some(name);
        self.domain == name || (!name.contains('.') && short())
    }

    /// Names under which it is found, in lower case.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        names.extend(self.account.as_ref().map(|account| account.to_unicode().to_lowercase()));
        names.extend(self.principal.as_ref().map(|principal| principal.to_unicode().to_lowercase()));
        if names.is_empty() && self.class != Class::Other {
            // Keys alone name their owner by the distinguished name. Its common name is the account's as a rule.
            let name = self.name().to_lowercase();
            if !name.contains('\\') {
                names.push(name);
            }
        }
        names
    }
}

fn class(record: &Record, folded: &str, control: Option<u32>) -> Class {
    let is =
        |class: &str| record.values("objectclass").iter().any(|value| value.eq_ignore_ascii_case(class.as_bytes()));
    let is_controller = control.is_some_and(|control| control & CONTROLLER != 0)
        || folded.contains(",ou=domain controllers,") && !is("organizationalUnit");
    let is_machine = control.is_some_and(|control| control & WORKSTATION != 0)
        || record.text("samaccountname").is_some_and(|name| name.ends_with('$'));
    if is_controller {
        Class::DomainController
    } else if is("computer") || is_machine {
        Class::Computer
    } else if record.values("objectclass").is_empty() && !folded.contains(",cn=configuration,") || is("user") {
        Class::User
    } else {
        Class::Other
    }
}

/// The DNS name of the domain that a distinguished name ends in.
fn domain(folded: &str) -> String {
    let labels: Vec<&str> = folded.split(',').filter_map(|part| part.trim().strip_prefix("dc=")).collect();
    labels.join(".")
}

/// A GUID as text, or as LDAP has it. MS-DTYP 2.3.4.
fn guid(value: &[u8]) -> Option<Guid> {
    match value.try_into() {
        Ok(bytes) => Some(Guid(bytes)),
        Err(_) => super::json::guid(std::str::from_utf8(value).ok()?),
    }
}

/// A SID as text, or as LDAP has it. MS-DTYP 2.4.2.
fn sid(value: &[u8]) -> Option<String> {
    if value.starts_with(b"S-1-") {
        return String::from_utf8(value.to_vec()).ok().filter(|text| text.len() <= MAX_SID);
    }
    let (&[1, count, ref authority @ ..], rest) = value.split_first_chunk::<8>()? else { return None };
    let authority = authority.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let parts = rest.chunks_exact(4).map(|part| u32::from_le_bytes(part.try_into().unwrap_or_default()));
    if usize::from(count).checked_mul(4) != Some(rest.len()) {
        return None;
    }
    Some(parts.fold(format!("S-1-{authority}"), |text, part| format!("{text}-{part}")))
}

/// Characters of the longest SID: fifteen parts.
const MAX_SID: usize = 184;
