//! SYN: how keys travel from Microsoft Entra to the directory.

pub(crate) mod cloud_unreachable;
pub(crate) mod connector_refused;
pub(crate) mod key_on_its_way;
pub(crate) mod keys_lost;
pub(crate) mod not_arriving;
pub(crate) mod schema_too_old;
pub(crate) mod stopped;
pub(crate) mod write_refused;
