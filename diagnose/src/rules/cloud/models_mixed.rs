//! CLD-07.

use std::net::IpAddr;

use trace::Facts;

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// One client signs in both with a key (key trust) and with a ticket of Microsoft Entra (cloud Kerberos trust). The
    /// two have other prerequisites and fail for other reasons, so it should be one of them. Key trust by accident is
    /// common: it is what Windows does where no policy says otherwise.
    ///
    /// ## How we know
    ///
    /// From one address came an AS-REQ with a self-signed certificate, and a TGS-REQ with a partial ticket (padata 161,
    /// the key version of a read-only domain controller). Several users on one computer, a roll-out that is under way,
    /// or a gateway behind which many clients share an address look alike. The model that is wanted is not known to
    /// this program.
    ///
    /// ## What to do
    ///
    /// 1. Decide for one model. See what the computer is told: `gpresult /h report.html`, and the policy for Windows
    ///    Hello in Intune.
    /// 2. For cloud trust, set `Use cloud Kerberos trust for on-premises authentication` on all computers, and leave
    ///    the policy for certificates unset.
    /// 3. For key trust, unset it everywhere.
    ///
    /// ## Sources
    ///
    /// Microsoft: cloud Kerberos trust, enrolment (which policy comes first); MS-KILE 3.1.5.8.
    pub static MODELS_MIXED = {
        code: "CLD-07",
        title: "key trust and cloud Kerberos trust are mixed",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["HelloForBusiness 5205"],
        check: Scope::Device(check),
    };
}

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let Some(&(Some(key), Some(cloud))) = facts.models.get(&client) else { return Verdict::Clear };
    let summary = "one client signs in with a key and with a ticket of Microsoft Entra";
    Found::new(Confidence::Likely, Subject::Device(client), summary)
        .with(Evidence::new(key, "kerberos.padata_type", "16", "an AS-REQ with a self-signed certificate: key trust"))
        .with(Evidence::new(cloud, "kerberos.padata_type", "161", "a TGS-REQ with a ticket of Microsoft Entra"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::MODELS_MIXED;
    use crate::testing::{clear, found};

    #[test]
    fn found_when_one_client_does_both() {
        let finding = found(
            &MODELS_MIXED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            9.000 pc > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T9 partial
            9.010 dc > pc  tgs-rep krbtgt/CORP.EXAMPLE ticket T2
        ",
        );
        assert_eq!(finding.packets(), [1, 3]);
    }

    #[test]
    fn clear_when_two_clients_differ() {
        clear(
            &MODELS_MIXED,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit
            9.000 pc2 > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T9 partial
            9.010 dc > pc2  tgs-rep krbtgt/CORP.EXAMPLE ticket T2
        ",
        );
    }

    #[test]
    fn clear_when_the_certificate_is_issued() {
        clear(
            &MODELS_MIXED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            9.000 pc > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T9 partial
        ",
        );
    }
}
