//! The keys, from the table that they come from.

use ratatui::text::Line;

use super::{Page, raw, scroll, styled};
use crate::{Theme, keys::BINDINGS, model::Model, text::pad};

pub(super) fn draw(model: &Model, page: &mut Page<'_>) {
    let lines = lines(page.theme, page.columns());
    page.scrolled(lines, scroll(model));
}

pub(super) fn lines(theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let narrow = columns < 60;
    let mut lines = vec![Line::from(styled(" Keys", theme.heading()))];
    lines.extend(BINDINGS.iter().map(|binding| {
        let places = binding.places();
        let places = if places.is_empty() || narrow { String::new() } else { format!("  ({places})") };
        Line::from(vec![
            styled(format!(" {} ", pad(binding.name, if narrow { 15 } else { 17 })), theme.strong()),
            raw(binding.does),
            styled(places, theme.dim()),
        ])
    }));
    lines
}
