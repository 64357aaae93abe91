//! What an address means: one test for each rule of the stack, of rights, and of the limits of user memory.
#![cfg(not(loom))]

use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_STACK};
use fl_addr::{VirtAddr, Vpn};
use fl_vmcore::*;

const LOW: u64 = USER_STACK - STACK_LIMIT;
/// A stack pointer in the middle of the first stack page, as a program has it soon after its start.
const RSP: u64 = USER_STACK - 0x800;

fn grows(va: u64, rsp: u64) -> bool {
    may_grow(VirtAddr(va), VirtAddr(rsp))
}

#[test]
fn push_and_call_at_rsp_minus_8_are_accepted() {
    assert!(grows(RSP - 8, RSP));
    assert!(grows(RSP - 1, RSP));
    assert!(grows(RSP, RSP));
}

#[test]
fn rsp_minus_9_is_refused() {
    assert!(!grows(RSP - 9, RSP));
    assert!(!grows(RSP - 16, RSP));
}

#[test]
fn rsp_minus_4096_is_refused() {
    assert!(!grows(RSP - 4096, RSP));
}

#[test]
fn a_push_that_crosses_into_the_next_page_is_accepted() {
    let rsp = USER_STACK - 0x1000;
    assert!(grows(rsp - 8, rsp));
    assert!(!grows(rsp - 4096, rsp));
}

#[test]
fn a_first_touch_high_above_rsp_is_accepted_in_any_order() {
    let rsp = USER_STACK - (128 << 10);
    for va in [rsp, USER_STACK - 1, rsp + (64 << 10), USER_STACK - 0x1000, rsp + 1] {
        assert!(grows(va, rsp), "{va:#x}");
    }
}

#[test]
fn the_stack_ends_at_one_mebibyte_and_at_its_top() {
    assert!(grows(LOW, LOW));
    assert!(grows(LOW, LOW + 8));
    assert!(!grows(LOW - 1, LOW));
    assert!(!grows(LOW - 1, LOW - 0x1000));
    assert!(grows(USER_STACK - 1, RSP));
    assert!(!grows(USER_STACK, RSP));
    assert!(!grows(USER_STACK, USER_STACK + 0x1000));
}

#[test]
fn no_value_of_rsp_wraps_around() {
    for rsp in [0, 1, 7, 8, 9] {
        assert!(grows(LOW, rsp), "rsp {rsp} lies below the window");
        assert!(!grows(0, rsp) && !grows(u64::MAX, rsp));
    }
    for rsp in [u64::MAX, u64::MAX - 7, 1 << 63, USER_LIMIT, USER_STACK + 8] {
        assert!(!grows(USER_STACK - 1, rsp), "rsp {rsp:#x} lies above the window");
    }
    assert!(grows(USER_STACK - 1, USER_STACK + 7), "an odd rsp just above the top");
}

const TEXT: u64 = 0x400000;
const DATA: u64 = 0x600000;
const BSS: u64 = 0x700000;

fn regions() -> Regions {
    let mut regions = Regions::new();
    let rows = [
        (TEXT, 0x3000, RegionKind::Executable, Prot::READ_EXEC),
        (DATA, 0x1000, RegionKind::Executable, Prot::READ_WRITE),
        (BSS, 0x1000, RegionKind::Zero, Prot::READ_WRITE),
        (LOW, STACK_LIMIT, RegionKind::Stack, Prot::READ_WRITE),
    ];
    for (start, len, kind, prot) in rows {
        let pages = PageRange::of_bytes(VirtAddr(start), len).unwrap();
        regions.insert(Region { pages, kind, prot }).unwrap();
    }
    regions
}

/// What a fault at `va` needs when no page was touched yet.
fn first_touch(va: u64, access: Access) -> Decision {
    let (spt, regions) = (Spt::<()>::new(), regions());
    let page = VirtAddr(va).vpn();
    classify(VirtAddr(va), access, spt.get(page), regions.find(page), VirtAddr(RSP))
}

/// The same when the page has an entry with these rights.
fn later_touch(va: u64, access: Access, prot: Prot, cow: bool) -> Decision {
    let regions = regions();
    let entry = Entry { page: (), prot, cow };
    classify(VirtAddr(va), access, Some(&entry), regions.find(VirtAddr(va).vpn()), VirtAddr(RSP))
}

