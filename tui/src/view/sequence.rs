//! The steps of a sign-in between the client and those that it speaks to, with what is missing.

use std::net::IpAddr;

use diagnose::{LogonReport, StepReport};
use ratatui::text::{Line, Span};

use super::{raw, styled};
use crate::{
    Theme,
    cloud::CLOUD,
    model::Model,
    text::{cut, pad, right, width},
};

/// Columns of the mark, the time and the packet number, and those of mark and time where there is no room for more.
const BEFORE_LANES: usize = 20;
const BEFORE_LANES_NARROW: usize = 12;
/// Columns for the time since the step before, and the width from which on there is room for it.
const LATER: usize = 10;
const WIDE: usize = 120;
/// Columns for the kind of a step.
const KIND: usize = 12;
/// Below this many columns there is no room for more.
pub(super) const NARROW: usize = 60;
/// Lanes shown; what is further away shares the last.
const MAX_LANES: usize = 5;

/// A line of the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// The step that it is, or that it should have answered.
    pub(super) step: usize,
    /// Whether it stands for an answer that is not there.
    pub(super) missing: bool,
    /// What kind of repetition it is.
    pub(super) note: &'static str,
}

/// The steps as lines, with the answers that are missing, and which are asked again or elsewhere.
pub(super) fn drawn(steps: &[&StepReport], logon: &LogonReport) -> Vec<Drawn> {
    let client: Option<IpAddr> = logon.client.parse().ok();
    let mut lines: Vec<Drawn> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let unanswered_before = lines.iter().rev().filter(|line| line.missing).find_map(|line| {
            steps.get(line.step).filter(|before| before.kind == step.kind && is_request(before, client))
        });
        let note = match unanswered_before {
            Some(before) if before.between == step.between => "again: ",
            Some(_) if is_request(step, client) => "fail-over: ",
            _ => "",
        };
        lines.push(Drawn { step: index, missing: false, note });
        if is_request(step, client) && !is_answered(step, steps.get(index + 1..).unwrap_or_default()) {
            lines.push(Drawn { step: index, missing: true, note: "" });
        }
    }
    lines
}

/// What answers a request; a kind that is none has no answer.
fn answers(kind: &str) -> &'static [&'static str] {
    match kind {
        "as-req" => &["as-rep", "krb-error"],
        "tgs-req" => &["tgs-rep", "krb-error"],
        "ap-req" => &["ap-rep", "krb-error"],
        "dns-query" => &["dns-response"],
        "ldap-ping" => &["ldap-ping-response"],
        _ => &[],
    }
}

fn is_request(step: &StepReport, client: Option<IpAddr>) -> bool {
    !answers(step.kind).is_empty()
        // A ticket is shown to a service inside another protocol, which need not answer with Kerberos.
        && step.kind != "ap-req"
        && step.between.is_some_and(|(from, _)| Some(from) == client)
}

/// Whether an answer comes before the same is asked again there.
fn is_answered(step: &StepReport, later: &[&StepReport]) -> bool {
    let Some((from, to)) = step.between else { return true };
    for next in later {
        if next.between == Some((to, from)) && answers(step.kind).contains(&next.kind) {
            return true;
        }
        if next.between == step.between
            && next.kind == step.kind
            && step.kind != "dns-query"
            && step.kind != "ldap-ping"
        {
            return false;
        }
    }
    false
}

/// As what somebody is spoken to, in the order of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Dns,
    DomainController,
    Service,
    /// All hosts of the cloud: which one it is, the step says.
    Cloud,
}

/// Who takes part, in the order of roles and of appearance: the client first.
pub(super) struct Lanes {
    /// As what each is spoken to, and its address; the cloud has none.
    peers: Vec<(Role, Option<IpAddr>)>,
    labels: Vec<String>,
    /// Columns of each lane; 0 where there is no room for lanes.
    width: usize,
    client: Option<IpAddr>,
    narrow: bool,
    wide: bool,
}

