//! Every key: what it does, where, and how screens, commands, settings and documents name it.

use ratatui::crossterm::event::KeyCode;

use super::{Action, Key, Place};
use crate::model::View;

use Place::{Details, Filter, Finding, Findings, Help, Logons, Message, Overview, Prompt, Steps, Table};

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// What it does.
    pub(crate) action: Action,
    /// Its name as a command and in settings.
    pub(crate) name: &'static str,
    /// The keys that do it, unless settings say otherwise.
    pub(crate) keys: &'static [Key],
    /// Where they do it.
    pub(crate) places: &'static [Place],
    /// What they do, for the help screen.
    pub(crate) does: &'static str,
    /// The same in a word, for the last line of the screen; `None` where there are better uses of its room.
    pub(crate) hint: Option<&'static str>,
    /// Whether settings must leave it alone, so that every place can be left.
    pub(crate) fixed: bool,
}

const fn letter(character: char) -> Key {
    Key::Plain(KeyCode::Char(character))
}

const LISTS: &[Place] = &[Overview, Table, Logons];
const MOVING: &[Place] = &[Overview, Table, Logons, Steps, Findings, Finding, Message, Details, Help];
const SHOWING: &[Place] = &[Overview, Table, Logons, Steps, Findings, Finding, Message, Details];
const EVERYWHERE: &[Place] =
    &[Overview, Table, Logons, Filter, Prompt, Steps, Findings, Finding, Message, Details, Help];

const fn bind(
    action: Action,
    name: &'static str,
    keys: &'static [Key],
    places: &'static [Place],
    does: &'static str,
    hint: Option<&'static str>,
) -> Binding {
    let fixed = matches!(action, Action::Back | Action::Quit | Action::Keep | Action::Erase);
    Binding { action, name, keys, places, does, hint, fixed }
}

