//! [`Spt`] and [`Regions`] against plain maps from the standard library, and ranges at the ends of the address space.
#![cfg(not(loom))]

use fl_abi::USER_LIMIT;
use fl_addr::{VirtAddr, Vpn};
use fl_vmcore::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIMIT: u64 = USER_LIMIT / 4096;

fn range(start: u64, pages: u64) -> PageRange {
    PageRange::new(Vpn(start), pages).unwrap()
}

fn region(start: u64, pages: u64) -> Region {
    Region { pages: range(start, pages), kind: RegionKind::Zero, prot: Prot::READ_WRITE }
}

fn entry(page: u32) -> Entry<u32> {
    Entry { page, prot: Prot::READ, cow: false }
}

#[test]
fn a_range_is_neither_empty_nor_wrapping_nor_beyond_user_memory() {
    let bad = [
        (0, 0),
        (5, 0),
        (u64::MAX, 1),
        (u64::MAX, u64::MAX),
        (1, u64::MAX),
        (LIMIT, 1),
        (LIMIT - 1, 2),
        (0, LIMIT + 1),
    ];
    for (start, pages) in bad {
        assert_eq!(PageRange::new(Vpn(start), pages), None, "{start:#x} + {pages:#x}");
    }
    assert_eq!(range(LIMIT - 1, 1).end(), Vpn(LIMIT));
    assert_eq!(range(0, LIMIT).pages(), LIMIT);
    assert_eq!(PageRange::between(Vpn(5), Vpn(5)), None);
    assert_eq!(PageRange::between(Vpn(6), Vpn(5)), None);
    assert_eq!(PageRange::between(Vpn(5), Vpn(7)), Some(range(5, 2)));
}

#[test]
fn bytes_become_the_pages_that_hold_them() {
    let of = |va, len| PageRange::of_bytes(VirtAddr(va), len);
    assert_eq!(of(0x1000, 1), Some(range(1, 1)));
    assert_eq!(of(0x1fff, 1), Some(range(1, 1)));
    assert_eq!(of(0x1fff, 2), Some(range(1, 2)));
    assert_eq!(of(0x1001, 0x1000), Some(range(1, 2)));
    assert_eq!(of(0x1000, 0), None);
    assert_eq!(of(USER_LIMIT - 1, 1), Some(range(LIMIT - 1, 1)));
    assert_eq!(of(USER_LIMIT - 1, 2), None);
    // The argument holes of mmap-kernel.
    assert_eq!(of(USER_LIMIT, 4096), None);
    assert_eq!(of(0xffff_ffff_ffff_f000, 0x2000), None);
    assert_eq!(of(0x80_03ff_f000, 0u64.wrapping_sub(USER_LIMIT) + 0x1000), None);
    assert_eq!(of(0xfff, u64::MAX), None);
}

#[test]
fn a_place_is_an_entry_or_room_for_one_or_neither() {
    let mut spt = Spt::new();
    assert!(matches!(spt.place(Vpn(3)), Err(NoRoom)), "nothing was reserved");
    spt.reserve(1).unwrap();
    let Ok(Place::Free(free)) = spt.place(Vpn(3)) else { panic!("there is room") };
    free.fill(entry(7));
    let Ok(Place::Taken(taken)) = spt.place(Vpn(3)) else { panic!("it was filled") };
    taken.page = 8;
    assert_eq!(spt.get(Vpn(3)), Some(&entry(8)));
    for vpn in 4.. {
        match spt.place(Vpn(vpn)) {
            Ok(Place::Free(free)) => {
                free.fill(entry(0));
            }
            Ok(Place::Taken(_)) => panic!("{vpn} was not filled yet"),
            Err(NoRoom) => break,
        }
    }
    assert!(matches!(spt.place(Vpn(3)), Ok(Place::Taken(_))), "what is there is found when all is full");
    assert_eq!(spt.growth(0), 0);
}

