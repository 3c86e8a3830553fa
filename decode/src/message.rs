//! What an event can say, over all protocols.

use capture::Damage;
use serde::Serialize;

use crate::{Path, dns, http, kerberos, ldap, ntlm, smb, tls};

/// A decoded message, or a gap in its place.
#[derive(Clone, Debug)]
pub enum Message {
    /// RFC 4120 and its extensions.
    Kerberos(Box<kerberos::Message>),
    /// RFC 1035, RFC 2782.
    Dns(Box<dns::Message>),
    /// RFC 4511 over TCP.
    Ldap(Box<ldap::Message>),
    /// RFC 4511 over UDP, MS-ADTS 3.1.1.3.1.7.
    Cldap(Box<ldap::Message>),
    /// MS-NLMP. Another protocol always carries it.
    Ntlm(Box<ntlm::Message>),
    /// MS-SMB2, MS-SMB: the answer to a session set-up.
    Smb(Box<smb::SessionSetup>),
    /// RFC 8446, RFC 5246: what of TLS is not encrypted.
    Tls(Box<tls::Message>),
    /// RFC 9112.
    Http(Box<http::Message>),
    /// What became of a TCP connection to a port that matters, or with something in it that is known by its content.
    /// One a connection.
    Connection(Box<Connection>),
    /// A segment that its receiver does not acknowledge, on a TCP connection to a KDC.
    Unacknowledged(Unacknowledged),
    /// ICMP or ICMPv6 destination unreachable.
    Unreachable(Box<Unreachable>),
    /// Something that was not decoded.
    Gap(Box<Gap>),
    /// A place where the capture file itself is broken.
    Damage(Box<Damage>),
}

/// A protocol by the name that machine output gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Kerberos version 5.
    Kerberos,
    /// DNS.
    Dns,
    /// LDAP over TCP.
    Ldap,
    /// LDAP over UDP.
    Cldap,
    /// NTLM.
    Ntlm,
    /// SMB 1.
    Smb,
    /// SMB 2 and 3.
    Smb2,
    /// DCE/RPC, of which only gaps are told.
    Dcerpc,
    /// TDS, of which only gaps are told.
    Tds,
    /// The protocol in which a password is changed, of which only gaps are told.
    Kpasswd,
    /// SPNEGO, of which only gaps are told: what it negotiates is told by the messages it carries.
    Spnego,
    /// TLS over TCP.
    Tls,
    /// HTTP version 1.
    Http,
    /// TCP itself: connections and their streams.
    Tcp,
    /// UDP and IP fragments.
    Udp,
    /// IP below any transport, such as fragments that never met.
    Ip,
    /// ICMP and ICMPv6.
    Icmp,
    /// The capture.
    Capture,
}

impl Protocol {
    /// The name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kerberos => "kerberos",
            Self::Dns => "dns",
            Self::Ldap => "ldap",
            Self::Cldap => "cldap",
            Self::Ntlm => "ntlm",
            Self::Smb => "smb",
            Self::Smb2 => "smb2",
            Self::Dcerpc => "dcerpc",
            Self::Tds => "tds",
            Self::Kpasswd => "kpasswd",
            Self::Spnego => "spnego",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ip => "ip",
            Self::Icmp => "icmp",
            Self::Capture => "capture",
        }
    }
}

impl Message {
    /// The protocol it is of; for a gap, the protocol of what is missing.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Kerberos(_) => Protocol::Kerberos,
            Self::Dns(_) => Protocol::Dns,
            Self::Ldap(_) => Protocol::Ldap,
            Self::Cldap(_) => Protocol::Cldap,
            Self::Ntlm(_) => Protocol::Ntlm,
            Self::Smb(message) => message.protocol(),
            Self::Tls(_) => Protocol::Tls,
            Self::Http(_) => Protocol::Http,
            Self::Connection(_) | Self::Unacknowledged(_) => Protocol::Tcp,
            Self::Unreachable(_) => Protocol::Icmp,
            Self::Gap(gap) => gap.protocol,
            Self::Damage(_) => Protocol::Capture,
        }
    }
}

