//! Waiting asleep, over any scheduler: [`WaitQueue`] for a condition, [`SleepLock`] for a turn, [`SleepRwLock`] for readers and writers.
//!
//! What a scheduler gives is [`Waiters`]: a list of threads behind a lock, and going to sleep in it. That no wake-up is lost follows from the order in
//! which the lock and the condition are used here, and is checked for every interleaving by the loom tests, which compile these files.
#![no_std]

mod lock;
mod queue;
mod rw_lock;

pub use lock::{SleepGuard, SleepLock};
pub use queue::{Held, WaitQueue, Waiters};
pub use rw_lock::{ReadGuard, SleepRwLock, WriteGuard};
