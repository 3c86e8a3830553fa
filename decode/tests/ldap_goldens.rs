//! Recorded messages: what they say, what is left out on purpose, and that damage never stops the decoder.

#![allow(clippy::indexing_slicing, reason = "tests")]

use decode::ldap::{Message, Operation, ResultCode, decode, decode_all};
use proptest::prelude::*;
use serde_json::{Value, json};

macro_rules! goldens {
    ($($name:ident)*) => {
        const GOLDENS: &[(&str, &[u8])] =
            &[$((stringify!($name), include_bytes!(concat!("data/ldap/", stringify!($name), ".bin")))),*];
    };
}

// Those that hold messages only.
goldens! {
    search_client search_server register_client register_server found_server gssapi_client cldap_ping cldap_answer
}

fn golden(name: &str) -> &'static [u8] {
    GOLDENS.iter().find(|(golden, _)| *golden == name).expect("a golden of that name").1
}

/// The messages in clear at the beginning of a golden.
fn messages(name: &str) -> Vec<Message> {
    let (messages, _) = decode_all(golden(name));
    assert!(!messages.is_empty(), "{name}");
    messages
}

fn shown(message: &Message) -> (&'static str, Value) {
    (message.name(), serde_json::to_value(message).expect("a message is plain data"))
}

fn all_shown(name: &str) -> Vec<(&'static str, Value)> {
    messages(name).iter().map(shown).collect()
}

#[test]
fn a_search_and_what_it_finds() {
    let asked = [
        ("bindRequest", json!({"message_id": 1, "bind_dn": "syncsvc@corp.example", "mechanism": "simple"})),
        (
            "searchRequest",
            json!({
                "message_id": 2,
                "base": "DC=corp,DC=example",
                "scope": 2,
                "filter": "(userPrincipalName=bob@corp.example)",
                "attributes": ["msDS-KeyCredentialLink", "objectGUID"],
            }),
        ),
        ("unbindRequest", json!({"message_id": 3})),
    ];
    assert_eq!(all_shown("search_client"), asked);
    let success = |id| json!({"message_id": id, "result_code": 0, "result_name": "success", "diagnostic": ""});
    let found = [
        ("bindResponse", success(1)),
        (
            "searchResEntry",
            json!({"message_id": 2, "dn": "CN=bob,CN=Users,DC=corp,DC=example", "attributes": ["objectGUID"]}),
        ),
        ("searchResRef", json!({"message_id": 2})),
        ("searchResRef", json!({"message_id": 2})),
        ("searchResRef", json!({"message_id": 2})),
        ("searchResDone", success(2)),
    ];
    assert_eq!(all_shown("search_server"), found);
}

#[test]
fn a_key_credential_is_written() {
    let asked = all_shown("register_client");
    assert_eq!(asked[1].0, "modifyRequest");
    let key = json!({
        "dn": "CN=bob,CN=Users,DC=corp,DC=example",
        "version": 0x200,
        "key_id": "s1egTrd8UOVPNy/mfWLBnT7cFmRkIqzj6MGiM3p0aJw=",
        "key_id_matches": true,
        "key_hash_matches": true,
        "material": {
            "form": "spki",
            "bytes": 294,
            "key": {"algorithm": "rsa", "bits": 2048},
            "bcrypt_key_id": "9zGgLR8URdMXsymf9hRNP8I6UXecMF5bU0XQ3BraGhA=",
            "roca_weak": false,
        },
        "usage": 1,
        "usage_name": "NGC",
        "created": "2026-11-22T10:05:15.000000000Z",
    });
    let mut added = key.clone();
    added["change"] = json!("add");
    assert_eq!(
        asked[1].1,
        json!({
            "message_id": 2,
            "dn": "CN=bob,CN=Users,DC=corp,DC=example",
            "modified": ["msDS-KeyCredentialLink"],
            "keys": [added],
        })
    );
    // Who asks afterwards is told the same.
    let found = all_shown("found_server");
    assert_eq!((found[1].0, &found[1].1["attributes"]), ("searchResEntry", &json!(["msDS-KeyCredentialLink"])));
    assert_eq!(found[1].1["keys"], json!([key]));
    let answered = all_shown("register_server");
    assert_eq!(answered[1].0, "modifyResponse");
    assert_eq!(answered[1].1["diagnostic"], "00000000: Success");
    let Operation::ModifyRequest(change) = &messages("register_client")[1].operation else { panic!("a modification") };
    assert!(change.attributes.contains("MSDS-keycredentiallink"));
    assert!(!change.attributes.contains("msDS-KeyCredential"));
}

