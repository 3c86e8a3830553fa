//! DCC-08.

use decode::x509::Template;
use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{Confidence, Found, Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The domain controller's certificate comes from one of the old templates, Domain Controller or Domain Controller
    /// Authentication. These lack the purpose KDC Authentication, and the first one the name of the domain as well.
    /// Computers that are joined to Microsoft Entra only refuse such a certificate.
    ///
    /// ## How we know
    ///
    /// The certificate in the domain controller's reply names its template: `DomainController` in the extension
    /// 1.3.6.1.4.1.311.20.2, or an object identifier that ends in .1.15 or .1.28 in 1.3.6.1.4.1.311.21.7. A copy of
    /// such a template has an identifier of its own and is not told this way; what it lacks is (DCC-06, DCC-07).
    ///
    /// ## What to do
    ///
    /// 1. Publish the template Kerberos Authentication, or a copy of it, on a CA, with Enroll and Autoenroll for the
    ///    domain controllers.
    /// 2. In its properties, under Superseded Templates, name Domain Controller, Domain Controller Authentication and
    ///    Directory Email Replication; then unpublish these on every CA.
    /// 3. On each domain controller: `certutil -pulse`, and delete the old certificates, as the KDC may go on choosing
    ///    one.
    ///
    /// ## Sources
    ///
    /// MS-CRTD (built-in templates: version 1 `DomainController`; object identifiers ending 1.15 and 1.28); Microsoft:
    /// Windows Hello for Business, supersede existing domain controller certificates.
    pub static OLD_TEMPLATE = {
        code: "DCC-08",
        title: "the domain controller's certificate comes from an old template",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["KDC 32"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let Some((field, value, name)) = shown.certificate.template.as_ref().and_then(old) else { return Verdict::Clear };
    Found::new(
        Confidence::Proven,
        shown.subject(),
        format!("the domain controller's certificate comes from the old template {name}"),
    )
    .with(shown.field(field, value, "the template that it was made from"))
    .with(shown.which())
    .into()
}

/// Which of the old templates it is: the field that says so, its value, and the name for people.
fn old(template: &Template) -> Option<(&'static str, &str, &'static str)> {
    if template.name.eq_ignore_ascii_case("DomainController") {
        return Some(("x509ce.extension.id", &template.name, "Domain Controller"));
    }
    let name = if template.oid.ends_with(".1.15") {
        "Domain Controller"
    } else if template.oid.ends_with(".1.28") {
        "Domain Controller Authentication"
    } else {
        return None;
    };
    Some(("x509ce.extension.id", &template.oid, name))
}

#[cfg(test)]
mod tests {
    use super::OLD_TEMPLATE;
    use crate::testing::{clear, found, pending, unseen};

    fn issued(template: &str) -> String {
        format!("0.0 pc > dc as-req alice pkinit\n0.1 dc > pc as-rep alice ticket T1 pkinit template {template}")
    }

    #[test]
    fn found_by_name_and_by_identifier() {
        for (template, name) in [
            ("DomainController", "template Domain Controller"),
            ("1.3.6.1.4.1.311.21.8.1.2.3.1.15", "template Domain Controller"),
            ("1.3.6.1.4.1.311.21.8.1.2.3.1.28", "template Domain Controller Authentication"),
        ] {
            let finding = found(&OLD_TEMPLATE, &issued(template));
            assert_eq!(finding.packets(), [2, 2]);
            assert!(finding.found.summary.ends_with(name), "{}", finding.found.summary);
        }
    }

    #[test]
    fn clear_of_the_template_that_is_meant_for_it() {
        for template in ["KerberosAuthentication", "1.3.6.1.4.1.311.21.8.1.2.3.1.33", "1.3.6.1.4.1.311.21.8.1.2.3.115"]
        {
            clear(&OLD_TEMPLATE, &issued(template));
        }
        clear(&OLD_TEMPLATE, &issued("X").replace("template X", ""));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&OLD_TEMPLATE, "0.0 pc > dc as-req alice pkinit\n1 open");
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(&OLD_TEMPLATE, &issued("DomainController enveloped"));
    }
}
