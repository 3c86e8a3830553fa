//! POL: what a KDC refuses or a client does by configuration. Here too: how a refused PKINIT request is read, and what
//! an error that names no cause can be narrowed to.

pub(crate) mod armor_refused;
pub(crate) mod checksum_missing;
pub(crate) mod desktop_missing;
pub(crate) mod digest_refused;
pub(crate) mod freshness_expired;
pub(crate) mod freshness_unsupported;
pub(crate) mod group_refused;
pub(crate) mod old_draft;
pub(crate) mod password_after_refusal;
pub(crate) mod refusal_31;
pub(crate) mod refused_without_cause;
pub(crate) mod rsa_refused;
