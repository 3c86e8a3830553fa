//! NET-07.

use std::net::IpAddr;

use capture::CaptureTime;
use trace::{Class, Facts, Lookup};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    endpoints::{Role, role},
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::ENDPOINT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The computer signs in to Microsoft Entra and looks for a domain controller in vain: it is outside, without VPN.
    /// A sign-in from the cache works; the first use of a new key needs a domain controller, as does everything on
    /// site.
    ///
    /// ## How we know
    ///
    /// A handshake with a sign-in host succeeded, within a minute of it the client asked DNS for domain controllers, no
    /// answer named one, and the client sent nothing to a KDC in the whole capture. That is no fault where the key was
    /// used before.
    ///
    /// ## What to do
    ///
    /// 1. For the first use of a key, have VPN connect before the sign-in (a device tunnel), or sign in on site once.
    /// 2. Or go over to cloud Kerberos trust, which hybrid-joined computers also begin on site.
    ///
    /// ## Sources
    ///
    /// Microsoft: how Windows Hello for Business authentication works.
    pub static ONLY_THE_CLOUD = {
        code: "NET-07",
        title: "the computer reaches the cloud and no domain controller",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["HelloForBusiness 7001", "Kerberos client 200"],
        check: Scope::Device(check),
    };
}

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    if facts.kerberos_of.contains_key(&client) {
        return Verdict::Clear;
    }
    let mut lookups = facts.locator.lookups_of(client);
    let named = |lookup: &Lookup| lookup.answer().is_some_and(|answer| answer.services > 0);
    if lookups.any(|lookup| named(lookup) || lookup.hidden) {
        return Verdict::Clear;
    }
    let mut worked = facts
        .cloud
        .services_of(client)
        .filter(|service| role(&service.name) == Some(Role::Login))
        .filter_map(|service| service.worked.map(|tally| (service, tally)));
    let near = |one: CaptureTime, other: CaptureTime| {
        one.since(other).abs() <= ENDPOINT_SECONDS.of(facts) * CaptureTime::SECOND
    };
    let found = worked.find_map(|(service, tally)| {
        let mut lookups = facts.locator.lookups_of(client);
        let lookup = lookups.find_map(|lookup| {
            let asked = lookup.last_asked();
            (near(asked.at, tally.first.at) || near(asked.at, tally.last.at)).then_some((lookup, asked))
        })?;
        Some((service, tally, lookup))
    });
    let Some((service, tally, (lookup, asked))) = found else { return Verdict::Clear };
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.misses(&[Class::Kerberos, Class::Locating, Class::Ldap]) {
        return Verdict::Unseen(LOSSY);
    }
    if !facts.passed(asked.at.max(tally.first.at), ENDPOINT_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let summary = "the computer reaches Microsoft Entra, and no domain controller";
    let means = format!("{client} asks for a domain controller, and no answer names one");
    Found::new(Confidence::Possible, Subject::Device(client), summary)
        .with(Evidence::new(asked, "dns.qry.name", lookup.name().to_string(), means))
        .with(Evidence::new(tally.first, "tls.handshake.extensions_server_name", service.name.as_str(), "it works"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::ONLY_THE_CLOUD;
    use crate::testing::{clear, found, pending};

    const CLOUD: &str = "
            0.000 pc > web  client-hello login.microsoftonline.com
            0.010 web > pc  server-hello tls13
            0.020 pc > web  data
        ";

    #[test]
    fn found_when_no_domain_controller_is_named() {
        let script = format!(
            "{CLOUD}
            1.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            1.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            90  end"
        );
        assert_eq!(found(&ONLY_THE_CLOUD, &script).packets(), [4, 3]);
    }

    #[test]
    fn clear_when_a_domain_controller_is_named_or_asked() {
        for more in [
            "1.010 dns > pc srv-answer _ldap._tcp.dc._msdcs.corp.example found",
            "1.010 dns > pc srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain\n2.000 pc > dc as-req alice",
        ] {
            let script = format!("{CLOUD}\n1.000 pc > dns srv _ldap._tcp.dc._msdcs.corp.example\n{more}\n90 end");
            clear(&ONLY_THE_CLOUD, &script);
        }
    }

    #[test]
    fn clear_when_the_cloud_is_not_reached_either() {
        clear(
            &ONLY_THE_CLOUD,
            "
            1.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            1.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            90  end
        ",
        );
    }

    #[test]
    fn pending_while_it_may_find_one() {
        let script = format!(
            "{CLOUD}
            1.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            1.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            5  open"
        );
        pending(&ONLY_THE_CLOUD, &script);
    }
}
