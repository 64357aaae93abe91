//! Marked places, where something can be made to happen on purpose: `panic=POINT` on the command line has the kernel panic the first time it passes that
//! one; `chaos=1` has the seed draw what happens at each, see [`chaos`].
//!
//! Checked builds only; in release builds the places cost nothing. What the places are is said in `fl_chaos::Point`.

mod chaos;

pub use chaos::{Actions, Extent, begin_chaos, end_chaos, summary};
pub use fl_chaos::Point;

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What is armed, of these; 0: nothing. Relaxed: set by the first thread, and any later look may see it.
static ARMED: AtomicU8 = AtomicU8::new(0);
const PANIC: u8 = 1;
const CHAOS: u8 = 2;

/// Where to panic, if that is armed. Relaxed: as above.
static PANIC_AT: AtomicU8 = AtomicU8::new(0);

/// Arms a panic at `place`. False in builds without debug assertions, where places are not compiled in.
pub fn arm_panic(place: Point) -> bool {
    PANIC_AT.store(place as u8, Relaxed);
    ARMED.fetch_or(PANIC, Relaxed);
    cfg!(debug_assertions)
}

/// Nothing happens at any place any more: for the panic path.
pub fn disarm() {
    ARMED.store(0, Relaxed);
}

/// The caller is at `place`.
#[inline(always)]
pub fn pass(place: Point) {
    if cfg!(debug_assertions) && ARMED.load(Relaxed) != 0 {
        happen(place);
    }
}

#[cold]
fn happen(place: Point) {
    let armed = ARMED.load(Relaxed);
    if armed & PANIC != 0 && PANIC_AT.load(Relaxed) == place as u8 {
        disarm();
        panic_at(place);
    }
    if armed & CHAOS != 0 {
        chaos::happen(place);
    }
}

fn panic_at(place: Point) -> ! {
    if place == Point::StackOverflow {
        let depth = overflow(0);
        panic!("the stack did not overflow: {depth}");
    }
    panic!("injected at {place:?}");
}

#[allow(unconditional_recursion, reason = "that is the point")]
fn overflow(depth: u64) -> u64 {
    let page = core::hint::black_box([depth; 64]);
    overflow(page[63] + 1) + page[0]
}
