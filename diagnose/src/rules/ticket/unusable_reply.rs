//! TKT-07.

use decode::kerberos::{PaType, pkinit::ReplyForm};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, refusal::still_waiting},
    windows::TICKET_USE_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The KDC granted a sign-in in a form that computers with Credential Guard do not take: it enveloped the key with
    /// RSA, or it left out the field with which it agrees to use a Diffie-Hellman value again. The client did nothing
    /// with the ticket.
    ///
    /// ## How we know
    ///
    /// The AS-REP has the key in an envelope (encKeyPack), or the request has clientDHNonce and the reply no
    /// serverDHNonce; and the ticket was not used within 30 seconds. It is likely if the client asked a KDC again in
    /// that time, else possible: tools ask for a ticket and do nothing with it. A client without Credential Guard has
    /// another reason. It counts only in a capture of both directions without losses.
    ///
    /// ## What to do
    ///
    /// 1. See whether Credential Guard runs on the client: `msinfo32`, or
    ///    `Get-CimInstance -Namespace root/Microsoft/Windows/DeviceGuard Win32_DeviceGuard`.
    /// 2. Look for events 203 and 204 of Security-Kerberos (Operational) there.
    /// 3. Update the KDC: Samba and Heimdal have had this fixed; allow Diffie-Hellman in its configuration.
    ///
    /// ## Sources
    ///
    /// MS-PKCA appendix A (Credential Guard); RFC 4556 §3.2.3.1 (serverDHNonce); text of client event 203. Not seen in
    /// a capture with Windows.
    pub static UNUSABLE_REPLY = {
        code: "TKT-07",
        title: "the reply is of no use to Credential Guard",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security-Kerberos 203", "Security-Kerberos 204"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((exchange, reply)) = logon.issued() else { return still_waiting(logon, facts) };
    let (Some(event), true) = (exchange.reply.as_deref(), reply.has(PaType::PK_AS_REP)) else { return Verdict::Clear };
    let Some(pkinit) = reply.pkinit.as_deref() else {
        return Verdict::Unseen("the PKINIT part of the reply could not be read");
    };
    let request = exchange.kdc_request().and_then(|request| request.pkinit.as_deref());
    let (field, value, what) = if pkinit.form == ReplyForm::EncKeyPack {
        ("pkinit.encKeyPack", "present", "the key in an envelope of RSA")
    } else if request.is_some_and(|request| request.client_dh_nonce) && !pkinit.server_dh_nonce {
        ("pkinit.serverDHNonce", "absent", "no serverDHNonce, although the client sent its nonce")
    } else {
        return Verdict::Clear;
    };
    // What did not arrive cannot be used.
    if logon.went_on() || exchange.lacks_reply() {
        return Verdict::Clear;
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.is_lossy() || facts.visibility.kerberos_cut() > 0 {
        return Verdict::Unseen(LOSSY);
    }
    if !facts.passed(event.seen.at, TICKET_USE_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let asks_again = facts.kerberos_within(logon.client, event.seen.at.plus_seconds(2), TICKET_USE_SECONDS.of(facts));
    let summary = format!("the reply has {what}, and {} does not use its ticket", logon.client);
    let confidence = Confidence::Likely.lowered_unless(asks_again);
    Found::new(confidence, Subject::DomainController(exchange.kdc.address), summary)
        .with(Evidence::new(event.seen, field, value, format!("the reply has {what}")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::UNUSABLE_REPLY;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    fn issued(asks: &str, says: &str) -> String {
        format!("0.0 pc > dc as-req alice pkinit {asks}\n0.1 dc > pc as-rep alice ticket T1 pkinit {says}\n")
    }

    #[test]
    fn found_when_it_is_enveloped_or_a_nonce_is_missing() {
        for (asks, says) in [("dh rsa", "enveloped"), ("dh-nonce", "")] {
            let finding = found(&UNUSABLE_REPLY, &format!("{}60 end", issued(asks, says)));
            assert_eq!((finding.packets(), finding.found.confidence), (vec![2], Confidence::Possible));
            let again = "20.0 pc > dc as-req alice\n20.1 dc > pc krb-error 25\n60 end";
            let finding = found(&UNUSABLE_REPLY, &format!("{}{again}", issued(asks, says)));
            assert_eq!(finding.found.confidence, Confidence::Likely);
        }
    }

    #[test]
    fn clear_when_nothing_is_missing_or_the_ticket_is_used() {
        clear(&UNUSABLE_REPLY, &format!("{}60 end", issued("", "")));
        clear(&UNUSABLE_REPLY, &format!("{}60 end", issued("dh-nonce", "server-nonce")));
        let used = "0.2 pc > dc tgs-req host/pc ticket T1\n0.3 dc > pc tgs-rep host/pc ticket T2\n60 end";
        clear(&UNUSABLE_REPLY, &format!("{}{used}", issued("dh rsa", "enveloped")));
        let tried = "0.2 pc > dc connect refused flow 2\n60 end";
        clear(&UNUSABLE_REPLY, &format!("{}{tried}", issued("dh rsa", "enveloped")));
    }

    #[test]
    fn pending_until_the_ticket_could_be_used() {
        pending(&UNUSABLE_REPLY, &format!("{}1 open", issued("dh rsa", "enveloped")));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&UNUSABLE_REPLY, &format!("{}60 dropped", issued("dh rsa", "enveloped")));
    }
}
