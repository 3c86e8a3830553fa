//! What belongs to one attempt, and what is another one.

use decode::kerberos::ErrorCode;
use trace::{
    Fate, Logon, Method, Outcome, Reached, Service, Session, SessionAnswer, SessionProof,
    script::{Played, play},
};

fn logons(script: &str) -> Vec<Logon> {
    play(script).logons().to_vec()
}

fn only(script: &str) -> Logon {
    let mut logons = logons(script);
    assert_eq!(logons.len(), 1, "{logons:#?}");
    logons.remove(0)
}

fn kinds(logon: &Logon) -> Vec<&'static str> {
    logon.steps().iter().map(|step| step.kind.name()).collect()
}

#[test]
fn a_pkinit_reply_answers_the_request_whose_nonce_it_repeats() {
    let issued = |script: &str| {
        let logons = logons(script);
        let ticket = |logon: &Logon| {
            let granted = logon.as_exchanges().find_map(|exchange| exchange.granted().cloned());
            granted.and_then(|reply| reply.ticket).and_then(|ticket| ticket.id)
        };
        logons.iter().map(ticket).collect::<Vec<_>>()
    };
    let asked = "
        0.000 pc > dc  as-req alice pkinit nonce 7
        0.001 pc > dc  as-req alice pkinit nonce 8 till 600
    ";
    let in_order = issued(&format!("{asked}\n0.010 dc > pc as-rep alice ticket T1 pkinit nonce 7"));
    let out_of_order = issued(&format!("{asked}\n0.010 dc > pc as-rep alice ticket T1 pkinit nonce 8"));
    assert_ne!(in_order, out_of_order);
    // A nonce may be written as a negative number: its 32 bits count.
    let asked = "0.000 pc > dc as-req alice pkinit nonce 7\n0.001 pc > dc as-req alice pkinit nonce -2";
    assert_eq!(
        issued(&format!("{asked}\n0.010 dc > pc as-rep alice ticket T1 pkinit nonce 4294967294")),
        issued(&format!("{asked}\n0.010 dc > pc as-rep alice ticket T1 pkinit nonce -2")),
    );
}

#[test]
fn a_request_without_proof_belongs_to_the_attempt_that_follows() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice
        0.004 dc > pc  krb-error 25 padata 16,2
        0.010 pc > dc  as-req alice pkinit
        0.015 dc > pc  as-rep alice ticket T1 pkinit
        0.020 pc > dc  tgs-req host/pc ticket T1 flow 2
        0.025 dc > pc  tgs-rep host/pc ticket T2 flow 2
    ",
    );
    assert_eq!(
        (logon.method, logon.outcome(), logon.reached()),
        (Method::KeyTrust, Outcome::Succeeded, Reached::ServiceTicket)
    );
    assert_eq!(kinds(&logon), ["as-req", "krb-error", "as-req", "as-rep", "tgs-req", "tgs-rep"]);
}

#[test]
fn a_reply_too_big_for_udp_is_asked_for_again_in_the_same_attempt() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice password udp
        0.004 dc > pc  krb-error 52 udp
        0.010 pc > dc  as-req alice password
        0.015 dc > pc  as-rep alice ticket T1
    ",
    );
    assert_eq!((logon.method, logon.outcome()), (Method::Password, Outcome::Succeeded));
}

#[test]
fn a_password_after_a_refused_key_is_another_attempt() {
    let logons = logons(
        "
        0.000 pc > dc  as-req bob pkinit
        0.004 dc > pc  krb-error 62
        0.100 pc > dc  as-req bob flow 2
        0.104 dc > pc  krb-error 25 padata 16,2 flow 2
        0.110 pc > dc  as-req bob password flow 3
        0.115 dc > pc  as-rep bob ticket T1 flow 3
    ",
    );
    let shown: Vec<_> = logons.iter().map(|logon| (logon.method, logon.outcome(), kinds(logon).len())).collect();
    assert_eq!(shown, [(Method::KeyTrust, Outcome::Failed, 2), (Method::Password, Outcome::Succeeded, 4)]);
}

#[test]
fn a_client_that_turns_to_another_kdc_at_once_is_still_at_it() {
    let logon = only(
        "
        0.000 pc > dc   as-req bob pkinit
        0.004 dc > pc   krb-error 62
        0.100 pc > dc2  as-req bob pkinit
        0.104 dc2 > pc  as-rep bob ticket T1 pkinit
    ",
    );
    assert_eq!((logon.outcome(), logon.exchanges.len()), (Outcome::Succeeded, 2));
}

#[test]
fn a_client_that_gets_no_answer_asks_elsewhere_in_the_same_attempt() {
    let logon = only(
        "
        0.000  pc > dc   as-req bob pkinit
        12.000 pc > dc2  as-req bob pkinit
        12.010 dc2 > pc  as-rep bob ticket T1 pkinit
    ",
    );
    assert_eq!(logon.outcome(), Outcome::Succeeded);
}

#[test]
fn trying_again_after_a_refusal_is_another_attempt() {
    let logons = logons(
        "
        0.000 pc > dc  as-req bob pkinit
        0.004 dc > pc  krb-error 62
        3.000 pc > dc  as-req bob pkinit flow 2
        3.004 dc > pc  krb-error 62 flow 2
    ",
    );
    assert_eq!(logons.len(), 2);
}

#[test]
fn a_client_told_what_to_mend_is_still_at_it() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice pkinit dh modp-1024
        0.004 dc > pc  krb-error 65 typed 109
        0.010 pc > dc  as-req alice pkinit dh modp-2048 flow 2
        0.014 dc > pc  as-rep alice ticket T1 pkinit flow 2
    ",
    );
    assert_eq!((logon.outcome(), logon.exchanges.len()), (Outcome::Succeeded, 2));
}

