//! What fails on one side and works on the other: the same key at two domain controllers, two kinds of sign-in at one,
//! before and after a certificate changed, one user and the others, site and site.
//!
//! A comparison says what was seen and names no cause. It is told only where one side never works and the other does.

use std::{collections::BTreeMap, net::IpAddr, ops::AddAssign};

use decode::{
    Seen,
    kerberos::{ErrorCode, Stage},
};
use serde::Serialize;
use trace::{Exchange, Facts, KeyUse, Logon, Method, Outcome, Spot};

use super::{
    EvidenceReport,
    logons::Sketch,
    writer::{Writer, harmless},
};
use crate::{
    Evidence,
    controllers::Print,
    rules::key::directory::is_same,
    windows::{OTHER_USERS, WORKING_TIMES},
};

/// Something that fails here and works there.
#[derive(Clone, Debug, Serialize)]
pub struct ComparisonReport {
    /// What is compared: `key_at_domain_controllers`, `kinds_of_sign_in`, `certificates`, `users` or `sites`.
    pub compared: &'static str,
    /// One sentence.
    pub summary: String,
    /// The side on which nothing succeeded.
    pub fails: SideReport,
    /// The side on which it works.
    pub works: SideReport,
}

/// One side of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct SideReport {
    /// Whom or what it is about.
    pub side: String,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// A packet of one of them.
    pub example: EvidenceReport,
}

/// The packet that decided an attempt, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    spot: Spot,
    what: What,
}

/// What decided an attempt.
#[derive(Clone, Copy, Debug)]
enum What {
    /// A ticket, in answer to a request of this stage.
    Issued(Stage),
    /// A ticket which the client does not use.
    Unused,
    Refused(ErrorCode),
    /// Nothing came any more.
    Nothing,
}

impl Decision {
    pub(super) fn of(logon: &Logon, outcome: Outcome) -> Self {
        let reply = |exchange: &Exchange, what| Some(Self { spot: exchange.reply.as_deref()?.seen.into(), what });
        let decided = if outcome == Outcome::Succeeded {
            let issued = logon.issued().map(|(exchange, _)| exchange);
            let granted = || logon.tgs_exchanges().find(|exchange| exchange.granted().is_some());
            issued.or_else(granted).and_then(|exchange| reply(exchange, What::Issued(exchange.stage)))
        } else {
            logon.refusal().and_then(|(exchange, code)| reply(exchange, What::Refused(code)))
        };
        decided.unwrap_or(Self { spot: logon.ended.into(), what: What::Nothing })
    }

    fn evidence(self) -> Evidence {
        let seen = Seen::from(self.spot);
        let (field, value, means) = match self.what {
            What::Issued(Stage::As) => ("kerberos.msg_type", "11".to_owned(), "a ticket is issued"),
            What::Issued(Stage::Tgs) => ("kerberos.msg_type", "13".to_owned(), "a ticket is issued"),
            What::Unused => ("kerberos.msg_type", "11".to_owned(), "a ticket that the client does not use"),
            What::Refused(code) => ("kerberos.error_code", code.to_string(), "it is refused"),
            What::Nothing => ("frame.number", seen.last.number.to_string(), "nothing comes of it"),
        };
        Evidence::new(seen, field, value, means)
    }
}

/// Attempts of one kind, and the first of each outcome.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    failed: u64,
    succeeded: u64,
    failure: Option<Decision>,
    success: Option<Decision>,
}

impl Tally {
    fn one(works: bool, decision: Decision) -> Self {
        if works {
            Self { succeeded: 1, success: Some(decision), ..Self::default() }
        } else {
            Self { failed: 1, failure: Some(decision), ..Self::default() }
        }
    }

    fn fails(&self) -> bool {
        self.failed > 0 && self.succeeded == 0
    }

    /// A few failures are nothing unusual: wrong names, keys that are on their way.
    fn works(&self, facts: &Facts) -> bool {
        self.succeeded > 0 && self.failed.saturating_mul(WORKING_TIMES.of(facts)) <= self.succeeded
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let first = |one: Option<Decision>, two: Option<Decision>| {
            one.into_iter().chain(two).min_by_key(|decision| Seen::from(decision.spot))
        };
        self.failed += other.failed;
        self.succeeded += other.succeeded;
        self.failure = first(self.failure, other.failure);
        self.success = first(self.success, other.success);
    }
}

