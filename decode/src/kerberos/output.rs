//! Messages as machine output: the field names that scripts rely on.
//!
//! A field is absent where the message does not have it. Text is given as it is; whoever writes the JSON escapes what a
//! terminal could take for a command. Lengths, types and truncated hashes stand for everything encrypted.

use serde::ser::{Serialize, Serializer};

use super::numbers::{ap_option_names, kdc_option_names, pac_option_names, supported_etype_names};
use super::{
    ApRequest, EncryptedPart, EncryptionType, ErrorData, FastArmor, HostAddress, KdcReply, KdcRequest, KerberosTime,
    KrbError, Message, PaData, PaValues, PrincipalName, Sealed, Ticket, TicketId, TypedValues, pkinit,
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
            Self::TgtRequest { sname, realm, .. } => Fields {
                realm: realm.as_ref(),
                sname: sname.as_ref(),
                sname_type: sname.as_ref().map(|name| name.name_type),
                ..Fields::default()
            },
            Self::TgtReply { ticket, .. } => Fields { ticket: ticket.as_ref(), ..Fields::default() },
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kdc_option_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ap_options: Option<Hex>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ap_option_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<KerberosTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    till: Option<KerberosTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtime: Option<KerberosTime>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    etypes: &'a [EncryptionType],
    /// Those of `etypes` that are deprecated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weak_etypes: Vec<EncryptionType>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    padata: &'a [PaData],
    #[serde(skip_serializing_if = "Option::is_none")]
    padata_values: Option<PaValueFields<'a>>,
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
            kdc_option_names: request.kdc_options.map(kdc_option_names).unwrap_or_default(),
            from: request.from,
            till: request.till,
            rtime: request.rtime,
            etypes: &request.etypes,
            weak_etypes: request.etypes.iter().copied().filter(|etype| etype.is_weak()).collect(),
            padata: &request.padata,
            padata_values: PaValueFields::of(&request.values),
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
            padata_values: PaValueFields::of(&reply.values),
            ticket: reply.ticket.as_ref(),
            fast: reply.fast.as_ref().map(FastFields::of),
            pkinit: reply.pkinit.as_deref().map(Pkinit::Reply),
            ..Self::default()
        }
        .with_names(reply.cname.as_ref(), None)
        .with_enc_part(reply.enc_part.as_ref())
    }

    fn of_ap_request(request: &'a ApRequest) -> Self {
        Self {
            ap_options: request.ap_options.map(Hex),
            ap_option_names: request.ap_options.map(ap_option_names).unwrap_or_default(),
            ticket: request.ticket.as_ref(),
            ..Self::default()
        }
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
            e_data: error.e_data.as_ref().map(|data| ErrorDataFields::of(data, error)),
            fast: error.fast.as_ref().map(FastFields::of),
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
    padata_values: Option<PaValueFields<'a>>,
    #[serde(flatten)]
    typed: TypedFields<'a>,
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
    fn of(data: &'a ErrorData, error: &'a KrbError) -> Self {
        let typed = error.typed.as_deref().map(TypedFields::of).unwrap_or_default();
        let padata_values = PaValueFields::of(&error.values);
        match data {
            ErrorData::MethodData(list) => Self { padata: Some(list), padata_values, typed, ..Self::default() },
            ErrorData::TypedData(list) => Self { typed_data: Some(list), padata_values, typed, ..Self::default() },
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

/// What the values of pre-authentication data say.
#[derive(serde::Serialize)]
struct PaValueFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_pac: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pac_options: Option<Hex>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pac_option_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_etypes: Option<Hex>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supported_etype_names: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    key_list: &'a [EncryptionType],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    etype_info: &'a [EncryptionType],
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_etype: Option<EncryptionType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freshness_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_user: Option<ForUserFields<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fx_error: bool,
}

#[derive(serde::Serialize)]
struct ForUserFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a PrincipalName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<&'a WireText>,
    certificate: bool,
}

impl<'a> PaValueFields<'a> {
    /// `None` where they say nothing.
    fn of(values: &'a PaValues) -> Option<Self> {
        let says_something = *values != PaValues::default();
        says_something.then(|| Self {
            include_pac: values.include_pac,
            pac_options: values.pac_options.map(Hex),
            pac_option_names: values.pac_options.map(pac_option_names).unwrap_or_default(),
            supported_etypes: values.supported_etypes.map(Hex),
            supported_etype_names: values.supported_etypes.map(supported_etype_names).unwrap_or_default(),
            key_list: &values.key_list,
            etype_info: &values.etype_info,
            timestamp_etype: values.timestamp_etype,
            freshness_token: values.freshness_token,
            for_user: values.for_user.as_deref().map(|user| ForUserFields {
                name: user.name.as_ref(),
                realm: user.realm.as_ref(),
                certificate: user.certificate,
            }),
            fx_error: values.fx_error,
        })
    }
}

/// What the values of typed data say.
#[derive(Default, serde::Serialize)]
struct TypedFields<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    trusted_certifiers: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    invalid_certificates: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dh_parameters: &'a [pkinit::KeyAgreement],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    digests: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    certificate_digests: &'a [String],
}

impl<'a> TypedFields<'a> {
    fn of(values: &'a TypedValues) -> Self {
        Self {
            trusted_certifiers: &values.trusted_certifiers,
            invalid_certificates: &values.invalid_certificates,
            dh_parameters: &values.dh_parameters,
            digests: &values.digests,
            certificate_digests: &values.certificate_digests,
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
    checksum_type: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enc_etype: Option<EncryptionType>,
}

impl<'a> FastFields<'a> {
    fn of(fast: &'a FastArmor) -> Self {
        Self {
            armor_type: fast.armor_type,
            ticket: fast.armor.as_ref().and_then(|armor| armor.ticket.as_ref()),
            checksum_type: fast.checksum_type,
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
