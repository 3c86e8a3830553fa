//! A logon: one attempt of one subject to get in, with everything on the wire that belongs to it.

use std::{fmt, net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::{
    Event, Message, NotReceived, Seen, Transport,
    kerberos::{ErrorCode, KdcReply, KdcRequest, PaType, Stage, TicketId},
    x509::Certificate,
};

use crate::{Exchange, Fate, Principal, Session, exchange::Silence};

/// Numbers logons in the order in which they started, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogonId(pub u64);

impl fmt::Display for LogonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How the subject proves who it is, as far as its requests show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// PKINIT with a self-signed certificate.
    KeyTrust,
    /// PKINIT with a certificate that another name issued: certificate trust or a smart card.
    Certificate,
    /// An encrypted timestamp, or its FAST form outside of FAST.
    Password,
    /// A partial ticket of Microsoft Entra is exchanged for a full one.
    CloudKerberos,
    /// Anonymous PKINIT.
    Anonymous,
    /// Inside FAST, where it cannot be seen.
    Hidden,
    /// The capture does not show it.
    Unknown,
}

impl Method {
    /// The name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyTrust => "key-trust",
            Self::Certificate => "certificate",
            Self::Password => "password",
            Self::CloudKerberos => "cloud-kerberos",
            Self::Anonymous => "anonymous",
            Self::Hidden => "hidden",
            Self::Unknown => "unknown",
        }
    }
}

/// How an attempt came out, by the packets alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A ticket was issued.
    Succeeded,
    /// It was refused, no server was reached, or the client gave up.
    Failed,
    /// The capture does not show how it ended.
    Undecided,
}

impl Outcome {
    /// The name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Undecided => "undecided",
        }
    }
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reached {
    /// No KDC was reached.
    Nothing,
    /// A KDC was asked, and nothing useful came back.
    Asked,
    /// A KDC said which proof it wants.
    ProofWanted,
    /// The proof was shown.
    ProofShown,
    /// A ticket-granting ticket was issued.
    TicketIssued,
    /// That ticket was used to ask for a service ticket.
    TicketUsed,
    /// A service ticket was issued.
    ServiceTicket,
}

impl Reached {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "no domain controller was reached",
            Self::Asked => "a domain controller was asked",
            Self::ProofWanted => "the domain controller asked for proof",
            Self::ProofShown => "the proof was shown",
            Self::TicketIssued => "a ticket was issued",
            Self::TicketUsed => "the ticket was used",
            Self::ServiceTicket => "a service ticket was issued",
        }
    }
}

/// One attempt of one subject to get in.
#[derive(Clone, Debug)]
pub struct Logon {
    /// Its number.
    pub id: LogonId,
    /// The client's address.
    pub client: IpAddr,
    /// Who, as the request says. `None` when no request was seen, or it names nobody.
    pub requested: Option<Principal>,
    /// Who, as the KDC calls them in its reply.
    pub canonical: Option<Principal>,
    /// How.
    pub method: Method,
    /// Exchanges with KDCs in the order in which they began. At most [`Logon::MAX_EXCHANGES`].
    pub exchanges: Vec<Exchange>,
    /// Exchanges beyond that limit, counted.
    pub exchanges_beyond: u32,
    /// Attempts to reach a KDC that failed: `Connection` and `Unreachable` events, in the order seen.
    pub attempts: Vec<Attempt>,
    /// Sessions with services that it opened, in the order in which they came out. At most [`Logon::MAX_SESSIONS`].
    pub sessions: Vec<Session>,
    /// Where it began.
    pub began: Seen,
    /// Where it was last seen.
    pub ended: Seen,
    /// What ended it, if anything did: nothing joins a closed logon any more except use of its tickets.
    pub closed: bool,
}

/// A connection to a KDC that did not come about, or through which the request did not get; or an ICMP message that
/// says why a datagram did not arrive.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The KDC.
    pub kdc: IpAddr,
    /// The `Connection` or `Unreachable` event.
    pub event: Arc<Event>,
    /// Whether it is certain that nothing comes of it any more: somebody said so, or its time has passed.
    ///
    /// A first SYN at the end of a capture has no answer there, and that is all.
    pub settled: bool,
}

impl Attempt {
    /// Where it began.
    pub fn began(&self) -> Seen {
        match &self.event.message {
            Message::Connection(connection) => connection.began,
            _ => self.event.seen,
        }
    }

    /// What of the request did not get through a connection that was made.
    pub fn lost_request(&self) -> Option<NotReceived> {
        let Message::Connection(connection) = &self.event.message else { return None };
        connection.lost_to_server
    }

