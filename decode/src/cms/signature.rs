//! Whether a CMS signature holds: RFC 5652 §5.4 and §5.6, with the algorithms of RFC 8017 and RFC 5753.
//!
//! `ring` does the arithmetic. Keys of RSA from 1,024 bits on are taken, and SHA-1 with them: a weak signature that
//! holds is to be reported as weak and not as wrong. What `ring` does not do (DSA, P-521, ECDSA with SHA-1, PSS with
//! SHA-1) cannot be told, and the verdict says so.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    EcdsaVerificationAlgorithm, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use super::{SignedData, SignerInfo, costly};
use crate::der::{DerError, Element, Reader, Tag};
use crate::x509::{algorithm, key};

/// Larger RSA keys are not tried. Those of certificates have 2,048 to 4,096 bits, and the time that a check takes
/// grows with the square of the size: at this one it is some 0.1 ms, which a hostile sender can cause with two
/// kilobytes of message. (P-384 is the slowest of all that is checked; `costly` bounds how often it is.)
const MAX_RSA_BITS: u32 = 4096;

/// Smaller RSA keys are not tried: `ring` takes none.
const MIN_RSA_BITS: u32 = 1024;

/// The smallest key that `ring` does PSS with, and SHA-384.
const MIN_STRONG_RSA_BITS: u32 = 2048;

/// Public exponents above 65,537 are not tried: next to nobody has one, and a check takes up to four times as long.
const MAX_EXPONENT: u32 = 65_537;

/// Signed attributes of one signer. Real ones have two to six.
const MAX_ATTRIBUTES: usize = 32;

/// Whether a signature holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is one of this key over this content.
    Verified,
    /// It is not, and why, as a clause.
    Wrong(&'static str),
    /// It cannot be told, and why, as a clause.
    Unknown(&'static str),
}

impl SignedData<'_> {
    /// Whether the first signer's signature over the content is one by the key of this SubjectPublicKeyInfo.
    ///
    /// One signature is checked and no other: clients and KDCs sign once, and what a message costs stays bounded.
    pub fn check(&self, public_key: &[u8]) -> Verdict {
        let Some(signer) = &self.signer else { return Verdict::Unknown("nobody signed") };
        match self.check_signer(signer, public_key) {
            Ok(()) => Verdict::Verified,
            Err(verdict) => verdict,
        }
    }

    fn check_signer(&self, signer: &SignerInfo<'_>, public_key: &[u8]) -> Result<(), Verdict> {
        let unknown = |why| move |_: DerError| Verdict::Unknown(why);
        let signature = signer.signature.ok_or(Verdict::Unknown("the signature cannot be read"))?;
        let content = self.content.as_deref().ok_or(Verdict::Unknown("what was signed is not there"))?;
        let content = if self.unwrapped {
            Reader::ber(content).expect(Tag::SEQUENCE).map_err(unknown("what was signed cannot be read"))?.contents
        } else {
            content
        };
        let info = Reader::new(public_key).element().and_then(|element| key::key_info(&element));
        let key::KeyInfo { oid, parameters, bits, rsa, .. } =
            info.map_err(unknown("the certificate's key cannot be read"))?;
        let scheme = Scheme::of(signer)?;
        let key = match (oid.as_str(), rsa) {
            (_, Some(rsa)) => Key::Rsa(rsa),
            ("1.2.840.10045.2.1", None) => Key::Ec { curve: curve(parameters.as_ref()), point: bits },
            _ => return Err(Verdict::Unknown("keys of this kind are not checked")),
        };
        let Some(attributes) = &signer.signed_attributes else {
            return key.check(scheme, content, signature).map_err(|refused| {
                refused.unwrap_or(Verdict::Wrong("it is not one by the certificate's key over this content"))
            });
        };
        let attributes = SignedAttributes::read(attributes).map_err(unknown("the signed attributes cannot be read"))?;
        let digest = signer.digest.as_deref().and_then(|name| digest(name, content));
        let digest = digest.ok_or(Verdict::Unknown("digests of this kind are not computed"))?;
        match attributes.message_digest {
            Some(stated) if stated == digest => {}
            Some(_) => return Err(Verdict::Wrong("the content is not what was signed: its digest is another one")),
            None => return Err(Verdict::Wrong("the signed attributes have no digest of the content")),
        }
        let mut verdict = key.check(scheme, &attributes.as_sent, signature);
        if let (Err(None), Some(sorted)) = (&verdict, &attributes.sorted) {
            verdict = key.check(scheme, sorted, signature);
        }
        verdict.map_err(|refused| {
            refused.unwrap_or(Verdict::Wrong("it is not one by the certificate's key over the signed attributes"))
        })
    }
}

