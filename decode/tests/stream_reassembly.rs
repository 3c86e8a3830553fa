//! Streams through the shard: whatever happens to the segments, the same messages come out, and nothing vanishes.

#[path = "stream_support/net.rs"]
mod net;

use net::{ACK, CLIENT, FIN, Net, SERVER, SYN, config, digest, kerberos, line, seg};
use proptest::prelude::*;

#[test]
fn one_message_in_one_segment() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 0, &request));
    assert_eq!(net.lines(), [line(CLIENT, 4, 4, &request)]);
}

#[test]
fn a_message_is_completed_by_the_packet_with_its_last_byte() {
    let mut net = Net::opened();
    let reply = kerberos(0x6b, 5000, 2);
    net.data(SERVER, 0, &reply, 1460);
    assert_eq!(net.lines(), [line(SERVER, 4, 7, &reply)]);
}

#[test]
fn several_messages_in_one_segment_keep_their_order() {
    let mut net = Net::opened();
    let parts = [kerberos(0x6a, 100, 1), kerberos(0x6c, 200, 2), kerberos(0x6a, 150, 3)];
    let bytes = parts.concat();
    net.send(&seg(CLIENT, 0, &bytes[..250]));
    net.send(&seg(CLIENT, 250, &bytes[250..]));
    let expected = [line(CLIENT, 4, 4, &parts[0]), line(CLIENT, 4, 5, &parts[1]), line(CLIENT, 5, 5, &parts[2])];
    assert_eq!(net.lines(), expected);
}

#[test]
fn a_segment_of_64_kib_is_taken_as_one() {
    let mut net = Net::opened();
    let reply = kerberos(0x6d, 65_535, 2);
    net.send(&seg(SERVER, 0, &reply));
    assert_eq!(net.lines(), [line(SERVER, 4, 4, &reply)]);
}

#[test]
fn data_in_the_syn_is_used() {
    let mut net = Net::new();
    let request = kerberos(0x6a, 100, 1);
    net.send(&seg(CLIENT, -1, &request).flags(SYN));
    assert_eq!(net.lines(), [line(CLIENT, 1, 1, &request)]);
}

#[test]
fn reordered_segments_are_put_in_order() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 200, &request[200..]));
    net.send(&seg(CLIENT, 100, &request[100..200]));
    assert!(net.lines().is_empty());
    net.send(&seg(CLIENT, 0, &request[..100]));
    assert_eq!(net.lines(), [line(CLIENT, 6, 6, &request)]);
}

#[test]
fn retransmissions_and_keep_alives_add_nothing() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 0, &request[..200]));
    net.send(&seg(CLIENT, 0, &request[..200]));
    net.send(&seg(CLIENT, 100, &request[100..]));
    net.send(&seg(CLIENT, 299, &[0]));
    net.send(&seg(SERVER, -1, &[0]).ack(300));
    net.finish();
    assert_eq!(net.stream_lines(), [line(CLIENT, 4, 6, &request)]);
}

#[test]
fn the_first_of_two_contents_is_used_and_the_conflict_told() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 100, &request[100..200]));
    net.send(&seg(CLIENT, 90, &[0xee; 210]));
    assert!(net.lines().is_empty());
    net.send(&seg(CLIENT, 0, &request[..100]));
    net.finish();
    let mut mixed = request.clone();
    mixed[200..].fill(0xee);
    let lines = net.stream_lines();
    assert_eq!(
        lines[0],
        line(CLIENT, 6, 6, &{
            // The bytes from 90 on came before those of the last segment.
            mixed[90..100].fill(0xee);
            mixed
        })
    );
    assert_eq!(
        lines[1],
        "6-6 c>s undecodable kerberos 110: 110 bytes were sent again with another content; the first were used"
    );
}

