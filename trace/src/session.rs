//! Sessions that clients open with services of a domain controller: LDAP binds and SMB session set-ups.
//!
//! In: bind messages, and Kerberos messages carried in either. Out: one [`Session`] a connection, once it is known how
//! it came out, for whoever knows whose it is.

use std::collections::VecDeque;

use capture::CaptureTime;
use decode::{
    Endpoint, FlowKey, Path, Seen,
    kerberos::{ErrorCode, NtStatus, TicketId},
    ldap::{AdError, Authentication, BindRequest, ResultCode},
};

use crate::hashed::HashMap;

/// A session of a client with a service.
#[derive(Clone, Debug)]
pub struct Session {
    /// With which service.
    pub service: Service,
    /// The server.
    pub server: Endpoint,
    /// The message that asked for it.
    pub opened: Seen,
    /// How the client proves who it is.
    pub proof: SessionProof,
    /// How the server answered; `None` when the capture does not show it.
    pub answer: Option<(Seen, SessionAnswer)>,
    /// Whether a ticket says whose it is. Otherwise client and time do.
    pub certain: bool,
}

/// A service that a client opens a session with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The directory.
    Ldap,
    /// Files, the logon scripts and policies of the domain among them.
    Smb,
}

/// How a client proves who it is when it opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionProof {
    /// It does not.
    Anonymous,
    /// A name and a password in clear.
    Simple,
    /// A ticket.
    Kerberos,
    /// NTLM.
    Ntlm,
    /// By a mechanism of SASL; which proof that carries is not known.
    Sasl,
    /// Another way.
    Other,
}

/// How a server answers to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAnswer {
    /// It takes the client in.
    Accepted,
    /// It refuses a bind, and Active Directory says why.
    Refused(ResultCode, Option<AdError>),
    /// It refuses an SMB session set-up.
    Failed(NtStatus),
    /// It refuses the ticket.
    TicketRefused(ErrorCode),
}

impl Service {
    /// The service behind a port of TCP.
    pub(crate) fn at_port(port: u16) -> Option<Self> {
        match port {
            389 | 3268 => Some(Self::Ldap),
            139 | 445 => Some(Self::Smb),
            _ => None,
        }
    }

    /// The first part of its service principal name.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Smb => "cifs",
        }
    }
}

impl SessionProof {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymously",
            Self::Simple => "with a password in clear",
            Self::Kerberos => "with a Kerberos ticket",
            Self::Ntlm => "by NTLM",
            Self::Sasl => "by SASL",
            Self::Other => "in another way",
        }
    }
}

/// A session whose owner is to be found.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) client: Endpoint,
    /// The ticket shown.
    pub(crate) ticket: Option<TicketId>,
    /// The account named in clear, in lower case: `alice` of `alice@corp.example`, `CORP\alice` and `CN=alice,…`.
    pub(crate) account: Option<String>,
}

/// Sessions that are being opened.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By connection. `None`: its session is told; what follows on the same connection is not another one.
    open: HashMap<FlowKey, Option<Box<Opened>>>,
    /// Those that wait for an answer, in the order in which they began.
    waiting: VecDeque<(Seen, FlowKey)>,
}

impl Sessions {
    /// Connections followed at once. Beyond that, sessions on further ones are not told.
    const MAX_OPEN: usize = 100_000;
    /// How long a session waits for its answer, in seconds.
    const WAIT_SECONDS: i64 = 10;
    /// Bytes kept of the name of an account.
    const MAX_ACCOUNT: usize = 256;

    /// A bind. Further ones on the same connection are steps of the same.
    pub(crate) fn bind(&mut self, request: &BindRequest, path: Path, seen: Seen) {
        let Some(opened) = self.opening(path, seen) else { return };
        let name = request.bind_dn.as_ref().map(decode::WireText::to_unicode).unwrap_or_default();
        let proof = match &request.authentication {
            Some(Authentication::Simple { .. }) if name.is_empty() => SessionProof::Anonymous,
            Some(Authentication::Simple { password: false }) => SessionProof::Anonymous,
            Some(Authentication::Simple { .. }) => SessionProof::Simple,
            Some(Authentication::Sasl(_)) => SessionProof::Sasl,
            Some(Authentication::Sicily(_)) => SessionProof::Ntlm,
            Some(Authentication::Other(_)) | None => SessionProof::Other,
        };
        // What the mechanism carries says more than its name.
        if !matches!(opened.session.proof, SessionProof::Kerberos | SessionProof::Ntlm) {
            opened.session.proof = proof;
        }
        if !name.is_empty() && name.len() <= Self::MAX_ACCOUNT {
            opened.account = Some(account_in(&name));
        }
    }

