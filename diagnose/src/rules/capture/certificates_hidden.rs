//! CAP-04.

use trace::{Facts, cloud::Tally};

use super::MAX_SHOWN;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    endpoints::{is_sign_in, role},
    rule::rule,
};

rule! {
    /// ## What happened
    ///
    /// Connections to Microsoft Entra use TLS 1.3, in which certificates are encrypted. Whether they are inspected
    /// cannot be seen by who issued the certificate.
    ///
    /// ## How we know
    ///
    /// The ServerHello to the name of a sign-in host chose TLS 1.3.
    ///
    /// ## What to do
    ///
    /// 1. Nothing need be mended. To see whether there is inspection, look at the certificate on the computer itself,
    ///    in a browser or with `openssl s_client -connect login.microsoftonline.com:443`.
    ///
    /// ## Sources
    ///
    /// RFC 8446 §4.4.2.
    pub static CERTIFICATES_HIDDEN = {
        code: "CAP-04",
        title: "certificates of sign-in endpoints are hidden by TLS 1.3",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Capture(check),
    };
}

fn check(facts: &Facts) -> Verdict {
    let services = facts.cloud.services().filter(|service| role(&service.name).is_some_and(is_sign_in));
    let (mut hidden, mut all, mut shown): (u64, u64, Vec<Evidence>) = (0, 0, Vec::new());
    for service in services {
        for (version, Tally { first, count, .. }) in &service.versions {
            all = all.saturating_add(*count);
            if !version.is_tls13() {
                continue;
            }
            hidden = hidden.saturating_add(*count);
            if shown.len() < MAX_SHOWN {
                let means = format!("{} and {} choose TLS 1.3", service.client, service.name);
                shown.push(Evidence::new(*first, "tls.handshake.extensions.supported_version", "0x0304", means));
            }
        }
    }
    if hidden == 0 {
        return Verdict::Clear;
    }
    let summary = format!("{hidden} of {all} connections to sign-in hosts use TLS 1.3, which hides the certificate");
    let mut found = Found::new(Confidence::Proven, Subject::Capture, summary);
    found.evidence = shown;
    found.into()
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATES_HIDDEN;
    use crate::testing::{clear, found};

    #[test]
    fn found_when_the_server_chooses_it() {
        let finding = found(
            &CERTIFICATES_HIDDEN,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls13
            0.020 pc > web  client-hello login.windows.net flow 2
            0.030 web > pc  server-hello tls12 flow 2
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert!(finding.found.summary.starts_with("1 of 2 "));
    }

    #[test]
    fn clear_with_an_older_version_or_another_host() {
        clear(
            &CERTIFICATES_HIDDEN,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.020 pc > web  client-hello www.corp.example flow 2
            0.030 web > pc  server-hello tls13 flow 2
        ",
        );
    }
}
