//! Names of flags: KDC-options, AP-options, PA-PAC-OPTIONS.

/// The names of the KDC-options that are set, in the order of their bits; `bit N` for one without a name.
///
/// Source: RFC 4120 §5.4.1; canonicalize in RFC 6806 §3, request-anonymous in RFC 8062 §2, cname-in-addl-tkt in MS-SFU
/// 2.2.3.
pub fn kdc_option_names(options: u32) -> Vec<String> {
    names(options, |bit| {
        Some(match bit {
            1 => "forwardable",
            2 => "forwarded",
            3 => "proxiable",
            4 => "proxy",
            5 => "allow-postdate",
            6 => "postdated",
            8 => "renewable",
            11 => "opt-hardware-auth",
            14 => "cname-in-addl-tkt",
            15 => "canonicalize",
            16 => "request-anonymous",
            26 => "disable-transited-check",
            27 => "renewable-ok",
            28 => "enc-tkt-in-skey",
            30 => "renew",
            31 => "validate",
            _ => return None,
        })
    })
}

/// The names of the AP-options that are set, in the order of their bits; `bit N` for one without a name.
///
/// Source: RFC 4120 §5.5.1.
pub fn ap_option_names(options: u32) -> Vec<String> {
    names(options, |bit| match bit {
        1 => Some("use-session-key"),
        2 => Some("mutual-required"),
        _ => None,
    })
}

/// The names of the PA-PAC-OPTIONS that are set, in the order of their bits; `bit N` for one without a name.
///
/// Source: MS-KILE 2.2.10, MS-SFU 2.2.5.
pub fn pac_option_names(options: u32) -> Vec<String> {
    names(options, |bit| match bit {
        0 => Some("claims"),
        1 => Some("branch-aware"),
        2 => Some("forward-to-full-dc"),
        3 => Some("resource-based-constrained-delegation"),
        _ => None,
    })
}

/// The names of the bits of msDS-SupportedEncryptionTypes that are set, the lowest first; `bit N` for one without a
/// name, counted from the lowest.
///
/// Source: MS-KILE 2.2.7.
pub fn supported_etype_names(bits: u32) -> Vec<String> {
    names(bits.reverse_bits(), |bit| {
        Some(match bit {
            0 => "des-cbc-crc",
            1 => "des-cbc-md5",
            2 => "rc4-hmac",
            3 => "aes128-cts-hmac-sha1-96",
            4 => "aes256-cts-hmac-sha1-96",
            5 => "aes256-cts-hmac-sha1-96-sk",
            16 => "fast-supported",
            17 => "compound-identity-supported",
            18 => "claims-supported",
            19 => "resource-sid-compression-disabled",
            _ => return None,
        })
    })
}

/// The names of the bits that are set, bit 0 the most significant.
fn names(flags: u32, name: impl Fn(u32) -> Option<&'static str>) -> Vec<String> {
    let set = (0..32).filter(|bit| flags & (0x8000_0000 >> bit) != 0);
    set.map(|bit| name(bit).map_or_else(|| format!("bit {bit}"), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::{ap_option_names, kdc_option_names, pac_option_names, supported_etype_names};

    #[test]
    fn options_by_name_and_others_by_number() {
        assert_eq!(kdc_option_names(0x4081_0010), ["forwardable", "renewable", "canonicalize", "renewable-ok"]);
        assert_eq!(kdc_option_names(0x0002_0001), ["cname-in-addl-tkt", "validate"]);
        assert_eq!(kdc_option_names(0x8000_0000), ["bit 0"]);
        assert_eq!(ap_option_names(0x2000_0000), ["mutual-required"]);
        assert_eq!(pac_option_names(0x5000_0000), ["branch-aware", "resource-based-constrained-delegation"]);
        assert_eq!(
            supported_etype_names(0x0001_001c).join(" "),
            "rc4-hmac aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha1-96 fast-supported"
        );
        assert!(kdc_option_names(0).is_empty());
    }
}
