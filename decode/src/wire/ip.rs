//! IP headers: addresses, protocol, payload, and whether it is a fragment.
//!
//! Field offsets are etherparse's. What it leaves to its users is done here: how much of the payload the capture cut
//! off, lengths of 0 (segments that a network card was still to cut up), and IPv6 extension headers, which must
//! not be looked for in a later fragment, where they would be payload. Checksums are not verified: on the machine
//! that sends, the card fills them in after the capture.
//!
//! Sources: RFC 791, RFC 8200 §4, RFC 4302 (AH).

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
    ip_number,
};

/// One IP packet, or one fragment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ip<'b> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// What the payload is: of a later IPv6 fragment, what the fragment header says.
    pub(super) protocol: IpNumber,
    /// As far as captured; without what the link added behind.
    pub(super) payload: &'b [u8],
    /// Payload bytes that were sent and that the capture does not hold.
    pub(super) missing: u32,
    /// Present unless the packet is whole.
    pub(super) fragment: Option<Fragment>,
}

/// Which part of a datagram a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The same for all of a datagram.
    pub(super) id: u32,
    /// Where its payload begins, in bytes. At most 65,528.
    pub(super) offset: u32,
    /// Whether it is not the last.
    pub(super) more: bool,
}

/// Why a header could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The capture ends inside it.
    Cut,
    /// It contradicts itself, or ends before the packet does.
    Damaged,
}

/// Reads the IP packet at the start of `bytes`.
///
/// `on_wire` is how long it was on the wire by the frame's account; it counts only where the header gives no length.
pub(super) fn read(bytes: &[u8], on_wire: usize) -> Result<Ip<'_>, Fault> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(bytes, on_wire),
        Some(6) => ipv6(bytes, on_wire),
        Some(_) => Err(Fault::Damaged),
        None => Err(fault(on_wire > 0)),
    }
}

/// Looks past the headers that stand between IP and the transport: what follows, how many bytes they take, and
/// the fragment header among them. Nothing is read behind the header of a fragment.
pub(super) fn extensions(
    version_6: bool,
    mut protocol: IpNumber,
    payload: &[u8],
    missing: u32,
) -> Result<(IpNumber, &[u8], Option<Fragment>), Fault> {
    let cut = |_| fault(missing > 0);
    let mut rest = payload;
    for _ in 0..MAX_EXTENSIONS {
        let length = match protocol {
            ip_number::AUTH => {
                let header = IpAuthHeaderSlice::from_slice(rest).map_err(|error| match error {
                    etherparse::err::ip_auth::HeaderSliceError::Len(_) => fault(missing > 0),
                    etherparse::err::ip_auth::HeaderSliceError::Content(_) => Fault::Damaged,
                })?;
                protocol = header.next_header();
                header.slice().len()
            }
            ip_number::IPV6_HOP_BY_HOP | ip_number::IPV6_ROUTE | ip_number::IPV6_DEST_OPTIONS if version_6 => {
                let header = Ipv6RawExtHeaderSlice::from_slice(rest).map_err(cut)?;
                protocol = header.next_header();
                header.slice().len()
            }
            ip_number::IPV6_FRAG if version_6 => {
                let header = Ipv6FragmentHeaderSlice::from_slice(rest).map_err(cut)?;
                protocol = header.next_header();
                if header.is_fragmenting_payload() {
                    let fragment = Fragment {
                        id: header.identification(),
                        offset: u32::from(header.fragment_offset().value()) * 8,
                        more: header.more_fragments(),
                    };
                    return Ok((protocol, rest.get(header.slice().len()..).unwrap_or_default(), Some(fragment)));
                }
                header.slice().len()
            }
            _ => return Ok((protocol, rest, None)),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Err(Fault::Damaged)
}

fn ipv4(bytes: &[u8], on_wire: usize) -> Result<Ip<'_>, Fault> {
    use etherparse::err::ipv4::HeaderSliceError as E;

    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        E::Len(_) => fault(on_wire > bytes.len()),
        E::Content(_) => Fault::Damaged,
    })?;
    let source = IpAddr::V4(header.source_addr());
    let destination = IpAddr::V4(header.destination_addr());
    let (payload, missing) = payload(bytes, header.slice().len(), usize::from(header.total_len()), on_wire)?;
    let protocol = header.protocol();
    if header.is_fragmenting_payload() {
        let fragment = Fragment {
            id: u32::from(header.identification()),
            offset: u32::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
        };
        return Ok(Ip { source, destination, protocol, payload, missing, fragment: Some(fragment) });
    }
    let (protocol, payload, fragment) = extensions(false, protocol, payload, missing)?;
    Ok(Ip { source, destination, protocol, payload, missing, fragment })
}

