//! The samples are what their index and their READMEs say: every folder listed, every capture unchanged.

use std::{fmt::Write as _, fs, path::Path};

use sha2::{Digest, Sha256};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples");

fn folders() -> Vec<String> {
    let mut folders: Vec<String> = fs::read_dir(SAMPLES)
        .expect("samples exist")
        .map(|entry| entry.expect("readable"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("plain names"))
        .collect();
    folders.sort();
    folders
}

fn sha256(path: &Path) -> String {
    let bytes = fs::read(path).expect("the capture can be read");
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[test]
fn every_sample_has_its_files_and_its_hash() {
    let index = fs::read_to_string(Path::new(SAMPLES).join("README.md")).expect("an index");
    let folders = folders();
    assert!(folders.len() >= 10, "{folders:?}");
    for folder in folders {
        let path = Path::new(SAMPLES).join(&folder);
        let readme = fs::read_to_string(path.join("README.md")).expect("a README");
        assert!(path.join("expect.toml").exists(), "{folder} says nothing of what is expected");
        let hash = sha256(&path.join("capture.pcap"));
        assert!(readme.contains(&hash), "{folder}/README.md does not give the hash {hash}");
        let row = index.lines().find(|line| line.starts_with(&format!("| [{folder}](")));
        let row = row.unwrap_or_else(|| panic!("{folder} is not in the index"));
        let crafted = readme.contains("*crafted*");
        assert_eq!(row.contains("*crafted*"), crafted, "the index and {folder}/README.md do not agree on *crafted*");
        assert!(index.contains(hash.get(..12).unwrap_or(&hash)), "the index does not give the hash of {folder}");
    }
}