#[test]
fn a_hole_that_the_peer_acknowledged_becomes_a_gap_and_the_stream_goes_on() {
    let mut net = Net::opened();
    let kept = kerberos(0x6a, 200, 2);
    net.send(&seg(CLIENT, 300, &kept));
    net.send(&seg(SERVER, 0, &[]).ack(500));
    assert!(net.lines().is_empty(), "the hole may still be filled by a packet that the capture shows late");
    net.idle(3);
    assert_eq!(
        net.lines(),
        ["8-8 c>s missing kerberos 300: 300 bytes are not in the capture".to_owned(), line(CLIENT, 4, 8, &kept)]
    );
}

#[test]
fn an_acknowledged_hole_is_passed_when_the_stream_goes_on_behind_it() {
    let mut net = Net::opened();
    let kept = kerberos(0x6a, 200, 2);
    net.send(&seg(SERVER, 0, &[]).ack(300));
    net.send(&seg(CLIENT, 300, &kept));
    assert_eq!(
        net.lines(),
        ["5-5 c>s missing kerberos 300: 300 bytes are not in the capture".to_owned(), line(CLIENT, 5, 5, &kept)]
    );
    // A part of the next one is not acknowledged: it is waited for.
    net.send(&seg(SERVER, 0, &[]).ack(600));
    net.send(&seg(CLIENT, 700, &kept));
    assert!(net.lines().is_empty());
}

#[test]
fn data_shown_after_its_acknowledgement_is_used() {
    let mut net = Net::opened();
    let (request, reply) = (kerberos(0x6a, 300, 1), kerberos(0x6b, 400, 2));
    net.send(&seg(SERVER, 0, &[]).ack(300));
    net.send(&seg(SERVER, 0, &reply).ack(300));
    net.send(&seg(CLIENT, 0, &request));
    net.idle(5);
    assert_eq!(net.lines(), [line(SERVER, 5, 5, &reply), line(CLIENT, 6, 6, &request)]);
}

#[test]
fn a_message_with_a_hole_is_one_gap_and_the_next_is_found_by_its_length() {
    let mut net = Net::opened();
    let (broken, whole) = (kerberos(0x6b, 5000, 1), kerberos(0x6b, 400, 2));
    let bytes = [broken, whole.clone()].concat();
    for (index, piece) in bytes.chunks(1000).enumerate() {
        if index != 1 && index != 3 {
            net.send(&seg(SERVER, i64::try_from(index).unwrap() * 1000, piece));
        }
    }
    net.send(&seg(CLIENT, 0, &[]).ack(5400));
    net.idle(3);
    assert_eq!(
        net.lines(),
        [
            "4-11 s>c missing kerberos 5000: AS-REP of 5000 bytes: 2000 bytes are not in the capture, \
             3000 bytes are there and could not be used"
                .to_owned(),
            line(SERVER, 7, 11, &whole)
        ]
    );
}

#[test]
fn a_hole_that_nobody_acknowledged_is_waited_for_until_a_tick() {
    let mut net = Net::opened();
    let kept = kerberos(0x6a, 200, 2);
    net.send(&seg(CLIENT, 300, &kept));
    net.idle(20);
    net.until(29);
    assert!(net.lines().is_empty());
    net.until(30);
    let lines = net.stream_lines();
    let detail = "300 bytes are not in the capture and did not reach the peer either";
    assert_eq!(lines[0], format!("24-24 c>s missing kerberos 300: {detail}"));
    assert_eq!(lines[1], line(CLIENT, 4, 24, &kept));
}

#[test]
fn what_is_acknowledged_and_never_seen_is_a_gap() {
    let mut net = Net::opened();
    net.send(&seg(SERVER, 0, &kerberos(0x6b, 100, 1)).ack(700));
    net.idle(4);
    net.finish();
    let lines = net.lines();
    assert!(lines.contains(&"7-8 c>s missing kerberos 700: 700 bytes are not in the capture".to_owned()), "{lines:?}");
    assert!(lines[2].ends_with("bytes 700/100 missing 700"), "{lines:?}");
}

#[test]
fn an_acknowledged_fin_that_the_capture_lacks_is_no_hole() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &kerberos(0x6a, 100, 1)));
    net.send(&seg(SERVER, 0, &[]).ack(101));
    net.idle(6);
    net.finish();
    let lines = net.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].ends_with("missing 0"), "{lines:?}");
}

