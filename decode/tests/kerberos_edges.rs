//! Messages that are legal, usual or merely possible, and on which Kerberos decoders are known to fail. Built by hand.

use decode::kerberos::{DecodeErrorKind, ErrorCode, KdcRequest, KrbError, Message, PaType, decode};

/// An element with a definite length.
fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.push(u8::try_from(length).expect("a short element")),
        0x80..0x100 => bytes.extend([0x81, u8::try_from(length).expect("a short element")]),
        _ => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(length).expect("a short element").to_be_bytes());
        }
    }
    bytes.extend(contents);
    bytes
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, value)
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn int(bytes: &[u8]) -> Vec<u8> {
    tlv(2, bytes)
}

fn text(text: &[u8]) -> Vec<u8> {
    tlv(0x1b, text)
}

fn time(text: &str) -> Vec<u8> {
    tlv(0x18, text.as_bytes())
}

fn name(kind: u8, components: &[&[u8]]) -> Vec<u8> {
    let components: Vec<Vec<u8>> = components.iter().map(|component| text(component)).collect();
    sequence(&[field(0, &int(&[kind])), field(1, &sequence(&components))])
}

fn encrypted(kvno: &[u8]) -> Vec<u8> {
    sequence(&[field(0, &int(&[18])), field(1, &int(kvno)), field(2, &tlv(4, b"cipher"))])
}

/// The fields of a request's body that every request has; those given replace the ones of the same number.
fn body(changed: &[(u8, Vec<u8>)]) -> Vec<Vec<u8>> {
    let usual = [
        (0, tlv(3, &[0, 0x40, 0x81, 0, 0x10])),
        (1, name(1, &[b"alice"])),
        (2, text(b"CORP.EXAMPLE")),
        (3, name(2, &[b"krbtgt", b"CORP.EXAMPLE"])),
        (5, time("20370913024805Z")),
        (7, int(&[0x2a])),
        (8, sequence(&[int(&[18]), int(&[23]), int(&[0xff, 0x79])])),
    ];
    let mut fields: Vec<(u8, Vec<u8>)> =
        usual.into_iter().filter(|(number, _)| !changed.iter().any(|(other, _)| other == number)).collect();
    fields.extend(changed.iter().cloned());
    fields.sort_by_key(|(number, _)| *number);
    fields.into_iter().map(|(number, value)| field(number, &value)).collect()
}

fn as_req_with(padata: Option<Vec<u8>>, body: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = vec![field(1, &int(&[5])), field(2, &int(&[10]))];
    parts.extend(padata.map(|padata| field(3, &padata)));
    parts.push(field(4, &sequence(body)));
    tlv(0x6a, &sequence(&parts))
}

fn as_req(changed: &[(u8, Vec<u8>)]) -> Vec<u8> {
    as_req_with(None, &body(changed))
}

fn request(bytes: &[u8]) -> KdcRequest {
    match decode(bytes).expect("a message") {
        Message::KdcRequest(request) => request,
        other => panic!("{other:?}"),
    }
}

fn krb_error(fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let fields: Vec<Vec<u8>> = fields.iter().map(|(number, value)| field(*number, value)).collect();
    tlv(0x7e, &sequence(&fields))
}

