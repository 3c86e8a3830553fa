//! How rules are tested: a script is played, the rule looks at what came of it.

use trace::script::{Played, play};

use crate::{Found, Rule, Scope, Verdict, thresholds::asked, windows::TABLE};

/// A finding with what tests ask of it.
pub(crate) struct Finding {
    pub(crate) found: Found,
    pub(crate) rule: &'static Rule,
}

impl Finding {
    /// Numbers of the packets in evidence, in the order given.
    pub(crate) fn packets(&self) -> Vec<u64> {
        self.found.evidence.iter().map(|evidence| evidence.seen.last.number).collect()
    }

    /// The severity with which it is reported.
    pub(crate) fn severity(&self) -> crate::Severity {
        self.found.severity.unwrap_or(self.rule.severity)
    }
}

/// What the rule answers to everything in its scope, in order. The thresholds that it asks for must be known to be its.
pub(crate) fn verdicts(rule: &Rule, played: &Played) -> Vec<Verdict> {
    asked::take();
    let verdicts = answered(rule, played);
    for symbol in asked::take() {
        let row = TABLE.iter().find(|row| row.symbol == symbol).unwrap();
        assert!(row.rules.contains(&rule.code), "{symbol} must name {} in windows.rs", rule.code);
    }
    verdicts
}

fn answered(rule: &Rule, played: &Played) -> Vec<Verdict> {
    match rule.check {
        Scope::Logon(check) => played.logons().iter().map(|logon| check(logon, played.facts())).collect(),
        Scope::Device(check) => {
            crate::diagnose::devices(played.facts()).into_iter().map(|device| check(device, played.facts())).collect()
        }
        Scope::Service(check) => {
            let services = played.facts().cloud.services().filter(|service| crate::endpoints::matters(service));
            services.map(|service| check(service, played.facts())).collect()
        }
        Scope::Fetch(check) => {
            played.facts().cloud.fetches().iter().map(|fetch| check(fetch, played.facts())).collect()
        }
        Scope::Capture(check) => vec![check(played.facts())],
    }
}

/// The first finding of a rule in a script.
pub(crate) fn found(rule: &'static Rule, script: &str) -> Finding {
    let verdicts = verdicts(rule, &play(script));
    let shown = format!("{verdicts:?}");
    let found =
        verdicts.into_iter().find_map(Verdict::found).unwrap_or_else(|| panic!("{} not found: {shown}", rule.code));
    assert!(!found.summary.is_empty());
    assert!(!found.evidence.is_empty() || found.subject == crate::Subject::Capture, "a finding without packets");
    Finding { found, rule }
}

/// Asserts that a rule is clear of everything in a script.
pub(crate) fn clear(rule: &Rule, script: &str) {
    let verdicts = verdicts(rule, &play(script));
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Clear)), "{}: {verdicts:?}", rule.code);
}

/// Asserts that a rule waits for more.
pub(crate) fn pending(rule: &Rule, script: &str) {
    let verdicts = verdicts(rule, &play(script));
    assert!(verdicts.iter().any(|verdict| matches!(verdict, Verdict::Pending)), "{}: {verdicts:?}", rule.code);
}

/// Asserts that a rule says that the capture cannot show it.
pub(crate) fn unseen(rule: &Rule, script: &str) {
    let verdicts = verdicts(rule, &play(script));
    assert!(verdicts.iter().any(|verdict| matches!(verdict, Verdict::Unseen(_))), "{}: {verdicts:?}", rule.code);
}
