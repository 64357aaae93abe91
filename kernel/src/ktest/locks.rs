//! Spin locks used wrongly on purpose: the panic that follows is the test's success.

use crate::sched;
use crate::sync::{LockClass, SpinLock};

/// Of low and of high rank.
static OUTER: SpinLock<()> = SpinLock::of(LockClass::Page, ());
static INNER: SpinLock<()> = SpinLock::of(LockClass::SwapMap, ());

/// Takes two locks the wrong way round. Does not return.
pub fn out_of_order() -> Result<&'static str, &'static str> {
    drop((OUTER.lock(), INNER.lock())); // the right way
    let _inner = INNER.lock();
    let _outer = OUTER.lock();
    Err("nobody noticed")
}

/// Sleeps with a lock held. Does not return.
pub fn asleep() -> Result<&'static str, &'static str> {
    let _held = OUTER.lock();
    sched::sleep(1);
    Err("nobody noticed")
}
