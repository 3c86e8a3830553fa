//! Single Kerberos messages of the samples, here and in two other decoders of Kerberos.
//!
//! Each decoder is given the same bytes. What it makes of them differs: the other two leave PKINIT and the ticket
//! inside a TGS-REQ as the bytes they are, and stop at the first field that they do not know.

#[path = "support.rs"]
mod support;

use std::{hint::black_box, sync::Mutex};

use decode::{
    decoder::Decoders,
    kerberos::{self, Message, Stage},
    shard::{Config, Shard},
};
use divan::Bencher;

fn main() {
    divan::main();
}

/// What is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// AS-REQ and AS-REP of a sign-in with a key: certificates, a signature and Diffie-Hellman values in both.
    PkinitPair,
    /// The same pair, its signatures of a kind that is not checked.
    PkinitPairUnchecked,
    /// AS-REQ with a password.
    AsReq,
    /// AS-REP to it.
    AsRep,
    TgsReq,
    TgsRep,
    KrbError,
}

const KINDS: [Kind; 7] =
    [Kind::PkinitPair, Kind::PkinitPairUnchecked, Kind::AsReq, Kind::AsRep, Kind::TgsReq, Kind::TgsRep, Kind::KrbError];

#[divan::bench(args = KINDS)]
fn hellotrace(bencher: Bencher<'_, '_>, kind: Kind) {
    run(bencher, kind, |bytes| {
        let _ = black_box(kerberos::decode(black_box(bytes)));
    });
}

#[divan::bench(args = KINDS)]
fn rasn_kerberos(bencher: Bencher<'_, '_>, kind: Kind) {
    run(bencher, kind, |bytes| match bytes.first() {
        Some(0x6a) => drop(black_box(rasn::der::decode::<rasn_kerberos::AsReq>(black_box(bytes)))),
        Some(0x6b) => drop(black_box(rasn::der::decode::<rasn_kerberos::AsRep>(black_box(bytes)))),
        Some(0x6c) => drop(black_box(rasn::der::decode::<rasn_kerberos::TgsReq>(black_box(bytes)))),
        Some(0x6d) => drop(black_box(rasn::der::decode::<rasn_kerberos::TgsRep>(black_box(bytes)))),
        _ => drop(black_box(rasn::der::decode::<rasn_kerberos::KrbError>(black_box(bytes)))),
    });
}

#[divan::bench(args = KINDS)]
#[allow(deprecated, reason = "the functions are what its users call; they do what its trait does")]
fn kerberos_parser(bencher: Bencher<'_, '_>, kind: Kind) {
    use kerberos_parser::krb5_parser::{parse_as_rep, parse_as_req, parse_krb_error, parse_tgs_rep, parse_tgs_req};

    run(bencher, kind, |bytes| match bytes.first() {
        Some(0x6a) => drop(black_box(parse_as_req(black_box(bytes)))),
        Some(0x6b) => drop(black_box(parse_as_rep(black_box(bytes)))),
        Some(0x6c) => drop(black_box(parse_tgs_req(black_box(bytes)))),
        Some(0x6d) => drop(black_box(parse_tgs_rep(black_box(bytes)))),
        _ => drop(black_box(parse_krb_error(black_box(bytes)))),
    });
}

fn run(bencher: Bencher<'_, '_>, kind: Kind, decode: impl Fn(&[u8])) {
    let messages = messages(kind);
    bencher.bench_local(|| messages.iter().for_each(|message| decode(message)));
}

