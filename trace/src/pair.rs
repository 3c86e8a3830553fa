//! Which request a reply answers.
//!
//! KRB-ERROR, AS-REP and TGS-REP carry no identifier of their request: the flow pairs them, in order. RFC 4120 §7.2.

use std::cmp::Reverse;

use capture::CaptureTime;
use decode::{
    FlowKey, Message,
    kerberos::{self, KdcReply, KdcRequest},
};

use crate::hashed::HashMap;

/// An exchange by its place: index of the logon, index within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) logon: usize,
    pub(crate) exchange: usize,
}

/// An exchange that has no reply yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) place: Place,
    pub(crate) last_sent: CaptureTime,
    /// Whether it was told to be late.
    late: bool,
}

/// An exchange that has its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) place: Place,
    /// When its request or reply was last seen.
    pub(crate) last_seen: CaptureTime,
    /// Whether the request came more than once, so that another reply may follow.
    pub(crate) asked_again: bool,
}

/// Exchanges without a reply, by flow, and those over UDP that had theirs not long ago.
///
/// A datagram may come twice: a port that mirrors both ways doubles it, and a client that missed the reply asks again.
/// TCP gives each message once.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    waiting: HashMap<FlowKey, Vec<Waiting>>,
    answered: HashMap<FlowKey, Vec<Answered>>,
    /// When the oldest answered ones were forgotten last.
    swept: Option<CaptureTime>,
}

impl Pairing {
    /// How long a reply is still matched with its request, in seconds: well beyond any client's patience.
    const FORGET_AFTER_SECONDS: i64 = 120;
    /// Answered requests are forgotten every so many seconds.
    const SWEEP_SECONDS: i64 = 15;
    /// Flows followed at once, of requests that wait and of those that were answered: some hundred new ones a second.
    const MAX_FLOWS: usize = 100_000;
    /// Requests waiting on one flow; more than that is not a Kerberos client.
    const MAX_PER_FLOW: usize = 64;
    /// Answered requests kept of one flow: a client that stays on one port is a few requests ahead of a late copy.
    const MAX_ANSWERED: usize = 8;

    /// Notes a request. `false`: there are too many flows.
    pub(crate) fn ask(&mut self, flow: FlowKey, place: Place, at: CaptureTime) -> bool {
        if self.waiting.len() >= Self::MAX_FLOWS && !self.waiting.contains_key(&flow) {
            return false;
        }
        let list = self.waiting.entry(flow).or_default();
        if list.len() >= Self::MAX_PER_FLOW {
            list.remove(0);
        }
        list.push(Waiting { place, last_sent: at, late: false });
        true
    }

