//! LDAP and CLDAP: who binds as whom and how, what is asked, and with which result. RFC 4511, MS-ADTS.
//!
//! In: the bytes of one message, or of a datagram with several. Out: a [`Message`] each. Unknown operations and result
//! codes survive; what breaks off keeps what came before, and `stopped` says where. Our own reader goes through the
//! message in place, because values must not be copied, and because domain controllers send what RFC 4511 does not
//! have (Sicily binds, binary DNs, codes of their own). Filters are the one part that nests; `filter` bounds how deep.
//!
//! What a directory or a client calls a secret is never kept: no password of a simple bind, no SASL credentials, no
//! attribute values but those of a netlogon answer and what key credentials say, and in filters no values of password
//! attributes.

#![deny(clippy::indexing_slicing)]

mod diagnostic;
mod filter;
mod keys;
mod netlogon;
mod operation;
mod output;
mod read;
mod sasl;
mod stream;

pub use diagnostic::AdError;
pub use filter::{MAX_FILTER, MAX_FILTER_DEPTH, MAX_FILTER_TEXT};
pub use keys::{ChangeKind, KeyValue, Keys, MAX_KEYS};
pub use netlogon::{Guid, Netlogon};
pub use operation::{
    Authentication, BindRequest, Change, Entry, Names, Operation, Outcome, Protection, ResultCode, SaslBuffer,
    SearchRequest,
};
pub use read::{MAX_ATTRIBUTES, MAX_TEXT, decode, decode_all};
pub use stream::LdapStream;

/// The largest message or SASL buffer that is decoded: what a domain controller accepts (MaxReceiveBuffer, MS-ADTS
/// 3.1.1.3.4.6), which is 10 MiB. Reaching the limit is told as a gap, and the stream goes on behind it.
pub const MAX_LDAP_MESSAGE: usize = 10 << 20;

/// The OID of the extended operation after whose success TLS begins. RFC 4511 §4.14.
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// An LDAP message, or a SASL buffer that may hold some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Joins a response to its request. `None`: a SASL buffer, or a number that cannot be.
    pub message_id: Option<i64>,
    /// What it says.
    pub operation: Operation,
    /// Where reading had to stop, as a clause; what is here was before it.
    pub stopped: Option<String>,
}

impl Message {
    /// The operation as RFC 4511 calls it in its ASN.1: `bindRequest`; `sasl` for a SASL buffer, `unknown` for others.
    pub fn name(&self) -> &'static str {
        self.operation.name()
    }

    /// Whether it is a SASL buffer whose contents cannot be read.
    pub fn is_sealed(&self) -> bool {
        matches!(&self.operation, Operation::Sasl(buffer) if buffer.protection == Protection::Sealed)
    }
}
