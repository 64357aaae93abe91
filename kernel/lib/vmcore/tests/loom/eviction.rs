//! The evictor against faults, exits and readahead: no store is lost, no frame is reached after it was freed, nobody sleeps for ever.

use crate::{Twin, caught, model, only_right};
use fl_addr::{Pfn, Slot};
use fl_vmcore::{Home, PageState, Redeemed, Refused, Remains, State, Verdict};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

const PRESENT: usize = 1;
const DIRTY: usize = 2;
/// What the next owner of a freed frame stores there.
const JUNK: usize = 99;
const SLOT: Slot = Slot(3);
/// The frame the page begins in, and the one a fault has in hand.
const OLD: Pfn = Pfn(0);
const NEW: Pfn = Pfn(1);

/// A page with one mapping, that of a process on another processor.
struct Page {
    state: Mutex<PageState>,
    wake: Condvar,
    /// Frame * 4, DIRTY, PRESENT; or 0.
    pte: AtomicUsize,
    /// Whether that processor is between translating an address and the end of the access.
    translating: AtomicBool,
    frames: [AtomicUsize; 2],
    slot: AtomicUsize,
    frees: AtomicUsize,
    /// Loads that were begun.
    loads: AtomicUsize,
    /// How often sleepers were woken, and whether one was not and should have been.
    wakes: AtomicUsize,
    overslept: AtomicBool,
}

/// Resident in the old frame with a copy in the slot.
fn with_copy() -> PageState {
    let written = PageState::copied(OLD).unpin().unwrap().begin_evict().unwrap().judge(false).unwrap().0;
    let swapped = written.begin_write(Home::Slot(SLOT)).unwrap().0.written().unwrap().0;
    swapped.claim().unwrap().publish(OLD).unwrap().unpin().unwrap()
}

