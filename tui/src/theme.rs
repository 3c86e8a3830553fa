//! Colours and lines by meaning. Colour never carries a meaning alone: a word or a mark says the same.

use diagnose::Severity;
use ratatui::style::{Color, Modifier, Style};

use crate::health::State;

/// How things look on this terminal.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    palette: Palette,
    pub(crate) lines: &'static Lines,
}

impl Default for Theme {
    fn default() -> Self {
        Self::new(Palette::Dark, true)
    }
}

/// Which colours mean what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Bright and bold only, nothing dimmed.
    HighContrast,
    /// No colours.
    Plain,
}

impl Palette {
    /// All, with the names that settings and commands use.
    pub const ALL: [(&'static str, Self); 4] =
        [("dark", Self::Dark), ("light", Self::Light), ("high-contrast", Self::HighContrast), ("plain", Self::Plain)];

    /// The palette of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, palette)| *palette)
    }

    /// The name of it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, palette)| *palette == self).map_or("", |(name, _)| name)
    }
}

/// Characters that lines and charts are made of.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) rule: &'static str,
    /// A lane where nothing happens.
    pub(crate) lane: &'static str,
    /// An arrow's shaft.
    pub(crate) shaft: &'static str,
    /// The shaft of an arrow that should have been there.
    pub(crate) missing: &'static str,
    /// Where an arrow to the right begins.
    pub(crate) from_left: &'static str,
    /// Where an arrow to the left begins.
    pub(crate) from_right: &'static str,
    /// Where an arrow passes a lane.
    pub(crate) across: &'static str,
    /// Bars from nothing to full.
    pub(crate) bars: [&'static str; 9],
    /// Between the parts of where one is.
    pub(crate) path: &'static str,
}

const DRAWN: Lines = Lines {
    rule: "─",
    lane: "│",
    shaft: "─",
    missing: "╌",
    from_left: "├",
    from_right: "┤",
    across: "┼",
    bars: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    path: " › ",
};
const ASCII: Lines = Lines {
    rule: "-",
    lane: "|",
    shaft: "-",
    missing: ".",
    from_left: "|",
    from_right: "|",
    across: "+",
    bars: [" ", ".", ".", ":", ":", "=", "=", "#", "#"],
    path: " > ",
};

impl Theme {
    /// With these colours, with drawn lines or ASCII only.
    pub fn new(palette: Palette, drawn_lines: bool) -> Self {
        Self { palette, lines: if drawn_lines { &DRAWN } else { &ASCII } }
    }

    /// What the environment asks for: `NO_COLOR` and terminals without colours are respected, and lines are drawn where
    /// the locale is UTF-8.
    pub fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let terminal = set("TERM").unwrap_or_default();
        let plain = set("NO_COLOR").is_some() || terminal == "dumb" || terminal.ends_with("-m");
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let unicode = cfg!(windows) || locale.to_ascii_lowercase().replace('-', "").ends_with("utf8");
        Self::new(if plain { Palette::Plain } else { Palette::Dark }, unicode)
    }

    /// The same lines in other colours.
    #[must_use]
    pub fn with(self, palette: Palette) -> Self {
        Self { palette, ..self }
    }

    /// The same colours in ASCII.
    #[must_use]
    pub fn in_ascii(self) -> Self {
        Self { lines: &ASCII, ..self }
    }

    /// Its colours.
    pub fn palette(self) -> Palette {
        self.palette
    }

    pub(crate) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Critical => self.bad().add_modifier(Modifier::BOLD),
            Severity::High => self.bad(),
            Severity::Medium => self.doubtful(),
            Severity::Low => self.colour(Color::Cyan, Color::Blue, Color::LightCyan),
            Severity::Info => self.dim(),
        }
    }

    pub(crate) fn outcome(self, outcome: &str) -> Style {
        match outcome {
            "failed" => self.bad().add_modifier(Modifier::BOLD),
            "undecided" => self.doubtful(),
            _ => self.good(),
        }
    }

    pub(crate) fn state(self, state: State) -> Style {
        match state {
            State::Unseen => Style::new(),
            State::Good => self.good(),
            State::Doubtful => self.doubtful(),
            State::Bad => self.bad().add_modifier(Modifier::BOLD),
        }
    }

    pub(crate) fn good(self) -> Style {
        self.colour(Color::Green, Color::Green, Color::LightGreen)
    }

    pub(crate) fn doubtful(self) -> Style {
        self.colour(Color::Yellow, Color::Magenta, Color::LightYellow)
    }

    pub(crate) fn bad(self) -> Style {
        self.colour(Color::Red, Color::Red, Color::LightRed)
    }

    pub(crate) fn heading(self) -> Style {
        self.colour(Color::Cyan, Color::Blue, Color::White).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn strong(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn dim(self) -> Style {
        match self.palette {
            Palette::Dark => Style::new().fg(Color::DarkGray),
            Palette::Light => Style::new().fg(Color::Gray),
            Palette::HighContrast | Palette::Plain => Style::new(),
        }
    }

    pub(crate) fn selected(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The column or the cell that keys go to, and bytes that belong to the selected field.
    pub(crate) fn lit(self) -> Style {
        let _ = self;
        Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD)
    }

    fn colour(self, dark: Color, light: Color, high_contrast: Color) -> Style {
        match self.palette {
            Palette::Dark => Style::new().fg(dark),
            Palette::Light => Style::new().fg(light),
            Palette::HighContrast => Style::new().fg(high_contrast).add_modifier(Modifier::BOLD),
            Palette::Plain => Style::new(),
        }
    }
}
