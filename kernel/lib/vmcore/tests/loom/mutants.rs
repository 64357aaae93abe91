//! Mutants that the machine of `tests/world` must catch: random operations, compared with the reference.

use crate::world::{Limits, Op, numbers, run};
use fl_addr::{Pfn, Slot};
use fl_model::with_mutant;
use fl_vmcore::{Home, PageState};

const PRESSURE: Limits = Limits { frames: 9, slots: 20, io_errors: 10 };

fn operations(limits: Limits) -> Result<(), String> {
    let evict = limits.slots != 0;
    run(limits, numbers(3).take(50_000).map(|bits| Op::from_bits(bits, evict))).map(|_| ())
}

/// What the machine says of the library with the mutant on.
fn complaint(limits: Limits, mutant: &'static str) -> String {
    operations(limits).expect("without the mutant");
    with_mutant(mutant, || operations(limits)).expect_err("the mutant went unnoticed")
}

#[test]
fn a_store_that_is_not_written_back_is_noticed() {
    complaint(Limits::PLENTY, "lost_dirty");
    complaint(PRESSURE, "lost_dirty_of_sharer");
    complaint(PRESSURE, "kernel_store_not_dirty");
    complaint(PRESSURE, "noted_dirty_ignored");
    complaint(PRESSURE, "skipped_writeback");
    complaint(PRESSURE, "slot_taken_from_clean_page");
}

#[test]
fn a_fork_without_write_protection_is_noticed() {
    complaint(Limits::PLENTY, "missing_write_protect");
    complaint(Limits::PLENTY, "reuse_while_shared");
}

#[test]
fn a_leaked_frame_and_a_leaked_slot_are_noticed() {
    let text = complaint(Limits::PLENTY, "leaked_frame");
    assert!(text.contains("are taken"), "{text}");
    complaint(PRESSURE, "leaked_slot");
}

#[test]
fn a_frame_that_is_freed_twice_is_noticed() {
    complaint(Limits::PLENTY, "double_free");
}

#[test]
fn readahead_into_a_page_that_has_moved_is_noticed() {
    let written = |slot| {
        let page = PageState::copied(Pfn(1)).unpin().unwrap().begin_evict().unwrap().judge(false).unwrap().0;
        page.begin_write(Home::Slot(slot)).unwrap().0.written().unwrap().0
    };
    let moved = || written(Slot(4)).claim_in(Slot(3)).is_err();
    assert!(moved());
    assert!(!with_mutant("readahead_trusts_slot", moved));
}
