//! Host names that a sign-in with Windows Hello depends on, what each is for, and who issues their certificates.
//!
//! Data, not code: names and issuers change. Sources are given with each group. In short: Microsoft's pages on device
//! registration, hybrid join and Entra Connect's ports name most of them; where a row says *general knowledge*, no page
//! was at hand.

use trace::cloud::Service;

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nonce, primary refresh token, tokens.
    Login,
    /// The device proves itself with its certificate.
    DeviceLogin,
    /// Seamless single sign-on, with which a computer joins without federation.
    SeamlessSignOn,
    /// Device join and registration of Windows Hello keys.
    Registration,
    /// Entra Connect.
    Sync,
    /// Agents of pass-through authentication, provisioning and Health.
    Agent,
    /// Intune.
    Management,
    /// Certificates of TPM keys.
    Attestation,
    /// Multi-factor authentication, with which a key is set up.
    MultiFactor,
}

/// How a name is compared.
enum Name {
    /// The whole name.
    Is(&'static str),
    /// Any name under this domain.
    Under(&'static str),
    /// Any name that ends so, such as `tenant-anchor.microsoftonline.com`.
    Ends(&'static str),
}

impl Name {
    fn is(&self, name: &str) -> bool {
        match *self {
            Is(host) => name == host,
            Under(domain) => name.strip_suffix(domain).is_some_and(|host| host.len() > 1 && host.ends_with('.')),
            Ends(end) => name.len() > end.len() && name.ends_with(end),
        }
    }
}

use Name::{Ends, Is, Under};

const ENDPOINTS: &[(Name, Role)] = &[
    // Microsoft Entra device registration; hybrid join; national clouds.
    (Is("login.microsoftonline.com"), Role::Login),
    (Is("login.windows.net"), Role::Login),
    (Is("login.microsoft.com"), Role::Login),
    (Is("sts.windows.net"), Role::Login),
    (Is("login.microsoftonline.us"), Role::Login),
    (Is("login.partner.microsoftonline.cn"), Role::Login),
    (Is("login.chinacloudapi.cn"), Role::Login),
    (Is("device.login.microsoftonline.com"), Role::DeviceLogin),
    (Is("device.login.microsoftonline.us"), Role::DeviceLogin),
    (Is("device.login.partner.microsoftonline.cn"), Role::DeviceLogin),
    (Is("autologon.microsoftazuread-sso.com"), Role::SeamlessSignOn),
    (Is("autologon.microsoft.us"), Role::SeamlessSignOn),
    (Is("enterpriseregistration.windows.net"), Role::Registration),
    (Is("enterpriseregistration.microsoftonline.us"), Role::Registration),
    (Is("enterpriseregistration.partner.microsoftonline.cn"), Role::Registration),
    // Entra Connect: ports and addresses.
    (Is("adminwebservice.microsoftonline.com"), Role::Sync),
    (Is("provisioningapi.microsoftonline.com"), Role::Sync),
    (Ends("-anchor.microsoftonline.com"), Role::Sync),
    (Ends("-relay.microsoftonline.com"), Role::Sync),
    (Under("servicebus.windows.net"), Role::Agent),
    (Under("msappproxy.net"), Role::Agent),
    (Under("adhybridhealth.azure.com"), Role::Agent),
    // Intune; its sub-names by general knowledge.
    (Is("enrollment.manage.microsoft.com"), Role::Management),
    (Under("manage.microsoft.com"), Role::Management),
    // Multi-factor authentication; general knowledge, but for secure.aadcdn (Microsoft Entra hybrid join).
    (Is("secure.aadcdn.microsoftonline-p.com"), Role::MultiFactor),
    (Is("aadcdn.msftauth.net"), Role::MultiFactor),
    (Is("aadcdn.msauth.net"), Role::MultiFactor),
    (Is("adnotifications.windowsazure.com"), Role::MultiFactor),
    (Under("phonefactor.net"), Role::MultiFactor),
    // Where users set up their second factor; general knowledge.
    (Is("account.activedirectory.windowsazure.com"), Role::MultiFactor),
    (Is("mysignins.microsoft.com"), Role::MultiFactor),
    // Attestation of TPM keys; general knowledge.
    (Under("microsoftaik.azure.net"), Role::Attestation),
    (Is("ekop.intel.com"), Role::Attestation),
    (Is("ekcert.spserv.microsoft.com"), Role::Attestation),
    (Is("ftpm.amd.com"), Role::Attestation),
];

/// Hosts for CRLs and OCSP of the certificates that these endpoints show.
const REVOCATION: &[Name] = &[
    Is("mscrl.microsoft.com"),
    Is("crl.microsoft.com"),
    Is("oneocsp.microsoft.com"),
    Is("ocsp.msocsp.com"),
    Is("www.microsoft.com"),
    Is("crl3.digicert.com"),
    Is("crl4.digicert.com"),
    Is("ocsp.digicert.com"),
    Under("verisign.com"),
    Under("entrust.net"),
    Under("d-trust.net"),
];

/// Whether the revocation of the endpoints' certificates is asked for there. `name` is in lower case.
pub(crate) fn is_revocation_host(name: &str) -> bool {
    REVOCATION.iter().any(|host| host.is(name))
}

/// What a host is for; `None`: it is no endpoint of a sign-in. `name` is in lower case.
pub(crate) fn role(name: &str) -> Option<Role> {
    // Nearly all names are of something else.
    let may_be = [".com", ".net", ".us", ".cn"].iter().any(|end| name.ends_with(end));
    may_be.then(|| ENDPOINTS.iter().find(|(endpoint, _)| endpoint.is(name)).map(|(_, role)| *role)).flatten()
}

/// Whether rules have anything to say about a client and this name.
pub(crate) fn matters(service: &Service) -> bool {
    service.kdc_proxy.is_some() || is_of_interest(&service.name)
}

/// Whether a rule asks about hosts of this name, which is in lower case.
pub(crate) fn is_of_interest(name: &str) -> bool {
    role(name).is_some() || federation(name).is_some()
}

/// Whether users and computers sign in or register there.
pub(crate) fn is_sign_in(role: Role) -> bool {
    matches!(role, Role::Login | Role::DeviceLogin | Role::SeamlessSignOn | Role::Registration)
}

/// How sure a name is that of a federation service (AD FS), which everybody chooses themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Federation {
    /// It says so, or is the name that devices look for: `adfs.corp.example`, `enterpriseregistration.corp.example`.
    Named,
    /// A name that many have given theirs, and others to other things: `sts.corp.example`.
    Customary,
}

/// Whether a name is one of a federation service. `name` is in lower case.
pub(crate) fn federation(name: &str) -> Option<Federation> {
    if role(name).is_some() {
        return None;
    }
    // Certificates of users are taken at a name in front of the service's own.
    let name = name.strip_prefix("certauth.").unwrap_or(name);
    match name.split_once('.')?.0 {
        "adfs" | "enterpriseregistration" => Some(Federation::Named),
        "sts" | "fs" | "federation" => Some(Federation::Customary),
        _ => None,
    }
}

/// Organisations whose certification authorities issue for these hosts, as the issuer's name has them: today's
/// (Microsoft Azure RSA TLS Issuing CA, Microsoft TLS G2, DigiCert SHA2 Secure Server CA, DigiCert Global G2 TLS) and
/// those of older captures.
const ISSUERS: &[&str] = &[
    "Microsoft Corporation",
    "DigiCert Inc",
    "DigiCert\\, Inc.",
    "Baltimore",
    "VeriSign\\, Inc.",
    "Symantec Corporation",
];

/// Whether a certificate of these hosts may come from this issuer (an RFC 4514 name).
pub(crate) fn is_known_issuer(issuer: &str) -> bool {
    // Between commas that are none of a value's own, which are escaped.
    let bytes = issuer.as_bytes();
    let commas =
        issuer.match_indices(',').map(|(at, _)| at).filter(|&at| bytes.get(at.wrapping_sub(1)) != Some(&b'\\'));
    let mut start = 0;
    commas.chain([issuer.len()]).any(|end| {
        let part = issuer.get(start..end).unwrap_or_default();
        start = end.saturating_add(1);
        part.strip_prefix("O=").is_some_and(|organisation| ISSUERS.contains(&organisation))
    })
}

#[cfg(test)]
mod tests {
    use super::{Federation, Role, federation, is_known_issuer, role};

    #[test]
    fn names_are_compared_whole() {
        assert_eq!(role("login.microsoftonline.com"), Some(Role::Login));
        assert_eq!(role("device.login.microsoftonline.com"), Some(Role::DeviceLogin));
        assert_eq!(role("r.manage.microsoft.com"), Some(Role::Management));
        assert_eq!(role("corp-anchor.microsoftonline.com"), Some(Role::Sync));
        for other in
            ["nosuch.microsoftonline.com", "xlogin.windows.net", "xmsappproxy.net", "msappproxy.net", "login.example"]
        {
            assert_eq!(role(other), None, "{other}");
        }
    }

    #[test]
    fn federation_services_are_told_by_their_first_label() {
        assert_eq!(federation("adfs.corp.example"), Some(Federation::Named));
        assert_eq!(federation("certauth.sts.corp.example"), Some(Federation::Customary));
        for other in ["sts.windows.net", "enterpriseregistration.windows.net", "adfs", "www.adfs.example"] {
            assert_eq!(federation(other), None, "{other}");
        }
    }

    #[test]
    fn issuers_are_known_by_their_organisation() {
        assert!(is_known_issuer("CN=Microsoft Azure RSA TLS Issuing CA 04,O=Microsoft Corporation,C=US"));
        assert!(is_known_issuer("CN=DigiCert SHA2 Secure Server CA,O=DigiCert Inc,C=US"));
        assert!(!is_known_issuer("CN=Microsoft Azure RSA TLS Issuing CA 04,O=Acme Proxy,C=US"));
        assert!(!is_known_issuer("CN=Proxy\\,O=Microsoft Corporation"));
        assert!(!is_known_issuer("CN=Lab TLS CA"));
    }
}
