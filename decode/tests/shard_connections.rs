//! What becomes of connections, and when it is told.

#[path = "stream_support/net.rs"]
mod net;

use net::{ACK, CLIENT, FIN, Net, RST, SERVER, SYN, config, kerberos, line, seg};

#[test]
fn opened_and_closed_by_the_client() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &kerberos(0x6a, 200, 1)));
    net.send(&seg(SERVER, 0, &kerberos(0x6b, 300, 1)).ack(200));
    net.lines();
    net.send(&seg(CLIENT, 200, &[]).flags(FIN | ACK).ack(300));
    net.send(&seg(SERVER, 300, &[]).flags(FIN | ACK).ack(201));
    let told =
        ["1-7 c>s connection opened Some(true) syns 1 refused None closed Some(ClientFin) bytes 200/300 missing 0"];
    assert_eq!(net.lines(), told);
    net.send(&seg(CLIENT, 201, &[]).ack(301));
    net.until(100);
    net.finish();
    assert!(net.lines().is_empty(), "one event a connection");
}

#[test]
fn a_connection_that_is_only_followed_by_its_headers() {
    let mut net = Net::new();
    // What begins there is nothing that is known by its content.
    net.server_port = 443;
    net.open();
    net.data(CLIENT, 0, &[1; 3000], 1000);
    net.send(&seg(SERVER, 0, &[2; 500]).ack(3000));
    net.send(&seg(SERVER, 2500, &[2; 500]).ack(3000));
    net.send(&seg(SERVER, 3000, &[]).flags(FIN | ACK).ack(3000));
    net.send(&seg(CLIENT, 3000, &[]).flags(FIN | ACK).ack(3001));
    net.until(9);
    assert!(net.lines().is_empty(), "something is missing and may come");
    net.until(10);
    let told = [
        "1-10 c>s connection opened Some(true) syns 1 refused None closed Some(ServerFin) bytes 3000/3000 missing 2000",
    ];
    assert_eq!(net.lines(), told);
}

#[test]
fn a_port_that_does_not_matter_is_not_told() {
    let mut net = Net::new();
    net.server_port = 5432;
    net.open();
    net.finish();
    assert!(net.lines().is_empty());
    assert_eq!(net.shard.flows(), 0);
}

#[test]
fn a_client_port_that_looks_like_one_that_matters() {
    let mut net = Net::new();
    (net.client_port, net.server_port) = (3268, 5432);
    net.open();
    net.data(CLIENT, 0, &[1; 3000], 1000);
    net.finish();
    assert!(net.lines().is_empty());
}

/// A segment in seconds 1, 2, 3 and so on, as often as wanted, of which the server acknowledged what was before it.
fn repeated(net: &mut Net, offset: i64, payload: &[u8], times: usize) {
    for _ in 0..times {
        let second = net.second + 1;
        net.until(second);
        net.send(&seg(CLIENT, offset, payload));
    }
}

#[test]
fn what_is_repeated_and_not_acknowledged_is_told_once() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 3000, 1);
    net.data(CLIENT, 0, &request, 1460);
    net.lines();
    repeated(&mut net, 0, &request[..1460], 2);
    assert!(net.lines().is_empty(), "a loss or two are usual");
    repeated(&mut net, 0, &request[..1460], 3);
    assert_eq!(net.lines(), ["9-9 c>s unacknowledged 1460 sent 4"]);
    net.send(&seg(SERVER, 0, &[]).ack(1460));
    assert_eq!(net.lines()[..1], ["12-12 c>s acknowledged at last 1460 sent 4"]);
    repeated(&mut net, 1460, &request[1460..2920], 4);
    assert_eq!(net.lines(), ["15-15 c>s unacknowledged 1460 sent 4"], "another part, which is lost, too");
}

#[test]
fn what_the_server_repeats_is_told_too() {
    let mut net = Net::opened();
    let reply = kerberos(0x6b, 3000, 1);
    net.data(SERVER, 0, &reply, 1460);
    net.lines();
    for second in 1..4 {
        net.until(second);
        net.send(&seg(SERVER, 0, &reply[..1460]));
    }
    assert_eq!(net.lines(), ["9-9 s>c unacknowledged 1460 sent 4"]);
}

#[test]
fn what_is_acknowledged_in_between_is_not_told() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 3000, 1);
    net.data(CLIENT, 0, &request, 1460);
    net.lines();
    repeated(&mut net, 0, &request[..1460], 2);
    net.send(&seg(SERVER, 0, &[]).ack(1460));
    repeated(&mut net, 1460, &request[1460..2920], 2);
    // What was acknowledged long ago comes again.
    repeated(&mut net, 0, &request[..1460], 3);
    assert!(net.lines().is_empty());
}

