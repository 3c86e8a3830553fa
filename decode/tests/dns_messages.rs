//! DNS messages: recorded ones, cut at every length, and arbitrary bytes.

#![allow(clippy::indexing_slicing, reason = "tests")]

use decode::{
    WireText,
    dns::{
        Address, DnsErrorKind, LocatorService, MAX_MESSAGE, Question, Service, Target, asks_for_service, decode,
        is_plain_question, key_exchange as key_exchange_of,
    },
};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, proptest};

/// Ethernet, IPv4 without options and UDP, before the message.
const HEADERS: usize = 14 + 20 + 8;

fn query() -> &'static [u8] {
    &include_bytes!("data/wire_dns_srv_query.bin")[HEADERS..]
}

fn srv_answer() -> &'static [u8] {
    &include_bytes!("data/wire_dns_srv_answer.bin")[HEADERS..]
}

fn a_answer() -> &'static [u8] {
    &include_bytes!("data/wire_dns_a_answer.bin")[HEADERS..]
}

/// An answer as Windows gives it: SRV, then the host's addresses as additional records, and EDNS.
const WITH_ADDITIONAL: &[u8] = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\x03\
    \x05_ldap\x04_tcp\x02dc\x06_msdcs\x04corp\x07example\0\0\x21\0\x01\
    \xc0\x0c\0\x21\0\x01\0\0\x02\x58\0\x18\0\0\0\x64\x01\x85\x03dc1\x04corp\x07example\0\
    \xc0\x45\0\x01\0\x01\0\0\x02\x58\0\x04\x0a\0\0\x0a\
    \xc0\x45\0\x1c\0\x01\0\0\x02\x58\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a\
    \0\0\x29\x0f\xa0\0\0\0\0\0\0";

#[test]
fn recorded_query() {
    let message = decode(query()).unwrap();
    assert_eq!((message.response, message.rcode, message.id), (false, None, 0x4619));
    assert_eq!(
        message.questions,
        [Question { name: WireText::from("_kerberos._tcp.dc._msdcs.corp.example"), kind: 33 }]
    );
    let locator = message.locator().unwrap();
    assert_eq!((locator.service, locator.domain), (LocatorService::Kdc, WireText::from("corp.example")));
}

#[test]
fn recorded_answers() {
    let name = "_ldap._tcp.Default-First-Site-Name._sites.dc._msdcs.corp.example";
    let message = decode(srv_answer()).unwrap();
    assert_eq!((message.response, message.rcode, message.authoritative), (true, Some(0), true));
    assert_eq!(
        message.srv,
        [Service {
            name: WireText::from(name),
            priority: 0,
            weight: 100,
            port: 389,
            target: WireText::from("dc1.corp.example")
        }]
    );
    assert_eq!(message.locator().unwrap().site, Some(WireText::from("default-first-site-name")));
    let message = decode(a_answer()).unwrap();
    let address = Address { name: WireText::from("dc1.corp.example"), address: [10, 99, 0, 10].into() };
    assert_eq!((message.addresses, message.other_answers), (vec![address], 0));
    assert_eq!(decode(a_answer()).unwrap().locator(), None);
}

