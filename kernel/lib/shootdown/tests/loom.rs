//! Every interleaving of a shootdown with what the other CPU does meanwhile: a frame that the initiator frees after the acknowledgement is
//! never reached through a translation that was cached before.
#![cfg(loom)]

use fl_addr::{CpuId, Vpn};
use fl_model::{AtomicBool, AtomicU64, Ordering, caught, fails};
use fl_shootdown::{ActiveCpus, Drops, Extent, Mailbox, PageRun};
use loom::thread;
use std::sync::Arc;

const OTHER: CpuId = CpuId(1);
const PAGE: Vpn = Vpn(7);
/// The entry of the page while it shows the frame.
const MAPPED: u64 = 1;
const EMPTY: u64 = 0;

/// What both CPUs share.
struct Machine {
    entry: AtomicU64,
    active: ActiveCpus,
    mailbox: Mailbox,
    /// The interrupt of the other CPU is pending.
    interrupt: AtomicBool,
    /// The frame was given to somebody else.
    freed: AtomicBool,
}

impl Machine {
    fn new() -> Self {
        Self {
            entry: AtomicU64::new(MAPPED),
            active: ActiveCpus::new(),
            mailbox: Mailbox::new(),
            interrupt: AtomicBool::new(false),
            freed: AtomicBool::new(false),
        }
    }

    /// Takes the page away and frees its frame when nobody uses it any more. Where it would have to wait for longer it gives up, so
    /// that the model ends.
    fn evict(&self, drops: &Drops<8>) {
        self.entry.swap(EMPTY, Ordering::AcqRel);
        if self.active.after_change().has(OTHER) {
            let ticket = self.mailbox.post(drops);
            self.interrupt.swap(true, Ordering::AcqRel);
            thread::yield_now();
            if !self.mailbox.is_served(ticket) {
                return;
            }
        }
        self.freed.store(true, Ordering::Relaxed);
    }
}

/// The other CPU: its translation cache, and whether the space is loaded.
struct Cpu<'m> {
    machine: &'m Machine,
    loaded: bool,
    cached: bool,
}

impl Cpu<'_> {
    /// Loads the space's root, or the kernel's. The processor may walk the tables it has loaded at any time, by speculation: it does so at once.
    fn switch(&mut self, enter: bool) {
        let space = Some(&self.machine.active);
        let (from, to) = if enter { (None, space) } else { (space, None) };
        ActiveCpus::switch(from, to, OTHER, || {
            self.touch(); // until the new root is loaded the old translations are in use
            (self.loaded, self.cached) = (enter, false);
            self.walk();
        });
    }

    fn walk(&mut self) {
        if self.loaded && !self.cached {
            self.cached = self.machine.entry.load(Ordering::Relaxed) == MAPPED;
        }
    }

    /// A program touches the page.
    fn touch(&mut self) {
        self.walk();
        if self.cached {
            assert!(!self.machine.freed.load(Ordering::Relaxed), "a freed frame was reached");
        }
    }

    /// The end of an instruction, interrupts on.
    fn interruptible(&mut self) {
        if self.machine.interrupt.swap(false, Ordering::Acquire) {
            self.machine.mailbox.serve(|extent, run| {
                if extent != Extent::Runs || run.iter().any(|page| page == PAGE) {
                    self.cached = false;
                }
            });
        }
    }
}

fn bounded(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn drops(pages: impl IntoIterator<Item = u64>) -> Drops<8> {
    let mut drops = Drops::new();
    pages.into_iter().for_each(|page| drops.add(Vpn(page)));
    drops
}

/// The other CPU comes to the space, uses the page, and leaves.
fn switch_in_and_out() {
    bounded(|| {
        let machine = Arc::new(Machine::new());
        let initiator = machine.clone();
        let initiator = thread::spawn(move || initiator.evict(&drops([PAGE.0])));
        let mut cpu = Cpu { machine: &machine, loaded: false, cached: false };
        cpu.switch(true);
        cpu.touch();
        cpu.interruptible();
        cpu.switch(false);
        cpu.interruptible();
        initiator.join().unwrap();
        assert!(!cpu.cached && machine.active.is_empty());
    });
}

/// A CPU that is in the space, and has used the page.
fn present(machine: &Machine) -> Cpu<'_> {
    let mut cpu = Cpu { machine, loaded: false, cached: false };
    cpu.switch(true);
    cpu.touch();
    cpu
}

