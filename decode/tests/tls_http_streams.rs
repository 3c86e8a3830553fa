//! Connections with TLS and HTTP in them through the shard: over any port, however they are cut, and nothing vanishes.

#![allow(clippy::indexing_slicing, reason = "tests")]

#[path = "stream_support/net.rs"]
mod net;

use decode::{
    Carrier, Event, Message,
    decoder::Side,
    http,
    shard::Config,
    tls::{self, Alert, Body},
};
use net::{CLIENT, Net, SERVER, seg};
use proptest::prelude::*;

macro_rules! golden {
    ($name:literal) => {
        (
            include_bytes!(concat!("data/tls/", $name, "_client.bin")).as_slice(),
            include_bytes!(concat!("data/tls/", $name, "_server.bin")).as_slice(),
        )
    };
}

const MUTUAL: (&[u8], &[u8]) = golden!("tls12_mutual");
const EXPIRED: (&[u8], &[u8]) = golden!("tls13_expired");
const PLAIN_ANSWER: (&[u8], &[u8]) = golden!("plain_answer");
const DENIED: (&[u8], &[u8]) = golden!("proxy_denied");
const CRL: (&[u8], &[u8]) = golden!("crl");
const OCSP: (&[u8], &[u8]) = golden!("ocsp");

fn on(port: u16) -> Net {
    Net { server_port: port, ..Net::with(Config::for_shards(1)) }
}

fn opened(port: u16) -> Net {
    let mut net = on(port);
    net.open();
    net
}

/// One line a message or gap; connections left out.
fn told(net: &mut Net) -> Vec<String> {
    std::mem::take(&mut net.out).iter().filter_map(line).collect()
}

fn line(event: &Event) -> Option<String> {
    let carried: Vec<&str> = event.carriage.carriers().map(Carrier::name).collect();
    let within = if carried.is_empty() { String::new() } else { format!(" in {}", carried.join(",")) };
    Some(match &event.message {
        Message::Tls(message) => match &message.body {
            Body::Alert(Alert::Clear { description, .. }) => format!("alert {}{within}", description.0),
            Body::Alert(Alert::Encrypted) => format!("encrypted alert{within}"),
            _ => format!("{}{within}", message.name()),
        },
        Message::Http(message) => {
            let text = |text: &Option<decode::WireText>| text.as_ref().map(ToString::to_string).unwrap_or_default();
            let status = message.status.map(|status| format!(" {status}")).unwrap_or_default();
            let rest = message.stopped.as_ref().map(|_| " stopped").unwrap_or_default();
            format!("{} {}{status}{rest}{within}", text(&message.method), text(&message.target))
        }
        Message::Gap(gap) => format!("{} {} {}", gap.protocol.name(), gap.kind.name(), gap.bytes),
        _ => return None,
    })
}

const MUTUAL_CLIENT: [&str; 6] =
    ["client_hello", "certificate", "client_key_exchange", "certificate_verify", "application_data", "encrypted alert"];
const MUTUAL_SERVER: [&str; 6] = [
    "server_hello",
    "certificate",
    "server_key_exchange",
    "certificate_request",
    "server_hello_done",
    "application_data",
];

