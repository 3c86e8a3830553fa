//! A refused PKINIT request, taken apart once for all rules that judge it.

use std::{net::IpAddr, sync::Arc};

use decode::{
    Seen,
    kerberos::{ErrorCode, KdcRequest, KrbError, PaType, pkinit},
    x509::Certificate,
};
use trace::{Exchange, Facts, Logon};

use crate::{Confidence, Evidence, Verdict, rules::time::adjusted::adjusted, windows::ADJUSTED_SECONDS};

/// A PKINIT request (padata 16, no password beside it) that a KDC answered with an error.
pub(crate) struct Refusal<'l> {
    /// The two together.
    pub(crate) exchange: &'l Exchange,
    /// The request.
    pub(crate) request: &'l KdcRequest,
    /// Where it was seen.
    pub(crate) asked: Seen,
    /// The error.
    pub(crate) error: &'l KrbError,
    /// Where it was seen.
    pub(crate) answered: Seen,
}

impl<'l> Refusal<'l> {
    /// This exchange, if it is one.
    pub(crate) fn of(exchange: &'l Exchange) -> Option<Self> {
        let request = exchange.kdc_request().filter(|request| !request.has(PaType::ENC_TIMESTAMP))?;
        let error = exchange.error().filter(|_| exchange.is_pkinit() && !exchange.is_intermediate())?;
        let asked = exchange.request.as_deref()?.seen;
        let answered = exchange.reply.as_deref()?.seen;
        Some(Self { exchange, request, asked, error, answered })
    }

    /// Every refusal of a logon, in order.
    pub(crate) fn all(logon: &'l Logon) -> impl Iterator<Item = Self> {
        logon.pkinit_exchanges().filter_map(Self::of)
    }

    /// Every refusal of a logon that got no ticket, in order: what was granted in the end has no fault in itself.
    pub(crate) fn all_in_vain(logon: &'l Logon) -> impl Iterator<Item = Self> {
        Self::all(logon).filter(|_| logon.refusal().is_some())
    }

    /// The error code.
    pub(crate) fn code(&self) -> ErrorCode {
        self.error.code
    }

    /// Who refused.
    pub(crate) fn kdc(&self) -> IpAddr {
        self.exchange.kdc.address
    }

    /// What the PKINIT part of the request says; `None` when it could not be read.
    pub(crate) fn pkinit(&self) -> Option<&'l pkinit::Request> {
        self.request.pkinit.as_deref()
    }

    /// The client's certificate.
    pub(crate) fn certificate(&self) -> Option<&'l Arc<Certificate>> {
        self.pkinit()?.signed.signer_certificate()
    }

    /// The client's certificate, if it is self-signed: key trust.
    pub(crate) fn self_signed(&self) -> Option<&'l Arc<Certificate>> {
        self.certificate().filter(|certificate| certificate.self_signed)
    }

    /// The client's certificate, if another name issued it: certificate trust or a smart card.
    pub(crate) fn issued(&self) -> Option<&'l Arc<Certificate>> {
        self.certificate().filter(|certificate| !certificate.self_signed)
    }

    /// Whether the text that comes with the error contains `words`.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.error.e_text.as_ref().is_some_and(|text| text.to_unicode().contains(words))
    }

    /// The error as evidence.
    pub(crate) fn answer(&self, means: &str) -> Evidence {
        Evidence::new(self.answered, "kerberos.error_code", self.error.code.to_string(), means)
    }

    /// A field of the request as evidence.
    pub(crate) fn question(&self, field: &'static str, value: impl Into<String>, means: &str) -> Evidence {
        Evidence::new(self.asked, field, value, means)
    }
}

/// The first refusal with one of these codes after which the client did not get in by itself, and how sure an answer that
/// says what is wrong makes us.
pub(crate) fn told<'l>(logon: &'l Logon, facts: &Facts, codes: &[ErrorCode]) -> Option<(Refusal<'l>, Confidence)> {
    let mut refusals = Refusal::all(logon).filter(|refusal| codes.contains(&refusal.code()));
    let refusal = refusals.find(|refusal| !adjusted(logon, facts, refusal.answered.at))?;
    let sure = Confidence::Proven.lowered_unless(facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts)));
    Some((refusal, sure))
}

/// The account's name for a sentence.
pub(crate) fn name(logon: &Logon) -> String {
    logon.principal().map_or_else(|| "an unnamed account".to_owned(), ToString::to_string)
}

/// What a rule about refusals with one of `codes` answers when it found nothing.
pub(crate) fn nothing_found(logon: &Logon, facts: &Facts, codes: &[ErrorCode]) -> Verdict {
    let refused = |exchange: &&Exchange| exchange.error().is_some_and(|error| codes.contains(&error.code));
    if logon.as_exchanges().filter(refused).any(|exchange| exchange.request.is_none()) {
        return Verdict::Unseen("the request that was refused is not in the capture");
    }
    if logon.pkinit_exchanges().filter(refused).filter_map(Refusal::of).any(|refusal| refusal.pkinit().is_none()) {
        return Verdict::Unseen("the PKINIT part of the request could not be read");
    }
    still_waiting(logon, facts)
}

/// Pending while a PKINIT request has no answer and the capture goes on, else clear.
pub(crate) fn still_waiting(logon: &Logon, facts: &Facts) -> Verdict {
    if logon.pkinit_exchanges().any(|exchange| exchange.reply.is_none()) && !facts.finished() {
        return Verdict::Pending;
    }
    Verdict::Clear
}
