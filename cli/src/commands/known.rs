//! What is known besides captures: exports of the directory.

use std::fs::File;

use anyhow::Context as _;
use decode::directory::{Directory, MAX_OBJECTS};

use crate::{args::Known, exit::complain};

/// Reads the exports that were named. None: an empty directory.
pub(super) fn directory(known: &Known) -> anyhow::Result<Directory> {
    let mut directory = Directory::default();
    for path in &known.directory {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        directory.read(file).with_context(|| format!("cannot read {name}"))?;
    }
    if directory.beyond() > 0 {
        complain(&format!(
            "{} objects beyond the first {MAX_OBJECTS} of the directory are left out",
            directory.beyond()
        ));
    }
    Ok(directory)
}
