//! The session file: marks and notes that the screens keep, and that reports repeat.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use ::tui::{MAX_FILE, Marks};
use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

/// Where marks and notes are kept, if `asked` for: beside the capture unless it says a name.
pub(super) fn path(asked: Option<&OsStr>, captures: &[PathBuf]) -> anyhow::Result<Option<PathBuf>> {
    let Some(name) = asked else { return Ok(None) };
    if !name.is_empty() {
        return Ok(Some(PathBuf::from(name)));
    }
    match captures {
        [capture] if capture != Path::new("-") => {
            let mut name = OsString::from(capture.as_os_str());
            name.push(".session.toml");
            Ok(Some(PathBuf::from(name)))
        }
        _ => bail!("--session needs a name where there is not one capture: --session=FILE"),
    }
}

/// What such a file holds; nothing where there is none yet.
pub(super) fn begin(path: &Path) -> anyhow::Result<Marks> {
    match text(path, MAX_FILE) {
        Err(error) if error.kind() == ErrorKind::NotFound => marks(path, ""),
        text => marks(path, &text.with_context(|| format!("cannot read {}", path.display()))?),
    }
}

/// What such a file holds, which has to be there.
pub(super) fn read(path: &Path) -> anyhow::Result<Marks> {
    marks(path, &text(path, MAX_FILE).with_context(|| format!("cannot read {}", path.display()))?)
}

fn marks(path: &Path, text: &str) -> anyhow::Result<Marks> {
    Marks::read(text).map_err(anyhow::Error::msg).with_context(|| format!("{} is no session file", path.display()))
}

/// The text of a file, which has at most so many bytes.
pub(super) fn text(path: &Path, most: u64) -> std::io::Result<String> {
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

/// The folder that a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
