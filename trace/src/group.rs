//! Events to logons: whose is this message, and is it the same attempt as before?
//!
//! In: events in one order. Out: [`Logon`]s and [`Facts`]. One thread, few events. What joins is decided by
//! * the flow (reply to request), certain;
//! * the ticket (TGS-REQ to the AS-REP that issued it), certain;
//! * client address, client name and time (one AS exchange to the next), inferred; see [`Grouper::joins`];
//! * for sessions with LDAP and SMB the ticket, certain; else client address, account and time, inferred.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use capture::{CaptureTime, Losses};
use decode::{
    Connection, Endpoint, Event, FlowKey, KDC_PORT, Message, Path, Refusal, Seen, Transport, Unreachable,
    kerberos::{
        self, ApRequest, ErrorCode, ErrorData, HostAddress, KdcReply, KdcRequest, KrbError, NtStatus, PaType, Stage,
        TicketId,
    },
    key_credential::is_key_credential_link,
    ldap::{self, Operation, ResultCode},
    ntlm, smb,
};

use crate::{
    Attempt, Exchange, Facts, Located, Logon, Logons, Method, Principal, Released, SessionAnswer, SessionProof,
    credential::KEY_ATTRIBUTE,
    exchange::{Silence, is_for_new_password},
    facts::Issuance,
    logon::method_of,
    pair::{Nonces, Pairing, Place, is_same_reply, is_same_request, says_the_same},
    ping::Noted,
    session::{Opened, Sessions},
    tickets::Tickets,
};

/// NetBIOS, as address type of a HostAddress (RFC 4120 §7.5.3).
const NETBIOS: i32 = 20;

/// STATUS_PENDING: the answer to an SMB request follows. MS-ERREF 2.3.1.
const PENDING: u32 = 0x103;
/// STATUS_MORE_PROCESSING_REQUIRED: a session set-up has another step. MS-ERREF 2.3.1.
const MORE_PROCESSING_REQUIRED: u32 = 0xc000_0016;

/// LDAP over UDP, for netlogon pings.
const LDAP_PORT: u16 = 389;

/// The second answer to a request that came twice follows within this time: the KDC works on both at once.
const SECOND_ANSWER: i64 = 2 * CaptureTime::SECOND;

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

/// By which kind of proof a request asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Nothing,
    Pkinit,
    Password,
    Armored,
}

