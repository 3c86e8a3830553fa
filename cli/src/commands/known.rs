//! What is known besides captures: exports of the directory, the domains that are verified with Microsoft Entra, and
//! thresholds of the rules that fit this network better than their defaults.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, anyhow, bail};
use decode::directory::{Directory, MAX_OBJECTS};
use diagnose::{MAX_THRESHOLDS, Session, Thresholds};

use crate::{args::Known, exit::complain};

/// Reads the exports that were named, and tells the session what is known.
pub(super) fn note(known: &Known, session: &mut Session) -> anyhow::Result<()> {
    let mut directory = Directory::default();
    for path in &known.directory {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        directory.read(file).with_context(|| format!("cannot read {name}"))?;
    }
    #[cfg(feature = "directory")]
    crate::ldap::read(&known.ldap, &mut directory)?;
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
    if let Some(path) = &known.thresholds {
        session.note_thresholds(thresholds(path)?);
    }
    session.note_directory(directory);
    session.note_verified_domains(domains);
    Ok(())
}

fn thresholds(path: &Path) -> anyhow::Result<Thresholds> {
    let name = path.display();
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    file.take(MAX_THRESHOLDS + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    if text.len() as u64 > MAX_THRESHOLDS {
        bail!("{name}: too large for a file of thresholds");
    }
    Thresholds::read(&text).map_err(|why| anyhow!("{name}: {why}"))
}

/// Letters, digits, hyphens and dots, with a dot within.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|character| character.is_alphanumeric() || character == '-')
    };
    text.contains('.') && text.split('.').all(is_label)
}