impl Lanes {
    pub(super) fn of(model: &Model, logon: &LogonReport, steps: &[&StepReport], columns: usize) -> Self {
        let client: Option<IpAddr> = logon.client.parse().ok();
        // One that is only opened sessions with is a service, unless it is known to be more.
        let is_kdc = |address: IpAddr| {
            model.name_of(address) != address.to_string()
                || steps
                    .iter()
                    .any(|step| !is_session(step.kind) && step.kind != CLOUD && other(step, client) == Some(address))
        };
        let mut peers = Vec::new();
        let mut labels_of = Vec::new();
        for step in steps {
            let peer = match (step.kind, other(step, client)) {
                (CLOUD, _) => (Role::Cloud, None),
                (_, None) => continue,
                (kind, Some(address)) if kind.starts_with("dns-") => (Role::Dns, Some(address)),
                (kind, Some(address)) if is_session(kind) && !is_kdc(address) => (Role::Service, Some(address)),
                (_, Some(address)) => (Role::DomainController, Some(address)),
            };
            if !peers.contains(&peer) {
                peers.push(peer);
                labels_of.push((peer.0, label(model, peer, step.kind)));
            }
        }
        peers.sort_by_key(|(role, _)| *role);
        labels_of.sort_by_key(|(role, _)| *role);
        let shown = peers.len().min(MAX_LANES - 1);
        let mut labels = vec!["client".to_owned()];
        labels.extend(labels_of.into_iter().take(shown).map(|(_, label)| label));
        if peers.len() > shown
            && let Some(label) = labels.last_mut()
        {
            label.push_str(" ...");
        }
        let narrow = columns < NARROW;
        let wide = columns >= WIDE;
        let room = if narrow { 0 } else { columns.saturating_sub(BEFORE_LANES) / 2 };
        let wanted = |labels: &[String]| {
            let longest = labels.iter().skip(1).map(|label| width(label)).max().unwrap_or(0);
            (longest + 2).clamp(8, 17)
        };
        if wanted(&labels) * labels.len() > room {
            // Of a service what it is: its address stands in the message.
            for (label, (role, _)) in labels.iter_mut().skip(1).zip(&peers) {
                if *role == Role::Service {
                    *label = label.split(' ').next().unwrap_or_default().to_owned();
                }
            }
        }
        let wanted = wanted(&labels);
        let width = if wanted * labels.len() <= room { wanted } else { room / labels.len() };
        Self { peers, labels, width: if width < 6 { 0 } else { width }, client, narrow, wide }
    }

    pub(super) fn heading(&self) -> String {
        let mut heading = self.before("  ", "seconds", "later", "packet");
        if self.width == 0 {
            heading.push_str("   ");
            return heading;
        }
        for label in &self.labels {
            heading.push_str(&pad(&cut(label, self.width - 1), self.width));
        }
        heading
    }

    fn before(&self, mark: &str, time: &str, later: &str, packet: &str) -> String {
        let packet = if self.narrow { String::new() } else { format!("{} ", right(packet, 7)) };
        let later = if self.wide { format!("{} ", right(later, LATER - 1)) } else { String::new() };
        format!("{mark}{} {later}{packet}", right(time, 9))
    }

    fn columns_before(&self) -> usize {
        let before = if self.narrow { BEFORE_LANES_NARROW } else { BEFORE_LANES };
        before + if self.wide { LATER } else { 0 }
    }

