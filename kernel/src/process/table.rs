//! [`Process`], and the table of those that live.

use super::ending::{Child, Ended, Farewell, Waited};
use super::files::Files;
use super::start::Start;
use crate::mm::heap;
use crate::mm::stacks::STACKS_MAX;
use crate::sched::{self, CurrentOwner, SleepLock};
use crate::sync::{LockClass, SpinLock};
use crate::vm::Space;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use fl_addr::Pid;
use fl_family::Children;
use fl_trace::event::{ExitCause, Name};

/// A process. One thread each.
///
/// Owns: its address space, until it exits, and its children's last words. Lifecycle: spawned or forked, perhaps turned into another
/// program, exits; freed with its thread, when that has left its stack. The last field tells the parent.
pub struct Process {
    /// Who it is.
    pub pid: Pid,
    /// Who made it.
    pub parent: Pid,
    /// As exit lines show it. Exec does not change it.
    pub name: Name,
    /// Its memory.
    pub space: Space,
    /// Its open files, and its program as a file. Its own thread only.
    pub files: SleepLock<Files>,
    /// Those it can wait for. Its own thread only.
    pub(super) children: SleepLock<Children<Child>>,
    /// How its thread enters user mode.
    pub(super) start: Start,
    /// Why the last user copy failed: an [`ExitCause`]. Relaxed: its own thread only.
    copy_failure: AtomicU8,
    /// It is to end as soon as it can: there is no memory. Relaxed: seen late, it is seen at the next way to user mode.
    pub(super) ending: AtomicBool,
    /// The child that it waits for, for whoever makes it end. Rank 6.
    waits_for: SpinLock<Option<Waited>>,
    pub(super) farewell: Farewell,
}

impl Process {
    /// Heap bytes of one, with what it shares with its parent.
    pub(super) const HEAP: usize =
        heap::taken_by(size_of::<Self>() + 2 * size_of::<usize>()) + Farewell::HEAP;

    /// A process, in no table yet, and its parent's end of it.
    pub(super) fn new(
        pid: Pid,
        parent: Pid,
        name: Name,
        space: Space,
        files: Files,
        start: Start,
    ) -> (Arc<Self>, Child) {
        space.table.set_owner(pid);
        let (farewell, child) = Farewell::new(pid);
        let files = SleepLock::new(files);
        let children = SleepLock::new(Children::new());
        let copy_failure = AtomicU8::new(ExitCause::BadPointer as u8);
        let (ending, waits_for) = (AtomicBool::new(false), SpinLock::new(LockClass::WaitsFor, None));
        let process = Self {
            pid,
            parent,
            name,
            space,
            files,
            children,
            start,
            copy_failure,
            ending,
            waits_for,
            farewell,
        };
        (Arc::new(process), child)
    }

    /// Notes why a fault inside a user copy could not be resolved.
    pub fn note_copy_failure(&self, cause: ExitCause) {
        self.copy_failure.store(cause as u8, Relaxed);
    }

    /// The reason for which the process ends if the last user copy failed.
    pub fn copy_failure(&self) -> ExitCause {
        let no_memory = self.copy_failure.load(Relaxed) == ExitCause::NoMemory as u8;
        if no_memory { ExitCause::NoMemory } else { ExitCause::BadPointer }
    }

    /// Sleeps until nothing is left of the child. `None`: this process is to end first.
    pub fn wait_for(&self, child: Child) -> Option<Ended> {
        *self.waits_for.lock() = Some(child.waited());
        let ended = child.wait(|| self.ending.load(Relaxed));
        let waited = self.waits_for.lock().take();
        drop(waited);
        ended
    }

    /// Has it look again whether it is to end, if it waits for a child.
    pub(super) fn wake_from_wait(&self) {
        let waited = self.waits_for.lock().clone();
        if let Some(waited) = waited {
            waited.wake();
        }
    }

    /// Takes a child out of those that can be waited for.
    pub fn take_child(&self, pid: Pid) -> Option<Child> {
        self.children.lock().take(pid)
    }
}

/// All processes between spawn and exit. Rank 6. It has room for as many as there are kernel stacks, and so never grows.
static LIVE: SpinLock<Vec<Arc<Process>>> = SpinLock::new(LockClass::Processes, Vec::new());

static NEXT_PID: AtomicU32 = AtomicU32::new(1);

/// Makes the table. Once, at boot, before the first process.
pub fn init() {
    LIVE.lock().reserve_exact(STACKS_MAX);
}

/// The next process identifier; never reused.
pub(super) fn next_pid() -> Pid {
    Pid(NEXT_PID.fetch_add(1, Relaxed)) // Relaxed: only uniqueness counts
}

/// Adds a process, whose thread has its stack already.
pub(super) fn add(process: &Arc<Process>) {
    let mut live = LIVE.lock();
    assert!(live.len() < live.capacity(), "more processes than kernel stacks");
    live.push(process.clone());
}

/// Takes a process out.
pub(super) fn remove(pid: Pid) {
    let gone = {
        let mut live = LIVE.lock();
        let at = live.iter().position(|p| p.pid == pid);
        at.map(|at| live.swap_remove(at))
    };
    drop(gone);
}

/// How many live.
pub fn count() -> u32 {
    LIVE.lock().len() as u32
}

/// The live process with the largest key, to which `f` is done before it can be gone. Those without a key do not count. As [`live`].
pub(super) fn largest<K: Ord>(
    key: impl Fn(&Process) -> Option<K>,
    f: impl FnOnce(&Process),
) -> Option<Arc<Process>> {
    let live = LIVE.lock();
    let (_, process) = live.iter().filter_map(|p| Some((key(p)?, p))).max_by(|(a, _), (b, _)| a.cmp(b))?;
    f(process);
    Some(process.clone())
}

/// Calls `f` with each live process. The table is locked meanwhile: `f` must be brief and take nothing.
pub fn live(mut f: impl FnMut(&Process)) {
    for process in LIVE.lock().iter() {
        f(process);
    }
}

/// The running thread's process. Valid while that thread runs, and costs no reference count.
pub type CurrentProcess = CurrentOwner<Process>;

/// The process of the running thread; `None` in kernel threads.
#[inline]
pub fn current() -> Option<CurrentProcess> {
    sched::owner()
}
