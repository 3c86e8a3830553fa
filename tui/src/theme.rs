//! Colours and lines by meaning. Colour never carries a meaning alone: a word or a mark says the same.

use diagnose::Severity;
use ratatui::style::{Color, Modifier, Style};

/// How things look on this terminal.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    colours: bool,
    pub(crate) lines: &'static Lines,
}

/// Characters that lines are made of.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) rule: &'static str,
    /// A lane where nothing happens.
    pub(crate) lane: &'static str,
    /// An arrow's shaft.
    pub(crate) shaft: &'static str,
    /// Where an arrow to the right begins.
    pub(crate) from_left: &'static str,
    /// Where an arrow to the left begins.
    pub(crate) from_right: &'static str,
    /// Where an arrow passes a lane.
    pub(crate) across: &'static str,
}

const DRAWN: Lines =
    Lines { rule: "─", lane: "│", shaft: "─", from_left: "├", from_right: "┤", across: "┼" };
const ASCII: Lines = Lines { rule: "-", lane: "|", shaft: "-", from_left: "|", from_right: "|", across: "+" };

impl Theme {
    /// With or without colours, with drawn lines or ASCII only.
    pub fn new(colours: bool, drawn_lines: bool) -> Self {
        Self { colours, lines: if drawn_lines { &DRAWN } else { &ASCII } }
    }

    /// What the environment asks for: `NO_COLOR` and terminals without colours are respected, and lines are drawn where
    /// the locale is UTF-8.
    pub fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let terminal = set("TERM").unwrap_or_default();
        let plain = set("NO_COLOR").is_some() || terminal == "dumb" || terminal.ends_with("-m");
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let unicode = cfg!(windows) || locale.to_ascii_lowercase().replace('-', "").ends_with("utf8");
        Self::new(!plain, unicode)
    }

    pub(crate) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Critical => self.coloured(Color::Red).add_modifier(Modifier::BOLD),
            Severity::High => self.coloured(Color::Red),
            Severity::Medium => self.coloured(Color::Yellow),
            Severity::Low => self.coloured(Color::Cyan),
            Severity::Info => self.dim(),
        }
    }

    pub(crate) fn outcome(self, outcome: &str) -> Style {
        match outcome {
            "failed" => self.coloured(Color::Red).add_modifier(Modifier::BOLD),
            "undecided" => self.coloured(Color::Yellow),
            _ => self.coloured(Color::Green),
        }
    }

    pub(crate) fn heading(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn strong(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn dim(self) -> Style {
        self.coloured(Color::DarkGray)
    }

    pub(crate) fn selected(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }
}
