//! What a deployment of hybrid key trust needs, and whether the capture shows that it works.
//!
//! The list is that of Microsoft's deployment guide (Windows Hello for Business, hybrid key trust: prerequisites). Each
//! item is `failing` where a finding of severity medium or worse speaks of it, `working` where a packet shows that it
//! works, else `not_seen`: silence is no fault here.

use std::{collections::BTreeSet, net::IpAddr};

use capture::CaptureTime;
use decode::{Message, kerberos, x509::Certificate};
use trace::{
    Facts, Located, Logon, Method, SYNC_ACCOUNT, Service, SessionAnswer,
    cloud::{FetchBody, Tally},
};

use crate::{
    Confidence, Diagnosis, Evidence, Severity, Verdict,
    endpoints::{Role, federation, role},
    report::Signs,
    rules::cloud::{self, Wanted},
    windows::ENDPOINT_SECONDS,
};

/// An item of the list.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) what: &'static str,
    /// `working`, `failing` or `not_seen`.
    pub(crate) state: &'static str,
    pub(crate) note: String,
    pub(crate) evidence: Vec<Evidence>,
    /// Sorted.
    pub(crate) findings: Vec<&'static str>,
}

/// What shows that something works: packets, and what is to be said of it.
#[derive(Default)]
struct Shown {
    evidence: Vec<Evidence>,
    note: String,
    /// Whether the packets show that it does not work, where no rule speaks of it.
    fails: bool,
}

impl From<Option<Evidence>> for Shown {
    fn from(evidence: Option<Evidence>) -> Self {
        Self { evidence: evidence.into_iter().collect(), ..Self::default() }
    }
}

/// A prerequisite: what has to work, the families and codes that speak of it, and what shows that it works.
struct Prerequisite {
    what: &'static str,
    codes: &'static [&'static str],
    shown: fn(&Signs, &Facts) -> Shown,
}

const CHECKLIST: [Prerequisite; 18] = [
    Prerequisite {
        what: "clients find a domain controller in DNS",
        codes: &["LOC-01", "LOC-02", "LOC-03", "LOC-04", "LOC-09"],
        shown: located_in_dns,
    },
    Prerequisite {
        what: "domain controllers answer on port 88",
        codes: &["NET-0", "LOC-05", "LOC-06"],
        shown: |signs, _| first(signs, Sign::Answered),
    },
    Prerequisite {
        what: "domain controllers are of the needed level (Windows Server 2016)",
        codes: &["LOC-07", "KEY-06", "KEY-20", "SYN-08"],
        shown: level,
    },
    Prerequisite {
        what: "clocks agree within five minutes",
        codes: &["TIM-"],
        shown: |signs, _| first(signs, Sign::Issued),
    },
    Prerequisite {
        what: "domain controllers have a certificate for PKINIT that hybrid-joined computers accept",
        codes: &["DCC-01", "DCC-02", "DCC-03", "DCC-04", "DCC-05", "DCC-10", "DCC-11", "DCC-13", "DCC-15", "DCC-17"],
        shown: |signs, _| first(signs, Sign::CertificateAccepted),
    },
    Prerequisite {
        what: "domain controllers have a certificate for PKINIT that Entra-joined computers accept",
        codes: &[
            "DCC-01", "DCC-02", "DCC-03", "DCC-04", "DCC-05", "DCC-06", "DCC-07", "DCC-08", "DCC-09", "DCC-10",
            "DCC-11", "DCC-12", "DCC-13", "DCC-17", "PKI-02",
        ],
        shown: |signs, _| first(signs, Sign::CertificateStrict),
    },
    Prerequisite {
        what: "revocation lists can be fetched over HTTP",
        codes: &["PKI-01", "PKI-02", "PKI-03", "PKI-04", "PKI-11"],
        shown: list_fetched,
    },
    Prerequisite {
        what: "keys of users are in the directory",
        codes: &["KEY-01", "KEY-02", "KEY-03", "KEY-04", "KEY-05", "KEY-08", "KEY-09", "KEY-12", "SYN-01", "SYN-07"],
        shown: |signs, _| first(signs, Sign::KeyAccepted),
    },
    Prerequisite { what: "accounts may sign in", codes: &["ACC-"], shown: |signs, _| first(signs, Sign::Issued) },
    Prerequisite {
        what: "Microsoft Entra answers",
        codes: &["CLD-01", "CLD-02", "CLD-06", "CLD-11", "CLD-12"],
        shown: |_, facts| reached(facts, |role| role == Role::Login),
    },
    Prerequisite { what: "devices are registered", codes: &["CLD-03", "CLD-04"], shown: registered },
    Prerequisite {
        what: "Entra Connect Sync is active and may write keys",
        codes: &["SYN-03", "SYN-04", "SYN-05", "SYN-06"],
        shown: synchronises,
    },
    Prerequisite {
        what: "password hash synchronisation or pass-through agents work",
        codes: &["CLD-08"],
        shown: passwords,
    },
    Prerequisite { what: "AD FS or another federation service answers", codes: &["CLD-05"], shown: federated },
    Prerequisite {
        what: "multi-factor authentication can be reached",
        codes: &[],
        shown: |_, facts| reached(facts, |role| role == Role::MultiFactor),
    },
    Prerequisite { what: "policy arrives: device management or group policy", codes: &["CLD-10"], shown: policy },
    Prerequisite { what: "user principal names are of verified domains", codes: &["KEY-09"], shown: suffixes },
    Prerequisite {
        what: "key trust is in use, and not cloud Kerberos trust instead or beside",
        codes: &["CLD-07", "LOC-10"],
        shown: model,
    },
];

