//! The program starts where libpcap is missing.
//!
//! A dynamic library that is named in an executable and not installed stops it before `main`. Reading capture files
//! needs no libpcap, and live capture is a program of its own (feature `live`), so `hellotrace` must not name it. The
//! names are read from the executable's dynamic section, as `readelf --dynamic` shows them; text elsewhere in it does
//! not count.

#![cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]

#[test]
fn the_default_binary_is_not_linked_with_libpcap() {
    let executable = std::fs::read(env!("CARGO_BIN_EXE_hellotrace")).expect("cargo has built it");
    let libraries = needed_libraries(&executable).expect("it is a 64-bit ELF file");
    // Were the list empty for want of understanding, the assertion below would prove nothing.
    if cfg!(target_env = "gnu") {
        assert!(libraries.iter().any(|name| name.starts_with("libc.so")), "{libraries:?}");
    }
    assert!(!libraries.iter().any(|name| name.contains("pcap")), "{libraries:?}");
}

/// The `DT_NEEDED` names of an ELF file; empty for a static one, `None` where it does not hold together.
///
/// Source: System V ABI, chapters 4 and 5 (ELF header, program headers, dynamic section).
fn needed_libraries(elf: &[u8]) -> Option<Vec<String>> {
    const LOAD: u32 = 1;
    const DYNAMIC: u32 = 2;
    const END: u64 = 0;
    const NEEDED: u64 = 1;
    const STRING_TABLE: u64 = 5;

    if elf.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let (headers, size, count) = (word(elf, 32)?, half(elf, 54)?, half(elf, 56)?);
    let segments: Vec<Segment> =
        (0..u64::from(count)).map(|n| Segment::read(elf, headers + n * u64::from(size))).collect::<Option<_>>()?;
    let Some(dynamic) = segments.iter().find(|segment| segment.kind == DYNAMIC) else {
        return Some(Vec::new());
    };

    let mut names_at = Vec::new();
    let mut table = None;
    for entry in (dynamic.offset..dynamic.offset + dynamic.length).step_by(16) {
        let value = word(elf, entry + 8)?;
        match word(elf, entry)? {
            END => break,
            NEEDED => names_at.push(value),
            STRING_TABLE => table = Some(value),
            _ => {}
        }
    }
    // The table is named by its address in memory; the segment that is loaded there says where it lies in the file.
    let address = table?;
    let home = segments.iter().find(|segment| {
        segment.kind == LOAD && (segment.address..segment.address + segment.length).contains(&address)
    })?;
    let table = home.offset + (address - home.address);
    names_at
        .into_iter()
        .map(|at| {
            let name = elf.get(usize::try_from(table + at).ok()?..)?;
            let end = name.iter().position(|byte| *byte == 0)?;
            String::from_utf8(name.get(..end)?.to_vec()).ok()
        })
        .collect()
}

/// What a program header says of a part of the file.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    /// In the file, in bytes.
    length: u64,
}

impl Segment {
    fn read(elf: &[u8], at: u64) -> Option<Self> {
        Some(Self {
            kind: u32::from_le_bytes(bytes(elf, at)?),
            offset: word(elf, at + 8)?,
            address: word(elf, at + 16)?,
            length: word(elf, at + 32)?,
        })
    }
}

fn word(elf: &[u8], at: u64) -> Option<u64> {
    bytes(elf, at).map(u64::from_le_bytes)
}

fn half(elf: &[u8], at: u64) -> Option<u16> {
    bytes(elf, at).map(u16::from_le_bytes)
}

fn bytes<const N: usize>(elf: &[u8], at: u64) -> Option<[u8; N]> {
    let at = usize::try_from(at).ok()?;
    elf.get(at..at.checked_add(N)?)?.try_into().ok()
}
