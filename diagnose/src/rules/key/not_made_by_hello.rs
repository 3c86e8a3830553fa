//! KEY-16.

use std::sync::Arc;

use decode::{Seen, kerberos::PrincipalName, x509::Certificate};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusal::name},
};

rule! {
    /// ## What happened
    ///
    /// Somebody signed in, or tried to, with a key in a self-signed certificate that Windows Hello would not
    /// make. Tools that plant a key of their own in an account's msDS-KeyCredentialLink ("shadow credentials":
    /// Whisker, pywhisker, Certipy and others) make such certificates. So do other products that sign in
    /// without a password, and tests with kinit. Whether the sign-in worked does not matter for this finding.
    ///
    /// ## How we know
    ///
    /// The PKINIT request is signed with a self-signed certificate whose subject is neither the one name that
    /// Windows Hello gives (SID, a GUID, the authority, the tenant and the user principal name, with `/`
    /// between them), nor a computer's SID in a request of a computer account (a name that ends in `$`). It is
    /// wrong for other products and other operating systems, and would be for a later Windows that names its
    /// certificates otherwise. It says nothing about certificates that another name issued, nor about requests
    /// that show no certificate.
    ///
    /// ## What to do
    ///
    /// 1. Ask the owner of the client's address whether a tool or a product signs in there with keys of its own.
    /// 2. See which keys the account has, and since when:
    ///    `Get-ADUser USER -Properties msDS-KeyCredentialLink` (`Get-ADComputer` for a computer). Compare with
    ///    the key identifier in the evidence, and with the devices that the user has in Microsoft Entra.
    /// 3. If nobody knows the key, find out who wrote it: security event 5136 for msDS-KeyCredentialLink on the
    ///    domain controllers, and 4768 with this certificate's thumbprint for its use.
    /// 4. Then remove the value, treat the account as taken over, and see who may write the attribute:
    ///    `dsacls "DN-OF-ACCOUNT"`.
    ///
    /// ## Sources
    ///
    /// The certificate of a real Windows Hello key, and a computer's, as published with DSInternals; sources of
    /// the tools named; text of the security events 4768 and 5136. Such certificates were seen in captures of
    /// kinit with keys made by hand.
    pub static NOT_MADE_BY_HELLO = {
        code: "KEY-16",
        title: "the key's certificate is not one that Windows Hello makes",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security 4768", "Security 5136"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, _: &Facts) -> Verdict {
    let mut unreadable = false;
    for exchange in logon.pkinit_exchanges() {
        let Some((request, event)) = exchange.kdc_request().zip(exchange.request.as_deref()) else { continue };
        let Some(pkinit) = request.pkinit.as_deref() else {
            unreadable = true;
            continue;
        };
        let Some(certificate) = pkinit.signed.signer_certificate() else { continue };
        if certificate.self_signed && !is_of_hello(certificate, request.cname.as_ref()) {
            return found(logon, certificate, event.seen).into();
        }
    }
    if unreadable {
        return Verdict::Unseen("the PKINIT part of the request could not be read");
    }
    Verdict::Clear
}

/// Whether Windows names a certificate so that it makes for a key of this client.
fn is_of_hello(certificate: &Certificate, client: Option<&PrincipalName>) -> bool {
    let is_computer = client.is_some_and(|name| {
        let name = name.to_unicode();
        name.split('@').next().is_some_and(|account| account.ends_with('$'))
    });
    certificate.hello_name().is_some() || (certificate.is_sid_name() && is_computer)
}

fn found(logon: &Logon, certificate: &Arc<Certificate>, asked: Seen) -> Found {
    let summary = format!(
        "{} shows a key in a certificate that Windows Hello would not make; tools that plant keys in the directory do",
        name(logon)
    );
    let subject = if certificate.subject.is_empty() { "(empty)" } else { certificate.subject.as_str() };
    let key = [&certificate.key_id, &certificate.key_id_spki].into_iter().find(|id| !id.is_empty());
    Found::new(Confidence::Likely, account_of(logon), summary)
        .with(Evidence::new(asked, "x509af.subject", subject, "the name is not of the form that Windows Hello gives"))
        .with(Evidence::new(asked, "ip.src", logon.client.to_string(), "the client that shows it"))
        .with_some(key.map(|key| {
            let means = "its key identifier; compare with msDS-KeyCredentialLink of the account";
            Evidence::new(asked, "x509af.subjectPublicKeyInfo_element", key.as_str(), means)
        }))
}

#[cfg(test)]
mod tests {
    use super::NOT_MADE_BY_HELLO;
    use crate::{
        Confidence, Severity, Subject, Verdict,
        testing::{clear, found, verdicts},
    };

    /// A name as Windows Hello gives it.
    const HELLO: &str = "S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
        383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";
    /// A computer's name.
    const SID: &str = "S-1-5-21-1-2-3-1105";

    #[test]
    fn found_when_the_name_is_of_another_form_and_the_key_accepted() {
        let finding = found(
            &NOT_MADE_BY_HELLO,
            "
            0.000 pc > dc  as-req alice pkinit key K1 cn alice
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
        assert_eq!(finding.packets(), [1, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.evidence[0].value, "CN=alice");
        assert_eq!(finding.found.evidence[1].value, "10.99.0.21");
        assert!(matches!(&finding.found.subject, Subject::Account(account) if account.name == "alice"));
    }

    #[test]
    fn found_when_it_is_refused_or_not_answered() {
        found(
            &NOT_MADE_BY_HELLO,
            "
            0.000 pc > dc  as-req alice pkinit key K1 cn alice
            0.010 dc > pc  krb-error 62
        ",
        );
        found(
            &NOT_MADE_BY_HELLO,
            "
            0.000 pc > dc  as-req alice pkinit key K1 cn alice
            1     open
        ",
        );
    }

    #[test]
    fn found_when_a_user_shows_a_computers_name() {
        let script = format!("0.000 pc > dc  as-req alice pkinit key K1 cn {SID}");
        found(&NOT_MADE_BY_HELLO, &script);
    }

    #[test]
    fn clear_when_the_names_are_those_of_windows() {
        for (client, cn) in [("alice", HELLO), ("alice@corp.example", HELLO), ("ws1$", SID), ("ws1$@corp.example", SID)]
        {
            let script = format!(
                "
                0.000 pc > dc  as-req {client} pkinit key K1 cn {cn}
                0.010 dc > pc  as-rep {client} ticket T1 pkinit
                "
            );
            clear(&NOT_MADE_BY_HELLO, &script);
        }
    }

    #[test]
    fn clear_when_a_ca_issued_the_certificate_or_there_is_none() {
        for what in ["issued C1 cn alice", "no-certificate", "anonymous"] {
            let script = format!(
                "
                0.000 pc > dc  as-req alice pkinit {what}
                0.010 dc > pc  krb-error 62
                "
            );
            clear(&NOT_MADE_BY_HELLO, &script);
        }
    }

    #[test]
    fn unseen_when_the_request_cannot_be_read() {
        let played = trace::script::play(
            "
            0.000 pc > dc  as-req alice pkinit unreadable
            0.010 dc > pc  krb-error 62
        ",
        );
        assert!(matches!(verdicts(&NOT_MADE_BY_HELLO, &played)[..], [Verdict::Unseen(_)]));
    }
}
