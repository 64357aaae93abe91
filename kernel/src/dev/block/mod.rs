//! Disks: [`BlockDevice`], what all of them offer, and which ones there are.
//!
//! A request names sectors of 512 bytes and [`Segment`]s of physical memory. Any number of threads may have requests on the way; each waits
//! asleep on its own [`Completion`]. The convenient way is [`read`](trait.BlockDevice.html) and `write` with slices of kernel memory.

mod completion;
mod counters;
pub mod faulty;
pub mod ramdisk;
pub mod virtio;

pub use completion::Completion;
pub use counters::Counters;
pub use fl_block::{BlockError, MAX_SEGMENTS, Operation, Role, SECTOR, Segment};

use crate::arch::cpu;
use crate::arch::interrupts::IrqOff;
use crate::mm::page_table;
use crate::sync::Once;
use crate::trace::{drain, emit};
use alloc::vec::Vec;
use fl_addr::VirtAddr;
use fl_trace::event::{DiskIo, DiskOperation, Event};
use fl_trace::field::Ticks;

/// A disk. Shared: every method may be called by several threads at once.
///
/// Two requests that touch the same sectors at the same time come in any order. A request is written for good after the next flush.
pub trait BlockDevice: Send + Sync {
    /// What kind it is, for people.
    fn kind(&self) -> &'static str;
    /// Its size in sectors of 512 bytes.
    fn sectors(&self) -> u64;
    /// Whether writes are refused.
    fn read_only(&self) -> bool;
    /// Most segments of a request, 1..=[`MAX_SEGMENTS`].
    fn max_segments(&self) -> usize;
    /// What it has done so far.
    fn counters(&self) -> &Counters;
    /// Its user says what for, once. Only a disk that fails on request ([`faulty`]) wants to know.
    fn used_for(&self, _role: Role) {}

    /// Hands a request to the disk, waiting asleep for room if need be. Its end is told to `completion`, which must be idle.
    ///
    /// # Errors
    /// Refused at once; `completion` stays idle. What goes wrong later is told by [`Completion::wait`].
    ///
    /// # Safety
    ///
    /// Until `completion` says that the request is done, whatever happens to this thread meanwhile: (1) the segments' memory must be RAM
    /// that nobody writes (a read: nor reads) and that serves nothing else; (2) `completion` must neither move nor be forgotten.
    unsafe fn submit(
        &self,
        operation: Operation,
        sector: u64,
        memory: &[Segment],
        completion: &Completion,
    ) -> Result<(), BlockError>;

    /// Carries a request out before it returns, where nothing has to be waited for but the processor's own copying: a disk in memory. `None`, and nothing
    /// was done: [`submit`](Self::submit) it. No `Completion` is told.
    ///
    /// # Safety
    ///
    /// As [`submit`](Self::submit), (1), until this returns.
    unsafe fn do_now(
        &self,
        _operation: Operation,
        _sector: u64,
        _memory: &[Segment],
    ) -> Option<Result<(), BlockError>> {
        None
    }
}

impl dyn BlockDevice {
    /// Hands a request to the disk and sleeps until it is done.
    ///
    /// # Safety
    ///
    /// As [`BlockDevice::submit`], (1), until this returns. The wait cannot be cut short.
    pub unsafe fn transfer(
        &self,
        operation: Operation,
        sector: u64,
        memory: &[Segment],
    ) -> Result<(), BlockError> {
        drain::admit();
        let begun = if emit::is_watching() { cpu::tsc() } else { 0 };
        // SAFETY: by this function's contract.
        let ended = match unsafe { self.do_now(operation, sector, memory) } {
            // Refused, as by `submit`: there was no request of which to tell.
            Some(Err(error @ (BlockError::OutOfRange | BlockError::Malformed))) => return Err(error),
            Some(ended) => ended,
            None => {
                let completion = Completion::new();
                // SAFETY: (1) by this function's contract; (2) it stays here until `wait` returns.
                unsafe { self.submit(operation, sector, memory, &completion)? };
                completion.wait()
            }
        };
        match begun {
            0 => emit::count_untraced(&IrqOff::new(), Event::DISK),
            _ => self.tell(begun, operation, sector, memory, ended.is_ok()),
        }
        ended
    }

    #[inline(never)]
    fn tell(&self, begun: u64, operation: Operation, sector: u64, memory: &[Segment], ok: bool) {
        let bytes = match memory {
            [all] => u64::from(all.len), // nearly always
            _ => memory.iter().map(|segment| u64::from(segment.len)).sum(),
        };
        emit::emit(Event::DiskIo(DiskIo {
            disk: self.number(),
            operation: match operation {
                Operation::Read => DiskOperation::Read,
                Operation::Write => DiskOperation::Write,
                Operation::Flush => DiskOperation::Flush,
            },
            sector,
            sectors: (bytes / SECTOR as u64) as u32,
            ok,
            time: Ticks(cpu::ticks_since(begun)),
        }));
    }

    /// Its place among the disks.
    fn number(&self) -> u8 {
        let place = disks().iter().position(|&disk| core::ptr::addr_eq(disk, self));
        place.map_or(u8::MAX, |place| place as u8)
    }

    /// Fills `into`, whole sectors long, from `sector` on.
    pub fn read(&self, sector: u64, into: &mut [u8]) -> Result<(), BlockError> {
        // SAFETY: `into` is exclusively ours until this returns.
        unsafe { self.pieces(Operation::Read, sector, into.as_mut_ptr() as u64, into.len()) }
    }

    /// Writes `from`, whole sectors long, from `sector` on.
    pub fn write(&self, sector: u64, from: &[u8]) -> Result<(), BlockError> {
        // SAFETY: nobody writes `from` while it is borrowed.
        unsafe { self.pieces(Operation::Write, sector, from.as_ptr() as u64, from.len()) }
    }

    /// Returns when all that was written before is on the disk for good.
    pub fn flush(&self) -> Result<(), BlockError> {
        // SAFETY: there is no memory in it.
        unsafe { self.transfer(Operation::Flush, 0, &[]) }
    }

    /// Moves kernel memory of any kind (heap, image, stack) in requests as large as the disk takes, one after the other.
    ///
    /// # Safety
    ///
    /// The memory must be the caller's to read or to write until this returns.
    unsafe fn pieces(
        &self,
        operation: Operation,
        sector: u64,
        start: u64,
        len: usize,
    ) -> Result<(), BlockError> {
        // Checked as a whole first: a request that is refused has moved nothing.
        let count = (len / SECTOR) as u64;
        if !len.is_multiple_of(SECTOR) {
            return Err(BlockError::Malformed);
        }
        if sector.checked_add(count).is_none_or(|end| end > self.sectors()) {
            return Err(BlockError::OutOfRange);
        }
        let mut done = 0;
        while done < len {
            let at = VirtAddr(start + done as u64);
            let (memory, bytes) = fl_block::gather(at, len - done, self.max_segments(), page_table::physical)
                .filter(|(_, bytes)| *bytes > 0)
                .ok_or(BlockError::Malformed)?;
            // SAFETY: by this function's contract.
            unsafe { self.transfer(operation, sector + (done / SECTOR) as u64, &memory)? };
            done += bytes;
        }
        Ok(())
    }
}

static DISKS: Once<Vec<&'static dyn BlockDevice>> = Once::new();

/// Records which disks there are, once.
pub(super) fn set_disks(disks: Vec<&'static dyn BlockDevice>) {
    DISKS.call_once(|| disks);
}

/// The disks, virtio before RAM.
pub fn disks() -> &'static [&'static dyn BlockDevice] {
    DISKS.get().map_or(&[], Vec::as_slice)
}
