//! Kerberos version 5: the messages of RFC 4120 with the extensions that Windows, Samba and MIT put on the wire.
//!
//! [`decode`] takes one message's bytes, without the length mark of TCP; [`message`] holds the types, [`numbers`] the
//! names of codes, [`pkinit`] what RFC 4556 puts inside pre-authentication data. One file reads each kind of structure,
//! under the ASN.1 it implements; `fields` is the ground they stand on.
//!
//! The decoder is tolerant field by field: a field that cannot be read is left out and the message says so
//! (`stopped`). Nesting is bounded by construction, for no structure here contains itself.

use std::fmt;

use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};

mod error_data;
mod exchange;
mod fields;
mod krb_error;
pub mod message;
pub mod numbers;
mod other;
mod output;
mod pa_values;
mod padata;
pub mod pkinit;
mod principal;
mod ticket;
mod typed_data;

pub use message::{
    ApRequest, EncryptedPart, ErrorData, FastArmor, ForUser, HostAddress, KdcReply, KdcRequest, KerberosTime, KrbError,
    Message, PaData, PaValues, PrincipalName, Sealed, Stage, Ticket, TicketId, TypedValues,
};
pub use numbers::{EncryptionType, ErrorCode, NameType, NtStatus, PaType};

/// Decodes one message.
///
/// A message that is damaged, or that `bytes` hold only the beginning of, is decoded as far as it goes and says in
/// `stopped` what could not be read. Bytes after the message do no harm and are mentioned there as well.
///
/// # Errors
/// When `bytes` are no Kerberos message, or not enough of one to read a single field; and when a KRB-ERROR has no
/// readable error code, since nothing can be concluded from the rest of it.
///
/// Source: RFC 4120 §5; the APPLICATION tags in §5.10.
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    let mut reader = Reader::new(bytes);
    let tag = reader.peek().ok_or(DecodeError { offset: 0, kind: DecodeErrorKind::Empty })?;
    let number = tag.0 & 0x1f;
    if tag != Tag::application(number) || !matches!(number, 10..=15 | 20..=22 | 30) {
        return Err(DecodeError { offset: 0, kind: DecodeErrorKind::NotKerberos(tag.0) });
    }
    let outer = reader.lax_element()?;
    let sequence = outer.reader().lax_element()?;
    if sequence.tag != Tag::SEQUENCE {
        return Err(DecodeError { offset: sequence.offset, kind: DecodeErrorKind::Der(DerErrorKind::Tag) });
    }
    if !starts_with_a_field(&sequence) {
        return Err(DecodeError { offset: sequence.reader().offset(), kind: DecodeErrorKind::NoFields });
    }
    let mut faults = fields::Faults::default();
    if sequence.missing == 0 && !reader.is_empty() {
        faults.note_message(format_args!("{} bytes after the message", reader.rest().len()));
    }
    Ok(match number {
        10 => Message::KdcRequest(exchange::request(Stage::As, &sequence, faults)),
        11 => Message::KdcReply(exchange::reply(Stage::As, &sequence, faults)),
        12 => Message::KdcRequest(exchange::request(Stage::Tgs, &sequence, faults)),
        13 => Message::KdcReply(exchange::reply(Stage::Tgs, &sequence, faults)),
        14 => Message::ApRequest(ticket::ap_request_body(&sequence, faults)),
        15 => Message::ApReply(other::sealed(2, &sequence, faults)),
        20 => other::safe(&sequence, faults),
        21 => Message::Private(other::sealed(3, &sequence, faults)),
        22 => other::credential(&sequence, faults),
        _ => Message::Error(
            krb_error::krb_error(&sequence, faults)
                .ok_or(DecodeError { offset: sequence.offset, kind: DecodeErrorKind::NoErrorCode })?,
        ),
    })
}

/// The two tokens of authentication to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserToUser {
    /// KERB-TGT-REQUEST.
    Request,
    /// KERB-TGT-REPLY.
    Reply,
}

/// Decodes what prepares authentication to a user: a SEQUENCE without an APPLICATION tag, so its token says which it
/// is.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_user_to_user(which: UserToUser, bytes: &[u8]) -> Result<Message, DecodeError> {
    let mut reader = Reader::new(bytes);
    let sequence = reader.lax_element()?;
    if sequence.tag != Tag::SEQUENCE {
        return Err(DecodeError { offset: 0, kind: DecodeErrorKind::NotKerberos(sequence.tag.0) });
    }
    if !starts_with_a_field(&sequence) {
        return Err(DecodeError { offset: sequence.reader().offset(), kind: DecodeErrorKind::NoFields });
    }
    let mut faults = fields::Faults::default();
    if sequence.missing == 0 && !reader.is_empty() {
        faults.note_message(format_args!("{} bytes after the message", reader.rest().len()));
    }
    Ok(match which {
        UserToUser::Request => other::tgt_request(&sequence, faults),
        UserToUser::Reply => other::tgt_reply(&sequence, faults),
    })
}

/// Whether the first thing inside is a field with at least its tag and the head of its value.
fn starts_with_a_field(sequence: &Element<'_>) -> bool {
    sequence
        .reader()
        .lax_element()
        .is_ok_and(|field| field.tag == Tag::context(field.tag.0 & 0x1f) && field.reader().lax_element().is_ok())
}

/// Why bytes are not taken for a Kerberos message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Offset of what is wrong, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// Why bytes are not taken for a Kerberos message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// There are none.
    Empty,
    /// They begin with this identifier octet, which no Kerberos message has.
    NotKerberos(u8),
    /// They begin like a message, and then an element cannot be read.
    Der(DerErrorKind),
    /// They begin like a message, and hold no field of one.
    NoFields,
    /// A KRB-ERROR without a readable error code.
    NoErrorCode,
}

impl From<DerError> for DecodeError {
    fn from(error: DerError) -> Self {
        Self { offset: error.offset, kind: DecodeErrorKind::Der(error.kind) }
    }
}

/// A clause without any text of the wire: `not a Kerberos message: it begins with 0x47`.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, kind } = *self;
        match kind {
            DecodeErrorKind::Empty => write!(f, "an empty message"),
            DecodeErrorKind::NotKerberos(octet) => write!(f, "not a Kerberos message: it begins with 0x{octet:02x}"),
            DecodeErrorKind::Der(kind) => write!(f, "not a Kerberos message: {}", DerError { offset, kind }),
            DecodeErrorKind::NoFields => write!(f, "no field of a Kerberos message at offset {offset}"),
            DecodeErrorKind::NoErrorCode => write!(f, "a KRB-ERROR without a readable error code"),
        }
    }
}

impl std::error::Error for DecodeError {}
