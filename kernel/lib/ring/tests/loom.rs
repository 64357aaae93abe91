//! Loom models of both rings: every interleaving and reordering of one producer against one consumer at wrap-around.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p fl-ring --test loom`. The models run once on the source as it is
//! and once per mutant, which they have to catch.
#![cfg(loom)]

use fl_model::{caught, fails};
use fl_ring::{ByteRing, Ring};
use loom::sync::{Arc, Mutex};
use loom::thread;

fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(f);
}

/// What one look of the consumer showed.
struct Look {
    end: u64,
    lost: u64,
}

/// Takes what is in the ring, and notes it: (position, value) of each record, and the look itself.
fn take(ring: &Ring<u64, 2>, records: &mut Vec<(u64, u64)>, looks: &mut Vec<Look>) {
    // SAFETY: the models have one consumer at a time, ordered by `join`.
    let peek = unsafe { ring.peek() };
    assert!(peek.len() <= 2);
    records.extend(peek.iter().enumerate().map(|(i, value)| (peek.first() + i as u64, value)));
    looks.push(Look { end: peek.first() + peek.len() as u64, lost: peek.lost() });
    let n = peek.len();
    peek.release(n);
}

/// `EMITTED` records through a ring of two: the value of each is its number in order of emission, so that value - position is
/// the number of losses before it.
fn events() {
    const EMITTED: u64 = 4;
    model(|| {
        let ring = Arc::new(Ring::<u64, 2>::new());
        let producer = thread::spawn({
            let ring = ring.clone();
            move || {
                // SAFETY: the only producer.
                (0..EMITTED).filter(|&value| unsafe { ring.push(value) }.is_err()).count() as u64
            }
        });
        let (mut records, mut looks) = (Vec::new(), Vec::new());
        take(&ring, &mut records, &mut looks);
        take(&ring, &mut records, &mut looks);
        let refused = producer.join().unwrap();
        take(&ring, &mut records, &mut looks);

        assert_eq!(ring.lost(), refused);
        assert_eq!(ring.lost() + records.len() as u64, EMITTED, "received + lost = emitted");
        for (i, &(position, value)) in records.iter().enumerate() {
            assert_eq!(position, i as u64, "positions without gap or repetition");
            assert!(i == 0 || value > records[i - 1].1, "in order of emission");
            for look in &looks {
                let lost_before = value - position;
                if position < look.end {
                    assert!(lost_before <= look.lost, "a look reports all losses before its records");
                } else {
                    assert!(lost_before >= look.lost, "a look reports no loss from after its end");
                }
            }
        }
    });
}

#[test]
fn records_are_received_or_lost_and_losses_are_placed_exactly() {
    events();
}

#[test]
fn a_record_published_before_it_is_written_is_caught() {
    caught("publish_relaxed", events);
}

#[test]
fn a_slot_released_before_it_is_copied_is_caught() {
    caught("release_before_copy", events);
}

#[test]
fn a_release_that_orders_nothing_is_caught() {
    caught("release_relaxed", events);
}

#[test]
fn one_record_too_many_is_caught() {
    caught("full_off_by_one", events);
}

#[test]
fn a_loss_seen_before_the_records_it_follows_is_caught() {
    caught("lost_relaxed", events);
}

#[test]
fn counts_of_two_different_moments_are_caught() {
    caught("snapshot_unchecked", events);
}

#[test]
fn a_consumer_that_dies_before_release_costs_nothing() {
    model(|| {
        let ring = Arc::new(Ring::<u64, 2>::new());
        let producer = thread::spawn({
            let ring = ring.clone();
            // SAFETY: the only producer.
            move || (0..3).filter(|&value| unsafe { ring.push(value) }.is_ok()).count()
        });
        let dying = thread::spawn({
            let ring = ring.clone();
            // SAFETY: the only consumer until it ends.
            move || unsafe { ring.peek() }.iter().collect::<Vec<_>>()
        });
        let seen = dying.join().unwrap();
        let (mut records, mut looks) = (Vec::new(), Vec::new());
        take(&ring, &mut records, &mut looks);
        let stored = producer.join().unwrap();
        take(&ring, &mut records, &mut looks);
        let values: Vec<u64> = records.iter().map(|r| r.1).collect();
        assert!(values.starts_with(&seen));
        assert_eq!(values.len(), stored);
    });
}

