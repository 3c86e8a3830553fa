//! Events to logons: whose is this message, and is it the same attempt as before?
//!
//! In: events in one order. Out: [`Logon`]s and [`Facts`]. One thread, few events. What joins is decided by
//! * the flow (reply to request), certain;
//! * the ticket (TGS-REQ to the AS-REP that issued it), certain;
//! * client address, client name and time (one AS exchange to the next), inferred; see [`Grouper::joins`];
//! * for sessions with LDAP and SMB the ticket, certain; else client address, account and time, inferred.
//!
//! Here is what the joined state is and how each kind of event gets to its place: `exchanges` pairs the messages of
//! Kerberos, `choose` says whose an exchange is, `connections` whose an attempt is that came to nothing, `sessions`
//! whose a bind or an SMB session is. `worth` says which events change nothing, so that they need not come here.

mod choose;
mod connections;
mod exchanges;
mod sessions;
mod worth;

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use capture::{CaptureTime, Losses};
use decode::{
    Event, KDC_PORT, Message, Path, Transport,
    kerberos::{self, TicketId},
};

use crate::{
    Exchange, Facts, Logons, Released, exchange::Silence, hashed::HashMap, pair::Pairing, session::Sessions,
    tickets::Tickets,
};

pub(crate) use worth::{Use, use_of};

/// Joins events into logons.
#[derive(Debug, Default)]
pub struct Grouper {
    logons: Logons,
    facts: Facts,
    pairing: Pairing,
    /// The latest logon of each subject.
    current: HashMap<(IpAddr, String), usize>,
    /// The latest logons of each client, newest last.
    recent: HashMap<IpAddr, VecDeque<usize>>,
    /// Tickets whose issue was seen.
    tickets: Tickets,
    /// Tickets whose issue was not seen, by the client that used them.
    foreign: HashMap<(IpAddr, Option<TicketId>), usize>,
    /// Tickets of PKINIT replies whose use was not seen yet: domain controller, index into what it issued.
    unused: HashMap<TicketId, (IpAddr, usize)>,
    /// Sessions with services that are being opened.
    sessions: Sessions,
    /// Attempts to reach a KDC whose time has not passed: logon, index within it, when it began.
    unsettled: Vec<(usize, usize, CaptureTime)>,
    /// The latest tick.
    now: Option<CaptureTime>,
    /// The latest tick at which what nothing joins any more was forgotten.
    swept: Option<CaptureTime>,
    /// A reply over UDP that came before its request, maybe.
    early: Option<Arc<Event>>,
}

impl Grouper {
    /// A client that gets no answer asks again within this many seconds.
    const ASK_AGAIN_SECONDS: i64 = 30;
    /// A client that was refused turns to another KDC, if it does, within this many seconds.
    const FAIL_OVER_SECONDS: i64 = 2;
    /// What nothing joins any more is forgotten every so many seconds.
    const SWEEP_SECONDS: i64 = 60;
    /// A connection that failed is told of this many seconds later at the most.
    const TOLD_SECONDS: i64 = 600;
    /// Such a ticket is followed for this many seconds: then it has expired, by the default of Active Directory.
    const FOLLOWED_SECONDS: i64 = 36_000;

    /// Takes in one event. Events come in the order of [`crate::Decoding`].
    pub fn push(&mut self, event: Event) {
        self.facts.changes();
        self.facts.visibility.note(&event);
        self.facts.cloud.push(&event);
        // What TLS and HTTP say is taken out of them at once, and none is kept.
        if use_of(&event) == Use::None || matches!(event.message, Message::Tls(_) | Message::Http(_)) {
            return;
        }
        if let Some(path) = event.path {
            match &event.message {
                Message::Ldap(message) => return self.ldap(message, path, event.seen),
                Message::Cldap(message) => return self.cldap(message, path, event.seen),
                Message::Smb(setup) => return self.smb(setup, path, event.seen),
                Message::Ntlm(message) => return self.ntlm(message, path, event.seen),
                // What a service's protocol carries answers no request to a KDC, and none of its errors is one of a
                // KDC.
                Message::Kerberos(message) if !event.carriage.is_direct() => {
                    return self.service(message, path, event.seen);
                }
                _ => {}
            }
        }
        let event = Arc::new(event);
        if let Some(early) = self.early.take() {
            if asks_before(&event, &early) {
                self.take_in(&event);
                self.take_in(&early);
                return;
            }
            self.take_in(&early);
        }
        if self.is_early(&event) {
            self.early = Some(event);
        } else {
            self.take_in(&event);
        }
    }

