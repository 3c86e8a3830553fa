//! DCC-11.

use trace::{Facts, Logon, Method};

use super::{
    domain_not_named,
    retries::{Password, other_tickets, password_after},
    shown::Shown,
    weak, without_kdc_purpose,
};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::{REPEATED, TICKET_USE_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller granted the sign-in, and the client stopped there and tried again. Most likely it
    /// does not accept the domain controller's certificate: it does not trust the issuer, cannot check whether
    /// the certificate is revoked, or misses a purpose or a name in it. The client never tells the network. The
    /// user reads a general failure.
    ///
    /// ## How we know
    ///
    /// The reply with the ticket is in the capture, and for half a minute after it no request that uses the
    /// ticket; and the same client asked again with the key for the same user, at least a second and at most a
    /// minute apart, without using any ticket, or a password was used there within five minutes. A ticket that
    /// is not used says nothing by itself. It is likely when that happened three times, or the certificate has a
    /// fault that clients mind, and possible otherwise: the ticket may be used at a domain controller outside of
    /// the capture, the user may have cancelled, a test tool may want the ticket only. In a capture of one
    /// direction, or with packets missing, the question stays open.
    ///
    /// ## What to do
    ///
    /// 1. On the client, read the reason: in the log System events 9, 19 and 20 of Security-Kerberos, in the log
    ///    Security-Kerberos/Operational events 102, 106 and 107. Switch on the log CAPI2 and sign in again.
    /// 2. Save the domain controller's certificate (`certutil -store my` there) as dc.cer, and check it on the
    ///    client: `certutil -verify -urlfetch dc.cer`.
    /// 3. If the root is missing on the client, give it: `certutil -dspublish -f root.cer RootCA` for computers
    ///    of the domain, a trusted certificate profile in Intune for others.
    /// 4. If the revocation list cannot be fetched, publish it over HTTP where clients reach it without signing
    ///    in; computers joined to Entra only cannot use LDAP for it.
    /// 5. If purpose or names are missing, enrol the domain controller from the template Kerberos
    ///    Authentication: `certutil -pulse`.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2; RFC 4556 §3.2.4; Microsoft: Windows Hello for Business known deployment issues (the
    /// client that places no TGS_REQ); texts of client events 9, 19, 20, 102, 106 and 107. Half a minute: in
    /// public captures tickets were used within a second. Not seen in a capture.
    pub static CERTIFICATE_REJECTED = {
        code: "DCC-11",
        title: "the client probably rejects the domain controller's certificate",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["TKT-09"],
        errors: [],
        statuses: [],
        events: [
            "System 9",
            "System 19",
            "System 20",
            "Kerberos client 102",
            "Kerberos client 106",
            "Kerberos client 107",
            "CAPI2 11",
            "CAPI2 30",
            "CAPI2 41",
        ],
        check: Scope::Logon(check),
    };
}