#[test]
fn a_first_touch_of_a_region_makes_a_page_with_the_regions_rights() {
    use Access::*;
    let page = |source, prot| Decision::MakePage { source, prot };
    #[rustfmt::skip]
    let table = [
        (TEXT,          Read,    page(Source::Executable, Prot::READ_EXEC)),
        (TEXT + 0x2fff, Execute, page(Source::Executable, Prot::READ_EXEC)),
        (TEXT,          Write,   Decision::Bad(Bad::ReadOnly)),
        (TEXT + 0x3000, Read,    Decision::Bad(Bad::NothingThere)),
        (TEXT - 1,      Read,    Decision::Bad(Bad::NothingThere)),
        (DATA,          Read,    page(Source::Executable, Prot::READ_WRITE)),
        (DATA,          Write,   page(Source::Executable, Prot::READ_WRITE)),
        (DATA,          Execute, Decision::Bad(Bad::NoExecute)),
        (BSS + 0xfff,   Write,   page(Source::Zero, Prot::READ_WRITE)),
        (BSS,           Execute, Decision::Bad(Bad::NoExecute)),
        (RSP - 8,       Write,   Decision::GrowStack { prot: Prot::READ_WRITE }),
        (RSP + 8,       Read,    Decision::GrowStack { prot: Prot::READ_WRITE }),
        (RSP - 9,       Write,   Decision::Bad(Bad::BelowStackPointer)),
        (LOW,           Read,    Decision::Bad(Bad::BelowStackPointer)),
        (RSP,           Execute, Decision::Bad(Bad::NoExecute)),
        (LOW - 1,       Read,    Decision::Bad(Bad::NothingThere)),
        (USER_STACK,    Read,    Decision::Bad(Bad::NothingThere)),
    ];
    for (va, access, expected) in table {
        assert_eq!(first_touch(va, access), expected, "{access:?} at {va:#x}");
    }
}

#[test]
fn null_is_bad_in_every_way() {
    for access in [Access::Read, Access::Write, Access::Execute] {
        for va in [0, 8, 0xfff] {
            assert_eq!(first_touch(va, access), Decision::Bad(Bad::NothingThere));
        }
    }
}

#[test]
fn nothing_at_or_above_the_user_limit_is_user_memory_whatever_the_tables_say() {
    for va in [USER_LIMIT, USER_LIMIT + 0x1000, 1 << 47, 0xffff_8000_0000_0000, u64::MAX] {
        assert_eq!(first_touch(va, Access::Read), Decision::Bad(Bad::NotUserMemory));
        let claimed = later_touch(va, Access::Read, Prot::READ_WRITE, false);
        assert_eq!(claimed, Decision::Bad(Bad::NotUserMemory));
    }
    assert_eq!(first_touch(USER_LIMIT - 1, Access::Read), Decision::Bad(Bad::NothingThere));
}

#[test]
fn a_page_that_exists_is_resolved_where_its_rights_allow() {
    use Access::*;
    let (read_only, no_exec) = (Decision::Bad(Bad::ReadOnly), Decision::Bad(Bad::NoExecute));
    let both = Prot { write: true, exec: true };
    #[rustfmt::skip]
    let table = [
        (Prot::READ,       [Decision::Resolve, read_only,         no_exec]),
        (Prot::READ_WRITE, [Decision::Resolve, Decision::Resolve, no_exec]),
        (Prot::READ_EXEC,  [Decision::Resolve, read_only,         Decision::Resolve]),
        (both,             [Decision::Resolve; 3]),
    ];
    for (prot, mut expected) in table {
        let found = |cow| [Read, Write, Execute].map(|access| later_touch(DATA, access, prot, cow));
        assert_eq!(found(false), expected, "{prot:?}");
        if prot.write {
            expected[1] = Decision::BreakCow;
        }
        assert_eq!(found(true), expected, "{prot:?} copy-on-write");
    }
}

#[test]
fn a_first_touch_of_a_mapping_shows_the_page_of_its_file() {
    let mut regions = Regions::new();
    let request = MmapRequest {
        addr: VirtAddr(0x1000_0000),
        len: 0x3000,
        offset: 0x5000,
        writable: false,
        file_len: 0x6800,
    };
    regions.map(&request, "file").unwrap();
    let touch = |va, access| {
        let page = VirtAddr(va).vpn();
        classify(VirtAddr(va), access, None::<&Entry<()>>, regions.find(page), VirtAddr(RSP))
    };
    let page = |page| Decision::MakePage { source: Source::Mapping { page }, prot: Prot::READ };
    assert_eq!(touch(0x1000_0000, Access::Read), page(5));
    assert_eq!(touch(0x1000_2fff, Access::Read), page(7));
    assert_eq!(touch(0x1000_0000, Access::Write), Decision::Bad(Bad::ReadOnly));
    assert_eq!(touch(0x1000_0000, Access::Execute), Decision::Bad(Bad::NoExecute));
    assert_eq!(touch(0x1000_3000, Access::Read), Decision::Bad(Bad::NothingThere));
}

#[test]
fn the_entrys_rights_count_and_not_the_regions() {
    assert_eq!(later_touch(TEXT, Access::Write, Prot::READ_WRITE, false), Decision::Resolve);
    assert_eq!(later_touch(DATA, Access::Write, Prot::READ, false), Decision::Bad(Bad::ReadOnly));
}

#[test]
fn a_stack_page_that_exists_may_be_touched_far_below_rsp() {
    assert_eq!(later_touch(RSP - 0x2000, Access::Write, Prot::READ_WRITE, false), Decision::Resolve);
}

#[test]
fn regions_and_pages_agree_about_the_bounds_of_the_stack() {
    let regions = regions();
    for va in [LOW - 1, LOW, USER_STACK - 1, USER_STACK] {
        let inside = regions.find(VirtAddr(va).vpn()).is_some_and(|r| r.kind == RegionKind::Stack);
        assert_eq!(inside, grows(va, LOW), "{va:#x}");
    }
    assert_eq!(regions.find(Vpn(0)), None);
}