    /// Whether this is a reply over UDP that nothing waits for.
    ///
    /// Recorders with several queues swap packets that came within microseconds of each other, and stamp them right. So
    /// such a reply waits for the next event: that may be its request, stamped before it.
    fn is_early(&mut self, event: &Event) -> bool {
        let Some(path) = event.path.filter(|path| path.transport == Transport::Udp && path.source.port == KDC_PORT)
        else {
            return false;
        };
        let Message::Kerberos(message) = &event.message else { return false };
        let is_reply = matches!(message.as_ref(), kerberos::Message::KdcReply(_) | kerberos::Message::Error(_));
        let (flow, _) = path.flow();
        is_reply && self.pairing.on(&flow).is_empty() && !self.repeated_reply(event, &flow)
    }

    /// Nothing follows that could change what is held back.
    pub fn flush(&mut self) {
        self.facts.changes();
        if let Some(early) = self.early.take() {
            self.take_in(&early);
        }
    }

    /// The capture has ended: what still waits is told as it stands.
    pub fn finish(&mut self) {
        self.flush();
        for opened in self.sessions.finish() {
            self.join_session(opened);
        }
        // Nothing joins any more, and a report takes room.
        (self.current, self.recent, self.foreign, self.unused) = Default::default();
        (self.pairing, self.tickets, self.sessions) = Default::default();
    }

    fn take_in(&mut self, event: &Arc<Event>) {
        match &event.message {
            Message::Kerberos(message) => {
                if let Some(path) = event.path {
                    self.kerberos(event, message, path);
                }
            }
            Message::Dns(message) => {
                if let Some(path) = event.path.filter(|_| message.response) {
                    self.hear(path.source.address);
                }
                self.facts.locator.push(event);
                self.facts.cloud.dns(event);
            }
            Message::Connection(connection) => {
                if let Some(path) = event.path {
                    self.facts.cloud.connection(event.seen, connection, path);
                    self.facts.ports.push(connection, path);
                    self.connection(event, connection, path);
                }
            }
            Message::Unacknowledged(unacknowledged) => {
                if let Some(path) = event.path {
                    self.undelivered(event.seen, *unacknowledged, path);
                }
            }
            Message::Unreachable(unreachable) => self.unreachable(event, unreachable),
            Message::Gap(gap) => {
                if let Some(path) = event.path {
                    self.hole(path, gap.kind);
                }
            }
            Message::Ldap(_)
            | Message::Cldap(_)
            | Message::Ntlm(_)
            | Message::Smb(_)
            | Message::Tls(_)
            | Message::Http(_)
            | Message::Damage(_) => {}
        }
    }

    /// Capture time has passed to `now`, a whole tick.
    pub fn tick(&mut self, now: CaptureTime) {
        self.flush();
        self.now = Some(now);
        self.facts.pings.tick(now);
        self.facts.credentials.tick(now);
        for opened in self.sessions.tick(now) {
            self.join_session(opened);
        }
        let logons = &mut self.logons;
        self.unsettled.retain(|&(logon, attempt, began)| {
            let passed = has_passed(Some(now), began);
            if passed && let Some(attempt) = logons.get_mut(logon).and_then(|logon| logon.attempts.get_mut(attempt)) {
                attempt.settled = true;
            }
            !passed
        });
        self.pairing.tick(now, Exchange::REPLY_WAIT_SECONDS, |place| {
            if let Some(exchange) = logons.exchange(place)
                && exchange.silence == Silence::Waiting
            {
                exchange.silence = Silence::TimedOut;
            }
        });
        self.logons.tick(now);
        if self.swept.is_none_or(|swept| now.since(swept).abs() >= Self::SWEEP_SECONDS * CaptureTime::SECOND) {
            self.swept = Some(now);
            self.sweep(now);
        }
    }