#[test]
fn what_the_snap_length_cut_is_passed_at_once() {
    let mut net = Net::opened();
    let (broken, whole) = (kerberos(0x6b, 3000, 1), kerberos(0x6b, 50, 2));
    net.send(&seg(SERVER, 0, &broken[..42]).cut(1418));
    net.send(&seg(SERVER, 1460, &broken[1460..1502]).cut(1418));
    net.send(&seg(SERVER, 2920, &[&broken[2920..], &whole[..]].concat()));
    assert_eq!(
        net.lines(),
        [
            "4-6 s>c cut_short kerberos 3000: AS-REP of 3000 bytes: 2836 bytes were cut off in the capture, \
             164 bytes are there and could not be used"
                .to_owned(),
            line(SERVER, 6, 6, &whole)
        ]
    );
}

#[test]
fn cut_segments_out_of_order_leave_their_holes() {
    let mut net = Net::opened();
    let message = kerberos(0x6b, 3000, 1);
    net.send(&seg(SERVER, 1500, &[]).cut(1500));
    net.send(&seg(SERVER, 0, &message[..100]).cut(1400));
    assert_eq!(
        net.lines(),
        ["5-5 s>c cut_short kerberos 3000: AS-REP of 3000 bytes: 2900 bytes were cut off in the capture, \
          100 bytes are there and could not be used"]
    );
}

#[test]
fn joined_at_the_beginning_of_a_message() {
    let mut net = Net::new();
    let (request, reply) = (kerberos(0x6a, 300, 1), kerberos(0x6b, 400, 2));
    net.send(&seg(CLIENT, 0, &request));
    net.send(&seg(SERVER, 0, &reply).ack(300));
    assert_eq!(net.lines(), [line(CLIENT, 1, 1, &request), line(SERVER, 2, 2, &reply)]);
}

#[test]
fn joined_inside_a_message_finds_the_next_one() {
    let mut net = Net::new();
    let (broken, whole) = (kerberos(0x6b, 3000, 1), kerberos(0x6b, 400, 2));
    net.send(&seg(SERVER, 1000, &broken[1000..]));
    net.send(&seg(SERVER, 3000, &whole));
    net.idle(3);
    assert_eq!(
        net.lines(),
        [
            "1-4 s>c missing kerberos 2000: 2000 bytes are there and could not be used, \
             the beginning of the connection was not seen"
                .to_owned(),
            line(SERVER, 2, 4, &whole)
        ]
    );
}

#[test]
fn joined_with_segments_out_of_order() {
    let mut net = Net::new();
    let request = kerberos(0x6a, 3000, 1);
    net.send(&seg(CLIENT, 1000, &request[1000..2000]));
    net.send(&seg(CLIENT, 0, &request[..1000]));
    net.send(&seg(CLIENT, 2000, &request[2000..]));
    assert_eq!(net.lines(), [line(CLIENT, 2, 3, &request)]);
}

#[test]
fn a_syn_shown_after_the_first_data_belongs_to_it() {
    let mut net = Net::new();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 100, &request[100..]));
    net.send(&seg(CLIENT, -1, &[]).flags(SYN));
    net.send(&seg(SERVER, -1, &[]).flags(SYN | ACK));
    net.send(&seg(CLIENT, 0, &request[..100]));
    net.finish();
    let lines = net.lines();
    assert_eq!(lines[0], line(CLIENT, 4, 4, &request));
    assert_eq!(lines[1], "1-4 c>s connection opened Some(true) syns 1 refused None closed None bytes 300/0 missing 0");
}

#[test]
fn a_stream_out_of_step_is_one_gap() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.data(CLIENT, 0, &[b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[7; 5000], &request].concat(), 11);
    let begins = (5018 / 11) + 4;
    let (found, last) = (begins + 1, 5318_u64.div_ceil(11) + 3);
    assert_eq!(
        net.lines(),
        [
            format!("4-{found} c>s undecodable kerberos 5018: 5018 bytes are there and could not be used"),
            line(CLIENT, begins, last, &request)
        ]
    );
}

