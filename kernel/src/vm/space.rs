//! [`Space`]: the address space of one process: what may be where, what is there, and the page table that shows it.

use super::page::{Image, Page, PageSource};
use crate::mm::page_table::SpaceTable;
use crate::sched::{SleepGuard, SleepLock};
use crate::trace::drain;
use alloc::sync::Arc;
use fl_abi::{STACK_LIMIT, USER_STACK};
use fl_addr::{VirtAddr, Vpn};
use fl_trace::event::FaultKind;
use fl_vmcore::{
    Access, Bad, Decision, Entry, InsertError, PageRange, Prot, Region, RegionError, RegionKind, Regions,
    Source, Spt, classify,
};

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
/// Owns: its page table, its references to pages. Lifecycle: made for an image, filled by faults, emptied by [`Space::clear`]
/// when its last thread has left it. Lock: `contents` (rank 2, sleeps), taken by its own threads; never by the evictor.
pub struct Space {
    /// The processor's view.
    pub table: SpaceTable,
    image: Arc<Image>,
    contents: SleepLock<Contents>,
}

/// The supplemental page table and the regions it is filled from.
pub(super) struct Contents {
    spt: Spt<Arc<Page>>,
    regions: Regions,
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

impl Space {
    /// An address space for a program: its segments and the stack's region, nothing resident.
    pub fn new(image: Arc<Image>) -> Result<Self, SpaceError> {
        let table = SpaceTable::new().ok_or(SpaceError::NoMemory)?;
        let mut regions = Regions::new();
        for run in image.plan.ranges() {
            let pages = PageRange::between(run.start, run.end).ok_or(SpaceError::Layout)?;
            let kind = if run.zero { RegionKind::Zero } else { RegionKind::Executable };
            regions.insert(Region { pages, kind, prot: Prot { write: run.write, exec: run.exec } })?;
        }
        let stack =
            PageRange::of_bytes(VirtAddr(USER_STACK - STACK_LIMIT), STACK_LIMIT).ok_or(SpaceError::Layout)?;
        regions.insert(Region { pages: stack, kind: RegionKind::Stack, prot: Prot::READ_WRITE })?;
        Ok(Self { table, image, contents: SleepLock::new(Contents { spt: Spt::new(), regions }) })
    }

    /// The page at `va` and its rights, made now if the address may have one: the supplemental page table's answer to a fault.
    pub(super) fn find_or_make(
        &self,
        va: VirtAddr,
        access: Access,
        user_rsp: VirtAddr,
    ) -> Result<(Arc<Page>, Prot), SpaceError> {
        let mut contents = self.contents.lock();
        let Contents { spt, regions } = &mut *contents;
        let entry = spt.get(va.vpn());
        match classify(va, access, entry, regions.find(va.vpn()), user_rsp) {
            Decision::Bad(bad) => Err(SpaceError::Bad(bad)),
            // No entry is marked copy-on-write yet, because fork copies.
            Decision::Resolve | Decision::BreakCow => {
                let entry = entry.ok_or(SpaceError::Bad(Bad::NothingThere))?;
                Ok((entry.page.clone(), entry.prot))
            }
            Decision::GrowStack { prot } => make(spt, va.vpn(), prot, PageSource::Zero(FaultKind::Stack)),
            Decision::MakePage { source: Source::Zero, prot } => {
                make(spt, va.vpn(), prot, PageSource::Zero(FaultKind::Zero))
            }
            Decision::MakePage { source: Source::Executable, prot } => {
                make(spt, va.vpn(), prot, PageSource::Executable(self.image.clone(), va.vpn()))
            }
            // There is no region of that kind before there is a system call that makes one.
            Decision::MakePage { source: Source::Mapping { .. }, .. } => {
                Err(SpaceError::Bad(Bad::NothingThere))
            }
        }
    }

    /// Unmaps and lets go of every page. No thread of the process may touch user memory any more.
    pub fn clear(&self) {
        let mut contents: SleepGuard<'_, Contents> = self.contents.lock();
        for (vpn, entry) in contents.spt.drain() {
            drain::admit(); // a space has any number of pages
            self.table.unmap(vpn);
            entry.page.detach();
        }
    }
}

fn make(
    spt: &mut Spt<Arc<Page>>,
    vpn: Vpn,
    prot: Prot,
    source: PageSource,
) -> Result<(Arc<Page>, Prot), SpaceError> {
    spt.reserve(1)?;
    let page = Arc::new(Page::new(source));
    spt.insert(vpn, Entry { page: page.clone(), prot, cow: false })?;
    Ok((page, prot))
}