pub(crate) fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    // What did not arrive cannot be used.
    if shown.exchange.lacks_reply() {
        return Verdict::Clear;
    }
    if logon.went_on() || logon.method == Method::Anonymous || logon.requested.is_none() {
        return Verdict::Clear;
    }
    let at = shown.seen.at;
    let others = other_tickets(logon, facts, at, true);
    // Of two tickets of one user the client may use the other.
    let retried = !others.is_empty() && !facts.clients_seen_from_the_start.contains(&logon.client);
    let password = password_after(logon, facts, at);
    if !retried && password.is_none() {
        let open = !facts.finished() && !facts.passed(at, TICKET_USE_SECONDS.of(facts));
        return if open { Verdict::Pending } else { Verdict::Clear };
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.is_lossy() || facts.visibility.kerberos_cut() > 0 {
        return Verdict::Unseen(LOSSY);
    }
    if !facts.passed(at, TICKET_USE_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let fault = fault_of(logon, facts);
    let repeated = retried && others.len() + 1 >= REPEATED.of(facts);
    let confidence = Confidence::Likely.lowered_unless(repeated || fault.is_some());
    let then = if retried { "asked for another" } else { "used a password instead" };
    let summary = format!(
        "the client was granted a ticket, did not use it and {then}: it probably does not accept the domain \
         controller's certificate"
    );
    let seconds = TICKET_USE_SECONDS.of(facts);
    let means = format!("the ticket that {} does not use within {seconds} seconds", logon.client);
    let mut found =
        Found::new(confidence, shown.subject(), summary).with(shown.field("kerberos.msg_type", "11", &means));
    if retried {
        for other in others {
            found = found.with(Evidence::new(other, "kerberos.msg_type", "11", "another ticket for the same user"));
        }
    }
    let refused = password.and_then(|password| match password {
        Password::Refused(seen) => Some(Evidence::new(seen, "kerberos.error_code", "24", "a wrong password")),
        Password::Accepted => None,
    });
    found.with_some(refused).with_some(fault).with(shown.which()).into()
}

/// A fault of the certificate for which some clients refuse it, as evidence. Those for which all do are findings of
/// their own that take this one's place.
fn fault_of(logon: &Logon, facts: &Facts) -> Option<Evidence> {
    [without_kdc_purpose::check, domain_not_named::check, weak::check].into_iter().find_map(|check| {
        let found = check(logon, facts).found()?;
        // A certificate that names the KDC in another way is one that clients may like.
        let counts = found.severity.is_none_or(|severity| severity >= Severity::High);
        counts.then(|| found.evidence.into_iter().next()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_REJECTED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_client_asks_again() {
        let finding = found(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit
            60    end
        ",
        );
        assert_eq!(finding.packets(), [2, 4, 2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn likely_when_it_asks_three_times() {
        let finding = found(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            10.00 pc > dc  as-req alice pkinit
            10.01 dc > pc  as-rep alice ticket T2 pkinit
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T3 pkinit
            60    end
        ",
        );
        assert_eq!(finding.packets(), [2, 4, 6, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn likely_when_the_certificate_has_a_fault() {
        let finding = found(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit no-eku
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit no-eku
            60    end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.evidence.iter().any(|evidence| evidence.field == "x509ce.KeyPurposeId"));
    }

    #[test]
    fn clear_when_the_reply_does_not_arrive() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            2.100 dc > pc  unacknowledged
            20.00 pc > dc  as-req alice pkinit flow 2
            20.01 dc > pc  as-rep alice ticket T2 pkinit flow 2
            22.10 dc > pc  unacknowledged flow 2
            60    end
        ",
        );
    }

    #[test]
    fn clear_when_it_was_about_to_use_the_ticket() {
        for attempt in ["connect refused", "connect unanswered syns 4", "connect open lost 2896 to-server"] {
            clear(
                &CERTIFICATE_REJECTED,
                &format!(
                    "
                    0.000 pc > dc  as-req alice pkinit
                    0.010 dc > pc  as-rep alice ticket T1 pkinit
                    0.020 pc > dc  {attempt} flow 2
                    50.00 pc > dc  as-req alice password flow 3
                    50.01 dc > pc  as-rep alice ticket T2 flow 3
                    50.02 pc > dc  tgs-req host/pc.corp.example ticket T2 flow 4
                    50.03 dc > pc  tgs-rep host/pc.corp.example ticket T3 flow 4
                "
                ),
            );
        }
    }

    #[test]
    fn found_when_a_password_follows() {
        let finding = found(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            50.00 pc > dc  as-req alice password
            50.01 dc > pc  as-rep alice ticket T2
            50.02 pc > dc  tgs-req host/pc.corp.example ticket T2
            50.03 dc > pc  tgs-rep host/pc.corp.example ticket T3
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_the_ticket_is_not_used_and_that_is_all() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit no-eku
            600   end
        ",
        );
    }

    #[test]
    fn clear_when_the_ticket_is_used_late() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit
            40.00 pc > dc2 tgs-req host/pc.corp.example ticket T1
            40.01 dc2 > pc tgs-rep host/pc.corp.example ticket T3
            60    end
        ",
        );
    }

    #[test]
    fn clear_when_the_other_ticket_is_used() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            2.000 pc > dc  as-req alice pkinit
            2.010 dc > pc  as-rep alice ticket T2 pkinit
            2.020 pc > dc  tgs-req host/pc.corp.example ticket T2
            2.030 dc > pc  tgs-rep host/pc.corp.example ticket T3
            60    end
        ",
        );
    }

    #[test]
    fn clear_when_two_tickets_are_asked_for_at_once() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            0.020 pc > dc  as-req alice pkinit
            0.030 dc > pc  as-rep alice ticket T2 pkinit
            60    end
        ",
        );
    }

    #[test]
    fn clear_when_another_client_or_user_asks() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            20.00 pc2 > dc as-req alice pkinit
            20.01 dc > pc2 as-rep alice ticket T2 pkinit
            30.00 pc > dc  as-req bob pkinit
            30.01 dc > pc  as-rep bob ticket T3 pkinit
            90    end
        ",
        );
    }

    #[test]
    fn clear_when_the_capture_ends_too_soon() {
        clear(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit
            25    end
        ",
        );
    }

    #[test]
    fn pending_while_the_ticket_may_be_used() {
        pending(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit
            25    open
        ",
        );
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit
            21.00          dropped
            60    end
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &CERTIFICATE_REJECTED,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