impl Page {
    /// The page, holding 1, which its copy holds too; `pte` is its mapping.
    fn new(state: PageState, pte: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
            pte: AtomicUsize::new(pte),
            translating: AtomicBool::new(false),
            frames: [AtomicUsize::new(1), AtomicUsize::new(0)],
            slot: AtomicUsize::new(1),
            frees: AtomicUsize::new(0),
            loads: AtomicUsize::new(0),
            wakes: AtomicUsize::new(0),
            overslept: AtomicBool::new(false),
        })
    }

    fn free(&self, frame: Pfn) {
        self.frames[frame.0 as usize].store(JUNK, Release);
        self.frees.fetch_add(1, Relaxed);
    }

    fn wake(&self, twin: Twin) {
        if twin != Twin::NoWake {
            self.wakes.fetch_add(1, Relaxed);
            self.wake.notify_all();
        }
    }

    /// Sleeps on the page. Who is woken only by the [`alarm`](Self::alarm) would have slept for ever.
    fn sleep<'a>(&self, state: MutexGuard<'a, PageState>) -> MutexGuard<'a, PageState> {
        let before = self.wakes.load(Relaxed);
        let state = self.wake.wait(state).unwrap();
        if self.wakes.load(Relaxed) == before {
            self.overslept.store(true, Relaxed);
        }
        state
    }

    /// Wakes everybody once the evictor is done, so that a lost wake-up is an assertion that fails and no deadlock.
    fn alarm(&self) {
        drop(self.state.lock().unwrap());
        self.wake.notify_all();
    }

    fn assert_nobody_overslept(&self) {
        assert!(!self.overslept.load(Relaxed), "a wake-up is lost");
    }

    fn evict(&self, twin: Twin) {
        {
            let mut state = self.state.lock().unwrap();
            let Ok(evicting) = state.begin_evict() else { return };
            *state = evicting;
        }
        let early = self.pte.load(Acquire);
        let mut old = self.pte.swap(0, SeqCst);
        if twin == Twin::EarlyDirtyBit {
            old = early;
        }
        if twin != Twin::NoFlush {
            while self.translating.load(SeqCst) {
                thread::yield_now();
            }
        }
        {
            let mut state = self.state.lock().unwrap();
            let (judged, verdict) = state.judge(old & DIRTY != 0).unwrap();
            *state = judged;
            match verdict {
                Verdict::Kept => return self.wake(twin),
                Verdict::Gone(frame) => {
                    self.free(frame);
                    return self.wake(twin);
                }
                Verdict::Dirty(_) => *state = state.begin_write(Home::Slot(SLOT)).unwrap().0,
            }
        }
        self.slot.store(self.frames[OLD.0 as usize].load(Acquire), Release);
        let mut state = self.state.lock().unwrap();
        let (done, free) = state.written().unwrap();
        *state = done;
        if let Some(frame) = free {
            self.free(frame);
        }
        self.wake(twin);
    }

    /// The process stores 7: translates, or faults and tries again.
    fn store(&self) {
        loop {
            self.translating.store(true, SeqCst);
            let pte = self.pte.load(SeqCst);
            let translated =
                pte & PRESENT != 0 && self.pte.compare_exchange(pte, pte | DIRTY, SeqCst, Relaxed).is_ok();
            if translated {
                self.frames[pte >> 2].store(7, Release); // may come after the entry was taken away
            }
            self.translating.store(false, SeqCst);
            if translated {
                return;
            }
            if pte & PRESENT == 0 {
                let frame = self.pin();
                self.pte.store((frame.0 as usize) << 2 | PRESENT, SeqCst);
                let mut state = self.state.lock().unwrap();
                *state = state.unpin().unwrap();
            }
        }
    }

    /// Brings the page in and pins it.
    fn pin(&self) -> Pfn {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.pin() {
                Ok((pinned, frame)) => {
                    *state = pinned;
                    return frame;
                }
                Err(Refused::Busy) => {
                    let (waiting, mut ticket) = state.wait().unwrap();
                    *state = waiting;
                    loop {
                        state = self.sleep(state);
                        match state.redeem(ticket) {
                            Redeemed::Pinned(frame) => return frame,
                            Redeemed::StillBusy(same) => ticket = same,
                            Redeemed::Aborted => break,
                        }
                    }
                }
                Err(Refused::NotResident) => {
                    *state = state.claim().unwrap();
                    drop(state);
                    self.load();
                    state = self.state.lock().unwrap();
                    *state = state.publish(NEW).unwrap();
                    drop(state);
                    self.wake(Twin::Right);
                    return NEW;
                }
                Err(why) => panic!("{why}"),
            }
        }
    }

    fn load(&self) {
        self.loads.fetch_add(1, Relaxed);
        self.frames[NEW.0 as usize].store(self.slot.load(Acquire), Release);
    }

    /// The process exits: takes its mapping away and detaches, waiting for the evictor if it has to.
    fn exit(&self, twin: Twin) -> Option<Remains> {
        let early = if twin == Twin::LateReport { self.pte.swap(0, SeqCst) } else { 0 };
        let mut state = self.state.lock().unwrap();
        let pte = early | self.pte.swap(0, SeqCst);
        loop {
            match state.detach(pte & DIRTY != 0 && state.frame().is_some()) {
                Ok((left, remains)) => {
                    *state = left;
                    return remains;
                }
                Err(Refused::Busy) => state = self.sleep(state),
                Err(why) => panic!("{why}"),
            }
        }
    }

    /// What a process that reads the page would see.
    fn value(&self) -> usize {
        match self.state.lock().unwrap().state() {
            State::Resident { frame, .. } => self.frames[frame.0 as usize].load(Acquire),
            State::Swapped { .. } => self.slot.load(Acquire),
            other => panic!("{other:?}"),
        }
    }
}

/// The page is resident and mapped, with a true copy; a process stores to it while the evictor takes it away.
fn evictor_and_store(twin: Twin) {
    model(Some(3), move || {
        let page = Page::new(with_copy(), (OLD.0 as usize) << 2 | PRESENT);
        let other = page.clone();
        let process = thread::spawn(move || other.store());
        page.evict(twin);
        page.alarm();
        process.join().unwrap();
        page.assert_nobody_overslept();
        assert_eq!(page.value(), 7, "a store is lost");
        assert_eq!(page.state.lock().unwrap().pins(), 0);
    });
}

