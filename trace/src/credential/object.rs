//! An object of the directory that has, had or lacks keys, and whose account it is.

use std::collections::BTreeSet;

use decode::WireText;

use super::KeyRead;
use crate::Principal;

/// An object whose keys were read or written.
#[derive(Clone, Debug)]
pub struct KeyObject {
    /// Its distinguished name.
    pub dn: WireText,
    /// Names of its account, in lower case: the sAMAccountName or userPrincipalName for which searches found it.
    pub names: BTreeSet<String>,
    /// The reads of it, in the order of the wire, but for those that show the same again.
    pub reads: Vec<KeyRead>,
    /// The writes, by place in [`super::Credentials::writes`].
    pub writes: Vec<usize>,
    /// Its common name in lower case, where it can be taken out of the name without doubt.
    common_name: Option<String>,
    /// The DNS name of its domain, in lower case.
    domain: String,
}

/// What ties an object to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// Its common name is the account's name: so it is as a rule.
    CommonName,
    /// A search for the account's name found it.
    Named,
}

impl KeyObject {
    pub(super) fn new(dn: WireText, folded: &str) -> Self {
        Self {
            dn,
            names: BTreeSet::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            common_name: common_name(folded).map(str::to_owned),
            domain: domain(folded),
        }
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// What ties it to an account, whose name and realm are in lower case; `None`: nothing that is certain enough.
    pub fn tie(&self, folded: &Principal) -> Option<Tie> {
        let (account, suffix) = split(folded);
        if self.names.contains(&format!("{account}@{suffix}")) {
            return Some(Tie::Named);
        }
        // The realm is the domain's DNS name; names without one are unique within it.
        if suffix != self.domain {
            return None;
        }
        if self.names.contains(account) {
            return Some(Tie::Named);
        }
        let cn = self.common_name.as_deref()?;
        (cn == account || account.strip_suffix('$') == Some(cn)).then_some(Tie::CommonName)
    }
}

/// Keys under which objects of this account are found.
pub(super) fn lookups(principal: &Principal) -> [String; 3] {
    let folded = principal.folded();
    let (account, suffix) = split(&folded);
    [account.to_owned(), account.strip_suffix('$').unwrap_or(account).to_owned(), format!("{account}@{suffix}")]
}

/// An account's name and its domain: an enterprise name has its own.
fn split(folded: &Principal) -> (&str, &str) {
    folded.name.split_once('@').unwrap_or((&folded.name, &folded.realm))
}

/// Names of the one account that a filter is for. Those with alternatives, negations, wildcards or escapes are for none
/// that is certain.
pub(super) fn names_in(filter: &str) -> Vec<String> {
    if filter.contains(['|', '!', '*', '\\', '…']) {
        return Vec::new();
    }
    let terms = filter.split(['(', ')']).filter_map(|term| term.split_once('='));
    terms
        .filter(|(attribute, value)| {
            let is_name =
                ["sAMAccountName", "userPrincipalName"].iter().any(|name| name.eq_ignore_ascii_case(attribute));
            is_name && !value.is_empty()
        })
        .map(|(_, value)| value.to_lowercase())
        .collect()
}

/// The common name at the beginning of a distinguished name, unless it has escapes.
fn common_name(folded: &str) -> Option<&str> {
    let (first, _) = folded.split_once(',')?;
    first.strip_prefix("cn=").filter(|name| !name.is_empty() && !name.contains(['\\', '+', '"']))
}

/// The DNS name of the domain that a distinguished name ends in.
fn domain(folded: &str) -> String {
    let labels: Vec<&str> = folded.split(',').filter_map(|part| part.trim().strip_prefix("dc=")).collect();
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::{KeyObject, Tie, names_in};
    use crate::Principal;

    fn tie(dn: &str, found_by: &str, name: &str, realm: &str) -> Option<Tie> {
        let mut object = KeyObject::new(dn.into(), &dn.to_lowercase());
        object.names.extend(names_in(found_by));
        object.tie(&Principal { name: name.to_owned(), realm: realm.to_owned() }.folded())
    }

    #[test]
    fn an_object_is_tied_to_an_account_by_what_is_certain() {
        let (dn, realm) = ("CN=bob,CN=Users,DC=corp,DC=example", "CORP.EXAMPLE");
        assert_eq!(tie(dn, "", "Bob", realm), Some(Tie::CommonName));
        assert_eq!(tie(dn, "", "bob@corp.example", realm), Some(Tie::CommonName));
        assert_eq!(tie("CN=PC,DC=corp,DC=example", "", "PC$", realm), Some(Tie::CommonName));
        assert_eq!(tie(dn, "", "bob", "OTHER.EXAMPLE"), None);
        assert_eq!(tie(dn, "", "robert", realm), None);
        assert_eq!(tie(dn, "(&(objectClass=user)(sAMAccountName=robert))", "robert", realm), Some(Tie::Named));
        assert_eq!(tie(dn, "(userPrincipalName=r.b@brand.example)", "r.b@brand.example", realm), Some(Tie::Named));
        assert_eq!(tie("CN=Bob\\, Jr,DC=corp,DC=example", "", "bob\\", realm), None);
    }

    #[test]
    fn filters_with_more_than_one_answer_name_nobody() {
        for filter in
            ["(|(sAMAccountName=bob)(cn=bob))", "(!(sAMAccountName=bob))", "(sAMAccountName=b*)", "(…)", "(cn=bob)"]
        {
            assert_eq!(names_in(filter), Vec::<String>::new(), "{filter}");
        }
    }
}
