//! The certificate that a domain controller showed in a logon.

use std::net::IpAddr;

use decode::{Seen, kerberos::KdcReply, x509::Certificate};
use trace::{Exchange, Facts, Logon};

use crate::{Evidence, Subject, Verdict, rules::refusal::still_waiting};

/// The AS-REP of a PKINIT logon and the certificate in it.
pub(crate) struct Shown<'l> {
    pub(crate) exchange: &'l Exchange,
    pub(crate) reply: &'l KdcReply,
    pub(crate) seen: Seen,
    pub(crate) certificate: &'l Certificate,
}

impl<'l> Shown<'l> {
    /// What was shown, or what a rule about it answers when nothing was.
    pub(crate) fn in_logon(logon: &'l Logon, facts: &Facts) -> Result<Self, Verdict> {
        let Some((exchange, reply)) = logon.issued() else { return Err(still_waiting(logon, facts)) };
        let Some(seen) = exchange.reply.as_deref().map(|event| event.seen) else { return Err(Verdict::Clear) };
        match logon.kdc_certificate() {
            Some(certificate) => Ok(Self { exchange, reply, seen, certificate }),
            None if reply.pkinit.is_some() => {
                Err(Verdict::Unseen("the domain controller's certificate is not readable in its reply"))
            }
            None => Err(Verdict::Clear),
        }
    }

    pub(crate) fn kdc(&self) -> IpAddr {
        self.exchange.kdc.address
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::DomainController(self.kdc())
    }

    /// The domain controller's clock minus the capture's in seconds, the median of what its errors tell.
    pub(crate) fn clock_offset(&self, facts: &Facts) -> Option<f64> {
        facts.domain_controllers.get(&self.kdc())?.clock_offset()
    }

    /// A field of the certificate as evidence.
    pub(crate) fn field(&self, field: &'static str, value: impl Into<String>, means: &str) -> Evidence {
        Evidence::new(self.seen, field, value, means)
    }

    /// Which certificate it is, as evidence.
    pub(crate) fn which(&self) -> Evidence {
        let of = match self.certificate.subject.as_str() {
            "" => self.certificate.san.dns.join(", "),
            subject => subject.to_owned(),
        };
        self.field(
            "x509af.serialNumber",
            self.certificate.serial.as_str(),
            &format!("the certificate of {}", wire(&of)),
        )
    }
}

/// Wire text made harmless for a sentence.
pub(crate) fn wire(text: &str) -> String {
    decode::WireText::from(text).to_string()
}