/// What is signed where a signer has attributes.
///
/// ```text
/// SignedAttributes ::= SET SIZE (1..MAX) OF Attribute
/// Attribute ::= SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF AttributeValue }
/// ```
///
/// RFC 5652 §5.3. The signature is over their DER under the tag of a SET, not under `[0]` as they are sent (§5.4).
struct SignedAttributes<'a> {
    message_digest: Option<&'a [u8]>,
    /// As a SET, in the order they were sent.
    as_sent: Vec<u8>,
    /// As a SET in the order of DER, where they were sent in another.
    sorted: Option<Vec<u8>>,
}

impl<'a> SignedAttributes<'a> {
    /// id-messageDigest.
    const MESSAGE_DIGEST: &'static str = "1.2.840.113549.1.9.4";

    fn read(tagged: &Element<'a>) -> Result<Self, DerError> {
        let mut message_digest = None;
        let mut all = Vec::new();
        // Not as BER: what is signed is DER, and we could not tell how the signer would have written it.
        let mut reader = Reader::at(tagged.contents, tagged.reader().offset());
        while !reader.is_empty() {
            let attribute = reader.expect(Tag::SEQUENCE)?;
            if all.len() >= MAX_ATTRIBUTES {
                return Err(DerError { offset: attribute.offset, kind: crate::der::DerErrorKind::Limit });
            }
            all.push(attribute.whole);
            let mut fields = attribute.reader();
            let oid = algorithm::oid(fields.expect(Tag::OBJECT_IDENTIFIER)?.contents);
            let values = fields.expect(Tag::SET)?;
            if oid == Self::MESSAGE_DIGEST {
                message_digest = Some(values.inner_expect(Tag::OCTET_STRING)?.contents);
            }
        }
        let as_sent = set_of(&all);
        let mut in_order = all.clone();
        in_order.sort_unstable();
        let sorted = (in_order != all).then(|| set_of(&in_order));
        Ok(Self { message_digest, as_sent, sorted })
    }
}

/// The DER of a SET OF these.
fn set_of(elements: &[&[u8]]) -> Vec<u8> {
    let contents: usize = elements.iter().map(|element| element.len()).sum();
    let mut set = Vec::with_capacity(contents + 8);
    set.push(Tag::SET.0);
    if let Ok(length @ 0..0x80) = u8::try_from(contents) {
        set.push(length);
    } else {
        let octets = contents.to_be_bytes();
        let octets = key::trimmed(&octets);
        set.push(0x80 | u8::try_from(octets.len()).unwrap_or_default());
        set.extend_from_slice(octets);
    }
    for element in elements {
        set.extend_from_slice(element);
    }
    set
}

/// How a signature is made, as far as the message says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ecdsa(Hash),
}

