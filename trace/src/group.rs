//! Events to logons: whose is this message, and is it the same attempt as before?
//!
//! In: events in one order. Out: [`Logon`]s and [`Facts`]. One thread, few events. What joins is decided by
//! * the flow (reply to request), certain;
//! * the ticket (TGS-REQ to the AS-REP that issued it), certain;
//! * client address, client name and time (one AS exchange to the next), inferred; see [`Grouper::joins`].

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{
    Connection, Endpoint, Event, FlowKey, KDC_PORT, Message, Path, Seen, Transport, Unreachable,
    kerberos::{self, ErrorCode, ErrorData, HostAddress, KdcReply, KdcRequest, KrbError, PaType, Stage, TicketId},
};

use crate::{
    Attempt, Exchange, Facts, Logon, LogonId, Method, Principal,
    exchange::Silence,
    facts::{CertificateSeen, Issuance},
    logon::method_of,
    pair::{Pairing, Place, is_same_request},
};

/// NetBIOS, as address type of a HostAddress (RFC 4120 §7.5.3).
const NETBIOS: i32 = 20;

/// Joins events into logons.
#[derive(Debug, Default)]
pub struct Grouper {
    logons: Vec<Logon>,
    facts: Facts,
    pairing: Pairing,
    /// The latest logon of each subject.
    current: HashMap<(IpAddr, String), usize>,
    /// The latest logons of each client, newest last.
    recent: HashMap<IpAddr, VecDeque<usize>>,
    /// Tickets whose issue was seen.
    tickets: HashMap<TicketId, usize>,
    /// Tickets whose issue was not seen, by the client that used them.
    foreign: HashMap<(IpAddr, Option<TicketId>), usize>,
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

    /// Takes in one event. Events come in the order of [`crate::Decoding`].
    pub fn push(&mut self, event: Event) {
        self.facts.visibility.note(&event);
        // They say nothing that a logon is made of, and there are many: none is kept.
        if matches!(event.message, Message::Ldap(_) | Message::Cldap(_)) {
            return;
        }
        let event = Arc::new(event);
        match &event.message {
            Message::Kerberos(message) => {
                if let Some(path) = event.path {
                    self.kerberos(&event, message, path);
                }
            }
            Message::Dns(_) => self.facts.locator.push(&event),
            Message::Connection(connection) => {
                if let Some(path) = event.path {
                    self.connection(&event, connection, path);
                }
            }
            Message::Unreachable(unreachable) => self.unreachable(&event, unreachable),
            Message::Gap(_) => {
                if let Some(path) = event.path {
                    self.hole(path);
                }
            }
            Message::Ldap(_) | Message::Cldap(_) | Message::Damage(_) => {}
        }
    }

    /// Capture time has passed to `now`, a whole tick.
    pub fn tick(&mut self, now: CaptureTime) {
        let logons = &mut self.logons;
        self.pairing.tick(now, Exchange::REPLY_WAIT_SECONDS, |place| {
            if let Some(exchange) = exchange_at(logons, place)
                && exchange.silence == Silence::Waiting
            {
                exchange.silence = Silence::TimedOut;
            }
        });
    }

    /// The logons, in the order in which they began.
    pub fn logons(&self) -> &[Logon] {
        &self.logons
    }