/// Goes through the list.
pub(crate) fn items(signs: &Signs, facts: &Facts, diagnoses: &[Diagnosis]) -> Vec<Item> {
    CHECKLIST.iter().map(|prerequisite| item(prerequisite, signs, facts, diagnoses)).collect()
}

fn item(prerequisite: &Prerequisite, signs: &Signs, facts: &Facts, diagnoses: &[Diagnosis]) -> Item {
    let is_about = |code: &str| prerequisite.codes.iter().any(|prefix| code.starts_with(prefix));
    let about: Vec<&Diagnosis> = diagnoses
        .iter()
        .filter(|diagnosis| diagnosis.severity >= Severity::Medium && is_about(diagnosis.rule.code))
        .collect();
    let findings: BTreeSet<&'static str> = about.iter().map(|diagnosis| diagnosis.rule.code).collect();
    let shown = (prerequisite.shown)(signs, facts);
    if findings.is_empty() {
        let state = match (shown.fails, shown.evidence.is_empty()) {
            (true, _) => "failing",
            (false, false) => "working",
            (false, true) => "not_seen",
        };
        return Item {
            what: prerequisite.what,
            state,
            note: shown.note,
            evidence: shown.evidence,
            findings: Vec::new(),
        };
    }
    let evidence = about.iter().filter_map(|diagnosis| diagnosis.found.evidence.first()).take(MOST_EVIDENCE).cloned();
    Item {
        what: prerequisite.what,
        state: "failing",
        note: shown.note,
        evidence: evidence.collect(),
        findings: findings.into_iter().collect(),
    }
}

/// Pieces of evidence of one item.
const MOST_EVIDENCE: usize = 12;
/// Servers, suffixes and addresses named in a note.
const MOST_NAMED: usize = 5;

/// What a single logon can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Answered,
    Issued,
    CertificateAccepted,
    CertificateStrict,
    KeyAccepted,
    /// A computer signed in with its key.
    ComputerKey,
    /// The account of Entra Connect got a ticket.
    Connector,
    /// It got one for replication.
    Replication,
    /// A computer opened a session for files at a domain controller.
    PolicyFiles,
}

/// What in a logon shows a sign.
type Shows = fn(&Logon, &Facts) -> Option<Evidence>;

