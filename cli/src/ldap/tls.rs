//! TLS to a directory server: always, and with its certificate checked against the system's authorities or a file's.

use std::{
    io::{Read, Write},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use decode::directory::Request;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::{connection::Connection, url::Url};

/// Who is trusted: the authorities in a PEM file, else those that the system trusts.
pub(super) fn settings(authorities: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = authorities {
        let name = path.display();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| anyhow!("cannot read {name}: {error}"))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| anyhow!("{name} is no PEM file: {error}"))?;
            roots.add(certificate).with_context(|| format!("a certificate in {name} cannot be an authority"))?;
        }
        if roots.is_empty() {
            bail!("no certificate in {name}: --ldap-ca takes PEM (-----BEGIN CERTIFICATE-----)");
        }
    } else {
        // Some of a system's certificates are always odd: those are passed over.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

/// Begins TLS: at once, or after asking for it, as the URL says.
pub(super) fn secure<S: Read + Write>(
    mut stream: S,
    url: &Url,
    settings: &Arc<ClientConfig>,
) -> anyhow::Result<StreamOwned<ClientConnection, S>> {
    if !url.tls_first {
        let mut clear = Connection::new(&mut stream);
        let done = clear.ask(&Request::StartTls).context("StartTLS failed")?;
        if let Some(refused) = done {
            bail!("the server does not begin TLS ({refused}), and a password is not sent in clear: try ldaps://");
        }
    }
    let name =
        ServerName::try_from(url.host.clone()).with_context(|| format!("{} is no name of a server", url.host))?;
    let mut session = ClientConnection::new(Arc::clone(settings), name)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).map_err(|error| {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match tls {
                Some(rustls::Error::InvalidCertificate(why)) => {
                    anyhow!("its certificate is not taken: {why}; --ldap-ca names the authority that issued it")
                }
                _ => anyhow!("TLS fails: {error}"),
            }
        })?;
    }
    Ok(StreamOwned::new(session, stream))
}
