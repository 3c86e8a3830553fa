//! Handshake messages by type. Whatever breaks off keeps what came before, and `stopped` says where.

use std::sync::Arc;

use super::{
    Body, CertificateRequest, ClientHello, MAX_AUTHORITIES, MAX_CHAIN, ServerHello, Version,
    fingerprint::{self, Lists, SERVER_NAME, is_grease},
    numbers::HandshakeType,
};
use crate::{
    WireText,
    decoder::Detail,
    http::Ocsp,
    x509::{self, Certificate, name::name},
};

/// What a handshake message says, and where reading had to stop. `None`: a type that TLS does not have.
pub(super) fn decode(
    kind: HandshakeType,
    bytes: &[u8],
    chosen: Option<Version>,
    detail: Detail,
) -> Option<(Body, Option<String>)> {
    Some(match kind {
        HandshakeType::CLIENT_HELLO => {
            let (hello, stopped) = client_hello(bytes, detail);
            (Body::ClientHello(Box::new(hello)), stopped)
        }
        HandshakeType::SERVER_HELLO => {
            let (hello, stopped) = server_hello(bytes, detail);
            (Body::ServerHello(Box::new(hello)), stopped)
        }
        HandshakeType::CERTIFICATE => {
            let (chain, stopped) = certificates(bytes);
            (Body::Certificate(chain), stopped)
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            let (request, stopped) = certificate_request(bytes, chosen.unwrap_or(Version::TLS12));
            (Body::CertificateRequest(request), stopped)
        }
        HandshakeType::CERTIFICATE_STATUS => {
            let ocsp = Ocsp::parse(bytes.get(4..).unwrap_or_default());
            let stopped = ocsp.is_none().then(|| "the status is not one of OCSP".to_owned());
            (Body::CertificateStatus(ocsp), stopped)
        }
        other => {
            other.name()?;
            (Body::Other(other), None)
        }
    })
}

/// Takes bytes off the front. `None` is an early end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// What follows its length of so many octets.
    fn vector(&mut self, octets: usize) -> Option<Self> {
        let length = self.take(octets)?.iter().fold(0_usize, |sum, &octet| (sum << 8) | usize::from(octet));
        self.take(length).map(Self)
    }

    fn numbers(&self) -> Vec<u16> {
        self.0.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn client_hello(bytes: &[u8], detail: Detail) -> (ClientHello, Option<String>) {
    let mut hello = ClientHello::default();
    let mut lists = Lists::default();
    let stopped = read_client_hello(&mut Cursor(bytes), &mut hello, &mut lists, detail == Detail::Every);
    if !lists.ciphers.is_empty() {
        hello.ja3 = fingerprint::ja3(&lists);
        let first = hello.alpn.first().map(WireText::as_bytes);
        hello.ja4 = fingerprint::ja4(&lists, &hello.supported_versions, first);
    }
    (hello, stopped.err().map(str::to_owned))
}

/// Fills in the lists only if they are wanted: nothing but fingerprints is made of them.
fn read_client_hello(
    bytes: &mut Cursor<'_>,
    hello: &mut ClientHello,
    lists: &mut Lists,
    wanted: bool,
) -> Result<(), &'static str> {
    const EARLY: &str = "the client_hello ends early";
    hello.version = Version(bytes.u16().ok_or(EARLY)?);
    lists.version = hello.version;
    bytes.take(RANDOM).ok_or(EARLY)?;
    bytes.vector(1).ok_or(EARLY)?;
    let ciphers = bytes.vector(2).ok_or(EARLY)?;
    if wanted {
        lists.ciphers = ciphers.numbers();
    }
    bytes.vector(1).ok_or(EARLY)?;
    if !wanted {
        return extensions(bytes, EARLY, |kind, value| client_extension(kind, value, hello));
    }
    extensions(bytes, EARLY, |kind, value| {
        lists.extensions.push(kind);
        match kind {
            10 => lists.groups = value.vector(2)?.numbers(),
            11 => lists.point_formats = value.vector(1)?.0.to_vec(),
            13 => lists.signature_algorithms = value.vector(2)?.numbers(),
            _ => client_extension(kind, value, hello)?,
        }
        Some(())
    })
}

/// Hands each extension to `read`. One that cannot be read does not hide the next.
fn extensions(
    bytes: &mut Cursor<'_>,
    early: &'static str,
    mut read: impl FnMut(u16, &mut Cursor<'_>) -> Option<()>,
) -> Result<(), &'static str> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut outcome = Ok(());
    let mut list = bytes.vector(2).ok_or(early)?;
    while !list.is_empty() {
        let kind = list.u16().ok_or(early)?;
        let mut value = list.vector(2).ok_or(early)?;
        if read(kind, &mut value).is_none() {
            outcome = Err("an extension is malformed");
        }
    }
    outcome
}

