//! LDAP connections through the shard: however they are cut, joined or protected, and nothing vanishes.

#![allow(clippy::indexing_slicing, reason = "tests")]

#[path = "stream_support/net.rs"]
mod net;

use decode::{Carrier, Event, Message, decoder::Side, ldap::Operation, shard::Config};
use net::{CLIENT, Net, SERVER, seg};
use proptest::prelude::*;

macro_rules! golden {
    ($name:literal) => {
        include_bytes!(concat!("data/ldap/", $name, ".bin")).as_slice()
    };
}

const SEARCH: (&[u8], &[u8]) = (golden!("search_client"), golden!("search_server"));
/// The answer to a search, with a key credential.
const FOUND: &[u8] = golden!("found_server");
const GSSAPI: (&[u8], &[u8]) = (golden!("gssapi_client"), golden!("gssapi_server"));
const START_TLS: (&[u8], &[u8]) = (golden!("start_tls_client"), golden!("start_tls_server"));

/// unbindRequest, message 3.
const UNBIND: [u8; 7] = [0x30, 5, 2, 1, 3, 0x42, 0];

fn ldap() -> Net {
    Net { server_port: 389, ..Net::with(Config::for_shards(1)) }
}

fn opened() -> Net {
    let mut net = ldap();
    net.open();
    net
}

/// Names of the messages, and kinds of the gaps; connections left out.
fn told(net: &mut Net) -> Vec<String> {
    std::mem::take(&mut net.out).iter().filter_map(line).collect()
}

fn line(event: &Event) -> Option<String> {
    match &event.message {
        Message::Ldap(message) if message.is_sealed() => Some(format!("{} sealed", message.name())),
        Message::Ldap(message) if event.carriage == Carrier::Sasl.into() => Some(format!("in sasl {}", message.name())),
        Message::Ldap(message) => Some(message.name().to_owned()),
        Message::Kerberos(message) => Some(format!("{:?} {}", event.carriage, message.name())),
        Message::Ntlm(message) => Some(format!("{:?} {}", event.carriage, message.kind.name())),
        Message::Gap(gap) => Some(format!("{} {}", gap.kind.name(), gap.bytes)),
        _ => None,
    }
}

#[test]
fn messages_come_out_however_the_stream_is_cut() {
    let found = ["bindResponse", "searchResEntry", "searchResRef", "searchResRef", "searchResRef", "searchResDone"];
    for step in [1, 2, 3, 7, 64, 1460] {
        let mut net = opened();
        net.data(CLIENT, 0, SEARCH.0, step);
        assert_eq!(told(&mut net), ["bindRequest", "searchRequest", "unbindRequest"], "in steps of {step}");
        net.data(SERVER, 0, SEARCH.1, step);
        assert_eq!(told(&mut net), found, "in steps of {step}");
        net.finish();
        assert!(told(&mut net).is_empty());
    }
}

#[test]
fn the_global_catalogue_is_decoded_too() {
    let mut net = Net { server_port: 3268, ..ldap() };
    net.open();
    net.data(CLIENT, 0, SEARCH.0, 1460);
    assert_eq!(told(&mut net).len(), 3);
}

#[test]
fn a_connection_is_joined_in_its_middle() {
    // Without a handshake, and from within the bind.
    let mut net = ldap();
    net.data(CLIENT, 0, &SEARCH.0[10..], 30);
    net.finish();
    let told = told(&mut net);
    assert_eq!(told[0], "missing 34");
    assert_eq!(told[1..], ["searchRequest", "unbindRequest"]);
}

#[test]
fn after_a_hole_the_next_message_is_found() {
    let mut net = opened();
    net.send(&seg(SERVER, 0, &SEARCH.1[..40]));
    net.send(&seg(SERVER, 60, &SEARCH.1[60..]));
    net.finish();
    let told = told(&mut net);
    assert_eq!(told[0], "bindResponse");
    assert!(told[1].starts_with("missing"), "{told:?}");
    assert_eq!(told[2..], ["searchResRef", "searchResRef", "searchResRef", "searchResDone"]);
}

#[test]
fn sealed_buffers_are_told_one_by_one() {
    for step in [5, 1460] {
        let mut net = opened();
        net.data(CLIENT, 0, GSSAPI.0, step);
        net.data(SERVER, 0, GSSAPI.1, step);
        let told = told(&mut net);
        let sealed = "sasl sealed";
        let (request, reply) = ("[\"ldap\"] ap-req", "[\"ldap\"] ap-rep");
        assert_eq!(told[..6], ["bindRequest", request, "bindRequest", "bindRequest", sealed, sealed]);
        assert_eq!(told[6..], ["bindResponse", reply, "bindResponse", "bindResponse", sealed]);
    }
}

