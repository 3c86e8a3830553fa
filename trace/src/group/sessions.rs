//! Sessions with services: who shows which ticket where, who binds or signs in by what, and what the directory answers.

use std::sync::Arc;

use capture::CaptureTime;
use decode::{
    Event, Path, Seen,
    kerberos::{self, ApRequest, NtStatus, TicketId},
    ldap::{self, Operation, ResultCode},
    ntlm, smb,
};

use super::Grouper;
use crate::{Exchange, Located, Logon, SessionAnswer, SessionProof, ping::Noted, session::Opened};

/// STATUS_PENDING: the answer to an SMB request follows. MS-ERREF 2.3.1.
const PENDING: u32 = 0x103;

/// STATUS_MORE_PROCESSING_REQUIRED: a session set-up has another step. MS-ERREF 2.3.1.
const MORE_PROCESSING_REQUIRED: u32 = 0xc000_0016;

impl Grouper {
    /// A session for whose sake a client got a ticket is opened within this many seconds.
    const SESSION_SECONDS: i64 = 10;

    /// A message between a client and a service.
    pub(super) fn service(&mut self, message: &kerberos::Message, path: Path, seen: Seen) {
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
    pub(super) fn smb(&mut self, setup: &smb::SessionSetup, path: Path, seen: Seen) {
        let answer = match setup.status {
            None | Some(NtStatus(PENDING | MORE_PROCESSING_REQUIRED)) => return,
            Some(NtStatus(0)) => SessionAnswer::Accepted,
            Some(status) => SessionAnswer::Failed(status),
        };
        self.hear(path.source.address);
        self.session_answered(answer, path, seen);
    }

    pub(super) fn ntlm(&mut self, message: &ntlm::Message, path: Path, seen: Seen) {
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
    pub(super) fn used(&mut self, ticket: Option<TicketId>, seen: Seen) {
        let Some((kdc, index)) = ticket.and_then(|ticket| self.unused.remove(&ticket)) else { return };
        let Some(dc) = self.facts.domain_controllers.get_mut(&kdc) else { return };
        let Some(issuance) = dc.issuance_mut(index) else { return };
        issuance.used = Some(seen);
        let certificate = issuance.certificate;
        if let Some(certificate) = certificate.and_then(|index| dc.certificates.get_mut(index)) {
            certificate.used += 1;
        }
    }

    pub(super) fn ldap(&mut self, message: &ldap::Message, path: Path, seen: Seen) {
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

    pub(super) fn cldap(&mut self, message: &ldap::Message, path: Path, seen: Seen) {
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
    pub(super) fn join_session(&mut self, mut opened: Opened) {
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

    /// The logon of this client that a session without a readable ticket follows: the latest that was just granted a
    /// ticket for this service, else one that got its first ticket just before. An account that is named must be the
    /// logon's.
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
}
