//! The names under which domain controllers are looked for.
//!
//! Sources: MS-ADTS 6.3.2.3 (SRV records that a domain controller registers), RFC 4120 §7.2.3.2, and
//! `_kerberos-master` as MIT krb5 asks for it.

use crate::{Transport, WireText};

/// What an SRV name asks for, when it is one of those that locate domain controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locator {
    /// What is looked for.
    pub service: LocatorService,
    /// The label after the service: `_tcp` or `_udp`.
    pub transport: Transport,
    /// The site, in lower case, where the name is confined to one.
    pub site: Option<WireText>,
    /// The domain (of [`LocatorService::GlobalCatalog`] and [`LocatorService::DomainId`], the forest) in lower case.
    pub domain: WireText,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocatorService {
    /// `_ldap._tcp.dc._msdcs.DOMAIN`: any domain controller.
    DomainController,
    /// `_kerberos._tcp.dc._msdcs.DOMAIN`: a domain controller that is a KDC.
    Kdc,
    /// `_kerberos._tcp.DOMAIN`, `_kerberos._udp.DOMAIN`: any KDC.
    Kerberos,
    /// `_kerberos-master._udp.DOMAIN`: the KDC to ask after another has refused a password.
    KerberosMaster,
    /// `_ldap._tcp.DOMAIN`: any LDAP server.
    Ldap,
    /// `_ldap._tcp.pdc._msdcs.DOMAIN`: the PDC emulator.
    Pdc,
    /// `_gc._tcp.FOREST`, `_ldap._tcp.gc._msdcs.FOREST`: a global catalog.
    GlobalCatalog,
    /// `_ldap._tcp.GUID.domains._msdcs.FOREST`: a domain controller of the domain with this identifier.
    DomainId,
}

impl Locator {
    /// Reads `name`. `None` for all other names, whatever they look like.
    pub fn of(name: &WireText) -> Option<Self> {
        let name = name.as_bytes().to_ascii_lowercase();
        let (service, rest) = first_label(&name)?;
        let (transport, rest) = first_label(rest)?;
        let transport = match transport {
            b"_tcp" => Transport::Tcp,
            b"_udp" => Transport::Udp,
            _ => return None,
        };
        let (site, rest) = match split::<2>(rest) {
            Some(([site, b"_sites"], rest)) => (Some(WireText::new(site)), rest),
            _ => (None, rest),
        };
        let (role, domain) = match (split::<2>(rest), split::<3>(rest)) {
            (_, Some(([_, b"domains", b"_msdcs"], forest))) => (Role::DomainId, forest),
            (Some(([b"dc", b"_msdcs"], domain)), _) => (Role::DomainController, domain),
            (Some(([b"pdc", b"_msdcs"], domain)), _) => (Role::Pdc, domain),
            (Some(([b"gc", b"_msdcs"], forest)), _) => (Role::GlobalCatalog, forest),
            // `_msdcs` holds nothing but the above.
            _ if rest.split(|&byte| byte == b'.').any(|label| label == b"_msdcs") => return None,
            _ => (Role::Any, rest),
        };
        let service = match (service, role) {
            (b"_ldap", Role::DomainController) => LocatorService::DomainController,
            (b"_kerberos", Role::DomainController) => LocatorService::Kdc,
            (b"_kerberos", Role::Any) => LocatorService::Kerberos,
            (b"_kerberos-master", Role::Any) => LocatorService::KerberosMaster,
            (b"_ldap", Role::Any) => LocatorService::Ldap,
            (b"_ldap", Role::Pdc) => LocatorService::Pdc,
            (b"_ldap", Role::GlobalCatalog) | (b"_gc", Role::Any) => LocatorService::GlobalCatalog,
            (b"_ldap", Role::DomainId) => LocatorService::DomainId,
            _ => return None,
        };
        (!domain.is_empty()).then(|| Self { service, transport, site, domain: WireText::new(domain) })
    }
}

/// What stands between the transport and the domain.
#[derive(Clone, Copy)]
enum Role {
    Any,
    DomainController,
    Pdc,
    GlobalCatalog,
    DomainId,
}

/// The first label of a name, and what follows its dot.
fn first_label(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().position(|&byte| byte == b'.')?;
    let (label, rest) = name.split_at_checked(dot)?;
    Some((label, rest.get(1..)?))
}

/// The first labels of a name, and what follows them.
fn split<const N: usize>(name: &[u8]) -> Option<([&[u8]; N], &[u8])> {
    let mut labels = [name; N];
    let mut rest = name;
    for label in &mut labels {
        (*label, rest) = first_label(rest)?;
    }
    Some((labels, rest))
}

#[cfg(test)]
mod tests {
    use super::{Locator, LocatorService as S};
    use crate::{Transport, WireText};

    #[test]
    fn names_that_locate_domain_controllers() {
        for (name, service, site) in [
            ("_ldap._tcp.dc._msdcs.Corp.Example", S::DomainController, None),
            ("_ldap._tcp.Default-First-Site-Name._sites.dc._msdcs.corp.example", S::DomainController, Some(())),
            ("_kerberos._tcp.dc._msdcs.corp.example", S::Kdc, None),
            ("_kerberos._tcp.default-first-site-name._sites.dc._msdcs.corp.example", S::Kdc, Some(())),
            ("_kerberos._tcp.CORP.EXAMPLE", S::Kerberos, None),
            ("_kerberos._udp.corp.example", S::Kerberos, None),
            ("_kerberos._tcp.Default-First-Site-Name._sites.corp.example", S::Kerberos, Some(())),
            ("_kerberos-master._udp.CORP.EXAMPLE", S::KerberosMaster, None),
            ("_ldap._tcp.corp.example", S::Ldap, None),
            ("_ldap._tcp.pdc._msdcs.corp.example", S::Pdc, None),
            ("_gc._tcp.corp.example", S::GlobalCatalog, None),
            ("_gc._tcp.Default-First-Site-Name._sites.corp.example", S::GlobalCatalog, Some(())),
            ("_ldap._tcp.gc._msdcs.corp.example", S::GlobalCatalog, None),
            ("_ldap._tcp.3e1f-77.domains._msdcs.corp.example", S::DomainId, None),
        ] {
            let locator = Locator::of(&WireText::from(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(locator.service, service, "{name}");
            assert_eq!(locator.domain, WireText::from("corp.example"), "{name}");
            assert_eq!(locator.site, site.map(|()| WireText::from("default-first-site-name")), "{name}");
            let udp = name.contains("_udp");
            assert_eq!(locator.transport, if udp { Transport::Udp } else { Transport::Tcp });
        }
    }

    #[test]
    fn names_that_do_not() {
        for name in [
            "",
            "corp.example",
            "_kpasswd._udp.corp.example",
            "_kerberos._tcp",
            "_kerberos._tcp.",
            "_kerberos.corp.example",
            "_kerberos._sctp.corp.example",
            "_ldap._tcp.dc._msdcs",
            "_ldap._tcp.dc._msdcs.",
            "_ldap._tcp.other._msdcs.corp.example",
            "_gc._tcp.dc._msdcs.corp.example",
            "_sip._tls.corp.example",
            "3e1f._msdcs.corp.example",
        ] {
            assert_eq!(Locator::of(&WireText::from(name)), None, "{name}");
        }
    }
}
