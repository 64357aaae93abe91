//! One value per CPU: [`PerCpu`]. Each module keeps its own; this one keeps the words that the entry stubs need. Also [`Numbers`] that CPUs take in blocks.

use crate::arch::interrupts::IrqOff;
use crate::arch::{MAX_CPUS, cpu, descriptors};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use crossbeam_utils::CachePadded;
use fl_addr::CpuId;

/// A `T` for each CPU, on cache lines of its own.
///
/// `T` must be safe to share: remote CPUs may look at it ([`PerCpu::of`]).
pub struct PerCpu<T> {
    slots: [CachePadded<T>; MAX_CPUS],
}

impl<T> PerCpu<T> {
    /// From one value per CPU.
    pub const fn new(slots: [CachePadded<T>; MAX_CPUS]) -> Self {
        Self { slots }
    }

    /// This CPU's. The token proves that the thread cannot move meanwhile.
    #[inline]
    pub fn this(&self, irq: &IrqOff) -> &T {
        let id = this_cpu(irq).0 as usize;
        debug_assert!(id < MAX_CPUS);
        // SAFETY: `init` set the number, below MAX_CPUS.
        unsafe { self.slots.get_unchecked(id) }
    }

    /// That CPU's.
    pub fn of(&self, cpu: CpuId) -> &T {
        &self.slots[cpu.0 as usize]
    }
}

/// Builds the array for [`PerCpu::new`] from a constant expression.
#[macro_export]
macro_rules! per_cpu {
    ($value:expr) => {
        $crate::percpu::PerCpu::new(
            [const { crossbeam_utils::CachePadded::new($value) }; $crate::arch::MAX_CPUS],
        )
    };
}

/// Numbers that are given out once each, from 1 on. A CPU takes a block of them at a time: so CPUs that number things at the same time do not write the
/// same line each time, and on a machine of one CPU the numbers follow one another.
pub struct Numbers {
    /// The first number of no block.
    next: AtomicU32,
    blocks: PerCpu<Block>,
}

/// What a CPU has left: `next..end`. Relaxed: its own, interrupts off.
struct Block {
    next: AtomicU32,
    end: AtomicU32,
}

impl Numbers {
    const BLOCK: u32 = 64;

    /// None is given out yet.
    pub const fn new() -> Self {
        Self {
            next: AtomicU32::new(1),
            blocks: crate::per_cpu!(Block { next: AtomicU32::new(0), end: AtomicU32::new(0) }),
        }
    }

    /// One that nobody has.
    #[inline]
    pub fn one(&self) -> u32 {
        let irq = IrqOff::new();
        let block = self.blocks.this(&irq);
        let mut number = block.next.load(Relaxed);
        if number == block.end.load(Relaxed) {
            number = self.next.fetch_add(Self::BLOCK, Relaxed); // only that blocks differ counts
            block.end.store(number.wrapping_add(Self::BLOCK), Relaxed);
        }
        block.next.store(number.wrapping_add(1), Relaxed);
        number
    }
}

struct Area(UnsafeCell<cpu::EntryArea>);
// SAFETY: written at boot, and afterwards by its own CPU with interrupts off (`set_kernel_stack`, the system-call stub).
unsafe impl Sync for Area {}

static AREAS: PerCpu<Area> = per_cpu!(Area(UnsafeCell::new(cpu::EntryArea {
    this: core::ptr::null(),
    kernel_rsp: 0,
    user_rsp: 0,
    cpu: 0,
    thread: core::ptr::null(),
})));

/// Loads descriptors and GS on CPU `id`. Call once per CPU, on it, before anything that asks who it is.
pub fn init(id: CpuId) {
    descriptors::load(id.0 as usize);
    let area = AREAS.of(id).0.get();
    // SAFETY: this CPU's own area, not in use yet; a static, so it lives forever.
    unsafe {
        (*area).this = area;
        (*area).cpu = id.0.into();
        cpu::set_entry_area(area);
    }
}

/// The CPU this runs on, for as long as the token lives.
#[inline]
pub fn this_cpu(_irq: &IrqOff) -> CpuId {
    CpuId(cpu::id() as u8)
}

/// CPUs that run, numbered from 0. Relaxed: all come before the first thread.
static ONLINE: AtomicU8 = AtomicU8::new(1);

/// The CPUs that run.
pub fn online() -> impl Iterator<Item = CpuId> {
    (0..online_count()).map(CpuId)
}

/// How many CPUs run.
#[inline]
pub fn online_count() -> u8 {
    ONLINE.load(Relaxed)
}

/// One more runs. At boot, by the boot processor.
pub fn one_more() {
    ONLINE.fetch_add(1, Relaxed);
}

/// Notes the thread that this CPU runs from now on: what [`cpu::thread`] tells.
pub fn set_thread(irq: &IrqOff, thread: *const ()) {
    // SAFETY: this CPU's own area; interrupts are off, and a word is read in one go.
    unsafe { (*AREAS.this(irq).0.get()).thread = thread };
}

/// Sets the stack on which this CPU enters the kernel from user mode.
pub fn set_kernel_stack(irq: &IrqOff, top: u64) {
    descriptors::set_kernel_stack(this_cpu(irq).0 as usize, top);
    // SAFETY: this CPU's own area; interrupts are off, so neither the stub nor a switch reads it meanwhile.
    unsafe { (*AREAS.this(irq).0.get()).kernel_rsp = top };
}