#[test]
fn neighbours_do_not_overlap() {
    let mut regions = Regions::new();
    for start in [8, 2, 4, 6] {
        regions.insert(region(start, 2)).unwrap();
    }
    assert_eq!(regions.iter().map(|r| r.pages.start().0).collect::<Vec<_>>(), [2, 4, 6, 8]);
    assert_eq!(regions.insert(region(5, 1)), Err(RegionError::Overlap(range(4, 2))));
    assert_eq!(regions.insert(region(1, 9)), Err(RegionError::Overlap(range(2, 2))));
    assert_eq!(regions.len(), 4);
}

#[test]
fn an_entry_is_not_replaced_by_accident() {
    let mut spt = Spt::new();
    spt.insert(Vpn(5), entry(1)).unwrap();
    assert_eq!(spt.insert(Vpn(5), entry(2)), Err(InsertError::Occupied));
    assert_eq!(spt.get(Vpn(5)).unwrap().page, 1);
    spt.get_mut(Vpn(5)).unwrap().cow = true;
    assert!(spt.get(Vpn(5)).unwrap().cow);
}

#[test]
fn emptying_a_table_gives_every_entry_once_in_the_order_of_iteration() {
    let filled = || {
        let mut spt = Spt::new();
        for i in 0..500 {
            spt.insert(Vpn(u64::from(i) * 512), entry(i)).unwrap();
        }
        spt
    };
    let (mut spt, twin) = (filled(), filled());
    let order: Vec<_> = spt.iter().map(|(page, _)| page).collect();
    assert_eq!(
        order,
        twin.iter().map(|(page, _)| page).collect::<Vec<_>>(),
        "the order depends on history only"
    );
    let mut taken = vec![];
    spt.take_all(|page, _| taken.push(page));
    assert_eq!(taken, order);
    assert!(spt.is_empty());
}

#[test]
fn room_that_cannot_be_had_is_an_error_and_changes_nothing() {
    let mut spt = Spt::new();
    spt.insert(Vpn(1), entry(1)).unwrap();
    assert_eq!(spt.reserve(usize::MAX), Err(InsertError::NoMemory));
    assert_eq!(spt.reserve(usize::MAX / 64), Err(InsertError::NoMemory));
    assert_eq!((spt.len(), spt.get(Vpn(1)).unwrap().page), (1, 1));
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u64, u64),
    Remove(u64),
    Query(u64, u64),
}

/// Few places near both ends of user memory, short and long ranges, and nonsense.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let start = prop_oneof![6 => 0u64..40, 3 => LIMIT - 20..LIMIT + 4, 1 => any::<u64>()];
    let pages = prop_oneof![6 => 0u64..6, 2 => 0u64..40, 1 => any::<u64>()];
    let op = (0u8..6, start, pages).prop_map(|(op, start, pages)| match op {
        0..3 => Op::Insert(start, pages),
        3 => Op::Remove(start),
        _ => Op::Query(start, pages),
    });
    prop::collection::vec(op, 1..80)
}

/// Whether [start, start + pages) has a page in [a, b), in numbers that cannot wrap.
fn meets(start: u64, pages: u64, a: u64, b: u64) -> bool {
    u128::from(start) < u128::from(b) && u128::from(a) < u128::from(start) + u128::from(pages)
}

/// Adds an entry the way the kernel does: room is made outside, when there is none.
fn add(sharers: &mut Sharers<u8>, space: u8, page: Vpn) {
    if let Err((NoRoom, space)) = sharers.add(space, page) {
        let room = Room::for_more(sharers.len()).unwrap();
        sharers.give(room);
        sharers.add(space, page).unwrap();
    }
}

#[test]
fn two_sharers_need_no_memory_and_a_third_needs_room() {
    let mut sharers = Sharers::new();
    sharers.add(1u8, Vpn(1)).unwrap();
    sharers.add(2, Vpn(1)).unwrap();
    assert_eq!(sharers.add(3, Vpn(1)), Err((NoRoom, 3)));
    add(&mut sharers, 3, Vpn(1));
    let less = Room::for_more(0).unwrap();
    sharers.give(less);
    assert_eq!(sharers.len(), 3, "room that came too late takes nobody's place");
}

