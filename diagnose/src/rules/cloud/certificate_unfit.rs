//! CLD-12.

use trace::{
    Facts,
    cloud::{Failure, Service, Shown},
};

use super::evidence;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    endpoints::{is_sign_in, role},
    rule::rule,
    windows::VALIDITY_SLACK_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// What answers in the name of a host of Microsoft Entra shows a certificate that has expired, or one of another
    /// host. Microsoft's own do neither, so it is another device that answers: a proxy, a captive portal, an address
    /// that DNS made up.
    ///
    /// ## How we know
    ///
    /// In TLS 1.2 and older the certificate is in the clear: it ended before the packet that shows it, or none of its
    /// names is the server name asked for; both are proven. Or the client ended the handshake with alert 45
    /// (certificate_expired), which is proven, 42 (bad_certificate), which is likely, or 46 (certificate_unknown),
    /// which is possible: Windows uses it for much. A computer whose clock is wrong takes a good certificate for
    /// expired.
    ///
    /// ## What to do
    ///
    /// 1. See which machine has the address in the evidence, and what DNS answers for the name from elsewhere.
    /// 2. Exempt the sign-in hosts from inspection, or renew the certificate of the device that inspects.
    /// 3. See the computer's clock: `w32tm /query /status`.
    ///
    /// ## Sources
    ///
    /// RFC 8446 §6.2; RFC 6125 §6.4; RFC 5280 §4.1.2.5. Alert 45 was seen in a capture.
    pub static CERTIFICATE_UNFIT = {
        code: "CLD-12",
        title: "the certificate of a sign-in endpoint has expired or names another host",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["AAD 1098", "CAPI2 11", "CAPI2 30", "Schannel 36882"],
        check: Scope::Service(check),
    };
}

/// RFC 8446 §6.2: bad_certificate, certificate_expired, certificate_unknown; and how much each says.
const ALERTS: [(u8, Confidence); 3] = [(45, Confidence::Proven), (42, Confidence::Likely), (46, Confidence::Possible)];

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !role(&service.name).is_some_and(is_sign_in) {
        return Verdict::Clear;
    }
    let (name, subject) = (&service.name, Subject::Host(service.name.clone()));
    if let Some((evidence, fault)) = service.certificates.iter().find_map(|shown| fault(shown, name, facts)) {
        return Found::new(Confidence::Proven, subject, format!("the certificate shown for {name} {fault}"))
            .with(evidence)
            .into();
    }
    for (description, confidence) in ALERTS {
        let refused = Failure::Alert { of_server: false, description };
        let Some((_, instance)) = service.instances().find(|(failure, _)| *failure == refused) else { continue };
        let why = match description {
            45 => "the client says that the certificate shown for the host has expired",
            42 => "the client says that the certificate shown for the host is bad",
            _ => "the client does not take the certificate shown for the host",
        };
        let mut found = Found::new(confidence, subject, format!("{name}: {why}"));
        found.evidence = evidence(service, refused, instance);
        return found.into();
    }
    Verdict::Clear
}

/// What is wrong with a certificate that was shown.
fn fault(shown: &Shown, name: &str, facts: &Facts) -> Option<(Evidence, &'static str)> {
    let certificate = &shown.certificate;
    let seen = shown.times.last;
    if seen.at.seconds() > certificate.not_after.as_second().saturating_add(VALIDITY_SLACK_SECONDS.of(facts)) {
        let means = "the certificate ended before this packet";
        return Some((Evidence::new(seen, "x509af.notAfter", certificate.not_after.to_string(), means), "has expired"));
    }
    let names = &certificate.san.dns;
    let common_name = certificate.common_name.as_ref().filter(|_| names.is_empty());
    if !names.iter().chain(common_name).any(|other| covers(other, name)) {
        let means = format!("no name of the certificate is {name}");
        return Some((Evidence::new(seen, "x509ce.dNSName", names.join(", "), means), "names other hosts"));
    }
    None
}

/// Whether a name in a certificate is that of a host, RFC 6125 §6.4.3.
fn covers(name: &str, host: &str) -> bool {
    let name = name.to_lowercase();
    name == host
        || name.strip_prefix("*.").is_some_and(|domain| host.split_once('.').is_some_and(|(_, rest)| rest == domain))
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_UNFIT;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_client_says_so() {
        for (alert, confidence) in [(45, Confidence::Proven), (42, Confidence::Likely), (46, Confidence::Possible)] {
            let script = format!(
                "0.000 pc > web client-hello autologon.microsoftazuread-sso.com
                 0.010 web > pc server-hello tls13
                 0.020 pc > web alert {alert}"
            );
            let finding = found(&CERTIFICATE_UNFIT, &script);
            assert_eq!(finding.packets(), [3, 1]);
            assert_eq!(finding.found.confidence, confidence);
        }
    }

    #[test]
    fn found_when_the_certificate_has_expired() {
        let finding = found(
            &CERTIFICATE_UNFIT,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate login.microsoftonline.com expired
            0.020 web > pc  data
        ",
        );
        assert_eq!(finding.packets(), [3]);
    }

    #[test]
    fn found_when_it_names_another_host() {
        found(
            &CERTIFICATE_UNFIT,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate *.microsoftonline.com
        ",
        );
    }

    #[test]
    fn clear_when_it_names_the_host() {
        clear(
            &CERTIFICATE_UNFIT,
            "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate portal.example,*.MicrosoftOnline.com
            0.020 web > pc  data
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &CERTIFICATE_UNFIT,
            "
            0.000 pc > web  client-hello www.corp.example
            0.010 web > pc  server-hello tls12
            0.010 web > pc  certificate other.corp.example expired
            0.020 pc > web  alert 45
        ",
        );
    }
}
