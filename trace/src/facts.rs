//! What holds beyond one logon: per domain controller, per key, per account, and for the capture.

mod timed;
mod worked_out;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use capture::CaptureTime;
use decode::{
    Path, Seen, WireText,
    directory::Directory,
    kerberos::{ErrorCode, KdcReply, KerberosTime, Stage, pkinit::KeyAgreement},
    x509::Certificate,
};
use jiff::Timestamp;

use self::worked_out::WorkedOut;
pub use self::{
    timed::{Timed, When},
    worked_out::{RefusedOnly, TicketsOf, UsualTimes},
};
use crate::{Cloud, Credentials, Locator, LogonId, Pings, Ports, RefusedBinds, Visibility, session::account_in};

/// Everything known beyond single logons.
#[derive(Debug, Default)]
pub struct Facts {
    /// Domain controllers (every address that answered as a KDC or was asked as one).
    pub domain_controllers: BTreeMap<IpAddr, DomainController>,
    /// Use of each PKINIT key, by key identifier.
    pub keys: BTreeMap<String, KeyUse>,
    /// When tickets were granted, by client name in lower case (without realm), in order.
    pub granted: Timed<String, (CaptureTime, IpAddr), { Facts::MAX_GRANTED }>,
    /// When tickets were granted, by client; at most one a second.
    grants_to: Timed<IpAddr, CaptureTime, { Facts::MAX_GRANTED }>,
    /// Clients that got tickets in the name of a computer.
    computers: BTreeSet<IpAddr>,
    /// When a client that had asked for this name came with a ticket whose issue was not captured, as in `granted`.
    pub perhaps_granted: Timed<String, (CaptureTime, IpAddr), { Facts::MAX_GRANTED }>,
    /// Refused PKINIT requests, by client address and client name in lower case: request, reply, logon.
    pub refused_pkinit: Timed<(IpAddr, String), RefusedPkinit, { Facts::MAX_REFUSED }>,
    /// Error 24 to password requests, by client name in lower case and client address, in order.
    pub wrong_passwords: Timed<(String, IpAddr), Seen, { Facts::MAX_REFUSED }>,
    /// Where a key in a self-signed certificate was last accepted.
    pub key_accepted: Option<Seen>,
    /// Clients that asked with a key, and clients that exchanged a ticket of Microsoft Entra, each with the first
    /// request.
    pub models: BTreeMap<IpAddr, (Option<Seen>, Option<Seen>)>,
    /// Times at which each client sent anything to a KDC; at most one a second.
    pub kerberos_of: Timed<IpAddr, CaptureTime, { Facts::MAX_SHOWN }>,
    /// NetBIOS names that clients give for themselves.
    pub client_names: BTreeMap<IpAddr, String>,
    /// Clients that sent an armored AS-REQ, with the first one seen, and how many they sent.
    pub armored: BTreeMap<IpAddr, (Seen, u64)>,
    /// AS-REQs that were not armored, and where the first one was.
    pub unarmored: u64,
    /// Clients that used a ticket which the capture saw issued.
    pub clients_seen_from_the_start: BTreeSet<IpAddr>,
    /// Clients that used a ticket which the capture did not see issued, with the first such request.
    pub clients_seen_midway: BTreeMap<IpAddr, Seen>,
    /// Keys that were accepted, by realm in lower case and by the domain part of the SID in the name that Windows Hello
    /// gives to their certificates.
    pub domain_sids: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Locator questions and names.
    pub locator: Locator,
    /// Netlogon pings.
    pub pings: Pings,
    /// Keys in the directory, and on their way into it.
    pub credentials: Credentials,
    /// Accounts that signed in to services by NTLM, by client address and account in lower case, in order.
    pub ntlm: Timed<(IpAddr, String), NtlmUse, { Facts::MAX_NTLM }>,
    /// Times at which each client showed a ticket to each server; at most one a second.
    pub tickets_shown: Timed<(IpAddr, IpAddr), CaptureTime, { Facts::MAX_SHOWN }>,
    /// Serial numbers of the certificates of domain controllers, and hosts that they name for their revocation.
    kdc_certificates: (HashSet<String>, HashSet<String>),
    /// What was not noted because there was too much of it.
    beyond: Beyond,
    /// Answers and holders noted with keys, certificates with domain controllers, and keys with domains.
    noted: (usize, usize, usize, usize),
    /// Ports that answered.
    pub ports: Ports,
    /// Binds and requests for tickets that were refused for their account or password.
    pub refused_binds: RefusedBinds,
    /// What exports of the directory say; empty where none was given.
    pub directory: Directory,
    /// Domains that are verified with Microsoft Entra, in lower case, as the user says; empty where they do not.
    pub verified_domains: BTreeSet<String>,
    /// Thresholds of rules that the user set, by name; empty where all are the catalogue's.
    pub thresholds: BTreeMap<&'static str, i64>,
    /// Conversations over TLS and HTTP.
    pub cloud: Cloud,
    /// What the capture covers.
    pub visibility: Visibility,
    /// Answers to questions about all of this.
    worked_out: WorkedOut,
}

