//! One page at a time: what map, unmap, protect and clear_accessed do, seen by a processor that walks the tables itself.
#![cfg(not(loom))]

mod arena;

use arena::{Arena, Cpu};
use fl_addr::{Pfn, PhysAddr, VirtAddr, Vpn};
use fl_paging::*;

const PAGE: Vpn = Vpn(0x400);
const FRAME: Pfn = Pfn(0x77);

fn user(extra: PteFlags) -> Pte {
    Pte::new(FRAME, PteFlags::PRESENT | PteFlags::USER | extra)
}

#[test]
fn an_entry_gives_back_its_frame_and_flags() {
    for pfn in [0, 1, 0xf_ffff, u32::MAX] {
        let pte = Pte::new(Pfn(pfn), PteFlags::all());
        assert_eq!((pte.pfn(), pte.flags()), (Pfn(pfn), PteFlags::all()));
        assert_eq!(Pte::new(Pfn(pfn), PteFlags::empty()).flags(), PteFlags::empty());
    }
}

#[test]
fn flag_bits_are_those_of_the_manual() {
    assert_eq!(Pte::new(Pfn(0x12345), PteFlags::PRESENT | PteFlags::WRITE).0, 0x1234_5003);
    assert_eq!(PteFlags::all().bits(), 0x8000_0000_0000_01ff);
    assert_eq!(PteFlags::NX.bits(), 1 << 63);
    assert_eq!((PteFlags::ACCESSED | PteFlags::DIRTY).bits(), 0x60);
}

#[test]
fn a_mapped_page_is_reached_by_user_mode_with_its_rights_and_no_more() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::NX)).unwrap();
    let va = VirtAddr(PAGE.start().0 + 0x123);
    assert_eq!(Cpu::USER_READ.access(&mem, root, va), Some(PhysAddr(0x77123)));
    assert_eq!(Cpu::USER_WRITE.access(&mem, root, va), None);
    assert_eq!(Cpu::USER_FETCH.access(&mem, root, va), None);
    assert_eq!(translate(&mem, root, va), Some(PhysAddr(0x77123)));
    assert_eq!(lookup(&mem, root, PAGE), Some((user(PteFlags::NX | PteFlags::ACCESSED), 1)));
    assert_eq!(
        Cpu::USER_READ.access(&mem, root, VirtAddr(va.0 + 0x1000)),
        None,
        "its neighbour is not there"
    );
}

#[test]
fn a_kernel_page_is_not_reached_by_user_mode_even_beside_user_pages() {
    let (mut mem, root) = Arena::new(8);
    let kernel = Pte::new(FRAME, PteFlags::PRESENT | PteFlags::WRITE);
    map(&mut mem, root, PAGE, kernel).unwrap();
    assert_eq!(Cpu::USER_READ.access(&mem, root, PAGE.start()), None);
    map(&mut mem, root, PAGE + 1, user(PteFlags::WRITE)).unwrap();
    assert!(
        Cpu::USER_WRITE.access(&mem, root, (PAGE + 1).start()).is_some(),
        "tables made for the kernel admit user pages later"
    );
    assert_eq!(Cpu::USER_READ.access(&mem, root, PAGE.start()), None);
    assert!(Cpu::KERNEL_WRITE.access(&mem, root, PAGE.start()).is_some());
}

#[test]
fn missing_tables_are_counted_exactly() {
    let (mut mem, root) = Arena::new(32);
    let counts = [(0, 3), (1, 0), (512, 1), (513, 0), (1 << 18, 2), (1 << 27, 3), ((1 << 27) + 512, 1)];
    for (vpn, missing) in counts {
        assert_eq!(missing_tables(&mem, root, Vpn(vpn)), missing, "page {vpn:#x}");
        let before = mem.allocations;
        map(&mut mem, root, Vpn(vpn), user(PteFlags::empty())).unwrap();
        assert_eq!(mem.allocations - before, missing);
        assert_eq!(missing_tables(&mem, root, Vpn(vpn)), 0);
    }
}

#[test]
fn mapping_twice_is_refused_and_shows_what_is_there() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::empty())).unwrap();
    let other = Pte::new(Pfn(0x99), PteFlags::PRESENT);
    assert_eq!(map(&mut mem, root, PAGE, other), Err(MapError::AlreadyMapped(user(PteFlags::empty()))));
    assert_eq!(lookup(&mem, root, PAGE), Some((user(PteFlags::empty()), 1)));
    assert_eq!(mem.live(), 4);
}

#[test]
fn a_page_is_mapped_into_its_table_without_another_walk() {
    let (mut mem, root) = Arena::new(8);
    assert_eq!(leaf_table(&mem, root, PAGE), None, "there is no table yet");
    map(&mut mem, root, PAGE, user(PteFlags::WRITE)).unwrap();
    let next = PAGE + 1;
    let table = leaf_table(&mem, root, next).unwrap();
    assert_eq!(leaf_table(&mem, root, PAGE), Some(table));
    assert_eq!(map_in(&mem, table, next, Pte::EMPTY), Err(MapError::BadEntry));
    map_in(&mem, table, next, user(PteFlags::WRITE)).unwrap();
    assert_eq!(Cpu::USER_WRITE.access(&mem, root, next.start()), Some(PhysAddr(0x77000)));
    let there = lookup(&mem, root, next).unwrap().0;
    assert_eq!(map_in(&mem, table, next, user(PteFlags::WRITE)), Err(MapError::AlreadyMapped(there)));
}

