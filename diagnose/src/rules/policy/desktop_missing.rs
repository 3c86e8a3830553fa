//! POL-10.

use trace::{Facts, Logon, Method, Reached};

use crate::{Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// Kerberos went well to the end, and yet the user does not get a desktop, or gets one without access to anything.
    /// What is wrong is on the computer: the service of smart cards, the key isolation, the credential provider,
    /// Credential Guard, or a policy that forbids NTLM to something that needs it.
    ///
    /// ## How we know
    ///
    /// Not from packets: after the ticket for the computer itself, nothing on the network tells whether a desktop came
    /// up. So this rule never finds anything. It is here because people look for it, and it says of a complete sign-in
    /// that the capture cannot show more.
    ///
    /// ## What to do
    ///
    /// 1. On the computer, see that these services run: `Get-Service SCardSvr,KeyIso,NgcSvc,NgcCtnrSvc`.
    /// 2. Look for errors in the logs Microsoft-Windows-HelloForBusiness and User Device Registration, and for NTLM
    ///    that is blocked in Microsoft-Windows-NTLM.
    /// 3. See whether Credential Guard runs (`msinfo32`), and whether the ticket is there: `klist`.
    ///
    /// ## Sources
    ///
    /// Reports of administrators (smart card service missing). No capture can show it.
    pub static DESKTOP_MISSING = {
        code: "POL-10",
        title: "the sign-in is complete on the network, and the fault is on the computer",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    if logon.method != Method::KeyTrust {
        return Verdict::Clear;
    }
    match logon.reached() {
        Reached::ServiceTicket => Verdict::Unseen("whether a desktop came up is not on the network"),
        _ if facts.finished() => Verdict::Clear,
        _ => Verdict::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::DESKTOP_MISSING;
    use crate::testing::{clear, pending, unseen};

    const GRANTED: &str = "
        0.0 pc > dc as-req alice pkinit
        0.1 dc > pc as-rep alice ticket T1 pkinit
    ";

    #[test]
    fn unseen_of_a_complete_sign_in() {
        let service = "0.2 pc > dc tgs-req host/pc ticket T1\n0.3 dc > pc tgs-rep host/pc ticket T2";
        unseen(&DESKTOP_MISSING, &format!("{GRANTED}{service}"));
    }

    #[test]
    fn clear_of_one_that_is_not() {
        clear(&DESKTOP_MISSING, GRANTED);
        clear(&DESKTOP_MISSING, "0.0 pc > dc as-req alice password\n0.1 dc > pc as-rep alice ticket T1");
    }

    #[test]
    fn pending_while_it_goes_on() {
        pending(&DESKTOP_MISSING, &format!("{GRANTED}1 open"));
    }
}
