//! The messages, as far as they are readable: encrypted parts are lengths, never bytes.
//!
//! Every field is optional where a damaged or unusual message may lack it: a message that breaks off keeps what
//! came before, one with a field that cannot be read keeps the others, and `stopped` says what was wrong first.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{EncryptionType, ErrorCode, NtStatus, PaType, pkinit};
use crate::WireText;

/// One Kerberos message.
#[derive(Clone, Debug)]
pub enum Message {
    /// AS-REQ or TGS-REQ, RFC 4120 §5.4.1.
    KdcRequest(KdcRequest),
    /// AS-REP or TGS-REP, RFC 4120 §5.4.2.
    KdcReply(KdcReply),
    /// AP-REQ, RFC 4120 §5.5.1.
    ApRequest(ApRequest),
    /// AP-REP, RFC 4120 §5.5.2.
    ApReply(Sealed),
    /// KRB-ERROR, RFC 4120 §5.9.1.
    Error(KrbError),
    /// KRB-SAFE, RFC 4120 §5.6.1. Its user data and checksum are not kept.
    Safe {
        /// What could not be read first, as a clause.
        stopped: Option<String>,
    },
    /// KRB-PRIV, RFC 4120 §5.7.1.
    Private(Sealed),
    /// KRB-CRED, RFC 4120 §5.8.1.
    Credential {
        /// The tickets handed over.
        tickets: Vec<Ticket>,
        /// The encrypted keys.
        enc_part: Option<EncryptedPart>,
        /// What could not be read first, as a clause.
        stopped: Option<String>,
    },
    /// KERB-TGT-REQUEST, draft-swift-win2k-krb-user2user-03 §2: a client asks a user's program for that user's ticket,
    /// for a service ticket can then be encrypted with its session key.
    TgtRequest {
        /// Whom the client wants to reach.
        sname: Option<PrincipalName>,
        /// Its realm.
        realm: Option<WireText>,
        /// What could not be read first, as a clause.
        stopped: Option<String>,
    },
    /// KERB-TGT-REPLY, the answer.
    TgtReply {
        /// The ticket-granting ticket of who was asked.
        ticket: Option<Ticket>,
        /// What could not be read first, as a clause.
        stopped: Option<String>,
    },
}

impl Message {
    /// Its name in machine output: `as-req`, `krb-error`, ….
    pub fn name(&self) -> &'static str {
        match self {
            Self::KdcRequest(request) => match request.stage {
                Stage::As => "as-req",
                Stage::Tgs => "tgs-req",
            },
            Self::KdcReply(reply) => match reply.stage {
                Stage::As => "as-rep",
                Stage::Tgs => "tgs-rep",
            },
            Self::ApRequest(_) => "ap-req",
            Self::ApReply(_) => "ap-rep",
            Self::Error(_) => "krb-error",
            Self::Safe { .. } => "krb-safe",
            Self::Private(_) => "krb-priv",
            Self::Credential { .. } => "krb-cred",
            Self::TgtRequest { .. } => "tgt-req",
            Self::TgtReply { .. } => "tgt-rep",
        }
    }

    /// What could not be read first, as a clause; `None` when everything was read.
    pub fn stopped(&self) -> Option<&str> {
        match self {
            Self::KdcRequest(request) => request.stopped.as_deref(),
            Self::KdcReply(reply) => reply.stopped.as_deref(),
            Self::ApRequest(request) => request.stopped.as_deref(),
            Self::ApReply(sealed) | Self::Private(sealed) => sealed.stopped.as_deref(),
            Self::Error(error) => error.stopped.as_deref(),
            Self::Safe { stopped }
            | Self::Credential { stopped, .. }
            | Self::TgtRequest { stopped, .. }
            | Self::TgtReply { stopped, .. } => stopped.as_deref(),
        }
    }
}

/// AP-REP or KRB-PRIV: a message of which nothing but an encrypted part travels.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The encrypted part.
    pub enc_part: Option<EncryptedPart>,
    /// What could not be read first, as a clause.
    pub stopped: Option<String>,
}

/// Which of the two exchanges with a KDC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Authentication service exchange: AS-REQ, AS-REP.
    As,
    /// Ticket-granting service exchange: TGS-REQ, TGS-REP.
    Tgs,
}

