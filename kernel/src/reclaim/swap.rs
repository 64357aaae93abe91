//! The swap space: a disk that says it is one, and the map of its slots.

use crate::dev::block::{self, BlockDevice, BlockError, Operation, Role, SECTOR, Segment};
use crate::sync::{LockClass, Once, SpinGuard, SpinLock};
use crate::trace::emit;
use crate::vm::page::Page;
use alloc::sync::{Arc, Weak};
use fl_addr::{PageId, Slot};
use fl_swapmap::area::Area;
use fl_swapmap::{NoMemory, SwapMap};
use fl_trace::event::{Event, SlotFreeReason, SlotFreed};

/// The map: for each slot in use, once it can be read, the page whose it is.
type Map = SwapMap<Weak<Page>>;

/// A disk with slots. A slot belongs to a page by that page's state; what is read and written when is decided there.
pub(super) struct Swap {
    pub(super) disk: &'static dyn BlockDevice,
    area: Area,
    /// Lock rank 8, a leaf. Owners that come out are dropped without it.
    map: SpinLock<Map>,
}

static SWAP: Once<Swap> = Once::new();

/// A swap space that was found.
pub(super) struct Found {
    disk: &'static dyn BlockDevice,
    area: Area,
}

impl Found {
    pub(super) fn slots(&self) -> u32 {
        self.area.slots()
    }
}

/// The first disk that is made for swapping and can be written.
pub(super) fn find() -> Option<Found> {
    block::disks().iter().find_map(|&disk| {
        let mut first = [0; SECTOR];
        disk.read(0, &mut first).ok()?;
        let area = Area::find(&first, disk.sectors())?;
        if disk.read_only() {
            defmt::warn!("swap: the disk made for it is read-only");
            return None;
        }
        defmt::info!("swap: {=u32} slots on a disk of its own ({=str})", area.slots(), disk.kind());
        Some(Found { disk, area })
    })
}

pub(super) fn open(found: Found) -> Result<(), NoMemory> {
    let map = SpinLock::new(LockClass::SwapMap, SwapMap::new(found.slots())?);
    found.disk.used_for(Role::Swap);
    SWAP.call_once(|| Swap { disk: found.disk, area: found.area, map });
    Ok(())
}

/// The swap space. Only where pages are evicted.
pub(super) fn get() -> &'static Swap {
    SWAP.get().expect("slots belong to a swap space")
}

/// The disk of the swap space, if there is one.
pub fn disk() -> Option<&'static dyn BlockDevice> {
    SWAP.get().map(|swap| swap.disk)
}

/// How many slots there are, and how many are free.
pub fn slots() -> (u32, u32) {
    SWAP.get().map_or((0, 0), |swap| {
        let map = swap.map.lock();
        (map.total(), map.free_slots())
    })
}

impl Swap {
    /// The map, locked.
    pub(super) fn map(&self) -> SpinGuard<'_, Map> {
        self.map.lock()
    }

    /// Where a slot begins on the disk, in sectors.
    pub(super) fn sector(&self, slot: Slot) -> u64 {
        self.area.sector(slot)
    }
}

/// Reads neighbouring slots, from `first` on, into whole frames. The caller has the slots' pages claimed, so nobody writes or frees them meanwhile, and
/// the frames in hand. Sleeps.
pub fn read(first: Slot, frames: &[Segment]) -> Result<(), BlockError> {
    let swap = get();
    // SAFETY: the frames are exclusively the caller's until this returns.
    unsafe { swap.disk.transfer(Operation::Read, swap.sector(first), frames) }
}

/// Whose a slot is that can be read; a hint.
pub fn owner(slot: Slot) -> Option<Arc<Page>> {
    get().map().owner(slot).and_then(Weak::upgrade)
}

/// Gives a slot back that no page has owned yet.
pub(super) fn give_back(slot: Slot) {
    let owner = get().map().free(slot).unwrap_or_else(|misuse| panic!("{misuse}"));
    debug_assert!(owner.is_none(), "a slot without a page has an owner");
}

/// Gives a slot back that `page` owned. No lock held. Told first: once it is free it may be another page's.
pub fn free(slot: Slot, page: PageId, reason: SlotFreeReason) {
    emit(Event::SlotFreed(SlotFreed { slot, page, reason }));
    let owner = get().map().free(slot).unwrap_or_else(|misuse| panic!("page {page}: {misuse}"));
    drop(owner);
}