/// A hash that signatures are checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Scheme {
    /// Algorithms that name no hash (`rsa`, `ecdsa`) have that of the digest algorithm: RFC 3370 §3.2, RFC 5753 §2.1.1.
    fn of(signer: &SignerInfo<'_>) -> Result<Self, Verdict> {
        const UNKNOWN: Verdict = Verdict::Unknown("signatures of this kind are not checked");
        let digest = || Hash::named(signer.digest.as_deref().unwrap_or_default()).ok_or(UNKNOWN);
        let name = signer.signature_algorithm.as_deref().ok_or(UNKNOWN)?;
        match name {
            "rsa" => digest().map(Self::RsaPkcs1),
            "ecdsa" => digest().map(Self::Ecdsa),
            "rsa-pss" => pss_hash(signer.parameters.as_ref())
                .map(Self::RsaPss)
                .ok_or(Verdict::Unknown("PSS signatures with these parameters are not checked")),
            _ => {
                let (family, hash) = name.split_once('-').ok_or(UNKNOWN)?;
                let hash = Hash::named(hash).ok_or(UNKNOWN)?;
                match family {
                    "rsa" => Ok(Self::RsaPkcs1(hash)),
                    "ecdsa" => Ok(Self::Ecdsa(hash)),
                    _ => Err(UNKNOWN),
                }
            }
        }
    }
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn bytes(self) -> i64 {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of PSS, where the other parameters are the usual ones: the mask made with the same hash, salt as long as
/// it.
///
/// ```text
/// RSASSA-PSS-params ::= SEQUENCE {
///   hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, maskGenAlgorithm [1] AlgorithmIdentifier DEFAULT mgf1SHA1,
///   saltLength [2] INTEGER DEFAULT 20, trailerField [3] INTEGER DEFAULT 1 }
/// ```
///
/// RFC 4055 §3.1. What is left out has SHA-1, which is not checked with PSS.
fn pss_hash(parameters: Option<&Element<'_>>) -> Option<Hash> {
    let mut fields = parameters.filter(|element| element.tag == Tag::SEQUENCE)?.reader();
    let hash_of = |algorithm: &Element<'_>| {
        let oid = algorithm::oid(algorithm.inner_expect(Tag::OBJECT_IDENTIFIER).ok()?.contents);
        Hash::named(algorithm::digest(&oid))
    };
    let hash = hash_of(&fields.expect(Tag::context(0)).ok()?.inner_expect(Tag::SEQUENCE).ok()?)?;
    let mut mask = fields.expect(Tag::context(1)).ok()?.inner_expect(Tag::SEQUENCE).ok()?.reader();
    let generator = algorithm::oid(mask.expect(Tag::OBJECT_IDENTIFIER).ok()?.contents);
    let mask_hash = hash_of(&mask.expect(Tag::SEQUENCE).ok()?)?;
    let salt = fields.expect(Tag::context(2)).ok()?.inner_expect(Tag::INTEGER).ok()?.integer().ok()?;
    let usual = generator == "1.2.840.113549.1.1.8" && mask_hash == hash && salt == hash.bytes();
    (usual && hash != Hash::Sha1).then_some(hash)
}

/// The digest of this name, as `algorithm::digest` has it.
pub(crate) fn digest(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match name {
        "sha1" => Sha1::digest(bytes).to_vec(),
        "sha224" => Sha224::digest(bytes).to_vec(),
        "sha256" => Sha256::digest(bytes).to_vec(),
        "sha384" => Sha384::digest(bytes).to_vec(),
        "sha512" => Sha512::digest(bytes).to_vec(),
        _ => return None,
    })
}

/// The name of a key's curve; `""` where it has none.
fn curve(parameters: Option<&Element<'_>>) -> String {
    let named = parameters.filter(|parameters| parameters.tag == Tag::OBJECT_IDENTIFIER);
    named.map_or_else(String::new, |named| algorithm::curve(&algorithm::oid(named.contents)).0.to_owned())
}

