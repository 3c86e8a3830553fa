//! What an event is good for, beyond being counted.

use decode::{Event, Message, key_credential::is_key_credential_link, ldap::Operation};

use crate::credential::KEY_ATTRIBUTE;

/// What an event is good for, beyond being counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For nothing: joining it would change nothing. Most are so, above all searches of the directory and questions
    /// about hosts.
    None,
    /// It answers a search: for something if that asked for keys.
    Answer,
    /// It asks the directory for keys.
    Keys,
    /// For more.
    Joined,
}

/// What an event is good for.
pub(crate) fn use_of(event: &Event) -> Use {
    match &event.message {
        Message::Ldap(message) => match &message.operation {
            Operation::BindRequest(_)
            | Operation::BindResponse(_)
            | Operation::ModifyResponse(_)
            | Operation::AddResponse(_) => Use::Joined,
            Operation::ModifyRequest(change) | Operation::AddRequest(change)
                if change.attributes.contains(KEY_ATTRIBUTE) =>
            {
                Use::Joined
            }
            Operation::SearchRequest(request) if request.attributes.iter().any(is_key_credential_link) => Use::Keys,
            Operation::SearchResultEntry(entry) if entry.keys.is_some() => Use::Joined,
            Operation::SearchResultEntry(_) | Operation::SearchResultDone(_) => Use::Answer,
            _ => Use::None,
        },
        Message::Dns(message) if !message.response && message.locator().is_none() => Use::None,
        _ => Use::Joined,
    }
}
