//! [`Spt`], which keeps its entries by blocks of neighbouring pages, against a plain map that does not.
#![cfg(not(loom))]

use fl_addr::Vpn;
use fl_vmcore::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Model = BTreeMap<u64, Entry<u32>>;

fn entry(page: u32) -> Entry<u32> {
    Entry { page, prot: Prot::READ_WRITE, cow: false }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u64),
    /// As a fault does: a place, room if there is none, and then the entry, or it comes to nothing.
    Fault(u64, bool),
    Remove(u64),
    /// As munmap does.
    TakeIn(u64, u64),
    TakeAll,
    /// All but so many entries are shared; the child is looked at and let go of.
    Fork(usize),
    /// The child goes on in its parent's place, as a program does that lives longer.
    BecomeChild,
}

/// Runs of neighbours, some far from each other; ranges that end within blocks and at their ends, short ones and such that hold nearly all.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let page = || prop_oneof![6 => 0u64..40, 2 => 4000u64..4030, 1 => (0u64..64).prop_map(|n| n * 512)];
    let pages = prop_oneof![4 => 1u64..20, 1 => 1u64..40_000];
    let op = prop_oneof![
        6 => page().prop_map(Op::Insert),
        1 => (u64::MAX - 9..=u64::MAX).prop_map(Op::Insert),
        12 => (page(), prop::bool::weighted(0.9)).prop_map(|(page, filled)| Op::Fault(page, filled)),
        4 => page().prop_map(Op::Remove),
        3 => (page(), pages).prop_map(|(start, pages)| Op::TakeIn(start, pages)),
        1 => Just(Op::TakeAll),
        2 => (0usize..40).prop_map(Op::Fork),
        1 => Just(Op::BecomeChild),
    ];
    prop::collection::vec(op, 1..120)
}

fn fault(spt: &mut Spt<u32>, page: Vpn, new: Option<Entry<u32>>) -> Option<Entry<u32>> {
    if spt.place(page).is_err() {
        assert!(spt.growth(1) > 0, "where there is no room some memory must be asked for");
        spt.reserve(1).unwrap();
    }
    match spt.place(page) {
        Ok(Place::Taken(entry)) => return Some(*entry),
        Ok(Place::Free(free)) => _ = new.map(|new| *free.fill(new)),
        Err(NoRoom) => panic!("room was made"),
    }
    None
}

/// A fork in which the share number `fails` is refused. The child, and whether all was shared.
fn fork(spt: &mut Spt<u32>, fails: usize) -> (Spt<u32>, Model, bool) {
    let (mut child, mut told) = (Spt::new(), Model::new());
    let share = |page: Vpn, &id: &u32, protect: bool| {
        assert!(
            protect || id % 2 == 1,
            "every private page is writable and not yet marked, or marked before"
        );
        if told.len() == fails {
            return Err(InsertError::NoMemory);
        }
        let cow = id.is_multiple_of(2);
        assert_eq!(told.insert(page.0, Entry { cow, ..entry(id) }), None, "told once");
        Ok(())
    };
    let kind = |id: &u32| if id.is_multiple_of(2) { Kind::Private } else { Kind::File };
    let all = spt.fork(&mut child, kind, share).is_ok();
    (child, told, all)
}

