//! What the log buffer promises, step by step and against a model; `loom.rs` has the interleavings.
#![cfg(not(loom))]

use fl_ring::{ByteRing, Full};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Writes one record piece by piece, as the only producer: these tests have one thread.
fn log<const N: usize>(ring: &ByteRing<N>, pieces: &[&[u8]]) -> Result<(), Full> {
    // SAFETY: one thread.
    unsafe {
        ring.begin();
        pieces.iter().for_each(|piece| ring.write(piece));
        ring.commit()
    }
}

/// The unread records; releases the first `n`.
fn take<const N: usize>(ring: &ByteRing<N>, n: usize) -> Vec<Vec<u8>> {
    // SAFETY: one thread, and the view ends here.
    let mut view = unsafe { ring.peek() };
    let mut records = Vec::new();
    while let Some(record) = view.next_record() {
        assert_eq!(record.len(), record.bytes().count());
        records.push(record.bytes().collect());
    }
    view.release(n);
    records
}

static RING: ByteRing<4096> = ByteRing::new();

#[test]
fn a_static_buffer_keeps_records_apart() {
    log(&RING, &[b"one", b"", b" two"]).unwrap();
    log(&RING, &[]).unwrap();
    log(&RING, &[b"three"]).unwrap();
    assert_eq!(take(&RING, 0), [&b"one two"[..], b"", b"three"]);
}

#[test]
fn a_record_that_does_not_fit_is_dropped_whole_and_counted() {
    let ring = ByteRing::<16>::new();
    log(&ring, &[b"12345678"]).unwrap();
    assert_eq!(log(&ring, &[b"12", b"34567", b"x"]), Err(Full));
    assert_eq!(log(&ring, &[b"1234"]), Ok(()), "a shorter one still fits");
    assert_eq!(log(&ring, &[]), Err(Full), "not even a length fits");
    assert_eq!((ring.lost(), ring.written(), ring.used(), ring.capacity()), (2, 2, 16, 16));
    assert_eq!(take(&ring, 2), [&b"12345678"[..], b"1234"]);
    assert!(ring.is_empty());
}

#[test]
fn the_longest_record_fits_an_empty_buffer_and_a_longer_one_never_does() {
    let ring = ByteRing::<64>::new();
    assert_eq!(ByteRing::<64>::LONGEST, 62);
    assert_eq!(log(&ring, &[&[7; 63]]), Err(Full));
    assert_eq!(log(&ring, &[&[7; 62]]), Ok(()));
    assert_eq!(take(&ring, 1), [vec![7; 62]]);
    let large = Box::new(ByteRing::<{ 1 << 17 }>::new());
    assert_eq!(log(&large, &[&[7; 65535], &[7]]), Err(Full), "a length has 16 bits");
    assert_eq!(log(&large, &[&[7; 65535]]), Ok(()));
}

#[test]
fn an_aborted_record_leaves_no_trace_but_the_count() {
    let ring = ByteRing::<32>::new();
    // SAFETY: one thread.
    unsafe {
        ring.begin();
        ring.write(b"half");
        ring.abort();
        ring.abort();
        ring.write(b"outside");
        assert_eq!(ring.commit(), Ok(()));
    }
    assert_eq!((ring.lost(), ring.written(), ring.used()), (1, 0, 0));
}

#[test]
fn a_record_begun_inside_another_replaces_it() {
    let ring = ByteRing::<32>::new();
    // SAFETY: one thread.
    unsafe {
        ring.begin();
        ring.write(b"interrupted");
    }
    log(&ring, &[b"panic"]).unwrap();
    assert_eq!(take(&ring, 0), [b"panic"]);
    assert_eq!(ring.lost(), 1);
}

#[test]
fn a_copy_needs_room_for_the_whole_record() {
    let ring = ByteRing::<32>::new();
    log(&ring, &[b"12345"]).unwrap();
    // SAFETY: one thread, and the view ends with the test.
    let mut view = unsafe { ring.peek() };
    let record = view.next_record().unwrap();
    assert_eq!(record.copy_to(&mut [0; 4]), None);
    assert_eq!(record.copy_to(&mut [0; 9]).unwrap(), b"12345");
}

#[test]
#[should_panic(expected = "release of 2 of 1 records")]
fn more_than_was_seen_cannot_be_released() {
    let ring = ByteRing::<32>::new();
    log(&ring, &[b"1"]).unwrap();
    take(&ring, 2);
}

#[derive(Clone, Debug)]
enum Op {
    Log(Vec<Vec<u8>>),
    Abort(Vec<u8>),
    Take(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let piece = proptest::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        4 => proptest::collection::vec(piece.clone(), 0..5).prop_map(Op::Log),
        1 => piece.prop_map(Op::Abort),
        2 => (0usize..5).prop_map(Op::Take),
    ]
}

proptest! {
    #[test]
    fn a_byte_ring_is_a_bounded_queue_of_records(ops in proptest::collection::vec(op(), 0..200)) {
        let ring = ByteRing::<64>::new();
        let (mut queue, mut emitted, mut received): (VecDeque<Vec<u8>>, u64, u64) = Default::default();
        for op in ops {
            match op {
                Op::Log(pieces) => {
                    let record = pieces.concat();
                    let used: usize = queue.iter().map(|r| r.len() + 2).sum();
                    let fits = used + record.len() + 2 <= 64;
                    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
                    prop_assert_eq!(log(&ring, &pieces).is_ok(), fits);
                    if fits {
                        queue.push_back(record);
                    }
                    emitted += 1;
                }
                Op::Abort(piece) => {
                    // SAFETY: one thread.
                    unsafe {
                        ring.begin();
                        ring.write(&piece);
                        ring.abort();
                    }
                    emitted += 1;
                }
                Op::Take(n) => {
                    let n = n.min(queue.len());
                    // SAFETY: one thread, and the view ends here.
                    let view = unsafe { ring.peek() };
                    prop_assert_eq!((view.first(), view.is_empty()), (received, queue.is_empty()));
                    prop_assert_eq!(view.first() + queue.len() as u64 + view.lost(), emitted);
                    prop_assert_eq!(take(&ring, n), queue.iter().cloned().collect::<Vec<_>>());
                    queue.drain(..n);
                    received += n as u64;
                }
            }
            prop_assert_eq!(received + queue.len() as u64 + ring.lost(), emitted);
        }
    }
}
