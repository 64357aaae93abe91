//! A processor that walks and marks entries on its own while they change: every interleaving and reordering that loom can make.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p fl-paging --test loom`. Each model runs on the source as it is and on the
//! mutants that it has to catch.
#![cfg(loom)]

use fl_addr::{Pfn, Vpn};
use fl_model::caught;
use fl_paging::*;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::thread;

const PAGE: Vpn = Vpn(0);
const FRAME: Pfn = Pfn(9);
const STOCKED: Pfn = Pfn(3);
/// What a frame holds before it is zeroed: as an entry, present and pointing nowhere.
const JUNK: u64 = 0xdead_d001;

/// One entry of each of four tables: frame `i` holds the table of level `4 - i`, entry 0 of each is on the way to `PAGE`.
struct Path([AtomicU64; 4]);

impl TableMemory for Path {
    fn entry(&self, table: Pfn, index: usize) -> &AtomicU64 {
        assert!(table.0 < 4 && index == 0, "a walk went through an entry that was never linked: {table:?}");
        &self.0[table.0 as usize]
    }
    fn alloc_table(&mut self) -> Option<Pfn> {
        None
    }
    fn free_table(&mut self, _: Pfn) {}
}

/// All tables linked, the page mapped as `pte` or not at all.
fn path(pte: Pte) -> Path {
    let table = |frame| AtomicU64::new(Pte::new(Pfn(frame), PteFlags::PRESENT | PteFlags::WRITE).0);
    Path([table(1), table(2), table(3), AtomicU64::new(pte.0)])
}

fn writable() -> Pte {
    Pte::new(FRAME, PteFlags::PRESENT | PteFlags::WRITE)
}

/// What a processor does for a store (SDM vol. 3A, 4.8): if the entry is present and writable, it sets accessed and dirty in one
/// locked step, or looks again. Returns whether it stored.
fn store_by_hardware(entry: &AtomicU64) -> bool {
    loop {
        let now = Pte(entry.load(SeqCst));
        if !now.has(PteFlags::PRESENT | PteFlags::WRITE) {
            return false;
        }
        let set = now.0 | (PteFlags::ACCESSED | PteFlags::DIRTY).bits();
        if entry.compare_exchange(now.0, set, SeqCst, SeqCst).is_ok() {
            return true;
        }
    }
}

/// A store against `change`; then the page is unmapped. The final entry is dirty exactly if the store went through.
fn dirty_survives(change: fn(&Path, Pfn)) {
    loom::model(move || {
        let path = Arc::new(path(writable()));
        let other = path.clone();
        let cpu = thread::spawn(move || store_by_hardware(&other.0[3]));
        change(&path, Pfn(0));
        let last = unmap(&*path, Pfn(0), PAGE).expect("it was mapped");
        let stored = cpu.join().unwrap();
        assert_eq!(last.is_dirty(), stored);
        assert_eq!((last.pfn(), path.0[3].load(SeqCst)), (FRAME, 0));
    });
}

fn unmapped() {
    dirty_survives(|_, _| {});
}

fn protected() {
    dirty_survives(|path, root| {
        let old = protect(path, root, PAGE, PteFlags::NX).unwrap();
        assert!(old.is_writable());
        let now = lookup(path, root, PAGE).unwrap().0;
        assert_eq!(now.is_dirty(), old.is_dirty(), "nobody can store after the entry became read-only");
    });
}

fn write_protected() {
    dirty_survives(|path, root| {
        let old = write_protect_in(path, leaf_table(path, root, PAGE).unwrap(), PAGE).unwrap();
        assert!(old.is_writable());
        let now = lookup(path, root, PAGE).unwrap().0;
        assert!(!now.is_writable());
        assert_eq!(now.is_dirty(), old.is_dirty(), "nobody can store after the entry became read-only");
    });
}

/// A store against the replacing of its mapping: it went through the old one exactly if that was dirty in the end.
fn replaced() {
    loom::model(|| {
        let path = Arc::new(path(writable()));
        let other = path.clone();
        let cpu = thread::spawn(move || store_by_hardware(&other.0[3]));
        let copy = Pte::new(Pfn(0x99), PteFlags::PRESENT | PteFlags::USER);
        let table = leaf_table(&*path, Pfn(0), PAGE).expect("the tables are there");
        let last = replace_in(&*path, table, PAGE, copy).expect("it was mapped");
        let stored = cpu.join().unwrap();
        assert_eq!(last.is_dirty(), stored);
        assert_eq!(lookup(&*path, Pfn(0), PAGE), Some((copy, 1)));
    });
}

fn cleared() {
    dirty_survives(|path, root| assert!(clear_accessed(path, root, PAGE).is_some()));
}

#[test]
fn a_dirty_bit_set_while_a_page_is_unmapped_is_in_the_entry_that_comes_back() {
    unmapped();
    caught("torn_unmap", unmapped);
}

