//! LOC-10.

use decode::kerberos::PaType;
use trace::{Facts, Logon};

use super::incapable::flags_evidence;
use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// A computer with cloud Kerberos trust asked a domain controller for the keys of a user, which this one cannot
    /// give: it is read-only, or lacks the update that brought this.
    ///
    /// ## How we know
    ///
    /// A TGS-REQ with KERB-KEY-LIST-REQ (type 161) was sent to a domain controller whose last answer to a netlogon ping
    /// has the flag 0x800 (read-only), or lacks 0x20000 (it knows key lists) and which granted no ticket. It says so
    /// itself. The answer may be older than an update that was installed since.
    ///
    /// ## What to do
    ///
    /// 1. Install current updates on the domain controllers: Windows Server 2016 needs KB4534307, Windows Server 2019
    ///    KB4534321, or any later cumulative update.
    /// 2. See that each site with such computers has a writable domain controller: `Get-ADDomainController -Filter * |
    ///    Format-Table Name,Site,IsReadOnly,OperatingSystem`.
    /// 3. See what a computer finds: `nltest /dsgetdc:corp.example /keylist /kdc /force`.
    ///
    /// ## Sources
    ///
    /// MS-KILE 2.2.11 (KERB-KEY-LIST-REQ); MS-NRPC 2.2.1.2.1 (flag T); Microsoft: cloud Kerberos trust deployment. Not
    /// seen in a capture.
    pub static WITHOUT_KEY_LIST = {
        code: "LOC-10",
        title: "the domain controller cannot serve cloud Kerberos trust",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["TKT-10"],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

/// It answers KERB-KEY-LIST-REQ, MS-NRPC 2.2.1.2.1.
const KEY_LIST: u32 = 0x2_0000;
/// DS_SELECT_SECRET_DOMAIN_6_FLAG: read-only, MS-ADTS 6.3.1.2.
const READ_ONLY: u32 = 0x800;

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut unknown = false;
    for exchange in logon.tgs_exchanges() {
        let asks = exchange.kdc_request().is_some_and(|request| request.has(PaType::KERB_KEY_LIST_REQ));
        let Some(request) = exchange.request.as_deref().filter(|_| asks) else { continue };
        let kdc = exchange.kdc.address;
        let located = facts.domain_controllers.get(&kdc).and_then(|dc| dc.located.as_ref());
        let Some((flags, seen)) = located.and_then(|located| Some((located.flags?, located.seen?))) else {
            unknown = true;
            continue;
        };
        let (summary, means) = if flags & READ_ONLY != 0 {
            (
                "a read-only domain controller is asked for keys of a user of cloud Kerberos trust",
                "flag 0x800 says that it is read-only",
            )
        } else if flags & KEY_LIST == 0 && exchange.granted().is_none() {
            (
                "a domain controller without the update for cloud Kerberos trust is asked for keys of a user",
                "flag 0x20000 (key list) is missing in the answer to a netlogon ping",
            )
        } else {
            continue;
        };
        let answer = exchange.error().zip(exchange.reply.as_deref()).map(|(error, event)| {
            Evidence::new(event.seen, "kerberos.error_code", error.code.to_string(), "it refuses")
        });
        return Found::new(Confidence::Proven, Subject::DomainController(kdc), summary)
            .with(flags_evidence(seen, flags, means))
            .with(Evidence::new(request.seen, "kerberos.padata_type", "161", "a key list is asked for"))
            .with_some(answer)
            .into();
    }
    if unknown {
        return Verdict::Unseen("the capture does not show what the domain controller says about itself");
    }
    Verdict::Clear
}

#[cfg(test)]
mod tests {
    use super::WITHOUT_KEY_LIST;
    use crate::{
        Confidence,
        testing::{clear, found, unseen},
    };

    fn asked(flags: &str, answer: &str) -> String {
        format!(
            "
            0.0 pc > dc ping domain corp.example
            0.1 dc > pc pong flags {flags}
            1.0 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket TC partial
            1.1 dc > pc {answer}
            "
        )
    }

    #[test]
    fn found_without_the_update_and_when_read_only() {
        for flags in ["1f3fd", "3fbfd"] {
            let finding = found(&WITHOUT_KEY_LIST, &asked(flags, "krb-error 13"));
            assert_eq!((finding.packets(), finding.found.confidence), (vec![2, 3, 4], Confidence::Proven), "{flags}");
        }
    }

    #[test]
    fn clear_when_it_can_or_does() {
        clear(&WITHOUT_KEY_LIST, &asked("3f3fd", "krb-error 13"));
        clear(&WITHOUT_KEY_LIST, &asked("1f3fd", "tgs-rep krbtgt/CORP.EXAMPLE ticket TD"));
        clear(&WITHOUT_KEY_LIST, &asked("1f3fd", "krb-error 13").replace("partial", ""));
    }

    #[test]
    fn unseen_without_its_flags() {
        unseen(&WITHOUT_KEY_LIST, "1.0 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket TC partial");
    }
}
