//! HTTP/1 as far as it carries what a sign-in needs: what is asked of whom, with which status, tunnels of proxies, and
//! what came of asking for a CRL or an OCSP response. RFC 9110, RFC 9112, RFC 5280 appendix, RFC 6960 appendix A.
//!
//! In: the two directions of a connection, a head or a body at a time. Out: a [`Message`] for each request and
//! response; a response with a CRL or an OCSP response in it is told when the body is there, and what a KDC proxy
//! passes on is told behind its request or response. Other bodies are passed over.
//!
//! Headers are read for lengths, types, the host, and the Kerberos and NTLM of an authentication (RFC 4559), which are
//! messages of their own. None is kept: not Authorization, not Cookie, not their names. Of a target nothing behind `?`
//! is kept, and nothing before `@`, because that is where secrets are put.

#![deny(clippy::indexing_slicing)]

mod challenge;
mod kdc_proxy;
mod revocation;

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    Decoded, Message as Event, WireText,
    decoder::{Begins, Framing, Side},
};

pub use revocation::{CertificateStatus, Crl, MAX_RESPONSES, Ocsp, OcspStatus, SingleResponse};

/// Bytes of a body that are read. A CRL's issuer and times are among its first hundred bytes, and an OCSP response with
/// its certificates takes a few kilobytes; the rest of a CRL is passed over.
pub const MAX_BODY: usize = 64 << 10;

/// Bytes of a target or a host that are kept. RFC 6960 §A.1 has GET for OCSP requests of less than 255.
pub const MAX_TEXT: usize = 1_024;

/// Requests of a connection that may wait for their response; who does not wait at all sends a handful.
pub const MAX_WAITING: usize = 64;

/// What is said of a body that is not what it was asked for as.
const OTHER_BODY: &str = "the body is neither a CRL nor an OCSP response";

/// Headers of one head. Servers take a hundred.
const MAX_HEADERS: usize = 128;

/// A request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Of a request, and of the request that a response answers, where that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<WireText>,
    /// What is asked for, without query and credentials: a path, with a proxy the whole address, with CONNECT host and
    /// port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<WireText>,
    /// The header Host, else that of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<WireText>,
    /// Status code. `None`: it is a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The CRL in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl: Option<Crl>,
    /// The OCSP response in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<Ocsp>,
    /// Why the body could not be read, as a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

impl Message {
    /// `request` or `response`.
    pub fn name(&self) -> &'static str {
        if self.status.is_some() { "response" } else { "request" }
    }

    /// Whether the body was read, and is neither a CRL nor an OCSP response.
    pub fn has_other_body(&self) -> bool {
        self.stopped.as_ref().is_some_and(|stopped| stopped.starts_with(OTHER_BODY))
    }
}

/// Who sends a payload that begins with a head; `None` for all others.
pub fn head(bytes: &[u8]) -> Option<Side> {
    match starts(bytes) {
        (Begins::Yes, from) => from,
        _ => None,
    }
}

/// Whether a head begins here, and whose it would be.
fn starts(bytes: &[u8]) -> (Begins, Option<Side>) {
    let Some(first) = bytes.first() else { return (Begins::Unknown, None) };
    if !b"CDGHOP".contains(first) {
        return (Begins::No, None);
    }
    let mut short = false;
    let status = b"HTTP/1.".as_slice();
    for (word, next) in METHODS.into_iter().chain([(status, b"01".as_slice())]) {
        match bytes.split_at_checked(word.len()) {
            Some((begin, rest)) if begin == word => {
                let from = if word == status { Side::Server } else { Side::Client };
                return match rest.first() {
                    None => (Begins::Unknown, None),
                    Some(byte) if next.is_empty() || next.contains(byte) => (Begins::Yes, Some(from)),
                    Some(_) => (Begins::No, None),
                };
            }
            None if word.starts_with(bytes) => short = true,
            _ => {}
        }
    }
    (if short { Begins::Unknown } else { Begins::No }, None)
}

/// Methods of RFC 9110, and what a target begins with: a path, a scheme, for OPTIONS also an asterisk; with CONNECT any
/// host. TRACE and PATCH are not in use here.
const METHODS: [(&[u8], &[u8]); 7] = [
    (b"GET ", b"/hH"),
    (b"POST ", b"/hH"),
    (b"HEAD ", b"/hH"),
    (b"CONNECT ", b""),
    (b"PUT ", b"/hH"),
    (b"DELETE ", b"/hH"),
    (b"OPTIONS ", b"/hH*"),
];