/// A CPU records in a thread and in an interrupt, while the drain runs on another. An interrupt runs to its end before the thread goes on, and does not come while
/// interrupts are off: whoever has `interrupts` keeps the other away. `off`: the thread turns them off to record.
fn an_interrupt_records(off: bool) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let cpu = Arc::new((Ring::<u64, 2>::new(), Mutex::new(())));
        let push = move |cpu: &(Ring<u64, 2>, Mutex<()>), off: bool, value| {
            let _off = off.then(|| cpu.1.lock().unwrap());
            // SAFETY: one at a time, if interrupts are off.
            unsafe { cpu.0.push(value) }.is_err()
        };
        let (thread, interrupt) = (cpu.clone(), cpu.clone());
        let thread = thread::spawn(move || [1, 2].map(|value| push(&thread, off, value)));
        let interrupt = thread::spawn(move || push(&interrupt, true, 10));
        let (mut records, mut looks) = (Vec::new(), Vec::new());
        take(&cpu.0, &mut records, &mut looks);
        let refused = thread.join().unwrap().into_iter().chain([interrupt.join().unwrap()]);
        let refused = refused.filter(|refused| *refused).count() as u64;
        take(&cpu.0, &mut records, &mut looks);

        assert_eq!(cpu.0.lost(), refused);
        assert_eq!(refused + records.len() as u64, 3, "received + lost = emitted");
        let mut values: Vec<u64> =
            records.iter().map(|(_, value)| *value).filter(|value| *value != 10).collect();
        assert!(values.is_sorted(), "what the thread records stays in order");
        values.dedup();
        assert_eq!(values.len() + usize::from(records.iter().any(|(_, value)| *value == 10)), records.len());
    });
}

#[test]
fn what_an_interrupt_records_does_not_disturb_the_thread_that_it_interrupts() {
    an_interrupt_records(true);
}

#[test]
fn recording_with_interrupts_on_is_caught() {
    fails("interrupts on", || an_interrupt_records(false));
}

/// Takes all records of a byte ring.
fn take_bytes(ring: &ByteRing<8>, records: &mut Vec<Vec<u8>>) {
    // SAFETY: the models have one consumer at a time.
    let mut view = unsafe { ring.peek() };
    let mut n = 0;
    while let Some(record) = view.next_record() {
        assert_eq!(record.index(), records.len() as u64);
        records.push(record.bytes().collect());
        n += 1;
    }
    view.release(n);
}

/// Records of one, two and three bytes, the last two written in pieces, through a buffer of eight bytes.
fn log_records() {
    const EMITTED: [&[&[u8]]; 3] = [&[&[1]], &[&[2], &[3]], &[&[4, 5], &[6]]];
    model(|| {
        let ring = Arc::new(ByteRing::<8>::new());
        let producer = thread::spawn({
            let ring = ring.clone();
            move || {
                let emit = |pieces: &[&[u8]]| {
                    // SAFETY: the only producer.
                    unsafe { ring.begin() };
                    for piece in pieces {
                        // SAFETY: the only producer.
                        unsafe { ring.write(piece) };
                    }
                    // SAFETY: the only producer.
                    unsafe { ring.commit() }.is_ok()
                };
                EMITTED.map(emit)
            }
        });
        let mut records = Vec::new();
        take_bytes(&ring, &mut records);
        take_bytes(&ring, &mut records);
        let stored = producer.join().unwrap();
        take_bytes(&ring, &mut records);
        let expected: Vec<Vec<u8>> =
            EMITTED.iter().zip(stored).filter(|e| e.1).map(|(pieces, _)| pieces.concat()).collect();
        assert_eq!(records, expected);
        assert_eq!(ring.lost() + ring.written(), EMITTED.len() as u64);
    });
}

#[test]
fn log_records_are_whole_or_lost() {
    log_records();
}

#[test]
fn a_log_record_committed_before_it_is_written_is_caught() {
    caught("commit_relaxed", log_records);
}

#[test]
fn bytes_released_before_they_are_copied_are_caught() {
    caught("release_bytes_relaxed", log_records);
}

#[test]
fn one_byte_too_many_is_caught() {
    caught("bytes_off_by_one", log_records);
}