    /// SYN segments, retransmissions included, after which a client has given up.
    const LAST_SYNS: u32 = 4;
    /// It takes at least this many seconds to send them: with pauses of 1, 2 and 4 seconds, or of one second each.
    ///
    /// The time counts as well as the number, because a port that mirrors both ways shows every SYN twice.
    const LAST_SYN_SECONDS: i64 = 3;

    /// Whether the client asked for a connection so often that it has given up.
    pub fn gave_up(&self) -> bool {
        let Message::Connection(connection) = &self.event.message else { return false };
        connection.syns >= Self::LAST_SYNS && self.seconds_tried() >= Self::LAST_SYN_SECONDS
    }

    /// Seconds from the first to the last time that the client asked for a connection.
    pub fn seconds_tried(&self) -> i64 {
        let Message::Connection(connection) = &self.event.message else { return 0 };
        connection.last_syn.map_or(0, |last| last.at.since(connection.began.at) / CaptureTime::SECOND)
    }
}

/// A step of a logon, for showing.
#[derive(Clone, Debug)]
pub struct Step {
    /// What kind of message.
    pub kind: StepKind,
    /// Where.
    pub seen: Seen,
    /// The event behind it.
    pub event: Arc<Event>,
    /// Index into `exchanges`, where it belongs to one.
    pub exchange: Option<usize>,
}

/// What kind of message a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A request or reply of a KDC.
    Request(Stage),
    /// A ticket.
    Reply(Stage),
    /// An error.
    Error,
    /// A connection that failed.
    Connection,
    /// ICMP unreachable.
    Unreachable,
}

impl StepKind {
    /// The name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request(Stage::As) => "as-req",
            Self::Request(Stage::Tgs) => "tgs-req",
            Self::Reply(Stage::As) => "as-rep",
            Self::Reply(Stage::Tgs) => "tgs-rep",
            Self::Error => "krb-error",
            Self::Connection => "connection",
            Self::Unreachable => "unreachable",
        }
    }
}

impl Logon {
    /// Exchanges kept for one logon. A day's worth of service tickets of one user is a few hundred.
    pub const MAX_EXCHANGES: usize = 512;
    /// Failed attempts to reach a KDC kept for one logon.
    pub const MAX_ATTEMPTS: usize = 64;
    /// Sessions kept for one logon: those of the sign-in itself are a few, and what follows is a day's work.
    pub const MAX_SESSIONS: usize = 16;

    /// Whether nothing but attempts to reach a KDC is known of it.
    pub(crate) fn has_only_attempts(&self) -> bool {
        self.exchanges.is_empty() && self.requested.is_none() && !self.attempts.is_empty()
    }

    /// Who: as the KDC says, else as the request says.
    pub fn principal(&self) -> Option<&Principal> {
        self.canonical.as_ref().or(self.requested.as_ref())
    }

