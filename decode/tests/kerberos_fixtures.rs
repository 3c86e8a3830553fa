//! Message bytes that other projects publish, where they are at hand: decoded, or refused with a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use decode::kerberos::{Message, decode};

const FOLDERS: [&str; 5] = ["kerberos.net", "kerby", "mit-krb5", "rusticata-kerberos-parser", "scapy"];

fn fixtures() -> Option<PathBuf> {
    let shared = std::env::var_os("HELLOTRACE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("captures/fixtures");
    folder.join("INDEX.tsv").exists().then_some(folder)
}

/// Files of our folders with their kind, as the index has them.
fn listed(folder: &Path) -> Vec<(String, String)> {
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("an index");
    let mut lines = index.lines();
    let header: Vec<&str> = lines.next().expect("a header").split('\t').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).expect("a column of that name");
    let (local, kind) = (column("local"), column("kind"));
    lines
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|cells| (cells[local].to_owned(), cells[kind].to_owned()))
        .filter(|(file, _)| FOLDERS.iter().any(|folder| file.starts_with(&format!("{folder}/"))))
        .collect()
}

#[test]
fn every_published_message_is_decoded_or_refused_with_a_reason() {
    let Some(folder) = fixtures() else {
        println!("skipped: no folder of published messages (set HELLOTRACE_SHARED)");
        return;
    };
    let mut counts: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for (file, kind) in listed(&folder) {
        let bytes = std::fs::read(folder.join(&file)).expect(&file);
        // The length mark of TCP is not the decoder's matter.
        let bytes = if kind == "kerberos-tcp" { &bytes[4..] } else { &bytes[..] };
        let outcome = match decode(bytes) {
            Ok(message) => {
                assert!(serde_json::to_value(&message).expect("plain data").is_object(), "{file}");
                if let Some(stopped) = message.stopped() {
                    println!("{file}: {}, {stopped}", message.name());
                }
                message.name()
            }
            Err(reason) => {
                assert!(!reason.to_string().is_empty());
                // Those of these kinds are whole messages but for one ticket; others are parts of messages, or wrapped.
                let whole = matches!(kind.as_str(), "kerberos" | "kerberos-tcp") && !file.ends_with("/krb5-ticket.bin");
                assert!(!whole, "{file}: {reason}");
                "refused"
            }
        };
        *counts.entry((kind, outcome)).or_default() += 1;
        for length in 0..bytes.len() {
            let _ = decode(&bytes[..length]).as_ref().map(Message::name);
        }
    }
    for ((kind, outcome), count) in counts {
        println!("{kind}: {count} {outcome}");
    }
}