/// The finding that a client does not take the certificate of a domain controller.
pub(super) const REJECTED: &str = "DCC-11";
/// Users at domain controllers that are told apart, of those that sign in with keys or certificates: with more of them,
/// one is not compared with the others.
const MAX_TALLIES: usize = 50_000;
/// Comparisons told of one kind: enough to look at. It decides nothing, so it is no setting.
const MAX_OF_KIND: usize = 10;

/// How attempts came out, by what they are compared by.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies {
    /// By domain controller and method.
    methods: BTreeMap<(IpAddr, Method), Tally>,
    /// By domain controller, method and user, where a sign-in depends on keys or certificates.
    users: BTreeMap<(IpAddr, Method, Box<str>), Tally>,
    /// By the certificate with which the domain controller signed: whether its tickets are used. No more than facts
    /// keep of domain controllers: others are not compared.
    certificates: BTreeMap<(IpAddr, Print), Tally>,
    /// Attempts by users that are not told apart any more.
    beyond: u64,
}

impl Tallies {
    /// Notes an attempt. `rejected`: a finding says that the client did not take the domain controller's certificate.
    pub(super) fn note(&mut self, sketch: &Sketch, outcome: Outcome, rejected: bool) {
        let Some(kdc) = sketch.kdc else { return };
        if let Some(print) = sketch.certificate.filter(|_| rejected || sketch.ticket_used)
            && (self.certificates.len() < Facts::MAX_CERTIFICATES || self.certificates.contains_key(&(kdc, print)))
        {
            let decision = if rejected { Decision { what: What::Unused, ..sketch.decision } } else { sketch.decision };
            *self.certificates.entry((kdc, print)).or_default() += Tally::one(!rejected, decision);
        }
        let told = !matches!(sketch.method, Method::Hidden | Method::Unknown | Method::Anonymous);
        if !told || outcome == Outcome::Undecided {
            return;
        }
        let tally = Tally::one(outcome == Outcome::Succeeded, sketch.decision);
        let of_method = (kdc, sketch.method);
        if self.methods.len() >= MAX_TALLIES && !self.methods.contains_key(&of_method) {
            self.beyond += 1;
            return;
        }
        *self.methods.entry(of_method).or_default() += tally;
        if !is_by_key(sketch.method) || sketch.user.is_empty() {
            return;
        }
        let key = (kdc, sketch.method, sketch.user.clone());
        if self.beyond > 0 || (self.users.len() >= MAX_TALLIES && !self.users.contains_key(&key)) {
            self.beyond += 1;
            // Without all of them, none can be said to be the only one.
            self.users = BTreeMap::new();
            return;
        }
        *self.users.entry(key).or_default() += tally;
    }

    /// Attempts by users that are not told apart because there are too many.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Everything that fails on one side and works on the other.
    pub(super) fn compared(&self, writer: &Writer<'_>) -> Vec<ComparisonReport> {
        let facts = writer.facts();
        if facts.visibility.is_one_sided() {
            return Vec::new();
        }
        let kinds =
            [keys(writer), self.kinds(writer), self.certificates(writer), self.users(writer), self.sites(writer)];
        kinds.into_iter().flat_map(|kind| kind.into_iter().take(MAX_OF_KIND)).collect()
    }

    /// Two kinds of sign-in at one domain controller.
    fn kinds(&self, writer: &Writer<'_>) -> Vec<ComparisonReport> {
        let facts = writer.facts();
        let mut of_kdc: BTreeMap<IpAddr, BTreeMap<Method, Tally>> = BTreeMap::new();
        for ((kdc, method), tally) in &self.methods {
            *of_kdc.entry(*kdc).or_default().entry(*method).or_default() += *tally;
        }
        let mut compared = Vec::new();
        for (kdc, methods) in of_kdc {
            let failing = methods.iter().filter(|(method, tally)| is_by_key(**method) && tally.fails());
            let works = methods.iter().filter(|(_, tally)| tally.works(facts)).max_by_key(|(_, tally)| tally.succeeded);
            let Some((works, worked)) = works else { continue };
            for (fails, failed) in failing {
                let name = writer.machine(kdc);
                let summary = format!("at {name}, {} fails and {} works", kind_words(*fails), kind_words(*works));
                let side = |method: Method| format!("{} at {name}", kind_words(method));
                compared.extend(two_sides(
                    writer,
                    "kinds_of_sign_in",
                    summary,
                    ((side(*fails), failed), (side(*works), worked)),
                ));
            }
        }
        compared
    }

