//! Threads that fault on one page at once, and others that let go of it. The page's lock and sleep are those of the kernel's fault
//! path in small: a mutex around [`PageState`] and a condition to sleep on, both let go while the page is filled.

use crate::{caught, model};
use fl_addr::Pfn;
use fl_vmcore::{Entry, PageState, Prot, Redeemed, Refused, Remains, State, WriteFault, on_write_fault};
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

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
    fn new(state: PageState) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
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
                            Redeemed::StillBusy(same) => ticket = same,
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

    /// Lets go of the page, as munmap and exit do; the frame, if it is ours then, goes to somebody who writes to it.
    fn detach(&self) -> Result<Option<Remains>, Refused> {
        let mut state = self.state.lock().unwrap();
        let (left, remains) = state.detach(false)?;
        *state = left;
        if remains.is_some_and(|r| r.frame.is_some()) {
            self.content.store(99, Ordering::Relaxed);
        }
        Ok(remains)
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

fn two_faulters() {
    model(None, || {
        let page = Page::new(PageState::new());
        let other = page.clone();
        let second = thread::spawn(move || other.fault_and_use(Pfn(2)));
        let mut how = [page.fault_and_use(Pfn(1)), second.join().unwrap()];
        how.sort();
        assert!(matches!(how, [How::Loaded, How::Waited | How::Found]), "{how:?}");
        let state = *page.state.lock().unwrap();
        assert_eq!((state.pins(), state.generation()), (0, 2));
        assert!(matches!(state.detach(false), Ok((_, Some(Remains { frame: Some(_), .. })))));
    });
}

fn a_claimer_that_fails_and_tries_again() {
    model(None, || {
        let page = Page::new(PageState::new());
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

fn two_faulters_and_one_who_lets_go() {
    model(Some(3), || {
        let page = Page::new(PageState::new());
        let (b, c) = (page.clone(), page.clone());
        let faulter = thread::spawn(move || b.fault_and_use(Pfn(2)));
        let leaver = thread::spawn(move || match c.detach() {
            Ok(_) => true,
            Err(why) => {
                assert!(matches!(why, Refused::Busy | Refused::Pinned(_)), "{why}");
                false
            }
        });
        let how = [page.fault_and_use(Pfn(1)), faulter.join().unwrap()];
        let left = leaver.join().unwrap();
        let state = *page.state.lock().unwrap();
        assert_eq!(left, state.state() == State::Dead);
        assert_eq!(state.pins(), 0);
        assert!(left || how.contains(&How::Loaded), "{how:?}");
    });
}

/// Two processes share the page: one faults on it and exits later, the other exits meanwhile. The frame is freed once.
fn a_faulter_and_a_sharer_that_exits() {
    model(None, || {
        let page = Page::new(PageState::new().attach(false).unwrap());
        let other = page.clone();
        let second = thread::spawn(move || other.detach().expect("not the last, or not busy"));
        assert_eq!(page.fault_and_use(Pfn(1)), How::Loaded);
        let mine = page.detach().expect("nobody else is there");
        let theirs = second.join().unwrap();
        let remains: Vec<_> = mine.into_iter().chain(theirs).collect();
        assert_eq!(remains, [Remains { frame: Some(Pfn(1)), slot: None }]);
    });
}

/// Two processes store to the private page that they share: each ends with its own bytes, and every frame has one owner.
fn two_sharers_that_store_at_once() {
    model(None, || {
        let shared = PageState::copied(Pfn(1)).unpin().unwrap().attach(false).unwrap();
        let page = Page::new(shared);
        page.content.store(5, Ordering::Relaxed);
        let other = page.clone();
        let second = thread::spawn(move || store(&other, 20));
        let first = store(&page, 10);
        let second = second.join().unwrap();
        let in_place: Vec<_> = [first, second].into_iter().filter(|&(frame, _)| frame == Pfn(1)).collect();
        assert!(in_place.len() <= 1, "both store to the shared frame");
        if let [(_, value)] = in_place[..] {
            assert_eq!(page.content.load(Ordering::Relaxed), value, "a store of the other process is seen");
            assert_eq!(page.state.lock().unwrap().sharers(), 1);
        } else {
            assert_eq!(page.state.lock().unwrap().state(), State::Dead);
        }
    });
}

/// A copy-on-write fault and the store after it; which frame the process has then, and what is in it.
fn store(page: &Page, add: u32) -> (Pfn, u32) {
    let entry = Entry { page: (), prot: Prot::READ_WRITE, cow: true };
    let mut state = page.state.lock().unwrap();
    let (pinned, frame) = state.pin().unwrap();
    *state = pinned;
    let decision = on_write_fault(&state, &entry);
    drop(state);
    let old = page.content.load(Ordering::Relaxed);
    assert_eq!(old, 5, "what is copied or changed is the content of the time of the fork");
    match decision {
        WriteFault::Reuse => {
            page.content.store(old + add, Ordering::Relaxed);
            let mut state = page.state.lock().unwrap();
            *state = state.unpin().unwrap();
            (frame, old + add)
        }
        WriteFault::Copy => {
            let mut state = page.state.lock().unwrap();
            let (left, remains) = state.unpin().unwrap().detach(false).unwrap();
            *state = left;
            assert!(remains.is_none_or(|r| r.frame == Some(frame)));
            (Pfn(add), old + add)
        }
        WriteFault::SharedWrite => panic!("it is private"),
    }
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
    two_faulters_and_one_who_lets_go();
    caught("pinned_killed", two_faulters_and_one_who_lets_go);
    caught("promise_not_kept", two_faulters_and_one_who_lets_go);
}

#[test]
fn sharers_that_leave_at_once_free_the_frame_once() {
    a_faulter_and_a_sharer_that_exits();
    caught("double_free", a_faulter_and_a_sharer_that_exits);
    caught("leaked_frame", a_faulter_and_a_sharer_that_exits);
}

#[test]
fn sharers_that_store_at_once_get_bytes_of_their_own() {
    two_sharers_that_store_at_once();
    caught("reuse_while_shared", two_sharers_that_store_at_once);
}
