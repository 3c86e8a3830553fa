//! Writes the seeds of all targets to `fuzz/corpus/TARGET`, and says how many there are.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (target, bytes) in fuzz::seeds::of_the_project(&folder.join("..")) {
        let corpus = folder.join("corpus").join(target);
        fs::create_dir_all(&corpus)?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        fs::write(corpus.join(format!("seed-{:016x}", hasher.finish())), bytes)?;
        *counts.entry(target).or_default() += 1;
    }
    for (target, count) in counts {
        println!("{target}: {count} seeds");
    }
    Ok(())
}
