//! Requests, replies and errors of Kerberos: which belong together, which came before, and what they say of others.

use std::{net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::{
    Event, FlowKey, Path, Seen, Transport,
    kerberos::{self, ErrorCode, ErrorData, HostAddress, KdcReply, KdcRequest, KrbError, PaType, Stage},
};

use super::Grouper;
use crate::{
    Exchange, Logon, Logons, Principal,
    exchange::Silence,
    facts::Issuance,
    pair::{Nonces, Place, is_same_reply, is_same_request, says_the_same},
};

/// NetBIOS, as address type of a HostAddress (RFC 4120 §7.5.3).
const NETBIOS: i32 = 20;

/// The second answer to a request that came twice follows within this time: the KDC works on both at once.
const SECOND_ANSWER: i64 = 2 * CaptureTime::SECOND;

impl Grouper {
    /// Tickets of PKINIT replies followed at once until they are used. Further ones are not counted as used or not.
    const MAX_UNUSED: usize = 100_000;

    pub(super) fn request(&mut self, event: &Arc<Event>, request: &KdcRequest, path: Path) {
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
            undelivered: None,
            lost_reply: None,
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

    pub(super) fn reply(&mut self, event: &Arc<Event>, reply: &KdcReply, path: Path) {
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

    pub(super) fn error(&mut self, event: &Arc<Event>, error: &KrbError, path: Path) {
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

    /// Whether this reply was seen before: a copy of the datagram, or a second answer to a request that came twice
    /// where a later request waits on the same ports, whose answer it is not for sure.
    pub(super) fn repeated_reply(&mut self, event: &Event, flow: &FlowKey) -> bool {
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
                undelivered: None,
                lost_reply: None,
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
        let delayed = exchange.came_late();
        let (kdc, transport, asked_again) = (exchange.kdc.address, exchange.transport, exchange.repeat_count > 0);
        let asked = exchange.repeats.last().copied().or(exchange.request.as_deref().map(|event| event.seen));
        if transport == Transport::Udp {
            self.facts.visibility.conversations += 1;
            self.pairing.answered(flow, place, event.seen.at, asked_again);
        }
        let Some(dc) = self.facts.domain_controller(kdc) else { return };
        dc.heard = true;
        // How long the request was on its way says nothing about the domain controller.
        if let Some(asked) = asked.filter(|_| !delayed)
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
pub(super) fn repeats(logons: &mut Logons, place: Place, request: &KdcRequest, seen: Seen) -> bool {
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

/// Which exchange an error ended whose request the capture does not hold.
///
/// A KDC repeats the client's name in answer to an AS-REQ, where it is plain; Samba does so in answer to a TGS-REQ,
/// too. Then the service tells, and errors about the ticket, which only a TGS-REQ brings.
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