proptest! {
    #[test]
    fn the_list_of_sharers_agrees_with_a_plain_one(steps in prop::collection::vec((any::<bool>(), 0u8..4, 0u64..4), 0..100)) {
        let mut sharers = Sharers::new();
        let mut model = Vec::new();
        for (insert, space, page) in steps {
            if insert {
                add(&mut sharers, space, Vpn(page));
                model.push((space, Vpn(page)));
            } else {
                let at = model.iter().position(|&entry| entry == (space, Vpn(page)));
                let removed = at.map(|at| model.swap_remove(at).0);
                prop_assert_eq!(sharers.remove(Vpn(page), |&s| s == space), removed);
            }
            let mut all: Vec<_> = sharers.iter().map(|(&space, page)| (space, page)).collect();
            all.sort();
            model.sort();
            prop_assert_eq!(&all, &model);
            prop_assert_eq!(sharers.len(), model.len());
        }
    }

    #[test]
    fn regions_agree_with_a_plain_map(ops in ops()) {
        let mut regions = Regions::new();
        let mut model = BTreeMap::<u64, u64>::new(); // start -> end
        for op in ops {
            let lowest = |start, pages| model.iter().find(|&(&a, &b)| meets(start, pages, a, b)).map(|(&a, &b)| range(a, b - a));
            match op {
                Op::Insert(start, pages) => match PageRange::new(Vpn(start), pages) {
                    None => prop_assert!(pages == 0 || u128::from(start) + u128::from(pages) > u128::from(LIMIT)),
                    Some(_) => {
                        let expected = lowest(start, pages).map_or(Ok(()), |with| Err(RegionError::Overlap(with)));
                        prop_assert_eq!(regions.insert(region(start, pages)), expected);
                        if expected.is_ok() {
                            model.insert(start, start + pages);
                        }
                    }
                },
                Op::Remove(start) => {
                    let removed = regions.remove(Vpn(start)).map(|r| r.pages.end().0);
                    prop_assert_eq!(removed, model.remove(&start));
                }
                Op::Query(start, pages) => {
                    let found = regions.find(Vpn(start)).map(|r| r.pages);
                    prop_assert_eq!(regions.find_again(Vpn(start)).map(|r| r.pages), found);
                    prop_assert_eq!(found, lowest(start, 1));
                    if let Some(queried) = PageRange::new(Vpn(start), pages) {
                        prop_assert_eq!(regions.overlapping(queried).map(|r| r.pages), lowest(start, pages));
                    }
                }
            }
            let all: Vec<_> = regions.iter().map(|r| (r.pages.start().0, r.pages.end().0)).collect();
            prop_assert_eq!(all, model.iter().map(|(&a, &b)| (a, b)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_table_of_pages_agrees_with_a_plain_map(ops in ops()) {
        let mut spt = Spt::new();
        let mut model = BTreeMap::new();
        for (serial, op) in ops.into_iter().enumerate() {
            match op {
                Op::Insert(page, _) => {
                    let new = entry(serial as u32);
                    let expected = if model.contains_key(&page) { Err(InsertError::Occupied) } else { Ok(()) };
                    prop_assert_eq!(spt.insert(Vpn(page), new), expected);
                    model.entry(page).or_insert(new);
                }
                Op::Remove(page) => prop_assert_eq!(spt.remove(Vpn(page)), model.remove(&page)),
                Op::Query(start, pages) => {
                    prop_assert_eq!(spt.get(Vpn(start)), model.get(&start));
                    if let Some(queried) = PageRange::new(Vpn(start), pages) {
                        prop_assert_eq!(spt.any_in(queried), model.range(start..start + pages).next().is_some());
                    }
                }
            }
            let all: BTreeMap<_, _> = spt.iter().map(|(page, &entry)| (page.0, entry)).collect();
            prop_assert_eq!(&all, &model);
            prop_assert_eq!(spt.len(), model.len());
        }
    }
}
