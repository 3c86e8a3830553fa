//! What a build that is given to others may contain, by licence.
//!
//! Asks cargo which packages the program `cli`, with the features `directory` and `directory-gssapi` and without, and
//! the capture helper (`capture` with the feature `live`) reach by normal and build dependencies, on every platform,
//! and requires of each a licence from [`ALLOWED`]. Dev-dependencies are left out: nobody receives them. One of these,
//! `kerberos_asn1`, is under the AGPL, so that it stays one is tested too.
//!
//! `deny.toml` holds the same list for `cargo deny`, which is not everywhere installed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// SPDX identifiers, without exceptions (`WITH`) and without "or later" (`+`).
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that only tests may use, with the licence that keeps them there.
const TESTS_ONLY: [&str; 4] = ["kerberos_asn1", "kerberos_constants", "red_asn1", "red_asn1_derive"];

#[test]
fn the_program_contains_allowed_licences_only() {
    let graph = Graph::of_the_workspace(&[]);
    assert_allowed(&graph, &graph.reached_from(&["cli"]));
    assert!(!graph.reached_from(&["cli"]).iter().any(|id| graph.packages[id].name == "rustls"), "it is off by default");
    for feature in ["cli/directory", "cli/directory-gssapi"] {
        let graph = Graph::of_the_workspace(&["--features", feature]);
        let reached = graph.reached_from(&["cli"]);
        assert_allowed(&graph, &reached);
        let has_gssapi = reached.iter().any(|id| graph.packages[id].name == "libgssapi-sys");
        assert_eq!(has_gssapi, feature.ends_with("gssapi"), "{feature}: only one links with libkrb5");
    }
}

#[test]
fn the_capture_helper_contains_allowed_licences_only() {
    let plain = Graph::of_the_workspace(&[]);
    let features: &[&str] = if plain.has_feature("capture", "live") { &["--features", "capture/live"] } else { &[] };
    let graph = Graph::of_the_workspace(features);
    assert_allowed(&graph, &graph.reached_from(&["capture"]));
}

#[test]
fn kerberos_asn1_is_reached_by_dev_dependencies_only() {
    let graph = Graph::of_the_workspace(&["--all-features"]);
    let shipped = graph.reached_from(&["capture", "decode", "trace", "diagnose", "tui", "cli"]);
    for name in TESTS_ONLY {
        assert!(
            graph.packages.values().any(|package| package.name == name),
            "{name} is gone from the workspace: take it out of this test, deny.toml and docs/dependencies.md"
        );
        assert!(
            !shipped.iter().any(|id| graph.packages[id].name == name),
            "{name} (AGPL-3.0) became part of the program: make it a dev-dependency again"
        );
    }
}

#[test]
fn expressions_are_judged_as_spdx_reads_them() {
    for allowed in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "Apache-2.0 / MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
        "GPL-3.0 AND MIT OR ISC",
        "Apache-2.0 AND ISC",
    ] {
        assert_eq!(is_allowed(allowed), Ok(true), "{allowed}");
    }
    for refused in [
        "AGPL-3.0",
        "GPL-3.0",
        "GPL-3.0 AND MIT",
        "MIT AND GPL-3.0",
        "GPL-3.0/LGPL-3.0",
        "LGPL-2.1-or-later",
        "MPL-2.0",
        "GPL-2.0+ OR MPL-2.0",
        "MIT AND (GPL-2.0 OR MPL-2.0)",
        "Apache-2.0 WITH LLVM-exception",
        "mit",
    ] {
        assert_eq!(is_allowed(refused), Ok(false), "{refused}");
    }
    for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "OR MIT", "MIT WITH"] {
        assert!(is_allowed(broken).is_err(), "{broken}");
    }
}

