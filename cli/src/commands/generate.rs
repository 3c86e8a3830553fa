//! `hellotrace generate`: the documents that are made from the code, `docs/findings/` and `docs/settings.md`.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::PathBuf};

use anyhow::{Context as _, bail};
use decode::kerberos::{ErrorCode, NtStatus};
use diagnose::{CATALOGUE, Rule, Thresholds, by_error, by_status, normal_error, normal_status};

use crate::{args::Generate, exit::Status};

const FOLDER: &str = "docs/findings";
const SETTINGS: &str = "docs/settings.md";

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
    index.push_str("\nWhich Kerberos errors and NTSTATUS values lead to them: [codes](codes.md).\n");
    documents.insert(PathBuf::from(FOLDER).join("README.md"), index);
    documents.insert(PathBuf::from(FOLDER).join("codes.md"), codes());
    documents.insert(PathBuf::from(SETTINGS), Thresholds::markdown());
    documents
}

/// The page that leads from Kerberos errors and NTSTATUS values to findings, or says why there is none.
fn codes() -> String {
    let mut page = String::from(
        "# Kerberos errors and NTSTATUS values\n\nGenerated; edit the rules and `diagnose/src/codes.rs`, not this page. A code may lead to \
         several findings; what else was seen decides. Statuses of clients are in their event logs and not on the wire.\n",
    );
    let errors = ErrorCode::ALL
        .iter()
        .map(|error| (error.to_string(), error.meaning(), by_error(error.0), normal_error(error.0)));
    let statuses = NtStatus::ALL
        .iter()
        .map(|status| (status.to_string(), status.meaning(), by_status(status.0), normal_status(status.0)));
    table(&mut page, "Kerberos errors", errors);
    table(&mut page, "NTSTATUS values", statuses);
    page
}

/// A code, what it means, the findings it leads to, and what is normal about it.
type Code = (String, Option<&'static str>, Vec<&'static Rule>, Option<&'static str>);

fn table(page: &mut String, title: &str, codes: impl Iterator<Item = Code>) {
    let _ = write!(page, "\n## {title}\n\n| code | meaning | findings |\n| --- | --- | --- |\n");
    for (code, meaning, rules, normal) in codes {
        let rules: Vec<String> = rules.iter().map(|rule| format!("[{0}]({0}.md)", rule.code)).collect();
        let rules = Some(rules.join(", ")).filter(|rules| !rules.is_empty());
        let leads: Vec<String> = rules.into_iter().chain(normal.map(str::to_owned)).collect();
        let _ = writeln!(page, "| {code} | {} | {} |", meaning.unwrap_or_default(), leads.join(". "));
    }
}

fn present() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let entries = match fs::read_dir(FOLDER) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {FOLDER}")),
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    paths.extend(Some(PathBuf::from(SETTINGS)).filter(|path| path.exists()));
    let mut present = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        present.insert(path, text);
    }
    Ok(present)
}
