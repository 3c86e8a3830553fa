//! `hellotrace rules`: the catalogue.

use std::io::Write as _;

use diagnose::CATALOGUE;
use serde::Serialize;

use crate::{
    args::{Format, Rules},
    exit::Status,
    output::{Output, json},
};

#[derive(Serialize)]
struct RuleLine {
    code: &'static str,
    title: &'static str,
    severity: diagnose::Severity,
    since: &'static str,
}

/// Lists the rules by code.
pub(crate) fn run(arguments: &Rules) -> anyhow::Result<Status> {
    let mut output = Output::standard();
    match arguments.format {
        Format::Text => {
            for rule in CATALOGUE {
                writeln!(output, "{}  {:8}  {}", rule.code, rule.severity.name(), rule.title)?;
            }
        }
        Format::Json => {
            let lines: Vec<RuleLine> = CATALOGUE
                .iter()
                .map(|rule| RuleLine { code: rule.code, title: rule.title, severity: rule.severity, since: rule.since })
                .collect();
            json::write_line(&lines, &mut output)?;
        }
    }
    output.finish()?;
    Ok(Status::Clean)
}