fn ipv6(bytes: &[u8], on_wire: usize) -> Result<Ip<'_>, Fault> {
    use etherparse::err::ipv6::HeaderSliceError as E;

    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        E::Len(_) => fault(on_wire > bytes.len()),
        E::Content(_) => Fault::Damaged,
    })?;
    let length = header.slice().len();
    let total = match usize::from(header.payload_length()) {
        0 => 0,
        payload => payload.saturating_add(length),
    };
    let (payload, missing) = payload(bytes, length, total, on_wire)?;
    let (protocol, payload, fragment) = extensions(true, header.next_header(), payload, missing)?;
    Ok(Ip {
        source: IpAddr::V6(header.source_addr()),
        destination: IpAddr::V6(header.destination_addr()),
        protocol,
        payload,
        missing,
        fragment,
    })
}

/// The payload behind a header of `header` bytes, as far as captured, and how many bytes of it are missing.
///
/// `total` is the whole length by the header. 0 means that the card was to cut the segment up (or a jumbogram, RFC
/// 2675): then the frame's length counts. A `total` beyond the frame is taken at its word even where the file claims to
/// hold the whole frame: files shortened by tools that adjust the length are common, such packets on a wire are not.
fn payload(bytes: &[u8], header: usize, total: usize, on_wire: usize) -> Result<(&[u8], u32), Fault> {
    let total = if total == 0 { on_wire.min(MAX_OFFLOADED).max(bytes.len()) } else { total };
    let expected = total.checked_sub(header).ok_or(Fault::Damaged)?;
    let behind = bytes.get(header..).unwrap_or_default();
    let held = behind.get(..expected).unwrap_or(behind);
    Ok((held, u32::try_from(expected.saturating_sub(held.len())).unwrap_or(u32::MAX)))
}

/// Bytes that are not there: the capture's doing, or the packet's own fault.
fn fault(cut: bool) -> Fault {
    if cut { Fault::Cut } else { Fault::Damaged }
}

/// Extension headers looked past. RFC 8200 §4.1 allows seven, in fixed order.
const MAX_EXTENSIONS: usize = 8;

