//! Messages as machine output: the field names that scripts rely on.
//!
//! A field is absent where the message does not have it. Text is given as it is; whoever writes the JSON escapes what a
//! terminal could take for a command. Lengths, types and truncated hashes stand for everything encrypted.

use serde::ser::{Serialize, Serializer};

use super::{
    ApRequest, EncryptedPart, EncryptionType, ErrorData, FastArmor, HostAddress, KdcReply, KdcRequest, KerberosTime,
    KrbError, Message, PaData, PrincipalName, Sealed, Ticket, TicketId, pkinit,
};
use crate::WireText;

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = match self {
            Self::KdcRequest(request) => Fields::of_request(request),
            Self::KdcReply(reply) => Fields::of_reply(reply),
            Self::ApRequest(request) => Fields::of_ap_request(request),
            Self::ApReply(Sealed { enc_part, .. }) | Self::Private(Sealed { enc_part, .. }) => {
                Fields::default().with_enc_part(enc_part.as_ref())
            }
            Self::Error(error) => Fields::of_error(error),
            Self::Safe { .. } => Fields::default(),
            Self::Credential { tickets, enc_part, .. } => {
                Fields { tickets, ..Fields::default() }.with_enc_part(enc_part.as_ref())
            }
        };
        fields.stopped = self.stopped();
        fields.serialize(serializer)
    }
}

/// The fields of all messages, in the order they are written.
#[derive(Default, serde::Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crealm: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cname: Option<&'a PrincipalName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cname_type: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sname: Option<&'a PrincipalName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sname_type: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kdc_options: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ap_options: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    till: Option<KerberosTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtime: Option<KerberosTime>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    etypes: &'a [EncryptionType],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    padata: &'a [PaData],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    addresses: &'a [HostAddress],
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a Ticket>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    additional_tickets: &'a [Ticket],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tickets: &'a [Ticket],
    #[serde(skip_serializing_if = "Option::is_none")]
    enc_etype: Option<EncryptionType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enc_kvno: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stime: Option<KerberosTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    susec: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctime: Option<KerberosTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cusec: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e_text: Option<&'a WireText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e_data: Option<ErrorDataFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fast: Option<FastFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkinit: Option<Pkinit<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// The ticket of a TGS-REQ is the one it presents, in PA-TGS-REQ.
    fn of_request(request: &'a KdcRequest) -> Self {
        Self {
            realm: request.realm.as_ref(),
            nonce: request.nonce,
            kdc_options: request.kdc_options.map(Hex),
            till: request.till,
            rtime: request.rtime,
            etypes: &request.etypes,
            padata: &request.padata,
            addresses: &request.addresses,
            ticket: request.ap_request.as_ref().and_then(|presented| presented.ticket.as_ref()),
            additional_tickets: &request.additional_tickets,
            fast: request.fast.as_ref().map(FastFields::of),
            pkinit: request.pkinit.as_deref().map(Pkinit::Request),
            ..Self::default()
        }
        .with_names(request.cname.as_ref(), request.sname.as_ref())
    }

    fn of_reply(reply: &'a KdcReply) -> Self {
        Self {
            crealm: reply.crealm.as_ref(),
            padata: &reply.padata,
            ticket: reply.ticket.as_ref(),
            pkinit: reply.pkinit.as_deref().map(Pkinit::Reply),
            ..Self::default()
        }
        .with_names(reply.cname.as_ref(), None)
        .with_enc_part(reply.enc_part.as_ref())
    }

    fn of_ap_request(request: &'a ApRequest) -> Self {
        Self { ap_options: request.ap_options.map(Hex), ticket: request.ticket.as_ref(), ..Self::default() }
            .with_enc_part(request.authenticator.as_ref())
    }

    fn of_error(error: &'a KrbError) -> Self {
        Self {
            realm: error.realm.as_ref(),
            crealm: error.crealm.as_ref(),
            error_code: Some(error.code.0),
            error_name: error.code.name(),
            stime: error.stime,
            susec: error.susec,
            ctime: error.ctime,
            cusec: error.cusec,
            e_text: error.e_text.as_ref(),
            e_data: error.e_data.as_ref().map(ErrorDataFields::of),
            ..Self::default()
        }
        .with_names(error.cname.as_ref(), error.sname.as_ref())
    }

    fn with_names(mut self, cname: Option<&'a PrincipalName>, sname: Option<&'a PrincipalName>) -> Self {
        self.cname = cname;
        self.cname_type = cname.map(|name| name.name_type);
        self.sname = sname;
        self.sname_type = sname.map(|name| name.name_type);
        self
    }

    fn with_enc_part(mut self, part: Option<&EncryptedPart>) -> Self {
        self.enc_etype = part.map(|part| part.etype);
        self.enc_kvno = part.and_then(|part| part.kvno);
        self
    }
}

/// What PKINIT says, in the words of either direction.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Pkinit<'a> {
    Request(&'a pkinit::Request),
    Reply(&'a pkinit::Reply),
}

#[derive(Default, serde::Serialize)]
struct ErrorDataFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    padata: Option<&'a [PaData]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    typed_data: Option<&'a [i32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nt_status: Option<NtStatusText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nt_status_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
}

impl<'a> ErrorDataFields<'a> {
    fn of(data: &'a ErrorData) -> Self {
        match data {
            ErrorData::MethodData(list) => Self { padata: Some(list), ..Self::default() },
            ErrorData::TypedData(types) => Self { typed_data: Some(types), ..Self::default() },
            ErrorData::Extended { data_type, status, flags } => Self {
                nt_status: status.map(|status| NtStatusText(status.0)),
                nt_status_name: status.and_then(super::NtStatus::name),
                data_type: Some(*data_type),
                flags: *flags,
                ..Self::default()
            },
            ErrorData::Unknown(length) => Self { length: Some(*length), ..Self::default() },
        }
    }
}

#[derive(serde::Serialize)]
struct FastFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    armor_type: Option<i32>,
    /// The ticket of the armor: the computer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a Ticket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enc_etype: Option<EncryptionType>,
}

impl<'a> FastFields<'a> {
    fn of(fast: &'a FastArmor) -> Self {
        Self {
            armor_type: fast.armor_type,
            ticket: fast.armor.as_ref().and_then(|armor| armor.ticket.as_ref()),
            enc_etype: fast.enc_part.map(|part| part.etype),
        }
    }
}

impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct TicketFields<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            realm: Option<&'a WireText>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sname: Option<&'a PrincipalName>,
            #[serde(skip_serializing_if = "Option::is_none")]
            etype: Option<EncryptionType>,
            #[serde(skip_serializing_if = "Option::is_none")]
            kvno: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<TicketId>,
        }
        let Self { realm, sname, etype, kvno, id } = self;
        TicketFields { realm: realm.as_ref(), sname: sname.as_ref(), etype: *etype, kvno: *kvno, id: *id }
            .serialize(serializer)
    }
}

/// Components joined by `/`.
impl Serialize for PrincipalName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_unicode())
    }
}

/// The type alone.
impl Serialize for PaData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.kind.0)
    }
}

impl Serialize for EncryptionType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.0)
    }
}

/// The text alone.
impl Serialize for HostAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// `YYYY-MM-DDTHH:MM:SS.000000000Z`.
impl Serialize for KerberosTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// 16 hex digits.
impl Serialize for TicketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Flags as 8 hex digits.
struct Hex(u32);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:08x}", self.0))
    }
}

/// `0xc0000072`.
struct NtStatusText(u32);

impl Serialize for NtStatusText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("0x{:08x}", self.0))
    }
}