#[test]
fn additional_addresses_are_kept_and_edns_is_not() {
    let message = decode(WITH_ADDITIONAL).unwrap();
    assert_eq!(message.srv[0].target, WireText::from("dc1.corp.example"));
    let addresses: Vec<String> = message.addresses.iter().map(|address| address.address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.10", "2001:db8::a"]);
    assert!(message.addresses.iter().all(|address| address.name == message.srv[0].target));
    assert_eq!(message.other_answers, 0);
}

#[test]
fn every_truncation_is_told() {
    for message in [query(), srv_answer(), a_answer(), WITH_ADDITIONAL] {
        for end in 0..message.len() {
            match decode(&message[..end]) {
                // Behind the first question, what came before the cut is kept.
                Ok(part) => {
                    assert!(!part.questions.is_empty() && part.stopped.is_some(), "{end}");
                    assert!(part.questions[0] == decode(message).unwrap().questions[0], "{end}");
                }
                Err(error) => assert_eq!(error.kind, DnsErrorKind::Truncated, "{end}"),
            }
        }
        let longer = [message, &[0; 7]].concat();
        assert_eq!(decode(&longer), decode(message));
    }
}

#[test]
fn a_truncated_response_keeps_what_it_has() {
    let mut message = WITH_ADDITIONAL.to_vec();
    message[2] |= 0x02;
    let whole = decode(&message).unwrap();
    assert!(whole.truncated);
    let mut most = 0;
    for end in 12..message.len() {
        let part = decode(&message[..end]).unwrap();
        let kept = part.questions.len() + part.srv.len() + part.addresses.len();
        assert!(kept >= most);
        most = kept;
    }
    assert_eq!(most, 4);
}

#[test]
fn unknown_types_and_classes_survive() {
    // URI, which MIT krb5 asks first, and class ANY.
    let message = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x09_kerberos\x04corp\0\x01\0\0\xff";
    let decoded = decode(message).unwrap();
    assert_eq!(decoded.questions, [Question { name: WireText::from("_kerberos.corp"), kind: 256 }]);
    // An NS record in the answer is counted.
    let answer = b"\0\x01\x81\x80\0\0\0\x01\0\0\0\0\0\0\x02\0\x01\0\0\0\0\0\x01\0";
    assert_eq!(decode(answer).unwrap().other_answers, 1);
}

#[test]
fn aliases_and_the_names_of_addresses_are_kept() {
    // login.corp.example is an alias of www.corp.example; both names end in pointers.
    let answer = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x05login\x04corp\x07example\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\x02\x58\0\x06\x03www\xc0\x12\
        \xc0\x30\0\x01\0\x01\0\0\x02\x58\0\x04\x0a\0\0\x0b";
    let message = decode(answer).unwrap();
    let alias = Target { name: WireText::from("login.corp.example"), target: WireText::from("www.corp.example") };
    assert_eq!((message.cname, message.other_answers, message.authoritative), (vec![alias], 0, false));
    assert_eq!(message.addresses[0].name, WireText::from("www.corp.example"));
    let shown = serde_json::to_value(decode(answer).unwrap()).unwrap();
    assert_eq!(shown["cname"][0]["target"], "www.corp.example");
    assert_eq!(shown.get("authoritative"), None);

    let answer = b"\x12\x34\x85\x80\0\x01\0\x01\0\0\0\0\x0210\x010\x010\x0210\x07in-addr\x04arpa\0\0\x0c\0\x01\
        \xc0\x0c\0\x0c\0\x01\0\0\x02\x58\0\x12\x03dc1\x04corp\x07example\0";
    let message = decode(answer).unwrap();
    let name = Target { name: WireText::from("10.0.0.10.in-addr.arpa"), target: WireText::from("dc1.corp.example") };
    assert_eq!(message.ptr, [name]);
    assert_eq!(serde_json::to_value(&message).unwrap()["authoritative"], true);

    // A name that goes on behind the record's data is none.
    let mut damaged = answer.to_vec();
    let length = damaged.len() - 19;
    damaged[length] = 0x11;
    let stopped = decode(&damaged).unwrap();
    assert!(stopped.ptr.is_empty() && stopped.stopped.is_some());
}

#[test]
fn an_update_is_not_a_search() {
    // Zone corp.example SOA; one condition (class NONE, no data), and no more.
    let message = b"\0\x01\x28\0\0\x01\0\x01\0\0\0\0\x04corp\x07example\0\0\x06\0\x01\xc0\x0c\0\x01\0\xfe\0\0\0\0\0\0";
    let message = decode(message).unwrap();
    assert_eq!((message.opcode, message.addresses.len(), message.locator()), (5, 0, None));
}

/// A message with a question of type TKEY and, in its third section, the record with `key`.
fn key_exchange(mode: u16, size: u16, key: &[u8]) -> Vec<u8> {
    let algorithm = b"\x08gss-tsig\0";
    let mut bytes = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    bytes.extend(b"\x03key\x04corp\0\0\xf9\0\xff\xc0\x0c\0\xf9\0\xff\0\0\0\0");
    bytes.extend(u16::try_from(algorithm.len() + 14 + key.len() + 2).expect("small").to_be_bytes());
    bytes.extend(algorithm);
    bytes.extend([0; 8]);
    bytes.extend(mode.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(size.to_be_bytes());
    bytes.extend(key);
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn a_key_exchange_carries_a_token() {
    let token = b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";
    let carried = |bytes: &[u8]| {
        let message = decode(bytes).expect("a message");
        key_exchange_of(bytes, &message).map(<[u8]>::to_vec)
    };
    assert_eq!(carried(&key_exchange(3, 16, token)), Some(token.to_vec()));
    // Another mode, a key longer than its record, no key exchange at all.
    assert_eq!(carried(&key_exchange(2, 16, token)), None);
    assert_eq!(carried(&key_exchange(3, 200, token)), None);
    assert_eq!(carried(query()), None);
    let whole = key_exchange(3, 16, token);
    for end in 12..whole.len() - 2 {
        if let Ok(message) = decode(&whole[..end]) {
            let found = key_exchange_of(&whole[..end], &message);
            assert!(found.is_none_or(|found| found == token), "{end}");
        }
    }
}

#[test]
fn what_is_not_dns_is_refused() {
    for bytes in [
        [0; 40].as_slice(),
        [0xff; 40].as_slice(),
        b"GET / HTTP/1.1\r\nHost: corp.example\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n0123456789012345",
        // A TLS ClientHello.
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\x5a\x5b\x5c\x5d\x5e\x5f\x60\x61\x62\x63\x64\x65",
        // A query that answers.
        b"\0\x01\x01\0\0\x01\0\x01\0\0\0\0\0\0\x01\0\x01\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0",
    ] {
        assert!(decode(bytes).is_err(), "{bytes:02x?}");
    }
}

#[test]
fn what_is_asked_is_told_though_the_rest_cannot_be() {
    // A query of another kind, a query that announces answers: each says where reading had to stop.
    for (at, value) in [(2, 0x31), (6, 0x47)] {
        let mut bytes = query().to_vec();
        bytes[at] = value;
        let message = decode(&bytes).expect("a message");
        assert_eq!(message.questions, decode(query()).expect("a message").questions);
        assert!(message.stopped.is_some(), "{message:?}");
        bytes[5] = 2;
        assert!(decode(&bytes).is_err(), "two questions");
    }
}

#[test]
fn questions_for_a_service_are_known_by_their_content() {
    let service = [b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05_ldap\x04_tcp\0".as_slice(), &[0, 33, 0, 1]].concat();
    assert!(asks_for_service(&service) && asks_for_service(srv_answer()));
    for (at, value) in [(2, 0), (2, 0x28), (5, 2), (7, 1), (12, 0), (12, 0x40), (13, b'l')] {
        let mut other = service.clone();
        other[at] = value;
        assert!(!asks_for_service(&other), "{at}: {value}");
    }
    for end in 0..14 {
        assert!(!asks_for_service(&service[..end]));
    }
    assert!(!asks_for_service(a_answer()));
}

#[test]
fn compression_cannot_be_used_to_fill_memory() {
    // One name of 255 bytes, then as many questions that point at it as fit.
    let mut message = b"\0\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    message.extend([[63; 64].repeat(3), vec![61; 62], vec![0]].concat());
    message.extend([0, 33, 0, 1]);
    let mut questions = 1_u16;
    while message.len() + 6 <= MAX_MESSAGE {
        message.extend([0xc0, 12, 0, 33, 0, 1]);
        questions += 1;
    }
    message[4..6].copy_from_slice(&questions.to_be_bytes());
    assert_eq!(decode(&message).unwrap_err().kind, DnsErrorKind::Limit);
    // Counted questions that are not there change nothing.
    message[4..6].copy_from_slice(&0xffff_u16.to_be_bytes());
    assert_eq!(decode(&message).unwrap_err().kind, DnsErrorKind::Limit);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(error) = decode(&bytes) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn damaged_messages_never_panic(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut message = [query(), srv_answer(), a_answer(), WITH_ADDITIONAL][which].to_vec();
        for (at, value) in changes {
            let at = at.index(message.len());
            message[at] = value;
        }
        if let Ok(decoded) = decode(&message) {
            prop_assert!(decoded.questions.len() + decoded.srv.len() <= message.len() / 5);
        }
        if is_plain_question(&message) {
            let decoded = decode(&message);
            prop_assert!(decoded.as_ref().is_ok_and(|it| !it.response && it.stopped.is_none() && it.locator().is_none()));
            prop_assert!(decoded.is_ok_and(|it| key_exchange_of(&message, &it).is_none()));
        }
    }
}
