//! mmap and munmap: one test for each rule, and a plain model of what is mapped where.
#![cfg(not(loom))]

use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_STACK};
use fl_addr::{VirtAddr, Vpn};
use fl_vmcore::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const GOOD: MmapRequest = MmapRequest {
    addr: VirtAddr(0x1000_0000),
    len: 0x1800,
    offset: 0x1000,
    writable: true,
    file_len: 0x2345,
};

const TEXT: u64 = 0x40_0000;
const DATA: u64 = 0x60_0000;

fn program() -> Regions<u32> {
    let mut regions = Regions::new();
    let rows = [
        (TEXT, 0x3000, RegionKind::Executable, Prot::READ_EXEC),
        (DATA, 0x1000, RegionKind::Executable, Prot::READ_WRITE),
        (DATA + 0x1000, 0x1000, RegionKind::Zero, Prot::READ_WRITE),
        (USER_STACK - STACK_LIMIT, STACK_LIMIT, RegionKind::Stack, Prot::READ_WRITE),
    ];
    for (start, len, kind, prot) in rows {
        let pages = PageRange::of_bytes(VirtAddr(start), len).unwrap();
        regions.insert(Region { pages, kind, prot }).unwrap();
    }
    regions
}

/// The answer to a request at this address and of this length, in a program's space.
fn at(addr: u64, len: u64) -> Result<PageRange, MmapError> {
    program().map(&MmapRequest { addr: VirtAddr(addr), len, ..GOOD }, 1)
}

fn refused(addr: u64, len: u64) -> MmapError {
    at(addr, len).expect_err("a bad request")
}

fn overlap(start: u64, len: u64) -> MmapError {
    MmapError::Overlap(PageRange::of_bytes(VirtAddr(start), len).unwrap())
}

#[test]
fn a_good_request_takes_whole_pages() {
    let mut regions = program();
    let pages = regions.map(&GOOD, 7).unwrap();
    assert_eq!((pages.start(), pages.pages()), (Vpn(0x10000), 2));
    let region = regions.find(Vpn(0x10001)).unwrap();
    assert_eq!(region.prot, Prot::READ_WRITE);
    assert_eq!(region.kind, RegionKind::Mapping(Mapping { file: 7, first: 1 }));
    assert_eq!(region.file_page(Vpn(0x10001)), Some(2));
    assert_eq!(region.file_page(Vpn(0x10002)), None);
}

#[test]
fn the_addresses_that_programs_use_are_good() {
    for addr in [0x1000_0000, 0x2000_0000, 0x5432_1000, 0x7f00_0000, USER_LIMIT - 0x2000] {
        assert!(at(addr, 0x2000).is_ok(), "{addr:#x}");
    }
}

#[test]
fn null_is_refused() {
    assert_eq!(refused(0, 0x1000), MmapError::NullAddress);
}

#[test]
fn a_misaligned_address_is_refused() {
    for addr in [1, 0x1000_0001, 0x1000_0ff8, USER_LIMIT - 1] {
        assert_eq!(refused(addr, 0x1000), MmapError::UnalignedAddress);
    }
}

#[test]
fn a_misaligned_or_negative_offset_is_refused() {
    for offset in [1, 0x1234, -1, -0x1000, i64::MIN] {
        assert_eq!(
            program().map(&MmapRequest { offset, ..GOOD }, 1),
            Err(MmapError::BadOffset),
            "{offset:#x}"
        );
    }
}

#[test]
fn a_length_of_zero_and_an_empty_file_are_refused() {
    assert_eq!(refused(0x1000_0000, 0), MmapError::ZeroLength);
    assert_eq!(program().map(&MmapRequest { file_len: 0, ..GOOD }, 1), Err(MmapError::EmptyFile));
}

#[test]
fn a_mapping_may_reach_and_start_beyond_the_end_of_the_file() {
    assert!(at(0x1000_0000, 0x10_0000).is_ok());
    assert!(program().map(&MmapRequest { offset: 0x7000_0000, ..GOOD }, 1).is_ok());
}

#[test]
fn a_range_that_wraps_is_refused() {
    assert_eq!(refused(0xffff_ffff_ffff_f000, 0x2000), MmapError::Wraps);
    assert_eq!(refused(0x80_03ff_f000, 0u64.wrapping_sub(USER_LIMIT) + 0x1001), MmapError::Wraps);
    assert_eq!(refused(0x1000, u64::MAX), MmapError::Wraps);
}

#[test]
fn a_range_that_reaches_the_user_limit_is_refused() {
    assert_eq!(refused(USER_LIMIT, 0x1000), MmapError::BeyondLimit);
    assert_eq!(refused(USER_LIMIT - 0x1000, 0x1001), MmapError::BeyondLimit);
    assert_eq!(refused(0x80_03ff_f000, 0u64.wrapping_sub(USER_LIMIT) + 0x1000), MmapError::BeyondLimit);
    assert_eq!(refused(0xffff_ffff_ffff_f000, 0x1000), MmapError::BeyondLimit);
    assert!(at(USER_LIMIT - 0x1000, 0x1000).is_ok());
}

