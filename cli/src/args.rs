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
    /// Record from a network interface: each sign-in as it settles, and the report at the end
    Live(Live),
    /// List the network interfaces that can be recorded from, with their addresses
    Interfaces,
    /// Go through what a deployment of key trust needs: each working, failing or not seen
    Checklist(Part),
    /// List every domain controller: flags, certificates, sign-ins, clock, response times, ports
    Dcs(Part),
    /// List every key: shown on the wire, in the directory, or both, and how they fit together
    Keys(Keys),
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
    pub(crate) known: Known,
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
    /// Only sign-ins that began at or after this time: 2026-01-31T08:00:00Z, 2026-01-31 08:00 (UTC), or 15m, 2h, 1d
    /// before the capture's end
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Add marks and notes that `hellotrace tui --session` kept in a file [default: the capture's name with
    /// .session.toml]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) session: Option<std::ffi::OsString>,
    #[command(flatten)]
    pub(crate) limits: Limits,
    /// Do with so much memory: decode less when it runs short, what says least of a sign-in first and Kerberos last,
    /// and count what was not decoded (Linux)
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(64..=1 << 20))]
    pub(crate) max_memory: Option<u64>,
}

/// What else is known besides captures.
#[derive(Debug, Args)]
pub(crate) struct Known {
    /// Compare keys with this export of the directory: LDIF, CSV, JSON or a list, as the guide shows. May be given more
    /// than once
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: Vec<std::path::PathBuf>,
    /// Domains that are verified with Microsoft Entra, with commas between them: user principal names are compared with
    /// them
    #[arg(long, value_name = "DOMAIN", value_delimiter = ',')]
    pub(crate) verified_domains: Vec<String>,
    #[cfg(feature = "directory")]
    #[command(flatten)]
    pub(crate) ldap: Ldap,
    /// Take windows and thresholds of the rules from this TOML file, as docs/settings.md lists them, instead of their
    /// defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) thresholds: Option<std::path::PathBuf>,
}

/// A directory server to ask.
#[cfg(feature = "directory")]
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the names of the options")]
pub(crate) struct Ldap {
    /// Compare keys with what this server tells: ldaps://dc1.corp.example, or ldap:// for StartTLS, with a port and a
    /// base (ldaps://host:636/DC=corp,DC=example) where needed. May be given more than once
    #[arg(long, value_name = "URL")]
    pub(crate) ldap: Vec<String>,
    /// Who to bind as: user@corp.example, or a distinguished name. The password is asked for on the terminal, unless it
    /// is in HELLOTRACE_LDAP_PASSWORD or in a file
    #[arg(long, value_name = "NAME", requires = "ldap")]
    pub(crate) ldap_bind: Option<String>,
    /// Bind with a Kerberos ticket, as of kinit, and no password: by SASL, mechanism GSSAPI, to the service ldap/HOST
    #[cfg(all(feature = "directory-gssapi", target_os = "linux"))]
    #[arg(long, requires = "ldap", conflicts_with_all = ["ldap_bind", "ldap_password_file"])]
    pub(crate) ldap_gssapi: bool,
    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE", requires = "ldap")]
    pub(crate) ldap_password_file: Option<std::path::PathBuf>,
    /// Trust the authorities in this PEM file, and no others [default: those that the system trusts]
    #[arg(long, value_name = "FILE", requires = "ldap")]
    pub(crate) ldap_ca: Option<std::path::PathBuf>,
}

/// Captures and what is known besides, for one part of the report.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Captures: pcap, pcapng or snoop, also packed with gzip, zstd or lz4, or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<std::path::PathBuf>,
    #[command(flatten)]
    pub(crate) known: Known,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) target: Target,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Captures: pcap, pcapng or snoop, also packed with gzip, zstd or lz4, or folders of them; `-` is standard input
    #[cfg_attr(not(feature = "directory"), arg(required_unless_present = "directory", value_name = "FILE"))]
    #[cfg_attr(feature = "directory", arg(required_unless_present_any = ["directory", "ldap"], value_name = "FILE"))]
    pub(crate) files: Vec<std::path::PathBuf>,
    #[command(flatten)]
    pub(crate) known: Known,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) target: Target,
    /// How to write the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Tui {
    /// Captures: pcap, pcapng or snoop, also packed with gzip, zstd or lz4, or folders of them; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "interface", conflicts_with = "interface")]
    pub(crate) files: Vec<std::path::PathBuf>,
    /// Go on reading as the files grow, and as files appear in folders, until Ctrl-C
    #[arg(long, conflicts_with = "interface")]
    pub(crate) follow: bool,
    /// Keep marks and notes in a file, and take up those that it holds [default: the capture's name with .session.toml]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) session: Option<std::ffi::OsString>,
    /// Take keys, theme and columns from this file [default: hellotrace/tui.toml in the folder for settings, if it is
    /// there]
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<std::path::PathBuf>,
    #[command(flatten)]
    pub(crate) device: Option<Device>,
    #[command(flatten)]
    pub(crate) known: Known,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Args)]
