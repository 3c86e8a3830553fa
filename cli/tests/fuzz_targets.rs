//! The fuzz targets hold for their seeds, so that neither goes stale; `docs/fuzzing.md` says how to run them for long.

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a library of its own, too")]
mod fuzz;

#[test]
fn every_target_holds_for_its_seeds() {
    let seeds = fuzz::seeds::of_the_project(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")));
    for (name, run) in fuzz::TARGETS {
        let inputs = || seeds.iter().filter(|(target, _)| *target == name);
        assert!(inputs().count() >= 10, "few seeds of {name}");
        for (_, input) in inputs() {
            run(input);
        }
    }
}
