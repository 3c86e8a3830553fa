//! Names and addresses: PrincipalName, HostAddress.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::fields::{self, Faults, Fields};
use super::{HostAddress, PrincipalName};
use crate::WireText;
use crate::der::Element;

/// Components of one name. Real ones have up to five (`host/name/realm` and the like).
const MAX_COMPONENTS: usize = 32;

/// Address type NetBIOS, RFC 4120 §7.5.3.
const NETBIOS: i32 = 20;

/// Bytes of an address of unknown type that are kept, as hex.
const MAX_ADDRESS_BYTES: usize = 64;

/// Reads a name, whole or not at all: a name that lost components would be another one's.
///
/// ```text
/// PrincipalName ::= SEQUENCE {
///     name-type   [0] Int32,
///     name-string [1] SEQUENCE OF KerberosString
/// }
/// ```
///
/// RFC 4120 §5.2.2.
pub(super) fn principal(element: &Element<'_>, name: &'static str, faults: &mut Faults) -> Option<PrincipalName> {
    if !fields::is_sequence(element, name, faults) {
        return None;
    }
    let mut name_type = None;
    let mut components = None;
    let mut walk = Fields::of(element, name);
    while let Some(field) = walk.next(faults) {
        match field.number {
            0 => name_type = faults.keep(name, fields::integer32(&field.value)),
            1 => {
                let mut own = Faults::default();
                let read = fields::list(&field.value, name, MAX_COMPONENTS, &mut own, |component, own| {
                    own.keep(name, fields::text(component))
                });
                match own.into_stopped() {
                    None => components = Some(read),
                    Some(fault) => faults.note_message(fault),
                }
            }
            _ => {}
        }
    }
    if components.is_none() {
        faults.note(name, format_args!("no readable name at offset {}", element.offset));
    }
    Some(PrincipalName { name_type: name_type.unwrap_or(0), components: components? })
}

/// Reads an address.
///
/// ```text
/// HostAddress ::= SEQUENCE {
///     addr-type [0] Int32,
///     address   [1] OCTET STRING
/// }
/// ```
///
/// RFC 4120 §5.2.5; the types in §7.5.3.
pub(super) fn address(element: &Element<'_>, faults: &mut Faults) -> Option<HostAddress> {
    const NAME: &str = "addresses";
    if !fields::is_sequence(element, NAME, faults) {
        return None;
    }
    let mut kind = None;
    let mut address = None;
    let mut walk = Fields::of(element, NAME);
    while let Some(field) = walk.next(faults) {
        match field.number {
            0 => kind = faults.keep(NAME, fields::integer32(&field.value)),
            1 => address = faults.keep(NAME, fields::octets(&field.value)),
            _ => {}
        }
    }
    let kind = kind?;
    Some(HostAddress { kind, text: address_text(kind, address?) })
}

fn address_text(kind: i32, address: &[u8]) -> WireText {
    if kind == NETBIOS {
        let end = address.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
        return WireText::new(address.get(..end).unwrap_or_default());
    }
    if let (2, Ok(octets)) = (kind, <[u8; 4]>::try_from(address)) {
        return WireText::from(Ipv4Addr::from(octets).to_string().as_str());
    }
    if let (24, Ok(octets)) = (kind, <[u8; 16]>::try_from(address)) {
        return WireText::from(Ipv6Addr::from(octets).to_string().as_str());
    }
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let kept = address.iter().take(MAX_ADDRESS_BYTES);
    let hex: String = kept.flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect();
    WireText::from(hex.as_str())
}

#[cfg(test)]
mod tests {
    use super::address_text;

    #[test]
    fn addresses_by_their_type() {
        assert_eq!(address_text(20, b"WS01            ").to_string(), "WS01");
        assert_eq!(address_text(20, b"WS01\0\0").to_string(), "WS01");
        assert_eq!(address_text(20, b"    ").to_string(), "");
        assert_eq!(address_text(2, &[10, 99, 0, 1]).to_string(), "10.99.0.1");
        assert_eq!(address_text(24, &[0; 16]).to_string(), "::");
        assert_eq!(address_text(2, &[10, 99]).to_string(), "0a63");
        assert_eq!(address_text(3, b"\x01\x02").to_string(), "0102");
    }
}
