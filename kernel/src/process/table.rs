//! [`Process`], and the table of those that live.

use super::files::Files;
use crate::sched::{self, SleepLock, WaitQueue};
use crate::sync::SpinLock;
use crate::vm::Space;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use fl_addr::Pid;
use fl_trace::event::{ExitCause, Name};

/// A process. One thread each.
///
/// Owns: its address space, until it exits. Lifecycle: spawned, exits, is waited for; freed when its parent and its thread have let go.
pub struct Process {
    /// Who it is.
    pub pid: Pid,
    /// Who made it.
    pub parent: Pid,
    /// As exit lines show it.
    pub name: Name,
    /// Its memory.
    pub space: Space,
    /// Its open files, and its program as a file.
    pub files: SleepLock<Files>,
    /// The command line that started it.
    pub(super) command: alloc::string::String,
    /// Entry point of its program.
    pub(super) entry: u64,
    /// Why the last user copy failed: an [`ExitCause`]. Relaxed: its own thread only.
    pub(super) copy_failure: AtomicU8,
    /// How it ended.
    pub(super) ended: SpinLock<Option<Ended>>,
    /// Its parent, waiting.
    pub(super) done: WaitQueue,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What `wait` returns.
    pub status: i32,
    /// Why.
    pub cause: ExitCause,
}

/// All processes between spawn and exit. Rank 1.
static LIVE: SpinLock<Vec<Arc<Process>>> = SpinLock::new(Vec::new());

static NEXT_PID: AtomicU32 = AtomicU32::new(1);

/// The next process identifier; never reused.
pub(super) fn next_pid() -> Pid {
    Pid(NEXT_PID.fetch_add(1, Relaxed)) // Relaxed: only uniqueness counts
}

/// Adds a process. False: no memory for the entry.
pub(super) fn add(process: &Arc<Process>) -> bool {
    let mut live = LIVE.lock();
    if live.try_reserve(1).is_err() {
        return false;
    }
    live.push(process.clone());
    true
}

/// Takes a process out.
pub(super) fn remove(pid: Pid) {
    let gone = {
        let mut live = LIVE.lock();
        let at = live.iter().position(|p| p.pid == pid);
        at.map(|at| live.swap_remove(at))
    };
    drop(gone);
    let mut live = LIVE.lock();
    if live.is_empty() {
        *live = Vec::new(); // so that an idle machine's heap is as it was at boot
    }
}

/// How many live.
pub fn count() -> u32 {
    LIVE.lock().len() as u32
}

/// Calls `f` with each live process. The table is locked meanwhile: `f` must be brief and take nothing.
pub fn live(mut f: impl FnMut(&Process)) {
    for process in LIVE.lock().iter() {
        f(process);
    }
}

/// The running thread's process. Valid while that thread runs, and costs no reference count.
pub struct CurrentProcess {
    thread: sched::Current,
}

impl core::ops::Deref for CurrentProcess {
    type Target = Process;
    fn deref(&self) -> &Process {
        self.thread.owner().and_then(|o| o.downcast_ref()).expect("checked by `current`")
    }
}

/// The process of the running thread; `None` in kernel threads.
#[inline]
pub fn current() -> Option<CurrentProcess> {
    let thread = sched::current();
    thread.owner().is_some().then_some(CurrentProcess { thread })
}

impl Process {
    /// Sleeps until it has ended.
    pub fn wait(&self) -> Ended {
        let mut how = None;
        self.done.wait_until(|| {
            how = *self.ended.lock();
            how.is_some()
        });
        how.expect("the condition held")
    }
}
