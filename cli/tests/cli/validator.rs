//! A validator for the part of JSON Schema 2020-12 that our schemas are written in.
//!
//! A keyword or a pattern that it does not know is a panic: nothing in a schema may go unchecked.

use serde_json::{Map, Value};

/// A schema whose `$ref`s lead to its own `$defs`.
pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn new(schema: Value) -> Self {
        Self(schema)
    }

    /// # Errors
    /// Where the first thing lies that is not as the schema says (a JSON pointer), and what it is.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        self.check_at("", value, &self.0)
    }

    fn check_at(&self, at: &str, value: &Value, schema: &Value) -> Result<(), String> {
        let schema = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err(format!("{at}: nothing may be here")),
            schema => schema.as_object().expect("a schema is an object"),
        };
        let wrong = |what: &str, keyword: &Value| Err(format!("{at}: {value} is not {what} {keyword}"));
        for (keyword, rule) in schema {
            match keyword.as_str() {
                "$ref" => {
                    let name =
                        rule.as_str().and_then(|name| name.strip_prefix('#')).expect("a reference into the schema");
                    let target = self.0.pointer(name).unwrap_or_else(|| panic!("{name} leads nowhere"));
                    self.check_at(at, value, target)?;
                }
                "type" if !has_type(value, rule.as_str().expect("one type")) => return wrong("of type", rule),
                "const" if value != rule => return wrong("the constant", rule),
                "enum" if !list(rule).contains(value) => return wrong("one of", rule),
                "minimum" if value.as_f64() < rule.as_f64() => return wrong("at least", rule),
                "maximum" if value.as_f64() > rule.as_f64() => return wrong("at most", rule),
                "pattern" if !value.as_str().is_some_and(|text| matches(text, rule.as_str().expect("a pattern"))) => {
                    return wrong("like", rule);
                }
                // Kept, as was just seen, or nothing to keep.
                "type" | "const" | "enum" | "minimum" | "maximum" | "pattern" | "$schema" | "$defs" | "title"
                | "description" => {}
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check_at(&format!("{at}/{index}"), item, rule)?;
                    }
                }
                "required" => {
                    let members = value.as_object();
                    let absent = list(rule).iter().find(|name| {
                        members.is_some_and(|members| !members.contains_key(name.as_str().expect("a name")))
                    });
                    if let Some(name) = absent {
                        return Err(format!("{at}: {name} is missing"));
                    }
                }
                "properties" | "additionalProperties" => self.check_members(at, value, schema)?,
                "anyOf" | "oneOf" => {
                    let results: Vec<_> = list(rule).iter().map(|rule| self.check_at(at, value, rule)).collect();
                    let fits = results.iter().filter(|result| result.is_ok()).count();
                    if fits == 0 || (keyword == "oneOf" && fits > 1) {
                        return Err(format!("{at}: fits {fits} of {keyword}: {results:?}"));
                    }
                }
                unknown => panic!("{at}: the validator does not know {unknown}"),
            }
        }
        Ok(())
    }

    fn check_members(&self, at: &str, value: &Value, schema: &Map<String, Value>) -> Result<(), String> {
        for (name, member) in value.as_object().into_iter().flatten() {
            let known = schema.get("properties").and_then(|properties| properties.get(name));
            if let Some(rule) = known.or_else(|| schema.get("additionalProperties")) {
                self.check_at(&format!("{at}/{name}"), member, rule)?;
            }
        }
        Ok(())
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("no type {unknown}"),
    }
}

/// The patterns that our schemas use: alternatives of a sequence of characters and classes, each perhaps repeated.
fn matches(text: &str, pattern: &str) -> bool {
    pattern.split('|').any(|pattern| {
        let inner = pattern.strip_prefix('^').and_then(|pattern| pattern.strip_suffix('$')).expect("anchors");
        match inner {
            "[0-9a-f]*" => text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "[0-9]+([.][0-9]+)+" => {
                let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                text.contains('.') && text.split('.').all(number)
            }
            sequence => matches_sequence(text, sequence),
        }
    })
}

/// `[0-9a-f]{8}`, `0x[0-9]`: classes and characters, each perhaps so many times.
fn matches_sequence(text: &str, mut sequence: &str) -> bool {
    let mut text = text.chars();
    while let Some(first) = sequence.chars().next() {
        let class = if first == '[' { &sequence[1..sequence.find(']').expect("a class ends")] } else { &sequence[..1] };
        sequence = &sequence[class.len() + if first == '[' { 2 } else { 0 }..];
        assert!(class.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:._".contains(&byte)), "class {class}");
        let mut times = 1;
        if let Some(rest) = sequence.strip_prefix('{') {
            let (number, rest) = rest.split_once('}').expect("a number of times ends");
            (times, sequence) = (number.parse().expect("a number of times"), rest);
        }
        for _ in 0..times {
            if !text.next().is_some_and(|character| is_in_class(character, class)) {
                return false;
            }
        }
    }
    text.next().is_none()
}

/// `a-z0-9.`; a class of one character is that character.
fn is_in_class(character: char, class: &str) -> bool {
    match class.as_bytes() {
        [] => false,
        [low, b'-', high, ..] => {
            (char::from(*low)..=char::from(*high)).contains(&character) || is_in_class(character, &class[3..])
        }
        [one, ..] => char::from(*one) == character || is_in_class(character, &class[1..]),
    }
}

#[test]
fn patterns_are_judged_as_regular_expressions_are() {
    for (pattern, good, bad) in [
        ("^[A-Z]{3}-[0-9]{2}$", &["DCC-01", "ABZ-99"][..], &["dcc-01", "DCC-1", "DCC-011", "DCC_01", ""][..]),
        ("^0x[0-9a-f]{8}$", &["0xc0000072"], &["0XC0000072", "c0000072", "0xc000007"]),
        ("^[0-9a-f]*$", &["", "0f"], &["0F", "g"]),
        ("^[0-9]+([.][0-9]+)+$", &["1.2", "2.5.29.17"], &["1", "1.", ".1", "1..2", "1.a"]),
        ("^$|^[0-9]{2}[.]Z$", &["", "12.Z"], &["1.Z", "12xZ", "12.Z "]),
    ] {
        assert!(good.iter().all(|text| matches(text, pattern)), "{pattern}");
        assert!(!bad.iter().any(|text| matches(text, pattern)), "{pattern}");
    }
}
