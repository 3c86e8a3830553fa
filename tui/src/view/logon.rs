//! A sign-in: its steps as a sequence between client, DNS and domain controllers, and its findings.

use std::net::IpAddr;

use diagnose::{FindingReport, LogonReport, StepReport};
use ratatui::text::{Line, Span};

use super::{MAX_TEXT, Page, both_ends, by, clock, duration, named, raw, styled, window};
use crate::{
    Theme, mark,
    model::{Model, Pane, Row, sequence},
    outcome_word,
    text::{cut, fold, pad, right, width},
};

/// Rows below which only the pane that keys go to is shown.
const MIN_BOTH: usize = 11;
/// Lines of the selected finding's summary.
const SUMMARY: usize = 3;
/// Lines of the selected step's summary, and the rows of the pane that make room for it.
const WHOLE: usize = 2;
const MIN_FOR_WHOLE: usize = 9;
/// Columns of the mark, the time and the packet number, and those of mark and time where there is no room for more.
const BEFORE_LANES: usize = 20;
const BEFORE_LANES_NARROW: usize = 12;

/// Columns for the kind of a step.
const KIND: usize = 12;
/// Below this many columns there is no room for more.
const NARROW: usize = 60;
/// Lanes shown; what is further away shares the last.
const MAX_LANES: usize = 5;

pub(super) fn draw(model: &Model, id: u64, focus: Pane, selected: (usize, usize), page: &mut Page<'_>) {
    let Some(logon) = model.logon(id) else { return };
    let above = title(model, logon, page);
    let findings = model.findings_of(id);
    let (_, body) = page.split(u16::try_from(above).unwrap_or(u16::MAX));
    let rows = usize::from(body.height);
    let (selected_step, selected_finding) = selected;
    page.within(body, |page| {
        if rows < MIN_BOTH {
            match focus {
                Pane::Steps => steps(model, logon, true, selected_step, page),
                Pane::Findings => self::findings(&findings, true, selected_finding, page),
            }
            return;
        }
        let wanted = 1 + findings.len().clamp(1, 6) + if findings.is_empty() { 0 } else { SUMMARY + 1 };
        let below = wanted.min(rows / 2);
        let (upper, lower) = page.split(u16::try_from(rows - below).unwrap_or(u16::MAX));
        page.within(upper, |page| steps(model, logon, focus == Pane::Steps, selected_step, page));
        page.within(lower, |page| self::findings(&findings, focus == Pane::Findings, selected_finding, page));
    });
}

/// Who, between whom, when. Returns how many rows it took.
fn title(model: &Model, logon: &LogonReport, page: &mut Page<'_>) -> usize {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2);
    let logons = model.rows.iter().filter(|row| matches!(row, Row::Logon(_))).count();
    let place = model.rows.iter().take(model.selected + 1).filter(|row| matches!(row, Row::Logon(_))).count();
    let who = logon.principal.as_deref().unwrap_or("(nobody named)");
    let outcome = outcome_word(logon.outcome);
    let (left, right) = both_ends(
        &format!("{who} {}", by(logon.method)),
        &format!("sign-in {}, row {place} of {logons}", logon.id),
        columns.saturating_sub(width(outcome) + 1),
    );
    page.line(
        0,
        Line::from(vec![
            raw(" "),
            styled(format!("{outcome} "), theme.outcome(logon.outcome)),
            styled(left, theme.strong()),
            styled(right, theme.dim()),
        ]),
    );
    if page.rows() < MIN_BOTH {
        return 1;
    }
    let kdc = logon.kdc.as_ref().map(|kdc| format!(" -> {}", named(&logon.kdc_name, kdc))).unwrap_or_default();
    let between = format!("{}{kdc}", named(&logon.client_name, &logon.client));
    page.line(1, Line::from(format!(" {}", cut(&between, columns))));
    let when = format!("{} UTC, {}: {}", clock(&logon.started, 0, 23), duration(logon.lasted), logon.reached);
    page.line(2, Line::from(styled(format!(" {}", cut(&when, columns)), theme.dim())));
    3
}

