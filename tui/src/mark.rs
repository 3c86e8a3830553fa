//! How things look without colour: every mark is a word or a character that reads the same in black and white.

use diagnose::Severity;

/// A one-character mark of a severity, the same in lists and on screens.
pub fn mark(severity: Severity) -> char {
    match severity {
        Severity::Critical => '!',
        Severity::High => '*',
        Severity::Medium => '+',
        Severity::Low => '-',
        Severity::Info => '.',
    }
}

/// An outcome as the heading of a logon: failures stand out by being upper-case.
pub fn outcome_word(outcome: &str) -> &'static str {
    match outcome {
        "failed" => "FAILED",
        "undecided" => "UNDECIDED",
        _ => "succeeded",
    }
}
