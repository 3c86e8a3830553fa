//! What is told of one client and one name: how often it worked, and what went wrong in which ways.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::{Endpoint, Seen, tls::Version, x509::Certificate};

/// How one client got on with one name.
#[derive(Clone, Debug)]
pub struct Service {
    /// The client, or what speaks for it.
    pub client: IpAddr,
    /// The name in lower case, or the address where there is none. Not safe for a screen.
    pub name: String,
    /// When DNS last had an address for the name.
    pub resolved: Option<CaptureTime>,
    /// Where it worked: handshakes that both sides finished.
    pub worked: Option<Tally>,
    /// ServerHellos by the version chosen.
    pub versions: BTreeMap<Version, Tally>,
    /// The latest answer of a KDC proxy (MS-KKDCP) under this name: its status, where the capture holds it in the
    /// clear.
    pub kdc_proxy: Option<(Seen, u16)>,
    /// What went wrong.
    pub failures: BTreeMap<Failure, Failures>,
    /// Certificates that servers showed. At most [`Service::MAX_CERTIFICATES`].
    pub certificates: Vec<Shown>,
}

/// How often something was seen, the first time and the last.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// The first time.
    pub first: Seen,
    /// The last time.
    pub last: Seen,
    /// How often.
    pub count: u64,
}

/// A certificate that a server showed in the clear.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The server's own certificate.
    pub certificate: Arc<Certificate>,
    /// Who showed it: of a tunnel, the proxy.
    pub server: Endpoint,
    /// When.
    pub times: Tally,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// DNS answered with this code, 3 (no such name) for instance.
    Name(u8),
    /// The server answered the SYN with RST.
    Refused,
    /// An ICMP message with this code says that the SYN did not arrive.
    Unreachable(u8),
    /// Nothing answered the SYN.
    Unanswered,
    /// A proxy answered CONNECT with this status.
    Proxy(u16),
    /// The server closed the connection in answer to the ClientHello.
    Closed,
    /// Nothing answered the ClientHello.
    Silent,
    /// What answered the ClientHello is not TLS.
    NotTls,
    /// A fatal alert in the clear, before data.
    Alert {
        /// Of the server; else of the client, after the ServerHello.
        of_server: bool,
        /// RFC 8446 §6.
        description: u8,
    },
    /// An alert of the client where TLS 1.3 has its Finished. What it says is encrypted.
    HiddenAlert,
    /// The connection ended behind the ServerHello, before any data, and nobody said why.
    BrokenOff,
}

/// The times that the same thing went wrong.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// How often.
    pub count: u64,
    /// The first and the last of them, in order. At most [`Failures::MAX_INSTANCES`], never empty.
    pub instances: Vec<Instance>,
}

/// One time that something went wrong.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// What shows it: the answer, or the last packet where there was none.
    pub seen: Seen,
    /// What was not answered as it should be: the question, the SYN, the CONNECT, the ClientHello.
    pub asked: Seen,
    /// The server, or the proxy, or who answered for DNS.
    pub server: Endpoint,
    /// Whether it was in the tunnel of a proxy.
    pub tunnelled: bool,
    /// SYN segments, where the connection did not open.
    pub syns: u32,
    /// Seconds from the first SYN to the last, or from the ClientHello to when the client closed.
    pub seconds_tried: i64,
    /// The client ended it, and nobody had answered.
    pub gave_up: bool,
    /// An answer may be in a part that the capture does not hold.
    pub hidden: bool,
    /// The client had sent its certificate. `Some(true)`: it was asked for one and had none.
    pub client_certificate: Option<(Seen, bool)>,
    /// When this name last worked for this client before.
    pub worked_before: Option<CaptureTime>,
    /// When it worked for the first time after.
    pub worked_after: Option<CaptureTime>,
}

impl Service {
    /// Certificates kept of one name: a farm of servers shows some.
    pub const MAX_CERTIFICATES: usize = 8;

    /// Every kept time that something went wrong, by what it was.
    pub fn instances(&self) -> impl Iterator<Item = (Failure, &Instance)> {
        self.failures
            .iter()
            .flat_map(|(failure, failures)| failures.instances.iter().map(move |instance| (*failure, instance)))
    }

    /// Notes with what failed before, of which it is the remedy, that it works at this time.
    pub(super) fn works_again(&mut self, at: CaptureTime, mends: impl Fn(Failure) -> bool) {
        for (failure, failures) in &mut self.failures {
            if mends(*failure) {
                for instance in &mut failures.instances {
                    if at >= instance.asked.at {
                        instance.worked_after.get_or_insert(at);
                    }
                }
            }
        }
    }
}

impl Failures {
    /// Times kept of what goes wrong again and again: some from the beginning, some from the end.
    pub const MAX_INSTANCES: usize = 8;

    pub(super) fn push(&mut self, instance: Instance) {
        self.count = self.count.saturating_add(1);
        if self.instances.len() >= Self::MAX_INSTANCES {
            self.instances.remove(Self::MAX_INSTANCES / 2);
        }
        self.instances.push(instance);
    }
}

impl Instance {
    /// Whether the name worked for the client at most `seconds` before this or after it.
    pub fn worked_within(&self, seconds: i64) -> bool {
        let near = |gap: i64| (0..=seconds * CaptureTime::SECOND).contains(&gap);
        self.worked_after.is_some_and(|after| near(after.since(self.asked.at)))
            || self.worked_before.is_some_and(|before| near(self.asked.at.since(before)))
    }

    pub(super) fn new(seen: Seen, asked: Seen, server: Endpoint) -> Self {
        Self {
            seen,
            asked,
            server,
            tunnelled: false,
            syns: 0,
            seconds_tried: 0,
            gave_up: false,
            hidden: false,
            client_certificate: None,
            worked_before: None,
            worked_after: None,
        }
    }
}

impl Tally {
    pub(super) fn new(seen: Seen) -> Self {
        Self { first: seen, last: seen, count: 1 }
    }

    pub(super) fn add(&mut self, seen: Seen) {
        self.last = self.last.max(seen);
        self.count = self.count.saturating_add(1);
    }
}

/// Notes that a certificate was shown.
pub(super) fn show(list: &mut Vec<Shown>, certificate: &Arc<Certificate>, server: Endpoint, seen: Seen) {
    let same = |shown: &&mut Shown| shown.server == server && shown.certificate.sha256 == certificate.sha256;
    if let Some(shown) = list.iter_mut().find(same) {
        shown.times.add(seen);
    } else if list.len() < Service::MAX_CERTIFICATES {
        list.push(Shown { certificate: Arc::clone(certificate), server, times: Tally::new(seen) });
    }
}