/// The longest segment handed to a card, where the IP header has no length: Linux allows 512 KiB ("BIG TCP").
/// A frame's own claim to be longer is not believed.
const MAX_OFFLOADED: usize = 524_288;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use etherparse::ip_number;

    use super::{Fault, Fragment, read};

    /// IPv4 10.0.0.1 → 10.0.0.2, UDP, identification 0x1234, with `total`, flags and offset, and four bytes behind.
    fn v4(total: u16, fragment: u16) -> Vec<u8> {
        let [t1, t0] = total.to_be_bytes();
        let [f1, f0] = fragment.to_be_bytes();
        vec![0x45, 0, t1, t0, 0x12, 0x34, f1, f0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0xaa, 0xbb, 0xcc, 0xdd]
    }

    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
        bytes.extend(Ipv6Addr::LOCALHOST.octets());
        bytes.extend(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2).octets());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn total_length_cuts_off_padding_and_tells_what_is_missing() {
        let bytes = v4(22, 0);
        let ip = read(&bytes, 24).unwrap();
        assert_eq!((ip.payload, ip.missing), ([0xaa, 0xbb].as_slice(), 0));
        assert_eq!(ip.source, Ipv4Addr::new(10, 0, 0, 1));
        let bytes = v4(1024, 0);
        let ip = read(&bytes, 1024).unwrap();
        assert_eq!((ip.payload.len(), ip.missing), (4, 1000));
    }

    #[test]
    fn without_a_length_the_frame_counts() {
        let bytes = v4(0, 0);
        let ip = read(&bytes, 24).unwrap();
        assert_eq!((ip.payload.len(), ip.missing), (4, 0));
        let ip = read(&bytes, 30_024).unwrap();
        assert_eq!((ip.payload.len(), ip.missing), (4, 30_000));
        assert!(read(&bytes, usize::MAX).unwrap().missing < 600_000);
        let mut bytes = v6(17, &[1, 2, 3, 4]);
        bytes[4..6].fill(0);
        assert_eq!(read(&bytes, 44).unwrap().payload, [1, 2, 3, 4]);
    }

    #[test]
    fn damaged_and_cut_headers_are_told_apart() {
        let bytes = v4(24, 0);
        for end in 0..20 {
            assert_eq!(read(&bytes[..end], 24), Err(Fault::Cut), "{end}");
        }
        assert_eq!(read(&bytes[..19], 19), Err(Fault::Damaged));
        assert_eq!(read(&v4(19, 0), 24), Err(Fault::Damaged));
        assert_eq!(read(&[0x75; 60], 60), Err(Fault::Damaged));
        assert_eq!(read(&[0x44; 60], 60), Err(Fault::Damaged));
    }

    #[test]
    fn options_are_stepped_over() {
        let mut bytes = v4(28, 0);
        bytes[0] = 0x46;
        bytes.splice(20..20, [1, 1, 1, 1]);
        assert_eq!(read(&bytes, 28).unwrap().payload, [0xaa, 0xbb, 0xcc, 0xdd]);
    }

    #[test]
    fn fragments_are_recognised() {
        let bytes = v4(24, 0x2001);
        let expected = Fragment { id: 0x1234, offset: 8, more: true };
        assert_eq!(read(&bytes, 24).unwrap().fragment, Some(expected));
        assert_eq!(read(&v4(24, 0x4000), 24).unwrap().fragment, None);
    }

    #[test]
    fn extension_headers_are_stepped_over_but_not_inside_a_fragment() {
        // Hop-by-hop, destination options, routing, then UDP.
        let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
        let payload = [options(60), options(43), options(17), [1, 2, 3, 4, 5, 6, 7, 8]].concat();
        let bytes = v6(0, &payload);
        let ip = read(&bytes, bytes.len()).unwrap();
        assert_eq!((ip.protocol, ip.payload), (ip_number::UDP, [1, 2, 3, 4, 5, 6, 7, 8].as_slice()));
        // A later fragment whose first bytes are not the destination options that its header names.
        let payload = [60, 0, 0, 16, 0, 0, 0, 7, 9, 9, 9, 9];
        let bytes = v6(44, &payload);
        let ip = read(&bytes, bytes.len()).unwrap();
        assert_eq!(ip.fragment, Some(Fragment { id: 7, offset: 16, more: false }));
        assert_eq!((ip.protocol, ip.payload), (ip_number::IPV6_DEST_OPTIONS, [9, 9, 9, 9].as_slice()));
        // An atomic fragment is whole (RFC 6946).
        let payload = [17, 0, 0, 0, 0, 0, 0, 7, 9, 9, 9, 9];
        let bytes = v6(44, &payload);
        let ip = read(&bytes, bytes.len()).unwrap();
        assert_eq!((ip.fragment, ip.protocol), (None, ip_number::UDP));
    }

    #[test]
    fn endless_extension_headers_are_given_up() {
        let bytes = v6(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(50));
        assert_eq!(read(&bytes, bytes.len()), Err(Fault::Damaged));
    }
}
