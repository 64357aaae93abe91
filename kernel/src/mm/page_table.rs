//! Page tables of the kernel and of user spaces, over the library's walker.
//!
//! [`SpaceTable`] is all that the evictor knows of an address space: the root, and the lock that guards the entries.

use super::frames::Frame;
use super::layout::frame_ptr;
use crate::arch::interrupts::IrqOff;
use crate::arch::paging;
use crate::inject::{self, Point};
use crate::percpu;
use crate::sync::{LockClass, Once, SpinLock};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use fl_addr::{PAGE_SIZE, Pfn, PhysAddr, Pid, VirtAddr, Vpn};
use fl_paging::{
    ENTRIES, MapError, PageSize, Pte, PteFlags, RangeError, TableMemory, TableStock, UPPER_HALF,
};
use fl_shootdown::{ActiveCpus, CpuSet};
use fl_trace::event::FrameClass;

static KERNEL_ROOT: Once<Pfn> = Once::new();

/// Records the kernel's root, once.
pub(super) fn set_kernel_root(root: Pfn) {
    KERNEL_ROOT.call_once(|| root);
}

/// The root that kernel threads and idle run on.
pub fn kernel_root() -> Pfn {
    *KERNEL_ROOT.get().expect("set early in boot")
}

/// Loads the kernel's root on this processor, which came with another one. The features that its entries need must be on.
pub fn enter_kernel() {
    // SAFETY: it maps all RAM, so the stack too, and the image.
    unsafe { paging::set_root(kernel_root()) };
}

/// The entries of a table, through the direct map.
#[inline]
fn entries(table: Pfn) -> &'static [AtomicU64; ENTRIES] {
    // SAFETY: tables are frames in the direct map, aligned, all of whose 512 words are only ever accessed atomically; the
    // reference is used while the table is linked, under the space's lock.
    unsafe { &*frame_ptr(table).cast() }
}

/// An entry of a table.
#[inline]
pub(super) fn entry(table: Pfn, index: usize) -> &'static AtomicU64 {
    &entries(table)[index]
}

/// Table frames from the kernel's budget.
pub struct KernelTables;

impl TableMemory for KernelTables {
    #[inline]
    fn entry(&self, table: Pfn, index: usize) -> &AtomicU64 {
        entry(table, index)
    }
    fn next_used(&self, table: Pfn, from: usize, to: usize) -> Option<usize> {
        const TOGETHER: usize = 8;
        let entries = entries(table);
        let is_used = |entry: &AtomicU64| entry.load(Ordering::Relaxed) != Pte::EMPTY.0;
        let mut index = from;
        while index < to {
            // Most are empty: as many as lie together are looked at by one comparison.
            if index.is_multiple_of(TOGETHER) && index + TOGETHER <= to {
                let all = &entries[index..index + TOGETHER];
                if all.iter().fold(0, |bits, entry| bits | entry.load(Ordering::Relaxed)) == Pte::EMPTY.0 {
                    index += TOGETHER;
                    continue;
                }
            }
            if is_used(&entries[index]) {
                return Some(index);
            }
            index += 1;
        }
        None
    }
    fn alloc_table(&mut self) -> Option<Pfn> {
        Frame::take_zeroed(FrameClass::Kernel).map(Frame::into_pfn)
    }
    fn free_table(&mut self, table: Pfn) {
        // SAFETY: the walker unlinked it, and it came from `alloc_table`.
        drop(unsafe { Frame::from_pfn(table, FrameClass::Kernel) });
    }
}

/// How many pages a space has, as they were counted last; only ever counted when there is no memory. Relaxed: estimates.
#[derive(Default)]
pub struct Usage {
    resident: AtomicU32,
    swapped: AtomicU32,
}

impl Usage {
    /// Nothing is counted yet.
    pub fn reset(&self) {
        self.resident.store(0, Ordering::Relaxed);
        self.swapped.store(0, Ordering::Relaxed);
    }

    /// One page more.
    pub fn add(&self, swapped: bool) {
        let count = if swapped { &self.swapped } else { &self.resident };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Those that have a frame, and those in swap slots.
    pub fn get(&self) -> (u32, u32) {
        (self.resident.load(Ordering::Relaxed), self.swapped.load(Ordering::Relaxed))
    }
}

/// What the bits of an entry said.
#[derive(Clone, Copy)]
pub struct Sampled {
    /// It was used since the bit was taken away last.
    pub accessed: bool,
    /// It was stored to since it was mapped or cleaned.
    pub dirty: bool,
}

/// The page table of one address space.
///
/// Owns: its root and user-half tables. Does not own: the frames that its leaves name. Lifecycle: made empty, filled by faults;
/// on drop all leaves must be gone and no CPU may run on it.
pub struct SpaceTable {
    root: Pfn,
    /// The processors that have it loaded.
    active: ActiveCpus,
    /// Whose memory it shows, for those who watch; 0: nobody's yet. Relaxed: said once, before the process runs.
    owner: AtomicU32,
    usage: Usage,
    /// Guards every entry of the user half that is not empty, and the making of tables.
    lock: SpinLock<()>,
}

impl SpaceTable {
    /// An empty user half under the kernel's upper half, with `frame` as its root.
    pub fn new(mut frame: Frame) -> Self {
        frame.bytes().fill(0);
        let root = frame.into_pfn();
        let kernel = kernel_root();
        for index in UPPER_HALF..ENTRIES {
            // Relaxed: the kernel's root does not change after boot; the new root is published by loading it.
            entry(root, index).store(entry(kernel, index).load(Ordering::Relaxed), Ordering::Relaxed);
        }
        Self {
            root,
            active: ActiveCpus::new(),
            owner: AtomicU32::new(0),
            usage: Usage::default(),
            lock: SpinLock::new(LockClass::PageTable, ()),
        }
    }