/// AS-REQ or TGS-REQ.
#[derive(Clone, Debug)]
pub struct KdcRequest {
    /// Which of the two.
    pub stage: Stage,
    /// Pre-authentication data, in order.
    pub padata: Vec<PaData>,
    /// KDC-options, the most significant bit is option 0. `None` when the message broke off before.
    pub kdc_options: Option<u32>,
    /// The client; absent in most TGS-REQs.
    pub cname: Option<PrincipalName>,
    /// The realm asked.
    pub realm: Option<WireText>,
    /// The service asked for.
    pub sname: Option<PrincipalName>,
    /// Wanted begin of the ticket; absent but for postdated ones.
    pub from: Option<KerberosTime>,
    /// Wanted end of the ticket.
    pub till: Option<KerberosTime>,
    /// Wanted end of renewal.
    pub rtime: Option<KerberosTime>,
    /// As encoded: some clients write it as a negative number.
    pub nonce: Option<i64>,
    /// Encryption types, the client's favourite first.
    pub etypes: Vec<EncryptionType>,
    /// Addresses, from Windows usually its NetBIOS name.
    pub addresses: Vec<HostAddress>,
    /// Tickets enclosed for user-to-user and delegation.
    pub additional_tickets: Vec<Ticket>,
    /// The AP-REQ of PA-TGS-REQ, with the ticket that a TGS-REQ uses.
    pub ap_request: Option<ApRequest>,
    /// PA-PK-AS-REQ, where present and readable; else that of the draft (padata 14, 15).
    pub pkinit: Option<Box<pkinit::Request>>,
    /// What the values of other pre-authentication data say.
    pub values: PaValues,
    /// PA-FX-FAST, where present.
    pub fast: Option<FastArmor>,
    /// What could not be read first, as a clause, in the ticket and the armor as well; every other field holds.
    pub stopped: Option<String>,
}

impl KdcRequest {
    /// Whether it carries pre-authentication data of this type.
    pub fn has(&self, kind: PaType) -> bool {
        self.padata.iter().any(|data| data.kind == kind)
    }
}

/// AS-REP or TGS-REP.
#[derive(Clone, Debug)]
pub struct KdcReply {
    /// Which of the two.
    pub stage: Stage,
    /// Pre-authentication data, in order.
    pub padata: Vec<PaData>,
    /// The client's realm.
    pub crealm: Option<WireText>,
    /// The client, as the KDC calls it.
    pub cname: Option<PrincipalName>,
    /// The ticket issued.
    pub ticket: Option<Ticket>,
    /// The part encrypted to the client.
    pub enc_part: Option<EncryptedPart>,
    /// PA-PK-AS-REP, where present and readable; else that of the draft (padata 15).
    pub pkinit: Option<Box<pkinit::Reply>>,
    /// What the values of other pre-authentication data say.
    pub values: PaValues,
    /// PA-FX-FAST, where present: the reply proper is sealed in it.
    pub fast: Option<FastArmor>,
    /// What could not be read first, as a clause; every other field holds.
    pub stopped: Option<String>,
}

impl KdcReply {
    /// Whether it carries pre-authentication data of this type.
    pub fn has(&self, kind: PaType) -> bool {
        self.padata.iter().any(|data| data.kind == kind)
    }
}

/// AP-REQ.
#[derive(Clone, Debug)]
pub struct ApRequest {
    /// AP-options, the most significant bit is option 0. `None` when the message broke off before.
    pub ap_options: Option<u32>,
    /// The ticket presented.
    pub ticket: Option<Ticket>,
    /// The encrypted authenticator.
    pub authenticator: Option<EncryptedPart>,
    /// What could not be read first, as a clause.
    pub stopped: Option<String>,
}

/// KRB-ERROR.
#[derive(Clone, Debug)]
pub struct KrbError {
    /// The client's time, as far as the KDC repeats it.
    pub ctime: Option<KerberosTime>,
    /// Microseconds of `ctime`.
    pub cusec: Option<i64>,
    /// The KDC's time.
    pub stime: Option<KerberosTime>,
    /// Microseconds of `stime`.
    pub susec: Option<i64>,
    /// What went wrong.
    pub code: ErrorCode,
    /// The client's realm.
    pub crealm: Option<WireText>,
    /// The client.
    pub cname: Option<PrincipalName>,
    /// The service's realm.
    pub realm: Option<WireText>,
    /// The service.
    pub sname: Option<PrincipalName>,
    /// Text for a person.
    pub e_text: Option<WireText>,
    /// Further data, by its form.
    pub e_data: Option<ErrorData>,
    /// What the values of the pre-authentication data in it say.
    pub values: PaValues,
    /// What the values of typed data in it say; `None` where they say nothing.
    pub typed: Option<Box<TypedValues>>,
    /// PA-FX-FAST in it, where present: the error proper is sealed in it.
    pub fast: Option<FastArmor>,
    /// What could not be read first, as a clause; every other field holds.
    pub stopped: Option<String>,
}