#[test]
fn a_mapping_is_replaced_by_another_in_one_step() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::empty())).unwrap();
    Cpu::USER_READ.access(&mem, root, PAGE.start()).unwrap();
    let table = leaf_table(&mem, root, PAGE).unwrap();
    let copy = Pte::new(Pfn(0x88), PteFlags::PRESENT | PteFlags::USER | PteFlags::WRITE);
    let old = replace_in(&mem, table, PAGE, copy).unwrap();
    assert_eq!((old.pfn(), old.is_accessed()), (FRAME, true));
    assert_eq!(Cpu::USER_WRITE.access(&mem, root, PAGE.start()), Some(PhysAddr(0x88000)));
    assert_eq!(replace_in(&mem, table, PAGE + 1, copy), None, "nothing was mapped there");
    assert_eq!(lookup(&mem, root, PAGE + 1), Some((copy, 1)));
}

#[test]
fn without_memory_for_all_tables_nothing_changes() {
    for capacity in 1..4 {
        let (mut mem, root) = Arena::new(capacity);
        let before = mem.snapshot();
        assert_eq!(map(&mut mem, root, PAGE, user(PteFlags::empty())), Err(MapError::NoTable));
        assert_eq!(mem.snapshot(), before, "room for {capacity}");
    }
}

#[test]
fn mapping_with_a_stock_allocates_nothing_and_leaves_what_it_does_not_need() {
    let (mut mem, root) = Arena::new(12);
    let mut stock = TableStock::new();
    assert!(stock.fill(&mut mem, 3));
    map_with(&mem, root, PAGE, user(PteFlags::empty()), &mut stock).unwrap();
    assert!(stock.is_empty());
    assert!(stock.fill(&mut mem, 3));
    let before = mem.allocations;
    map_with(&mem, root, PAGE + 512, user(PteFlags::empty()), &mut stock).unwrap();
    assert_eq!((stock.len(), mem.allocations), (2, before));
    let other = map_with(&mem, root, PAGE, user(PteFlags::empty()), &mut stock);
    assert!(matches!(other, Err(MapError::AlreadyMapped(_))));
    assert_eq!(stock.len(), 2, "a refusal takes nothing");
    stock.give_back(&mut mem);
    assert_eq!(mem.live(), 1 + 4);
}

#[test]
fn a_stock_that_is_too_small_is_left_whole_and_changes_nothing() {
    let (mut mem, root) = Arena::new(12);
    let before = mem.snapshot();
    let mut stock = TableStock::new();
    for n in 0..3 {
        assert!(stock.fill(&mut mem, n));
        assert_eq!(map_with(&mem, root, PAGE, user(PteFlags::empty()), &mut stock), Err(MapError::NoTable));
        assert_eq!(stock.len(), n);
    }
    stock.give_back(&mut mem);
    assert_eq!(mem.snapshot(), before);
}

#[test]
fn a_stock_takes_three_and_returns_the_fourth() {
    let mut stock = TableStock::new();
    for n in 0..3 {
        assert_eq!(stock.put(Pfn(n)), Ok(()));
    }
    assert_eq!(stock.put(Pfn(3)), Err(Pfn(3)));
    let mut all = [stock.take(), stock.take(), stock.take()].map(Option::unwrap);
    all.sort();
    assert_eq!(all, [Pfn(0), Pfn(1), Pfn(2)]);
    assert_eq!(stock.take(), None);
}

#[test]
fn unmapping_returns_the_final_accessed_and_dirty_bits() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::WRITE)).unwrap();
    assert!(!lookup(&mem, root, PAGE).unwrap().0.is_dirty());
    Cpu::USER_WRITE.access(&mem, root, PAGE.start()).unwrap();
    let last = unmap(&mem, root, PAGE).unwrap();
    assert!(last.is_accessed() && last.is_dirty());
    assert_eq!(last.pfn(), FRAME);
    assert_eq!(unmap(&mem, root, PAGE), None, "a second time");
    assert_eq!(Cpu::USER_READ.access(&mem, root, PAGE.start()), None);
    assert_eq!(lookup(&mem, root, PAGE), None);
    assert_eq!(unmap(&mem, root, Vpn(1 << 30)), None, "where there are no tables");
}