    /// Requests waiting on this flow, oldest first.
    pub(crate) fn on(&mut self, flow: &FlowKey) -> &mut [Waiting] {
        self.waiting.get_mut(flow).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Takes the request on this flow that fits best; of those that fit alike, the oldest. `None` is no fit.
    pub(crate) fn take<F: Ord>(&mut self, flow: &FlowKey, mut fit: impl FnMut(Place) -> Option<F>) -> Option<Place> {
        let list = self.waiting.get_mut(flow)?;
        let fits = list.iter().enumerate().filter_map(|(index, waiting)| Some((fit(waiting.place)?, Reverse(index))));
        let (_, Reverse(index)) = fits.max()?;
        let place = list.remove(index).place;
        if list.is_empty() {
            self.waiting.remove(flow);
        }
        Some(place)
    }

    /// Notes that an exchange over UDP has its reply. `asked_again`: its request came more than once.
    pub(crate) fn answered(&mut self, flow: FlowKey, place: Place, at: CaptureTime, asked_again: bool) {
        if self.answered.len() >= Self::MAX_FLOWS && !self.answered.contains_key(&flow) {
            // A late copy is taken for another message then, as it is after `FORGET_AFTER_SECONDS`.
            return;
        }
        let list = self.answered.entry(flow).or_default();
        if list.len() >= Self::MAX_ANSWERED {
            list.remove(0);
        }
        list.push(Answered { place, last_seen: at, asked_again });
    }

    /// Exchanges over UDP on this flow that have their reply, oldest first.
    pub(crate) fn answered_on(&mut self, flow: &FlowKey) -> &mut [Answered] {
        self.answered.get_mut(flow).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Calls `late` once for every request that has waited `seconds`, in no certain order, and forgets the oldest.
    pub(crate) fn tick(&mut self, now: CaptureTime, seconds: i64, mut late: impl FnMut(Place)) {
        self.waiting.retain(|_, list| {
            list.retain_mut(|waiting| {
                let waited = now.since(waiting.last_sent);
                let is_late = waited >= seconds * CaptureTime::SECOND;
                if is_late && !std::mem::replace(&mut waiting.late, is_late) {
                    late(waiting.place);
                }
                waited < Self::FORGET_AFTER_SECONDS * CaptureTime::SECOND
            });
            !list.is_empty()
        });
        // There are many: to go through them every second costs more than to keep some for longer.
        let is_due = |swept: CaptureTime| now.since(swept).abs() >= Self::SWEEP_SECONDS * CaptureTime::SECOND;
        if !self.swept.is_none_or(is_due) {
            return;
        }
        self.swept = Some(now);
        self.answered.retain(|_, list| {
            list.retain(|answered| now.since(answered.last_seen) < Self::FORGET_AFTER_SECONDS * CaptureTime::SECOND);
            !list.is_empty()
        });
    }
}

/// What the nonces of PKINIT say about a reply and a request, the better the greater.
///
/// The KDC repeats the client's (RFC 4556 §3.2.3.1), signed, and the client refuses a reply that has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nonces {
    /// They differ: it is the answer to another request.
    Differ,
    /// One of them is not seen: not PKINIT, RSA mode, or damage.
    Unseen,
    /// They are the same.
    Same,
}

impl Nonces {
    /// Compares 32 bits: what one side writes as a negative number, the other may write as a large one.
    pub(crate) fn of(request: Option<&KdcRequest>, reply: &KdcReply) -> Self {
        let asked = request.and_then(|request| request.pkinit.as_deref()?.nonce);
        let answered = reply.pkinit.as_deref().and_then(|pkinit| pkinit.nonce);
        match asked.zip(answered) {
            None => Self::Unseen,
            Some((asked, answered)) if (asked ^ answered).trailing_zeros() >= u32::BITS => Self::Same,
            Some(_) => Self::Differ,
        }
    }
}

/// Whether two requests are the same one, sent again.
pub(crate) fn is_same_request(one: &KdcRequest, other: &KdcRequest) -> bool {
    one.stage == other.stage
        && one.nonce == other.nonce
        && one.cname == other.cname
        && one.sname == other.sname
        && one.padata == other.padata
}

/// Whether two replies are the same one, seen twice. `reused`: a later request waits on their flow, so that the second
/// may as well be its answer.
///
/// Tickets differ, and so do errors in the microsecond of the KDC's clock, where it tells that.
pub(crate) fn is_same_reply(one: &Message, other: &Message, reused: bool) -> bool {
    let (Message::Kerberos(one), Message::Kerberos(other)) = (one, other) else { return false };
    match (one.as_ref(), other.as_ref()) {
        (kerberos::Message::KdcReply(one), kerberos::Message::KdcReply(other)) => {
            let id = |reply: &kerberos::KdcReply| reply.ticket.as_ref().and_then(|ticket| ticket.id);
            one.stage == other.stage && id(one).is_some() && id(one) == id(other)
        }
        (kerberos::Message::Error(one), kerberos::Message::Error(other)) => {
            let exact = one.susec.is_some_and(|microseconds| microseconds != 0);
            one.code == other.code
                && one.stime.is_some()
                && (one.stime, one.susec) == (other.stime, other.susec)
                && one.sname == other.sname
                && one.e_data == other.e_data
                && (exact || !reused)
        }
        _ => false,
    }
}

/// Whether two replies say the same, so that they may be two answers to one request that came twice.
pub(crate) fn says_the_same(one: &Message, other: &Message) -> bool {
    let (Message::Kerberos(one), Message::Kerberos(other)) = (one, other) else { return false };
    match (one.as_ref(), other.as_ref()) {
        (kerberos::Message::KdcReply(one), kerberos::Message::KdcReply(other)) => one.stage == other.stage,
        (kerberos::Message::Error(one), kerberos::Message::Error(other)) => {
            one.code == other.code && one.e_data == other.e_data
        }
        _ => false,
    }
}