    /// Says whose memory it shows.
    pub fn set_owner(&self, pid: Pid) {
        self.owner.store(pid.0, Ordering::Relaxed);
    }

    /// Whose memory it shows.
    pub fn owner(&self) -> Pid {
        Pid(self.owner.load(Ordering::Relaxed))
    }

    /// How many pages it shows.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Its root.
    pub fn root(&self) -> Pfn {
        self.root
    }

    /// The processors that may have translations cached that were valid before the entries were changed. After the change.
    pub fn users(&self) -> CpuSet {
        self.active.after_change()
    }

    /// How many table frames mapping `page` would take. Looks without the lock: tables are only ever added while the space
    /// lives, so by the time the page is mapped it can be fewer, never more.
    pub fn missing_tables(&self, page: Vpn) -> usize {
        fl_paging::missing_tables(&KernelTables, self.root, page)
    }

    /// The table in which `page`'s entry stands, if it is there already. Looks without the lock: it stays.
    #[inline]
    pub fn leaf_table(&self, page: Vpn) -> Option<Pfn> {
        fl_paging::leaf_table(&KernelTables, self.root, page)
    }

    /// As [`map`](Self::map), into a table that [`leaf_table`](Self::leaf_table) has found; without the lock, which an empty entry does not need. The page is
    /// pinned, or nobody else knows of it.
    #[inline]
    pub fn map_in(&self, leaf: Pfn, page: Vpn, pte: Pte) -> Result<(), MapError> {
        fl_paging::map_in(&KernelTables, leaf, page, pte)
    }

    /// Makes `page`, whose entry stands in `leaf`, show what `pte` says, and returns what it showed before with its final accessed and dirty bits. The caller flushes.
    pub fn replace_in(&self, leaf: Pfn, page: Vpn, pte: Pte) -> Option<Pte> {
        let _guard = self.lock.lock();
        fl_paging::replace_in(&KernelTables, leaf, page, pte)
    }

    /// Maps `page`; table frames come from `stock` only. No flush is needed: the page was not present before.
    pub fn map(&self, page: Vpn, pte: Pte, stock: &mut TableStock) -> Result<(), MapError> {
        let _guard = self.lock.lock();
        fl_paging::map_with(&KernelTables, self.root, page, pte, stock)
    }

    /// What the processor would find at `page`, without touching it.
    pub fn lookup(&self, page: Vpn) -> Option<Pte> {
        let _guard = self.lock.lock();
        fl_paging::lookup(&KernelTables, self.root, page).map(|(pte, _)| pte)
    }

    /// Sets the rights of `page` (write, no-execute) to those in `flags` and adds the accessed and dirty bits among them, flushes it here, and returns
    /// the entry as it was. `None`: not mapped.
    pub fn protect(&self, page: Vpn, flags: PteFlags) -> Option<Pte> {
        let old = {
            let _guard = self.lock.lock();
            let old = fl_paging::protect(&KernelTables, self.root, page, flags);
            fl_paging::mark(&KernelTables, self.root, page, flags);
            old
        };
        inject::pass(Point::Unflushed);
        paging::flush(page);
        old
    }

    /// Gives the right to write to `page`, which is stored to at once: accessed and dirty. Flushes it here, for a processor that has less cached faults
    /// and looks again. False: not mapped. For the space's own thread.
    pub fn let_write(&self, page: Vpn) -> bool {
        let mapped = {
            let _guard = self.lock.lock();
            fl_paging::allow_write(&KernelTables, self.root, page)
        };
        inject::pass(Point::Unflushed);
        paging::flush(page);
        mapped
    }

    /// Takes the right to write to `page`, whose entry stands in `leaf`, away and returns the entry as it was. `None`: not mapped. The caller flushes.
    #[inline]
    pub fn write_protect_in(&self, irq: &IrqOff, leaf: Pfn, page: Vpn) -> Option<Pte> {
        let _guard = self.lock.lock_with(irq);
        fl_paging::write_protect_in(&KernelTables, leaf, page)
    }

