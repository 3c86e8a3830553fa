//! Machine output: events and reports as JSON that is safe to print on a terminal.

use std::io::{self, Write};

use decode::{
    Carrier, Closing, Connection, Event, GapKind, Message, Path, Refusal, Unacknowledged, Unreachable, WireText,
    text::is_harmful,
};
use serde::{Serialize, ser::SerializeMap as _};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use trace::Visibility;

/// Writes the report, indented, with a newline at its end.
pub(crate) fn write_report(report: &impl Serialize, output: &mut impl Write) -> anyhow::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *output, Harmless(PrettyFormatter::new()));
    report.serialize(&mut serializer)?;
    writeln!(output)?;
    Ok(())
}

/// Writes a value on one line.
pub(crate) fn write_line(value: &impl Serialize, output: &mut impl Write) -> anyhow::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *output, Harmless(CompactFormatter));
    value.serialize(&mut serializer)?;
    writeln!(output)?;
    Ok(())
}

/// Escapes what a terminal could obey. The JSON means the same.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_harmful(*character)) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = tail.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// One event as machine output shows it.
#[derive(Serialize)]
pub(crate) struct Line<'e> {
    packet: u64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'e str>,
    #[serde(flatten)]
    place: Option<Place>,
    protocol: &'static str,
    carried_by: Vec<&'static str>,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'static str>,
    #[serde(flatten)]
    fields: Fields<'e>,
}

/// Addresses and ports.
#[derive(Serialize)]
struct Place {
    src: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    dst: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
}

impl Place {
    fn new(path: &Path) -> Self {
        let ports = path.transport != decode::Transport::Icmp;
        Self {
            src: path.source.address.to_string(),
            src_port: ports.then_some(path.source.port),
            dst: path.destination.address.to_string(),
            dst_port: ports.then_some(path.destination.port),
            transport: ports.then(|| path.transport.name()),
        }
    }
}

impl<'e> Line<'e> {
    /// An event of one of these inputs.
    pub(crate) fn new(event: &'e Event, inputs: &'e [String]) -> Self {
        let (message, gap) = match &event.message {
            Message::Kerberos(message) => (message.name(), None),
            Message::Dns(message) if message.response => ("response", None),
            Message::Dns(_) => ("query", None),
            Message::Ldap(message) | Message::Cldap(message) => {
                (message.name(), message.is_sealed().then(|| GapKind::Encrypted.name()))
            }
            Message::Ntlm(message) => (message.kind.name(), None),
            Message::Smb(_) => ("session_setup", None),
            Message::Tls(message) => (message.name(), None),
            Message::Http(message) => (message.name(), None),
            Message::Connection(_) => ("connection", None),
            Message::Unacknowledged(_) => ("unacknowledged", None),
            Message::Unreachable(_) => ("unreachable", None),
            Message::Gap(gap) => ("gap", Some(gap.kind.name())),
            Message::Damage(_) => ("damage", Some("undecodable")),
        };
        let file =
            (inputs.len() > 1).then(|| inputs.get(usize::from(event.seen.last.input.0)).map(String::as_str)).flatten();
        Self {
            packet: event.seen.last.number,
            time: event.seen.at.to_string(),
            file,
            place: event.path.as_ref().map(Place::new),
            protocol: event.message.protocol().name(),
            carried_by: event.carriage.carriers().map(Carrier::name).collect(),
            message,
            gap,
            fields: Fields(&event.message),
        }
    }
}

/// The fields of a message.
struct Fields<'e>(&'e Message);

impl Serialize for Fields<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Message::Kerberos(message) => message.serialize(serializer),
            Message::Dns(message) => message.serialize(serializer),
            Message::Ldap(message) | Message::Cldap(message) => message.serialize(serializer),
            Message::Ntlm(message) => message.serialize(serializer),
            Message::Smb(message) => message.serialize(serializer),
            Message::Tls(message) => message.serialize(serializer),
            Message::Http(message) => message.serialize(serializer),
            Message::Connection(connection) => ConnectionFields::new(connection).serialize(serializer),
            Message::Unacknowledged(Unacknowledged { bytes, sent, at_last }) => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("bytes", bytes)?;
                map.serialize_entry("sent", sent)?;
                map.serialize_entry("at_last", at_last)?;
                map.end()
            }
            Message::Unreachable(unreachable) => UnreachableFields::new(unreachable).serialize(serializer),
            Message::Gap(gap) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("bytes", &gap.bytes)?;
                map.serialize_entry("detail", &gap.detail)?;
                map.end()
            }
            Message::Damage(damage) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("offset", &damage.offset)?;
                map.serialize_entry("detail", &WireText::from(damage.to_string().as_str()).to_string())?;
                map.end()
            }
        }
    }
}

#[derive(Serialize)]
struct ConnectionFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<bool>,
    syns: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_by: Option<&'static str>,
    bytes_to_server: u64,
    bytes_to_client: u64,
    missing: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_to_server: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_to_client: Option<u64>,
    began: u64,
}

impl ConnectionFields {
    fn new(connection: &Connection) -> Self {
        let (refused_by, icmp_code) = match connection.refused {
            Some(Refusal::Reset) => (Some("rst"), None),
            Some(Refusal::Icmp(code)) => (Some("icmp"), Some(code)),
            None => (None, None),
        };
        Self {
            opened: connection.opened,
            syns: connection.syns,
            refused_by,
            icmp_code,
            closed_by: connection.closed.map(|closing| match closing {
                Closing::ClientFin => "client_fin",
                Closing::ServerFin => "server_fin",
                Closing::ClientReset => "client_rst",
                Closing::ServerReset => "server_rst",
                Closing::Forgotten => "forgotten",
            }),
            bytes_to_server: connection.bytes_to_server,
            bytes_to_client: connection.bytes_to_client,
            missing: connection.missing,
            lost_to_server: connection.lost_to_server.map(|lost| lost.bytes),
            lost_to_client: connection.lost_to_client.map(|lost| lost.bytes),
            began: connection.began.first.number,
        }
    }
}

#[derive(Serialize)]
struct UnreachableFields {
    #[serde(rename = "type")]
    icmp_type: u8,
    code: u8,
    about: Option<Place>,
}

impl UnreachableFields {
    fn new(unreachable: &Unreachable) -> Self {
        Self {
            icmp_type: unreachable.icmp_type,
            code: unreachable.code,
            about: unreachable.about.as_ref().map(Place::new),
        }
    }
}

/// The last line of `events`.
#[derive(Serialize)]
pub(crate) struct Summary {
    protocol: &'static str,
    message: &'static str,
    packets: u64,
    copies: u64,
    losses: u64,
    one_sided: bool,
    damage: u64,
    cut_packets: u64,
    first: String,
    last: String,
}

impl Summary {
    /// What the capture as a whole came to.
    pub(crate) fn new(visibility: &Visibility) -> Self {
        let time = |time: Option<capture::CaptureTime>| time.map(|time| time.to_string()).unwrap_or_default();
        Self {
            protocol: "capture",
            message: "summary",
            packets: visibility.packets,
            copies: visibility.copies,
            losses: visibility.losses.dropped(),
            one_sided: visibility.is_one_sided(),
            damage: visibility.damage,
            cut_packets: visibility.cut_packets,
            first: time(visibility.first),
            last: time(visibility.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::write_line;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let mut output = Vec::new();
        write_line(&"a\u{9b}31m\u{202e}b\u{1b}", &mut output).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "\"a\\u009b31m\\u202eb\\u001b\"\n");
    }
}