fn steps(model: &Model, logon: &LogonReport, focused: bool, selected: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let steps = sequence(logon);
    let beyond = if logon.exchanges_beyond > 0 {
        format!(", {} more exchanges not kept", logon.exchanges_beyond)
    } else {
        String::new()
    };
    page.rule(0, &format!("steps ({}){beyond}", steps.len()), focused);
    let lanes = Lanes::of(model, logon, &steps, page.columns());
    page.line(1, Line::from(styled(lanes.heading(), theme.dim())));
    let selected = selected.min(steps.len().saturating_sub(1));
    let mut rows = page.rows().saturating_sub(2);
    // The selected step in full, where its line is too short for it.
    if focused
        && rows >= MIN_FOR_WHOLE
        && let Some(step) = steps.get(selected)
    {
        rows -= WHOLE + 1;
        let whole = fold(&step.summary, page.columns().saturating_sub(5).min(MAX_TEXT));
        for (offset, line) in whole.into_iter().take(WHOLE).enumerate() {
            page.line(3 + rows.min(steps.len()) + offset, Line::from(styled(format!("    {line}"), theme.dim())));
        }
    }
    let first = window(selected, steps.len(), rows);
    for (offset, step) in steps.iter().skip(first).take(rows).enumerate() {
        let chosen = first + offset == selected;
        let line = lanes.step(logon, step, focused && chosen, theme, page.columns());
        if focused && chosen {
            page.selected(2 + offset, line);
        } else {
            page.line(2 + offset, line);
        }
    }
}

/// Who takes part, in the order of appearance: the client first.
struct Lanes {
    /// Whether it is spoken to as a DNS server, and its address.
    peers: Vec<(bool, IpAddr)>,
    labels: Vec<String>,
    /// Columns of each lane; 0 where there is no room for lanes.
    width: usize,
    client: Option<IpAddr>,
    narrow: bool,
}

impl Lanes {
    fn of(model: &Model, logon: &LogonReport, steps: &[&StepReport], columns: usize) -> Self {
        let client: Option<IpAddr> = logon.client.parse().ok();
        let mut peers = Vec::new();
        for step in steps {
            if let Some(peer) = peer(step, client)
                && !peers.contains(&peer)
            {
                peers.push(peer);
            }
        }
        // DNS before domain controllers, each in the order of appearance.
        peers.sort_by_key(|(dns, _)| !*dns);
        let shown = peers.len().min(MAX_LANES - 1);
        let mut labels = vec!["client".to_owned()];
        labels.extend(peers.iter().take(shown).map(|(dns, address)| {
            let name = model.name_of(*address);
            let is_name = name.parse::<IpAddr>().is_err();
            match (dns, is_name) {
                (true, _) => "DNS".to_owned(),
                (false, true) => name.split('.').next().unwrap_or_default().to_owned(),
                (false, false) => name,
            }
        }));
        if peers.len() > shown
            && let Some(label) = labels.last_mut()
        {
            label.push_str(" ...");
        }
        let narrow = columns < NARROW;
        let room = if narrow { 0 } else { columns.saturating_sub(BEFORE_LANES) / 2 };
        let longest = labels.iter().skip(1).map(|label| width(label)).max().unwrap_or(0);
        let wanted = (longest + 2).clamp(8, 17);
        let width = if wanted * labels.len() <= room { wanted } else { room / labels.len() };
        Self { peers, labels, width: if width < 6 { 0 } else { width }, client, narrow }
    }

    fn heading(&self) -> String {
        let mut heading = self.before("  ", "seconds", "packet");
        if self.width == 0 {
            heading.push_str("   ");
            return heading;
        }
        for label in &self.labels {
            heading.push_str(&pad(&cut(label, self.width - 1), self.width));
        }
        heading
    }

