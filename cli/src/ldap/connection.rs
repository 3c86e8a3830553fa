//! One connection to a directory server: a request at a time, and its answers, within limits.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use decode::directory::{Answer, Done, Entry, Request, Search, SearchScope, length_of};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::url::Url;

/// Seconds until a connection must stand.
const CONNECT_SECONDS: u64 = 10;
/// Seconds in which something must come: more than a domain controller takes for a page (MaxQueryDuration).
const SILENT_SECONDS: u64 = 130;
/// Bytes that are taken from one server: as much as an export may have ([`decode::directory::MAX_FILE`]).
const MAX_BYTES: u64 = 1 << 30;

/// What a server says of itself.
#[derive(Debug, Default)]
pub(super) struct Root {
    /// Where its objects are.
    pub(super) base: Option<String>,
    /// Where its schema is, if it is a domain controller.
    pub(super) schema: Option<String>,
    /// Its clock: what it tells from then on is at least so new.
    pub(super) now: Option<Timestamp>,
}

/// A connection over which LDAP is spoken.
pub(super) struct Connection<S> {
    stream: S,
    /// Number of the last request.
    id: u32,
    /// Bytes taken.
    taken: u64,
}

impl<S: Read + Write> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, id: 0, taken: 0 }
    }

    /// Binds with a password, over a stream that nobody else can read.
    pub(super) fn bind(&mut self, name: &str, password: &str) -> anyhow::Result<()> {
        match self.ask(&Request::SimpleBind { name, password })? {
            None => Ok(()),
            Some(refused) => bail!("the server refuses the bind as {name}: {refused}"),
        }
    }

    /// Sends a request that has one answer. How it was refused, if it was.
    pub(super) fn ask(&mut self, request: &Request<'_>) -> anyhow::Result<Option<String>> {
        let mut refused = None;
        self.run(
            request,
            |_| Ok(()),
            |done| {
                refused = (!done.is_success()).then(|| done.reason());
            },
        )?;
        Ok(refused)
    }

    /// Says goodbye. Whether that arrives does not matter.
    pub(super) fn unbind(&mut self) {
        let _ = self.send(&Request::Unbind);
    }

    /// What the server says of itself. RFC 4512 §5.1, MS-ADTS 3.1.1.3.2.
    pub(super) fn root(&mut self) -> anyhow::Result<Root> {
        let search = Search {
            base: "",
            scope: SearchScope::Base,
            any_of: &[],
            attributes: &["defaultNamingContext", "namingContexts", "schemaNamingContext", "currentTime"],
            page: None,
            seconds: 0,
        };
        let mut root = Root::default();
        self.search(search, |entry| {
            let text = |name| entry.text(name).map(str::to_owned);
            root.base = text("defaultNamingContext").or_else(|| text("namingContexts"));
            root.schema = text("schemaNamingContext");
            root.now = entry.time("currentTime");
            Ok(true)
        })?;
        Ok(root)
    }

    /// Asks for objects, page by page, until `take` has enough.
    pub(super) fn search_pages(
        &mut self,
        search: Search<'_>,
        mut take: impl FnMut(&Entry<'_>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let size = search.page.map_or(0, |(size, _)| size);
        let mut cookie = Vec::new();
        loop {
            let mut goes_on = true;
            let page = Search { page: Some((size, &cookie)), ..search };
            let next = self.search(page, |entry| {
                goes_on = goes_on && take(entry)?;
                Ok(goes_on)
            })?;
            if !goes_on || next.is_empty() {
                return Ok(());
            }
            cookie = next;
        }
    }

    /// Asks for objects. Returns what to ask the next page with.
    pub(super) fn search(
        &mut self,
        search: Search<'_>,
        mut take: impl FnMut(&Entry<'_>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Vec<u8>> {
        let mut ended = Err(anyhow!("no answer"));
        self.run(
            &Request::Search(search),
            |entry| take(entry).map(|_| ()),
            |done| {
                ended = if done.is_success() { Ok(done.cookie.to_vec()) } else { Err(anyhow!(done.reason())) };
            },
        )?;
        ended.with_context(|| match search.base {
            "" => "the server does not tell of itself".to_owned(),
            base => format!("the search below {base} fails"),
        })
    }

    /// Sends a request and takes its answers, to the last.
    fn run(
        &mut self,
        request: &Request<'_>,
        mut take: impl FnMut(&Entry<'_>) -> anyhow::Result<()>,
        end: impl FnOnce(&Done<'_>),
    ) -> anyhow::Result<()> {
        self.send(request)?;
        loop {
            let message = self.receive()?;
            match Answer::read(&message, self.id)? {
                Some(Answer::Entry(entry)) => take(&entry)?,
                Some(Answer::Done(done)) => {
                    end(&done);
                    return Ok(());
                }
                Some(Answer::Reference) | None => {}
            }
        }
    }

    fn send(&mut self, request: &Request<'_>) -> anyhow::Result<()> {
        self.id += 1;
        let message = Zeroizing::new(request.message(self.id));
        self.stream.write_all(&message).and_then(|()| self.stream.flush()).map_err(|error| broken(&error))
    }

    fn receive(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut message = Vec::with_capacity(64);
        let length = loop {
            if let Some(length) = length_of(&message)? {
                break length as u64;
            }
            self.take(&mut message, 1)?;
        };
        let rest = length.saturating_sub(message.len() as u64);
        self.take(&mut message, rest)?;
        Ok(message)
    }

    /// Takes so many bytes. Memory grows as they come, not as they are promised.
    fn take(&mut self, message: &mut Vec<u8>, bytes: u64) -> anyhow::Result<()> {
        self.taken += bytes;
        if self.taken > MAX_BYTES {
            bail!("the server sends more than {} MB", MAX_BYTES >> 20);
        }
        let taken = (&mut self.stream).take(bytes).read_to_end(message).map_err(|error| broken(&error))?;
        if (taken as u64) < bytes {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn broken(error: &io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => anyhow!("the server takes too long"),
        ErrorKind::UnexpectedEof => anyhow!("the server closed the connection"),
        _ => anyhow!("the connection broke: {error}"),
    }
}

/// A TCP connection that ends at a time, however slowly bytes come.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    /// Connects to the first address of the server that answers.
    pub(super) fn connect(url: &Url, deadline: Instant) -> anyhow::Result<Self> {
        let addresses = (url.host.as_str(), url.port).to_socket_addrs().context("its address is not known")?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, Duration::from_secs(CONNECT_SECONDS)) {
                Ok(stream) => {
                    let silent = Some(Duration::from_secs(SILENT_SECONDS));
                    stream.set_read_timeout(silent).and_then(|()| stream.set_write_timeout(silent))?;
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, deadline });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| anyhow!("it has no address"), |error| anyhow!("no connection: {error}")))
    }

    #[expect(clippy::disallowed_methods, reason = "a server is waited for by the clock on the wall")]
    fn check(&self) -> io::Result<()> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
