//! Three processors over one page: one unmaps it, one runs a program that uses it, one evicts. Page states, reverse map, who is active and the mailboxes are the libraries';
//! the order of the steps is the kernel's (`vm::detach`, `reclaim::victim`, `reclaim::write_out`, `mm::flush_batch`, `mm::unmap_batch`), or one [`Wrong`] thing.

use fl_addr::{CpuId, Pfn, Slot, Vpn};
use fl_shootdown::{ActiveCpus, Drops, Extent, Mailbox, Ticket};
use fl_vmcore::{Home, Kind, PageState, Refused, Sharers, State, Verdict};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use loom::sync::{Mutex, MutexGuard};
use loom::thread::{self, Thread};
use std::cell::Cell;

/// The processor that unmaps, and the one that runs a program. The evictor's is in no space, and nobody asks it for anything.
pub const UNMAPPER: CpuId = CpuId(0);
pub const PROGRAM: CpuId = CpuId(1);
pub const EVICTOR: CpuId = CpuId(2);

pub const PRESENT: usize = 1;
pub const DIRTY: usize = 2;
/// What the next owner of a freed frame stores there.
pub const JUNK: usize = 99;

/// Where the page lies in each space.
const VPN: Vpn = Vpn(7);
const FRAME: Pfn = Pfn(0);
const SLOT: Slot = Slot(3);

/// One thing that the code around the libraries does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    Nothing,
    /// Who unmaps frees the frame at once, not when all have acknowledged.
    FreedBeforeTheFlush,
    /// The evictor goes on without the acknowledgements.
    EvictedBeforeTheFlush,
    /// The evictor goes by what the page was before it had the page's lock: it does not see that the page was detached.
    StaleState,
    /// The evictor takes one mapping out, not all.
    OneAlias,
    /// Who unmaps waits for the evictor with interrupts off.
    DeafWait,
    /// Who unmaps takes its mapping out before it has locked the page.
    TakenUnlocked,
}

/// An address space as the protocol sees it.
pub struct Space {
    /// `PRESENT`, `DIRTY`, or 0.
    pub entry: AtomicUsize,
    pub active: ActiveCpus,
}

/// What the page's lock guards.
pub struct Body {
    pub state: PageState,
    /// Which spaces show it.
    pub shown: Sharers<usize>,
}

pub struct Machine {
    wrong: Wrong,
    pub page: Mutex<Body>,
    pub spaces: [Space; 2],
    mailboxes: [Mailbox; 2],
    /// Whether that processor is interrupted.
    interrupts: [AtomicBool; 2],
    /// How often the frame was freed.
    pub frees: AtomicUsize,
    pub plain: Plain,
    bells: [Bell; 3],
}

/// Something has happened that the processor may wait for. Not `loom::sync::Notify`, which wakes for nothing, too, and so makes the model ten times as large.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    waits: Cell<Option<Thread>>,
}

impl Bell {
    fn ring(&self) {
        self.rung.swap(true, AcqRel);
        // Only who waits: in loom 0.7 `unpark` also wakes a thread that is blocked by a mutex.
        self.waits.take().inspect(Thread::unpark);
    }

    /// Returns at once, if it was rung since the last time. A wait that nobody ends is a deadlock, which loom tells.
    fn wait(&self) {
        if !self.rung.swap(false, AcqRel) {
            self.waits.set(Some(thread::current()));
            thread::park();
        }
    }
}

/// What is looked at and changed in one step with what the model goes through the orders of.
#[derive(Default)]
pub struct Plain {
    /// The table of frames: the frame is nobody's.
    forgotten: Cell<bool>,
    /// What the frame holds: a word that who unmaps has stored, and one that the program stores.
    pub words: [Cell<usize>; 2],
    /// What the page's home, slot or file, holds of them.
    pub home: [Cell<usize>; 2],
    /// What the program has stored to the second word.
    pub stored: Cell<usize>,
    /// Whether the slot is somebody's.
    pub slot_taken: Cell<bool>,
    /// Processors that ask nobody for anything any more.
    done: Cell<u32>,
}

/// Translations to be dropped, and frames that are free when they were.
#[derive(Default)]
struct Batch {
    spaces: [bool; 2],
    frames: Vec<Pfn>,
}

impl Machine {
    /// A page that is resident in `state`, and the spaces' entries of it. The frame holds 5 and 0, the page's home 0 and 0.
    pub fn new(wrong: Wrong, state: PageState, entries: [usize; 2]) -> Self {
        let mut shown = Sharers::new();
        (0..state.sharers() as usize).for_each(|space| shown.add(space, VPN).unwrap());
        Self {
            wrong,
            page: Mutex::new(Body { state, shown }),
            spaces: entries.map(|entry| Space { entry: AtomicUsize::new(entry), active: ActiveCpus::new() }),
            mailboxes: [Mailbox::new(), Mailbox::new()],
            interrupts: [AtomicBool::new(false), AtomicBool::new(false)],
            frees: AtomicUsize::new(0),
            plain: Plain { words: [Cell::new(5), Cell::new(0)], ..Plain::default() },
            bells: Default::default(),
        }
    }

