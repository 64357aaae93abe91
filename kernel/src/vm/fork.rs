//! The address space of a forked process: what its parent has touched, and the same regions for what it has not.

use super::fault::StageClock;
use super::page::Page;
use super::resolve::{ResolveError, resolve};
use super::space::{Contents, Space, SpaceError};
use crate::arch::cpu::tsc;
use crate::mm::budget::{self, Reservation};
use crate::mm::frames::{self, Frame};
use crate::mm::heap;
use crate::mm::page_table::SpaceTable;
use crate::reclaim::{self, NoMemory};
use crate::sched::SleepLock;
use crate::trace::{drain, emit};
use alloc::sync::Arc;
use fl_addr::Vpn;
use fl_paging::{Pte, PteFlags, TableStock};
use fl_trace::event::{Event, FrameClass, PageCopy};
use fl_vmcore::{Entry, Prot, Spt, State};

impl Space {
    /// A space that holds now what this one holds, and whose later changes nobody else sees. What was not touched stays untouched in both.
    /// Called by a thread of the process, which keeps it from changing. Nothing is left behind on failure.
    ///
    /// Pages are copied here and now. All kernel memory is reserved before, and as many user frames must be free as will be taken, with
    /// some to spare for those who run: so near the limit it is the fork that fails, and no running program.
    pub fn fork(&self) -> Result<Self, SpaceError> {
        let parent = self.contents.lock();
        let pages = parent.spt.len();
        let spare = budget::headroom(FrameClass::User);
        if (frames::free(FrameClass::User) as usize) < pages + spare {
            return Err(SpaceError::NoMemory);
        }
        let heap = pages * Page::HEAP + heap::taken_by(Spt::<Arc<Page>>::new().growth(pages));
        let tables = self.table.tables() as usize;
        let mut memory = budget::reserve(1 + tables, heap).ok_or(SpaceError::NoMemory)?;
        let root = memory.frame().ok_or(SpaceError::NoMemory)?;
        let contents =
            Contents { spt: Spt::new(), regions: parent.regions.try_clone()?, image: parent.image.clone() };
        let child = Self { table: SpaceTable::new(root), contents: SleepLock::new(contents) };
        let copied = child.copy_pages(&parent.spt, &mut memory);
        if copied.is_err() {
            child.clear();
        }
        copied.map(|()| child)
    }

    fn copy_pages(&self, from: &Spt<Arc<Page>>, memory: &mut Reservation) -> Result<(), SpaceError> {
        let mut contents = self.contents.lock();
        contents.spt.reserve(from.len())?;
        for (vpn, entry) in from.iter() {
            drain::admit();
            if let Some(copy) = copy(&entry.page)? {
                let page = Arc::new(copy);
                contents.spt.insert(vpn, Entry { page: page.clone(), prot: entry.prot, cow: false })?;
                self.show(vpn, &page, entry.prot, memory)?;
            }
        }
        Ok(())
    }

    /// Maps a page that was copied, with tables from `memory`.
    fn show(&self, vpn: Vpn, page: &Page, prot: Prot, memory: &mut Reservation) -> Result<(), SpaceError> {
        let Some(frame) = page.state.lock().frame() else { return Ok(()) };
        let mut stock = TableStock::new();
        for _ in 0..self.table.missing_tables(vpn) {
            let mut table = memory.frame().ok_or(SpaceError::NoMemory)?;
            table.bytes().fill(0);
            stock.put(table.into_pfn()).expect("a mapping needs no more tables than a stock holds");
        }
        // Dirty where it can be written: it may hold what its source does not.
        let mut flags = PteFlags::PRESENT | PteFlags::USER;
        flags.set(PteFlags::WRITE | PteFlags::DIRTY, prot.write);
        flags.set(PteFlags::NX, !prot.exec);
        self.table
            .map(vpn, Pte::new(frame, flags), &mut stock)
            .expect("a new table, with the frames it asked for");
        Ok(())
    }
}

/// A page of one's own with the content of `page`. `None`: `page` holds nothing that its source does not.
fn copy(page: &Page) -> Result<Option<Page>, SpaceError> {
    if page.state.lock().state() == State::Uninit {
        return Ok(None);
    }
    let mut frame: Frame = reclaim::take_frame().map_err(|NoMemory| SpaceError::NoMemory)?;
    let pinned = resolve(page, &mut StageClock::start(tsc()))?;
    pinned.copy_to(&mut frame);
    drop(pinned);
    let pfn = frame.pfn();
    let copy = Page::resident(page, frame);
    let generation = copy.state.lock().generation();
    emit(Event::PageCopy(PageCopy { from: page.id, page: copy.id, generation, frame: pfn }));
    Ok(Some(copy))
}

impl From<ResolveError> for SpaceError {
    fn from(e: ResolveError) -> Self {
        match e {
            // A page that has content is not read from its file; once it may come from swap, an error there is the end of the fork.
            ResolveError::NoMemory | ResolveError::Io => Self::NoMemory,
        }
    }
}
