//! The machine: frames and who has them, page tables and translation caches, swap area and files, and the disk under both.

use crate::Op;
use crate::executor::{Executor, WaitQueue};
use crate::reference::{Reference, fresh_files};
use fl_addr::{CpuId, PageId, Pfn, Pid, Slot, Vpn};
use fl_frames::{FrameCache, OwnerMap, OwnerState};
use fl_reclaim::{AnyPolicy, Choice, FrameIndex, Policy, Watermarks};
use fl_swapmap::SwapMap;
use fl_vmcore::{PageState, Regions, Sharers, Spt};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::{Rc, Weak};

/// The size of a run, and what goes wrong in it.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Decides who goes on, how long the disk takes and what fails.
    pub seed: u64,
    /// User frames.
    pub frames: u32,
    /// Swap slots.
    pub slots: u32,
    /// Who is evicted.
    pub policy: Choice,
    /// One request to the disk in so many fails; 0: none.
    pub io_errors: u64,
    /// What is wrong in the code around the libraries.
    pub twin: Twin,
    /// Steps after which a run is said not to end.
    pub limit: u64,
}

/// What the code around the libraries does: as their documentation says, or one thing wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twin {
    /// Nothing.
    Right,
    /// The evictor does not wait for processors that are in the middle of an instruction.
    FreeBeforeAck,
    /// It reads the dirty bits first and takes the mappings away a moment later.
    EarlyDirtyBit,
    /// It wakes nobody who waits for a page.
    LostWakeUp,
    /// A frame that nobody waits for is not given back when a page dies.
    LeakedFrame,
    /// Fork does not flush what it has write-protected.
    NoForkFlush,
    /// A fault that breaks sharing at once tells of it a moment later, when its page can have been evicted.
    ToldLate,
    /// Slots are said to be readable, and the page to be written, before the disk is done.
    WrittenTooEarly,
}

/// What was seen to happen, so that a run that exercised nothing can be told.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Loads and stores.
    pub accesses: u64,
    /// Page faults.
    pub faults: u64,
    /// Steps of the whole machine.
    pub steps: u64,
    /// Children made.
    pub forks: u64,
    /// Stores by the last sharer.
    pub reuses: u64,
    /// Stores that copied a page.
    pub copies: u64,
    /// Stores by the last sharer that took the short way.
    pub reuses_at_once: u64,
    /// Copies that took the short way.
    pub copies_at_once: u64,
    /// Pages written to files.
    pub write_backs: u64,
    /// Evictions without a write.
    pub clean_evictions: u64,
    /// Evictions given up because of a fault.
    pub kept: u64,
    /// Pages that stayed although they were written out, because of a fault.
    pub rescued: u64,
    /// Requests that wrote to swap.
    pub swap_requests: u64,
    /// Pages written to swap.
    pub swap_writes: u64,
    /// Pages read from swap.
    pub swap_reads: u64,
    /// Pages read from swap before anybody asked.
    pub read_ahead: u64,
    /// Requests that failed.
    pub io_errors: u64,
    /// Slots taken from resident pages.
    pub slots_reclaimed: u64,
    /// Frames given out.
    pub frames_taken: u64,
    /// Threads that had to wait for one.
    pub frame_waits: u64,
    /// Those that got none.
    pub out_of_memory: u64,
}

/// What a frame holds that nobody owns.
pub const JUNK: u64 = 0xcccc_cccc_cccc_cccc;

pub const CPUS: usize = 4;

/// A page-table entry.
#[derive(Clone, Copy, Debug)]
pub struct Pte {
    pub frame: Pfn,
    pub write: bool,
    pub accessed: bool,
    pub dirty: bool,
}

/// An address space with its one thread, and the translation cache of the processor that runs it.
pub struct Space {
    pub pid: Pid,
    pub spt: RefCell<Spt<Rc<Page>>>,
    pub regions: RefCell<Regions<usize>>,
    pub table: RefCell<BTreeMap<Vpn, Pte>>,
    pub cached: RefCell<BTreeMap<Vpn, Pte>>,
    /// Its processor has translated an address and not yet used it: it acknowledges nothing.
    pub in_instruction: Cell<bool>,
    pub retired: WaitQueue,
}

impl Space {
    pub fn new(pid: Pid, regions: Regions<usize>) -> Rc<Self> {
        Rc::new(Self {
            pid,
            spt: RefCell::default(),
            regions: RefCell::new(regions),
            table: RefCell::default(),
            cached: RefCell::default(),
            in_instruction: Cell::new(false),
            retired: WaitQueue::default(),
        })
    }

