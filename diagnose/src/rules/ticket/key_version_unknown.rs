//! TKT-05.

use decode::kerberos::{ErrorCode, Stage};
use trace::{Facts, Logon};

use super::{issuer_number, presented, version_words};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller cannot open a ticket-granting ticket, because it does not have the key with which it was
    /// sealed. The krbtgt password was just changed and has not reached it, or was changed twice and the client's
    /// ticket is older; or the ticket comes from Microsoft Entra, and the key of the AzureADKerberos object in the
    /// directory is not the one that Entra uses.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a request with a ticket-granting ticket with error 44 (KRB_AP_ERR_BADKEYVER); or
    /// with 41 (KRB_AP_ERR_MODIFIED), 31 (KRB_AP_ERR_BAD_INTEGRITY) or, as MIT KDCs do, 60 (KRB_ERR_GENERIC), and the
    /// ticket's key version shows why: its upper half names a read-only domain controller (Entra counts as one), or it
    /// differs from that of the tickets which this domain controller issues itself. The finding is withdrawn when the
    /// client gets a ticket within ten seconds: after a change of the key, clients sign in again by themselves; if the
    /// capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. If the number of a read-only domain controller is told and it is Entra's: compare `KeyVersion` and
    ///    `CloudKeyVersion` in `Get-AzureADKerberosServer -Domain corp.example -UserPrincipalName admin@corp.example
    ///    -DomainCredential (Get-Credential)`. If they differ: `Set-AzureADKerberosServer … -RotateServerKey`.
    /// 2. Otherwise see whether the krbtgt password is the same everywhere:
    ///    `repadmin /showobjmeta DC "CN=krbtgt,CN=Users,DC=corp,DC=example"` for each domain controller, and
    ///    `repadmin /replsummary`.
    /// 3. Let the user sign out and in. Change the krbtgt password twice only with more than ten hours between.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §3.2.3 and §7.5.9; MS-KILE 3.1.5.8 (key versions of read-only domain controllers); a capture of an MIT
    /// KDC whose krbtgt key was changed (60); Microsoft:
    /// passwordless security key sign-in on premises (rotation of the key of Microsoft Entra Kerberos).
    pub static KEY_VERSION_UNKNOWN = {
        code: "TKT-05",
        title: "the domain controller lacks the key with which a ticket was sealed",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["TKT-10"],
        errors: [31, 41, 44, 60],
        statuses: [],
        events: ["Security 4769"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 4] =
        [ErrorCode::BADKEYVER, ErrorCode::MODIFIED, ErrorCode::BAD_INTEGRITY, ErrorCode::GENERIC];
    let mut unseen = false;
    for refusal in CODES.iter().flat_map(|code| refusals(logon, *code)) {
        let at = refusal.answered.at;
        if refusal.exchange.stage != Stage::Tgs || adjusted(logon, facts, at) {
            continue;
        }
        let Some((ticket, request)) = presented(&refusal).zip(refusal.exchange.request.as_deref()) else {
            unseen = true;
            continue;
        };
        if !ticket.sname.as_ref().is_some_and(decode::kerberos::PrincipalName::is_krbtgt) {
            continue;
        }
        let own = facts.domain_controllers.get(&refusal.kdc()).and_then(|dc| dc.krbtgt_version);
        let own = own.filter(|(own, _)| ticket.kvno.is_some_and(|version| version != *own));
        let by_read_only = ticket.kvno.is_some_and(|version| issuer_number(version) != 0);
        if refusal.error.code != ErrorCode::BADKEYVER && !by_read_only && own.is_none() {
            continue;
        }
        let summary = if by_read_only {
            "the domain controller cannot open a ticket of Microsoft Entra or of a read-only domain controller: it has \
             another key for it"
        } else {
            "the domain controller cannot open a ticket-granting ticket: it does not have the key of that version"
        };
        let confidence = Confidence::Likely.lowered_unless(facts.passed(at, ADJUSTED_SECONDS.of(facts)));
        return Found::new(confidence, Subject::DomainController(refusal.kdc()), summary)
            .with(refusal.answer("the ticket cannot be opened with the keys that are there"))
            .with_some(ticket.kvno.map(|version| {
                let means = "the key version of the ticket that the client shows";
                Evidence::new(request.seen, "kerberos.kvno", version_words(version), means)
            }))
            .with_some(own.filter(|_| !by_read_only).map(|(version, seen)| {
                let means = "the key version of a ticket that this domain controller issued";
                Evidence::new(seen, "kerberos.kvno", version_words(version), means)
            }))
            .into();
    }
    if unseen {
        return Verdict::Unseen("the request with the ticket is not in the capture");
    }
    by_what_is_missing(logon.tgs_exchanges(), facts)
}

#[cfg(test)]
mod tests {
    use super::KEY_VERSION_UNKNOWN;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &KEY_VERSION_UNKNOWN,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 kvno 3 pkinit
            1.000 pc > dc2  tgs-req cifs/files ticket T1 kvno 3
            1.010 dc2 > pc  krb-error 44
            30    end
            ",
        );
        assert_eq!(finding.packets(), [4, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
    }

    #[test]
    fn found_for_a_partial_ticket() {
        for code in [31, 41, 44] {
            let script =
                format!("0.000 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket T9 partial\n0.010 dc > pc krb-error {code}");
            let finding = found(&KEY_VERSION_UNKNOWN, &script);
            assert_eq!(finding.found.confidence, Confidence::Possible);
            assert!(finding.found.summary.contains("Entra"));
        }
    }

    /// Refused with 41, by a domain controller that issues tickets of this version itself.
    fn modified(own: u32) -> String {
        format!(
            "
            0.000 pc2 > dc  as-req bob password
            0.010 dc > pc2  as-rep bob ticket T2 kvno {own}
            1.000 pc > dc   tgs-req cifs/files ticket T9 kvno 2
            1.010 dc > pc   krb-error 41
            30    end
            "
        )
    }

    #[test]
    fn found_when_the_key_was_changed() {
        for code in ["41", "31", "60"] {
            let script = modified(4).replace("krb-error 41", &format!("krb-error {code}"));
            assert_eq!(found(&KEY_VERSION_UNKNOWN, &script).packets(), [4, 3, 2]);
        }
    }

    #[test]
    fn clear_when_nothing_shows_that_it_is_the_version() {
        clear(&KEY_VERSION_UNKNOWN, &modified(2));
        clear(
            &KEY_VERSION_UNKNOWN,
            "0.000 pc > dc tgs-req cifs/files ticket T9 of host/pc kvno 2\n0.010 dc > pc krb-error 44",
        );
    }

    #[test]
    fn clear_when_the_client_signs_in_again() {
        let script = modified(4).replace(
            "30    end",
            "2.000 pc > dc tgs-req cifs/files ticket T9 kvno 2\n2.010 dc > pc tgs-rep cifs/files ticket T5\n30 end",
        );
        clear(&KEY_VERSION_UNKNOWN, &script);
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&KEY_VERSION_UNKNOWN, "0.010 dc > pc krb-error 44 service cifs/files");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&KEY_VERSION_UNKNOWN, "0.000 pc > dc tgs-req cifs/files ticket T9\n1.000 open");
    }
}