/// A SEQUENCE or whatever `tag` is, with a length of four bytes.
fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).expect("small").to_be_bytes();
    [&[tag, 0x84], &length[..], contents].concat()
}

fn text(value: &[u8]) -> Vec<u8> {
    wrap(4, value)
}

/// A PartialAttribute.
fn attribute(name: &str, values: &[&[u8]]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
    wrap(0x30, &[text(name.as_bytes()), wrap(0x31, &values)].concat())
}

/// A message about CN=a with this operation.
fn about(operation: u8, list: &[Vec<u8>]) -> Message {
    let operation = wrap(operation, &[text(b"CN=a"), wrap(0x30, &list.concat())].concat());
    decode(&wrap(0x30, &[vec![2, 1, 7], operation].concat())).expect("a message")
}

#[test]
fn changes_say_what_they_do_with_a_key() {
    let value: &[u8] = b"B:8:00020000:CN=a";
    let change =
        |kind, values: &[&[u8]]| wrap(0x30, &[vec![10, 1, kind], attribute("MSDS-keyCredentialLink", values)].concat());
    let changed = |changes: &[Vec<u8>]| shown(&about(0x66, changes)).1;
    let kinds = |fields: &Value| -> Vec<String> {
        let keys = fields["keys"].as_array().into_iter().flatten();
        keys.map(|key| key["change"].as_str().expect("text").to_owned()).collect()
    };
    let several = changed(&[change(0, &[value]), change(1, &[value, value]), change(3, &[value])]);
    assert_eq!(kinds(&several), ["add", "delete", "delete", "3"]);
    assert_eq!(several.get("all_keys_removed"), None);
    let replaced = changed(&[change(2, &[value])]);
    assert_eq!((kinds(&replaced), &replaced["all_keys_removed"]), (vec!["replace".to_owned()], &json!(true)));
    for kind in [1, 2] {
        let emptied = changed(&[change(kind, &[])]);
        assert_eq!((emptied.get("keys"), &emptied["all_keys_removed"]), (None, &json!(true)));
    }
    // An object is made with a key; it is found; and a search for names finds no values.
    for (operation, list) in [(0x68, "modified"), (0x64, "attributes")] {
        let with =
            shown(&about(operation, &[attribute("cn", &[b"a"]), attribute("msDS-KeyCredentialLink", &[value])])).1;
        assert_eq!((&with["keys"][0]["version"], with[list].as_array().map(Vec::len)), (&json!(0x200), Some(2)));
        assert_eq!(with["keys"][0].get("change"), None);
        let without = about(operation, &[attribute("msDS-KeyCredentialLink", &[])]);
        assert_eq!((shown(&without).1.get("keys"), without.stopped), (None, None));
    }
}

#[test]
fn the_attributes_name_alone_is_no_key() {
    // As a schema has it: the name as a value of other attributes.
    let schema =
        [attribute("lDAPDisplayName", &[b"msDS-KeyCredentialLink"]), attribute("attributeTypes", &[b"B:8:00020000:a"])];
    let found = about(0x64, &schema);
    assert_eq!((shown(&found).1.get("keys"), found.stopped), (None, None));
}

