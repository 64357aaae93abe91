//! Random operations against a plain map from page to entry, with a processor touching pages in between.
#![cfg(not(loom))]

mod arena;

use arena::{Arena, Cpu};
use fl_addr::{Pfn, Vpn};
use fl_paging::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Tables the arena can hold: few, so that some mappings find no memory.
const CAPACITY: usize = 10;

#[derive(Clone, Debug)]
enum Op {
    Map(Vpn, u32, PteFlags),
    MapWith(Vpn, u32, PteFlags, usize),
    Unmap(Vpn),
    Protect(Vpn, PteFlags),
    ClearAccessed(Vpn),
    Touch(Vpn, Cpu),
    Walk(Vpn, u64),
}

/// Few pages, close together and far apart, in both halves.
fn page() -> impl Strategy<Value = Vpn> {
    let bases = [0, 510, 1 << 18, (1 << 27) - 2, (1 << 35) - 4, (1 << 52) - (1 << 35)];
    (prop::sample::select(bases.to_vec()), 0u64..4).prop_map(|(base, i)| Vpn(base + i))
}

fn rights() -> impl Strategy<Value = PteFlags> {
    (0u64..8).prop_map(|bits| {
        let mut flags = PteFlags::empty();
        flags.set(PteFlags::WRITE, bits & 1 != 0);
        flags.set(PteFlags::USER, bits & 2 != 0);
        flags.set(PteFlags::NX, bits & 4 != 0);
        flags
    })
}

fn op() -> impl Strategy<Value = Op> {
    let cpu = (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(user, write, fetch)| Cpu {
        user,
        write: write && !fetch,
        fetch,
    });
    prop_oneof![
        4 => (page(), 0u32..1000, rights()).prop_map(|(p, f, r)| Op::Map(p, f, r)),
        4 => (page(), 0u32..1000, rights(), 0usize..4).prop_map(|(p, f, r, n)| Op::MapWith(p, f, r, n)),
        3 => page().prop_map(Op::Unmap),
        2 => (page(), rights()).prop_map(|(p, r)| Op::Protect(p, r)),
        2 => page().prop_map(Op::ClearAccessed),
        6 => (page(), cpu).prop_map(|(p, c)| Op::Touch(p, c)),
        1 => (page(), 0u64..(1 << 28)).prop_map(|(p, n)| Op::Walk(p, n)),
    ]
}

/// What the tables should say.
#[derive(Default)]
struct Model {
    pages: HashMap<Vpn, Pte>,
    /// Tables below the root: (level, what all its pages have in common).
    tables: BTreeSet<(u8, u64)>,
}

impl Model {
    fn missing(&self, page: Vpn) -> Vec<(u8, u64)> {
        let path = (1..ROOT_LEVEL).map(|level| (level, page.0 >> (9 * level)));
        path.filter(|table| !self.tables.contains(table)).collect()
    }

    /// What mapping should answer when `room` tables can be had, and do it.
    fn map(&mut self, page: Vpn, pte: Pte, room: usize) -> Result<(), MapError> {
        if let Some(&there) = self.pages.get(&page) {
            return Err(MapError::AlreadyMapped(there));
        }
        let missing = self.missing(page);
        if missing.len() > room {
            return Err(MapError::NoTable);
        }
        self.tables.extend(missing);
        self.pages.insert(page, pte);
        Ok(())
    }

    /// What a processor should find, and record.
    fn touch(&mut self, page: Vpn, cpu: Cpu) -> Option<Pfn> {
        let pte = self.pages.get_mut(&page)?;
        let refused = cpu.write && !pte.is_writable()
            || cpu.user && !pte.is_user()
            || cpu.fetch && !pte.is_executable();
        if refused {
            return None;
        }
        pte.0 |= PteFlags::ACCESSED.bits();
        if cpu.write {
            pte.0 |= PteFlags::DIRTY.bits();
        }
        Some(pte.pfn())
    }
}

