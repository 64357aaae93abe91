//! Virtio disks: many requests in flight on one queue of crate `virtio-drivers`, completed by MSI-X, or by the tick where there is none.
//!
//! [`probe()`] brings a disk up; [`VirtioDisk`] is the disk for those who use it; `ring` is its queue. Source: virtio 1.1, 5.2.

mod probe;
mod ring;

pub use probe::probe;

use super::{BlockDevice, BlockError, Completion, Counters, Operation, Segment};
use crate::irq::Handler;
use crate::sched::{self, SleepLock, WaitQueue};
use crate::sync::SpinLock;
use crate::time::TICK_HZ;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use fl_block::SegmentList;
use ring::{Request, Ring};

/// Ticks after which a request that is not answered makes the disk be turned off: a disk may be slow, but not that slow.
const TIMEOUT: u64 = 10 * TICK_HZ;
/// Ticks between looks at the deadlines; a power of two.
const LOOK_EVERY: u64 = 128;

static PATIENCE: AtomicU64 = AtomicU64::new(TIMEOUT);

/// Sets the ticks after which a disk that does not answer is turned off.
pub fn set_timeout(ticks: u64) {
    PATIENCE.store(ticks, Relaxed); // Relaxed: the next request, or the one after it, goes by it
}

/// A virtio disk.
///
/// Owns: its queue and registers, for ever. Does not own: the memory of requests, which their submitters keep (`submit`'s contract)
/// until the device has let go of it, by answering or by being turned off.
pub struct VirtioDisk {
    sectors: u64,
    read_only: bool,
    /// Whether the device has a cache of its own to be flushed.
    flushes: bool,
    max_segments: usize,
    /// Whether the tick stands for the interrupt.
    polled: bool,
    /// Lock rank: below a wait queue.
    ring: SpinLock<Ring>,
    /// Requests in flight, for a look without the lock. Relaxed: a hint; the table counts.
    in_flight: AtomicUsize,
    /// One submitter at a time waits for room, so that a large request is not overtaken for ever.
    turn: SleepLock<()>,
    room: WaitQueue,
    counters: Counters,
}

impl BlockDevice for VirtioDisk {
    fn kind(&self) -> &'static str {
        if self.polled { "virtio, polled" } else { "virtio, MSI-X" }
    }
    fn sectors(&self) -> u64 {
        self.sectors
    }
    fn read_only(&self) -> bool {
        self.read_only
    }
    fn max_segments(&self) -> usize {
        self.max_segments
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
        let sectors = fl_block::check(operation, sector, memory, self.sectors, self.max_segments)?;
        if operation == Operation::Write && self.read_only {
            return Err(BlockError::ReadOnly);
        }
        completion.begin();
        if operation == Operation::Flush && !self.flushes {
            completion.tell(Ok(())); // without the feature every write is for good
            return Ok(());
        }
        let memory = SegmentList::from_slice(memory).map_err(|_| BlockError::Malformed)?;
        let request = Request { operation, sector, sectors, memory, completion: NonNull::from(completion) };
        let taken = self.enqueue(request);
        if taken.is_err() {
            completion.cancel();
        }
        taken
    }
}

impl VirtioDisk {
    /// Waits for room and hands the request over.
    fn enqueue(&self, request: Request) -> Result<(), BlockError> {
        let _turn = self.turn.lock();
        let mut request = Some(request);
        let mut result = Ok(());
        self.room.wait_until(|| {
            let mut ring = self.ring.lock();
            let deadline = sched::ticks() + PATIENCE.load(Relaxed);
            // SAFETY: the memory and the completion stay until the end is told, by the contract of `submit`.
            let outcome = unsafe { ring.add(&mut request, deadline) };
            self.in_flight.store(ring.len(), Relaxed);
            self.counters.in_flight(ring.len());
            result = outcome.map(|_| ());
            outcome != Ok(false)
        });
        result
    }

    /// Tells the end of all that has ended by tick `now`; how many that were.
    fn reap(&self, now: u64) -> usize {
        let mut told = 0;
        loop {
            let ended = {
                let mut ring = self.ring.lock();
                let ended = ring.ended(now);
                self.in_flight.store(ring.len(), Relaxed);
                ended
            };
            if ended.is_empty() {
                return told;
            }
            told += ended.len();
            for end in ended {
                self.counters.ended(end.operation, end.sectors, end.result);
                // SAFETY: by the contract of `submit` the completion stays until its end is told, which is now.
                unsafe { end.completion.as_ref() }.tell(end.result);
            }
            self.room.wake_all();
        }
    }

    /// Turns the device off if it has not answered in time.
    fn look_at_deadlines(&self, now: u64) {
        if !self.ring.lock().any_overdue(now) {
            return;
        }
        let answered = self.reap(now); // it may have answered, and the interrupt got lost
        {
            let mut ring = self.ring.lock();
            if ring.any_overdue(now) {
                ring.turn_off();
            }
        }
        let given_up = self.reap(now);
        defmt::warn!(
            "disk: {=usize} answers without an interrupt, {=usize} requests given up",
            answered,
            given_up
        );
    }
}

impl Handler for VirtioDisk {
    fn interrupt(&self) {
        self.counters.interrupted();
        self.reap(0);
    }

    fn tick(&self, now: u64) {
        if self.in_flight.load(Relaxed) == 0 {
            return;
        }
        if self.polled {
            self.reap(now);
        }
        if now.is_multiple_of(LOOK_EVERY) {
            self.look_at_deadlines(now);
        }
    }
}
