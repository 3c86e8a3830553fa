//! All that is known of one thing, line by line: a domain controller, a key, a host, a certificate.

use decode::{WireText, x509::Certificate};
use diagnose::{CertificateReport, DomainControllerReport, HostReport, KeyReport, UseReport};

use crate::{
    fields::{Field, fields_of},
    health::{ASPECTS, State},
    model::{Model, Subject},
    snapshot::{KeyUse, Snapshot},
};

/// A line, or several where it is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What those below are about.
    Heading(String),
    /// What it is, what there is to know, and how good that is.
    Line(String, String, State),
}

/// What the identifier of a certificate's key is called.
pub(crate) const KEY_IDENTIFIER: &str = "key identifier";

/// Everything about a subject; nothing where the report does not have it.
pub(crate) fn details(model: &Model, subject: &Subject) -> Vec<Detail> {
    let Some(snapshot) = model.shown.as_deref() else { return Vec::new() };
    match subject {
        Subject::DomainController(address) => {
            let dcs = snapshot.report.domain_controllers.iter();
            let dc = dcs.zip(&snapshot.health).find(|(dc, _)| dc.address == *address);
            dc.map(|(dc, health)| domain_controller(dc, &health.aspects)).unwrap_or_default()
        }
        Subject::Key(id) => {
            snapshot.keys.iter().find(|key| key.id == *id).map(|it| key(it, snapshot)).unwrap_or_default()
        }
        Subject::Host(name) => model.hosts().iter().find(|host| host.name == *name).map(host).unwrap_or_default(),
        Subject::Certificate { lines, .. } => lines.clone(),
    }
}

fn line(label: &str, text: impl Into<String>) -> Option<Detail> {
    let text = text.into();
    (!text.is_empty()).then(|| Detail::Line(label.to_owned(), text, State::Unseen))
}

fn judged(label: &str, text: impl Into<String>, state: State) -> Detail {
    Detail::Line(label.to_owned(), text.into(), state)
}

fn domain_controller(dc: &DomainControllerReport, aspects: &[crate::health::Aspect; 5]) -> Vec<Detail> {
    let name = if dc.name.is_empty() { dc.address.clone() } else { format!("{} ({})", dc.name, dc.address) };
    let mut details = vec![Detail::Heading(name)];
    for (name, aspect) in ASPECTS.iter().zip(aspects) {
        let title = diagnose::by_code(&aspect.why).map(|rule| format!(": {}", rule.title)).unwrap_or_default();
        details.push(judged(name, format!("{} {}{title}", aspect.state.word(), aspect.why).trim(), aspect.state));
    }
    details.extend(line("site", &dc.site));
    if let Some(flags) = dc.flags {
        details.extend(line("flags", format!("{flags:#x}: {}", dc.flag_names.join(", "))));
    }
    for (method, outcomes) in &dc.methods {
        let counts: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        details.extend(line("sign-ins", format!("{method}: {}", counts.join(", "))));
    }
    if let Some(times) = dc.response_ms {
        let text = format!("half in {:.1} ms, 95 % in {:.1} ms, slowest {:.1} ms", times.p50, times.p95, times.max);
        details.extend(line("answers", text));
    }
    if let Some(offset) = dc.clock_offset_s {
        details.extend(line("its clock", format!("{offset:+.3} s against the capture's")));
    }
    for port in &dc.ports {
        let counts = [(port.answered, "answered"), (port.refused, "refused"), (port.silent, "left without answer")];
        let said: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        details
            .extend(line(&format!("port {}/{}", port.port, port.transport), format!("clients: {}", said.join(", "))));
    }
    details.extend(line("captured", dc.coverage.words()));
    if dc.certificates.is_empty() {
        details.extend(line("certificate", "none was seen"));
    }
    for (index, seen) in dc.certificates.iter().enumerate() {
        details.extend(shown_certificate(seen, index + 1, dc.certificates.len()));
    }
    details
}

