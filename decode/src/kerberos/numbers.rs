//! Numbers of the Kerberos registries with their names. Unknown numbers survive and print as numbers.

use std::fmt;

/// Defines a newtype over a wire number with named values; `name()` is `None` for the others.
macro_rules! wire_number {
    ($(#[$doc:meta])* $type:ident($inner:ty) { $($constant:ident = $value:expr, $name:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $inner);

        impl $type {
            $(#[doc = $name] pub const $constant: Self = Self($value);)*

            /// The registered name, if there is one.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($name),)*
                    _ => None,
                }
            }

            /// Every named value, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($type), self.0)
            }
        }
    };
}

wire_number! {
    /// Type of pre-authentication data: RFC 4120 §7.5.2, RFC 4556, 6113, 6806, 8070, MS-KILE 3.1.5.1.
    PaType(i32) {
        TGS_REQ = 1, "PA-TGS-REQ";
        ENC_TIMESTAMP = 2, "PA-ENC-TIMESTAMP";
        PK_AS_REQ = 16, "PA-PK-AS-REQ";
        PK_AS_REP = 17, "PA-PK-AS-REP";
        FX_FAST = 136, "PA-FX-FAST";
        FX_ERROR = 137, "PA-FX-ERROR";
        ENCRYPTED_CHALLENGE = 138, "PA-ENCRYPTED-CHALLENGE";
        AS_FRESHNESS = 150, "PA-AS-FRESHNESS";
        KERB_KEY_LIST_REQ = 161, "KERB-KEY-LIST-REQ";
    }
}

wire_number! {
    /// Error code of a KRB-ERROR: RFC 4120 §7.5.9, RFC 4556 §3.1.3, RFC 6113, 8070, 8636.
    ErrorCode(i32) {
        PREAUTH_REQUIRED = 25, "KDC_ERR_PREAUTH_REQUIRED";
    }
}

wire_number! {
    /// Encryption type: RFC 3961 registry, RFC 4556 §3.1.4, MS-KILE.
    EncryptionType(i32) {
        AES256_CTS_HMAC_SHA1_96 = 18, "aes256-cts-hmac-sha1-96";
    }
}

wire_number! {
    /// NTSTATUS value of MS-ERREF 2.3.1.
    NtStatus(u32) {
        ACCOUNT_DISABLED = 0xc000_0072, "STATUS_ACCOUNT_DISABLED";
    }
}

/// `62 KDC_ERR_CLIENT_NOT_TRUSTED`; the number alone where it has no name.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// `0xc0000072 STATUS_ACCOUNT_DISABLED`.
impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:08x} {name}", self.0),
            None => write!(f, "0x{:08x}", self.0),
        }
    }
}
