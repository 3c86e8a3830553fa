//! SMB connections through the shard: session set-ups are found however the streams are cut, and nothing else is kept.

#![allow(clippy::indexing_slicing, reason = "tests")]

#[path = "stream_support/net.rs"]
mod net;

use decode::{Event, Message, decoder::Side, shard::Config};
use net::{CLIENT, Net, SERVER, seg};
use proptest::prelude::*;

const CLIENT_BYTES: &[u8] = include_bytes!("data/smb/session_client.bin");
const SERVER_BYTES: &[u8] = include_bytes!("data/smb/session_server.bin");
/// Where the session set-up stands in the client's bytes, framing included.
const SETUP: std::ops::Range<usize> = 268..3832;

const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";

fn smb() -> Net {
    Net { server_port: 445, ..Net::with(Config::for_shards(1)) }
}

fn opened() -> Net {
    let mut net = smb();
    net.open();
    net
}

/// What the messages are, and kinds of the gaps; connections left out.
fn told(net: &mut Net) -> Vec<String> {
    std::mem::take(&mut net.out).iter().filter_map(line).collect()
}

fn line(event: &Event) -> Option<String> {
    let carriage = event.carriage;
    match &event.message {
        Message::Kerberos(message) => Some(format!("{carriage:?} {}", message.name())),
        Message::Ntlm(message) => Some(format!("{carriage:?} {}", message.kind.name())),
        Message::Smb(setup) => Some(format!("{} {}", setup.protocol().name(), setup.status_name().unwrap_or("?"))),
        Message::Gap(gap) => Some(format!("{} {}", gap.kind.name(), gap.bytes)),
        _ => None,
    }
}

const REQUEST: &str = "[\"smb2\", \"spnego\"] ap-req";
const REPLY: &str = "[\"smb2\", \"spnego\"] ap-rep";
const SUCCESS: &str = "smb2 STATUS_SUCCESS";

#[test]
fn session_set_ups_come_out_however_the_stream_is_cut() {
    for step in [1, 2, 3, 5, 7, 17, 64, 1460] {
        let mut net = opened();
        net.data(CLIENT, 0, CLIENT_BYTES, step);
        assert_eq!(told(&mut net), [REQUEST], "in steps of {step}");
        net.data(SERVER, 0, SERVER_BYTES, step);
        assert_eq!(told(&mut net), [SUCCESS, REPLY], "in steps of {step}");
        net.finish();
        assert!(told(&mut net).is_empty());
        assert_eq!(net.shard.buffered(), 0);
    }
}

#[test]
fn the_ticket_is_told_and_its_cipher_text_is_not() {
    let mut net = opened();
    net.data(CLIENT, 0, CLIENT_BYTES, 1460);
    net.data(SERVER, 0, SERVER_BYTES, 1460);
    let Some(Message::Kerberos(message)) = net.out.first().map(|event| &event.message) else { panic!("no AP-REQ") };
    let shown = serde_json::to_value(message).expect("plain data");
    assert_eq!(shown["ticket"]["sname"], "cifs/dc1.corp.example");
    assert!(shown["ticket"]["id"].is_string());
    let answer = net.out.iter().find_map(|event| match &event.message {
        Message::Smb(setup) => serde_json::to_value(setup).ok(),
        _ => None,
    });
    let answer = answer.expect("an answer");
    assert_eq!((&answer["nt_status"], &answer["nt_status_name"]), (&"0x00000000".into(), &"STATUS_SUCCESS".into()));
    assert!(format!("{shown}{:?}", net.out).len() < 2000);
}

#[test]
fn one_side_is_enough_and_so_is_the_middle() {
    for from in [0, 1, 100, SETUP.start - 1, SETUP.start] {
        let mut net = smb();
        net.data(CLIENT, 0, &CLIENT_BYTES[from..], 200);
        net.finish();
        let told = told(&mut net);
        assert_eq!(told.iter().filter(|line| *line == REQUEST).count(), 1, "from {from}: {told:?}");
    }
    // Joined within the set-up, the next message is found, and it is none to tell of.
    let mut net = smb();
    net.data(CLIENT, 0, &CLIENT_BYTES[SETUP.start + 9..], 200);
    net.finish();
    assert_eq!(told(&mut net), [format!("missing {}", SETUP.end - SETUP.start - 9)]);
}