/// Signs, and what shows each of them.
pub(crate) const SIGNS: [(Sign, Shows); 9] = [
    (Sign::Answered, |logon, _| answered(logon)),
    (Sign::Issued, |logon, _| issued(logon)),
    (Sign::CertificateAccepted, |logon, _| certificate_accepted(logon)),
    (Sign::CertificateStrict, |logon, _| certificate_strict(logon)),
    (Sign::KeyAccepted, |logon, _| key_accepted(logon)),
    (Sign::ComputerKey, |logon, _| computer_key(logon)),
    (Sign::Connector, |logon, _| connector(logon)),
    (Sign::Replication, |logon, _| replication(logon)),
    (Sign::PolicyFiles, policy_files),
];

fn first(signs: &Signs, sign: Sign) -> Shown {
    signs.first(sign).cloned().into()
}

fn answered(logon: &Logon) -> Option<Evidence> {
    let event = logon.as_exchanges().find_map(|exchange| exchange.reply.as_deref())?;
    Some(Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), "a domain controller answered"))
}

fn issued(logon: &Logon) -> Option<Evidence> {
    let (exchange, _) = logon.issued()?;
    let event = exchange.reply.as_deref()?;
    Some(Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), "a ticket was issued"))
}

fn certificate_accepted(logon: &Logon) -> Option<Evidence> {
    let certificate = logon.kdc_certificate().filter(|_| logon.ticket_used())?;
    signed(logon, certificate, "a domain controller signed with this certificate, and the ticket was used")
}

fn certificate_strict(logon: &Logon) -> Option<Evidence> {
    signed(
        logon,
        logon.kdc_certificate()?,
        "a domain controller signed with this certificate, and no fault was found in it",
    )
}

fn signed(logon: &Logon, certificate: &Certificate, means: &str) -> Option<Evidence> {
    let event = logon.issued()?.0.reply.as_deref()?;
    Some(Evidence::new(event.seen, "x509sat.printableString", certificate.subject.clone(), means))
}

fn key_accepted(logon: &Logon) -> Option<Evidence> {
    let (exchange, _) = logon.issued().filter(|_| logon.method == Method::KeyTrust)?;
    let event = exchange.reply.as_deref()?;
    Some(Evidence::new(event.seen, "kerberos.padata_type", "17", "a key was accepted"))
}

fn located_in_dns(_: &Signs, facts: &Facts) -> Shown {
    let answer = facts.locator.lookups().iter().find_map(|lookup| {
        let answer = lookup.answer().filter(|answer| answer.rcode == 0 && answer.services > 0)?;
        Some(Evidence::new(
            answer.seen,
            "dns.count.answers",
            answer.services.to_string(),
            "domain controllers were named",
        ))
    });
    answer.into()
}

fn level(signs: &Signs, facts: &Facts) -> Shown {
    let new = facts.domain_controllers.values().find_map(|dc| {
        let located = dc.located.as_ref()?;
        let flags = located.flags.filter(|flags| flags & Located::SERVER_2016 != 0)?;
        let means = "a domain controller says that it is Windows Server 2016 or later";
        Some(Evidence::new(located.seen?, "mscldap.netlogon.flags", format!("{flags:#x}"), means))
    });
    let mut shown: Shown = new.or_else(|| signs.first(Sign::KeyAccepted).cloned()).into();
    if let Some(version) = facts.directory.schema_version() {
        shown.note = format!("the schema is of version {version} (87: Windows Server 2016)");
    }
    shown
}

/// The first conversation that worked with a host of this role; a failure that stands where none did.
fn reached(facts: &Facts, wanted: fn(Role) -> bool) -> Shown {
    let hosts = || facts.cloud.services().filter(|service| role(&service.name).is_some_and(wanted));
    hosts_shown(facts, hosts)
}

fn hosts_shown<'f, I: Iterator<Item = &'f trace::cloud::Service>>(facts: &'f Facts, hosts: impl Fn() -> I) -> Shown {
    if let Some((service, worked)) = hosts().find_map(|service| Some((service, service.worked.as_ref()?))) {
        return works(service, worked);
    }
    let wanted =
        Wanted { failures: cloud::is_any, seconds: ENDPOINT_SECONDS.of(facts), confidence: Confidence::Likely };
    for service in hosts() {
        if let Verdict::Found(found) = cloud::check(service, facts, wanted) {
            return Shown { evidence: found.evidence, note: found.summary, fails: true };
        }
    }
    Shown::default()
}

