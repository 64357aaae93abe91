//! Spin locks used wrongly on purpose: the panic that follows is the test's success.

use crate::arch::interrupts::IrqOff;
use crate::mm::flush_batch::FlushBatch;
use crate::sched;
use crate::sync::{LockClass, SpinLock};

/// Of low and of high rank.
static OUTER: SpinLock<()> = SpinLock::new(LockClass::Page, ());
static ANOTHER: SpinLock<()> = SpinLock::new(LockClass::Page, ());
static INNER: SpinLock<()> = SpinLock::new(LockClass::SwapMap, ());

/// Takes two locks the wrong way round. Does not return.
pub fn out_of_order() -> Result<&'static str, &'static str> {
    drop((OUTER.lock(), INNER.lock())); // the right way
    let _inner = INNER.lock();
    let _outer = OUTER.lock();
    Err("nobody noticed")
}

/// Takes two locks of one class. Does not return.
pub fn twice() -> Result<&'static str, &'static str> {
    let _one = OUTER.lock();
    let _other = ANOTHER.lock();
    Err("nobody noticed")
}

/// Waits for other processors to drop translations where they cannot ask this one to. Does not return.
pub fn flush_uninterruptibly() -> Result<&'static str, &'static str> {
    let _off = IrqOff::new();
    FlushBatch::new().flush();
    Err("nobody noticed")
}

/// Sleeps with a lock held. Does not return.
pub fn asleep() -> Result<&'static str, &'static str> {
    let _held = OUTER.lock();
    sched::sleep(1);
    Err("nobody noticed")
}