#[test]
fn more_keys_than_are_kept_are_told() {
    let values = [&b"B:8:00020000:CN=a"[..]; 300];
    let found = about(0x64, &[attribute("msDS-KeyCredentialLink;range=0-299", &values)]);
    let Operation::SearchResultEntry(entry) = &found.operation else { panic!("an entry") };
    let keys = entry.keys.as_ref().expect("keys");
    assert_eq!((keys.values.len(), keys.left_out), (decode::ldap::MAX_KEYS, 300 - decode::ldap::MAX_KEYS));
    assert_eq!(found.stopped.as_deref(), Some("44 more key credentials than are kept"));
}

#[test]
fn passwords_and_values_are_not_kept() {
    for (name, _) in GOLDENS {
        for message in messages(name) {
            let all = format!("{message:?} {}", shown(&message).1);
            assert!(!all.contains("Svc.Pass"), "{name}: {all}");
            assert!(!all.contains("B:772:"), "{name}: {all}");
        }
    }
}

#[test]
fn a_gssapi_bind_names_its_mechanism_only() {
    let steps = all_shown("gssapi_client");
    let step = |id| ("bindRequest", json!({"message_id": id, "bind_dn": "", "mechanism": "GSSAPI"}));
    assert_eq!(steps, [step(1), step(2), step(3)]);
}

#[test]
fn a_netlogon_ping_and_its_answer() {
    let ping = all_shown("cldap_ping");
    assert_eq!(
        ping,
        [(
            "searchRequest",
            json!({
                "message_id": 25829,
                "base": "",
                "scope": 0,
                "filter": "(&(NtVer=\\06\\00\\00\\20)(DnsDomain=corp.example))",
                "attributes": ["NetLogon"],
            }),
        )]
    );
    let answer = all_shown("cldap_answer");
    assert_eq!(answer.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["searchResEntry", "searchResDone"]);
    assert_eq!(
        answer[0].1["netlogon"],
        json!({
            "opcode": 23,
            "opcode_name": "LOGON_SAM_LOGON_RESPONSE_EX",
            "flags": 0x13fd,
            "flag_names": [
                "DS_PDC_FLAG", "DS_GC_FLAG", "DS_LDAP_FLAG", "DS_DS_FLAG", "DS_KDC_FLAG", "DS_TIMESERV_FLAG",
                "DS_CLOSEST_FLAG", "DS_WRITABLE_FLAG", "DS_GOOD_TIMESERV_FLAG", "DS_FULL_SECRET_DOMAIN_6_FLAG",
            ],
            "domain_guid": "37415233-33a9-44e1-a7db-e8e24406f3e1",
            "forest": "corp.example",
            "domain": "corp.example",
            "host": "dc1.corp.example",
            "netbios_domain": "CORP",
            "netbios_host": "DC1",
            "user": "",
            "server_site": "Default-First-Site-Name",
            "client_site": "Default-First-Site-Name",
            "nt_version": 5,
            "lmnt_token": 0xffff,
            "lm20_token": 0xffff,
        })
    );
}

/// A message with this operation, whose length fits a short form.
fn message(operation: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x30, u8::try_from(operation.len() + 3).expect("short"), 2, 1, 5];
    bytes.extend(operation);
    bytes
}

#[test]
fn what_rfc_4511_does_not_have_is_named_all_the_same() {
    // Sicily, step 9, and an answer with a token for a name.
    let sicily = message(&[0x60, 11, 2, 1, 3, 4, 0, 0x89, 4, 0xde, 0xad, 0xbe, 0xef]);
    let sicily = decode(&sicily).expect("a bind");
    assert_eq!(shown(&sicily).1, json!({"message_id": 5, "bind_dn": "", "mechanism": "sicily"}));
    let answer = decode(&message(&[0x61, 9, 10, 1, 0, 4, 2, 0xff, 0xfe, 4, 0])).expect("an answer");
    assert_eq!(answer.operation.outcome().and_then(|outcome| outcome.code), Some(ResultCode::SUCCESS));
    assert_eq!(answer.stopped, None);
    // A result code that nobody defined.
    let odd = decode(&message(&[0x65, 7, 10, 1, 90, 4, 0, 4, 0])).expect("an answer");
    assert_eq!(shown(&odd).1, json!({"message_id": 5, "result_code": 90, "diagnostic": ""}));
    // An operation that nobody defined.
    let unknown = decode(&message(&[0x7d, 0])).expect("a message");
    assert_eq!(shown(&unknown), ("unknown", json!({"message_id": 5, "operation": 0x7d})));
    // Directories of others write lengths longer than need be.
    let long = [0x30, 0x84, 0, 0, 0, 5, 2, 1, 9, 0x42, 0];
    assert_eq!(decode(&long).expect("a message").message_id, Some(9));
}

