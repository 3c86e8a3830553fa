//! A server that answers by script: in memory, and behind TLS on this machine.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use decode::directory::{Directory, Object, length_of};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{ask, connection::Connection, read, tls, url::Url};
use crate::args::Ldap;

const KEY: &str = "B:86:0002000020000101010101010101010101010101010101010101010101010101010101010101010101000401:CN=bob,CN=Users,DC=corp,DC=example";
const KEY_ID: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    // As Active Directory writes lengths, however short.
    [&[tag, 0x84], length.as_slice(), contents].concat()
}

fn text(text: &str) -> Vec<u8> {
    element(0x04, text.as_bytes())
}

fn message(id: u8, operation: &[u8], controls: &[u8]) -> Vec<u8> {
    element(0x30, &[&[0x02, 0x01, id], operation, controls].concat())
}

fn entry(id: u8, dn: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attribute = |(name, value): &(&str, &str)| element(0x30, &[text(name), element(0x31, &text(value))].concat());
    let attributes: Vec<Vec<u8>> = attributes.iter().map(attribute).collect();
    message(id, &element(0x64, &[text(dn), element(0x30, &attributes.concat())].concat()), &[])
}

fn result(tag: u8, code: u8, why: &str) -> Vec<u8> {
    element(tag, &[vec![0x0a, 1, code], text(""), text(why)].concat())
}

/// The end of a search: with a cookie, another page follows.
fn done(id: u8, cookie: &str) -> Vec<u8> {
    let value = element(0x30, &[vec![0x02, 1, 0], text(cookie)].concat());
    let control = element(0x30, &[text("1.2.840.113556.1.4.319"), element(0x04, &value)].concat());
    message(id, &result(0x65, 0, ""), &element(0xa0, &control))
}

/// What a domain controller with two users and the schema answers, from request `first` on: by request.
fn answers(first: u8) -> Vec<Vec<u8>> {
    let root = [
        ("defaultNamingContext", "DC=corp,DC=example"),
        ("schemaNamingContext", "CN=Schema,CN=Configuration,DC=corp,DC=example"),
        ("currentTime", "20260105120000.0Z"),
    ];
    let bob = [("objectClass", "user"), ("sAMAccountName", "bob"), ("msDS-KeyCredentialLink", KEY)];
    let eve = [("objectClass", "user"), ("sAMAccountName", "eve"), ("whenChanged", "20250101000000.0Z")];
    let elsewhere = message(first + 1, &element(0x73, &text("ldap://other.example")), &[]);
    vec![
        [entry(first, "", &root), done(first, "")].concat(),
        [entry(first + 1, "CN=bob,CN=Users,DC=corp,DC=example", &bob), elsewhere, done(first + 1, "more")].concat(),
        [entry(first + 2, "CN=eve,CN=Users,DC=corp,DC=example", &eve), done(first + 2, "")].concat(),
        [entry(first + 3, root[1].1, &[("objectVersion", "88")]), done(first + 3, "")].concat(),
        [
            entry(
                first + 4,
                "CN=ms-DS-Key-Credential-Link,CN=Schema,CN=Configuration,DC=corp,DC=example",
                &[("lDAPDisplayName", "msDS-KeyCredentialLink")],
            ),
            done(first + 4, ""),
        ]
        .concat(),
    ]
}

/// Answers whatever it is asked with the next of its answers, and remembers what came.
#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Vec<u8>>,
    ready: VecDeque<u8>,
    heard: Vec<u8>,
}

impl Script {
    fn new(answers: Vec<Vec<u8>>) -> Self {
        Self { answers: answers.into(), ..Self::default() }
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ready.read(buffer)
    }
}

