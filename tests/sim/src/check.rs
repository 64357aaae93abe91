//! What must hold at any moment, and at the end.

use crate::machine::{Machine, Origin, Page};
use fl_vmcore::{Kind, State};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Machine {
    /// The invariants 1 to 7 and 19 of ARCHITECTURE.md, section 6.
    pub fn check(&self) {
        let mut pages = BTreeMap::<u32, Rc<Page>>::new();
        let owner = self.owner.borrow();
        for space in self.spaces.borrow().values() {
            let spt = space.spt.borrow();
            for (_, entry) in spt.iter() {
                pages.insert(entry.page.id.0, entry.page.clone());
            }
            for (vpn, pte) in space.table.borrow().iter() {
                let page = &spt.get(*vpn).expect("what is mapped has an entry").page;
                let state = page.state.get();
                let there = matches!(
                    state.state(),
                    State::Resident { .. } | State::Cleaning { .. } | State::Evicting { .. }
                );
                assert!(
                    there && state.frame() == Some(pte.frame),
                    "{vpn} is mapped as {pte:?}, the page is {state:?}"
                );
                let exclusive = state.kind() == Kind::File || state.sharers() == 1;
                assert!(!pte.write || exclusive, "{vpn} may be written, the page is {state:?}");
                let known = page.sharers.borrow().iter().any(|(s, v)| Rc::ptr_eq(s, space) && v == *vpn);
                assert!(known, "{vpn} of {} is mapped unknown to its page", space.pid);
            }
            for (vpn, cached) in space.cached.borrow().iter() {
                let Some(page) = &owner[cached.frame.0 as usize] else {
                    panic!("{vpn} is cached, its frame is free")
                };
                let state = page.state.get();
                assert!(
                    !matches!(state.state(), State::Writeback { .. } | State::Loading { .. }),
                    "{vpn} is cached: {state:?}"
                );
            }
        }
        let slots = pages.values().filter(|page| page.state.get().slot().is_some()).count() as u32;
        assert_eq!(slots, self.swap.borrow().total() - self.swap.borrow().free_slots(), "slots");
        for page in pages.values() {
            let state = page.state.get();
            assert_eq!(state.sharers() as usize, page.sharers.borrow().len(), "{:?}", page.id);
            if let Some(frame) = state.frame() {
                let owns = owner[frame.0 as usize].as_ref().is_some_and(|owner| Rc::ptr_eq(owner, page));
                assert!(owns, "{:?} is in frame {frame} of another", page.id);
            }
            if page.origin != Origin::Zero {
                assert_eq!(state.slot(), None, "a page of a file is in swap");
            }
            if let Some(slot) = self.readable(page) {
                assert!(self.slots.borrow()[slot.0 as usize].is_some(), "slot {slot} holds nothing");
            }
        }
        let owned = owner.iter().flatten().count() as u32;
        assert!(owned + self.frames.free_frames() <= self.config.frames, "a frame is owned and free");
    }
}

/// All processes have ended.
pub fn nothing_is_left(machine: &Machine) {
    machine.check();
    assert_eq!(machine.frames.free_frames(), machine.config.frames, "frames are leaked");
    assert_eq!(machine.swap.borrow().free_slots(), machine.config.slots, "slots are leaked");
    assert!(machine.file_pages.borrow().is_empty(), "pages of files are left");
    assert_eq!((machine.in_flight.get(), machine.turns.borrow().len()), (0, 0), "writes or waiters are left");
    assert_eq!(*machine.files.borrow(), machine.reference.borrow().files, "what is in the files");
    machine.seen.borrow_mut().steps = machine.executor.now();
}
