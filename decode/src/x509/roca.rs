//! RSA keys of the TPMs whose random numbers were not random enough: CVE-2017-15361, "ROCA".
//!
//! Their primes, and so their moduli, are powers of 65,537 modulo every small prime. A modulus that is one for all the
//! primes below is of such a key; another is so by accident once in 240 million.

/// Whether an RSA modulus, big-endian, is that of a key whose private half can be computed from it.
///
/// Source: Microsoft advisory ADV170012; the test is that of the key's discoverers.
pub fn is_roca_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let rest = modulus.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        // The powers of 65,537, until they begin anew.
        let powers =
            std::iter::successors(Some(1), |&power| Some(power * (65_537 % prime) % prime).filter(|&p| p != 1));
        powers.into_iter().any(|power| power == rest)
    })
}

/// Primes whose numbers are not all powers of 65,537.
const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

#[cfg(test)]
mod tests {
    use super::is_roca_weak;

    #[test]
    fn powers_of_65537_are_told_from_other_numbers() {
        for power in 1..7 {
            assert!(is_roca_weak(&65_537_u128.pow(power).to_be_bytes()), "{power}");
            assert!(!is_roca_weak(&(65_537_u128.pow(power) + 2).to_be_bytes()), "{power}");
        }
        assert!(!is_roca_weak(&[]));
        assert!(!is_roca_weak(&[0xff; 256]));
    }
}
