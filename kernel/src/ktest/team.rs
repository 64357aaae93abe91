//! Several threads that do the same for a test, and the first thing that went wrong in any of them.

use crate::sched::{self, WaitQueue};
use crate::sync::{LockClass, SpinLock};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

struct Team {
    body: fn(u32) -> Result<(), String>,
    failed: SpinLock<Option<String>>,
    /// Threads that still run. SeqCst: a test, clarity before speed.
    left: AtomicU32,
    ended: WaitQueue,
}

/// One thread's half.
struct Member {
    team: Arc<Team>,
    number: u32,
}

/// Calls `body` with 0, 1, ... in threads of their own and sleeps until all have ended.
pub fn run(threads: u32, body: fn(u32) -> Result<(), String>) -> Result<(), String> {
    let team = Arc::new(Team {
        body,
        failed: SpinLock::new(LockClass::Test, None),
        left: AtomicU32::new(0),
        ended: WaitQueue::new(),
    });
    let started = (0..threads).try_for_each(|number| start(&team, number));
    team.ended.wait_until(|| team.left.load(SeqCst) == 0);
    started?;
    team.failed.lock().take().map_or(Ok(()), Err)
}

fn start(team: &Arc<Team>, number: u32) -> Result<(), String> {
    let member = Box::into_raw(Box::new(Member { team: team.clone(), number }));
    team.left.fetch_add(1, SeqCst);
    sched::spawn_kernel("selftest", thread, member as usize).map_err(|error| {
        // SAFETY: made above; no thread has it.
        drop(unsafe { Box::from_raw(member) });
        team.left.fetch_sub(1, SeqCst);
        format!("a thread cannot start: {error:?}")
    })
}

extern "C" fn thread(member: usize) -> ! {
    {
        // SAFETY: the pointer that `start` made, used once.
        let Member { team, number } = *unsafe { Box::from_raw(member as *mut Member) };
        if let Err(why) = (team.body)(number) {
            team.failed.lock().get_or_insert(format!("thread {number}: {why}"));
        }
        team.left.fetch_sub(1, SeqCst);
        team.ended.wake_all();
    }
    sched::exit()
}