/// Every key, in the order in which the help screen shows them.
pub(crate) const BINDINGS: &[Binding] = &[
    bind(Action::Up, "up", &[Key::Plain(KeyCode::Up), letter('k')], MOVING, "one line up", None),
    bind(Action::Down, "down", &[Key::Plain(KeyCode::Down), letter('j')], MOVING, "one line down", None),
    bind(
        Action::PageUp,
        "page-up",
        &[Key::Plain(KeyCode::PageUp), Key::Ctrl('b'), Key::Ctrl('u')],
        MOVING,
        "a screenful up",
        None,
    ),
    bind(
        Action::PageDown,
        "page-down",
        &[Key::Plain(KeyCode::PageDown), Key::Ctrl('f'), Key::Ctrl('d'), letter(' ')],
        MOVING,
        "a screenful down",
        None,
    ),
    bind(Action::First, "first", &[Key::Plain(KeyCode::Home), letter('g')], MOVING, "to the top", None),
    bind(Action::Last, "last", &[Key::Plain(KeyCode::End), letter('G')], MOVING, "to the end", None),
    bind(
        Action::Open,
        "open",
        &[Key::Plain(KeyCode::Enter)],
        &[Overview, Table, Logons, Steps, Findings, Finding],
        "look closer",
        Some("open"),
    ),
    bind(
        Action::Open,
        "open",
        &[Key::Plain(KeyCode::Right), letter('l')],
        &[Overview, Steps, Findings],
        "look closer",
        None,
    ),
    bind(
        Action::Open,
        "open",
        &[Key::Plain(KeyCode::Enter)],
        &[Message],
        "the certificate that the field is of, in plain lines",
        Some("certificate"),
    ),
    bind(Action::Open, "open", &[Key::Plain(KeyCode::Enter)], &[Details], "its sign-ins", Some("sign-ins")),
    bind(
        Action::Back,
        "back",
        &[Key::Plain(KeyCode::Esc)],
        &[Steps, Findings, Finding, Message, Details, Help],
        "back",
        Some("back"),
    ),
    bind(
        Action::Back,
        "back",
        &[Key::Plain(KeyCode::Left), letter('h')],
        &[Steps, Findings, Finding, Message, Details, Help],
        "back",
        None,
    ),
    bind(
        Action::Back,
        "back",
        &[Key::Plain(KeyCode::Esc)],
        LISTS,
        "take back the last limit: filter, group, time, failures only",
        None,
    ),
    bind(
        Action::OtherPane,
        "switch",
        &[Key::Plain(KeyCode::Tab), Key::Plain(KeyCode::BackTab)],
        &[Steps, Findings],
        "from findings to steps, and the other way",
        Some("switch"),
    ),
    bind(
        Action::OtherPane,
        "switch",
        &[Key::Plain(KeyCode::Tab), Key::Plain(KeyCode::BackTab)],
        &[Finding],
        "to the next piece of evidence",
        Some("evidence"),
    ),
    bind(Action::Next, "next", &[letter('n')], LISTS, "to the next failure", Some("next failure")),
    bind(Action::Next, "next", &[letter('n')], &[Steps, Findings, Message], "next sign-in, next message", Some("next")),
    bind(
        Action::Previous,
        "previous",
        &[letter('p')],
        &[Overview, Table, Logons, Steps, Findings, Message],
        "failure, sign-in or message before",
        None,
    ),
    bind(Action::Show(View::Overview), "overview", &[letter('1')], SHOWING, "what is wrong, and how things are", None),
    bind(Action::Show(View::Logons), "logons", &[letter('2')], SHOWING, "every sign-in", None),
    bind(Action::Show(View::DomainControllers), "dcs", &[letter('3')], SHOWING, "domain controllers", None),
    bind(Action::Show(View::Keys), "keys", &[letter('4')], SHOWING, "keys, with users and devices", None),
    bind(
        Action::Show(View::Cloud),
        "cloud",
        &[letter('5')],
        SHOWING,
        "hosts of the cloud, and how clients got on with them",
        None,
    ),
    bind(Action::Show(View::Log), "log", &[letter('6')], SHOWING, "what could not be seen or done", None),
    bind(
        Action::FailuresOnly,
        "failures",
        &[letter('f')],
        LISTS,
        "failures and grave findings only, or everything",
        Some("failures"),
    ),
    bind(Action::Filter, "filter", &[letter('/')], LISTS, "filter as you type", Some("filter")),
    bind(
        Action::Left,
        "left",
        &[Key::Plain(KeyCode::Left), letter('h')],
        &[Table, Logons],
        "to the column at the left",
        None,
    ),
    bind(
        Action::Right,
        "right",
        &[Key::Plain(KeyCode::Right), letter('l')],
        &[Table, Logons],
        "to the column at the right",
        None,
    ),
    bind(
        Action::Sort,
        "sort",
        &[letter('s')],
        &[Table, Logons],
        "sort by the selected column; again: the other way",
        Some("sort"),
    ),
    bind(Action::Group, "group", &[letter('b')], &[Logons], "group by the selected column, or not", Some("group")),
    bind(
        Action::OnlyLike,
        "only-like",
        &[letter('o')],
        &[Logons],
        "only rows like the selected cell; of a time: since then",
        Some("only like"),
    ),
    bind(
        Action::NotLike,
        "not-like",
        &[letter('x')],
        &[Logons],
        "no rows like the selected cell; of a time: until then",
        Some("not like"),
    ),
    bind(Action::Narrow, "narrow", &[letter('w')], &[Logons], "a shorter time around the selected sign-in", None),
    bind(Action::Widen, "widen", &[letter('W')], &[Logons], "a longer time", None),
    bind(Action::Earlier, "earlier", &[letter(',')], &[Logons], "the time before", None),
    bind(Action::Later, "later", &[letter('.')], &[Logons], "the time after", None),
    bind(
        Action::Freeze,
        "freeze",
        &[letter('z')],
        SHOWING,
        "leave the screen as it is while more comes, or go on",
        None,
    ),
    bind(Action::Follow, "follow", &[letter('F')], &[Logons], "stay with the newest sign-in, or not", None),
    bind(
        Action::Same,
        "same",
        &[letter('s')],
        &[Overview, Findings, Finding],
        "list every sign-in with this finding",
        Some("who else"),
    ),
    bind(
        Action::Mark,
        "mark",
        &[letter('m')],
        &[Overview, Logons, Steps, Findings, Finding],
        "mark it, or take the mark away",
        None,
    ),
    bind(
        Action::Note,
        "note",
        &[letter('a')],
        &[Overview, Logons, Steps, Findings, Finding],
        "write a note to it",
        None,
    ),
    bind(
        Action::Export,
        "export",
        &[letter('e')],
        SHOWING,
        "write it to a file: list as CSV, finding as Markdown, packets of a sign-in",
        None,
    ),
    bind(Action::Copy, "copy", &[letter('y')], SHOWING, "copy the selected value to the clipboard", None),
    bind(Action::Theme, "theme", &[letter('T')], SHOWING, "the next theme", None),
    bind(Action::Cancel, "cancel", &[Key::Ctrl('x')], SHOWING, "stop reading", None),
    bind(Action::Command, "command", &[letter(':')], SHOWING, "type a command; tab completes", Some("command")),
    bind(
        Action::Keep,
        "keep",
        &[Key::Plain(KeyCode::Enter), Key::Plain(KeyCode::Down)],
        &[Filter],
        "keep the filter",
        Some("keep"),
    ),
    bind(Action::Keep, "keep", &[Key::Plain(KeyCode::Enter)], &[Prompt], "do it", Some("do it")),
    bind(
        Action::Complete,
        "complete",
        &[Key::Plain(KeyCode::Tab)],
        &[Filter, Prompt],
        "complete it, or the next proposal",
        Some("complete"),
    ),
    bind(Action::Back, "back", &[Key::Plain(KeyCode::Esc)], &[Filter], "drop the filter", Some("drop")),
    bind(Action::Back, "back", &[Key::Plain(KeyCode::Esc)], &[Prompt], "leave it", Some("leave it")),
    bind(Action::Erase, "erase", &[Key::Plain(KeyCode::Backspace)], &[Filter, Prompt], "take back a character", None),
    bind(Action::Clear, "clear", &[Key::Ctrl('u')], &[Filter, Prompt], "empty it", None),
    bind(Action::Help, "help", &[letter('?'), Key::Plain(KeyCode::F(1))], SHOWING, "these keys", Some("keys")),
    bind(Action::Quit, "quit", &[letter('q')], MOVING, "quit", Some("quit")),
    bind(Action::Quit, "quit", &[Key::Ctrl('c')], EVERYWHERE, "quit from anywhere", None),
];

impl Binding {
    /// Where it works, for the help screen; empty where that is nearly everywhere.
    pub(crate) fn places(&self) -> String {
        if self.places.len() > 6 {
            return String::new();
        }
        self.places.iter().map(|place| place.name()).collect::<Vec<_>>().join(", ")
    }
}
