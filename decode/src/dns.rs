//! DNS, as far as it locates domain controllers: questions, SRV, A and AAAA answers. RFC 1035, RFC 2782.

use std::net::IpAddr;

use serde::Serialize;

use crate::WireText;

/// A DNS message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Query or response.
    #[serde(skip)]
    pub response: bool,
    /// Transaction identifier.
    pub id: u16,
    /// Authoritative answer.
    #[serde(skip)]
    pub authoritative: bool,
    /// Truncated: the client is to ask again over TCP.
    #[serde(skip)]
    pub truncated: bool,
    /// Response code; absent in a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcode: Option<u8>,
    /// Questions.
    pub questions: Vec<Question>,
    /// SRV records of the answer section.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub srv: Vec<Service>,
    /// A and AAAA records of the answer and additional sections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Answer records of other types, counted.
    #[serde(skip)]
    pub other_answers: u16,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The name, without the final dot.
    pub name: WireText,
    /// Its type: 1 A, 28 AAAA, 33 SRV, …
    #[serde(rename = "type")]
    pub kind: u16,
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Owner.
    pub name: WireText,
    /// Lower is tried first.
    pub priority: u16,
    /// Share among equals.
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// The host.
    pub target: WireText,
}

/// An A or AAAA record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Address {
    /// Owner.
    pub name: WireText,
    /// The address.
    pub address: IpAddr,
}

/// Stand-in until the message decoder is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsError;

impl std::fmt::Display for DnsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not decoded yet")
    }
}

/// Stand-in until the message decoder is merged.
///
/// # Errors
/// Always.
pub fn decode(_bytes: &[u8]) -> Result<Message, DnsError> {
    Err(DnsError)
}
