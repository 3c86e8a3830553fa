//! The fields of a decoded message as lines: names as machine output has them, values harmless on a screen.

use std::fmt;

use decode::{Connection, Event, Message, Path, Refusal, Unreachable, WireText};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A field, or the name of those below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// How deep it is nested.
    pub(crate) depth: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its value; empty for a name of fields below.
    pub(crate) value: String,
    /// Whether it comes from around the message and not from it.
    pub(crate) is_about_the_packet: bool,
}

/// The fields of the message behind a step, in the order of machine output.
pub(crate) fn fields(event: &Event) -> Vec<Field> {
    let mut fields = Vec::new();
    if let Some(path) = &event.path {
        fields.push(plain("from", path.source));
        fields.push(plain("to", path.destination));
        fields.push(plain("transport", path.transport.name()));
    }
    if event.seen.first != event.seen.last {
        fields.push(plain("packets", format!("{} to {}", event.seen.first.number, event.seen.last.number)));
    }
    match &event.message {
        Message::Kerberos(message) => as_json(message, &mut fields),
        Message::Dns(message) => as_json(message, &mut fields),
        Message::Ldap(message) | Message::Cldap(message) => as_json(message, &mut fields),
        Message::Ntlm(message) => as_json(message, &mut fields),
        Message::Smb(message) => as_json(message, &mut fields),
        Message::Tls(message) => as_json(message, &mut fields),
        Message::Http(message) => as_json(message, &mut fields),
        Message::Connection(connection) => fields.extend(connection_fields(connection)),
        Message::Unreachable(unreachable) => fields.extend(unreachable_fields(unreachable)),
        // They are no step of a sign-in.
        Message::Unacknowledged(_) | Message::Gap(_) | Message::Damage(_) => {}
    }
    fields
}

/// The fields of anything that machine output has.
pub(crate) fn fields_of(it: &impl Serialize) -> Vec<Field> {
    let mut fields = Vec::new();
    as_json(it, &mut fields);
    fields
}

/// To JSON and back: that is where names, order and what is secret are decided once for all.
fn as_json(message: &impl Serialize, fields: &mut Vec<Field>) {
    let value = serde_json::to_string(message).ok().and_then(|json| serde_json::from_str::<Value>(&json).ok());
    if let Some(Value::Map(entries)) = value {
        flatten(&entries, 0, fields);
    }
}

fn connection_fields(connection: &Connection) -> Vec<Field> {
    let opened = match connection.opened {
        Some(true) => "yes",
        Some(false) => "no",
        None => "the capture does not show it",
    };
    let mut fields = vec![
        plain("opened", opened),
        plain("syns", connection.syns),
        plain("bytes_to_server", connection.bytes_to_server),
        plain("bytes_to_client", connection.bytes_to_client),
        plain("missing", connection.missing),
        plain("began", format!("packet {}", connection.began.first.number)),
    ];
    let lost = [("lost_to_server", connection.lost_to_server), ("lost_to_client", connection.lost_to_client)];
    fields.extend(lost.into_iter().filter_map(|(name, lost)| Some(plain(name, lost?.bytes))));
    match connection.refused {
        Some(Refusal::Reset) => fields.push(plain("refused_by", "rst")),
        Some(Refusal::Icmp(code)) => fields.push(plain("refused_by", format!("icmp, code {code}"))),
        None => {}
    }
    fields
}

fn unreachable_fields(unreachable: &Unreachable) -> Vec<Field> {
    let mut fields = vec![plain("type", unreachable.icmp_type), plain("code", unreachable.code)];
    if let Some(Path { source, destination, transport }) = unreachable.about {
        fields.push(plain("about", format!("{source} to {destination} by {}", transport.name())));
    }
    fields
}

fn plain(name: &str, value: impl fmt::Display) -> Field {
    Field { depth: 0, name: name.to_owned(), value: value.to_string(), is_about_the_packet: true }
}

/// JSON with its fields in the order in which they were written.
enum Value {
    Null,
    One(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

fn flatten(entries: &[(String, Value)], depth: usize, fields: &mut Vec<Field>) {
    for (name, value) in entries {
        flatten_one(name, value, depth, fields);
    }
}

fn flatten_one(name: &str, value: &Value, depth: usize, fields: &mut Vec<Field>) {
    let mut field =
        |value: String| fields.push(Field { depth, name: name.to_owned(), value, is_about_the_packet: false });
    match value {
        Value::Null => {}
        Value::One(text) => field(text.clone()),
        Value::List(items) if items.is_empty() => {}
        Value::List(items) if items.iter().all(|item| matches!(item, Value::One(_))) => {
            let texts =
                items.iter().filter_map(|item| if let Value::One(text) = item { Some(text.as_str()) } else { None });
            field(texts.collect::<Vec<_>>().join(", "));
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = if items.len() > 1 { format!("{name} {}", index + 1) } else { name.to_owned() };
                flatten_one(&name, item, depth, fields);
            }
        }
        Value::Map(entries) => {
            let mut below = Vec::new();
            flatten(entries, depth + 1, &mut below);
            if !below.is_empty() {
                field(String::new());
                fields.append(&mut below);
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::One(if value { "yes" } else { "no" }.to_owned()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::One(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::One(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::One(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::One(WireText::from(value).to_string()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            map.push((WireText::from(name.as_str()).to_string(), value));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, flatten};

    #[test]
    fn order_is_kept_and_nothing_can_harm_a_terminal() {
        let json = r#"{"b":"\u001b[31m","a":[1,2],"empty":[],"none":null,"c":[{"x":true},{"y":{"z":-1}}]}"#;
        let Ok(Value::Map(entries)) = serde_json::from_str(json) else { panic!("a map") };
        let mut fields = Vec::new();
        flatten(&entries, 0, &mut fields);
        let lines: Vec<String> =
            fields.iter().map(|field| format!("{}{}={}", " ".repeat(field.depth), field.name, field.value)).collect();
        assert_eq!(lines, ["b=\\u{1b}[31m", "a=1, 2", "c 1=", " x=yes", "c 2=", " y=", "  z=-1"]);
    }
}