impl Grouper {
    /// A client that fails in a way it knows a remedy for tries again within this many seconds.
    const RETRY_SECONDS: i64 = 10;
    /// A client that gets no answer asks again within this many seconds.
    const ASK_AGAIN_SECONDS: i64 = 30;
    /// A client that was refused turns to another KDC, if it does, within this many seconds.
    const FAIL_OVER_SECONDS: i64 = 2;
    /// Logons of one client that a failed connection is compared with.
    const RECENT_LOGONS: usize = 32;
    /// A session for whose sake a client got a ticket is opened within this many seconds.
    const SESSION_SECONDS: i64 = 10;
    /// What nothing joins any more is forgotten every so many seconds.
    const SWEEP_SECONDS: i64 = 60;
    /// A connection that failed is told of this many seconds later at the most.
    const TOLD_SECONDS: i64 = 600;
    /// Tickets of PKINIT replies followed at once until they are used. Further ones are not counted as used or not.
    const MAX_UNUSED: usize = 100_000;
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
                // What a service's protocol carries answers no request to a KDC, and none of its errors is one of a KDC.
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
            Message::Unreachable(unreachable) => self.unreachable(event, unreachable),
            Message::Gap(_) => {
                if let Some(path) = event.path {
                    self.hole(path);
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

    /// Takes out up to `count` of the oldest logons, without those to which something happened in the `seconds` before `now`.
    /// What comes for them later goes nowhere.
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

    /// A message between a client and a service.
    fn service(&mut self, message: &kerberos::Message, path: Path, seen: Seen) {
        match message {
            kerberos::Message::ApRequest(request) => self.shown(request, path, seen),
            kerberos::Message::Error(error) => {
                self.session_answered(SessionAnswer::TicketRefused(error.code), path, seen);
            }
            // Over LDAP the result of the bind tells it.
            kerberos::Message::ApReply(_) if matches!(path.source.port, 389 | 3268) => {}
            kerberos::Message::ApReply(_) => self.session_answered(SessionAnswer::Accepted, path, seen),
            // The rest says nothing about how the subject got in.
            _ => {}
        }
    }

    /// The answer to an SMB session set-up.
    fn smb(&mut self, setup: &smb::SessionSetup, path: Path, seen: Seen) {
        let answer = match setup.status {
            None | Some(NtStatus(PENDING | MORE_PROCESSING_REQUIRED)) => return,
            Some(NtStatus(0)) => SessionAnswer::Accepted,
            Some(status) => SessionAnswer::Failed(status),
        };
        self.hear(path.source.address);
        self.session_answered(answer, path, seen);
    }

    fn ntlm(&mut self, message: &ntlm::Message, path: Path, seen: Seen) {
        let user = message.user.as_ref().filter(|user| !user.is_empty());
        let Some(user) = user.filter(|_| message.kind == ntlm::Kind::Authenticate) else { return };
        let user = user.to_unicode();
        self.sessions.ntlm(&user, path, seen);
        self.facts.note_ntlm(&user, path, seen);
    }

    /// A ticket was shown to a service.
    fn shown(&mut self, request: &ApRequest, path: Path, seen: Seen) {
        let ticket = request.ticket.as_ref().and_then(|ticket| ticket.id);
        self.used(ticket, seen);
        self.facts.note_ticket(path, seen.at);
        self.sessions.ticket(ticket, path, seen);
    }

    /// A ticket was used.
    fn used(&mut self, ticket: Option<TicketId>, seen: Seen) {
        let Some((kdc, index)) = ticket.and_then(|ticket| self.unused.remove(&ticket)) else { return };
        let Some(dc) = self.facts.domain_controllers.get_mut(&kdc) else { return };
        let Some(issuance) = dc.issuance_mut(index) else { return };
        issuance.used = Some(seen);
        let certificate = issuance.certificate;
        if let Some(certificate) = certificate.and_then(|index| dc.certificates.get_mut(index)) {
            certificate.used += 1;
        }
    }

    /// Something came from this address: if it is a domain controller, it is there.
    fn hear(&mut self, address: IpAddr) {
        if let Some(dc) = self.facts.domain_controllers.get_mut(&address) {
            dc.heard = true;
        }
    }

    fn ldap(&mut self, message: &ldap::Message, path: Path, seen: Seen) {
        match &message.operation {
            Operation::BindRequest(request) => self.sessions.bind(request, path, seen),
            Operation::BindResponse(outcome) => {
                self.facts.refused_binds.bind(outcome, path, seen);
                let answer = match outcome.code {
                    Some(ResultCode::SASL_BIND_IN_PROGRESS) | None => return,
                    Some(ResultCode::SUCCESS) => SessionAnswer::Accepted,
                    Some(code) => SessionAnswer::Refused(code, outcome.ad_error()),
                };
                self.hear(path.source.address);
                self.session_answered(answer, path, seen);
            }
            _ => self.facts.credentials.push(message, path, seen),
        }
    }

    fn cldap(&mut self, message: &ldap::Message, path: Path, seen: Seen) {
        match self.facts.pings.push(message, path, seen) {
            Noted::Nothing => {}
            Noted::Asked => {
                if let Some(dc) = self.facts.domain_controller(path.destination.address) {
                    dc.sought_by(path.source.address, seen);
                }
            }
            Noted::Answered(netlogon) => {
                let Some(dc) = self.facts.domain_controller(path.source.address) else { return };
                dc.heard = true;
                if let Some(netlogon) = netlogon {
                    let text = |text: &Option<decode::WireText>| {
                        text.as_ref().map(decode::WireText::to_unicode).unwrap_or_default()
                    };
                    dc.located = Some(Located {
                        host: text(&netlogon.host).to_lowercase(),
                        site: text(&netlogon.server_site),
                        flags: netlogon.flags,
                        domain: text(&netlogon.domain).to_lowercase(),
                        forest: text(&netlogon.forest).to_lowercase(),
                        seen: Some(seen),
                    });
                }
            }
        }
    }

    fn session_answered(&mut self, answer: SessionAnswer, path: Path, seen: Seen) {
        if let Some(opened) = self.sessions.answer(answer, path, seen) {
            self.join_session(*opened);
        }
    }

    /// Adds a session to the logon that it belongs to. One of nobody that is known is not kept.
    fn join_session(&mut self, mut opened: Opened) {
        let by_ticket = opened.ticket.map(|ticket| self.tickets.logon_of(ticket));
        let index = match by_ticket {
            Some(index) => index,
            None => self.logon_before(&opened),
        };
        let Some(logon) = index.and_then(|index| self.logons.get_mut(index)) else { return };
        opened.session.certain = by_ticket.is_some();
        if logon.sessions.len() < Logon::MAX_SESSIONS {
            logon.sessions.push(opened.session);
        }
    }

    /// The logon of this client that a session without a readable ticket follows: the latest that was just granted a ticket
    /// for this service, else one that got its first ticket just before. An account that is named must be the logon's.
    fn logon_before(&mut self, opened: &Opened) -> Option<usize> {
        let session = &opened.session;
        if session.proof == SessionProof::Anonymous {
            return None;
        }
        self.open_recent(opened.client.address, session.opened.at);
        let recent = self.recent.get(&opened.client.address)?;
        let just_before = |reply: Option<&Arc<Event>>| {
            reply.is_some_and(|reply| {
                let gap = session.opened.at.since(reply.seen.at);
                (0..=Self::SESSION_SECONDS * CaptureTime::SECOND).contains(&gap)
            })
        };
        let is_named = |logon: &Logon| {
            opened.account.as_ref().is_none_or(|account| {
                let names = [logon.requested.as_ref(), logon.canonical.as_ref()].into_iter().flatten();
                names.map(|principal| principal.name.to_lowercase()).any(|name| {
                    name == *account
                        || name.split('@').next() == Some(account)
                        || name.strip_suffix('$') == Some(account)
                })
            })
        };
        let candidates = || recent.iter().rev().copied().filter(|&index| self.logons.get(index).is_some_and(is_named));
        let for_service = |exchange: &Exchange| {
            let service = exchange.granted().and_then(|reply| reply.ticket.as_ref()?.sname.as_ref());
            let class = service.and_then(|name| name.components.first());
            class.is_some_and(|class| class.eq_ignore_case(session.service.class()))
        };
        let asked_for_it = |index: &usize| {
            let logon = self.logons.get(*index)?;
            let mut latest = logon.tgs_exchanges().rev().take_while(|exchange| {
                exchange.began().is_none_or(|began| {
                    session.opened.at.since(began.at) <= 2 * Self::SESSION_SECONDS * CaptureTime::SECOND
                })
            });
            latest.find(|exchange| just_before(exchange.reply.as_ref()) && for_service(exchange)).map(|_| ())
        };
        let by_ticket = candidates().find(|index| asked_for_it(index).is_some());
        by_ticket.or_else(|| {
            candidates().find(|index| {
                let issued = self.logons.get(*index).and_then(Logon::issued);
                issued.is_some_and(|(exchange, _)| just_before(exchange.reply.as_ref()))
            })
        })
    }

    fn request(&mut self, event: &Arc<Event>, request: &KdcRequest, path: Path) {
        let (client, kdc) = (path.source, path.destination);
        let (flow, _) = path.flow();
        self.note_client(client.address, request, event.seen);
        self.facts.domain_controller(kdc.address);
        let armor = request.fast.as_ref().and_then(|fast| fast.armor.as_deref());
        for shown in [armor, request.ap_request.as_ref()].into_iter().flatten() {
            self.used(shown.ticket.as_ref().and_then(|ticket| ticket.id), event.seen);
        }
        if self.repeat(request, &flow, event.seen) {
            return;
        }
        let exchange = Exchange {
            stage: request.stage,
            client,
            kdc,
            transport: path.transport,
            request: Some(Arc::clone(event)),
            repeats: Vec::new(),
            repeat_count: 0,
            reply: None,
            silence: Silence::Waiting,
        };
        let logon = match request.stage {
            Stage::As => self.logon_of_as(request, path, event.seen),
            Stage::Tgs => self.logon_of_tgs(request, client.address, event.seen),
        };
        if request.stage == Stage::Tgs {
            self.take_over_attempts(logon, client.address, event.seen);
        }
        // What a ticket of a logon that is gone is used for goes with it, and so does the answer.
        let gone = || self.logons.is_gone(logon).then_some(Place { logon, exchange: usize::MAX });
        let place = gone().or_else(|| self.add_exchange(logon, exchange));
        if let Some(place) = place
            && !self.pairing.ask(flow, place, event.seen.at)
        {
            self.facts.request_lost();
        }
    }

    fn reply(&mut self, event: &Arc<Event>, reply: &KdcReply, path: Path) {
        let (flow, _) = path.flow();
        if self.repeated_reply(event, &flow) {
            return;
        }
        let logons = &mut self.logons;
        let found = self.pairing.take(&flow, |place| {
            if logons.is_gone(place.logon) {
                return Some((Nonces::Unseen, (true, true)));
            }
            let exchange = logons.exchange(place).filter(|exchange| exchange.stage == reply.stage)?;
            Some((Nonces::of(exchange.kdc_request(), reply), fit(exchange, reply.cname.as_ref(), None)))
        });
        let logon = if let Some(place) = found {
            self.answer(place, flow, event);
            place.logon
        } else if let Some(place) = self.asked_again(event, &flow) {
            // A second answer to one request. The client uses its ticket; all else the first one told.
            if let Some(ticket) = reply.ticket.as_ref().and_then(|ticket| ticket.id) {
                self.tickets.note(ticket, place.logon);
            }
            return;
        } else {
            let logon =
                self.logon_of_orphan(reply.stage, reply.cname.as_ref(), reply.crealm.as_ref(), event.seen, path);
            self.orphan(logon, reply.stage, event, path);
            logon
        };
        if let Some(ticket) = reply.ticket.as_ref().and_then(|ticket| ticket.id) {
            self.tickets.note(ticket, logon);
        }
        if let Some(dc) = self.facts.domain_controller(path.source.address) {
            dc.note_served(reply, event.seen);
        }
        let exchange_index = found.map(|place| place.exchange);
        match reply.stage {
            Stage::As => self.granted(logon, exchange_index, reply, event.seen, path.source.address),
            Stage::Tgs => self.name_from_service_reply(logon, reply),
        }
    }

    fn error(&mut self, event: &Arc<Event>, error: &KrbError, path: Path) {
        let (flow, _) = path.flow();
        if self.repeated_reply(event, &flow) {
            return;
        }
        let logons = &mut self.logons;
        let found = self.pairing.take(&flow, |place| {
            if logons.is_gone(place.logon) {
                return Some((true, true));
            }
            Some(fit(logons.exchange(place)?, error.cname.as_ref(), error.sname.as_ref()))
        });
        let (logon, exchange) = if let Some(place) = found {
            self.answer(place, flow, event);
            (place.logon, Some(place.exchange))
        } else if self.asked_again(event, &flow).is_some() {
            return;
        } else {
            let stage = stage_of_orphan(error);
            let realm = error.crealm.as_ref().or(error.realm.as_ref());
            let logon = self.logon_of_orphan(stage, error.cname.as_ref(), realm, event.seen, path);
            self.orphan(logon, stage, event, path);
            (logon, None)
        };
        self.note_refusal(logon, exchange, error, event.seen, path.source.address);
    }

    /// Counts the request as a repetition of one on the same flow that waits, or over UDP was answered, if it is one.
    fn repeat(&mut self, request: &KdcRequest, flow: &FlowKey, seen: Seen) -> bool {
        for waiting in self.pairing.on(flow) {
            if repeats(&mut self.logons, waiting.place, request, seen) {
                waiting.last_sent = seen.at;
                return true;
            }
        }
        for answered in self.pairing.answered_on(flow) {
            if repeats(&mut self.logons, answered.place, request, seen) {
                answered.last_seen = seen.at;
                answered.asked_again = true;
                return true;
            }
        }
        false
    }

    /// Whether this reply was seen before: a copy of the datagram, or a second answer to a request that came twice where
    /// a later request waits on the same ports, whose answer it is not for sure.
    fn repeated_reply(&mut self, event: &Event, flow: &FlowKey) -> bool {
        let reused = !self.pairing.on(flow).is_empty();
        let logons = &mut self.logons;
        self.pairing.answered_on(flow).iter().any(|answered| {
            let reply = logons.exchange(answered.place).and_then(|exchange| exchange.reply.as_deref());
            reply.is_some_and(|reply| {
                is_same_reply(&reply.message, &event.message, reused)
                    || (reused
                        && answered.asked_again
                        && event.seen.at.since(answered.last_seen).abs() <= SECOND_ANSWER
                        && says_the_same(&reply.message, &event.message))
            })
        })
    }

    /// The answered exchange on this flow whose request came more than once, and which this reply answers again.
    fn asked_again(&mut self, event: &Event, flow: &FlowKey) -> Option<Place> {
        let logons = &mut self.logons;
        let mut answered = self.pairing.answered_on(flow).iter().rev().filter(|answered| answered.asked_again);
        let again = answered.find(|answered| {
            let reply = logons.exchange(answered.place).and_then(|exchange| exchange.reply.as_deref());
            reply.is_some_and(|reply| says_the_same(&reply.message, &event.message))
        });
        again.map(|answered| answered.place)
    }

    /// The logon that an AS-REQ belongs to: the subject's latest one if it [joins](Self::joins), else a new one.
    fn logon_of_as(&mut self, request: &KdcRequest, path: Path, seen: Seen) -> usize {
        let client = path.source.address;
        let principal =
            request.cname.as_ref().zip(request.realm.as_ref()).map(|(name, realm)| Principal::new(name, realm));
        let name = principal.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
        let key = (client, name);
        let method = method_of(request);
        if method == Method::KeyTrust {
            self.facts.note_model(client, seen, true);
        }
        if let Some(&index) = self.current.get(&key)
            && let Some(logon) = self.logons.lately(index, seen.at)
            && Self::joins(logon, request, path, seen.at)
        {
            if logon.method == Method::Unknown {
                logon.method = method;
            }
            if proof_of(request) != Proof::Nothing {
                self.answer_was_missed(index, path.destination.address);
            }
            return index;
        }
        let index = self.adoptable(client, seen.at).unwrap_or_else(|| self.new_logon(client, seen));
        if let Some(logon) = self.logons.get_mut(index) {
            logon.requested = principal;
            logon.method = method;
        }
        self.current.insert(key, index);
        index
    }

    /// A client that comes with proof was told to: where its request without had no answer, the capture missed that.
    fn answer_was_missed(&mut self, index: usize, kdc: IpAddr) {
        let Some(logon) = self.logons.get_mut(index) else { return };
        let Some(last) = logon.exchanges.last_mut() else { return };
        let bare = last.kdc_request().is_some_and(|request| proof_of(request) == Proof::Nothing);
        if last.stage == Stage::As && last.reply.is_none() && bare && last.kdc.address == kdc {
            last.silence = Silence::Hidden;
            if last.transport == Transport::Udp {
                self.facts.visibility.conversations += 1;
                self.facts.visibility.one_sided += 1;
            }
        }
    }

    /// Whether an AS-REQ continues the attempt `logon`, of the same client and client name.
    ///
    /// | the attempt so far | the request | |
    /// | --- | --- | --- |
    /// | got its ticket | any | no: a new attempt |
    /// | no answer yet | the first proof | yes: it was told, and the capture missed that |
    /// | no answer yet | the same request, or same proof elsewhere (KDC, transport) or after the time for a reply | yes: it asks again |
    /// | no answer seen | same proof | no: there was an answer, or it would not make a new request so soon |
    /// | was told which proof is wanted (25) | brings proof | yes |
    /// | was told that the reply is too big (52), or to go to another realm (68) | same proof | yes |
    /// | was refused because the password has expired (23) | asks for a ticket to change it | yes |
    /// | asked for a ticket to change the password | asks for any other | no: a new attempt |
    /// | was refused for what a client can mend (parameters, freshness, encryption types) | same proof | yes, within seconds |
    /// | was refused | same proof, at another KDC | yes, within two seconds: fail-over |
    /// | was refused | other proof, or it starts over without | no: a new attempt |
    fn joins(logon: &Logon, request: &KdcRequest, path: Path, at: CaptureTime) -> bool {
        let kdc = path.destination.address;
        let Some(last) = logon.as_exchanges().next_back() else { return !logon.closed };
        if logon.closed || logon.issued().is_some() {
            return false;
        }
        let within = |seconds: i64| at.since(logon.ended.at) <= seconds * CaptureTime::SECOND;
        match (last.is_for_new_password(), is_for_new_password(request)) {
            (true, false) => return false,
            (false, true) => {
                let expired = last.error().is_some_and(|error| error.code == ErrorCode::KEY_EXPIRED);
                return expired && within(Self::ASK_AGAIN_SECONDS);
            }
            _ => {}
        }
        if last.granted().is_some() {
            return false;
        }
        let proof = proof_of(request);
        let before = logon
            .as_exchanges()
            .filter_map(Exchange::kdc_request)
            .map(proof_of)
            .rfind(|proof| *proof != Proof::Nothing)
            .unwrap_or(Proof::Nothing);
        let same = proof == before;
        let first_proof = before == Proof::Nothing && proof != Proof::Nothing;
        let Some(error) = last.error() else {
            let repeats = || {
                let waited = last.ended().is_some_and(|ended| has_passed(Some(at), ended.at));
                let nonce = last.kdc_request().and_then(|request| request.nonce);
                let same_request = nonce.is_some() && nonce == request.nonce;
                let elsewhere = last.kdc.address != kdc || last.transport != path.transport;
                same_request || (last.silence != Silence::Hidden && (elsewhere || waited))
            };
            return within(Self::ASK_AGAIN_SECONDS) && (first_proof || (same && repeats()));
        };
        if last.is_intermediate() {
            return match error.code {
                ErrorCode::PREAUTH_REQUIRED => {
                    within(Self::ASK_AGAIN_SECONDS) && proof != Proof::Nothing && (same || first_proof)
                }
                _ => within(Self::RETRY_SECONDS) && (same || first_proof),
            };
        }
        if !same || proof == Proof::Nothing {
            return false;
        }
        if is_mendable(error.code) {
            return within(Self::RETRY_SECONDS);
        }
        last.kdc.address != kdc && within(Self::FAIL_OVER_SECONDS)
    }

    /// The logon that a TGS-REQ belongs to: the one whose ticket it uses.
    fn logon_of_tgs(&mut self, request: &KdcRequest, client: IpAddr, seen: Seen) -> usize {
        let ticket = request.ap_request.as_ref().and_then(|ap_request| ap_request.ticket.as_ref());
        let id = ticket.and_then(|ticket| ticket.id);
        if let Some(logon) = id.and_then(|id| self.tickets.logon_of(id)) {
            if self.facts.clients_seen_from_the_start.len() < Facts::MAX_CLIENTS {
                self.facts.clients_seen_from_the_start.insert(client);
            }
            return logon;
        }
        // A partial ticket of Microsoft Entra: its key version names the read-only DC in the upper half (MS-KILE 3.1.5.8).
        let is_partial = request.has(PaType::KERB_KEY_LIST_REQ)
            && ticket.and_then(|ticket| ticket.kvno).is_some_and(|kvno| (kvno >> 16) & 0xffff != 0);
        let known = self.foreign.get(&(client, id)).copied();
        if known.is_none() && !is_partial && self.tickets.is_lossy() {
            // It may well be of a logon that is gone.
            self.facts.ticket_lost();
            return Logons::GONE;
        }
        if !is_partial {
            self.facts.note_midway(client, seen);
        }
        if let Some(logon) = known {
            return logon;
        }
        if !is_partial {
            self.ticket_was_missed(client, seen);
        }
        let logon = self.new_logon(client, seen);
        if is_partial && let Some(logon) = self.logons.get_mut(logon) {
            self.facts.note_model(client, seen, false);
            logon.method = Method::CloudKerberos;
        }
        self.foreign.insert((client, id), logon);
        logon
    }

    /// A client comes with a ticket that the capture did not see issued: it may be the answer to what it asked just now.
    fn ticket_was_missed(&mut self, client: IpAddr, seen: Seen) {
        let asked_lately = |logon: &Logon| {
            let gap = seen.at.since(logon.ended.at);
            (0..=Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND).contains(&gap)
        };
        for &index in self.recent.get(&client).into_iter().flatten() {
            let Some(logon) = self.logons.lately(index, seen.at).filter(|logon| asked_lately(logon)) else { continue };
            let last = logon.exchanges.last_mut().filter(|last| last.stage == Stage::As && last.reply.is_none());
            if let Some(last) = last.filter(|last| !matches!(last.silence, Silence::Unreachable(_))) {
                last.silence = Silence::Hidden;
                if let Some(principal) = &logon.requested {
                    let name = principal.name.to_lowercase();
                    self.facts.perhaps_granted.note(name, (seen.at, client));
                }
            }
        }
    }

    /// The logon for a reply whose request was not seen.
    fn logon_of_orphan(
        &mut self,
        stage: Stage,
        cname: Option<&kerberos::PrincipalName>,
        realm: Option<&decode::WireText>,
        seen: Seen,
        path: Path,
    ) -> usize {
        let client = path.destination.address;
        // Under FAST a TGS-REP says that the client is anonymous, which names nobody.
        let cname = cname.filter(|name| stage == Stage::As || !name.is_anonymous());
        let principal = cname.zip(realm).map(|(name, realm)| Principal::new(name, realm));
        let name = principal.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
        if let Some(&index) = self.current.get(&(client, name.clone()))
            && let Some(logon) = self.logons.lately(index, seen.at)
            && Self::orphan_joins(logon, stage, path.source.address, seen.at)
        {
            return index;
        }
        // Nobody's answers about services say no more of a logon than use of a ticket of which nothing is known.
        let nobody = principal.is_none() && stage == Stage::Tgs;
        if nobody && let Some(&index) = self.foreign.get(&(client, None)) {
            return index;
        }
        let index = self.new_logon(client, seen);
        if let Some(logon) = self.logons.get_mut(index) {
            logon.requested = principal;
        }
        if stage == Stage::As {
            self.current.insert((client, name), index);
        } else if nobody {
            self.foreign.insert((client, None), index);
        }
        index
    }

    /// Whether a reply whose request was not seen belongs to the attempt `logon`, of the same client and client name.
    ///
    /// The request would have to: what was refused for good is over, and what follows is another attempt. A request that
    /// still has no answer has another one than this, unless that was there and could not be read: then the client went on.
    fn orphan_joins(logon: &Logon, stage: Stage, kdc: IpAddr, at: CaptureTime) -> bool {
        let within = |seconds: i64| at.since(logon.ended.at) <= seconds * CaptureTime::SECOND;
        if logon.issued().is_some() {
            return stage == Stage::Tgs && within(Self::ASK_AGAIN_SECONDS);
        }
        if let Some(last) = logon.as_exchanges().next_back().filter(|last| last.reply.is_none()) {
            return last.silence == Silence::Hidden && within(Self::FAIL_OVER_SECONDS);
        }
        match logon.refusal() {
            None => within(Self::ASK_AGAIN_SECONDS),
            Some(_) if stage == Stage::Tgs => false,
            Some((_, code)) if is_mendable(code) => within(Self::RETRY_SECONDS),
            Some((last, _)) => last.kdc.address != kdc && within(Self::FAIL_OVER_SECONDS),
        }
    }

    fn new_logon(&mut self, client: IpAddr, seen: Seen) -> usize {
        let index = self.logons.begin(client, seen);
        let recent = self.recent.entry(client).or_default();
        if recent.len() >= Self::RECENT_LOGONS {
            recent.pop_front();
        }
        recent.push_back(index);
        index
    }

    /// A logon of this client that so far consists of failed connections only, and not long ago.
    fn adoptable(&mut self, client: IpAddr, at: CaptureTime) -> Option<usize> {
        self.recent.get(&client)?.iter().rev().copied().find(|&index| {
            let logon = self.logons.with_only_attempts(index, at);
            logon.is_some_and(|logon| at.since(logon.ended.at).abs() <= Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND)
        })
    }

    /// Gives a logon that uses its ticket here the attempts of its client that came to nothing just before: they were on
    /// the way to what it asks for now, and no logon of their own.
    fn take_over_attempts(&mut self, into: usize, client: IpAddr, at: Seen) {
        if self.logons.is_gone(into) {
            return;
        }
        let Some(recent) = self.recent.get_mut(&client) else { return };
        let logons = &self.logons;
        let on_the_way = |index: &usize| {
            *index != into
                && logons.get(*index).is_some_and(|logon| {
                    logon.exchanges.is_empty()
                        && logon.requested.is_none()
                        && logon.attempts.last().is_some_and(|last| is_next_try(&last.event, at.at))
                })
        };
        let Some(place) = recent.iter().rposition(on_the_way) else { return };
        let Some(from) = recent.remove(place) else { return };
        let Some(taken) = self.logons.remove(from) else { return };
        let Some(logon) = self.logons.get_mut(into) else { return };
        let before = logon.attempts.len();
        logon.attempts.extend(taken.attempts);
        logon.attempts.truncate(Logon::MAX_ATTEMPTS);
        logon.began = logon.began.min(taken.began);
        logon.ended = logon.ended.max(taken.ended);
        for (index, attempt, _) in self.unsettled.iter_mut().filter(|(index, ..)| *index == from) {
            (*index, *attempt) = (into, before + *attempt);
        }
    }

    /// Opens those logons of a client that what happens at `at` may join.
    fn open_recent(&mut self, client: IpAddr, at: CaptureTime) {
        for &index in self.recent.get(&client).into_iter().flatten() {
            self.logons.lately(index, at);
        }
    }

    fn add_exchange(&mut self, logon: usize, exchange: Exchange) -> Option<Place> {
        let entry = self.logons.get_mut(logon)?;
        if let Some(seen) = exchange.began() {
            entry.began = entry.began.min(seen);
            entry.ended = entry.ended.max(seen);
        }
        if entry.exchanges.len() >= Logon::MAX_EXCHANGES {
            entry.exchanges_beyond = entry.exchanges_beyond.saturating_add(1);
            return None;
        }
        entry.exchanges.push(exchange);
        Some(Place { logon, exchange: entry.exchanges.len() - 1 })
    }

    fn orphan(&mut self, logon: usize, stage: Stage, event: &Arc<Event>, path: Path) {
        let (flow, _) = path.flow();
        if path.transport == Transport::Udp {
            self.facts.visibility.conversations += 1;
            self.facts.visibility.one_sided += 1;
        }
        if let Some(dc) = self.facts.domain_controller(path.source.address) {
            dc.heard = true;
        }
        let place = self.add_exchange(
            logon,
            Exchange {
                stage,
                client: path.destination,
                kdc: path.source,
                transport: path.transport,
                request: None,
                repeats: Vec::new(),
                repeat_count: 0,
                reply: Some(Arc::clone(event)),
                silence: Silence::Waiting,
            },
        );
        if let Some(place) = place.filter(|_| path.transport == Transport::Udp) {
            self.pairing.answered(flow, place, event.seen.at, false);
        }
    }

    fn answer(&mut self, place: Place, flow: FlowKey, event: &Arc<Event>) {
        let Some(logon) = self.logons.get_mut(place.logon) else { return };
        logon.ended = logon.ended.max(event.seen);
        let Some(exchange) = logon.exchanges.get_mut(place.exchange) else { return };
        exchange.reply = Some(Arc::clone(event));
        let (kdc, transport, asked_again) = (exchange.kdc.address, exchange.transport, exchange.repeat_count > 0);
        let asked = exchange.repeats.last().copied().or(exchange.request.as_deref().map(|event| event.seen));
        if transport == Transport::Udp {
            self.facts.visibility.conversations += 1;
            self.pairing.answered(flow, place, event.seen.at, asked_again);
        }
        let Some(dc) = self.facts.domain_controller(kdc) else { return };
        dc.heard = true;
        if let Some(asked) = asked
            && let Ok(nanoseconds) = u64::try_from(event.seen.at.since(asked.at))
            && dc.response_times.len() < crate::DomainController::MAX_SAMPLES
        {
            dc.response_times.push(nanoseconds / 1000);
        }
    }

    /// Notes what an AS-REP says about the account, the key and the domain controller.
    fn granted(&mut self, index: usize, exchange: Option<usize>, reply: &KdcReply, seen: Seen, kdc: IpAddr) {
        let Some(logon) = self.logons.get_mut(index) else { return };
        if let (Some(name), Some(realm)) = (&reply.cname, &reply.crealm)
            && !(name.is_anonymous()
                && logon
                    .requested
                    .as_ref()
                    .is_some_and(|asked| !asked.name.eq_ignore_ascii_case("WELLKNOWN/ANONYMOUS")))
        {
            logon.canonical = Some(Principal::new(name, realm));
        }
        let names = [logon.requested.as_ref(), logon.canonical.as_ref()];
        let mut names: Vec<String> =
            names.into_iter().flatten().map(|principal| principal.name.to_lowercase()).collect();
        names.dedup();
        let client = logon.client;
        for name in names {
            self.facts.note_granted(name, seen.at, client);
        }
        if let Some(dc) = self.facts.domain_controller(kdc)
            && let Some(realm) = reply.ticket.as_ref().and_then(|ticket| ticket.realm.as_ref())
        {
            dc.note_realm(realm);
        }
        let Some(pkinit) = reply.pkinit.as_deref() else { return };
        let shown = pkinit.signed.signer_certificate().or_else(|| pkinit.signed.certificates.first());
        let noted = shown.and_then(|certificate| {
            let (place, is_new) = self.facts.note_certificate(kdc, certificate, seen)?;
            if is_new {
                self.facts.cloud.learn(certificate);
            }
            Some(place)
        });
        let request = exchange.and_then(|exchange| logon.exchanges.get(exchange)).and_then(Exchange::kdc_request);
        let asked = request.and_then(|request| request.pkinit.as_deref());
        let certificate = asked.and_then(|asked| asked.signed.signer_certificate());
        if let Some(asked) = asked
            && let Some(dc) = self.facts.domain_controller(kdc)
        {
            let ticket = reply.ticket.as_ref().and_then(|ticket| ticket.id);
            let has_room = self.unused.len() < Self::MAX_UNUSED;
            // What is not followed is not counted, or it would count as never used.
            let noted = noted.filter(|_| certificate.is_some() && (has_room || ticket.is_none()));
            if let Some(noted) = noted.and_then(|noted| dc.certificates.get_mut(noted)) {
                noted.tickets += 1;
            }
            let place = dc.note_issued(Issuance {
                seen,
                self_signed: certificate.map(|certificate| certificate.self_signed),
                agreement: asked.key_agreement.clone(),
                certificate: noted,
                used: None,
            });
            match ticket {
                Some(ticket) if has_room => drop(self.unused.insert(ticket, (kdc, place))),
                Some(_) => self.facts.ticket_lost(),
                None => {}
            }
        }
        if let Some(certificate) = certificate
            && !certificate.key_id.is_empty()
        {
            let holder = logon.requested.as_ref().map(|principal| (client, principal.name.to_lowercase()));
            self.facts.note_key(certificate, (seen, kdc, None), holder);
            if let (Some(hello), Some(realm)) = (certificate.hello_name(), &reply.crealm)
                && let Some(domain) = hello.domain_sid()
            {
                self.facts.note_domain(&realm.to_unicode().to_lowercase(), domain, &certificate.key_id);
            }
        }
    }

    /// Notes what a KRB-ERROR says about the account, the key and the domain controller.
    fn note_refusal(&mut self, index: usize, exchange: Option<usize>, error: &KrbError, seen: Seen, kdc: IpAddr) {
        let mut dc = self.facts.domain_controller(kdc);
        if let (Some(dc), Some(realm)) = (&mut dc, &error.realm) {
            dc.note_realm(realm);
        }
        if let (Some(dc), Some(stime)) = (&mut dc, error.stime) {
            dc.clock = Some((stime, seen));
            let microseconds = stime.seconds().saturating_mul(1_000_000).saturating_add(error.susec.unwrap_or(0));
            let offset = microseconds.saturating_sub(seen.at.0 / 1000);
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds of a clock offset; beyond 285 years it may round"
            )]
            dc.note_clock(offset as f64 / 1e6);
        }
        let Some(logon) = self.logons.get_mut(index) else { return };
        let Some(exchange) = exchange.and_then(|exchange| logon.exchanges.get(exchange)) else { return };
        let Some(request) = exchange.kdc_request() else { return };
        if exchange.stage != Stage::As {
            return;
        }
        if error.code == ErrorCode::PREAUTH_REQUIRED {
            if let Some(ErrorData::MethodData(list)) = &error.e_data {
                // An armored answer hides its list.
                if let Some(dc) = dc.filter(|_| list.iter().any(|data| data.kind != PaType::FX_FAST)) {
                    dc.offered_pkinit = Some((list.iter().any(|data| data.kind == PaType::PK_AS_REQ), seen));
                }
            }
            return;
        }
        let name = logon.requested.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
        self.facts.refused_binds.refused(&name, logon.client, kdc, error.code, seen);
        let by_password = request.has(PaType::ENC_TIMESTAMP) || (request.has(PaType::FX_FAST) && error.is_armored());
        if by_password && error.code == ErrorCode::PREAUTH_FAILED {
            self.facts.wrong_passwords.note((name.clone(), logon.client), seen);
        }
        if !request.has(PaType::PK_AS_REQ) || exchange.is_intermediate() {
            return;
        }
        let asked = exchange.request.as_deref().map(|event| event.seen);
        self.facts.refused_pkinit.note((logon.client, name.clone()), (asked, seen, logon.id));
        let certificate = request.pkinit.as_deref().and_then(|pkinit| pkinit.signed.signer_certificate());
        if let Some(certificate) = certificate.filter(|certificate| !certificate.key_id.is_empty()) {
            self.facts.note_key(certificate, (seen, kdc, Some(error.code)), Some((logon.client, name)));
        }
    }

