//! What the kernel records: one fixed-size, `Copy` [`Event`] per occurrence, stamped with the time-stamp counter.
//!
//! These are the in-memory records of the per-CPU rings and, unchanged, what the decoder hands to vmtrace. How they
//! travel (deltas, ids, varints) is the business of the packet encoder. Append-only: a variant or a value is never
//! renumbered, because old traces must stay readable.
//!
//! A new kind is one entry below: "plain" ones travel field by field (see `field.rs`); "formed" ones, the frequent
//! ones, have a form of their own in `link.rs`. The number is the index of counters and, plus one, the tag on the wire;
//! the word behind "of" is its class.

use crate::class::Class;
use crate::declare::declare_events;
use crate::field::{Field, Ticks};
use crate::link::Links;
use crate::varint::{Reader, Writer};
use fl_addr::{CpuId, PageId, Pfn, Pid, Slot, VirtAddr};
use serde::{Deserialize, Serialize};

pub use crate::words::*;

/// An event and when it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamped {
    /// Time-stamp counter of the emitting CPU, in ticks; the hello tells ticks per second.
    pub tsc: u64,
    /// What happened.
    pub event: Event,
}

declare_events! {
    formed {
        /// A page fault was handled. Emitted once, at its end.
        2 "fault" of Fault: Fault(Fault),
        /// A CPU's frame cache took a batch of frames from the pool.
        3 "refill" of Frames: CacheRefill(CacheTransfer),
        /// A CPU's frame cache gave a batch of frames back to the pool.
        4 "drain" of Frames: CacheDrain(CacheTransfer),
    }
    plain {
        /// A process was made and its program loaded (lazily: no page of it is resident yet but the first stack page).
        0 "spawn" of Process: ProcessSpawn {
            /// The new process.
            pid: Pid,
            /// Its parent; `Pid(0)` is the kernel.
            parent: Pid,
            /// Its name, as exit lines show it.
            name: Name,
        }
        /// A process ended. Emitted before its frames are given back.
        1 "exit" of Process: ProcessExit {
            /// Who ended.
            pid: Pid,
            /// What `wait` returns.
            status: i32,
            /// Why.
            cause: ExitCause,
        }
        /// A page was detached from its last owner and its frame given back.
        5 "page-free" of Page: PageFree {
            /// The logical page that is no more.
            page: PageId,
            /// Its last generation.
            generation: u32,
            /// The frame that it gave back.
            frame: Pfn,
        }
        /// A process was made by fork.
        6 "fork" of Process: ProcessFork {
            /// The new process.
            pid: Pid,
            /// The one it is a copy of.
            parent: Pid,
            /// Its name, as exit lines show it.
            name: Name,
        }
        /// A process became another program. Its old pages are gone.
        7 "exec" of Process: ProcessExec {
            /// Who.
            pid: Pid,
            /// The program, by the first word of the command line. The process keeps its name.
            program: Name,
        }
        /// A process has waited for a child that has ended.
        8 "wait" of Process: ProcessWait {
            /// Who waited.
            pid: Pid,
            /// For whom.
            child: Pid,
            /// How the child ended, as the process is told.
            status: i32,
        }
        /// A page was made that holds what another one holds, in a frame of its own.
        9 "page-copy" of Page: PageCopy {
            /// The page whose content it got.
            from: PageId,
            /// The new page.
            page: PageId,
            /// Its generation.
            generation: u32,
            /// Its frame.
            frame: Pfn,
        }
        /// A file was mapped.
        10 "mmap" of Page: Mapped {
            /// Whose address space.
            pid: Pid,
            /// Where the mapping begins.
            va: VirtAddr,
            /// Its length in pages.
            pages: u32,
            /// Where it begins in the file, in bytes.
            offset: u64,
            /// Whether stores are allowed.
            writable: bool,
        }
        /// A mapping was taken out; its dirty pages were written back before.
        11 "munmap" of Page: Unmapped {
            /// Whose address space.
            pid: Pid,
            /// Where it began.
            va: VirtAddr,
            /// Its length in pages.
            pages: u32,
            /// How many of them had been touched.
            touched: u32,
        }
        /// A page of a mapped file was written to its file.
        12 "write-back" of Page: WriteBack {
            /// The page.
            page: PageId,
            /// Its generation after that.
            generation: u32,
            /// Its frame.
            frame: Pfn,
            /// How many bytes: fewer than a page at the file's end.
            bytes: u32,
            /// Whether the file has them now.
            ok: bool,
            /// Whether the page has its frame still. Only an eviction takes it, and only if nobody wants the page meanwhile and the write works.
            kept: bool,
        }
        /// A request to a disk was done, for which a thread waited.
        13 "disk" of Disk: DiskIo {
            /// Which disk, in the order in which they were found.
            disk: u8,
            /// What was asked for.
            operation: DiskOperation,
            /// The first sector, of 512 bytes.
            sector: u64,
            /// How many.
            sectors: u32,
            /// Whether it worked.
            ok: bool,
            /// From handing it over to its end.
            time: Ticks,
        }
        /// A system call came back. Emitted at its end; one that does not come back (`exit`) is told by what it does.
        14 "syscall" of Syscall: Syscall {
            /// Who called.
            pid: Pid,
            /// Which call.
            number: u8,
            /// What it returns.
            result: i64,
            /// From the entry to here.
            time: Ticks,
        }
        /// A CPU went from one process to another. `Pid(0)`: the kernel's own threads, idle among them; the drain counts as nobody.
        15 "switch" of Switch: Switch {
            /// Who ran.
            from: Pid,
            /// Who runs from now on.
            to: Pid,
            /// Whether `from` could have run on: its time was over, or somebody came first.
            ready: bool,
        }
        /// A process has changed which classes are traced. Always traced; emitted before a class is left out and after one is taken in,
        /// so whatever may be missing lies between two of these.
        16 "trace" of Process: TraceChanged {
            /// Who asked for it.
            pid: Pid,
            /// What is traced from now on, as the hello tells it.
            classes: u32,
        }
        /// A fault has to sleep. The fault's own event follows when it is over: exactly one.
        17 "blocked" of Fault: FaultBlocked {
            /// Whose fault.
            pid: Pid,
            /// The faulting address (CR2).
            va: VirtAddr,
            /// The page, or `PageId(0)` if it is not known yet.
            page: PageId,
            /// What it sleeps for.
            on: BlockedOn,
        }
        /// A page got a pin: it stays where it is until the pin goes.
        18 "pin" of Pin: Pinned {
            /// For whom.
            pid: Pid,
            /// The page.
            page: PageId,
            /// Its generation.
            generation: u32,
            /// Its frame.
            frame: Pfn,
        }
        /// A pin went.
        19 "unpin" of Pin: Unpinned {
            /// Whose.
            pid: Pid,
            /// The page.
            page: PageId,
            /// Its generation.
            generation: u32,
            /// Its frame.
            frame: Pfn,
        }
        /// A page was chosen to lose its frame. Emitted once no CPU can reach the frame through it any more, and before it is written.
        20 "evict" of Reclaim: Evicted {
            /// The page.
            page: PageId,
            /// Its generation after that.
            generation: u32,
            /// The frame.
            frame: Pfn,
            /// Which thread did it.
            by: Reclaimer,
            /// One of those whose page it is; `Pid(0)` if nobody shows it.
            pid: Pid,
            /// Where that one has it.
            va: VirtAddr,
            /// Why this page, in the words of the policy.
            reason: EvictReason,
            /// Whether any of those who show it had stored to it.
            dirty: bool,
            /// Frames judged since the victim before this one, this one included.
            scanned: u32,
            /// How many evictions there were since the page got the frame.
            age: u32,
            /// What becomes of page and frame.
            outcome: EvictOutcome,
        }
        /// A page was written to its swap slot.
        21 "swap-out" of Swap: SwapOut {
            /// The page.
            page: PageId,
            /// Its generation after that.
            generation: u32,
            /// The frame that was written.
            frame: Pfn,
            /// The slot. After a failure a `slot-free` follows.
            slot: Slot,
            /// Pages in the request that this one was part of.
            run: u16,
            /// Whether the slot has it now.
            ok: bool,
            /// Whether the page has its frame still: somebody wanted it meanwhile, or the write failed.
            kept: bool,
            /// From handing the request over to its end.
            time: Ticks,
        }
        /// A page was read from its swap slot. It keeps the slot, as a copy, until somebody stores to it.
        22 "swap-in" of Swap: SwapIn {
            /// The page.
            page: PageId,
            /// Its generation after that.
            generation: u32,
            /// The frame it was read into.
            frame: Pfn,
            /// The slot.
            slot: Slot,
            /// Whether nobody had asked for it yet.
            readahead: bool,
            /// Refault distance: how many evictions there were since its own.
            distance: u32,
            /// Whether it worked. If not, the page is in its slot still and the frame is given back.
            ok: bool,
            /// From handing the request over to its end.
            time: Ticks,
        }
        /// The number of free frames crossed a watermark.
        23 "watermark" of Reclaim: WatermarkCrossed {
            /// Of which frames.
            class: FrameClass,
            /// How many are free.
            free: u32,
            /// How many will be when the writes they are in have ended.
            in_flight: u32,
            /// Where that is.
            level: Level,
        }
        /// The evictor woke, or went to sleep again.
        24 "evictor" of Reclaim: Evictor {
            /// Whether it is awake now.
            awake: bool,
            /// User frames free.
            free: u32,
            /// User frames that will be free when the writes they are in have ended.
            in_flight: u32,
            /// Pages evicted since it woke.
            evicted: u32,
            /// Frames judged since it woke.
            scanned: u32,
            /// How long it was awake; zero when it wakes.
            time: Ticks,
        }
        /// A thread slept until there was a frame for it.
        25 "frame-wait" of Reclaim: FrameWait {
            /// Whose thread.
            pid: Pid,
            /// How many waited before it when it came.
            position: u16,
            /// Whether it got one. If not, it was killed, or there is no memory.
            ok: bool,
            /// How long it slept.
            time: Ticks,
        }
        /// A swap slot became free.
        26 "slot-free" of Swap: SlotFreed {
            /// The slot.
            slot: Slot,
            /// Whose it was.
            page: PageId,
            /// Why.
            reason: SlotFreeReason,
        }
        /// There was no memory, and a process was chosen to end.
        27 "oom" of Reclaim: OutOfMemory {
            /// Which.
            pid: Pid,
            /// Private pages of it that have a frame.
            resident: u32,
            /// Pages of it in swap slots.
            swapped: u32,
            /// Free swap slots.
            free_slots: u32,
        }
        /// What the accessed and dirty bits of a mapping said when they were looked at.
        28 "access" of Access: AccessSample {
            /// Whose mapping.
            pid: Pid,
            /// Where.
            va: VirtAddr,
            /// The page.
            page: PageId,
            /// Its frame.
            frame: Pfn,
            /// Whether it was used since it was looked at last.
            accessed: bool,
            /// Whether it was stored to since it became clean.
            dirty: bool,
        }
        /// A CPU had others forget translations and has heard from all of them.
        29 "shootdown" of Tlb: Shootdown {
            /// How many pages; meaningless if `whole`.
            pages: u16,
            /// The CPUs that were interrupted: bit `n` is CPU `n`.
            targets: u64,
            /// Whether they forgot all of the address space.
            whole: bool,
            /// From the first interrupt sent to the last answer.
            time: Ticks,
        }
    }
}

