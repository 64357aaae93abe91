//! Loss is counted exactly: packets and records lost on the link, and records dropped in the kernel, apart.

mod support;

use fl_addr::CpuId;
use fl_trace::decode::decode;
use fl_trace::loss::{Continuity, Follows, Gap};
use fl_trace::packet::StreamPosition;
use proptest::prelude::*;
use support::extremes::{n32, n64};
use support::mix::{Detail, mix};
use support::pack;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The kernel drops records now and then, the link loses packets, and the account finds both numbers.
    #[test]
    fn what_was_sent_is_what_was_read_plus_what_was_counted(
        plan in proptest::collection::vec((1u32..90, 0u64..5, any::<bool>()), 1..60),
        wrap in prop_oneof![Just(0), Just(u32::MAX - 10), n32()],
        first_index in n64(),
        lost in n64(),
    ) {
        // A first packet that arrives fixes where the counting begins.
        let mut at = StreamPosition { sequence: wrap, first_index, lost };
        let mut account = Continuity::default();
        account.follow(at, 3);
        let begin = account.total();
        at.advance(3);
        let (mut sent, mut read, mut dropped) = (Gap::default(), (0, 0), 0);
        let mut unread = Gap::default();
        for (count, drops, arrives) in plan {
            dropped += drops;
            at.lost = at.lost.wrapping_add(drops);
            unread.dropped += drops;
            sent.packets += 1;
            sent.records += u64::from(count);
            if arrives {
                prop_assert_eq!(account.follow(at, count), Follows::After(unread));
                prop_assert_eq!(account.follow(at, count), Follows::Repeats);
                read = (read.0 + 1, read.1 + u64::from(count));
                unread = Gap::default();
            } else {
                unread.packets += 1;
                unread.records += u64::from(count);
            }
            at.advance(count);
        }
        let total = account.total();
        // A stream that begins at the limits has used up the totals, which saturate.
        if begin == Gap::default() || u64::MAX - begin.records.max(begin.dropped) > 1 << 40 && begin.packets < 1 << 31 {
            prop_assert_eq!(total.packets - begin.packets + unread.packets + read.0, sent.packets);
            prop_assert_eq!(total.records - begin.records + unread.records + read.1, sent.records);
            prop_assert_eq!(total.dropped - begin.dropped + unread.dropped, dropped);
        }
    }
}

#[test]
fn a_late_reader_learns_what_came_before() {
    let mut account = Continuity::default();
    let at = StreamPosition { sequence: 40, first_index: 3000, lost: 7 };
    assert_eq!(account.follow(at, 80), Follows::After(Gap { packets: 40, records: 3000, dropped: 7 }));
    let next = StreamPosition { sequence: 41, first_index: 3080, lost: 7 };
    assert_eq!(account.follow(next, 80), Follows::After(Gap::default()));
}

#[test]
fn an_older_packet_never_moves_the_account_back() {
    let mut account = Continuity::default();
    let at = |sequence| StreamPosition { sequence, first_index: u64::from(sequence) * 10, lost: 0 };
    account.follow(at(5), 10);
    let total = account.total();
    assert_eq!(account.follow(at(4), 10), Follows::Repeats);
    assert_eq!(account.total(), total);
    assert_eq!(account.follow(at(6), 10), Follows::After(Gap::default()));
}

#[test]
fn removing_packets_from_a_real_stream_is_counted_to_the_record() {
    let events = mix(11, 20_000, Detail::Full);
    let sent = pack(&events, CpuId(0), StreamPosition::default(), u32::MAX);
    let mut account = Continuity::default();
    let mut read = 0;
    let last = sent.len() - 1;
    for (i, s) in sent.iter().enumerate() {
        if i % 5 == 2 && i != last {
            continue;
        }
        let packet = decode(&s.frame[..s.frame.len() - 1]).expect("own packet");
        account.follow(packet.position, packet.count);
        read += packet.events().filter(Result::is_ok).count();
    }
    let lost: usize =
        sent.iter().enumerate().filter(|(i, _)| i % 5 == 2 && *i != last).map(|(_, s)| s.events.len()).sum();
    assert!(lost > 0);
    assert_eq!(account.total().records as usize, lost);
    assert_eq!(read + lost, events.len());
}
