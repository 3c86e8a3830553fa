//! TLS up to where it is encrypted: hellos, certificates, requests for client certificates, alerts. RFC 8446, RFC 5246.
//!
//! In: the records of both directions of a connection, one at a time, whatever carries them. Out: a [`Message`] for
//! each handshake message and alert, and one where the encrypted data of a direction begins; after that nothing is
//! looked at. Handshake messages are put together over records here, records over segments in [`crate::stream`].
//!
//! Of what is read only what can be seen on the wire by anybody is kept: no randoms, no session identifiers, no
//! tickets, no key shares.

#![deny(clippy::indexing_slicing)]

mod fingerprint;
mod handshake;
mod numbers;
mod record;

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{WireText, http::Ocsp, x509::Certificate};

pub use numbers::{AlertDescription, HandshakeType, Version};
pub use record::{MAX_HANDSHAKE, Records, Start, hello, is_encrypted_alert, start};

/// Certificates read of one chain. Servers send two to four, some add every cross-certificate there is.
pub const MAX_CHAIN: usize = 16;

/// Names of certification authorities kept of one request for a client certificate. Windows sends up to 16 KiB of them,
/// some hundred.
pub const MAX_AUTHORITIES: usize = 256;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub body: Body,
    /// Where reading had to stop, as a clause; what is here was before it.
    pub stopped: Option<String>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The client's offer.
    ClientHello(Box<ClientHello>),
    /// The server's choice, or its wish for another offer.
    ServerHello(Box<ServerHello>),
    /// A chain, the sender's own certificate first. Empty: the client was asked for one and has none.
    Certificate(Vec<Arc<Certificate>>),
    /// The server asks for a client certificate.
    CertificateRequest(CertificateRequest),
    /// The server's certificate status, stapled. RFC 6066 §8.
    CertificateStatus(Option<Ocsp>),
    /// Another handshake message, of which only the type is told.
    Other(HandshakeType),
    /// An alert.
    Alert(Alert),
    /// From here on, the data of this direction is encrypted. One a direction, with the length of its first record.
    ApplicationData {
        /// Bytes of the record, its header excluded.
        bytes: u16,
    },
}

/// RFC 8446 §4.1.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientHello {
    /// As in the message; of TLS 1.3 that is 0303.
    pub version: Version,
    /// The server's name, RFC 6066 §3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<WireText>,
    /// Protocols offered inside, RFC 7301.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<WireText>,
    /// Versions offered, without those that only test the peer (RFC 8701). Empty where the extension is absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_versions: Vec<Version>,
    /// JA3: MD5 in hex. `""` where not even the ciphers could be read.
    pub ja3: String,
    /// JA4. `""` where not even the ciphers could be read.
    pub ja4: String,
    /// An encrypted hello is in it, or what looks like one (RFC 9849 §6.2): `sni` is then not what is asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub ech: bool,
    /// Data is sent along before the handshake is over, RFC 8446 §4.2.10.
    #[serde(skip)]
    pub early_data: bool,
}

/// RFC 8446 §4.1.3, §4.1.4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerHello {
    /// As in the message; of TLS 1.3 that is 0303.
    pub version: Version,
    /// The suite chosen, four hex digits.
    #[serde(serialize_with = "hex4")]
    pub cipher: u16,
    /// The protocol chosen inside, where that is not encrypted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<WireText>,
    /// The version chosen, where the extension is there: TLS 1.3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_versions: Vec<Version>,
    /// JA3S: MD5 in hex. `""` where the extensions could not be reached.
    pub ja3s: String,
    /// It is a HelloRetryRequest: the client is to offer something else.
    #[serde(skip_serializing_if = "is_false")]
    pub hello_retry_request: bool,
}

impl ServerHello {
    /// The version that both will speak.
    pub fn chosen(&self) -> Version {
        self.supported_versions.first().copied().unwrap_or(self.version)
    }
}

/// RFC 5246 §7.4.4. That of TLS 1.3 is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CertificateRequest {
    /// Whose certificates are taken: RFC 4514 names, at most [`MAX_AUTHORITIES`]. Empty: not said.
    pub authorities: Vec<String>,
}

/// RFC 8446 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// One that can be read.
    Clear {
        /// 1 warning, 2 fatal.
        level: u8,
        /// What it is about.
        description: AlertDescription,
    },
    /// One whose contents are encrypted: `close_notify`, as a rule, where data was sent before it.
    Encrypted,
}

impl Message {
    /// The message type, by its RFC name in snake case.
    pub fn name(&self) -> &'static str {
        match &self.body {
            Body::ClientHello(_) => "client_hello",
            Body::ServerHello(_) => "server_hello",
            Body::Certificate(_) => "certificate",
            Body::CertificateRequest(_) => "certificate_request",
            Body::CertificateStatus(_) => "certificate_status",
            Body::Other(kind) => kind.name().unwrap_or("unknown"),
            Body::Alert(_) => "alert",
            Body::ApplicationData { .. } => "application_data",
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'m, T: Serialize> {
            #[serde(flatten)]
            body: T,
            #[serde(skip_serializing_if = "Option::is_none")]
            stopped: Option<&'m String>,
        }
        #[derive(Serialize)]
        struct Chain<'m> {
            certificates: &'m [Arc<Certificate>],
        }
        let stopped = self.stopped.as_ref();
        match &self.body {
            Body::ClientHello(body) => Fields { body, stopped }.serialize(serializer),
            Body::ServerHello(body) => Fields { body, stopped }.serialize(serializer),
            Body::CertificateRequest(body) => Fields { body, stopped }.serialize(serializer),
            Body::Certificate(certificates) => Fields { body: Chain { certificates }, stopped }.serialize(serializer),
            Body::CertificateStatus(Some(ocsp)) => one(serializer, "ocsp", ocsp, stopped),
            Body::Alert(alert) => one(serializer, "alert", alert, stopped),
            Body::ApplicationData { bytes } => one(serializer, "bytes", bytes, stopped),
            Body::CertificateStatus(None) | Body::Other(_) => {
                let mut map = serializer.serialize_map(None)?;
                if let Some(stopped) = stopped {
                    map.serialize_entry("stopped", stopped)?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for Alert {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Clear { level, description } => {
                map.serialize_entry("level", level)?;
                map.serialize_entry("description", &description.0)?;
                if let Some(name) = description.name() {
                    map.serialize_entry("name", name)?;
                }
            }
            Self::Encrypted => map.serialize_entry("encrypted", &true)?,
        }
        map.end()
    }
}

fn one<S: Serializer>(
    serializer: S,
    name: &'static str,
    value: &impl Serialize,
    stopped: Option<&String>,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry(name, value)?;
    if let Some(stopped) = stopped {
        map.serialize_entry("stopped", stopped)?;
    }
    map.end()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn hex4<S: Serializer>(number: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:04x}"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}
