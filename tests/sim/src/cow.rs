//! The short way to break the sharing of a page that is resident, and what a fault tells. As the kernel's `vm::cow`.

use crate::fault::add_sharer;
use crate::machine::{Machine, Origin, Page, Pte, Space, Twin};
use fl_addr::{Pfn, Vpn};
use fl_vmcore::*;
use std::rc::Rc;

/// What a fault has shown and tells of: the page, the frame it is in, and its generation then.
type Shown = (Rc<Page>, (Pfn, u32));

impl Machine {
    /// Breaks sharing for a store, without waiting for anything, and tells of it. False: nothing is changed, and it takes the long way.
    pub async fn break_now(&self, space: &Rc<Space>, vpn: Vpn, repeated: bool) -> bool {
        let Some((page, shown)) = self.shorten(space, vpn, repeated) else { return false };
        if self.config.twin == Twin::ToldLate {
            self.executor.sleep(20).await; // preempted
            self.tell_fault(&page, shown);
        }
        true
    }

    /// Nobody else does anything meanwhile: the page is locked, or nobody knows of it yet.
    fn shorten(&self, space: &Rc<Space>, vpn: Vpn, repeated: bool) -> Option<Shown> {
        let entry = space.spt.borrow().get(vpn)?.clone();
        let state = entry.page.state.get();
        let State::Resident { frame, .. } = state.state() else { return None };
        // Now and then there is no kernel memory.
        if !entry.cow || self.executor.below(4) == 0 {
            return None;
        }
        let shown = match on_write_fault(&state, &entry) {
            WriteFault::Reuse => {
                let mut table = space.table.borrow_mut();
                let pte = table.get_mut(&vpn)?;
                (pte.write, pte.accessed, pte.dirty) = (true, true, pte.dirty | repeated);
                self.seen.borrow_mut().reuses_at_once += 1;
                (entry.page.clone(), (frame, state.generation()))
            }
            WriteFault::Copy if state.kind() == Kind::Private => {
                let new = self.try_frame(space.cpu())?;
                self.content[new.0 as usize].set(self.content[frame.0 as usize].get());
                if self.leave(&entry.page, space, vpn).is_err() {
                    self.free_frame(space.cpu(), new);
                    return None;
                }
                let state = PageState::copied(new).unpin().expect("a copy begins with a pin");
                let copy = self.new_page(state, Origin::Zero);
                add_sharer(&copy, space, vpn);
                let pte = Pte { frame: new, write: true, accessed: true, dirty: repeated };
                space.table.borrow_mut().insert(vpn, pte);
                self.settle(&copy, new); // from here on it can be evicted
                self.seen.borrow_mut().copies_at_once += 1;
                (copy, (new, state.generation()))
            }
            WriteFault::Copy | WriteFault::SharedWrite => return None,
        };
        *space.spt.borrow_mut().get_mut(vpn)? = Entry { page: shown.0.clone(), cow: false, ..entry };
        if self.config.twin != Twin::ToldLate {
            self.tell_fault(&shown.0, shown.1);
        }
        Some(shown)
    }

    /// A fault tells that it has shown a page: while that is so, or who reads the trace sees the page's generations go back. Only a page of a file moves on while
    /// it is pinned, when another process has it written back, and keeps its frame.
    pub fn tell_fault(&self, page: &Page, (frame, generation): (Pfn, u32)) {
        let state = page.state.get();
        let same =
            state.frame() == Some(frame) && (state.generation() == generation || state.kind() == Kind::File);
        assert!(
            same,
            "a fault on {:?} is told late: {frame} in generation {generation}, now {state:?}",
            page.id
        );
    }
}