/// Both directions of a connection.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    client: Body,
    server: Body,
    /// Requests without a response so far.
    waiting: VecDeque<Message>,
    /// Requests beyond [`MAX_WAITING`] were not remembered, so responses cannot be told whose they are.
    confused: bool,
    /// A response that waits for its body, and whether that is one of a KDC proxy.
    held: Option<(Message, bool)>,
    /// What there is of that body, at most [`MAX_BODY`] bytes.
    gathered: Vec<u8>,
    /// The same of a request's body.
    sent: Vec<u8>,
    /// A proxy has opened a tunnel, or both have gone over to another protocol.
    tunnel: bool,
    begun: bool,
}

/// Headers in which a client authenticates to a server and to a proxy, and in which those answer. RFC 9110 §11.6,
/// §11.7.
const CREDENTIALS: [&str; 2] = ["Authorization", "Proxy-Authorization"];
const CHALLENGES: [&str; 2] = ["WWW-Authenticate", "Proxy-Authenticate"];

/// What comes next in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Body {
    /// A head.
    #[default]
    None,
    /// So many bytes, of which the first are wanted.
    Wanted { read: usize, pass: u64 },
    /// Chunks whose data is wanted.
    WantedChunks,
    /// All up to the end, of which the first bytes are wanted.
    WantedRest,
    /// What is left of a chunk, to pass over; other chunks follow, and are wanted or not.
    ChunkPassed { total: u64, wanted: bool },
    /// So many bytes to pass over.
    Passed(u64),
    /// Chunks, RFC 9112 §7.1.
    Chunks,
    /// The trailer behind the last chunk.
    Trailer,
    /// All up to the end.
    Rest,
}

/// What a head says about what follows it.
#[derive(Default)]
struct Follows {
    length: Option<u64>,
    chunks: bool,
    kind: Kind,
    host: Option<WireText>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    Crl,
    Ocsp,
    KdcProxy,
}

