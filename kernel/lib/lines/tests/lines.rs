//! Lines against a plain queue: nothing is lost, nothing waits that could be read, nothing is read that should wait.

use fl_lines::{END, Lines};
use proptest::prelude::*;
use std::collections::VecDeque;

fn typed<const N: usize>(text: &[u8]) -> Lines<N> {
    let mut lines = Lines::new();
    text.iter().for_each(|&byte| lines.put(byte));
    lines
}

fn next<const N: usize>(lines: &mut Lines<N>, room: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; room];
    lines.take(&mut out).map(|n| out[..n].to_vec())
}

#[test]
fn half_a_line_waits_for_its_end() {
    let mut lines = typed::<16>(b"hello");
    assert_eq!(next(&mut lines, 16), None);
    lines.put(b'\r');
    assert_eq!(next(&mut lines, 16).unwrap(), b"hello\n");
    assert_eq!(next(&mut lines, 16), None);
}

#[test]
fn a_read_ends_with_the_line_and_a_small_one_leaves_the_rest() {
    let mut lines = typed::<16>(b"one\ntwo\n");
    assert_eq!(next(&mut lines, 2).unwrap(), b"on");
    assert_eq!(next(&mut lines, 16).unwrap(), b"e\n");
    assert_eq!(next(&mut lines, 16).unwrap(), b"two\n");
}

#[test]
fn the_end_gives_out_what_there_is_and_then_nothing_for_ever() {
    let mut lines = typed::<16>(b"half\x04ignored\n");
    assert_eq!(next(&mut lines, 3).unwrap(), b"hal");
    for rest in [&b"f"[..], b"", b""] {
        assert_eq!(next(&mut lines, 16).unwrap(), rest);
    }
}

#[test]
fn a_line_longer_than_the_room_is_read_in_pieces() {
    let mut lines = typed::<4>(b"abcdef");
    assert!(lines.is_full());
    assert_eq!(next(&mut lines, 16).unwrap(), b"abcd", "what had no place was not taken");
    assert_eq!(next(&mut lines, 16), None);
}

proptest! {
    #[test]
    fn any_history_agrees_with_a_queue(
        steps in prop::collection::vec(prop_oneof![
            4 => prop_oneof![Just(b'a'), Just(b'\n'), Just(b'\r'), any::<u8>()].prop_map(Ok),
            1 => (0usize..12).prop_map(Err),
        ], 0..300),
    ) {
        let (mut lines, mut model, mut ended) = (Lines::<8>::new(), VecDeque::new(), false);
        for step in steps {
            match step {
                Ok(byte) => {
                    ended |= byte == END;
                    prop_assert_eq!(lines.is_full(), model.len() == 8);
                    if !ended && model.len() < 8 {
                        model.push_back(if byte == b'\r' { b'\n' } else { byte });
                    }
                    lines.put(byte);
                }
                Err(room) => {
                    let ready = ended || model.len() == 8 || model.contains(&b'\n');
                    let mut expected = Vec::new();
                    while ready && expected.len() < room && expected.last() != Some(&b'\n') {
                        let Some(byte) = model.pop_front() else { break };
                        expected.push(byte);
                    }
                    prop_assert_eq!(next(&mut lines, room), ready.then_some(expected));
                }
            }
        }
    }
}
