//! What a message came in, between the transport and itself.

use std::fmt;

/// A protocol that carries another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// LDAP, in the credentials of a bind. RFC 4511 §4.2.
    Ldap,
    /// A SASL buffer that is signed and not sealed. RFC 4422 §3.7.
    Sasl,
    /// SMB 1 session set-up. MS-SMB 2.2.4.6.
    Smb,
    /// SMB 2 and 3 session set-up. MS-SMB2 2.2.5.
    Smb2,
    /// SPNEGO. RFC 4178, MS-SPNG.
    Spnego,
    /// IAKERB, in which a server passes on what its client asks a KDC. draft-ietf-kitten-iakerb.
    Iakerb,
    /// DCE/RPC, in its binds. MS-RPCE 2.2.2.11.
    Dcerpc,
    /// TDS, in a login to SQL Server, and TLS in its negotiation. MS-TDS 2.2.6.4, 2.2.6.5.
    Tds,
    /// The protocol in which a password is changed. RFC 3244.
    Kpasswd,
    /// DNS, in the key exchange of TKEY. RFC 3645.
    Dns,
    /// HTTP: a Negotiate header, the tunnel behind CONNECT, or a body. RFC 4559, RFC 9110 §9.3.6.
    Http,
    /// What a KDC proxy passes on, in the bodies of HTTP. MS-KKDCP 2.2.2.
    KdcProxy,
}

impl Carrier {
    /// The name that machine output gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Sasl => "sasl",
            Self::Smb => "smb",
            Self::Smb2 => "smb2",
            Self::Spnego => "spnego",
            Self::Iakerb => "iakerb",
            Self::Dcerpc => "dcerpc",
            Self::Tds => "tds",
            Self::Kpasswd => "kpasswd",
            Self::Dns => "dns",
            Self::Http => "http",
            Self::KdcProxy => "kdc_proxy",
        }
    }
}

/// The protocols between the transport and a message, outermost first. Empty for most messages.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Carriage([Option<Carrier>; Carriage::MAX]);

impl Carriage {
    /// Carriers that are told. No decoder nests deeper.
    pub const MAX: usize = 4;

    /// The transport itself carries it.
    pub const DIRECT: Self = Self([None; Self::MAX]);

    /// Whether the transport itself carries it.
    pub fn is_direct(&self) -> bool {
        *self == Self::DIRECT
    }

    /// The same, in one carrier more: `carrier` is the innermost. Beyond [`Carriage::MAX`] the inner ones are not told.
    #[must_use]
    pub fn within(mut self, carrier: Carrier) -> Self {
        if let Some(free) = self.0.iter_mut().find(|place| place.is_none()) {
            *free = Some(carrier);
        }
        self
    }

    /// The carriers, outermost first.
    pub fn carriers(&self) -> impl Iterator<Item = Carrier> {
        self.0.into_iter().flatten()
    }

    /// Whether one of the carriers is this one.
    pub fn contains(&self, carrier: Carrier) -> bool {
        self.0.contains(&Some(carrier))
    }
}

impl From<Carrier> for Carriage {
    fn from(carrier: Carrier) -> Self {
        Self::DIRECT.within(carrier)
    }
}

/// The carriers' names: `[smb2, spnego]`.
impl fmt::Debug for Carriage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.carriers().map(Carrier::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Carriage, Carrier};

    #[test]
    fn carriers_are_told_outermost_first_and_no_more_than_fit() {
        let carriage = Carriage::from(Carrier::Smb2).within(Carrier::Spnego);
        assert_eq!(carriage.carriers().map(Carrier::name).collect::<Vec<_>>(), ["smb2", "spnego"]);
        assert!(carriage.contains(Carrier::Spnego) && !carriage.contains(Carrier::Ldap));
        assert!(Carriage::default().is_direct() && !carriage.is_direct());
        let deep = (0..9).fold(carriage, |carriage, _| carriage.within(Carrier::Sasl));
        assert_eq!(deep.carriers().count(), Carriage::MAX);
    }
}
