//! What traffic tempts one to conclude, and must not be concluded: one test for each temptation.
//!
//! Each plays the tempting traffic and asserts that no finding, outcome or item of the checklist falls for it. Then it
//! plays nearly the same with what does show the fault, so that the test is known to see it.

use std::collections::BTreeMap;

use trace::{
    Outcome,
    script::{Played, play},
};

use crate::{Confidence, Diagnosis, Severity, checklist, report::Signs};

/// The name that Windows Hello gives to the certificate of a key of alice, and her SID beside it.
const HELLO: &str = "cn S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
    383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";

/// A script that was played, and what was found in it.
struct Concluded {
    played: Played,
    found: BTreeMap<&'static str, Diagnosis>,
}

fn conclude(script: &str) -> Concluded {
    let played = play(script);
    let (diagnoses, failures) = crate::diagnose(played.logons(), played.facts());
    assert!(failures.0.is_empty(), "{failures:?}");
    let found = diagnoses.into_iter().map(|diagnosis| (diagnosis.rule.code, diagnosis)).collect();
    Concluded { played, found }
}

impl Concluded {
    /// Asserts that none of these is found. A code ends in `-` to name a family.
    #[track_caller]
    fn without(&self, codes: &[&str]) -> &Self {
        let is_of = |found: &str, code: &str| found == code || (code.ends_with('-') && found.starts_with(code));
        let wrong = self.found.keys().filter(|found| codes.iter().any(|code| is_of(found, code)));
        let wrong: Vec<&&str> = wrong.collect();
        assert!(wrong.is_empty(), "concluded {wrong:?}");
        self
    }

    /// Asserts that this is found, and gives it.
    #[track_caller]
    fn finding(&self, code: &str) -> &Diagnosis {
        self.found.get(code).unwrap_or_else(|| panic!("{code} is not among {:?}", self.found.keys()))
    }

    /// Asserts that nothing is found that anybody would have to do something about.
    #[track_caller]
    fn without_fault(&self) -> &Self {
        let faults = self.found.values().filter(|found| found.severity >= Severity::Medium);
        let faults: Vec<&str> = faults.map(|found| found.rule.code).collect();
        assert!(faults.is_empty(), "concluded {faults:?}");
        self
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.played.logons().iter().map(trace::Logon::outcome).collect()
    }

    /// The state of the item of the checklist with these words.
    #[track_caller]
    fn item(&self, words: &str) -> checklist::Item {
        let diagnoses: Vec<Diagnosis> = self.found.values().cloned().collect();
        let signs = Signs::of(self.played.logons(), self.played.facts());
        let mut items = checklist::items(&signs, self.played.facts(), &diagnoses).into_iter();
        items.find(|item| item.what.contains(words)).unwrap_or_else(|| panic!("no item about {words}"))
    }
}

#[test]
fn pkinit_in_the_list_of_error_25_does_not_show_a_certificate() {
    let hint = "
        0.000 pc > dc  as-req alice
        0.004 dc > pc  krb-error 25 padata 16,15,2
    ";
    let refused_elsewhere = "
        1.000 pc > dc2 as-req alice pkinit
        1.010 dc2 > pc krb-error 16
    ";
    let tempting = conclude(&format!("{hint}{refused_elsewhere}"));
    tempting.without(&["DCC-02"]).finding("DCC-01");
    let hinted = conclude(hint);
    for joined in ["hybrid-joined", "Entra-joined"] {
        assert_eq!(hinted.item(joined).state, "not_seen");
    }
    // The same that hints at PKINIT refuses it.
    conclude(&format!("{hint}{}", refused_elsewhere.replace("dc2", "dc"))).finding("DCC-01");

    let shown = "
        0.010 pc > dc  as-req bob pkinit key K2
        0.020 dc > pc  as-rep bob ticket T1 pkinit
        0.030 pc > dc  tgs-req host/pc.corp.example ticket T1
    ";
    assert_eq!(conclude(&format!("{hint}{shown}")).item("hybrid-joined").state, "working");
    conclude(&format!("{hint}{shown}{refused_elsewhere}")).finding("DCC-02");
}

#[test]
fn a_sign_in_without_as_req_is_no_failure() {
    let located = "
        0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
        0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example found
        0.020 pc > dc   ping
        0.030 dc > pc   pong
        1.000 pc > web  client-hello login.microsoftonline.com
        1.010 web > pc  server-hello tls13
        1.020 pc > web  data
        1.030 web > pc  data
    ";
    let cached = conclude(&format!("{located}600 end"));
    cached.without_fault().without(&["NET-", "LOC-", "CLD-"]);
    assert!(!cached.outcomes().contains(&Outcome::Failed));

    let tried = conclude(&format!("{located}2.0 pc > dc connect refused\n600 end"));
    tried.finding("NET-02");
    assert!(tried.outcomes().contains(&Outcome::Failed));
}

