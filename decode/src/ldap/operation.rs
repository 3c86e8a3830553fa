//! What the operations of RFC 4511 say, as far as it is kept.

use std::fmt;

use super::{AdError, Keys, Netlogon};
use crate::WireText;

/// An operation. Responses without fields of their own share [`Outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A client says who it is. §4.2
    BindRequest(BindRequest),
    /// §4.2.2
    BindResponse(Outcome),
    /// The client is about to leave. §4.3
    UnbindRequest,
    /// §4.5.1
    SearchRequest(Box<SearchRequest>),
    /// An object found. §4.5.2
    SearchResultEntry(Entry),
    /// The end of what was found. §4.5.2
    SearchResultDone(Outcome),
    /// Elsewhere there may be more. §4.5.2
    SearchResultReference,
    /// §4.6
    ModifyRequest(Change),
    /// §4.6
    ModifyResponse(Outcome),
    /// §4.7
    AddRequest(Change),
    /// §4.7
    AddResponse(Outcome),
    /// §4.8
    DelRequest(Change),
    /// §4.8
    DelResponse(Outcome),
    /// §4.9
    ModifyDnRequest(Change),
    /// §4.9
    ModifyDnResponse(Outcome),
    /// Asks whether an object has a value; which value is not kept. §4.10
    CompareRequest(Change),
    /// §4.10
    CompareResponse(Outcome),
    /// §4.11
    AbandonRequest,
    /// §4.12
    ExtendedRequest {
        /// Which extended operation.
        oid: Option<WireText>,
    },
    /// §4.12
    ExtendedResponse {
        /// With which result.
        outcome: Outcome,
        /// Which extended operation, where the server repeats it.
        oid: Option<WireText>,
    },
    /// §4.13
    IntermediateResponse {
        /// Of which kind.
        oid: Option<WireText>,
    },
    /// Not one of RFC 4511; by its identifier octet.
    Unknown(u8),
    /// A SASL buffer of a connection with a security layer. RFC 4422 §3.7
    Sasl(SaslBuffer),
}

impl Operation {
    /// The name of its choice in `LDAPMessage.protocolOp`, RFC 4511 §4.1.1.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BindRequest(_) => "bindRequest",
            Self::BindResponse(_) => "bindResponse",
            Self::UnbindRequest => "unbindRequest",
            Self::SearchRequest(_) => "searchRequest",
            Self::SearchResultEntry(_) => "searchResEntry",
            Self::SearchResultDone(_) => "searchResDone",
            Self::SearchResultReference => "searchResRef",
            Self::ModifyRequest(_) => "modifyRequest",
            Self::ModifyResponse(_) => "modifyResponse",
            Self::AddRequest(_) => "addRequest",
            Self::AddResponse(_) => "addResponse",
            Self::DelRequest(_) => "delRequest",
            Self::DelResponse(_) => "delResponse",
            Self::ModifyDnRequest(_) => "modDNRequest",
            Self::ModifyDnResponse(_) => "modDNResponse",
            Self::CompareRequest(_) => "compareRequest",
            Self::CompareResponse(_) => "compareResponse",
            Self::AbandonRequest => "abandonRequest",
            Self::ExtendedRequest { .. } => "extendedReq",
            Self::ExtendedResponse { .. } => "extendedResp",
            Self::IntermediateResponse { .. } => "intermediateResponse",
            Self::Unknown(_) => "unknown",
            Self::Sasl(_) => "sasl",
        }
    }

    /// With which result a request ended. `None`: it is no response that says so.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::BindResponse(outcome)
            | Self::SearchResultDone(outcome)
            | Self::ModifyResponse(outcome)
            | Self::AddResponse(outcome)
            | Self::DelResponse(outcome)
            | Self::ModifyDnResponse(outcome)
            | Self::CompareResponse(outcome)
            | Self::ExtendedResponse { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

/// Who binds, and how. Not with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindRequest {
    /// Version of LDAP.
    pub version: Option<i64>,
    /// The name, which Active Directory also takes as `user@domain` or `DOMAIN\user`. Usually empty with SASL.
    pub bind_dn: Option<WireText>,
    /// The way to prove it.
    pub authentication: Option<Authentication>,
}

/// How a client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// A password in clear, which is not kept. Without one, the bind is anonymous. §5.1
    Simple {
        /// Whether a password was sent.
        password: bool,
    },
    /// A SASL mechanism: `GSS-SPNEGO`, `GSSAPI`. §4.2
    Sasl(WireText),
    /// NTLM in Active Directory's own form, by its step 9, 10 or 11. MS-ADTS 5.1.1.1.3
    Sicily(u8),
    /// Another one, by its identifier octet.
    Other(u8),
}

/// A result, RFC 4511 §4.1.9.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its code.
    pub code: Option<ResultCode>,
    /// What the server says about it. May be empty.
    pub diagnostic: Option<WireText>,
}

impl Outcome {
    /// What the server says about it, taken apart where it is a text of Active Directory.
    pub fn ad_error(&self) -> Option<AdError> {
        self.diagnostic.as_ref().and_then(|text| AdError::parse(text.as_bytes()))
    }
}

/// A result code. RFC 4511 appendix A; others are kept, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResultCode(pub i64);

