//! Asks a directory server for what an export of it would hold: users, computers, domain controllers, registered
//! devices with their keys, and the schema (feature `directory`).
//!
//! In: the URL of a server and who to bind as. Out: a [`Directory`], as from a file. Everything goes over TLS, and the
//! server's certificate is checked: without that no password is sent. Nothing is written to the directory. What the
//! server sends is bounded in size, number and time.

mod connection;
#[cfg(all(feature = "directory-gssapi", target_os = "linux"))]
mod gssapi;
mod password;
mod tls;
mod url;

use std::{
    io::{Read, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use decode::directory::{Directory, MAX_OBJECTS, Search, SearchScope};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use self::{
    connection::{Connection, Timed},
    url::Url,
};
use crate::{args::Ldap, exit::complain};

/// Seconds that reading one server may take: half a million accounts are a thousand pages.
const MAX_SECONDS: u64 = 600;
/// Objects in one page: half of what a domain controller gives at most (MaxPageSize, MS-ADTS 3.1.1.3.4.6).
const PAGE: u32 = 500;
/// Seconds that the server is asked to take at most for one page; domain controllers stop at 120 anyway
/// (MaxQueryDuration).
const PAGE_SECONDS: u32 = 120;
/// What an export is asked for, and no more.
const ATTRIBUTES: [&str; 12] = [
    "objectClass",
    "sAMAccountName",
    "userPrincipalName",
    "objectSid",
    "objectGUID",
    "userAccountControl",
    "dNSHostName",
    "operatingSystem",
    "operatingSystemVersion",
    "whenChanged",
    "msDS-DeviceID",
    "msDS-KeyCredentialLink",
];

/// Reads the servers that were named into the directory.
pub(crate) fn read(arguments: &Ldap, directory: &mut Directory) -> anyhow::Result<()> {
    if arguments.ldap.is_empty() {
        return Ok(());
    }
    let urls = arguments.ldap.iter().map(|text| Url::parse(text)).collect::<anyhow::Result<Vec<Url>>>()?;
    let tls = tls::settings(arguments.ldap_ca.as_deref())?;
    let account = Account::read(arguments)?;
    for url in urls {
        read_from(&url, &tls, &account, directory)
            .with_context(|| format!("cannot read the directory of {}", url.address()))?;
    }
    Ok(())
}

/// Who asks.
enum Account<'a> {
    /// Whom the server knows by a name and a password.
    Password(&'a str, Zeroizing<String>),
    /// Whom the Kerberos ticket of this process names.
    #[cfg(all(feature = "directory-gssapi", target_os = "linux"))]
    Ticket,
}

impl<'a> Account<'a> {
    fn read(arguments: &'a Ldap) -> anyhow::Result<Self> {
        #[cfg(all(feature = "directory-gssapi", target_os = "linux"))]
        if arguments.ldap_gssapi {
            return Ok(Self::Ticket);
        }
        let Some(name) = arguments.ldap_bind.as_deref().filter(|name| !name.is_empty()) else {
            bail!("--ldap needs --ldap-bind NAME{OR_TICKET}: a directory tells strangers nothing");
        };
        Ok(Self::Password(name, password::read(arguments.ldap_password_file.as_deref(), name)?))
    }
}

/// What may stand in place of a name, in this build.
const OR_TICKET: &str =
    if cfg!(all(feature = "directory-gssapi", target_os = "linux")) { " or --ldap-gssapi" } else { "" };

/// Reads one server.
fn read_from(
    url: &Url,
    tls: &Arc<ClientConfig>,
    account: &Account<'_>,
    directory: &mut Directory,
) -> anyhow::Result<()> {
    let stream = Timed::connect(url, deadline(MAX_SECONDS))?;
    let stream = tls::secure(stream, url, tls)?;
    let mut connection = Connection::new(stream);
    match account {
        Account::Password(name, password) => connection.bind(name, password)?,
        #[cfg(all(feature = "directory-gssapi", target_os = "linux"))]
        Account::Ticket => gssapi::bind(&mut connection, &url.host)?,
    }
    ask(&mut connection, url.base.as_deref(), directory)?;
    connection.unbind();
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a server is waited for by the clock on the wall")]
fn deadline(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// Asks for everything that is compared with captures.
fn ask(
    connection: &mut Connection<impl Read + Write>,
    base: Option<&str>,
    directory: &mut Directory,
) -> anyhow::Result<()> {
    let root = connection.root()?;
    let Some(base) = base.or(root.base.as_deref()) else {
        bail!("it does not say where its objects are: write the base into the URL, ldaps://host/DC=corp,DC=example");
    };
    let before = directory.objects().len() + usize::try_from(directory.beyond()).unwrap_or(usize::MAX);
    let (mut count, mut cut) = (0_u64, 0_u64);
    let users = Search {
        base,
        scope: SearchScope::Subtree,
        // Computers are users as well; devices that registered themselves are not.
        any_of: &[("objectClass", "user"), ("objectClass", "msDS-Device")],
        attributes: &ATTRIBUTES,
        page: Some((PAGE, &[])),
        seconds: PAGE_SECONDS,
    };
    connection.search_pages(users, |entry| {
        count += 1;
        cut += u64::from(entry.is_cut());
        directory.add(entry, count)?;
        Ok(before as u64 + count < MAX_OBJECTS as u64)
    })?;
    if before as u64 + count >= MAX_OBJECTS as u64 {
        complain(&format!("the directory has more than {MAX_OBJECTS} objects: the rest is left out"));
    }
    if cut > 0 {
        complain(&format!("{cut} objects have more values than the server tells at once: the rest is left out"));
    }
    if let Some(schema) = &root.schema {
        let whole = Search {
            base: schema,
            scope: SearchScope::Base,
            any_of: &[],
            attributes: &["objectClass", "objectVersion"],
            page: None,
            seconds: PAGE_SECONDS,
        };
        let keys = Search {
            scope: SearchScope::OneLevel,
            any_of: &[("lDAPDisplayName", "msDS-KeyCredentialLink")],
            attributes: &["objectClass", "lDAPDisplayName"],
            ..whole
        };
        for search in [whole, keys] {
            connection.search(search, |entry| {
                count += 1;
                directory.add(entry, count)?;
                Ok(true)
            })?;
        }
    }
    if count == 0 {
        bail!("no user, computer or device below {base}, as far as the account may see");
    }
    if let Some(now) = root.now {
        directory.note_newest(now);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