/// A certificate of a domain controller, and what every rule says of it.
fn shown_certificate(seen: &CertificateReport, number: usize, of: usize) -> Vec<Detail> {
    let times = if seen.replies == 1 { "one reply".to_owned() } else { format!("{} replies", seen.replies) };
    let packets = if seen.first_packet == seen.last_packet {
        format!("packet {}", seen.first_packet)
    } else {
        format!("packets {} to {}", seen.first_packet, seen.last_packet)
    };
    let heading = format!("certificate {number} of {of}, in {times}, {packets}; what each rule says of it");
    let mut details = vec![Detail::Heading(heading)];
    for verdict in &seen.verdicts {
        let title = diagnose::by_code(verdict.code).map_or("", |rule| rule.title);
        let state = match verdict.verdict {
            "found" => State::Bad,
            "clear" => State::Good,
            _ => State::Unseen,
        };
        details.push(judged(verdict.code, format!("{:<7} {title}", verdict.verdict), state));
    }
    details.extend(of_certificate(&seen.certificate));
    details
}

/// A certificate in plain words.
fn of_certificate(certificate: &Certificate) -> Vec<Detail> {
    certificate_details(&fields_of(certificate))
}

/// The same of the fields of one; those that are unknown here as they are.
pub(crate) fn certificate_details(fields: &[Field]) -> Vec<Detail> {
    let depth = fields.first().map_or(0, |field| field.depth);
    let mut group = "";
    let mut named: Vec<(String, &str)> = Vec::new();
    for field in fields {
        if field.depth == depth {
            group = &field.name;
            named.push((field.name.clone(), &field.value));
        } else {
            named.push((format!("{group}.{}", field.name), &field.value));
        }
    }
    named.retain(|(_, value)| !value.is_empty());
    let mut take = |name: &str| -> String {
        let at = named.iter().position(|(known, _)| known == name);
        at.map(|at| named.remove(at).1.to_owned()).unwrap_or_default()
    };
    let day = |time: String| time.get(..19).map(|time| time.replace('T', " ")).unwrap_or(time);
    let mut details = Vec::new();
    details.extend(line("subject", take("subject")));
    let own = if take("self_signed") == "yes" { " (itself)" } else { "" };
    details.extend(line("issuer", format!("{}{own}", take("issuer"))));
    details.extend(line("serial", take("serial")));
    details.extend(line("valid", format!("{} to {} UTC", day(take("not_before")), day(take("not_after")))));
    details.extend(line("key", format!("{}, {} bits", take("key.algorithm"), take("key.bits"))));
    details.extend(line("signed with", take("signature_algorithm")));
    let purposes: Vec<String> = take("eku").split(", ").filter(|oid| !oid.is_empty()).map(purpose).collect();
    details.extend(line("purposes", purposes.join(", ")));
    details.extend(line("key usage", take("key_usage")));
    for (name, label) in [
        ("san.dns", "DNS name"),
        ("san.upn", "user (UPN)"),
        ("san.pkinit", "PKINIT name"),
        ("san.uri", "URI"),
        ("san.email", "mail"),
        ("san.other", "other name"),
    ] {
        details.extend(line(label, take(name)));
    }
    let (name, oid) = (take("template.name"), take("template.oid"));
    let template = match (name.is_empty(), oid.is_empty()) {
        (false, false) => format!("{name} ({oid})"),
        _ => format!("{name}{oid}"),
    };
    details.extend(line("template", template));
    for (name, label) in [
        ("sid", "account SID"),
        ("key_id", KEY_IDENTIFIER),
        ("crl_urls", "CRL"),
        ("ocsp_urls", "OCSP"),
        ("ca_urls", "issuer at"),
        ("subject_key_id", "subject key"),
        ("authority_key_id", "issuer key"),
        ("sha256", "thumbprint"),
        ("stopped", "not read"),
    ] {
        details.extend(line(label, take(name)));
    }
    // The key is told by its size and identifiers; its number helps nobody.
    take("modulus");
    for (name, value) in named {
        details.extend(line(&name.replace('_', " ").replace('.', ", "), value));
    }
    details
}

/// The certificate that a field is of: its own fields, with where they begin.
pub(crate) fn certificate_around(fields: &[Field], selected: usize) -> Option<&[Field]> {
    let depth_of = |index: usize| fields.get(index).map(|field| field.depth);
    let mut depth = depth_of(selected)? + 1;
    for start in (0..=selected).rev() {
        // What the field is in, from the inside out; and what is below it, where it is the name of that.
        if depth_of(start)? >= depth {
            continue;
        }
        depth = depth_of(start)?;
        let inner = fields.get(start + 1..)?;
        let end = inner.iter().position(|field| field.depth <= depth).unwrap_or(inner.len());
        let inner = inner.get(..end)?;
        let has = |name: &str| inner.iter().any(|field| field.depth == depth + 1 && field.name == name);
        if ["issuer", "serial", "not_after"].into_iter().all(has) {
            return Some(inner);
        }
    }
    None
}