/// As before, but not mapped yet: the process faults first.
fn evictor_and_fault(twin: Twin) {
    model(Some(3), move || {
        let page = Page::new(with_copy(), 0);
        let other = page.clone();
        let process = thread::spawn(move || other.store());
        page.evict(twin);
        page.alarm();
        process.join().unwrap();
        page.assert_nobody_overslept();
        assert_eq!(page.value(), 7, "a store is lost");
        assert_eq!(page.state.lock().unwrap().pins(), 0);
    });
}

/// One of two sharers exits; its mapping alone knows that the page was stored to after it was copied to its slot.
fn evictor_and_sharer_that_exits(twin: Twin) {
    model(Some(3), move || {
        let shared = with_copy().attach(false).unwrap();
        let page = Page::new(shared, (OLD.0 as usize) << 2 | DIRTY | PRESENT);
        page.frames[OLD.0 as usize].store(7, Release);
        let other = page.clone();
        let process = thread::spawn(move || other.exit(twin));
        page.evict(Twin::Right);
        page.alarm();
        assert_eq!(process.join().unwrap(), None);
        assert_eq!(page.value(), 7, "what the other sharer sees");
    });
}

/// The only process exits: frame and slot are freed once, by whoever has them.
fn evictor_and_last_exit(twin: Twin) {
    model(Some(3), move || {
        let page = Page::new(with_copy(), (OLD.0 as usize) << 2 | DIRTY | PRESENT);
        let other = page.clone();
        let process = thread::spawn(move || other.exit(Twin::Right));
        page.evict(twin);
        page.alarm();
        let remains = process.join().unwrap().expect("it is the last");
        page.assert_nobody_overslept();
        let freed = page.frees.load(Relaxed) + usize::from(remains.frame.is_some());
        assert_eq!((freed, remains.slot), (1, Some(SLOT)));
    });
}

/// Readahead finds the page in its slot while its process faults on it: it is read once.
fn readahead_and_fault() {
    model(None, || {
        let swapped = with_copy().begin_evict().unwrap().judge(false).unwrap().0;
        let page = Page::new(swapped, 0);
        let other = page.clone();
        let process = thread::spawn(move || {
            other.pin();
            let mut state = other.state.lock().unwrap();
            *state = state.unpin().unwrap();
        });
        let claimed = {
            let mut state = page.state.lock().unwrap();
            state.claim_in(SLOT).inspect(|&claimed| *state = claimed).is_ok()
        };
        if claimed {
            page.load();
            let mut state = page.state.lock().unwrap();
            *state = state.publish_unpinned(NEW).unwrap();
            drop(state);
            page.wake(Twin::Right);
        }
        process.join().unwrap();
        page.assert_nobody_overslept();
        let state = *page.state.lock().unwrap();
        assert_eq!((page.loads.load(Relaxed), page.value(), state.pins()), (1, 1, 0));
    });
}

#[test]
fn a_store_during_eviction_is_not_lost() {
    only_right(evictor_and_store, &[Twin::NoFlush, Twin::EarlyDirtyBit, Twin::NoWake]);
    caught("skipped_writeback", || evictor_and_store(Twin::Right));
}

#[test]
fn a_fault_during_eviction_gets_the_page_and_no_freed_frame() {
    only_right(evictor_and_fault, &[Twin::NoWake]);
    caught("pinned_evicted", || evictor_and_fault(Twin::Right));
}

#[test]
fn the_dirty_bit_of_a_sharer_that_exits_during_eviction_is_not_lost() {
    only_right(evictor_and_sharer_that_exits, &[Twin::LateReport]);
    caught("lost_dirty_of_sharer", || evictor_and_sharer_that_exits(Twin::Right));
    caught("noted_dirty_ignored", || evictor_and_sharer_that_exits(Twin::Right));
}

#[test]
fn an_exit_during_eviction_frees_everything_once() {
    only_right(evictor_and_last_exit, &[Twin::NoWake]);
    caught("leaked_frame", || evictor_and_last_exit(Twin::Right));
    caught("leaked_slot", || evictor_and_last_exit(Twin::Right));
}

#[test]
fn readahead_and_a_fault_read_a_page_once() {
    readahead_and_fault();
    caught("promise_not_kept", readahead_and_fault);
}