    fn free(&self, frame: Pfn) {
        assert_eq!(frame, FRAME);
        assert_eq!(self.frees.fetch_add(1, Relaxed), 0, "a frame is freed twice");
        self.plain.words.iter().for_each(|word| word.set(JUNK));
    }

    /// Writes the frame to the page's home.
    fn write_out(&self) {
        assert_eq!(self.frees.load(Relaxed), 0, "a freed frame is written out");
        self.plain.home.iter().zip(&self.plain.words).for_each(|(home, word)| home.set(word.get()));
    }

    /// The processor's interrupt, if it is pending: drops what others want dropped.
    pub fn interruptible(&self, cpu: CpuId, mut drop: impl FnMut()) {
        if self.interrupts[usize::from(cpu.0)].swap(false, AcqRel) {
            self.mailboxes[usize::from(cpu.0)].serve(|extent, run| {
                if extent != Extent::Runs || run.iter().any(|page| page == VPN) {
                    drop();
                }
            });
            self.ring(&[UNMAPPER, EVICTOR]);
        }
    }

    fn ring(&self, cpus: &[CpuId]) {
        cpus.iter().for_each(|cpu| self.bells[usize::from(cpu.0)].ring());
    }

    /// Returns when `done` says so; the processor serves the others' requests meanwhile.
    fn wait_until(&self, cpu: CpuId, done: impl Fn() -> bool) {
        loop {
            if cpu != EVICTOR && self.wrong != Wrong::DeafWait {
                self.interruptible(cpu, || ());
            }
            if done() {
                return;
            }
            self.bells[usize::from(cpu.0)].wait();
        }
    }

    /// Who has come to an end serves the others' requests until they have, too.
    pub fn finish(&self, cpu: CpuId) {
        self.plain.done.set(self.plain.done.get() + 1);
        self.ring(&[UNMAPPER, PROGRAM]);
        if cpu != EVICTOR {
            self.wait_until(cpu, || self.plain.done.get() == 3);
        }
    }

    /// `FlushBatch::flush`. No lock held.
    fn flush(&self, here: CpuId, batch: &mut Batch, acknowledged: bool) {
        let mut posts: Vec<(CpuId, Ticket)> = Vec::new();
        for (space, _) in self.spaces.iter().zip(batch.spaces).filter(|(_, is_in)| *is_in) {
            let mut drops = Drops::<1>::new();
            drops.add(VPN);
            for cpu in space.active.after_change().without(here).iter() {
                posts.push((cpu, self.mailboxes[usize::from(cpu.0)].post(&drops)));
            }
        }
        for (cpu, _) in &posts {
            // Reads, too: who takes the interrupt sees what every post before it has posted.
            self.interrupts[usize::from(cpu.0)].swap(true, AcqRel);
            self.ring(&[*cpu]);
        }
        for (cpu, ticket) in posts.into_iter().filter(|_| acknowledged) {
            self.wait_until(here, || self.mailboxes[usize::from(cpu.0)].is_served(ticket));
        }
        batch.spaces = [false; 2];
        batch.frames.drain(..).for_each(|frame| self.free(frame));
    }

    /// `Page::wait_until_idle`. Who ends a busy period wakes by [`wake`](Self::wake).
    fn wait_until_idle(&self) {
        self.wait_until(UNMAPPER, || {
            let state = self.page.lock().unwrap().state;
            !state.is_busy() && !matches!(state.state(), State::Cleaning { .. })
        });
    }

    fn wake(&self) {
        self.ring(&[UNMAPPER]);
    }

    /// `UnmapBatch::take`: the dirty bit of the mapping that it takes out.
    fn take(&self, batch: &mut Batch, space: usize) -> bool {
        let old = self.spaces[space].entry.swap(0, AcqRel);
        batch.spaces[space] |= old & PRESENT != 0;
        old & DIRTY != 0
    }

    /// `Page::let_go` of munmap and exit for space 0, and the flush at the end of either.
    pub fn let_go(&self) {
        let batch = &mut Batch::default();
        let early = self.wrong == Wrong::TakenUnlocked && self.take(batch, 0);
        let whose = self.page.lock().unwrap().state.kind();
        if whose == Kind::File {
            self.write_back(batch);
        }
        loop {
            let detached = self.detach(whose, early, batch);
            match detached {
                Ok(frame) => {
                    batch.frames.extend(frame);
                    break;
                }
                Err(Refused::Busy) => {
                    self.flush(UNMAPPER, batch, true);
                    self.wait_until_idle();
                }
                Err(Refused::Unwritten) => self.write_back(batch),
                Err(why) => panic!("{why}"),
            }
        }
        if self.wrong == Wrong::FreedBeforeTheFlush {
            batch.frames.drain(..).for_each(|frame| self.free(frame));
        }
        self.flush(UNMAPPER, batch, true);
    }

