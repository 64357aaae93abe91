//! [`Completion`]: where the end of one request is told, and where its thread sleeps.

use super::BlockError;
use crate::sched::{self, WaitQueue};
use core::sync::atomic::{AtomicU8, Ordering};
use fl_trace::event::BlockedOn;

/// No request.
const IDLE: u8 = 0;
/// A request is on the way; the disk holds a pointer to this value.
const PENDING: u8 = 1;
/// The ends.
const OK: u8 = 2;
const IO: u8 = 3;
const UNSUPPORTED: u8 = 4;
const TIMEOUT: u8 = 5;
const GONE: u8 = 6;

/// The end of one request at a time.
///
/// IDLE -> PENDING (the disk takes the request) -> an end (told, mostly in the interrupt) -> IDLE (`wait`). Dropping it waits.
pub struct Completion {
    /// Changed from PENDING under the queue's lock only, so that whoever sees the end under that lock may free this value at once.
    state: AtomicU8,
    queue: WaitQueue,
}

impl Completion {
    /// Idle.
    pub const fn new() -> Self {
        Self { state: AtomicU8::new(IDLE), queue: WaitQueue::new() }
    }

    /// Sleeps until the request is done, and becomes idle. Uninterruptible: the disk may be writing to the request's memory.
    ///
    /// # Errors
    /// What the disk said. [`BlockError::Malformed`] if there was no request.
    pub fn wait(&self) -> Result<(), BlockError> {
        if self.state.load(Ordering::Relaxed) == PENDING {
            sched::tell_blocked(BlockedOn::Disk); // it may be done before the thread sleeps; that is as may be
        }
        // Acquire: partner is `tell`; what the disk put into memory was seen by the one who told.
        self.queue.wait_until(|| self.is_done());
        match self.state.swap(IDLE, Ordering::Relaxed) {
            OK => Ok(()),
            IO => Err(BlockError::Io),
            UNSUPPORTED => Err(BlockError::Unsupported),
            TIMEOUT => Err(BlockError::Timeout),
            GONE => Err(BlockError::Gone),
            _ => Err(BlockError::Malformed),
        }
    }

    /// Whether [`wait`](Self::wait) would return at once.
    pub fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) != PENDING // as in `wait`
    }

    /// For a disk: a request is on its way.
    pub(super) fn begin(&self) {
        let before = self.state.swap(PENDING, Ordering::Relaxed); // Relaxed: the disk learns of it under its lock, later
        debug_assert!(before == IDLE, "a completion serves one request at a time");
    }

    /// For a disk: the request was refused after all.
    pub(super) fn cancel(&self) {
        self.state.store(IDLE, Ordering::Relaxed); // Relaxed: nobody waits yet
    }

    /// For a disk: the request is done. Nothing of `self` may be touched afterwards. Callable from interrupts.
    pub(super) fn tell(&self, end: Result<(), BlockError>) {
        let state = match end {
            Ok(()) => OK,
            Err(BlockError::Unsupported) => UNSUPPORTED,
            Err(BlockError::Timeout) => TIMEOUT,
            Err(BlockError::Gone) => GONE,
            Err(_) => IO,
        };
        // Release: partner is the load in `wait`.
        self.queue.change_and_wake_all(|| self.state.store(state, Ordering::Release));
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        // Nobody else can start a request on it any more, so there is nothing to race with.
        if *self.state.get_mut() == PENDING {
            let _ = self.wait(); // whoever drops it does not care how it ended, only that it did
        }
    }
}