impl Event {
    /// [`Event::index`] of [`Event::Fault`].
    pub const FAULT: usize = 2;
    /// [`Event::index`] of [`Event::PageFree`].
    pub const PAGE_FREE: usize = 5;
    /// [`Event::index`] of [`Event::DiskIo`].
    pub const DISK: usize = 13;
    /// [`Event::index`] of [`Event::Syscall`].
    pub const SYSCALL: usize = 14;
    /// [`Event::index`] of [`Event::TraceChanged`].
    pub const TRACE_CHANGED: usize = 16;
    /// [`Event::index`] of [`Event::CacheRefill`].
    pub const REFILL: usize = 3;
    /// [`Event::index`] of [`Event::CacheDrain`].
    pub const DRAIN: usize = 4;
    /// [`Event::index`] of [`Event::Evicted`].
    pub const EVICTED: usize = 20;
    /// [`Event::index`] of [`Event::SwapOut`].
    pub const SWAP_OUT: usize = 21;
    /// [`Event::index`] of [`Event::SwapIn`].
    pub const SWAP_IN: usize = 22;
    /// [`Event::index`] of [`Event::Evictor`].
    pub const EVICTOR: usize = 24;
    /// [`Event::index`] of [`Event::FrameWait`].
    pub const FRAME_WAIT: usize = 25;
    /// [`Event::index`] of [`Event::Shootdown`].
    pub const SHOOTDOWN: usize = 29;

