//! CLD-01.

use trace::{
    Facts,
    cloud::{Failure, Service},
};

use super::evidence;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    endpoints::{is_known_issuer, is_sign_in, role},
    rule::rule,
};

rule! {
    /// ## What happened
    ///
    /// Something between the computer and Microsoft Entra opens the encrypted connection and shows a certificate of its
    /// own. Authentication with the device's certificate and registration of keys then fail, even where users see web
    /// pages work.
    ///
    /// ## How we know
    ///
    /// The server showed a certificate for a sign-in host in the clear (TLS 1.2 and older), and it comes from none of
    /// the certification authorities that issue for these hosts; whether the client took it does not matter. Or the
    /// client ended the handshake with alert 48 (unknown_ca), in any version. TLS 1.3 hides certificates (CAP-04). The
    /// list of issuers can grow old.
    ///
    /// ## What to do
    ///
    /// 1. Look at the issuer in the evidence: it names the proxy or security product, as a rule.
    /// 2. Exempt login.microsoftonline.com, device.login.microsoftonline.com, enterpriseregistration.windows.net and
    ///    autologon.microsoftazuread-sso.com, and their national variants, from inspection.
    /// 3. Compare on the computer: `openssl s_client -connect device.login.microsoftonline.com:443`, or the certificate
    ///    in a browser.
    ///
    /// ## Sources
    ///
    /// Microsoft: how to plan a hybrid join (no inspection of device.login); RFC 8446 §6.2. Alert 48 and a certificate
    /// of another issuer were seen in captures.
    pub static INSPECTED = {
        code: "CLD-01",
        title: "the encrypted connection to a sign-in endpoint is inspected",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["User Device Registration 304", "User Device Registration 305", "AAD 1098", "CAPI2 11", "CAPI2 30"],
        check: Scope::Service(check),
    };
}

/// RFC 8446 §6.2.
const UNKNOWN_CA: u8 = 48;

fn check(service: &Service, _: &Facts) -> Verdict {
    if !role(&service.name).is_some_and(is_sign_in) {
        return Verdict::Clear;
    }
    let name = &service.name;
    let shown = service.certificates.iter().find(|shown| !is_known_issuer(&shown.certificate.issuer));
    let untrusted = Failure::Alert { of_server: false, description: UNKNOWN_CA };
    let refused = service.instances().find(|(failure, _)| *failure == untrusted).map(|(_, instance)| instance);
    let summary = match shown {
        Some(shown) => {
            let issuer = decode::WireText::from(shown.certificate.issuer.as_str());
            format!("the certificate shown for {name} comes from {issuer}, which does not issue for this host")
        }
        None => format!("the client does not know who issued the certificate shown for {name}"),
    };
    if shown.is_none() && refused.is_none() {
        return Verdict::Clear;
    }
    let mut found = Found::new(Confidence::Likely, Subject::Host(name.clone()), summary);
    if let Some(shown) = shown {
        let (seen, certificate) = (shown.times.first, &shown.certificate);
        found = found
            .with(Evidence::new(seen, "x509af.issuer", certificate.issuer.as_str(), format!("shown for {name}")))
            .with(Evidence::new(seen, "x509af.sha256", certificate.sha256.as_str(), "the certificate's fingerprint"));
    }
    if let Some(instance) = refused {
        found.evidence.extend(evidence(service, untrusted, instance));
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::INSPECTED;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_another_issuer_is_shown() {
        let finding = found(
            &INSPECTED,
            "
            0.000 pc > web  client-hello enterpriseregistration.windows.net
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate enterpriseregistration.windows.net issuer CN=Lab_Proxy,O=Lab
            0.020 web > pc  data
        ",
        );
        assert_eq!(finding.packets(), [3, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_client_knows_no_such_ca() {
        let finding = found(
            &INSPECTED,
            "
            0.000 pc > web  client-hello login.windows.net
            0.010 web > pc  server-hello tls13
            0.020 pc > web  alert 48
        ",
        );
        assert_eq!(finding.packets(), [3, 1]);
    }

    #[test]
    fn clear_when_the_issuer_is_a_known_one() {
        clear(
            &INSPECTED,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate login.microsoftonline.com issuer CN=DigiCert_SHA2,O=DigiCert_Inc
            0.020 web > pc  data
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &INSPECTED,
            "
            0.000 pc > web  client-hello www.corp.example
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate www.corp.example
            0.020 pc > web  alert 48
        ",
        );
    }
}