impl KrbError {
    /// Whether the KDC answers from inside the armor (FAST): the error proper is sealed in it (RFC 6113 §5.4.4).
    pub fn is_armored(&self) -> bool {
        matches!(&self.e_data,
            Some(ErrorData::MethodData(list)) if list.iter().any(|data| data.kind == PaType::FX_FAST))
    }
}

/// The e-data of a KRB-ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorData {
    /// METHOD-DATA, RFC 4120 §5.9.1: what pre-authentication the KDC takes.
    MethodData(Vec<PaData>),
    /// TYPED-DATA, RFC 4120 §5.9.1 and RFC 4556 §3.1.3: the types present.
    TypedData(Vec<i32>),
    /// KERB-ERROR-DATA, MS-KILE 2.2.1, or what Samba writes in its place.
    Extended {
        /// `data-type`: 3 carries an NTSTATUS, 2 says that clock skew was allowed for.
        data_type: i32,
        /// The NTSTATUS of KERB_EXT_ERROR, MS-KILE 2.2.2. `None` when there is no value, or not one of that form.
        status: Option<NtStatus>,
        /// Its flags.
        flags: Option<u32>,
    },
    /// None of these; its length in bytes.
    Unknown(usize),
}

/// One element of pre-authentication data: its type, and how long its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaData {
    /// Its type.
    pub kind: PaType,
    /// Length of its value in bytes, as the message states it; 0 when it breaks off before.
    pub length: usize,
}

/// What the values of pre-authentication data say that are neither PKINIT nor FAST. All is absent or empty where the
/// message does not have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaValues {
    /// PA-PAC-REQUEST, MS-KILE 2.2.3: whether a PAC is asked for.
    pub include_pac: Option<bool>,
    /// PA-PAC-OPTIONS, MS-KILE 2.2.10, the most significant bit is option 0.
    pub pac_options: Option<u32>,
    /// PA-SUPPORTED-ENCTYPES, MS-KILE 2.2.8: the bits of msDS-SupportedEncryptionTypes.
    pub supported_etypes: Option<u32>,
    /// KERB-KEY-LIST-REQ, MS-KILE 2.2.11: the encryption types that keys are asked for of; of a KERB-KEY-LIST-REP those
    /// of the keys in it, which are not kept.
    pub key_list: Vec<EncryptionType>,
    /// PA-ETYPE-INFO2, else PA-ETYPE-INFO: what the KDC can encrypt to the account with. Salts are not kept.
    pub etype_info: Vec<EncryptionType>,
    /// Encryption type of PA-ENC-TIMESTAMP.
    pub timestamp_etype: Option<EncryptionType>,
    /// PA-AS-FRESHNESS, RFC 8070: whether there is a token in it. An empty one only asks for one.
    pub freshness_token: Option<bool>,
    /// PA-FOR-USER or PA-S4U-X509-USER, MS-SFU 2.2.1 and 2.2.2: whom a service asks a ticket for.
    pub for_user: Option<Box<ForUser>>,
    /// PA-FX-ERROR, RFC 6113 §5.4.4, stands there in clear.
    pub fx_error: bool,
}

/// Whom a service asks a ticket for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForUser {
    /// The user; `None` where only a certificate tells.
    pub name: Option<PrincipalName>,
    /// The user's realm.
    pub realm: Option<WireText>,
    /// A certificate of the user is there.
    pub certificate: bool,
}

/// What the values of typed data of PKINIT say: RFC 4556 §3.2.2, RFC 8636 §4. Empty where the error does not have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedValues {
    /// TD-TRUSTED-CERTIFIERS: the issuers that the KDC takes, RFC 4514; `ski:` and hex where only a key is named.
    pub trusted_certifiers: Vec<String>,
    /// TD-INVALID-CERTIFICATES: the certificates that the KDC finds invalid, named in the same way.
    pub invalid_certificates: Vec<String>,
    /// TD-DH-PARAMETERS: the groups that the KDC takes, its favourite first.
    pub dh_parameters: Vec<pkinit::KeyAgreement>,
    /// TD-CMS-DIGEST-ALGORITHMS: the digests that the KDC takes in signatures.
    pub digests: Vec<String>,
    /// TD-CERT-DIGEST-ALGORITHMS: the digests that the KDC takes in certificates.
    pub certificate_digests: Vec<String>,
}

