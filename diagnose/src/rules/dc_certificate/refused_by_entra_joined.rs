//! DCC-12.

use capture::CaptureTime;
use trace::{Facts, Logon, Method, TicketsOf};

use super::{domain_not_named, rejected, shown::Shown, weak, without_kdc_purpose};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    windows::{REPEATED, STRICT_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// Computers that are joined to Microsoft Entra only do not accept a domain controller's certificate that computers
    /// of the domain do accept. They check more: the purpose KDC Authentication, the domain's DNS name in the
    /// certificate, a root that they were given, and a revocation list that they can fetch over HTTP.
    ///
    /// ## How we know
    ///
    /// A client that signs in with a key got at least three tickets in one name over an hour or more and used none of
    /// them (DCC-11), and none was granted to its address in the name of a computer, so it is probably not joined to
    /// the domain. Meanwhile a client with a computer account did use tickets, and tickets of this domain controller
    /// were used. Likely where the certificate has a fault that only such computers mind (DCC-06, DCC-07, DCC-09), else
    /// possible: the client may use its tickets at a domain controller outside of the capture.
    ///
    /// ## What to do
    ///
    /// 1. On such a computer, look for events 102, 106 and 107 of Security-Kerberos (Operational), and for CAPI2.
    /// 2. Give the domain controllers a certificate of the template Kerberos Authentication (DCC-06, DCC-07).
    /// 3. Give these computers the root and issuing CA by Intune (trusted certificate profile).
    /// 4. Publish the revocation list over HTTP, and issue the certificates anew so that they name it (PKI-02).
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business, single sign-on of Entra-joined devices to on-premises resources (strict
    /// KDC validation). That a client without a computer account is not joined to the domain is our inference. Not seen
    /// in a capture.
    pub static REFUSED_BY_ENTRA_JOINED = {
        code: "DCC-12",
        title: "computers joined to Entra only refuse a certificate that others accept",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security-Kerberos 102", "Security-Kerberos 106", "Security-Kerberos 107"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let rejected = match rejected::check(logon, facts) {
        Verdict::Found(found) => found,
        other => return other,
    };
    let Ok(shown) = Shown::in_logon(logon, facts) else { return Verdict::Clear };
    if logon.method != Method::KeyTrust || facts.is_computer(logon.client) {
        return Verdict::Clear;
    }
    let Some(name) = logon.principal().map(|principal| principal.name.clone()) else { return Verdict::Clear };
    let enough = |tickets: &TicketsOf| {
        let lasted = tickets.last.since(tickets.first);
        tickets.count >= REPEATED.of(facts) && lasted >= STRICT_SECONDS.of(facts) * CaptureTime::SECOND
    };
    let Some(tickets) = facts.tickets_of(&name, logon.client).filter(enough) else {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    };
    if facts.clients_seen_from_the_start.contains(&logon.client) {
        return Verdict::Clear;
    }
    let joined = facts.computer_with_tickets();
    let (Some(joined), Some(used)) = (joined, facts.first_used(shown.kdc())) else { return Verdict::Clear };
    let strict = [without_kdc_purpose::check, domain_not_named::check, weak::check];
    let fault = strict.into_iter().find_map(|check| check(logon, facts).found()?.evidence.into_iter().next());
    let confidence = Confidence::Likely.lowered_unless(fault.is_some());
    let summary = format!(
        "{} got {} tickets and used none, while {joined}, which has a computer account, uses its own",
        logon.client, tickets.count
    );
    let mut found = Found::new(confidence, shown.subject(), summary);
    found.evidence = rejected.evidence;
    found
        .with(Evidence::new(used, "kerberos.msg_type", "11", "a ticket of this domain controller that is used"))
        .with_some(fault)
        .into()
}

#[cfg(test)]
mod tests {
    use super::REFUSED_BY_ENTRA_JOINED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const JOINED: &str = "
        0.000 pc2 > dc as-req PC2$ password
        0.010 dc > pc2 as-rep PC2$ ticket TM
        0.020 pc2 > dc as-req bob pkinit key K2
        0.030 dc > pc2 as-rep bob ticket TB pkinit no-eku
        0.040 pc2 > dc tgs-req host/pc2.corp.example ticket TB
        0.050 dc > pc2 tgs-rep host/pc2.corp.example ticket TC
    ";

    fn refused(last: u32) -> String {
        [100, 120, last, last + 20]
            .map(|at| {
                format!(
                    "
            {at}.0 pc > dc as-req alice pkinit key K1
            {at}.1 dc > pc as-rep alice ticket T{at} pkinit no-eku
        "
                )
            })
            .concat()
            + &format!("{}.0 end", last + 100)
    }

    #[test]
    fn likely_when_the_certificate_has_a_fault_that_they_mind() {
        let finding = found(&REFUSED_BY_ENTRA_JOINED, &format!("{JOINED}{}", refused(4000)));
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.packets().contains(&4), "{:?}", finding.packets());
    }

    #[test]
    fn possible_without_a_fault() {
        let script = format!("{JOINED}{}", refused(4000)).replace("no-eku", "");
        assert_eq!(found(&REFUSED_BY_ENTRA_JOINED, &script).found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_nobody_accepts_it_the_client_is_joined_or_it_is_too_early() {
        clear(&REFUSED_BY_ENTRA_JOINED, &refused(4000));
        clear(&REFUSED_BY_ENTRA_JOINED, &format!("{JOINED}{}", refused(300)));
        let machine = "50.0 pc > dc as-req PC$ password\n50.1 dc > pc as-rep PC$ ticket TN\n";
        clear(&REFUSED_BY_ENTRA_JOINED, &format!("{JOINED}{machine}{}", refused(4000)));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&REFUSED_BY_ENTRA_JOINED, "0.0 pc > dc as-req alice pkinit\n1 open");
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&REFUSED_BY_ENTRA_JOINED, &format!("{JOINED}{}\n5000 dropped", refused(4000)));
    }
}