    /// A TGS-REP names the client where no AS exchange did. Under FAST it may say anonymous, which names nobody.
    fn name_from_service_reply(&mut self, index: usize, reply: &KdcReply) {
        let Some(logon) = self.logons.get_mut(index) else { return };
        if logon.principal().is_none()
            && let (Some(name), Some(realm)) = (&reply.cname, &reply.crealm)
            && !name.is_anonymous()
        {
            logon.canonical = Some(Principal::new(name, realm));
        }
    }

    fn note_client(&mut self, client: IpAddr, request: &KdcRequest, seen: Seen) {
        self.note_traffic(client, seen.at);
        if request.stage == Stage::As {
            if request.has(PaType::FX_FAST) {
                self.facts.note_armored(client, seen);
            } else {
                self.facts.unarmored += 1;
            }
        }
        let netbios = |address: &&HostAddress| address.kind == NETBIOS && !address.text.is_empty();
        if let Some(address) = request.addresses.iter().find(netbios) {
            self.facts.note_name(client, &address.text);
        }
    }

    fn note_traffic(&mut self, client: IpAddr, at: CaptureTime) {
        self.facts.kerberos_of.note_second(client, at);
    }

    /// A connection to a KDC joins a logon when it came to nothing.
    fn connection(&mut self, event: &Arc<Event>, connection: &Connection, path: Path) {
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
        self.note_traffic(path.source.address, connection.began.at);
        if connection.opened != Some(false) {
            return;
        }
        self.facts.domain_controller(path.destination.address);
        self.attempt(path.source.address, path.destination, event, connection.began);
    }