fn hello(event: &Event) -> Option<&tls::ClientHello> {
    match &event.message {
        Message::Tls(message) => match &message.body {
            Body::ClientHello(hello) => Some(hello),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_handshake_comes_out_however_its_records_are_cut() {
    for step in [7, 64, 500, 1460] {
        let mut net = opened(443);
        net.data(CLIENT, 0, MUTUAL.0, step);
        let client = told(&mut net);
        assert_eq!(client[..5], MUTUAL_CLIENT[..5], "in steps of {step}");
        net.data(SERVER, 0, MUTUAL.1, step);
        assert_eq!(told(&mut net), MUTUAL_SERVER, "in steps of {step}");
        net.finish();
        assert!(told(&mut net).is_empty());
    }
}

#[test]
fn an_encrypted_alert_is_told_when_nothing_else_is_looked_at() {
    let mut net = opened(443);
    let alert = MUTUAL.0.len() - 31;
    assert_eq!(MUTUAL.0[alert..alert + 5], [21, 3, 3, 0, 26]);
    net.data(CLIENT, 0, &MUTUAL.0[..alert], 1460);
    net.data(SERVER, 0, MUTUAL.1, 1460);
    told(&mut net);
    net.send(&seg(CLIENT, i64::try_from(alert).unwrap(), &MUTUAL.0[alert..]));
    assert_eq!(told(&mut net), ["encrypted alert"]);
}

#[test]
fn what_the_hellos_say() {
    let mut net = opened(443);
    net.data(CLIENT, 0, EXPIRED.0, 1460);
    net.data(SERVER, 0, EXPIRED.1, 1460);
    let events = std::mem::take(&mut net.out);
    let hello = events.iter().find_map(hello).unwrap();
    assert_eq!(hello.sni.as_ref().unwrap().to_string(), "autologon.microsoftazuread-sso.com");
    assert_eq!(hello.alpn.iter().map(ToString::to_string).collect::<Vec<_>>(), ["h2", "http/1.1"]);
    assert_eq!(hello.supported_versions, [tls::Version::TLS13, tls::Version::TLS12]);
    // As Wireshark has them.
    assert_eq!(hello.ja3, "32e4b8812cda0c0d50783b438492a769");
    assert_eq!(hello.ja4, "t13d3013h2_1d37bd780c83_8537cf56674e");
    let lines: Vec<String> = events.iter().filter_map(line).collect();
    assert_eq!(lines, ["client_hello", "alert 45", "server_hello", "application_data"]);
    let server = events.iter().find_map(|event| match &event.message {
        Message::Tls(message) => match &message.body {
            Body::ServerHello(hello) => Some(hello),
            _ => None,
        },
        _ => None,
    });
    let server = server.unwrap();
    assert_eq!((server.chosen(), server.cipher, server.version), (tls::Version::TLS13, 0x1302, tls::Version::TLS12));
    assert_eq!(server.ja3s, "15af977ce25de452b96affa2addb1036");
}

/// The recorded hello with one extension more, at the end of its list.
fn hello_with(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut hello = EXPIRED.0[..1594].to_vec();
    // Behind record, handshake, version and random: the session, the ciphers, the compressions; then the extensions.
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + usize::from(hello[at]);
    at += 2 + usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    at += 1 + usize::from(hello[at]);
    hello.extend(kind.to_be_bytes());
    hello.extend(u16::try_from(value.len()).expect("small").to_be_bytes());
    hello.extend(value);
    // The lengths of the record, the handshake message (its upper octet stays 0) and the list.
    for (place, behind) in [(3, 5), (7, 9), (at, at + 2)] {
        let length = u16::try_from(hello.len() - behind).expect("small");
        hello[place..place + 2].copy_from_slice(&length.to_be_bytes());
    }
    hello
}

#[test]
fn an_encrypted_hello_is_told_to_be_there() {
    let told_of = |bytes: &[u8]| {
        let mut net = opened(443);
        net.data(CLIENT, 0, bytes, 1460);
        let hello = net.out.iter().find_map(hello).expect("a hello").clone();
        let shown = serde_json::to_value(&hello).unwrap();
        (hello.ech, hello.sni.map(|name| name.to_string()), shown.get("ech").cloned())
    };
    let name = Some("autologon.microsoftazuread-sso.com".to_owned());
    assert_eq!(told_of(EXPIRED.0), (false, name.clone(), None));
    // An outer hello, RFC 9849 §5: HPKE with HKDF-SHA256 and AES-128-GCM, configuration 7, 4 and 4 bytes of cipher
    // text.
    let value = [0, 0, 1, 0, 1, 7, 0, 4, 1, 2, 3, 4, 0, 4, 5, 6, 7, 8];
    assert_eq!(told_of(&hello_with(0xfe0d, &value)), (true, name, Some(true.into())));
}

#[test]
fn chains_of_both_sides_and_whom_the_server_trusts() {
    let mut net = opened(443);
    net.data(CLIENT, 0, MUTUAL.0, 1460);
    net.data(SERVER, 0, MUTUAL.1, 1460);
    let mut subjects = Vec::new();
    for event in &net.out {
        let Message::Tls(message) = &event.message else { continue };
        match &message.body {
            Body::Certificate(chain) => {
                assert_eq!(message.stopped, None);
                subjects.extend(chain.iter().map(|certificate| certificate.subject.clone()));
            }
            Body::CertificateRequest(request) => assert_eq!(request.authorities, ["CN=Lab TLS Root,O=Lab"]),
            _ => {}
        }
    }
    let expected = [
        "CN=11111111-2222-3333-4444-555555555555,O=Lab",
        "CN=Lab TLS Root,O=Lab",
        "CN=device.login.microsoftonline.com,O=Lab",
    ];
    assert_eq!(subjects, expected);
}

/// Handshake messages of these records, each in records of `size` bytes.
fn in_records_of(size: usize, stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = stream;
    while let Some((header, after)) = rest.split_first_chunk::<5>() {
        let (body, next) = after.split_at(usize::from(u16::from_be_bytes([header[3], header[4]])));
        if header[0] == 22 {
            for piece in body.chunks(size) {
                out.extend([22, 3, 3]);
                out.extend(u16::try_from(piece.len()).expect("a short piece").to_be_bytes());
                out.extend(piece);
            }
        } else {
            out.extend([header, body].concat());
        }
        rest = next;
    }
    out
}

#[test]
fn a_chain_over_many_records_begins_where_its_first_record_does() {
    let stream = in_records_of(100, MUTUAL.1);
    let mut net = opened(443);
    net.data(CLIENT, 0, MUTUAL.0, 1460);
    told(&mut net);
    let before = net.packet;
    net.data(SERVER, 0, &stream, 105);
    let certificate = net.out.iter().find(|event| line(event).as_deref() == Some("certificate")).unwrap();
    let begins = stream.windows(6).position(|bytes| bytes[..3] == [22, 3, 3] && bytes[5] == 11).unwrap();
    assert_eq!(certificate.seen.first.number, before + 1 + (begins / 105) as u64);
    assert!(certificate.seen.last.number > certificate.seen.first.number + 5);
    assert_eq!(told(&mut net), MUTUAL_SERVER);
}

#[test]
fn the_parts_of_a_hello_may_come_in_any_order() {
    let mut net = opened(443);
    net.send(&seg(CLIENT, 1448, &EXPIRED.0[1448..1594]));
    net.send(&seg(CLIENT, 0, &EXPIRED.0[..1448]));
    assert_eq!(told(&mut net), ["client_hello"]);
}

/// A ServerHello of TLS 1.3 that is a HelloRetryRequest.
fn retry_request() -> Vec<u8> {
    let random = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let mut body = vec![3, 3];
    body.extend(random);
    body.extend([0, 0x13, 0x02, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 23]);
    let length = u8::try_from(body.len()).expect("a short body");
    [[22, 3, 3, 0, length + 4, 2, 0, 0, length].as_slice(), &body, &[20, 3, 3, 0, 1, 1]].concat()
}

#[test]
fn behind_a_hello_retry_request_both_say_hello_again() {
    let (hello, rest) = EXPIRED.0.split_at(1594);
    let retry = retry_request();
    let at = |length: usize| i64::try_from(length).unwrap();
    let mut net = opened(8443);
    net.data(CLIENT, 0, hello, 1460);
    net.data(SERVER, 0, &retry, 1460);
    let changed = [20, 3, 3, 0, 1, 1];
    net.send(&seg(CLIENT, at(hello.len()), &[&changed, hello].concat()));
    net.data(SERVER, at(retry.len()), EXPIRED.1, 1460);
    net.send(&seg(CLIENT, at(2 * hello.len() + 6), rest));
    let retried = net.out.iter().any(|event| {
        matches!(&event.message, Message::Tls(message)
            if matches!(&message.body, Body::ServerHello(hello) if hello.hello_retry_request))
    });
    assert!(retried);
    let expected = ["client_hello", "server_hello", "client_hello", "server_hello", "application_data", "alert 45"];
    assert_eq!(told(&mut net), expected);
}

#[test]
fn tls_is_found_over_any_port_and_in_the_middle_of_a_connection() {
    for port in [4443, 25, 50_123] {
        let mut net = opened(port);
        net.send(&seg(CLIENT, 0, b"STARTTLS\r\n"));
        net.send(&seg(SERVER, 0, b"220 ready\r\n"));
        net.data(CLIENT, 10, MUTUAL.0, 1460);
        net.data(SERVER, 11, MUTUAL.1, 1460);
        let found = told(&mut net);
        assert_eq!(found[..5], MUTUAL_CLIENT[..5], "port {port}");
        assert_eq!(found[found.len() - 6..], MUTUAL_SERVER, "port {port}");
    }
}

#[test]
fn other_protocols_cost_nothing_and_are_not_told_of() {
    for port in [443, 80, 9999] {
        let mut net = opened(port);
        net.data(CLIENT, 0, &[b'x'; 5000], 1460);
        net.data(SERVER, 0, &vec![0; 50_000], 1460);
        assert_eq!(net.shard.buffered(), 0, "port {port}");
        net.finish();
        assert!(told(&mut net).is_empty(), "port {port}");
    }
}

#[test]
fn a_handshake_inside_another_is_passed_over() {
    // All of it encrypted, ChangeCipherSpec as well: no data was sent before, so the streams are still looked at.
    let record = |kind: u8, size: u8| [&[kind, 3, 3, 0, size][..], &vec![0x5a; usize::from(size)]].concat();
    let again = [record(22, 208), record(20, 48), record(22, 64), record(23, 64)].concat();
    let data = MUTUAL.1.windows(3).position(|bytes| bytes == [23, 3, 3]).expect("data");
    let mut net = opened(443);
    net.data(CLIENT, 0, MUTUAL.0, 1460);
    net.data(SERVER, 0, &MUTUAL.1[..data], 1460);
    told(&mut net);
    net.data(SERVER, i64::try_from(data).unwrap(), &again, 1460);
    net.finish();
    assert_eq!(told(&mut net), ["application_data"]);
}

#[test]
fn data_behind_the_handshake_is_not_kept() {
    let mut net = opened(443);
    net.data(CLIENT, 0, MUTUAL.0, 1460);
    net.data(SERVER, 0, MUTUAL.1, 1460);
    let behind = i64::try_from(MUTUAL.1.len()).unwrap();
    net.data(SERVER, behind + 100_000, &vec![23; 200_000], 1460);
    assert_eq!(net.shard.buffered(), 0);
    told(&mut net);
    net.finish();
    assert!(told(&mut net).is_empty(), "a hole in encrypted data is no loss");
}

#[test]
fn a_hole_in_a_chain_is_told_and_what_follows_is_found() {
    let mut net = opened(443);
    net.data(CLIENT, 0, &MUTUAL.0[..100], 1460);
    net.send(&seg(SERVER, 0, &MUTUAL.1[..300]));
    net.send(&seg(SERVER, 500, &MUTUAL.1[500..]));
    net.finish();
    let told = told(&mut net);
    assert!(told.iter().any(|line| line.starts_with("tls missing")), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("application_data"), "{told:?}");
}

#[test]
fn an_answer_that_is_not_tls() {
    let mut net = opened(4444);
    net.data(CLIENT, 0, PLAIN_ANSWER.0, 1460);
    net.data(SERVER, 0, PLAIN_ANSWER.1, 1460);
    net.finish();
    assert_eq!(told(&mut net), ["client_hello", "  400"]);
}

#[test]
fn a_proxy_that_refuses_and_one_that_does_not() {
    let asked = "CONNECT device.login.microsoftonline.com:443";
    for step in [1, 30, 1460] {
        let mut net = opened(3128);
        net.data(CLIENT, 0, DENIED.0, step);
        net.data(SERVER, 0, DENIED.1, step);
        assert_eq!(told(&mut net), [asked.to_owned(), format!("{asked} 403")]);
    }
    let open = b"HTTP/1.1 200 Connection established\r\n\r\n";
    for port in [3128, 9000] {
        let mut net = opened(port);
        net.data(CLIENT, 0, DENIED.0, 1460);
        net.data(SERVER, 0, open, 1460);
        net.data(CLIENT, i64::try_from(DENIED.0.len()).unwrap(), EXPIRED.0, 1460);
        net.data(SERVER, i64::try_from(open.len()).unwrap(), EXPIRED.1, 1460);
        let expected = [
            asked.to_owned(),
            format!("{asked} 200"),
            "client_hello in http".to_owned(),
            "alert 45 in http".to_owned(),
            "server_hello in http".to_owned(),
            "application_data in http".to_owned(),
        ];
        assert_eq!(told(&mut net), expected, "port {port}");
    }
}

fn bodies(net: &Net) -> Vec<&http::Message> {
    let messages = net.out.iter().filter_map(|event| match &event.message {
        Message::Http(message) if message.status.is_some() => Some(message.as_ref()),
        _ => None,
    });
    messages.collect()
}

#[test]
fn a_crl_and_an_ocsp_response_are_read() {
    for step in [1, 100, 1460] {
        let mut net = opened(80);
        net.data(CLIENT, 0, CRL.0, step);
        net.data(SERVER, 0, CRL.1, step);
        let crl = bodies(&net)[0].crl.as_ref().unwrap();
        assert_eq!(crl.issuer, "CN=CORP Issuing CA,DC=corp,DC=example");
        assert_eq!(crl.this_update.to_string(), "2026-11-22T10:19:35Z");
        assert_eq!(crl.next_update.unwrap().to_string(), "2026-12-22T10:19:35Z");
        let mut net = opened(80);
        net.data(CLIENT, 0, OCSP.0, step);
        net.data(SERVER, 0, OCSP.1, step);
        let ocsp = bodies(&net)[0].ocsp.as_ref().unwrap();
        assert_eq!((ocsp.status.name(), ocsp.responses.len()), ("successful", 1));
        assert_eq!(ocsp.responses[0].status, http::CertificateStatus::Good);
        assert_eq!(ocsp.responses[0].serial, "1005");
    }
}

#[test]
fn a_response_whose_body_breaks_off_is_told_all_the_same() {
    for end in (CRL.1.len() - 300..CRL.1.len()).step_by(50) {
        let mut net = opened(80);
        net.data(CLIENT, 0, CRL.0, 1460);
        net.data(SERVER, 0, &CRL.1[..end], 1460);
        net.finish();
        assert!(told(&mut net).contains(&"GET /corp.crl 200 stopped".to_owned()));
    }
}

#[test]
fn messages_follow_one_another_behind_every_kind_of_body() {
    let requests = b"GET /a?token=secret HTTP/1.1\r\nHost: h\r\nAuthorization: Basic c2VjcmV0\r\n\r\n\
        POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345HEAD /c HTTP/1.1\r\n\r\n\
        GET http://user:secret@proxied/d HTTP/1.1\r\nCookie: secret\r\n\r\n";
    let answers = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 302 Found\r\nContent-Length: 3\r\n\r\nabc";
    for step in [1, 3, 10, 1460] {
        let mut net = opened(8000);
        net.send(&seg(CLIENT, 0, &requests[..10]));
        net.data(CLIENT, 10, &requests[10..], step);
        net.data(SERVER, 0, answers, step.max(10));
        net.finish();
        assert!(!format!("{:?}", net.out).contains("secret"));
        let expected = [
            "GET /a?\u{2026}",
            "POST /b",
            "HEAD /c",
            "GET http://proxied/d",
            "GET /a?\u{2026} 100",
            "GET /a?\u{2026} 200",
            "POST /b 204",
            "HEAD /c 200",
            "GET http://proxied/d 302",
        ];
        assert_eq!(told(&mut net), expected, "in steps of {step}");
    }
}

#[test]
fn a_head_without_an_end_is_given_up() {
    let mut net = opened(80);
    net.data(CLIENT, 0, &[b"GET / HTTP/1.1\r\nX: ".as_slice(), &vec![b'a'; 100_000]].concat(), 1460);
    assert!(net.shard.buffered() <= 70_000);
    net.finish();
    let told = told(&mut net);
    assert!(told.len() == 1 && told[0].starts_with("http limit_reached"), "{told:?}");
}

#[test]
fn ldap_over_tls_hides_ldap() {
    let mut net = opened(636);
    net.data(CLIENT, 0, MUTUAL.0, 1460);
    let told = told(&mut net);
    assert!(told.contains(&"ldap encrypted 0".to_owned()), "{told:?}");
}

#[test]
fn truncated_at_every_length_nothing_vanishes() {
    for (client, server) in [MUTUAL, EXPIRED, PLAIN_ANSWER, DENIED, CRL, OCSP] {
        for end in 0..server.len() {
            let mut net = opened(443);
            net.data(CLIENT, 0, client, 1460);
            net.data(SERVER, 0, &server[..end], 1460);
            net.finish();
            let from_server = net.out.iter().filter(|event| event.path.is_some_and(|path| path.source.port == 443));
            let count = from_server.filter_map(line).count();
            assert!(end < 6 || count > 0, "{end} bytes of {}", server.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changed_bytes_and_lost_segments_do_no_harm(
        which in 0_usize..6,
        changes in prop::collection::vec((0_usize..4000, any::<u8>()), 0..6),
        lost in prop::collection::vec(0_usize..80, 0..4),
        step in 1_usize..300,
        port in prop::sample::select(vec![80_u16, 443, 3269, 3128, 5000]),
    ) {
        let (client, server) = [MUTUAL, EXPIRED, PLAIN_ANSWER, DENIED, CRL, OCSP][which];
        let mut net = opened(port);
        for (side, stream) in [(Side::Client, client), (Side::Server, server)] {
            let mut stream = stream.to_vec();
            for &(at, byte) in &changes {
                let at = at % stream.len();
                stream[at] = byte;
            }
            for (index, piece) in stream.chunks(step).enumerate() {
                if !lost.contains(&index) {
                    net.send(&seg(side, i64::try_from(index * step).unwrap(), piece).ack(4000));
                }
            }
        }
        net.finish();
        prop_assert!(net.shard.buffered() == 0);
    }

    #[test]
    fn arbitrary_streams_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), start in 0_usize..3) {
        let begin: &[u8] = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice(), &[22, 3, 3, 0, 200, 11, 0, 0, 190], &MUTUAL.1[..95]][start];
        let mut net = opened(443);
        net.data(CLIENT, 0, MUTUAL.0, 1460);
        net.data(SERVER, 0, &[begin, &bytes].concat(), 50);
        net.finish();
    }
}

#[test]
fn a_hello_whose_length_comes_later_is_known_where_tls_is_at_home() {
    for first in 1..12 {
        // Joined in its middle: no SYN says that a stream begins.
        let mut net = on(443);
        net.send(&seg(CLIENT, 0, &EXPIRED.0[..first]));
        net.send(&seg(CLIENT, i64::try_from(first).expect("small"), &EXPIRED.0[first..]));
        assert_eq!(told(&mut net).first().map(String::as_str), Some("client_hello"), "{first} bytes");
    }
}

#[test]
fn the_hello_of_a_draft_has_no_session() {
    for version in [[3, 4], [0x7f, 0x0e]] {
        let hello = [&version[..], &[7; 32], &[0xc0, 0x2b], &[0, 4, 0, 40, 0, 0]].concat();
        let size = u8::try_from(hello.len()).expect("small");
        let record = [&[22, 3, 1, 0, size + 4, 2, 0, 0, size][..], &hello].concat();
        let mut net = opened(443);
        net.data(SERVER, 0, &record, 1460);
        let found = net.out.iter().find_map(|event| match &event.message {
            Message::Tls(message) => match &message.body {
                Body::ServerHello(hello) => Some((hello.cipher, message.stopped.clone())),
                _ => None,
            },
            _ => None,
        });
        assert_eq!(found, Some((0xc02b, None)));
    }
}

/// The CRL's request and response, the body in chunks of `size` bytes or, where that is 0, up to the end.
fn crl_in_chunks_of(size: usize) -> Vec<u8> {
    let head = CRL.1.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let (head, body) = CRL.1.split_at(head);
    let head = String::from_utf8(head.to_vec()).expect("a head");
    let lines =
        head.lines().filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("content-length"));
    let mut out: Vec<u8> = lines.flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
    if size == 0 {
        out.extend([b"\r\n", body].concat());
        return out;
    }
    out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
    for piece in body.chunks(size) {
        out.extend([format!("{:x};a=b\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    out.extend(b"0\r\n\r\n");
    out
}

fn crls(net: &mut Net) -> Vec<http::Crl> {
    let crl = |event: Event| match event.message {
        Message::Http(message) => message.crl,
        _ => None,
    };
    std::mem::take(&mut net.out).into_iter().filter_map(crl).collect()
}

#[test]
fn a_crl_is_read_in_chunks_and_up_to_the_end() {
    let mut net = opened(80);
    net.data(CLIENT, 0, CRL.0, 1460);
    net.data(SERVER, 0, CRL.1, 1460);
    net.finish();
    let expected = crls(&mut net);
    assert_eq!(expected.len(), 1);
    for size in [0, 1, 7, 100, 100_000] {
        for step in [1, 9, 61, 1460] {
            let mut net = opened(80);
            net.data(CLIENT, 0, CRL.0, 1460);
            let answer = crl_in_chunks_of(size);
            net.data(SERVER, 0, &answer, step);
            if size > 0 {
                assert_eq!(crls(&mut net), expected, "chunks of {size} in steps of {step}");
                // In step: another answer follows.
                net.data(SERVER, i64::try_from(answer.len()).unwrap(), &answer, step);
                assert_eq!(told(&mut net).len(), 1, "chunks of {size} in steps of {step}");
            } else {
                net.finish();
                assert_eq!(crls(&mut net), expected, "up to the end in steps of {step}");
            }
            assert_eq!(net.shard.buffered(), 0);
        }
    }
}

#[test]
fn only_the_beginning_of_a_long_body_is_kept() {
    for size in [0, 4_000, 1_000_000] {
        let mut answer = crl_in_chunks_of(size);
        let filler = vec![0x5a; 300_000];
        if size == 0 {
            answer.extend(&filler);
        } else {
            answer.truncate(answer.len() - 5);
            for piece in filler.chunks(size) {
                answer.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
            }
            answer.extend(b"0\r\nTrailer: a\r\n\r\n");
        }
        let mut net = opened(80);
        net.data(CLIENT, 0, CRL.0, 1460);
        net.data(SERVER, 0, &answer, 1460);
        assert_eq!(crls(&mut net).len(), 1, "chunks of {size}");
        assert_eq!(net.shard.buffered(), 0);
        net.finish();
        assert!(told(&mut net).is_empty(), "chunks of {size}");
    }
}

#[test]
fn an_authentication_comes_out_of_heads_both_ways() {
    const TOKEN: &str = "TlRMTVNTUAABAAAAAgAAAA==";
    let asked = format!(
        "GET /secret HTTP/1.1\r\nHost: a\r\nauthorization: Negotiate {TOKEN}\r\nProxy-Authorization: NTLM {TOKEN}\r\n\r\n"
    );
    let refused = format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\"\r\nWWW-Authenticate: Negotiate {TOKEN}, NTLM\r\nProxy-Authenticate: NTLM {TOKEN}\r\nContent-Length: 3\r\n\r\nabc"
    );
    for step in [1, 5, 60, 1460] {
        let mut net = opened(80);
        net.data(CLIENT, 0, asked.as_bytes(), step);
        net.data(SERVER, 0, refused.as_bytes(), step);
        let tokens = |event: &Event| match &event.message {
            Message::Ntlm(message) => Some(format!("{:?} {}", event.carriage, message.kind.name())),
            _ => None,
        };
        let told: Vec<String> = net.out.iter().filter_map(tokens).collect();
        assert_eq!(told, ["[\"http\"] negotiate"; 4], "in steps of {step}");
        assert!(!format!("{:?}", net.out).contains("TlRM"), "no token is told");
    }
}

const AS_REQ: &[u8] = include_bytes!("data/kerberos/as_req_pkinit.bin");
const AS_REP: &[u8] = include_bytes!("data/kerberos/as_rep_pkinit.bin");
const AP_REQ: &[u8] = include_bytes!("data/kerberos/ap_req.bin");

/// A DER element whose length takes two octets.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(contents.len()).expect("small").to_be_bytes();
    [&[tag, 0x82, high, low], contents].concat()
}

/// KDC-PROXY-MESSAGE, as clients send it: with the realm asked.
fn for_a_proxy(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("small").to_be_bytes();
    let framed = element(0x04, &[&length, message].concat());
    element(0x30, &[element(0xa0, &framed), element(0xa1, &element(0x1b, b"CORP.EXAMPLE"))].concat())
}

/// A head, and a body with its length; in chunks of `size` bytes where that is not 0.
fn with_body(head: &str, body: &[u8], size: usize) -> Vec<u8> {
    if size == 0 {
        return [format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    }
    let mut out = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in body.chunks(size) {
        out.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    out.extend(b"0\r\n\r\n");
    out
}

/// As [`told`], with the Kerberos messages and what carries them.
fn proxied(net: &mut Net) -> Vec<String> {
    let each = |event: &Event| match &event.message {
        Message::Kerberos(message) => {
            assert!(message.stopped().is_none());
            Some(format!("{} in {:?}", message.name(), event.carriage))
        }
        _ => line(event),
    };
    std::mem::take(&mut net.out).iter().filter_map(each).collect()
}

const ASKED: &str = "POST /KdcProxy HTTP/1.1\r\nHost: gateway.corp.example";

#[test]
fn what_a_kdc_proxy_passes_on_is_read() {
    for (step, size) in [(1, 0), (100, 0), (1460, 0), (1460, 50), (90, 700), (1460, 65_000)] {
        // By the path, and by the type where the path is another.
        let other = "POST /gate HTTP/1.1\r\nContent-Type: application/kerberos";
        let sent =
            [with_body(ASKED, &for_a_proxy(AS_REQ), size), with_body(other, &for_a_proxy(AP_REQ), size)].concat();
        let answers = [
            with_body("HTTP/1.1 200 OK", &for_a_proxy(AS_REP), size),
            with_body("HTTP/1.1 503 Service Unavailable", b"out of order", size),
        ]
        .concat();
        let mut net = opened(80);
        net.data(CLIENT, 0, &sent, step);
        let expected = [
            "POST /KdcProxy",
            "as-req in [\"http\", \"kdc_proxy\"]",
            "POST /gate",
            "ap-req in [\"http\", \"kdc_proxy\"]",
        ];
        assert_eq!(proxied(&mut net), expected, "in steps of {step}, chunks of {size}");
        net.data(SERVER, 0, &answers, step);
        let expected = ["POST /KdcProxy 200", "as-rep in [\"http\", \"kdc_proxy\"]", "POST /gate 503"];
        assert_eq!(proxied(&mut net), expected, "in steps of {step}, chunks of {size}");
        assert_eq!(net.shard.buffered(), 0);
    }
}

#[test]
fn an_answer_of_a_kdc_proxy_may_end_with_the_connection() {
    let answer = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &for_a_proxy(AS_REP)].concat();
    let mut net = opened(80);
    net.data(CLIENT, 0, &with_body(ASKED, &for_a_proxy(AS_REQ), 0), 1460);
    proxied(&mut net);
    net.data(SERVER, 0, &answer, 1460);
    net.finish();
    assert_eq!(proxied(&mut net), ["POST /KdcProxy 200", "as-rep in [\"http\", \"kdc_proxy\"]"]);
}

#[test]
fn a_change_of_a_password_goes_through_a_kdc_proxy() {
    let size = u16::try_from(AP_REQ.len()).expect("small").to_be_bytes();
    let total = u16::try_from(6 + AP_REQ.len()).expect("small").to_be_bytes();
    let change = [&total[..], &[0xff, 0x80], &size, AP_REQ].concat();
    let mut net = opened(80);
    net.data(CLIENT, 0, &with_body(ASKED, &for_a_proxy(&change), 0), 1460);
    assert_eq!(proxied(&mut net), ["POST /KdcProxy", "ap-req in [\"http\", \"kdc_proxy\", \"kpasswd\"]"]);
}

#[test]
fn a_body_that_is_none_of_a_kdc_proxy_is_a_gap() {
    let whole = for_a_proxy(AS_REQ);
    let mut wrong_length = whole.clone();
    let at = whole.windows(4).position(|bytes| bytes == u32::try_from(AS_REQ.len()).unwrap().to_be_bytes()).unwrap();
    wrong_length[at + 3] ^= 1;
    for body in [b"<html>".as_slice(), &whole[..100], &whole[..whole.len() - 1], &wrong_length, AS_REQ] {
        let mut net = opened(80);
        net.data(CLIENT, 0, &with_body(ASKED, body, 0), 1460);
        let gap = format!("http undecodable {}", body.len());
        assert_eq!(proxied(&mut net), ["POST /KdcProxy".to_owned(), gap]);
    }
    // What is passed on is no message of Kerberos.
    let mut net = opened(80);
    net.data(CLIENT, 0, &with_body(ASKED, &for_a_proxy(&[0x6a; 9]), 0), 1460);
    assert_eq!(proxied(&mut net), ["POST /KdcProxy", "kerberos undecodable 9"]);
    // Where the body is not all there, that is told.
    let stream = with_body(ASKED, &whole, 0);
    for end in (stream.len() - whole.len() + 1..stream.len()).step_by(61) {
        let mut net = opened(80);
        net.data(CLIENT, 0, &stream[..end], 1460);
        net.finish();
        let told = proxied(&mut net);
        assert!(told.len() == 2 && told[1].starts_with("http "), "{end}: {told:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changed_messages_of_a_kdc_proxy_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        lost in prop::collection::vec(0_usize..20, 0..3),
        step in 1_usize..400,
        size in prop::sample::select(vec![0_usize, 60, 900]),
    ) {
        let sent = with_body(ASKED, &for_a_proxy(AS_REQ), size);
        let answer = with_body("HTTP/1.1 200 OK", &for_a_proxy(AS_REP), size);
        let mut net = opened(80);
        for (side, mut stream) in [(Side::Client, sent), (Side::Server, answer)] {
            for (at, byte) in &changes {
                *at.get_mut(&mut stream) = *byte;
            }
            for (index, piece) in stream.chunks(step).enumerate() {
                if !lost.contains(&index) {
                    net.send(&seg(side, i64::try_from(index * step).unwrap(), piece).ack(4000));
                }
            }
        }
        net.finish();
        prop_assert!(net.shard.buffered() == 0);
    }
}
