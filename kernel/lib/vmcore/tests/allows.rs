//! A buffer may be accessed exactly when each of its bytes may.
#![cfg(not(loom))]

use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_STACK};
use fl_addr::VirtAddr;
use fl_vmcore::*;
use proptest::prelude::*;

const PAGE: u64 = 4096;
const TEXT: u64 = 0x40_0000;
/// Follows the text without a gap.
const DATA: u64 = TEXT + 2 * PAGE;
const STACK_LOW: u64 = USER_STACK - STACK_LIMIT;

/// Two pages of text, two of data, the stack's region, of which the last page has been touched; the last page below the user limit.
fn space() -> (Spt<()>, Regions) {
    let mut regions = Regions::new();
    let rows = [
        (TEXT, 2 * PAGE, RegionKind::Executable, Prot::READ_EXEC),
        (DATA, 2 * PAGE, RegionKind::Zero, Prot::READ_WRITE),
        (STACK_LOW, STACK_LIMIT, RegionKind::Stack, Prot::READ_WRITE),
        (USER_LIMIT - PAGE, PAGE, RegionKind::Zero, Prot::READ_WRITE),
    ];
    for (start, len, kind, prot) in rows {
        let pages = PageRange::of_bytes(VirtAddr(start), len).unwrap();
        regions.insert(Region { pages, kind, prot }).unwrap();
    }
    let mut spt = Spt::new();
    let touched = Entry { page: (), prot: Prot::READ_WRITE, cow: false };
    spt.insert(VirtAddr(USER_STACK - PAGE).vpn(), touched).unwrap();
    (spt, regions)
}

/// Addresses near every edge there is.
fn address() -> impl Strategy<Value = u64> {
    let edges = [0, TEXT, DATA, DATA + 2 * PAGE, STACK_LOW, USER_STACK - PAGE, USER_STACK, USER_LIMIT];
    prop_oneof![
        (prop::sample::select(edges.to_vec()), -2 * PAGE as i64..2 * PAGE as i64)
            .prop_map(|(edge, by)| edge.wrapping_add_signed(by)),
        Just(u64::MAX),
        Just(u64::MAX - 7),
    ]
}

proptest! {
    #[test]
    fn a_buffer_is_as_good_as_its_worst_byte(
        va in address(),
        len in 0..3 * PAGE,
        rsp in address(),
        access in prop::sample::select(vec![Access::Read, Access::Write]),
    ) {
        let (spt, regions) = space();
        let rsp = VirtAddr(rsp);
        // Wrapping: what lies behind the last address is the first, and bad like it.
        let first_bad = (0..len).map(|i| VirtAddr(va.wrapping_add(i))).find_map(|at| {
            match classify(at, access, spt.get(at.vpn()), regions.find(at.vpn()), rsp) {
                Decision::Bad(bad) => Some(bad),
                _ => None,
            }
        });
        prop_assert_eq!(allows(&spt, &regions, (VirtAddr(va), len), access, rsp), first_bad.map_or(Ok(()), Err));
    }
}

#[test]
fn lengths_that_pass_every_end_are_refused_at_once() {
    let (spt, regions) = space();
    let rsp = VirtAddr(USER_STACK - 64);
    for (va, len) in [(DATA, u64::MAX), (DATA, u64::from(u32::MAX)), (USER_LIMIT - 1, 2), (u64::MAX, 1)] {
        assert!(
            allows(&spt, &regions, (VirtAddr(va), len), Access::Read, rsp).is_err(),
            "{va:#x} + {len:#x}"
        );
    }
    assert_eq!(allows(&spt, &regions, (VirtAddr(0), 0), Access::Write, rsp), Ok(()), "no byte, nothing bad");
    assert_eq!(allows(&spt, &regions, (VirtAddr(USER_LIMIT - PAGE), PAGE), Access::Write, rsp), Ok(()));
}
