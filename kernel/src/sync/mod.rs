//! Locks that spin. Locks that sleep need threads and live in `sched`.

pub mod order;
mod spin_lock;

pub use ::spin::Once;
pub use fl_trace::locks::LockClass;
pub use spin_lock::{SpinGuard, SpinLock, count_wait, lock_use, spins_for};
