//! Long ranges and whole trees: direct maps in pages of the right size, large pages never split, user halves taken down.
#![cfg(not(loom))]

mod arena;

use arena::{Arena, Cpu};
use fl_addr::{Pfn, PhysAddr, VirtAddr, Vpn};
use fl_paging::*;
use std::collections::BTreeMap;

const DIRECT: VirtAddr = VirtAddr(0xffff_8000_0000_0000);
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const KERNEL: PteFlags = PteFlags::WRITE.union(PteFlags::NX).union(PteFlags::GLOBAL);

/// How many leaves of each level map `len` bytes from `va`.
fn leaves(mem: &Arena, root: Pfn, va: VirtAddr, len: u64) -> BTreeMap<u8, usize> {
    let mut count = BTreeMap::new();
    let pages = va.vpn()..Vpn(va.vpn().0 + len / 4096);
    for_each_present(mem, root, pages, |_, _, level| *count.entry(level).or_default() += 1);
    count
}

#[test]
fn a_direct_map_takes_the_largest_pages_that_fit() {
    for (max, expected, tables) in [
        (PageSize::Huge, [(3, 1), (2, 256), (1, 3)].as_slice(), 1 + 1 + 1 + 1),
        (PageSize::Large, &[(2, 768), (1, 3)], 1 + 1 + 2 + 1),
    ] {
        let (mut mem, root) = Arena::new(16);
        let len = GIB + 512 * MIB + 3 * 4096;
        map_range(&mut mem, root, DIRECT, PhysAddr(0), len, KERNEL, max).unwrap();
        assert_eq!(leaves(&mem, root, DIRECT, len), expected.iter().copied().collect());
        assert_eq!(mem.live(), tables);
        for at in [0, 0x1234, 2 * MIB - 1, 2 * MIB, GIB - 1, GIB, GIB + 511 * MIB, len - 1] {
            let va = VirtAddr(DIRECT.0 + at);
            assert_eq!(Cpu::KERNEL_WRITE.access(&mem, root, va), Some(PhysAddr(at)), "offset {at:#x}");
            assert_eq!(translate(&mem, root, va), Some(PhysAddr(at)));
            assert_eq!(Cpu::USER_READ.access(&mem, root, va), None);
        }
        assert_eq!(translate(&mem, root, VirtAddr(DIRECT.0 + len)), None, "one past the end");
    }
}

#[test]
fn small_pages_only_when_asked() {
    let (mut mem, root) = Arena::new(8);
    map_range(&mut mem, root, DIRECT, PhysAddr(0), 4 * MIB, KERNEL, PageSize::Small).unwrap();
    assert_eq!(leaves(&mem, root, DIRECT, 4 * MIB), BTreeMap::from([(1, 1024)]));
}

#[test]
fn ends_that_are_not_aligned_are_mapped_by_small_pages() {
    let (mut mem, root) = Arena::new(8);
    let va = VirtAddr(DIRECT.0 + 2 * MIB - 4096);
    map_range(&mut mem, root, va, PhysAddr(2 * MIB - 4096), 2 * MIB + 8192, KERNEL, PageSize::Large).unwrap();
    assert_eq!(leaves(&mem, root, va, 2 * MIB + 8192), BTreeMap::from([(1, 2), (2, 1)]));
}

#[test]
fn addresses_that_disagree_modulo_a_large_page_are_mapped_by_small_ones() {
    let (mut mem, root) = Arena::new(8);
    map_range(&mut mem, root, DIRECT, PhysAddr(4096), 2 * MIB, KERNEL, PageSize::Huge).unwrap();
    assert_eq!(leaves(&mem, root, DIRECT, 2 * MIB), BTreeMap::from([(1, 512)]));
    assert_eq!(translate(&mem, root, VirtAddr(DIRECT.0 + 0x1fffff)), Some(PhysAddr(0x200fff)));
}

