//! What the event ring promises, step by step and against a model; `loom.rs` has the interleavings.
#![cfg(not(loom))]

use fl_ring::{Full, Ring};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Pushes as the only producer: these tests have one thread.
fn push<T: Copy, const N: usize>(ring: &Ring<T, N>, record: T) -> Result<(), Full> {
    // SAFETY: one thread.
    unsafe { ring.push(record) }
}

/// The unread records, as the only consumer.
fn unread<T: Copy, const N: usize>(ring: &Ring<T, N>) -> Vec<T> {
    // SAFETY: one thread, and the view ends here.
    unsafe { ring.peek() }.iter().collect()
}

fn release<T: Copy, const N: usize>(ring: &Ring<T, N>, n: usize) {
    // SAFETY: one thread, and the view ends here.
    unsafe { ring.peek() }.release(n);
}

fn last<T: Copy, const N: usize>(ring: &Ring<T, N>, n: usize) -> Vec<T> {
    // SAFETY: one thread.
    unsafe { ring.last(n) }.collect()
}

/// The size of an event record, and a shape with padding and a niche.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Event {
    kind: Option<bool>,
    words: [u64; 8],
}

static RING: Ring<Event, 1024> = Ring::new();

#[test]
fn a_static_ring_of_event_sized_records_works() {
    let event = Event { kind: Some(true), words: [7; 8] };
    assert_eq!(push(&RING, event), Ok(()));
    assert_eq!(unread(&RING), [event]);
    assert_eq!(RING.capacity(), 1024);
}

#[test]
fn a_full_ring_drops_the_newest_and_counts_it() {
    let ring = Ring::<u32, 4>::new();
    for i in 0..4 {
        assert_eq!(push(&ring, i), Ok(()));
    }
    assert_eq!([push(&ring, 4), push(&ring, 5)], [Err(Full); 2]);
    assert_eq!(unread(&ring), [0, 1, 2, 3]);
    assert_eq!((ring.lost(), ring.written(), ring.released(), ring.len()), (2, 4, 0, 4));
}

#[test]
fn records_stay_until_they_are_released() {
    let ring = Ring::<u32, 4>::new();
    (0..3).for_each(|i| push(&ring, i).unwrap());
    assert_eq!(unread(&ring), unread(&ring));
    release(&ring, 2);
    assert_eq!(unread(&ring), [2]);
    // SAFETY: one thread, and the view ends with the test.
    let peek = unsafe { ring.peek() };
    assert_eq!((peek.first(), peek.len(), peek.get(0), peek.is_empty()), (2, 1, 2, false));
}

#[test]
fn a_release_makes_room_for_as_many_records() {
    let ring = Ring::<u32, 2>::new();
    push(&ring, 0).unwrap();
    push(&ring, 1).unwrap();
    release(&ring, 1);
    assert_eq!([push(&ring, 2), push(&ring, 3)], [Ok(()), Err(Full)]);
    assert_eq!(unread(&ring), [1, 2]);
}

#[test]
#[should_panic(expected = "release of 2 of 1 records")]
fn more_than_was_seen_cannot_be_released() {
    let ring = Ring::<u32, 2>::new();
    push(&ring, 0).unwrap();
    release(&ring, 2);
}

#[test]
fn a_panic_dump_shows_the_last_records_read_or_not() {
    let ring = Ring::<u32, 4>::new();
    assert_eq!(last(&ring, 9), [0u32; 0]);
    (0..3).for_each(|i| push(&ring, i).unwrap());
    assert_eq!(last(&ring, 2), [1, 2]);
    release(&ring, 3);
    assert_eq!(last(&ring, 9), [0, 1, 2]);
    (3..6).for_each(|i| push(&ring, i).unwrap());
    // Record 2 lies where the next push would write, and might be in the middle of.
    assert_eq!(last(&ring, 9), [3, 4, 5]);
    push(&ring, 6).unwrap();
    // Full: no push can be in the middle of anything.
    assert_eq!(last(&ring, 9), [3, 4, 5, 6]);
}

#[derive(Clone, Debug)]
enum Op {
    Push,
    /// Looks and releases so many of what it sees.
    Release(usize),
    Last(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![4 => Just(Op::Push), 2 => (0usize..9).prop_map(Op::Release), 1 => (0usize..12).prop_map(Op::Last)]
}

proptest! {
    #[test]
    fn a_ring_is_a_bounded_queue_that_counts(ops in proptest::collection::vec(op(), 0..300)) {
        let ring = Ring::<u64, 8>::new();
        let (mut queue, mut written, mut emitted, mut received) = (VecDeque::new(), Vec::new(), 0u64, 0u64);
        for op in ops {
            match op {
                Op::Push => {
                    let fits = queue.len() < 8;
                    prop_assert_eq!(push(&ring, emitted).is_ok(), fits);
                    if fits {
                        queue.push_back(emitted);
                        written.push(emitted);
                    }
                    emitted += 1;
                }
                Op::Release(n) => {
                    // SAFETY: one thread, and the view ends here.
                    let peek = unsafe { ring.peek() };
                    prop_assert_eq!(peek.first(), received);
                    prop_assert_eq!(peek.first() + peek.len() as u64 + peek.lost(), emitted);
                    prop_assert_eq!(peek.iter().collect::<Vec<_>>(), queue.iter().copied().collect::<Vec<_>>());
                    let n = n.min(peek.len());
                    peek.release(n);
                    queue.drain(..n);
                    received += n as u64;
                }
                Op::Last(n) => {
                    let seen = last(&ring, n);
                    prop_assert!(written.ends_with(&seen));
                    prop_assert!(seen.len() >= n.min(7).min(written.len()) && seen.len() <= n);
                    prop_assert!(n < queue.len() || seen.len() >= queue.len(), "an unread record is left out");
                }
            }
            prop_assert_eq!(received + ring.lost() + ring.len() as u64, emitted);
            prop_assert_eq!(ring.written(), written.len() as u64);
        }
    }
}

#[test]
fn two_real_threads_account_for_every_record() {
    const EMITTED: u64 = 300_000;
    static RING: Ring<[u64; 9], 64> = Ring::new();
    let mut received = 0;
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            for i in 0..EMITTED {
                let _ = push(&RING, [i; 9]); // a loss is what the test counts
            }
        });
        let mut newest = None;
        loop {
            let done = producer.is_finished();
            // SAFETY: the only consumer.
            let peek = unsafe { RING.peek() };
            for record in peek.iter() {
                assert!(record.iter().all(|&word| word == record[0]), "torn: {record:?}");
                assert!(newest < Some(record[0]));
                newest = Some(record[0]);
            }
            let n = peek.len();
            received += n as u64;
            peek.release(n);
            if done && n == 0 {
                break;
            }
        }
    });
    assert!(received > 0);
    assert_eq!(received + RING.lost(), EMITTED);
}
