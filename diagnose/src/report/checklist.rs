//! The prerequisites of the deployment, and what in a logon shows that one of them is met.

use std::sync::atomic::{AtomicUsize, Ordering};

use decode::{Message, kerberos};
use trace::{Logon, Logons, Method};

use crate::Evidence;

/// A prerequisite: its name, the families and codes that speak of it, and what in a logon shows that it works.
pub(super) type Prerequisite = (&'static str, &'static [&'static str], fn(&Logon) -> Option<crate::Evidence>);

pub(super) const CHECKLIST: &[Prerequisite] = &[
    ("clients find a domain controller in DNS", &["LOC-01", "LOC-02"], |_| None),
    ("domain controllers answer on port 88", &["NET-"], |logon| {
        let exchange = logon.as_exchanges().find(|exchange| exchange.reply.is_some())?;
        let event = exchange.reply.as_deref()?;
        let means = "a domain controller answered";
        Some(crate::Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), means))
    }),
    ("clocks agree within five minutes", &["TIM-"], |logon| {
        let (exchange, _) = logon.issued()?;
        let event = exchange.reply.as_deref()?;
        let means = "a ticket was issued, so the clocks agree well enough";
        Some(crate::Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), means))
    }),
    ("domain controllers have a certificate for PKINIT that clients accept", &["DCC-"], |logon| {
        let certificate = logon.kdc_certificate()?;
        let (exchange, _) = logon.issued()?;
        let event = exchange.reply.as_deref()?;
        let means = "a domain controller signed with this certificate, and the ticket was used";
        logon
            .ticket_used()
            .then(|| crate::Evidence::new(event.seen, "x509sat.printableString", certificate.subject.clone(), means))
    }),
    ("keys of users are in the directory", &["KEY-0", "KEY-18", "KEY-19", "KEY-20"], |logon| {
        let (exchange, _) = logon.issued().filter(|_| logon.method == Method::KeyTrust)?;
        let event = exchange.reply.as_deref()?;
        Some(crate::Evidence::new(event.seen, "kerberos.padata_type", "17", "a key was accepted"))
    }),
    (
        "computers reach Microsoft Entra",
        &["CLD-01", "CLD-02", "CLD-03", "CLD-04", "CLD-06", "CLD-11", "CLD-12", "SYN-06"],
        |_| None,
    ),
    ("revocation lists can be fetched", &["PKI-01", "PKI-03", "PKI-04", "PKI-11"], |_| None),
    ("accounts may sign in", &["ACC-"], |logon| {
        let (exchange, _) = logon.issued()?;
        let event = exchange.reply.as_deref()?;
        Some(crate::Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), "an account got in"))
    }),
];

fn reply_kind(message: &Message) -> String {
    match message {
        Message::Kerberos(message) => match message.as_ref() {
            kerberos::Message::KdcReply(reply) if reply.stage == kerberos::Stage::Tgs => "13".to_owned(),
            kerberos::Message::KdcReply(_) => "11".to_owned(),
            _ => "30".to_owned(),
        },
        _ => String::new(),
    }
}

/// What shows that a prerequisite is met: of each, the first logon's.
#[derive(Clone, Debug)]
pub(crate) struct Shown(Vec<Option<Evidence>>);

impl Default for Shown {
    fn default() -> Self {
        Self(vec![None; CHECKLIST.len()])
    }
}

impl Shown {
    /// Takes a logon into account. Logons come in order.
    pub(super) fn note(&mut self, logon: &Logon) {
        for ((_, _, shows), shown) in CHECKLIST.iter().zip(&mut self.0) {
            if shown.is_none() {
                *shown = shows(logon);
            }
        }
    }

    /// Of a prerequisite, by its place in the list.
    pub(super) fn of(&self, item: usize) -> Option<&Evidence> {
        self.0.get(item)?.as_ref()
    }

    /// Goes on with logons in any order, by several threads.
    pub(super) fn into_watch(self) -> Watch {
        let first = |shown: &Option<Evidence>| AtomicUsize::new(if shown.is_some() { 0 } else { usize::MAX });
        Watch { first: self.0.iter().map(first).collect(), shown: self }
    }
}

/// Which logon is the first to show each prerequisite.
pub(super) struct Watch {
    shown: Shown,
    /// Its number; 0 where that is known already.
    first: Vec<AtomicUsize>,
}

impl Watch {
    pub(super) fn note(&self, logon: &Logon) {
        let id = usize::try_from(logon.id.0).unwrap_or(usize::MAX);
        for ((_, _, shows), first) in CHECKLIST.iter().zip(&self.first) {
            if id < first.load(Ordering::Relaxed) && shows(logon).is_some() {
                first.fetch_min(id, Ordering::Relaxed);
            }
        }
    }

    /// What they show.
    pub(super) fn found(self, logons: &Logons) -> Shown {
        let Self { mut shown, first } = self;
        for (((_, _, shows), shown), first) in CHECKLIST.iter().zip(&mut shown.0).zip(first) {
            if shown.is_none() {
                let logon = logons.numbered(first.into_inner());
                *shown = logon.and_then(|logon| shows(&logon));
            }
        }
        shown
    }
}
