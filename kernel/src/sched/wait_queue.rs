//! [`WaitQueue`]: threads that sleep until something is so.

use super::run_queue;
use super::thread_list::ThreadList;
use crate::sync::SpinLock;

/// Threads waiting for a condition.
///
/// No wake-up is lost: a waiter checks the condition and enters the queue under the queue's lock; a waker makes the condition
/// true first and takes the lock second. So either the waiter sees the condition, or the waker sees the waiter.
pub struct WaitQueue {
    waiting: SpinLock<ThreadList>,
}

impl WaitQueue {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { waiting: SpinLock::new(ThreadList::new()) }
    }

    /// Sleeps until `condition` holds. It is evaluated under the queue's lock: it must not wait, sleep or take locks that
    /// are held while this queue is woken.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        loop {
            let mut waiting = self.waiting.lock();
            if condition() {
                return;
            }
            let me = run_queue::current_arc(waiting.irq());
            waiting.push(me);
            let irq = waiting.unlock_keeping_irq_off();
            // A waker may queue this thread as ready from here on; with interrupts off it runs only after the switch.
            run_queue::schedule(&irq);
        }
    }

    /// Wakes the one that has waited longest. Callable from interrupts.
    pub fn wake_one(&self) {
        let mut waiting = self.waiting.lock();
        if let Some(thread) = waiting.pop() {
            run_queue::make_ready(thread);
        }
    }

    /// Calls `change`, which makes the condition true, and wakes all, in one go under the queue's lock. Callable from interrupts.
    ///
    /// For a queue whose waiter frees it once the condition holds: nothing of the queue is touched after the waiter can know.
    pub fn change_and_wake_all(&self, change: impl FnOnce()) {
        let mut waiting = self.waiting.lock();
        change();
        while let Some(thread) = waiting.pop() {
            run_queue::make_ready(thread);
        }
    }

    /// Wakes all. Callable from interrupts.
    pub fn wake_all(&self) {
        let mut waiting = self.waiting.lock();
        while let Some(thread) = waiting.pop() {
            run_queue::make_ready(thread);
        }
    }
}
