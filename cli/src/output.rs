//! Where output goes: standard output, or a file that appears under its name only when it is complete.

pub(crate) mod json;
pub(crate) mod noted;
pub(crate) mod progress;
pub(crate) mod text;

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use crate::interrupt;

/// A buffered output. Nothing is certain to be written before [`Output::finish`].
pub(crate) struct Output {
    to: To,
    /// What it is called in messages.
    name: String,
}

enum To {
    Standard(BufWriter<io::Stdout>),
    /// A device or a pipe. It keeps its place: a file could not stand in for it.
    Special(BufWriter<File>),
    File {
        writer: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
}

impl Output {
    /// Standard output.
    pub(crate) fn standard() -> Self {
        Self { to: To::Standard(BufWriter::new(io::stdout())), name: "the output".to_owned() }
    }

    /// Standard output, or a file, which must be none of the inputs.
    pub(crate) fn new(path: Option<&Path>, inputs: &[PathBuf]) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::standard()) };
        let name = path.display().to_string();
        let to = Self::open(path, inputs).with_context(|| format!("cannot write {name}"))?;
        Ok(Self { to, name })
    }

    fn open(path: &Path, inputs: &[PathBuf]) -> anyhow::Result<To> {
        // Behind a link, the file that it leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == path)) {
            bail!("it is one of the captures to be read");
        }
        let present = fs::metadata(&path).ok();
        if present.as_ref().is_some_and(fs::Metadata::is_dir) {
            bail!("it is a directory");
        }
        if present.as_ref().is_some_and(|present| !present.is_file()) {
            return Ok(To::Special(BufWriter::new(OpenOptions::new().write(true).open(&path)?)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".hellotrace-");
        if let Some(permissions) = present.map_or_else(new_file_permissions, |present| Some(present.permissions())) {
            builder.permissions(permissions);
        }
        let file = builder.tempfile_in(folder).map_err(|error| io::Error::new(error.kind(), why(&error)))?;
        interrupt::remove(file.path().to_owned());
        Ok(To::File { writer: BufWriter::new(file), path })
    }

    /// Writes out what is buffered and gives the file its name.
    ///
    /// When this is not reached, or fails, there is no file of that name, or still the one that was there.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        let Self { to: To::File { writer, path }, name } = self else { return Ok(()) };
        let keep = || -> io::Result<()> {
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        keep().with_context(|| format!("cannot write {name}"))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.to {
            To::Standard(writer) => writer,
            To::Special(writer) => writer,
            To::File { writer, .. } => writer,
        }
    }
}

/// Its errors say what could not be written.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes).map_err(|error| about(&self.name, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush().map_err(|error| about(&self.name, &error))
    }
}

fn about(name: &str, error: &io::Error) -> io::Error {
    match error.kind() {
        // Taken care of by who writes.
        io::ErrorKind::Interrupted => error.kind().into(),
        kind => io::Error::new(kind, format!("cannot write {name}: {}", why(error))),
    }
}

/// The error without the name that tempfile adds, of a file that nobody asked for.
fn why(error: &io::Error) -> String {
    let message = error.to_string();
    message.split_once(" at path ").map_or(message.clone(), |(why, _)| why.to_owned())
}

/// As for any new file: the umask takes away what it takes away.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "there are none elsewhere")]
fn new_file_permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn new_file_permissions() -> Option<Permissions> {
    None
}