/// A public key that signatures can be checked with.
enum Key<'a> {
    Rsa(key::RsaKey<'a>),
    Ec { curve: String, point: &'a [u8] },
}

impl Key<'_> {
    /// `Err(None)`: the signature is another one. `Err(Some)`: it cannot be told.
    fn check(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Option<Verdict>> {
        let holds = match self {
            Self::Rsa(rsa) => {
                let parameters = rsa_parameters(rsa, scheme).map_err(|why| Some(Verdict::Unknown(why)))?;
                let numbers = RsaPublicKeyComponents { n: rsa.modulus, e: rsa.exponent };
                numbers.verify(parameters, message, signature)
            }
            Self::Ec { curve, point } => {
                let algorithm = ecdsa(curve, scheme).map_err(|why| Some(Verdict::Unknown(why)))?;
                if point.first() != Some(&4) {
                    return Err(Some(Verdict::Unknown("keys on a curve are checked in their long form only")));
                }
                if curve == "P-384" && !costly::take() {
                    return Err(Some(Verdict::Unknown(costly::REFUSED)));
                }
                UnparsedPublicKey::new(algorithm, point).verify(message, signature)
            }
        };
        holds.map_err(|ring::error::Unspecified| None)
    }
}

/// The algorithm for this key. Whatever `ring` would refuse the key for is refused here, so that its "no" is one to
/// the signature.
fn rsa_parameters(rsa: &key::RsaKey<'_>, scheme: Scheme) -> Result<&'static RsaParameters, &'static str> {
    let bits = key::bit_length(rsa.modulus);
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err("RSA keys of this size are not checked");
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let value = |exponent: u32, &byte: &u8| exponent.checked_mul(256)?.checked_add(u32::from(byte));
    if !rsa.exponent.iter().try_fold(0, value).is_some_and(|exponent| (3..=MAX_EXPONENT).contains(&exponent)) {
        return Err("RSA keys with this exponent are not checked");
    }
    if !is_odd(rsa.exponent) || !is_odd(rsa.modulus) {
        return Err("no RSA key has such numbers");
    }
    match scheme {
        Scheme::RsaPkcs1(Hash::Sha1) => Ok(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        Scheme::RsaPkcs1(Hash::Sha256) => Ok(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        Scheme::RsaPkcs1(Hash::Sha512) => Ok(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        Scheme::Ecdsa(_) => Err("the signature is ECDSA and the certificate's key RSA"),
        _ if bits < MIN_STRONG_RSA_BITS => Err("signatures of this kind are not checked with so small a key"),
        Scheme::RsaPkcs1(Hash::Sha384) => Ok(&RSA_PKCS1_2048_8192_SHA384),
        Scheme::RsaPss(Hash::Sha256) => Ok(&RSA_PSS_2048_8192_SHA256),
        Scheme::RsaPss(Hash::Sha384) => Ok(&RSA_PSS_2048_8192_SHA384),
        Scheme::RsaPss(Hash::Sha512) => Ok(&RSA_PSS_2048_8192_SHA512),
        Scheme::RsaPss(Hash::Sha1) => Err("PSS signatures with these parameters are not checked"),
    }
}

fn ecdsa(curve: &str, scheme: Scheme) -> Result<&'static EcdsaVerificationAlgorithm, &'static str> {
    match (curve, scheme) {
        ("P-256", Scheme::Ecdsa(Hash::Sha256)) => Ok(&ECDSA_P256_SHA256_ASN1),
        ("P-256", Scheme::Ecdsa(Hash::Sha384)) => Ok(&ECDSA_P256_SHA384_ASN1),
        ("P-384", Scheme::Ecdsa(Hash::Sha256)) => Ok(&ECDSA_P384_SHA256_ASN1),
        ("P-384", Scheme::Ecdsa(Hash::Sha384)) => Ok(&ECDSA_P384_SHA384_ASN1),
        ("P-256" | "P-384", Scheme::Ecdsa(_)) => Err("ECDSA signatures with this digest are not checked"),
        (_, Scheme::Ecdsa(_)) => Err("keys on this curve are not checked"),
        _ => Err("the signature is RSA and the certificate's key on a curve"),
    }
}
