//! Fingerprints of hellos: JA3 and JA3S (MD5), and JA4 of clients (the part of FoxIO's suite under the BSD licence).
//!
//! Values that a client puts in only to test the peer (GREASE, RFC 8701) are left out of all of them.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::Version;
use crate::x509::hex;

/// What fingerprints are made of, in the order of the message.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) version: Version,
    pub(super) ciphers: Vec<u16>,
    pub(super) extensions: Vec<u16>,
    pub(super) groups: Vec<u16>,
    pub(super) point_formats: Vec<u8>,
    pub(super) signature_algorithms: Vec<u16>,
}

/// `version,ciphers,extensions,groups,point formats`, decimal, as MD5 in hex. github.com/salesforce/ja3.
pub(super) fn ja3(lists: &Lists) -> String {
    let numbers = |list: &[u16]| decimal(list.iter().copied().filter(|number| !is_grease(*number)));
    let formats = decimal(lists.point_formats.iter().map(|&format| u16::from(format)));
    md5(&format!(
        "{},{},{},{},{formats}",
        lists.version.0,
        numbers(&lists.ciphers),
        numbers(&lists.extensions),
        numbers(&lists.groups)
    ))
}

/// `version,cipher,extensions`, decimal, as MD5 in hex.
pub(super) fn ja3s(version: Version, cipher: u16, extensions: &[u16]) -> String {
    md5(&format!("{},{cipher},{}", version.0, decimal(extensions.iter().copied())))
}

/// JA4 of a client over TCP: github.com/FoxIO-LLC/ja4, technical_details/JA4.md. `first_alpn`: the protocol it offers
/// first.
pub(super) fn ja4(lists: &Lists, supported: &[Version], first_alpn: Option<&[u8]>) -> String {
    let known = |list: &[u16]| -> Vec<u16> { list.iter().copied().filter(|number| !is_grease(*number)).collect() };
    let (mut ciphers, mut extensions) = (known(&lists.ciphers), known(&lists.extensions));
    let version = match supported.iter().copied().max().unwrap_or(lists.version).0 {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let name = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let (cipher_count, extension_count) = (ciphers.len().min(99), extensions.len().min(99));
    let alpn = alpn(first_alpn.unwrap_or_default());
    ciphers.sort_unstable();
    extensions.retain(|&extension| extension != SERVER_NAME && extension != ALPN);
    extensions.sort_unstable();
    let mut behind = hexadecimal(&extensions);
    let algorithms = known(&lists.signature_algorithms);
    if !algorithms.is_empty() {
        behind.push('_');
        behind.push_str(&hexadecimal(&algorithms));
    }
    let ciphers = sha256(&hexadecimal(&ciphers));
    let behind = if extensions.is_empty() { NOTHING.to_owned() } else { sha256(&behind) };
    format!("t{version}{name}{cipher_count:02}{extension_count:02}{alpn}_{ciphers}_{behind}")
}

/// Whether a value is one of RFC 8701.
pub(super) fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// The extension server_name.
pub(super) const SERVER_NAME: u16 = 0;
/// The extension application_layer_protocol_negotiation.
pub(super) const ALPN: u16 = 16;
/// What stands for the hash of nothing.
const NOTHING: &str = "000000000000";

/// First and last character of the protocol; of its hex form where one of them is no letter or digit.
fn alpn(protocol: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (protocol.first(), protocol.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        [first, last].map(char::from).iter().collect()
    } else {
        format!("{:x}{:x}", first >> 4, last & 0xf)
    }
}

fn decimal(numbers: impl Iterator<Item = u16>) -> String {
    numbers.enumerate().fold(String::new(), |mut text, (index, number)| {
        let _ = write!(text, "{}{number}", if index > 0 { "-" } else { "" });
        text
    })
}

fn hexadecimal(numbers: &[u16]) -> String {
    numbers.iter().enumerate().fold(String::new(), |mut text, (index, number)| {
        let _ = write!(text, "{}{number:04x}", if index > 0 { "," } else { "" });
        text
    })
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// The first twelve hex digits.
fn sha256(text: &str) -> String {
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    let mut digest = hex(&Sha256::digest(text.as_bytes()));
    digest.truncate(NOTHING.len());
    digest
}

#[cfg(test)]
mod tests {
    use super::{Lists, alpn, is_grease, ja3, ja3s, ja4};
    use crate::tls::Version;

    fn numbers(text: &str) -> Vec<u16> {
        text.split(',').map(|number| u16::from_str_radix(number, 16).unwrap()).collect()
    }

    /// The example of JA4's specification.
    #[test]
    fn ja4_of_the_specification() {
        let mut lists = Lists {
            version: Version::TLS12,
            ciphers: numbers("2a2a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"),
            extensions: numbers("1a1a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"),
            signature_algorithms: numbers("0403,0804,0401,0503,0805,0501,0806,0601"),
            ..Lists::default()
        };
        let supported = [Version::TLS13, Version::TLS12];
        assert_eq!(ja4(&lists, &supported, Some(b"h2")), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        lists.signature_algorithms.clear();
        lists.extensions = vec![0];
        assert_eq!(ja4(&lists, &[], None), "t12d150100_8daaf6152771_000000000000");
    }

    /// The examples of JA3's description.
    #[test]
    fn ja3_of_the_description() {
        let lists = Lists {
            version: Version(769),
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: vec![23, 24, 25],
            point_formats: vec![0],
            ..Lists::default()
        };
        assert_eq!(ja3(&lists), "ada70206e40642a3e4461f35503241d5");
        let lists =
            Lists { version: Version(769), ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], ..Lists::default() };
        assert_eq!(ja3(&lists), "de350869b8c85de67a350c8d186f11e6");
        assert_eq!(ja3s(Version(769), 47, &[65281, 0, 11, 35, 5, 16]), "836ce314215654b5b1f85f97c73e506f");
    }

    #[test]
    fn odd_protocol_names_and_test_values() {
        assert_eq!(alpn(b"http/1.1"), "h1");
        assert_eq!(alpn(b"h"), "hh");
        assert_eq!(alpn(b"\xab\xcd"), "ad");
        assert_eq!(alpn(b""), "00");
        assert!(is_grease(0x0a0a) && is_grease(0xfafa));
        assert!(!is_grease(0x0a1a) && !is_grease(0x0a0b));
    }
}
