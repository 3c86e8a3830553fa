//! The files of the screens: settings, and what is written from them.

use std::{
    io::{BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use ::tui::{Export, MAX_SETTINGS, Settings};
use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::packets;
use crate::commands::session_file::{self, folder};

/// Names tried for a file that is not to replace another.
const MAX_NAMES: usize = 1000;

/// The settings in this file, else in the user's, else those that the screens come with.
pub(super) fn settings(path: Option<&Path>) -> anyhow::Result<Settings> {
    let (path, must_be_there) = match path {
        Some(path) => (Some(path.to_owned()), true),
        None => (usual_path(), false),
    };
    let Some(path) = path else { return Ok(Settings::default()) };
    match session_file::text(&path, MAX_SETTINGS) {
        Ok(text) => Settings::read(&text).map_err(anyhow::Error::msg).with_context(|| format!("{}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound && !must_be_there => Ok(Settings::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn usual_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        set("APPDATA")
    } else {
        set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))
    };
    folder.map(|folder| folder.join("hellotrace").join("tui.toml"))
}

/// Writes what was asked for to a new file and tells its name. Nothing is ever replaced, and others cannot read it.
pub(super) fn write(captures: &[PathBuf], export: &Export, path: Option<&Path>) -> anyhow::Result<String> {
    let path = path.map_or_else(|| PathBuf::from(export.name()), Path::to_owned);
    let folder = folder(&path);
    let mut file = NamedTempFile::new_in(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    let what = if let Some(wanted) = export.packets() {
        let count = packets::write(captures, &wanted, BufWriter::new(&mut file))?;
        format!("{count} packets")
    } else {
        let text = export.text();
        file.write_all(text.as_bytes())?;
        format!("{} lines", text.lines().count())
    };
    for number in 1..=MAX_NAMES {
        let name = if number == 1 { path.clone() } else { numbered(&path, number) };
        match file.persist_noclobber(&name) {
            Ok(_) => return Ok(format!("wrote {}: {what}", name.display())),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error).with_context(|| format!("cannot write {}", name.display())),
        }
    }
    bail!("{} and a thousand names after it are taken", path.display())
}

/// `logon-1-2.pcapng` of `logon-1.pcapng`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(end) = path.extension() {
        name.push(".");
        name.push(end);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::numbered;

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        assert_eq!(numbered(Path::new("a/logon-1.pcapng"), 2), Path::new("a/logon-1-2.pcapng"));
        assert_eq!(numbered(Path::new("x"), 3), Path::new("x-3"));
    }
}
