//! Samples for `trace=+access`: which pages were used, mapping by mapping, several times a second. A kernel thread looks at the accessed and dirty
//! bits of all resident pages and takes the accessed bits away, so that the next look tells of the time between.
//!
//! The policy lives by the same bits: that a page was used is kept for it in [`Body::used`](crate::vm::page::Body::used).

use super::frame_table;
use crate::mm::flush_batch::FlushBatch;
use crate::sched::{self, SpawnError};
use crate::time::TICK_HZ;
use crate::trace::{classes, drain, emit};
use crate::vm::page::Page;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use fl_trace::class::Class;
use fl_trace::event::{AccessSample, Event};

/// Ticks between two looks at all pages: 20 a second, which shows what programs do in turns of the scheduler and costs a few percent at most.
const PERIOD: u64 = TICK_HZ / 20;
/// Frames looked at with the table locked once.
const PIECE: usize = 16;
/// Mappings of one page that are looked at; there are events for so many between two admissions.
const MAPPINGS: usize = 16;

/// It holds a page now. Relaxed: for power-off, which looks again.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// Starts the thread. Once, where pages are evicted, before the boot counters are read: it stays.
pub(super) fn start() -> Result<(), SpawnError> {
    sched::spawn_kernel("sampler", run, 0)
}

/// Whether it holds no page.
pub(super) fn is_idle() -> bool {
    !AT_WORK.load(Relaxed)
}

extern "C" fn run(_: usize) -> ! {
    loop {
        sched::sleep(PERIOD);
        // A program may have asked for fewer events.
        if classes::current().contains(Class::Access) {
            AT_WORK.store(true, Relaxed);
            look_at_all();
            AT_WORK.store(false, Relaxed);
        }
    }
}

fn look_at_all() {
    let mut next = Some(0);
    while let Some(from) = next {
        let mut pages: heapless::Vec<Arc<Page>, PIECE> = heapless::Vec::new();
        next = frame_table::lock().pages(from, PIECE, |page| _ = pages.push(page.clone()));
        let mut flush = FlushBatch::new();
        for page in &pages {
            drain::admit();
            look(page, &mut flush);
        }
        flush.flush();
    }
}

/// Tells what the mappings of a page say. A page that is busy or locked is left out.
fn look(page: &Page, flush: &mut FlushBatch) {
    let Some(mut body) = page.try_lock() else { return };
    let Some(frame) = body.state.frame().filter(|_| !body.state.is_busy()) else { return };
    let mut used = false;
    for (space, vpn) in body.shown.iter().take(MAPPINGS) {
        let Some(bits) = space.sample(vpn) else { continue };
        if bits.accessed {
            used = true;
            flush.add(space, vpn);
        }
        let (pid, va) = (space.owner(), vpn.start());
        let (accessed, dirty) = (bits.accessed, bits.dirty);
        emit(Event::AccessSample(AccessSample { pid, va, page: page.id, frame, accessed, dirty }));
    }
    body.used |= used;
}
