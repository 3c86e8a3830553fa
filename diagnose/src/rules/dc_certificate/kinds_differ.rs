//! DCC-14.

use std::{collections::BTreeMap, net::IpAddr};

use decode::x509::Certificate;
use trace::{CertificateSeen, Facts};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// Domain controllers of one domain use certificates of different kinds. Then it depends on the domain controller
    /// what a client makes of it, and a fault of one kind looks as if it came and went.
    ///
    /// ## How we know
    ///
    /// The last certificates with which two domain controllers of one realm signed PKINIT replies differ in the issuer,
    /// the template, the purposes, whether they name the domain, or where their revocation lists lie (HTTP, LDAP). The
    /// certificates say so themselves. It is no fault while one kind is being replaced by another.
    ///
    /// ## What to do
    ///
    /// 1. Compare them: `hellotrace dcs` shows each domain controller's certificates with what is wrong with them.
    /// 2. Decide on one template (Kerberos Authentication, or a copy of it), supersede the others, and run
    ///    `certutil -pulse` on each domain controller.
    /// 3. Delete the certificates of the old kinds.
    ///
    /// ## Sources
    ///
    /// Comparison of domain controllers.
    pub static KINDS_DIFFER = {
        code: "DCC-14",
        title: "domain controllers use different kinds of certificates",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Capture(check),
    };
}

fn check(facts: &Facts) -> Verdict {
    let mut of_realm: BTreeMap<String, Vec<(IpAddr, &CertificateSeen)>> = BTreeMap::new();
    for (address, dc) in &facts.domain_controllers {
        let Some(latest) = dc.certificates.iter().max_by_key(|seen| seen.last) else { continue };
        for realm in &dc.realms {
            let list = of_realm.entry(realm.to_lowercase()).or_default();
            if !list.iter().any(|(known, _)| known == address) {
                list.push((*address, latest));
            }
        }
    }
    for (realm, list) in of_realm {
        let Some(((one, first), others)) = list.split_first() else { continue };
        for (other, second) in others {
            let differs = differences(&first.certificate, &second.certificate, &realm);
            if differs.is_empty() {
                continue;
            }
            let machine = |address: IpAddr| facts.name_of(address).map_or_else(|| address.to_string(), str::to_owned);
            let summary = format!(
                "the certificates of {} and {} differ in {}",
                machine(*one),
                machine(*other),
                differs.join(", ")
            );
            let shows = |seen: &CertificateSeen, address: IpAddr| {
                let means = format!("the certificate of {address}, whose issuer is {}", wire(&seen.certificate.issuer));
                Evidence::new(seen.last, "x509af.serialNumber", seen.certificate.serial.as_str(), means)
            };
            return Found::new(Confidence::Proven, Subject::Domain(realm), summary)
                .with(shows(first, *one))
                .with(shows(second, *other))
                .into();
        }
    }
    if facts.finished() { Verdict::Clear } else { Verdict::Pending }
}

/// In what two certificates differ, that their kinds have.
fn differences(one: &Certificate, other: &Certificate, realm: &str) -> Vec<&'static str> {
    let template = |certificate: &Certificate| {
        certificate.template.as_ref().map(|template| (template.name.clone(), template.oid.clone()))
    };
    let purposes = |certificate: &Certificate| {
        let mut list = certificate.eku.clone().unwrap_or_default();
        list.sort();
        list
    };
    let names_domain = |certificate: &Certificate| certificate.san.dns.iter().any(|name| name.to_lowercase() == realm);
    let lists = |certificate: &Certificate| {
        let by = |scheme: &str| certificate.crl_urls.iter().any(|url| url.to_lowercase().starts_with(scheme));
        (by("http:"), by("ldap:"))
    };
    let mut differs = Vec::new();
    for (is, what) in [
        (one.issuer != other.issuer, "issuer"),
        (template(one) != template(other), "template"),
        (purposes(one) != purposes(other), "purposes"),
        (names_domain(one) != names_domain(other), "whether they name the domain"),
        (lists(one) != lists(other), "where revocation lists lie"),
    ] {
        if is {
            differs.push(what);
        }
    }
    differs
}

fn wire(text: &str) -> String {
    decode::WireText::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::KINDS_DIFFER;
    use crate::{
        Subject,
        testing::{clear, found, pending},
    };

    fn two(second: &str) -> String {
        format!(
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  as-rep alice ticket T1 pkinit dc C1
            1.000 pc > dc2 as-req alice pkinit key K1
            1.010 dc2 > pc as-rep alice ticket T2 pkinit dc C2 {second}
            "
        )
    }

    #[test]
    fn found_for_each_thing_in_which_they_differ() {
        for (second, what) in [
            ("issuer CN=Other", "in issuer"),
            ("template DomainController", "in template"),
            ("no-eku", "in purposes"),
            ("san dc2.corp.example", "in whether they name the domain"),
            ("cdp ldap:///CN=x", "in where revocation lists lie"),
        ] {
            let finding = found(&KINDS_DIFFER, &two(second));
            assert_eq!(finding.packets(), [2, 4]);
            assert!(finding.found.summary.ends_with(what), "{}", finding.found.summary);
            assert_eq!(finding.found.subject, Subject::Domain("corp.example".to_owned()));
        }
    }

    #[test]
    fn clear_when_they_are_of_one_kind_in_the_end() {
        clear(&KINDS_DIFFER, &two(""));
        let renewed = two("no-eku").replace("1.0", "2.0")
            + "3.0 pc > dc2 as-req alice pkinit key K1\n3.1 dc2 > pc as-rep alice ticket T3 pkinit dc C3";
        clear(&KINDS_DIFFER, &renewed);
    }

    #[test]
    fn pending_while_others_may_come() {
        pending(&KINDS_DIFFER, &format!("{}2 open", two("")));
    }
}
