//! Scatter lists, the checks of a request, and the table of those in flight.

use fl_addr::{PAGE_SIZE, Pfn, PhysAddr, VirtAddr};
use fl_block::{BlockError, InFlight, MAX_SEGMENTS, Operation, SECTOR, Segment, check, gather};
use proptest::prelude::*;

const PAGE: u64 = PAGE_SIZE as u64;

/// A buffer whose page `n` lies in frame `frames[n]`.
fn mapped(frames: &[u32]) -> impl Fn(VirtAddr) -> Option<PhysAddr> + '_ {
    |va| Some(Pfn(*frames.get(va.vpn().0 as usize)?).start() + va.page_offset() as u64)
}

#[test]
fn neighbouring_frames_share_a_segment() {
    let (list, bytes) = gather(VirtAddr(0x200), 3 * PAGE_SIZE, 16, mapped(&[7, 8, 20, 21])).unwrap();
    assert_eq!(bytes, 3 * PAGE_SIZE);
    let whole = [
        Segment { frame: Pfn(7), offset: 0x200, len: 0x1e00 },
        Segment { frame: Pfn(20), offset: 0, len: 0x1200 },
    ];
    assert_eq!(list[..], whole);
}

#[test]
fn a_list_ends_at_its_limit_on_a_whole_sector() {
    // From 0x123 on: the limit comes after 2 pages less 0x123 bytes, of which a part of a sector must stay behind.
    let (list, bytes) =
        gather(VirtAddr(0x123), 8 * PAGE_SIZE, 2, mapped(&[9, 7, 5, 3, 1, 11, 13, 15, 17])).unwrap();
    assert_eq!((list.len(), bytes), (2, (2 * PAGE_SIZE - 0x123) / SECTOR * SECTOR));
    let sum: usize = list.iter().map(|s| s.len as usize).sum();
    assert_eq!(sum, bytes);
}

#[test]
fn what_is_cut_may_be_a_whole_segment() {
    // 100 bytes on the first page, 412 + 100 on the second: one sector, and the rest of 100 bytes is cut.
    let (list, bytes) = gather(VirtAddr(PAGE - 100), 612, 16, mapped(&[4, 6])).unwrap();
    assert_eq!((list.len(), bytes), (2, 512));
    // 512 bytes on the first page, 100 on the second, which goes.
    let (list, bytes) = gather(VirtAddr(PAGE - 512), 612, 16, mapped(&[4, 6])).unwrap();
    assert_eq!((list.len(), bytes), (1, 512));
}

#[test]
fn memory_that_is_not_mapped_and_less_than_a_sector_are_told_apart() {
    assert_eq!(gather(VirtAddr(0), 2 * PAGE_SIZE, 16, mapped(&[1])), None);
    assert_eq!(gather(VirtAddr(u64::MAX - 10), 512, 16, |va| Some(PhysAddr(va.0 & 0xfff))), None, "wraps");
    let (list, bytes) = gather(VirtAddr(0), 511, 16, mapped(&[1])).unwrap();
    assert!(list.is_empty() && bytes == 0);
    let (list, bytes) = gather(VirtAddr(PAGE - 100), 512, 1, mapped(&[4, 6])).unwrap();
    assert!(list.is_empty() && bytes == 0, "one segment cannot reach a sector here");
}

proptest! {
    #[test]
    fn gathered_segments_are_the_buffer(
        frames in prop::collection::vec(1u32..40, 1..30), offset in 0..PAGE_SIZE, len in 0usize..100_000, most in 1usize..40
    ) {
        let len = len.min(frames.len() * PAGE_SIZE - offset);
        let (list, bytes) = gather(VirtAddr(offset as u64), len, most, mapped(&frames)).unwrap();
        prop_assert!(list.len() <= most.min(MAX_SEGMENTS) && bytes <= len && bytes % SECTOR == 0);
        let mut at = VirtAddr(offset as u64);
        for segment in &list {
            prop_assert!(segment.len > 0);
            for n in (0..u64::from(segment.len)).step_by(97) {
                prop_assert_eq!(mapped(&frames)(at + n), Some(segment.start() + n));
            }
            at = at + u64::from(segment.len);
        }
        prop_assert_eq!(at.0, offset as u64 + bytes as u64);
        prop_assert!(bytes + SECTOR > len || list.len() == most.min(MAX_SEGMENTS) || list.len() + 1 >= most, "it goes on as far as it can");
    }
}

#[test]
fn requests_are_checked() {
    let page = [Segment::frame(Pfn(5))];
    let ask = |sector, memory: &[Segment]| check(Operation::Write, sector, memory, 100, 4);
    assert_eq!(ask(0, &page), Ok(8));
    assert_eq!(ask(92, &page), Ok(8));
    for beyond in [93, 100, u64::MAX, u64::MAX - 7] {
        assert_eq!(ask(beyond, &page), Err(BlockError::OutOfRange), "{beyond}");
    }
    assert_eq!(ask(0, &[page[0]; 4]), Ok(32));
    for (malformed, why) in [
        (&[page[0]; 5][..], "more than the disk takes"),
        (&[], "nothing"),
        (&[Segment { len: 511, ..page[0] }], "part of a sector"),
        (&[page[0], Segment { len: 0, ..page[0] }], "an empty segment"),
        (&[Segment { offset: 4096, ..page[0] }], "a place outside of the frame"),
    ] {
        assert_eq!(ask(0, malformed), Err(BlockError::Malformed), "{why}");
    }
    let halves = [Segment { len: 200, ..page[0] }, Segment { len: 312, ..page[0] }];
    assert_eq!(ask(99, &halves), Ok(1), "only the sum must be whole");
    assert_eq!(
        check(Operation::Read, 0, &[page[0]; 17], 1000, 99),
        Err(BlockError::Malformed),
        "more than anybody takes"
    );
    assert_eq!(check(Operation::Flush, 0, &[], 100, 4), Ok(0));
    assert_eq!(check(Operation::Flush, 0, &page, 100, 4), Err(BlockError::Malformed));
}

#[test]
fn only_a_token_in_flight_is_answered_and_only_once() {
    let mut table = InFlight::new(3);
    for (token, request) in [(10, 'a'), (0, 'b'), (7, 'c')] {
        let place = table.vacant().unwrap();
        table.insert(place, token, 100 + u64::from(token), request);
    }
    assert_eq!((table.vacant(), table.len()), (None, 3));
    assert_eq!(table.take(3), None, "a token that nobody waits for");
    assert_eq!(table.take(0), Some((1, 'b')));
    assert_eq!(table.take(0), None, "the same answer again");
    assert_eq!(table.vacant(), Some(1));
    table.insert(1, 0, 50, 'd');
    assert_eq!(table.take(0), Some((1, 'd')));
}

#[test]
fn overdue_requests_are_told_from_the_others_that_go_with_them() {
    let mut table = InFlight::new(4);
    table.insert(2, 1, 100, 'a');
    table.insert(0, 2, 200, 'b');
    assert!(!table.any_overdue(99) && table.any_overdue(100));
    let mut all: Vec<_> = std::iter::from_fn(|| table.take_any(150)).collect();
    all.sort();
    assert_eq!(all, [(false, 'b'), (true, 'a')]);
    assert!(table.is_empty() && !table.any_overdue(u64::MAX));
}
