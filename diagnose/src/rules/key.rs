//! KEY: the client's key and the certificate it comes in.

pub(crate) mod absent;
pub(crate) mod account_mismatch;
pub(crate) mod certificate_left_out;
pub(crate) mod directory;
pub(crate) mod lost;
pub(crate) mod malformed;
pub(crate) mod names_differ;
pub(crate) mod new_key;
pub(crate) mod not_made_by_hello;
pub(crate) mod of_other_domain;
pub(crate) mod of_unusual_kind;
pub(crate) mod present;
pub(crate) mod refused_by_one;
mod refused_key;
pub(crate) mod refused_since;
mod roca;
pub(crate) mod shared;
mod shown;
pub(crate) mod signature_invalid;
pub(crate) mod trust_unsupported;
pub(crate) mod unknown_to_directory;
pub(crate) mod weak_tpm;
pub(crate) mod without_digital_signature;
pub(crate) mod works_elsewhere;