#[test]
fn an_attempt_after_success_is_a_new_one() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice pkinit
        0.004 dc > pc  as-rep alice ticket T1 pkinit
        0.100 pc > dc  as-req alice pkinit flow 2
        0.104 dc > pc  as-rep alice ticket T2 pkinit flow 2
        0.200 pc > dc  tgs-req cifs/dc ticket T1 flow 3
    ",
    );
    assert_eq!(logons.len(), 2);
    assert!(logons[0].ticket_used() && !logons[1].ticket_used());
}

#[test]
fn users_behind_one_address_are_told_apart() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice pkinit key KA
        0.001 pc > dc  as-req bob pkinit key KB flow 2
        0.004 dc > pc  krb-error 62 flow 2
        0.005 dc > pc  as-rep alice ticket T1 pkinit
    ",
    );
    let shown: Vec<_> =
        logons.iter().map(|logon| (logon.principal().map(|who| who.name.as_str()), logon.outcome())).collect();
    assert_eq!(shown, [(Some("alice"), Outcome::Succeeded), (Some("bob"), Outcome::Failed)]);
}

#[test]
fn the_same_request_on_the_same_flow_counts_once() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice password udp nonce 7
        1.000 pc > dc  as-req alice password udp nonce 7
        3.000 pc > dc  as-req alice password udp nonce 7
        3.010 dc > pc  as-rep alice ticket T1 udp
    ",
    );
    assert_eq!((logon.exchanges.len(), logon.exchanges[0].repeat_count), (1, 2));
}

#[test]
fn a_refused_forwarded_ticket_does_not_undo_the_success() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice password
        0.004 dc > pc  as-rep alice ticket T1
        0.010 pc > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T1 flow 2
        0.014 dc > pc  krb-error 13 flow 2
    ",
    );
    assert_eq!((logon.outcome(), logon.reached()), (Outcome::Succeeded, Reached::TicketUsed));
}

#[test]
fn a_reply_without_its_request_is_kept() {
    let logon = only(
        "
        0.004 dc > pc  as-rep alice ticket T1 pkinit
    ",
    );
    assert_eq!((logon.principal().map(|who| who.name.as_str()), logon.outcome()), (Some("alice"), Outcome::Succeeded));
    assert!(logon.exchanges[0].request.is_none());
}

#[test]
fn silence_is_failure_only_when_its_time_has_passed() {
    let early = only("0 pc > dc as-req alice pkinit\n5 end");
    assert_eq!(early.outcome(), Outcome::Undecided);
    let late = only("0 pc > dc as-req alice pkinit\n11 end");
    assert_eq!(late.outcome(), Outcome::Failed);
}

#[test]
fn a_hole_where_the_reply_could_be_decides_nothing() {
    let logon = only("0 pc > dc as-req alice pkinit\n0.1 dc > pc hole\n30 end");
    assert_eq!(logon.outcome(), Outcome::Undecided);
}

#[test]
fn a_failed_connection_belongs_to_the_attempt_it_was_made_for() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice udp
        1.000 pc > dc  connect unanswered syns 4
    ",
    );
    assert_eq!((logon.outcome(), logon.attempts.len()), (Outcome::Failed, 1));
    assert_eq!(logon.exchanges[0].fate(), Fate::Silent(trace::Silence::Waiting));
}

#[test]
fn a_request_after_a_failed_connection_gives_the_attempt_its_name() {
    let logon = only(
        "
        0.000 pc > dc  connect refused
        0.040 pc > dc  as-req alice udp
        0.041 dc > pc  icmp 3
    ",
    );
    assert_eq!(logon.principal().map(|who| who.name.as_str()), Some("alice"));
    assert_eq!((logon.outcome(), logon.attempts.len()), (Outcome::Failed, 2));
}

#[test]
fn a_failed_connection_of_nobody_known_is_an_attempt_of_its_own() {
    let logon = only("0 pc > dc connect unanswered syns 4\n30 end");
    assert_eq!((logon.principal(), logon.outcome(), logon.reached()), (None, Outcome::Failed, Reached::Nothing));
}

#[test]
fn a_partial_ticket_is_a_cloud_sign_in() {
    let logon = only(
        "
        0.000 pc > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T0 partial
        0.004 dc > pc  tgs-rep krbtgt/CORP.EXAMPLE ticket T1
        0.010 pc > dc  tgs-req cifs/dc ticket T1 flow 2
        0.014 dc > pc  tgs-rep cifs/dc ticket T2 flow 2
    ",
    );
    assert_eq!((logon.method, logon.outcome(), logon.exchanges.len()), (Method::CloudKerberos, Outcome::Succeeded, 2));
}

#[test]
fn a_partial_ticket_that_is_refused_is_a_failed_sign_in() {
    const ASKED: &str = "0.000 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket T0 partial";
    for code in [7, 20, 31, 41, 44, 60] {
        let logon = only(&format!("{ASKED}\n0.004 dc > pc krb-error {code}"));
        assert_eq!((logon.method, logon.outcome()), (Method::CloudKerberos, Outcome::Failed), "{code}");
        assert_eq!(logon.refusal().map(|(_, refused)| refused.0), Some(code));
    }
    // At another domain controller, by TCP after "too big", and when the answer is not in the capture.
    let elsewhere = ASKED.replace("dc", "dc2").replace("0.000", "1.000");
    let refused = "0.004 dc > pc krb-error 20";
    for (more, outcome) in [
        ("1.004 dc2 > pc tgs-rep krbtgt/CORP.EXAMPLE ticket T1", Outcome::Succeeded),
        ("1.004 dc2 > pc krb-error 20", Outcome::Failed),
        ("2 end", Outcome::Undecided),
    ] {
        assert_eq!(only(&format!("{ASKED}\n{refused}\n{elsewhere}\n{more}")).outcome(), outcome, "{more}");
    }
    assert_eq!(only(&format!("{ASKED}\n0.004 dc > pc krb-error 52\n2 end")).outcome(), Outcome::Undecided);
    assert_eq!(only(&format!("{ASKED}\n30 end")).outcome(), Outcome::Failed, "nobody answers");
}