    /// One user and the others, at one domain controller and by the same method.
    fn users(&self, writer: &Writer<'_>) -> Vec<ComparisonReport> {
        let facts = writer.facts();
        let mut of_kdc: BTreeMap<(IpAddr, Method), Vec<(&str, &Tally)>> = BTreeMap::new();
        for ((kdc, method, user), tally) in &self.users {
            of_kdc.entry((*kdc, *method)).or_default().push((user, tally));
        }
        let mut compared = Vec::new();
        for ((kdc, method), users) in of_kdc {
            let mut failing = users.iter().filter(|(_, tally)| tally.succeeded == 0);
            let (Some((user, failed)), None) = (failing.next(), failing.next()) else { continue };
            if users.len() <= OTHER_USERS.of(facts) {
                continue;
            }
            let mut others = Tally::default();
            users.iter().filter(|(other, _)| other != user).for_each(|(_, tally)| others += **tally);
            if !others.works(facts) {
                continue;
            }
            let (name, kind, user) = (writer.machine(kdc), kind_words(method), harmless(user));
            let summary = format!("{kind} at {name} fails for {user} and works for {} others", users.len() - 1);
            let sides = ((user, *failed), ("the others".to_owned(), &others));
            compared.extend(two_sides(writer, "users", summary, sides));
        }
        compared
    }

    /// One site and another, by the same method.
    fn sites(&self, writer: &Writer<'_>) -> Vec<ComparisonReport> {
        let facts = writer.facts();
        let mut of_method: BTreeMap<Method, BTreeMap<&str, Tally>> = BTreeMap::new();
        for ((kdc, method), tally) in self.methods.iter().filter(|((_, method), _)| is_by_key(*method)) {
            let located = facts.domain_controllers.get(kdc).and_then(|dc| dc.located.as_ref());
            let Some(site) = located.map(|located| located.site.as_str()).filter(|site| !site.is_empty()) else {
                continue;
            };
            *of_method.entry(*method).or_default().entry(site).or_default() += *tally;
        }
        let mut compared = Vec::new();
        for (method, sites) in of_method {
            let failing = sites.iter().filter(|(_, tally)| tally.fails());
            let works = sites.iter().filter(|(_, tally)| tally.works(facts)).max_by_key(|(_, tally)| tally.succeeded);
            let Some((works, worked)) = works else { continue };
            for (fails, failed) in failing {
                let (kind, fails, works) = (kind_words(method), harmless(fails), harmless(works));
                let summary = format!("{kind} fails in the site {fails} and works in the site {works}");
                let side = |site: String| format!("the site {site}");
                compared.extend(two_sides(writer, "sites", summary, ((side(fails), failed), (side(works), worked))));
            }
        }
        compared
    }

    /// Before and after a domain controller's certificate changed.
    fn certificates(&self, writer: &Writer<'_>) -> Vec<ComparisonReport> {
        let (facts, mut compared) = (writer.facts(), Vec::new());
        for (kdc, dc) in &facts.domain_controllers {
            for pair in dc.certificates.windows(2) {
                let [old, new] = pair else { continue };
                let of = |print: Print| self.certificates.get(&(*kdc, print));
                let tallies = of(Print::of(&old.certificate)).zip(of(Print::of(&new.certificate)));
                let Some((before, after)) = tallies.filter(|_| old.last < new.first) else { continue };
                let name = writer.machine(*kdc);
                let (what, (failed, worked)) = if before.works(facts) && after.fails() {
                    ("work before the certificate changed, and fail since", (after, before))
                } else if before.fails() && after.works(facts) {
                    ("fail before the certificate changed, and work since", (before, after))
                } else {
                    continue;
                };
                let summary = format!("sign-ins at {name} {what}");
                let side = |is_old: bool| {
                    let seen = if is_old { old } else { new };
                    format!("the certificate with serial number {}", harmless(&seen.certificate.serial))
                };
                let is_old = std::ptr::eq(failed, before);
                let sides = ((side(is_old), failed), (side(!is_old), worked));
                compared.extend(two_sides(writer, "certificates", summary, sides));
            }
        }
        compared
    }
}

