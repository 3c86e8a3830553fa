//! The fingerprint of CVE-2017-15361 (ROCA) in an RSA modulus.
//!
//! The faulty library made every prime as `k·M + (65537^a mod M)`, with M a product of the first primes. So the
//! modulus, too, is a power of 65537 modulo M. That is looked at prime by prime: there must be a discrete logarithm
//! modulo each, and they must all come from one exponent. Of the moduli of other libraries, one in 2^150 or so looks
//! like that. Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack (2017), §2.

/// The generator that the library used.
const GENERATOR: u32 = 65_537;

/// The primes that M has for every length of key: for 512 bits these 39, for longer keys more.
const PRIMES: [u32; 39] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The product of the least primes, as many as 32 bits hold. Nearly every modulus is told by one of them, so it is gone
/// through once for all of them.
const LEAST: u32 = 2 * 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23;

/// Whether a modulus (hex) has the fingerprint.
pub(super) fn has_fingerprint(modulus: &str) -> bool {
    let Some(by_least) = remainder(modulus, LEAST) else { return false };
    let by = |prime| if LEAST.is_multiple_of(prime) { Some(by_least % prime) } else { remainder(modulus, prime) };
    let logarithms: Option<Vec<Logarithm>> = PRIMES.iter().map(|&prime| Logarithm::of(by(prime)?, prime)).collect();
    let Some(logarithms) = logarithms else { return false };
    let all_agree = |one: &Logarithm| logarithms.iter().all(|other| one.agrees(other));
    logarithms.iter().all(all_agree)
}

/// A discrete logarithm: the exponents are known up to multiples of the order.
struct Logarithm {
    exponent: u32,
    order: u32,
}

impl Logarithm {
    /// With which exponent the generator gives `value` modulo `prime`, if with any.
    fn of(value: u32, prime: u32) -> Option<Self> {
        let mut power = 1;
        let mut found = None;
        for exponent in 0..prime {
            if power == value {
                found = Some(exponent);
            }
            power = power * (GENERATOR % prime) % prime;
            if power == 1 {
                return found.map(|found| Self { exponent: found, order: exponent + 1 });
            }
        }
        None
    }

    /// Whether one exponent can stand behind both.
    fn agrees(&self, other: &Self) -> bool {
        let (mut common, mut rest) = (self.order, other.order);
        while rest != 0 {
            (common, rest) = (rest, common % rest);
        }
        self.exponent % common == other.exponent % common
    }
}

/// A number in hex modulo a small one; `None` when it is none.
fn remainder(hex: &str, by: u32) -> Option<u32> {
    /// Digits taken at once: with a remainder of 32 bits before them they are a number of 64.
    const TOGETHER: usize = 8;
    let first = hex.len() % TOGETHER;
    let (head, tail) = hex.as_bytes().split_at_checked(first)?;
    let mut rest = 0;
    for digits in std::iter::once(head).chain(tail.chunks(TOGETHER)) {
        for &digit in digits {
            rest = rest * 16 + u64::from(char::from(digit).to_digit(16)?);
        }
        rest %= u64::from(by);
    }
    u32::try_from(rest).ok().filter(|_| !hex.is_empty())
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fmt::Write as _, path::PathBuf};

    use super::has_fingerprint;

    /// A power of the generator, in hex.
    pub(crate) fn power(exponent: u32) -> String {
        // Digits of 16 bits, the least first. Times 65537 is itself and itself one digit further up.
        let mut digits: Vec<u32> = vec![1];
        for _ in 0..exponent {
            let shifted = std::iter::once(0).chain(digits.iter().copied());
            let mut carry = 0;
            let mut next = Vec::new();
            for (place, digit) in shifted.enumerate() {
                let sum = digit + digits.get(place).copied().unwrap_or(0) + carry;
                next.push(sum & 0xffff);
                carry = sum >> 16;
            }
            next.push(carry);
            digits = next;
        }
        digits.iter().rev().fold(String::new(), |mut hex, digit| {
            let _ = write!(hex, "{digit:04x}");
            hex
        })
    }

    #[test]
    fn powers_of_the_generator_have_it() {
        for exponent in [0, 1, 63, 127] {
            assert!(has_fingerprint(&power(exponent)), "{exponent}");
        }
    }

    #[test]
    fn their_neighbours_and_others_do_not() {
        let neighbour = power(127).strip_suffix('1').map(|start| format!("{start}3")).unwrap();
        for other in [neighbour.as_str(), "3", "0", "", "xyz", &format!("{}1", "f".repeat(511))] {
            assert!(!has_fingerprint(other), "{other}");
        }
    }

    /// Moduli whose parts each have a logarithm, and no common one: what a test of the parts alone would take for weak.
    #[test]
    fn logarithms_must_agree() {
        // 65537 is 2 modulo 3 and modulo 5. What is 2 modulo 3 has an odd exponent, what is 1 modulo 5 an even one.
        let one = super::Logarithm::of(2, 3).unwrap();
        let other = super::Logarithm::of(1, 5).unwrap();
        assert!(!one.agrees(&other));
        assert!(one.agrees(&super::Logarithm::of(2, 5).unwrap()));
    }

    /// Of the keys published with DSInternals, one is weak.
    #[test]
    fn finds_the_weak_one_among_published_keys() {
        let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
        let folder = std::env::var_os("HELLOTRACE_SHARED").map_or(beside, PathBuf::from);
        let folder = folder.join("captures/fixtures/keycredential");
        if !folder.is_dir() {
            println!("skipped: no folder of published keys (set HELLOTRACE_SHARED)");
            return;
        }
        for (name, weak) in [("UserKey1", false), ("UserKey2", false), ("UserKey3", true), ("UserKey4", false)] {
            let blob = std::fs::read(folder.join(format!("dsinternals_KeyCredential_Parse_{name}.bin"))).unwrap();
            // BCRYPT_RSAKEY_BLOB: magic, bits, length of the exponent (3), of the modulus, two zeros; exponent;
            // modulus.
            let start = blob.windows(4).position(|bytes| bytes == b"RSA1").unwrap() + 24 + 3;
            let digits = blob[start..start + 256].iter().map(|byte| format!("{byte:02x}"));
            let modulus = digits.collect::<Vec<String>>().concat();
            assert_eq!(has_fingerprint(&modulus), weak, "{name}");
        }
    }
}
