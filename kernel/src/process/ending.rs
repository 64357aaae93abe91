//! The end of a process as its parent learns of it: after everything of the process is gone.

use crate::mm::heap;
use crate::sched::WaitQueue;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering::Relaxed};
use fl_addr::Pid;
use fl_family::LastWord;
use fl_trace::event::ExitCause;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What `wait` returns.
    pub status: i32,
    /// Why.
    pub cause: ExitCause,
}

/// What parent and child share. Freed by whoever lets go of it second.
struct Ending {
    word: LastWord,
    /// The parent, waiting.
    heard: WaitQueue,
}

/// The parent's end: a child that can be waited for.
pub struct Child {
    /// Who it is.
    pub pid: Pid,
    ending: Arc<Ending>,
}

impl Child {
    /// Sleeps until nothing is left of the child. Whoever has one waits once. `None`: it `gives_up`, which is asked again after [`Waited::wake`].
    pub fn wait(self, gives_up: impl Fn() -> bool) -> Option<Ended> {
        let mut how = None;
        self.ending.heard.wait_until(|| {
            how = self.ending.word.read();
            how.is_some() || gives_up()
        });
        let (status, cause) = how?;
        let cause = ExitCause::VALUES.get(usize::from(cause)).expect("a farewell says one of them");
        Some(Ended { status, cause: *cause })
    }

    /// For whoever has to wake who waits for it.
    pub fn waited(&self) -> Waited {
        Waited(self.ending.clone())
    }
}

/// A child that is waited for, as others know it.
#[derive(Clone)]
pub struct Waited(Arc<Ending>);

impl Waited {
    /// Has who waits for it look again whether it gives up.
    pub fn wake(&self) {
        self.0.heard.wake_all();
    }
}

/// The child's end: part of the process, and dropped as the last of it, which tells the parent.
///
/// So when `wait` returns, the exit line is printed, files and mappings are closed, and all memory is free again: kernel stack, page
/// tables and bookkeeping too. Dropped by the thread after the process's own, interrupts off; it takes spin locks only.
pub struct Farewell {
    ending: Arc<Ending>,
    /// Noted by the process itself. Relaxed, as `cause`: its own thread, then whoever drops it, who comes after the switch.
    status: AtomicI32,
    cause: AtomicU8,
}

impl Farewell {
    /// Heap bytes of what parent and child share.
    pub const HEAP: usize = heap::taken_by(size_of::<Ending>() + 2 * size_of::<usize>());

    /// The two ends for a new process. One that never runs was killed for want of memory.
    pub fn new(pid: Pid) -> (Self, Child) {
        let ending = Arc::new(Ending { word: LastWord::new(), heard: WaitQueue::new() });
        let child = Child { pid, ending: ending.clone() };
        let cause = AtomicU8::new(ExitCause::NoMemory as u8);
        (Self { ending, status: AtomicI32::new(-1), cause }, child)
    }

    /// Notes how the process ends.
    pub fn note(&self, how: Ended) {
        self.status.store(how.status, Relaxed);
        self.cause.store(how.cause as u8, Relaxed);
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.ending.word.say(self.status.load(Relaxed), self.cause.load(Relaxed));
        self.ending.heard.wake_all();
    }
}