/// PA-FX-FAST, RFC 6113 §5.4.2, as far as it is readable.
#[derive(Clone, Debug)]
pub struct FastArmor {
    /// Armor type; 1 is an AP-REQ. `None` in a TGS-REQ, where the ticket itself is the armor, and in what a KDC sends.
    pub armor_type: Option<i32>,
    /// The armor's AP-REQ.
    pub armor: Option<Box<ApRequest>>,
    /// Type of the checksum over the request's body.
    pub checksum_type: Option<i32>,
    /// The request or reply proper.
    pub enc_part: Option<EncryptedPart>,
}

/// A ticket, RFC 4120 §5.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Realm of the service.
    pub realm: Option<WireText>,
    /// The service.
    pub sname: Option<PrincipalName>,
    /// Encryption type of its encrypted part.
    pub etype: Option<EncryptionType>,
    /// Version of the key it is encrypted with; upper 16 bits name a read-only DC (MS-KILE 3.1.5.8).
    pub kvno: Option<i64>,
    /// Recognises the ticket wherever it appears. `None` when its encrypted part is not there as a whole.
    pub id: Option<TicketId>,
}

/// A truncated hash of a ticket's encrypted part: equal for the same ticket, useless to attack it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub u64);

impl TicketId {
    /// Bytes hashed at the beginning and at the end of a cipher text; of a smaller one all. Every encryption type
    /// begins with what it makes of a random confounder, or with a checksum over all (RFC 3961 §5.3, RFC 4757 §3), so
    /// two tickets differ there. To hash all of them, one to 64 KiB each, would be a third of what a message costs.
    const HASHED: (usize, usize) = (64, 16);

    /// Hashes the encrypted part of a ticket.
    pub(super) fn of(cipher: &[u8]) -> Self {
        let (front, rest) = cipher.split_at_checked(Self::HASHED.0).unwrap_or((cipher, &[]));
        let back = rest.last_chunk::<{ Self::HASHED.1 }>().map_or(rest, <[u8; Self::HASHED.1]>::as_slice);
        // The prefix keeps the value apart from any other hash of the same bytes that someone may publish.
        let hash = Sha256::new()
            .chain_update(b"hellotrace ticket")
            .chain_update((cipher.len() as u64).to_be_bytes())
            .chain_update(front)
            .chain_update(back)
            .finalize();
        Self(hash.iter().take(8).fold(0, |id, &byte| (id << 8) | u64::from(byte)))
    }
}

/// 16 hex digits.
impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// EncryptedData, RFC 4120 §5.2.9, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptedPart {
    /// Encryption type.
    pub etype: EncryptionType,
    /// Key version.
    pub kvno: Option<i64>,
    /// Length of the cipher text in bytes, as the message states it; 0 when it breaks off before.
    pub length: usize,
}

/// PrincipalName, RFC 4120 §5.2.2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName {
    /// Name type, RFC 4120 §6.2 and RFC 6806: 1 principal, 2 service instance, 10 enterprise, …
    pub name_type: i32,
    /// The components.
    pub components: Vec<WireText>,
}

impl PrincipalName {
    /// Whether it is the ticket-granting service of any realm.
    pub fn is_krbtgt(&self) -> bool {
        self.components.first().is_some_and(|first| first.eq_ignore_case("krbtgt"))
    }

    /// Whether it is `WELLKNOWN/ANONYMOUS`, RFC 8062 §2.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.components.as_slice(), [first, second]
            if first.eq_ignore_case("WELLKNOWN") && second.eq_ignore_case("ANONYMOUS"))
    }

    /// Components joined by `/`, as Unicode. **Not safe for a screen.**
    pub fn to_unicode(&self) -> String {
        let parts: Vec<String> = self.components.iter().map(WireText::to_unicode).collect();
        parts.join("/")
    }
}

/// Components joined by `/`, harmless on a screen.
impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.components.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            write!(f, "{component}")?;
        }
        Ok(())
    }
}

/// HostAddress, RFC 4120 §5.2.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// Address type: 2 IPv4, 24 IPv6, 20 NetBIOS.
    pub kind: i32,
    /// A NetBIOS name without its padding, an IP address as text, else hex.
    pub text: WireText,
}

/// KerberosTime, RFC 4120 §5.2.3: whole seconds, UTC. Always a date that exists; others are `None` in their message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosTime(pub Timestamp);

impl KerberosTime {
    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }
}

/// `YYYY-MM-DDTHH:MM:SS.000000000Z`.
impl fmt::Display for KerberosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0)
    }
}
