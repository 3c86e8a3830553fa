//! KEY-15.

use trace::{Facts, Logon};

use super::{refused_key, roca, shown::certificates};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusal::name},
};

rule! {
    /// ## What happened
    ///
    /// The user's key was made by a TPM or a smart card with the fault CVE-2017-15361 ("ROCA"). Whoever has the public
    /// key, which the directory shows to every user, can compute the private one at a cost and sign in as this user.
    /// The sign-in itself works.
    ///
    /// ## How we know
    ///
    /// The modulus of the key in the PKINIT request has the fingerprint of the faulty library: modulo each of the 39
    /// smallest primes it is a power of 65537, and all of them with one exponent. By accident that happens to one
    /// modulus in 2^150 or so.
    ///
    /// ## What to do
    ///
    /// 1. See what the TPM is: `Get-Tpm` (ManufacturerIdTxt, ManufacturerVersion). Infineon's (IFX) with firmware of
    ///    2017 and before are concerned.
    /// 2. Update the TPM's firmware with the manufacturer's tool, clear the TPM, and set up the PIN again:
    ///    `certutil -deletehellocontainer` as the user, then sign out and in. A key made before stays weak.
    /// 3. Delete the old key from the account: module WHfBTools, `Get-ADWHfBKeys -SkipCheckForOrphanedKeys` lists what
    ///    is weak in the whole directory.
    /// 4. For a smart card, replace the card and revoke its certificate.
    ///
    /// ## Sources
    ///
    /// Microsoft ADV170012 and ADV190026; Nemec and others: The Return of Coppersmith's Attack (CRoCS, 2017), and their
    /// detection tool. The test was tried on the weak key published with DSInternals.
    pub static KEY_OF_WEAK_TPM = {
        code: "KEY-15",
        title: "the key was made by a TPM or card with the ROCA fault",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let (certificates, verdict) = certificates(logon, facts);
    let weak = certificates.into_iter().find(|(_, _, certificate)| roca::has_fingerprint(&certificate.modulus));
    let Some((seen, _, certificate)) = weak else { return verdict };
    let key = refused_key::words(certificate);
    let summary = format!("the {key} of {} can be computed from its public half (ROCA)", name(logon));
    let start: String = certificate.modulus.chars().take(MODULUS_SHOWN).collect();
    Found::new(Confidence::Proven, account_of(logon), summary)
        .with(Evidence::new(seen, "pkcs1.modulus", format!("{start}…"), "the modulus has the fingerprint of the fault"))
        .with(Evidence::new(seen, "ip.src", logon.client.to_string(), "the client that uses the key"))
        .into()
}

/// Digits of the modulus that are shown: enough to tell it from others.
const MODULUS_SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use super::KEY_OF_WEAK_TPM;
    use crate::{
        Confidence, Severity,
        rules::key::roca,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_whether_or_not_the_logon_works() {
        let modulus = roca::tests::power(127);
        for (kind, answer) in [("key K1", "as-rep alice ticket T1 pkinit"), ("issued C1", "krb-error 62")] {
            let script = format!("0.000 pc > dc as-req alice pkinit {kind} modulus {modulus}\n0.010 dc > pc {answer}");
            let finding = found(&KEY_OF_WEAK_TPM, &script);
            assert_eq!(finding.packets(), [1, 1]);
            assert_eq!(finding.found.confidence, Confidence::Proven);
            assert_eq!(finding.severity(), Severity::High);
        }
    }

    #[test]
    fn clear_for_another_modulus() {
        let modulus = format!("{}1", "c".repeat(511));
        clear(
            &KEY_OF_WEAK_TPM,
            &format!(
                "0.000 pc > dc as-req alice pkinit modulus {modulus}\n0.010 dc > pc as-rep alice ticket T1 pkinit"
            ),
        );
    }

    #[test]
    fn pending_until_a_key_may_still_be_shown() {
        pending(&KEY_OF_WEAK_TPM, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_when_the_request_cannot_be_read() {
        unseen(&KEY_OF_WEAK_TPM, "0.000 pc > dc as-req alice pkinit unreadable\n0.010 dc > pc krb-error 62");
    }
}