#[test]
fn copies_and_questions_for_room_are_not_told() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 3000, 1);
    net.data(CLIENT, 0, &request, 1460);
    net.lines();
    net.until(1);
    // Each packet twice: two repetitions are usual.
    for second in 1..3 {
        net.until(second);
        net.send(&seg(CLIENT, 0, &request[..1460]));
        net.send(&seg(CLIENT, 0, &request[..1460]));
    }
    assert!(net.lines().is_empty(), "copies of a packet come at once");
    net.send(&seg(SERVER, 0, &[]).ack(3000));
    repeated(&mut net, 3000, &[0], 9);
    assert!(!net.lines().iter().any(|line| line.contains("unacknowledged")));
}

#[test]
fn where_no_acknowledgement_is_seen_nothing_is_missed() {
    let mut net = Net::new();
    let request = kerberos(0x6a, 1400, 1);
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.send(&seg(CLIENT, 0, &request));
    net.lines();
    repeated(&mut net, 0, &request, 9);
    assert!(net.lines().is_empty());
}

#[test]
fn only_of_kerberos_is_told_what_is_not_acknowledged() {
    let mut net = Net::new();
    net.server_port = 443;
    net.open();
    net.data(CLIENT, 0, &[1; 3000], 1460);
    repeated(&mut net, 0, &[1; 1460], 9);
    assert!(net.lines().is_empty());
}

#[test]
fn what_the_peer_asks_for_in_vain_did_not_reach_it() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 3000, 1);
    net.send(&seg(CLIENT, 2920, &request[2920..]));
    net.send(&seg(SERVER, 0, &[]).ack(0));
    net.until(29);
    assert!(net.lines().is_empty(), "it may still come");
    net.until(60);
    assert_eq!(
        net.lines(),
        [
            "1-5 c>s connection opened Some(true) syns 1 refused None closed Some(Forgotten) bytes 3000/0 missing 0 \
             lost 2920 after 0, 5",
            "5-5 c>s missing kerberos 3000: 2920 bytes are not in the capture and did not reach the peer either, \
             80 bytes are there and could not be used"
        ]
    );
}

#[test]
fn what_the_client_asks_for_in_vain_did_not_reach_it() {
    let mut net = Net::opened();
    let (request, reply) = (kerberos(0x6a, 100, 1), kerberos(0x6b, 3000, 2));
    net.send(&seg(CLIENT, 0, &request));
    net.send(&seg(SERVER, 0, &reply[..1000]).ack(100));
    net.send(&seg(SERVER, 2460, &reply[2460..]).ack(100));
    net.send(&seg(CLIENT, 100, &[]).ack(1000));
    net.send(&seg(CLIENT, 100, &[]).flags(RST));
    let lines = net.lines();
    let told = "1-8 c>s connection opened Some(true) syns 1 refused None closed Some(ClientReset) bytes 100/3000 missing 0 \
                lost 1460 after 1000, 7";
    assert_eq!(lines[1..], [told]);
}

#[test]
fn a_fin_alone_shows_what_did_not_arrive() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 1460, &[]).flags(ACK | FIN));
    net.send(&seg(SERVER, 0, &[]).ack(0));
    net.finish();
    let lines = net.lines();
    assert!(lines.iter().any(|line| line.ends_with("missing 0 lost 1460 after 0, 5")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("1460 bytes are not in the capture and did not reach")), "{lines:?}");
}

#[test]
fn what_comes_after_all_or_is_acknowledged_is_not_lost() {
    let request = kerberos(0x6a, 3000, 1);
    let lines_after = |last: &dyn Fn(&mut Net)| {
        let mut net = Net::opened();
        net.send(&seg(CLIENT, 1460, &request[1460..]));
        net.send(&seg(SERVER, 0, &[]).ack(0));
        last(&mut net);
        net.finish();
        net.lines()
    };
    let comes = lines_after(&|net| net.send(&seg(CLIENT, 0, &request[..1460])));
    assert!(comes[0].contains("message") && !comes[1].contains("lost"), "{comes:?}");
    let acknowledged = lines_after(&|net| net.send(&seg(SERVER, 0, &[]).ack(3000)));
    assert!(acknowledged.iter().any(|line| line.ends_with("missing 1460")), "{acknowledged:?}");
    assert!(!acknowledged.iter().any(|line| line.contains("lost")), "{acknowledged:?}");
}

