//! Out of memory: which process ends for the others, and how it learns of it.
//!
//! The one with the most private pages, in frames and in swap slots, and never the first while others live: that is who started them. It ends at its
//! next way to user mode; what it sleeps for is cut short: a frame, a child, a line of input. What else a process sleeps for ends by itself: a
//! page that is on its way, a disk. To end takes no frame.

use super::exit;
use super::table::{self, Process};
use crate::reclaim::{self, oom};
use crate::sched;
use crate::trace::{drain, emit};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use fl_addr::Pid;
use fl_trace::event::{Event, OutOfMemory};

/// Ticks (milliseconds) that one who was chosen has before the next is: long enough to write its mapped files, also where the host is busy or the trace is
/// waited for. Nobody is spared by less: who was chosen ends in any case.
const GRACE: u64 = 5000;

/// When the last one was chosen, in ticks. Relaxed: the evictor's own.
static CHOSEN_AT: AtomicU64 = AtomicU64::new(0);

/// Says what is to be done when there is no memory. Once, at boot.
pub(super) fn init() {
    oom::set_handler(oom::OutOfMemory { end_one, is_ending: exit::is_ending });
}

/// Has the largest process end, unless one that was chosen before is still about to. False: there is none to choose. By the evictor.
fn end_one() -> bool {
    let now = sched::ticks();
    if exit::left_to_end() != 0 && now < CHOSEN_AT.load(Relaxed) + GRACE {
        return true;
    }
    table::live(|process| process.space.table.usage().reset());
    oom::count_pages();
    let mut others = false;
    table::live(|process| others |= !is_first(process));
    let size = |process: &Process| {
        let (resident, swapped) = process.space.table.usage().get();
        let may_end = !process.ending.load(Relaxed) && (!others || !is_first(process));
        may_end.then_some(resident + swapped)
    };
    let Some(victim) = table::largest(size, exit::note_to_end) else { return false };
    CHOSEN_AT.store(now, Relaxed);
    let (resident, swapped) = victim.space.table.usage().get();
    let (_, free_slots) = reclaim::swap::slots();
    drain::admit();
    emit(Event::OutOfMemory(OutOfMemory { pid: victim.pid, resident, swapped, free_slots }));
    defmt::warn!("out of memory: process {=u32} ends, {=u32} pages", victim.pid.0, resident + swapped);
    victim.wake_from_wait();
    sched::wake_readers();
    reclaim::refuse(victim.pid);
    true
}

/// Whether the kernel started it itself.
fn is_first(process: &Process) -> bool {
    process.parent == Pid(0)
}