fn error(bytes: &[u8]) -> KrbError {
    match decode(bytes).expect("a message") {
        Message::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nonce_of_any_form_is_kept_as_encoded() {
    for (bytes, nonce) in [
        (&[0, 0xff, 0xff, 0xff, 0xff][..], 0xffff_ffff),
        (&[0xff, 0xff, 0xff, 0xfe], -2),
        (&[0x80, 0, 0, 0], i64::from(i32::MIN)),
        (&[0], 0),
        (&[0, 0, 0, 1], 1),
        (&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i64::MAX),
    ] {
        let request = request(&as_req(&[(7, int(bytes))]));
        assert_eq!((request.nonce, request.stopped), (Some(nonce), None));
    }
}

#[test]
fn a_number_beyond_64_bits_costs_its_field_only() {
    let request = request(&as_req(&[(7, int(&[1, 0, 0, 0, 0, 0, 0, 0, 0]))]));
    assert_eq!(request.nonce, None);
    assert_eq!(request.etypes.len(), 3);
    assert!(request.stopped.expect("a clause").starts_with("nonce: a value is not of its type at offset "));
}

#[test]
fn key_versions_of_read_only_controllers_are_read_in_either_form() {
    let ticket = |kvno: &[u8]| {
        let ticket = tlv(
            0x61,
            &sequence(&[
                field(0, &int(&[5])),
                field(1, &text(b"CORP.EXAMPLE")),
                field(2, &name(2, &[b"krbtgt", b"CORP.EXAMPLE"])),
                field(3, &encrypted(kvno)),
            ]),
        );
        let ap_req = sequence(&[
            field(0, &int(&[5])),
            field(1, &int(&[14])),
            field(2, &tlv(3, &[0, 0, 0, 0, 0])),
            field(3, &ticket),
            field(4, &encrypted(&[1])),
        ]);
        match decode(&tlv(0x6e, &ap_req)).expect("a message") {
            Message::ApRequest(request) => {
                assert_eq!(request.stopped, None);
                request.ticket.expect("a ticket")
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ticket(&[0, 0xa1, 0xb2, 0, 2]).kvno, Some(0xa1b2_0002));
    assert_eq!(ticket(&[0xa1, 0xb2, 0, 2]).kvno, Some(i64::from(0xa1b2_0002_u32.cast_signed())));
    assert_eq!(ticket(&[2]).id, ticket(&[3]).id, "the id is of the encrypted bytes alone");
}

#[test]
fn names_keep_their_bytes_whatever_they_are() {
    for (bytes, shown) in [
        ("é".as_bytes(), "é"),
        ("À".as_bytes(), "À"),
        ("山田".as_bytes(), "山田"),
        (b"al\xffice", "al\\xffice"),
        (b"\x1b[2J", "\\u{1b}[2J"),
        (b"", ""),
    ] {
        let request = request(&as_req(&[(1, name(10, &[bytes]))]));
        let cname = request.cname.expect("a name");
        assert_eq!(cname.to_string(), shown);
        assert_eq!(cname.components[0].as_bytes(), bytes);
        assert_eq!((cname.name_type, request.stopped), (10, None));
    }
}

#[test]
fn strings_of_other_types_are_strings() {
    let request = request(&as_req(&[(2, tlv(0x0c, b"CORP.EXAMPLE"))]));
    assert_eq!(request.realm.expect("a realm").to_string(), "CORP.EXAMPLE");
    assert_eq!(request.stopped, None);
}

#[test]
fn a_name_with_an_unreadable_component_is_no_name() {
    let broken = sequence(&[field(0, &int(&[2])), field(1, &sequence(&[text(b"host"), int(&[1])]))]);
    let request = request(&as_req(&[(3, broken)]));
    assert_eq!(request.sname, None);
    assert_eq!(request.cname.expect("the other name").to_string(), "alice");
    assert!(request.stopped.expect("a clause").starts_with("sname: an unexpected tag"));
}

#[test]
fn times_that_do_not_exist_cost_their_field_only() {
    for text in ["00000000000000Z", "20260231000000Z", "20261122102060Z", "99991231235959Z"] {
        let request = request(&as_req(&[(5, time(text))]));
        assert_eq!(request.till, None, "{text}");
        assert_eq!(request.nonce, Some(42), "{text}");
        assert!(request.stopped.expect("a clause").starts_with("till: a value is not of its type"));
    }
    let request = request(&as_req(&[(5, time("20261122102030.5Z"))]));
    assert_eq!(request.till.expect("a time").to_string(), "2026-11-22T10:20:30.000000000Z");
    assert_eq!(request.stopped, None);
}

#[test]
fn the_beginning_of_1970_is_a_time() {
    let request = request(&as_req(&[(5, time("19700101000000Z"))]));
    assert_eq!(request.till.expect("a time").seconds(), 0);
}

#[test]
fn an_error_may_lack_realm_and_service() {
    let error = error(&krb_error(&[
        (0, int(&[5])),
        (1, int(&[30])),
        (4, time("20261122102030Z")),
        (5, int(&[0])),
        (6, int(&[60])),
    ]));
    assert_eq!(error.code, ErrorCode::GENERIC);
    assert!(error.realm.is_none() && error.sname.is_none() && error.stopped.is_none());
    assert_eq!(error.susec, Some(0));
}

#[test]
fn an_error_keeps_the_client_s_time_and_a_negative_code() {
    let error = error(&krb_error(&[(2, time("20261122102029Z")), (3, int(&[1, 0])), (6, int(&[0xff]))]));
    assert_eq!(error.code, ErrorCode(-1));
    assert_eq!(error.ctime.expect("a time").to_string(), "2026-11-22T10:20:29.000000000Z");
    assert_eq!(error.cusec, Some(256));
}

#[test]
fn an_error_without_its_code_is_refused() {
    let refused = decode(&krb_error(&[(0, int(&[5])), (1, int(&[30])), (4, time("20261122102030Z"))])).unwrap_err();
    assert_eq!(refused.kind, DecodeErrorKind::NoErrorCode);
    assert_eq!(refused.to_string(), "a KRB-ERROR without a readable error code");
}

#[test]
fn bytes_after_the_message_are_mentioned() {
    let mut bytes = as_req(&[]);
    bytes.extend([0; 12]);
    let request = request(&bytes);
    assert_eq!(request.nonce, Some(42));
    assert_eq!(request.stopped.as_deref(), Some("12 bytes after the message"));
}

#[test]
fn lengths_may_be_longer_than_they_need_be() {
    let short = as_req(&[]);
    let inner = &short[2 + usize::from(short[1] > 0x80)..];
    let mut bytes = vec![0x6a, 0x84, 0, 0];
    bytes.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
    bytes.extend(inner);
    assert_eq!(request(&bytes).stopped, None);
    let long_int = [2, 0x83, 0, 0, 1, 7].to_vec();
    assert_eq!(request(&as_req(&[(7, long_int)])).nonce, Some(7));
}

#[test]
fn an_indefinite_length_ends_the_structure_it_stands_in() {
    let request = request(&as_req(&[(7, vec![0x22, 0x80, 2, 1, 7, 0, 0])]));
    assert_eq!(request.nonce, None);
    assert_eq!(request.etypes.len(), 3, "the field after it has a length of its own");
    let mut whole = as_req(&[]);
    whole[1] = 0x80;
    assert!(decode(&whole).is_err());
}

#[test]
fn an_outer_length_that_is_too_small_or_too_large_is_survived() {
    let bytes = as_req(&[]);
    assert_eq!(bytes[1], 0x81);
    let mut small = bytes.clone();
    small[2] -= 5;
    let cut = request(&small);
    assert_eq!(cut.cname.expect("a name").to_string(), "alice");
    assert!(cut.stopped.is_some());
    let mut large = bytes.clone();
    large[2] += 5;
    assert_eq!(request(&large).etypes.len(), 3);
}

#[test]
fn unknown_fields_are_skipped() {
    let mut fields = body(&[]);
    fields.push(field(12, &sequence(&[int(&[1])])));
    fields.push(field(30, &tlv(4, b"later")));
    let request = request(&as_req_with(None, &fields));
    assert_eq!((request.nonce, request.stopped), (Some(42), None));
}

#[test]
fn fields_out_of_order_are_read() {
    let mut fields = body(&[]);
    fields.reverse();
    let request = request(&as_req_with(None, &fields));
    assert_eq!(request.cname.expect("a name").to_string(), "alice");
    assert_eq!(request.stopped, None);
}

#[test]
fn addresses_by_their_type() {
    let address = |kind: u8, bytes: &[u8]| sequence(&[field(0, &int(&[kind])), field(1, &tlv(4, bytes))]);
    let list = sequence(&[address(20, b"WS01            "), address(2, &[10, 0, 0, 7])]);
    let request = request(&as_req(&[(9, list)]));
    let shown: Vec<String> = request.addresses.iter().map(|address| address.text.to_string()).collect();
    assert_eq!(shown, ["WS01", "10.0.0.7"]);
}

#[test]
fn unknown_numbers_survive() {
    let request = request(&as_req_with(
        Some(sequence(&[
            sequence(&[field(1, &int(&[0x27, 0x0f])), field(2, &tlv(4, b"abc"))]),
            sequence(&[field(1, &int(&[0xff])), field(2, &tlv(4, b""))]),
        ])),
        &body(&[]),
    ));
    let seen: Vec<(i32, usize)> = request.padata.iter().map(|data| (data.kind.0, data.length)).collect();
    assert_eq!(seen, [(9999, 3), (-1, 0)]);
    assert_eq!(request.etypes.last().map(|etype| etype.0), Some(-135));
    assert_eq!(request.stopped, None);
}

#[test]
fn an_endless_list_is_cut_at_our_limit() {
    let one = sequence(&[field(1, &int(&[2])), field(2, &tlv(4, b""))]);
    let request = request(&as_req_with(Some(sequence(&vec![one; 1000])), &body(&[])));
    assert_eq!(request.padata.len(), 128);
    assert!(request.has(PaType::ENC_TIMESTAMP));
    assert_eq!(request.nonce, Some(42), "what follows the list is read");
    assert_eq!(request.stopped.as_deref(), Some("padata: more than 128 entries"));
}

#[test]
fn armor_without_contents_is_none_and_broken_armor_is_armor() {
    let armor = |value: &[u8]| {
        let entry = sequence(&[field(1, &int(&[0, 136])), field(2, &tlv(4, value))]);
        request(&as_req_with(Some(sequence(&[entry])), &body(&[])))
    };
    assert!(armor(b"").fast.is_none());
    let broken = armor(&[0xa0, 2, 0x30, 0]);
    assert!(broken.fast.expect("armor").armor.is_none());
    assert!(armor(b"?").stopped.is_some());
}

#[test]
fn deep_nesting_is_not_followed() {
    let mut nested = vec![0x30, 0];
    for _ in 0..2000 {
        nested = sequence(&[nested]);
    }
    let request = request(&as_req(&[(9, nested)]));
    assert!(request.addresses.is_empty());
    assert_eq!(request.nonce, Some(42));
}

#[test]
fn what_is_no_kerberos_message_is_refused_with_a_reason() {
    for (bytes, reason) in [
        (&b""[..], "an empty message"),
        (b"GET / HTTP/1.1", "not a Kerberos message: it begins with 0x47"),
        (&[0x61, 2, 0x30, 0], "not a Kerberos message: it begins with 0x61"),
        (&[0x4a, 2, 0x30, 0], "not a Kerberos message: it begins with 0x4a"),
        (&[0x6a], "not a Kerberos message: a length cannot be read at offset 0"),
        (&[0x6a, 0x80, 0, 0], "not a Kerberos message: a length cannot be read at offset 0"),
        (&[0x6a, 3, 2, 1, 5], "not a Kerberos message: an unexpected tag at offset 2"),
        (&[0x6a, 2, 0x30, 0], "no field of a Kerberos message at offset 4"),
        (&[0x6a, 5, 0x30, 3, 2, 1, 5], "no field of a Kerberos message at offset 4"),
    ] {
        let refused = decode(bytes).unwrap_err().to_string();
        if bytes == [0x6a] {
            assert!(refused.starts_with("not a Kerberos message"), "{refused}");
        } else {
            assert_eq!(refused, reason);
        }
    }
}

#[test]
fn the_rare_messages() {
    let sealed = |tag: u8, number: u8| tlv(tag, &sequence(&[field(0, &int(&[5])), field(number, &encrypted(&[1]))]));
    assert_eq!(decode(&sealed(0x6f, 2)).expect("a message").name(), "ap-rep");
    let Message::Private(private) = decode(&sealed(0x75, 3)).expect("a message") else { panic!("a KRB-PRIV") };
    assert_eq!(private.enc_part.map(|part| part.length), Some(6));
    let safe = tlv(0x74, &sequence(&[field(0, &int(&[5])), field(2, &sequence(&[]))]));
    assert_eq!(decode(&safe).expect("a message").name(), "krb-safe");
    let ticket = tlv(0x61, &sequence(&[field(1, &text(b"CORP.EXAMPLE"))]));
    let cred = tlv(0x76, &sequence(&[field(2, &sequence(&[ticket])), field(3, &encrypted(&[1]))]));
    let Message::Credential { tickets, enc_part, stopped } = decode(&cred).expect("a message") else {
        panic!("a KRB-CRED")
    };
    assert_eq!((tickets.len(), enc_part.is_some(), stopped), (1, true, None));
    assert_eq!(tickets[0].id, None);
}
