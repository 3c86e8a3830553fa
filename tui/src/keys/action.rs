//! What keys do, and where they can go.

use crate::model::View;

/// Where keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What is wrong.
    Overview,
    /// A list that is not of sign-ins: domain controllers, keys, cloud, log.
    Table,
    /// The list of sign-ins.
    Logons,
    /// The filter, while it is typed.
    Filter,
    /// A command or a note, while it is typed.
    Prompt,
    /// The steps of a sign-in.
    Steps,
    /// The findings of a sign-in.
    Findings,
    /// A finding.
    Finding,
    /// A message.
    Message,
    /// All about a domain controller, a key, a host, a certificate.
    Details,
    /// The keys.
    Help,
}

impl Place {
    /// All.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 11] = [
        Self::Overview,
        Self::Table,
        Self::Logons,
        Self::Filter,
        Self::Prompt,
        Self::Steps,
        Self::Findings,
        Self::Finding,
        Self::Message,
        Self::Details,
        Self::Help,
    ];

    /// What the help screen calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Table => "lists",
            Self::Logons => "sign-ins",
            Self::Filter => "filter",
            Self::Prompt => "command, note",
            Self::Steps => "steps",
            Self::Findings => "findings",
            Self::Finding => "finding",
            Self::Message => "message",
            Self::Details => "details",
            Self::Help => "keys",
        }
    }

    /// Whether letters are text.
    pub(crate) fn is_typing(self) -> bool {
        matches!(self, Self::Filter | Self::Prompt)
    }
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// To the top.
    First,
    /// To the end.
    Last,
    /// To the column at the left.
    Left,
    /// To the column at the right.
    Right,
    /// Look closer.
    Open,
    /// Go back.
    Back,
    /// From steps to findings, and the other way; to the next piece of evidence.
    OtherPane,
    /// To the next failure, sign-in or step.
    Next,
    /// To the one before.
    Previous,
    /// Show this view.
    Show(View),
    /// Show failures only, or everything again.
    FailuresOnly,
    /// Sort by the selected column, or the other way round.
    Sort,
    /// Group by the selected column, or not any more.
    Group,
    /// Show only rows like the selected cell.
    OnlyLike,
    /// Show no rows like the selected cell.
    NotLike,
    /// Show a shorter time around the selected sign-in.
    Narrow,
    /// Show a longer time.
    Widen,
    /// Show the time before.
    Earlier,
    /// Show the time after.
    Later,
    /// Leave what is shown as it is while more comes, or go on.
    Freeze,
    /// Stay with the newest sign-in, or stop that.
    Follow,
    /// Mark what is selected, or take the mark away.
    Mark,
    /// Write a note to what is selected.
    Note,
    /// Begin to type a filter.
    Filter,
    /// Begin to type a command.
    Command,
    /// List the sign-ins that have this finding.
    Same,
    /// Write what is shown to a file.
    Export,
    /// Copy what is selected to the clipboard.
    Copy,
    /// Keep what was typed and go on.
    Keep,
    /// Take back the last character.
    Erase,
    /// Empty what was typed.
    Clear,
    /// Complete what was typed.
    Complete,
    /// The next theme.
    Theme,
    /// Stop reading.
    Cancel,
    /// Show the keys.
    Help,
    /// Leave the program.
    Quit,
}