    fn before(&self, mark: &str, time: &str, packet: &str) -> String {
        let packet = if self.narrow { String::new() } else { format!("{} ", right(packet, 7)) };
        format!("{mark}{} {packet}", right(time, 9))
    }

    fn step(
        &self,
        logon: &LogonReport,
        step: &StepReport,
        selected: bool,
        theme: Theme,
        columns: usize,
    ) -> Line<'static> {
        let seconds = thousandths(step.at.since(logon.began));
        let mut spans = vec![raw(self.before(if selected { "> " } else { "  " }, &seconds, &step.packet.to_string()))];
        let style = match step.kind {
            "krb-error" | "connection" | "unreachable" => theme.outcome("undecided"),
            "as-rep" | "tgs-rep" => theme.outcome("succeeded"),
            _ => theme.strong(),
        };
        let arrow = self.arrow(step, theme);
        let before = if self.narrow { BEFORE_LANES_NARROW } else { BEFORE_LANES };
        let used = before + width(&arrow);
        spans.push(Span::styled(arrow, style));
        // The arrow says which way it goes.
        let kind = step.kind.strip_suffix("-response").filter(|_| step.kind.len() > KIND).unwrap_or(step.kind);
        let text = if columns >= 110 { format!("{} {}", pad(kind, KIND), step.summary) } else { step.summary.clone() };
        spans.push(raw(cut(&text, columns.saturating_sub(used))));
        Line::from(spans)
    }

    /// The step among the lanes.
    fn arrow(&self, step: &StepReport, theme: Theme) -> String {
        let peer = peer(step, self.client);
        let to_peer = step.between.is_none_or(|(from, _)| Some(from) == self.client);
        if self.width == 0 {
            return if to_peer { "-> " } else { "<- " }.to_owned();
        }
        let lines = theme.lines;
        let last = self.labels.len() - 1;
        let index = peer.and_then(|peer| self.peers.iter().position(|known| *known == peer));
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

/// With whom the client speaks in a step, and whether as with a DNS server.
fn peer(step: &StepReport, client: Option<IpAddr>) -> Option<(bool, IpAddr)> {
    let (from, to) = step.between?;
    let dns = step.kind.starts_with("dns-");
    Some((dns, if Some(from) == client { to } else { from }))
}

/// Seconds with three decimals.
fn thousandths(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds.abs() / 1_000_000;
    let sign = if nanoseconds < 0 && milliseconds > 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn findings(findings: &[&FindingReport], focused: bool, selected: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    page.rule(0, &format!("findings ({})", findings.len()), focused);
    if findings.is_empty() {
        page.line(1, Line::from(styled("  Nothing found about this sign-in.", theme.dim())));
        return;
    }
    let summary = if page.rows() > 2 + SUMMARY { SUMMARY } else { 0 };
    let rows = page.rows().saturating_sub(1 + summary);
    let selected = selected.min(findings.len() - 1);
    let first = window(selected, findings.len(), rows);
    let mut next = 1;
    for (offset, finding) in findings.iter().skip(first).take(rows).enumerate() {
        let chosen = focused && first + offset == selected;
        let columns = page.columns().saturating_sub(12);
        let certainty = if page.columns() < NARROW {
            String::new()
        } else {
            format!("{}, {}: ", finding.severity.name(), finding.confidence.name())
        };
        let style = theme.severity(finding.severity);
        let line = Line::from(vec![
            raw(if chosen { "> " } else { "  " }),
            styled(format!("{} {} ", mark(finding.severity), finding.code), style),
            styled(cut(&format!("{certainty}{}", finding.title), columns), style),
        ]);
        if chosen {
            page.selected(1 + offset, line);
        } else {
            page.line(1 + offset, line);
        }
        next = 2 + offset;
    }
    if summary > 0
        && let Some(finding) = findings.get(selected)
    {
        let columns = page.columns().saturating_sub(5).min(MAX_TEXT);
        for (offset, line) in fold(&finding.summary, columns).into_iter().enumerate() {
            page.line(next + offset, Line::from(format!("    {line}")));
        }
    }
}