/// The messages of one side, with what they carry.
fn carried(side: Side, bytes: &[u8]) -> Vec<Event> {
    let mut net = opened();
    net.data(side, 0, bytes, 1460);
    let is_carried = |event: &Event| !matches!(event.message, Message::Ldap(_));
    std::mem::take(&mut net.out).into_iter().filter(is_carried).collect()
}

#[test]
fn the_ticket_of_a_bind_is_told_and_its_cipher_text_is_not() {
    let events = carried(CLIENT, GSSAPI.0);
    let Some(Message::Kerberos(message)) = events.first().map(|event| &event.message) else { panic!("{events:?}") };
    let shown = serde_json::to_value(message).expect("plain data");
    assert_eq!(shown["ticket"]["realm"], "CORP.EXAMPLE");
    assert_eq!(shown["ticket"]["sname"], "ldap/dc1.corp.example");
    assert!(shown["ticket"]["id"].is_string());
    let told = format!("{shown}{events:?}").len();
    assert!(told < 1000, "{told} characters of a message of {} bytes", GSSAPI.0.len());
}

/// A message with number 1 and this operation. All lengths in four octets, as Active Directory writes them.
fn message(operation: u8, fields: &[&[u8]]) -> Vec<u8> {
    let operation = long(operation, &fields.concat());
    long(0x30, &[&[2, 1, 1], operation.as_slice()].concat())
}

fn long(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).expect("small").to_be_bytes();
    [&[tag, 0x84], length.as_slice(), contents].concat()
}

const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";

#[test]
fn ntlm_is_found_in_sasl_and_sicily_binds_and_their_answers() {
    let sasl = [long(4, b"GSS-SPNEGO"), long(4, NEGOTIATE)].concat();
    let bind = |choice: u8, token: &[u8]| message(0x60, &[&[2, 1, 3, 4, 0], &long(choice, token)]);
    let challenge: &[u8] = &[b"NTLMSSP\0\x02\0\0\0".as_slice(), &[0; 36]].concat();
    let asked =
        [bind(0xa3, &sasl), bind(0x8a, NEGOTIATE), bind(0xa3, &[long(4, b"DIGEST-MD5"), long(4, b"nonce=1")].concat())];
    // A simple bind whose password looks like a token is none.
    let simple = bind(0x80, NEGOTIATE);
    for step in [1, 7, 1460] {
        let mut net = opened();
        net.data(CLIENT, 0, &[asked.concat(), simple.clone()].concat(), step);
        let sasl = message(0x61, &[&[10, 1, 14, 4, 0, 4, 0], &long(0x87, challenge)]);
        let sicily = message(0x61, &[&[10, 1, 0], &long(4, challenge), &[4, 0]]);
        let refused = message(0x61, &[&[10, 1, 49], &long(4, b"dc=corp"), &[4, 0]]);
        net.data(SERVER, 0, &[sasl, sicily, refused].concat(), step);
        let (request, response) = ("bindRequest", "bindResponse");
        let (negotiate, challenge) = ("[\"ldap\"] negotiate", "[\"ldap\"] challenge");
        let told = told(&mut net);
        assert_eq!(told[..6], [request, negotiate, request, negotiate, request, request], "in steps of {step}");
        assert_eq!(told[6..], [response, challenge, response, challenge, response], "in steps of {step}");
    }
}

#[test]
fn buffers_are_recognised_without_their_bind() {
    let at = GSSAPI.0.len() - 96 - 71;
    assert_eq!(GSSAPI.0[at..at + 6], [0, 0, 0, 0x5c, 5, 4]);
    for from in [at, at - 20, at - 1] {
        let mut net = ldap();
        net.data(CLIENT, 0, &GSSAPI.0[from..], 50);
        net.finish();
        let told = told(&mut net);
        assert_eq!(told[told.len() - 2..], ["sasl sealed", "sasl sealed"], "from {from}: {told:?}");
    }
}

#[test]
fn what_follows_a_buffer_is_no_part_of_its_token() {
    // The length, and what would be the beginning of NTLM's signature if it were longer.
    let begins = [0, 0, 0, 1, 1, 0, 0, 0, 0x12];
    for step in [1, 5, 7, begins.len()] {
        let mut net = opened();
        net.data(CLIENT, 0, &begins, step);
        net.finish();
        assert_eq!(told(&mut net), ["undecodable 9"], "in steps of {step}");
    }
}

/// A SASL buffer whose token is a wrap token of RFC 4121 that is signed only.
fn signed(messages: &[u8]) -> Vec<u8> {
    let mut token = vec![5, 4, 5, 0xff, 0, 12, 0, 12, 0, 0, 0, 0, 0, 0, 0, 1];
    token.extend([0xcc; 12]);
    token.extend(messages);
    let mut buffer = u32::try_from(token.len()).expect("small").to_be_bytes().to_vec();
    buffer.extend(token);
    buffer
}

