//! Which logon a request, or an answer without one, belongs to.

use std::net::IpAddr;

use capture::CaptureTime;
use decode::{
    Path, Seen, Transport,
    kerberos::{self, ErrorCode, KdcRequest, PaType, Stage},
};

use super::{Grouper, connections::is_next_try, has_passed};
use crate::{
    Exchange, Facts, Logon, Logons, Method, Principal,
    exchange::{Silence, is_for_new_password},
    logon::method_of,
};

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
    /// Logons of one client that a failed connection is compared with.
    const RECENT_LOGONS: usize = 32;

    /// The logon that an AS-REQ belongs to: the subject's latest one if it [joins](Self::joins), else a new one.
    pub(super) fn logon_of_as(&mut self, request: &KdcRequest, path: Path, seen: Seen) -> usize {
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
    pub(super) fn logon_of_tgs(&mut self, request: &KdcRequest, client: IpAddr, seen: Seen) -> usize {
        let ticket = request.ap_request.as_ref().and_then(|ap_request| ap_request.ticket.as_ref());
        let id = ticket.and_then(|ticket| ticket.id);
        if let Some(logon) = id.and_then(|id| self.tickets.logon_of(id)) {
            if self.facts.clients_seen_from_the_start.len() < Facts::MAX_CLIENTS {
                self.facts.clients_seen_from_the_start.insert(client);
            }
            return logon;
        }
        // A partial ticket of Microsoft Entra: its key version names the read-only DC in the upper half (MS-KILE
        // 3.1.5.8).
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

    /// A client comes with a ticket that the capture did not see issued: it may be the answer to what it asked just
    /// now.
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
    pub(super) fn logon_of_orphan(
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
    /// The request would have to: what was refused for good is over, and what follows is another attempt. A request
    /// that still has no answer has another one than this, unless that was there and could not be read: then the client
    /// went on.
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

    pub(super) fn new_logon(&mut self, client: IpAddr, seen: Seen) -> usize {
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

    /// Gives a logon that uses its ticket here the attempts of its client that came to nothing just before: they were
    /// on the way to what it asks for now, and no logon of their own.
    pub(super) fn take_over_attempts(&mut self, into: usize, client: IpAddr, at: Seen) {
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
    pub(super) fn open_recent(&mut self, client: IpAddr, at: CaptureTime) {
        for &index in self.recent.get(&client).into_iter().flatten() {
            self.logons.lately(index, at);
        }
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