fn works(service: &trace::cloud::Service, worked: &Tally) -> Shown {
    let means = format!("{} reaches {}", service.client, service.name);
    let evidence = Evidence::new(worked.first, "tls.handshake.extensions_server_name", service.name.clone(), means);
    Shown { evidence: vec![evidence], ..Shown::default() }
}

fn registered(signs: &Signs, facts: &Facts) -> Shown {
    let roles = [Role::DeviceLogin, Role::Registration, Role::SeamlessSignOn];
    let hosts =
        || facts.cloud.services().filter(|service| role(&service.name).is_some_and(|role| roles.contains(&role)));
    let reached = hosts().find_map(|service| Some(works(service, service.worked.as_ref()?)));
    reached.unwrap_or_else(|| first(signs, Sign::ComputerKey))
}

fn computer_key(logon: &Logon) -> Option<Evidence> {
    logon.principal().filter(|principal| principal.is_machine())?;
    let mut evidence = key_accepted(logon)?;
    "a computer signed in with its key".clone_into(&mut evidence.means);
    Some(evidence)
}

fn is_connector(logon: &Logon) -> bool {
    logon.principal().is_some_and(|principal| principal.name.to_lowercase().starts_with(SYNC_ACCOUNT))
}

fn connector(logon: &Logon) -> Option<Evidence> {
    let mut evidence = issued(logon).filter(|_| is_connector(logon))?;
    "the account of Entra Connect gets a ticket".clone_into(&mut evidence.means);
    Some(evidence)
}

/// When the account of Entra Connect was active, if this logon is its.
pub(crate) fn synchronised(logon: &Logon) -> Option<CaptureTime> {
    (is_connector(logon) && logon.issued().is_some()).then_some(logon.ended.at)
}

fn synchronises(signs: &Signs, facts: &Facts) -> Shown {
    let mut servers: BTreeSet<IpAddr> = facts.synchronisers();
    let mut evidence: Vec<Evidence> = signs.first(Sign::Connector).cloned().into_iter().collect();
    let mut last = signs.synchronised();
    let cloud = || facts.cloud.services().filter(|service| role(&service.name) == Some(Role::Sync));
    for (service, worked) in cloud().filter_map(|service| Some((service, service.worked.as_ref()?))) {
        servers.insert(service.client);
        last = last.max(Some(worked.last.at));
        if evidence.len() < MOST_EVIDENCE {
            evidence.extend(works(service, worked).evidence);
        }
    }
    // Whoever else writes keys is a tool of an administrator, or of an attacker.
    let mut writes = 0_usize;
    for write in facts.credentials.writes().iter().filter(|write| write.succeeded() && servers.contains(&write.client))
    {
        writes += 1;
        last = last.max(Some(write.asked.at));
        if writes == 1 {
            let means = format!("{} writes a key", write.client);
            evidence.push(Evidence::new(write.asked, "ldap.type", trace::KEY_ATTRIBUTE, means));
        }
    }
    let Some(last) = last else { return Shown::default() };
    let names: Vec<String> = servers.iter().take(MOST_NAMED).map(|server| named(*server, facts)).collect();
    let keys = match writes {
        0 => "no write of a key can be read".to_owned(),
        1 => "one key written".to_owned(),
        writes => format!("{writes} writes of keys"),
    };
    Shown { evidence, note: format!("{}, last seen {last}; {keys}", names.join(", ")), fails: false }
}

/// Interface of replication (DRSUAPI), as service principal names have it: with it password hashes are fetched.
const REPLICATION: &str = "e3514235-4b06-11d1-ab04-00c04fc2dcd2/";

