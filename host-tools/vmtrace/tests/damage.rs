//! A damaged, cut, repeated or late stream costs the packets touched and nothing else, and the account is exact.

mod common;

use common::{vmtrace, write};
use fl_trace::packet::Channel;
use vmtrace::Trace;
use vmtrace::synth::{Encoded, Plan, Run, damage};

/// A run of some 250 packets.
fn long() -> Run {
    Run::new(Plan { seed: 7, processes: 300, sweep: 40, ..Plan::default() })
}

/// Events in `packets` of `encoded`, those behind which a packet of the same stream was read, and those at the end of a stream.
fn expected(encoded: &Encoded, touched: &[usize]) -> (u64, u64) {
    let (mut inside, mut at_end) = (0, 0);
    for &i in touched {
        let (_, _, channel, cpu, records) = encoded.packets[i];
        if channel != Channel::Events {
            continue;
        }
        let later = encoded.packets.iter().enumerate().skip(i + 1);
        let is_followed =
            later.into_iter().any(|(k, p)| p.2 == channel && p.3 == cpu && !touched.contains(&k));
        *(if is_followed { &mut inside } else { &mut at_end }) += u64::from(records);
    }
    (inside, at_end)
}

#[test]
fn a_flipped_bit_per_64_kib_and_a_cut_of_1000_bytes_cost_only_the_packets_touched() {
    let run = long();
    for seed in 0..20 {
        let mut encoded = run.encode();
        assert!(encoded.bytes.len() > 128 << 10, "{} bytes", encoded.bytes.len());
        let touched = damage(&mut encoded, seed, 64 << 10, 1000);
        let trace = Trace::from_bytes(&encoded.bytes).unwrap();
        let (inside, at_end) = expected(&encoded, &touched);
        let events = trace.loss().sum(Some(Channel::Events));
        assert_eq!(trace.events().len() as u64, run.events.len() as u64 - inside - at_end, "seed {seed}");
        assert_eq!(events.lost.records, inside, "seed {seed}");
        assert_eq!(trace.loss().packets, (encoded.packets.len() - touched.len()) as u64, "seed {seed}");
        assert!(trace.loss().damaged_places > 0 && !trace.loss().is_complete());
        // What did arrive is what was sent, nothing else.
        let mut sent = run.events.iter();
        let mut got = trace.events().to_vec();
        got.sort_by_key(|seen| seen.tsc);
        for seen in got {
            assert!(sent.any(|(cpu, s)| (*cpu, s.tsc, s.event) == (seen.cpu, seen.tsc, seen.event)));
        }
    }
}

#[test]
fn damage_is_reported_first_and_statistics_say_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let run = long();
    let mut encoded = run.encode();
    // This seed's damage spares the counters at the end, without which nothing is known of what is missing there.
    let touched = damage(&mut encoded, 6, 64 << 10, 1000);
    let (inside, at_end) = expected(&encoded, &touched);
    let path = write(dir.path(), "run.vmt", &encoded.bytes);
    for command in [&["stats"][..], &["timeline"], &["timeline", "--raw"], &["check"]] {
        let done = vmtrace(&[command, &[path.as_str()]].concat());
        assert!(done.out.starts_with("DAMAGED: "), "{command:?}: {}", done.out);
        assert_eq!(done.status, 0, "{command:?}");
    }
    let done = vmtrace(&["stats", &path]);
    let missing = format!(": 0 dropped in the kernel (ring full), {} lost on the way", inside + at_end);
    assert!(done.out.contains(&missing), "{}", done.out);
    let detailed = vmtrace(&["stats", &path, "--damage"]);
    assert!(detailed.out.contains("wrong checksum"), "{}", detailed.out);
    assert_eq!(vmtrace(&["check", "--strict", &path]).status, 1);
}

