//! `docs/screens.md` lists every key, and no other; `docs/triage.md` says what to press, and that works.

use std::{fs, path::PathBuf};

use crate::common::{Screens, report_of};

#[test]
fn the_document_has_the_keys_of_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/screens.md");
    let text = fs::read_to_string(&path).expect("docs/screens.md").replace("\r\n", "\n");
    let (before, rest) = text.split_once("<!-- keys -->\n").expect("where the keys begin");
    let (table, after) = rest.split_once("<!-- end of keys -->\n").expect("where they end");
    let keys = tui::keys_as_markdown();
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        fs::write(&path, format!("{before}<!-- keys -->\n{keys}<!-- end of keys -->\n{after}")).expect("written");
        return;
    }
    assert_eq!(table, keys, "UPDATE_SCREENS=1 writes it anew");
}

#[test]
fn the_keys_to_the_cause_lead_there() {
    /// Keys that somebody who does not know the screens may need.
    const MOST: usize = 6;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/triage.md");
    let text = fs::read_to_string(&path).expect("docs/triage.md");
    let mut samples = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 5) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, sample, _, keys, shows, _] = cells.as_slice() else { panic!("{row}") };
        if ["sample", "---"].contains(sample) {
            continue;
        }
        samples += 1;
        let keys: Vec<&str> = keys.split(' ').map(|key| key.trim_matches('`')).collect();
        assert!(keys.len() <= MOST, "{sample}: {keys:?}");
        for (columns, rows) in [(80, 24), (200, 50)] {
            let mut screens = Screens::new(columns, rows);
            screens.show(report_of(&[sample]));
            screens.press(&keys);
            let screen = screens.text().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(screen.contains(shows), "{sample} at {columns}x{rows} shows:\n{}", screens.text());
            // What to do about it is there, or a page away.
            let before = screens.text();
            screens.press(&["page down"]);
            assert!(before.contains("To do") || screens.text().contains("To do"), "{sample} at {columns}x{rows}");
        }
    }
    assert_eq!(samples, 5);
}
