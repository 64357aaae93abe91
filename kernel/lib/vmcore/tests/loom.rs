//! Threads that fault on one page at once, in every order that loom can make. The page's lock and sleep are those of the kernel's
//! fault path in small: a mutex around [`PageState`] and a condition to sleep on, both let go while the page is filled.
//!
//! Run with `RUSTFLAGS="--cfg loom"`. With `--cfg 'mutant="second_claim"'` added, `two_faulters_*` must fail.
#![cfg(loom)]

use fl_addr::Pfn;
use fl_vmcore::{PageState, Redeemed, Refused, State};
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// How a faulter got the page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum How {
    Loaded,
    Waited,
    Found,
    /// Its own load failed.
    Failed,
    /// The page was dead.
    Dead,
}

/// A page, its lock, its sleepers, and the frame's content, which is filled without the lock.
struct Page {
    state: Mutex<PageState>,
    wake: Condvar,
    filling: AtomicBool,
    content: AtomicU32,
}

impl Page {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(PageState::new()),
            wake: Condvar::new(),
            filling: AtomicBool::new(false),
            content: AtomicU32::new(0),
        })
    }

    /// Only one may fill at a time. All Relaxed: what makes the content visible is the page's lock alone, so that a
    /// hand-over without it shows as stale content.
    fn fill(&self, frame: Pfn) {
        assert!(!self.filling.swap(true, Ordering::Relaxed), "two threads fill the page");
        self.content.store(frame.0, Ordering::Relaxed);
        self.filling.store(false, Ordering::Relaxed);
    }

    /// Brings the page in with `frame` in hand; unless it fails or the page is dead the caller has a pin then.
    fn fault(&self, frame: Pfn, fails: bool) -> How {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.claim() {
                Ok(claimed) => {
                    *state = claimed;
                    drop(state);
                    self.fill(frame);
                    let mut state = self.state.lock().unwrap();
                    *state = if fails { state.abort() } else { state.publish(frame) }.unwrap();
                    self.wake.notify_all();
                    return if fails { How::Failed } else { How::Loaded };
                }
                Err(Refused::Busy) => {
                    let (waiting, mut ticket) = state.wait().unwrap();
                    *state = waiting;
                    loop {
                        state = self.wake.wait(state).unwrap();
                        match state.redeem(ticket) {
                            Redeemed::Pinned(_) => return How::Waited,
                            Redeemed::StillLoading(same) => ticket = same,
                            Redeemed::Aborted => break,
                        }
                    }
                }
                Err(Refused::Resident(_)) => {
                    let (pinned, _) = state.pin().unwrap();
                    *state = pinned;
                    return How::Found;
                }
                Err(Refused::Dead) => return How::Dead,
                Err(other) => panic!("{other}"),
            }
        }
    }

    /// Faults, then uses the pinned page as mapping it does, then unpins it.
    fn fault_and_use(&self, frame: Pfn, fails: bool) -> How {
        let how = self.fault(frame, fails);
        if matches!(how, How::Loaded | How::Waited | How::Found) {
            let seen = self.content.load(Ordering::Relaxed);
            let mut state = self.state.lock().unwrap();
            assert_eq!(
                state.frame(),
                Some(Pfn(seen)),
                "a pinned page is resident and its content is that of its frame"
            );
            *state = state.unpin().unwrap();
        }
        how
    }
}

#[test]
fn two_faulters_load_a_page_once_and_the_other_finds_it_resident() {
    loom::model(|| {
        let page = Page::new();
        let other = page.clone();
        let second = thread::spawn(move || other.fault_and_use(Pfn(2), false));
        let mut how = [page.fault_and_use(Pfn(1), false), second.join().unwrap()];
        how.sort();
        assert!(matches!(how, [How::Loaded, How::Waited | How::Found]), "{how:?}");
        let state = *page.state.lock().unwrap();
        assert_eq!((state.pins(), state.generation()), (0, 2));
        assert!(matches!(state.kill(), Ok((_, Some(_)))));
    });
}

#[test]
fn a_waiter_loads_the_page_itself_when_the_claimer_fails() {
    loom::model(|| {
        let page = Page::new();
        let other = page.clone();
        let second = thread::spawn(move || other.fault_and_use(Pfn(2), true));
        let first = page.fault_and_use(Pfn(1), false);
        let second = second.join().unwrap();
        assert_eq!(first, How::Loaded, "nobody else can");
        assert!(matches!(second, How::Failed | How::Waited | How::Found), "{second:?}");
        let state = *page.state.lock().unwrap();
        assert_eq!((state.frame(), state.pins()), (Some(Pfn(1)), 0));
    });
}

#[test]
fn nobody_takes_a_page_away_between_ready_and_mapped() {
    let mut model = loom::model::Builder::new();
    // Three threads: all orders with up to three preemptions.
    model.preemption_bound = Some(3);
    model.check(|| {
        let page = Page::new();
        let (b, c) = (page.clone(), page.clone());
        let faulter = thread::spawn(move || b.fault_and_use(Pfn(2), false));
        let killer = thread::spawn(move || {
            let mut state = c.state.lock().unwrap();
            match state.kill() {
                Ok((dead, frame)) => {
                    *state = dead;
                    // The frame goes to somebody else, who writes to it.
                    if frame.is_some() {
                        c.content.store(99, Ordering::Relaxed);
                    }
                    true
                }
                Err(why) => {
                    assert!(matches!(why, Refused::Busy | Refused::Pinned(_)));
                    false
                }
            }
        });
        let first = page.fault_and_use(Pfn(1), false);
        let (second, killed) = (faulter.join().unwrap(), killer.join().unwrap());
        let state = *page.state.lock().unwrap();
        assert_eq!(killed, state.state() == State::Dead);
        assert_eq!(state.pins(), 0);
        assert!(killed || [first, second].contains(&How::Loaded));
    });
}
