//! KEY-11.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use decode::Seen;
use trace::{Facts, Holder, KEY_ATTRIBUTE, KeyUse, Logon};

use super::{refused_key, shown::certificates};
use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::AT_ONCE_SECONDS};

rule! {
    /// ## What happened
    ///
    /// One and the same key was used for several accounts, or on several machines at once. Windows Hello makes a key
    /// for one user on one device; a key that is in more places was made in software and copied, belongs to a test, or
    /// was stolen. Where the directory has the key for two accounts, domain controllers refuse it as ambiguous.
    ///
    /// ## How we know
    ///
    /// PKINIT requests with this key (by its identifier) were accepted for different users: likely. That it was refused
    /// for another user, who may not exist, says nothing (KEY-09). Only names of the same kind are compared (two short
    /// ones, or two user principal names by the part before `@`), as a user may rightly have one of each. Or the key
    /// was used by one client address both before and after it was used by another one, within ten minutes, and the two
    /// give different NetBIOS names: likely. Where they give none, nothing is said: one machine may have two addresses
    /// (cable and radio, VPN). Or an export of the directory (`--directory`) has the key for two objects: likely.
    ///
    /// ## What to do
    ///
    /// 1. See to whom the two addresses belong, and ask the users what signs in there.
    /// 2. See which accounts have the key: `Get-ADUser -Filter * -Properties msDS-KeyCredentialLink`, compared with the
    ///    key identifier in the evidence.
    /// 3. If nobody can explain it, remove the key from the accounts, let the users set up their PIN again, and treat
    ///    the accounts as taken over.
    /// 4. Require a TPM for Windows Hello for Business (policy "Use a hardware security device"), so that keys cannot
    ///    be copied.
    ///
    /// ## Sources
    ///
    /// MS-ERREF 2.3.1 (0xC0000714, certificate mapping not unique); text of the security event 4768.
    pub static KEY_SHARED = {
        code: "KEY-11",
        title: "one key is used for several accounts or on several machines",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_0714],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let (certificates, verdict) = certificates(logon, facts);
    let self_signed = certificates.into_iter().filter(|(_, _, certificate)| certificate.self_signed);
    let used = self_signed.filter_map(|(_, _, certificate)| Some((certificate, facts.keys.get(&certificate.key_id)?)));
    let mut unnamed = false;
    for (certificate, key) in used {
        let words = refused_key::words(certificate);
        let subject = || Subject::Device(logon.client);
        if let Some((one, other)) = two_users(key) {
            let summary = format!("the {words} is used for {} and for {}", one.name, other.name);
            return Found::new(Confidence::Likely, subject(), summary)
                .with(one.evidence("kerberos.CNameString", one.name, "the answer to a request with the key"))
                .with(other.evidence("kerberos.CNameString", other.name, "the same key for another account"))
                .into();
        }
        let mut holders = facts.directory.with_key(&certificate.key_id);
        if let (Some(one), Some(other)) = (holders.next(), holders.next())
            && let Some(first) = key.holders.iter().map(Use::of).min_by_key(|used| used.first)
        {
            let summary = format!("the directory has the {words} for {} and for {}", one.dn, other.dn);
            let means = format!("the key of this request; the export has it for {} and for {}", one.dn, other.dn);
            return Found::new(Confidence::Likely, subject(), summary)
                .with(first.evidence("ldap.type", KEY_ATTRIBUTE, &means))
                .into();
        }
        if let Some((one, other)) = two_machines(key, facts) {
            let machine = |address| facts.client_names.get(&address);
            let Some((here, there)) = machine(one.client).zip(machine(other.client)) else {
                unnamed = true;
                continue;
            };
            if here.eq_ignore_ascii_case(there) {
                continue;
            }
            let summary = format!("the {words} is used by {} and {} in turns", one.client, other.client);
            return Found::new(Confidence::Likely, subject(), summary)
                .with(one.evidence("ip.dst", one.client.to_string(), "the answer to a request with the key"))
                .with(other.evidence("ip.dst", other.client.to_string(), "the same key at another address"))
                .into();
        }
    }
    if unnamed {
        return Verdict::Unseen("the clients at two addresses do not give their names, and may be one");
    }
    verdict
}

/// A use of the key.
#[derive(Clone, Copy)]
struct Use<'k> {
    client: IpAddr,
    name: &'k str,
    first: Seen,
    last: Seen,
}

impl<'k> Use<'k> {
    fn of(((client, name), holder): (&'k (IpAddr, String), &'k Holder)) -> Self {
        Self { client: *client, name, first: holder.first, last: holder.last }
    }

    fn evidence(&self, field: &'static str, value: impl Into<String>, means: &str) -> Evidence {
        Evidence::new(self.first, field, value, means)
    }
}

/// The first two of these uses, in order, for which this holds.
fn pair<'k>(uses: &[Use<'k>], holds: impl Fn(&Use<'k>, &Use<'k>) -> bool) -> Option<(Use<'k>, Use<'k>)> {
    uses.iter().find_map(|one| uses.iter().find(|other| holds(one, other)).map(|other| (*one, *other)))
}

