//! Well-known groups for Diffie-Hellman, told by their prime.
//!
//! Oakley groups 1 and 2 of RFC 2409 §6, the MODP groups 5 and 14 to 18 of RFC 3526, and the groups of RFC 7919
//! appendix A. Kept as the SHA-256 of the prime (big-endian, no leading zeros), which is shorter than the primes and
//! no less certain. The primes were computed from the formulas in those documents, found to be safe primes, and from
//! 1,536 bits on compared with those built into OpenSSL.

use sha2::{Digest as _, Sha256};

use crate::x509::hex;

/// Larger primes are not looked up: no group known here has more than 8,192 bits.
const MAX_PRIME_BYTES: usize = 1024;

/// The group with this prime (big-endian, no leading zeros): `modp-2048`, `ffdhe3072`, …; `None` if it is not known.
pub(super) fn name(prime: &[u8]) -> Option<&'static str> {
    if prime.len() > MAX_PRIME_BYTES {
        return None;
    }
    let fingerprint = hex(&Sha256::digest(prime));
    GROUPS.iter().find(|(_, known)| *known == fingerprint).map(|&(name, _)| name)
}

const GROUPS: [(&str, &str); 13] = [
    ("modp-768", "b52ba6a3026520a6c49d37e4587601801bee500123b3259b6bf03e7cecc3e63d"),
    ("modp-1024", "3f35a3f5f6c4376a744acad409bb22f8d897f949d2311d885adaa890981b67a0"),
    ("modp-1536", "64fcc83ec403930bf18393dbc883ccaa1fbb08ac876f77f7aa99748ca945019b"),
    ("modp-2048", "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e"),
    ("modp-3072", "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c"),
    ("modp-4096", "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33"),
    ("modp-6144", "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd"),
    ("modp-8192", "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf"),
    ("ffdhe2048", "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966"),
    ("ffdhe3072", "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17"),
    ("ffdhe4096", "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e"),
    ("ffdhe6144", "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7"),
    ("ffdhe8192", "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833"),
];

#[cfg(test)]
mod tests {
    use super::{GROUPS, name};
    use crate::x509::key::bit_length;

    /// A name and a prime in hex a line, from the formulas of the documents above.
    const PRIMES: &str = include_str!("../../../tests/data/pkinit/primes.txt");

    /// Oakley group 2 as RFC 2409 §6.2 prints it.
    const GROUP_2: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
        EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F\
        24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn every_group_is_known_by_its_prime() {
        let mut seen = 0;
        for line in PRIMES.lines() {
            let (known, prime) = line.split_once(' ').unwrap();
            let prime = bytes(prime);
            assert_eq!(name(&prime), Some(known));
            assert!(known.ends_with(&bit_length(&prime).to_string()), "{known}");
            seen += 1;
        }
        assert_eq!(seen, GROUPS.len());
    }

    #[test]
    fn group_2_is_known_by_its_prime() {
        assert_eq!(name(&bytes(GROUP_2)), Some("modp-1024"));
    }

    #[test]
    fn a_prime_that_differs_in_one_bit_is_unknown() {
        let mut prime = bytes(GROUP_2);
        prime[64] ^= 1;
        assert_eq!(name(&prime), None);
        assert_eq!(name(&[]), None);
    }
}
