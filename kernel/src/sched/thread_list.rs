//! A first-in-first-out list of threads, linked through the threads themselves: queueing allocates nothing.

use super::thread::Thread;
use alloc::sync::Arc;

/// A queue of threads. Whoever locks it guards the `next` of its members.
pub struct ThreadList {
    head: Option<Arc<Thread>>,
    /// The last member; dangling when `head` is `None`.
    tail: *const Thread,
}
// SAFETY: the pointer is to a member that `head` keeps alive; the list is used under its owner's lock.
unsafe impl Send for ThreadList {}

impl ThreadList {
    /// Empty.
    pub const fn new() -> Self {
        Self { head: None, tail: core::ptr::null() }
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Appends a thread that is in no list.
    pub fn push(&mut self, thread: Arc<Thread>) {
        let tail = Arc::as_ptr(&thread);
        // SAFETY: the thread is in no list, so nobody else touches its link.
        debug_assert!(unsafe { (*thread.next.get()).is_none() });
        if self.head.is_none() {
            self.head = Some(thread);
        } else {
            // SAFETY: `tail` is the last member, alive through the chain from `head`; its link is guarded by our lock.
            unsafe { *(*self.tail).next.get() = Some(thread) };
        }
        self.tail = tail;
    }

    /// Puts a thread that is in no list before all others.
    pub fn push_front(&mut self, thread: Arc<Thread>) {
        if self.head.is_none() {
            return self.push(thread);
        }
        // SAFETY: the thread is in no list, so nobody else touches its link; from here on our lock guards it.
        unsafe { *thread.next.get() = self.head.take() };
        self.head = Some(thread);
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<Arc<Thread>> {
        let thread = self.head.take()?;
        // SAFETY: a member's link, guarded by our lock.
        self.head = unsafe { (*thread.next.get()).take() };
        Some(thread)
    }

    /// Takes the first that satisfies `want`; the others stay, in order.
    pub fn take_first(&mut self, want: impl Fn(&Thread) -> bool) -> Option<Arc<Thread>> {
        let (mut found, mut rest) = (None, Self::new());
        while let Some(thread) = self.pop() {
            if found.is_none() && want(&thread) { found = Some(thread) } else { rest.push(thread) }
        }
        *self = rest;
        found
    }

    /// Takes all that satisfy `want`, in order; the others stay, in order.
    pub fn take_where(&mut self, want: impl Fn(&Thread) -> bool) -> Self {
        let (mut taken, mut rest) = (Self::new(), Self::new());
        while let Some(thread) = self.pop() {
            if want(&thread) { taken.push(thread) } else { rest.push(thread) }
        }
        *self = rest;
        taken
    }
}
