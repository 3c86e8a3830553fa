//! DCC-01.

use decode::kerberos::{ErrorCode, ErrorData, PaType};
use trace::{Exchange, Facts, Logon};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::DC_WORKS_SECONDS};

rule! {
    /// ## What happened
    ///
    /// A client offered its key, and the domain controller cannot take part: it has no certificate that is good for
    /// PKINIT, so it has nothing to prove itself with. Every user of Windows Hello, smart cards or certificate trust
    /// fails at this domain controller.
    ///
    /// ## How we know
    ///
    /// A Windows KDC answers such a request with error 16 (KDC_ERR_PADATA_TYPE_NOSUPP). An MIT KDC asks for
    /// pre-authentication again (25) and leaves PKINIT (16) out of the list of what it takes. The finding is withdrawn
    /// when the same domain controller granted PKINIT to anyone within ten minutes before or after. That a
    /// domain controller lists PKINIT in error 25 proves nothing: those without a certificate do, too.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, see what it has: `certutil -dcinfo verify` and `certutil -store my`. Look for a
    ///    certificate with the purpose KDC Authentication (1.3.6.1.5.2.3.5) and a private key.
    /// 2. Publish the certificate template Kerberos Authentication, give Domain Controllers the rights Enroll and
    ///    Autoenroll, and run `certutil -pulse` on the domain controller.
    /// 3. Check that the issuing CA is in NTAuth (`certutil -viewstore -enterprise NTAuth`) and that its CRL can be
    ///    fetched from the domain controller.
    /// 4. If a new certificate is not picked up, restart the service Kerberos Key Distribution Center.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; MS-PKCA 3.1.5; texts of the KDC events 19 and 29; many public reports. Error 16 with this
    /// meaning was not seen in a capture of a Windows KDC by us; the form with 25 was, of an MIT KDC.
    pub static CERTIFICATE_MISSING = {
        code: "DCC-01",
        title: "the domain controller has no certificate for PKINIT",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["POL-11"],
        errors: [16],
        statuses: [0xc000_00bb],
        events: ["KDC 19", "KDC 29", "KDC operational 200", "KDC operational 120", "Security 4771", "Kerberos client 104", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for exchange in logon.pkinit_exchanges() {
        let Some(error) = exchange.error() else { continue };
        let Some(confidence) = sureness(exchange) else { continue };
        let Some(reply) = exchange.reply.as_deref() else { continue };
        let dc = facts.domain_controllers.get(&exchange.kdc.address);
        if dc.is_some_and(|dc| dc.issued_around(reply.seen.at, DC_WORKS_SECONDS.of(facts))) {
            return Verdict::Clear;
        }
        let summary = if error.code == ErrorCode::PADATA_TYPE_NOSUPP {
            "the domain controller refused a PKINIT request because it cannot do PKINIT: it has no usable certificate"
        } else {
            "the domain controller does not offer PKINIT, and asks a client that shows its key for something else"
        };
        let asked = exchange
            .request
            .as_deref()
            .map(|event| Evidence::new(event.seen, "kerberos.padata_type", "16", "the client offered PKINIT"));
        return Found::new(confidence, Subject::DomainController(exchange.kdc.address), summary)
            .with(Evidence::new(
                reply.seen,
                "kerberos.error_code",
                error.code.to_string(),
                "the domain controller cannot take it",
            ))
            .with_some(asked)
            .into();
    }
    if logon.pkinit_exchanges().any(|exchange| exchange.reply.is_none()) && !facts.finished() {
        return Verdict::Pending;
    }
    Verdict::Clear
}

/// How sure the answer to a PKINIT request makes us; `None` when it does not speak of this fault.
fn sureness(exchange: &Exchange) -> Option<Confidence> {
    let error = exchange.error()?;
    match error.code {
        ErrorCode::PADATA_TYPE_NOSUPP => Some(Confidence::Likely),
        ErrorCode::PREAUTH_REQUIRED => match &error.e_data {
            Some(ErrorData::MethodData(list)) if !list.iter().any(|data| data.kind == PaType::PK_AS_REQ) => {
                Some(Confidence::Likely)
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_MISSING;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_when_the_kdc_refuses_pkinit() {
        let finding = found(
            &CERTIFICATE_MISSING,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 25 padata 16,2
            0.010 pc > dc  as-req alice pkinit
            0.015 dc > pc  krb-error 16
        ",
        );
        assert_eq!(finding.packets(), [4, 3]);
    }

    #[test]
    fn found_when_the_kdc_leaves_pkinit_out_of_its_list() {
        let finding = found(
            &CERTIFICATE_MISSING,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 25 padata 136,19,2
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
    }

    #[test]
    fn clear_when_the_request_was_not_pkinit() {
        clear(
            &CERTIFICATE_MISSING,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 16
        ",
        );
    }

    #[test]
    fn clear_when_the_list_is_about_a_request_without_proof() {
        clear(
            &CERTIFICATE_MISSING,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 25 padata 136,19,2
        ",
        );
    }

    #[test]
    fn clear_when_the_same_dc_grants_pkinit_to_another() {
        clear(
            &CERTIFICATE_MISSING,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 16
            5.000 pc2 > dc as-req bob pkinit key K2
            5.010 dc > pc2 as-rep bob ticket T2 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CERTIFICATE_MISSING,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000          open
        ",
        );
    }
}