#[test]
fn a_refused_service_is_no_failed_sign_in() {
    for partial in ["", "partial"] {
        let services = format!(
            "
            0.000 pc > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T0 {partial}
            0.004 dc > pc  tgs-rep krbtgt/CORP.EXAMPLE ticket T1
            1.000 pc > dc  tgs-req cifs/nowhere ticket T1
            1.004 dc > pc  krb-error 7
        "
        );
        assert_ne!(only(&services).outcome(), Outcome::Failed, "{partial}");
    }
    // With the partial ticket of a read-only domain controller, but not for a full one.
    let other = only("0.000 pc > dc tgs-req cifs/nowhere ticket T0 partial\n0.004 dc > pc krb-error 7");
    assert_eq!(other.outcome(), Outcome::Undecided);
    let old = only("0.000 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket T0\n0.004 dc > pc krb-error 20");
    assert_eq!(old.outcome(), Outcome::Undecided);
}

#[test]
fn a_ticket_for_changing_the_password_signs_nobody_in() {
    const CHANGE: &str = "
        5.000 pc > dc  as-req alice service kadmin/changepw
        5.004 dc > pc  krb-error 25 padata 2
        5.010 pc > dc  as-req alice password service kadmin/changepw
        5.014 dc > pc  as-rep alice ticket T1 service kadmin/changepw
    ";
    const AFTER: &str = "
        9.000 pc > dc  as-req alice password
        9.004 dc > pc  as-rep alice ticket T2
    ";
    let expired = "0.000 pc > dc as-req alice\n0.004 dc > pc krb-error 23";
    let logon = only(&format!("{expired}{CHANGE}"));
    assert_eq!((logon.outcome(), logon.exchanges.len()), (Outcome::Failed, 3));
    assert_eq!(logon.refusal().map(|(_, code)| code), Some(ErrorCode::KEY_EXPIRED));

    let changed = logons(&format!("{expired}{CHANGE}{AFTER}"));
    let outcomes: Vec<Outcome> = changed.iter().map(Logon::outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Succeeded]);

    // Nobody was refused before, or for something else.
    assert_eq!(only(CHANGE).outcome(), Outcome::Undecided);
    let outcomes: Vec<Outcome> = logons(&format!("{CHANGE}{AFTER}")).iter().map(Logon::outcome).collect();
    assert_eq!(outcomes, [Outcome::Undecided, Outcome::Succeeded]);
    let locked = logons(&format!("{}{CHANGE}", expired.replace("23", "18")));
    assert_eq!(locked.iter().map(Logon::outcome).collect::<Vec<_>>(), [Outcome::Failed, Outcome::Undecided]);
    let refused = CHANGE.replace("as-rep alice ticket T1 service kadmin/changepw", "krb-error 24");
    assert_eq!(only(&refused).outcome(), Outcome::Failed);
}

#[test]
fn use_of_a_ticket_from_before_the_capture_decides_nothing() {
    let played: Played = play(
        "
        0.000 pc > dc  tgs-req cifs/dc ticket T0
        0.004 dc > pc  tgs-rep cifs/dc ticket T2
        9.000 pc > dc  tgs-req ldap/dc ticket T0 flow 2
        9.004 dc > pc  tgs-rep ldap/dc ticket T3 flow 2
    ",
    );
    assert_eq!(played.logons().len(), 1);
    assert_eq!(played.logons()[0].outcome(), Outcome::Undecided);
    assert_eq!(played.facts().clients_seen_midway.len(), 1);
}

#[test]
fn an_armored_request_is_hidden_and_named_by_the_kdc() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice fast
        0.004 dc > pc  krb-error 25 padata 136
        0.010 pc > dc  as-req alice fast flow 2
        0.014 dc > pc  as-rep alice.smith ticket T1 flow 2
        0.020 pc > dc  tgs-req cifs/dc ticket T1 fast flow 3
        0.024 dc > pc  tgs-rep cifs/dc ticket T2 client WELLKNOWN/ANONYMOUS flow 3
    ",
    );
    assert_eq!((logon.method, logon.outcome()), (Method::Hidden, Outcome::Succeeded));
    assert_eq!(logon.principal().map(|who| who.name.as_str()), Some("alice.smith"));
}

#[test]
fn a_mirrored_datagram_is_no_second_attempt() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice password udp nonce 7
        0.004 dc > pc  as-rep alice ticket T1 udp
        0.005 pc > dc  as-req alice password udp nonce 7
        0.006 dc > pc  as-rep alice ticket T1 udp
        0.006 dc > pc  as-rep alice ticket T1 udp
    ",
    );
    assert_eq!((logon.outcome(), logon.exchanges.len(), logon.exchanges[0].repeat_count), (Outcome::Succeeded, 1, 1));
}

#[test]
fn a_late_copy_of_an_error_does_not_answer_the_next_request_on_its_flow() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice udp
        0.004 dc > pc  krb-error 25 padata 2 udp microseconds 4711
        0.005 pc > dc  as-req alice pkinit udp
        0.006 dc > pc  krb-error 25 padata 2 udp microseconds 4711
        0.009 dc > pc  as-rep alice ticket T1 pkinit udp
    ",
    );
    assert_eq!((logon.outcome(), logon.exchanges.len()), (Outcome::Succeeded, 2));
    assert!(logon.exchanges[1].error().is_none());
}