/// What a purpose is called. RFC 5280 §4.2.1.12, RFC 4556 §3.2.4, MS-WCCE.
fn purpose(oid: &str) -> String {
    let name = match oid {
        "1.3.6.1.5.2.3.4" => "PKINIT Client Authentication",
        "1.3.6.1.5.2.3.5" => "KDC Authentication",
        "1.3.6.1.4.1.311.20.2.2" => "Smart Card Logon",
        "1.3.6.1.5.5.7.3.1" => "Server Authentication",
        "1.3.6.1.5.5.7.3.2" => "Client Authentication",
        "1.3.6.1.5.5.7.3.9" => "OCSP Signing",
        "2.5.29.37.0" => "any",
        other => return other.to_owned(),
    };
    format!("{name} ({oid})")
}

fn key(key: &KeyUse, snapshot: &Snapshot) -> Vec<Detail> {
    let mut details = vec![Detail::Heading(format!("key {}", key.id))];
    let [failed, undecided, succeeded] = key.outcomes;
    if failed + undecided + succeeded > 0 {
        let state = if failed > 0 { State::Bad } else { State::Good };
        let text = format!("{failed} failed, {undecided} undecided, {succeeded} succeeded; by {}", key.method);
        details.push(judged("sign-ins", text, state));
        details.extend(line("users", key.users.join(", ")));
        details.extend(line("devices", key.devices.join(", ")));
        details.extend(line("last", key.last.get(..19).unwrap_or(&key.last).replace('T', " ")));
    } else {
        details.extend(line("sign-ins", "none with it"));
    }
    for code in &key.codes {
        let title = diagnose::by_code(code).map_or("", |rule| rule.title);
        details.push(judged(code, title, if code.starts_with("KEY-") { State::Bad } else { State::Doubtful }));
    }
    match (&key.known, &snapshot.directory) {
        (Some(known), Some(_)) => details.extend(in_directory(known)),
        (None, Some(_)) => details.extend(line("directory", "a key of a certificate that others issued")),
        (_, None) => details.extend(line("directory", "not given (--directory FILE)")),
    }
    details
}

/// What the directory has of a key, and how that fits.
fn in_directory(key: &KeyReport) -> Vec<Detail> {
    let mut details = vec![Detail::Heading("in the directory".to_owned())];
    details.push(judged("state", key.state.words(), if key.is_fault() { State::Bad } else { State::Unseen }));
    details.extend(line("because", &key.why));
    for owner in &key.owners {
        let enabled = match owner.enabled {
            Some(true) => ", enabled",
            Some(false) => ", disabled",
            None => "",
        };
        details.extend(line("account", format!("{} ({}{enabled}): {}", owner.account, owner.class, owner.dn)));
    }
    details.extend(line("read by LDAP", key.on_the_wire.join("; ")));
    let device = match (key.device.is_empty(), key.device_id.is_empty()) {
        (false, _) => format!("{} ({})", key.device, key.device_id),
        (true, _) => key.device_id.clone(),
    };
    details.extend(line("device", device));
    details.extend(line("usage", &key.usage));
    details.extend(line("key", &key.key));
    details.extend(line("made", key.created.get(..19).unwrap_or(&key.created).replace('T', " ")));
    details.extend(line("last sign-in", key.last_logon.get(..19).unwrap_or(&key.last_logon).replace('T', " ")));
    if key.roca_weak == Some(true) {
        let text = "anybody can compute its private key (ROCA); replace it and update the TPM";
        details.push(judged("weak", text, State::Bad));
    }
    if let Some(not_used) = key.mfa_not_used {
        let text = if not_used { "made without a second factor" } else { "made with a second factor" };
        details.extend(line("second factor", text));
    }
    for fault in key.faults.iter().filter(|fault| **fault != key.why) {
        details.push(judged("fault", fault, State::Bad));
    }
    if let Some(used) = &key.used {
        details.extend(on_the_wire(used));
    }
    details
}

