//! [`Space`]: the address space of one process: what may be where, what is there, and the page table that shows it.

use super::cow::break_now;
use super::fault::{Arrival, Report, Shown};
use super::map::{self, map};
use super::page::{Body, Image, Page, PageSource, Table};
use super::shared_pages::{self, Key};
use crate::fs::File;
use crate::inject::{self, Point};
use crate::mm::page_table::SpaceTable;
use crate::mm::unmap_batch::UnmapBatch;
use crate::mm::{budget, heap};
use crate::reclaim::{self, Tables};
use crate::sched::{SleepGuard, SleepLock};
use crate::trace::drain;
use alloc::sync::Arc;
use fl_abi::{STACK_LIMIT, USER_STACK};
use fl_addr::{VirtAddr, Vpn};
use fl_trace::event::{FaultKind, Outcome, Stage};
use fl_vmcore::{
    Access, Bad, Decision, Entry, FreePlace, InsertError, NoMemory, NoRoom, PageRange, Place, Prot, Region,
    RegionError, RegionKind, Source, Spt, State, allows, classify,
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

/// What a page to be made is to show, by what the space has.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Zero(FaultKind),
    Executable(&'a Arc<Image>),
    Mapping(&'a Arc<File>, u64),
}

/// The place of `vpn`'s entry, of which there is none, in a table that is full.
#[cold]
#[inline(never)]
fn make_room(spt: &mut Spt<Arc<Page>>, vpn: Vpn) -> Result<FreePlace<'_, Entry<Arc<Page>>>, SpaceError> {
    if !budget::has_room(Page::HEAP + heap::taken_by(spt.growth(1))) {
        return Err(SpaceError::NoMemory);
    }
    spt.reserve(1)?;
    match spt.place(vpn) {
        Ok(Place::Free(place)) => Ok(place),
        Ok(Place::Taken(_)) | Err(NoRoom) => Err(SpaceError::NoMemory),
    }
}

impl Origin<'_> {
    /// What the page at `vpn` shows that others may show, too.
    fn key(self, vpn: Vpn, prot: Prot) -> Option<Key> {
        match self {
            Self::Zero(_) => None,
            Self::Executable(image) => Key::of_program(&image.file, vpn, prot),
            Self::Mapping(file, page) => Some(Key::of_mapping(file, page)),
        }
    }

    /// The source of the page at `vpn`.
    fn source(self, vpn: Vpn) -> PageSource {
        match self {
            Self::Zero(kind) => PageSource::Zero(kind),
            Self::Executable(image) => PageSource::Executable(image.clone(), vpn),
            Self::Mapping(file, page) => PageSource::Mapping(file.clone(), page),
        }
    }
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
    /// without waiting, was done and told: a page of zeroes was made and mapped, one that others show mapped here, too, or sharing broken.
    #[inline]
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
        let region = regions.find_again(vpn);
        let (origin, prot) = match classify::<Arc<Page>, _>(va, access, None, region, user_rsp) {
            Decision::Bad(bad) => return Err(SpaceError::Bad(bad)),
            Decision::Resolve | Decision::BreakCow => return Err(SpaceError::Bad(Bad::NothingThere)), // it has no entry
            Decision::GrowStack { prot } => (Origin::Zero(FaultKind::Stack), prot),
            Decision::MakePage { source: Source::Zero, prot } => (Origin::Zero(FaultKind::Zero), prot),
            Decision::MakePage { source: Source::Executable, prot } => {
                let image = image.as_ref().ok_or(SpaceError::Bad(Bad::NothingThere))?;
                (Origin::Executable(image), prot)
            }
            Decision::MakePage { source: Source::Mapping { page }, prot } => {
                let Some(RegionKind::Mapping(mapping)) = region.map(|r| &r.kind) else {
                    return Err(SpaceError::Bad(Bad::NothingThere));
                };
                (Origin::Mapping(&mapping.file, page), prot)
            }
        };
        // Room first, for a page that is shown must have its entry.
        let place = match place {
            Some(place) if budget::has_room(Page::HEAP) => place,
            Some(_) => return Err(SpaceError::NoMemory),
            None => make_room(spt, vpn)?,
        };
        let kind = match origin {
            Origin::Zero(kind) => kind,
            Origin::Executable(..) | Origin::Mapping(..) => {
                return self.show_file(origin, place, (vpn, prot), report);
            }
        };
        report.clock.end(Stage::Lookup);
        let mut tables = Tables::take(&self.table, vpn)?;
        // Without waiting, for the space is locked. If there is none, the page is made without a frame and waits for one as all do.
        let Some(frame) = reclaim::zeroed_frame_now() else {
            let page = Arc::new(Page::new(origin.source(vpn), (self.table.clone(), vpn)));
            let page = place.fill(Entry { page, prot, cow: false }).page.clone();
            return Ok(Some(Found { page, mappable: prot, breaks_sharing: false }));
        };
        report.clock.end(Stage::Frame);
        let pfn = frame.pfn();
        let page = Arc::new(Page::zeroed(kind, frame, (self.table.clone(), vpn)));
        let page = &place.fill(Entry { page, prot, cow: false }).page;
        report.clock.end(Stage::Fill);
        // Nobody else knows of the page, so it needs no pin; it can be evicted from the moment it is settled, which is therefore the last.
        map(&self.table, vpn, pfn, prot, access, &mut tables)?;
        report.is_of_resident(page);
        let (page_id, generation) = (page.id, Page::GENERATION_OF_ZEROES);
        report.shows(&Shown { outcome: Outcome::Mapped, page: page_id, generation, frame: pfn });
        reclaim::settle(page, pfn);
        Ok(None)
    }

    /// [`find_or_make`](Self::find_or_make) of a page from a file, which others may show already.
    #[inline(never)]
    fn show_file(
        &self,
        origin: Origin<'_>,
        place: FreePlace<'_, Entry<Arc<Page>>>,
        (vpn, prot): (Vpn, Prot),
        report: &mut Report,
    ) -> Result<Option<Found>, SpaceError> {
        let source = || origin.source(vpn);
        let mut told = false;
        let page = match origin.key(vpn, prot) {
            None => Arc::new(Page::new(source(), (self.table.clone(), vpn))),
            Some(key) => {
                let joined = |page: &Page, body: &mut Body| {
                    told = self.show_now(page, body, (vpn, prot), report);
                };
                shared_pages::find_or_make(key, source, (&self.table, vpn), joined)
                    .ok_or(SpaceError::NoMemory)?
            }
        };
        let page = &place.fill(Entry { page, prot, cow: false }).page;
        if told {
            return Ok(None);
        }
        Ok(Some(Found { page: page.clone(), mappable: prot, breaks_sharing: false }))
    }

    /// Maps a page that others show already, locked and shown here, too, from now on, and tells of it: if it is in, and the table is there. In one critical
    /// section, so it needs no pin.
    #[inline]
    fn show_now(&self, page: &Page, body: &mut Body, (vpn, prot): (Vpn, Prot), report: &mut Report) -> bool {
        let State::Resident { frame, .. } = body.state.state() else { return false };
        let Some(leaf) = self.table.leaf_table(vpn) else { return false };
        if self.table.map_in(leaf, vpn, map::entry(frame, prot, report.arrival.access)).is_err() {
            return false;
        }
        report.clock.end(Stage::Lookup);
        report.is_of_resident(page);
        let (page, generation) = (page.id, body.state.generation());
        report.shows(&Shown { outcome: Outcome::Mapped, page, generation, frame }); // before its eviction can be told
        true
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
        let mut batch = UnmapBatch::of_all(&self.table);
        contents.spt.take_all(|vpn, entry| {
            drain::admit(); // a space has any number of pages
            inject::pass(Point::Unmapping);
            entry.page.let_go(vpn, &mut batch);
            shared_pages::forget(entry.page);
        });
        batch.flush(); // before the tables go, and the references to them
        *contents = Contents { spt: Spt::new(), regions: Regions::new(), image: None };
        self.table.free_tables();
    }
}