fn assert_allowed(graph: &Graph, reached: &BTreeSet<String>) {
    let mut refused = Vec::new();
    for id in reached {
        let Package { name, version, licence, .. } = &graph.packages[id];
        match licence.as_deref().map(is_allowed) {
            Some(Ok(true)) => {}
            Some(Ok(false)) => refused.push(format!("{name} {version}: {licence:?} is not allowed")),
            Some(Err(why)) => refused.push(format!("{name} {version}: {licence:?}: {why}")),
            None => refused.push(format!("{name} {version}: states no licence")),
        }
    }
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

/// Packages and the normal and build dependencies between them.
struct Graph {
    /// By cargo's package id.
    packages: BTreeMap<String, Package>,
    /// From a package id to those it needs.
    needs: BTreeMap<String, Vec<String>>,
}

struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    features: BTreeSet<String>,
}

impl Graph {
    /// Asks cargo; every platform's dependencies count, since builds are made for more than this one.
    fn of_the_workspace(options: &[&str]) -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(options)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo starts: it runs this test");
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
        let packages = list(&metadata["packages"])
            .map(|package| {
                let features = package["features"].as_object();
                let package_read = Package {
                    name: text(&package["name"]),
                    version: text(&package["version"]),
                    licence: package["license"].as_str().map(str::to_owned),
                    features: features.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
                };
                (text(&package["id"]), package_read)
            })
            .collect();
        let needs = list(&metadata["resolve"]["nodes"])
            .map(|node| {
                let shipped = list(&node["deps"])
                    .filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"] != "dev"))
                    .map(|dep| text(&dep["pkg"]))
                    .collect();
                (text(&node["id"]), shipped)
            })
            .collect();
        Self { packages, needs }
    }

    fn has_feature(&self, package: &str, feature: &str) -> bool {
        self.packages.values().any(|p| p.name == package && p.features.contains(feature))
    }

    /// The ids of these packages and of all that they need.
    fn reached_from(&self, names: &[&str]) -> BTreeSet<String> {
        let mut open: Vec<&String> = self
            .packages
            .iter()
            .filter(|(_, package)| names.contains(&package.name.as_str()))
            .map(|(id, _)| id)
            .collect();
        assert_eq!(open.len(), names.len(), "each of {names:?} is one package");
        let mut reached = BTreeSet::new();
        while let Some(id) = open.pop() {
            if reached.insert(id.clone()) {
                open.extend(&self.needs[id]);
            }
        }
        reached
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("cargo metadata has a list here").iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("cargo metadata has a text here").to_owned()
}

/// Whether the licences of [`ALLOWED`] are enough to satisfy an SPDX expression.
///
/// `AND` binds tighter than `OR`; `/` is how Cargo.toml wrote `OR` before it took SPDX.
fn is_allowed(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let verdict = any_of(&mut words)?;
    match words.next() {
        None => Ok(verdict),
        Some(word) => Err(format!("unexpected {word}")),
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>) -> Result<bool, String> {
    let mut verdict = all_of(words)?;
    while words.next_if_eq(&"OR").is_some() {
        verdict |= all_of(words)?;
    }
    Ok(verdict)
}

fn all_of(words: &mut Words<'_>) -> Result<bool, String> {
    let mut verdict = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        verdict &= one(words)?;
    }
    Ok(verdict)
}

fn one(words: &mut Words<'_>) -> Result<bool, String> {
    match words.next() {
        Some("(") => {
            let verdict = any_of(words)?;
            match words.next() {
                Some(")") => Ok(verdict),
                _ => Err("a bracket stays open".to_owned()),
            }
        }
        Some(word @ (")" | "AND" | "OR" | "WITH")) => Err(format!("unexpected {word}")),
        Some(licence) => {
            if words.next_if_eq(&"WITH").is_none() {
                return Ok(ALLOWED.contains(&licence));
            }
            // An exception widens a licence, but none is on the list, so none has been read.
            match words.next() {
                Some(exception) if !["(", ")", "AND", "OR"].contains(&exception) => Ok(false),
                _ => Err("WITH names no exception".to_owned()),
            }
        }
        None => Err("the expression ends early".to_owned()),
    }
}
