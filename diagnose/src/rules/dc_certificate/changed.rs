//! DCC-13.

use capture::CaptureTime;
use decode::x509::Certificate;
use trace::{CertificateSeen, DomainController, Facts, Logon, Method};

use super::shown::{Shown, wire};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::{REPEATED, TICKET_USE_SECONDS, WORSE_BY},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller got another certificate, and since then clients are granted tickets and do not use them,
    /// as clients do that refuse a certificate. Most often the new one was enrolled from another template or by another
    /// issuer, and lacks something that the old one had.
    ///
    /// ## How we know
    ///
    /// The certificate (by its SHA-256) with which the domain controller signs its replies to PKINIT changed within
    /// this capture, once and not back; and tickets that are not seen in use within thirty seconds are at least three
    /// times as many per hour as before, and at least three times as large a share of all, with no less than three of
    /// them and no less than three tickets under the old certificate to compare with. That is likely, not proven:
    /// something else may have changed on the same day, such as updates. Silence is no proof either: where one
    /// direction only was captured, or packets are missing, the question stays open.
    ///
    /// ## What to do
    ///
    /// 1. Compare the two certificates in the evidence: issuer, purposes, names, places of the revocation list.
    /// 2. On the domain controller, see which ones there are, and from which template:
    ///    `certutil -store my`, `certutil -template`.
    /// 3. Have the right one issued (template Kerberos Authentication), and take the new one out of the store:
    ///    `certutil -pulse`.
    /// 4. On a client, check the new certificate: `certutil -verify -urlfetch dc.cer`; a root or issuer that it does
    ///    not have yet must be given to it.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2; RFC 4556 §3.2.4; a comparison before and after, whose threshold of three is our choice. Not
    /// seen in a capture.
    pub static CERTIFICATE_CHANGED = {
        code: "DCC-13",
        title: "sign-ins fail since the domain controller has another certificate",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["KDC 302"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    if logon.went_on() || logon.method == Method::Anonymous {
        return Verdict::Clear;
    }
    let Some(dc) = facts.domain_controllers.get(&shown.kdc()) else { return Verdict::Clear };
    let Some((old, new)) = change(dc, shown.certificate) else { return Verdict::Clear };
    let (before, after) = (Rate::of(old, 0), Rate::of(new, not_settled(dc, facts)));
    let (repeated, worse_by) = (REPEATED.of(facts) as u64, WORSE_BY.of(facts));
    if before.tickets < repeated || after.unused < repeated || !after.is_worse_than(&before, worse_by) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.is_lossy() || facts.visibility.kerberos_cut() > 0 {
        return Verdict::Unseen(LOSSY);
    }
    if !facts.passed(shown.seen.at, TICKET_USE_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let summary = format!(
        "since the domain controller has another certificate, {} of {} tickets are not used; before, {} of {}",
        after.unused, after.tickets, before.unused, before.tickets
    );
    let seconds = TICKET_USE_SECONDS.of(facts);
    let means = format!("a ticket that {} does not use within {seconds} seconds", logon.client);
    Found::new(Confidence::Likely, shown.subject(), summary)
        .with(shown.field("kerberos.msg_type", "11", &means))
        .with(certificate(new, "the first reply signed with the new certificate"))
        .with(certificate(old, "the last reply signed with the old certificate"))
        .into()
}

/// The certificate before this one, and this one, where the domain controller went from one to the other for good.
fn change<'d>(dc: &'d DomainController, shown: &Certificate) -> Option<(&'d CertificateSeen, &'d CertificateSeen)> {
    let index = dc.certificates.iter().position(|seen| seen.certificate.sha256 == shown.sha256)?;
    let new = dc.certificates.get(index)?;
    let old = dc.certificates.get(index.checked_sub(1)?)?;
    (old.last < new.first).then_some((old, new))
}

/// Tickets of a domain controller that may be used yet.
fn not_settled(dc: &DomainController, facts: &Facts) -> u64 {
    let Some(now) = facts.visibility.last else { return 0 };
    let late = dc.issued_near(now, TICKET_USE_SECONDS.of(facts)).filter(|issuance| issuance.used.is_none());
    late.count() as u64
}

/// How many tickets were granted under a certificate, in which time, and how many of them were not used.
struct Rate {
    tickets: u64,
    unused: u64,
    nanoseconds: u64,
}

impl Rate {
    fn of(seen: &CertificateSeen, not_settled: u64) -> Self {
        // A single moment is no rate: an hour at least.
        let lasted = seen.last.at.since(seen.first.at).max(3600 * CaptureTime::SECOND);
        let tickets = seen.tickets.saturating_sub(not_settled);
        let unused = tickets.saturating_sub(seen.used);
        Self { tickets, unused, nanoseconds: lasted.unsigned_abs() }
    }

    /// Whether tickets remain unused `times` as often, by the hour and by the share of all.
    fn is_worse_than(&self, before: &Self, times: u64) -> bool {
        let more = |count: u64, of: u64, before: u64, before_of: u64| {
            // count / of >= times * before / before_of
            u128::from(count) * u128::from(before_of) >= u128::from(times) * u128::from(before) * u128::from(of)
        };
        more(self.unused, self.nanoseconds, before.unused, before.nanoseconds)
            && more(self.unused, self.tickets, before.unused, before.tickets)
    }
}

/// What to compare in a certificate.
fn certificate(seen: &CertificateSeen, means: &str) -> Evidence {
    let certificate = &seen.certificate;
    let at = if means.starts_with("the first") { seen.first } else { seen.last };
    let list = |list: &[String]| if list.is_empty() { "none".to_owned() } else { wire(&list.join(" ")) };
    let template = certificate.template.as_ref().map(|template| template.name.as_str());
    let template = template.filter(|name| !name.is_empty()).unwrap_or("unknown");
    let value = format!(
        "issuer {}; template {}; purposes {}; names {}; revocation lists {}",
        wire(&certificate.issuer),
        wire(template),
        certificate.eku.as_deref().map_or_else(|| "any".to_owned(), list),
        list(&certificate.san.dns),
        list(&certificate.crl_urls),
    );
    Evidence::new(at, "x509af.serialNumber", format!("{}: {value}", certificate.serial), means)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::CERTIFICATE_CHANGED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    /// Sign-ins a minute apart with the domain controller's certificate `dc`, of which the first `used` use their
    /// ticket.
    fn sign_ins(from: u32, count: u32, used: u32, dc: &str) -> String {
        let mut script = String::new();
        for number in 0..count {
            let (at, name) = (60 * (from + number), format!("u{}", from + number));
            let _ = writeln!(script, "{at}.0 pc > dc as-req {name} pkinit key K{name}");
            let _ = writeln!(script, "{at}.1 dc > pc as-rep {name} ticket T{name} pkinit dc {dc}");
            if number < used {
                let _ = writeln!(script, "{at}.2 pc > dc tgs-req host/pc ticket T{name} flow 2");
                let _ = writeln!(script, "{at}.3 dc > pc tgs-rep host/pc ticket S{name} flow 2");
            }
        }
        script
    }

    #[test]
    fn found_when_tickets_are_not_used_any_more() {
        let script = format!("{}{}\n600 end", sign_ins(0, 4, 4, "old"), sign_ins(4, 4, 1, "new"));
        let finding = found(&CERTIFICATE_CHANGED, &script);
        assert_eq!(finding.packets(), [22, 18, 14]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("3 of 4 tickets are not used; before, 0 of 4"));
    }

    #[test]
    fn a_ticket_shown_to_a_service_is_used() {
        let mut script = format!("{}{}", sign_ins(0, 4, 4, "old"), sign_ins(4, 4, 1, "new"));
        script.push_str("500 pc > dc ap-req ticket Tu6\n600 end");
        clear(&CERTIFICATE_CHANGED, &script);
    }

    #[test]
    fn clear_when_it_was_as_bad_before() {
        let script = format!("{}{}\n600 end", sign_ins(0, 4, 2, "old"), sign_ins(4, 4, 1, "new"));
        clear(&CERTIFICATE_CHANGED, &script);
    }

    #[test]
    fn clear_when_too_little_is_known() {
        clear(&CERTIFICATE_CHANGED, &format!("{}{}\n600 end", sign_ins(0, 2, 2, "old"), sign_ins(4, 4, 1, "new")));
        clear(&CERTIFICATE_CHANGED, &format!("{}{}\n600 end", sign_ins(0, 4, 4, "old"), sign_ins(4, 3, 1, "new")));
    }

    #[test]
    fn clear_when_the_old_certificate_comes_back() {
        let script =
            format!("{}{}{}\n900 end", sign_ins(0, 4, 4, "old"), sign_ins(4, 4, 1, "new"), sign_ins(8, 1, 1, "old"));
        clear(&CERTIFICATE_CHANGED, &script);
    }

    #[test]
    fn pending_while_tickets_may_be_used() {
        let script = format!("{}{}\n421 open", sign_ins(0, 4, 4, "old"), sign_ins(4, 4, 1, "new"));
        pending(&CERTIFICATE_CHANGED, &script);
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        let script = format!("{}{}\n599 dropped\n600 end", sign_ins(0, 4, 4, "old"), sign_ins(4, 4, 1, "new"));
        unseen(&CERTIFICATE_CHANGED, &script);
    }
}