/// What was not noted, or no longer is, because there was too much of it.
#[derive(Clone, Copy, Debug, Default)]
struct Beyond {
    tickets: u64,
    requests: u64,
    clients: u64,
    domain_controllers: u64,
    keys: u64,
    answers: u64,
    holders: u64,
    certificates: u64,
}

/// An account that signs in to a service by NTLM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtlmUse {
    /// The client's last message, which names the account.
    pub seen: Seen,
    /// The server.
    pub server: IpAddr,
}

/// A refused PKINIT request: the request, where it was captured, the reply, and the logon.
pub type RefusedPkinit = (Option<Seen>, Seen, LogonId);

/// A domain controller as the wire shows it.
#[derive(Clone, Debug, Default)]
pub struct DomainController {
    /// Realms it answered for.
    pub realms: BTreeSet<String>,
    /// Certificates with which it signed PKINIT replies, in order of first use. At most [`Facts::MAX_CERTIFICATES`] of
    /// all.
    pub certificates: Vec<CertificateSeen>,
    /// The place of each in that list, by its SHA-256.
    by_certificate: HashMap<String, usize>,
    /// PKINIT requests it granted, in order. At most [`DomainController::MAX_ISSUED`], the latest.
    pub issued: Vec<Issuance>,
    /// How many were before those.
    forgotten: usize,
    /// How many of these went because there were too many.
    beyond: u64,
    /// Whether it ever accepted a certificate of a CA, and one that is self-signed.
    accepted: (bool, bool),
    /// What it says of keys.
    pub on_keys: OnKeys,
    /// The last self-signed certificate that it accepted, and the last of a CA.
    last_accepted: (Option<Seen>, Option<Seen>),
    /// Key agreements that it ever accepted. At most [`DomainController::MAX_AGREEMENTS`].
    agreements: Vec<KeyAgreement>,
    /// Whether its answers to requests without proof offered PKINIT (type 16), newest last.
    pub offered_pkinit: Option<(bool, Seen)>,
    /// Its clock minus the capture's, in seconds, at each KRB-ERROR, sorted. At most [`DomainController::MAX_SAMPLES`].
    clock_offsets: Vec<f64>,
    /// Time from request to reply, in microseconds. At most [`DomainController::MAX_SAMPLES`].
    pub response_times: Vec<u64>,
    /// What it says about itself in answer to a netlogon ping, newest last.
    pub located: Option<Located>,
    /// Whether anything that it sent was seen.
    pub heard: bool,
    /// Clients that pinged it. At most [`DomainController::MAX_CLIENTS`].
    pub pinged_by: BTreeSet<IpAddr>,
    /// When it was first and last pinged.
    pub sought: Option<(Seen, Seen)>,
    /// The first connection to it that nobody answered.
    pub unanswered: Option<Seen>,
    /// The time it told last, in a KRB-ERROR.
    pub clock: Option<(KerberosTime, Seen)>,
    /// When it issued tickets of any kind; at most one a second.
    pub served: Vec<CaptureTime>,
    /// Key version of the last ticket-granting ticket it issued, and where.
    pub krbtgt_version: Option<(i64, Seen)>,
}

/// What a domain controller says of keys, put together as it comes: to look for it in all keys takes too long with
/// many.
#[derive(Clone, Debug, Default)]
pub struct OnKeys {
    /// Whether it refused a key in the way of one that looks keys up in the directory (62, 75).
    pub judges: bool,
    /// Whether it refused a key because it cannot do PKINIT (16).
    pub cannot_pkinit: bool,
    /// Keys in self-signed certificates that it refused (62, 71, 75) after it had accepted them.
    pub turned: u64,
    /// The first refusal of each of the first of these. At most [`OnKeys::MAX_TURNED`].
    pub first_turned: Vec<(Seen, ErrorCode)>,
}

impl OnKeys {
    /// Refusals kept as examples.
    pub const MAX_TURNED: usize = 8;
    /// Refusals of a key as such. An MIT KDC says 71.
    const OF_KEYS: [ErrorCode; 3] =
        [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::INVALID_CERTIFICATE, ErrorCode::CLIENT_NAME_MISMATCH];

    /// A key was refused by this domain controller. `key`: what was known of it before.
    fn note(&mut self, key: &KeyUse, kdc: IpAddr, (seen, code): (Seen, ErrorCode)) {
        self.judges |= matches!(code, ErrorCode::CLIENT_NOT_TRUSTED | ErrorCode::CLIENT_NAME_MISMATCH);
        self.cannot_pkinit |= key.self_signed && code == ErrorCode::PADATA_TYPE_NOSUPP;
        if !key.self_signed || !Self::OF_KEYS.contains(&code) {
            return;
        }
        let accepted = key.granted.iter().find(|(_, by)| *by == kdc).map(|(accepted, _)| *accepted);
        let Some(accepted) = accepted.filter(|accepted| *accepted < seen) else { return };
        let again = |(earlier, by, code): &(Seen, IpAddr, ErrorCode)| {
            *by == kdc && *earlier > accepted && Self::OF_KEYS.contains(code)
        };
        if key.refused.iter().any(again) {
            return;
        }
        self.turned += 1;
        if self.first_turned.len() < Self::MAX_TURNED {
            self.first_turned.push((seen, code));
        }
    }
}