fn replication(logon: &Logon) -> Option<Evidence> {
    if !is_connector(logon) {
        return None;
    }
    logon.tgs_exchanges().find_map(|exchange| {
        let service = exchange.kdc_request()?.sname.as_ref()?.to_string();
        let event = exchange.reply.as_deref().filter(|_| exchange.granted().is_some())?;
        let is_replication = service.to_lowercase().starts_with(REPLICATION);
        let means = "the account of Entra Connect gets a ticket for replication, by which password hashes come";
        is_replication.then(|| Evidence::new(event.seen, "kerberos.SNameString", service, means))
    })
}

fn passwords(signs: &Signs, facts: &Facts) -> Shown {
    if let Some(fetched) = signs.first(Sign::Replication) {
        return Some(fetched.clone()).into();
    }
    // Health, which is an agent as well, has nothing to do with passwords.
    let is_agent = |name: &str| name.ends_with(".msappproxy.net") || name.ends_with(".servicebus.windows.net");
    hosts_shown(facts, || facts.cloud.services().filter(move |service| is_agent(&service.name)))
}

fn federated(_: &Signs, facts: &Facts) -> Shown {
    let hosts = || facts.cloud.services().filter(|service| federation(&service.name).is_some());
    hosts().find_map(|service| Some(works(service, service.worked.as_ref()?))).unwrap_or_default()
}

fn policy(signs: &Signs, facts: &Facts) -> Shown {
    let managed = reached(facts, |role| role == Role::Management);
    if !managed.evidence.is_empty() {
        return managed;
    }
    first(signs, Sign::PolicyFiles)
}

fn policy_files(logon: &Logon, facts: &Facts) -> Option<Evidence> {
    logon.principal().filter(|principal| principal.is_machine())?;
    logon.sessions.iter().find_map(|session| {
        let is_files =
            session.service == Service::Smb && facts.domain_controllers.contains_key(&session.server.address);
        let (seen, answer) = session.answer.filter(|_| is_files)?;
        let means = "a computer opens a session for files at a domain controller, where group policy lies";
        (answer == SessionAnswer::Accepted).then(|| Evidence::new(seen, "smb2.cmd", "1", means))
    })
}

fn list_fetched(_: &Signs, facts: &Facts) -> Shown {
    let fetched = facts.cloud.fetches().iter().find_map(|fetch| {
        let (seen, status) = fetch.answer.filter(|_| matches!(fetch.body, FetchBody::Crl(_)))?;
        let means = format!("{} fetches {}", fetch.client, fetch.address());
        Some(Evidence::new(seen, "http.response.code", status.to_string(), means))
    });
    fetched.into()
}

/// The part behind the `@` of a name that users sign in with.
fn suffix(name: &str) -> Option<String> {
    name.split_once('@').map(|(_, suffix)| suffix.to_lowercase()).filter(|suffix| suffix.contains('.'))
}

/// The suffix of the name that a user signs in with, and the packet with it.
pub(crate) fn suffix_of(logon: &Logon) -> Option<(String, Evidence)> {
    let event = logon.as_exchanges().find_map(|exchange| exchange.request.as_deref())?;
    let upn = logon.client_certificate().and_then(|certificate| certificate.hello_name()).map(|hello| hello.upn);
    let name = upn.or_else(|| logon.requested.as_ref().map(|principal| principal.name.clone()))?;
    let evidence = |name| Evidence::new(event.seen, "kerberos.CNameString", name, "a user signs in with this name");
    suffix(&name).map(|suffix| (suffix, evidence(name)))
}