pub(crate) struct Live {
    #[command(flatten)]
    pub(crate) device: Option<Device>,
    #[command(flatten)]
    pub(crate) known: Known,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) target: Target,
    /// How to write the report at the end
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Print the built-in filter and exit. RPC beyond port 135 is not in it: its ports are not known beforehand
    #[arg(long, required_unless_present = "interface", conflicts_with = "interface")]
    pub(crate) print_filter: bool,
}

/// What to record, and where to: options that `hellotrace-capture` understands, under the same names.
#[derive(Debug, Args)]
pub(crate) struct Device {
    /// The interface to record from; `hellotrace interfaces` lists them
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: String,
    /// Stop after so many packets
    #[arg(long, value_name = "N", requires = "interface", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", requires = "interface", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) duration: Option<u64>,
    /// Record all that this pcap-filter(7) expression chooses, '' for everything, instead of what a sign-in uses
    #[arg(long, value_name = "EXPRESSION", requires = "interface", allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// Keep so many bytes of each packet [default: all]
    #[arg(long, value_name = "BYTES", requires = "interface")]
    pub(crate) snaplen: Option<u32>,
    /// Let the kernel keep so many MB of packets while this program is late [default: 64]
    #[arg(long, value_name = "MB", requires = "interface")]
    pub(crate) buffer_size: Option<u16>,
    /// See only what is sent to and from this machine, and to all
    #[arg(long, requires = "interface")]
    pub(crate) no_promiscuous: bool,
    /// Also record the packets to this file, which must not exist. With a size, an age or a total, to files named after
    /// it and the time
    #[arg(long, value_name = "FILE", requires = "interface")]
    pub(crate) write: Option<std::path::PathBuf>,
    /// Begin the next file after so many MB
    #[arg(long, value_name = "MB", requires = "write")]
    pub(crate) rotate_size: Option<u64>,
    /// Begin the next file after so many seconds
    #[arg(long, value_name = "SECONDS", requires = "write")]
    pub(crate) rotate_age: Option<u64>,
    /// Delete the oldest files beyond so many MB together
    #[arg(long, value_name = "MB", requires = "write")]
    pub(crate) keep: Option<u64>,
    /// Pause recording to files while less than so many MB are free on the disk [default: 1024]
    #[arg(long, value_name = "MB", requires = "write")]
    pub(crate) min_free: Option<u64>,
    /// Do with so much memory: decode less when it runs short, what says least of a sign-in first and Kerberos last,
    /// and count what was not decoded (Linux)
    #[arg(long, value_name = "MB", requires = "interface", value_parser = clap::value_parser!(u64).range(64..=1 << 20))]
    pub(crate) max_memory: Option<u64>,
    /// Do with so much of one processor, the recorder's part included, in the same way (Linux)
    #[arg(long, value_name = "PERCENT", requires = "interface", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_cpu: Option<u32>,
    /// Who to be once the device is open, when started by root [default: who called sudo, else nobody]
    #[arg(long, value_name = "NAME", requires = "interface")]
    pub(crate) user: Option<String>,
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
    /// Go on reading as the files grow, and as files appear in folders, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) work: Work,
}

/// How the work is divided.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// Threads to decode with; the result does not depend on it [default: one for each processor]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Packets handled at a time; the result does not depend on it
    #[arg(long, hide = true, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) batch: u32,
}

/// How much is told.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Sign-ins to tell in full: of more than these the oldest are only counted, those that failed last
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_logons: u32,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_starts_with_options_that_there_are() {
        let unit = include_str!("../package/hellotrace@.service");
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
        let arguments = Arguments::try_parse_from(start.replace("%i", "eth0").split_whitespace()).unwrap();
        let Command::Live(Live { device: Some(device), .. }) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(device.interface, "eth0");
        // Else the service is killed before it decodes less.
        let most: u64 =
            unit.lines().find_map(|line| line.strip_prefix("MemoryMax=")?.strip_suffix('G')).unwrap().parse().unwrap();
        assert!(device.max_memory.unwrap() < most << 10);
    }
}
