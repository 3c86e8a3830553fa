//! What clients and KDCs say to each other, packed.

use decode::kerberos::{
    ApRequest, EncryptedPart, EncryptionType, ErrorCode, ErrorData, HostAddress, KdcReply, KdcRequest, KerberosTime,
    KrbError, Message, NtStatus, PaData, PaType, PrincipalName, Stage, Ticket, TicketId,
    message::{FastArmor, ForUser, PaValues, TypedValues},
    pkinit::{KeyAgreement, Reply, ReplyForm, Request, SignedData, Signer},
};
use jiff::Timestamp;

use super::{Pack, Reader, Writer, packed_choices, packed_coats, packed_fields};

/// Whether messages of this kind are packed: those of which logons are made.
pub(super) fn is_packed(message: &Message) -> bool {
    matches!(message, Message::KdcRequest(_) | Message::KdcReply(_) | Message::Error(_))
}

impl Pack for Message {
    fn pack(&self, to: &mut Writer) {
        match self {
            Self::KdcRequest(request) => {
                0_u8.pack(to);
                request.pack(to);
            }
            Self::KdcReply(reply) => {
                1_u8.pack(to);
                reply.pack(to);
            }
            Self::Error(error) => {
                2_u8.pack(to);
                error.pack(to);
            }
            // See `is_packed`.
            Self::ApRequest(_)
            | Self::ApReply(_)
            | Self::Safe { .. }
            | Self::Private(_)
            | Self::Credential { .. }
            | Self::TgtRequest { .. }
            | Self::TgtReply { .. } => 3_u8.pack(to),
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Pack::unpack(from).map(Self::KdcRequest),
            1 => Pack::unpack(from).map(Self::KdcReply),
            2 => Pack::unpack(from).map(Self::Error),
            _ => None,
        }
    }
}

impl Pack for KerberosTime {
    fn pack(&self, to: &mut Writer) {
        (self.0.as_second(), self.0.subsec_nanosecond()).pack(to);
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        let (seconds, nanoseconds) = Pack::unpack(from)?;
        Timestamp::new(seconds, nanoseconds).ok().map(Self)
    }
}

impl Pack for KeyAgreement {
    fn pack(&self, to: &mut Writer) {
        match self {
            Self::Rsa => 0_u8.pack(to),
            Self::Dh { group, bits } => (1_u8, (*group, *bits)).pack(to),
            Self::Ecdh { curve, bits } => (2_u8, (curve.clone(), *bits)).pack(to),
            Self::Other(oid) => (3_u8, oid.clone()).pack(to),
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Some(Self::Rsa),
            1 => Some(Self::Dh { group: Pack::unpack(from)?, bits: Pack::unpack(from)? }),
            2 => Some(Self::Ecdh { curve: Pack::unpack(from)?, bits: Pack::unpack(from)? }),
            _ => Pack::unpack(from).map(Self::Other),
        }
    }
}

impl Pack for ErrorData {
    fn pack(&self, to: &mut Writer) {
        match self {
            Self::MethodData(list) => (0_u8, list.clone()).pack(to),
            Self::TypedData(list) => (1_u8, list.clone()).pack(to),
            Self::Extended { data_type, status, flags } => (2_u8, (*data_type, (*status, *flags))).pack(to),
            Self::Unknown(length) => (3_u8, *length).pack(to),
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Pack::unpack(from).map(Self::MethodData),
            1 => Pack::unpack(from).map(Self::TypedData),
            2 => Some(Self::Extended {
                data_type: Pack::unpack(from)?,
                status: Pack::unpack(from)?,
                flags: Pack::unpack(from)?,
            }),
            _ => Pack::unpack(from).map(Self::Unknown),
        }
    }
}

packed_coats!(EncryptionType, ErrorCode, NtStatus, PaType, TicketId);

packed_choices! {
    Stage { As, Tgs }
    ReplyForm { DhInfo, EncKeyPack }
}

packed_fields! {
    PaData { kind, length }
    PrincipalName { name_type, components }
    HostAddress { kind, text }
    EncryptedPart { etype, kvno, length }
    Ticket { realm, sname, etype, kvno, id }
    ApRequest { ap_options, ticket, authenticator, stopped }
    FastArmor { armor_type, armor, checksum_type, enc_part }
    PaValues {
        include_pac, pac_options, supported_etypes, key_list, etype_info, timestamp_etype, freshness_token, for_user,
        fx_error,
    }
    ForUser { name, realm, certificate }
    TypedValues { trusted_certifiers, invalid_certificates, dh_parameters, digests, certificate_digests }
    KdcRequest {
        stage, padata, kdc_options, cname, realm, sname, from, till, rtime, nonce, etypes, addresses, additional_tickets,
        ap_request, pkinit, values, fast, stopped,
    }
    KdcReply { stage, padata, crealm, cname, ticket, enc_part, pkinit, values, fast, stopped }
    KrbError {
        ctime, cusec, stime, susec, code, crealm, cname, realm, sname, e_text, e_data, values, typed, fast, stopped,
    }
    Signer { by_key_identifier, issuer, serial, key_identifier, certificate, verified, reason }
    SignedData {
        content_type, bare, certificates, unreadable_certificates, digest, signature_algorithm, signer, signers,
    }
    Request {
        draft, signed, nonce, ctime, cusec, checksum, checksum_matches, checksum2, checksum2_algorithm, checksum2_matches,
        freshness_token, key_agreement, client_dh_nonce,
        supported_cms_types, supported_kdfs, trusted_certifiers, kdc_pk_id, stopped,
    }
    Reply { signed, form, nonce, dh_key_expiration, server_dh_nonce, kdf, public_key_bits, stopped }
}