#[test]
fn text_data_bss_stack_and_mappings_are_not_overlapped() {
    assert_eq!(refused(TEXT, 0x1000), overlap(TEXT, 0x3000));
    assert_eq!(refused(TEXT - 0x1000, 0x1001), overlap(TEXT, 0x3000));
    assert_eq!(refused(DATA, 1), overlap(DATA, 0x1000));
    assert_eq!(refused(DATA + 0x1000, 1), overlap(DATA + 0x1000, 0x1000));
    assert!(at(DATA + 0x2000, 1).is_ok() && at(DATA - 0x1000, 0x1000).is_ok());

    let mut regions = program();
    regions.map(&GOOD, 1).unwrap();
    assert_eq!(regions.map(&GOOD, 2), Err(overlap(0x1000_0000, 0x2000)), "mapped twice");
}

#[test]
fn the_whole_megabyte_of_the_stack_is_reserved_touched_or_not() {
    let low = USER_STACK - STACK_LIMIT;
    for addr in [low, low + 0x8000, USER_STACK - 0x1000] {
        assert_eq!(refused(addr, 0x1000), overlap(low, STACK_LIMIT));
    }
    assert!(at(low - 0x1000, 0x1000).is_ok());
    assert!(at(USER_STACK, 0x1000).is_ok());
}

#[test]
fn only_the_start_of_a_mapping_unmaps_it_and_only_once() {
    let mut regions = program();
    regions.map(&GOOD, 7).unwrap();
    for addr in [0x1000_1000, 0x1000_0001, 0xfff_f000, 0, TEXT, DATA, USER_STACK - STACK_LIMIT, u64::MAX] {
        assert_eq!(regions.unmap(VirtAddr(addr)), None, "{addr:#x}");
    }
    assert_eq!(regions.unmap(GOOD.addr).unwrap().kind, RegionKind::Mapping(Mapping { file: 7, first: 1 }));
    assert_eq!(regions.unmap(GOOD.addr), None);
    assert_eq!(regions.len(), 4);
}

#[test]
fn a_page_holds_the_bytes_that_the_file_has_for_it() {
    let rows = [
        (0, 0, 0),
        (1, 0, 1),
        (4096, 0, 4096),
        (4097, 0, 4096),
        (4097, 1, 1),
        (4096, 1, 0),
        (0x2345, 2, 0x345),
    ];
    for (len, page, bytes) in rows {
        assert_eq!(bytes_in_page(len, page), bytes, "page {page} of {len} bytes");
    }
    assert_eq!(bytes_in_page(u64::MAX, u64::MAX), 0);
    assert_eq!(bytes_in_page(u64::MAX, u64::MAX >> 12), 4095);
}

/// Requests near all that matters, and nonsense.
fn requests() -> impl Strategy<Value = MmapRequest> {
    let page = prop_oneof![
        4 => 0x10000u64..0x10010,
        2 => (TEXT >> 12) - 2..(TEXT >> 12) + 5,
        1 => Just(0),
        2 => (USER_LIMIT >> 12) - 3..(USER_LIMIT >> 12) + 3,
        1 => (u64::MAX >> 12) - 2..=u64::MAX >> 12,
    ];
    let addr =
        (page, prop_oneof![5 => Just(0), 1 => 0u64..4096]).prop_map(|(page, off)| VirtAddr(page << 12 | off));
    let len = prop_oneof![6 => 0u64..0x6000, 1 => any::<u64>(), 1 => 0u64.wrapping_sub(USER_LIMIT)..u64::MAX];
    let offset = prop_oneof![5 => (0i64..9).prop_map(|n| n * 4096), 1 => any::<i64>()];
    let file_len = prop_oneof![1 => Just(0), 9 => 1u64..0x8000];
    (addr, len, offset, file_len).prop_map(|(addr, len, offset, file_len)| MmapRequest {
        addr,
        len,
        offset,
        writable: true,
        file_len,
    })
}

proptest! {
    /// Invariant 18 of ARCHITECTURE.md, section 6, and that the rules are exactly these.
    #[test]
    fn a_mapping_is_made_if_and_only_if_the_rules_allow_it_and_else_nothing_changes(
        steps in prop::collection::vec((requests(), any::<bool>()), 1..60),
    ) {
        let mut regions = program();
        // Page -> whether it starts a mapping; in numbers that cannot wrap.
        let mut used: BTreeMap<u128, bool> = regions.iter().flat_map(|r| r.pages.iter()).map(|p| (u128::from(p.0), false)).collect();
        for (n, (request, unmap)) in steps.into_iter().enumerate() {
            let before: Vec<_> = regions.iter().copied().collect();
            let (start, len) = (u128::from(request.addr.0), u128::from(request.len));
            if unmap {
                let starts = start % 4096 == 0 && used.get(&(start / 4096)) == Some(&true);
                let removed = regions.unmap(request.addr);
                prop_assert_eq!(removed.is_some(), starts);
                for page in removed.iter().flat_map(|r| r.pages.iter()) {
                    used.remove(&u128::from(page.0));
                }
                continue;
            }
            let pages = start / 4096..(start + len).div_ceil(4096);
            let good = start != 0
                && start % 4096 == 0
                && request.offset >= 0
                && request.offset % 4096 == 0
                && len != 0
                && request.file_len != 0
                && start + len <= u128::from(USER_LIMIT)
                && used.range(pages.clone()).next().is_none();
            let answer = regions.map(&request, n as u32);
            prop_assert_eq!(answer.is_ok(), good, "{:?} {:?}", request, answer);
            if good {
                used.extend(pages.clone().map(|page| (page, page == start / 4096)));
            } else {
                prop_assert_eq!(regions.iter().copied().collect::<Vec<_>>(), before);
            }
        }
    }
}