#[test]
fn the_ticket_of_a_second_answer_belongs_to_the_attempt() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice password udp nonce 7
        0.900 dc > pc  as-rep alice ticket T1 udp
        1.000 pc > dc  as-req alice password udp nonce 7
        1.100 dc > pc  as-rep alice ticket T2 udp
        1.200 pc > dc  tgs-req cifs/dc ticket T2
    ",
    );
    assert!(logon.ticket_used());
    assert_eq!(logon.as_exchanges().count(), 1);
}

#[test]
fn a_first_syn_at_the_end_of_a_capture_decides_nothing() {
    let cut = only("0 pc > dc connect unanswered\n1 end");
    assert_eq!(cut.outcome(), Outcome::Undecided);
    let silent = only("0 pc > dc connect unanswered\n30 end");
    assert_eq!(silent.outcome(), Outcome::Failed);
}

#[test]
fn a_request_after_a_failed_connection_may_yet_be_answered() {
    let logon = only("0.000 pc > dc connect refused\n0.040 pc > dc2 as-req alice udp\n0.1 end");
    assert_eq!(logon.outcome(), Outcome::Undecided);
}

#[test]
fn one_datagram_without_an_answer_decides_nothing() {
    let once = only("0 pc > dc as-req alice password udp\n30 end");
    assert_eq!(once.outcome(), Outcome::Undecided);
    let twice =
        only("0 pc > dc as-req alice password udp nonce 1\n1 pc > dc as-req alice password udp nonce 1\n30 end");
    assert_eq!(twice.outcome(), Outcome::Failed);
}

#[test]
fn a_new_request_after_a_hidden_answer_is_another_attempt() {
    let logons = logons(
        "
        0.000 pc > dc  as-req bob pkinit
        0.004 dc > pc  hole
        2.500 pc > dc  as-req bob pkinit flow 2
        2.504 dc > pc  krb-error 62 flow 2
    ",
    );
    let shown: Vec<_> = logons.iter().map(Logon::outcome).collect();
    assert_eq!(shown, [Outcome::Undecided, Outcome::Failed]);
}

#[test]
fn a_new_request_long_before_the_old_one_is_given_up_is_another_attempt() {
    let logons = logons(
        "
        0.000 pc > dc  as-req bob password udp
        2.500 pc > dc  as-req bob password udp flow 2
        2.504 dc > pc  krb-error 24 udp flow 2
    ",
    );
    let shown: Vec<_> = logons.iter().map(Logon::outcome).collect();
    assert_eq!(shown, [Outcome::Undecided, Outcome::Failed]);
}

#[test]
fn a_datagram_without_an_answer_is_asked_again_by_tcp() {
    let logon = only(
        "
        0.000 pc > dc  as-req bob password udp
        1.000 pc > dc  as-req bob password
        1.004 dc > pc  as-rep bob ticket T1
    ",
    );
    assert_eq!(logon.outcome(), Outcome::Succeeded);
}

#[test]
fn an_answer_to_a_retry_that_the_capture_misses_may_have_been_a_ticket() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice pkinit dh modp-1024
        0.004 dc > pc  krb-error 65 typed 109
        0.010 pc > dc  as-req alice pkinit dh modp-2048 flow 2
        0.014 dc > pc  hole flow 2
        30             end
    ",
    );
    assert_eq!(logon.outcome(), Outcome::Undecided);
}

#[test]
fn use_of_an_unknown_ticket_tells_that_its_issue_was_missed() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice password udp nonce 1
        1.000 pc > dc  as-req alice password udp nonce 1
        1.010 pc > dc  tgs-req host/pc ticket T1 flow 2
        30             end
    ",
    );
    assert!(logons.iter().all(|logon| logon.outcome() == Outcome::Undecided), "{logons:#?}");
}

#[test]
fn proof_after_a_question_without_an_answer_tells_that_the_answer_was_missed() {
    let played = play(
        "
        0.000 pc > dc  as-req alice udp
        0.010 pc > dc  as-req alice password udp flow 2
        30             end
    ",
    );
    assert_eq!(played.logons().len(), 1);
    assert_eq!(played.logons()[0].outcome(), Outcome::Undecided);
    assert!(played.facts().visibility.is_one_sided());
}

#[test]
fn refusals_without_their_requests_are_attempts_of_their_own() {
    let logons = logons(
        "
        0.004 dc > pc  krb-error 62 client bob
        2.004 dc > pc  krb-error 62 client bob flow 2
        4.004 dc > pc  as-rep bob ticket T1 pkinit flow 3
    ",
    );
    let shown: Vec<_> = logons.iter().map(Logon::outcome).collect();
    assert_eq!(shown, [Outcome::Failed, Outcome::Failed, Outcome::Succeeded]);
}

#[test]
fn a_refused_service_without_its_request_is_no_failed_logon() {
    for error in ["7 service cifs/dc", "13", "32"] {
        let logon = only(&format!("0.004 dc > pc krb-error {error} client alice"));
        assert_eq!(logon.outcome(), Outcome::Undecided);
    }
}

#[test]
fn answers_to_nobody_about_services_are_one_logon() {
    let logon = only("0.004 dc > pc krb-error 7 service cifs/dc\n0.104 dc > pc krb-error 7 service ldap/dc flow 2");
    assert_eq!((logon.principal(), logon.outcome()), (None, Outcome::Undecided));
}

#[test]
fn a_reply_recorded_just_before_its_request_is_its_answer() {
    let logon = only(
        "
        0.001 dc > pc  krb-error 25 padata 16,2 udp
        0.000 pc > dc  as-req alice udp
        0.010 pc > dc  as-req alice password udp flow 2
        0.014 dc > pc  as-rep alice ticket T1 udp flow 2
    ",
    );
    assert_eq!((logon.outcome(), logon.exchanges.len()), (Outcome::Succeeded, 2));
}

