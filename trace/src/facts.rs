//! What holds beyond one logon: per domain controller, per key, per account, and for the capture.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{
    Path, Seen,
    directory::Directory,
    kerberos::{ErrorCode, KdcReply, KerberosTime, Stage, pkinit::KeyAgreement},
    x509::Certificate,
};
use jiff::Timestamp;

use crate::{Cloud, Credentials, Locator, LogonId, Pings, Ports, RefusedBinds, Visibility, session::account_in};

/// Everything known beyond single logons.
#[derive(Debug, Default)]
pub struct Facts {
    /// Domain controllers (every address that answered as a KDC or was asked as one).
    pub domain_controllers: BTreeMap<IpAddr, DomainController>,
    /// Use of each PKINIT key, by key identifier.
    pub keys: BTreeMap<String, KeyUse>,
    /// When tickets were granted, by client name in lower case (without realm), in order.
    pub granted: BTreeMap<String, Vec<(CaptureTime, IpAddr)>>,
    /// When a client that had asked for this name came with a ticket whose issue was not captured, as in `granted`.
    pub perhaps_granted: BTreeMap<String, Vec<(CaptureTime, IpAddr)>>,
    /// Refused PKINIT requests, by client address and client name in lower case: request, reply, logon.
    pub refused_pkinit: BTreeMap<(IpAddr, String), Vec<RefusedPkinit>>,
    /// Error 24 to password requests, by client name in lower case and client address, in order.
    pub wrong_passwords: BTreeMap<(String, IpAddr), Vec<Seen>>,
    /// Clients that asked with a key, and clients that exchanged a ticket of Microsoft Entra, each with the first request.
    pub models: BTreeMap<IpAddr, (Option<Seen>, Option<Seen>)>,
    /// Times at which each client sent anything to a KDC; at most one a second.
    pub kerberos_of: BTreeMap<IpAddr, Vec<CaptureTime>>,
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
    /// Accounts that signed in to services by NTLM, by client address and account in lower case, in order. At most
    /// [`Facts::MAX_NTLM`] in all.
    pub ntlm: BTreeMap<(IpAddr, String), Vec<NtlmUse>>,
    /// Times at which each client showed a ticket to each server; at most one a second, and [`Facts::MAX_SHOWN`] in all.
    pub tickets_shown: BTreeMap<(IpAddr, IpAddr), Vec<CaptureTime>>,
    /// Entries of these two.
    noted: (usize, usize),
    /// Ports that answered.
    pub ports: Ports,
    /// Binds and requests for tickets that were refused for their account or password.
    pub refused_binds: RefusedBinds,
    /// What exports of the directory say; empty where none was given.
    pub directory: Directory,
    /// Domains that are verified with Microsoft Entra, in lower case, as the user says; empty where they do not.
    pub verified_domains: BTreeSet<String>,
    /// Conversations over TLS and HTTP.
    pub cloud: Cloud,
    /// What the capture covers.
    pub visibility: Visibility,
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
    /// Certificates with which it signed PKINIT replies, in order of first use.
    pub certificates: Vec<CertificateSeen>,
    /// PKINIT requests it granted, in order.
    pub issued: Vec<Issuance>,
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

    /// Notes that it issued a ticket.
    pub(crate) fn note_served(&mut self, reply: &KdcReply, seen: Seen) {
        if self.served.last().is_none_or(|last| last.seconds() != seen.at.seconds()) {
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
        self.issued.iter().any(|issuance| issuance.self_signed == Some(true))
    }

    /// Whether it ever accepted a certificate issued by another.
    pub fn accepted_issued(&self) -> bool {
        self.issued.iter().any(|issuance| issuance.self_signed == Some(false))
    }

    /// Whether it ever granted a request with this key agreement.
    pub fn accepted_agreement(&self, agreement: &KeyAgreement) -> bool {
        self.issued.iter().any(|issuance| &issuance.agreement == agreement)
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
    /// The certificate that it was signed with: index into `certificates`. `None` when it, or the client's, was not seen.
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
    /// Times kept at which tickets were shown.
    pub const MAX_SHOWN: usize = 500_000;

    /// Notes that an account signs in by NTLM.
    pub(crate) fn note_ntlm(&mut self, account: &str, path: Path, seen: Seen) {
        if self.noted.0 < Self::MAX_NTLM {
            self.noted.0 += 1;
            let known = self.ntlm.entry((path.source.address, account_in(account))).or_default();
            known.push(NtlmUse { seen, server: path.destination.address });
        }
    }

    /// Notes that a client shows a ticket to a server.
    pub(crate) fn note_ticket(&mut self, path: Path, at: CaptureTime) {
        if self.noted.1 < Self::MAX_SHOWN {
            let times = self.tickets_shown.entry((path.source.address, path.destination.address)).or_default();
            if times.last().is_none_or(|last| last.seconds() != at.seconds()) {
                times.push(at);
                self.noted.1 += 1;
            }
        }
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

    /// Whether a client showed a server (`between`, in this order) a ticket from `before` seconds before `at` to `after` seconds after it.
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

    /// When and to which clients tickets were granted in this client name, or may have been where the capture missed it.
    pub fn grants(&self, name: &str) -> impl Iterator<Item = (CaptureTime, IpAddr)> {
        let name = name.to_lowercase();
        [self.granted.get(&name), self.perhaps_granted.get(&name)].into_iter().flatten().flatten().copied()
    }

    /// Whether a ticket was, or may have been, granted to this client name within `seconds` after `at`.
    pub fn granted_within(&self, name: &str, at: CaptureTime, seconds: i64) -> bool {
        self.grants_near(name, at, 0, seconds).next().is_some()
    }

    /// When tickets were granted in this client name to this client, from `before` seconds before `at` to `after` seconds
    /// after it.
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

    /// The first wrong password of this client for this client name in the `seconds` after `at`, not at that time itself.
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
