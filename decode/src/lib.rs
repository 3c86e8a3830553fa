//! Packets to events.
//!
//! [`wire`] strips link layers, tunnels of tags and fragments down to TCP segments, UDP datagrams and ICMP messages;
//! [`shard`] owns the flows of one shard, puts TCP back together and hands the bytes to a decoder, which turns them
//! into [`Event`]s. Everything here looks at one flow at a time. What cannot be decoded becomes a [`Gap`] event.

pub mod carriage;
pub mod cms;
pub mod connection;
pub mod content;
pub mod dcerpc;
pub mod decoder;
pub mod der;
pub mod directory;
pub mod dns;
pub mod event;
pub mod flow;
pub mod http;
pub mod kerberos;
pub mod key_credential;
pub mod kpasswd;
pub mod ldap;
pub mod message;
pub mod ntlm;
pub mod shard;
pub mod smb;
pub mod spnego;
pub mod stream;
pub mod tds;
pub mod text;
pub mod tls;
pub mod wire;
pub mod x509;

pub use carriage::{Carriage, Carrier};
pub use event::{Decoded, Event, Path, Seen};
pub use flow::{Direction, Endpoint, FlowKey, KDC_PORT, Transport};
pub use message::{
    Closing, Connection, Gap, GapKind, Message, NotReceived, Protocol, Refusal, Unacknowledged, Unreachable,
};
pub use text::WireText;