    /// Forgets whose latest logons are too old for anything to join them.
    fn sweep(&mut self, now: CaptureTime) {
        let logons = &self.logons;
        let is_within = |index: usize, seconds: i64| {
            logons.ended(index).is_some_and(|ended| now.since(ended).abs() <= seconds * CaptureTime::SECOND)
        };
        self.current.retain(|_, index| is_within(*index, 2 * Logons::JOINED_SECONDS));
        self.recent.retain(|_, list| list.back().is_some_and(|index| is_within(*index, Self::TOLD_SECONDS)));
        self.foreign.retain(|_, index| !logons.is_gone(*index));
        let dcs = &self.facts.domain_controllers;
        self.unused.retain(|_, (kdc, place)| {
            let issuance = dcs.get(kdc).and_then(|dc| dc.issuance(*place));
            issuance.is_some_and(|issuance| now.since(issuance.seen.at) <= Self::FOLLOWED_SECONDS * CaptureTime::SECOND)
        });
    }

    /// The logons, in the order in which they began.
    pub fn logons(&self) -> &Logons {
        &self.logons
    }

    /// What holds beyond them.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Capture time is `now`, and this is what was lost by then: for whoever looks at logons before the capture ends.
    pub fn account(&mut self, now: CaptureTime, losses: Losses) {
        self.facts.changes();
        let visibility = &mut self.facts.visibility;
        (visibility.now, visibility.last, visibility.losses) = (Some(now), Some(now), losses);
    }

    /// Takes out up to `count` of the oldest logons, without those to which something happened in the `seconds` before
    /// `now`. What comes for them later goes nowhere.
    pub fn release(&mut self, count: usize, now: CaptureTime, seconds: i64) -> Vec<Released> {
        self.logons.release(count, now, seconds)
    }

    /// Forgets what was before this time, as far as only rules about logons of that time need it.
    pub fn forget(&mut self, before: CaptureTime) {
        self.facts.changes();
        self.facts.forget(before);
    }

    pub(crate) fn facts_mut(&mut self) -> &mut Facts {
        self.facts.changes();
        &mut self.facts
    }

    fn kerberos(&mut self, event: &Arc<Event>, message: &kerberos::Message, path: Path) {
        match message {
            kerberos::Message::KdcRequest(request) => self.request(event, request, path),
            kerberos::Message::KdcReply(reply) => self.reply(event, reply, path),
            kerberos::Message::Error(error) if path.source.port == KDC_PORT => self.error(event, error, path),
            _ => self.service(message, path, event.seen),
        }
    }

    /// Something came from this address: if it is a domain controller, it is there.
    fn hear(&mut self, address: IpAddr) {
        if let Some(dc) = self.facts.domain_controllers.get_mut(&address) {
            dc.heard = true;
        }
    }

    fn note_traffic(&mut self, client: IpAddr, at: CaptureTime) {
        self.facts.kerberos_of.note_second(client, at);
    }
}

/// Whether this is the request, stamped earlier, to a reply that stands before it.
fn asks_before(event: &Event, reply: &Event) -> bool {
    let Message::Kerberos(message) = &event.message else { return false };
    let same_flow = |(event, reply): (Path, Path)| {
        event.transport == reply.transport && event.source == reply.destination && event.destination == reply.source
    };
    matches!(message.as_ref(), kerberos::Message::KdcRequest(_))
        && event.path.zip(reply.path).is_some_and(same_flow)
        && event.seen.at < reply.seen.at
}

/// Whether the time in which a KDC answers has passed since then.
fn has_passed(now: Option<CaptureTime>, began: CaptureTime) -> bool {
    now.is_some_and(|now| now.since(began) >= Exchange::REPLY_WAIT_SECONDS * CaptureTime::SECOND)
}
