//! CRLs and OCSP responses that were asked for over HTTP.

use std::net::IpAddr;

use capture::CaptureTime;
use decode::{
    Endpoint, Path, Seen, WireText,
    http::{self, Crl, Ocsp},
    x509::Certificate,
};

use super::{Cloud, Failure, Instance, host_of};

/// A CRL or an OCSP response that was asked for over HTTP.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Who asked.
    pub client: IpAddr,
    /// Whom: the server or a proxy.
    pub server: Endpoint,
    /// The host asked for, in lower case. Not safe for a screen.
    pub host: String,
    /// The path, without what stands behind `?`.
    pub path: String,
    /// The request, where the capture holds it.
    pub asked: Option<Seen>,
    /// The status of the answer, and where. `None`: there was none.
    pub answer: Option<(Seen, u16)>,
    /// It was not even asked for, because there was no connection. The path is then not known.
    pub failure: Option<(Failure, Instance)>,
    /// An answer may be in a part that the capture does not hold, or come yet.
    pub undecided: bool,
    /// What was in the answer.
    pub body: FetchBody,
}

/// What was in the answer to a [`Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchBody {
    /// A CRL.
    Crl(Crl),
    /// An OCSP response.
    Ocsp(Ocsp),
    /// Something else.
    Other,
    /// Nothing, or it was not read.
    Unread,
}

impl Fetch {
    /// `host/path`, as certificates name it behind `http://`. Not safe for a screen.
    pub fn address(&self) -> String {
        format!("{}{}", self.host, self.path)
    }

    /// Where it is seen: the answer, else the request, else what there was in place of a connection.
    pub fn seen(&self) -> Option<Seen> {
        let answer = self.answer.map(|(seen, _)| seen);
        answer.or(self.asked).or(self.failure.map(|(_, instance)| instance.seen))
    }
}

impl Cloud {
    /// CRLs and OCSP responses that were asked for, in order.
    pub fn fetches(&self) -> &[Fetch] {
        &self.fetches
    }

    /// When this client last got what it asked this address (`host/path`) for, or may have.
    pub fn obtained(&self, client: IpAddr, address: &str) -> Option<CaptureTime> {
        self.obtained.get(&(client, address.to_owned())).copied()
    }

    /// Learns where a certificate says that its revocation can be asked for.
    pub(crate) fn learn(&mut self, certificate: &Certificate) {
        for url in certificate.crl_urls.iter().chain(&certificate.ocsp_urls) {
            if let Some(address) = without_scheme(url)
                && self.revocation_addresses.len() < Self::MAX_CERTIFICATES
            {
                self.revocation_hosts.insert(address.split('/').next().unwrap_or_default().to_owned());
                self.revocation_addresses.insert(address);
            }
        }
    }

