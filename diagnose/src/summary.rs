//! One line for each step of a logon, for people.

use std::fmt::Write as _;

use decode::{
    Message, Refusal, WireText,
    kerberos::{self, ErrorData, KdcRequest, PaType, PrincipalName, Stage, pkinit::KeyAgreement},
};
use trace::{Located, Logon, PingAnswer, Session, SessionAnswer, SessionProof, Step};

/// What a step was, in a line. Harmless on a screen.
pub(crate) fn step(step: &Step, logon: &Logon) -> String {
    let mut line = line(step, logon);
    // There are many, and they are kept.
    line.shrink_to_fit();
    line
}

fn line(step: &Step, logon: &Logon) -> String {
    match &step.event.message {
        Message::Kerberos(message) => {
            let repeats = step
                .exchange
                .and_then(|index| logon.exchanges.get(index))
                .filter(|exchange| exchange.request.as_deref().is_some_and(|event| event.seen == step.seen))
                .map_or(0, |exchange| exchange.repeat_count);
            let mut text = kerberos(message, logon);
            if repeats > 0 {
                let _ = write!(text, ", sent {} times", repeats + 1);
            }
            let exchange = step.exchange.and_then(|index| logon.exchanges.get(index));
            if let Some((exchange, lost)) = exchange.and_then(|exchange| Some((exchange, exchange.undelivered?))) {
                let of = if lost.of_reply { &exchange.reply } else { &exchange.request };
                if of.as_deref().is_some_and(|event| event.seen == step.seen) {
                    let never = exchange.never_delivered().is_some();
                    let how = if never { "and not acknowledged" } else { "before it was acknowledged" };
                    let _ = write!(text, ", sent {} times or more {how}", lost.sent);
                }
            }
            if let Some(path) = step.event.path {
                let to_kdc = step
                    .exchange
                    .and_then(|index| logon.exchanges.get(index))
                    .is_some_and(|exchange| exchange.kdc == path.destination);
                if to_kdc {
                    let _ = write!(text, ", to {} by {}", path.destination, path.transport.name());
                }
            }
            text
        }
        Message::Connection(connection) => {
            let to = step.event.path.map(|path| path.destination.to_string()).unwrap_or_default();
            match connection.refused {
                Some(Refusal::Reset) => format!("connection to {to} refused"),
                Some(Refusal::Icmp(code)) => format!("connection to {to} refused by ICMP, code {code}"),
                None => match connection.lost_to_server {
                    Some(lost) => {
                        format!("connection to {to}, where {} bytes of the request did not arrive", lost.bytes)
                    }
                    None => format!("connection to {to} not answered, {} SYNs", connection.syns),
                },
            }
        }
        Message::Unreachable(unreachable) => {
            let about = unreachable.about.map(|path| path.destination.to_string()).unwrap_or_default();
            format!("ICMP: {about} cannot be reached, code {}", unreachable.code)
        }
        Message::Dns(_)
        | Message::Ldap(_)
        | Message::Cldap(_)
        | Message::Ntlm(_)
        | Message::Smb(_)
        | Message::Tls(_)
        | Message::Http(_)
        | Message::Unacknowledged(_)
        | Message::Gap(_)
        | Message::Damage(_) => String::new(),
    }
}

/// What a domain controller answered to a netlogon ping, in a line.
pub(crate) fn ping_answer(answer: &PingAnswer<'_>) -> String {
    let says = if answer.is_paused() {
        "is paused: it is not to be used now"
    } else if answer.user_unknown() {
        "is there, and does not know the account"
    } else if answer.serves() {
        "is there"
    } else {
        "has nothing to say about the domain"
    };
    match answer.flags {
        Some(flags) => {
            let kdc = if flags & Located::KDC == 0 { ", without a KDC" } else { "" };
            format!("{says}{kdc} (flags {flags:#x})")
        }
        None => says.to_owned(),
    }
}

/// How a client opened a session, in a line.
pub(crate) fn session(session: &Session) -> String {
    let asks = match session.proof {
        SessionProof::Anonymous => "asks",
        _ => "signs in",
    };
    let service = if session.service == trace::Service::Ldap { "the directory" } else { "file services" };
    format!("{asks} to {service} {}, to {} by tcp", session.proof.words(), session.server)
}

/// How the server answered to a session, in a line.
pub(crate) fn session_answer(answer: SessionAnswer) -> String {
    match answer {
        SessionAnswer::Accepted => "accepted".to_owned(),
        SessionAnswer::Refused(code, why) => match why.and_then(|why| why.meaning()) {
            Some(meaning) => format!("refused: {code}, {meaning}"),
            None => format!("refused: {code}"),
        },
        SessionAnswer::Failed(status) => format!("refused: {status}"),
        SessionAnswer::TicketRefused(code) => format!("the ticket is refused: {code}"),
    }
}

