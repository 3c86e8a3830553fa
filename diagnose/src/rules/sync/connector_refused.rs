//! SYN-03.

use std::net::IpAddr;

use decode::kerberos::ErrorCode;
use trace::{Facts, Reason, RefusedBind, SYNC_ACCOUNT};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::CONNECTOR_SECONDS};

rule! {
    /// ## What happened
    ///
    /// The account with which Entra Connect works in Active Directory was refused: its password is wrong or has
    /// expired, or it is disabled or locked. So no key is written, and nothing else is synchronised.
    ///
    /// ## How we know
    ///
    /// A request for a ticket in the name `MSOL_…` was answered with error 6, 18, 23 or 24; or an LDAP bind of a client
    /// that is known to synchronise was answered with result 49, whose text has the error of Windows (`data 532`: the
    /// password has expired). The domain controller says so itself. It is withdrawn if the client gets in within ten
    /// minutes.
    ///
    /// ## What to do
    ///
    /// 1. See what is wrong with the account: `Get-ADUser MSOL_… -Properties LockedOut,PasswordExpired,Enabled`.
    /// 2. Unlock or enable it: `Unlock-ADAccount`, `Enable-ADAccount`.
    /// 3. If its password was changed, enter the new one on the Entra Connect server, in the Synchronization Service
    ///    Manager, under the properties of the connector for Active Directory; then
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`.
    ///
    /// ## Sources
    ///
    /// RFC 4511 appendix A.2 (result 49); RFC 4120 §7.5.9; the texts of Windows for failed binds. Not seen in a
    /// capture.
    pub static CONNECTOR_REFUSED = {
        code: "SYN-03",
        title: "the account of Entra Connect is refused at the directory",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["ADSync 6126", "Security 4771"],
        check: Scope::Device(check),
    };
}

/// Errors of a KDC that speak of the account or its password: 6, 18, 23, 24.
const ABOUT_THE_ACCOUNT: [ErrorCode; 4] =
    [ErrorCode::C_PRINCIPAL_UNKNOWN, ErrorCode(18), ErrorCode(23), ErrorCode::PREAUTH_FAILED];

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let refused = facts.refused_binds.of(client);
    if refused.is_empty() {
        return Verdict::Clear;
    }
    let synchronises = facts.synchronisers().contains(&client)
        || facts.ntlm.keys().any(|(address, account)| *address == client && account.starts_with(SYNC_ACCOUNT));
    let counts = |refused: &&RefusedBind| match refused.reason {
        Reason::Credentials(_) => synchronises,
        Reason::Kerberos(code) => ABOUT_THE_ACCOUNT.contains(&code),
    };
    for refused in refused.iter().filter(counts) {
        let at = refused.seen.at;
        let accounts = facts.granted.range(SYNC_ACCOUNT.to_owned()..);
        let accounts = accounts.take_while(|(name, _)| name.starts_with(SYNC_ACCOUNT));
        let mut granted =
            accounts.flat_map(|(name, _)| facts.granted_to(name, client, at, (0, CONNECTOR_SECONDS.of(facts))));
        if granted.next().is_some() || facts.refused_binds.let_in_after(client, at, CONNECTOR_SECONDS.of(facts)) {
            continue;
        }
        let is_over = facts.passed(at, CONNECTOR_SECONDS.of(facts));
        if !is_over && !facts.finished() {
            return Verdict::Pending;
        }
        let (field, value, why) = match refused.reason {
            Reason::Credentials(data) => {
                let value = data.map_or_else(|| "49".to_owned(), |data| format!("49, data {data:x}"));
                ("ldap.resultCode", value, words(data.unwrap_or(0)))
            }
            Reason::Kerberos(code) => {
                ("kerberos.error_code", code.to_string(), code.meaning().unwrap_or("it is refused"))
            }
        };
        let summary = format!("{client}, which synchronises, is refused by {}: {why}", refused.server);
        return Found::new(Confidence::Proven.lowered_unless(is_over), Subject::Device(client), summary)
            .with(Evidence::new(refused.seen, field, value, why))
            .into();
    }
    Verdict::Clear
}

/// Errors of Windows in the text of result 49.
fn words(data: u32) -> &'static str {
    match data {
        0x525 => "there is no such account",
        0x52e => "the password is wrong",
        0x52f => "the account is restricted",
        0x530 => "it may not sign in at this hour",
        0x531 => "it may not sign in from this computer",
        0x532 => "the password has expired",
        0x533 => "the account is disabled",
        0x701 => "the account has expired",
        0x773 => "the password must be changed",
        0x775 => "the account is locked",
        _ => "its name or password is not accepted",
    }
}

#[cfg(test)]
mod tests {
    use super::CONNECTOR_REFUSED;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    const KNOWN: &str = "
        0.0 pc3 > dc as-req MSOL_0a password
        0.1 dc > pc3 as-rep MSOL_0a ticket T1
    ";
    const REFUSED: &str = "
        2000.0 pc3 > dc bind simple MSOL_0a@corp.example
        2000.1 dc > pc3 bind-result 49 data 532
    ";

    #[test]
    fn found_when_its_ticket_is_refused() {
        for code in [6, 18, 23, 24] {
            let script = format!("0.0 pc3 > dc as-req MSOL_0a password\n0.1 dc > pc3 krb-error {code}\n900 end");
            let finding = found(&CONNECTOR_REFUSED, &script);
            assert_eq!((finding.packets(), finding.found.confidence), (vec![2], Confidence::Proven), "{code}");
        }
    }

    #[test]
    fn found_when_its_bind_is_refused() {
        let finding = found(&CONNECTOR_REFUSED, &format!("{KNOWN}{REFUSED}2700 end"));
        assert_eq!(finding.packets(), [4]);
        assert!(finding.found.summary.ends_with("the password has expired"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_gets_in_or_is_somebody_else() {
        let again = "2060.0 pc3 > dc bind simple MSOL_0a@corp.example flow 2\n2060.1 dc > pc3 bind-result 0 flow 2\n";
        clear(&CONNECTOR_REFUSED, &format!("{KNOWN}{REFUSED}{again}2700 end"));
        clear(&CONNECTOR_REFUSED, REFUSED);
        clear(&CONNECTOR_REFUSED, "0.0 pc3 > dc as-req MSOL_0a\n0.1 dc > pc3 krb-error 25\n900 end");
    }

    #[test]
    fn pending_while_it_may_get_in() {
        pending(&CONNECTOR_REFUSED, &format!("{KNOWN}{REFUSED}2010 open"));
    }
}
