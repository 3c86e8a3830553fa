//! The keys, from the table that they come from, and the language of filters.

use ratatui::text::Line;

use super::{raw, styled};
use crate::{
    Theme,
    filter::Field,
    keys::Key,
    model::Model,
    text::{fold, pad},
};

pub(super) fn lines(model: &Model, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let narrow = columns < 60;
    let mut lines = vec![Line::from(styled(" Keys", theme.heading()))];
    for (binding, keys) in model.settings.keys.all() {
        let names: Vec<String> = keys.iter().map(|key| Key::name(*key)).collect();
        let places = binding.places();
        let places = if places.is_empty() || narrow { String::new() } else { format!("  ({places})") };
        lines.push(Line::from(vec![
            styled(format!(" {} ", pad(&names.join(", "), if narrow { 15 } else { 24 })), theme.strong()),
            raw(binding.does),
            styled(places, theme.dim()),
        ]));
    }
    let fields: Vec<&str> = Field::ALL.iter().map(|(name, _)| *name).collect();
    lines.push(Line::default());
    lines.push(Line::from(styled(" Filters", theme.heading())));
    for text in [
        "user:alice dc:dc2 outcome:failed !code:TKT-* since:10:15 word: all terms have to hold, whatever the case.",
        &format!("Fields: {}.", fields.join(", ")),
        "since:10:15, until:2026-01-31T10:15, since:15m (before the end), longer:500ms.",
        "* stands for anything, user:=alice@CORP.EXAMPLE is exactly that, !term is all else, \"two words\".",
    ] {
        for line in fold(text, columns.saturating_sub(3)) {
            lines.push(Line::from(format!("  {line}")));
        }
    }
    lines
}
