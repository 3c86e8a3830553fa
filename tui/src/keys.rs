//! From keys to what they do: names of keys, and the table as settings change it.

mod action;
mod document;
mod table;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub use action::Action;
pub(crate) use action::Place;
pub use document::keys_as_markdown;
pub(crate) use table::{BINDINGS, Binding};

use crate::Message;

/// A key, with or without Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Plain(KeyCode),
    Ctrl(char),
}

/// Keys that have a name instead of a character.
const NAMED: [(&str, KeyCode); 15] = [
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("page-up", KeyCode::PageUp),
    ("page-down", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("space", KeyCode::Char(' ')),
];

impl Key {
    /// The key that settings call so: a character, `ctrl-x`, `f1`, or a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if let Some((_, code)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Some(Self::Plain(*code));
        }
        let one = |text: &str| {
            let mut characters = text.chars();
            characters.next().filter(|character| characters.next().is_none() && !character.is_control())
        };
        if let Some(character) = name.strip_prefix("ctrl-").and_then(one) {
            return Some(Self::Ctrl(character.to_ascii_lowercase()));
        }
        let function =
            name.strip_prefix('f').and_then(|number| number.parse().ok()).filter(|number| (1..=12).contains(number));
        function.map(KeyCode::F).or_else(|| one(name).map(KeyCode::Char)).map(Self::Plain)
    }

    /// What it is called, in settings and on screens.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ctrl(character) => format!("ctrl-{character}"),
            Self::Plain(KeyCode::F(number)) => format!("f{number}"),
            Self::Plain(code) => match (NAMED.iter().find(|(_, known)| *known == code), code) {
                (Some((name, _)), _) => (*name).to_owned(),
                (None, KeyCode::Char(character)) => character.to_string(),
                (None, _) => String::new(),
            },
        }
    }

    fn of(event: KeyEvent) -> Self {
        match event.code {
            KeyCode::Char(character) if event.modifiers.contains(KeyModifiers::CONTROL) => {
                Self::Ctrl(character.to_ascii_lowercase())
            }
            code => Self::Plain(code),
        }
    }
}

/// The keys of every binding, by its place in the table.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    keys: Vec<Vec<Key>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { keys: BINDINGS.iter().map(|binding| binding.keys.to_vec()).collect() }
    }
}

impl Keys {
    /// Gives every binding of this name these keys.
    ///
    /// # Errors
    /// When there is no such name.
    pub(crate) fn set(&mut self, name: &str, keys: &[Key]) -> Result<(), String> {
        let mut is_known = false;
        for (binding, bound) in BINDINGS.iter().zip(&mut self.keys).filter(|(binding, _)| binding.name == name) {
            if binding.fixed {
                return Err(format!("{name} keeps its keys: without them there is no way back"));
            }
            is_known = true;
            *bound = keys.to_vec();
        }
        if is_known { Ok(()) } else { Err(format!("no action is called {name}; `:` and tab list them")) }
    }

    /// What one key would do twice in one place.
    pub(crate) fn conflict(&self) -> Option<String> {
        for (index, (binding, keys)) in BINDINGS.iter().zip(&self.keys).enumerate() {
            for (other, others) in BINDINGS.iter().zip(&self.keys).skip(index + 1) {
                let shared = keys.iter().find(|key| others.contains(key));
                let place = binding.places.iter().find(|place| other.places.contains(place));
                if let (Some(key), Some(place)) = (shared, place) {
                    return Some(format!(
                        "{} is both {} and {} in {}",
                        key.name(),
                        binding.name,
                        other.name,
                        place.name()
                    ));
                }
            }
        }
        None
    }

    /// Every binding with its keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        BINDINGS.iter().zip(self.keys.iter().map(Vec::as_slice))
    }

    /// What a key means in a place.
    pub(crate) fn message(&self, place: Place, event: KeyEvent) -> Option<Message> {
        let key = Key::of(event);
        let binding = self.all().find(|(binding, keys)| binding.places.contains(&place) && keys.contains(&key));
        match (binding, key) {
            (Some((binding, _)), _) => Some(Message::Act(binding.action)),
            (None, Key::Plain(KeyCode::Char(character)))
                if place.is_typing() && !event.modifiers.contains(KeyModifiers::ALT) =>
            {
                Some(Message::Typed(character))
            }
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::{Action, BINDINGS, Key, Keys, Place};
    use crate::Message;

    fn event(key: Key) -> KeyEvent {
        match key {
            Key::Plain(code) => KeyEvent::new(code, KeyModifiers::NONE),
            Key::Ctrl(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::CONTROL),
        }
    }

    #[test]
    fn every_key_of_the_table_does_what_its_line_says_wherever_it_says() {
        let keys = Keys::default();
        for binding in BINDINGS {
            assert!(!binding.keys.is_empty() && !binding.places.is_empty(), "{:?}", binding.action);
            for place in binding.places {
                for key in binding.keys {
                    let Some(Message::Act(action)) = keys.message(*place, event(*key)) else {
                        panic!("{key:?} does nothing in {place:?}");
                    };
                    assert_eq!(action, binding.action, "{key:?} in {place:?} means two things");
                }
            }
        }
        assert_eq!(keys.conflict(), None);
    }

    #[test]
    fn every_place_can_be_left() {
        let keys = Keys::default();
        for place in Place::ALL {
            let escape = keys.message(place, event(Key::Plain(KeyCode::Esc)));
            assert!(matches!(escape, Some(Message::Act(Action::Back))), "{place:?}");
            let interrupt = keys.message(place, event(Key::Ctrl('c')));
            assert!(matches!(interrupt, Some(Message::Act(Action::Quit))), "{place:?}");
        }
    }

    #[test]
    fn letters_are_text_only_while_something_is_typed() {
        let keys = Keys::default();
        for place in Place::ALL.into_iter().filter(|place| place.is_typing()) {
            for letter in ('a'..='z').chain('0'..='9').chain("/:?!*=\"".chars()) {
                let typed = keys.message(place, event(Key::Plain(KeyCode::Char(letter))));
                assert!(matches!(typed, Some(Message::Typed(found)) if found == letter), "{letter} in {place:?}");
            }
        }
        assert!(keys.message(Place::Logons, event(Key::Plain(KeyCode::Char('Q')))).is_none());
    }

    #[test]
    fn a_key_has_one_name_both_ways() {
        for binding in BINDINGS {
            for key in binding.keys {
                assert_eq!(Key::named(&key.name()), Some(*key), "{key:?}");
            }
        }
        assert_eq!(Key::named("f13"), None);
        assert_eq!(Key::named("ctrl-"), None);
        assert_eq!(Key::named("f"), Some(Key::Plain(KeyCode::Char('f'))));
    }
}