    /// What it is about.
    #[inline]
    pub const fn class(&self) -> Class {
        Self::CLASSES[self.index()]
    }
}

/// See [`Event::Fault`]: one page fault, from the exception to the return.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Whose address space.
    pub pid: Pid,
    /// The faulting address (CR2).
    pub va: VirtAddr,
    /// The instruction that faulted; inside the kernel for a system call's copy.
    pub ip: VirtAddr,
    /// What was needed.
    pub kind: FaultKind,
    /// What the instruction wanted to do.
    pub access: Access,
    /// Whether the CPU was in user mode; false: the kernel touched user memory for a system call.
    pub user: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The logical page, or `PageId(0)` if the address has none.
    pub page: PageId,
    /// The page's generation after this fault: it counts the page's state changes.
    pub generation: u32,
    /// The frame that is mapped now; meaningful when `outcome` is [`Outcome::Mapped`].
    pub frame: Pfn,
    /// Time spent in each stage, in ticks, indexed by [`Stage`]; saturating.
    pub stages: [u32; Stage::COUNT],
}

impl Fault {
    /// From the exception to the event, in ticks.
    #[inline]
    pub fn latency(&self) -> u64 {
        self.stages.iter().map(|&t| u64::from(t)).sum()
    }
}

/// See [`Event::CacheRefill`] and [`Event::CacheDrain`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CacheTransfer {
    /// Whose cache; the emitting CPU is the one that moved the frames.
    pub cache: CpuId,
    /// Which pool.
    pub class: FrameClass,
    /// Frames that left or reached the pool. 0: the cache's last frame went straight to who looked for one.
    pub moved: u16,
    /// Frames in the cache afterwards.
    pub cached: u16,
    /// Frames in the pool afterwards.
    pub pool_free: u32,
    /// Which of the pool's moves it was, counted under the pool's lock from 1 on, wrapping: the order of transfers, whatever their time stamps say.
    pub number: u32,
}
