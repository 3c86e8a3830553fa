//! `hellotrace generate`: the documents that are made from the code, `docs/findings/`.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use anyhow::{Context as _, bail};
use diagnose::CATALOGUE;

use crate::{args::Generate, exit::Status};

const FOLDER: &str = "docs/findings";

/// Writes the documents below the current folder, or checks that they are as they would be written.
pub(crate) fn run(arguments: &Generate) -> anyhow::Result<Status> {
    let wanted = documents();
    let present = present()?;
    let stale: Vec<&PathBuf> = wanted
        .iter()
        .filter(|(path, text)| present.get(*path) != Some(*text))
        .map(|(path, _)| path)
        .chain(present.keys().filter(|path| !wanted.contains_key(*path)))
        .collect();
    if arguments.check {
        if let Some(first) = stale.first() {
            bail!(
                "{} documents are not current, {} first: run `cargo run -p cli -- generate`",
                stale.len(),
                first.display()
            );
        }
        return Ok(Status::Clean);
    }
    fs::create_dir_all(FOLDER).with_context(|| format!("cannot create {FOLDER}"))?;
    for (path, text) in &wanted {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for path in present.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(Status::Clean)
}

fn documents() -> BTreeMap<PathBuf, String> {
    let mut documents: BTreeMap<PathBuf, String> = CATALOGUE
        .iter()
        .map(|rule| (PathBuf::from(FOLDER).join(format!("{}.md", rule.code)), rule.markdown()))
        .collect();
    let mut index = String::from("# Findings\n\nGenerated from the catalogue; edit the rules, not these pages.\n\n");
    index.push_str("| code | severity | found |\n| --- | --- | --- |\n");
    for rule in CATALOGUE {
        let line = format!("| [{0}]({0}.md) | {1} | {2} |\n", rule.code, rule.severity.name(), rule.title);
        index.push_str(&line);
    }
    documents.insert(PathBuf::from(FOLDER).join("README.md"), index);
    documents
}

fn present() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let entries = match fs::read_dir(FOLDER) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {FOLDER}")),
    };
    let mut present = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        present.insert(path, text);
    }
    Ok(present)
}
