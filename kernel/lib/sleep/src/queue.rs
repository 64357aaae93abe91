//! [`WaitQueue`]: threads that sleep until something is so.

use fl_model::mutant;

/// A list of sleeping threads, first come first served, behind a lock that spins.
pub trait Waiters {
    /// The list while its lock is held.
    type Held<'a>: Held
    where
        Self: 'a;

    /// An empty list.
    #[cfg(not(loom))]
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "each use is a list of its own, which is what is wanted"
    )]
    const NEW: Self;
    /// An empty list.
    #[cfg(loom)]
    fn new() -> Self;

    /// Takes the lock.
    fn lock(&self) -> Self::Held<'_>;
}

/// A list of sleeping threads whose lock is held. Letting go of it lets go of the lock.
pub trait Held {
    /// Appends the running thread, lets go of the lock, and sleeps until somebody has taken it out by [`wake_one`](Self::wake_one). From the moment it is in
    /// the list it may be woken: a thread that is on its way to sleep must not run twice.
    fn sleep(self);

    /// Takes out the thread that has waited longest and makes it run. False: there is none.
    fn wake_one(&mut self) -> bool;
}

/// Threads waiting for a condition.
///
/// No wake-up is lost: a waiter checks the condition and enters the queue under the queue's lock; a waker makes the condition
/// true first and takes the lock second. So either the waiter sees the condition, or the waker sees the waiter.
pub struct WaitQueue<W> {
    waiters: W,
}

impl<W: Waiters> WaitQueue<W> {
    /// Nobody waits.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { waiters: W::NEW }
    }
    /// Nobody waits.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { waiters: W::new() }
    }

    /// Sleeps until `condition` holds. It is evaluated under the queue's lock: it must not wait, sleep or take locks that
    /// are held while this queue is woken.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        loop {
            if mutant!("looked_before_the_lock") {
                if condition() {
                    return;
                }
                self.waiters.lock().sleep();
                continue;
            }
            let waiters = self.waiters.lock();
            if condition() {
                return;
            }
            waiters.sleep();
        }
    }

    /// Wakes the one that has waited longest. Callable from interrupts.
    pub fn wake_one(&self) {
        self.waiters.lock().wake_one();
    }

    /// Wakes all. Callable from interrupts.
    pub fn wake_all(&self) {
        self.change_and_wake_all(|| ());
    }

    /// Calls `change`, which makes the condition true, and wakes all, in one go under the queue's lock. Callable from interrupts.
    ///
    /// For a queue whose waiter frees it once the condition holds: nothing of the queue is touched after the waiter can know.
    pub fn change_and_wake_all(&self, change: impl FnOnce()) {
        let mut waiters = self.waiters.lock();
        change();
        while waiters.wake_one() {}
    }
}

impl<W: Waiters> Default for WaitQueue<W> {
    fn default() -> Self {
        Self::new()
    }
}
