//! The address space of a forked process: the same pages, shared until one of the two stores to them, and the same regions for what was
//! not touched yet.
//!
//! The child starts with an empty page table: its pages are mapped as it touches them. Mappings of files are inherited: parent and child show the
//! same pages of the file and see each other's stores; each writes back when it lets go. exec drops them.

use super::page::{Body, Page, Table};
use super::space::{Contents, Space, SpaceError};
use crate::fs::File;
use crate::inject::{self, Point};
use crate::mm::flush_batch::FlushBatch;
use crate::mm::leaves::Leaves;
use crate::mm::page_table::SpaceTable;
use crate::mm::{budget, frames, heap};
use crate::reclaim;
use crate::sched::SleepLock;
use crate::trace::drain;
use alloc::sync::Arc;
use fl_addr::Vpn;
use fl_paging::Pte;
use fl_trace::event::FrameClass;
use fl_vmcore::{Region, Room, Spt};

/// Heap bytes that a page with many sharers may take for one more.
const ROOM: usize = 4096;

impl Space {
    /// A space that holds now what this one holds, and whose later changes to private memory nobody else sees. Called by a thread of the process,
    /// which keeps it from changing. Nothing is left behind on failure, but that the next store to some pages faults.
    ///
    /// It takes no user frame. But where nothing is evicted as many must be free as the child's copies may come to take, with some to spare for those who
    /// run: near the limit it is the fork that fails, and no running program.
    pub fn fork(&self) -> Result<Self, SpaceError> {
        let mut parent = self.contents.lock();
        let parent = &mut *parent;
        let spare = budget::headroom(FrameClass::User);
        if !reclaim::is_active() && (frames::free(FrameClass::User) as usize) < parent.spt.len() + spare {
            return Err(SpaceError::NoMemory);
        }
        let heap = heap::taken_by(parent.spt.size_of_child())
            + heap::taken_by(size_of::<SpaceTable>())
            + heap::taken_by(parent.regions.len() * size_of::<Region<Arc<File>>>());
        let mut memory = budget::reserve(1, heap).ok_or(SpaceError::NoMemory)?;
        let root = memory.frame().ok_or(SpaceError::NoMemory)?;
        let regions = parent.regions.fork()?;
        let table: Table = Arc::new(SpaceTable::new(root));
        let mut spt = Spt::new();
        let mut protected = FlushBatch::new();
        protected.add_all(&self.table); // flushed below, whatever becomes of it
        let mut leaves = Leaves::of(&self.table);
        let shared = parent.spt.fork(
            &mut spt,
            |page| page.whose(),
            |vpn, page, protect| {
                drain::admit(); // a space has any number of pages
                inject::pass(Point::Forking);
                page.share(protect.then_some(&mut leaves), &table, vpn)
            },
        );
        protected.flush(); // before either process goes on: nobody stores any more to what both see
        let contents = Contents { spt, regions, image: parent.image.clone() };
        let child = Self { table, contents: SleepLock::new(contents) };
        if shared.is_err() {
            child.clear();
        }
        shared.map(|()| child)
    }
}

impl Page {
    /// Shows it in `child`, too, at the same place as in the parent, which by `protect`, if it is given, may not store to it any more without a fault.
    #[inline]
    fn share(&self, protect: Option<&mut Leaves<'_>>, child: &Table, vpn: Vpn) -> Result<(), SpaceError> {
        let mut body = loop {
            let body = self.lock();
            if body.shown.has_room() {
                break body;
            }
            let len = body.shown.len();
            drop(body);
            self.make_room(len)?;
        };
        let (Body { state, shown, .. }, irq) = body.parts();
        let old = protect.and_then(|parent| {
            let leaf = parent.leaf(vpn)?;
            parent.table().write_protect_in(irq, leaf, vpn)
        });
        state.join(old.is_some_and(Pte::is_dirty));
        let added = shown.add(child.clone(), vpn);
        assert!(added.is_ok(), "there is room for one more");
        Ok(())
    }

    /// Makes room for one more place beside `len`.
    #[cold]
    #[inline(never)]
    fn make_room(&self, len: usize) -> Result<(), SpaceError> {
        if !budget::has_room(ROOM) {
            return Err(SpaceError::NoMemory);
        }
        let room = Room::for_more(len)?;
        let spare = self.lock().shown.give(room);
        drop(spare); // without the lock
        Ok(())
    }
}
