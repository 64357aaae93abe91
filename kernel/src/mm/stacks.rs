//! Kernel stacks: 16 KiB for each thread, in a region of their own, with unmapped guard pages below each; and larger ones for the calls that need
//! more.
//!
//! A stack's frames are given back at once, but its place is used again only after every processor has dropped its translations: that is
//! done for all such places together when no other is left, so that a thread's end interrupts nobody.
//!
//! An overflow hits the guard page; the processor then cannot push the fault's frame, and the double fault arrives on its own
//! stack, where it can be told.

use super::frames::Frame;
use super::layout::STACKS;
use super::page_table;
use super::shootdown;
use super::stack_depth::{self, Deepest};
use crate::arch::switch;
use crate::sync::{LockClass, SpinLock};
use fl_addr::{PAGE_SIZE, VirtAddr, Vpn};
use fl_trace::event::FrameClass;

/// Pages of a thread's stack, each a kernel frame.
pub const PAGES: u64 = 4;
/// Pages of a [`KernelStack::large`] one.
const LARGE: u64 = 7;
/// Pages of address space per stack: the stack and its guard, which is one page at least.
const STRIDE: u64 = 8;
/// Most stacks, that is threads.
pub const STACKS_MAX: usize = 1024;

/// Bytes of address space for all of them.
pub(super) const REGION: u64 = STACKS_MAX as u64 * STRIDE * PAGE_SIZE as u64;

/// A bit for each place.
type Bits = [u64; STACKS_MAX / 64];

struct Places {
    /// Not to be had: used, stale, or being flushed.
    taken: Bits,
    /// Those of them that are stale: not used any more, but processors may have the old translations.
    stale: Bits,
    /// How many threads flush places, which are not stale any more and not to be had yet.
    flushing: u32,
}

static PLACES: SpinLock<Places> = SpinLock::new(
    LockClass::Stacks,
    Places { taken: [0; STACKS_MAX / 64], stale: [0; STACKS_MAX / 64], flushing: 0 },
);

impl Places {
    fn take(&mut self) -> Option<usize> {
        let word = self.taken.iter().position(|w| *w != u64::MAX)?;
        let bit = self.taken[word].trailing_ones() as usize;
        self.taken[word] |= 1 << bit;
        Some(word * 64 + bit)
    }
}

/// A place that no processor has translations of. `None`: all are used. Interrupts on once there are many threads: it may wait for other processors.
fn take_place() -> Option<usize> {
    loop {
        let (stale, flushing) = {
            let mut places = PLACES.lock();
            if let Some(place) = places.take() {
                return Some(place);
            }
            let stale = core::mem::take(&mut places.stale);
            let any = stale.iter().any(|word| *word != 0);
            if any {
                places.flushing += 1;
            }
            (any.then_some(stale), places.flushing)
        };
        match stale {
            Some(stale) => {
                shootdown::flush_everything();
                let mut places = PLACES.lock();
                places.taken.iter_mut().zip(stale).for_each(|(taken, stale)| *taken &= !stale);
                places.flushing -= 1;
            }
            None if flushing > 0 => core::hint::spin_loop(), // another thread makes places
            None => return None,
        }
    }
}

/// A kernel stack. Owns its place and its frames.
pub struct KernelStack {
    place: usize,
    pages: u64,
    mapped: u64,
}

impl KernelStack {
    /// A new stack of frames from `take`, content undefined. `None`: no place, or `take` had none.
    pub fn new(take: impl FnMut() -> Option<Frame>) -> Option<Self> {
        Self::of(PAGES, take)
    }

    /// One of 28 KiB, for [`KernelStack::run`].
    pub fn large() -> Option<Self> {
        Self::of(LARGE, || Frame::take(FrameClass::Kernel))
    }

