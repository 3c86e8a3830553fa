//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Reads captures of Kerberos sign-ins (Windows Hello for Business, smart cards, passwords) and says why one failed.
#[derive(Debug, Parser)]
#[command(name = "hellotrace", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read captures and report every sign-in, worst first
    Read(Read),
    /// Look at captures on interactive screens: sign-ins, their steps, what was found; `?` shows the keys
    Tui(Tui),
    /// Print every decoded message as one JSON object a line
    Events(Events),
    /// Explain a finding (DCC-01), a Kerberos error (62), a status (0xc00000bb) or a Windows event (event 107)
    Explain(Explain),
    /// List the rules of the catalogue
    Rules(Rules),
    /// Write the generated documents, or check that they are current
    #[command(hide = true)]
    Generate(Generate),
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) target: Target,
    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Only sign-ins that failed, or that have a finding of severity high or critical
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only sign-ins of this user: a name, a name@REALM, or a part of either, whatever its case
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Only sign-ins that began at or after this time: 2026-01-31T08:00:00Z, 2026-01-31 08:00 (UTC), or 15m, 2h, 1d before the capture's end
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Tui {
    #[command(flatten)]
    pub(crate) input: Input,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Captures: pcap, pcapng or snoop, also packed with gzip, zstd or lz4, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<std::path::PathBuf>,
    /// Go on reading as the files grow, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    /// Threads to decode with; the result does not depend on it [default: one for each processor]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Packets handled at a time; the result does not depend on it
    #[arg(long, hide = true, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) batch: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Write to this file instead of standard output; it appears only when it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one object, described by docs/report.schema.json
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// DCC-01, 62, 0xc00000bb, KDC_ERR_CLIENT_NOT_TRUSTED, or event 107
    #[arg(required = true, value_name = "WHAT")]
    pub(crate) what: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// How to write the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Change nothing; fail when a document is not current
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn parse() -> Arguments {
    Arguments::parse()
}
