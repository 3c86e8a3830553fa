//! An exchange: one request to a KDC, its retransmissions, and what came back.

use std::sync::Arc;

use decode::{
    Closing, Endpoint, Event, Message, NotReceived, Seen, Transport,
    kerberos::{self, ErrorCode, KdcReply, KdcRequest, KrbError, PaType, PrincipalName, Stage},
};

/// One request to a KDC and what became of it.
///
/// A reply whose request is not in the capture is an exchange without a request; it is never dropped.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// AS or TGS.
    pub stage: Stage,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub kdc: Endpoint,
    /// How.
    pub transport: Transport,
    /// The request; `None` when the capture does not hold it.
    pub request: Option<Arc<Event>>,
    /// Further copies of the same request on the same flow before any reply. At most [`Exchange::MAX_REPEATS`]
    /// are kept; `repeat_count` counts all.
    pub repeats: Vec<Seen>,
    /// Number of further copies.
    pub repeat_count: u32,
    /// The reply.
    pub reply: Option<Arc<Event>>,
    /// What is known of the reply when there is none.
    pub silence: Silence,
    /// What of it, over TCP, was not acknowledged for long, or never.
    pub undelivered: Option<Undelivered>,
    /// What of the reply, over TCP, reached neither the client nor the capture, where there is none.
    pub lost_reply: Option<NotReceived>,
}

/// Bytes that a sender repeats and its peer does not acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The last of those packets.
    pub seen: Seen,
    /// Payload bytes of that packet.
    pub bytes: u32,
    /// How often they were sent, at least.
    pub sent: u32,
    /// Whether they are of the reply, and not of the request.
    pub of_reply: bool,
    /// Whether they were acknowledged after all.
    pub at_last: bool,
}

/// Why an exchange has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It may still come: its time is not up.
    Waiting,
    /// It did not come within [`Exchange::REPLY_WAIT_SECONDS`].
    TimedOut,
    /// An ICMP message says that the request did not arrive.
    Unreachable(Seen),
    /// The connection ended without it.
    Closed {
        /// Where.
        seen: Seen,
        /// By whom; never [`Closing::Forgotten`].
        how: Closing,
    },
    /// The capture has a hole where it could have been.
    Hidden,
}

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A ticket was issued.
    Granted,
    /// The KDC answered with an error.
    Refused(ErrorCode),
    /// No answer, and the reason for that.
    Silent(Silence),
}

impl Exchange {
    /// How long a client waits for a KDC, in seconds (KdcWaitTime, Windows default).
    pub const REPLY_WAIT_SECONDS: i64 = 10;
    /// Retransmissions kept with their place; a client sends three or four.
    pub const MAX_REPEATS: usize = 16;

    /// What became of it.
    pub fn fate(&self) -> Fate {
        match self.reply.as_deref().map(|event| &event.message) {
            Some(Message::Kerberos(message)) => match message.as_ref() {
                kerberos::Message::Error(error) => Fate::Refused(error.code),
                _ => Fate::Granted,
            },
            _ => Fate::Silent(self.silence),
        }
    }

    /// What of it was never acknowledged: of the request, or of the reply.
    pub fn never_delivered(&self) -> Option<Undelivered> {
        self.undelivered.filter(|lost| !lost.at_last && (lost.of_reply || self.reply.is_none()))
    }

    /// Whether something of the reply was never acknowledged.
    pub fn lacks_reply(&self) -> bool {
        self.never_delivered().is_some_and(|lost| lost.of_reply)
    }

    /// Whether something of the request was not acknowledged for long.
    pub fn came_late(&self) -> bool {
        self.undelivered.is_some_and(|lost| !lost.of_reply)
    }

    /// The decoded request.
    pub fn kdc_request(&self) -> Option<&KdcRequest> {
        match &self.request.as_deref()?.message {
            Message::Kerberos(message) => match message.as_ref() {
                kerberos::Message::KdcRequest(request) => Some(request),
                _ => None,
            },
            _ => None,
        }
    }

    /// The ticket that was issued, with its reply.
    pub fn granted(&self) -> Option<&KdcReply> {
        match &self.reply.as_deref()?.message {
            Message::Kerberos(message) => match message.as_ref() {
                kerberos::Message::KdcReply(reply) => Some(reply),
                _ => None,
            },
            _ => None,
        }
    }

    /// The error that came back.
    pub fn error(&self) -> Option<&KrbError> {
        match &self.reply.as_deref()?.message {
            Message::Kerberos(message) => match message.as_ref() {
                kerberos::Message::Error(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the request is readable as PKINIT.
    pub fn is_pkinit(&self) -> bool {
        self.kdc_request().is_some_and(|request| request.has(PaType::PK_AS_REQ))
    }

    /// Whether a partial ticket is to be exchanged for a full ticket-granting ticket, with the keys of the user beside
    /// it. MS-KILE 2.2.11 and 3.3.5.7.8.
    pub fn asks_for_full_ticket(&self) -> bool {
        self.kdc_request().is_some_and(|request| {
            let for_krbtgt = request.sname.as_ref().is_some_and(PrincipalName::is_krbtgt);
            request.stage == Stage::Tgs && for_krbtgt && request.has(PaType::KERB_KEY_LIST_REQ)
        })
    }

    /// Whether it is about a ticket for changing the password (`kadmin/changepw`, RFC 3244 §2), which signs nobody in.
    pub fn is_for_new_password(&self) -> bool {
        match self.kdc_request() {
            Some(request) => is_for_new_password(request),
            None => {
                self.granted().and_then(|reply| reply.ticket.as_ref()?.sname.as_ref()).is_some_and(changes_password)
            }
        }
    }

    /// Where the request was first seen, else the reply.
    pub fn began(&self) -> Option<Seen> {
        self.request.as_deref().or(self.reply.as_deref()).map(|event| event.seen)
    }

    /// Where anything of it was last seen.
    pub fn ended(&self) -> Option<Seen> {
        let repeat = self.repeats.last().copied();
        let reply = self.reply.as_deref().map(|event| event.seen);
        let request = self.request.as_deref().map(|event| event.seen);
        [request, repeat, reply].into_iter().flatten().max()
    }

    /// Whether an answer may have come, or may come yet, that the capture does not show.
    pub fn may_be_answered(&self) -> bool {
        self.reply.is_none() && matches!(self.silence, Silence::Waiting | Silence::Hidden)
    }

    /// Whether the error, if there is one, is an ordinary step and not a refusal.
    ///
    /// Ordinary are: pre-authentication required (25) in answer to a request that brought none or that was armored;
    /// a reply too big for UDP (52), which the client repeats over TCP; a referral to another realm (68).
    pub fn is_intermediate(&self) -> bool {
        let Some(error) = self.error() else { return false };
        match error.code {
            ErrorCode::PREAUTH_REQUIRED => self.kdc_request().is_none_or(|request| {
                request.has(PaType::FX_FAST)
                    || !(request.has(PaType::PK_AS_REQ)
                        || request.has(PaType::PK_AS_REP_OLD)
                        || request.has(PaType::ENC_TIMESTAMP))
            }),
            ErrorCode::RESPONSE_TOO_BIG | ErrorCode::WRONG_REALM => true,
            _ => false,
        }
    }
}

/// Whether a request asks for a ticket to change the password.
pub(crate) fn is_for_new_password(request: &KdcRequest) -> bool {
    request.sname.as_ref().is_some_and(changes_password)
}

fn changes_password(service: &PrincipalName) -> bool {
    matches!(service.components.as_slice(), [first, second]
        if first.eq_ignore_case("kadmin") && second.eq_ignore_case("changepw"))
}
