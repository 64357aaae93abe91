//! [`Space`]: the address space of one process: what may be where, what is there, and the page table that shows it.

use super::cow::break_now;
use super::fault::{Arrival, Report, Shown};
use super::map::map;
use super::page::{Image, Page, PageSource, Table};
use super::shared_pages;
use crate::fs::File;
use crate::inject::{self, Point};
use crate::mm::flush_batch::FlushBatch;
use crate::mm::page_table::SpaceTable;
use crate::mm::{budget, heap};
use crate::reclaim::{self, Tables};
use crate::sched::{SleepGuard, SleepLock};
use crate::trace::drain;
use alloc::sync::Arc;
use fl_abi::{STACK_LIMIT, USER_STACK};
use fl_addr::{VirtAddr, Vpn};
use fl_trace::event::{FaultKind, Outcome, Stage};
use fl_vmcore::{
    Access, Bad, Decision, Entry, InsertError, NoMemory, NoRoom, PageRange, Place, Prot, Region, RegionError,
    RegionKind, Source, Spt, allows, classify,
};

/// The regions of a space; a mapping holds its file open.
pub type Regions = fl_vmcore::Regions<Arc<File>>;

/// Why an address space could not be made or extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpaceError {
    /// No kernel memory.
    NoMemory,
    /// The address is not the program's to use so.
    Bad(Bad),
    /// Two segments claim the same page, or one lies outside user memory: the plan was not checked.
    Layout,
}

/// The address space of one process.
///
/// Owns: its page table, its references to pages. Lifecycle: made for an image, or forked; filled by faults; emptied and filled anew by
/// exec; emptied by [`Space::clear`] when its last thread has left it. Lock: `contents` (rank 2, sleeps), taken by its own threads;
/// never by the evictor.
pub struct Space {
    /// The processor's view.
    pub table: Table,
    pub(super) contents: SleepLock<Contents>,
}

/// The supplemental page table, and what it is filled from.
pub(super) struct Contents {
    pub(super) spt: Spt<Arc<Page>>,
    pub(super) regions: Regions,
    /// The program. `None` once the space has been cleared.
    pub(super) image: Option<Arc<Image>>,
}

/// The supplemental page table's answer to a fault that was not resolved at once.
pub(super) struct Found {
    /// The page.
    pub page: Arc<Page>,
    /// What a mapping of it may allow now.
    pub mappable: Prot,
    /// The fault is a store to a page that others may see: sharing must be broken.
    pub breaks_sharing: bool,
}

impl From<InsertError> for SpaceError {
    fn from(_: InsertError) -> Self {
        Self::NoMemory // the address was looked up under the same lock: it was free
    }
}

impl From<RegionError> for SpaceError {
    fn from(e: RegionError) -> Self {
        if e == RegionError::NoMemory { Self::NoMemory } else { Self::Layout }
    }
}

