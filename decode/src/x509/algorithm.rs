//! Names of algorithms and curves, by object identifier.
//!
//! Digests of RFC 5754 and RFC 8017, signatures of RFC 3279, RFC 4055, RFC 5758 and RFC 8410, curves of RFC 5480.
//! What is not in these tables keeps its object identifier as its name.

use crate::der;

/// An object identifier as text: dotted, or `#` and its hex where an arc is absurd.
pub(crate) fn oid(contents: &[u8]) -> String {
    der::dotted(contents).unwrap_or_else(|| format!("#{}", super::hex(contents)))
}

/// `sha1`, `sha256`, …, else `oid` itself.
pub(crate) fn digest(oid: &str) -> &str {
    match oid {
        "1.2.840.113549.2.5" => "md5",
        "1.3.14.3.2.26" => "sha1",
        "2.16.840.1.101.3.4.2.4" => "sha224",
        "2.16.840.1.101.3.4.2.1" => "sha256",
        "2.16.840.1.101.3.4.2.2" => "sha384",
        "2.16.840.1.101.3.4.2.3" => "sha512",
        other => other,
    }
}

/// `rsa`, `rsa-sha256`, `ecdsa-sha384`, …, else `oid` itself.
pub(crate) fn signature(oid: &str) -> &str {
    match oid {
        "1.2.840.113549.1.1.1" => "rsa",
        "1.2.840.113549.1.1.2" => "rsa-md2",
        "1.2.840.113549.1.1.4" => "rsa-md5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "rsa-sha1",
        "1.2.840.113549.1.1.10" => "rsa-pss",
        "1.2.840.113549.1.1.11" => "rsa-sha256",
        "1.2.840.113549.1.1.12" => "rsa-sha384",
        "1.2.840.113549.1.1.13" => "rsa-sha512",
        "1.2.840.113549.1.1.14" => "rsa-sha224",
        "1.2.840.10045.2.1" => "ecdsa",
        "1.2.840.10045.4.1" => "ecdsa-sha1",
        "1.2.840.10045.4.3.1" => "ecdsa-sha224",
        "1.2.840.10045.4.3.2" => "ecdsa-sha256",
        "1.2.840.10045.4.3.3" => "ecdsa-sha384",
        "1.2.840.10045.4.3.4" => "ecdsa-sha512",
        "1.2.840.10040.4.1" => "dsa",
        "1.2.840.10040.4.3" => "dsa-sha1",
        "2.16.840.1.101.3.4.3.1" => "dsa-sha224",
        "2.16.840.1.101.3.4.3.2" => "dsa-sha256",
        "1.3.101.112" => "ed25519",
        "1.3.101.113" => "ed448",
        other => other,
    }
}

/// A named curve's usual name, else `oid` itself; and the size of its field in bits, 0 where unknown.
pub(crate) fn curve(oid: &str) -> (&str, u32) {
    match oid {
        "1.2.840.10045.3.1.1" => ("P-192", 192),
        "1.3.132.0.33" => ("P-224", 224),
        "1.2.840.10045.3.1.7" => ("P-256", 256),
        "1.3.132.0.34" => ("P-384", 384),
        "1.3.132.0.35" => ("P-521", 521),
        other => (other, 0),
    }
}
