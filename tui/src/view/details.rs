//! All that is known of one thing: labels at the left, what there is to say at the right.

use ratatui::text::Line;

use super::{MAX_TEXT, raw, styled};
use crate::{
    Theme,
    details::{Detail, details},
    health::State,
    model::{Model, Subject},
    text::{fold, pad},
};

/// Columns for the labels.
const LABELS: usize = 16;

pub(super) fn lines(model: &Model, subject: &Subject, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let room = columns.saturating_sub(LABELS + 2).clamp(1, MAX_TEXT);
    let mut lines = Vec::new();
    for detail in details(model, subject) {
        match detail {
            Detail::Heading(text) => {
                if !lines.is_empty() {
                    lines.push(Line::default());
                }
                for line in fold(&text, columns.saturating_sub(2).clamp(1, MAX_TEXT)) {
                    lines.push(Line::from(styled(format!(" {line}"), theme.heading())));
                }
            }
            Detail::Line(label, text, state) => {
                let style = if state == State::Unseen { ratatui::style::Style::new() } else { theme.state(state) };
                for (index, line) in fold(&text, room).into_iter().enumerate() {
                    let label = pad(if index == 0 { &label } else { "" }, LABELS);
                    lines.push(Line::from(vec![raw(" "), styled(label, theme.dim()), styled(line, style)]));
                }
            }
        }
    }
    lines
}