#[test]
fn three_unanswered_syns_are_told_at_a_tick() {
    let mut net = Net::new();
    net.until(1);
    for second in [1, 4, 10] {
        net.until(second);
        net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    }
    net.until(44);
    assert!(net.lines().is_empty());
    net.until(45);
    let told = ["1-3 c>s connection opened Some(false) syns 3 refused None closed None bytes 0/0 missing 0"];
    assert_eq!(net.lines(), told);
    assert_eq!(net.shard.flows(), 0);
}

#[test]
fn an_unanswered_syn_at_the_end_of_the_capture() {
    let mut net = Net::new();
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.finish();
    let told = ["1-1 c>s connection opened Some(false) syns 1 refused None closed None bytes 0/0 missing 0"];
    assert_eq!(net.lines(), told);
}

#[test]
fn a_reset_in_answer_to_the_syn_refuses_and_is_told_once() {
    let mut net = Net::new();
    for _ in 0..3 {
        net.send(&seg(CLIENT, -1, &[]).flags(SYN));
        net.send(&seg(SERVER, -9000, &[]).flags(RST | ACK).ack(0));
    }
    net.until(100);
    let told = ["1-2 c>s connection opened Some(false) syns 1 refused Some(Reset) closed None bytes 0/0 missing 0"];
    assert_eq!(net.lines(), told);
}

#[test]
fn a_retry_with_the_same_syn_that_succeeds_is_told_too() {
    let mut net = Net::new();
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.send(&seg(SERVER, -9000, &[]).flags(RST | ACK).ack(0));
    net.open();
    let request = kerberos(0x6a, 200, 1);
    net.send(&seg(CLIENT, 0, &request));
    net.finish();
    let lines = net.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1], line(CLIENT, 6, 6, &request));
    assert!(lines[2].contains("opened Some(true) syns 2"), "{lines:?}");
}

#[test]
fn a_reset_that_does_not_acknowledge_the_syn_is_not_its_answer() {
    let mut net = Net::new();
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.send(&seg(SERVER, 0, &[]).flags(RST | ACK).ack(-500));
    net.send(&seg(SERVER, -1, &[]).flags(SYN | ACK));
    net.send(&seg(CLIENT, 0, &[]));
    net.finish();
    let told = ["1-4 c>s connection opened Some(true) syns 1 refused None closed None bytes 0/0 missing 0"];
    assert_eq!(net.lines(), told);
}

#[test]
fn icmp_refuses_what_is_not_open() {
    let mut net = Net::new();
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.unreachable(3, 13);
    let told = ["1-2 c>s connection opened Some(false) syns 1 refused Some(Icmp(13)) closed None bytes 0/0 missing 0"];
    let lines = net.lines();
    assert_eq!(lines[0], "2-2 s>c unreachable 13");
    assert_eq!(lines[1..], told);
}

#[test]
fn icmp_does_not_refuse_what_is_open_or_only_too_big() {
    let mut net = Net::new();
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.unreachable(3, 4);
    net.open();
    net.unreachable(3, 1);
    assert_eq!(net.lines(), ["2-2 s>c unreachable 4", "6-6 s>c unreachable 1"]);
}

#[test]
fn resets_close_what_is_open() {
    let mut net = Net::opened();
    net.send(&seg(SERVER, 0, &[]).flags(RST));
    let told =
        ["1-4 c>s connection opened Some(true) syns 1 refused None closed Some(ServerReset) bytes 0/0 missing 0"];
    assert_eq!(net.lines(), told);
}

#[test]
fn a_reset_after_a_fin_does_not_hide_who_closed() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &[]).flags(FIN | ACK));
    net.send(&seg(SERVER, 0, &[]).flags(RST));
    assert!(net.lines()[0].contains("closed Some(ClientFin)"));
}

#[test]
fn data_shown_after_the_reset_is_still_decoded() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &[]).flags(RST));
    net.lines();
    let reply = kerberos(0x6b, 200, 1);
    net.send(&seg(SERVER, 0, &reply));
    net.until(100);
    assert_eq!(net.lines(), [line(SERVER, 5, 5, &reply)]);
}

#[test]
fn one_fin_and_silence() {
    let mut net = Net::opened();
    net.send(&seg(SERVER, 0, &[]).flags(FIN | ACK));
    net.until(59);
    assert!(net.lines().is_empty());
    net.until(60);
    assert!(net.lines()[0].contains("closed Some(ServerFin)"));
}

#[test]
fn silence_forgets_and_only_at_a_tick() {
    let mut net = Net::opened();
    net.second = 100_000;
    net.idle(1);
    assert!(net.lines().is_empty(), "a packet's own time lets nothing expire");
    net.second = 0;
    net.until(299);
    assert!(net.lines().is_empty());
    net.until(300);
    let told = ["1-4 c>s connection opened Some(true) syns 1 refused None closed Some(Forgotten) bytes 0/0 missing 0"];
    assert_eq!(net.lines(), told);
}