#[test]
fn a_message_that_cannot_be_decoded_does_not_lose_step() {
    let mut net = Net::opened();
    let (mut bad, good) = (kerberos(0x6a, 300, 1), kerberos(0x6a, 300, 2));
    bad[12] = 0xbb;
    net.send(&seg(CLIENT, 0, &[bad, good.clone()].concat()));
    assert_eq!(net.lines(), ["4-4 c>s undecodable kerberos 296: bad on purpose".to_owned(), line(CLIENT, 4, 4, &good)]);
}

#[test]
fn a_message_above_the_limit_is_passed_over_and_told() {
    let mut net = Net::opened();
    let (large, whole) = (kerberos(0x6a, (1 << 20) + 100, 1), kerberos(0x6a, 300, 2));
    net.data(CLIENT, 0, &[large, whole.clone()].concat(), 60_000);
    let lines = net.lines();
    assert!(lines[0].starts_with("4-21 c>s limit_reached kerberos 1048676: AS-REQ of 1048676 bytes"), "{lines:?}");
    assert_eq!(lines[1], line(CLIENT, 21, 21, &whole));
    assert_eq!(net.shard.buffered(), 0);
}

#[test]
fn a_limit_on_what_is_held_out_of_order_is_told() {
    let mut net = Net::opened();
    net.data(CLIENT, 100, &vec![9; 3 << 20], 60_000);
    assert!(net.shard.buffered() < 2 << 20);
    net.finish();
    let lines = net.stream_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("limit_reached kerberos 3145828: 100 bytes were waited for up to a limit"), "{lines:?}");
}

#[test]
fn a_limit_on_all_streams_is_told() {
    let mut net = Net::with(decode::shard::Config { max_buffered: 100_000, ..config() });
    for port in 0..5 {
        net.client_port = 50_000 + port;
        net.open();
        net.data(CLIENT, 10, &vec![9; 30_000], 10_000);
    }
    let lines = net.lines();
    assert!(lines.iter().any(|line| line.contains("limit_reached tcp 0: streams keep more than 100000 bytes")));
    assert!(lines.iter().filter(|line| line.contains("limit_reached tcp")).count() == 1, "{lines:?}");
    assert!(net.shard.buffered() <= 100_000, "{}", net.shard.buffered());
    net.finish();
    assert_eq!(net.shard.buffered(), 0);
}

#[test]
fn sequence_numbers_wrap() {
    let mut net = Net::new();
    net.first = (u32::MAX - 100, u32::MAX);
    net.open();
    let (request, reply) = (kerberos(0x6a, 300, 1), kerberos(0x6b, 300, 2));
    net.send(&seg(CLIENT, 200, &request[200..]));
    net.data(CLIENT, 0, &request[..200], 50);
    net.data(SERVER, 0, &reply, 100);
    net.finish();
    let lines = net.lines();
    assert_eq!(lines[..2], [line(CLIENT, 5, 8, &request), line(SERVER, 9, 11, &reply)]);
    assert!(lines[2].ends_with("bytes 300/300 missing 0"), "{lines:?}");
}

#[test]
fn more_than_4_gib_in_one_connection() {
    let mut net = Net::opened();
    let message = kerberos(0x6b, 1 << 20, 1);
    // Not each byte is sent: the holes are acknowledged, which is all that counts for the offsets.
    let step = 1_i64 << 29;
    for index in 0..12 {
        net.send(&seg(SERVER, index * step, &message));
        net.send(&seg(CLIENT, 0, &[]).ack(index * step + (1 << 20)));
        net.idle(4);
    }
    net.finish();
    let lines = net.lines();
    let messages = lines.iter().filter(|line| line.contains(" message ")).count();
    assert_eq!(messages, 12, "{lines:?}");
    assert!(lines.last().unwrap().contains(&format!("bytes 0/{}", 11 * step + (1 << 20))), "{lines:?}");
}