impl Heads {
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether what follows is carried by a tunnel.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel
    }

    /// Whether what comes next is no head and belongs to the message before it.
    pub(crate) fn is_within(&self, from: Side) -> bool {
        *self.body(from) != Body::None
    }

    pub(crate) fn begins(from: Side, bytes: &[u8]) -> Begins {
        match starts(bytes) {
            (Begins::Yes, whose) if whose != Some(from) => Begins::No,
            (begins, _) => begins,
        }
    }

    /// Where what begins here ends. `seen` bytes of it are known not to hold the end.
    pub(crate) fn frame(&self, from: Side, bytes: &[u8], seen: usize) -> Framing {
        match *self.body(from) {
            Body::None => match Self::begins(from, bytes) {
                Begins::Yes => {
                    head_end(bytes, seen).map_or(Framing::Open, |length| Framing::Message { header: 0, length })
                }
                Begins::Unknown => Framing::More,
                Begins::No => Framing::Lost,
            },
            Body::Wanted { read, .. } => Framing::Message { header: 0, length: read },
            Body::Passed(total) | Body::ChunkPassed { total, .. } => Framing::Pass { total },
            Body::Chunks => chunk(bytes),
            Body::WantedChunks => match (chunk(bytes), chunk_size(bytes)) {
                // The last one is told of, too: the body is complete.
                (Framing::Pass { .. }, Some((size, line))) => {
                    let data = usize::try_from(size).unwrap_or(usize::MAX).min(self.wanted(from));
                    let line = usize::try_from(line).unwrap_or_default();
                    Framing::Message { header: 0, length: line.saturating_add(data) }
                }
                (framing, _) => framing,
            },
            Body::WantedRest => Framing::Message { header: 0, length: bytes.len().min(self.wanted(from)) },
            Body::Trailer => match bytes {
                [b'\r'] => Framing::More,
                [b'\r', b'\n', ..] => Framing::Pass { total: 2 },
                _ => head_end(bytes, seen).map_or(Framing::Open, |length| Framing::Message { header: 0, length }),
            },
            Body::Rest => Framing::Done,
        }
    }

    /// Told when what `frame` wanted passed over is.
    pub(crate) fn passes(&mut self, from: Side, bytes: &[u8]) {
        let last_chunk = bytes.first() == Some(&b'0') && chunk_size(bytes).is_some_and(|(size, _)| size == 0);
        let body = self.body_mut(from);
        *body = match *body {
            Body::Chunks if last_chunk => Body::Trailer,
            Body::Chunks | Body::ChunkPassed { wanted: false, .. } => Body::Chunks,
            Body::ChunkPassed { wanted: true, .. } => Body::WantedChunks,
            _ => Body::None,
        };
    }

    /// Takes a head or the part of a body that is wanted, and appends what it says. An error is a clause.
    pub(crate) fn message(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Decoded>) -> Result<(), &'static str> {
        self.begun = true;
        match *self.body(from) {
            Body::Wanted { pass, .. } => {
                *self.body_mut(from) = if pass > 0 { Body::Passed(pass) } else { Body::None };
                self.complete(from, bytes, pass > 0, out);
                Ok(())
            }
            Body::WantedChunks => {
                let (size, line) = chunk_size(bytes).unwrap_or_default();
                let data = usize::try_from(line).ok().and_then(|line| bytes.get(line..)).unwrap_or_default();
                self.gathered_mut(from).extend_from_slice(data);
                let full = self.wanted(from) == 0;
                // A line end follows the data.
                let total = size.saturating_sub(data.len() as u64).saturating_add(2);
                *self.body_mut(from) =
                    if size == 0 { Body::Trailer } else { Body::ChunkPassed { total, wanted: !full } };
                if size == 0 || full {
                    let body = std::mem::take(self.gathered_mut(from));
                    self.complete(from, &body, full, out);
                }
                Ok(())
            }
            Body::WantedRest => {
                self.gathered_mut(from).extend_from_slice(bytes);
                if self.wanted(from) == 0 {
                    *self.body_mut(from) = Body::Rest;
                    let body = std::mem::take(self.gathered_mut(from));
                    self.complete(from, &body, true, out);
                }
                Ok(())
            }
            Body::Trailer => {
                *self.body_mut(from) = Body::None;
                Ok(())
            }
            _ if from == Side::Client => self.request(bytes, out),
            _ => self.response(bytes, out),
        }
    }

    /// Bytes were lost, or the stream has ended: what comes next is a head, if anything.
    pub(crate) fn interrupted(&mut self, from: Side, out: &mut Vec<Decoded>) {
        let body = std::mem::take(self.body_mut(from));
        if from == Side::Client {
            self.sent = Vec::new();
        }
        if from == Side::Server
            && let Some((mut response, proxied)) = self.held.take()
        {
            // The end of the connection ends such a body; whether that or a loss is the reason cannot be told here.
            let gathered = std::mem::take(&mut self.gathered);
            if !gathered.is_empty() && !proxied {
                response.read(&gathered, true);
            }
            if body != Body::WantedRest && !response.has_body() {
                response.stopped = Some("the body is not there in full".to_owned());
            }
            out.push(Event::Http(Box::new(response)).into());
            if proxied && body == Body::WantedRest && !gathered.is_empty() {
                kdc_proxy::decode(&gathered, out);
            }
        }
    }

    /// Bytes kept of a direction: that a response waits, and what there is of its body.
    pub(crate) fn kept(&self, from: Side) -> usize {
        match from {
            Side::Client => self.sent.capacity(),
            Side::Server if self.held.is_some() => size_of::<Message>().saturating_add(self.gathered.capacity()),
            Side::Server => 0,
        }
    }

    /// Bytes that are still wanted of a body.
    fn wanted(&self, from: Side) -> usize {
        let gathered = if from == Side::Client { &self.sent } else { &self.gathered };
        MAX_BODY.saturating_sub(gathered.len())
    }

    fn gathered_mut(&mut self, from: Side) -> &mut Vec<u8> {
        if from == Side::Client { &mut self.sent } else { &mut self.gathered }
    }

    /// Tells what a body says, and before that the response that waits for it; `more` of the body may follow.
    fn complete(&mut self, from: Side, body: &[u8], more: bool, out: &mut Vec<Decoded>) {
        // Of requests, only bodies for a KDC proxy are wanted.
        let mut proxied = from == Side::Client;
        if from == Side::Server
            && let Some((mut response, is_proxy)) = self.held.take()
        {
            proxied = is_proxy;
            if !proxied {
                response.read(body, more);
            }
            out.push(Event::Http(Box::new(response)).into());
        }
        if proxied {
            kdc_proxy::decode(body, out);
        }
    }

    fn request(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) -> Result<(), &'static str> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        head.parse(bytes).map_err(why)?;
        let follows = Follows::of(head.headers)?;
        let method = WireText::new(head.method.unwrap_or_default().as_bytes());
        let target = head.path.unwrap_or_default();
        let (target, authority) = shown(target, method.as_bytes() == b"CONNECT");
        let host = follows.host.clone().or(authority);
        let proxied =
            method.as_bytes() == b"POST" && (follows.kind == Kind::KdcProxy || kdc_proxy::is_target(target.as_bytes()));
        self.client = follows.body();
        if let Some(body) = self.client.read().filter(|_| proxied) {
            self.client = body;
        }
        let request = Message { method: Some(method), target: Some(target), host, ..Message::default() };
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(request.clone());
        } else {
            self.confused = true;
        }
        out.push(Event::Http(Box::new(request)).into());
        challenge::tokens(head.headers, CREDENTIALS, out);
        Ok(())
    }

    fn response(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) -> Result<(), &'static str> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        head.parse(bytes).map_err(why)?;
        let status = head.code.unwrap_or_default();
        let follows = Follows::of(head.headers)?;
        // An interim response is not the answer, RFC 9110 §15.2.
        let interim = matches!(status, 100 | 102..=199);
        let asked = if interim { self.waiting.front().cloned() } else { self.waiting.pop_front() };
        let asked = asked.filter(|_| !self.confused).unwrap_or_default();
        let method = asked.method.clone().unwrap_or_default();
        let response = Message { status: Some(status), ..asked };
        let connected = method.as_bytes() == b"CONNECT" && (200..300).contains(&status);
        self.tunnel |= connected || status == 101;
        // RFC 9112 §6.3.
        self.server = if interim || connected || matches!(status, 101 | 204 | 304) || method.as_bytes() == b"HEAD" {
            Body::None
        } else if follows.chunks || follows.length.is_some() {
            follows.body()
        } else {
            Body::Rest
        };
        let named =
            || response.target.as_ref().is_some_and(|target| target.as_bytes().to_ascii_lowercase().ends_with(b".crl"));
        let proxied = || {
            let is_target = |target: &WireText| kdc_proxy::is_target(target.as_bytes());
            method.as_bytes() == b"POST" && response.target.as_ref().is_some_and(is_target)
        };
        let proxied = follows.kind == Kind::KdcProxy || follows.kind == Kind::Other && proxied();
        let wanted = status == 200 && (follows.kind != Kind::Other || proxied || named());
        if let Some(body) = self.server.read().filter(|_| wanted) {
            self.server = body;
            self.held = Some((response, proxied));
        } else {
            out.push(Event::Http(Box::new(response)).into());
        }
        challenge::tokens(head.headers, CHALLENGES, out);
        Ok(())
    }

    fn body(&self, side: Side) -> &Body {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn body_mut(&mut self, side: Side) -> &mut Body {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Body {
    /// The same body, to be read as far as [`MAX_BODY`]; `None` where there is none.
    fn read(self) -> Option<Self> {
        match self {
            Self::Passed(total) => {
                let read = usize::try_from(total).unwrap_or(usize::MAX).min(MAX_BODY);
                Some(Self::Wanted { read, pass: total.saturating_sub(read as u64) })
            }
            Self::Chunks => Some(Self::WantedChunks),
            Self::Rest => Some(Self::WantedRest),
            _ => None,
        }
    }
}

impl Message {
    /// Whether something was read in the body.
    fn has_body(&self) -> bool {
        self.crl.is_some() || self.ocsp.is_some()
    }

    /// Reads a body: an OCSP response, else a CRL, of which `more` may follow.
    fn read(&mut self, body: &[u8], more: bool) {
        self.ocsp = Ocsp::parse(body);
        if self.ocsp.is_none() {
            self.crl = Crl::parse(body);
        }
        if !self.has_body() {
            let what = if more { "its beginning" } else { "it" };
            self.stopped = Some(format!("{OTHER_BODY}, as far as {what} can be read"));
        }
    }
}

impl Follows {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, &'static str> {
        let mut follows = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let value = header.value.trim_ascii();
            if is("host") {
                follows.host = Some(host(value));
            } else if is("content-length") {
                let number = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                let number = number.filter(|_| value.iter().all(u8::is_ascii_digit));
                follows.length = Some(number.ok_or("a content length is no number")?);
            } else if is("transfer-encoding") {
                follows.chunks |= value.to_ascii_lowercase().ends_with(b"chunked");
            } else if is("content-type") {
                let kind = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
                follows.kind = match kind.to_ascii_lowercase().as_slice() {
                    b"application/pkix-crl" | b"application/x-pkcs7-crl" => Kind::Crl,
                    b"application/ocsp-response" => Kind::Ocsp,
                    b"application/kerberos" => Kind::KdcProxy,
                    _ => Kind::Other,
                };
            }
        }
        Ok(follows)
    }

    /// RFC 9112 §6.3: chunks go before a length.
    fn body(&self) -> Body {
        match self.length {
            _ if self.chunks => Body::Chunks,
            None | Some(0) => Body::None,
            Some(length) => Body::Passed(length),
        }
    }
}

