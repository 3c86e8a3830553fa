//! CLD-05.

use trace::{
    Facts,
    cloud::{Failure, Service},
};

use super::{Wanted, is_about_a_certificate, is_any};
use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{Federation, Role, federation, role},
    rule::rule,
    windows::ENDPOINT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer cannot reach the federation service (AD FS), or does not take its certificate. A federated join,
    /// enrolment of certificates for certificate trust, and the MFA adapter need it; an ordinary sign-in with Windows
    /// Hello does not.
    ///
    /// ## How we know
    ///
    /// A connection to a host named like a federation service (adfs, or enterpriseregistration in front of the
    /// organisation's own domain) did not come about, its TLS handshake failed, or the client sent an alert about its
    /// certificate, and none succeeded within a minute. That DNS does not know a name counts only where it begins with
    /// adfs. Names that begin with sts, fs or federation count where the same client also talks to Microsoft Entra, and
    /// then it is possible only.
    ///
    /// ## What to do
    ///
    /// 1. Open `https://adfs.corp.example/adfs/ls/idpinitiatedsignon.aspx`, with the name in the evidence, on the
    ///    computer.
    /// 2. On the federation servers: `Get-Service adfssrv`, `Get-AdfsSslCertificate`; on the proxies
    ///    `Get-WebApplicationProxySslCertificate`.
    /// 3. See that the certificate names the host, is valid, and comes from a CA that the computer trusts.
    ///
    /// ## Sources
    ///
    /// Microsoft: AD FS requirements; Windows Hello for Business with AD FS. How the service is named is general
    /// knowledge.
    pub static FEDERATION_FAILS = {
        code: "CLD-05",
        title: "the federation service (AD FS) cannot be used",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["AD FS 364", "AD FS 1021", "User Device Registration 362"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    let confidence = match federation(&service.name) {
        None => return Verdict::Clear,
        Some(Federation::Named) => Confidence::Likely,
        Some(Federation::Customary) => {
            let to_entra = |other: &Service| role(&other.name) == Some(Role::Login);
            if !facts.cloud.services_of(service.client).any(to_entra) {
                return Verdict::Clear;
            }
            Confidence::Possible
        }
    };
    // Devices ask whether the name enterpriseregistration exists; that it does not is an answer. A customary name may
    // be one of anything.
    let failures = if service.name.starts_with("adfs.") { is_failure } else { is_failure_of_what_exists };
    super::check(service, facts, Wanted { failures, seconds: ENDPOINT_SECONDS.of(facts), confidence })
}

fn is_failure_of_what_exists(failure: Failure) -> bool {
    is_failure(failure) && !matches!(failure, Failure::Name(_))
}

fn is_failure(failure: Failure) -> bool {
    let untaken = |failure| matches!(failure, Failure::Alert { of_server: false, description } if is_about_a_certificate(description));
    is_any(failure) || untaken(failure)
}

#[cfg(test)]
mod tests {
    use super::FEDERATION_FAILS;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &FEDERATION_FAILS,
            "
            0.000 dns > pc  a-answer adfs.corp.example 10.99.0.50
            0.010 pc > web  connect refused port 443
            4000  end
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_handshake_is_cut_off() {
        found(
            &FEDERATION_FAILS,
            "
            0.000 pc > web  client-hello adfs.corp.example
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works_later() {
        clear(
            &FEDERATION_FAILS,
            "
            0.000 pc > web  client-hello adfs.corp.example
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            50.00 pc > web  client-hello adfs.corp.example
            50.01 web > pc  server-hello tls13
            50.02 pc > web  data
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &FEDERATION_FAILS,
            "
            0.000 pc > web  client-hello www.corp.example
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }

    #[test]
    fn found_when_the_client_does_not_take_the_certificate() {
        found(
            &FEDERATION_FAILS,
            "
            0.000 pc > web  client-hello sts.corp.example
            0.010 web > pc  server-hello tls12
            0.020 pc > web  alert 45
            0.100 pc > web  client-hello login.microsoftonline.com flow 2
            0.110 web > pc  server-hello tls13 flow 2
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_a_device_asks_whether_there_is_one() {
        clear(
            &FEDERATION_FAILS,
            "0.000 dns > pc a-answer enterpriseregistration.corp.example nxdomain
    70 end",
        );
    }

    #[test]
    fn clear_when_nothing_says_that_it_is_one() {
        clear(
            &FEDERATION_FAILS,
            "
            0.000 pc > web  client-hello sts.corp.example
            0.010 web > pc  server-hello tls12
            0.020 pc > web  alert 45
            70  end
        ",
        );
    }
}
