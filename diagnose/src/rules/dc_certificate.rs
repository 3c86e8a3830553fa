//! DCC: what a domain controller shows as its certificate, or why it shows none.

pub(crate) mod chain_unverifiable;
pub(crate) mod changed;
pub(crate) mod directory_differs;
pub(crate) mod domain_not_named;
pub(crate) mod expired;
pub(crate) mod issuer_untrusted;
pub(crate) mod missing;
pub(crate) mod not_the_one_wanted;
pub(crate) mod not_yet_valid;
pub(crate) mod rejected;
pub(crate) mod retries;
pub(crate) mod shown;
pub(crate) mod weak;
pub(crate) mod without_kdc_purpose;