/// What a domain controller says about itself in answer to a netlogon ping. MS-ADTS 6.3.1.9.
#[derive(Clone, Debug, Default)]
pub struct Located {
    /// Its DNS name, in lower case; empty where it does not say.
    pub host: String,
    /// Its site; empty where it does not say.
    pub site: String,
    /// What it is. MS-ADTS 6.3.1.2, MS-NRPC 2.2.1.2.1.
    pub flags: Option<u32>,
    /// DNS name of the domain, in lower case.
    pub domain: String,
    /// DNS name of the forest, in lower case.
    pub forest: String,
    /// The answer.
    pub seen: Option<Seen>,
}

impl Located {
    /// It runs a KDC (`DS_KDC_FLAG`).
    pub const KDC: u32 = 0x20;
    /// It runs Active Directory Web Services (`DS_WS_FLAG`): it is Windows, or says so.
    pub const WEB_SERVICES: u32 = 0x2000;
    /// It is Windows Server 2016 or later, MS-NRPC `DS_DC_2016_REQUIRED` among the flags of DsrGetDcName.
    pub const SERVER_2016: u32 = 0x1_0000;
}

impl DomainController {
    /// Samples kept for a median: beyond this, more do not change the picture.
    pub const MAX_SAMPLES: usize = 10_000;
    /// Clients kept that pinged it: rules ask whether there were several.
    pub const MAX_CLIENTS: usize = 64;

    /// PKINIT requests kept that it granted: an hour's at five a second.
    pub const MAX_ISSUED: usize = 20_000;
    /// Seconds kept in which it issued tickets: a day's.
    pub const MAX_SERVED: usize = 86_400;
    /// Key agreements kept: a handful is defined.
    pub const MAX_AGREEMENTS: usize = 16;
    /// Realms kept: it answers for one, and names others when it refers to them.
    pub const MAX_REALMS: usize = 64;

    /// Notes that it granted a PKINIT request. The place of it comes back, for [`DomainController::issuance_mut`].
    pub(crate) fn note_issued(&mut self, issuance: Issuance) -> usize {
        match issuance.self_signed {
            Some(true) => {
                self.accepted.1 = true;
                self.last_accepted.0 = self.last_accepted.0.max(Some(issuance.seen));
            }
            Some(false) => {
                self.accepted.0 = true;
                self.last_accepted.1 = self.last_accepted.1.max(Some(issuance.seen));
            }
            None => {}
        }
        if self.agreements.len() < Self::MAX_AGREEMENTS && !self.agreements.contains(&issuance.agreement) {
            self.agreements.push(issuance.agreement.clone());
        }
        if self.issued.len() >= Self::MAX_ISSUED {
            self.issued.drain(..Self::MAX_ISSUED / 2);
            self.forgotten += Self::MAX_ISSUED / 2;
            self.beyond += Self::MAX_ISSUED as u64 / 2;
        }
        self.issued.push(issuance);
        self.forgotten + self.issued.len() - 1
    }

    /// As [`DomainController::issuance_mut`].
    pub(crate) fn issuance(&self, place: usize) -> Option<&Issuance> {
        self.issued.get(place.checked_sub(self.forgotten)?)
    }

    /// A PKINIT request that it granted, by its place. `None`: it is kept no longer.
    pub(crate) fn issuance_mut(&mut self, place: usize) -> Option<&mut Issuance> {
        self.issued.get_mut(place.checked_sub(self.forgotten)?)
    }

    /// Forgets when it issued tickets before this time.
    pub(crate) fn forget(&mut self, before: CaptureTime) {
        let old = self.issued.partition_point(|issuance| issuance.seen.at < before);
        self.issued.drain(..old);
        self.forgotten += old;
        let old = self.served.partition_point(|at| *at < before);
        self.served.drain(..old);
    }

    /// Notes a realm that it answers for.
    pub(crate) fn note_realm(&mut self, realm: &WireText) {
        let realm = realm.to_unicode();
        if self.realms.len() < Self::MAX_REALMS {
            self.realms.insert(realm);
        }
    }

