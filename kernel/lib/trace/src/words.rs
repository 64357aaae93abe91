//! What fields of events may say: names, and values that are one of a few. Their words are in `link.rs`. Append-only, as events are.

use serde::{Deserialize, Serialize};

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
    /// A page that is in a swap slot.
    Swap,
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

/// The two budgets that frames belong to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum FrameClass {
    /// Data pages of user processes.
    User,
    /// Page tables, stacks, heap.
    Kernel,
}

/// What a fault sleeps for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum BlockedOn {
    /// A free frame.
    Frame,
    /// A page that somebody else loads or writes.
    Page,
    /// The disk that its page is on.
    Disk,
}

/// Who takes frames away from pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Reclaimer {
    /// The kernel thread that does nothing else.
    Evictor,
    /// The thread that is to get the frame.
    Requester,
}

/// Why a policy gives up a page. What the bits said, and where the page stood in its lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum EvictReason {
    /// Not used since its accessed bits were cleared (clock, SIEVE).
    Unused,
    /// Likewise, and clean: those go first (enhanced clock).
    UnusedClean,
    /// Likewise, but dirty: no clean one was left (enhanced clock).
    UnusedDirty,
    /// It is here longest (FIFO).
    Oldest,
    /// Not used a second time while on probation (two queues).
    UsedOnce,
    /// Used again once, but not of late (two queues).
    Faded,
}

/// What becomes of a page that was chosen to lose its frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum EvictOutcome {
    /// There is a copy of it, or it can be made again: the frame is free.
    Dropped,
    /// It is written to swap first: a `swap-out` follows.
    ToSwap,
    /// It is written to its file first: a `write-back` follows.
    ToFile,
    /// Somebody wanted it meanwhile: it stays.
    Rescued,
    /// There is no swap slot for it: it stays.
    NoSlot,
    /// It died meanwhile: its `page-free` tells of the frame.
    Dead,
}

impl EvictOutcome {
    /// Whether the page loses its frame, now or when it is written, as far as is known now.
    pub const fn takes_frame(self) -> bool {
        matches!(self, Self::Dropped | Self::ToSwap | Self::ToFile)
    }
}

/// Where the number of free frames is, between the watermarks min < low < high.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum Level {
    /// At or below min: frames only for eviction and for processes on their way out.
    Min,
    /// Below low: the evictor is wanted.
    Low,
    /// Below high: the evictor works on if it is at work.
    High,
    /// At or above high.
    Enough,
}

/// Why a swap slot became free.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum SlotFreeReason {
    /// The page has a frame and was stored to: the copy is stale.
    Dirtied,
    /// The page has a frame, and slots are short.
    Reclaimed,
    /// The page is no more.
    Dead,
    /// The write to it failed.
    WriteFailed,
}
