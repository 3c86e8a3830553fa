//! Certificate extensions: RFC 5280 §4.2, RFC 4556 §3.2.2 and Microsoft's of MS-WCCE 2.2.2.7.7.
//!
//! Each extension is read on its own: one that cannot be read leaves its fields as they were, and a clause behind.

use super::{AlternativeNames, Certificate, Template, algorithm, hex, key, name};
use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};
use crate::text::WireText;

/// Entries kept of any one list (names, usages, addresses). Certificates of large sites carry a few dozen names.
const MAX_NAMES: usize = 256;

/// Adds what the extension `oid` says to `certificate`. Extensions we have no use for change nothing.
pub(crate) fn apply(certificate: &mut Certificate, oid: &str, value: &[u8]) {
    let result = match oid {
        "2.5.29.14" => subject_key_id(value).map(|id| certificate.subject_key_id = Some(hex(id))),
        "2.5.29.15" => key_usage(value).map(|usage| certificate.key_usage = Some(usage)),
        "2.5.29.17" => alternative_names(value, &mut certificate.san),
        "2.5.29.31" => crl_urls(value, &mut certificate.crl_urls),
        "2.5.29.35" => authority_key_id(value).map(|id| certificate.authority_key_id = id),
        "2.5.29.37" => {
            let usages = certificate.eku.get_or_insert_default();
            extended_key_usage(value, usages)
        }
        "1.3.6.1.5.5.7.1.1" => access_urls(value, &mut certificate.ocsp_urls, &mut certificate.ca_urls),
        "1.3.6.1.4.1.311.20.2" => template_name(value).map(|name| {
            certificate.template.get_or_insert_default().name = name;
        }),
        "1.3.6.1.4.1.311.21.7" => template_oid(value).map(|oid| {
            let template = certificate.template.get_or_insert_with(Template::default);
            if template.name.is_empty() {
                known_template(&oid).unwrap_or_default().clone_into(&mut template.name);
            }
            template.oid = oid;
        }),
        "1.3.6.1.4.1.311.25.2" => sid(value).map(|sid| {
            if sid.is_some() {
                certificate.sid = sid;
            }
        }),
        _ => Ok(()),
    };
    if let Err(error) = result {
        certificate.stopped.get_or_insert_with(|| format!("extension {oid}: {error}"));
    }
}

/// Puts `entry` into `list`, unless it is full.
fn keep<T>(list: &mut Vec<T>, entry: T, offset: usize) -> Result<(), DerError> {
    if list.len() >= MAX_NAMES {
        return Err(DerError { offset, kind: DerErrorKind::Limit });
    }
    list.push(entry);
    Ok(())
}

/// Text of an IA5String or a `KerberosString`, harmless on a terminal.
fn text(element: &Element<'_>) -> String {
    WireText::new(element.contents).to_string()
}

/// SubjectKeyIdentifier ::= OCTET STRING
pub(crate) fn subject_key_id(value: &[u8]) -> Result<&[u8], DerError> {
    Ok(Reader::new(value).expect(Tag::OCTET_STRING)?.contents)
}

/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING OPTIONAL, … }
fn authority_key_id(value: &[u8]) -> Result<Option<String>, DerError> {
    let id = Reader::new(value).expect(Tag::SEQUENCE)?.reader().optional(Tag::context_primitive(0))?;
    Ok(id.map(|id| hex(id.contents)))
}

/// KeyUsage ::= BIT STRING, bit 0 the most significant of the first byte, RFC 5280 §4.2.1.3.
fn key_usage(value: &[u8]) -> Result<Vec<&'static str>, DerError> {
    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];
    let element = Reader::new(value).expect(Tag::BIT_STRING)?;
    let bits = key::bit_string(&element);
    let is_set = |place: usize| bits.get(place / 8).is_some_and(|byte| byte & (0x80 >> (place % 8)) != 0);
    Ok(NAMES.iter().enumerate().filter(|&(place, _)| is_set(place)).map(|(_, &name)| name).collect())
}

/// ExtKeyUsageSyntax ::= SEQUENCE OF OBJECT IDENTIFIER, RFC 5280 §4.2.1.12.
fn extended_key_usage(value: &[u8], usages: &mut Vec<String>) -> Result<(), DerError> {
    let mut reader = Reader::new(value).expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let oid = reader.expect(Tag::OBJECT_IDENTIFIER)?;
        keep(usages, algorithm::oid(oid.contents), oid.offset)?;
    }
    Ok(())
}