/// The other CPU is in the space and stays.
fn stays(wanted: Drops<8>) {
    bounded(move || {
        let machine = Arc::new(Machine::new());
        let mut cpu = present(&machine);
        let initiator = machine.clone();
        let initiator = thread::spawn(move || initiator.evict(&wanted));
        cpu.interruptible();
        cpu.touch();
        thread::yield_now();
        cpu.interruptible();
        cpu.touch();
        initiator.join().unwrap();
        cpu.touch();
        cpu.interruptible();
        assert!(!cpu.cached);
    });
}

fn stays_one_page() {
    stays(drops([PAGE.0]));
}

/// More runs than a mailbox has places.
fn stays_overflow() {
    stays(drops([1, 3, 5, 9, 11, 13, 15, 17, PAGE.0]));
}

/// munmap of two pages by a batch: both entries are changed, one flush, and then both frames, which the batch has kept until then, are freed. The other CPU is in the
/// space, and uses the second page. `early`: a frame is freed as soon as its entry is changed.
fn batch(early: bool) {
    bounded(move || {
        let machine = Arc::new(Machine::new());
        let mut cpu = present(&machine);
        let initiator = machine.clone();
        let initiator = thread::spawn(move || {
            let other_page = Vpn(PAGE.0 - 1); // its entry, which is not there, was changed before
            if early {
                initiator.entry.swap(EMPTY, Ordering::AcqRel);
                initiator.freed.store(true, Ordering::Relaxed);
            }
            initiator.evict(&drops([other_page.0, PAGE.0]));
        });
        cpu.interruptible();
        cpu.touch();
        cpu.switch(false);
        cpu.interruptible();
        initiator.join().unwrap();
        assert!(!cpu.cached);
    });
}

fn batch_frees_after_the_flush() {
    batch(false);
}

/// Two initiators post to one CPU, each for a page of its own; each page is gone when its initiator says so.
fn two_initiators() {
    bounded(|| {
        let mailbox = Arc::new(Mailbox::new());
        // What the owner's translation cache still has, a bit for each page.
        let cached = Arc::new(AtomicU64::new(0b11));
        let posters: Vec<_> = (0..2u64)
            .map(|page| {
                let (mailbox, cached) = (mailbox.clone(), cached.clone());
                thread::spawn(move || {
                    let ticket = mailbox.post(&drops([page * 2]));
                    if mailbox.is_served(ticket) {
                        let kept = cached.load(Ordering::Relaxed) >> page & 1;
                        assert_eq!(kept, 0, "acknowledged and not dropped");
                    }
                })
            })
            .collect();
        let serve = || {
            mailbox.serve(|_, run: PageRun| {
                cached.fetch_and(!(1 << (run.first.0 / 2)), Ordering::Relaxed);
            });
        };
        serve();
        serve();
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        serve();
        assert_eq!(cached.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_cpu_that_comes_and_goes_never_reaches_a_freed_frame() {
    switch_in_and_out();
}

#[test]
fn a_cpu_that_stays_forgets_the_page_before_it_is_freed() {
    stays_one_page();
    stays_overflow();
}

#[test]
fn a_batch_keeps_the_frames_until_all_have_acknowledged() {
    batch_frees_after_the_flush();
    fails("freed before the flush", || batch(true));
}

#[test]
fn each_initiator_waits_for_its_own_pages() {
    two_initiators();
}

#[test]
fn each_mutant_is_caught() {
    caught("entered_late", switch_in_and_out);
    caught("no_fence_at_the_switch", switch_in_and_out);
    caught("left_early", switch_in_and_out);
    caught("no_fence_after_the_change", switch_in_and_out);
    caught("overflow_forgotten", stays_overflow);
    caught("acknowledged_before_it_was_done", two_initiators);
    caught("posts_counted_late", two_initiators);
}
