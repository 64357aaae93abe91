//! Locks that spin. Locks that sleep need threads and live in `sched`.

mod spin_lock;

pub use ::spin::Once;
pub use spin_lock::{SpinGuard, SpinLock};
