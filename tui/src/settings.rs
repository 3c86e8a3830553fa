//! What a user can change: one TOML file, of which every part may be left out and nothing unknown is passed over.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    Theme,
    columns::Column,
    keys::{Key, Keys},
    model::View,
    theme::Palette,
};

/// Bytes of a settings file that is read: many times what all keys need.
pub const MAX_SETTINGS: u64 = 1 << 20;

/// What is different from how the screens come.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) keys: Keys,
    /// Columns of the list of sign-ins; `None`: those that fit.
    pub(crate) columns: Option<Vec<Column>>,
    /// The view that is shown first.
    pub(crate) start: View,
    /// Whether the mouse is used.
    pub(crate) mouse: bool,
    theme: Option<Palette>,
    ascii: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keys: Keys::default(), columns: None, start: View::Overview, mouse: true, theme: None, ascii: false }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    theme: Option<String>,
    ascii: Option<bool>,
    mouse: Option<bool>,
    start: Option<String>,
    columns: Option<Vec<String>>,
    #[serde(default)]
    keys: BTreeMap<String, Vec<String>>,
}

impl Settings {
    /// Reads settings from TOML.
    ///
    /// # Errors
    /// When something in it is not understood: what, and what there is instead.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().replace('\n', "; "))?;
        let mut settings = Self::default();
        if let Some(name) = file.theme {
            settings.theme = Some(
                Palette::named(&name)
                    .ok_or_else(|| one_of("theme", &name, Palette::ALL.iter().map(|(name, _)| *name)))?,
            );
        }
        settings.ascii = file.ascii.unwrap_or(false);
        settings.mouse = file.mouse.unwrap_or(true);
        if let Some(name) = file.start {
            settings.start =
                View::named(&name).ok_or_else(|| one_of("start", &name, View::ALL.iter().map(|view| view.name())))?;
        }
        if let Some(names) = file.columns {
            let column = |name: &String| {
                Column::named(name).ok_or_else(|| one_of("columns", name, Column::ALL.iter().map(|(name, _)| *name)))
            };
            let columns: Vec<Column> = names.iter().map(column).collect::<Result<_, _>>()?;
            if columns.is_empty() {
                return Err("columns: name at least one".to_owned());
            }
            settings.columns = Some(columns);
        }
        for (name, keys) in &file.keys {
            let keys: Vec<Key> = keys
                .iter()
                .map(|key| Key::named(key).ok_or_else(|| format!("keys.{name}: no key is called {key}")))
                .collect::<Result<_, _>>()?;
            settings.keys.set(name, &keys).map_err(|why| format!("keys.{name}: {why}"))?;
        }
        settings.keys.conflict().map_or(Ok(settings), |conflict| Err(format!("keys: {conflict}")))
    }

    /// The theme that they and the environment ask for: no colours where the environment wants none.
    pub fn theme(&self, environment: Theme) -> Theme {
        let theme = match self.theme {
            Some(palette) if environment.palette() != Palette::Plain => environment.with(palette),
            _ => environment,
        };
        if self.ascii { theme.in_ascii() } else { theme }
    }
}

fn one_of<'n>(what: &str, found: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    format!("{what}: {found} is not one of {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::{Theme, columns::Column, theme::Palette};

    #[test]
    fn a_part_changes_only_that_part() {
        let settings =
            Settings::read("columns = [\"user\", \"took\"]\n[keys]\nfreeze = [\"P\", \"f5\"]").expect("valid");
        assert_eq!(settings.columns, Some(vec![Column::User, Column::Took]));
        assert!(settings.mouse && settings.theme.is_none());
        assert!(Settings::read("").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("colour = 1", "unknown field"),
            ("theme = \"pink\"", "high-contrast"),
            ("start = \"nowhere\"", "overview"),
            ("columns = []", "at least one"),
            ("columns = [\"shoe\"]", "finding"),
            ("[keys]\nfly = [\"x\"]", "no action is called fly"),
            ("[keys]\nfreeze = [\"nokey\"]", "no key is called nokey"),
            ("[keys]\nfreeze = [\"f\"]", "f is both"),
            ("[keys]\nback = [\"x\"]", "keeps its keys"),
            ("mouse = 1", "invalid type"),
        ] {
            let error = Settings::read(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn no_colour_wins() {
        let settings = Settings::read("theme = \"light\"").expect("valid");
        assert_eq!(settings.theme(Theme::new(Palette::Plain, true)).palette(), Palette::Plain);
        assert_eq!(settings.theme(Theme::new(Palette::Dark, true)).palette(), Palette::Light);
    }
}
