//! The rules by family. What each file is about is its name; the catalogue lists them.
//!
//! Here is what several families ask of a logon in the same words.

use trace::{Exchange, Facts, Logon};

use self::refusal::{Refusal, refusals};
use crate::{Subject, Verdict};

pub(crate) mod account;
pub(crate) mod capture;
pub(crate) mod cloud;
pub(crate) mod dc_certificate;
pub(crate) mod key;
pub(crate) mod location;
pub(crate) mod network;
pub(crate) mod policy;
pub(crate) mod refusal;
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