fn kerberos(message: &kerberos::Message, logon: &Logon) -> String {
    match message {
        kerberos::Message::KdcRequest(request) => request_line(request),
        kerberos::Message::KdcReply(reply) => {
            // Under FAST a TGS-REP names nobody (RFC 6113 §5.4.3): the ticket is for whom the logon is.
            let hidden = |name: &&PrincipalName| reply.stage == Stage::Tgs && name.is_anonymous();
            let named = reply.cname.as_ref().filter(|name| !hidden(name)).map(ToString::to_string);
            let name = named
                .or_else(|| logon.principal().map(|principal| WireText::from(principal.name.as_str()).to_string()));
            let service = reply.ticket.as_ref().and_then(|ticket| ticket.sname.as_ref()).map(ToString::to_string);
            let mut text = format!("ticket for {} issued", service.unwrap_or_default());
            if let Some(name) = name {
                let _ = write!(text, " to {name}");
            }
            if let Some(certificate) = reply
                .pkinit
                .as_deref()
                .and_then(|pkinit| pkinit.signed.signer_certificate().or_else(|| pkinit.signed.certificates.first()))
            {
                let subject = if certificate.subject.is_empty() {
                    certificate.san.dns.first().cloned().unwrap_or_default()
                } else {
                    certificate.subject.clone()
                };
                let _ = write!(text, ", signed by {subject}");
            }
            text
        }
        kerberos::Message::Error(error) => {
            let mut text = format!("error {}", error.code);
            if let Some(meaning) = error.code.meaning() {
                let _ = write!(text, ": {meaning}");
            }
            if let Some(ErrorData::Extended { status: Some(status), .. }) = &error.e_data {
                let _ = write!(text, " ({status})");
            }
            if let Some(e_text) = error.e_text.as_ref().filter(|text| !text.is_empty()) {
                let _ = write!(text, " \"{e_text}\"");
            }
            text
        }
        kerberos::Message::ApRequest(_)
        | kerberos::Message::ApReply(_)
        | kerberos::Message::Safe { .. }
        | kerberos::Message::Private(_)
        | kerberos::Message::Credential { .. }
        | kerberos::Message::TgtRequest { .. }
        | kerberos::Message::TgtReply { .. } => String::new(),
    }
}

fn request_line(request: &KdcRequest) -> String {
    let service = request.sname.as_ref().map(ToString::to_string).unwrap_or_default();
    if request.stage == Stage::Tgs {
        let armored = if request.has(PaType::FX_FAST) { ", armored" } else { "" };
        return format!("asks for a ticket for {service}{armored}");
    }
    let name = request.cname.as_ref().map(ToString::to_string).unwrap_or_default();
    let realm = request.realm.as_ref().map(ToString::to_string).unwrap_or_default();
    let proof = if request.has(PaType::PK_AS_REQ) {
        match request.pkinit.as_deref() {
            Some(pkinit) => {
                let certificate = match pkinit.signed.signer_certificate() {
                    Some(certificate) if certificate.self_signed => "with a self-signed certificate",
                    Some(_) => "with a certificate issued by a CA",
                    None if pkinit.signed.signer.is_none() => "anonymously",
                    None => "without a certificate",
                };
                format!(" by PKINIT {certificate}, {}", agreement(&pkinit.key_agreement))
            }
            None => " by PKINIT".to_owned(),
        }
    } else if request.has(PaType::FX_FAST) {
        " inside FAST".to_owned()
    } else if request.has(PaType::ENC_TIMESTAMP) {
        " by password".to_owned()
    } else {
        ", no proof yet".to_owned()
    };
    format!("{name}@{realm} asks to sign in{proof}")
}

fn agreement(agreement: &KeyAgreement) -> String {
    match agreement {
        KeyAgreement::Rsa => "RSA key transport".to_owned(),
        KeyAgreement::Dh { group: Some(group), .. } => format!("Diffie-Hellman {group}"),
        KeyAgreement::Dh { group: None, bits } => format!("Diffie-Hellman in an unknown group of {bits} bits"),
        KeyAgreement::Ecdh { curve, .. } => format!("ECDH {curve}"),
        KeyAgreement::Other(oid) => format!("key agreement {oid}"),
    }
}

#[cfg(test)]
mod tests {
    use trace::script::play;

    #[test]
    fn a_ticket_of_nobody_is_for_whom_the_logon_is() {
        let lines = |client: &str| {
            let played = play(&format!(
                "
                0.000 pc > dc as-req alice pkinit
                0.010 dc > pc as-rep alice ticket T1 pkinit
                0.020 pc > dc tgs-req cifs/files ticket T1 fast
                0.030 dc > pc tgs-rep cifs/files ticket T2 client {client}
                0.040 pc > dc tgs-req host/pc ticket T9 fast
                0.050 dc > pc tgs-rep host/pc ticket T3 client {client}
                "
            ));
            let last = |logon: &trace::Logon| super::step(logon.steps().last().expect("it has steps"), logon);
            played.logons().iter().map(last).collect::<Vec<_>>()
        };
        let nobody = lines("WELLKNOWN/ANONYMOUS");
        assert_eq!(nobody, ["ticket for cifs/files issued to alice", "ticket for host/pc issued"]);
        assert_eq!(lines("bob")[0], "ticket for cifs/files issued to bob");
    }
}
