//! LOC-07.

use std::net::IpAddr;

use capture::CaptureTime;
use decode::Seen;
use trace::{Facts, Located, Logon, Method, Outcome};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::LOCATED_SECONDS};

rule! {
    /// ## What happened
    ///
    /// The domain controller says about itself that it cannot do what this sign-in needs. Either it runs no KDC at all,
    /// or it is older than Windows Server 2016: then it does not look accounts up by public key, and refuses every
    /// sign-in with a Windows Hello key that happens to come to it.
    ///
    /// ## How we know
    ///
    /// In its answers to netlogon pings the flag KDC (0x20) is missing, and this sign-in got no ticket and either came
    /// to this domain controller or followed its answer within thirty seconds; or the flag of Windows Server 2016
    /// (0x10000) is missing, a request with a self-signed certificate was sent to it and got no ticket, and it never
    /// accepted such a certificate in this capture. The domain controller says so itself: proven. A missing flag
    /// 0x10000 is only possible where flag 0x2000 (Active Directory Web Services) is missing as well, and only if it
    /// refused the request, because Samba and other implementations set other flags than Windows and may do key trust
    /// all the same.
    ///
    /// ## What to do
    ///
    /// 1. List versions: `Get-ADDomainController -Filter * | Format-Table Name,OperatingSystem,Site`.
    /// 2. Have enough domain controllers with Windows Server 2016 or later in every site whose users have Windows
    ///    Hello, and take older ones out of these sites, or retire them.
    /// 3. See that clients belong to the right site (`nltest /dsgetsite`), so that they turn to those.
    /// 4. If the flag KDC is missing, start the service: `Get-Service Kdc`, `dcdiag /test:Advertising`.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.1.2, MS-NRPC 2.2.1.2.1 (flags); MS-PKCA, product behaviour (accounts by public key from Windows
    /// Server 2016 on). Answers with and without these flags were seen in captures; not with a refused key.
    pub static INCAPABLE = {
        code: "LOC-07",
        title: "the domain controller cannot do key trust, or runs no KDC",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    if logon.outcome() == Outcome::Succeeded {
        return Verdict::Clear;
    }
    let mut asked: Vec<IpAddr> = logon.exchanges.iter().map(|exchange| exchange.kdc.address).collect();
    asked.extend(logon.attempts.iter().map(|attempt| attempt.kdc));
    asked.dedup();
    let without_kdc = asked
        .iter()
        .find_map(|kdc| located(*kdc, facts).filter(|(flags, ..)| flags & Located::KDC == 0))
        .or_else(|| answered_before(logon, facts));
    if let Some((flags, seen, kdc)) = without_kdc {
        let summary = "the domain controller says that it runs no KDC, so nobody can sign in there";
        return Found::new(Confidence::Proven, Subject::DomainController(kdc), summary)
            .with(flags_evidence(seen, flags, "flag 0x20 (KDC) is missing in the answer to a netlogon ping"))
            .into();
    }
    let mut open = false;
    for exchange in logon.pkinit_exchanges().filter(|_| logon.method == Method::KeyTrust) {
        let kdc = exchange.kdc.address;
        let Some((flags, seen, _)) = located(kdc, facts) else {
            open = true;
            continue;
        };
        let accepts = facts.domain_controllers.get(&kdc).is_some_and(trace::DomainController::accepted_self_signed);
        if flags & Located::SERVER_2016 != 0 || accepts {
            continue;
        }
        let is_windows = flags & Located::WEB_SERVICES != 0;
        // Of another implementation only a refusal speaks against it: its ticket may be what the capture missed.
        if !is_windows && exchange.error().is_none() {
            continue;
        }
        let confidence = if is_windows { Confidence::Proven } else { Confidence::Possible };
        let summary = if is_windows {
            "the domain controller is older than Windows Server 2016 and cannot take keys of Windows Hello"
        } else {
            "the domain controller does not say that it is as new as Windows Server 2016, which key trust needs"
        };
        let question = exchange.request.as_deref().map(|event| {
            let means = "a request with a key of Windows Hello is sent to it, and gets no ticket";
            Evidence::new(event.seen, "kerberos.padata_type", "16", means)
        });
        return Found::new(confidence, Subject::DomainController(kdc), summary)
            .with(flags_evidence(
                seen,
                flags,
                "flag 0x10000 (Windows Server 2016) is missing in the answer to a netlogon ping",
            ))
            .with_some(question)
            .into();
    }
    // A ping may tell it yet.
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

/// What a domain controller last said about itself: its flags, and where.
fn located(kdc: IpAddr, facts: &Facts) -> Option<(u32, Seen, IpAddr)> {
    let located = facts.domain_controllers.get(&kdc)?.located.as_ref()?;
    Some((located.flags?, located.seen?, kdc))
}

/// A domain controller without a KDC that answered the client's ping shortly before a logon which reached no KDC.
fn answered_before(logon: &Logon, facts: &Facts) -> Option<(u32, Seen, IpAddr)> {
    if logon.as_exchanges().any(|exchange| exchange.reply.is_some()) {
        return None;
    }
    let near =
        |seen: Seen| (0..=LOCATED_SECONDS.of(facts) * CaptureTime::SECOND).contains(&logon.began.at.since(seen.at));
    let pings = facts.pings.pings_of(logon.client).rev();
    let mut answers = pings.filter_map(|ping| Some((ping.answer()?, ping.server)));
    answers.find_map(|(answer, server)| {
        let flags = answer.flags.filter(|flags| near(answer.seen) && flags & Located::KDC == 0)?;
        Some((flags, answer.seen, server))
    })
}

pub(super) fn flags_evidence(seen: Seen, flags: u32, means: &str) -> Evidence {
    Evidence::new(seen, "mscldap.netlogon.flags", format!("{flags:#010x}"), means)
}

#[cfg(test)]
mod tests {
    use super::INCAPABLE;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_windows_is_too_old_for_the_key() {
        let finding = found(
            &INCAPABLE,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong flags 0x33fd
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  krb-error 62
        ",
        );
        assert_eq!(finding.packets(), [2, 3]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn only_possible_when_it_may_be_no_windows() {
        let finding = found(
            &INCAPABLE,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong flags 0x11bd
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  krb-error 62
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_what_may_be_no_windows_refused_nothing() {
        for rest in ["", "1.010 hole", "30 end"] {
            let rest = rest.replace("hole", "dc > pc hole");
            clear(
                &INCAPABLE,
                &format!(
                    "0.000 pc > dc ping\n0.001 dc > pc pong flags 0x13fd\n1.000 pc > dc as-req alice pkinit\n{rest}"
                ),
            );
        }
    }

    #[test]
    fn found_when_it_runs_no_kdc() {
        let finding = found(
            &INCAPABLE,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong flags 0x1f3dd
            1.000 pc > dc  connect refused
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_when_the_one_that_answered_runs_no_kdc_and_nobody_else_does() {
        let finding = found(
            &INCAPABLE,
            "
            0.000 pc > dc2  ping
            0.001 dc2 > pc  pong flags 0x1f3dd
            1.000 pc > dc   connect refused
        ",
        );
        assert_eq!(finding.packets(), [2]);
    }

    #[test]
    fn clear_when_it_is_new_enough() {
        clear(
            &INCAPABLE,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong flags 0x1f3fd
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn clear_when_it_accepts_such_keys_all_the_same() {
        clear(
            &INCAPABLE,
            "
            0.000 pc > dc   ping
            0.001 dc > pc   pong flags 0x11bd
            1.000 pc2 > dc  as-req bob pkinit key K2
            1.010 dc > pc2  as-rep bob ticket T1 pkinit
            2.000 pc > dc   as-req alice pkinit
            2.010 dc > pc   krb-error 62
        ",
        );
    }

    #[test]
    fn clear_of_certificates_that_another_issued() {
        clear(
            &INCAPABLE,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong flags 0x33fd
            1.000 pc > dc  as-req alice pkinit issued K1
            1.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn clear_when_the_client_got_in_elsewhere() {
        clear(
            &INCAPABLE,
            "
            0.000 pc > dc2  ping
            0.001 dc2 > pc  pong flags 0x1f3dd
            1.000 pc > dc   as-req alice pkinit
            1.010 dc > pc   as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_domain_controller_tells() {
        pending(
            &INCAPABLE,
            "
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  krb-error 62
            2.000          open
        ",
        );
    }
}