/// That it finds each entry by looking and by walking, with or without having walked before.
fn agrees(spt: &Spt<u32>, model: &Model) {
    let walked: Vec<_> = spt.iter().map(|(page, &entry)| (page.0, entry)).collect();
    assert_eq!(walked.len(), spt.len());
    assert_eq!(&walked.into_iter().collect::<Model>(), model);
    assert_eq!((spt.len(), spt.is_empty()), (model.len(), model.is_empty()));
    assert!(model.iter().all(|(&page, entry)| spt.get(Vpn(page)) == Some(entry)));
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_plain_map_whatever_is_done_to_it(ops in ops()) {
        let (mut spt, mut model) = (Spt::new(), Model::new());
        for (serial, op) in ops.into_iter().enumerate() {
            let new = entry(serial as u32);
            match op {
                Op::Insert(page) => {
                    let free = !model.contains_key(&page);
                    prop_assert_eq!(spt.insert(Vpn(page), new).is_ok(), free);
                    model.entry(page).or_insert(new);
                }
                Op::Fault(page, filled) => {
                    prop_assert_eq!(fault(&mut spt, Vpn(page), filled.then_some(new)), model.get(&page).copied());
                    if filled {
                        model.entry(page).or_insert(new);
                    }
                }
                Op::Remove(page) => prop_assert_eq!(spt.remove(Vpn(page)), model.remove(&page)),
                Op::TakeIn(start, pages) => {
                    let range = PageRange::new(Vpn(start), pages).unwrap();
                    let expected: Model = model.extract_if(start..start + pages, |_, _| true).collect();
                    prop_assert_eq!(spt.any_in(range), !expected.is_empty());
                    let mut taken = vec![];
                    spt.take_in(range, |page, entry| taken.push((page.0, entry)));
                    prop_assert_eq!(taken.len(), expected.len());
                    prop_assert_eq!(taken.into_iter().collect::<Model>(), expected);
                    prop_assert!(!spt.any_in(range));
                }
                Op::TakeAll => {
                    let order: Vec<_> = spt.iter().map(|(page, &entry)| (page, entry)).collect();
                    let mut taken = vec![];
                    spt.take_all(|page, entry| taken.push((page, entry)));
                    prop_assert_eq!(taken, order);
                    model.clear();
                }
                Op::Fork(fails) => {
                    // A marked page is not told as one to protect: what was marked is unmarked, as its parent's stores would.
                    model.keys().for_each(|&page| spt.get_mut(Vpn(page)).unwrap().cow = false);
                    let (child, told, all) = fork(&mut spt, fails);
                    prop_assert_eq!(all, told.len() == model.len());
                    prop_assert_eq!(told.len(), model.len().min(fails));
                    agrees(&child, &told);
                    for (&page, entry) in &mut model {
                        entry.cow = told.get(&page).is_some_and(|shared| shared.cow);
                    }
                }
                Op::BecomeChild => {
                    model.keys().for_each(|&page| spt.get_mut(Vpn(page)).unwrap().cow = false);
                    let (child, told, all) = fork(&mut spt, usize::MAX);
                    prop_assert!(all);
                    (spt, model) = (child, told);
                }
            }
            agrees(&spt, &model);
        }
    }

    /// However pages are touched, what was said to be enough is enough.
    #[test]
    fn room_for_so_many_pages_is_room_for_them_wherever_they_are(
        before in prop::collection::btree_set(0u64..200, 0..60),
        after in prop::collection::btree_set(prop_oneof![0u64..200, (0u64..200).prop_map(|n| n * 64)], 1..60),
    ) {
        let mut spt = Spt::new();
        before.iter().for_each(|&page| spt.insert(Vpn(page), entry(0)).unwrap());
        spt.reserve(after.len()).unwrap();
        prop_assert_eq!(spt.growth(after.len()), 0);
        for &page in &after {
            match spt.place(Vpn(page)) {
                Ok(Place::Free(free)) => _ = free.fill(entry(1)),
                Ok(Place::Taken(_)) => prop_assert!(before.contains(&page)),
                Err(NoRoom) => prop_assert!(false, "there was to be room for {}", page),
            }
        }
    }
}

#[test]
fn neighbours_need_room_once() {
    let mut spt = Spt::new();
    spt.reserve(1).unwrap();
    while let Ok(Place::Free(free)) = spt.place(Vpn(spt.len() as u64 * 8)) {
        free.fill(entry(0));
    }
    assert!(spt.growth(1) > 0, "it is full");
    let blocks = spt.len() as u64;
    for page in 0..blocks * 8 {
        match spt.place(Vpn(page)) {
            Ok(Place::Taken(_)) => assert!(page.is_multiple_of(8)),
            Ok(Place::Free(free)) => _ = free.fill(entry(1)),
            Err(NoRoom) => panic!("{page} lies beside a page that has an entry"),
        }
    }
    assert!(spt.place(Vpn(blocks * 8)).is_err());
    assert_eq!(spt.len() as u64, blocks * 8);
}

#[test]
fn a_place_that_is_not_filled_takes_no_room() {
    let mut spt = Spt::<u32>::new();
    spt.reserve(1).unwrap();
    for page in 0..1000 {
        assert!(matches!(spt.place(Vpn(page * 8)), Ok(Place::Free(_))));
    }
    assert!(spt.is_empty() && spt.iter().next().is_none());
}

#[test]
fn a_range_is_taken_out_in_the_order_of_addresses() {
    let mut spt = Spt::new();
    let order = (0..200).map(|n| n * 77 % 200); // each once
    order.for_each(|page| spt.insert(Vpn(page), entry(0)).unwrap());
    let mut taken = vec![];
    spt.take_in(PageRange::new(Vpn(5), 120).unwrap(), |page, _| taken.push(page.0));
    assert_eq!(taken, (5..125).collect::<Vec<_>>());
    assert_eq!(spt.len(), 80);
}
