//! Keys as a table: what each does, where, and how the help screen and the last line name it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::Message;

/// Where keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The list of sign-ins.
    List,
    /// The filter, while it is typed.
    Filter,
    /// The steps of a sign-in.
    Steps,
    /// The findings of a sign-in.
    Findings,
    /// A finding.
    Finding,
    /// A step.
    Step,
    /// The keys.
    Help,
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
    /// Look closer.
    Open,
    /// Go back.
    Back,
    /// From steps to findings, and the other way.
    OtherPane,
    /// To the next sign-in, or to the next step.
    Next,
    /// To the sign-in or step before.
    Previous,
    /// Show failures only, or everything again.
    FailuresOnly,
    /// Begin to type a filter.
    Filter,
    /// List the sign-ins that have this finding.
    Same,
    /// Keep the filter and go on.
    Keep,
    /// Take back the last character of the filter.
    Erase,
    /// Empty the filter.
    Clear,
    /// Show the keys.
    Help,
    /// Leave the program.
    Quit,
}

/// A line of the table.
pub(crate) struct Binding {
    /// What it does.
    pub(crate) action: Action,
    /// The keys that do it.
    keys: &'static [Key],
    /// What they are called.
    pub(crate) name: &'static str,
    /// Where they do it.
    pub(crate) places: &'static [Place],
    /// What they do, for the help screen.
    pub(crate) does: &'static str,
    /// The same in a word, for the last line of the screen; `None` where there are better uses of its room.
    pub(crate) hint: Option<&'static str>,
}

/// A key, with or without Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Plain(KeyCode),
    Ctrl(char),
}

const fn letter(character: char) -> Key {
    Key::Plain(KeyCode::Char(character))
}

use Place::{Filter, Finding, Findings, Help, List, Step, Steps};

const ALL_BUT_FILTER: &[Place] = &[List, Steps, Findings, Finding, Step, Help];
const EVERYWHERE: &[Place] = &[List, Filter, Steps, Findings, Finding, Step, Help];

/// Every key, in the order in which the help screen shows them.
pub(crate) const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Up,
        keys: &[Key::Plain(KeyCode::Up), letter('k')],
        name: "up, k",
        places: ALL_BUT_FILTER,
        does: "one line up",
        hint: None,
    },
    Binding {
        action: Action::Down,
        keys: &[Key::Plain(KeyCode::Down), letter('j')],
        name: "down, j",
        places: ALL_BUT_FILTER,
        does: "one line down",
        hint: None,
    },
    Binding {
        action: Action::PageUp,
        keys: &[Key::Plain(KeyCode::PageUp), Key::Ctrl('b'), Key::Ctrl('u')],
        name: "page up, ctrl-u",
        places: ALL_BUT_FILTER,
        does: "a screenful up",
        hint: None,
    },
    Binding {
        action: Action::PageDown,
        keys: &[Key::Plain(KeyCode::PageDown), Key::Ctrl('f'), Key::Ctrl('d'), letter(' ')],
        name: "page down, space",
        places: ALL_BUT_FILTER,
        does: "a screenful down",
        hint: None,
    },
    Binding {
        action: Action::First,
        keys: &[Key::Plain(KeyCode::Home), letter('g')],
        name: "home, g",
        places: ALL_BUT_FILTER,
        does: "to the top",
        hint: None,
    },
    Binding {
        action: Action::Last,
        keys: &[Key::Plain(KeyCode::End), letter('G')],
        name: "end, G",
        places: ALL_BUT_FILTER,
        does: "to the end",
        hint: None,
    },
    Binding {
        action: Action::Open,
        keys: &[Key::Plain(KeyCode::Enter), Key::Plain(KeyCode::Right), letter('l')],
        name: "enter",
        places: &[List, Steps, Findings],
        does: "look closer",
        hint: Some("open"),
    },
    Binding {
        action: Action::Back,
        keys: &[Key::Plain(KeyCode::Esc), Key::Plain(KeyCode::Left), letter('h')],
        name: "esc",
        places: &[Steps, Findings, Finding, Step, Help],
        does: "back",
        hint: Some("back"),
    },
    Binding {
        action: Action::OtherPane,
        keys: &[Key::Plain(KeyCode::Tab), Key::Plain(KeyCode::BackTab)],
        name: "tab",
        places: &[Steps, Findings],
        does: "from findings to steps, and the other way",
        hint: Some("switch"),
    },
    Binding {
        action: Action::Next,
        keys: &[letter('n')],
        name: "n",
        places: &[Steps, Findings, Step],
        does: "next sign-in, next step",
        hint: Some("next"),
    },
    Binding {
        action: Action::Previous,
        keys: &[letter('p')],
        name: "p",
        places: &[Steps, Findings, Step],
        does: "sign-in or step before",
        hint: None,
    },
    Binding {
        action: Action::Same,
        keys: &[letter('s')],
        name: "s",
        places: &[Findings, Finding],
        does: "list every sign-in with this finding",
        hint: Some("same"),
    },
    Binding {
        action: Action::FailuresOnly,
        keys: &[letter('f')],
        name: "f",
        places: &[List],
        does: "failures and grave findings only, or everything",
        hint: Some("failures only"),
    },
    Binding {
        action: Action::Filter,
        keys: &[letter('/')],
        name: "/",
        places: &[List],
        does: "filter: words to have, !words not to have",
        hint: Some("filter"),
    },
    Binding {
        action: Action::Back,
        keys: &[Key::Plain(KeyCode::Esc)],
        name: "esc",
        places: &[List],
        does: "show everything again",
        hint: None,
    },
    Binding {
        action: Action::Keep,
        keys: &[Key::Plain(KeyCode::Enter), Key::Plain(KeyCode::Down)],
        name: "enter",
        places: &[Filter],
        does: "keep the filter",
        hint: Some("keep"),
    },
    Binding {
        action: Action::Back,
        keys: &[Key::Plain(KeyCode::Esc)],
        name: "esc",
        places: &[Filter],
        does: "drop the filter",
        hint: Some("drop"),
    },
    Binding {
        action: Action::Erase,
        keys: &[Key::Plain(KeyCode::Backspace)],
        name: "backspace",
        places: &[Filter],
        does: "take back a character",
        hint: None,
    },
    Binding {
        action: Action::Clear,
        keys: &[Key::Ctrl('u')],
        name: "ctrl-u",
        places: &[Filter],
        does: "empty the filter",
        hint: None,
    },
    Binding {
        action: Action::Help,
        keys: &[letter('?'), Key::Plain(KeyCode::F(1))],
        name: "?",
        places: &[List, Steps, Findings, Finding, Step],
        does: "these keys",
        hint: Some("keys"),
    },
    Binding {
        action: Action::Quit,
        keys: &[letter('q')],
        name: "q",
        places: ALL_BUT_FILTER,
        does: "quit",
        hint: Some("quit"),
    },
    Binding {
        action: Action::Quit,
        keys: &[Key::Ctrl('c')],
        name: "ctrl-c",
        places: EVERYWHERE,
        does: "quit from anywhere",
        hint: None,
    },
];

