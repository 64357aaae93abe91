//! Frames of the two classes: taking one, giving back one or many, through this CPU's cache, with its transfers traced.
//!
//! Several at once: [`FreeFrames`]. Where the caches get their frames from: `set_up`.
//!
//! Nothing here waits; `reclaim::wait_frame` is the only function that sleeps for memory.

mod free_frames;
mod set_up;

pub use free_frames::FreeFrames;
pub use set_up::user_span;
pub(super) use set_up::{init, reserve_bookkeeping};

use super::layout::frame_ptr;
use crate::arch::MAX_CPUS;
use crate::arch::cpu::tsc;
use crate::arch::interrupts::IrqOff;
use crate::inject::{self, Point};
use crate::percpu;
use crate::sync::{self, LockClass, Once, SpinLock};
use crate::trace::emit;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use fl_addr::{CpuId, PAGE_SIZE, Pfn};
use fl_frames::{CacheLock, Clock, FrameCache, Grant, Transfer};
use fl_trace::event::{CacheTransfer, Event, FrameClass};

/// What freed frames are filled with in checked builds, so that a use after free shows.
const JUNK: u8 = 0xcc;

/// What waiting for the caches' locks is measured with.
enum Tsc {}

impl Clock for Tsc {
    fn now() -> u64 {
        tsc()
    }

    fn waited(lock: CacheLock, ticks: u64) {
        let class = match lock {
            CacheLock::Magazine => LockClass::Magazine,
            CacheLock::Pool => LockClass::FramePool,
            CacheLock::Stock => LockClass::ZeroedStock,
        };
        sync::count_wait(&IrqOff::new(), class, ticks);
    }
}

type Cache = FrameCache<MAX_CPUS, Tsc>;

static USER: Cache = Cache::with_clock();
static KERNEL: Cache = Cache::with_clock();

fn cache(class: FrameClass) -> &'static Cache {
    match class {
        FrameClass::User => &USER,
        FrameClass::Kernel => &KERNEL,
    }
}

/// A frame in hand: whoever has the value may use the memory and nobody else does. Dropping it gives the frame back.
#[derive(Debug)]
pub struct Frame {
    pfn: Pfn,
    class: FrameClass,
}

impl Frame {
    /// Takes one, content undefined. `None`: at some moment during the call none was free.
    pub fn take(class: FrameClass) -> Option<Self> {
        Self::take_told(class).map(|(frame, _)| frame)
    }

    /// [`take`](Self::take), and tells whether it had to go beyond this CPU's cache: the moment to look how many are free.
    #[inline]
    pub fn take_told(class: FrameClass) -> Option<(Self, bool)> {
        Self::take_at_hand(class).or_else(|| Self::take_when_none_is_zeroed(class))
    }

    /// [`take_told`](Self::take_told), but for a frame that is just being zeroed in advance.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline)]
    fn take_at_hand(class: FrameClass) -> Option<(Self, bool)> {
        let irq = IrqOff::new();
        let cpu = percpu::this_cpu(&irq);
        match cache(class).alloc_own(cpu) {
            Some(pfn) => Some((Self { pfn, class }, false)),
            None => Self::take_beyond(class, cpu),
        }
    }

    /// This CPU's cache is empty. Interrupts are off.
    #[cold]
    #[inline(never)]
    fn take_beyond(class: FrameClass, cpu: CpuId) -> Option<(Self, bool)> {
        let grant = cache(class).alloc(cpu)?;
        let beyond = grant.refill.is_some() || grant.drained.is_some();
        if beyond {
            tell_moves(class, &grant);
        }
        Some((Self { pfn: grant.pfn, class }, beyond))
    }

    /// None was free but, perhaps, one that another CPU's idle is zeroing: the last ones are not to be missed for that.
    #[cold]
    #[inline(never)]
    fn take_when_none_is_zeroed(class: FrameClass) -> Option<(Self, bool)> {
        let _nobody_zeroes = (class == FrameClass::User).then(|| STOCKING.lock())?;
        Self::take_at_hand(class)
    }

    /// Takes a user frame that was zeroed in advance. `None`: there is none of these.
    #[inline]
    pub fn take_stocked() -> Option<Self> {
        let pfn = {
            let _irq = IrqOff::new(); // whoever is interrupted with the stock locked is waited for in vain
            USER.take_zeroed()?
        };
        let mut frame = Self { pfn, class: FrameClass::User };
        debug_assert!(frame.bytes().iter().all(|&byte| byte == 0), "a zeroed frame was written to in stock");
        Some(frame)
    }

    /// Takes one that is all zero: from the stock, or any, and zeroes it.
    pub fn take_zeroed(class: FrameClass) -> Option<Self> {
        if class == FrameClass::User
            && let Some(frame) = Self::take_stocked()
        {
            return Some(frame);
        }
        let mut frame = Self::take(class)?;
        frame.bytes().fill(0);
        Some(frame)
    }

    /// Its number.
    pub fn pfn(&self) -> Pfn {
        self.pfn
    }

    /// Its bytes.
    pub fn bytes(&mut self) -> &mut [u8; PAGE_SIZE] {
        // SAFETY: RAM in the direct map, exclusively ours while `self` lives.
        unsafe { &mut *frame_ptr(self.pfn) }
    }

    /// Lets go of it without giving it back: something else owns it now and will call [`Frame::from_pfn`].
    pub fn into_pfn(self) -> Pfn {
        let pfn = self.pfn;
        core::mem::forget(self);
        pfn
    }