#[test]
fn a_name_that_is_not_text_is_kept() {
    let bind = decode(&message(&[0x60, 11, 2, 1, 3, 4, 4, 0xff, 0x1b, b'[', b'A', 0x80, 0])).expect("a bind");
    let Operation::BindRequest(bind) = bind.operation else { panic!("a bind") };
    assert_eq!(bind.bind_dn.map(|name| name.to_string()).as_deref(), Some("\\xff\\u{1b}[A"));
}

#[test]
fn what_breaks_off_keeps_what_came_before() {
    let broken = decode(&message(&[0x63, 8, 4, 2, b'd', b'c', 10, 1, 2, 7])).expect("a search");
    let (name, fields) = shown(&broken);
    assert_eq!(name, "searchRequest");
    assert_eq!((&fields["base"], &fields["scope"]), (&json!("dc"), &json!(2)));
    assert!(broken.stopped.is_some());
    // An operation that claims more than its message holds.
    let claims = decode(&message(&[0x66, 0x84, 0x7f, 0xff, 0xff, 0xff, 4, 2, b'd', b'c'])).expect("a modification");
    assert_eq!(shown(&claims).1["dn"], "dc");
    assert!(claims.stopped.is_some());
}

#[test]
fn more_attributes_than_are_kept_are_told() {
    let names: Vec<u8> = (0..2000).flat_map(|_| [0x30, 4, 4, 0, 0x31, 0]).collect();
    let length = |size: usize| u32::try_from(size).expect("small").to_be_bytes();
    let mut operation = vec![4, 0, 0x30, 0x84];
    operation.extend(length(names.len()));
    operation.extend(names);
    let mut bytes = vec![2, 1, 1, 0x64, 0x84];
    bytes.extend(length(operation.len()));
    bytes.extend(operation);
    let mut whole = vec![0x30, 0x84];
    whole.extend(length(bytes.len()));
    whole.extend(bytes);
    let entry = decode(&whole).expect("an entry");
    let Operation::SearchResultEntry(found) = &entry.operation else { panic!("an entry") };
    assert_eq!(found.attributes.len(), decode::ldap::MAX_ATTRIBUTES);
    assert_eq!(entry.stopped.as_deref(), Some("more or longer names than are kept"));
}

#[test]
fn truncation_never_invents_a_message() {
    for (name, bytes) in GOLDENS {
        let (whole, _) = decode_all(bytes);
        for length in 0..bytes.len() {
            let (cut, error) = decode_all(&bytes[..length]);
            assert_eq!(cut, whole[..cut.len()], "{name} cut to {length} bytes");
            let boundary = error.is_none();
            assert!(cut.len() < whole.len() || boundary || *name == "gssapi_client", "{name} cut to {length} bytes");
        }
    }
}