/// Something on the wire that was not decoded, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// What would have been decoded there.
    pub protocol: Protocol,
    /// Bytes concerned, as far as known.
    pub bytes: u64,
    /// More, as a clause fit for a person: `AS-REQ ends inside padata`. May be empty. Never holds wire text.
    pub detail: String,
}

/// Why something was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The capture does not hold it, though a peer received it.
    Missing,
    /// The capture does not hold it, and the peer asked for it in vain: it was lost on the way before the recorder.
    #[serde(rename = "missing")]
    NotReceived,
    /// The capture kept only the beginning of a packet: by its snap length, or by what the packet itself says of its
    /// length.
    CutShort,
    /// It is not what its protocol says it should be.
    Undecodable,
    /// It is encrypted.
    Encrypted,
    /// Decoding it would have exceeded one of our limits.
    LimitReached,
}

impl GapKind {
    /// The name that machine output gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing | Self::NotReceived => "missing",
            Self::CutShort => "cut_short",
            Self::Undecodable => "undecodable",
            Self::Encrypted => "encrypted",
            Self::LimitReached => "limit_reached",
        }
    }
}

/// The life of one TCP connection to a port that matters, told when it ends or its fate is known.
///
/// The event's path runs from the client to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `Some(true)`: the handshake was completed or data flowed both ways. `Some(false)`: it was not.
    /// `None`: the capture shows only one side of it, or started in its middle.
    pub opened: Option<bool>,
    /// SYN segments seen from the client, retransmissions included.
    pub syns: u32,
    /// First packet of the connection, usually the SYN.
    pub began: crate::Seen,
    /// The last SYN, where there were several.
    pub last_syn: Option<crate::Seen>,
    /// What refused it before it opened.
    pub refused: Option<Refusal>,
    /// How it ended after it had opened.
    pub closed: Option<Closing>,
    /// Payload bytes from the client, by sequence numbers.
    pub bytes_to_server: u64,
    /// Payload bytes from the server.
    pub bytes_to_client: u64,
    /// Whether the capture held packets of the client, of the server.
    pub directions_seen: (bool, bool),
    /// Bytes that a peer acknowledged and the capture does not hold, both ways together.
    pub missing: u64,
    /// What of the client's the server did not receive, though it received what followed.
    pub lost_to_server: Option<NotReceived>,
    /// What of the server's the client did not receive, though it received what followed.
    pub lost_to_client: Option<NotReceived>,
}

/// Bytes of a TCP connection that the capture does not hold, and that were lost before the recorder: the receiver got
/// what was behind them and still acknowledged only what was before (RFC 5681 §4.2), up to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReceived {
    /// The last packet in which the receiver said so.
    pub seen: crate::Seen,
    /// How many bytes.
    pub bytes: u64,
    /// How many bytes came before them.
    pub after: u64,
}

/// Bytes that were sent again and again on a TCP connection, and not acknowledged, though something was before: small
/// segments arrive and large ones do not, or the way broke. Told once, and once more if they are acknowledged after all.
///
/// The event's path runs as the bytes did; it is seen in the packet that brought them last, or acknowledged them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unacknowledged {
    /// Payload bytes of that segment.
    pub bytes: u32,
    /// How often they were sent, at least.
    pub sent: u32,
    /// Whether this packet acknowledges them after all.
    pub at_last: bool,
}

/// What refused a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server's RST in answer to the SYN.
    Reset,
    /// An ICMP unreachable message about it, by its type-dependent code.
    Icmp(u8),
}

/// How an open connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// FIN of the client first.
    ClientFin,
    /// FIN of the server first.
    ServerFin,
    /// RST of the client.
    ClientReset,
    /// RST of the server.
    ServerReset,
    /// Nothing was seen for longer than our limit, another connection took its ports, or it was pushed out by our limit
    /// on open connections.
    Forgotten,
}

/// An ICMP destination-unreachable message. The event's path runs from whoever sent it to whom it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The ICMP type: 3 in IPv4, 1 in IPv6.
    pub icmp_type: u8,
    /// The ICMP code, whose meaning depends on the IP version.
    pub code: u8,
    /// The packet that could not be delivered, in its own direction. `None` where too little of it was quoted.
    pub about: Option<Path>,
}
