//! Threads that fault on one page at once, in every order that loom can make. The page's lock and sleep are those of the kernel's
//! fault path in small: a mutex around [`PageState`] and a condition to sleep on, both let go while the page is filled.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p fl-vmcore --test loom`. Each model runs on the source as it is and on
//! the mutants that it has to catch.
#![cfg(loom)]

use fl_addr::Pfn;
use fl_model::with_mutant;
use fl_vmcore::{PageState, Redeemed, Refused, State};
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use std::panic::catch_unwind;

/// How a faulter got the page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum How {
    Loaded,
    Waited,
    Found,
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

    /// Brings the page in with `frame` in hand; unless the page is dead the caller has a pin then.
    fn fault(&self, frame: Pfn) -> How {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.claim() {
                Ok(claimed) => {
                    *state = claimed;
                    drop(state);
                    self.fill(frame);
                    let mut state = self.state.lock().unwrap();
                    *state = state.publish(frame).unwrap();
                    drop(state);
                    self.wake.notify_all();
                    return How::Loaded;
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

    /// Takes the page away if that is allowed, as eviction and the last detach do; the frame goes to somebody who writes to it.
    fn kill(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        match state.kill() {
            Ok((dead, frame)) => {
                *state = dead;
                if frame.is_some() {
                    self.content.store(99, Ordering::Relaxed);
                }
                true
            }
            Err(why) => {
                assert!(matches!(why, Refused::Busy | Refused::Pinned(_)), "{why}");
                false
            }
        }
    }

    /// Faults, then uses the pinned page as mapping it does, then unpins it.
    fn fault_and_use(&self, frame: Pfn) -> How {
        let how = self.fault(frame);
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

/// All orders of up to three threads with at most `preemptions` switches that no lock or sleep forces.
fn model(preemptions: Option<usize>, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(f);
}

/// Asserts that `model` fails when the mutant is on, and not because the model is too large for loom.
fn caught(mutant: &'static str, model: fn()) {
    let Err(failure) = catch_unwind(|| with_mutant(mutant, model)) else {
        panic!("the mutant {mutant} went unnoticed");
    };
    let literal = failure.downcast_ref::<&str>().copied();
    let text = failure.downcast_ref::<String>().map_or(literal.unwrap_or(""), String::as_str);
    assert!(!text.contains("exceeded maximum"), "{mutant}: {text}");
}

fn two_faulters() {
    model(None, || {
        let page = Page::new();
        let other = page.clone();
        let second = thread::spawn(move || other.fault_and_use(Pfn(2)));
        let mut how = [page.fault_and_use(Pfn(1)), second.join().unwrap()];
        how.sort();
        assert!(matches!(how, [How::Loaded, How::Waited | How::Found]), "{how:?}");
        let state = *page.state.lock().unwrap();
        assert_eq!((state.pins(), state.generation()), (0, 2));
        assert!(matches!(state.kill(), Ok((_, Some(_)))));
    });
}

fn a_claimer_that_fails_and_tries_again() {
    model(None, || {
        let page = Page::new();
        let mut state = page.state.lock().unwrap();
        *state = state.claim().unwrap();
        drop(state);
        let other = page.clone();
        let waiter = thread::spawn(move || other.fault_and_use(Pfn(2)));
        let mut state = page.state.lock().unwrap();
        *state = state.abort().unwrap();
        drop(state);
        page.wake.notify_all();
        // The second load may be over before the waiter of the first wakes.
        let mut how = [page.fault_and_use(Pfn(1)), waiter.join().unwrap()];
        how.sort();
        assert!(matches!(how, [How::Loaded, How::Waited | How::Found]), "{how:?}");
        let state = *page.state.lock().unwrap();
        assert_eq!((state.pins(), state.generation()), (0, 4));
    });
}

fn two_faulters_and_a_killer() {
    model(Some(3), || {
        let page = Page::new();
        let (b, c) = (page.clone(), page.clone());
        let faulter = thread::spawn(move || b.fault_and_use(Pfn(2)));
        let killer = thread::spawn(move || c.kill());
        let how = [page.fault_and_use(Pfn(1)), faulter.join().unwrap()];
        let killed = killer.join().unwrap();
        let state = *page.state.lock().unwrap();
        assert_eq!(killed, state.state() == State::Dead);
        assert_eq!(state.pins(), 0);
        assert!(killed || how.contains(&How::Loaded), "{how:?}");
    });
}

#[test]
fn two_faulters_load_a_page_once_and_the_other_finds_it_resident() {
    two_faulters();
    caught("second_claim", two_faulters);
    caught("promise_not_kept", two_faulters);
}

#[test]
fn a_waiter_whose_claimer_fails_starts_again_and_takes_no_other_loads_pin_for_its_own() {
    a_claimer_that_fails_and_tries_again();
    caught("stale_ticket", a_claimer_that_fails_and_tries_again);
}

#[test]
fn nobody_takes_a_page_away_between_ready_and_mapped() {
    two_faulters_and_a_killer();
    caught("pinned_killed", two_faulters_and_a_killer);
    caught("promise_not_kept", two_faulters_and_a_killer);
}