fn on_the_wire(used: &UseReport) -> Vec<Detail> {
    let mut details = vec![Detail::Heading("on the wire".to_owned())];
    details.extend(line("used for", used.principals.join(", ")));
    details.extend(line("used by", used.clients.join(", ")));
    let refused: Vec<String> = used.refused.iter().map(|(code, count)| format!("{count} by error {code}")).collect();
    details.extend(line("accepted", if used.granted > 0 { used.granted.to_string() } else { String::new() }));
    details.extend(line("refused", refused.join(", ")));
    let to = if used.first_packet == used.last_packet { String::new() } else { format!(" to {}", used.last_packet) };
    details.extend(line("packets", format!("{}{to}", used.first_packet)));
    details
}

fn host(host: &HostReport) -> Vec<Detail> {
    let mut details = vec![Detail::Heading(host.name.clone())];
    let state = if host.worked > 0 { State::Good } else { State::Unseen };
    details.push(judged(
        "worked",
        format!("{} handshake{}", host.worked, if host.worked == 1 { "" } else { "s" }),
        state,
    ));
    for (what, count) in &host.failures {
        details.push(judged("went wrong", format!("{what} ({count})"), State::Bad));
    }
    let more = host.client_count.saturating_sub(host.clients.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    details.extend(line("clients", format!("{}{more}", host.clients.join(", "))));
    details.extend(line("TLS", host.versions.join(", ")));
    details.extend(line("issuer", WireText::from(host.issuer.as_str()).to_string()));
    details.extend(line("valid to", host.not_after.get(..19).unwrap_or(&host.not_after).replace('T', " ")));
    details.extend(line("proxy", if host.by_proxy { "was asked for connections to it" } else { "" }));
    if let Some(status) = host.kdc_proxy {
        details.extend(line("KDC proxy", format!("answers {status}")));
    }
    details
}

#[cfg(test)]
mod tests {
    use super::{Detail, certificate_around, certificate_details};
    use crate::fields::Field;

    fn fields(lines: &[(usize, &str, &str)]) -> Vec<Field> {
        let field = |(depth, name, value): &(usize, &str, &str)| Field {
            depth: *depth,
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            is_about_the_packet: false,
        };
        lines.iter().map(field).collect()
    }

    #[test]
    fn a_certificate_is_found_from_each_of_its_fields_and_from_no_other() {
        let message = fields(&[
            (0, "realm", "CORP"),
            (0, "pkinit", ""),
            (1, "digest", "sha256"),
            (1, "certificates 1", ""),
            (2, "issuer", "CN=ca"),
            (2, "serial", "01"),
            (2, "key", ""),
            (3, "bits", "2048"),
            (2, "not_after", "2027-01-02T03:04:05.000000000Z"),
            (1, "certificates 2", ""),
            (2, "issuer", "CN=root"),
            (2, "serial", "02"),
            (2, "not_after", "2028-01-02T03:04:05.000000000Z"),
            (1, "signers", "1"),
        ]);
        let of = |selected| certificate_around(&message, selected).map(|fields| fields[0].value.as_str());
        let found: Vec<_> = (0..message.len()).map(of).collect();
        let (ca, root) = (Some("CN=ca"), Some("CN=root"));
        assert_eq!(found, [None, None, None, ca, ca, ca, ca, ca, ca, root, root, root, root, None]);
    }

    #[test]
    fn what_is_not_known_of_a_certificate_is_shown_as_it_is() {
        let lines = certificate_details(&fields(&[
            (4, "subject", "CN=dc1"),
            (4, "issuer", "CN=ca"),
            (4, "eku", "1.3.6.1.5.2.3.5, 1.2.3"),
            (4, "san", ""),
            (5, "dns", "dc1.corp.example"),
            (4, "modulus", "c0ffee"),
            (4, "from_later", "x"),
        ]));
        let text: Vec<String> = lines
            .iter()
            .filter_map(
                |line| if let Detail::Line(label, text, _) = line { Some(format!("{label}={text}")) } else { None },
            )
            .collect();
        assert!(text.contains(&"purposes=KDC Authentication (1.3.6.1.5.2.3.5), 1.2.3".to_owned()), "{text:?}");
        assert!(text.contains(&"DNS name=dc1.corp.example".to_owned()), "{text:?}");
        assert!(
            text.contains(&"from later=x".to_owned()) && !text.iter().any(|line| line.contains("c0ffee")),
            "{text:?}"
        );
    }
}
