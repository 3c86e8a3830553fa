//! PKI-03.

use decode::WireText;
use trace::{
    Facts,
    cloud::{Fetch, FetchBody},
};

use super::{named_by_a_dc, question, shows_a_dc_certificate};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::VALIDITY_SLACK_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The certification authority has not published a new revocation list, or not where clients fetch it. All checks
    /// that need the list fail from the time at which the next one was due.
    ///
    /// ## How we know
    ///
    /// The CRL in the answer says that the next one was due (nextUpdate) before the packet's capture time. Where the
    /// capture shows domain controllers' certificates and neither their issuer nor their addresses fit this list, the
    /// severity is medium.
    ///
    /// ## What to do
    ///
    /// 1. On the CA: `certutil -CRL`; see that the service runs, and events 65 to 67 of CertificationAuthority.
    /// 2. See that the new list reaches the web server in the evidence.
    /// 3. On clients: `certutil -urlcache crl delete`.
    /// 4. Watch the date from now on: pkiview.msc.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §5.1.2.5; texts of the certification authority's events.
    pub static LIST_OUT_OF_DATE = {
        code: "PKI-03",
        title: "the revocation list is out of date",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["CertificationAuthority 65", "CertificationAuthority 66", "CAPI2 53"],
        check: Scope::Fetch(check),
    };
}

fn check(fetch: &Fetch, facts: &Facts) -> Verdict {
    let (FetchBody::Crl(crl), Some((seen, _))) = (&fetch.body, fetch.answer) else { return Verdict::Clear };
    let Some(next) = crl.next_update else { return Verdict::Clear };
    if seen.at.seconds() <= next.as_second().saturating_add(VALIDITY_SLACK_SECONDS.of(facts)) {
        return Verdict::Clear;
    }
    let issuer = WireText::from(crl.issuer.as_str());
    let summary = format!("the revocation list of {issuer} was to be replaced by {next} and is still given out");
    let mut found = Found::new(Confidence::Proven, Subject::Host(fetch.host.clone()), summary)
        .with(Evidence::new(seen, "x509af.nextUpdate", next.to_string(), "when the next list was due"))
        .with(Evidence::new(seen, "x509af.thisUpdate", crl.this_update.to_string(), "when this list was made"))
        .with_some(question(fetch));
    let mut certificates = facts.domain_controllers.values().flat_map(|dc| &dc.certificates);
    let by_its_issuer = certificates.any(|seen| seen.certificate.issuer == crl.issuer);
    if shows_a_dc_certificate(facts) && !by_its_issuer && !named_by_a_dc(fetch, facts) {
        found = found.with_severity(Severity::Medium);
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::LIST_OUT_OF_DATE;
    use crate::{
        Severity,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_next_list_was_due() {
        let finding = found(
            &LIST_OUT_OF_DATE,
            "
            0.000 pc > web  http GET http://pki.corp.example/corp.crl
            0.010 web > pc  http 200 GET http://pki.corp.example/corp.crl crl -86400
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.severity(), Severity::Critical);
    }

    #[test]
    fn less_severe_when_it_is_not_of_the_domain_controllers() {
        let finding = found(
            &LIST_OUT_OF_DATE,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit cdp http://pki.corp.example/corp.crl
            0.020 web > pc  http 200 GET http://crl.shop.example/shop.crl crl -86400 issuer CN=Shop
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_the_list_is_of_today() {
        clear(
            &LIST_OUT_OF_DATE,
            "
            0.000 pc > web  http GET http://pki.corp.example/corp.crl
            0.010 web > pc  http 200 GET http://pki.corp.example/corp.crl crl 86400
        ",
        );
    }
}
