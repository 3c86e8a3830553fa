//! PKI: certificates that a CA issued to users, and whether they still hold.

pub(crate) mod client_chain_untrusted;
pub(crate) mod client_expired;
pub(crate) mod client_purpose_wrong;
pub(crate) mod client_revoked;
pub(crate) mod mapping_weak;
