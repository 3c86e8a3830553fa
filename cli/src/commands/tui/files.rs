//! The files of the screens: settings, sessions, and what is written from them.

use std::{
    ffi::OsString,
    fs::File,
    io::{BufWriter, ErrorKind, Read as _, Write},
    path::{Path, PathBuf},
};

use ::tui::{Export, MAX_FILE, MAX_SETTINGS, Marks, Settings};
use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::packets;
use crate::args::Tui;

/// Names tried for a file that is not to replace another.
const MAX_NAMES: usize = 1000;

/// The settings in this file, else in the user's, else those that the screens come with.
pub(super) fn settings(path: Option<&Path>) -> anyhow::Result<Settings> {
    let (path, must_be_there) = match path {
        Some(path) => (Some(path.to_owned()), true),
        None => (usual_path(), false),
    };
    let Some(path) = path else { return Ok(Settings::default()) };
    match text(&path, MAX_SETTINGS) {
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

/// Where marks and notes are kept, if they are: beside the capture unless a name says otherwise.
pub(super) fn session_file(arguments: &Tui) -> anyhow::Result<Option<PathBuf>> {
    let Some(file) = &arguments.session else { return Ok(None) };
    if !file.as_os_str().is_empty() {
        return Ok(Some(file.clone()));
    }
    match arguments.files.as_slice() {
        [capture] if capture != Path::new("-") => {
            let mut name = OsString::from(capture.as_os_str());
            name.push(".session.toml");
            Ok(Some(PathBuf::from(name)))
        }
        _ => bail!("--session needs a name where there is not one capture: --session=FILE"),
    }
}

/// What such a file holds; nothing where there is none yet.
pub(super) fn marks(path: &Path) -> anyhow::Result<Marks> {
    let text = match text(path, MAX_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    Marks::read(&text).map_err(anyhow::Error::msg).with_context(|| format!("{} is no session file", path.display()))
}

fn text(path: &Path, most: u64) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Replaces a session file: it is there in full, or as it was.
pub(super) fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = NamedTempFile::new_in(folder(path)).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
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

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
