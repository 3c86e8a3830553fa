//! A refused request, taken apart once for all rules that judge it.

use std::{net::IpAddr, ops::Deref, sync::Arc};

use decode::{
    Seen, WireText,
    kerberos::{ErrorCode, ErrorData, KdcRequest, KrbError, NtStatus, PaType, pkinit},
    x509::Certificate,
};
use trace::{Exchange, Facts, Logon};

use super::time::adjusted::adjusted;
use crate::{Confidence, Evidence, Verdict, windows::ADJUSTED_SECONDS};

/// A request that a KDC refused, and what it said. The request may be missing from the capture.
#[derive(Clone, Copy)]
pub(crate) struct Refusal<'l> {
    /// The two together.
    pub(crate) exchange: &'l Exchange,
    /// The error.
    pub(crate) error: &'l KrbError,
    /// Where it was seen.
    pub(crate) answered: Seen,
}

/// Refusals of a logon's requests with this code, in order.
///
/// Left out are requests for a ticket in the name of another account: such a refusal is about that one.
pub(crate) fn refusals(logon: &Logon, code: ErrorCode) -> impl Iterator<Item = Refusal<'_>> {
    logon.exchanges.iter().filter_map(Refusal::of).filter(move |refusal| refusal.code() == code).filter(|refusal| {
        let request = refusal.exchange.kdc_request();
        !request.is_some_and(|request| request.has(PaType::FOR_USER) || request.has(PaType::S4U_X509_USER))
    })
}

impl<'l> Refusal<'l> {
    /// This exchange, if it is one.
    fn of(exchange: &'l Exchange) -> Option<Self> {
        let error = exchange.error()?;
        let answered = exchange.reply.as_deref()?.seen;
        Some(Self { exchange, error, answered })
    }

    /// The error code.
    pub(crate) fn code(&self) -> ErrorCode {
        self.error.code
    }

    /// Who refused.
    pub(crate) fn kdc(&self) -> IpAddr {
        self.exchange.kdc.address
    }

    /// The NTSTATUS in the error's data, where it can be read.
    pub(crate) fn status(&self) -> Option<NtStatus> {
        match self.error.e_data {
            Some(ErrorData::Extended { status, .. }) => status,
            _ => None,
        }
    }

    /// Whether the request was armored (FAST), so that reasons are hidden.
    pub(crate) fn is_armored(&self) -> bool {
        let request = self.exchange.kdc_request().is_some_and(|request| request.has(PaType::FX_FAST));
        let reply = matches!(&self.error.e_data, Some(ErrorData::MethodData(list)) if list.iter().any(|data| data.kind == PaType::FX_FAST));
        request || reply
    }

    /// The error's text, where it has one.
    pub(crate) fn text(&self) -> Option<&'l WireText> {
        self.error.e_text.as_ref().filter(|text| !text.is_empty())
    }

    /// Whether the text that comes with the error contains `words`.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.text().is_some_and(|text| text.to_unicode().contains(words))
    }

    /// The error as evidence.
    pub(crate) fn answer(&self, means: impl Into<String>) -> Evidence {
        Evidence::new(self.answered, "kerberos.error_code", self.error.code.to_string(), means)
    }

    /// The NTSTATUS as evidence.
    pub(crate) fn status_evidence(&self) -> Option<Evidence> {
        let status = self.status()?;
        let means = status.meaning().unwrap_or("the reason in the error's data");
        Some(Evidence::new(self.answered, "kerberos.smb.nt_status", status.to_string(), means))
    }

    /// The client named in the request as evidence.
    pub(crate) fn client_evidence(&self) -> Option<Evidence> {
        let request = self.exchange.request.as_deref()?;
        let name = self.exchange.kdc_request()?.cname.as_ref()?.to_string();
        let means = format!("{} asks for a ticket for this name", self.exchange.client.address);
        Some(Evidence::new(request.seen, "kerberos.CNameString", name, means))
    }
}

/// A refused PKINIT request (padata 16, no password beside it) that the capture has.
pub(crate) struct PkinitRefusal<'l> {
    refusal: Refusal<'l>,
    /// The request.
    pub(crate) request: &'l KdcRequest,
    /// Where it was seen.
    pub(crate) asked: Seen,
}

impl<'l> Deref for PkinitRefusal<'l> {
    type Target = Refusal<'l>;

    fn deref(&self) -> &Self::Target {
        &self.refusal
    }
}

impl<'l> PkinitRefusal<'l> {
    /// This exchange, if it is one.
    pub(crate) fn of(exchange: &'l Exchange) -> Option<Self> {
        let refusal = Refusal::of(exchange).filter(|_| exchange.is_pkinit() && !exchange.is_intermediate())?;
        let request = exchange.kdc_request().filter(|request| !request.has(PaType::ENC_TIMESTAMP))?;
        let asked = exchange.request.as_deref()?.seen;
        Some(Self { refusal, request, asked })
    }

    /// Every refusal of a logon, in order.
    pub(crate) fn all(logon: &'l Logon) -> impl Iterator<Item = Self> {
        logon.pkinit_exchanges().filter_map(Self::of)
    }

    /// Every refusal of a logon that got no ticket, in order: what was granted in the end has no fault in itself.
    pub(crate) fn all_in_vain(logon: &'l Logon) -> impl Iterator<Item = Self> {
        let got_none = logon.refusal().is_some();
        Self::all(logon).filter(move |_| got_none)
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

    /// A field of the request as evidence.
    pub(crate) fn question(&self, field: &'static str, value: impl Into<String>, means: &str) -> Evidence {
        Evidence::new(self.asked, field, value, means)
    }
}

/// The first refusal with one of these codes after which the client did not get in by itself, and how sure an answer
/// that says what is wrong makes us.
pub(crate) fn told<'l>(
    logon: &'l Logon,
    facts: &Facts,
    codes: &[ErrorCode],
) -> Option<(PkinitRefusal<'l>, Confidence)> {
    let mut refusals = PkinitRefusal::all(logon).filter(|refusal| codes.contains(&refusal.code()));
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
    if logon.pkinit_exchanges().filter(refused).filter_map(PkinitRefusal::of).any(|refusal| refusal.pkinit().is_none())
    {
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
