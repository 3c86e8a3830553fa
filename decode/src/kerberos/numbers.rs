//! Numbers of the Kerberos registries with their names. Unknown numbers survive and print as numbers.
//!
//! One file a registry. Where a number decides what an administrator does next, `meaning` says in plain words what it
//! stands for in a Windows sign-in; the words are about what is known, not about what to do.

use std::fmt;

/// Defines a newtype over a wire number with named values; `name()` and `meaning()` are `None` for the others.
macro_rules! wire_number {
    ($(#[$doc:meta])* $type:ident($inner:ty) {
        $($constant:ident = $value:expr, $name:expr $(, $meaning:expr)?;)*
    }) => {
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

            /// What it means in plain words, where that says more than the name: a clause without a full stop.
            pub fn meaning(self) -> Option<&'static str> {
                match self {
                    $($(Self::$constant => Some($meaning),)?)*
                    _ => None,
                }
            }

            /// Every named value, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($type), self.0)
            }
        }
    };
}

mod encryption_type;
mod error_code;
mod name_type;
mod nt_status;
mod options;
mod pa_type;

pub use encryption_type::EncryptionType;
pub use error_code::ErrorCode;
pub use name_type::NameType;
pub use nt_status::NtStatus;
pub use options::{ap_option_names, kdc_option_names, pac_option_names, supported_etype_names};
pub use pa_type::PaType;

/// Implements `Display` as number and name: `62 KDC_ERR_CLIENT_NOT_TRUSTED`.
macro_rules! display_with_name {
    ($($type:ident)*) => {$(
        /// Number and name; the number alone where it has no name.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{} {name}", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }
    )*};
}

display_with_name! { EncryptionType ErrorCode NameType PaType }

/// `0xc0000072 STATUS_ACCOUNT_DISABLED`.
impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:08x} {name}", self.0),
            None => write!(f, "0x{:08x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EncryptionType, ErrorCode, NameType, NtStatus, PaType};

    #[test]
    fn tables_are_sorted_and_without_repeats() {
        assert!(ErrorCode::ALL.is_sorted_by(|a, b| a < b));
        assert!(NtStatus::ALL.is_sorted_by(|a, b| a < b));
        assert!(PaType::ALL.is_sorted_by(|a, b| a < b));
        assert!(EncryptionType::ALL.is_sorted_by(|a, b| a < b));
        assert!(NameType::ALL.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn unknown_numbers_survive_and_print() {
        assert_eq!(ErrorCode(250).to_string(), "250");
        assert_eq!(ErrorCode(-1).name(), None);
        assert_eq!(NtStatus(0xc0ff_ee00).to_string(), "0xc0ffee00");
        assert_eq!(format!("{:?}", PaType(9999)), "PaType(9999)");
        assert_eq!(EncryptionType(-135).to_string(), "-135 rc4-hmac-old-exp");
    }

    #[test]
    fn names_are_those_of_the_registries() {
        assert_eq!(ErrorCode(62).to_string(), "62 KDC_ERR_CLIENT_NOT_TRUSTED");
        assert_eq!(ErrorCode::PADATA_TYPE_NOSUPP.0, 16);
        assert_eq!(ErrorCode(30).name(), None);
        assert_eq!(NtStatus(0xc000_0072).to_string(), "0xc0000072 STATUS_ACCOUNT_DISABLED");
        assert_eq!(PaType(16).to_string(), "16 PA-PK-AS-REQ");
        assert_eq!(NameType(10).to_string(), "10 NT-ENTERPRISE");
    }

    #[test]
    fn what_peers_are_known_to_send_has_a_name() {
        let mut errors = (0..=29).chain(31..=52).chain(60..=86).chain(90..=95).chain([100]);
        assert_eq!(errors.find(|&code| ErrorCode(code).name().is_none()), None);
        let mut unassigned = [30].into_iter().chain(53..=59).chain(87..=89).chain(96..=99);
        assert_eq!(unassigned.find(|&code| ErrorCode(code).name().is_some()), None);
        let padata = [1..=3, 5..=25, 30..=31, 41..=41, 71..=71, 101..=109, 111..=112, 128..=138, 141..=151, 161..=162];
        let mut padata = padata.into_iter().flatten().chain([165, 167, 170, 171, 655]);
        assert_eq!(padata.find(|&kind| PaType(kind).name().is_none()), None);
        let mut etypes = [-135, -133, -128, 0].into_iter().chain(1..=3).chain([5, 7]).chain(9..=20).chain(23..=26);
        assert_eq!(etypes.find(|&etype| EncryptionType(etype).name().is_none()), None);
        let mut names = (-130..=-128).chain(0..=7).chain(10..=12);
        assert_eq!(names.find(|&name| NameType(name).name().is_none()), None);
    }

    #[test]
    fn every_error_code_and_status_has_a_plain_meaning() {
        for code in ErrorCode::ALL {
            let meaning = code.meaning().unwrap_or_else(|| panic!("{code} has no meaning"));
            assert!(!meaning.ends_with('.') && meaning.len() < 120, "{code}: {meaning}");
        }
        for status in NtStatus::ALL {
            let meaning = status.meaning().unwrap_or_else(|| panic!("{status} has no meaning"));
            assert!(!meaning.ends_with('.') && meaning.len() < 120, "{status}: {meaning}");
        }
        assert_eq!(ErrorCode(250).meaning(), None);
    }

    #[test]
    fn weak_encryption_types_are_those_the_ietf_deprecated() {
        for weak in [1, 3, 16, 23, 24, -128, -133, -135] {
            assert!(EncryptionType(weak).is_weak(), "{weak}");
        }
        for strong in [17, 18, 19, 20, 25, 26, 15, 999] {
            assert!(!EncryptionType(strong).is_weak(), "{strong}");
        }
    }
}