    /// The AS exchanges, in order.
    pub fn as_exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.stage == Stage::As)
    }

    /// The exchanges that decide whether it gets in, in order: the AS exchanges, and where a partial ticket of
    /// Microsoft Entra is exchanged for a full one, that exchange (MS-KILE 3.3.5.7.8). Service tickets decide nothing,
    /// nor does it decide anything when a client that was refused asks for a ticket to change the password.
    fn deciding_exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        let by_cloud = self.method == Method::CloudKerberos;
        let wants_in = self.as_exchanges().any(|exchange| !exchange.is_for_new_password());
        self.exchanges.iter().filter(move |exchange| match exchange.stage {
            Stage::As => !(wants_in && exchange.is_for_new_password()),
            Stage::Tgs => by_cloud && exchange.asks_for_full_ticket(),
        })
    }

    /// The TGS exchanges, in order.
    pub fn tgs_exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.stage == Stage::Tgs)
    }

    /// The exchange in which it showed its proof last (PKINIT, timestamp or FAST), else its last AS exchange.
    pub fn proof(&self) -> Option<&Exchange> {
        let shows_proof = |exchange: &&Exchange| {
            exchange.kdc_request().is_some_and(|request| {
                [PaType::PK_AS_REQ, PaType::ENC_TIMESTAMP, PaType::FX_FAST].iter().any(|kind| request.has(*kind))
            })
        };
        self.as_exchanges().rev().find(shows_proof).or_else(|| self.as_exchanges().next_back())
    }

    /// The PKINIT exchanges, in order.
    pub fn pkinit_exchanges(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.as_exchanges().filter(|exchange| exchange.is_pkinit())
    }

    /// The client's PKINIT certificate, from the last request that brought one.
    pub fn client_certificate(&self) -> Option<&Arc<Certificate>> {
        self.pkinit_exchanges().rev().find_map(|exchange| {
            let pkinit = exchange.kdc_request()?.pkinit.as_deref()?;
            pkinit.signed.signer_certificate()
        })
    }

    /// The AS-REP that issued its ticket, with its exchange. A ticket for changing the password is not it.
    pub fn issued(&self) -> Option<(&Exchange, &KdcReply)> {
        let granted = |exchange| Some((exchange, Exchange::granted(exchange)?));
        self.as_exchanges().filter_map(granted).find(|(exchange, _)| !exchange.is_for_new_password())
    }

    /// The certificate with which the KDC signed its PKINIT reply.
    pub fn kdc_certificate(&self) -> Option<&Arc<Certificate>> {
        let (_, reply) = self.issued()?;
        let signed = &reply.pkinit.as_deref()?.signed;
        signed.signer_certificate().or_else(|| signed.certificates.first())
    }

    /// The ticket-granting ticket that its AS-REP issued.
    pub fn ticket(&self) -> Option<TicketId> {
        self.issued().and_then(|(_, reply)| reply.ticket.as_ref()).and_then(|ticket| ticket.id)
    }

    /// Whether its ticket was seen in use.
    pub fn ticket_used(&self) -> bool {
        let asked = || self.tgs_exchanges().any(|exchange| exchange.request.is_some());
        self.issued().is_some() && (asked() || self.sessions.iter().any(|session| session.certain))
    }

    /// Whether the client went on with its ticket: it was seen in use, or a connection to a KDC that the client asked for
    /// when it had it came to nothing.
    pub fn went_on(&self) -> bool {
        let issued = self.issued().and_then(|(exchange, _)| exchange.ended());
        self.ticket_used() || issued.is_some_and(|issued| self.attempts.iter().any(|attempt| attempt.began() > issued))
    }

    /// The KDC of its last AS exchange, else of its last attempt.
    pub fn kdc(&self) -> Option<IpAddr> {
        let exchange = self.issued().map(|(exchange, _)| exchange).or_else(|| self.exchanges.last());
        exchange.map(|exchange| exchange.kdc.address).or_else(|| self.attempts.last().map(|attempt| attempt.kdc))
    }

    /// The refusal that ended it: the error of the last exchange that decides, an AS exchange or that of a partial
    /// ticket for a full one, unless it was an ordinary step, or the client asked again and the answer to that may be
    /// one that the capture does not show.
    pub fn refusal(&self) -> Option<(&Exchange, ErrorCode)> {
        if self.got_in() {
            return None;
        }
        let last = self.deciding_exchanges().rev().find(|exchange| exchange.reply.is_some())?;
        let asked_since = self.deciding_exchanges().rev().take_while(|exchange| exchange.reply.is_none());
        match last.fate() {
            Fate::Refused(code)
                if !last.is_intermediate() && !asked_since.into_iter().any(Exchange::may_be_answered) =>
            {
                Some((last, code))
            }
            _ => None,
        }
    }

    /// How it came out, by the packets alone.
    ///
    /// Failed for want of a server needs more than silence at the end of a capture: the time for a reply has passed, or
    /// somebody said that there is none, or the client gave up. Of a datagram it needs more than that: one whose answer
    /// the capture missed looks like one that was not answered, until the client asks again.
    pub fn outcome(&self) -> Outcome {
        if self.got_in() {
            return Outcome::Succeeded;
        }
        if self.refusal().is_some() {
            return Outcome::Failed;
        }
        let last = self.deciding_exchanges().next_back();
        let too_big = last.is_some_and(|exchange| exchange.fate() == Fate::Refused(ErrorCode::RESPONSE_TOO_BIG));
        let last_silent = last.is_none_or(|exchange| exchange.reply.is_none());
        let hidden =
            self.deciding_exchanges().any(|exchange| exchange.silence == Silence::Hidden && exchange.reply.is_none());
        if hidden {
            return Outcome::Undecided;
        }
        let came_after = |attempt: &Attempt| {
            let waits = last.filter(|exchange| exchange.silence == Silence::Waiting && exchange.reply.is_none());
            waits.and_then(Exchange::began).is_none_or(|asked| asked < attempt.event.seen)
        };
        if (last_silent || too_big) && self.attempts.iter().any(|attempt| attempt.settled && came_after(attempt)) {
            return Outcome::Failed;
        }
        let given_up = last.is_some_and(|exchange| exchange.reply.is_none() && !exchange.may_be_answered());
        let unanswered = self.deciding_exchanges().filter(|exchange| exchange.reply.is_none());
        let asked = unanswered.map(|exchange| exchange.repeat_count.saturating_add(1)).sum::<u32>();
        let by_stream = last.is_some_and(|exchange| exchange.transport == Transport::Tcp);
        let told = last.is_some_and(|exchange| matches!(exchange.silence, Silence::Unreachable(_)));
        if given_up && (asked > 1 || by_stream || told) { Outcome::Failed } else { Outcome::Undecided }
    }

    /// Whether nothing but silence says that it failed. Where packets are missing from a capture, that is not enough.
    pub fn failed_in_silence(&self) -> bool {
        let told = |attempt: &Attempt| match &attempt.event.message {
            Message::Connection(connection) => connection.refused.is_some(),
            _ => true,
        };
        self.outcome() == Outcome::Failed && self.refusal().is_none() && !self.attempts.iter().any(told)
    }

    /// How far it came.
    pub fn reached(&self) -> Reached {
        if self.service_ticket_issued() {
            return Reached::ServiceTicket;
        }
        if self.issued().is_some() {
            return if self.ticket_used() { Reached::TicketUsed } else { Reached::TicketIssued };
        }
        if self.tgs_exchanges().next().is_some() {
            return Reached::TicketUsed;
        }
        let answered = self.as_exchanges().any(|exchange| exchange.reply.is_some());
        if self.method != Method::Unknown || self.pkinit_exchanges().next().is_some() {
            return if answered { Reached::ProofShown } else { Reached::Asked };
        }
        if self.as_exchanges().any(|exchange| exchange.fate() == Fate::Refused(ErrorCode::PREAUTH_REQUIRED)) {
            return Reached::ProofWanted;
        }
        if answered { Reached::Asked } else { Reached::Nothing }
    }

    /// Where the first and the last was seen of its [`Logon::steps`] and of the sessions that are certainly its. `None`:
    /// there are none.
    pub fn first_and_last(&self) -> Option<(Seen, Seen)> {
        let messages = self.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.reply]).flatten();
        let messages = messages.chain(self.attempts.iter().map(|attempt| &attempt.event)).map(|event| event.seen);
        let certain = self.sessions.iter().filter(|session| session.certain);
        let sessions = certain.flat_map(|session| [Some(session.opened), session.answer.map(|(seen, _)| seen)]);
        messages.chain(sessions.flatten()).fold(None, |known, seen| match known {
            None => Some((seen, seen)),
            Some((first, last)) => Some((seen.min(first), seen.max(last))),
        })
    }

    /// Everything that belongs to it, in the order of the wire.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (index, exchange) in self.exchanges.iter().enumerate() {
            if let Some(event) = &exchange.request {
                let kind = StepKind::Request(exchange.stage);
                steps.push(Step { kind, seen: event.seen, event: Arc::clone(event), exchange: Some(index) });
            }
            if let Some(event) = &exchange.reply {
                let kind = if exchange.error().is_some() { StepKind::Error } else { StepKind::Reply(exchange.stage) };
                steps.push(Step { kind, seen: event.seen, event: Arc::clone(event), exchange: Some(index) });
            }
        }
        for attempt in &self.attempts {
            let kind = match attempt.event.message {
                Message::Unreachable(_) => StepKind::Unreachable,
                _ => StepKind::Connection,
            };
            steps.push(Step { kind, seen: attempt.event.seen, event: Arc::clone(&attempt.event), exchange: None });
        }
        steps.sort_by_key(|step| step.seen);
        steps
    }

    /// Capture time at which it began.
    pub fn started_at(&self) -> CaptureTime {
        self.began.at
    }

    fn got_in(&self) -> bool {
        self.issued().is_some() || (self.method == Method::CloudKerberos && self.service_ticket_issued())
    }

    fn service_ticket_issued(&self) -> bool {
        self.tgs_exchanges().any(|exchange| exchange.granted().is_some())
    }
}

/// The method that a request shows by itself.
pub(crate) fn method_of(request: &KdcRequest) -> Method {
    if request.stage == Stage::Tgs {
        return Method::Unknown;
    }
    if request.has(PaType::PK_AS_REQ) {
        let anonymous = request.cname.as_ref().is_some_and(decode::kerberos::PrincipalName::is_anonymous);
        if anonymous {
            return Method::Anonymous;
        }
        return match request.pkinit.as_deref().and_then(|pkinit| pkinit.signed.signer_certificate()) {
            Some(certificate) if certificate.self_signed => Method::KeyTrust,
            Some(_) => Method::Certificate,
            None => Method::Unknown,
        };
    }
    if request.has(PaType::FX_FAST) {
        Method::Hidden
    } else if request.has(PaType::ENC_TIMESTAMP) || request.has(PaType::ENCRYPTED_CHALLENGE) {
        Method::Password
    } else {
        Method::Unknown
    }
}