/// Messages that the shard found: its decoders are plain functions and have no other place for them.
static MESSAGES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The first of this kind that all three decoders read to their end; of a pair, both.
fn messages(kind: Kind) -> Vec<Vec<u8>> {
    let pkinit = matches!(kind, Kind::PkinitPair | Kind::PkinitPairUnchecked);
    let sample = if pkinit { "key-trust-success" } else { "password-success" };
    let keep = |bytes: &[u8]| {
        MESSAGES.lock().expect("one thread").push(bytes.to_vec());
        Err(String::new())
    };
    let mut shard =
        Shard::new(Config { decoders: Decoders { kerberos: keep, ..Decoders::default() }, ..Config::for_shards(1) });
    let mut events = Vec::new();
    for unit in support::units(&support::batches(sample)) {
        shard.push(&unit, &mut events);
    }
    let found = std::mem::take(&mut *MESSAGES.lock().expect("one thread"));
    let first = |wanted: Kind| {
        let fits = |bytes: &&Vec<u8>| kind_of(bytes).is_some_and(|kind| kind == wanted) && others_read(bytes);
        found.iter().find(fits).unwrap_or_else(|| panic!("the sample has a {wanted:?}")).clone()
    };
    match kind {
        Kind::PkinitPair | Kind::PkinitPairUnchecked => {
            let signed = |tag: u8| {
                let fits = |bytes: &&Vec<u8>| {
                    bytes.first() == Some(&tag) && kind_of(bytes) == Some(Kind::PkinitPair) && others_read(bytes)
                };
                found.iter().find(fits).expect("the sample has both").clone()
            };
            let pair = vec![signed(0x6a), signed(0x6b)];
            if kind == Kind::PkinitPair { pair } else { pair.into_iter().map(unchecked).collect() }
        }
        kind => vec![first(kind)],
    }
}

/// With a signature algorithm that nobody has: the last algorithm of PKCS #1 in the message is the signature's.
fn unchecked(mut message: Vec<u8>) -> Vec<u8> {
    const PKCS1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
    let place = message.windows(PKCS1.len()).rposition(|bytes| bytes == PKCS1).expect("an algorithm of PKCS #1");
    message[place + PKCS1.len()] = 0x7f;
    let signed = match kerberos::decode(&message).expect("a message") {
        Message::KdcRequest(request) => request.pkinit.expect("PKINIT").signed,
        Message::KdcReply(reply) => reply.pkinit.expect("PKINIT").signed,
        other => panic!("{other:?}"),
    };
    assert_eq!(signed.signer.expect("a signer").reason, Some("signatures of this kind are not checked"));
    message
}

fn kind_of(bytes: &[u8]) -> Option<Kind> {
    Some(match kerberos::decode(bytes).ok()? {
        Message::KdcRequest(request) if request.pkinit.is_some() => Kind::PkinitPair,
        Message::KdcReply(reply) if reply.pkinit.is_some() => Kind::PkinitPair,
        Message::KdcRequest(request) if request.stage == Stage::As => Kind::AsReq,
        Message::KdcReply(reply) if reply.stage == Stage::As => Kind::AsRep,
        Message::KdcRequest(_) => Kind::TgsReq,
        Message::KdcReply(_) => Kind::TgsRep,
        Message::Error(_) => Kind::KrbError,
        _ => return None,
    })
}

/// A message that another decoder refuses would make that one look fast.
#[allow(deprecated, reason = "as above")]
fn others_read(bytes: &[u8]) -> bool {
    use kerberos_parser::krb5_parser::{parse_as_rep, parse_as_req, parse_krb_error, parse_tgs_rep, parse_tgs_req};

    match bytes.first() {
        Some(0x6a) => rasn::der::decode::<rasn_kerberos::AsReq>(bytes).is_ok() && parse_as_req(bytes).is_ok(),
        Some(0x6b) => rasn::der::decode::<rasn_kerberos::AsRep>(bytes).is_ok() && parse_as_rep(bytes).is_ok(),
        Some(0x6c) => rasn::der::decode::<rasn_kerberos::TgsReq>(bytes).is_ok() && parse_tgs_req(bytes).is_ok(),
        Some(0x6d) => rasn::der::decode::<rasn_kerberos::TgsRep>(bytes).is_ok() && parse_tgs_rep(bytes).is_ok(),
        _ => rasn::der::decode::<rasn_kerberos::KrbError>(bytes).is_ok() && parse_krb_error(bytes).is_ok(),
    }
}