impl From<reclaim::NoMemory> for SpaceError {
    fn from(_: reclaim::NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<NoMemory> for SpaceError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// What a space is to hold: a program and the regions made for it. Making one can fail, using it cannot.
pub struct Layout(Contents);

impl Layout {
    /// The program's segments and the stack's region.
    pub fn new(image: Arc<Image>) -> Result<Self, SpaceError> {
        let mut regions = Regions::new();
        for run in image.plan.ranges() {
            let pages = PageRange::between(run.start, run.end).ok_or(SpaceError::Layout)?;
            let kind = if run.zero { RegionKind::Zero } else { RegionKind::Executable };
            regions.insert(Region { pages, kind, prot: Prot { write: run.write, exec: run.exec } })?;
        }
        let stack =
            PageRange::of_bytes(VirtAddr(USER_STACK - STACK_LIMIT), STACK_LIMIT).ok_or(SpaceError::Layout)?;
        regions.insert(Region { pages: stack, kind: RegionKind::Stack, prot: Prot::READ_WRITE })?;
        Ok(Self(Contents { spt: Spt::new(), regions, image: Some(image) }))
    }
}

impl Space {
    /// An address space for a program, nothing resident.
    pub fn new(layout: Layout) -> Result<Self, SpaceError> {
        let heap = heap::taken_by(size_of::<SpaceTable>());
        let mut memory = budget::reserve(1, heap).ok_or(SpaceError::NoMemory)?;
        let root = memory.frame().ok_or(SpaceError::NoMemory)?;
        Ok(Self { table: Arc::new(SpaceTable::new(root)), contents: SleepLock::new(layout.0) })
    }

    /// Empties it as [`clear`](Self::clear) does, and makes it the space of another program.
    pub fn replace(&self, layout: Layout) {
        self.clear();
        inject::pass(Point::Replacing);
        *self.contents.lock() = layout.0;
    }

    /// The page at the address of the fault and its rights, made now if the address may have one. `None`: what can be done at once, with the space locked and
    /// without waiting, was done and told: a page of zeroes was made and mapped, or sharing broken.
    pub(super) fn find_or_make(&self, report: &mut Report) -> Result<Option<Found>, SpaceError> {
        let Arrival { va, access, user_rsp, .. } = *report.arrival;
        let vpn = va.vpn();
        let mut contents = self.contents.lock();
        let Contents { spt, regions, image } = &mut *contents;
        let place = match spt.place(vpn) {
            Ok(Place::Taken(entry)) => {
                let decision = classify::<_, Arc<File>>(va, access, Some(entry), None, user_rsp);
                return match decision {
                    Decision::Bad(bad) => Err(SpaceError::Bad(bad)),
                    Decision::BreakCow if break_now(entry, &self.table, vpn, report) => Ok(None),
                    _ => Ok(Some(Found {
                        page: entry.page.clone(),
                        mappable: entry.mappable(),
                        breaks_sharing: decision == Decision::BreakCow,
                    })),
                };
            }
            Ok(Place::Free(place)) => Some(place),
            Err(NoRoom) => None,
        };
        let region = regions.find(vpn);
        let (source, prot) = match classify::<Arc<Page>, _>(va, access, None, region, user_rsp) {
            Decision::Bad(bad) => return Err(SpaceError::Bad(bad)),
            Decision::Resolve | Decision::BreakCow => return Err(SpaceError::Bad(Bad::NothingThere)), // it has no entry
            Decision::GrowStack { prot } => (PageSource::Zero(FaultKind::Stack), prot),
            Decision::MakePage { source: Source::Zero, prot } => (PageSource::Zero(FaultKind::Zero), prot),
            Decision::MakePage { source: Source::Executable, prot } => {
                let image = image.clone().ok_or(SpaceError::Bad(Bad::NothingThere))?;
                (PageSource::Executable(image, vpn), prot)
            }
            Decision::MakePage { source: Source::Mapping { page }, prot } => {
                let Some(RegionKind::Mapping(mapping)) = region.map(|r| &r.kind) else {
                    return Err(SpaceError::Bad(Bad::NothingThere));
                };
                (PageSource::Mapping(mapping.file.clone(), page), prot)
            }
        };
        if let (PageSource::Zero(kind), Some(place)) = (&source, place)
            && budget::has_room(Page::HEAP)
        {
            report.clock.end(Stage::Lookup);
            let mut tables = Tables::take(&self.table, vpn)?;
            // Without waiting, for the space is locked. If there is none, the page is made without a frame and waits for one as all do.
            if let Some(frame) = reclaim::zeroed_frame_now() {
                report.clock.end(Stage::Frame);
                let pfn = frame.pfn();
                let page = Arc::new(Page::zeroed(*kind, frame, (self.table.clone(), vpn)));
                let page = &place.fill(Entry { page, prot, cow: false }).page;
                report.clock.end(Stage::Fill);
                // Nobody else knows of the page, so it needs no pin; it can be evicted from the moment it is settled, which is therefore the last.
                map(&self.table, vpn, pfn, prot, access, &mut tables)?;
                report.is_of_resident(page);
                let (page_id, generation) = (page.id, Page::GENERATION_OF_ZEROES);
                report.shows(&Shown { outcome: Outcome::Mapped, page: page_id, generation, frame: pfn });
                reclaim::settle(page, pfn);
                return Ok(None);
            }
        }
        let page = self.make(spt, vpn, prot, source)?;
        Ok(Some(Found { page, mappable: prot, breaks_sharing: false }))
    }

    /// Adds the page that `vpn` has from now on: a new one, or one of a file that others use already.
    fn make(
        &self,
        spt: &mut Spt<Arc<Page>>,
        vpn: Vpn,
        prot: Prot,
        source: PageSource,
    ) -> Result<Arc<Page>, SpaceError> {
        if !budget::has_room(Page::HEAP + heap::taken_by(spt.growth(1)) + shared_pages::HEAP) {
            return Err(SpaceError::NoMemory);
        }
        spt.reserve(1)?;
        let place = (self.table.clone(), vpn);
        let page = match shared_pages::key(&source, prot) {
            Some(key) => shared_pages::find_or_make(key, source, place).ok_or(SpaceError::NoMemory)?,
            None => Arc::new(Page::new(source, place)),
        };
        spt.insert(vpn, Entry { page: page.clone(), prot, cow: false })?;
        Ok(page)
    }

    /// Whether the program may access each of the `len` bytes from `va` on, as it has its memory now. Brings nothing in.
    pub fn allows(&self, va: VirtAddr, len: u64, access: Access, user_rsp: VirtAddr) -> Result<(), Bad> {
        let contents = self.contents.lock();
        allows(&contents.spt, &contents.regions, (va, len), access, user_rsp)
    }

    /// Unmaps and lets go of every page, of the page tables but the root, and of the program. What was stored to mapped files is written.
    /// No thread may touch its memory any more or have its table loaded. May sleep; what is left is freed without.
    pub fn clear(&self) {
        let mut contents: SleepGuard<'_, Contents> = self.contents.lock();
        let mut batch = FlushBatch::new();
        for (vpn, entry) in contents.spt.drain() {
            drain::admit(); // a space has any number of pages
            inject::pass(Point::Unmapping);
            entry.page.let_go(&self.table, vpn, &mut batch);
            shared_pages::forget(entry.page);
        }
        batch.flush(); // before the tables go, and the references to them
        *contents = Contents { spt: Spt::new(), regions: Regions::new(), image: None };
        self.table.free_tables();
    }
}
