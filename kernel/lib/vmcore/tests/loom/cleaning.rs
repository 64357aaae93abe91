//! A file page that is written back by one process while others store to it: every store reaches the file in the end.

use crate::{Twin, caught, model, only_right};
use fl_addr::Pfn;
use fl_vmcore::PageState;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use loom::sync::{Arc, Mutex};
use loom::thread;

const PRESENT: usize = 1;
const DIRTY: usize = 2;

struct Page {
    state: Mutex<PageState>,
    /// The other process's mapping.
    pte: AtomicUsize,
    /// Asks its processor to drop the translation; answered by setting the second.
    flush: AtomicBool,
    flushed: AtomicBool,
    frame: AtomicUsize,
    file: AtomicUsize,
}

impl Page {
    /// Resident, shared by two processes, file and frame alike.
    fn new() -> Arc<Self> {
        let state = PageState::of_file().claim().unwrap().publish(Pfn(1)).unwrap().unpin().unwrap();
        Arc::new(Self {
            state: Mutex::new(state.attach(false).unwrap()),
            pte: AtomicUsize::new(PRESENT),
            flush: AtomicBool::new(false),
            flushed: AtomicBool::new(false),
            frame: AtomicUsize::new(5),
            file: AtomicUsize::new(5),
        })
    }

    /// munmap's part before the detach. `busy`: the other processor runs user code and must be waited for.
    fn clean(&self, twin: Twin, busy: bool) {
        let Ok(cleaning) = ({
            let mut state = self.state.lock().unwrap();
            state.begin_clean().inspect(|&cleaning| *state = cleaning)
        }) else {
            return;
        };
        let _ = cleaning;
        let dirty = self.pte.fetch_and(!DIRTY, AcqRel) & DIRTY != 0;
        if busy && twin != Twin::NoFlush {
            self.flush.store(true, Release);
            while !self.flushed.load(Acquire) {
                thread::yield_now();
            }
        }
        let write = {
            let mut state = self.state.lock().unwrap();
            let (gathered, write) = state.gather(dirty).unwrap();
            *state = gathered;
            write
        };
        if write {
            self.file.store(self.frame.load(Acquire), Release);
        }
        let mut state = self.state.lock().unwrap();
        *state = state.cleaned().unwrap();
    }

    /// Lets go of the page as one process and then cleans it as the last one.
    fn ends_in_file(&self, value: usize) {
        {
            let mut state = self.state.lock().unwrap();
            *state = state.detach(false).unwrap().0;
        }
        self.clean(Twin::Right, false);
        assert_eq!(self.file.load(Acquire), value, "a store is lost");
        assert!(self.state.lock().unwrap().detach(self.pte.load(Acquire) & DIRTY != 0).is_ok());
    }
}

/// A process stores twice by its mapping: the processor that remembers having set the dirty bit does not set it again.
fn stores_by_a_mapping(twin: Twin) {
    model(Some(3), move || {
        let page = Page::new();
        let other = page.clone();
        let user = thread::spawn(move || {
            let mut remembered = false;
            for value in [6, 7] {
                if !remembered {
                    other.pte.fetch_or(DIRTY, AcqRel);
                    remembered = true;
                }
                other.frame.store(value, Release);
                if other.flush.load(Acquire) {
                    remembered = false;
                    other.flushed.store(true, Release);
                }
            }
            other.flushed.store(true, Release); // it has left the processor
        });
        page.clean(twin, true);
        user.join().unwrap();
        page.ends_in_file(7);
    });
}

/// The kernel stores to the pinned page, as for a read from another file.
fn stores_by_the_kernel() {
    model(None, || {
        let page = Page::new();
        let other = page.clone();
        let kernel = thread::spawn(move || {
            {
                let mut state = other.state.lock().unwrap();
                *state = state.pin().expect("a page that is being cleaned can be pinned").0;
            }
            other.frame.store(7, Release);
            let mut state = other.state.lock().unwrap();
            *state = state.unpin_written().unwrap();
        });
        page.clean(Twin::Right, false);
        kernel.join().unwrap();
        page.ends_in_file(7);
    });
}

#[test]
fn a_store_by_a_mapping_while_another_process_writes_the_page_back_is_not_lost() {
    only_right(stores_by_a_mapping, &[Twin::NoFlush]);
    caught("lost_dirty", || stores_by_a_mapping(Twin::Right));
}

#[test]
fn a_store_by_the_kernel_while_another_process_writes_the_page_back_is_not_lost() {
    stores_by_the_kernel();
    caught("kernel_store_not_dirty", stores_by_the_kernel);
    caught("store_during_clean_forgotten", stores_by_the_kernel);
}
