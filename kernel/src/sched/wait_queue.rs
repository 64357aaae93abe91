//! [`WaitQueue`], [`SleepLock`] and [`SleepRwLock`] of crate `fl-sleep` over this scheduler: threads in a [`ThreadList`] behind a spin lock.

use super::run_queue;
use super::switching;
use super::thread_list::ThreadList;
use crate::inject::{self, Point};
use crate::sync::{LockClass, SpinGuard, SpinLock};
use fl_sleep::{Held, Waiters};

/// Threads waiting for a condition. Waking is callable from interrupts.
pub type WaitQueue = fl_sleep::WaitQueue<Sleepers>;
/// A lock whose waiters sleep.
pub type SleepLock<T> = fl_sleep::SleepLock<T, Sleepers>;
/// A held [`SleepLock`].
pub type SleepGuard<'a, T> = fl_sleep::SleepGuard<'a, T, Sleepers>;

/// A lock for readers and writers, who sleep for it and may sleep with it.
pub type SleepRwLock<T> = fl_sleep::SleepRwLock<T, Sleepers>;
/// A [`SleepRwLock`] held for reading.
pub type ReadGuard<'a, T> = fl_sleep::ReadGuard<'a, T, Sleepers>;

/// Threads that sleep in one queue.
pub struct Sleepers(SpinLock<ThreadList>);

impl Waiters for Sleepers {
    type Held<'a> = SpinGuard<'a, ThreadList>;
    const NEW: Self = Self(SpinLock::new(LockClass::WaitQueue, ThreadList::new()));

    #[inline]
    fn lock(&self) -> SpinGuard<'_, ThreadList> {
        self.0.lock()
    }
}

impl Held for SpinGuard<'_, ThreadList> {
    fn sleep(mut self) {
        let me = switching::current_arc(self.irq());
        self.push(me);
        let irq = self.unlock_keeping_irq_off();
        inject::pass(Point::Sleeping);
        // A waker may queue this thread as ready from here on; until it is off this CPU no other one runs it.
        switching::schedule(&irq);
    }

    fn wake_one(&mut self) -> bool {
        let woken = self.pop().inspect(|_| inject::pass(Point::Waking));
        woken.map(run_queue::make_ready).is_some()
    }
}
