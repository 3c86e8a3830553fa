//! KEY: the client's key and the certificate it comes in.

pub(crate) mod absent;
pub(crate) mod account_mismatch;
pub(crate) mod certificate_left_out;
pub(crate) mod directory;
pub(crate) mod lost;
pub(crate) mod malformed;
pub(crate) mod names_differ;
pub(crate) mod not_made_by_hello;
pub(crate) mod present;
mod refused_key;
pub(crate) mod trust_unsupported;
pub(crate) mod unknown_to_directory;
pub(crate) mod without_digital_signature;
pub(crate) mod works_elsewhere;