#[test]
fn a_request_behind_a_reply_to_another_is_not_paired_with_it() {
    let logon = only(
        "
        0.004 dc > pc  krb-error 25 padata 2 client alice udp
        0.010 pc > dc  as-req alice pkinit udp
        0.014 dc > pc  as-rep alice ticket T1 pkinit udp
    ",
    );
    assert!(logon.exchanges[0].request.is_none() && logon.exchanges[1].error().is_none());
    assert_eq!(logon.outcome(), Outcome::Succeeded);
}

#[test]
fn a_port_used_again_pairs_the_reply_with_the_request_it_names() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice password udp
        5.000 pc > dc  as-req bob password udp
        5.004 dc > pc  krb-error 24 client bob udp
    ",
    );
    let shown: Vec<_> =
        logons.iter().map(|logon| (logon.principal().map(|who| who.name.as_str()), logon.outcome())).collect();
    assert_eq!(shown, [(Some("alice"), Outcome::Undecided), (Some("bob"), Outcome::Failed)]);
}

#[test]
fn a_port_used_again_pairs_the_reply_with_the_request_whose_time_is_not_up() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice password udp
        20.00 pc > dc  as-req bob password udp
        20.01 dc > pc  krb-error 24 udp
    ",
    );
    let shown: Vec<_> = logons.iter().map(Logon::outcome).collect();
    assert_eq!(shown, [Outcome::Undecided, Outcome::Failed]);
}

#[test]
fn a_second_answer_to_a_repeated_question_does_not_answer_the_proof() {
    let logon = only(
        "
        0.000 pc > dc  as-req alice udp nonce 1
        1.000 pc > dc  as-req alice udp nonce 1
        1.100 dc > pc  krb-error 25 padata 2,16 udp microseconds 1
        1.110 pc > dc  as-req alice pkinit udp
        1.120 dc > pc  krb-error 25 padata 2,16 udp microseconds 2
        1.130 dc > pc  as-rep alice ticket T1 pkinit udp
    ",
    );
    assert_eq!((logon.outcome(), logon.exchanges.len()), (Outcome::Succeeded, 2));
    assert!(logon.exchanges[1].granted().is_some());
}

#[test]
fn an_attempt_that_is_told_late_belongs_to_the_logon_it_was_made_for() {
    let logon = only(
        "
        0.000 pc > dc   as-req alice udp
        0.010 pc > dc2  as-req alice udp
        0.014 dc2 > pc  krb-error 25 padata 2 udp
        0.020 pc > dc2  as-req alice password udp
        0.024 dc2 > pc  as-rep alice ticket T1 udp
        1.000 pc > dc   connect unanswered syns 3 since 2
        30              end
    ",
    );
    assert_eq!((logon.outcome(), logon.attempts.len()), (Outcome::Succeeded, 1));
}

#[test]
fn a_connection_in_vain_is_of_the_logon_that_comes_next_at_another_kdc() {
    let logon = only(
        "
        1.000 pc > dc2  as-req alice password
        1.010 dc2 > pc  as-rep alice ticket T1
        11.00 pc > dc   connect unanswered syns 1 since 0 ago 10
        30              end
    ",
    );
    assert_eq!((logon.outcome(), logon.attempts.len()), (Outcome::Succeeded, 1));
}

#[test]
fn a_connection_in_vain_is_not_of_a_logon_long_after_or_at_the_same_kdc() {
    for (at, kdc) in [(10, "dc2"), (1, "dc")] {
        let text = format!(
            "
            {at}.00 pc > {kdc}  as-req alice password
            {at}.01 {kdc} > pc  as-rep alice ticket T1
            60.00   pc > dc     connect unanswered syns 3 since 0 ago 60
            90                  end
        "
        );
        assert_eq!(logons(&text).len(), 2, "{text}");
    }
}

#[test]
fn a_connection_that_fails_does_not_fail_the_use_of_an_old_ticket() {
    let logons = logons(
        "
        0.000 dc > pc   tgs-rep cifs/dc ticket T5 client WELLKNOWN/ANONYMOUS
        1.000 pc > dc2  connect unanswered syns 4
        30              end
    ",
    );
    let shown: Vec<_> = logons.iter().map(|logon| (logon.principal().is_some(), logon.outcome())).collect();
    assert_eq!(shown, [(false, Outcome::Undecided), (false, Outcome::Failed)]);
}

#[test]
fn a_reply_to_a_request_that_is_not_there_answers_none_that_is() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice password
        9.004 dc > pc  as-rep alice ticket T1 pkinit flow 2
    ",
    );
    let shown: Vec<_> = logons.iter().map(|logon| (logon.method, logon.outcome())).collect();
    assert_eq!(shown, [(Method::Password, Outcome::Undecided), (Method::Unknown, Outcome::Succeeded)]);
}

#[test]
fn mirrored_wrong_passwords_on_one_port_are_as_many_as_there_were() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice password udp nonce 1
        0.000 pc > dc  as-req alice password udp nonce 1
        0.004 dc > pc  krb-error 24 udp microseconds 5
        0.004 dc > pc  krb-error 24 udp microseconds 5
        9.000 pc > dc  as-req alice password udp nonce 2
        9.000 pc > dc  as-req alice password udp nonce 2
        9.004 dc > pc  krb-error 24 udp microseconds 7
        9.004 dc > pc  krb-error 24 udp microseconds 7
    ",
    );
    let shown: Vec<_> = logons.iter().map(Logon::outcome).collect();
    assert_eq!(shown, [Outcome::Failed, Outcome::Failed]);
    assert!(logons.iter().all(|logon| logon.exchanges[0].reply.is_some()));
}