/// SubjectAltName, RFC 5280 §4.2.1.6; all tags IMPLICIT but those in `OtherName`:
///
/// ```text
/// GeneralNames ::= SEQUENCE OF CHOICE {
///   otherName [0] SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY },
///   rfc822Name [1] IA5String, dNSName [2] IA5String, …, uniformResourceIdentifier [6] IA5String, … }
/// ```
fn alternative_names(value: &[u8], names: &mut AlternativeNames) -> Result<(), DerError> {
    let mut reader = Reader::new(value).expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let general = reader.element()?;
        let offset = general.offset;
        match general.tag.0 {
            0xa0 => {
                let (oid, inner) = other_name(&general)?;
                match oid.as_str() {
                    "1.3.6.1.4.1.311.20.2.3" => {
                        keep(&mut names.upn, name::plain(&inner).unwrap_or_else(|| text(&inner)), offset)?;
                    }
                    "1.3.6.1.5.2.2" => keep(&mut names.pkinit, kerberos_name(&inner)?, offset)?,
                    _ => keep(&mut names.other, oid, offset)?,
                }
            }
            0x81 => keep(&mut names.email, text(&general), offset)?,
            0x82 => keep(&mut names.dns, text(&general), offset)?,
            0x86 => keep(&mut names.uri, text(&general), offset)?,
            _ => {}
        }
    }
    Ok(())
}

/// The type and the value of an OtherName.
fn other_name<'a>(general: &Element<'a>) -> Result<(String, Element<'a>), DerError> {
    let mut reader = general.reader();
    let oid = algorithm::oid(reader.expect(Tag::OBJECT_IDENTIFIER)?.contents);
    Ok((oid, reader.expect(Tag::context(0))?.inner()?))
}

/// The name of id-pkinit-san as `component/component@REALM`, RFC 4556 §3.2.2, RFC 4120 §5.2.2:
///
/// ```text
/// KRB5PrincipalName ::= SEQUENCE { realm [0] Realm, principalName [1] PrincipalName }
/// PrincipalName     ::= SEQUENCE { name-type [0] Int32, name-string [1] SEQUENCE OF KerberosString }
/// ```
fn kerberos_name(sequence: &Element<'_>) -> Result<String, DerError> {
    let mut reader = sequence.reader();
    let realm = text(&reader.expect(Tag::context(0))?.inner()?);
    let mut principal = reader.expect(Tag::context(1))?.inner_expect(Tag::SEQUENCE)?.reader();
    let _kind = principal.optional(Tag::context(0))?;
    let mut components = principal.expect(Tag::context(1))?.inner_expect(Tag::SEQUENCE)?.reader();
    let mut joined = String::new();
    while !components.is_empty() {
        if !joined.is_empty() {
            joined.push('/');
        }
        joined.push_str(&text(&components.element()?));
    }
    Ok(format!("{joined}@{realm}"))
}

/// CRLDistributionPoints, RFC 5280 §4.2.1.13: the addresses of `fullName`.
///
/// ```text
/// CRLDistributionPoints ::= SEQUENCE OF DistributionPoint
/// DistributionPoint ::= SEQUENCE { distributionPoint [0] DistributionPointName OPTIONAL, … }
/// DistributionPointName ::= CHOICE { fullName [0] IMPLICIT GeneralNames, nameRelativeToCRLIssuer [1] … }
/// ```
fn crl_urls(value: &[u8], urls: &mut Vec<String>) -> Result<(), DerError> {
    let mut points = Reader::new(value).expect(Tag::SEQUENCE)?.reader();
    while !points.is_empty() {
        let Some(point) = points.expect(Tag::SEQUENCE)?.reader().optional(Tag::context(0))? else { continue };
        let Some(full_name) = point.reader().optional(Tag::context(0))? else { continue };
        let mut names = full_name.reader();
        while !names.is_empty() {
            let general = names.element()?;
            if general.tag == Tag::context_primitive(6) {
                keep(urls, text(&general), general.offset)?;
            }
        }
    }
    Ok(())
}

/// AuthorityInfoAccessSyntax, RFC 5280 §4.2.2.1: the addresses under id-ad-ocsp and id-ad-caIssuers.
///
/// ```text
/// AuthorityInfoAccessSyntax ::= SEQUENCE OF SEQUENCE { accessMethod OBJECT IDENTIFIER, accessLocation GeneralName }
/// ```
fn access_urls(value: &[u8], ocsp: &mut Vec<String>, issuers: &mut Vec<String>) -> Result<(), DerError> {
    let mut descriptions = Reader::new(value).expect(Tag::SEQUENCE)?.reader();
    while !descriptions.is_empty() {
        let mut description = descriptions.expect(Tag::SEQUENCE)?.reader();
        let method = algorithm::oid(description.expect(Tag::OBJECT_IDENTIFIER)?.contents);
        let location = description.element()?;
        if location.tag != Tag::context_primitive(6) {
            continue;
        }
        match method.as_str() {
            "1.3.6.1.5.5.7.48.1" => keep(ocsp, text(&location), location.offset)?,
            "1.3.6.1.5.5.7.48.2" => keep(issuers, text(&location), location.offset)?,
            _ => {}
        }
    }
    Ok(())
}