#[test]
fn reused_ports_are_another_connection() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &kerberos(0x6a, 200, 1)[..100]));
    net.first = (5_000_000, 3_000_000_000);
    net.open();
    let request = kerberos(0x6a, 200, 2);
    net.send(&seg(CLIENT, 0, &request));
    net.finish();
    let lines = net.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("4-5 c>s missing kerberos 100: AS-REQ of 200 bytes"), "{lines:?}");
    assert!(lines[1].starts_with("1-5 c>s connection opened Some(true) syns 1 refused None closed Some(Forgotten)"));
    assert_eq!(lines[2], line(CLIENT, 8, 8, &request));
    assert!(lines[3].starts_with("5-8 c>s connection opened Some(true) syns 1 refused None closed None bytes 200/0"));
}

#[test]
fn reused_ports_whose_syn_the_capture_lacks() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &[]).flags(FIN | ACK));
    net.send(&seg(SERVER, 0, &[]).flags(FIN | ACK).ack(1));
    net.lines();
    net.first = (5_000_000, 3_000_000_000);
    net.send(&seg(SERVER, -1, &[]).flags(SYN | ACK));
    let request = kerberos(0x6a, 200, 2);
    net.send(&seg(CLIENT, 0, &request));
    net.finish();
    let lines = net.lines();
    assert_eq!(lines[0], line(CLIENT, 7, 7, &request));
    assert!(lines[1].contains("opened Some(true) syns 0"), "{lines:?}");
}

#[test]
fn one_side_only_tells_nothing_about_opening() {
    let mut net = Net::new();
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.send(&seg(CLIENT, 0, &[]));
    let request = kerberos(0x6a, 200, 2);
    net.send(&seg(CLIENT, 0, &request));
    net.finish();
    let lines = net.lines();
    assert_eq!(lines[0], line(CLIENT, 3, 3, &request));
    assert!(lines[1].contains("opened None syns 1"), "{lines:?}");
}

#[test]
fn data_both_ways_is_an_open_connection() {
    let mut net = Net::new();
    net.send(&seg(SERVER, 0, &kerberos(0x6b, 200, 1)));
    net.send(&seg(CLIENT, 0, &kerberos(0x6a, 200, 2)).ack(200));
    net.finish();
    assert!(net.lines().pop().unwrap().contains("1-2 c>s connection opened Some(true) syns 0"));
}

#[test]
fn the_end_of_the_capture_tells_in_the_order_of_flows() {
    let mut net = Net::new();
    for port in [50_007, 50_001, 50_003, 50_002, 50_009] {
        net.client_port = port;
        net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    }
    net.finish();
    let ports: Vec<u16> = net.out.iter().map(|event| event.path.unwrap().source.port).collect();
    assert_eq!(ports, [50_001, 50_002, 50_003, 50_007, 50_009]);
}

#[test]
fn ticks_tell_in_the_order_of_flows() {
    let mut net = Net::new();
    net.until(1);
    for port in [50_007, 50_001, 50_003] {
        net.client_port = port;
        net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    }
    net.until(40);
    let ports: Vec<u16> = net.out.iter().map(|event| event.path.unwrap().source.port).collect();
    assert_eq!(ports, [50_001, 50_003, 50_007]);
}

#[test]
fn too_many_connections_push_out_the_oldest_and_are_told() {
    let mut net = Net::with(decode::shard::Config { max_flows: 3, ..config() });
    for port in 0..5 {
        net.client_port = 50_000 + port;
        net.open();
    }
    assert_eq!(net.shard.flows(), 3);
    let lines = net.lines();
    let limits = lines.iter().filter(|line| line.contains("limit_reached tcp")).count();
    let forgotten = lines.iter().filter(|line| line.contains("closed Some(Forgotten)")).count();
    assert_eq!((limits, forgotten), (1, 2), "{lines:?}");
    net.finish();
    assert_eq!(net.lines().len(), 3);
}