    /// The critical section in which space 0 stops to show the page; the frame, if it was the last.
    fn detach(&self, whose: Kind, early: bool, batch: &mut Batch) -> Result<Option<Pfn>, Refused> {
        let mut body = self.page.lock().unwrap();
        let remains = if whose == Kind::Private && body.state.may_leave() {
            let dirty = self.take(batch, 0) | early;
            body.state.leave(dirty)
        } else {
            let clean = body.state.detach(false)?;
            let dirty = self.take(batch, 0) | early;
            let dies = clean.1.is_some() && whose == Kind::Private;
            let (state, remains) = if dirty && !dies { body.state.detach(true)? } else { clean };
            body.state = state;
            remains
        };
        assert_eq!(body.shown.remove(VPN, |space| *space == 0), Some(0));
        let Some(remains) = remains else { return Ok(None) };
        if remains.slot.is_some() {
            assert!(self.plain.slot_taken.replace(false), "a slot is freed twice");
        }
        if remains.frame.is_some() {
            self.plain.forgotten.set(true);
        }
        Ok(remains.frame)
    }

    /// `Page::write_back`.
    fn write_back(&self, batch: &mut Batch) {
        let dirty = loop {
            let begun = {
                let mut body = self.page.lock().unwrap();
                body.state.begin_clean().map(|cleaning| {
                    body.state = cleaning;
                    self.take(batch, 0)
                })
            };
            match begun {
                Ok(dirty) => break dirty,
                Err(Refused::Busy) => {
                    self.flush(UNMAPPER, batch, true);
                    self.wait_until_idle();
                }
                Err(Refused::NotResident) => return,
                Err(why) => panic!("{why}"),
            }
        };
        if dirty {
            self.flush(UNMAPPER, batch, true);
        }
        let must_write = {
            let mut body = self.page.lock().unwrap();
            let (gathered, must_write) = body.state.gather(dirty).unwrap();
            body.state = if must_write { gathered } else { gathered.cleaned().unwrap() };
            must_write
        };
        if must_write {
            self.flush(UNMAPPER, batch, true);
            self.write_out();
            let mut body = self.page.lock().unwrap();
            body.state = body.state.cleaned().unwrap();
        }
    }

    /// The evictor finds the page by its frame and takes it, if it can be had.
    pub fn evict(&self) {
        self.try_evict();
        self.wake();
    }

    fn try_evict(&self) {
        if self.plain.forgotten.get() {
            return; // no candidate any more
        }
        let before = (self.wrong == Wrong::StaleState).then(|| self.page.lock().unwrap().state);
        let batch = &mut Batch::default();
        let mut dirty = false;
        {
            let Ok(mut body) = self.page.try_lock() else { return };
            let Ok(evicting) = before.unwrap_or(body.state).begin_evict() else { return };
            body.state = evicting;
            let aliases = if self.wrong == Wrong::OneAlias { 1 } else { usize::MAX };
            body.shown.iter().take(aliases).for_each(|(space, _)| dirty |= self.take(batch, *space));
        }
        self.flush(EVICTOR, batch, self.wrong != Wrong::EvictedBeforeTheFlush);
        let freed = {
            let mut body = self.page.lock().unwrap();
            let (judged, verdict) = body.state.judge(dirty).unwrap();
            body.state = judged;
            match verdict {
                Verdict::Kept => return,
                Verdict::Gone(frame) => Some(self.clear(frame, body)),
                Verdict::Dirty(_) => None,
            }
        };
        if let Some(frame) = freed {
            return self.free(frame);
        }
        let to = {
            let mut body = self.page.lock().unwrap();
            let to = match body.state.kind() {
                Kind::Private => Home::Slot(SLOT),
                Kind::File => Home::File,
            };
            let Ok((writing, stale)) = body.state.begin_write(to) else {
                body.state = body.state.keep(false).unwrap();
                return;
            };
            assert_eq!(stale, None);
            body.state = writing;
            to
        };
        if to == Home::Slot(SLOT) {
            assert!(!self.plain.slot_taken.replace(true));
        }
        self.write_out();
        let mut body = self.page.lock().unwrap();
        let (state, freed) = body.state.written().unwrap();
        body.state = state;
        if let Some(frame) = freed {
            let frame = self.clear(frame, body);
            self.free(frame);
        }
    }

    /// The page has lost the frame. The lock is let go.
    fn clear(&self, frame: Pfn, body: MutexGuard<'_, Body>) -> Pfn {
        self.plain.forgotten.set(true);
        drop(body);
        frame
    }
}
