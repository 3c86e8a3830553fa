//! Domain names in a message, with their compression pointers. RFC 1035 §3.1, §4.1.4.

use super::{DnsErrorKind, MAX_POINTERS};
use crate::WireText;

/// Reads the name at `offset`; answers with it and with the offset of what follows it there.
///
/// Labels are joined with `.`, without a final one; the root is empty. As in master files (RFC 1035 §5.1), a `.` or `\`
/// inside a label gets a `\` in front, and a control character becomes `\` and three decimal digits. All other bytes
/// stay as they are.
pub(super) fn read(message: &[u8], offset: usize) -> Result<(WireText, usize), DnsErrorKind> {
    // Most names are shorter.
    let mut text = Vec::with_capacity(64);
    let mut on_wire = 1_usize;
    let mut after = None;
    let mut pointers = 0;
    let mut at = offset;
    // A pointer must go back behind where the reading of its part began, so no byte is read twice.
    let mut bound = offset;
    loop {
        let (&length, rest) = message.get(at..).and_then(<[u8]>::split_first).ok_or(DnsErrorKind::Truncated)?;
        match length {
            0 => return Ok((WireText::new(&text), after.unwrap_or(at.saturating_add(1)))),
            1..=0x3f => {
                let label = rest.get(..usize::from(length)).ok_or(DnsErrorKind::Truncated)?;
                at = at.saturating_add(label.len()).saturating_add(1);
                on_wire = on_wire.saturating_add(label.len()).saturating_add(1);
                if on_wire > MAX_NAME {
                    return Err(DnsErrorKind::NameTooLong);
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                let plain = |&byte: &u8| !matches!(byte, b'.' | b'\\' | 0..=0x1f | 0x7f);
                if label.iter().all(plain) {
                    text.extend_from_slice(label);
                    continue;
                }
                for &byte in label {
                    match byte {
                        b'.' | b'\\' => text.extend([b'\\', byte]),
                        0..=0x1f | 0x7f => {
                            text.extend([b'\\', b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10]);
                        }
                        _ => text.push(byte),
                    }
                }
            }
            0xc0.. => {
                let &low = rest.first().ok_or(DnsErrorKind::Truncated)?;
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                pointers += 1;
                if target >= bound || pointers > MAX_POINTERS {
                    return Err(DnsErrorKind::Pointer);
                }
                after.get_or_insert(at.saturating_add(2));
                at = target;
                bound = target;
            }
            // 0b01 was for extended labels (RFC 6891 §5 withdraws them), 0b10 was never given out.
            _ => return Err(DnsErrorKind::Label),
        }
    }
}

/// Steps over the name at `offset`, without following pointers; answers with the offset of what follows it.
pub(super) fn skip(message: &[u8], offset: usize) -> Result<usize, DnsErrorKind> {
    let mut at = offset;
    loop {
        let &length = message.get(at).ok_or(DnsErrorKind::Truncated)?;
        match length {
            0 => return Ok(at.saturating_add(1)),
            1..=0x3f => at = at.saturating_add(usize::from(length)).saturating_add(1),
            0xc0.. => return Ok(at.saturating_add(2)),
            _ => return Err(DnsErrorKind::Label),
        }
    }
}

/// Longest name, length octets and the root's included. RFC 1035 §2.3.4.
pub(super) const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::{read, skip};
    use crate::dns::DnsErrorKind;

    #[test]
    fn pointers_are_followed_backwards_only() {
        // 0: "example" root; 9: "corp" → 0; 16: → 9; 18: → 18.
        let message = b"\x07example\0\x04corp\xc0\0\xc0\x09\xc0\x12";
        let (name, after) = read(message, 9).unwrap();
        assert_eq!((name.to_string().as_str(), after), ("corp.example", 16));
        assert_eq!(skip(message, 9).unwrap(), 16);
        let (name, after) = read(message, 16).unwrap();
        assert_eq!((name.to_string().as_str(), after), ("corp.example", 18));
        assert_eq!(read(message, 18).unwrap_err(), DnsErrorKind::Pointer);
        // Two that point at each other.
        assert_eq!(read(b"\xc0\x02\xc0\x00", 2).unwrap_err(), DnsErrorKind::Pointer);
        // Into itself, behind its own first label.
        assert_eq!(read(b"\x01a\xc0\0", 0).unwrap_err(), DnsErrorKind::Pointer);
    }

    #[test]
    fn labels_with_dots_stay_apart() {
        let (name, _) = read(b"\x03a.b\x02c\\\x01\x1b\0", 0).unwrap();
        assert_eq!(name.as_bytes(), b"a\\.b.c\\\\.\\027");
    }

    #[test]
    fn too_long_and_unknown_labels_are_refused() {
        let long = [[1, b'a'].repeat(127), vec![0]].concat();
        assert_eq!(long.len(), 255);
        assert!(read(&long, 0).is_ok());
        let longer = [[1, b'a'].repeat(128), vec![0]].concat();
        assert_eq!(read(&longer, 0).unwrap_err(), DnsErrorKind::NameTooLong);
        assert_eq!(read(&[0x41, 1], 0).unwrap_err(), DnsErrorKind::Label);
        assert_eq!(read(&[3, b'a'], 0).unwrap_err(), DnsErrorKind::Truncated);
        assert_eq!(read(&[], 0).unwrap_err(), DnsErrorKind::Truncated);
    }

    #[test]
    fn a_long_chain_of_pointers_is_refused() {
        let mut message = vec![0, 0];
        for hop in 0..200_u16 {
            message.extend((0xc000 | (hop * 2)).to_be_bytes());
        }
        assert_eq!(read(&message, message.len() - 2).unwrap_err(), DnsErrorKind::Pointer);
        assert!(read(&message, 20).is_ok());
    }
}