impl ResultCode {
    /// Done as asked.
    pub const SUCCESS: Self = Self(0);
    /// The server wants a stronger proof; a domain controller, usually signing.
    pub const STRONGER_AUTH_REQUIRED: Self = Self(8);
    /// The server's step of a bind that is not over.
    pub const SASL_BIND_IN_PROGRESS: Self = Self(14);
    /// The schema does not know an attribute.
    pub const UNDEFINED_ATTRIBUTE_TYPE: Self = Self(17);
    /// There is no such object.
    pub const NO_SUCH_OBJECT: Self = Self(32);
    /// The proof was wrong.
    pub const INVALID_CREDENTIALS: Self = Self(49);
    /// Who asked may not.
    pub const INSUFFICIENT_ACCESS_RIGHTS: Self = Self(50);
    /// The server will not.
    pub const UNWILLING_TO_PERFORM: Self = Self(53);

    /// Its name in RFC 4511 §4.1.9.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "success",
            1 => "operationsError",
            2 => "protocolError",
            3 => "timeLimitExceeded",
            4 => "sizeLimitExceeded",
            5 => "compareFalse",
            6 => "compareTrue",
            7 => "authMethodNotSupported",
            8 => "strongerAuthRequired",
            10 => "referral",
            11 => "adminLimitExceeded",
            12 => "unavailableCriticalExtension",
            13 => "confidentialityRequired",
            14 => "saslBindInProgress",
            16 => "noSuchAttribute",
            17 => "undefinedAttributeType",
            18 => "inappropriateMatching",
            19 => "constraintViolation",
            20 => "attributeOrValueExists",
            21 => "invalidAttributeSyntax",
            32 => "noSuchObject",
            33 => "aliasProblem",
            34 => "invalidDNSyntax",
            36 => "aliasDereferencingProblem",
            48 => "inappropriateAuthentication",
            49 => "invalidCredentials",
            50 => "insufficientAccessRights",
            51 => "busy",
            52 => "unavailable",
            53 => "unwillingToPerform",
            54 => "loopDetect",
            64 => "namingViolation",
            65 => "objectClassViolation",
            66 => "notAllowedOnNonLeaf",
            67 => "notAllowedOnRDN",
            68 => "entryAlreadyExists",
            69 => "objectClassModsProhibited",
            71 => "affectsMultipleDSAs",
            80 => "other",
            _ => return None,
        })
    }
}

/// `invalidCredentials (49)`, `90`.
impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// The object at which to begin; empty: the root DSE.
    pub base: Option<WireText>,
    /// 0: that object, 1: those below it, 2: all beneath it, 3: those beneath it and not itself.
    pub scope: Option<i64>,
    /// The filter as RFC 4515 text, at most [`super::MAX_FILTER_TEXT`] bytes. What is too deep, too long or cannot be
    /// read is `(…)`.
    pub filter: Option<String>,
    /// Names of the attributes asked for; none: all.
    pub attributes: Names,
}

/// An object found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub dn: Option<WireText>,
    /// Names of its attributes, in order. Their values are not kept, but for those below.
    pub attributes: Names,
    /// What a domain controller says about itself, where it was asked for.
    pub netlogon: Option<Box<Netlogon>>,
    /// The key credentials it has. `None`: no values of that attribute are here.
    pub keys: Option<Box<Keys>>,
}

/// What is to be done to an object. Values are not kept, but for key credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub dn: Option<WireText>,
    /// Names of the attributes concerned, in order, as often as they are named.
    pub attributes: Names,
    /// The key credentials that an object is made with, or that are changed. `None`: the message has none.
    pub keys: Option<Box<Keys>>,
}

/// Names of attributes, in order, as often as they are named.
///
/// In one allocation: objects have dozens of them, and most are read by nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Each after its length.
    packed: Vec<u8>,
    count: usize,
}

impl Names {
    /// Adds one, or the beginning of one that is longer than 65,535 bytes.
    pub fn push(&mut self, name: &[u8]) {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        if self.packed.capacity() == 0 {
            // Room for some, so that the usual object takes one allocation.
            self.packed.reserve(128);
        }
        self.packed.extend_from_slice(&length.to_be_bytes());
        self.packed.extend_from_slice(name.get(..usize::from(length)).unwrap_or_default());
        self.count = self.count.saturating_add(1);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of each.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.packed.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (name, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            rest = after;
            Some(name)
        })
    }

    /// Whether one of them is `name`, without regard to case and options (`;binary`).
    pub fn contains(&self, name: &str) -> bool {
        fn base(described: &[u8]) -> &[u8] {
            described.split(|&byte| byte == b';').next().unwrap_or_default()
        }
        let wanted = base(name.as_bytes());
        self.iter().any(|described| base(described).eq_ignore_ascii_case(wanted))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(WireText::new)).finish()
    }
}

/// A SASL buffer: the length, and the mechanism's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslBuffer {
    /// Bytes of the token.
    pub length: usize,
    /// How it protects what it holds.
    pub protection: Protection,
}

/// How a SASL buffer protects what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Signed; what it holds can be read.
    Signed,
    /// Encrypted, or protected in a way that we cannot read.
    Sealed,
}
