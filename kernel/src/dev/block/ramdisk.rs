//! Disks in memory: the boot modules `disk` and `swap`, for exact runs and for machines without a virtio disk. What is written is gone at power-off.

use super::{BlockDevice, BlockError, Completion, Counters, MAX_SEGMENTS, Operation, SECTOR, Segment};
use crate::arch::boot;
use crate::mm::layout;
use crate::sched::SleepLock;
use alloc::boxed::Box;

/// The modules' names.
const MODULES: [&str; 2] = ["disk", "swap"];

/// The boot module's memory.
struct RamDisk {
    /// Its first byte. Guard: one request at a time copies; they are short.
    memory: SleepLock<*mut u8>,
    sectors: u64,
    counters: Counters,
}
// SAFETY: the pointer is to memory that only this value uses, under its lock; everything else is Send and Sync.
unsafe impl Send for RamDisk {}
// SAFETY: as above.
unsafe impl Sync for RamDisk {}

/// The RAM disks for which the bootloader brought modules. Once, at boot.
pub fn probe() -> impl Iterator<Item = &'static dyn BlockDevice> {
    MODULES.into_iter().filter_map(of_module)
}

fn of_module(name: &str) -> Option<&'static dyn BlockDevice> {
    let memory = boot::module_memory(name)?;
    let sectors = (memory.len() / SECTOR) as u64; // a last part of a sector is not used
    defmt::info!("disk: ram, {=u64} sectors", sectors);
    let disk = RamDisk { memory: SleepLock::new(memory.cast()), sectors, counters: Counters::default() };
    Some(Box::leak(Box::new(disk)))
}

impl BlockDevice for RamDisk {
    fn kind(&self) -> &'static str {
        "ram"
    }
    fn sectors(&self) -> u64 {
        self.sectors
    }
    fn read_only(&self) -> bool {
        false
    }
    fn max_segments(&self) -> usize {
        MAX_SEGMENTS
    }
    fn counters(&self) -> &Counters {
        &self.counters
    }

    unsafe fn submit(
        &self,
        operation: Operation,
        sector: u64,
        memory: &[Segment],
        completion: &Completion,
    ) -> Result<(), BlockError> {
        // SAFETY: by this function's contract.
        unsafe { self.copy(operation, sector, memory)? };
        completion.begin();
        completion.tell(Ok(()));
        Ok(())
    }

    #[inline]
    unsafe fn do_now(
        &self,
        operation: Operation,
        sector: u64,
        memory: &[Segment],
    ) -> Option<Result<(), BlockError>> {
        // SAFETY: by this function's contract.
        Some(unsafe { self.copy(operation, sector, memory) })
    }
}

impl RamDisk {
    /// Carries a request out.
    ///
    /// # Errors
    /// Refused: nothing is done.
    ///
    /// # Safety
    ///
    /// As [`BlockDevice::submit`], (1), until this returns.
    #[inline]
    unsafe fn copy(&self, operation: Operation, sector: u64, memory: &[Segment]) -> Result<(), BlockError> {
        let moved = fl_block::check(operation, sector, memory, self.sectors, MAX_SEGMENTS)?;
        {
            let disk = self.memory.lock();
            let mut at = sector as usize * SECTOR;
            for segment in memory {
                let len = segment.len as usize;
                let there = layout::direct(segment.start()).0 as *mut u8;
                // SAFETY: `check` saw that `at + len` stays within the module, which is ours under the lock; the segment is RAM
                // in the direct map that is the request's, by this function's contract. The two do not overlap: nobody is
                // handed the module's memory.
                unsafe {
                    match operation {
                        Operation::Read => there.copy_from_nonoverlapping(disk.add(at), len),
                        _ => disk.add(at).copy_from_nonoverlapping(there, len),
                    }
                }
                at += len;
            }
        }
        self.counters.ended(operation, moved, Ok(()));
        Ok(())
    }
}
