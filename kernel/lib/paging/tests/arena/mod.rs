//! [`Arena`]: page tables in ordinary memory, which watches how they are used; [`Cpu`]: a page walk as the processor does it.
#![allow(dead_code, reason = "each test file uses its own part")]

use fl_addr::{Pfn, PhysAddr, VirtAddr};
use fl_paging::{ENTRIES, TableMemory};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// What freed tables are filled with: every entry present, large, and pointing to nowhere, so that any use shows.
const JUNK: u64 = 0x000f_dead_dead_d0e7;
/// Frame number of the arena's first table; unlike any page's in the tests.
const BASE: u32 = 0x10_0000;

/// Memory for `capacity` tables. Panics on the use of a freed table, a double free, or a write into a freed table.
pub struct Arena {
    tables: Vec<Box<[AtomicU64; ENTRIES]>>,
    free: Vec<usize>,
    live: BTreeSet<usize>,
    /// Tables handed out since the beginning.
    pub allocations: usize,
}

impl Arena {
    /// With room for `capacity` tables, the root among them.
    pub fn new(capacity: usize) -> (Self, Pfn) {
        let table = |_| Box::new([const { AtomicU64::new(JUNK) }; ENTRIES]);
        let tables = (0..capacity).map(table).collect();
        let mut arena = Self { tables, free: (0..capacity).collect(), live: BTreeSet::new(), allocations: 0 };
        let root = arena.alloc_table().expect("room for the root");
        (arena, root)
    }

    /// Tables in use, the root included.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Every word of every live table, to compare before and after.
    pub fn snapshot(&self) -> Vec<(usize, Vec<u64>)> {
        let words = |t: usize| self.tables[t].iter().map(|e| e.load(Ordering::Relaxed)).collect();
        self.live.iter().map(|&t| (t, words(t))).collect()
    }

    fn slot(&self, table: Pfn) -> usize {
        let slot = table.0.checked_sub(BASE).expect("a frame that is no table") as usize;
        assert!(self.live.contains(&slot), "table {table:?} is not in use");
        slot
    }
}

impl TableMemory for Arena {
    fn entry(&self, table: Pfn, index: usize) -> &AtomicU64 {
        &self.tables[self.slot(table)][index]
    }

    fn alloc_table(&mut self) -> Option<Pfn> {
        let slot = self.free.pop()?;
        for entry in self.tables[slot].iter() {
            let old = entry.swap(0, Ordering::Relaxed);
            assert_eq!(old, JUNK, "a freed table was written to");
        }
        self.live.insert(slot);
        self.allocations += 1;
        Some(Pfn(BASE + slot as u32))
    }

    fn free_table(&mut self, table: Pfn) {
        let slot = self.slot(table);
        self.live.remove(&slot);
        for entry in self.tables[slot].iter() {
            entry.store(JUNK, Ordering::Relaxed);
        }
        self.free.push(slot);
    }
}

/// What a processor wants of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    pub user: bool,
    pub write: bool,
    pub fetch: bool,
}

impl Cpu {
    pub const USER_READ: Self = Self { user: true, write: false, fetch: false };
    pub const USER_WRITE: Self = Self { user: true, write: true, fetch: false };
    pub const USER_FETCH: Self = Self { user: true, write: false, fetch: true };
    pub const KERNEL_READ: Self = Self { user: false, write: false, fetch: false };
    pub const KERNEL_WRITE: Self = Self { user: false, write: true, fetch: false };

    /// The page walk of Intel SDM vol. 3A, 4.5 to 4.8, with CR0.WP and EFER.NXE set, on raw words and without this crate's help:
    /// the physical address, or `None` for a page fault. Sets accessed and dirty bits.
    pub fn access(self, arena: &Arena, root: Pfn, va: VirtAddr) -> Option<PhysAddr> {
        let mut table = root;
        let mut path = Vec::new();
        for (level, shift) in [(4, 39), (3, 30), (2, 21), (1, 12)] {
            let entry = arena.entry(table, (va.0 >> shift) as usize & 511);
            let word = entry.load(Ordering::SeqCst);
            let refused = word & 1 == 0
                || self.write && word & 2 == 0
                || self.user && word & 4 == 0
                || self.fetch && word >> 63 == 1;
            if refused {
                return None;
            }
            path.push(entry);
            let address = word & 0x000f_ffff_ffff_f000;
            if level == 1 || level < 4 && word & 0x80 != 0 {
                for entry in &path {
                    entry.fetch_or(0x20, Ordering::SeqCst);
                }
                if self.write {
                    entry.fetch_or(0x40, Ordering::SeqCst);
                }
                let within = va.0 & ((1 << shift) - 1);
                assert_eq!(address & ((1 << shift) - 1), 0, "reserved bits of a level-{level} leaf");
                return Some(PhysAddr(address + within));
            }
            assert_eq!(word & 0x80, 0, "bit 7 of an entry that refers to a table");
            table = Pfn((address >> 12) as u32);
        }
        unreachable!("level 1 is a leaf or a fault")
    }
}
