//! Whom an event is about: principals, and the names of machines.

use std::fmt;

use decode::{WireText, kerberos::PrincipalName};

/// A principal as `name@REALM`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    /// Components joined by `/`, as Unicode. Not safe for a screen: use [`fmt::Display`].
    pub name: String,
    /// The realm, as Unicode.
    pub realm: String,
}

impl Principal {
    /// From what a message says.
    pub fn new(name: &PrincipalName, realm: &WireText) -> Self {
        Self { name: name.to_unicode(), realm: realm.to_unicode() }
    }

    /// The form under which it is looked up: realms and account names are compared without regard to case.
    #[must_use]
    pub fn folded(&self) -> Self {
        Self { name: self.name.to_lowercase(), realm: self.realm.to_lowercase() }
    }

    /// `name@REALM` as Unicode, **not safe for a screen**.
    pub fn to_unicode(&self) -> String {
        format!("{}@{}", self.name, self.realm)
    }

    /// Whether it is a machine account.
    pub fn is_machine(&self) -> bool {
        self.name.ends_with('$')
    }
}

/// `name@REALM`, harmless on a screen.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", WireText::from(self.name.as_str()), WireText::from(self.realm.as_str()))
    }
}