/// Sessions as service, proof, whether it was accepted, and whether a ticket joins it.
fn sessions(logon: &Logon) -> Vec<(Service, SessionProof, Option<bool>, bool)> {
    let accepted = |session: &Session| session.answer.map(|(_, answer)| answer == SessionAnswer::Accepted);
    logon.sessions.iter().map(|session| (session.service, session.proof, accepted(session), session.certain)).collect()
}

const SIGNED_IN: &str = "
    0.000 pc > dc  as-req alice pkinit
    0.010 dc > pc  as-rep alice ticket T1 pkinit
    0.020 pc > dc  tgs-req ldap/dc1 ticket T1 flow 2
    0.025 dc > pc  tgs-rep ldap/dc1 ticket T2 flow 2
    0.030 pc > dc  tgs-req cifs/dc1 ticket T1 flow 3
    0.035 dc > pc  tgs-rep cifs/dc1 ticket T3 flow 3
";

#[test]
fn a_ticket_shown_to_ldap_or_smb_joins_for_certain() {
    let script = "
        9.000 pc > dc  bind sasl GSS-SPNEGO
        9.000 pc > dc  ap-req ticket T2 port 389
        9.001 dc > pc  ap-rep port 389
        9.001 dc > pc  bind-result 0
        9.100 pc > dc  ap-req ticket T3
        9.101 dc > pc  ap-rep
        9.200 pc2 > dc ap-req ticket T9
        9.201 dc > pc2 ap-rep
    ";
    let logon = only(&format!("{SIGNED_IN}{script}"));
    let expected = [
        (Service::Ldap, SessionProof::Kerberos, Some(true), true),
        (Service::Smb, SessionProof::Kerberos, Some(true), true),
    ];
    assert_eq!(sessions(&logon), expected);
}

#[test]
fn a_session_by_ntlm_is_inferred_and_has_the_status_of_its_server() {
    let script = "
        0.100 pc > dc  ntlm Alice
        0.101 dc > pc  smb-result c0000016
        0.102 dc > pc  smb-result c000006d
        0.200 pc > dc2 ntlm bob
        0.201 dc2 > pc smb-result 0
    ";
    let logon = only(&format!("{SIGNED_IN}{script}"));
    assert_eq!(sessions(&logon), [(Service::Smb, SessionProof::Ntlm, Some(false), false)]);
}

#[test]
fn a_refused_ticket_is_the_answer_of_its_session() {
    let logon = only(&format!(
        "{SIGNED_IN}
        9.100 pc > dc  ap-req ticket T3
        9.101 dc > pc  krb-error 41 port 445
    "
    ));
    assert_eq!(sessions(&logon), [(Service::Smb, SessionProof::Kerberos, Some(false), true)]);
}

#[test]
fn a_bind_without_a_readable_ticket_follows_the_ticket_for_its_service() {
    let script = "
        0.100 pc > dc  bind sasl GSS-SPNEGO
        0.101 dc > pc  bind-result 14
        0.102 pc > dc  bind sasl GSS-SPNEGO
        0.103 dc > pc  bind-result 0
        0.200 pc > dc  bind sasl GSS-SPNEGO
        0.201 dc > pc  bind-result 0
    ";
    let logon = only(&format!("{SIGNED_IN}{script}"));
    assert_eq!(sessions(&logon), [(Service::Ldap, SessionProof::Sasl, Some(true), false)], "one a connection");
}

#[test]
fn a_bind_of_another_account_or_of_nobody_or_long_after_is_of_no_logon() {
    let script = "
        0.100 pc > dc  bind simple syncsvc@corp.example
        0.101 dc > pc  bind-result 0
        0.200 pc > dc  bind anonymous flow 7
        0.201 dc > pc  bind-result 0 flow 7
        60.00 pc > dc  bind sasl GSSAPI flow 8
        60.01 dc > pc  bind-result 0 flow 8
    ";
    assert_eq!(sessions(&only(&format!("{SIGNED_IN}{script}"))), []);
}

#[test]
fn a_bind_with_the_account_of_the_logon_may_be_refused_or_never_answered() {
    let script = "
        0.100 pc > dc  bind simple CORP\\alice
        0.101 dc > pc  bind-result 49
        0.200 pc > dc  bind simple CN=Alice,DC=corp,DC=example flow 7
        20             end
    ";
    let logon = only(&format!("{SIGNED_IN}{script}"));
    let expected =
        [(Service::Ldap, SessionProof::Simple, Some(false), false), (Service::Ldap, SessionProof::Simple, None, false)];
    assert_eq!(sessions(&logon), expected);
}

#[test]
fn a_ticket_is_used_by_what_asks_with_it_shows_it_or_armors_with_it() {
    let used = |script: &str| {
        let played = play(script);
        let dc = played.facts().domain_controllers.values().next().expect("one").clone();
        (dc.issued.len(), dc.issued.iter().filter(|issuance| issuance.used.is_some()).count())
    };
    let granted = "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit
    ";
    assert_eq!(used(granted), (1, 0));
    assert_eq!(used(&format!("{granted}\n1 pc > dc tgs-req host/pc ticket T1 flow 2")), (1, 1));
    assert_eq!(used(&format!("{granted}\n1 pc > dc tgs-req host/pc ticket T7 flow 2")), (1, 0));
    assert_eq!(used(&format!("{granted}\n1 pc > dc ap-req ticket T1")), (1, 1));
}

#[test]
fn a_ping_is_asked_again_until_it_is_answered() {
    let played = play(
        "
        0.000 pc > dc  ping id 1
        0.400 pc > dc  ping id 2
        0.401 dc > pc  pong id 2 site Rome host DC1.corp.example flags 0x1f3fd
        0.402 dc > pc  pong id 2 site Milan
        5.000 pc > dc  ping id 3
    ",
    );
    let pings = played.facts().pings.pings();
    let shape: Vec<(u32, bool)> = pings.iter().map(|ping| (ping.times, ping.answer().is_some())).collect();
    assert_eq!(shape, [(2, true), (1, false)]);
    let (address, dc) = played.facts().domain_controllers.iter().next().expect("it is one");
    let located = dc.located.as_ref().expect("it said so");
    assert_eq!((located.site.as_str(), located.host.as_str()), ("Milan", ""), "the last answer counts");
    assert!(dc.heard && dc.pinged_by.len() == 1);
    assert_eq!(played.facts().name_of(*address), None);
}