    pub fn cpu(&self) -> CpuId {
        CpuId((self.pid.0 as usize % CPUS) as u8)
    }

    /// Takes the mapping of a page away; whether it was dirty. It may still be cached.
    pub fn unmap(&self, vpn: Vpn) -> bool {
        self.table.borrow_mut().remove(&vpn).is_some_and(|pte| pte.dirty)
    }
}

/// Where a page's first content comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    Zero,
    File(usize, u64),
}

/// A logical page. `state` and `sharers` are what its lock guards: nothing is awaited between reading and writing them.
pub struct Page {
    pub id: PageId,
    pub state: Cell<PageState>,
    pub sharers: RefCell<Sharers<Rc<Space>>>,
    pub origin: Origin,
    pub waiters: WaitQueue,
}

/// A thread that waits for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    Waiting,
    Granted(Pfn),
    /// There is none to be had: out of memory.
    Refused,
}

/// The request to the disk failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IoError;

pub struct Machine {
    pub config: Config,
    pub executor: Executor,
    pub programs: RefCell<VecDeque<Vec<Op>>>,
    pub next_pid: Cell<u32>,
    next_page: Cell<u32>,
    pub next_value: Cell<u64>,
    pub spaces: RefCell<BTreeMap<Pid, Rc<Space>>>,
    pub frames: FrameCache<CPUS>,
    pub content: Vec<Cell<u64>>,
    /// The page that owns each frame.
    pub owner: RefCell<Vec<Option<Rc<Page>>>>,
    pub policy: RefCell<AnyPolicy>,
    pub marks: Watermarks,
    pub in_flight: Cell<u32>,
    /// Those who wait for a frame, in order of arrival.
    pub turns: RefCell<VecDeque<Rc<Cell<Turn>>>>,
    pub memory: WaitQueue,
    pub evictor: WaitQueue,
    pub swap: RefCell<SwapMap<Weak<Page>>>,
    /// What each slot holds; nothing while it is being written.
    pub slots: RefCell<Vec<Option<u64>>>,
    pub files: RefCell<Vec<Vec<u64>>>,
    /// The page that holds each page of a file, for all processes.
    pub file_pages: RefCell<HashMap<(usize, u64), Rc<Page>>>,
    pub reference: RefCell<Reference>,
    pub seen: RefCell<Seen>,
}

impl Machine {
    pub fn new(config: Config, programs: Vec<Vec<Op>>) -> Self {
        let frames = FrameCache::new();
        let states: Vec<_> = (0..config.frames).map(|_| OwnerState::new()).collect();
        let owners = OwnerMap::new(Pfn(0), states.leak());
        let storage = vec![Pfn(0); config.frames as usize].leak();
        frames.init_checked(storage, owners, (0..config.frames).map(Pfn));
        frames.set_online(CPUS, |_| ());
        Self {
            config,
            executor: Executor::new(config.seed, config.limit),
            programs: RefCell::new(programs.into()),
            next_pid: Cell::new(1),
            next_page: Cell::new(1),
            next_value: Cell::new(1),
            spaces: RefCell::default(),
            frames,
            content: (0..config.frames).map(|_| Cell::new(JUNK)).collect(),
            owner: RefCell::new((0..config.frames).map(|_| None).collect()),
            policy: RefCell::new(AnyPolicy::new(config.policy, config.frames).expect("memory")),
            marks: Watermarks::for_frames(config.frames),
            in_flight: Cell::new(0),
            turns: RefCell::default(),
            memory: WaitQueue::default(),
            evictor: WaitQueue::default(),
            swap: RefCell::new(SwapMap::new(config.slots).expect("memory")),
            slots: RefCell::new(vec![None; config.slots as usize]),
            files: RefCell::new(fresh_files()),
            file_pages: RefCell::default(),
            reference: RefCell::new(Reference::new()),
            seen: RefCell::default(),
        }
    }

    pub fn new_page(&self, state: PageState, origin: Origin) -> Rc<Page> {
        let id = PageId(self.next_page.replace(self.next_page.get() + 1));
        let (state, sharers) = (Cell::new(state), RefCell::new(Sharers::new()));
        Rc::new(Page { id, state, sharers, origin, waiters: WaitQueue::default() })
    }