    /// The answer that the capture does not hold.
    pub(super) fn missing(&self, step: &StepReport, theme: Theme, columns: usize) -> Line<'static> {
        let before = self.before("  ", "", "", "");
        let answer = StepReport { between: step.between.map(|(from, to)| (to, from)), ..step.clone() };
        let arrow = self.arrow(&answer, theme).replace(theme.lines.shaft, theme.lines.missing);
        let used = self.columns_before() + width(&arrow);
        let text = cut("no answer in the capture", columns.saturating_sub(used));
        Line::from(vec![raw(before), styled(arrow, theme.dim()), styled(text, theme.outcome("undecided"))])
    }

    #[expect(clippy::too_many_arguments, reason = "all that a line shows")]
    pub(super) fn step(
        &self,
        logon: &LogonReport,
        step: &StepReport,
        before: Option<&StepReport>,
        note: &'static str,
        selected: bool,
        theme: Theme,
        columns: usize,
    ) -> Line<'static> {
        let seconds = thousandths(step.at.since(logon.began));
        let later = before.map(|before| format!("+{}", thousandths(step.at.since(before.at)))).unwrap_or_default();
        let sign = if selected { "> " } else { "  " };
        let mut spans = vec![raw(self.before(sign, &seconds, &later, &step.packet.to_string()))];
        let style = match step.kind {
            "krb-error" | "connection" | "unreachable" => theme.outcome("undecided"),
            "as-rep" | "tgs-rep" => theme.outcome("succeeded"),
            _ => theme.strong(),
        };
        let arrow = self.arrow(step, theme);
        let used = self.columns_before() + width(&arrow) + width(note);
        spans.push(Span::styled(arrow, style));
        // The arrow says which way it goes.
        let kind = step.kind.strip_suffix("-response").filter(|_| step.kind.len() > KIND).unwrap_or(step.kind);
        let kind = if columns >= 110 { format!("{} ", pad(kind, KIND)) } else { String::new() };
        let used = used + width(&kind);
        spans.push(raw(kind));
        spans.push(styled(note, theme.doubtful()));
        spans.push(raw(cut(&step.summary, columns.saturating_sub(used))));
        Line::from(spans)
    }

    /// The step among the lanes.
    fn arrow(&self, step: &StepReport, theme: Theme) -> String {
        let to_peer = step.between.is_none_or(|(from, _)| Some(from) == self.client);
        if self.width == 0 {
            return if to_peer { "-> " } else { "<- " }.to_owned();
        }
        let lines = theme.lines;
        let last = self.labels.len() - 1;
        let other = other(step, self.client);
        let dns = step.kind.starts_with("dns-");
        let index = self.peers.iter().position(|(role, address)| match role {
            Role::Cloud => step.kind == CLOUD,
            Role::Dns => dns && other == *address,
            Role::DomainController | Role::Service => {
                !dns && step.kind != CLOUD && other.is_some() && other == *address
            }
        });
        // Those without a lane of their own share the last.
        let target = index.map(|index| (index + 1).min(last));
        let mut arrow = String::new();
        for lane in 0..=last {
            let inside = target.is_some_and(|target| lane < target);
            let bar = match target {
                Some(0) | None => lines.lane,
                Some(_) if lane == 0 && to_peer => lines.from_left,
                Some(_) if lane == 0 => lines.lane,
                Some(target) if lane == target && !to_peer => lines.from_right,
                Some(target) if lane < target => lines.across,
                Some(_) => lines.lane,
            };
            arrow.push_str(bar);
            if lane == last {
                arrow.push(' ');
            } else if inside {
                let mut shaft: Vec<&str> = vec![lines.shaft; self.width - 1];
                if to_peer && target == Some(lane + 1) {
                    if let Some(head) = shaft.last_mut() {
                        *head = ">";
                    }
                } else if !to_peer
                    && lane == 0
                    && let Some(head) = shaft.first_mut()
                {
                    *head = "<";
                }
                arrow.extend(shaft);
            } else {
                arrow.push_str(&" ".repeat(self.width - 1));
            }
        }
        arrow
    }
}

/// With whom the client speaks in a step.
fn other(step: &StepReport, client: Option<IpAddr>) -> Option<IpAddr> {
    let (from, to) = step.between?;
    Some(if Some(from) == client { to } else { from })
}

/// Whether a step belongs to a session with a service, which a domain controller may be as well.
fn is_session(kind: &str) -> bool {
    ["smb-session", "ldap-bind", "ap-"].iter().any(|session| kind.starts_with(session))
}

/// What stands above the lane of somebody who is first seen in a step of this kind.
fn label(model: &Model, (role, address): (Role, Option<IpAddr>), kind: &str) -> String {
    let name = address.map(|address| model.name_of(address)).unwrap_or_default();
    let is_name = name.parse::<IpAddr>().is_err();
    match role {
        Role::Dns => "DNS".to_owned(),
        Role::Cloud => "cloud".to_owned(),
        Role::Service if kind.starts_with("smb") => format!("SMB {name}"),
        Role::Service if kind.starts_with("ldap") => format!("LDAP {name}"),
        _ if is_name => name.split('.').next().unwrap_or_default().to_owned(),
        _ => name,
    }
}

/// Seconds with three decimals.
fn thousandths(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds.abs() / 1_000_000;
    let sign = if nanoseconds < 0 && milliseconds > 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