    fn of(pages: u64, mut take: impl FnMut() -> Option<Frame>) -> Option<Self> {
        let place = take_place()?;
        let mut stack = Self { place, pages, mapped: 0 }; // from here on dropping it undoes everything
        while stack.mapped < pages {
            let mut frame = take()?;
            if cfg!(debug_assertions) {
                stack_depth::paint(frame.bytes());
            }
            page_table::map_kernel(stack.page(stack.mapped), frame).ok()?;
            stack.mapped += 1;
        }
        Some(stack)
    }

    fn page(&self, n: u64) -> Vpn {
        lowest_page(self.place, self.pages) + n
    }

    /// One past its highest byte, aligned to a page.
    pub fn top(&self) -> u64 {
        (self.page(0) + self.pages).start().0
    }

    /// Calls `f` on this stack instead of the thread's own. It may sleep.
    pub fn run<R>(&mut self, f: impl FnOnce() -> R) -> R {
        /// What goes in and comes out.
        struct Call<F, R>(Option<F>, Option<R>);
        extern "C" fn enter<F: FnOnce() -> R, R>(call: *mut ()) {
            // SAFETY: the value that `run` made below, whose it is again when this has returned.
            let call = unsafe { &mut *call.cast::<Call<F, R>>() };
            call.1 = call.0.take().map(|f| f());
        }
        fn entry<F: FnOnce() -> R, R>(_: &Call<F, R>) -> extern "C" fn(*mut ()) {
            enter::<F, R>
        }
        let mut call = Call(Some(f), None);
        let enter = entry(&call);
        // SAFETY: the top is a page's end; `&mut self` keeps everybody else off this stack, which is as large as its maker asked for, with a
        // guard page below. The kernel does not unwind, so the call returns or nothing ever runs here again.
        unsafe { switch::call_on(self.top(), enter, (&raw mut call).cast()) };
        call.1.expect("it was called")
    }
}

/// The lowest page of a stack of `pages` pages.
fn lowest_page(place: usize, pages: u64) -> Vpn {
    STACKS.vpn() + (place as u64 * STRIDE + (STRIDE - pages))
}

/// How deep the threads' stacks got, and the large ones.
static DEEPEST: [(Deepest, u64); 2] = [(Deepest::new(), PAGES), (Deepest::new(), LARGE)];

/// For threads' stacks and for large ones: the most bytes that any has used so far, and how many there are. `None` in builds that do not paint them.
pub fn deepest() -> Option<[(usize, usize); 2]> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let used = {
        let places = PLACES.lock();
        let mut used = places.taken;
        used.iter_mut().zip(places.stale).for_each(|(taken, stale)| *taken &= !stale);
        used
    };
    for place in (0..STACKS_MAX).filter(|place| used[place / 64] >> (place % 64) & 1 != 0) {
        let is_large = page_table::physical(lowest_page(place, LARGE).start()).is_some();
        let (deepest, pages) = &DEEPEST[usize::from(is_large)];
        deepest.look(lowest_page(place, *pages), *pages);
    }
    Some(DEEPEST.each_ref().map(|(deepest, pages)| (deepest.get(), *pages as usize * PAGE_SIZE)))
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        if cfg!(debug_assertions) && self.mapped == self.pages {
            let (deepest, _) = &DEEPEST[usize::from(self.pages == LARGE)];
            deepest.look(self.page(0), self.pages);
        }
        for n in 0..self.mapped {
            page_table::unmap_kernel(self.page(n));
        }
        PLACES.lock().stale[self.place / 64] |= 1 << (self.place % 64);
    }
}

/// Whether `va` lies in a guard page: then an access to it was a stack overflow.
pub fn is_guard(va: VirtAddr) -> bool {
    let Some(offset) = va.0.checked_sub(STACKS.0) else { return false };
    let page = offset / PAGE_SIZE as u64;
    // The upper ones of these are a large stack's own, if there is one, and do not fault then.
    page < STACKS_MAX as u64 * STRIDE && page % STRIDE < STRIDE - PAGES
}