fn suffixes(signs: &Signs, facts: &Facts) -> Shown {
    let used = signs.suffixes();
    let list = |names: Vec<&str>| names.into_iter().take(MOST_NAMED).collect::<Vec<_>>().join(", ");
    if facts.verified_domains.is_empty() {
        let names = list(used.iter().map(|(suffix, _)| suffix.as_str()).collect());
        let note = if names.is_empty() {
            names
        } else {
            format!("in use: {names}; which are verified is not said (--verified-domains)")
        };
        return Shown { note, ..Shown::default() };
    }
    let is_verified = |suffix: &str| {
        facts.verified_domains.iter().any(|domain| {
            suffix == domain || suffix.strip_suffix(domain.as_str()).is_some_and(|sub| sub.ends_with('.'))
        })
    };
    let (verified, other): (Vec<_>, Vec<_>) = used.into_iter().partition(|(suffix, _)| is_verified(suffix));
    let fails = !other.is_empty();
    let told = if fails { &other } else { &verified };
    let names = list(told.iter().map(|(suffix, _)| suffix.as_str()).collect());
    let note = match (fails, names.is_empty()) {
        (true, _) => format!("not verified with Microsoft Entra: {names}"),
        (false, false) => format!("in use: {names}"),
        (false, true) => String::new(),
    };
    let evidence = if fails { other } else { verified };
    Shown { evidence: evidence.into_iter().map(|(_, evidence)| evidence).collect(), note, fails }
}

fn model(signs: &Signs, facts: &Facts) -> Shown {
    let cloud = facts.models.values().filter(|(_, cloud)| cloud.is_some()).count();
    let key = facts.models.values().filter(|(key, _)| key.is_some()).count();
    let first_cloud = facts.models.values().filter_map(|(_, cloud)| *cloud).min();
    let note = match (key, cloud) {
        (_, 0) => String::new(),
        (0, cloud) => format!("clients with cloud Kerberos trust: {cloud}; with a key: none"),
        (key, cloud) => format!("clients with cloud Kerberos trust: {cloud}; with a key: {key}"),
    };
    let Some(seen) = first_cloud else { return first(signs, Sign::KeyAccepted) };
    let means = "a client exchanges a ticket of Microsoft Entra";
    let evidence = vec![Evidence::new(seen, "kerberos.padata_type", "161", means)];
    Shown { evidence, note, fails: true }
}

fn named(address: IpAddr, facts: &Facts) -> String {
    facts.name_of(address).map_or_else(|| address.to_string(), |name| format!("{name} ({address})"))
}

