//! ACC-10.

use decode::kerberos::ErrorCode;
use trace::{Exchange, Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{ONE_SIDED, Refusal, account_of, by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller says that the user belongs to another domain or forest, and names it. The client did not
    /// go on to ask there: it does not follow, or does not find or reach a domain controller of that domain.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 68 (KDC_ERR_WRONG_REALM), and for ten seconds no request of this
    /// client for the same name goes to another realm, nor does it get a ticket. That answer alone is the normal way to
    /// a user of another domain. A capture at one domain controller does not show what the client asks others; where
    /// the capture has none of the client's DNS questions, as one at the client has, the finding is possible only.
    ///
    /// ## What to do
    ///
    /// 1. On the client, look for a domain controller of the domain named: `nltest /dsgetdc:other.example /force`.
    /// 2. If there is none, mend what keeps it away: DNS (conditional forwarders), routes and firewalls, port 88.
    /// 3. See that the name's suffix leads to the right forest: Active Directory Domains and Trusts, the trust's
    ///    properties, Name Suffix Routing; `netdom trust corp.example /domain:other.example /verify`.
    ///
    /// ## Sources
    ///
    /// RFC 6806 §7; MS-KILE 3.3.5.6.1.
    pub static OF_ANOTHER_DOMAIN = {
        code: "ACC-10",
        title: "the user belongs to another domain, and the client does not ask there",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [68],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let referred = refusals(logon, ErrorCode::WRONG_REALM).last();
    let Some(refusal) = referred else { return by_what_is_missing(logon.as_exchanges(), facts) };
    let at = refusal.answered.at;
    if follows(logon, &refusal) || logon.issued().is_some() || adjusted(logon, facts, at) {
        return Verdict::Clear;
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if !facts.passed(at, ADJUSTED_SECONDS.of(facts)) {
        return if facts.finished() {
            Verdict::Unseen("the capture ends before the client could ask the other domain")
        } else {
            Verdict::Pending
        };
    }
    let realm = refusal.error.crealm.as_ref().filter(|realm| !realm.is_empty()).map(ToString::to_string);
    let whose = realm.as_ref().map_or_else(|| "another domain".to_owned(), |realm| format!("the domain {realm}"));
    let looked_up = facts.locator.lookups_of(logon.client).next().is_some();
    let confidence = if looked_up { Confidence::Likely } else { Confidence::Possible };
    let summary = format!("the user belongs to {whose}, and the client does not go on to ask there");
    Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("ask another domain, says the domain controller"))
        .with_some(realm.map(|realm| Evidence::new(refusal.answered, "kerberos.crealm", realm, "the domain to ask")))
        .with_some(refusal.client_evidence())
        .into()
}

/// Whether the client asks in another realm after that.
fn follows(logon: &Logon, refusal: &Refusal<'_>) -> bool {
    let realm = |exchange: &Exchange| Some(exchange.kdc_request()?.realm.as_ref()?.to_unicode().to_lowercase());
    let before = realm(refusal.exchange);
    logon
        .as_exchanges()
        .any(|exchange| exchange.began().is_some_and(|began| began > refusal.answered) && realm(exchange) != before)
}

#[cfg(test)]
mod tests {
    use super::OF_ANOTHER_DOMAIN;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    const REFERRED: &str = "
        0.000 pc > dc  as-req alice@other.example
        0.010 dc > pc  krb-error 68 client-realm OTHER.EXAMPLE
    ";

    #[test]
    fn found_when_the_client_does_not_follow() {
        let finding = found(&OF_ANOTHER_DOMAIN, &format!("{REFERRED}\n 30 end"));
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
        assert_eq!(finding.severity(), Severity::Medium);
        assert!(finding.found.summary.contains("OTHER.EXAMPLE"));
    }

    #[test]
    fn likely_where_the_capture_would_show_it() {
        let script = format!(
            "
            0.000 pc > dns srv _kerberos._tcp.corp.example
            0.000 dns > pc srv-answer _kerberos._tcp.corp.example found
            {REFERRED}
            1.000 pc > dns srv _kerberos._tcp.other.example id 2
            1.010 dns > pc srv-answer _kerberos._tcp.other.example nxdomain id 2
            30 end
            "
        );
        assert_eq!(found(&OF_ANOTHER_DOMAIN, &script).found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_it_asks_there() {
        clear(
            &OF_ANOTHER_DOMAIN,
            &format!("{REFERRED}\n 1.000 pc > dc2 as-req alice@other.example realm OTHER.EXAMPLE\n 30 end"),
        );
    }

    #[test]
    fn pending_and_unseen_while_it_may_still_ask() {
        pending(&OF_ANOTHER_DOMAIN, &format!("{REFERRED}\n 5.000 open"));
        unseen(&OF_ANOTHER_DOMAIN, &format!("{REFERRED}\n 5.000 end"));
    }
}