    /// Notes that it issued a ticket.
    pub(crate) fn note_served(&mut self, reply: &KdcReply, seen: Seen) {
        if self.served.last().is_none_or(|last| last.seconds() != seen.at.seconds()) {
            if self.served.len() >= Self::MAX_SERVED {
                self.served.drain(..Self::MAX_SERVED / 2);
            }
            self.served.push(seen.at);
        }
        let ticket = reply.ticket.as_ref().filter(|_| reply.stage == Stage::As);
        if let Some(ticket) = ticket
            && ticket.sname.as_ref().is_some_and(decode::kerberos::PrincipalName::is_krbtgt)
            && let Some(version) = ticket.kvno
        {
            self.krbtgt_version = Some((version, seen));
        }
    }

    /// Whether it issued a ticket to anyone within `seconds` after `at`.
    pub fn served_within(&self, at: CaptureTime, seconds: i64) -> bool {
        within(&self.served, |time| *time, at, 0, seconds).next().is_some()
    }

    /// Whether it granted PKINIT within `seconds` before or after `at`.
    pub fn issued_around(&self, at: CaptureTime, seconds: i64) -> bool {
        within(&self.issued, |issuance| issuance.seen.at, at, seconds, seconds).next().is_some()
    }

    /// PKINIT requests it granted within `seconds` before or after `at`, in order.
    pub fn issued_near(&self, at: CaptureTime, seconds: i64) -> impl Iterator<Item = &Issuance> {
        within(&self.issued, |issuance| issuance.seen.at, at, seconds, seconds)
    }

    /// How many times it told its clock, up to [`DomainController::MAX_SAMPLES`].
    pub fn clock_samples(&self) -> usize {
        self.clock_offsets.len()
    }

    /// Its clock minus the capture's in seconds, the median of what its errors tell.
    pub fn clock_offset(&self) -> Option<f64> {
        self.clock_offsets.get(self.clock_offsets.len() / 2).copied()
    }

    /// Notes its clock minus the capture's, in seconds, as an error tells it.
    pub(crate) fn note_clock(&mut self, offset: f64) {
        if self.clock_offsets.len() < Self::MAX_SAMPLES {
            let place = self.clock_offsets.partition_point(|earlier| earlier.total_cmp(&offset).is_le());
            self.clock_offsets.insert(place, offset);
        }
    }

    /// A client seeks it.
    pub(crate) fn sought_by(&mut self, client: IpAddr, seen: Seen) {
        if self.pinged_by.len() < Self::MAX_CLIENTS {
            self.pinged_by.insert(client);
        }
        let (first, last) = self.sought.unwrap_or((seen, seen));
        self.sought = Some((first.min(seen), last.max(seen)));
    }

    /// Whether it ever accepted a self-signed certificate.
    pub fn accepted_self_signed(&self) -> bool {
        self.accepted.1
    }

    /// Where it last accepted a self-signed certificate.
    pub fn last_self_signed(&self) -> Option<Seen> {
        self.last_accepted.0
    }

    /// Where it last accepted a certificate issued by another.
    pub fn last_issued(&self) -> Option<Seen> {
        self.last_accepted.1
    }

    /// Whether it ever accepted a certificate issued by another.
    pub fn accepted_issued(&self) -> bool {
        self.accepted.0
    }

    /// Whether it ever granted a request with this key agreement.
    pub fn accepted_agreement(&self, agreement: &KeyAgreement) -> bool {
        self.agreements.contains(agreement)
    }
}

/// A PKINIT request that was granted.
#[derive(Clone, Debug)]
pub struct Issuance {
    /// The reply.
    pub seen: Seen,
    /// Whether the client's certificate was self-signed; `None` when none was seen.
    pub self_signed: Option<bool>,
    /// How the reply key was agreed on.
    pub agreement: KeyAgreement,
    /// The certificate that it was signed with: index into `certificates`. `None` when it, or the client's, was not
    /// seen.
    pub certificate: Option<usize>,
    /// The first use of the ticket that was seen: with a TGS-REQ, as FAST armor, or shown to a service.
    pub used: Option<Seen>,
}

/// A certificate with which a domain controller signed.
#[derive(Clone, Debug)]
pub struct CertificateSeen {
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// The first reply with it.
    pub first: Seen,
    /// The last.
    pub last: Seen,
    /// How many.
    pub count: u64,
    /// Those of them that granted a request with a client certificate which was seen.
    pub tickets: u64,
    /// And of these the ones whose ticket was seen in use.
    pub used: u64,
}

/// What became of requests with one key.
#[derive(Clone, Debug, Default)]
pub struct KeyUse {
    /// Granted: the reply, and by whom.
    pub granted: Vec<(Seen, IpAddr)>,
    /// Refused: the reply, by whom, and why.
    pub refused: Vec<(Seen, IpAddr, ErrorCode)>,
    /// Names it was used for, in lower case.
    pub principals: BTreeSet<String>,
    /// When its certificate begins to be valid, where that is one of Windows Hello.
    pub hello_since: Option<Timestamp>,
    /// Whether the certificate that it came in is self-signed: key trust.
    pub self_signed: bool,
    /// Who used it: by client and client name in lower case.
    pub holders: BTreeMap<(IpAddr, String), Holder>,
    /// See [`KeyUse::refused_since`].
    since: OnceLock<Vec<(Seen, IpAddr)>>,
}

