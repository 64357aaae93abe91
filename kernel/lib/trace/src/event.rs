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
use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use serde::{Deserialize, Serialize};

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
    }
}

impl Event {
    /// [`Event::index`] of [`Event::Fault`].
    pub const FAULT: usize = 2;
    /// [`Event::index`] of [`Event::Syscall`].
    pub const SYSCALL: usize = 14;
    /// [`Event::index`] of [`Event::TraceChanged`].
    pub const TRACE_CHANGED: usize = 16;

    /// What it is about.
    #[inline]
    pub const fn class(&self) -> Class {
        Self::CLASSES[self.index()]
    }
}

impl Event {
    /// [`Event::index`] of [`Event::DiskIo`].
    pub const DISK: usize = 13;
}

/// A process name: NUL-padded bytes, at most 15 used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Name(pub [u8; 16]);

impl Name {
    /// Keeps the first 15 bytes of `s`.
    pub fn new(s: &[u8]) -> Self {
        let mut name = [0; 16];
        let n = s.len().min(15);
        name[..n].copy_from_slice(&s[..n]);
        Self(name)
    }
    /// The bytes before the first NUL.
    pub fn as_bytes(&self) -> &[u8] {
        let n = self.0.iter().position(|&b| b == 0).unwrap_or(self.0.len());
        &self.0[..n]
    }
}

impl core::fmt::Debug for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// Why a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum ExitCause {
    /// It called `exit`.
    Exit,
    /// It touched memory that is not its own.
    BadAccess,
    /// It gave a system call a bad pointer.
    BadPointer,
    /// It raised a CPU exception other than a page fault.
    Exception,
    /// No frame was to be had for it.
    NoMemory,
    /// It made a system call that this kernel does not have.
    BadSyscall,
    /// The disk or file behind a page could not be read.
    IoError,
    /// The machine was halted while it ran.
    Halt,
    /// It called `exec` for what is no program.
    BadExec,
}

/// What is asked of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum DiskOperation {
    /// From the disk to memory.
    Read,
    /// From memory to the disk.
    Write,
    /// Makes what was written before last.
    Flush,
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

/// What a fault needed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum FaultKind {
    /// A zero-filled page: bss, and other anonymous memory.
    Zero,
    /// A page of the program file: text, read-only data, initialised data.
    Executable,
    /// A new page of the stack.
    Stack,
    /// A bad access: nothing there, or not allowed.
    Bad,
    /// A page of a mapped file.
    Mapping,
}

/// What the faulting instruction wanted to do (Intel SDM vol. 3A, 4.7: the page-fault error code).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Access {
    /// A data read.
    Read,
    /// A data write.
    Write,
    /// An instruction fetch.
    Execute,
}

/// How a fault ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Outcome {
    /// A frame was filled and mapped.
    Mapped,
    /// The page was mapped already when the handler looked.
    AlreadyMapped,
    /// No page at that address, or not allowed: the process is killed, or the system call's copy fails.
    Refused,
    /// No frame was to be had: the process is killed.
    NoMemory,
    /// The data could not be read: the process is killed.
    IoError,
    /// A store to a shared page: the process got a copy of its own, which is mapped now.
    Copied,
    /// A store to a page that was shared and is not any more: it was made writable.
    Reused,
}

/// The stages of a fault, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Stage {
    /// From the exception to the page: entry stub, classification, supplemental page table.
    Lookup,
    /// Sleeping: on a busy page, for a frame, for the disk.
    Wait,
    /// Taking frames for the data and for missing page tables.
    Frame,
    /// Filling the frame: zeroing, copying from the file.
    Fill,
    /// Publishing the page and installing the page-table entry.
    Map,
}

impl Stage {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All of them, in order.
    pub const ALL: [Self; Self::COUNT] = [Self::Lookup, Self::Wait, Self::Frame, Self::Fill, Self::Map];
}

/// See [`Event::CacheRefill`] and [`Event::CacheDrain`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CacheTransfer {
    /// Whose cache; the emitting CPU is the one that moved the frames.
    pub cache: CpuId,
    /// Which pool.
    pub class: FrameClass,
    /// Frames moved.
    pub moved: u16,
    /// Frames in the cache afterwards.
    pub cached: u16,
    /// Frames in the pool afterwards.
    pub pool_free: u32,
}

/// The two budgets that frames belong to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum FrameClass {
    /// Data pages of user processes.
    User,
    /// Page tables, stacks, heap.
    Kernel,
}