fn client_extension(kind: u16, value: &mut Cursor<'_>, hello: &mut ClientHello) -> Option<()> {
    match kind {
        // It may be empty, and another type of name than a host's is not in use.
        SERVER_NAME if !value.is_empty() => hello.sni = server_name(value),
        fingerprint::ALPN => hello.alpn = protocols(value)?,
        // Groups and signature algorithms have a length before them, the forms of points one octet.
        10 | 13 => {
            value.vector(2)?;
        }
        11 => {
            value.vector(1)?;
        }
        EARLY_DATA => hello.early_data = true,
        SUPPORTED_VERSIONS => {
            let versions = value.vector(1)?.numbers().into_iter().filter(|version| !is_grease(*version));
            hello.supported_versions = versions.map(Version).collect();
        }
        ENCRYPTED_CLIENT_HELLO => hello.ech = true,
        _ => {}
    }
    Some(())
}

fn server_name(value: &mut Cursor<'_>) -> Option<WireText> {
    let mut list = value.vector(2)?;
    let host = list.u8()? == 0;
    let name = list.vector(2)?;
    host.then(|| WireText::new(name.0))
}

fn protocols(value: &mut Cursor<'_>) -> Option<Vec<WireText>> {
    let mut list = value.vector(2)?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        protocols.push(WireText::new(list.vector(1)?.0));
    }
    Some(protocols)
}

fn server_hello(bytes: &[u8], detail: Detail) -> (ServerHello, Option<String>) {
    let mut hello = ServerHello::default();
    let mut kinds = Vec::new();
    let stopped = read_server_hello(&mut Cursor(bytes), &mut hello, &mut kinds);
    if detail == Detail::Every && (stopped != Err(EARLY_SERVER_HELLO) || !kinds.is_empty()) {
        hello.ja3s = fingerprint::ja3s(hello.version, hello.cipher, &kinds);
    }
    (hello, stopped.err().map(str::to_owned))
}

const EARLY_SERVER_HELLO: &str = "the server_hello ends early";

fn read_server_hello(
    bytes: &mut Cursor<'_>,
    hello: &mut ServerHello,
    kinds: &mut Vec<u16>,
) -> Result<(), &'static str> {
    const EARLY: &str = EARLY_SERVER_HELLO;
    hello.version = Version(bytes.u16().ok_or(EARLY)?);
    // Drafts of TLS 1.3 before the 22nd have their own version or that of TLS 1.3 here, and neither session nor
    // compression.
    let draft = hello.version.0 >> 8 == 0x7f || hello.version == Version::TLS13;
    hello.hello_retry_request = bytes.take(RANDOM).ok_or(EARLY)? == HELLO_RETRY_REQUEST;
    if !draft {
        bytes.vector(1).ok_or(EARLY)?;
    }
    hello.cipher = bytes.u16().ok_or(EARLY)?;
    if !draft {
        bytes.u8().ok_or(EARLY)?;
    }
    extensions(bytes, EARLY, |kind, value| {
        kinds.push(kind);
        match kind {
            fingerprint::ALPN => hello.alpn = protocols(value)?,
            SUPPORTED_VERSIONS => hello.supported_versions = vec![Version(value.u16()?)],
            _ => {}
        }
        Some(())
    })
}

/// RFC 5246 §7.4.2: a list of certificates, each behind its length.
fn certificates(bytes: &[u8]) -> (Vec<Arc<Certificate>>, Option<String>) {
    let mut chain = Vec::new();
    let Some(mut list) = Cursor(bytes).vector(3) else {
        return (chain, Some("the list of certificates ends early".to_owned()));
    };
    let mut stopped = None;
    let mut place = 0_usize;
    while !list.is_empty() {
        place = place.saturating_add(1);
        if place > MAX_CHAIN {
            stopped.get_or_insert_with(|| format!("more than {MAX_CHAIN} certificates"));
            break;
        }
        let Some(der) = list.vector(3) else {
            stopped.get_or_insert_with(|| format!("certificate {place} ends early"));
            break;
        };
        match x509::known(der.0) {
            Ok(known) => chain.push(known.certificate),
            Err(error) => {
                stopped.get_or_insert_with(|| format!("certificate {place}: {error}"));
            }
        }
    }
    (chain, stopped)
}

/// RFC 5246 §7.4.4; before TLS 1.2 without the signature algorithms.
fn certificate_request(bytes: &[u8], version: Version) -> (CertificateRequest, Option<String>) {
    let mut request = CertificateRequest::default();
    let stopped = read_certificate_request(&mut Cursor(bytes), version, &mut request.authorities);
    (request, stopped.err().map(str::to_owned))
}

fn read_certificate_request(
    bytes: &mut Cursor<'_>,
    version: Version,
    authorities: &mut Vec<String>,
) -> Result<(), &'static str> {
    const EARLY: &str = "the certificate_request ends early";
    bytes.vector(1).ok_or(EARLY)?;
    if version >= Version::TLS12 {
        bytes.vector(2).ok_or(EARLY)?;
    }
    let mut names = bytes.vector(2).ok_or(EARLY)?;
    while !names.is_empty() {
        let der = names.vector(2).ok_or(EARLY)?;
        if authorities.len() >= MAX_AUTHORITIES {
            return Err("more names of authorities than are kept");
        }
        authorities.push(name(der.0).map_err(|_| "a name of an authority cannot be read")?.text);
    }
    Ok(())
}

/// Bytes of a hello's random.
const RANDOM: usize = 32;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// The random that makes a ServerHello a HelloRetryRequest, RFC 8446 §4.1.3.
const HELLO_RETRY_REQUEST: &[u8] = &[
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