    /// A request for what may be a CRL or an OCSP response.
    pub(super) fn ask(&mut self, message: &http::Message, seen: Seen, path: Path) {
        let Some((host, target)) = self.revocation(message) else { return };
        let (flow, _) = path.flow();
        if self.fetches.len() >= Self::MAX_FETCHES {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        let index = self.fetches.len();
        if let Some(conversation) = self.conversation(path) {
            conversation.fetch = Some(index);
            self.fetches.push(Fetch {
                client: path.source.address,
                server: path.destination,
                host,
                path: target,
                asked: Some(seen),
                answer: None,
                failure: None,
                undecided: true,
                body: FetchBody::Unread,
            });
        } else {
            self.open.remove(&flow);
        }
    }

    pub(super) fn fetched(&mut self, message: &http::Message, status: u16, seen: Seen, path: Path) {
        if status < 200 {
            return;
        }
        let is_kdc_proxy = |target: &WireText| target.as_bytes().to_ascii_lowercase().ends_with(b"/kdcproxy");
        if message.target.as_ref().is_some_and(is_kdc_proxy) {
            let (host, _) = address_of(message);
            if self.kdc_proxies.len() < Self::MAX_CERTIFICATES {
                self.kdc_proxies.insert(host.clone());
            }
            if let Some(service) = self.service_mut(path.destination.address, host) {
                service.kdc_proxy = Some((seen, status));
            }
            return;
        }
        let (flow, _) = path.flow();
        let body = match (&message.crl, &message.ocsp) {
            (Some(crl), _) => FetchBody::Crl(crl.clone()),
            (None, Some(ocsp)) => FetchBody::Ocsp(ocsp.clone()),
            (None, None) if message.has_other_body() => FetchBody::Other,
            (None, None) => FetchBody::Unread,
        };
        let told = self.revocation(message);
        let waited = self.open.get_mut(&flow).and_then(|conversation| conversation.fetch.take());
        let fetch = waited.and_then(|index| self.fetches.get_mut(index));
        let fits =
            |fetch: &&mut Fetch| told.as_ref().is_none_or(|(host, path)| *host == fetch.host && *path == fetch.path);
        if let Some(fetch) = fetch.filter(fits) {
            fetch.answer = Some((seen, status));
            fetch.undecided = false;
            fetch.body = body;
            // What is not read may be it, and 304 says that the client has it.
            let is_list = matches!(fetch.body, FetchBody::Crl(_) | FetchBody::Ocsp(_));
            if is_list || (fetch.body == FetchBody::Unread && matches!(status, 200..=299 | 304)) {
                self.obtained.insert((fetch.client, fetch.address()), seen.at);
            }
            self.open.remove(&flow);
            return;
        }
        let is_list = matches!(body, FetchBody::Crl(_) | FetchBody::Ocsp(_));
        let address = told.or_else(|| is_list.then(|| address_of(message)));
        let Some((host, target)) = address else { return };
        if self.fetches.len() >= Self::MAX_FETCHES {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        self.fetches.push(Fetch {
            client: path.destination.address,
            server: path.source,
            host,
            path: target,
            asked: None,
            answer: Some((seen, status)),
            failure: None,
            undecided: false,
            body,
        });
    }

    /// Host and path of what looks like a CRL or an OCSP responder, or is named as one in a certificate that was seen.
    fn revocation(&self, message: &http::Message) -> Option<(String, String)> {
        let target = message.target.as_ref()?.as_bytes();
        let end = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
        let is_list = target.get(..end)?.to_ascii_lowercase().ends_with(b".crl");
        let host = message.host.as_ref().map(WireText::as_bytes).unwrap_or_default();
        let first = host.split(|&byte| byte == b'.').next().unwrap_or_default().to_ascii_lowercase();
        let is_responder = first.windows(4).any(|word| word == b"ocsp");
        if !is_list && !is_responder && self.revocation_addresses.is_empty() {
            return None;
        }
        let (host, path) = address_of(message);
        let named = || {
            let whole = format!("{host}{path}");
            self.revocation_addresses.contains(&whole)
                // What is asked of a responder by GET is behind its address.
                || self.revocation_addresses.contains(&host)
                || self.revocation_addresses.contains(&format!("{host}/"))
        };
        (is_list || is_responder || named()).then_some((host, path))
    }

    /// A host that certificates name for revocation, or that gives out lists by its name, was not reached.
    pub(super) fn no_connection(&mut self, client: IpAddr, host: &str, failure: Failure, instance: Instance) {
        if self.fetches.len() >= Self::MAX_FETCHES {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        self.fetches.push(Fetch {
            client,
            server: instance.server,
            host: host.to_owned(),
            path: String::new(),
            asked: None,
            answer: None,
            failure: Some((failure, instance)),
            undecided: false,
            body: FetchBody::Unread,
        });
    }
}

/// Whether a host is one for CRLs by its name, such as `crl3.digicert.com` or `mscrl.microsoft.com`.
pub(super) fn gives_out_lists(name: &str) -> bool {
    name.split_once('.').is_some_and(|(first, _)| first.contains("crl"))
}

/// Host and path that a request, or the request of a response, asks for.
fn address_of(message: &http::Message) -> (String, String) {
    let host = message.host.as_ref().map(host_of).unwrap_or_default();
    let target = message.target.as_ref().map(WireText::to_unicode).unwrap_or_default();
    // Of a proxy the whole address is asked for.
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned(),
        None => target,
    };
    let end = target.find('?').unwrap_or(target.len());
    (host, target.get(..end).unwrap_or_default().to_owned())
}

/// `host/path` of an HTTP address, the host in lower case and without the port.
fn without_scheme(url: &str) -> Option<String> {
    let rest = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).and_then(|_| url.get(7..))?;
    let (host, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    Some(format!("{}{path}", host.split(':').next().unwrap_or_default().to_lowercase()))
}