#[test]
fn a_shard_by_itself_says_what_all_together_say() {
    // Flows over one shard or over three: the same events, once they are sorted by packet and flow.
    let run = |shards: usize| {
        let mut nets: Vec<Net> = (0..shards).map(|_| Net::new()).collect();
        let mut packet = 0;
        let mut push = |nets: &mut Vec<Net>, port: u16, segment: &net::Seg| {
            let mut probe = Net::new();
            probe.client_port = port;
            let at = decode::shard::shard_of(&probe.path(CLIENT).flow().0, shards);
            (nets[at].client_port, nets[at].packet) = (port, packet);
            nets[at].send(segment);
            packet += 1;
        };
        for port in 50_000..50_020 {
            push(&mut nets, port, &seg(CLIENT, -1, &[]).flags(SYN));
            if port % 3 == 0 {
                push(&mut nets, port, &seg(SERVER, -1, &[]).flags(SYN | ACK));
            }
        }
        for port in (50_000..50_020).step_by(3) {
            push(&mut nets, port, &seg(CLIENT, 0, &kerberos(0x6a, 200, 2)));
        }
        for net in &mut nets {
            net.until(400);
            net.finish();
        }
        let mut events: Vec<_> = nets.iter_mut().flat_map(|net| std::mem::take(&mut net.out)).collect();
        events.sort_by_key(|event| (event.seen.last, event.path));
        events.iter().map(|event| format!("{event:?}")).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(3));
}

/// AS-REQ with PKINIT, signed with a key on P-384.
fn signed_request() -> Vec<u8> {
    let tlv = |tag: u8, contents: &[u8]| {
        let length = u16::try_from(contents.len()).expect("a short message").to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], contents].concat()
    };
    let number = |tag: u8, number: u8| tlv(tag, &[2, 1, number]);
    let path = format!("{}/tests/data/cms/p384_sha384.bin", env!("CARGO_MANIFEST_DIR"));
    let value = tlv(4, &tlv(0x30, &tlv(0x80, &std::fs::read(path).expect("it is there"))));
    let padata = tlv(0x30, &tlv(0x30, &[number(0xa1, 16), tlv(0xa2, &value)].concat()));
    let body = tlv(0x30, &number(0xa7, 7));
    let fields = [number(0xa1, 5), number(0xa2, 10), tlv(0xa3, &padata), tlv(0xa4, &body)].concat();
    let message = tlv(0x6a, &tlv(0x30, &fields));
    [&u32::try_from(message.len()).expect("a short message").to_be_bytes(), &*message].concat()
}

#[test]
fn costly_signatures_are_bounded_alike_for_any_number_of_shards() {
    let group = |port: u16| {
        let probe = Net { client_port: port, ..Net::new() };
        decode::shard::shard_of(&probe.path(CLIENT).flow().0, 256)
    };
    let first = 50_000;
    let same = (first + 1..=u16::MAX).find(|&port| group(port) == group(first)).expect("one of 15,000");
    let other = first + 1;
    assert_ne!(group(other), group(first));
    let request = signed_request();
    let run = |shards: usize| {
        let shard = || decode::shard::Shard::new(decode::shard::Config::for_shards(shards));
        let mut nets: Vec<Net> = (0..shards).map(|_| Net { shard: shard(), ..Net::new() }).collect();
        let mut packet = 0;
        for round in 0..=10_i64 {
            for port in [first, same, other] {
                let probe = Net { client_port: port, ..Net::new() };
                let net = &mut nets[decode::shard::shard_of(&probe.path(CLIENT).flow().0, shards)];
                (net.client_port, net.packet) = (port, packet);
                let offset = (round - 1) * i64::try_from(request.len()).expect("a short message");
                let syn = seg(CLIENT, -1, &[]).flags(SYN);
                net.send(&if round == 0 { syn } else { seg(CLIENT, offset, &request) });
                packet += 1;
            }
        }
        let mut events: Vec<_> = nets.iter_mut().flat_map(|net| std::mem::take(&mut net.out)).collect();
        events.sort_by_key(|event| event.seen.last);
        let verdict = |event: &decode::Event| {
            let decode::Message::Kerberos(message) = &event.message else { panic!("{event:?}") };
            let decode::kerberos::Message::KdcRequest(request) = &**message else { panic!("{event:?}") };
            let signer = request.pkinit.as_ref().and_then(|pkinit| pkinit.signed.signer.as_ref()).expect("a signer");
            (event.path.expect("a path").source.port, signer.verified, signer.reason)
        };
        events.iter().map(verdict).collect::<Vec<_>>()
    };
    let verdicts = run(1);
    assert_eq!(verdicts.len(), 30);
    let verified = |port| verdicts.iter().filter(|verdict| verdict.0 == port && verdict.1 == Some(true)).count();
    // Sixteen between the two that share them, in the order of their packets.
    assert_eq!([verified(first), verified(same), verified(other)], [8, 8, 10]);
    let refused = verdicts.iter().find(|verdict| verdict.1.is_none()).expect("some are not checked");
    assert_eq!(refused.2, Some("signatures on this curve take long, and no more of them are checked here"));
    for shards in [2, 3, 8] {
        assert_eq!(run(shards), verdicts, "{shards}");
    }
}
