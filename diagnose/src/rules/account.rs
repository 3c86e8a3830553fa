//! Faults of an account: unknown, disabled, locked, expired, restricted, or its password.

use decode::kerberos::{ErrorCode, NtStatus};
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Verdict,
    rules::{account_of, by_what_is_missing, refusals},
};

pub(crate) mod card_required;
pub(crate) mod disabled;
pub(crate) mod elsewhere;
pub(crate) mod expired;
pub(crate) mod forbidden_by_policy;
pub(crate) mod locked;
pub(crate) mod name_not_unique;
pub(crate) mod password_expired;
pub(crate) mod restricted;
pub(crate) mod revoked;
pub(crate) mod unknown;
pub(crate) mod wrong_password;

/// Looks for a refusal with this code and NTSTATUS, which together name the fault.
fn with_status(logon: &Logon, facts: &Facts, code: ErrorCode, status: NtStatus, summary: &str) -> Verdict {
    let Some(refusal) = refusals(logon, code).find(|refusal| refusal.status() == Some(status)) else {
        return by_what_is_missing(logon.as_exchanges(), facts);
    };
    Found::new(Confidence::Proven, account_of(logon), summary)
        .with(refusal.answer("the domain controller refuses the account"))
        .with_some(refusal.status_evidence())
        .with_some(refusal.client_evidence())
        .into()
}