impl Write for Script {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.heard.extend(buffer);
        self.ready.extend(self.answers.pop_front().unwrap_or_default());
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn asked(answers: Vec<Vec<u8>>) -> Result<Directory, String> {
    let mut directory = Directory::default();
    let mut script = Script::new(answers);
    ask(&mut Connection::new(&mut script), None, &mut directory).map_err(|error| format!("{error:#}"))?;
    Ok(directory)
}

#[test]
fn pages_are_put_together_and_the_schema_is_read() {
    let directory = asked(answers(1)).unwrap();
    assert_eq!(directory.with_key(KEY_ID).map(Object::name).collect::<Vec<_>>(), ["bob"]);
    let eve = directory.of_account("eve", "CORP.EXAMPLE").next().unwrap();
    assert!(eve.keys_shown && eve.keys.is_empty());
    assert_eq!((directory.schema_version(), directory.schema_has_keys()), (Some(88), true));
    // By the server's clock, for what it tells is what it has then.
    assert_eq!(directory.newest().unwrap().to_string(), "2026-01-05T12:00:00Z");
}

#[test]
fn what_a_server_should_not_say_ends_the_reading_with_a_sentence() {
    let mut refused = answers(1);
    refused[1] = message(2, &result(0x65, 50, "no\x1b[2J"), &[]);
    let mut broken = answers(1);
    broken[1].truncate(20);
    let mut farewell = answers(1);
    farewell[1] = message(0, &result(0x78, 52, "shutting down"), &[]);
    let nobody = vec![answers(1).remove(0), done(2, ""), done(3, ""), done(4, "")];
    for (answers, why) in [
        (refused, "insufficientAccessRights (50): no"),
        (broken, "closed the connection"),
        (farewell, "unavailable (52): shutting down"),
        (nobody, "no user, computer or device below DC=corp,DC=example"),
        (vec![done(1, "")], "write the base into the URL"),
        (vec![b"HTTP/1.1 400 Bad Request".to_vec()], "no LDAP message"),
        (vec![b"\x30\x84\xff\xff\xff\xff".to_vec()], "more than 10 MB"),
        (vec![element(0x30, b"\x02\x01\x01\x64\x84\x00\x00\x00\x09")], "cannot be read"),
    ] {
        let error = asked(answers).unwrap_err();
        assert!(error.contains(why) && !error.contains(['\x1b', '\n']), "{why}: {error}");
    }
}

#[test]
fn a_password_is_not_sent_to_a_server_without_tls() {
    let url = Url::parse("ldap://dc1.corp.example").unwrap();
    let settings = tls::settings(Some(&data("authority.pem"))).unwrap();
    let mut script = Script::new(vec![message(1, &result(0x78, 2, "unsupported extended operation"), &[])]);
    let error = tls::secure(&mut script, &url, &settings).unwrap_err().to_string();
    assert!(error.contains("a password is not sent in clear"), "{error}");
    assert_eq!(length_of(&script.heard).unwrap(), Some(script.heard.len()), "one request, for StartTLS");
    assert!(script.heard.windows(22).any(|bytes| bytes == b"1.3.6.1.4.1.1466.20037"));
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A server on this machine for one connection. What it heard over TLS comes back when it is done.
fn serve(starts_in_clear: bool, answers: Vec<Vec<u8>>) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let certificate = CertificateDer::from_pem_file(data("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(data("server-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(versions.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        if starts_in_clear {
            assert!(hear(&mut socket).is_some());
            socket.write_all(&message(1, &result(0x78, 0, ""), &[])).unwrap();
        }
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
        let mut heard = Vec::new();
        let mut answers = answers.into_iter();
        while let Some(request) = hear(&mut stream) {
            heard.extend(request);
            if let Some(answer) = answers.next() {
                stream.write_all(&answer).unwrap();
                stream.flush().unwrap();
            }
        }
        heard
    });
    (port, server)
}

/// One request. `None`: the client is gone.
fn hear(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let wanted = length_of(&message).unwrap().unwrap_or(message.len() + 1);
        if message.len() == wanted {
            return Some(message);
        }
        stream.take((wanted - message.len()) as u64).read_to_end(&mut message).ok().filter(|taken| *taken > 0)?;
    }
}

/// Reads what is served under this URL, with a port put in.
fn fetched(url: &str, authority: &str, starts_in_clear: bool) -> (Result<Directory, String>, Vec<u8>) {
    let mut script = vec![message(1, &result(0x61, 0, ""), &[])];
    script.extend(answers(2));
    let (port, server) = serve(starts_in_clear, script);
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "correct horse\nnot this\n").unwrap();
    let arguments = Ldap {
        ldap: vec![url.replace("PORT", &port.to_string())],
        ldap_bind: Some("bob@corp.example".to_owned()),
        ldap_password_file: Some(password),
        ldap_ca: Some(data(authority)),
    };
    let mut directory = Directory::default();
    let read = read(&arguments, &mut directory).map_err(|error| format!("{error:#}"));
    // Where nobody came, it still waits.
    drop(TcpStream::connect(("127.0.0.1", port)));
    (read.map(|()| directory), server.join().unwrap())
}

#[test]
fn a_directory_is_read_over_tls_from_the_start_or_after_asking_for_it() {
    for (url, starts_in_clear) in [("ldaps://localhost:PORT", false), ("ldap://localhost:PORT/", true)] {
        let (directory, heard) = fetched(url, "authority.pem", starts_in_clear);
        assert_eq!(directory.unwrap().with_key(KEY_ID).count(), 1, "{url}");
        let password = b"\x80\x0dcorrect horse";
        assert!(heard.windows(password.len()).any(|bytes| bytes == password), "{url}");
        assert!(!heard.windows(8).any(|bytes| bytes == b"not this"));
    }
}

#[test]
fn a_certificate_that_does_not_hold_ends_it_before_the_password() {
    for (url, authority, why) in [
        // Issued by nobody who is trusted.
        ("ldaps://localhost:PORT", "server.pem", "its certificate is not taken"),
        // Issued for another name.
        ("ldaps://127.0.0.1:PORT", "authority.pem", "its certificate is not taken"),
    ] {
        let (directory, heard) = fetched(url, authority, false);
        let error = directory.unwrap_err();
        assert!(error.contains(why) && error.contains("--ldap-ca"), "{error}");
        assert_eq!(heard, b"", "{url}");
    }
}