    /// What holds beyond them.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    fn kerberos(&mut self, event: &Arc<Event>, message: &kerberos::Message, path: Path) {
        match message {
            kerberos::Message::KdcRequest(request) => self.request(event, request, path),
            kerberos::Message::KdcReply(reply) => self.reply(event, reply, path),
            kerberos::Message::Error(error) if path.source.port == KDC_PORT => self.error(event, error, path),
            // Application messages belong to services; they say nothing about how the subject got in.
            kerberos::Message::Error(_)
            | kerberos::Message::ApRequest(_)
            | kerberos::Message::ApReply(_)
            | kerberos::Message::Safe { .. }
            | kerberos::Message::Private(_)
            | kerberos::Message::Credential { .. } => {}
        }
    }

    fn request(&mut self, event: &Arc<Event>, request: &KdcRequest, path: Path) {
        let (client, kdc) = (path.source, path.destination);
        let (flow, _) = path.flow();
        self.note_client(client.address, request, event.seen);
        self.facts.domain_controllers.entry(kdc.address).or_default();
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
            Stage::As => self.logon_of_as(request, client.address, kdc.address, event.seen),
            Stage::Tgs => self.logon_of_tgs(request, client.address, event.seen),
        };
        if let Some(place) = self.add_exchange(logon, exchange) {
            self.pairing.ask(flow, place, event.seen.at);
        }
    }

    fn reply(&mut self, event: &Arc<Event>, reply: &KdcReply, path: Path) {
        let (flow, _) = path.flow();
        let logons = &mut self.logons;
        let found = self
            .pairing
            .take(&flow, |place| exchange_at(logons, place).is_some_and(|exchange| exchange.stage == reply.stage));
        let logon = if let Some(place) = found {
            self.answer(place, event);
            place.logon
        } else {
            let logon =
                self.logon_of_orphan(reply.stage, reply.cname.as_ref(), reply.crealm.as_ref(), event.seen, path);
            self.orphan(logon, reply.stage, event, path);
            logon
        };
        if let Some(ticket) = reply.ticket.as_ref().and_then(|ticket| ticket.id) {
            self.tickets.insert(ticket, logon);
        }
        let exchange_index = found.map(|place| place.exchange);
        match reply.stage {
            Stage::As => self.granted(logon, exchange_index, reply, event.seen, path.source.address),
            Stage::Tgs => self.name_from_service_reply(logon, reply),
        }
    }

    fn error(&mut self, event: &Arc<Event>, error: &KrbError, path: Path) {
        let (flow, _) = path.flow();
        let (logon, exchange) = if let Some(place) = self.pairing.take(&flow, |_| true) {
            self.answer(place, event);
            (place.logon, Some(place.exchange))
        } else {
            let stage = if error.cname.is_some() { Stage::As } else { Stage::Tgs };
            let realm = error.crealm.as_ref().or(error.realm.as_ref());
            let logon = self.logon_of_orphan(stage, error.cname.as_ref(), realm, event.seen, path);
            self.orphan(logon, stage, event, path);
            (logon, None)
        };
        self.note_refusal(logon, exchange, error, event.seen, path.source.address);
    }

    /// Counts the request as a repetition of one that waits on the same flow, if it is one.
    fn repeat(&mut self, request: &KdcRequest, flow: &FlowKey, seen: Seen) -> bool {
        for waiting in self.pairing.on(flow) {
            let Some(exchange) = exchange_at(&mut self.logons, waiting.place) else { continue };
            if !exchange.kdc_request().is_some_and(|earlier| is_same_request(earlier, request)) {
                continue;
            }
            if exchange.repeats.len() < Exchange::MAX_REPEATS {
                exchange.repeats.push(seen);
            }
            exchange.repeat_count = exchange.repeat_count.saturating_add(1);
            waiting.last_sent = seen.at;
            if let Some(logon) = self.logons.get_mut(waiting.place.logon) {
                logon.ended = logon.ended.max(seen);
            }
            return true;
        }
        false
    }

    /// The logon that an AS-REQ belongs to: the subject's latest one if it [joins](Self::joins), else a new one.
    fn logon_of_as(&mut self, request: &KdcRequest, client: IpAddr, kdc: IpAddr, seen: Seen) -> usize {
        let principal =
            request.cname.as_ref().zip(request.realm.as_ref()).map(|(name, realm)| Principal::new(name, realm));
        let name = principal.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
        let key = (client, name);
        let method = method_of(request);
        if let Some(&index) = self.current.get(&key)
            && let Some(logon) = self.logons.get_mut(index)
            && Self::joins(logon, request, kdc, seen.at)
        {
            if logon.method == Method::Unknown {
                logon.method = method;
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

    /// Whether an AS-REQ continues the attempt `logon`, of the same client and client name.
    ///
    /// | the attempt so far | the request | |
    /// | --- | --- | --- |
    /// | got its ticket | any | no: a new attempt |
    /// | no answer yet | same proof, or the first proof | yes: it asks again, perhaps elsewhere |
    /// | was told which proof is wanted (25) | brings proof | yes |
    /// | was told that the reply is too big (52), or to go to another realm (68) | same proof | yes |
    /// | was refused for what a client can mend (parameters, freshness, encryption types) | same proof | yes, within seconds |
    /// | was refused | same proof, at another KDC | yes, within two seconds: fail-over |
    /// | was refused | other proof, or it starts over without | no: a new attempt |
    fn joins(logon: &Logon, request: &KdcRequest, kdc: IpAddr, at: CaptureTime) -> bool {
        let Some(last) = logon.as_exchanges().next_back() else { return !logon.closed };
        if logon.closed || logon.issued().is_some() {
            return false;
        }
        let within = |seconds: i64| at.since(logon.ended.at) <= seconds * CaptureTime::SECOND;
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
            return within(Self::ASK_AGAIN_SECONDS) && (same || first_proof);
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
        if let Some(&logon) = id.and_then(|id| self.tickets.get(&id)) {
            self.facts.clients_seen_from_the_start.insert(client);
            return logon;
        }
        // A partial ticket of Microsoft Entra: its key version names the read-only DC in the upper half (MS-KILE 3.1.5.8).
        let is_partial = request.has(PaType::KERB_KEY_LIST_REQ)
            && ticket.and_then(|ticket| ticket.kvno).is_some_and(|kvno| (kvno >> 16) & 0xffff != 0);
        if !is_partial {
            self.facts.clients_seen_midway.entry(client).or_insert(seen);
        }
        if let Some(&logon) = self.foreign.get(&(client, id)) {
            return logon;
        }
        let logon = self.new_logon(client, seen);
        if is_partial && let Some(logon) = self.logons.get_mut(logon) {
            logon.method = Method::CloudKerberos;
        }
        self.foreign.insert((client, id), logon);
        logon
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
        let principal = cname.zip(realm).map(|(name, realm)| Principal::new(name, realm));
        let name = principal.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
        if let Some(&index) = self.current.get(&(client, name.clone()))
            && let Some(logon) = self.logons.get(index)
            && seen.at.since(logon.ended.at) <= Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND
            && (stage == Stage::Tgs || logon.issued().is_none())
        {
            return index;
        }
        let index = self.new_logon(client, seen);
        if let Some(logon) = self.logons.get_mut(index) {
            logon.requested = principal;
        }
        if stage == Stage::As {
            self.current.insert((client, name), index);
        }
        index
    }

    fn new_logon(&mut self, client: IpAddr, seen: Seen) -> usize {
        let index = self.logons.len();
        self.logons.push(Logon {
            id: LogonId(index as u64 + 1),
            client,
            requested: None,
            canonical: None,
            method: Method::Unknown,
            exchanges: Vec::new(),
            exchanges_beyond: 0,
            attempts: Vec::new(),
            began: seen,
            ended: seen,
            closed: false,
        });
        let recent = self.recent.entry(client).or_default();
        if recent.len() >= Self::RECENT_LOGONS {
            recent.pop_front();
        }
        recent.push_back(index);
        index
    }

    /// A logon of this client that so far consists of failed connections only, and not long ago.
    fn adoptable(&self, client: IpAddr, at: CaptureTime) -> Option<usize> {
        self.recent.get(&client)?.iter().rev().copied().find(|&index| {
            self.logons.get(index).is_some_and(|logon| {
                logon.exchanges.is_empty()
                    && logon.requested.is_none()
                    && !logon.attempts.is_empty()
                    && at.since(logon.ended.at).abs() <= Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND
            })
        })
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
        if path.transport == Transport::Udp {
            self.facts.visibility.conversations += 1;
            self.facts.visibility.one_sided += 1;
        }
        self.facts.domain_controllers.entry(path.source.address).or_default();
        self.add_exchange(
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
    }

    fn answer(&mut self, place: Place, event: &Arc<Event>) {
        let Some(logon) = self.logons.get_mut(place.logon) else { return };
        logon.ended = logon.ended.max(event.seen);
        let Some(exchange) = logon.exchanges.get_mut(place.exchange) else { return };
        exchange.reply = Some(Arc::clone(event));
        let (kdc, transport) = (exchange.kdc.address, exchange.transport);
        let asked = exchange.repeats.last().copied().or(exchange.request.as_deref().map(|event| event.seen));
        if transport == Transport::Udp {
            self.facts.visibility.conversations += 1;
        }
        let dc = self.facts.domain_controllers.entry(kdc).or_default();
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
            self.facts.granted.entry(name).or_default().push((seen.at, client));
        }
        let dc = self.facts.domain_controllers.entry(kdc).or_default();
        if let Some(realm) = reply.ticket.as_ref().and_then(|ticket| ticket.realm.as_ref()) {
            dc.realms.insert(realm.to_unicode());
        }
        let Some(pkinit) = reply.pkinit.as_deref() else { return };
        if let Some(certificate) = pkinit.signed.signer_certificate().or_else(|| pkinit.signed.certificates.first()) {
            match dc.certificates.iter_mut().find(|known| known.certificate.sha256 == certificate.sha256) {
                Some(known) => {
                    known.last = known.last.max(seen);
                    known.count += 1;
                }
                None => dc.certificates.push(CertificateSeen {
                    certificate: Arc::clone(certificate),
                    first: seen,
                    last: seen,
                    count: 1,
                }),
            }
        }
        let request = exchange.and_then(|exchange| logon.exchanges.get(exchange)).and_then(Exchange::kdc_request);
        let asked = request.and_then(|request| request.pkinit.as_deref());
        let certificate = asked.and_then(|asked| asked.signed.signer_certificate());
        if let Some(asked) = asked {
            dc.issued.push(Issuance {
                seen,
                self_signed: certificate.map(|certificate| certificate.self_signed),
                agreement: asked.key_agreement.clone(),
            });
        }
        if let Some(certificate) = certificate
            && !certificate.key_id.is_empty()
        {
            let key = self.facts.keys.entry(certificate.key_id.clone()).or_default();
            key.granted.push((seen, kdc));
            if let Some(principal) = &logon.requested {
                key.principals.insert(principal.name.to_lowercase());
            }
        }
    }

    /// Notes what a KRB-ERROR says about the account, the key and the domain controller.
    fn note_refusal(&mut self, index: usize, exchange: Option<usize>, error: &KrbError, seen: Seen, kdc: IpAddr) {
        let dc = self.facts.domain_controllers.entry(kdc).or_default();
        if let Some(realm) = &error.realm {
            dc.realms.insert(realm.to_unicode());
        }
        if let Some(stime) = error.stime
            && dc.clock_offsets.len() < crate::DomainController::MAX_SAMPLES
        {
            let microseconds = stime.seconds().saturating_mul(1_000_000).saturating_add(error.susec.unwrap_or(0));
            let offset = microseconds.saturating_sub(seen.at.0 / 1000);
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds of a clock offset; beyond 285 years it may round"
            )]
            dc.clock_offsets.push(offset as f64 / 1e6);
        }
        let Some(logon) = self.logons.get(index) else { return };
        let Some(exchange) = exchange.and_then(|exchange| logon.exchanges.get(exchange)) else { return };
        let Some(request) = exchange.kdc_request() else { return };
        if exchange.stage != Stage::As {
            return;
        }
        if error.code == ErrorCode::PREAUTH_REQUIRED {
            if let Some(ErrorData::MethodData(list)) = &error.e_data {
                // An armored answer hides its list.
                if list.iter().any(|data| data.kind != PaType::FX_FAST) {
                    dc.offered_pkinit = Some((list.iter().any(|data| data.kind == PaType::PK_AS_REQ), seen));
                }
            }
            return;
        }
        let name = logon.requested.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
        if request.has(PaType::ENC_TIMESTAMP) && error.code == ErrorCode::PREAUTH_FAILED {
            self.facts.wrong_passwords.entry((logon.client, name.clone())).or_default().push(seen);
        }
        if !request.has(PaType::PK_AS_REQ) || exchange.is_intermediate() {
            return;
        }
        let asked = exchange.request.as_deref().map(|event| event.seen);
        self.facts.refused_pkinit.entry((logon.client, name.clone())).or_default().push((asked, seen, logon.id));
        let certificate = request.pkinit.as_deref().and_then(|pkinit| pkinit.signed.signer_certificate());
        if let Some(certificate) = certificate.filter(|certificate| !certificate.key_id.is_empty()) {
            let key = self.facts.keys.entry(certificate.key_id.clone()).or_default();
            key.refused.push((seen, kdc, error.code));
            key.principals.insert(name);
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
                let entry = self.facts.armored.entry(client).or_insert((seen, 0));
                entry.1 += 1;
            } else {
                self.facts.unarmored += 1;
            }
        }
        let netbios = |address: &&HostAddress| address.kind == NETBIOS && !address.text.is_empty();
        if let Some(address) = request.addresses.iter().find(netbios) {
            self.facts.client_names.entry(client).or_insert_with(|| address.text.to_unicode());
        }
    }

    fn note_traffic(&mut self, client: IpAddr, at: CaptureTime) {
        let times = self.facts.kerberos_of.entry(client).or_default();
        if times.last().is_none_or(|last| last.seconds() != at.seconds()) {
            times.push(at);
        }
    }

    /// A connection to a KDC joins a logon when it came to nothing.
    fn connection(&mut self, event: &Arc<Event>, connection: &Connection, path: Path) {
        if path.destination.port != KDC_PORT {
            return;
        }
        self.note_traffic(path.source.address, connection.began.at);
        if connection.opened != Some(false) {
            return;
        }
        self.facts.domain_controllers.entry(path.destination.address).or_default();
        self.attempt(path.source.address, path.destination, event, connection.began);
    }

    fn unreachable(&mut self, event: &Arc<Event>, unreachable: &Unreachable) {
        let Some(about) = unreachable.about.filter(|about| about.destination.port == KDC_PORT) else { return };
        if about.transport != Transport::Udp {
            // The connection's own event tells it.
            return;
        }
        let (flow, _) = about.flow();
        let mut concerned = None;
        for waiting in self.pairing.on(&flow) {
            if let Some(exchange) = exchange_at(&mut self.logons, waiting.place) {
                exchange.silence = Silence::Unreachable(event.seen);
                concerned = Some(waiting.place.logon);
            }
        }
        match concerned.and_then(|index| self.logons.get_mut(index)) {
            Some(logon) => add_attempt(logon, about.destination.address, event),
            None => self.attempt(about.source.address, about.destination, event, event.seen),
        }
    }

    /// Adds a failed attempt to reach a KDC to the logon it belongs to: one of this client, about this time, that has
    /// no answer yet or was told to come by TCP. Else it is a logon of its own, by nobody known.
    fn attempt(&mut self, client: IpAddr, kdc: Endpoint, event: &Arc<Event>, began: Seen) {
        let fits = |logon: &Logon| {
            let open = logon.issued().is_none()
                && logon.as_exchanges().next_back().is_none_or(|last| {
                    last.reply.is_none()
                        || last.error().is_some_and(|error| {
                            matches!(error.code, ErrorCode::RESPONSE_TOO_BIG | ErrorCode::PREAUTH_REQUIRED)
                        })
                });
            let window = Self::ASK_AGAIN_SECONDS * CaptureTime::SECOND;
            open && began.at.since(logon.ended.at) <= window && logon.began.at.since(began.at) <= window
        };
        let found = self
            .recent
            .get(&client)
            .and_then(|recent| recent.iter().rev().copied().find(|&index| self.logons.get(index).is_some_and(fits)));
        let index = found.unwrap_or_else(|| self.new_logon(client, began));
        if let Some(logon) = self.logons.get_mut(index) {
            logon.began = logon.began.min(began);
            add_attempt(logon, kdc.address, event);
        }
    }

    /// Something on this path was not decoded: replies that still wait on its flow may be in it.
    fn hole(&mut self, path: Path) {
        let (flow, _) = path.flow();
        for waiting in self.pairing.on(&flow) {
            if let Some(exchange) = exchange_at(&mut self.logons, waiting.place) {
                exchange.silence = Silence::Hidden;
            }
        }
    }
}

fn exchange_at(logons: &mut [Logon], place: Place) -> Option<&mut Exchange> {
    logons.get_mut(place.logon)?.exchanges.get_mut(place.exchange)
}

fn add_attempt(logon: &mut Logon, kdc: IpAddr, event: &Arc<Event>) {
    logon.ended = logon.ended.max(event.seen);
    if logon.attempts.len() < Logon::MAX_ATTEMPTS {
        logon.attempts.push(Attempt { kdc, event: Arc::clone(event) });
    }
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
