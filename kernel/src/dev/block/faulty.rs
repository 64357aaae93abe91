//! [`FaultyDisk`]: a disk some of whose requests fail, as `fault=` has it. It stands before the disk that does the rest.
//!
//! A request that is to fail never reaches the disk: a read leaves the memory, a write leaves the sectors as they were.

use super::{BlockDevice, BlockError, Completion, Counters, Operation, Role, Segment};
use crate::sync::Once;
use alloc::boxed::Box;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use fl_block::{Faults, check};

static FAULTS: Once<Faults> = Once::new();
/// Whether the last program has ended. Relaxed, as all here: figures and flags that order nothing.
static OVER: AtomicBool = AtomicBool::new(false);
/// Requests that were made to fail, of how many, by operation.
static STRUCK: [[AtomicU64; 2]; Operation::ALL.len()] = [const { [const { AtomicU64::new(0) }; 2] }; 3];

/// From now on requests fail as `faults` says. Once, before the disks are found.
pub fn begin(faults: Faults) {
    FAULTS.call_once(|| faults);
}

/// From now on none fails: the kernel's own way out is no part of the test.
pub fn end() {
    OVER.store(true, Relaxed);
}

/// What was made to fail, if anything was to.
pub fn summary() -> Option<impl fmt::Display> {
    struct Summary;
    impl fmt::Display for Summary {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let figures = STRUCK.each_ref().map(|pair| pair.each_ref().map(|n| n.load(Relaxed)));
            let [[reads, of_reads], [writes, of_writes], [flushes, of_flushes]] = figures;
            write!(
                f,
                "{reads} of {of_reads} reads, {writes} of {of_writes} writes, {flushes} of {of_flushes} flushes"
            )
        }
    }
    FAULTS.get().map(|_| Summary)
}

/// `disk`, and before it one that makes its requests fail if `fault=` was given.
pub fn guard(disk: &'static dyn BlockDevice) -> &'static dyn BlockDevice {
    match FAULTS.get() {
        Some(faults) => {
            Box::leak(Box::new(FaultyDisk { disk, faults, role: Once::new(), requests: Default::default() }))
        }
        None => disk,
    }
}

/// See the module. Owns nothing of the disk behind it.
struct FaultyDisk {
    disk: &'static dyn BlockDevice,
    faults: &'static Faults,
    /// What it is used for, once that is known.
    role: Once<Role>,
    /// Requests since then, by operation.
    requests: [AtomicU64; Operation::ALL.len()],
}

impl BlockDevice for FaultyDisk {
    fn kind(&self) -> &'static str {
        self.disk.kind()
    }
    fn sectors(&self) -> u64 {
        self.disk.sectors()
    }
    fn read_only(&self) -> bool {
        self.disk.read_only()
    }
    fn max_segments(&self) -> usize {
        self.disk.max_segments()
    }
    fn counters(&self) -> &Counters {
        self.disk.counters()
    }
    fn used_for(&self, role: Role) {
        self.role.call_once(|| role);
    }

    unsafe fn submit(
        &self,
        operation: Operation,
        sector: u64,
        memory: &[Segment],
        completion: &Completion,
    ) -> Result<(), BlockError> {
        // What the disk would refuse is the caller's mistake and no part of this.
        check(operation, sector, memory, self.sectors(), self.max_segments())?;
        if self.strikes(operation) {
            completion.begin();
            self.counters().ended(operation, 0, Err(BlockError::Io));
            completion.tell(Err(BlockError::Io));
            return Ok(());
        }
        // SAFETY: this function's contract is the other's.
        unsafe { self.disk.submit(operation, sector, memory, completion) }
    }
}

impl FaultyDisk {
    /// Whether the request that comes now fails. A disk of no use yet is being looked at by the kernel at boot: none fails then.
    fn strikes(&self, operation: Operation) -> bool {
        let Some(&role) = self.role.get().filter(|_| !OVER.load(Relaxed)) else { return false };
        let number = self.requests[operation as usize].fetch_add(1, Relaxed);
        let strikes = self.faults.strike(role, operation, number);
        let [struck, all] = &STRUCK[operation as usize];
        all.fetch_add(1, Relaxed);
        struck.fetch_add(strikes.into(), Relaxed);
        strikes
    }
}
