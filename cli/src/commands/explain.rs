//! `hellotrace explain`: from a code that somebody has in hand to the pages about it.

use std::io::Write as _;

use anyhow::bail;
use decode::kerberos::{ErrorCode, NtStatus};
use diagnose::{Rule, by_code, by_error, by_event, by_status, normal_error, normal_status};

use crate::{args::Explain, exit::Status, output::Output};

/// The lowest NTSTATUS that is an error: below it, a number in hex is a Kerberos error.
const FIRST_ERROR_STATUS: u32 = 0xc000_0000;

/// Finds what is meant and writes its page, or the list of pages.
pub(crate) fn run(arguments: &Explain) -> anyhow::Result<Status> {
    let words: Vec<&str> = arguments.what.iter().map(String::as_str).collect();
    let mut output = Output::standard();
    match words.as_slice() {
        [code] if by_code(code).is_some() => {
            if let Some(rule) = by_code(code) {
                write!(output, "{}", rule.markdown())?;
            }
        }
        [event, number] if event.eq_ignore_ascii_case("event") => match number.parse() {
            Ok(number) => list(&format!("Windows event {number}"), None, &by_event(number), &mut output)?,
            Err(_) => bail!("explain event {number}: not a number"),
        },
        [one] => number_or_name(one, &mut output)?,
        _ => bail!(
            "explain {}: write a code (DCC-01), a Kerberos error (62), a status (0xc00000bb) or event 107",
            words.join(" ")
        ),
    }
    output.finish()?;
    Ok(Status::Clean)
}

fn number_or_name(text: &str, output: &mut Output) -> anyhow::Result<()> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = hex.map_or_else(|| text.parse::<u32>(), |hex| u32::from_str_radix(hex, 16)).ok();
    let named_error =
        ErrorCode::ALL.iter().copied().find(|code| code.name().is_some_and(|name| name.eq_ignore_ascii_case(text)));
    let named_status =
        NtStatus::ALL.iter().copied().find(|status| status.name().is_some_and(|name| name.eq_ignore_ascii_case(text)));
    let status = named_status.or(number.filter(|number| *number >= FIRST_ERROR_STATUS).map(NtStatus));
    let error = named_error.or(number.and_then(|number| i32::try_from(number).ok()).map(ErrorCode));
    if let Some(status) = status {
        let title = heading("status", &status.to_string(), status.meaning());
        return list(&title, normal_status(status.0), &by_status(status.0), output);
    }
    if let Some(error) = error {
        let title = heading("Kerberos error", &error.to_string(), error.meaning());
        return list(&title, normal_error(error.0), &by_error(error.0), output);
    }
    bail!("explain {text}: no finding, error or status of that name; `hellotrace rules` lists the findings")
}

fn heading(kind: &str, name: &str, meaning: Option<&str>) -> String {
    match meaning {
        Some(meaning) => format!("{kind} {name}: {meaning}"),
        None => format!("{kind} {name}"),
    }
}

/// A heading, what is normal about it, then the one page, or where to read on.
fn list(heading: &str, normal: Option<&str>, rules: &[&'static Rule], output: &mut Output) -> anyhow::Result<()> {
    writeln!(output, "{heading}\n")?;
    if let Some(normal) = normal {
        let end = if rules.is_empty() { "" } else { "\n" };
        writeln!(output, "{normal}{end}")?;
    }
    match rules {
        [] if normal.is_some() => {}
        [] => writeln!(output, "No finding rests on it. `hellotrace rules` lists the findings.")?,
        [rule] => write!(output, "{}", rule.markdown())?,
        rules => {
            writeln!(output, "It can stand for:")?;
            for rule in rules {
                writeln!(output, "  hellotrace explain {}   {}", rule.code, rule.title)?;
            }
        }
    }
    Ok(())
}
