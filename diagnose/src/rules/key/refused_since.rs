//! KEY-07.

use std::net::IpAddr;

use decode::{Seen, kerberos::ErrorCode};
use trace::{Facts, Logon, OnKeys};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, nothing_found},
    windows::REPEATED,
};

/// Refusals of a key as such. An MIT KDC says 71.
const REFUSED: [ErrorCode; 3] =
    [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::INVALID_CERTIFICATE, ErrorCode::CLIENT_NAME_MISMATCH];

rule! {
    /// ## What happened
    ///
    /// From one moment on, a domain controller refuses keys that it had accepted, and goes on to accept certificates
    /// that a CA issued. The updates of April 2025 for CVE-2025-26647 make domain controllers check that certificates
    /// lead to a CA in the NTAuth store; where that is enforced, and later updates are missing, the self-signed
    /// certificates of key trust fail.
    ///
    /// ## How we know
    ///
    /// Three or more keys that this domain controller had accepted were refused by it with error 62
    /// (KDC_ERR_CLIENT_NOT_TRUSTED), 71 (KDC_ERR_INVALID_CERTIFICATE) or 75 (KDC_ERR_CLIENT_NAME_MISMATCH) after that;
    /// it accepted no self-signed certificate since the first of these, and did accept one of a CA. Its own certificate
    /// is the same as before, and it never said that it cannot do PKINIT (16). It would look the same if many keys had
    /// been deleted from the directory at once.
    ///
    /// ## What to do
    ///
    /// 1. See when it was updated and restarted: `Get-HotFix -ComputerName DC`, and whether the keys are still there:
    ///    `Get-ADUser USER -Server DC -Properties msDS-KeyCredentialLink`.
    /// 2. Look at its System log: KDC events 45 (audited) and 21 (refused) name the check.
    /// 3. Install the cumulative update of June 2025 or later on all domain controllers, in which this case is mended.
    /// 4. Until then, set `AllowNtAuthPolicyBypass` to 1 (audit) under
    ///    `HKLM\SYSTEM\CurrentControlSet\Services\Kdc`. Updates from October 2025 on take no notice of it.
    ///
    /// ## Sources
    ///
    /// Microsoft KB5057784 (protections for CVE-2025-26647). Which error such a domain controller sends was not seen.
    pub static REFUSED_SINCE = {
        code: "KEY-07",
        title: "from one moment on a domain controller refuses keys that it had accepted",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-02", "KEY-08", "SYN-02"],
        errors: [62, 71, 75],
        statuses: [],
        events: ["KDC 21", "KDC 45"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all(logon).filter(|refusal| REFUSED.contains(&refusal.code())) {
        let Some(certificate) = refusal.self_signed() else { continue };
        let Some(key) = facts.keys.get(&certificate.key_id) else { continue };
        let kdc = refusal.kdc();
        let accepted = key.granted.iter().find(|(seen, by)| *by == kdc && *seen < refusal.answered);
        let Some((accepted, _)) = accepted else { continue };
        let Some((turned, card)) = turned_against_keys(facts, kdc) else { continue };
        let name = facts.name_of(kdc).map_or_else(|| kdc.to_string(), str::to_owned);
        let summary = format!(
            "{name} refuses {} keys that it had accepted, and goes on to accept certificates of a CA",
            turned.turned
        );
        let mut found = Found::new(Confidence::Likely, Subject::DomainController(kdc), summary)
            .with(refusal.answer("the key is refused"))
            .with(Evidence::new(*accepted, "kerberos.msg_type", "11", "before, the same key was accepted"))
            .with(Evidence::new(card, "kerberos.msg_type", "11", "since, a certificate of a CA is accepted"));
        for (seen, code) in
            turned.first_turned.iter().filter(|(seen, _)| *seen != refusal.answered).take(REPEATED.of(facts))
        {
            let means = "another key that was accepted before";
            found = found.with(Evidence::new(*seen, "kerberos.error_code", code.to_string(), means));
        }
        return found.into();
    }
    nothing_found(logon, facts, &REFUSED)
}

/// If this domain controller accepted keys up to a moment and none since: what it says of them, and where it accepted a
/// certificate of a CA since.
fn turned_against_keys(facts: &Facts, kdc: IpAddr) -> Option<(&OnKeys, Seen)> {
    let dc = facts.domain_controllers.get(&kdc)?;
    let last = dc.last_self_signed()?;
    let turned = &dc.on_keys;
    // A refusal of such a key before the last one was accepted means that it was not all of them.
    let first = turned.first_turned.iter().map(|(seen, _)| *seen).min()?;
    let renewed = dc.certificates.iter().any(|shown| shown.first > last);
    if turned.turned < REPEATED.of(facts) as u64 || first < last || turned.cannot_pkinit || renewed {
        return None;
    }
    let card = dc.last_issued().filter(|card| *card > first)?;
    Some((turned, card))
}

#[cfg(test)]
mod tests {
    use super::REFUSED_SINCE;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    /// So many keys are accepted first and refused then, with something in between.
    fn turned(count: usize, between: &str) -> String {
        let accepted = (0..count)
            .map(|index| {
                format!(
                    "{index}.000 pc > dc as-req user{index} pkinit key K{index} flow {index}\n\
                     {index}.010 dc > pc as-rep user{index} ticket T{index} pkinit flow {index}\n"
                )
            })
            .collect::<Vec<String>>()
            .concat();
        let refused = (0..count)
            .map(|index| {
                let second = 3600 + index;
                format!(
                    "{second}.000 pc > dc as-req user{index} pkinit key K{index} flow {index}\n\
                     {second}.010 dc > pc krb-error 62 flow {index}\n"
                )
            })
            .collect::<Vec<String>>()
            .concat();
        format!("{accepted}{between}\n{refused}")
    }

    const CARD: &str = "
        3700.0 pc2 > dc as-req carl pkinit issued C1
        3700.1 dc > pc2 as-rep carl ticket TC pkinit
    ";

    #[test]
    fn found_when_cards_go_on_to_work() {
        let finding = found(&REFUSED_SINCE, &format!("{}{CARD}", turned(3, "")));
        assert_eq!(finding.packets(), [8, 2, 14, 10, 12]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 10].into()));
    }

    #[test]
    fn one_cause_is_one_finding() {
        let played = trace::script::play(&format!("{}{CARD}", turned(3, "")));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert!(codes.contains(&"KEY-07") && !codes.contains(&"KEY-02"), "{codes:?}");
    }

    #[test]
    fn clear_when_no_card_works_or_there_are_two_keys() {
        clear(&REFUSED_SINCE, &turned(3, ""));
        clear(&REFUSED_SINCE, &format!("{}{CARD}", turned(2, "")));
    }

    #[test]
    fn clear_when_a_key_works_or_the_certificate_changed() {
        let works = "
            3800.0 pc2 > dc as-req dora pkinit key KD
            3800.1 dc > pc2 as-rep dora ticket TD pkinit
        ";
        clear(&REFUSED_SINCE, &format!("{}{CARD}{works}", turned(3, "")));
        clear(&REFUSED_SINCE, &format!("{}{}", turned(3, ""), CARD.replace("TC pkinit", "TC pkinit dc renewed")));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&REFUSED_SINCE, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&REFUSED_SINCE, "0.010 dc > pc krb-error 62 client alice");
    }
}