fn reply_kind(message: &Message) -> String {
    match message {
        Message::Kerberos(message) => match message.as_ref() {
            kerberos::Message::KdcReply(reply) if reply.stage == kerberos::Stage::Tgs => "13".to_owned(),
            kerberos::Message::KdcReply(_) => "11".to_owned(),
            _ => "30".to_owned(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use trace::script::play;

    use super::{Item, Signs, items};

    fn checklist(script: &str) -> Vec<Item> {
        let played = play(script);
        let (diagnoses, _) = crate::diagnose(played.logons(), played.facts());
        items(&Signs::of(played.logons(), played.facts()), played.facts(), &diagnoses)
    }

    fn item<'i>(items: &'i [Item], about: &str) -> &'i Item {
        items.iter().find(|item| item.what.contains(about)).unwrap_or_else(|| panic!("no item about {about}"))
    }

    const SIGN_IN: &str = "
        0.000 pc > dc  as-req alice pkinit key K1
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
        0.030 dc > pc  tgs-rep host/pc.corp.example ticket T2
    ";

    #[test]
    fn nothing_is_seen_of_an_empty_capture() {
        assert!(checklist("0 end").iter().all(|item| item.state == "not_seen" && item.evidence.is_empty()));
    }

    #[test]
    fn a_good_sign_in_shows_what_it_needs() {
        let items = checklist(SIGN_IN);
        for about in
            ["port 88", "clocks", "hybrid-joined", "Entra-joined", "keys of users", "accounts", "key trust is in use"]
        {
            let item = item(&items, about);
            assert_eq!((item.state, item.evidence.len()), ("working", 1), "{about}: {item:?}");
        }
        for about in ["Entra answers", "registered", "Entra Connect", "federation", "multi-factor", "policy", "DNS"] {
            assert_eq!(item(&items, about).state, "not_seen", "{about}");
        }
    }

    #[test]
    fn a_finding_makes_its_item_fail_and_no_other() {
        let items = checklist("0.0 pc > dc as-req alice pkinit key K1\n0.1 dc > pc krb-error 37");
        let clocks = item(&items, "clocks");
        assert_eq!((clocks.state, clocks.findings.as_slice()), ("failing", ["TIM-01"].as_slice()));
        assert_eq!(item(&items, "port 88").state, "working");
    }

    #[test]
    fn certificates_are_judged_apart_for_the_two_ways_to_join() {
        let items = checklist(&SIGN_IN.replace("T1 pkinit", "T1 pkinit no-eku"));
        assert_eq!(item(&items, "hybrid-joined").state, "working");
        assert_eq!(item(&items, "Entra-joined").state, "failing");
    }

    #[test]
    fn hosts_of_microsoft_entra_work_or_fail() {
        let items = checklist(
            "
            0.00 pc > web client-hello login.microsoftonline.com
            0.01 web > pc server-hello tls13
            0.02 pc > web data
            0.03 web > pc data
            1.00 pc > web connect open bytes 900,5000 port 443
            2.00 pc > web client-hello aadcdn.msauth.net flow 2
            2.01 web > pc alert 40 flow 2
            ",
        );
        assert_eq!(item(&items, "Entra answers").state, "working", "{items:?}");
        let second = item(&items, "multi-factor");
        assert_eq!((second.state, second.evidence.is_empty()), ("failing", false), "{second:?}");
    }

    #[test]
    fn the_server_that_synchronises_is_named() {
        let items = checklist(
            "
            0.0 pc3 > dc as-req MSOL_0a password
            0.1 dc > pc3 as-rep MSOL_0a ticket T1
            1.0 pc3 > dc modify CN=bob,DC=corp,DC=example adds K1 id 8
            1.1 dc > pc3 modify-result 0 id 8
            2.0 pc2 > dc modify CN=eve,DC=corp,DC=example adds K2 id 9
            2.1 dc > pc2 modify-result 0 id 9
            ",
        );
        let connect = item(&items, "Entra Connect");
        assert_eq!((connect.state, connect.evidence.len()), ("working", 2));
        assert!(
            connect.note.starts_with("10.99.0.23, last seen") && connect.note.ends_with("one key written"),
            "{}",
            connect.note
        );
    }

    #[test]
    fn a_key_written_by_somebody_else_is_no_synchronisation() {
        let items = checklist("2.0 pc2 > dc modify CN=eve,DC=x adds K2 id 9\n2.1 dc > pc2 modify-result 0 id 9");
        assert_eq!(item(&items, "Entra Connect").state, "not_seen");
    }

    #[test]
    fn suffixes_are_held_against_the_verified_domains() {
        let script = SIGN_IN.replace("as-req alice", "as-req alice@brand.example");
        for (verified, state) in [
            (vec![], "not_seen"),
            (vec!["brand.example"], "working"),
            (vec!["example"], "working"),
            (vec!["corp.example"], "failing"),
        ] {
            let mut facts = trace::Facts::default();
            facts.verified_domains = verified.iter().map(|&domain| domain.to_owned()).collect();
            let item = super::suffixes(&Signs::of(play(&script).logons(), &facts), &facts);
            let is = match (item.fails, item.evidence.is_empty()) {
                (true, _) => "failing",
                (false, false) => "working",
                (false, true) => "not_seen",
            };
            assert_eq!(is, state, "{verified:?}: {}", item.note);
            assert!(item.note.contains("brand.example"));
        }
    }

    #[test]
    fn cloud_trust_beside_key_trust_is_told() {
        let items = checklist(&format!(
            "{SIGN_IN}1.0 pc2 > dc tgs-req krbtgt/CORP.EXAMPLE ticket TC kvno 65537 partial\n1.1 dc > pc2 tgs-rep krbtgt/CORP.EXAMPLE ticket TD"
        ));
        let model = item(&items, "cloud Kerberos");
        assert_eq!(model.state, "failing", "{model:?}");
        assert_eq!(model.note, "clients with cloud Kerberos trust: 1; with a key: 1");
    }
}
