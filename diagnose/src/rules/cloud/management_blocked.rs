//! CLD-10.

use trace::{Facts, cloud::Service};

use super::{Wanted, is_any};
use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{Role, role},
    rule::rule,
    windows::MANAGEMENT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer cannot reach Intune. If its settings come from there, the policy for Windows Hello or the root
    /// certificate that domain controllers need does not arrive.
    ///
    /// ## How we know
    ///
    /// A connection to a host under manage.microsoft.com did not come about, or its TLS handshake failed, and none
    /// succeeded within an hour. Whether the device is managed by Intune cannot be seen.
    ///
    /// ## What to do
    ///
    /// 1. See whether the device is enrolled: `dsregcmd /status`, MdmUrl.
    /// 2. Allow TCP 443 to manage.microsoft.com and all under it, without inspection where client certificates are
    ///    used.
    /// 3. Synchronise: Settings, Accounts, Access work or school, Info, Sync.
    ///
    /// ## Sources
    ///
    /// Microsoft: network endpoints for Intune. The names under manage.microsoft.com are general knowledge.
    pub static MANAGEMENT_BLOCKED = {
        code: "CLD-10",
        title: "device management cannot be reached",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["DeviceManagement-Enterprise 71", "DeviceManagement-Enterprise 404"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !matches!(role(&service.name), Some(Role::Management)) {
        return Verdict::Clear;
    }
    let wanted = Wanted { failures: is_any, seconds: MANAGEMENT_SECONDS.of(facts), confidence: Confidence::Possible };
    super::check(service, facts, wanted)
}

#[cfg(test)]
mod tests {
    use super::MANAGEMENT_BLOCKED;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &MANAGEMENT_BLOCKED,
            "
            0.000 dns > pc  a-answer r.manage.microsoft.com 10.99.0.50
            0.010 pc > web  connect refused port 443
            4000  end
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn found_when_the_handshake_is_cut_off() {
        found(
            &MANAGEMENT_BLOCKED,
            "
            0.000 pc > web  client-hello r.manage.microsoft.com
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works_later() {
        clear(
            &MANAGEMENT_BLOCKED,
            "
            0.000 pc > web  client-hello r.manage.microsoft.com
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            50.00 pc > web  client-hello r.manage.microsoft.com
            50.01 web > pc  server-hello tls13
            50.02 pc > web  data
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &MANAGEMENT_BLOCKED,
            "
            0.000 pc > web  client-hello www.corp.example
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }
}