    /// A ticket shown to a service.
    pub(crate) fn ticket(&mut self, ticket: Option<TicketId>, path: Path, seen: Seen) {
        let Some(opened) = self.opening(path, seen) else { return };
        opened.session.proof = SessionProof::Kerberos;
        opened.ticket = opened.ticket.or(ticket);
    }

    /// An account that signs in by NTLM.
    pub(crate) fn ntlm(&mut self, user: &str, path: Path, seen: Seen) {
        let Some(opened) = self.opening(path, seen) else { return };
        opened.session.proof = SessionProof::Ntlm;
        if user.len() <= Self::MAX_ACCOUNT {
            opened.account = Some(account_in(user));
        }
    }

    /// The server's answer. What is told by it comes back.
    pub(crate) fn answer(&mut self, answer: SessionAnswer, path: Path, seen: Seen) -> Option<Box<Opened>> {
        if self.open.is_empty() {
            return None;
        }
        let (flow, _) = path.flow();
        let mut opened = self.open.get_mut(&flow)?.take()?;
        opened.session.answer = Some((seen, answer));
        Some(opened)
    }

    /// The connection is over.
    pub(crate) fn closed(&mut self, flow: &FlowKey) -> Option<Box<Opened>> {
        self.open.remove(flow).flatten()
    }

    /// Gives back those that no answer came to in time, in the order in which they began.
    pub(crate) fn tick(&mut self, now: CaptureTime) -> Vec<Opened> {
        self.take_until(|seen| now.since(seen.at) >= Self::WAIT_SECONDS * CaptureTime::SECOND)
    }

    /// Gives back all that wait: nothing follows.
    pub(crate) fn finish(&mut self) -> Vec<Opened> {
        self.take_until(|_| true)
    }

    fn take_until(&mut self, late: impl Fn(Seen) -> bool) -> Vec<Opened> {
        let mut told = Vec::new();
        while let Some(&(seen, flow)) = self.waiting.front().filter(|(seen, _)| late(*seen)) {
            self.waiting.pop_front();
            if let Some(entry) = self.open.get_mut(&flow)
                && entry.as_ref().is_some_and(|opened| opened.session.opened == seen)
                && let Some(opened) = entry.take()
            {
                told.push(*opened);
            }
        }
        told
    }

    /// The session that is being opened on this connection, a new one if need be. `None`: it was told.
    fn opening(&mut self, path: Path, seen: Seen) -> Option<&mut Opened> {
        let service = Service::at_port(path.destination.port)?;
        let (flow, _) = path.flow();
        if self.open.len() >= Self::MAX_OPEN && !self.open.contains_key(&flow) {
            return None;
        }
        let waiting = &mut self.waiting;
        let entry = self.open.entry(flow).or_insert_with(|| {
            waiting.push_back((seen, flow));
            Some(Box::new(Opened {
                session: Session {
                    service,
                    server: path.destination,
                    opened: seen,
                    proof: SessionProof::Other,
                    answer: None,
                    certain: false,
                },
                client: path.source,
                ticket: None,
                account: None,
            }))
        });
        entry.as_deref_mut()
    }
}

/// The name of the account, in lower case, in the forms that Active Directory takes for a bind. MS-ADTS 5.1.1.1.1.
pub(crate) fn account_in(name: &str) -> String {
    let name = name.rsplit_once('\\').map_or(name, |(_, name)| name);
    let name = match name.split_once('=') {
        Some((_, rest)) => rest.split(',').next().unwrap_or_default(),
        None => name.split('@').next().unwrap_or_default(),
    };
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::account_in;

    #[test]
    fn an_account_is_the_same_in_every_form_of_its_name() {
        for name in ["Alice@corp.example", "CORP\\alice", "CN=Alice,CN=Users,DC=corp,DC=example", "alice"] {
            assert_eq!(account_in(name), "alice", "{name}");
        }
    }
}