/// A target as it is shown, and the host in it.
fn shown(target: &str, connect: bool) -> (WireText, Option<WireText>) {
    let (scheme, rest) = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => (Some(scheme), rest),
        _ if connect => (Some(""), target),
        _ => (None, target),
    };
    let (path, query) = match rest.split_once(['?', '#']) {
        Some((path, _)) => (path, "?\u{2026}"),
        None => (rest, ""),
    };
    let Some(scheme) = scheme else { return (cut(&format!("{path}{query}")), None) };
    let (authority, path) = path.split_at_checked(path.find('/').unwrap_or(path.len())).unwrap_or((path, ""));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let separator = if scheme.is_empty() { "" } else { "://" };
    (cut(&format!("{scheme}{separator}{authority}{path}{query}")), Some(cut(authority)))
}

fn host(value: &[u8]) -> WireText {
    let host = value.rsplit(|&byte| byte == b'@').next().unwrap_or_default();
    WireText::new(host.get(..MAX_TEXT).unwrap_or(host))
}

fn cut(text: &str) -> WireText {
    let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    match text.get(..end) {
        Some(begin) if text.len() > MAX_TEXT => WireText::from(format!("{begin}\u{2026}").as_str()),
        _ => WireText::from(text),
    }
}

/// Length of a head, the empty line at its end included, where that is there and not among the first `seen` bytes.
fn head_end(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let tail = bytes.get(from..)?;
    let mut at = 0_usize;
    while let Some(line) = tail.get(at..)?.iter().position(|&byte| byte == b'\n') {
        at = at.saturating_add(line).saturating_add(1);
        let end = match tail.get(at..)? {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => continue,
        };
        return Some(from.saturating_add(at).saturating_add(end));
    }
    None
}