/// The same keys at two domain controllers.
fn keys(writer: &Writer<'_>) -> Vec<ComparisonReport> {
    let facts = writer.facts();
    let mut pairs: BTreeMap<(IpAddr, IpAddr), (u64, Tally, Tally)> = BTreeMap::new();
    for key in facts.keys.values().filter(|key| !key.granted.is_empty() && !key.refused.is_empty()) {
        let at = at_domain_controllers(key);
        let works = at.iter().filter(|(_, tally)| tally.failed == 0).max_by_key(|(_, tally)| tally.succeeded);
        let Some((works, worked)) = works else { continue };
        for (fails, failed) in at.iter().filter(|(_, tally)| tally.fails()) {
            if is_same(facts, *works, *fails) || !refused_while_good(key, *fails) {
                continue;
            }
            let (count, all_failed, all_worked) = pairs.entry((*fails, *works)).or_default();
            *count += 1;
            *all_failed += *failed;
            *all_worked += *worked;
        }
    }
    let compare = |((fails, works), (count, failed, worked)): ((IpAddr, IpAddr), (u64, Tally, Tally))| {
        let (here, there) = (writer.machine(fails), writer.machine(works));
        let what = if count == 1 { "a key fails".to_owned() } else { format!("{count} keys fail") };
        let same = if count == 1 { "the same key works" } else { "the same keys work" };
        let summary = format!("{what} at {here}, and {same} at {there}");
        let sides = ((here, &failed), (there, &worked));
        two_sides(writer, "key_at_domain_controllers", summary, sides)
    };
    pairs.into_iter().filter_map(compare).collect()
}

fn at_domain_controllers(key: &KeyUse) -> BTreeMap<IpAddr, Tally> {
    let mut at: BTreeMap<IpAddr, Tally> = BTreeMap::new();
    for (seen, kdc) in &key.granted {
        *at.entry(*kdc).or_default() +=
            Tally::one(true, Decision { spot: (*seen).into(), what: What::Issued(Stage::As) });
    }
    for (seen, kdc, code) in &key.refused {
        *at.entry(*kdc).or_default() +=
            Tally::one(false, Decision { spot: (*seen).into(), what: What::Refused(*code) });
    }
    at
}

/// Whether a domain controller refused a key after another had accepted it: before, it may have been on its way.
fn refused_while_good(key: &KeyUse, kdc: IpAddr) -> bool {
    let accepted = key.granted.iter().map(|(seen, _)| *seen).min();
    key.refused.iter().any(|(seen, by, _)| *by == kdc && Some(*seen) > accepted)
}

/// Whether a sign-in by this method depends on keys or certificates, and not on what people type.
fn is_by_key(method: Method) -> bool {
    matches!(method, Method::KeyTrust | Method::Certificate | Method::CloudKerberos)
}

fn kind_words(method: Method) -> &'static str {
    match method {
        Method::KeyTrust => "signing in with a key",
        Method::Certificate => "signing in with a certificate of a CA",
        Method::CloudKerberos => "signing in by cloud Kerberos trust",
        Method::Password => "signing in with a password",
        Method::Anonymous | Method::Hidden | Method::Unknown => "signing in",
    }
}

type Side<'t> = (String, &'t Tally);

/// A comparison of a side that fails, first, with one that works.
fn two_sides(
    writer: &Writer<'_>,
    compared: &'static str,
    summary: String,
    (fails, works): (Side<'_>, Side<'_>),
) -> Option<ComparisonReport> {
    let side = |(side, tally): Side<'_>, decision: Option<Decision>| {
        let example = writer.evidence(decision?.evidence());
        Some(SideReport { side, failed: tally.failed, succeeded: tally.succeeded, example })
    };
    let (failure, success) = (fails.1.failure, works.1.success);
    Some(ComparisonReport { compared, summary, fails: side(fails, failure)?, works: side(works, success)? })
}

