//! The page fault that a thread is in: so that whoever puts the thread to sleep, in whatever layer, can tell that a fault sleeps, and for what.

use super::thread::current;
use crate::trace::emit;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use fl_addr::{PageId, VirtAddr};
use fl_trace::event::{BlockedOn, Event, FaultBlocked};

/// No fault: an address at which none can be, for it is not canonical.
const NONE: u64 = 1 << 63;

/// What is known of the fault that a thread is in. Noted only while somebody watches. Relaxed everywhere: the thread's own.
pub struct FaultNote {
    va: AtomicU64,
    page: AtomicU32,
}

impl FaultNote {
    /// The thread is in no fault.
    pub const fn none() -> Self {
        Self { va: AtomicU64::new(NONE), page: AtomicU32::new(0) }
    }
}

/// The running thread handles a fault of `page` at `va`, and may sleep for it.
pub fn enter_fault(va: VirtAddr, page: PageId) {
    let thread = current();
    thread.fault.va.store(va.0, Relaxed);
    thread.fault.page.store(page.0, Relaxed);
}

/// The running thread's fault is done.
pub fn leave_fault() {
    current().fault.va.store(NONE, Relaxed);
}

/// The running thread is about to sleep for `on`: tells so, if it is in a fault.
pub fn tell_blocked(on: BlockedOn) {
    let thread = current();
    let va = thread.fault.va.load(Relaxed);
    if va != NONE {
        let page = PageId(thread.fault.page.load(Relaxed));
        emit(Event::FaultBlocked(FaultBlocked { pid: thread.pid(), va: VirtAddr(va), page, on }));
    }
}