#[test]
fn a_domain_controller_says_its_name_in_answer_to_a_ping() {
    let played = play(
        "
        0.000 pc > dc  ping
        0.001 dc > pc  pong host DC1.corp.example
    ",
    );
    let address = played.facts().domain_controllers.keys().next().expect("it is one");
    assert_eq!(played.facts().name_of(*address), Some("dc1.corp.example"));
}

#[test]
fn a_write_of_keys_has_its_result_by_connection_and_number() {
    let played = play(
        "
        0.000 pc > dc  modify CN=a,DC=x id 2
        0.001 pc > dc  modify CN=b,DC=x id 3
        0.002 pc > dc  modify CN=c,DC=x id 2 flow 5
        0.003 pc > dc  modify CN=d,DC=x attribute mail id 4
        0.010 dc > pc  modify-result 50 id 3
        0.011 dc > pc  modify-result 0 id 2
    ",
    );
    let writes = played.facts().credentials.writes();
    let results: Vec<_> = writes.iter().map(|write| write.answer.map(|(_, code)| code.0)).collect();
    assert_eq!(results, [Some(0), Some(50), None]);
}

#[test]
fn a_question_of_dns_asked_again_is_one_until_it_is_answered() {
    const NAME: &str = "_ldap._tcp.dc._msdcs.corp.example";
    let played = play(&format!(
        "
        0.000 pc > dns  srv {NAME} id 1
        1.000 pc > dns  srv {NAME} id 1
        2.000 pc > dns  srv {NAME} id 2
        2.010 dns > pc  srv-answer {NAME} found id 2
        2.020 dns > pc  srv-answer {NAME} nxdomain id 1
        9.000 pc > dns  srv {NAME} id 3
        30              end
    "
    ));
    let lookups = played.facts().locator.lookups();
    let asked: Vec<Vec<u64>> =
        lookups.iter().map(|lookup| lookup.asked().map(|seen| seen.last.number).collect()).collect();
    assert_eq!(asked, [vec![1, 2, 3], vec![6]]);
    // The first answer counts, whichever of the questions it is to.
    let answer = lookups[0].answer().expect("an answer");
    assert_eq!((answer.seen.last.number, answer.rcode, answer.services), (4, 0, 1));
    assert!(lookups[1].answer().is_none());
}

#[test]
fn a_refusal_right_after_an_answer_that_could_not_be_read_is_of_the_same_logon() {
    // Of two requests and their answers the capture has the first and the last whole.
    let script = "
        0.000 pc > dc  as-req bob
        0.004 dc > pc  hole
        0.050 dc > pc  krb-error 24 client bob flow 2
        30             end
    ";
    assert_eq!(only(script).outcome(), Outcome::Failed);
    let later = script.replace("0.050", "20.00");
    assert_eq!(logons(&later).len(), 2);
    // Lost without a trace, it may be another's.
    let lost = script.replace("0.004 dc > pc  hole\n", "");
    assert_eq!(logons(&lost).len(), 2);
}

#[test]
fn a_refused_connection_right_after_the_ticket_was_issued_was_for_a_service() {
    // The service of the domain controller stops between the sign-in and the request for a service ticket.
    let logon = only(
        "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        0.300 pc > dc  connect refused
        1.400 pc > dc  connect refused
        30             end
    ",
    );
    assert_eq!(logon.outcome(), Outcome::Succeeded);
    assert_eq!(logon.attempts.len(), 2);
}

#[test]
fn connections_in_vain_before_a_request_for_a_service_are_no_logon() {
    // Much later the client wants a service ticket: the first domain controller refuses, the second grants it.
    let logon = only(
        "
        0.000 pc > dc2   as-req alice pkinit
        0.010 dc2 > pc   as-rep alice ticket T1 pkinit
        50.00 pc > dc    connect refused
        50.01 pc > dc2   tgs-req cifs/files ticket T1
        50.02 dc2 > pc   tgs-rep cifs/files ticket T2
        90               end
    ",
    );
    assert_eq!(logon.outcome(), Outcome::Succeeded);
    assert_eq!(logon.attempts.len(), 1);
}

#[test]
fn silence_told_after_the_service_ticket_came_from_elsewhere_is_no_logon() {
    let logon = only(
        "
        0.000 pc > dc2   as-req alice pkinit
        0.010 dc2 > pc   as-rep alice ticket T1 pkinit
        8.000 pc > dns   srv _kerberos._tcp.dc._msdcs.corp.example
        9.000 pc > dc2   tgs-req cifs/files ticket T1
        9.010 dc2 > pc   tgs-rep cifs/files ticket T2
        30.00 pc > dc    connect unanswered syns 2 since 3 ago 22
        30               end
    ",
    );
    assert_eq!(logon.attempts.len(), 1);
}

#[test]
fn a_connection_in_vain_long_after_a_logon_is_another() {
    let logons = logons(
        "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        5.000 pc > dc  connect unanswered syns 4
        30             end
    ",
    );
    assert_eq!(logons.iter().map(Logon::outcome).collect::<Vec<_>>(), [Outcome::Succeeded, Outcome::Failed]);
}