    fn unreachable(&mut self, event: &Arc<Event>, unreachable: &Unreachable) {
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
    /// no answer yet or was told to come by TCP, that was about to use its ticket, or that came next, at another KDC. Else
    /// it is a logon of its own, by nobody known.
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

    /// Something on this path was not decoded: replies that still wait on its flow may be in it.
    fn hole(&mut self, path: Path) {
        self.facts.locator.hole(path);
        self.facts.pings.hole(path);
        self.facts.cloud.hole(path);
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
fn is_next_try(event: &Event, next: CaptureTime) -> bool {
    let (began, last_try) = match &event.message {
        Message::Connection(connection) => (connection.began, connection.last_syn.unwrap_or(connection.began)),
        _ => (event.seen, event.seen),
    };
    // SYNs come at intervals that double.
    let tried = last_try.at.since(began.at);
    (0..=2 * tried + Grouper::FAIL_OVER_SECONDS * CaptureTime::SECOND).contains(&next.since(began.at))
}

/// Whether an attempt that came to nothing and began after this logon got its ticket was for a service ticket: it came
/// right after an answer to this logon, or after another such attempt, or while it waited for an answer; or what the client
/// did next was to ask for one.
/// A ticket is used at once: of 74 logons in public captures, each asked for its first service ticket within 0.71 seconds.
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

/// What an event is good for, beyond being counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For nothing: joining it would change nothing. Most are so, above all searches of the directory and questions about
    /// hosts.
    None,
    /// It answers a search: for something if that asked for keys.
    Answer,
    /// It asks the directory for keys.
    Keys,
    /// For more.
    Joined,
}

/// What an event is good for.
pub(crate) fn use_of(event: &Event) -> Use {
    match &event.message {
        Message::Ldap(message) => match &message.operation {
            Operation::BindRequest(_)
            | Operation::BindResponse(_)
            | Operation::ModifyResponse(_)
            | Operation::AddResponse(_) => Use::Joined,
            Operation::ModifyRequest(change) | Operation::AddRequest(change)
                if change.attributes.contains(KEY_ATTRIBUTE) =>
            {
                Use::Joined
            }
            Operation::SearchRequest(request) if request.attributes.iter().any(is_key_credential_link) => Use::Keys,
            Operation::SearchResultEntry(entry) if entry.keys.is_some() => Use::Joined,
            Operation::SearchResultEntry(_) | Operation::SearchResultDone(_) => Use::Answer,
            _ => Use::None,
        },
        Message::Dns(message) if !message.response && message.locator().is_none() => Use::None,
        _ => Use::Joined,
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

/// How well a reply with these names answers an exchange: names that agree, and a request that may still be answered.
///
/// A port may be used again while a request whose reply the capture missed still waits on it. A KDC may write a name in
/// its own way, so that names which differ do not speak against a request that is alone.
fn fit(
    exchange: &Exchange,
    cname: Option<&kerberos::PrincipalName>,
    sname: Option<&kerberos::PrincipalName>,
) -> (bool, bool) {
    let agrees = |asked: Option<&kerberos::PrincipalName>, answered: Option<&kerberos::PrincipalName>| {
        let both = asked.zip(answered);
        both.is_none_or(|(asked, answered)| asked.to_unicode().eq_ignore_ascii_case(&answered.to_unicode()))
    };
    let request = exchange.kdc_request();
    let names = agrees(request.and_then(|request| request.cname.as_ref()), cname)
        && agrees(request.and_then(|request| request.sname.as_ref()), sname);
    (exchange.silence == Silence::Waiting, names)
}

/// Whether the request is the one at this place, sent again; if so, counts it there.
fn repeats(logons: &mut Logons, place: Place, request: &KdcRequest, seen: Seen) -> bool {
    let Some(logon) = logons.get_mut(place.logon) else { return false };
    let Some(exchange) = logon.exchanges.get_mut(place.exchange) else { return false };
    if !exchange.kdc_request().is_some_and(|earlier| is_same_request(earlier, request)) {
        return false;
    }
    if exchange.repeats.len() < Exchange::MAX_REPEATS {
        exchange.repeats.push(seen);
    }
    exchange.repeat_count = exchange.repeat_count.saturating_add(1);
    logon.ended = logon.ended.max(seen);
    true
}

/// Whether the time in which a KDC answers has passed since then.
fn has_passed(now: Option<CaptureTime>, began: CaptureTime) -> bool {
    now.is_some_and(|now| now.since(began) >= Exchange::REPLY_WAIT_SECONDS * CaptureTime::SECOND)
}

fn proof_of(request: &KdcRequest) -> Proof {
    if request.has(PaType::PK_AS_REQ) || request.has(PaType::PK_AS_REP_OLD) {
        Proof::Pkinit
    } else if request.has(PaType::FX_FAST) {
        Proof::Armored
    } else if request.has(PaType::ENC_TIMESTAMP) {
        Proof::Password
    } else {
        Proof::Nothing
    }
}

/// Which exchange an error ended whose request the capture does not hold.
///
/// A KDC repeats the client's name in answer to an AS-REQ, where it is plain; Samba does so in answer to a TGS-REQ, too.
/// Then the service tells, and errors about the ticket, which only a TGS-REQ brings.
fn stage_of_orphan(error: &KrbError) -> Stage {
    let for_a_service = error.sname.as_ref().is_some_and(|name| {
        let first = name.components.first();
        !name.is_krbtgt() && !first.is_some_and(|first| first.eq_ignore_case("kadmin"))
    });
    let about_a_ticket = matches!(
        error.code,
        ErrorCode::BADOPTION | ErrorCode::S_PRINCIPAL_UNKNOWN | ErrorCode::TGT_REVOKED | ErrorCode::TKT_EXPIRED
    );
    if error.cname.is_none() || for_a_service || about_a_ticket { Stage::Tgs } else { Stage::As }
}

/// Refusals that tell the client what to change, so that it tries again by itself.
fn is_mendable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ETYPE_NOSUPP
            | ErrorCode::PREAUTH_REQUIRED
            | ErrorCode::DH_KEY_PARAMETERS_NOT_ACCEPTED
            | ErrorCode::DIGEST_IN_CERT_NOT_ACCEPTED
            | ErrorCode::PA_CHECKSUM_MUST_BE_INCLUDED
            | ErrorCode::DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED
            | ErrorCode::PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED
            | ErrorCode::PREAUTH_EXPIRED
            | ErrorCode::MORE_PREAUTH_DATA_REQUIRED
    )
}