/// The name of a version 1 template: a BMPString, MS-WCCE 2.2.2.7.7.1.
fn template_name(value: &[u8]) -> Result<String, DerError> {
    let element = Reader::new(value).element()?;
    name::plain(&element).ok_or(DerError { offset: element.offset, kind: DerErrorKind::Value })
}

/// CertificateTemplate ::= SEQUENCE { templateID OBJECT IDENTIFIER, majorVersion INTEGER, … }, MS-WCCE 2.2.2.7.7.2.
fn template_oid(value: &[u8]) -> Result<String, DerError> {
    let id = Reader::new(value).expect(Tag::SEQUENCE)?.inner_expect(Tag::OBJECT_IDENTIFIER)?;
    Ok(algorithm::oid(id.contents))
}

/// The name of a template that every forest has: `1.3.6.1.4.1.311.21.8`, six numbers of the forest, `1.N`.
fn known_template(oid: &str) -> Option<&'static str> {
    let arcs: Vec<&str> = oid.strip_prefix("1.3.6.1.4.1.311.21.8.")?.split('.').collect();
    let [_, _, _, _, _, _, "1", number] = arcs.as_slice() else { return None };
    TEMPLATES.get(number.parse::<usize>().ok()?.checked_sub(1)?).copied()
}

/// The templates of every forest, from number 1 on. MS-CRTD, the notes of appendix A to section 3.
const TEMPLATES: [&str; 33] = [
    "User",
    "UserSignature",
    "SmartcardUser",
    "ClientAuth",
    "SmartcardLogon",
    "EFS",
    "Administrator",
    "EFSRecovery",
    "CodeSigning",
    "CTLSigning",
    "EnrollmentAgent",
    "EnrollmentAgentOffline",
    "MachineEnrollmentAgent",
    "Machine",
    "DomainController",
    "WebServer",
    "CA",
    "SubCA",
    "IPSECIntermediateOnline",
    "IPSECIntermediateOffline",
    "OfflineRouter",
    "CEPEncryption",
    "ExchangeUser",
    "ExchangeUserSignature",
    "CrossCA",
    "CAExchange",
    "KeyRecoveryAgent",
    "DomainControllerAuthentication",
    "DirectoryEmailReplication",
    "Workstation",
    "RASAndIASServer",
    "OCSPResponseSigning",
    "KerberosAuthentication",
];

/// The account's SID in text: an OtherName 1.3.6.1.4.1.311.25.2.1 with an OCTET STRING, MS-WCCE 2.2.2.7.7.4.
fn sid(value: &[u8]) -> Result<Option<String>, DerError> {
    let mut reader = Reader::new(value).expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let general = reader.element()?;
        if general.tag != Tag::context(0) {
            continue;
        }
        let (oid, inner) = other_name(&general)?;
        if oid == "1.3.6.1.4.1.311.25.2.1" {
            return Ok(Some(text(&inner)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::known_template;

    #[test]
    fn templates_of_every_forest_are_known_by_their_last_arcs() {
        let forest = "1.3.6.1.4.1.311.21.8.1174692.16553431.10109582.10256707.15988320.243";
        assert_eq!(known_template(&format!("{forest}.1.33")), Some("KerberosAuthentication"));
        assert_eq!(known_template(&format!("{forest}.1.28")), Some("DomainControllerAuthentication"));
        assert_eq!(known_template(&format!("{forest}.1.1")), Some("User"));
        assert_eq!(known_template(&format!("{forest}.1.16")), Some("WebServer"));
        assert_eq!(known_template(&format!("{forest}.1.31")), Some("RASAndIASServer"));
        assert_eq!(known_template(&format!("{forest}.1.0")), None);
        assert_eq!(known_template(&format!("{forest}.1.34")), None);
        assert_eq!(known_template(&format!("{forest}.4718592.33")), None);
        assert_eq!(known_template("1.3.6.1.4.1.311.21.8.1.33"), None);
        assert_eq!(known_template("1.2.3"), None);
    }
}
