//! What holds beyond one logon: per domain controller, per key, per account, and for the capture.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{
    Seen,
    kerberos::{ErrorCode, pkinit::KeyAgreement},
    x509::Certificate,
};

use crate::{Cloud, Locator, LogonId, Visibility};

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
    /// Error 24 to password requests, by client address and client name in lower case, in order.
    pub wrong_passwords: BTreeMap<(IpAddr, String), Vec<Seen>>,
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
    /// Locator questions and names.
    pub locator: Locator,
    /// Conversations over TLS and HTTP.
    pub cloud: Cloud,
    /// What the capture covers.
    pub visibility: Visibility,
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
    /// Its clock minus the capture's, in seconds, at each KRB-ERROR. At most [`DomainController::MAX_SAMPLES`].
    pub clock_offsets: Vec<f64>,
    /// Time from request to reply, in microseconds. At most [`DomainController::MAX_SAMPLES`].
    pub response_times: Vec<u64>,
}

impl DomainController {
    /// Samples kept for a median: beyond this, more do not change the picture.
    pub const MAX_SAMPLES: usize = 10_000;

    /// Whether it granted PKINIT within `seconds` before or after `at`.
    pub fn issued_around(&self, at: CaptureTime, seconds: i64) -> bool {
        self.issued.iter().any(|issuance| issuance.seen.at.since(at).abs() <= seconds * CaptureTime::SECOND)
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
}

impl KeyUse {
    /// Whether it was accepted anywhere in the `seconds` before `at`.
    pub fn granted_before(&self, at: CaptureTime, seconds: i64) -> bool {
        self.granted.iter().any(|(seen, _)| {
            let gap = at.since(seen.at);
            (0..=seconds * CaptureTime::SECOND).contains(&gap)
        })
    }
}

impl Facts {
    /// The name of a machine: from DNS, else the NetBIOS name it gives for itself. Not safe for a screen.
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.locator.name_of(address).or_else(|| self.client_names.get(&address).map(String::as_str))
    }

    /// When and to which clients tickets were granted in this client name, or may have been where the capture missed it.
    pub fn grants(&self, name: &str) -> impl Iterator<Item = (CaptureTime, IpAddr)> {
        let name = name.to_lowercase();
        [self.granted.get(&name), self.perhaps_granted.get(&name)].into_iter().flatten().flatten().copied()
    }

    /// Whether a ticket was, or may have been, granted to this client name within `seconds` after `at`.
    pub fn granted_within(&self, name: &str, at: CaptureTime, seconds: i64) -> bool {
        self.grants(name).any(|(time, _)| {
            let gap = time.since(at);
            (0..=seconds * CaptureTime::SECOND).contains(&gap)
        })
    }

    /// Whether this client sent anything to a KDC from `from` until `seconds` later.
    pub fn kerberos_within(&self, client: IpAddr, from: CaptureTime, seconds: i64) -> bool {
        self.kerberos_of.get(&client).is_some_and(|times| {
            times.iter().any(|time| {
                let gap = time.since(from);
                (-CaptureTime::SECOND..=seconds * CaptureTime::SECOND).contains(&gap)
            })
        })
    }

    /// Whether capture time has passed `seconds` after `at`.
    pub fn passed(&self, at: CaptureTime, seconds: i64) -> bool {
        self.visibility.last.is_some_and(|last| last.since(at) >= seconds * CaptureTime::SECOND)
    }

    /// Whether nothing that is not here yet can still come: `seconds` have passed since `at`.
    ///
    /// At the end of a capture an open window stays open: silence proves nothing then.
    pub fn finished(&self) -> bool {
        self.visibility.finished
    }
}