#[test]
fn a_message_that_the_sender_never_finished() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 0, &request[..100]).flags(ACK | FIN));
    assert_eq!(
        net.lines(),
        ["4-4 c>s undecodable kerberos 100: AS-REQ of 300 bytes: 100 bytes are there and could not be used, \
          the connection was closed before the message was whole"]
    );
}

#[test]
fn a_message_unfinished_at_the_end_of_the_capture() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 0, &request[..100]));
    net.finish();
    assert_eq!(
        net.stream_lines(),
        ["4-4 c>s missing kerberos 100: AS-REQ of 300 bytes: 100 bytes are there and could not be used, \
          the end of the message was not seen"]
    );
}

#[test]
fn bytes_from_before_the_stream_are_told() {
    let mut net = Net::opened();
    net.send(&seg(CLIENT, -5000, &[1; 100]));
    net.finish();
    assert_eq!(
        net.stream_lines(),
        ["4-4 c>s undecodable kerberos 100: 100 bytes came before the stream began or after it ended"]
    );
}

#[test]
fn bytes_beyond_the_end_of_a_connection_are_told() {
    let mut net = Net::opened();
    let request = kerberos(0x6a, 300, 1);
    net.send(&seg(CLIENT, 0, &request).flags(ACK | FIN));
    net.send(&seg(SERVER, 0, &[]).flags(ACK | FIN).ack(301));
    net.send(&seg(CLIENT, 301, &[]).ack(1));
    // What was sent before comes once more, and then what does not belong to it.
    net.send(&seg(CLIENT, 0, &request));
    net.lines();
    net.finish();
    assert_eq!(net.stream_lines(), Vec::<String>::new());
    let mut net = Net::opened();
    net.send(&seg(CLIENT, 0, &request).flags(ACK | FIN));
    net.send(&seg(SERVER, 0, &[]).flags(ACK | FIN).ack(301));
    net.send(&seg(CLIENT, 300, &[1; 100]));
    net.lines();
    net.finish();
    assert_eq!(
        net.stream_lines(),
        ["6-6 c>s undecodable kerberos 100: 100 bytes came before the stream began or after it ended"]
    );
}

#[test]
fn twenty_thousand_segments_of_one_byte_backwards() {
    let mut net = Net::opened();
    let reply = kerberos(0x6b, 20_001, 1);
    for at in (1..reply.len()).rev() {
        net.send(&seg(SERVER, i64::try_from(at).unwrap(), &reply[at..=at]));
    }
    assert!(net.shard.buffered() < 4 << 20, "{}", net.shard.buffered());
    net.send(&seg(SERVER, 0, &reply[..1]));
    assert_eq!(net.lines(), [line(SERVER, 20_004, 20_004, &reply)]);
}

#[test]
fn more_small_segments_than_are_held() {
    let mut net = Net::opened();
    for at in 0..100_000 {
        net.send(&seg(SERVER, 2 * at + 1, &[7]));
    }
    assert!(net.shard.buffered() <= decode::stream::MAX_HELD_SEGMENTS * 130, "{}", net.shard.buffered());
    net.finish();
    let lines = net.stream_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("limit_reached"), "{lines:?}");
}

#[test]
fn dns_over_tcp_is_framed_by_two_octets() {
    let mut net = Net::new();
    net.server_port = 53;
    net.open();
    let query = [0, 17, 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 33, 0, 1];
    net.send(&seg(CLIENT, 0, &query[..1]));
    net.send(&seg(CLIENT, 1, &query[1..]));
    assert_eq!(net.lines(), [format!("4-5 c>s message 17 {}", digest(&query[2..]))]);
}

#[test]
fn other_ports_are_not_put_together() {
    let mut net = Net::new();
    net.server_port = 22;
    net.open();
    net.data(CLIENT, 10, &vec![1; 100_000], 1000);
    assert_eq!(net.shard.buffered(), 0);
    assert!(net.lines().is_empty());
}

