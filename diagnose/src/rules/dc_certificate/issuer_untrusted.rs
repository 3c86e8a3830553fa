//! DCC-10.

use std::collections::BTreeMap;

use trace::{Facts, Logon};

use super::shown::{Shown, wire};
use crate::{Confidence, Evidence, Found, Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The certificate with which the domain controller proves itself comes from an issuer that this client
    /// does not trust, or probably does not: from itself, from another CA than the certificates of the other
    /// domain controllers, or from none of those that the client said it would take. A client that does not
    /// trust the issuer stops without a word.
    ///
    /// ## How we know
    ///
    /// One of these, the first that holds: issuer and subject of the certificate are the same; the client
    /// listed the issuers it takes (trustedCertifiers), and this one is not among them; more than half of the
    /// certificates that domain controllers of this domain showed have another, common issuer. Names are
    /// compared without regard to case and spaces. If the reply carries further certificates, a chain may lead
    /// to a trusted issuer, and the second form is only possible. The finding is withdrawn when the client uses
    /// the ticket: then it took the certificate. A change from one CA to another looks the same while it lasts.
    ///
    /// ## What to do
    ///
    /// 1. See which certificates the domain controller has, and delete those that nobody needs:
    ///    `certutil -store my`.
    /// 2. On the client, check the certificate's chain: `certutil -verify -urlfetch dc.cer`.
    /// 3. If the issuer is meant to be trusted, give the clients its root:
    ///    `certutil -dspublish -f root.cer RootCA` for computers of the domain, a trusted certificate profile
    ///    in Intune for others.
    /// 4. Enrol the domain controller from the company's CA: template Kerberos Authentication,
    ///    `certutil -pulse`. The CA has to be in NTAuth: `certutil -viewstore -enterprise NTAuth`.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.1 and §3.2.4; RFC 4514; MS-ERREF 2.3.1 (STATUS_ISSUING_CA_UNTRUSTED_KDC); texts of client
    /// events 9 and 102. The form with the client's own list was seen in a capture of MIT's client with Samba.
    pub static ISSUER_UNTRUSTED = {
        code: "DCC-10",
        title: "the domain controller's certificate is self-signed or from an unknown issuer",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["DCC-11"],
        errors: [],
        statuses: [0xc000_0320, 0xc000_040d],
        events: ["System 9", "Kerberos client 102"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    if logon.ticket_used() {
        return Verdict::Clear;
    }
    let issuer = wire(&shown.certificate.issuer);
    let evidence = shown.field("x509af.issuer", shown.certificate.issuer.as_str(), "who issued the certificate");
    if shown.certificate.self_signed {
        let summary = "the domain controller proves itself with a self-signed certificate, which clients do not trust";
        return Found::new(Confidence::Likely, shown.subject(), summary).with(evidence).with(shown.which()).into();
    }
    if let Some(trusted) = not_among_the_trusted(&shown) {
        let has_chain = shown.reply.pkinit.as_deref().is_some_and(|pkinit| pkinit.signed.certificates.len() > 1);
        let (confidence, doubt) = if has_chain {
            (Confidence::Possible, "; the reply carries further certificates, which may lead to one")
        } else {
            (Confidence::Likely, "")
        };
        let summary = format!(
            "the domain controller's certificate comes from {issuer}, which is not among the issuers that the client \
             takes{doubt}"
        );
        return Found::new(confidence, shown.subject(), summary)
            .with(evidence)
            .with(trusted)
            .with(shown.which())
            .into();
    }
    if let Some(common) = issuer_of_most(&shown, facts).filter(|common| *common != normal(&shown.certificate.issuer)) {
        let summary = format!(
            "the domain controller's certificate comes from {issuer}, those of most domain controllers from {}",
            wire(&common)
        );
        return Found::new(Confidence::Likely, shown.subject(), summary).with(evidence).with(shown.which()).into();
    }
    Verdict::Clear
}

/// The client's list of issuers as evidence, if it has one and this issuer is not on it.
fn not_among_the_trusted(shown: &Shown<'_>) -> Option<Evidence> {
    let asked = shown.exchange.request.as_deref()?.seen;
    let pkinit = shown.exchange.kdc_request()?.pkinit.as_deref()?;
    let trusted = &pkinit.trusted_certifiers;
    // A list that broke off, or names keys and not issuers, does not say who is missing from it.
    let complete = pkinit.stopped.is_none() && trusted.iter().all(|name| name.contains('='));
    let issuer = normal(&shown.certificate.issuer);
    if trusted.is_empty() || !complete || trusted.iter().any(|name| normal(name) == issuer) {
        return None;
    }
    Some(Evidence::new(asked, "pkinit.trustedCertifiers", trusted.join("; "), "the issuers that the client takes"))
}

/// The issuer of more than half of the certificates that domain controllers of this realm showed last.
///
/// Certificates are counted, not addresses: a domain controller may have several of these.
fn issuer_of_most(shown: &Shown<'_>, facts: &Facts) -> Option<String> {
    let realm = shown.reply.ticket.as_ref()?.realm.as_ref()?;
    let of_realm =
        facts.domain_controllers.values().filter(|dc| dc.realms.iter().any(|name| realm.eq_ignore_case(name)));
    let latest = of_realm.filter_map(|dc| dc.certificates.iter().max_by_key(|seen| seen.last));
    let issuers: BTreeMap<&str, String> =
        latest.map(|seen| (seen.certificate.sha256.as_str(), normal(&seen.certificate.issuer))).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for issuer in issuers.values() {
        *counts.entry(issuer).or_default() += 1;
    }
    let most = counts.into_iter().find(|(_, count)| count * 2 > issuers.len());
    most.map(|(issuer, _)| issuer.to_owned())
}

/// A name of RFC 4514 for comparing: lower case, no spaces around its parts, and only single ones inside.
fn normal(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut escaped = false;
    for character in name.chars() {
        if character == ',' && !escaped {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    parts.push(part);
    let single_spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let tidy = |part: &String| match part.split_once('=') {
        Some((kind, value)) => format!("{}={}", single_spaced(kind), single_spaced(value)),
        None => single_spaced(part),
    };
    parts.iter().map(tidy).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{ISSUER_UNTRUSTED, normal};
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_self_signed() {
        let finding = found(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit self-signed
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_client_takes_other_issuers() {
        let finding = found(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit trusts CN=Company_CA,DC=corp,DC=example
            0.010 dc > pc  as-rep alice ticket T1 pkinit issuer CN=Other_CA
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn only_possible_when_a_chain_comes_along() {
        let finding = found(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit trusts CN=Root_CA
            0.010 dc > pc  as-rep alice ticket T1 pkinit chain
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn found_when_most_domain_controllers_have_another_issuer() {
        let finding = found(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit dc A
            1.000 pc > dc2 as-req alice pkinit
            1.010 dc2 > pc as-rep alice ticket T2 pkinit dc B
            2.000 pc > dc3 as-req alice pkinit
            2.010 dc3 > pc as-rep alice ticket T3 pkinit dc C issuer CN=Other_CA
        ",
        );
        assert_eq!(finding.packets(), [6, 6]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_of_two_domain_controllers_nobody_knows_who_is_right() {
        clear(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit dc A
            1.000 pc > dc2 as-req alice pkinit
            1.010 dc2 > pc as-rep alice ticket T2 pkinit dc B issuer CN=Other_CA
        ",
        );
    }

    #[test]
    fn clear_when_the_issuer_is_written_otherwise() {
        clear(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit trusts cn=lab_ca,_dc=Corp,_dc=example
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_client_uses_the_ticket() {
        clear(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit trusts CN=Company_CA
            0.010 dc > pc  as-rep alice ticket T1 pkinit self-signed
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
        ",
        );
    }

    #[test]
    fn clear_when_the_list_names_keys() {
        clear(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit trusts ski:00ff
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &ISSUER_UNTRUSTED,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }

    #[test]
    fn names_are_compared_without_case_and_spaces() {
        assert_eq!(normal("CN=Lab  CA, DC = corp,dc=Example"), normal("cn=lab ca,DC=corp,DC=example"));
        assert_eq!(normal(r"CN=A\, B,O=C"), r"cn=a\, b,o=c");
        assert_ne!(normal("CN=Lab CA"), normal("CN=LabCA"));
    }
}