    /// Whether `page` was accessed and is dirty; takes the accessed bit away. `None`: not mapped. The bit is not set again while a processor has
    /// the translation cached: only what stays clear after a [`FlushBatch::flush`](super::flush_batch::FlushBatch::flush) is not used.
    pub fn sample(&self, page: Vpn) -> Option<Sampled> {
        let _guard = self.lock.lock();
        let old = fl_paging::take_accessed(&KernelTables, self.root, page)?;
        Some(Sampled { accessed: old.is_accessed(), dirty: old.is_dirty() })
    }

    /// Unmaps `page` and returns the entry with its final accessed and dirty bits. Processors that have the translation cached may go on to use
    /// it, to store through it where it was dirty: the caller flushes by a [`FlushBatch`](super::flush_batch::FlushBatch) before the frame is
    /// written out or freed.
    pub fn take(&self, page: Vpn) -> Option<Pte> {
        let _guard = self.lock.lock();
        fl_paging::unmap(&KernelTables, self.root, page)
    }

    /// As [`take`](Self::take), of a page whose entry stands in `leaf`, which [`leaf_table`](Self::leaf_table) has found.
    #[inline]
    pub(super) fn take_in(&self, irq: &IrqOff, leaf: Pfn, page: Vpn) -> Option<Pte> {
        let _guard = self.lock.lock_with(irq);
        fl_paging::unmap_in(&KernelTables, leaf, page)
    }
}

/// Makes this processor go from one space to another; `None` is the kernel's own. Both must stay until this returns.
#[inline]
pub fn switch(irq: &IrqOff, from: Option<&SpaceTable>, to: Option<&SpaceTable>) {
    let root = to.map_or_else(kernel_root, SpaceTable::root);
    let load = || {
        inject::pass(Point::Entering);
        // SAFETY: the kernel's own root, or that of a space which lives as long as a processor is in its set; its upper half equals the kernel's.
        unsafe { paging::set_root(root) };
        inject::pass(Point::Entered);
    };
    ActiveCpus::switch(from.map(|s| &s.active), to.map(|s| &s.active), percpu::this_cpu(irq), load);
}

impl SpaceTable {
    /// Gives the tables of the user half back; all leaves must be gone and no CPU may run on it.
    pub fn free_tables(&self) {
        debug_assert!(self.active.is_empty(), "a space is freed while a CPU runs on it");
        let _guard = self.lock.lock();
        let freed = fl_paging::free_lower_half(&mut KernelTables, self.root);
        debug_assert!(freed.leaves == 0, "a space is freed with pages mapped: {:?}", freed.first_leaf);
    }
}

impl Drop for SpaceTable {
    fn drop(&mut self) {
        self.free_tables();
        KernelTables.free_table(self.root);
    }
}

/// Maps one kernel page to a kernel frame. For kernel stacks; the root slot must be reserved.
pub(super) fn map_kernel(page: Vpn, frame: Frame) -> Result<(), MapError> {
    let flags = PteFlags::PRESENT | PteFlags::WRITE | PteFlags::NX | PteFlags::GLOBAL;
    let pfn = frame.pfn();
    fl_paging::map(&mut KernelTables, kernel_root(), page, Pte::new(pfn, flags))?;
    frame.into_pfn();
    Ok(())
}

/// Unmaps one kernel page and gives its frame back. This processor forgets it; that the others may not is the caller's affair: nobody may
/// use the address before [`super::shootdown::flush_everything`] (Intel SDM vol. 3A, 4.10.4.4, delayed invalidation).
pub(super) fn unmap_kernel(page: Vpn) {
    if let Some(old) = fl_paging::unmap(&KernelTables, kernel_root(), page) {
        paging::flush(page);
        // SAFETY: `map_kernel` put it there; nobody uses the address any more, by this function's contract.
        drop(unsafe { Frame::from_pfn(old.pfn(), FrameClass::Kernel) });
    }
}

/// The physical address of a kernel one, whatever part of the kernel's half it lies in. `None`: not mapped, or a user address.
pub fn physical(va: VirtAddr) -> Option<PhysAddr> {
    let upper = va.0 >= 0xffff_8000_0000_0000;
    if upper { fl_paging::translate(&KernelTables, kernel_root(), va) } else { None }
}

/// Maps device registers, uncached. For [`super::mmio`].
pub(super) fn map_device(at: VirtAddr, from: PhysAddr, len: u64) -> Result<(), RangeError> {
    let flags = PteFlags::WRITE | PteFlags::NX | PteFlags::GLOBAL | PteFlags::PCD | PteFlags::PWT;
    fl_paging::map_range(&mut KernelTables, kernel_root(), at, from, len, flags, PageSize::Small)
}

/// Whether the word at `va` can be read in the running address space: for the panic path's stack walk.
pub fn readable(va: VirtAddr) -> bool {
    let upper = va.0 >= 0xffff_8000_0000_0000;
    let fits = va.page_offset() <= PAGE_SIZE - 8;
    upper && fits && fl_paging::translate(&KernelTables, paging::root(), va).is_some()
}