    /// Changes a page's state, and with it the count of frames that will soon be free.
    pub fn set(&self, page: &Page, state: PageState) {
        let (before, after) = (page.state.replace(state).in_flight(), state.in_flight());
        self.in_flight.set(self.in_flight.get() + u32::from(after) - u32::from(before));
        if before && !after {
            self.evictor.wake_all(&self.executor); // done, or rescued
        }
    }

    /// The page has its content in the frame and may be evicted from now on.
    pub fn settle(&self, page: &Rc<Page>, frame: Pfn) {
        self.owner.borrow_mut()[frame.0 as usize] = Some(page.clone());
        self.policy.borrow_mut().insert(FrameIndex(frame.0), page.id);
    }

    // --- frames ---

    /// A frame, if the watermarks allow one now and nobody waits.
    pub fn try_frame(&self, cpu: CpuId) -> Option<Pfn> {
        let free = self.frames.free_frames();
        let frame = if self.turns.borrow().is_empty() && self.marks.admits(free, false) {
            self.frames.alloc(cpu).map(|grant| grant.pfn)
        } else {
            None
        };
        if frame.is_none() || free <= self.marks.low {
            self.evictor.wake_all(&self.executor);
        }
        self.seen.borrow_mut().frames_taken += u64::from(frame.is_some());
        frame
    }

    /// A frame, in order of arrival; sleeps until there is one. `None`: out of memory. Call it with no claim and no pin.
    pub async fn take_frame(&self, cpu: CpuId) -> Option<Pfn> {
        if let Some(frame) = self.try_frame(cpu) {
            return Some(frame);
        }
        let turn = Rc::new(Cell::new(Turn::Waiting));
        self.turns.borrow_mut().push_back(turn.clone());
        self.seen.borrow_mut().frame_waits += 1;
        self.evictor.wake_all(&self.executor);
        self.memory.wait_until(&self.executor, || turn.get() != Turn::Waiting).await;
        match turn.get() {
            Turn::Granted(frame) => Some(frame),
            _ => None,
        }
    }

    /// Gives a frame back: to whoever has waited longest.
    pub fn free_frame(&self, cpu: CpuId, frame: Pfn) {
        self.content[frame.0 as usize].set(JUNK);
        match self.turns.borrow_mut().pop_front() {
            Some(turn) => {
                turn.set(Turn::Granted(frame));
                self.seen.borrow_mut().frames_taken += 1;
                self.memory.wake_all(&self.executor);
            }
            None => _ = self.frames.free(cpu, frame),
        }
    }

    /// Frees a page's frame that the evictor did not take.
    pub fn free_frame_of(&self, cpu: CpuId, frame: Pfn) {
        self.owner.borrow_mut()[frame.0 as usize] = None;
        self.policy.borrow_mut().remove(FrameIndex(frame.0));
        if self.config.twin != Twin::LeakedFrame || !self.turns.borrow().is_empty() {
            self.free_frame(cpu, frame);
        }
    }

    pub fn free_slot(&self, slot: Slot) {
        drop(self.swap.borrow_mut().free(slot).expect("a page owns its slot"));
        self.slots.borrow_mut()[slot.0 as usize] = None;
    }

    // --- translation caches ---

    /// Drops the cached translations of these spaces, and returns when all processors have acknowledged.
    pub async fn flush(&self, spaces: &[Rc<Space>], twin: Twin) {
        for space in spaces {
            if twin == Twin::FreeBeforeAck {
                if !space.in_instruction.get() {
                    space.cached.borrow_mut().clear();
                }
                continue;
            }
            space.retired.wait_until(&self.executor, || !space.in_instruction.get()).await;
            space.cached.borrow_mut().clear();
        }
    }

    // --- disk ---

    /// The time that a request takes, and whether it fails.
    pub async fn disk(&self) -> Result<(), IoError> {
        self.executor.sleep(1 + self.executor.below(40)).await;
        let errors = self.config.io_errors;
        if errors != 0 && self.executor.below(errors) == 0 {
            self.seen.borrow_mut().io_errors += 1;
            return Err(IoError);
        }
        Ok(())
    }

    /// Writes a page of a file from its frame, which may be stored to meanwhile unless nothing maps it.
    pub async fn write_file(&self, page: &Page, frame: Pfn) -> Result<(), IoError> {
        let Origin::File(file, number) = page.origin else { panic!("not a page of a file") };
        self.disk().await?;
        let value = self.content[frame.0 as usize].get();
        self.files.borrow_mut()[file][number as usize] = value;
        self.seen.borrow_mut().write_backs += 1;
        Ok(())
    }
}