#[test]
fn datagrams_to_the_ports_that_are_decoded() {
    let mut net = Net::new();
    net.datagram(88, &[0x6a, 1, 2], 0);
    net.datagram(123, &[0x30, 1, 2], 0);
    net.datagram(53, &[1; 12], 400);
    assert_eq!(
        net.lines(),
        [
            format!("1-1 c>s message 3 {}", digest(&[0x6a, 1, 2])),
            "3-3 c>s cut_short dns 412: a DNS message cut short in the capture: 12 of 412 bytes".to_owned()
        ]
    );
}

/// What is sent of a stream: `(place, length, times)` in the order of sending.
fn plan(total: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    let cuts = prop::collection::vec(0..total, 0..30);
    let again = prop::collection::vec((0..total, 1..400_usize), 0..10);
    (cuts, again).prop_flat_map(move |(mut cuts, again)| {
        cuts.extend([0, total]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces: Vec<(usize, usize)> = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pieces.extend(again.into_iter().map(|(start, size)| (start, (start + size).min(total))));
        Just(pieces).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any segmentation, order and repetition gives the same messages, each completed by the packet after which all of
    /// it and of what is before it had been sent.
    #[test]
    fn any_segmentation_gives_the_same_messages(
        sizes in prop::collection::vec(15..600_usize, 1..8),
        first in any::<u32>(),
        pieces in (15..600_usize).prop_flat_map(|_| plan(5000)),
    ) {
        let messages: Vec<Vec<u8>> =
            sizes.iter().zip(1_u8..).map(|(&size, seed)| kerberos(0x6a, size, seed)).collect();
        let stream = messages.concat();
        let mut net = Net::new();
        net.first = (first, 77);
        net.open();
        let mut brought_by = vec![None; stream.len()];
        let mut completes = Vec::new();
        let pieces = pieces
            .into_iter()
            .map(|(start, end)| (start * stream.len() / 5000, end * stream.len() / 5000))
            .filter(|(start, end)| start < end);
        let mut number = 3;
        for (start, end) in pieces {
            number += 1;
            net.send(&seg(CLIENT, i64::try_from(start).unwrap(), &stream[start..end]));
            brought_by[start..end].iter_mut().for_each(|by| { by.get_or_insert(number); });
            let there = brought_by.iter().take_while(|by| by.is_some()).count();
            let mut end = 0;
            for (index, message) in messages.iter().enumerate() {
                end += message.len();
                if end <= there && completes.len() == index {
                    completes.push(number);
                }
            }
        }
        let mut at = 0;
        let mut expected = Vec::new();
        for (message, last) in messages.iter().zip(&completes) {
            expected.push(line(CLIENT, brought_by[at].unwrap(), *last, message));
            at += message.len();
        }
        net.finish();
        prop_assert_eq!(net.stream_lines(), expected);
    }

    /// Arbitrary segments of both sides neither panic nor keep more than the limits allow, and end.
    #[test]
    fn arbitrary_segments_do_no_harm(
        segments in prop::collection::vec(
            (any::<bool>(), any::<u32>(), prop::option::of(any::<u32>()), 0..32_u8,
             prop::collection::vec(prop_oneof![Just(0_u8), Just(0x6a), Just(0x30), any::<u8>()], 0..40),
             prop_oneof![Just(0_u32), 0..100_u32, any::<u32>()], any::<bool>()),
            0..60,
        ),
    ) {
        let mut net = Net::opened();
        for (client, offset, ack, flags, payload, cut, near) in segments {
            let side = if client { CLIENT } else { SERVER };
            let place = |number: u32| i64::from(if near { number % 200 } else { number });
            let mut segment = seg(side, place(offset), &payload).cut(cut).flags(flags);
            segment.ack = ack.map(place);
            net.send(&segment);
        }
        net.until(400);
        prop_assert_eq!(net.shard.flows(), 0);
        prop_assert_eq!(net.shard.buffered(), 0);
    }
}