#[cfg(test)]
mod tests {
    use trace::{Facts, script::play};

    use super::{ComparisonReport, Tallies, Tally};
    use crate::report::{logons::Sketch, writer::Writer};

    fn compared(script: &str) -> Vec<ComparisonReport> {
        let played = play(script);
        let mut tallies = Tallies::default();
        for logon in played.logons() {
            let sketch = Sketch::of(logon);
            let answers = crate::diagnose::answers(logon, played.facts());
            let rejected = answers.iter().any(|(rule, _)| rule.code == super::REJECTED);
            tallies.note(&sketch, sketch.outcome(played.facts(), false), rejected);
        }
        tallies.compared(&Writer::new(&[], played.facts()))
    }

    #[test]
    fn what_works_is_a_setting() {
        let mut facts = Facts::default();
        let tally = Tally { failed: 1, succeeded: 8, ..Tally::default() };
        assert!(!tally.works(&facts));
        facts.thresholds.insert("WORKING_TIMES", 8);
        assert!(tally.works(&facts));
    }

    /// What it is about, failures, successes, and the packet of the example.
    type Side = (String, u64, u64, u64);

    /// The only comparison: of what, and both sides.
    #[track_caller]
    fn only(script: &str) -> (&'static str, Side, Side) {
        let mut compared = compared(script);
        assert_eq!(compared.len(), 1, "{compared:?}");
        let one = compared.remove(0);
        assert!(!one.summary.is_empty());
        let side = |side: super::SideReport| (side.side, side.failed, side.succeeded, side.example.packet);
        (one.compared, side(one.fails), side(one.works))
    }

    fn tried(at: u32, who: &str, dc: &str, how: &str, answer: &str) -> String {
        let answer = if answer == "granted" { format!("as-rep {who} ticket T{at} pkinit") } else { answer.to_owned() };
        format!("{at}.0 pc > {dc} as-req {who} {how} flow {at}\n{at}.1 {dc} > pc {answer} flow {at}\n")
    }

    const KEY: &str = "pkinit key K1";
    const OTHER: &str = "pkinit key K2";
    const REFUSED: &str = "krb-error 62";

    #[test]
    fn the_same_key_at_two_domain_controllers() {
        let works = tried(10, "alice", "dc", KEY, "granted");
        let fails = tried(60, "alice", "dc2", KEY, REFUSED);
        let side = |address: &str, failed, succeeded, packet| (address.to_owned(), failed, succeeded, packet);
        assert_eq!(
            only(&format!("{works}{fails}")),
            ("key_at_domain_controllers", side("10.99.0.11", 1, 0, 4), side("10.99.0.10", 0, 1, 2))
        );
        // It was refused first, and may have been on its way; or it is another key, or the same domain controller.
        assert!(compared(&format!("{}{}", tried(5, "alice", "dc2", KEY, REFUSED), works)).is_empty());
        assert!(compared(&format!("{works}{}", fails.replace("K1", "K2"))).is_empty());
        assert!(compared(&format!("{works}{}", fails.replace("dc2", "dc"))).is_empty());
    }

    #[test]
    fn two_kinds_of_sign_in_at_one_domain_controller() {
        let key = tried(10, "alice", "dc", KEY, REFUSED);
        let card = tried(60, "bob", "dc", "pkinit issued K2", "granted");
        let at = |words: &str| format!("{words} at 10.99.0.10");
        assert_eq!(
            only(&format!("{key}{card}")),
            (
                "kinds_of_sign_in",
                (at("signing in with a key"), 1, 0, 2),
                (at("signing in with a certificate of a CA"), 0, 1, 4)
            )
        );
        assert!(compared(&format!("{key}{card}{}", tried(90, "carol", "dc", OTHER, "granted"))).is_empty());
        assert!(compared(&format!("{key}{}", card.replace("dc", "dc2"))).is_empty());
        // What people type is no kind that fails.
        let password = tried(60, "alice", "dc", "password", "krb-error 24");
        assert!(compared(&format!("{}{password}", key.replace("krb-error 62", "as-rep alice ticket T1"))).is_empty());
    }