#[test]
fn loss_never_makes_an_invariant_look_broken() {
    for seed in 0..60 {
        let plan = Plan {
            seed,
            processes: 20,
            ring_events: if seed % 3 == 0 { 60 } else { 4096 },
            ..Plan::default()
        };
        let mut encoded = Run::new(plan).encode();
        damage(&mut encoded, seed, 3000 + 100 * seed as usize, if seed % 2 == 0 { 1000 } else { 0 });
        if seed % 5 == 0 {
            let len = encoded.bytes.len();
            encoded.bytes.truncate(len - len / 7);
        }
        let report = Trace::from_bytes(&encoded.bytes).unwrap().check();
        let first = report.first_broken().map(|(invariant, claim)| (invariant, claim.text.clone()));
        assert!(report.holds(), "seed {seed}: {first:?}");
    }
}

#[test]
fn events_that_the_kernel_dropped_are_counted_apart_from_those_lost_on_the_way() {
    let run = Run::new(Plan { ring_events: 50, ..Plan::default() });
    let encoded = run.encode();
    assert!(encoded.dropped > 0);
    let trace = Trace::from_bytes(&encoded.bytes).unwrap();
    let stats = trace.stats();
    let accounts = stats.accounts().unwrap();
    assert_eq!(accounts.iter().map(|a| a.dropped).sum::<u64>(), encoded.dropped);
    assert!(accounts.iter().all(|a| a.missing() == 0));
    assert_eq!(trace.events().len() as u64 + encoded.dropped, run.events.len() as u64);
}

#[test]
fn packets_that_come_twice_count_once() {
    let run = Run::new(Plan::default());
    let encoded = run.encode();
    let mut bytes = encoded.bytes.clone();
    for (begin, end, ..) in encoded.packets.iter().rev().take(4) {
        let copy = encoded.bytes[*begin..*end].to_vec();
        bytes.extend(copy);
    }
    let trace = Trace::from_bytes(&bytes).unwrap();
    assert_eq!(trace.events().len(), run.events.len());
    assert_eq!(trace.loss().sum(None).repeats, 4);
    assert!(trace.loss().is_complete());
}

#[test]
fn a_stream_joined_late_is_readable_and_says_what_it_missed() {
    let run = Run::new(Plan::default());
    let encoded = run.encode();
    // Without the hello and the first packet of events.
    let first_events = encoded.packets.iter().position(|p| p.2 == Channel::Events).unwrap();
    let (_, end, _, _, records) = encoded.packets[first_events];
    let trace = Trace::from_bytes(&encoded.bytes[end..]).unwrap();
    let events = trace.loss().sum(Some(Channel::Events));
    assert_eq!(events.before_first.records, u64::from(records));
    assert_eq!(trace.hello(), None);
    assert!(trace.check().holds());
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "late.vmt", &encoded.bytes[end..]);
    let done = vmtrace(&["stats", &path]);
    assert_eq!(done.status, 0);
    assert!(done.out.contains("unknown speed") && done.out.contains("in ticks"), "{}", done.out);
}

#[test]
fn a_second_boot_in_one_file_is_told_and_not_mixed_in() {
    let first = Run::new(Plan::default());
    let mut second = Run::new(Plan { seed: 9, ..Plan::default() });
    second.hello.tsc_boot += 1;
    let mut bytes = first.encode().bytes;
    let boundary = bytes.len() as u64;
    bytes.extend(second.encode().bytes);
    let trace = Trace::from_bytes(&bytes).unwrap();
    assert_eq!(trace.loss().next_boot, Some(boundary));
    assert_eq!(trace.events().len(), first.events.len());
}

#[test]
fn noise_before_between_and_behind_packets_is_skipped_and_counted() {
    let run = Run::new(Plan::default());
    let encoded = run.encode();
    let middle = encoded.packets[3].1;
    let mut bytes = b"boot: hello\0".to_vec();
    bytes.extend(&encoded.bytes[..middle]);
    bytes.extend(vec![7; 5000]);
    bytes.push(0);
    bytes.extend(&encoded.bytes[middle..]);
    bytes.extend(b"half a pack");
    let trace = Trace::from_bytes(&bytes).unwrap();
    assert_eq!(trace.events().len(), run.events.len());
    let places: Vec<_> = trace.loss().damage.iter().map(|d| (d.offset, d.len)).collect();
    let tail = bytes.len() as u64 - 11;
    assert_eq!(places, [(0, 11), (12 + middle as u64, 5000), (tail, 11)]);
}