#[test]
fn ranges_that_make_no_sense_are_refused_and_map_nothing() {
    let (mut mem, root) = Arena::new(8);
    let mut refused = |va, pa, len| {
        let result = map_range(&mut mem, root, VirtAddr(va), PhysAddr(pa), len, KERNEL, PageSize::Huge);
        assert_eq!(mem.live(), 1);
        result.unwrap_err()
    };
    assert_eq!(refused(DIRECT.0 + 1, 0, 4096), RangeError::Misaligned);
    assert_eq!(refused(DIRECT.0, 1, 4096), RangeError::Misaligned);
    assert_eq!(refused(DIRECT.0, 0, 4095), RangeError::Misaligned);
    assert_eq!(refused(!0xfff, 0, 0x2000), RangeError::OutOfRange, "wraps");
    assert_eq!(refused((1 << 47) - 4096, 0, 0x2000), RangeError::OutOfRange, "into the hole");
    assert_eq!(refused(1 << 47, 0, 0x1000), RangeError::OutOfRange, "in the hole");
    assert_eq!(refused(4096, 0, !0xfff), RangeError::OutOfRange, "across the hole");
    assert_eq!(refused(DIRECT.0, 1 << 44, 0x1000), RangeError::OutOfRange, "beyond frame numbers");
    assert_eq!(refused(DIRECT.0, !0xfff, 0x2000), RangeError::OutOfRange, "wraps");
}

#[test]
fn the_very_last_page_can_be_mapped_and_an_empty_range_is_nothing() {
    let (mut mem, root) = Arena::new(8);
    map_range(&mut mem, root, DIRECT, PhysAddr(0), 0, KERNEL, PageSize::Huge).unwrap();
    assert_eq!(mem.live(), 1);
    map_range(&mut mem, root, VirtAddr(!0xfff), PhysAddr(0x5000), 4096, KERNEL, PageSize::Huge).unwrap();
    assert_eq!(Cpu::KERNEL_READ.access(&mem, root, VirtAddr(u64::MAX)), Some(PhysAddr(0x5fff)));
    let mut seen = Vec::new();
    for_each_present(&mem, root, Vpn(0)..Vpn(1 << 52), |page, _, _| seen.push(page));
    assert_eq!(seen, [VirtAddr(u64::MAX).vpn()]);
}

#[test]
fn a_range_over_existing_pages_is_refused_where_it_meets_them() {
    let (mut mem, root) = Arena::new(8);
    let third = VirtAddr(DIRECT.0 + 0x3000);
    map(&mut mem, root, third.vpn(), Pte::new(Pfn(9), PteFlags::PRESENT)).unwrap();
    let result = map_range(&mut mem, root, DIRECT, PhysAddr(0), 0x8000, KERNEL, PageSize::Huge);
    let why = MapError::AlreadyMapped(Pte::new(Pfn(9), PteFlags::PRESENT));
    assert_eq!(result, Err(RangeError::Map { at: third, why }));
    assert_eq!(leaves(&mem, root, DIRECT, 0x8000), BTreeMap::from([(1, 4)]), "those before it are mapped");
    // A large page does not swallow a table.
    let large = map_range(&mut mem, root, DIRECT, PhysAddr(0), 2 * MIB, KERNEL, PageSize::Huge);
    assert!(matches!(large, Err(RangeError::Map { at: DIRECT, why: MapError::AlreadyMapped(_) })));
    assert_eq!(lookup(&mem, root, third.vpn()), Some((Pte::new(Pfn(9), PteFlags::PRESENT), 1)));
}

#[test]
fn running_out_of_tables_says_where_and_leaks_none() {
    let (mut mem, root) = Arena::new(4);
    let result = map_range(&mut mem, root, DIRECT, PhysAddr(0), 4 * MIB, KERNEL, PageSize::Small);
    let at = VirtAddr(DIRECT.0 + 2 * MIB);
    assert_eq!(result, Err(RangeError::Map { at, why: MapError::NoTable }));
    assert_eq!(mem.live(), 4);
}

