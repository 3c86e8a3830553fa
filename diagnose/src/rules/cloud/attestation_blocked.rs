//! CLD-09.

use trace::{Facts, cloud::Service};

use super::{Wanted, is_any};
use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{Role, role},
    rule::rule,
    windows::ENDPOINT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer cannot reach a host that certifies keys of its TPM. That matters only where a policy demands attested
    /// keys: then Windows Hello cannot be set up.
    ///
    /// ## How we know
    ///
    /// A connection to a host under microsoftaik.azure.net, or to one of a TPM's maker, did not come about, or its TLS
    /// handshake failed, and none succeeded within a minute.
    ///
    /// ## What to do
    ///
    /// 1. See whether a policy demands attestation; without one, nothing need be done.
    /// 2. Allow TCP 443 to *.microsoftaik.azure.net and to the maker's host in the evidence.
    /// 3. Try again on the computer: `Start-ScheduledTask -TaskPath \Microsoft\Windows\CertificateServicesClient\
    ///    -TaskName AikCertEnrollTask`.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello errors during PIN creation (0x801C03EE, 0x801C03EF, 0x801C0010). The names of the hosts
    /// are general knowledge.
    pub static ATTESTATION_BLOCKED = {
        code: "CLD-09",
        title: "the attestation of TPM keys cannot be reached",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["TPM-WMI 1025", "HelloForBusiness 7510"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !matches!(role(&service.name), Some(Role::Attestation)) {
        return Verdict::Clear;
    }
    let wanted = Wanted { failures: is_any, seconds: ENDPOINT_SECONDS.of(facts), confidence: Confidence::Likely };
    super::check(service, facts, wanted)
}

#[cfg(test)]
mod tests {
    use super::ATTESTATION_BLOCKED;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &ATTESTATION_BLOCKED,
            "
            0.000 dns > pc  a-answer eus.microsoftaik.azure.net 10.99.0.50
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
            &ATTESTATION_BLOCKED,
            "
            0.000 pc > web  client-hello eus.microsoftaik.azure.net
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works_later() {
        clear(
            &ATTESTATION_BLOCKED,
            "
            0.000 pc > web  client-hello eus.microsoftaik.azure.net
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            50.00 pc > web  client-hello eus.microsoftaik.azure.net
            50.01 web > pc  server-hello tls13
            50.02 pc > web  data
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &ATTESTATION_BLOCKED,
            "
            0.000 pc > web  client-hello www.corp.example
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }
}
