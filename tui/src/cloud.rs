//! Hosts of the cloud among the steps of sign-ins. Nothing on the wire says with which sign-in a client turned to a
//! host, so that client and time do.

use std::collections::BTreeMap;

use diagnose::{Report, StepReport};

/// The kind of these steps. Machine output has none of them.
pub(crate) const CLOUD: &str = "cloud";
/// Nanoseconds before a sign-in and after it in which a host belongs to it: Windows turns to the cloud around a
/// sign-in, not minutes away from it.
const BEFORE: i64 = 30_000_000_000;
const AFTER: i64 = 60_000_000_000;
/// Such steps of one sign-in: the diagram is about the sign-in.
const MAX_STEPS: usize = 20;

/// Adds the hosts that clients turned to around their sign-ins to the steps of these.
pub(crate) fn add_cloud(report: &mut Report) {
    let inputs = &report.capture.inputs;
    let contacts = report.hosts.iter().flat_map(|host| host.contacts.iter().map(move |contact| (host, contact)));
    let mut of_clients: BTreeMap<String, Vec<StepReport>> = BTreeMap::new();
    for (host, contact) in contacts {
        let outcome = contact.failure.as_deref().unwrap_or("the TLS handshake was finished");
        of_clients.entry(contact.client.to_string()).or_default().push(StepReport {
            packet: contact.seen.last.number,
            file: inputs.get(usize::from(contact.seen.last.input.0)).filter(|_| inputs.len() > 1).cloned(),
            at: contact.seen.at,
            kind: CLOUD,
            summary: format!("{}: {outcome}", host.name),
            inferred: true,
            between: contact.server.map(|server| (contact.client, server)),
            event: None,
        });
    }
    // The sign-ins of these clients, in the order in which they began.
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, logon) in report.logons.iter().enumerate() {
        if let Some((client, _)) = of_clients.get_key_value(&logon.client) {
            places.entry(client).or_default().push(place);
        }
    }
    let mut added: Vec<(usize, StepReport)> = Vec::new();
    for (client, places) in &mut places {
        let began = |place: &usize| report.logons.get(*place).map_or(i64::MAX, |logon| logon.began.0);
        places.sort_by_key(began);
        for step in of_clients.get(*client).into_iter().flatten() {
            let next = places.partition_point(|place| began(place) <= step.at.0);
            let lasts = |place: &&usize| {
                let ended =
                    report.logons.get(**place).map_or(i64::MIN, |logon| logon.began.0.saturating_add(logon.lasted));
                step.at.0 <= ended.saturating_add(AFTER)
            };
            let before = next.checked_sub(1).and_then(|before| places.get(before)).filter(lasts);
            let soon = |place: &&usize| began(place) <= step.at.0.saturating_add(BEFORE);
            if let Some(place) = before.or_else(|| places.get(next).filter(soon)) {
                added.push((*place, step.clone()));
            }
        }
    }
    for (place, step) in added {
        if let Some(logon) = report.logons.get_mut(place)
            && logon.steps.iter().filter(|step| step.kind == CLOUD).count() < MAX_STEPS
        {
            logon.steps.push(step);
        }
    }
}
