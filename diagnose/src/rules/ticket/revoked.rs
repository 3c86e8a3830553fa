//! TKT-04.

use decode::kerberos::{ErrorCode, PaType, Stage};
use trace::{Facts, Logon};

use super::{issuer_number, presented, version_words};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller no longer accepts the user's ticket-granting ticket. What the ticket says of the account
    /// does not fit the account any more (it was renamed, made anew or deleted, or somebody forged the ticket); or the
    /// ticket comes from Microsoft Entra or a read-only domain controller that may not issue tickets for this user.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a TGS request with error 20 (KDC_ERR_TGT_REVOKED). Whether the ticket is one of a
    /// read-only domain controller is told by its key version, and whether it was to be exchanged for a full one by
    /// padata 161. The finding is withdrawn when the client gets a ticket within ten seconds: one that signs in again
    /// has mended it; if the capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Let the user sign out and in, so that the ticket is a new one.
    /// 2. For a ticket of Microsoft Entra: see whether the account is in a group that the AzureADKerberos object must
    ///    not replicate (`Get-ADComputer AzureADKerberos -Properties msDS-NeverRevealGroup,msDS-RevealOnDemandGroup`).
    ///    Members of Domain Admins and other protected groups are always.
    /// 3. Look at the System log of the domain controller: KDC events 35 to 38 name the account and what does not fit.
    /// 4. If the account was neither renamed nor made anew, find out how the client came by its ticket.
    ///
    /// ## Sources
    ///
    /// MS-KILE 3.3.5.7; RFC 4120 §7.5.9; Microsoft KB5008380 on CVE-2021-42287; texts of the KDC events 35 to 38.
    pub static TICKET_REVOKED = {
        code: "TKT-04",
        title: "the domain controller no longer accepts the ticket-granting ticket",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [20],
        statuses: [],
        events: ["KDC 35", "KDC 36", "KDC 37", "KDC 38", "Security 4769"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let refused = refusals(logon, ErrorCode::TGT_REVOKED)
        .find(|refusal| refusal.exchange.stage == Stage::Tgs && !adjusted(logon, facts, refusal.answered.at));
    let Some(refusal) = refused else { return by_what_is_missing(logon.tgs_exchanges(), facts) };
    let version = presented(&refusal).and_then(|ticket| ticket.kvno);
    let key_list = refusal.exchange.kdc_request().is_some_and(|request| request.has(PaType::KERB_KEY_LIST_REQ));
    let summary = if key_list {
        "the domain controller does not take the partial ticket of Microsoft Entra for this user"
    } else if version.is_some_and(|version| issuer_number(version) != 0) {
        "the domain controller does not take a ticket of a read-only domain controller, or of Microsoft Entra, for this user"
    } else {
        "the domain controller no longer accepts this user's ticket-granting ticket"
    };
    let asked = refusal.exchange.request.as_deref().map(|request| request.seen);
    Found::new(
        Confidence::Proven.lowered_unless(facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts))),
        account_of(logon),
        summary,
    )
    .with(refusal.answer("the ticket is not accepted any more"))
    .with_some(refusal.status_evidence())
    .with_some(asked.zip(version).map(|(seen, version)| {
        Evidence::new(seen, "kerberos.kvno", version_words(version), "the key version of the ticket")
    }))
    .with_some(asked.filter(|_| key_list).map(|seen| {
        Evidence::new(seen, "kerberos.padata_type", "161", "a partial ticket is to be exchanged for a full one")
    }))
    .into()
}

#[cfg(test)]
mod tests {
    use super::TICKET_REVOKED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &TICKET_REVOKED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            60.00 pc > dc  tgs-req cifs/files ticket T1
            60.01 dc > pc  krb-error 20
            90    end
            ",
        );
        assert_eq!(finding.packets(), [4, 3]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::High);
    }

    #[test]
    fn found_for_a_partial_ticket() {
        let finding = found(
            &TICKET_REVOKED,
            "0.000 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket T9 partial\n0.010 dc > pc krb-error 20",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("Entra"), "{}", finding.found.summary);
        assert_eq!(finding.found.evidence[1].value, "1 of read-only domain controller 4660");
    }

    #[test]
    fn clear_when_the_client_signs_in_again() {
        clear(
            &TICKET_REVOKED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            60.00 pc > dc  tgs-req cifs/files ticket T1
            60.01 dc > pc  krb-error 20
            61.00 pc > dc  as-req alice pkinit
            61.01 dc > pc  as-rep alice ticket T2 pkinit
            90    end
            ",
        );
    }

    #[test]
    fn clear_for_a_service_in_another_name() {
        clear(&TICKET_REVOKED, "0.000 pc > dc tgs-req host/pc ticket T9 for-user\n0.010 dc > pc krb-error 20");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&TICKET_REVOKED, "0.000 pc > dc tgs-req cifs/files ticket T9\n1.000 open");
    }
}