#[test]
fn large_pages_are_never_split() {
    for (max, len) in [(PageSize::Large, 2 * MIB), (PageSize::Huge, GIB)] {
        let (mut mem, root) = Arena::new(8);
        map_range(&mut mem, root, DIRECT, PhysAddr(0), len, KERNEL, max).unwrap();
        let before = mem.snapshot();
        let inside = Vpn(DIRECT.vpn().0 + 5);
        assert_eq!(missing_tables(&mem, root, inside), 0);
        assert_eq!(
            map(&mut mem, root, inside, Pte::new(Pfn(1), PteFlags::PRESENT)),
            Err(MapError::LargePage)
        );
        assert_eq!(unmap(&mem, root, inside), None);
        assert_eq!(protect(&mem, root, inside, PteFlags::empty()), None);
        assert_eq!(clear_accessed(&mem, root, inside), None);
        let small = map_range(&mut mem, root, inside.start(), PhysAddr(0), 4096, KERNEL, PageSize::Huge);
        assert_eq!(small, Err(RangeError::Map { at: inside.start(), why: MapError::LargePage }));
        assert_eq!(mem.snapshot(), before);
        assert_eq!(lookup(&mem, root, inside).map(|(_, level)| level), Some(max as u8));
    }
}

#[test]
fn large_pages_are_reported_once_even_if_the_range_starts_inside() {
    let (mut mem, root) = Arena::new(8);
    map_range(&mut mem, root, DIRECT, PhysAddr(0), 4 * MIB + 4096, KERNEL, PageSize::Large).unwrap();
    let mut seen = Vec::new();
    let first = DIRECT.vpn().0;
    for_each_present(&mem, root, Vpn(first + 7)..Vpn(first + 1025), |page, pte, level| {
        seen.push((page.0 - first, pte.pfn().0, level));
    });
    assert_eq!(seen, [(0, 0, 2), (512, 512, 2), (1024, 1024, 1)]);
}

#[test]
fn taking_down_the_user_half_frees_every_table_of_it_and_nothing_above() {
    let (mut mem, root) = Arena::new(32);
    map_range(&mut mem, root, DIRECT, PhysAddr(0), 4 * MIB, KERNEL, PageSize::Small).unwrap();
    let kernel = mem.snapshot();
    let pages = [0, 1, 512, 1 << 18, 1 << 27, (1 << 35) - 1].map(Vpn);
    for page in pages {
        map(&mut mem, root, page, Pte::new(Pfn(1), PteFlags::PRESENT | PteFlags::USER)).unwrap();
    }
    for page in pages {
        unmap(&mem, root, page).unwrap();
    }
    let freed = free_lower_half(&mut mem, root);
    assert_eq!(freed, Freed { tables: 3 + 1 + 2 + 3 + 3, leaves: 0, first_leaf: None });
    assert_eq!(mem.snapshot(), kernel);
    assert_eq!(free_lower_half(&mut mem, root), Freed::default(), "a second time there is nothing left");
}

#[test]
fn pages_left_mapped_are_counted_as_violations() {
    let (mut mem, root) = Arena::new(32);
    let left = Pte::new(Pfn(0x42), PteFlags::PRESENT | PteFlags::USER);
    for page in [3, 4, 1 << 20] {
        map(&mut mem, root, Vpn(page), left).unwrap();
    }
    map_range(&mut mem, root, VirtAddr(GIB * 8), PhysAddr(0), 2 * MIB, PteFlags::USER, PageSize::Large)
        .unwrap();
    let freed = free_lower_half(&mut mem, root);
    assert_eq!((freed.tables, freed.leaves, freed.first_leaf), (3 + 2 + 1, 4, Some(left)));
    assert_eq!(mem.live(), 1);
    for_each_present(&mem, root, Vpn(0)..Vpn(1 << 52), |page, _, _| panic!("{page:?} is still mapped"));
}