fn run(mem: &mut Arena, root: Pfn, model: &mut Model, op: Op) {
    match op {
        Op::Map(page, frame, rights) => {
            let pte = Pte::new(Pfn(frame), rights | PteFlags::PRESENT);
            let room = CAPACITY - mem.live();
            assert_eq!(map(mem, root, page, pte), model.map(page, pte, room));
        }
        Op::MapWith(page, frame, rights, n) => {
            let pte = Pte::new(Pfn(frame), rights | PteFlags::PRESENT);
            let mut stock = TableStock::new();
            stock.fill(mem, n);
            let expected = model.map(page, pte, stock.len());
            assert_eq!(map_with(mem, root, page, pte, &mut stock), expected);
            stock.give_back(mem);
        }
        Op::Unmap(page) => assert_eq!(unmap(mem, root, page), model.pages.remove(&page)),
        Op::Protect(page, rights) => {
            let old = protect(mem, root, page, rights);
            assert_eq!(old, model.pages.get(&page).copied());
            if let Some(pte) = model.pages.get_mut(&page) {
                let changed = PteFlags::WRITE | PteFlags::NX;
                pte.0 = pte.0 & !changed.bits() | (rights & changed).bits();
            }
        }
        Op::ClearAccessed(page) => {
            let was = model.pages.get(&page).map(|pte| pte.is_accessed());
            assert_eq!(clear_accessed(mem, root, page), was);
            if let Some(pte) = model.pages.get_mut(&page) {
                pte.0 &= !PteFlags::ACCESSED.bits();
            }
        }
        Op::Touch(page, cpu) => {
            let found = cpu.access(mem, root, page.start()).map(|pa| pa.pfn());
            assert_eq!(found, model.touch(page, cpu), "{cpu:?}");
        }
        Op::Walk(start, pages) => {
            let mut seen = BTreeMap::new();
            let end = Vpn(start.0 + pages);
            for_each_present(mem, root, start..end, |page, pte, level| {
                assert_eq!(level, 1);
                assert!(seen.last_key_value().is_none_or(|(&last, _)| last < page), "ascending");
                seen.insert(page, pte);
            });
            let inside = |page: &Vpn| (start..end).contains(page);
            assert_eq!(seen, model.pages.iter().filter(|(p, _)| inside(p)).map(|(&p, &e)| (p, e)).collect());
        }
    }
}

fn agrees(mem: &Arena, root: Pfn, model: &Model) {
    assert_eq!(mem.live(), 1 + model.tables.len(), "no table leaked or lost");
    for (&page, &pte) in &model.pages {
        assert_eq!(lookup(mem, root, page), Some((pte, 1)));
    }
    let mut mapped = 0;
    for_each_present(mem, root, Vpn(0)..Vpn(1 << 52), |_, _, _| mapped += 1);
    assert_eq!(mapped, model.pages.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn tables_agree_with_a_plain_map_and_none_leaks(ops in prop::collection::vec(op(), 1..60)) {
        let (mut mem, root) = Arena::new(CAPACITY);
        let mut model = Model::default();
        for op in ops {
            run(&mut mem, root, &mut model, op);
            agrees(&mem, root, &model);
        }
        let upper = |page: &Vpn| page.0 >> 35 != 0;
        for page in model.pages.keys().copied().filter(|p| !upper(p)).collect::<Vec<_>>() {
            unmap(&mem, root, page).unwrap();
            model.pages.remove(&page);
        }
        let kept = model.tables.iter().filter(|&&(level, prefix)| prefix << (9 * level) >> 35 != 0).count();
        let freed = free_lower_half(&mut mem, root);
        prop_assert_eq!((freed.tables, freed.leaves), (model.tables.len() - kept, 0));
        prop_assert_eq!(mem.live(), 1 + kept);
        for (&page, &pte) in &model.pages {
            prop_assert_eq!(lookup(&mem, root, page), Some((pte, 1)), "the upper half is as it was");
        }
    }
}