#[test]
fn allowing_writes_gives_that_right_and_marks_the_page_used() {
    let (mut mem, root) = Arena::new(8);
    assert!(!allow_write(&mem, root, PAGE));
    map(&mut mem, root, PAGE, user(PteFlags::NX)).unwrap();
    assert!(allow_write(&mem, root, PAGE));
    let flags = PteFlags::PRESENT | PteFlags::USER | PteFlags::NX | PteFlags::WRITE;
    let now = lookup(&mem, root, PAGE).unwrap().0;
    assert_eq!(now, Pte::new(FRAME, flags | PteFlags::ACCESSED | PteFlags::DIRTY));
    unmap(&mem, root, PAGE).unwrap();
    assert!(!allow_write(&mem, root, PAGE) && lookup(&mem, root, PAGE).is_none());
}

fn write_protect(mem: &Arena, root: Pfn, page: Vpn) -> Option<Pte> {
    write_protect_in(mem, leaf_table(mem, root, page)?, page)
}

#[test]
fn write_protecting_takes_that_right_and_nothing_else() {
    let (mut mem, root) = Arena::new(8);
    assert_eq!(write_protect(&mem, root, PAGE), None);
    map(&mut mem, root, PAGE, user(PteFlags::WRITE | PteFlags::NX)).unwrap();
    Cpu::USER_WRITE.access(&mem, root, PAGE.start()).unwrap();
    let old = write_protect(&mem, root, PAGE).unwrap();
    assert!(old.is_writable() && old.is_dirty());
    let now = lookup(&mem, root, PAGE).unwrap().0;
    assert_eq!((now.pfn(), now.flags()), (FRAME, old.flags() - PteFlags::WRITE));
    assert_eq!(write_protect(&mem, root, PAGE), Some(now), "a second time changes nothing");
    unmap(&mem, root, PAGE).unwrap();
    assert_eq!((write_protect(&mem, root, PAGE), lookup(&mem, root, PAGE)), (None, None));
}

#[test]
fn protecting_changes_rights_and_keeps_what_the_cpu_recorded() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::WRITE)).unwrap();
    Cpu::USER_WRITE.access(&mem, root, PAGE.start()).unwrap();
    let old = protect(&mem, root, PAGE, PteFlags::NX).unwrap();
    assert!(old.is_writable());
    let (now, _) = lookup(&mem, root, PAGE).unwrap();
    assert_eq!(now, user(PteFlags::NX | PteFlags::ACCESSED | PteFlags::DIRTY));
    assert_eq!(Cpu::USER_WRITE.access(&mem, root, PAGE.start()), None);
    assert_eq!(protect(&mem, root, PAGE + 1, PteFlags::USER), None);
    assert_eq!(lookup(&mem, root, PAGE + 1), None, "protecting maps nothing");
}

#[test]
fn protecting_neither_unmaps_nor_fakes_a_use_nor_changes_whose_page_it_is() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::empty())).unwrap();
    protect(&mem, root, PAGE, PteFlags::ACCESSED | PteFlags::DIRTY | PteFlags::LARGE).unwrap();
    assert_eq!(lookup(&mem, root, PAGE), Some((user(PteFlags::empty()), 1)));
}

#[test]
fn clearing_accessed_tells_what_it_was_and_keeps_dirty() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::WRITE)).unwrap();
    assert_eq!(clear_accessed(&mem, root, PAGE), Some(false));
    Cpu::USER_WRITE.access(&mem, root, PAGE.start()).unwrap();
    assert_eq!(clear_accessed(&mem, root, PAGE), Some(true));
    assert_eq!(clear_accessed(&mem, root, PAGE), Some(false));
    assert!(lookup(&mem, root, PAGE).unwrap().0.is_dirty());
    assert_eq!(clear_accessed(&mem, root, PAGE + 1), None);
}

#[test]
fn what_is_no_entry_of_a_small_page_is_refused() {
    let (mut mem, root) = Arena::new(8);
    for bad in [Pte::EMPTY, Pte::new(FRAME, PteFlags::WRITE), user(PteFlags::LARGE)] {
        assert_eq!(map(&mut mem, root, PAGE, bad), Err(MapError::BadEntry));
    }
    assert_eq!(mem.live(), 1);
}

#[test]
fn an_address_in_the_hole_is_never_taken_for_another() {
    let (mut mem, root) = Arena::new(8);
    map(&mut mem, root, PAGE, user(PteFlags::WRITE)).unwrap();
    // The same table indices, other bits above.
    for alias in [PAGE + (1 << 36), PAGE + (1 << 35), PAGE + (1 << 47), PAGE + (1 << 52)] {
        assert_eq!(lookup(&mem, root, alias), None, "{alias:?}");
        assert_eq!(unmap(&mem, root, alias), None);
        assert_eq!(protect(&mem, root, alias, PteFlags::empty()), None);
        assert_eq!(clear_accessed(&mem, root, alias), None);
        assert_eq!(map(&mut mem, root, alias, user(PteFlags::empty())), Err(MapError::NotCanonical));
    }
    assert_eq!(translate(&mem, root, VirtAddr(PAGE.start().0 + (1 << 60))), None);
    assert!(lookup(&mem, root, PAGE).is_some());
    let mut seen = Vec::new();
    for_each_present(&mem, root, Vpn(0)..Vpn(u64::MAX), |page, _, _| seen.push(page));
    assert_eq!(seen, [PAGE]);
}