#[test]
fn a_self_signed_certificate_of_a_client_is_no_attack() {
    let sign_in = format!(
        "
        0.000 pc > dc  as-req alice pkinit key K1 {HELLO}
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
        0.030 dc > pc  tgs-rep host/pc.corp.example ticket T2
    "
    );
    conclude(&sign_in).without_fault().without(&["PKI-", "KEY-11", "KEY-14", "KEY-16"]);
    conclude(&sign_in.replace(HELLO, "cn alice")).finding("KEY-16");
}

#[test]
fn a_domain_controller_certificate_without_the_kdc_purpose_does_not_fail_all_clients() {
    let reply = "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit no-eku
    ";
    let accepted = conclude(&format!("{reply}0.020 pc > dc tgs-req host/pc.corp.example ticket T1\n60 end"));
    accepted.without(&["DCC-10", "DCC-11", "DCC-12", "TKT-09"]);
    let said = accepted.finding("DCC-06");
    assert!(said.severity < Severity::Critical && said.found.summary.contains("took it all the same"), "{said:?}");
    assert_eq!(accepted.outcomes(), [Outcome::Succeeded]);
    assert_eq!(accepted.item("hybrid-joined").state, "working");

    let again = "20.0 pc > dc as-req alice pkinit\n20.1 dc > pc as-rep alice ticket T2 pkinit no-eku\n60 end";
    let rejected = conclude(&format!("{reply}{again}"));
    rejected.finding("DCC-11");
    assert_eq!(rejected.item("hybrid-joined").state, "failing");
}

#[test]
fn errors_62_and_75_do_not_tell_a_missing_key_from_that_of_another_user() {
    for (error, code) in [(62, "KEY-02"), (75, "KEY-01")] {
        let refused = format!(
            "
            10.00 pc > dc  as-req alice pkinit key K1 {HELLO}
            10.01 dc > pc  krb-error {error}
        "
        );
        let tempting = conclude(&refused);
        tempting.without(&["KEY-03", "KEY-04", "KEY-09", "SYN-02"]);
        assert_ne!(tempting.finding(code).found.confidence, Confidence::Proven, "{code}");

        // What is wrong is told by something else than the error.
        let read = "
            1.1 pc3 > dc search (sAMAccountName=alice) id 1
            1.2 dc > pc3 entry CN=alice,CN=Users,DC=corp,DC=example keys K2 id 1
            1.3 dc > pc3 search-result 0 id 1
        ";
        conclude(&format!("{read}{refused}")).finding("KEY-03");
    }
    let of_another = format!("10.00 pc > dc as-req bob@corp.example pkinit key K1 {HELLO}\n10.01 dc > pc krb-error 75");
    conclude(&of_another).finding("KEY-09");
}

#[test]
fn an_end_of_the_connection_after_the_as_rep_is_no_refusal() {
    let reply = format!(
        "
        0.000 pc > dc  as-req alice pkinit {HELLO}
        0.010 dc > pc  as-rep alice ticket T1 pkinit
    "
    );
    for end in ["client-fin", "client-reset"] {
        let closed = format!("{reply}0.015 pc > dc connect open closed {end} bytes 2000,3000\n");
        let used = format!(
            "{closed}
            0.020 pc > dc tgs-req host/pc.corp.example ticket T1 flow 2
            0.030 dc > pc tgs-rep host/pc.corp.example ticket T2 flow 2
            600 end"
        );
        for script in [used, format!("{closed}600 end")] {
            let tempting = conclude(&script);
            tempting.without_fault().without(&["DCC-", "TKT-", "NET-"]);
            assert_eq!(tempting.outcomes(), [Outcome::Succeeded], "{script}");
        }
        let again =
            "20.0 pc > dc as-req alice pkinit flow 2\n20.1 dc > pc as-rep alice ticket T2 pkinit flow 2\n600 end";
        conclude(&format!("{closed}{again}")).finding("DCC-11");
    }
}

#[test]
fn an_as_rep_whose_ticket_is_not_used_is_no_refused_certificate() {
    let reply = format!(
        "
        0.000 pc > dc  as-req alice pkinit {HELLO}
        0.010 dc > pc  as-rep alice ticket T1 pkinit
    "
    );
    let tempting = conclude(&format!("{reply}600 end"));
    tempting.without_fault().without(&["DCC-", "TKT-"]);
    assert_eq!(tempting.outcomes(), [Outcome::Succeeded]);

    let again = "20.0 pc > dc as-req alice pkinit\n20.1 dc > pc as-rep alice ticket T2 pkinit\n600 end";
    conclude(&format!("{reply}{again}")).finding("DCC-11");
}

#[test]
fn status_not_supported_in_error_13_to_a_tgs_req_is_no_missing_certificate() {
    let sign_in = "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        0.020 pc > dc  tgs-req cifs/files.corp.example ticket T1
        0.030 dc > pc  krb-error 13 status 0xc00000bb
        60    end
    ";
    let tempting = conclude(sign_in);
    tempting.without(&["DCC-"]);
    assert_eq!(tempting.outcomes(), [Outcome::Succeeded]);
    conclude("0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 16 status 0xc00000bb\n60 end")
        .finding("DCC-01");
}