/// Uses of the key for two users that were both accepted.
fn two_users(key: &KeyUse) -> Option<(Use<'_>, Use<'_>)> {
    let mut uses: Vec<Use<'_>> = key.holders.iter().filter(|(_, holder)| holder.accepted).map(Use::of).collect();
    uses.sort_by_key(|used| used.first);
    pair(&uses, |one, other| {
        fn account<'k>(used: &Use<'k>) -> Option<&'k str> {
            used.name.split('@').next()
        }
        account(one) != account(other) && one.name.contains('@') == other.name.contains('@')
    })
}

/// Uses of the key by two addresses of the same kind, where one used it before and after the other.
fn two_machines<'k>(key: &'k KeyUse, facts: &Facts) -> Option<(Use<'k>, Use<'k>)> {
    let mut by_client: BTreeMap<IpAddr, Use<'k>> = BTreeMap::new();
    for used in key.holders.iter().map(Use::of) {
        let known = by_client.entry(used.client).or_insert(used);
        known.first = known.first.min(used.first);
        known.last = known.last.max(used.last);
    }
    let uses: Vec<Use<'k>> = by_client.into_values().collect();
    pair(&uses, |outer, inner| {
        let soon = outer.last.at.since(outer.first.at) <= AT_ONCE_SECONDS.of(facts) * CaptureTime::SECOND;
        let around = outer.first.at < inner.first.at && inner.first.at < outer.last.at;
        soon && around && outer.client.is_ipv4() == inner.client.is_ipv4()
    })
}

#[cfg(test)]
mod tests {
    use super::KEY_SHARED;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    fn uses(first: &str, second: &str, answer: &str) -> String {
        format!(
            "
            0.000 pc > dc  as-req {first} pkinit key K1
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            60.00 pc2 > dc as-req {second} pkinit key K1
            60.01 dc > pc2 {answer}
            "
        )
    }

    #[test]
    fn found_for_two_accounts() {
        let finding = found(&KEY_SHARED, &uses("alice", "bob", "as-rep bob ticket T2 pkinit"));
        assert_eq!(finding.packets(), [2, 4]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::Device([10, 99, 0, 21].into()));
        assert!(finding.found.summary.ends_with("for alice and for bob"), "{}", finding.found.summary);
    }

    #[test]
    fn found_where_an_export_has_it_twice() {
        let script = "0.0 pc > dc as-req alice pkinit key K1\n0.1 dc > pc krb-error 62\n";
        let finding = found(&KEY_SHARED, &format!("{script}5 export alice keys K1\n5 export bob keys K2,K1"));
        assert_eq!(finding.packets(), [2]);
        assert!(finding.found.summary.contains("CN=bob"), "{}", finding.found.summary);
        clear(&KEY_SHARED, &format!("{script}5 export alice keys K1\n5 export bob keys K2"));
    }

    #[test]
    fn clear_when_the_names_may_be_of_one_user_or_one_is_refused() {
        for second in ["ALICE", "asmith@corp.example"] {
            clear(&KEY_SHARED, &uses("alice", second, "as-rep alice ticket T2 pkinit"));
        }
        clear(&KEY_SHARED, &uses("alice", "nobody", "krb-error 6"));
        clear(&KEY_SHARED, &uses("alice@corp.example", "alice@new.example", "krb-error 75"));
    }

    #[test]
    fn clear_when_it_moves_to_another_address_once() {
        clear(&KEY_SHARED, &uses("alice", "alice", "as-rep alice ticket T2 pkinit"));
    }

    fn in_turns(names: [&str; 2], last: u32) -> String {
        let [one, other] = names;
        format!(
            "
            0.000 pc > dc  as-req alice pkinit key K1 {one}
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            60.00 pc2 > dc as-req alice pkinit key K1 {other}
            60.01 dc > pc2 as-rep alice ticket T2 pkinit
            {last} pc > dc  as-req alice pkinit key K1 {one}
            {last}.01 dc > pc  as-rep alice ticket T3 pkinit
            "
        )
    }

    #[test]
    fn found_when_two_machines_use_it_in_turns() {
        let finding = found(&KEY_SHARED, &in_turns(["netbios PC", "netbios PC2"], 120));
        assert_eq!(finding.packets(), [2, 4]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn unseen_when_the_machines_give_no_names() {
        unseen(&KEY_SHARED, &in_turns(["", ""], 120));
    }

    #[test]
    fn clear_when_one_machine_has_two_addresses_or_much_time_passes() {
        clear(&KEY_SHARED, &in_turns(["netbios PC", "netbios pc"], 120));
        clear(&KEY_SHARED, &in_turns(["netbios PC", "netbios PC2"], 3600));
    }

    #[test]
    fn clear_for_certificates_of_a_ca() {
        clear(&KEY_SHARED, &uses("alice", "bob", "as-rep bob ticket T2 pkinit").replace("key K1", "issued C1"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&KEY_SHARED, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_when_the_request_cannot_be_read() {
        unseen(&KEY_SHARED, "0.000 pc > dc as-req alice pkinit unreadable\n0.010 dc > pc krb-error 62");
    }
}