impl Place {
    /// What the help screen calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            List => "list",
            Filter => "filter",
            Steps => "steps",
            Findings => "findings",
            Finding => "finding",
            Step => "step",
            Help => "keys",
        }
    }
}

impl Binding {
    /// Where it works, for the help screen; empty where that is nearly everywhere.
    pub(crate) fn places(&self) -> String {
        if self.places.len() > 4 {
            return String::new();
        }
        self.places.iter().map(|place| place.name()).collect::<Vec<_>>().join(", ")
    }
}

/// What a key means in a place.
pub(crate) fn message(place: Place, event: KeyEvent) -> Option<Message> {
    let key = match event.code {
        KeyCode::Char(character) if event.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Ctrl(character.to_ascii_lowercase())
        }
        code => Key::Plain(code),
    };
    let binding = BINDINGS.iter().find(|binding| binding.places.contains(&place) && binding.keys.contains(&key));
    match (binding, key) {
        (Some(binding), _) => Some(Message::Act(binding.action)),
        (None, Key::Plain(KeyCode::Char(character)))
            if place == Filter && !event.modifiers.contains(KeyModifiers::ALT) =>
        {
            Some(Message::Typed(character))
        }
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::{Action, BINDINGS, EVERYWHERE, Key, Place, message};
    use crate::Message;

    fn event(key: Key) -> KeyEvent {
        match key {
            Key::Plain(code) => KeyEvent::new(code, KeyModifiers::NONE),
            Key::Ctrl(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::CONTROL),
        }
    }

    #[test]
    fn every_key_of_the_table_does_what_its_line_says_wherever_it_says() {
        for binding in BINDINGS {
            assert!(!binding.keys.is_empty() && !binding.places.is_empty(), "{:?}", binding.action);
            for place in binding.places {
                for key in binding.keys {
                    let Some(Message::Act(action)) = message(*place, event(*key)) else {
                        panic!("{key:?} does nothing in {place:?}");
                    };
                    assert_eq!(action, binding.action, "{key:?} in {place:?} means two things");
                }
            }
        }
    }

    #[test]
    fn every_place_can_be_left() {
        for place in EVERYWHERE {
            let escape = message(*place, event(Key::Plain(KeyCode::Esc)));
            assert!(matches!(escape, Some(Message::Act(Action::Back))), "{place:?}");
            let interrupt = message(*place, event(Key::Ctrl('c')));
            assert!(matches!(interrupt, Some(Message::Act(Action::Quit))), "{place:?}");
        }
    }

    #[test]
    fn letters_are_text_only_while_a_filter_is_typed() {
        assert!(matches!(message(Place::Filter, event(super::letter('q'))), Some(Message::Typed('q'))));
        assert!(message(Place::List, event(super::letter('x'))).is_none());
    }
}
