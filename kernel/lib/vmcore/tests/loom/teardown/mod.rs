//! The evictor against munmap and exit: a page is unmapped by a batch that keeps its frame until every processor has acknowledged, while the evictor takes the same page and a third
//! processor uses it. The frame is freed once, and not while anybody can reach it; what was stored is not lost; nobody waits for ever.
//!
//! The halves have models of their own: the page's states in [`eviction`](crate::eviction) and [`cleaning`](crate::cleaning), the acknowledgements in `fl_shootdown`. Here they meet.

mod machine;
mod program;

use crate::{caught, model};
use fl_addr::Pfn;
use fl_model::fails;
use fl_shootdown::ActiveCpus;
use fl_vmcore::{PageState, State};
use loom::sync::atomic::Ordering::*;
use loom::thread;
use machine::{DIRTY, EVICTOR, Machine, PRESENT, PROGRAM, UNMAPPER, Wrong};
use program::Program;
use std::cell::Cell;
use std::rc::Rc;

/// Switches that nothing forces. Two find all that is done wrong below, in a second or two each.
const PREEMPTIONS: usize = 2;

/// Each of the three processors does its part; then `judge` looks at what is left.
fn race(
    machine: impl Fn() -> Machine + Sync + Send + 'static,
    program: fn(&Machine),
    judge: fn(&Machine, PageState),
) {
    model(Some(PREEMPTIONS), move || {
        let machine = Rc::new(machine());
        ActiveCpus::switch(None, Some(&machine.spaces[0].active), UNMAPPER, || ());
        let (unmaps, evicts) = (machine.clone(), machine.clone());
        let unmapper = thread::spawn(move || {
            unmaps.let_go();
            ActiveCpus::switch(Some(&unmaps.spaces[0].active), None, UNMAPPER, || ());
            unmaps.finish(UNMAPPER);
        });
        let evictor = thread::spawn(move || {
            evicts.evict();
            evicts.finish(EVICTOR);
        });
        program(&machine);
        machine.finish(PROGRAM);
        unmapper.join().unwrap();
        evictor.join().unwrap();
        let state = machine.page.lock().unwrap().state;
        assert_eq!(machine.frees.load(Relaxed), usize::from(state.frame().is_none()), "a frame is leaked");
        assert_eq!(machine.plain.slot_taken.get(), state.slot().is_some(), "a slot is leaked");
        judge(&machine, state);
    });
}

/// A page that was loaded, of which some spaces have mappings.
fn loaded(page: PageState) -> PageState {
    page.claim().unwrap().publish(Pfn(0)).unwrap().unpin().unwrap()
}

/// A program that stores twice: the second time the processor may know that the dirty bit is set.
fn stores(machine: &Machine, space: usize) {
    let mut program = Program::new(machine, space);
    _ = program.store(7) && program.store(8);
    program.leave();
}

/// Nobody but this space shows the page, which dies; another thread of the space stores to it meanwhile.
fn the_last_of_a_private_page(wrong: Wrong) {
    let page = PageState::copied(Pfn(0)).unpin().unwrap();
    let machine = move || Machine::new(wrong, page, [PRESENT | DIRTY, 0]);
    race(machine, |machine| stores(machine, 0), |_, state| assert_eq!(state.state(), State::Dead));
}

/// The same with a page of a file: what was stored by a mapping is in the file.
fn the_last_of_a_file_page(wrong: Wrong) {
    let machine = move || Machine::new(wrong, loaded(PageState::of_file()), [PRESENT | DIRTY, 0]);
    let program = |machine: &Machine| stores(machine, 0);
    race(machine, program, |machine, state| {
        assert_eq!(state.state(), State::Dead);
        let file = machine.plain.home.each_ref().map(Cell::get);
        assert_eq!(file, [5, machine.plain.stored.get()], "a store is lost");
    });
}

/// After fork another process shows the page; only the mapping that goes knows that it was stored to.
fn a_sharer_of_a_private_page(wrong: Wrong) {
    let page = loaded(PageState::new()).attach(false).unwrap();
    let machine = move || Machine::new(wrong, page, [PRESENT | DIRTY, PRESENT]);
    let program = |machine: &Machine| {
        let mut program = Program::new(machine, 1);
        (0..2).for_each(|_| assert_eq!(program.load().unwrap_or(5), 5, "what the other process sees"));
        program.leave();
    };
    race(machine, program, |machine, state| {
        let holder = if state.frame().is_some() { &machine.plain.words } else { &machine.plain.home };
        assert_eq!(holder[0].get(), 5, "a store is lost");
        assert_eq!(state.sharers(), 1);
    });
}

/// A page of a file that two processes map: what the one has stored that unmaps is in the file when munmap has returned, what the other stores meanwhile is not lost.
fn a_sharer_of_a_file_page(wrong: Wrong) {
    let page = loaded(PageState::of_file()).attach(false).unwrap();
    for others in [PRESENT, PRESENT | DIRTY] {
        let machine = move || Machine::new(wrong, page, [PRESENT | DIRTY, others]);
        race(
            machine,
            |machine| stores(machine, 1),
            |machine, state| {
                let file = &machine.plain.home;
                assert_eq!(file[0].get(), 5, "munmap has returned, and the file does not have the store");
                let known = state.is_dirty() || machine.spaces[1].entry.load(Relaxed) & DIRTY != 0;
                let holder = if known { &machine.plain.words } else { file };
                assert_eq!(holder[1].get(), machine.plain.stored.get(), "a store is lost");
                assert_eq!(state.sharers(), 1);
            },
        );
    }
}

/// Asserts that the model passes, and fails for each thing that the code around the libraries can do wrong, and for each mutant of theirs.
fn only_right(model: fn(Wrong), wrong: &[Wrong], mutants: &[&'static str]) {
    model(Wrong::Nothing);
    wrong.iter().for_each(|&wrong| fails(&format!("{wrong:?}"), || model(wrong)));
    mutants.iter().for_each(|mutant| caught(mutant, || model(Wrong::Nothing)));
}

#[test]
fn the_last_one_frees_a_private_page_once_and_when_nobody_reaches_it() {
    let wrong =
        [Wrong::FreedBeforeTheFlush, Wrong::EvictedBeforeTheFlush, Wrong::StaleState, Wrong::DeafWait];
    only_right(
        the_last_of_a_private_page,
        &wrong,
        &["no_fence_after_the_change", "leaked_frame", "leaked_slot"],
    );
}

#[test]
fn the_last_one_frees_a_file_page_once_and_when_its_file_has_every_store() {
    let wrong = [Wrong::EvictedBeforeTheFlush, Wrong::StaleState, Wrong::DeafWait];
    only_right(the_last_of_a_file_page, &wrong, &["leaked_frame", "lost_dirty", "skipped_writeback"]);
}

#[test]
fn a_sharer_that_unmaps_leaves_the_other_its_private_page() {
    let wrong = [Wrong::EvictedBeforeTheFlush, Wrong::StaleState, Wrong::OneAlias, Wrong::TakenUnlocked];
    only_right(
        a_sharer_of_a_private_page,
        &wrong,
        &["double_free", "lost_dirty_of_sharer", "noted_dirty_ignored", "skipped_writeback"],
    );
}

#[test]
fn a_sharer_that_unmaps_loses_no_store_to_a_file_page() {
    let wrong = [Wrong::EvictedBeforeTheFlush, Wrong::StaleState, Wrong::OneAlias, Wrong::TakenUnlocked];
    only_right(a_sharer_of_a_file_page, &wrong, &["double_free", "lost_dirty", "skipped_writeback"]);
}
