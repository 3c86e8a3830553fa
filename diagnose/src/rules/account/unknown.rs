//! ACC-01.

use decode::{
    Seen,
    kerberos::{ErrorCode, PrincipalName, Stage},
};
use trace::{Exchange, Facts, Fate, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{Refusal, account_of, by_what_is_missing, refusals},
    windows::ACCOUNT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller knows no account of the name the client gave. The name belongs to another domain or
    /// forest, its UPN suffix is not one of this forest, the account was renamed or deleted, or somebody mistyped it.
    /// For a sign-in with Windows Hello the usual cause is a UPN in Microsoft Entra ID that differs from the one on
    /// premises.
    ///
    /// ## How we know
    ///
    /// The domain controller answered an AS request with error 6 (KDC_ERR_C_PRINCIPAL_UNKNOWN). The finding is
    /// withdrawn when this name gets a ticket within ten minutes after, or when the client is told to ask another realm
    /// (error 68). If the capture ends before the ten minutes are over, it is one step less sure. Programs that try
    /// names, and typing errors, look the same. Requests for anonymous tickets do not count: many KDCs refuse them like
    /// this.
    ///
    /// ## What to do
    ///
    /// 1. Search the forest for the name:
    ///    `Get-ADUser -Server dc1:3268 -Filter "UserPrincipalName -eq 'alice@corp.example'"`.
    /// 2. Compare the name in the request with the user's UPN in Microsoft Entra ID and on premises
    ///    (`Get-ADUser alice -Properties UserPrincipalName`); on the client, `dsregcmd /status` shows what it uses.
    /// 3. If the suffix is missing: `Get-ADForest | Set-ADForest -UPNSuffixes @{Add='corp.example'}`.
    /// 4. If only this domain controller does not know the account, check replication:
    ///    `repadmin /showobjmeta dc1 "CN=Alice,OU=Users,DC=corp,DC=example"`, `repadmin /replsummary`.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; MS-KILE 3.3.5.6.1 (how a KDC looks a name up); Samba's tests of AS requests; captures of Samba,
    /// MIT and Windows KDCs.
    pub static ACCOUNT_UNKNOWN = {
        code: "ACC-01",
        title: "the domain does not know the account",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [6],
        statuses: [0xc000_0064],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in refusals(logon, ErrorCode::C_PRINCIPAL_UNKNOWN) {
        if refusal.exchange.stage != Stage::As || asks_for_nobody(&refusal) {
            continue;
        }
        let seen = refusal.answered;
        let known = logon
            .requested
            .as_ref()
            .is_some_and(|name| facts.granted_within(&name.name, seen.at, ACCOUNT_SECONDS.of(facts)));
        if known || logon.exchanges.iter().any(|exchange| refers_after(exchange, seen)) {
            return Verdict::Clear;
        }
        let realm = refusal.exchange.kdc_request().and_then(|request| request.realm.as_ref());
        let asked = refusal.exchange.request.as_deref().zip(realm).map(|(request, realm)| {
            Evidence::new(request.seen, "kerberos.realm", realm.to_string(), "the realm in which it was looked for")
        });
        let confidence = Confidence::Proven.lowered_unless(facts.passed(seen.at, ACCOUNT_SECONDS.of(facts)));
        let summary = "the domain controller knows no account of the name that the client gave";
        return Found::new(confidence, account_of(logon), summary)
            .with(refusal.answer("the domain controller does not know the name"))
            .with_some(refusal.status_evidence())
            .with_some(refusal.client_evidence())
            .with_some(asked)
            .into();
    }
    by_what_is_missing(logon.as_exchanges(), facts)
}

fn asks_for_nobody(refusal: &Refusal<'_>) -> bool {
    let asked = refusal.exchange.kdc_request().and_then(|request| request.cname.as_ref());
    asked.or(refusal.error.cname.as_ref()).is_some_and(PrincipalName::is_anonymous)
}

/// Whether the client was sent to another realm after that.
fn refers_after(exchange: &Exchange, seen: Seen) -> bool {
    exchange.fate() == Fate::Refused(ErrorCode::WRONG_REALM)
        && exchange.reply.as_deref().is_some_and(|reply| reply.seen > seen)
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_UNKNOWN;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_nobody_of_that_name_ever_gets_in() {
        let finding = found(
            &ACCOUNT_UNKNOWN,
            "
            0.000 pc > dc  as-req ghost pkinit
            0.004 dc > pc  krb-error 6
            700            end
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn less_sure_when_the_capture_ends_early() {
        let finding = found(
            &ACCOUNT_UNKNOWN,
            "
            0.000 pc > dc  as-req ghost
            0.004 dc > pc  krb-error 6
            60             end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_name_gets_in_elsewhere() {
        clear(
            &ACCOUNT_UNKNOWN,
            "
            0.000 pc > dc   as-req Alice
            0.004 dc > pc   krb-error 6
            90.00 pc > dc2  as-req alice pkinit
            90.01 dc2 > pc  as-rep alice ticket T1 pkinit
            700             end
        ",
        );
    }

    #[test]
    fn clear_when_a_referral_follows() {
        clear(
            &ACCOUNT_UNKNOWN,
            "
            0.000 pc > dc   as-req alice@other.example password
            0.004 dc > pc   krb-error 6
            0.010 pc > dc2  as-req alice@other.example password
            0.014 dc2 > pc  krb-error 68
            700             end
        ",
        );
    }

    #[test]
    fn clear_when_the_request_was_anonymous() {
        clear(
            &ACCOUNT_UNKNOWN,
            "
            0.000 pc > dc   as-req WELLKNOWN/ANONYMOUS pkinit anonymous
            0.004 dc > pc   krb-error 6
            700             end
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_UNKNOWN,
            "
            0.000 pc > dc  as-req ghost
            1.000          open
        ",
        );
    }

    #[test]
    fn clear_of_nobody_whose_request_is_not_there() {
        clear(
            &ACCOUNT_UNKNOWN,
            "
            0.004 dc > pc  krb-error 6 client WELLKNOWN/ANONYMOUS
            700            end
        ",
        );
    }
}
