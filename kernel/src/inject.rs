//! Panics on purpose: `panic=POINT` on the command line makes the kernel panic the first time it passes that point.
//!
//! Checked builds only, for the tests of the panic path; in release builds the points cost nothing.

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A place where a panic is most awkward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Point {
    /// In the timer interrupt.
    Irq = 1,
    /// While recording an event, with the ring half-changed.
    Emit = 2,
    /// In the drain, with a packet half-made.
    Drain = 3,
    /// With a page's lock held.
    PageLock = 4,
    /// In a thread, with nothing held.
    Thread = 5,
    /// A kernel stack overflow, which arrives as a double fault.
    StackOverflow = 6,
}

impl Point {
    /// The point of that name on the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "irq" => Self::Irq,
            "emit" => Self::Emit,
            "drain" => Self::Drain,
            "pagelock" => Self::PageLock,
            "thread" => Self::Thread,
            "stack" => Self::StackOverflow,
            _ => return None,
        })
    }
}

/// The armed point, or 0. Relaxed: set by the boot thread, and any later look may see it.
static ARMED: AtomicU8 = AtomicU8::new(0);

/// Arms `point`. False in builds without debug assertions, where points are not compiled in.
pub fn arm(point: Point) -> bool {
    ARMED.store(point as u8, Relaxed);
    cfg!(debug_assertions)
}

/// Panics if `point` is armed, once.
#[inline(always)]
pub fn point(point: Point) {
    if cfg!(debug_assertions) && ARMED.load(Relaxed) == point as u8 {
        ARMED.store(0, Relaxed);
        fire(point);
    }
}

#[cold]
fn fire(point: Point) {
    if point == Point::StackOverflow {
        let depth = overflow(0);
        panic!("the stack did not overflow: {depth}");
    }
    panic!("injected at {point:?}");
}

#[allow(unconditional_recursion, reason = "that is the point")]
fn overflow(depth: u64) -> u64 {
    let page = core::hint::black_box([depth; 64]);
    overflow(page[63] + 1) + page[0]
}
