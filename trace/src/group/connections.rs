//! Connections to KDCs that came to nothing, and which logon lacked them; holes in those that were made, and what did
//! not get through them.

use std::{net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::{
    Closing, Connection, Endpoint, Event, GapKind, KDC_PORT, Message, Path, Refusal, Seen, Transport, Unacknowledged,
    Unreachable,
    kerberos::{ErrorCode, Stage},
};

use super::{Grouper, has_passed};
use crate::{
    Attempt, Exchange, Logon,
    exchange::{Silence, Undelivered},
    pair::Place,
};

/// LDAP over UDP, for netlogon pings.
const LDAP_PORT: u16 = 389;

impl Grouper {
    /// A connection to a KDC joins a logon when it came to nothing: it was not made, or no request got through.
    pub(super) fn connection(&mut self, event: &Arc<Event>, connection: &Connection, path: Path) {
        let (flow, _) = path.flow();
        if let Some(opened) = self.sessions.closed(&flow) {
            self.join_session(*opened);
        }
        if let Some(dc) = self.facts.domain_controllers.get_mut(&path.destination.address) {
            dc.heard |= connection.directions_seen.1 || matches!(connection.refused, Some(Refusal::Reset));
            if connection.opened == Some(false) && connection.refused.is_none() {
                dc.unanswered.get_or_insert(connection.began);
            }
        }
        if path.destination.port != KDC_PORT {
            return;
        }
        self.ended(event.seen, connection, path);
        self.note_traffic(path.source.address, connection.began.at);
        let in_vain = match self.last_asked_on(path) {
            Some(place) => {
                self.lost_to_client(place, connection);
                false
            }
            None => connection.lost_to_server.is_some(),
        };
        if connection.opened != Some(false) && !in_vain {
            return;
        }
        self.facts.domain_controller(path.destination.address);
        self.attempt(path.source.address, path.destination, event, connection.began);
    }

    /// The last request that waits on a connection. What was asked before it may have arrived.
    fn last_asked_on(&mut self, path: Path) -> Option<Place> {
        let (flow, _) = path.flow();
        self.pairing.on(&flow).last().map(|waiting| waiting.place)
    }

    /// Of the reply that is awaited here, the client did not get a part.
    fn lost_to_client(&mut self, awaited: Place, connection: &Connection) {
        if let Some(lost) = connection.lost_to_client
            && let Some(exchange) = self.logons.exchange(awaited)
        {
            exchange.lost_reply = Some(lost);
        }
    }

    /// A connection to a KDC has ended: what still waits on it gets no reply, unless the capture lacks something of it.
    fn ended(&mut self, seen: Seen, connection: &Connection, path: Path) {
        let Some(how) = connection.closed.filter(|how| *how != Closing::Forgotten) else { return };
        if connection.missing > 0 || connection.directions_seen != (true, true) {
            return;
        }
        let by_client = matches!(how, Closing::ClientFin | Closing::ClientReset);
        let (flow, _) = path.flow();
        for waiting in self.pairing.on(&flow) {
            let Some(logon) = self.logons.get_mut(waiting.place.logon) else { continue };
            let Some(asked) = logon.exchanges.get(waiting.place.exchange).and_then(Exchange::began) else { continue };
            // What was asked on an earlier connection between the same ports; and a client that has its answer from
            // elsewhere needs no other.
            let replies = logon.exchanges.iter().filter_map(|exchange| exchange.reply.as_deref());
            let is_answered = replies.into_iter().any(|reply| (asked..seen).contains(&reply.seen));
            if asked.last < connection.began.last || (by_client && is_answered) {
                continue;
            }
            if let Some(exchange) = logon.exchanges.get_mut(waiting.place.exchange)
                && matches!(exchange.silence, Silence::Waiting | Silence::TimedOut)
            {
                exchange.silence = Silence::Closed { seen, how };
            }
        }
    }

    pub(super) fn unreachable(&mut self, event: &Arc<Event>, unreachable: &Unreachable) {
        if let Some(about) = unreachable.about.filter(|about| about.destination.port == LDAP_PORT) {
            self.facts.pings.unreachable(about, event.seen);
            return;
        }
        let Some(about) = unreachable.about.filter(|about| about.destination.port == KDC_PORT) else { return };
        if about.transport != Transport::Udp {
            // The connection's own event tells it.
            return;
        }
        let (flow, _) = about.flow();
        let mut concerned = None;
        for waiting in self.pairing.on(&flow) {
            if let Some(exchange) = self.logons.exchange(waiting.place) {
                exchange.silence = Silence::Unreachable(event.seen);
                concerned = Some(waiting.place.logon);
            }
        }
        match concerned {
            Some(index) => self.add_attempt(index, about.destination.address, event),
            None => self.attempt(about.source.address, about.destination, event, event.seen),
        }
    }

    /// Adds a failed attempt to reach a KDC to the logon it belongs to: one of this client, about this time, that has
    /// no answer yet or was told to come by TCP, that was about to use its ticket, or that came next, at another KDC.
    /// Else it is a logon of its own, by nobody known.
    fn attempt(&mut self, client: IpAddr, kdc: Endpoint, event: &Arc<Event>, began: Seen) {
        // That nobody answers may be told long after: what a logon that was under way came to meanwhile does not count.
        let fits = |logon: &Logon| {
            let open = match logon.issued() {
                Some((exchange, _)) if exchange.reply.as_deref().is_some_and(|reply| reply.seen > began) => {
                    logon.began <= began
                }
                Some(_) => return is_about_to_use_ticket(logon, event, began),
                // Who uses a ticket of which nothing is known is not on the way to one.
                None if logon.as_exchanges().next().is_none() => logon.exchanges.is_empty(),
                None => logon.as_exchanges().next_back().is_some_and(|last| {
                    last.reply.is_none()
                        || last.error().is_some_and(|error| {
                            matches!(error.code, ErrorCode::RESPONSE_TOO_BIG | ErrorCode::PREAUTH_REQUIRED)
                        })
                }),
            };
            let window = Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND;
            open && began.at.since(logon.ended.at) <= window && logon.began.at.since(began.at) <= window
        };
        self.open_recent(client, began.at);
        let found = self
            .recent
            .get(&client)
            .and_then(|recent| recent.iter().rev().copied().find(|&index| self.logons.get(index).is_some_and(fits)));
        let index = found
            .or_else(|| self.turned_elsewhere(client, kdc.address, event, began))
            .unwrap_or_else(|| self.new_logon(client, began));
        if let Some(logon) = self.logons.get_mut(index) {
            logon.began = logon.began.min(began);
        }
        self.add_attempt(index, kdc.address, event);
    }

    /// What this client did next after it began to reach `kdc` in vain: its next logon, where that began at another KDC
    /// by the time when it would have tried again. That nobody answered is told long after the client turned there.
    fn turned_elsewhere(&self, client: IpAddr, kdc: IpAddr, event: &Event, began: Seen) -> Option<usize> {
        let recent = self.recent.get(&client)?.iter().filter_map(|&index| Some((index, self.logons.get(index)?)));
        let (index, logon) = recent.filter(|(_, logon)| logon.began >= began).min_by_key(|(_, logon)| logon.began)?;
        let first = logon.exchanges.first().filter(|first| first.stage == Stage::As && first.kdc.address != kdc)?;
        is_next_try(event, first.began()?.at).then_some(index)
    }

    fn add_attempt(&mut self, index: usize, kdc: IpAddr, event: &Arc<Event>) {
        let Some(logon) = self.logons.get_mut(index) else { return };
        logon.ended = logon.ended.max(event.seen);
        if logon.attempts.len() >= Logon::MAX_ATTEMPTS {
            return;
        }
        let silent_since = match &event.message {
            Message::Connection(connection) if connection.refused.is_none() => Some(connection.began.at),
            _ => None,
        };
        let mut attempt = Attempt { kdc, event: Arc::clone(event), settled: true };
        if let Some(began) = silent_since
            && !has_passed(self.now, began)
            && !attempt.gave_up()
        {
            attempt.settled = false;
            self.unsettled.push((index, logon.attempts.len(), began));
        }
        logon.attempts.push(attempt);
    }

    /// A client or a KDC repeats what the other does not acknowledge: the last request that waits on that connection,
    /// or a reply: the one that is awaited there, else the one that came there last.
    pub(super) fn undelivered(&mut self, seen: Seen, what: Unacknowledged, path: Path) {
        let Unacknowledged { bytes, sent, at_last } = what;
        let of_reply = path.source.port == KDC_PORT;
        let undelivered = Undelivered { seen, bytes, sent, of_reply, at_last };
        // Whoever uses the same ports later asks for something else.
        let lately = |exchange: &Exchange| {
            let age = exchange.ended().map(|ended| seen.at.since(ended.at));
            age.is_some_and(|age| age <= Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND)
        };
        let last = self.last_asked_on(path);
        if let Some(exchange) = last.and_then(|place| self.logons.exchange(place)).filter(|exchange| lately(exchange)) {
            exchange.undelivered = Some(undelivered);
            return;
        }
        if !of_reply {
            return;
        }
        let client = path.destination;
        for &index in self.recent.get(&client.address).into_iter().flatten().rev() {
            let exchanges = self.logons.lately(index, seen.at).map(|logon| logon.exchanges.iter_mut().rev());
            let there = exchanges.into_iter().flatten().find(|exchange| {
                exchange.transport == Transport::Tcp && (exchange.client, exchange.kdc) == (client, path.source)
            });
            if let Some(exchange) = there {
                if exchange.reply.is_some() && lately(exchange) {
                    exchange.undelivered = Some(undelivered);
                }
                return;
            }
        }
    }

    /// Something on this path was not decoded: replies that still wait on its flow may be in it, unless it did not get
    /// there.
    pub(super) fn hole(&mut self, path: Path, kind: GapKind) {
        self.facts.locator.hole(path);
        self.facts.pings.hole(path);
        self.facts.cloud.hole(path);
        if kind == GapKind::NotReceived {
            return;
        }
        let (flow, _) = path.flow();
        for waiting in self.pairing.on(&flow) {
            if let Some(exchange) = self.logons.exchange(waiting.place) {
                exchange.silence = Silence::Hidden;
            }
        }
    }
}

/// Whether what a client does at `next` is its next try after this attempt, which came to nothing: by the time when it
/// would have tried again, or a moment later. It may try elsewhere while its system still repeats the first SYN.
pub(super) fn is_next_try(event: &Event, next: CaptureTime) -> bool {
    let (began, last_try) = match &event.message {
        Message::Connection(connection) => (connection.began, connection.last_syn.unwrap_or(connection.began)),
        _ => (event.seen, event.seen),
    };
    // SYNs come at intervals that double.
    let tried = last_try.at.since(began.at);
    (0..=2 * tried + Grouper::FAIL_OVER_SECONDS * CaptureTime::SECOND).contains(&next.since(began.at))
}

/// Whether an attempt that came to nothing and began after this logon got its ticket was for a service ticket: it came
/// right after an answer to this logon, or after another such attempt, or while it waited for an answer; or what the
/// client did next was to ask for one. A ticket is used at once: of 74 logons in public captures, each asked for its
/// first service ticket within 0.71 seconds.
fn is_about_to_use_ticket(logon: &Logon, event: &Event, began: Seen) -> bool {
    let seconds =
        |from: CaptureTime, to: CaptureTime, limit: i64| (0..=limit * CaptureTime::SECOND).contains(&to.since(from));
    let answered = logon.exchanges.iter().filter_map(|exchange| exchange.reply.as_deref());
    let right_after = answered.map(|reply| reply.seen.at).any(|at| seconds(at, began.at, Grouper::FAIL_OVER_SECONDS));
    let waits = || {
        logon
            .tgs_exchanges()
            .filter(|exchange| exchange.reply.is_none())
            .filter_map(Exchange::began)
            .any(|asked| seconds(asked.at, began.at, Grouper::ASK_AGAIN_SECONDS))
    };
    let tried_before = || {
        let issued = logon.issued().and_then(|(exchange, _)| exchange.ended());
        let since = logon.attempts.iter().filter(|attempt| issued.is_some_and(|issued| attempt.event.seen > issued));
        since.into_iter().any(|attempt| is_next_try(&attempt.event, began.at))
    };
    let asks_next = || {
        let next = logon.tgs_exchanges().filter_map(Exchange::began).filter(|asked| *asked > began).min();
        next.is_some_and(|asked| is_next_try(event, asked.at))
    };
    right_after || waits() || tried_before() || asks_next()
}
