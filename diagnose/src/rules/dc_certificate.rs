//! DCC: what a domain controller shows as its certificate, or why it shows none.

pub(crate) mod missing;
