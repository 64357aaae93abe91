//! A processor that sets dirty bits on its own while entries change: no bit it set is ever lost.

mod arena;

use arena::Arena;
use fl_addr::{Pfn, Vpn};
use fl_paging::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const ROUNDS: usize = 20_000;
const PAGE: Vpn = Vpn(0x1234);

/// What the hardware does for a store (SDM vol. 3A, 4.8): if the entry is present and writable, set accessed and dirty in one
/// locked step. Returns the frame stored to.
fn store_by_hardware(entry: &AtomicU64) -> Option<Pfn> {
    let needs = PteFlags::PRESENT | PteFlags::WRITE;
    let now = Pte(entry.load(Ordering::SeqCst));
    let set = now.0 | (PteFlags::ACCESSED | PteFlags::DIRTY).bits();
    let done =
        now.has(needs) && entry.compare_exchange(now.0, set, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    done.then(|| now.pfn())
}

#[test]
fn a_dirty_bit_set_while_an_entry_is_protected_or_unmapped_is_not_lost() {
    let (mut mem, root) = Arena::new(8);
    // The first mapping makes the tables, so that the other thread can hold the entry's address.
    map(&mut mem, root, PAGE, Pte::new(Pfn(0), PteFlags::PRESENT)).unwrap();
    unmap(&mem, root, PAGE).unwrap();
    let table = (2..=ROOT_LEVEL)
        .rev()
        .fold(root, |t, level| Pte(mem.entry(t, PAGE.table_index(level)).load(Ordering::SeqCst)).pfn());
    let entry = mem.entry(table, PAGE.table_index(1));
    let stored: Vec<AtomicBool> = (0..ROUNDS).map(|_| AtomicBool::new(false)).collect();
    let stop = AtomicBool::new(false);
    let unmapped = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                match store_by_hardware(entry) {
                    Some(frame) => stored[frame.0 as usize].store(true, Ordering::SeqCst),
                    None => std::hint::spin_loop(),
                }
            }
        });
        let mut unmapped = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            // The frame number tells the rounds apart.
            let flags = PteFlags::PRESENT | PteFlags::WRITE;
            let pte = Pte::new(Pfn(round as u32), flags);
            map_with(&mem, root, PAGE, pte, &mut TableStock::new()).unwrap();
            if round % 64 == 0 {
                std::thread::yield_now();
            }
            match round % 3 {
                0 => drop(clear_accessed(&mem, root, PAGE)),
                1 => drop(protect(&mem, root, PAGE, PteFlags::NX)),
                _ => {}
            }
            unmapped.push(unmap(&mem, root, PAGE).unwrap());
        }
        stop.store(true, Ordering::SeqCst);
        unmapped
    });
    let dirty = unmapped.iter().filter(|pte| pte.is_dirty()).count();
    for (round, pte) in unmapped.iter().enumerate() {
        assert_eq!(pte.pfn(), Pfn(round as u32));
        assert_eq!(pte.is_dirty(), stored[round].load(Ordering::SeqCst), "round {round}");
    }
    assert!(dirty > 0, "the two threads never met");
}