/// Where a chunk ends; of the last one, only the line with its size.
fn chunk(bytes: &[u8]) -> Framing {
    match chunk_size(bytes) {
        Some((0, line)) => Framing::Pass { total: line },
        Some((size, line)) => Framing::Pass { total: size.saturating_add(line).saturating_add(2) },
        None if bytes.iter().take(LONGEST_CHUNK_LINE).any(|&byte| byte == b'\n') => Framing::Lost,
        None if bytes.len() < LONGEST_CHUNK_LINE => Framing::More,
        None => Framing::Lost,
    }
}

/// Bytes of a chunk's size, and those of the line it is on.
fn chunk_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let end = bytes.iter().take(LONGEST_CHUNK_LINE).position(|&byte| byte == b'\n')?;
    let line = bytes.get(..end)?;
    let size = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let digits = str::from_utf8(size).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((u64::from_str_radix(digits, 16).ok()?, (end as u64).saturating_add(1)))
}

/// Bytes of a line with a chunk's size: sixteen digits and what servers add, within [`crate::decoder::MAX_HEADER`].
const LONGEST_CHUNK_LINE: usize = 60;

fn why(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => "a header is malformed",
        httparse::Error::TooManyHeaders => "more headers than are read",
        httparse::Error::Status => "the status is malformed",
        httparse::Error::Version => "the version is not one of HTTP/1",
        httparse::Error::NewLine | httparse::Error::Token => "a character is out of place",
    }
}
