//! Messages as machine output: the field names that scripts rely on.
//!
//! A field is absent where the message does not have it. Text is given as it is; whoever writes the JSON escapes what a
//! terminal could take for a command.

use serde::ser::{Serialize, Serializer};

use super::{AdError, Authentication, KeyValue, Keys, Message, Names, Netlogon, Operation, Outcome, Protection};
use crate::WireText;

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::of(&self.operation);
        fields.message_id = self.message_id;
        fields.stopped = self.stopped.as_deref();
        fields.serialize(serializer)
    }
}

/// The fields of all messages, in the order they are written.
#[derive(Default, serde::Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostic: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ad_error: Option<AdError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_dn: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mechanism: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dn: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oid: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netlogon: Option<&'a Netlogon>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<&'a [KeyValue]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_keys_removed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(operation: &'a Operation) -> Self {
        let fields = match operation {
            Operation::BindRequest(bind) => Self {
                bind_dn: bind.bind_dn.as_ref(),
                mechanism: bind.authentication.as_ref().map(mechanism),
                ..Self::default()
            },
            Operation::SearchRequest(search) => Self {
                base: search.base.as_ref(),
                scope: search.scope,
                filter: search.filter.as_deref(),
                attributes: Some(&search.attributes),
                ..Self::default()
            },
            Operation::SearchResultEntry(entry) => Self {
                dn: entry.dn.as_ref(),
                attributes: Some(&entry.attributes),
                netlogon: entry.netlogon.as_deref(),
                ..Self::default()
            }
            .with_keys(entry.keys.as_deref()),
            Operation::ModifyRequest(change) | Operation::AddRequest(change) => {
                Self { dn: change.dn.as_ref(), modified: Some(&change.attributes), ..Self::default() }
                    .with_keys(change.keys.as_deref())
            }
            Operation::CompareRequest(change) => {
                Self { dn: change.dn.as_ref(), attributes: Some(&change.attributes), ..Self::default() }
            }
            Operation::DelRequest(change) | Operation::ModifyDnRequest(change) => {
                Self { dn: change.dn.as_ref(), ..Self::default() }
            }
            Operation::ExtendedRequest { oid }
            | Operation::ExtendedResponse { oid, .. }
            | Operation::IntermediateResponse { oid } => Self { oid: oid.as_ref(), ..Self::default() },
            Operation::Unknown(tag) => Self { operation: Some(*tag), ..Self::default() },
            Operation::Sasl(buffer) => Self {
                bytes: Some(buffer.length),
                protection: Some(match buffer.protection {
                    Protection::Signed => "signed",
                    Protection::Sealed => "sealed",
                }),
                ..Self::default()
            },
            Operation::UnbindRequest
            | Operation::AbandonRequest
            | Operation::SearchResultReference
            | Operation::BindResponse(_)
            | Operation::SearchResultDone(_)
            | Operation::ModifyResponse(_)
            | Operation::AddResponse(_)
            | Operation::DelResponse(_)
            | Operation::ModifyDnResponse(_)
            | Operation::CompareResponse(_) => Self::default(),
        };
        fields.with_outcome(operation.outcome())
    }

    fn with_keys(mut self, keys: Option<&'a Keys>) -> Self {
        self.keys = keys.map(|keys| keys.values.as_slice()).filter(|values| !values.is_empty());
        self.all_keys_removed = keys.and_then(|keys| keys.all_removed.then_some(true));
        self
    }

    fn with_outcome(mut self, outcome: Option<&'a Outcome>) -> Self {
        let code = outcome.and_then(|outcome| outcome.code);
        self.result_code = code.map(|code| code.0);
        self.result_name = code.and_then(super::ResultCode::name);
        self.diagnostic = outcome.and_then(|outcome| outcome.diagnostic.as_ref());
        self.ad_error = outcome.and_then(super::Outcome::ad_error);
        self
    }
}

/// A list of text.
impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(String::from_utf8_lossy))
    }
}

/// A SASL mechanism by its name, `simple`, `sicily`; others by their tag.
fn mechanism(authentication: &Authentication) -> String {
    match authentication {
        Authentication::Simple { .. } => "simple".to_owned(),
        Authentication::Sasl(mechanism) => mechanism.to_unicode(),
        Authentication::Sicily(_) => "sicily".to_owned(),
        Authentication::Other(tag) => format!("[{}]", tag & 0x1f),
    }
}
