//! What an attacker may put on the wire or into a file's name, and what an attacker would like to take from the output.

use std::{fs, net::Ipv4Addr};

use super::support::{Pcap, run, sample, samples};

/// Forms of output that might carry text from the wire.
const FORMS: [&[&str]; 3] = [&["read"], &["read", "--format", "json"], &["events"]];

/// Whether a terminal could take it for more than text: C0 but the line feed, C1, direction marks and overrides, and
/// characters without width.
fn is_harmful(character: char) -> bool {
    matches!(character,
        '\0'..='\u{9}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[track_caller]
fn assert_harmless(text: &str) {
    let found = text.lines().find(|line| line.chars().any(is_harmful));
    assert_eq!(found.map(|line| line.escape_unicode().to_string()), None);
}

#[test]
fn names_from_the_wire_cannot_command_a_terminal() {
    // `quin` asks by UDP. Each name keeps its length, so that the messages stay well-formed.
    for name in ["\u{1b}[2J", "\u{1b}]0\u{7}", "\u{9b}2J", "\u{202e}m", "\u{200b}\n", "\r\n\u{85}", "\u{2066}\0"] {
        let mut capture = Pcap::read(&sample("account-locked"));
        assert!(capture.replace_in_udp(88, b"quin", name.as_bytes()) > 0);
        // And the name of the domain controller, from DNS.
        assert!(capture.replace_in_udp(53, b"dc1", "\u{202e}".as_bytes()) > 0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hostile.pcap");
        fs::write(&path, capture.bytes()).unwrap();
        for form in FORMS {
            let run = run(form.iter().map(AsRef::as_ref).chain([path.as_os_str()]));
            assert!([0, 1].contains(&run.status));
            assert_harmless(&run.stdout);
            assert_harmless(&run.stderr);
        }
        // It did arrive: in events the text is whole, though written harmlessly.
        let events = run(["events".as_ref(), path.as_os_str()]).lines();
        assert!(events.iter().any(|event| event["cname"] == name), "{}", name.escape_unicode());
        assert!(events.iter().any(|event| event["srv"][0]["target"] == "\u{202e}.corp.example"));
    }
}

#[test]
fn bytes_that_are_no_text_do_not_break_the_output() {
    let mut capture = Pcap::read(&sample("account-locked"));
    assert!(capture.replace_in_udp(88, b"quin", b"\xff\x9b2J") > 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pcap");
    fs::write(&path, capture.bytes()).unwrap();
    for form in FORMS {
        // That it is UTF-8 is asserted by running it.
        assert_harmless(&run(form.iter().map(AsRef::as_ref).chain([path.as_os_str()])).stdout);
    }
}

#[test]
#[cfg(unix)]
fn names_of_files_cannot_command_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a b\u{1b}[2J\n\u{9b}\u{202e}.pcap";
    let (good, bad) = (folder.path().join(name), folder.path().join(format!("bad {name}")));
    fs::copy(sample("account-disabled"), &good).unwrap();
    fs::write(&bad, "text").unwrap();
    for form in FORMS {
        let all = run(form.iter().map(AsRef::as_ref).chain([good.as_os_str(), good.as_os_str()]));
        assert!([0, 1].contains(&all.status), "{}", all.stderr);
        assert_harmless(&all.stdout);
        let refused = run(form.iter().map(AsRef::as_ref).chain([bad.as_os_str()]));
        refused.assert_refused(&["text"]);
        assert_harmless(&refused.stderr);
        let refused =
            run(form.iter().map(AsRef::as_ref).chain(["-o".as_ref(), bad.join("x").as_os_str(), good.as_os_str()]));
        refused.assert_refused(&["cannot write"]);
        assert_harmless(&refused.stderr);
    }
    assert_harmless(&run(["explain", name]).stderr);
    assert_harmless(&run(["read", "--since", name, "x"]).stderr);
}

#[test]
fn no_output_holds_what_is_sealed_in_tickets_and_requests() {
    for path in samples() {
        let sealed = sealed_parts(&Pcap::read(&path));
        let output: String =
            FORMS.iter().map(|form| run(form.iter().map(AsRef::as_ref).chain([path.as_os_str()])).stdout).collect();
        let lower = output.to_lowercase();
        for part in sealed {
            // 16 bytes from its middle. In base64 any of three alignments may occur.
            let middle = &part[part.len() / 2 - 8..part.len() / 2 + 8];
            let hex = middle.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            assert!(!lower.contains(&hex), "{}: {hex}", path.display());
            for skip in 0..3 {
                let base64 = base64(&middle[skip..skip + 12]);
                assert!(!output.contains(&base64), "{}: {base64}", path.display());
                assert!(!output.contains(&base64.replace('+', "-").replace('/', "_")), "{}: {base64}", path.display());
            }
        }
    }
    // The search finds what there is to find: 3 tickets are issued here.
    assert!(sealed_parts(&Pcap::read(&sample("key-trust-success"))).len() >= 3);
}

/// The ciphers of `EncryptedData` values (RFC 4120 §5.2.9) as far as they lie in one packet: `[0] etype`, perhaps
/// `[1] kvno`, and `[2]` an octet string of at least 32 bytes.
fn sealed_parts(capture: &Pcap) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    for packet in &capture.packets {
        for at in 0..packet.bytes.len() {
            parts.extend(sealed_part(&packet.bytes[at..]));
        }
    }
    parts
}

fn sealed_part(bytes: &[u8]) -> Option<Vec<u8>> {
    let [0xa0, 3, 2, 1, _, rest @ ..] = bytes else { return None };
    let rest = if let [0xa1, 3, 2, 1, _, after_kvno @ ..] = rest { after_kvno } else { rest };
    let (tag, rest, _) = element(rest)?;
    let (inner, rest, length) = element(rest)?;
    let is_cipher = (tag, inner) == (0xa2, 4) && length >= 32;
    let here = rest.get(..length).unwrap_or(rest);
    (is_cipher && here.len() >= 32).then(|| here.to_vec())
}

/// Tag, what follows the length, and the length. DER, lengths below 64 KiB.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    match bytes {
        [tag, 0x82, high, low, rest @ ..] => Some((*tag, rest, usize::from(*high) << 8 | usize::from(*low))),
        [tag, 0x81, length, rest @ ..] | [tag, length @ 0..=0x7f, rest @ ..] => {
            Some((*tag, rest, usize::from(*length)))
        }
        _ => None,
    }
}

/// RFC 4648, of a multiple of three bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks_exact(3).flat_map(|three| {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
    });
    digits.collect()
}

#[test]
fn base64_is_as_everyone_writes_it() {
    assert_eq!(base64(b"hellotrace!!"), "aGVsbG90cmFjZSEh");
}

#[test]
fn addresses_in_reports_are_those_of_the_packets() {
    // An IPv4 packet is made to come from elsewhere: its events must say so, not what the names say.
    let mut capture = Pcap::read(&sample("account-disabled"));
    for packet in &mut capture.packets {
        for at in [26, 30] {
            if packet.bytes[at..at + 4] == Ipv4Addr::new(10, 99, 0, 101).octets() {
                packet.bytes[at..at + 4].copy_from_slice(&Ipv4Addr::new(192, 0, 2, 7).octets());
            }
        }
    }
    let report = super::support::run_with_input(["read", "--format", "json", "-"], &capture.bytes()).json();
    assert_eq!(report["logons"][0]["client"], "192.0.2.7");
}
