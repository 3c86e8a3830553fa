//! The rules by family. What each file is about is its name; the catalogue lists them.
//!
//! Here is what several families ask of a logon in the same words.

use std::net::IpAddr;

use decode::{
    Event, WireText,
    kerberos::{ErrorCode, ErrorData, KrbError, NtStatus, PaType},
};
use trace::{Exchange, Facts, Logon};

use crate::{Evidence, Subject, Verdict};

pub(crate) mod account;
pub(crate) mod capture;
pub(crate) mod cloud;
pub(crate) mod dc_certificate;
pub(crate) mod key;
pub(crate) mod location;
pub(crate) mod network;
pub(crate) mod policy;
pub(crate) mod revocation;
pub(crate) mod sync;
pub(crate) mod ticket;
pub(crate) mod time;

/// What a rule answers where one direction of the traffic is not in the capture.
const ONE_SIDED: &str = "the capture holds one direction only";
/// What a rule answers where an answer may be among the packets that are missing.
const LOSSY: &str = "packets are missing from the capture";
/// What a rule answers where the reply it is about is missing.
const REPLY_MISSING: &str = "the reply may be in a part that the capture does not hold";

/// A request that a KDC refused, and what it said.
#[derive(Clone, Copy)]
struct Refusal<'l> {
    exchange: &'l Exchange,
    reply: &'l Event,
    error: &'l KrbError,
}

/// Refusals of a logon's requests with this code, in order.
///
/// Left out are requests for a ticket in the name of another account: such a refusal is about that one.
fn refusals(logon: &Logon, code: ErrorCode) -> impl Iterator<Item = Refusal<'_>> {
    logon.exchanges.iter().filter_map(move |exchange| {
        let error = exchange.error().filter(|error| error.code == code)?;
        let for_another = exchange
            .kdc_request()
            .is_some_and(|request| request.has(PaType::FOR_USER) || request.has(PaType::S4U_X509_USER));
        let reply = exchange.reply.as_deref().filter(|_| !for_another)?;
        Some(Refusal { exchange, reply, error })
    })
}

impl Refusal<'_> {
    /// Who refused.
    fn kdc(&self) -> IpAddr {
        self.exchange.kdc.address
    }

    /// The NTSTATUS in the error's data, where it can be read.
    fn status(&self) -> Option<NtStatus> {
        match self.error.e_data {
            Some(ErrorData::Extended { status, .. }) => status,
            _ => None,
        }
    }

    /// Whether the request was armored (FAST), so that reasons are hidden.
    fn is_armored(&self) -> bool {
        let request = self.exchange.kdc_request().is_some_and(|request| request.has(PaType::FX_FAST));
        let reply = matches!(&self.error.e_data, Some(ErrorData::MethodData(list)) if list.iter().any(|data| data.kind == PaType::FX_FAST));
        request || reply
    }

    /// The error's text, where it has one.
    fn text(&self) -> Option<&WireText> {
        self.error.e_text.as_ref().filter(|text| !text.is_empty())
    }

    /// The error code as evidence.
    fn code_evidence(&self, means: impl Into<String>) -> Evidence {
        Evidence::new(self.reply.seen, "kerberos.error_code", self.error.code.to_string(), means)
    }

    /// The NTSTATUS as evidence.
    fn status_evidence(&self) -> Option<Evidence> {
        let status = self.status()?;
        let means = status.meaning().unwrap_or("the reason in the error's data");
        Some(Evidence::new(self.reply.seen, "kerberos.smb.nt_status", status.to_string(), means))
    }

    /// The client named in the request as evidence.
    fn client_evidence(&self) -> Option<Evidence> {
        let request = self.exchange.request.as_deref()?;
        let name = self.exchange.kdc_request()?.cname.as_ref()?.to_string();
        let means = format!("{} asks for a ticket for this name", self.exchange.client.address);
        Some(Evidence::new(request.seen, "kerberos.CNameString", name, means))
    }
}

/// The account that a logon is about; the client where no message names one.
fn account_of(logon: &Logon) -> Subject {
    logon.principal().map_or(Subject::Device(logon.client), |principal| Subject::Account(principal.clone()))
}

/// What a rule about an answer says when none of the answers that are there fits it.
fn by_what_is_missing<'l>(mut exchanges: impl Iterator<Item = &'l Exchange>, facts: &Facts) -> Verdict {
    let visibility = &facts.visibility;
    if !exchanges.any(|exchange| exchange.reply.is_none()) {
        Verdict::Clear
    } else if visibility.is_one_sided() {
        Verdict::Unseen(ONE_SIDED)
    } else if visibility.is_lossy() || visibility.kerberos_cut() > 0 {
        Verdict::Unseen(REPLY_MISSING)
    } else if facts.finished() {
        Verdict::Clear
    } else {
        Verdict::Pending
    }
}