/// The use of a key by one client in one name.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// The first answer to it.
    pub first: Seen,
    /// The last.
    pub last: Seen,
    /// Whether it was ever accepted.
    pub accepted: bool,
}

impl KeyUse {
    /// Notes the certificate that it came in.
    pub(crate) fn note(&mut self, certificate: &Certificate) {
        self.self_signed = certificate.self_signed;
        self.hello_since = certificate.hello_name().map(|_| certificate.not_before).or(self.hello_since);
    }

    /// Notes an answer to a request with the key.
    pub(crate) fn answered(&mut self, client: IpAddr, name: String, seen: Seen, accepted: bool) {
        self.principals.insert(name.clone());
        let holder = self.holders.entry((client, name)).or_insert(Holder { first: seen, last: seen, accepted });
        holder.last = holder.last.max(seen);
        holder.accepted |= accepted;
    }

    /// Whether it was accepted anywhere in the `seconds` before `at`.
    pub fn granted_before(&self, at: CaptureTime, seconds: i64) -> bool {
        within(&self.granted, |(seen, _)| seen.at, at, seconds, 0).next().is_some()
    }
}

/// The host in an address of HTTP, in lower case.
fn host_of(url: &str) -> Option<String> {
    let rest = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).and(url.get(7..))?;
    let host = rest.split('/').next().unwrap_or_default();
    Some(host.split(':').next().unwrap_or_default().to_lowercase())
}

/// Captures by several queues swap packets: times in a list in the order of packets may run back by this much.
const SWAPPED: i64 = 60 * CaptureTime::SECOND;

/// Items of a list in the order of packets whose time is from `before` seconds before `at` to `after` seconds after it.
fn within<T>(
    list: &[T],
    time: impl Fn(&T) -> CaptureTime + Copy,
    at: CaptureTime,
    before: i64,
    after: i64,
) -> impl Iterator<Item = &T> {
    let (before, after) = (before.saturating_mul(CaptureTime::SECOND), after.saturating_mul(CaptureTime::SECOND));
    let gap = move |item: &T| time(item).since(at);
    let from = list.partition_point(|item| gap(item) < before.saturating_neg().saturating_sub(SWAPPED));
    list.get(from..)
        .unwrap_or_default()
        .iter()
        .take_while(move |item| gap(item) <= after.saturating_add(SWAPPED))
        .filter(move |item| (before.saturating_neg()..=after).contains(&gap(item)))
}

impl Facts {
    /// Uses of NTLM kept. Rules look for those right after trouble with Kerberos.
    pub const MAX_NTLM: usize = 100_000;
    /// Times kept at which tickets were shown, and as many at which clients asked KDCs.
    pub const MAX_SHOWN: usize = 500_000;
    /// Times kept at which tickets were granted: more than the logons that are kept can have.
    pub const MAX_GRANTED: usize = 250_000;
    /// Refused keys kept, and as many wrong passwords: a site that has more of them in an hour has other worries.
    pub const MAX_REFUSED: usize = 100_000;
    /// Clients of which something is noted for good: as many as a large forest has.
    pub const MAX_CLIENTS: usize = 100_000;
    /// Domain controllers kept: the largest forests have hundreds. Whoever scans for one asks every address.
    pub const MAX_DOMAIN_CONTROLLERS: usize = 2_000;
    /// Keys kept: as many as clients.
    pub const MAX_KEYS: usize = 100_000;
    /// Answers kept to requests with one key; beyond it the first and the last remain.
    pub const MAX_ANSWERS_OF_KEY: usize = 8_192;
    /// The same of all keys together: several days' of a large site. Beyond it each key makes room for its own.
    pub const MAX_ANSWERS: usize = 250_000;
    /// Holders kept of one key, that is clients and names, the first ones: two are a fault already.
    pub const MAX_HOLDERS_OF_KEY: usize = 64;
    /// The same of all keys together.
    pub const MAX_HOLDERS: usize = 250_000;
    /// Certificates kept of domain controllers: as many as are kept of these have two each, and show no third in a
    /// capture. With what is said of each in the report, these are some 20 MB.
    pub const MAX_CERTIFICATES: usize = 2 * Self::MAX_DOMAIN_CONTROLLERS;

    /// What is kept of the locator or of pings may have begun so long before what is forgotten.
    const BEGAN_BEFORE_SECONDS: i64 = 3600;

    /// Forgets what was before this time, in what only logons of that time are judged by.
    pub(crate) fn forget(&mut self, before: CaptureTime) {
        self.granted.forget(before);
        self.grants_to.forget(before);
        self.perhaps_granted.forget(before);
        self.refused_pkinit.forget(before);
        self.wrong_passwords.forget(before);
        self.ntlm.forget(before);
        self.tickets_shown.forget(before);
        self.kerberos_of.thin(before.plus_seconds(-Self::BEGAN_BEFORE_SECONDS));
        self.locator.forget(before);
        self.pings.forget(before);
        for dc in self.domain_controllers.values_mut() {
            dc.forget(before);
        }
    }