/// A message of SMB 2 behind its length.
fn smb2(command: u16, status: u32, response: bool, body: &[u8]) -> Vec<u8> {
    framed(&header(command, status, response, 0, body))
}

fn header(command: u16, status: u32, response: bool, next: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(&[0xfe, b'S', b'M', b'B', 64, 0]);
    bytes[8..12].copy_from_slice(&status.to_le_bytes());
    bytes[12..14].copy_from_slice(&command.to_le_bytes());
    bytes[16] = u8::from(response);
    bytes[20..24].copy_from_slice(&next.to_le_bytes());
    bytes[40] = 7;
    bytes.extend(body);
    bytes
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("small").to_be_bytes();
    [&length, message].concat()
}

/// The body of a response with this token.
fn response(token: &[u8]) -> Vec<u8> {
    let length = u16::try_from(token.len()).expect("small").to_le_bytes();
    [&[9, 0, 0, 0, 72, 0], length.as_slice(), token].concat()
}

/// The body of a request with this token, `at` this offset from the header.
fn request(at: u16, length: usize, token: &[u8]) -> Vec<u8> {
    let mut body = vec![25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    body.extend(at.to_le_bytes());
    body.extend(u16::try_from(length).expect("small").to_le_bytes());
    body.extend([0; 8]);
    body.extend(token);
    body
}

fn sent(side: Side, bytes: &[u8]) -> Vec<String> {
    let mut net = opened();
    net.data(side, 0, bytes, 1460);
    net.finish();
    told(&mut net)
}

#[test]
fn the_status_tells_how_a_session_set_up_went() {
    let more = smb2(1, 0xc000_0016, true, &response(NEGOTIATE));
    let failed = smb2(1, 0xc000_006d, true, &[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    let told = sent(SERVER, &[more, failed].concat());
    assert_eq!(told, ["smb2 STATUS_MORE_PROCESSING_REQUIRED", "[\"smb2\"] negotiate", "smb2 STATUS_LOGON_FAILURE"]);
}

#[test]
fn tokens_must_lie_where_the_message_says() {
    let size = NEGOTIATE.len();
    assert_eq!(sent(CLIENT, &smb2(1, 0, false, &request(88, size, NEGOTIATE))), ["[\"smb2\"] negotiate"]);
    for (at, length) in [(88, size + 1), (89, size), (u16::MAX, 1), (0, usize::from(u16::MAX))] {
        let message = smb2(1, 0, false, &request(at, length, NEGOTIATE));
        assert_eq!(sent(CLIENT, &message), [format!("undecodable {}", message.len() - 4)], "{at} {length}");
    }
    assert!(sent(CLIENT, &smb2(1, 0, false, &request(0, 0, &[]))).is_empty());
}

#[test]
fn compounds_are_followed_to_their_end() {
    let body = request(88, NEGOTIATE.len(), NEGOTIATE);
    let first = header(1, 0, false, 104, &body);
    assert_eq!(first.len(), 104);
    let both = [first, header(1, 0, false, 0, &body)].concat();
    assert_eq!(sent(CLIENT, &framed(&both)), ["[\"smb2\"] negotiate", "[\"smb2\"] negotiate"]);
    // A next message that would be inside of this one, or behind its end.
    for next in [8, 4096] {
        assert!(
            sent(CLIENT, &framed(&header(1, 0, false, next, &body))).iter().any(|line| line.starts_with("undecodable"))
        );
    }
}

fn smb1(response: bool, words: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 32];
    message[..5].copy_from_slice(&[0xff, b'S', b'M', b'B', 0x73]);
    message[9] = if response { 0x80 } else { 0 };
    message[11] = 0xc8;
    message.push(u8::try_from(words.len() / 2).expect("few"));
    message.extend(words);
    message.extend(u16::try_from(bytes.len()).expect("small").to_le_bytes());
    message.extend(bytes);
    framed(&message)
}

#[test]
fn the_older_protocol_is_read_too() {
    let size = u16::try_from(NEGOTIATE.len()).expect("small").to_le_bytes();
    let mut words = vec![0; 24];
    words[14..16].copy_from_slice(&size);
    let asked = smb1(false, &words, &[NEGOTIATE, b"Windows"].concat());
    assert_eq!(sent(CLIENT, &asked), ["[\"smb\"] negotiate"]);
    let answered = smb1(true, &[&[0xff, 0, 0, 0, 0, 0], size.as_slice()].concat(), NEGOTIATE);
    assert_eq!(sent(SERVER, &answered), ["smb STATUS_SUCCESS", "[\"smb\"] negotiate"]);
    // Without extended security there is no token; a token longer than the message is told.
    assert!(sent(CLIENT, &smb1(false, &[0; 26], b"bob")).is_empty());
    assert_eq!(sent(CLIENT, &smb1(false, &words, b"")), ["undecodable 59"]);
}

#[test]
fn who_answers_a_challenge_without_extended_security_is_told() {
    let mut words = vec![0; 26];
    words[14] = 24;
    words[16] = 24;
    let answers = [0x5a; 48];
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    // Text begins at an even place: 61 bytes are before the answers.
    let names = [&answers[..], &[0], &utf16("bob\0CORP\0Windows\0")].concat();
    let unicode = smb1(false, &words, &names);
    let mut oem = smb1(false, &words, &[&answers[..], b"bob\0CORP\0Windows\0"].concat());
    oem[4 + 11] &= 0x7f;
    for message in [&unicode, &oem] {
        let mut net = opened();
        net.data(CLIENT, 0, message, 1460);
        let Some(Message::Ntlm(message)) = net.out.first().map(|event| &event.message) else { panic!("{:?}", net.out) };
        let shown = serde_json::to_value(message).expect("plain data");
        assert_eq!(shown, serde_json::json!({"user": "bob", "domain": "CORP"}));
        assert!(!format!("{:?}", net.out).contains("ZZ") && !format!("{:?}", net.out).contains("90, 90"));
        assert_eq!(told(&mut net), ["[\"smb\"] authenticate"]);
    }
    // Cut anywhere it says less, and a password in clear is not one of NTLM.
    for end in 39..oem.len() - 10 {
        let mut cut = oem[..end].to_vec();
        cut[1..4].copy_from_slice(&u32::try_from(end - 4).expect("small").to_be_bytes()[1..]);
        assert!(sent(CLIENT, &cut).iter().all(|line| line.contains("undecodable")), "{end}");
    }
    words[14] = 9;
    words[16] = 0;
    assert!(sent(CLIENT, &smb1(false, &words, b"password\0bob\0CORP\0")).is_empty());
}

#[test]
fn what_files_hold_is_passed_over_unseen() {
    let read = smb2(8, 0, true, &vec![0x5a; 300_000]);
    let setup = smb2(1, 0, true, &response(NEGOTIATE));
    let sealed = framed(&[b"\xfdSMB".as_slice(), &vec![7; 90_000]].concat());
    let keep_alive = [0x85, 0, 0, 0].as_slice();
    let stream = [&read, keep_alive, &sealed, &[0; 4], &setup, &read].concat();
    let mut net = opened();
    net.data(SERVER, 0, &stream, 1460);
    assert_eq!(told(&mut net), [SUCCESS, "[\"smb2\"] negotiate"]);
    assert_eq!(net.shard.buffered(), 0);

    // Neither is it missed, whether packets are lost or cut: the stream stays in step.
    for lost in [true, false] {
        let mut net = opened();
        net.send(&seg(SERVER, 0, &stream[..100]).cut(if lost { 0 } else { 1360 }));
        for (index, piece) in stream.chunks(1460).enumerate().skip(1) {
            let offset = i64::try_from(index * 1460).expect("small");
            if !lost || index % 7 == 3 || index > 200 {
                net.send(&seg(SERVER, offset, piece));
                let end = offset + i64::try_from(piece.len()).expect("small");
                net.send(&seg(CLIENT, 0, &[]).ack(end));
            }
        }
        net.finish();
        assert_eq!(told(&mut net), [SUCCESS, "[\"smb2\"] negotiate"], "lost: {lost}");
    }
}

#[test]
fn a_hole_that_takes_a_header_along_is_told() {
    let read = smb2(8, 0, true, &[0x5a; 5000]);
    let stream = [read.clone(), read.clone(), smb2(1, 0, true, &response(NEGOTIATE))].concat();
    let mut net = opened();
    net.send(&seg(SERVER, 0, &stream[..1000]));
    net.send(&seg(SERVER, 6000, &stream[6000..]));
    net.finish();
    // Of the first message nothing is missed; of the second what is not there and what cannot be used.
    assert_eq!(told(&mut net), [format!("missing {}", read.len()).as_str(), SUCCESS, "[\"smb2\"] negotiate"]);
}

#[test]
fn a_transfer_is_joined_in_its_middle() {
    let mut noise = vec![0; 100_000];
    noise[50_000..50_004].copy_from_slice(b"\xfeSMB");
    let mut net = smb();
    net.data(SERVER, 0, &[noise, SERVER_BYTES.to_vec()].concat(), 1460);
    net.finish();
    assert_eq!(told(&mut net), ["missing 100000", SUCCESS, REPLY]);
}

#[test]
fn a_session_set_up_beyond_the_limit_is_passed_over() {
    let huge = smb2(1, 0, false, &vec![0; 200_000]);
    let told = sent(CLIENT, &[huge.clone(), smb2(1, 0, true, &response(&[]))].concat());
    assert_eq!(told, [format!("limit_reached {}", huge.len()).as_str(), SUCCESS]);
}

#[test]
fn another_protocol_is_one_gap() {
    let told = sent(CLIENT, &b"GET / HTTP/1.1\r\nHost: dc1\r\n\r\n".repeat(50));
    assert_eq!(told, ["undecodable 1450"]);
}

#[test]
fn every_end_of_a_stream_is_told_once() {
    for end in 0..CLIENT_BYTES.len() {
        let told = sent(CLIENT, &CLIENT_BYTES[..end]);
        let within = end > SETUP.start && end < SETUP.end;
        // Too few bytes to tell what begins there count as unfinished, too.
        assert_eq!(told.iter().filter(|line| *line == REQUEST).count(), usize::from(end >= SETUP.end), "{end}");
        let gaps = told.iter().filter(|line| line.starts_with("missing")).count();
        assert!(gaps <= 1 && (gaps == 1) >= within, "{end}: {told:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_streams_end(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        step in 1..200_usize,
        joined: bool,
    ) {
        let mut net = if joined { smb() } else { opened() };
        for (side, golden) in [(CLIENT, CLIENT_BYTES), (SERVER, SERVER_BYTES)] {
            let mut bytes = golden.to_vec();
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            net.data(side, 0, &bytes, step);
        }
        net.finish();
        prop_assert_eq!(net.shard.buffered(), 0);
        prop_assert!(told(&mut net).len() < 40);
    }

    #[test]
    fn arbitrary_streams_end(
        bytes in proptest::collection::vec(prop::sample::select(b"\0\0\xfe\xff\xfdSMB\x40\x85\x01\x73\x08".to_vec()), 0..400),
        step in 1..50_usize,
    ) {
        let mut net = smb();
        net.data(CLIENT, 0, &bytes, step);
        net.data(SERVER, 0, &bytes, step);
        net.finish();
        prop_assert_eq!(net.shard.buffered(), 0);
    }
}

#[test]
fn it_is_known_by_its_content_on_other_ports() {
    for from in [0, SETUP.start] {
        let mut net = Net { server_port: 139, ..smb() };
        net.open();
        // A NetBIOS session is asked for, and granted.
        net.data(CLIENT, 0, &[&[0x81, 0, 0, 68][..], &[0x20; 68]].concat(), 1460);
        net.data(SERVER, 0, &[0x82, 0, 0, 0], 1460);
        net.data(CLIENT, 72, &CLIENT_BYTES[from..], 1460);
        net.data(SERVER, 4, SERVER_BYTES, 1460);
        net.finish();
        assert_eq!(told(&mut net), [REQUEST, SUCCESS, REPLY], "from {from}");
    }
    let mut net = Net { server_port: 139, ..smb() };
    net.data(CLIENT, 0, &smb2(8, 0, false, &[0x5a; 3000]), 1460);
    assert_eq!(net.shard.flows(), 0, "what files hold is not looked for");
}