#[test]
fn what_is_signed_is_read() {
    let mut net = opened();
    net.data(SERVER, 0, &[signed(SEARCH.1), signed(&UNBIND)].concat(), 100);
    let told = told(&mut net);
    assert_eq!(told[..3], ["sasl", "in sasl bindResponse", "in sasl searchResEntry"]);
    assert_eq!(told[7..], ["sasl", "in sasl unbindRequest"]);
}

#[test]
fn a_key_credential_is_read_inside_what_is_signed() {
    let mut net = opened();
    net.data(SERVER, 0, &signed(FOUND), 100);
    let found: Vec<_> = net
        .out
        .iter()
        .filter_map(|event| match &event.message {
            Message::Ldap(message) => match &message.operation {
                Operation::SearchResultEntry(entry) => Some((event.carriage, entry.keys.as_deref()?)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(found.len(), 1);
    let (carriage, keys) = found[0];
    assert_eq!((carriage, keys.values.len()), (Carrier::Sasl.into(), 1));
    assert_eq!(keys.values[0].credential.key_id_matches, Some(true));
}

#[test]
fn a_mechanism_nobody_knows_is_framed_after_its_bind() {
    // bindRequest with mechanism X, then a buffer of a form of its own.
    let bind = [0x30, 15, 2, 1, 1, 0x60, 10, 2, 1, 3, 4, 0, 0xa3, 3, 4, 1, b'X'];
    let buffer = [0, 0, 0, 6, 9, 8, 7, 6, 5, 4];
    let mut net = opened();
    net.data(CLIENT, 0, &[&bind[..], &buffer, &UNBIND].concat(), 1460);
    assert_eq!(told(&mut net), ["bindRequest", "sasl sealed", "unbindRequest"]);
    // Without the bind it is not taken for one.
    let mut net = opened();
    net.data(CLIENT, 0, &[&buffer[..], &UNBIND].concat(), 1460);
    assert_eq!(told(&mut net), ["undecodable 10", "unbindRequest"]);
}

#[test]
fn behind_start_tls_there_is_one_gap() {
    for step in [100, 1460] {
        let mut net = opened();
        net.data(CLIENT, 0, &START_TLS.0[..31], step);
        net.data(SERVER, 0, START_TLS.1, step);
        net.data(CLIENT, 31, &START_TLS.0[31..], step);
        net.finish();
        let told = told(&mut net);
        assert_eq!(told[..2], ["extendedReq", "extendedResp"]);
        assert!(told[2].starts_with("encrypted"), "{told:?}");
        assert_eq!(told.len(), 3, "{told:?}");
    }
}

#[test]
fn a_message_beyond_the_limit_is_passed_over() {
    let mut huge = vec![0x30, 0x84, 0x40, 0, 0, 0, 2, 1, 7, 0x64, 0x84, 0x3f, 0xff, 0xff, 0xf7];
    huge.resize(4000, 0);
    let mut net = opened();
    net.data(SERVER, 0, &huge, 1460);
    net.finish();
    assert_eq!(told(&mut net), ["limit_reached 4000"]);
    assert!(net.shard.buffered() < 4096);
}

#[test]
fn garbage_is_one_gap() {
    let mut net = opened();
    net.data(CLIENT, 0, &b"GET / HTTP/1.1\r\nHost: dc1\r\n\r\n".repeat(50), 100);
    net.finish();
    assert_eq!(told(&mut net), ["undecodable 1450"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_streams_end_and_keep_count(
        which in 0..3_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        step in 1..200_usize,
        joined: bool,
    ) {
        let (client, server) = [SEARCH, GSSAPI, START_TLS][which];
        let mut net = if joined { ldap() } else { opened() };
        for (side, golden) in [(CLIENT, client), (SERVER, server)] {
            let mut bytes = golden.to_vec();
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            net.data(side, 0, &bytes, step);
        }
        net.finish();
        prop_assert_eq!(net.shard.buffered(), 0);
        // Every event takes bytes: seven at least, but for what is said at the end.
        prop_assert!(told(&mut net).len() < (client.len() + server.len()) / 7 + 8);
    }

    #[test]
    fn arbitrary_streams_end(
        bytes in proptest::collection::vec(prop::sample::select(vec![0, 2, 4, 5, 0x17, 3, 0x30, 0x60, 0x42, 0x84, 1, 0xff_u8]), 0..400),
        step in 1..50_usize,
    ) {
        let mut net = ldap();
        net.data(CLIENT, 0, &bytes, step);
        net.data(SERVER, 0, &bytes, step);
        net.finish();
        prop_assert_eq!(net.shard.buffered(), 0);
    }
}