/// Where another decoder reads a message, and ours does to its end, both read the same.
fn agrees_with_rasn(bytes: &[u8]) {
    use rasn_ldap::{AuthenticationChoice, LdapMessage, ProtocolOp};
    let Ok(theirs) = rasn::ber::decode::<LdapMessage>(bytes) else { return };
    // It takes primitive and constructed forms for the same, and indefinite lengths.
    let Ok(ours) = decode(bytes) else { return };
    assert_eq!(ours.message_id, Some(i64::from(theirs.message_id)));
    let (_, fields) = shown(&ours);
    if ours.stopped.is_some() || ours.name() == "unknown" {
        return;
    }
    let result = |result: &rasn_ldap::LdapResult| {
        assert_eq!(fields["result_code"], json!(result.result_code as i64));
        assert_eq!(fields["diagnostic"], json!(result.diagnostic_message.0));
    };
    match (&theirs.protocol_op, ours.name()) {
        (ProtocolOp::BindRequest(bind), "bindRequest") => {
            assert_eq!(fields["bind_dn"], json!(bind.name.0));
            match &bind.authentication {
                AuthenticationChoice::Sasl(sasl) => assert_eq!(fields["mechanism"], json!(sasl.mechanism.0)),
                _ => assert_eq!(fields["mechanism"], "simple"),
            }
        }
        (ProtocolOp::SearchRequest(search), "searchRequest") => {
            assert_eq!(fields["base"], json!(search.base_object.0));
            assert_eq!(fields["scope"], json!(search.scope as i64));
            let attributes: Vec<&str> = search.attributes.iter().map(|name| name.0.as_str()).collect();
            assert_eq!(fields["attributes"], json!(attributes));
        }
        (ProtocolOp::SearchResEntry(entry), "searchResEntry") => {
            assert_eq!(fields["dn"], json!(entry.object_name.0));
            let attributes: Vec<&str> = entry.attributes.iter().map(|attribute| attribute.r#type.0.as_str()).collect();
            assert_eq!(fields["attributes"], json!(attributes));
        }
        (ProtocolOp::ModifyRequest(change), "modifyRequest") => {
            assert_eq!(fields["dn"], json!(change.object.0));
            let changed: Vec<&str> = change.changes.iter().map(|one| one.modification.r#type.0.as_str()).collect();
            assert_eq!(fields["modified"], json!(changed));
        }
        (ProtocolOp::SearchResDone(done), "searchResDone") => result(&done.0),
        (ProtocolOp::ModifyResponse(done), "modifyResponse") => result(&done.0),
        (ProtocolOp::BindResponse(done), "bindResponse") => {
            assert_eq!(fields["result_code"], json!(done.result_code as i64));
        }
        (ProtocolOp::SearchResRef(_), "searchResRef")
        | (ProtocolOp::UnbindRequest(_), "unbindRequest")
        | (ProtocolOp::AbandonRequest(_), "abandonRequest") => {}
        (theirs, ours) => {
            let operation = format!("{theirs:?}").to_lowercase();
            let name = ours.trim_end_matches("Request").trim_end_matches("Response").to_lowercase();
            assert!(operation.starts_with(&name), "{theirs:?} is {ours} to us");
        }
    }
}

#[test]
fn another_decoder_reads_the_same() {
    let mut compared = 0;
    for (name, bytes) in GOLDENS {
        let mut rest = *bytes;
        for message in messages(name) {
            assert_eq!(message.stopped, None, "{name}");
            agrees_with_rasn(rest);
            let length = usize::from(rest[1]);
            let whole = match length {
                0x81 => 3 + usize::from(rest[2]),
                0x82 => 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]])),
                short => 2 + short,
            };
            rest = &rest[whole..];
            compared += 1;
        }
    }
    assert_eq!(compared, 26);
}

proptest! {
    // A failing case is worth a test of its own rather than a seed in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for message in decode_all(&bytes).0 {
            shown(&message);
        }
    }

    #[test]
    fn bytes_behind_a_message_head_never_panic(
        tag in 0x40..0x80_u8,
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let length = u8::try_from(bytes.len()).expect("short");
        let mut whole = vec![0x30, length + 5, 2, 1, 1, tag, length];
        whole.extend(bytes);
        if let Ok(message) = decode(&whole) {
            shown(&message);
        }
    }

    #[test]
    fn mutated_goldens_never_panic_and_agree(
        which in 0..GOLDENS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = GOLDENS[which].1.to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for message in decode_all(&bytes).0 {
            shown(&message);
        }
        agrees_with_rasn(&bytes);
    }
}