#[test]
fn a_connection_that_ends_without_a_reply_has_failed() {
    let asked = "0.000 pc > dc as-req alice\n0.004 dc > pc krb-error 25\n0.010 pc > dc as-req alice pkinit flow 2\n";
    let outcome = |rest: &str| only(&format!("{asked}{rest}")).outcome();
    assert_eq!(outcome("1 end"), Outcome::Undecided);
    for how in ["server-reset", "server-fin", "client-reset", "client-fin"] {
        assert_eq!(
            outcome(&format!("0.020 pc > dc connect open since 3 closed {how} flow 2")),
            Outcome::Failed,
            "{how}"
        );
    }
    assert_eq!(outcome("0.020 pc > dc connect open flow 2"), Outcome::Undecided);
    assert_eq!(outcome("0.020 pc > dc connect one-sided since 3 closed server-fin flow 2"), Outcome::Undecided);
    assert_eq!(
        outcome("0.020 dc > pc hole flow 2\n0.021 pc > dc connect open since 3 closed server-fin flow 2"),
        Outcome::Undecided
    );
    assert_eq!(outcome("11 end"), Outcome::Failed, "its time was up");
}

#[test]
fn who_was_asked_for_a_proof_and_brings_none_has_not_failed() {
    let logon = only("0.000 pc > dc as-req alice\n0.004 dc > pc krb-error 25\n60 end");
    assert_eq!(logon.outcome(), Outcome::Undecided);
    let logon =
        only("0.0 pc > dc as-req alice udp\n0.1 dc > pc krb-error 25 udp\n0.2 pc > dc as-req alice pkinit udp\n60 end");
    assert_eq!(logon.outcome(), Outcome::Undecided, "a single datagram");
}

#[test]
fn a_client_that_drops_a_connection_once_it_has_its_answer_has_not_failed() {
    let asked = "0.0 pc > dc as-req alice flow 1\n1.0 pc > dc2 as-req alice nonce 1 flow 2\n";
    let answered =
        "1.2 dc > pc krb-error 25 flow 1\n1.201 pc > dc2 connect open since 2 ago 1 closed client-reset flow 2\n3 end";
    assert_eq!(only(&format!("{asked}{answered}")).outcome(), Outcome::Undecided);
}

#[test]
fn what_ends_a_later_connection_between_the_same_ports_decides_no_earlier_request() {
    let later = "60.0 pc > dc connect open since 9 ago 0 closed server-reset\n61 end";
    let logon = only(&format!("0.0 pc > dc as-req alice pkinit\n{later}"));
    assert_eq!(logon.exchanges[0].silence, trace::Silence::TimedOut);
}

#[test]
fn what_is_acknowledged_at_last_was_only_late() {
    let asked = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged\n";
    let lost = only(&format!("{asked}3 end"));
    assert!(lost.exchanges[0].never_delivered().is_some() && lost.exchanges[0].came_late());
    for late in ["2.5 pc > dc unacknowledged at-last\n3 end", "2.5 dc > pc as-rep alice ticket T1 pkinit"] {
        let logon = only(&format!("{asked}{late}"));
        assert!(logon.exchanges[0].never_delivered().is_none() && logon.exchanges[0].came_late(), "{late}");
    }
    let reply =
        "0.0 pc > dc as-req alice pkinit\n0.1 dc > pc as-rep alice ticket T1 pkinit\n2.1 dc > pc unacknowledged\n";
    assert!(only(reply).exchanges[0].lacks_reply());
    assert!(!only(&format!("{reply}4.5 dc > pc unacknowledged at-last")).exchanges[0].lacks_reply());
    // A part of the reply: it has not come yet.
    let part = only("0.0 pc > dc as-req alice pkinit\n2.1 dc > pc unacknowledged\n3 end");
    assert!(part.exchanges[0].lacks_reply() && part.exchanges[0].reply.is_none());
    // Of two requests on a connection the first may have arrived.
    let two = "0.0 pc > dc as-req alice\n0.1 pc > dc as-req bob\n2.2 pc > dc unacknowledged\n3 end";
    let lost: Vec<bool> = play(two).logons().iter().map(|logon| logon.exchanges[0].came_late()).collect();
    assert_eq!(lost, [false, true]);
}

#[test]
fn a_request_that_did_not_get_through_is_an_attempt() {
    let lost = only("0.0 pc > dc connect open lost 2896 to-server\n0.1 pc > dc hole lost\n20 end");
    assert_eq!((lost.attempts.len(), lost.exchanges.len(), lost.outcome()), (1, 0, Outcome::Failed));
    assert_eq!(lost.attempts[0].lost_request().map(|lost| lost.bytes), Some(2896));
    // The next one does, on another connection.
    let asked = "2.0 pc > dc as-req alice pkinit flow 2\n2.1 dc > pc as-rep alice ticket T1 pkinit flow 2";
    let played = play(&format!("0.0 pc > dc connect open lost 2896 to-server\n{asked}"));
    assert_eq!(played.logons().iter().map(Logon::outcome).filter(|outcome| *outcome == Outcome::Succeeded).count(), 1);
    // One that is there already, and waits: what was lost is of another.
    let waits = only("0.0 pc > dc as-req alice\n0.1 pc > dc connect open since 1 lost 2896 to-server\n20 end");
    assert!(waits.attempts.is_empty());
}

#[test]
fn a_reply_of_which_a_part_did_not_arrive_is_not_hidden() {
    let asked = "0.0 pc > dc as-req alice pkinit\n5.0 dc > pc hole lost\n";
    let logon = only(&format!("{asked}5.1 pc > dc connect open since 1 closed client-fin lost 1448 to-client\n20 end"));
    assert_eq!(logon.exchanges[0].lost_reply.map(|lost| lost.bytes), Some(1448));
    assert_eq!(logon.outcome(), Outcome::Failed);
    let hidden = only("0.0 pc > dc as-req alice pkinit\n5.0 dc > pc hole\n20 end");
    assert_eq!(hidden.outcome(), Outcome::Undecided);
}
