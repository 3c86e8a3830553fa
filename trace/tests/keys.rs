//! What LDAP in clear shows of keys in the directory.

use capture::{Batch, Progress, Source as _};
use trace::{
    Principal, Settings, Tie, Tracer,
    script::{Played, play},
};

const BOB: &str = "CN=bob,CN=Users,DC=corp,DC=example";

/// Whether bob has the key, by each message in turn: a read (`true`) or a write, and what it says.
fn said(script: &str, key: &str) -> Vec<(bool, Option<bool>)> {
    let script = script.replace("BOB", BOB);
    let played: Played = play(&script);
    let credentials = &played.facts().credentials;
    let bob = Principal { name: "bob".to_owned(), realm: "CORP.EXAMPLE".to_owned() };
    let mut objects = credentials.of_account(&bob);
    let Some((object, _)) = objects.next() else { return Vec::new() };
    assert!(objects.next().is_none(), "one object");
    credentials.statements(object, key).iter().map(|said| (said.read, said.holds)).collect()
}

#[test]
fn a_key_is_missing_then_written_read_and_taken_away() {
    let script = "
        1.0 pc > dc search (sAMAccountName=bob) id 1
        1.1 dc > pc entry BOB id 1
        1.2 dc > pc search-result 0 id 1
        2.0 pc > dc modify BOB adds K1 id 2
        2.1 dc > pc modify-result 0 id 2
        3.0 pc > dc search (sAMAccountName=bob) id 3
        3.1 dc > pc entry BOB keys K1,K2 id 3
        3.2 dc > pc search-result 0 id 3
        4.0 pc > dc modify BOB removes K1 id 4
        4.1 dc > pc modify-result 0 id 4
        5.0 pc > dc modify BOB clears id 5
    ";
    let expected = [(true, Some(false)), (false, Some(true)), (true, Some(true)), (false, Some(false)), (false, None)];
    assert_eq!(said(script, "K1"), expected);
    // What concerns another key says nothing of this one.
    assert_eq!(said(script, "K2"), [(true, Some(false)), (true, Some(true)), (false, None)]);
}

#[test]
fn a_write_that_was_refused_says_nothing_and_one_without_an_answer_leaves_it_open() {
    assert_eq!(said("1.0 pc > dc modify BOB adds K1\n1.1 dc > pc modify-result 50", "K1"), []);
    assert_eq!(said("1.0 pc > dc modify BOB adds K1", "K1"), [(false, None)]);
}

#[test]
fn a_search_that_does_not_end_shows_no_absence() {
    assert_eq!(said("1.0 pc > dc search (sAMAccountName=bob)\n1.1 dc > pc entry BOB", "K1"), []);
}

#[test]
fn the_same_read_again_is_kept_as_first_and_last() {
    let script: String = (1..9).map(|at| format!("{at}.0 dc > pc entry {BOB} keys K1\n")).collect::<Vec<_>>().concat();
    assert_eq!(said(&script, "K1"), [(true, Some(true)), (true, Some(true))]);
    let played = play(&script);
    let object = played.facts().credentials.objects().first().expect("an object");
    assert_eq!(object.reads.len(), 1);
    let bob = Principal { name: "bob".to_owned(), realm: "corp.example".to_owned() };
    assert_eq!(object.tie(&bob), Some(Tie::CommonName));
}

/// Most of LDAP is only counted where it is decoded; what answers a search for keys must not be.
#[test]
fn a_capture_shows_the_read_without_a_key_the_write_and_the_read_of_it() {
    for shards in [1, 3] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/key-registered-in-clear/capture.pcap");
        let mut source = capture::open(&[path]).expect("the sample can be read");
        let mut tracer = Tracer::new(Settings { shards });
        let mut batch = Batch::new(16);
        loop {
            let progress = source.fill(&mut batch).expect("the sample can be read");
            tracer.push(&batch, |_, _| ());
            if progress == Progress::End {
                break;
            }
        }
        tracer.finish(source.losses());
        let credentials = &tracer.facts().credentials;
        let [object] = credentials.objects() else { panic!("one object is read and written") };
        let written =
            credentials.writes().iter().filter_map(|write| write.keys.as_deref()).flat_map(|keys| &keys.values);
        let mut keys = written.filter_map(|value| value.credential.material.as_ref()?.bcrypt_key_id.clone());
        let key = keys.next().expect("a key is written");
        let said = credentials.statements(object, &key);
        let said: Vec<(bool, Option<bool>)> = said.iter().map(|said| (said.read, said.holds)).collect();
        assert_eq!(said, [(true, Some(false)), (false, Some(true)), (true, Some(true))], "{shards} shards");
    }
}
