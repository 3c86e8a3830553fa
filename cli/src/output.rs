//! Where output goes: standard output, or a file that appears under its name only when it is complete.

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod text;

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tempfile::NamedTempFile;

/// A buffered output. Nothing is certain to be written before [`Output::finish`].
pub(crate) struct Output {
    to: To,
}

enum To {
    Standard(BufWriter<io::Stdout>),
    File { writer: BufWriter<NamedTempFile>, path: PathBuf },
}

impl Output {
    /// Standard output, or a file.
    pub(crate) fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let to = match path {
            None => To::Standard(BufWriter::new(io::stdout())),
            Some(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let mut builder = tempfile::Builder::new();
                builder.prefix(".hellotrace-");
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt as _;
                    // As for any new file: the umask takes away what it takes away.
                    builder.permissions(std::fs::Permissions::from_mode(0o666));
                }
                let file = builder.tempfile_in(folder).with_context(|| format!("cannot write {}", path.display()))?;
                To::File { writer: BufWriter::new(file), path: path.to_owned() }
            }
        };
        Ok(Self { to })
    }

    /// Writes out what is buffered and gives the file its name.
    ///
    /// When this is not reached, or fails, there is no file of that name, or still the one that was there.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self.to {
            To::Standard(mut writer) => writer.flush().context("cannot write the output"),
            To::File { writer, path } => {
                let file = writer.into_inner().map_err(io::IntoInnerError::into_error);
                let file = file.with_context(|| format!("cannot write {}", path.display()))?;
                file.as_file().sync_all().with_context(|| format!("cannot write {}", path.display()))?;
                file.persist(&path)
                    .map_err(|error| error.error)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Standard(writer) => writer.write(bytes),
            To::File { writer, .. } => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Standard(writer) => writer.flush(),
            To::File { writer, .. } => writer.flush(),
        }
    }
}