    #[test]
    fn one_user_and_the_others() {
        let others = format!(
            "{}{}",
            tried(10, "bob", "dc", "pkinit key K2", "granted"),
            tried(20, "carol", "dc", "pkinit key K3", "granted")
        );
        let alice = tried(60, "alice", "dc", KEY, REFUSED);
        let side = |name: &str, failed, succeeded, packet| (name.to_owned(), failed, succeeded, packet);
        assert_eq!(
            only(&format!("{others}{alice}")),
            ("users", side("alice@corp.example", 1, 0, 6), side("the others", 0, 2, 2))
        );
        // Of two nobody knows who is the exception; and two who fail are no exception.
        assert!(compared(&format!("{}{alice}", tried(10, "bob", "dc", "pkinit key K2", "granted"))).is_empty());
        let dave = tried(70, "dave", "dc", "pkinit key K4", REFUSED);
        assert!(compared(&format!("{others}{alice}{dave}")).is_empty());
    }

    #[test]
    fn with_too_many_users_what_needs_none_of_them_is_compared() {
        let key = tried(10, "alice", "dc", KEY, REFUSED);
        let card = tried(60, "bob", "dc", "pkinit issued K2", "granted");
        let played = play(&format!("{key}{card}"));
        let sketches: Vec<Sketch> = played.logons().iter().map(Sketch::of).collect();
        let kdc = sketches[0].kdc.expect("a domain controller is asked");
        let mut tallies = Tallies::default();
        let user = |number: usize| (kdc, trace::Method::KeyTrust, number.to_string().into_boxed_str());
        tallies.users = (0..super::MAX_TALLIES).map(|number| (user(number), Tally::default())).collect();
        for sketch in &sketches {
            tallies.note(sketch, sketch.outcome(played.facts(), false), false);
        }
        assert_eq!((tallies.beyond(), tallies.users.len()), (2, 0));
        let compared = tallies.compared(&Writer::new(&[], played.facts()));
        assert_eq!(compared.iter().map(|one| one.compared).collect::<Vec<_>>(), ["kinds_of_sign_in"]);
    }

    #[test]
    fn site_and_site() {
        let at = |dc: &str, site: &str| format!("1.0 pc > {dc} ping\n1.1 {dc} > pc pong site {site}\n");
        let fails = tried(10, "alice", "dc", KEY, REFUSED);
        let works = tried(20, "bob", "dc2", "pkinit key K2", "granted");
        let side = |name: &str, failed, succeeded, packet| (name.to_owned(), failed, succeeded, packet);
        assert_eq!(
            only(&format!("{}{}{fails}{works}", at("dc", "Oslo"), at("dc2", "Bergen"))),
            ("sites", side("the site Oslo", 1, 0, 6), side("the site Bergen", 0, 1, 8))
        );
        assert!(compared(&format!("{}{}{fails}{works}", at("dc", "Oslo"), at("dc2", "Oslo"))).is_empty());
        assert!(compared(&format!("{fails}{works}")).is_empty());
    }

    #[test]
    fn before_and_after_a_certificate_changed() {
        let used = "
            0.0 pc > dc as-req alice pkinit
            0.1 dc > pc as-rep alice ticket T1 pkinit dc old
            0.2 pc > dc tgs-req host/pc ticket T1
            0.3 dc > pc tgs-rep host/pc ticket T2
        ";
        let rejected = "
            100.0 pc2 > dc as-req alice pkinit
            100.1 dc > pc2 as-rep alice ticket T3 pkinit dc new
            120.0 pc2 > dc as-req alice pkinit
            120.1 dc > pc2 as-rep alice ticket T4 pkinit dc new
            300 end
        ";
        let (compared, fails, works) = only(&format!("{used}{rejected}"));
        assert_eq!(
            (compared, (fails.1, fails.2, fails.3), (works.1, works.2, works.3)),
            ("certificates", (2, 0, 6), (0, 1, 2))
        );
        assert!(super::tests::compared(&format!("{used}{}", rejected.replace("dc new", "dc old"))).is_empty());
        // Tickets that are merely not used are no failures.
        let unused = "100.0 pc2 > dc as-req alice pkinit\n100.1 dc > pc2 as-rep alice ticket T3 pkinit dc new\n300 end";
        assert!(super::tests::compared(&format!("{used}{unused}")).is_empty());
    }
}