    /// The reverse of [`Frame::into_pfn`].
    ///
    /// # Safety
    ///
    /// `pfn` must come from `into_pfn` of a frame of that class, once, and nothing may refer to the frame any more.
    pub unsafe fn from_pfn(pfn: Pfn, class: FrameClass) -> Self {
        Self { pfn, class }
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            self.bytes().fill(JUNK);
        }
        give_back(self.class, self.pfn);
    }
}

/// Frames of that class have come back.
#[inline]
fn tell_returned(class: FrameClass) {
    inject::pass(Point::Returned);
    if class == FrameClass::User && awaited() {
        RETURNED.get().inspect(|tell| tell());
    }
}

/// Gives a frame back that is in nobody's hands any more. In checked builds a function of its own, as `take_at_hand`, for the test that counts its locked
/// instructions.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline)]
fn give_back(class: FrameClass, pfn: Pfn) {
    let irq = IrqOff::new();
    let cpu = percpu::this_cpu(&irq);
    if !cache(class).free_own(cpu, pfn) {
        give_back_beyond(class, cpu, pfn);
    }
    tell_returned(class);
}

/// This CPU's cache is full, or somebody looks for the last frames. Interrupts are off.
#[cold]
#[inline(never)]
fn give_back_beyond(class: FrameClass, cpu: CpuId, pfn: Pfn) {
    if let Some(t) = cache(class).put(cpu, pfn) {
        tell_drained(class, t);
    }
}

/// Empties the caches of `cpu`, this one's or another's: what lay in them is in the pool.
pub fn drain_caches(cpu: CpuId) {
    let _irq = IrqOff::new();
    for class in [FrameClass::User, FrameClass::Kernel] {
        if let Some(t) = cache(class).drain(cpu) {
            tell_drained(class, t);
        }
    }
}

/// Held while a frame is zeroed in advance: so that neither [`free`] nor who takes the last one misses one that is in nobody's hands.
/// True: it is over.
static STOCKING: SpinLock<bool> = SpinLock::new(LockClass::Zeroing, false);

/// No frame is zeroed in advance any more: for the last counters, which nothing may happen behind.
pub fn stop_stocking() {
    *STOCKING.lock() = true;
}

/// Zeroes one free frame, if more of them are wanted in stock. False: not now. For idle: it takes about as long as a fault, and interrupts are off
/// meanwhile.
pub fn stock_one() -> bool {
    if awaited() || !USER.wants_zeroed() {
        return false;
    }
    let stocking = STOCKING.lock();
    if *stocking {
        return false;
    }
    let Some((mut frame, _)) = Frame::take_at_hand(FrameClass::User) else { return false };
    frame.bytes().fill(0);
    let cpu = percpu::this_cpu(stocking.irq());
    if let Some(t) = USER.put_zeroed(cpu, frame.into_pfn()) {
        tell_drained(FrameClass::User, t);
    }
    true
}

/// Whether threads wait for user frames. Relaxed: who waits sets it before it looks for a frame, who frees reads it after, and the lock of the
/// magazine that the frame goes to stands between the two.
static AWAITED: AtomicBool = AtomicBool::new(false);
/// What is called when a user frame has come back while threads wait.
static RETURNED: Once<fn()> = Once::new();

/// Whether threads wait for user frames.
#[inline]
pub fn awaited() -> bool {
    AWAITED.load(Relaxed)
}

/// Says whether threads wait for user frames.
pub fn set_awaited(now: bool) {
    AWAITED.store(now, Relaxed);
}

/// Has `tell` called after user frames have come back while threads wait, by whoever gave them. It must neither wait nor sleep. Once.
pub fn tell_returns(tell: fn()) {
    RETURNED.call_once(|| tell);
}

/// Tells what had to move for a frame.
#[cold]
#[inline(never)]
fn tell_moves(class: FrameClass, grant: &Grant) {
    inject::pass(Point::Refilled);
    if let Some(t) = grant.refill {
        emit(Event::CacheRefill(transfer(class, t)));
    }
    if let Some(t) = grant.drained {
        tell_drained(class, t);
    }
}

/// Tells that frames went to the pool.
#[cold]
#[inline(never)]
fn tell_drained(class: FrameClass, t: Transfer) {
    emit(Event::CacheDrain(transfer(class, t)));
}

fn transfer(class: FrameClass, t: Transfer) -> CacheTransfer {
    let Transfer { cache, moved, cached, pool_free, number } = t;
    CacheTransfer { cache, class, moved, cached, pool_free, number }
}

/// Frames free in pool, caches and stock. Exact when nobody takes or gives meanwhile.
pub fn free(class: FrameClass) -> u32 {
    let _none_in_between = (class == FrameClass::User).then(|| STOCKING.lock());
    cache(class).free_frames()
}

/// Frames free and in no cache: what caches can still be refilled from.
pub fn pooled(class: FrameClass) -> u32 {
    cache(class).pool_free()
}

/// Frames of that class in all.
pub fn total(class: FrameClass) -> u32 {
    cache(class).total()
}

/// Sizes the caches for the processors that run.
pub fn set_online() {
    let _irq = IrqOff::new();
    for class in [FrameClass::Kernel, FrameClass::User] {
        cache(class).set_online(usize::from(percpu::online_count()), |t| tell_drained(class, t));
    }
}

/// The direct-map bytes of `n` neighbouring frames, as a raw slice.
pub(super) fn bytes_of(first: Pfn, n: u32) -> *mut [u8] {
    core::ptr::slice_from_raw_parts_mut(frame_ptr(first).cast(), n as usize * PAGE_SIZE)
}