#[test]
fn a_dirty_bit_set_while_a_page_is_made_read_only_is_kept() {
    protected();
    caught("torn_protect", protected);
}

#[test]
fn a_dirty_bit_set_while_fork_takes_the_right_to_write_is_kept() {
    write_protected();
    caught("torn_write_protect", write_protected);
}

#[test]
fn a_dirty_bit_set_while_a_mapping_is_replaced_is_in_the_entry_that_comes_back() {
    replaced();
    caught("torn_replace", replaced);
}

#[test]
fn a_dirty_bit_set_while_accessed_is_cleared_is_kept() {
    cleared();
    caught("torn_clear", cleared);
}

/// Fills a page and maps it while another processor looks. `fresh`: the level-1 table is new and zeroed just before.
fn mapped_while_looked_at(fresh: bool) {
    loom::model(move || {
        let mut built = path(Pte::EMPTY);
        if fresh {
            built.0[2] = AtomicU64::new(0);
            built.0[3] = AtomicU64::new(JUNK);
        }
        let shared = Arc::new((built, AtomicU64::new(0)));
        let other = shared.clone();
        let cpu = thread::spawn(move || {
            let (path, content) = &*other;
            if let Some((pte, level)) = lookup(path, Pfn(0), PAGE) {
                assert_eq!((pte, level), (writable(), 1), "the table was seen before it was zeroed");
                assert_eq!(content.load(Relaxed), 42, "the page was seen before it was filled");
            }
        });
        let (path, content) = &*shared;
        let mut stock = TableStock::new();
        if fresh {
            path.0[3].store(0, Relaxed);
            stock.put(STOCKED).unwrap();
        }
        content.store(42, Relaxed);
        map_with(path, Pfn(0), PAGE, writable(), &mut stock).unwrap();
        assert!(stock.is_empty());
        cpu.join().unwrap();
    });
}

#[test]
fn whoever_sees_a_mapping_sees_its_page_filled() {
    mapped_while_looked_at(false);
    caught("install_relaxed", || mapped_while_looked_at(false));
}

#[test]
fn whoever_sees_a_table_sees_it_zeroed() {
    mapped_while_looked_at(true);
    caught("link_relaxed", || mapped_while_looked_at(true));
}

/// Two map the same page without the lock: one wins, the other is told of it.
fn mapped_twice() {
    loom::model(|| {
        let path = Arc::new(path(Pte::EMPTY));
        let other = path.clone();
        let map = |path: &Path, frame| {
            map_with(path, Pfn(0), PAGE, Pte::new(frame, PteFlags::PRESENT), &mut TableStock::new())
        };
        let second = thread::spawn(move || map(&other, Pfn(20)));
        let results = [map(&path, Pfn(10)), second.join().unwrap()];
        let there = Pte(path.0[3].load(SeqCst));
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
        assert!(results.contains(&Err(MapError::AlreadyMapped(there))));
    });
}

#[test]
fn of_two_mappings_of_one_page_exactly_one_is_installed() {
    mapped_twice();
    caught("torn_install", mapped_twice);
}

/// A page is mapped without the lock while one who has it does `change` to its entry. Nothing of either is lost.
fn mapped_during(change: fn(&Path, Pfn) -> Option<Pte>) {
    loom::model(move || {
        let path = Arc::new(path(Pte::EMPTY));
        let other = path.clone();
        let holder = thread::spawn(move || change(&other, Pfn(0)));
        let table = leaf_table(&*path, Pfn(0), PAGE).expect("the tables are there");
        map_in(&*path, table, PAGE, writable()).unwrap();
        let removed = holder.join().unwrap();
        let there = lookup(&*path, Pfn(0), PAGE).map(|(pte, _)| pte);
        let pte = removed.xor(there).expect("it was removed, or it is there");
        assert_eq!(pte.pfn(), FRAME);
        assert!(removed.is_none() || path.0[3].load(SeqCst) == 0);
    });
}

#[test]
fn an_empty_entry_may_be_filled_while_another_has_the_lock() {
    mapped_during(|path, root| unmap(path, root, PAGE));
    mapped_during(|path, root| {
        clear_accessed(path, root, PAGE);
        None
    });
    mapped_during(|path, root| {
        mark(path, root, PAGE, PteFlags::DIRTY);
        allow_write(path, root, PAGE);
        None
    });
    mapped_during(|path, root| {
        protect(path, root, PAGE, PteFlags::WRITE);
        if let Some(leaf) = leaf_table(path, root, PAGE) {
            write_protect_in(path, leaf, PAGE);
        }
        None
    });
    caught("torn_clear", || {
        mapped_during(|path, root| {
            clear_accessed(path, root, PAGE);
            None
        });
    });
}