#[test]
fn error_25_with_nothing_but_fast_is_no_failure() {
    for request in ["as-req alice", "as-req alice fast"] {
        let tempting = conclude(&format!("0.000 pc > dc {request}\n0.004 dc > pc krb-error 25 padata 136\n60 end"));
        tempting.without_fault().without(&["DCC-", "POL-", "ACC-", "KEY-"]);
        assert_eq!(tempting.outcomes(), [Outcome::Undecided], "{request}");
    }
    let shown = conclude("0.000 pc > dc as-req alice pkinit\n0.004 dc > pc krb-error 25 padata 136\n60 end");
    shown.finding("DCC-01");
    assert_eq!(shown.outcomes(), [Outcome::Failed]);
}

#[test]
fn a_domain_controller_without_the_kdc_purpose_can_answer_pkinit() {
    let reply = "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit no-eku
    ";
    let tempting = conclude(&format!("{reply}60 end"));
    tempting.without(&["DCC-01", "DCC-02", "DCC-17", "KEY-20", "POL-11"]).finding("DCC-06");
    assert_eq!(tempting.outcomes(), [Outcome::Succeeded]);

    let refused = conclude("0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 16\n60 end");
    refused.without(&["DCC-06"]).finding("DCC-01");
}

#[test]
fn one_nxdomain_for_the_name_of_a_site_is_no_fault_of_dns() {
    let asked =
        |name: &str| conclude(&format!("0.000 pc > dns srv {name}\n0.010 dns > pc srv-answer {name} nxdomain\n60 end"));
    asked("_ldap._tcp.Branch._sites.dc._msdcs.corp.example").without_fault().without(&["LOC-"]);
    asked("_ldap._tcp.dc._msdcs.corp.example").finding("LOC-01");
}

#[test]
fn a_key_in_the_directory_of_one_domain_controller_is_not_at_all_of_them() {
    let read = |dc: &str| {
        format!(
            "
            1.1 pc3 > {dc} search (sAMAccountName=alice) id 1
            1.2 {dc} > pc3 entry CN=alice,CN=Users,DC=corp,DC=example keys K1 id 1
            1.3 {dc} > pc3 search-result 0 id 1
            10.00 pc > dc2 as-req alice pkinit key K1 {HELLO}
            10.01 dc2 > pc krb-error 62
        "
        )
    };
    let itself = |concluded: &Concluded| concluded.finding("KEY-04").found.summary.contains("has it itself");
    let tempting = conclude(&read("dc"));
    assert!(!itself(tempting.without(&["KEY-03", "KEY-12"])), "the other one has it, nothing more was seen");
    assert_ne!(tempting.finding("KEY-04").found.confidence, Confidence::Proven);
    assert!(itself(&conclude(&read("dc2"))));
}

#[test]
fn sealed_ldap_of_entra_connect_does_not_show_that_keys_are_written() {
    let connect = "
        0.0 pc3 > dc as-req MSOL_0a password
        0.1 dc > pc3 as-rep MSOL_0a ticket T1
        0.2 pc3 > dc tgs-req ldap/dc.corp.example ticket T1
        0.3 dc > pc3 tgs-rep ldap/dc.corp.example ticket T2
        0.4 pc3 > dc ap-req ticket T2 port 389
        0.5 dc > pc3 ap-rep port 389
        0.6 pc3 > dc connect open closed client-fin bytes 90000,40000 port 389
    ";
    let refused = "
        10.0 pc > dc as-req alice pkinit key K1
        10.1 dc > pc krb-error 62
    ";
    let later = "
        20.0 pc > dc as-req alice pkinit key K1
        20.1 dc > pc as-rep alice ticket T3 pkinit
    ";
    let sealed = conclude(connect);
    assert_eq!(sealed.item("keys of users").state, "not_seen");
    assert!(sealed.item("Entra Connect").note.ends_with("no write of a key can be read"));
    conclude(&format!("{connect}{refused}")).without(&["KEY-03", "KEY-04", "SYN-01"]).finding("KEY-02");
    let proven = |script: &str| conclude(script).finding("SYN-02").found.confidence == Confidence::Proven;
    let between = |message: &str| format!("{connect}{refused}{message}{later}");
    assert!(!proven(&between(&connect.replace("\n        0.", "\n        11.").replace('T', "U"))));

    let written = "
        11.0 pc3 > dc modify CN=alice,CN=Users,DC=corp,DC=example adds K1 id 8
        11.1 dc > pc3 modify-result 0 id 8
    ";
    assert!(proven(&between(written)));
    assert!(conclude(&between(written)).item("Entra Connect").note.ends_with("one key written"));
}
