//! What is known besides captures: exports of the directory, and the domains that are verified with Microsoft Entra.

use std::fs::File;

use anyhow::{Context as _, bail};
use decode::directory::{Directory, MAX_OBJECTS};
use diagnose::Session;

use crate::{args::Known, exit::complain};

/// Reads the exports that were named, and tells the session what is known.
pub(super) fn note(known: &Known, session: &mut Session) -> anyhow::Result<()> {
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
    let domains: Vec<String> = known.verified_domains.iter().map(|domain| domain.trim().to_owned()).collect();
    if let Some(wrong) = domains.iter().find(|domain| !is_domain(domain)) {
        bail!("--verified-domains {wrong}: not a domain; write corp.example,brand.example");
    }
    session.note_directory(directory);
    session.note_verified_domains(domains);
    Ok(())
}

/// Letters, digits, hyphens and dots, with a dot within.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|character| character.is_alphanumeric() || character == '-')
    };
    text.contains('.') && text.split('.').all(is_label)
}
