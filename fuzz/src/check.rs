//! What holds for every event and everything that is written.

use std::{borrow::Cow, fmt::Debug, net::Ipv4Addr};

use capture::{CaptureTime, PacketId};
use decode::{
    Decoded, Endpoint, Event, Message, Path, Seen, Transport, decoder::Decoders, text::is_harmful, wire::Datagram,
};

use super::json;

/// From a client to this port of a server.
pub(crate) fn path(transport: Transport, client_port: u16, server_port: u16) -> Path {
    let end = |last, port| Endpoint { address: Ipv4Addr::new(10, 99, 0, last).into(), port };
    Path { transport, source: end(101, client_port), destination: end(10, server_port) }
}

/// No character that a terminal would obey, but for line ends.
pub(crate) fn harmless(text: &str) {
    let harmful = text.chars().find(|&character| character != '\n' && is_harmful(character));
    assert_eq!(harmful, None, "in {text:?}");
}

/// How it shows itself to a developer, which must be harmless, too.
pub(crate) fn shown(value: &impl Debug) -> String {
    let shown = format!("{value:?}");
    harmless(&shown);
    shown
}

/// The line of JSON that the program writes for an event.
pub(crate) fn line(event: &Event) -> String {
    if let Message::Gap(gap) = &event.message {
        harmless(&gap.detail);
        assert!(!gap.detail.contains("a fault in this program"), "a panic was caught");
    }
    let mut bytes = Vec::new();
    json::write_line(&json::Line::new(event, &[]), &mut bytes).expect("an event is JSON");
    let line = String::from_utf8(bytes).expect("JSON is UTF-8");
    harmless(&line);
    assert_eq!(line.find('\n'), Some(line.len() - 1), "not one line");
    let value: serde_json::Value = serde_json::from_str(&line).expect("what is written can be read");
    assert!(value.is_object());
    line
}

/// Decodes the payload of a UDP datagram to this port, twice.
pub(crate) fn datagram(port: u16, bytes: &[u8]) {
    let path = path(Transport::Udp, 50_000, port);
    let datagram = Datagram {
        packet: PacketId::FIRST,
        first: PacketId::FIRST,
        at: CaptureTime(0),
        path,
        payload: Cow::Borrowed(bytes),
        cut: 0,
    };
    let decode = || {
        let mut found = Vec::new();
        Decoders::default().datagram(&datagram, &mut found);
        assert!(!found.is_empty() || bytes.is_empty(), "nothing vanishes");
        found.into_iter().map(decoded).collect::<Vec<_>>()
    };
    assert_eq!(decode(), decode());
}

/// What a decoder says, in both forms of its event.
pub(crate) fn decoded(Decoded { carriage, message }: Decoded) -> (String, String) {
    let seen = Seen::in_packet(PacketId::FIRST, CaptureTime(0));
    told(&Event { seen, path: Some(path(Transport::Tcp, 50_000, 445)), carriage, message })
}

/// An event in both of its forms.
pub(crate) fn told(event: &Event) -> (String, String) {
    (shown(event), line(event))
}
