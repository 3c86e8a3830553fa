//! What an input that is not a capture looks like, in words for whoever named it by mistake.

use std::ffi::OsStr;
use std::path::Path;

/// First bytes that are enough to tell.
pub(super) const ENOUGH: usize = 512;

/// What `first`, the beginning of an input in no format we read, looks like: a clause for
/// [`CaptureError::NotACapture`](crate::CaptureError::NotACapture).
pub(super) fn looks_like(first: &[u8]) -> String {
    if let Some((magic, what)) = KNOWN.iter().find(|(magic, _)| first.starts_with(magic)) {
        return format!("it begins with {}, {what}", hex(magic));
    }
    if first.len() < 4 {
        return format!("it has only {} byte{}", first.len(), if first.len() == 1 { "" } else { "s" });
    }
    if is_text(first) {
        return "it looks like text".to_owned();
    }
    format!("its first bytes are {}", hex(first.get(..8).unwrap_or(first)))
}

/// Whether this is an event trace log of Windows, by its name or by its first buffer.
///
/// The format has no magic number, so the name (`.etl`, also `.etl.gz` and the like) counts for as much as the bytes.
pub(super) fn is_event_trace_log(name: &Path, first: &[u8]) -> bool {
    let named_so = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("etl"));
    let zipped = name.extension().is_some_and(|extension: &OsStr| {
        ["gz", "zst", "lz4"].iter().any(|packed| extension.eq_ignore_ascii_case(packed))
    });
    if named_so(name) || (zipped && name.file_stem().is_some_and(|stem| named_so(Path::new(stem)))) {
        return true;
    }
    // A WMI_BUFFER_HEADER of 72 bytes, beginning with the size of the buffer in whole KiB; after it the
    // SYSTEM_TRACE_HEADER that every log has first: version, header type (1: 32 bits, 2: 64 bits), flags c0.
    let Some(size) = first.first_chunk::<4>().map(|size| u32::from_le_bytes(*size)) else { return false };
    (1024..=16 << 20).contains(&size)
        && size.is_multiple_of(1024)
        && matches!(first.get(72..76), Some([_, _, 1 | 2, 0xc0]))
}

/// Whether it reads as UTF-8 or UTF-16 text without control characters.
fn is_text(first: &[u8]) -> bool {
    if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        // Cut in the middle of a character by our own limit.
        Err(error) if error.error_len().is_none() => {
            first.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b'))
}

/// `50 4b 03 04`.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Formats that people have in the same folder as captures.
const KNOWN: [(&[u8], &str); 14] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data inside compressed data"),
    (b"\x04\x22\x4d\x18", "lz4-compressed data inside compressed data"),
    (b"\x02\x21\x4c\x18", "lz4-compressed data in the old form, to be packed anew with `lz4`"),
    (b"\xfd7zXZ\x00", "xz-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"MSCF", "a Windows cabinet"),
    (b"\x1f\x8b", "gzip-compressed data inside compressed data"),
    (b"GMBU", "a capture of Microsoft Network Monitor"),
    (b"RTSS", "a capture of Microsoft Network Monitor 1"),
    (b"TRSNIFF data", "a capture of Network General Sniffer"),
    (b"\x7fELF", "a program"),
    (b"%PDF", "a PDF document"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_people_mistake_for_captures() {
        for (first, expected) in [
            (&b"PK\x03\x04\x14\x00\x08"[..], "it begins with 50 4b 03 04, a zip archive"),
            (b"hello, world\n", "it looks like text"),
            ("Gr\u{fc}\u{df}e".as_bytes(), "it looks like text"),
            (b"Gr\xc3\xbc\xc3", "it looks like text"),
            (b"\xff\xfeh\x00i\x00", "it looks like text"),
            (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "its first bytes are 00 01 02 03 04 05 06 07"),
            (b"\x00", "it has only 1 byte"),
            (b"ab", "it has only 2 bytes"),
            (b"GMBU\x00", "it begins with 47 4d 42 55, a capture of Microsoft Network Monitor"),
        ] {
            assert_eq!(looks_like(first), expected);
        }
    }

    #[test]
    fn event_trace_logs_are_known_by_name_or_content() {
        for name in ["a.etl", "A.ETL", "dir/a.etl.gz", "a.Etl.GZ"] {
            assert!(is_event_trace_log(Path::new(name), b"????"), "{name}");
        }
        for name in ["a.pcap", "etl", "a.etl.txt", ".etl", "a.gz"] {
            assert!(!is_event_trace_log(Path::new(name), b"????????"), "{name}");
        }
        let mut log = vec![0; 128];
        log[..4].copy_from_slice(&65536_u32.to_le_bytes());
        log[72..76].copy_from_slice(&[2, 0, 2, 0xc0]);
        assert!(is_event_trace_log(Path::new("standard input"), &log));
        log[75] = 0;
        assert!(!is_event_trace_log(Path::new("standard input"), &log));
    }
}
