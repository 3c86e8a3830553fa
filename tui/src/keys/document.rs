//! The table of keys as a document.

use std::fmt::Write as _;

use super::{BINDINGS, Key};

/// Every key as a table in Markdown, in the order of the help screen.
pub fn keys_as_markdown() -> String {
    let mut text = String::from("| key | command | what it does | where |\n| --- | --- | --- | --- |\n");
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{}`", Key::name(*key))).collect();
        let places: Vec<&str> = binding.places.iter().map(|place| place.name()).collect();
        let places = if places.len() > 6 { "nearly everywhere".to_owned() } else { places.join(", ") };
        let _ = writeln!(text, "| {} | `{}` | {} | {places} |", keys.join(" "), binding.name, binding.does);
    }
    text
}