    /// How much is not kept, or no longer, because a limit was reached, by what it is.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let beyond = self.beyond;
        let of_dcs = |count: fn(&DomainController) -> u64| self.domain_controllers.values().map(count).sum::<u64>();
        [
            ("lookups", self.locator.beyond()),
            ("pings", self.pings.beyond()),
            ("ports", self.ports.beyond()),
            ("refused_binds", self.refused_binds.beyond()),
            ("grants", self.granted.beyond() + self.perhaps_granted.beyond() + of_dcs(|dc| dc.beyond)),
            ("refused_keys", self.refused_pkinit.beyond()),
            ("wrong_passwords", self.wrong_passwords.beyond()),
            ("kerberos_times", self.kerberos_of.beyond()),
            ("ntlm_uses", self.ntlm.beyond()),
            ("tickets_shown", self.tickets_shown.beyond()),
            ("tickets", beyond.tickets),
            ("requests", beyond.requests),
            ("clients", beyond.clients),
            ("domain_controllers", beyond.domain_controllers),
            ("keys", beyond.keys),
            ("key_answers", beyond.answers),
            ("key_holders", beyond.holders),
            ("kdc_certificates", beyond.certificates),
        ]
        .into_iter()
    }

    /// A ticket was used, or issued, and what it belongs to is not known any more.
    pub(crate) fn ticket_lost(&mut self) {
        self.beyond.tickets += 1;
    }

    /// A request came whose answer is not waited for.
    pub(crate) fn request_lost(&mut self) {
        self.beyond.requests += 1;
    }

    /// A domain controller, a new one if need be. `None`: there are too many.
    pub(crate) fn domain_controller(&mut self, address: IpAddr) -> Option<&mut DomainController> {
        let known = &mut self.domain_controllers;
        if known.len() >= Self::MAX_DOMAIN_CONTROLLERS && !known.contains_key(&address) {
            self.beyond.domain_controllers += 1;
            return None;
        }
        Some(known.entry(address).or_default())
    }

    /// Notes that a domain controller signed with this certificate, and says which of its certificates it is, and
    /// whether it is new. `None`: there are too many.
    pub(crate) fn note_certificate(
        &mut self,
        kdc: IpAddr,
        certificate: &Arc<Certificate>,
        seen: Seen,
    ) -> Option<(usize, bool)> {
        let known = self.domain_controller(kdc)?.by_certificate.get(&certificate.sha256).copied();
        if known.is_none() && self.noted.2 >= Self::MAX_CERTIFICATES {
            self.beyond.certificates += 1;
            return None;
        }
        let dc = self.domain_controllers.get_mut(&kdc)?;
        if let Some(known) = known {
            let shown = dc.certificates.get_mut(known)?;
            shown.last = shown.last.max(seen);
            shown.count += 1;
            return Some((known, false));
        }
        let certificate = Arc::clone(certificate);
        let (serials, hosts) = &mut self.kdc_certificates;
        serials.insert(certificate.serial.clone());
        hosts.extend(certificate.crl_urls.iter().chain(&certificate.ocsp_urls).filter_map(|url| host_of(url)));
        let place = dc.certificates.len();
        dc.by_certificate.insert(certificate.sha256.clone(), place);
        dc.certificates.push(CertificateSeen { certificate, first: seen, last: seen, count: 1, tickets: 0, used: 0 });
        self.noted.2 += 1;
        Some((place, true))
    }

    /// Whether a domain controller showed a certificate with this serial number.
    pub fn has_kdc_serial(&self, serial: &str) -> bool {
        self.kdc_certificates.0.contains(serial)
    }

    /// Whether a certificate that a domain controller showed names this host, in lower case, for its revocation over
    /// HTTP.
    pub fn has_kdc_revocation_host(&self, host: &str) -> bool {
        self.kdc_certificates.1.contains(host)
    }

    /// Notes an answer to a request with the key in this certificate: by a KDC, to a client that asked in this name, in
    /// lower case. `code`: it was refused.
    pub(crate) fn note_key(
        &mut self,
        certificate: &Certificate,
        (seen, kdc, code): (Seen, IpAddr, Option<ErrorCode>),
        holder: Option<(IpAddr, String)>,
    ) {
        if self.keys.len() >= Self::MAX_KEYS && !self.keys.contains_key(&certificate.key_id) {
            self.beyond.keys += 1;
            return;
        }
        let key = self.keys.entry(certificate.key_id.clone()).or_default();
        key.note(certificate);
        key.since.take();
        if let Some(code) = code
            && let Some(dc) = self.domain_controllers.get_mut(&kdc)
        {
            dc.on_keys.note(key, kdc, (seen, code));
        }
        if code.is_none() && key.self_signed {
            self.key_accepted = self.key_accepted.max(Some(seen));
        }
        let is_full = self.noted.0 >= Self::MAX_ANSWERS;
        let full = is_full || key.granted.len() + key.refused.len() >= Self::MAX_ANSWERS_OF_KEY;
        let (before, list_is_empty) = match code {
            Some(_) => (key.refused.len(), key.refused.is_empty()),
            None => (key.granted.len(), key.granted.is_empty()),
        };
        // One in the middle makes room; a first one comes in any case.
        if full && !list_is_empty {
            self.beyond.answers += 1;
            self.noted.0 -= 1;
            match code {
                Some(_) => drop(key.refused.remove(before / 2)),
                None => drop(key.granted.remove(before / 2)),
            }
        }
        self.noted.0 += 1;
        match code {
            Some(code) => key.refused.push((seen, kdc, code)),
            None => key.granted.push((seen, kdc)),
        }
        if let Some((client, name)) = holder {
            let held = (client, name);
            let is_known = key.holders.contains_key(&held);
            let full = self.noted.1 >= Self::MAX_HOLDERS || key.holders.len() >= Self::MAX_HOLDERS_OF_KEY;
            if !is_known && full {
                self.beyond.holders += 1;
                return;
            }
            self.noted.1 += usize::from(!is_known);
            key.answered(held.0, held.1, seen, code.is_none());
        }
    }

    /// Notes something of a client for good, unless there are too many of them.
    fn note_client<'l, T>(
        list: &'l mut BTreeMap<IpAddr, T>,
        beyond: &mut Beyond,
        client: IpAddr,
        first: impl FnOnce() -> T,
    ) -> Option<&'l mut T> {
        if list.len() >= Self::MAX_CLIENTS && !list.contains_key(&client) {
            beyond.clients += 1;
            return None;
        }
        Some(list.entry(client).or_insert_with(first))
    }

    /// A client that asked with a key, or exchanged a ticket of Microsoft Entra.
    pub(crate) fn note_model(&mut self, client: IpAddr, seen: Seen, is_key: bool) {
        if let Some(known) = Self::note_client(&mut self.models, &mut self.beyond, client, Default::default) {
            let first = if is_key { &mut known.0 } else { &mut known.1 };
            first.get_or_insert(seen);
        }
    }

    /// Notes that a ticket was granted in this name, in lower case.
    pub(crate) fn note_granted(&mut self, name: String, at: CaptureTime, client: IpAddr) {
        if name.ends_with('$') || name.starts_with("host/") {
            if self.computers.len() < Self::MAX_CLIENTS {
                self.computers.insert(client);
            } else {
                self.beyond.clients += u64::from(!self.computers.contains(&client));
            }
        }
        self.granted.note(name, (at, client));
        self.grants_to.note_second(client, at);
    }

    /// Whether a ticket was granted to this client within `seconds` before or after `at`.
    pub fn granted_to_client(&self, client: IpAddr, at: CaptureTime, seconds: i64) -> bool {
        let times = self.grants_to.get(&client).map(Vec::as_slice).unwrap_or_default();
        within(times, |time| *time, at, seconds, seconds).next().is_some()
    }

    /// Whether a ticket was ever granted to this client in the name of a computer.
    pub fn is_computer(&self, client: IpAddr) -> bool {
        self.computers.contains(&client)
    }

    /// A client that uses a ticket which the capture did not see issued.
    pub(crate) fn note_midway(&mut self, client: IpAddr, seen: Seen) {
        Self::note_client(&mut self.clients_seen_midway, &mut self.beyond, client, || seen);
    }

    /// A client that sent an armored AS-REQ.
    pub(crate) fn note_armored(&mut self, client: IpAddr, seen: Seen) {
        if let Some(known) = Self::note_client(&mut self.armored, &mut self.beyond, client, || (seen, 0)) {
            known.1 += 1;
        }
    }

    /// The name that a client gives for itself.
    pub(crate) fn note_name(&mut self, client: IpAddr, name: &WireText) {
        Self::note_client(&mut self.client_names, &mut self.beyond, client, || name.to_unicode());
    }

    /// A key that was accepted in this realm, in lower case, by a SID of this domain.
    pub(crate) fn note_domain(&mut self, realm: &str, domain: &str, key_id: &str) {
        if self.noted.3 >= Self::MAX_KEYS {
            self.beyond.keys += 1;
            return;
        }
        let sids = self.domain_sids.entry(realm.to_owned()).or_default();
        let is_new = sids.entry(domain.to_owned()).or_default().insert(key_id.to_owned());
        self.noted.3 += usize::from(is_new);
    }

    /// Notes that an account signs in by NTLM.
    pub(crate) fn note_ntlm(&mut self, account: &str, path: Path, seen: Seen) {
        let used = NtlmUse { seen, server: path.destination.address };
        self.ntlm.note((path.source.address, account_in(account)), used);
    }

    /// Notes that a client shows a ticket to a server.
    pub(crate) fn note_ticket(&mut self, path: Path, at: CaptureTime) {
        self.tickets_shown.note_second((path.source.address, path.destination.address), at);
    }

    /// When this client signed in with this account by NTLM in the `seconds` after `at`, in order.
    pub fn ntlm_after(
        &self,
        client: IpAddr,
        account: &str,
        at: CaptureTime,
        seconds: i64,
    ) -> impl Iterator<Item = NtlmUse> {
        let uses = self.ntlm.get(&(client, account_in(account))).map(Vec::as_slice).unwrap_or_default();
        within(uses, |used| used.seen.at, at, 0, seconds).copied()
    }

    /// Whether a client showed a server (`between`, in this order) a ticket from `before` seconds before `at` to
    /// `after` seconds after it.
    pub fn showed_ticket(&self, between: (IpAddr, IpAddr), at: CaptureTime, (before, after): (i64, i64)) -> bool {
        let times = self.tickets_shown.get(&between).map(Vec::as_slice).unwrap_or_default();
        within(times, |time| *time, at, before, after).next().is_some()
    }

    /// The name of a machine: from DNS, else the NetBIOS name it gives for itself. Not safe for a screen.
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        let located = || self.domain_controllers.get(&address)?.located.as_ref();
        self.locator
            .name_of(address)
            .or_else(|| located().map(|located| located.host.as_str()).filter(|host| !host.is_empty()))
            .or_else(|| self.client_names.get(&address).map(String::as_str))
    }

    /// Clients that got tickets as the account that Entra Connect makes for itself (`MSOL_…`): they synchronise.
    pub fn synchronisers(&self) -> BTreeSet<IpAddr> {
        let accounts = self.granted.range("msol_".to_owned()..).take_while(|(name, _)| name.starts_with("msol_"));
        accounts.flat_map(|(_, grants)| grants.iter().map(|(_, client)| *client)).collect()
    }

    /// When and to which clients tickets were granted in this client name, or may have been where the capture missed
    /// it.
    pub fn grants(&self, name: &str) -> impl Iterator<Item = (CaptureTime, IpAddr)> {
        let name = name.to_lowercase();
        [self.granted.get(&name), self.perhaps_granted.get(&name)].into_iter().flatten().flatten().copied()
    }

    /// Whether a ticket was, or may have been, granted to this client name within `seconds` after `at`.
    pub fn granted_within(&self, name: &str, at: CaptureTime, seconds: i64) -> bool {
        self.grants_near(name, at, 0, seconds).next().is_some()
    }

    /// When tickets were granted in this client name to this client, from `before` seconds before `at` to `after`
    /// seconds after it.
    pub fn granted_to(
        &self,
        name: &str,
        client: IpAddr,
        at: CaptureTime,
        (before, after): (i64, i64),
    ) -> impl Iterator<Item = CaptureTime> {
        let list = self.granted.get(&name.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let near = within(list, |(time, _)| *time, at, before, after);
        near.filter(move |(_, to)| *to == client).map(|(time, _)| *time)
    }

    /// The first wrong password of this client for this client name in the `seconds` after `at`, not at that time
    /// itself.
    pub fn wrong_password_after(&self, name: &str, client: IpAddr, at: CaptureTime, seconds: i64) -> Option<Seen> {
        let list = self.wrong_passwords.get(&(name.to_lowercase(), client))?;
        within(list, |seen| seen.at, at, 0, seconds).find(|seen| seen.at > at).copied()
    }

    /// As [`Facts::grants`], from `before` seconds before `at` to `after` seconds after it.
    pub fn grants_near(
        &self,
        name: &str,
        at: CaptureTime,
        before: i64,
        after: i64,
    ) -> impl Iterator<Item = (CaptureTime, IpAddr)> {
        let name = name.to_lowercase();
        let lists = [self.granted.get(&name), self.perhaps_granted.get(&name)];
        lists.into_iter().flatten().flat_map(move |list| within(list, |(time, _)| *time, at, before, after)).copied()
    }

    /// Whether this client sent anything to a KDC from `from` until `seconds` later.
    pub fn kerberos_within(&self, client: IpAddr, from: CaptureTime, seconds: i64) -> bool {
        let times = self.kerberos_of.get(&client).map(Vec::as_slice).unwrap_or_default();
        within(times, |time| *time, from, 1, seconds).next().is_some()
    }

    /// Whether capture time has passed `seconds` after `at`.
    pub fn passed(&self, at: CaptureTime, seconds: i64) -> bool {
        self.visibility.now.is_some_and(|now| now.since(at) >= seconds * CaptureTime::SECOND)
    }

    /// Whether nothing that is not here yet can still come: `seconds` have passed since `at`.
    ///
    /// At the end of a capture an open window stays open: silence proves nothing then.
    pub fn finished(&self) -> bool {
        self.visibility.finished
    }
}
