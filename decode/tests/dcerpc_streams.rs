//! Connections to the endpoint mapper and to services behind it through the shard: tokens of binds are found, calls are
//! passed over.

#[path = "stream_support/net.rs"]
mod net;

use decode::{Event, Message, shard::Config};
use net::{CLIENT, Net, SERVER};
use proptest::prelude::*;

const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";

fn mapper() -> Net {
    Net { server_port: 135, ..Net::with(Config::for_shards(1)) }
}

/// A message of this kind, `size` bytes of body and, where there is one, a token of NTLM at its end.
fn message(kind: u8, size: usize, token: &[u8]) -> Vec<u8> {
    let trailer: &[u8] = if token.is_empty() { &[] } else { &[10, 6, 0, 0, 1, 0, 0, 0] };
    let total = u16::try_from(16 + size + trailer.len() + token.len()).expect("small").to_le_bytes();
    let length = u16::try_from(token.len()).expect("small").to_le_bytes();
    let header = [5, 0, kind, 3, 0x10, 0, 0, 0, total[0], total[1], length[0], length[1], 1, 0, 0, 0];
    [&header[..], &vec![0x77; size], trailer, token].concat()
}

fn told(net: &mut Net) -> Vec<String> {
    let line = |event: &Event| match &event.message {
        Message::Ntlm(message) => Some(format!("{:?} {}", event.carriage, message.kind.name())),
        Message::Gap(gap) => Some(format!("{} {}", gap.kind.name(), gap.bytes)),
        _ => None,
    };
    std::mem::take(&mut net.out).iter().filter_map(line).collect()
}

fn conversation() -> Vec<u8> {
    [message(11, 56, NEGOTIATE), message(0, 3000, &[]), message(16, 4, NEGOTIATE), message(11, 56, &[])].concat()
}

#[test]
fn binds_come_out_however_the_stream_is_cut() {
    let found = ["[\"dcerpc\"] negotiate", "[\"dcerpc\"] negotiate"];
    for step in [1, 2, 7, 15, 16, 100, 1460] {
        let mut net = mapper();
        net.open();
        net.data(CLIENT, 0, &conversation(), step);
        net.finish();
        assert_eq!(told(&mut net), found, "in steps of {step}");
        assert_eq!(net.shard.buffered(), 0);
        // One side, and no beginning.
        let mut net = mapper();
        net.data(SERVER, 0, &conversation(), step);
        net.finish();
        assert_eq!(told(&mut net), found, "joined, in steps of {step}");
    }
}

#[test]
fn a_service_on_any_port_is_known_by_its_bind() {
    let found = ["[\"dcerpc\"] negotiate", "[\"dcerpc\"] negotiate"];
    let dynamic = || Net { server_port: 49_667, ..Net::with(Config::for_shards(1)) };
    // From the bind on, whatever comes before it; its header must be in one segment.
    for step in [16, 100, 1460] {
        let mut net = dynamic();
        net.open();
        net.data(CLIENT, 0, &conversation(), step);
        net.finish();
        assert_eq!(told(&mut net), found, "in steps of {step}");
    }
    // The answer alone.
    let mut net = dynamic();
    net.data(SERVER, 0, &[message(12, 40, NEGOTIATE), message(2, 3000, &[])].concat(), 1460);
    assert_eq!(told(&mut net), found[..1]);
    let path = net.shard.flows();
    assert_eq!((path, net.shard.buffered()), (1, 0));
    // Calls and binds without a token are nothing to look for.
    let mut net = dynamic();
    net.open();
    net.data(CLIENT, 0, &[message(11, 56, &[]), message(0, 3000, &[])].concat(), 1460);
    assert_eq!(net.shard.flows(), 0);
    net.finish();
    assert!(net.out.is_empty());
}

#[test]
fn a_bind_that_breaks_off_is_told() {
    let bind = message(11, 56, NEGOTIATE);
    for end in 1..bind.len() {
        let mut net = mapper();
        net.open();
        net.data(CLIENT, 0, bind.get(..end).expect("a part"), 1460);
        net.finish();
        assert_eq!(told(&mut net), [format!("missing {end}")]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_streams_end(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        step in 1..200_usize,
    ) {
        let mut bytes = conversation();
        for (at, value) in &changes {
            *at.get_mut(&mut bytes) = *value;
        }
        let mut net = mapper();
        net.data(CLIENT, 0, &bytes, step);
        net.finish();
        prop_assert_eq!(net.shard.buffered(), 0);
    }
}
