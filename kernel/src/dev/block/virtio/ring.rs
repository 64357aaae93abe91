//! [`Ring`]: one disk's queue, the requests in it, and the device's doorbell. Under the disk's lock.
//!
//! The crate's queue panics on answers to questions that were never asked; so each token is looked up in the table first.

use crate::dev::block::{BlockError, Completion, MAX_SEGMENTS, Operation};
use crate::dev::hal::DmaHal;
use crate::dev::virtio::{Common, Doorbell};
use crate::mm::frames::Frame;
use crate::mm::layout;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};
use fl_addr::{PAGE_SIZE, VirtAddr};
use fl_block::{InFlight, SegmentList};
use virtio_drivers::queue::VirtQueue;

/// The only queue that is used.
pub const QUEUE: u16 = 0;
/// Descriptors of the queue: every device has that many. No indirect ones, which would be allocated for each request.
pub const DESCRIPTORS: usize = 64;
/// Requests that fit at most: each takes a descriptor for its header and one for its status.
const PLACES: usize = DESCRIPTORS / 2;

/// Requests that have ended, some at a time: they lie on the stack that an interrupt finds.
pub type Ended = heapless::Vec<End, 8>;

/// How a request ended, and who is to be told.
pub struct End {
    pub operation: Operation,
    /// Sectors it was to move.
    pub sectors: u64,
    pub completion: NonNull<Completion>,
    pub result: Result<(), BlockError>,
}

impl End {
    fn of(request: &Request, result: Result<(), BlockError>) -> Self {
        let &Request { operation, sectors, completion, .. } = request;
        Self { operation, sectors, completion, result }
    }
}

/// A request on its way.
pub struct Request {
    pub operation: Operation,
    pub sector: u64,
    /// Sectors it moves.
    pub sectors: u64,
    pub memory: SegmentList,
    pub completion: NonNull<Completion>,
}
// SAFETY: the pointer is to a `Completion`, which is Sync, and which its owner keeps until it is told.
unsafe impl Send for Request {}

/// Header and status of each place, in a frame that the device reads and writes.
struct Envelopes(VirtAddr);

/// `virtio_blk_req` without its data: type, sector; the status byte lies behind the header.
#[repr(C)]
struct Header {
    kind: u32,
    reserved: u32,
    sector: u64,
}
const HEADER: usize = size_of::<Header>();
/// Bytes from one envelope to the next.
const STRIDE: usize = 32;
const _: () = assert!(HEADER == 16 && HEADER < STRIDE && PLACES * STRIDE <= PAGE_SIZE);

const KIND_IN: u32 = 0;
const KIND_OUT: u32 = 1;
const KIND_FLUSH: u32 = 4;
const STATUS_OK: u8 = 0;
const STATUS_UNSUPPORTED: u8 = 2;
/// Written by us before the device writes its own.
const STATUS_NONE: u8 = 0xff;

impl Envelopes {
    fn header(&self, place: usize) -> *mut u8 {
        debug_assert!(place < PLACES);
        (self.0.0 as usize + place * STRIDE) as *mut u8
    }

    fn status(&self, place: usize) -> *mut u8 {
        self.header(place).wrapping_add(HEADER)
    }

    fn fill(&self, place: usize, request: &Request) {
        let kind = match request.operation {
            Operation::Read => KIND_IN,
            Operation::Write => KIND_OUT,
            Operation::Flush => KIND_FLUSH,
        };
        let header = Header { kind, reserved: 0, sector: request.sector };
        // SAFETY: the frame is ours for ever, `place` is within it and no request is in that place, so the device does not look.
        unsafe {
            self.header(place).cast::<Header>().write(header);
            self.status(place).write_volatile(STATUS_NONE);
        }
    }

    fn end(&self, place: usize) -> Result<(), BlockError> {
        // SAFETY: as in `fill`; the device has answered, so it writes no more.
        match unsafe { self.status(place).read_volatile() } {
            STATUS_OK => Ok(()),
            STATUS_UNSUPPORTED => Err(BlockError::Unsupported),
            _ => Err(BlockError::Io),
        }
    }
}

/// Calls `f` with the buffers that the device reads and those that it writes, as the crate wants them.
///
/// # Safety
///
/// The request's memory must be RAM that is the request's, and `place` its own.
unsafe fn with_buffers<R>(
    envelopes: &Envelopes,
    place: usize,
    request: &Request,
    f: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
) -> R {
    let mut inputs: [&[u8]; MAX_SEGMENTS + 1] = [&[]; MAX_SEGMENTS + 1];
    let mut outputs: [&mut [u8]; MAX_SEGMENTS + 1] = core::array::from_fn(|_| &mut [][..]);
    // SAFETY: the frame of the envelopes, within `place`.
    inputs[0] = unsafe { core::slice::from_raw_parts(envelopes.header(place), HEADER) };
    let (mut read, mut written) = (1, 0);
    for segment in &request.memory {
        let (at, len) = (layout::direct(segment.start()).0 as *mut u8, segment.len as usize);
        if request.operation == Operation::Read {
            // SAFETY: RAM in the direct map that is the request's by this function's contract. The crate takes the address only.
            outputs[written] = unsafe { core::slice::from_raw_parts_mut(at, len) };
            written += 1;
        } else {
            // SAFETY: as above.
            inputs[read] = unsafe { core::slice::from_raw_parts(at, len) };
            read += 1;
        }
    }
    // SAFETY: as for the header; one byte.
    outputs[written] = unsafe { core::slice::from_raw_parts_mut(envelopes.status(place), 1) };
    f(&inputs[..read], &mut outputs[..=written])
}

/// One disk's queue. Guard: the disk's lock.
pub struct Ring {
    queue: VirtQueue<DmaHal, DESCRIPTORS>,
    table: InFlight<Request>,
    envelopes: Envelopes,
    doorbell: Doorbell,
    common: Common,
    /// Set for good when the device is turned off.
    off: bool,
}

impl Ring {
    /// Around a queue that the device knows. `frame`, zeroed, stays with the device for ever.
    pub fn new(
        queue: VirtQueue<DmaHal, DESCRIPTORS>,
        frame: Frame,
        doorbell: Doorbell,
        common: Common,
    ) -> Self {
        let envelopes = Envelopes(layout::direct(frame.into_pfn().start()));
        Self { queue, table: InFlight::new(PLACES), envelopes, doorbell, common, off: false }
    }

    /// Requests in flight.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Takes the request and rings the doorbell, or leaves it: false if there is no room.
    ///
    /// # Safety
    ///
    /// The request's memory and completion must stay until it comes back in an [`Ended`].
    pub unsafe fn add(&mut self, request: &mut Option<Request>, deadline: u64) -> Result<bool, BlockError> {
        if self.off {
            return Err(BlockError::Gone);
        }
        let (Some(place), Some(asked)) = (self.table.vacant(), request.as_ref()) else { return Ok(false) };
        if self.queue.available_desc() < asked.memory.len() + 2 {
            return Ok(false);
        }
        self.envelopes.fill(place, asked);
        let queue = &mut self.queue;
        // SAFETY: by this function's contract the buffers stay until the request is taken from the table, which is when the
        // device has answered or has been turned off.
        let token = unsafe {
            with_buffers(&self.envelopes, place, asked, |inputs, outputs| queue.add(inputs, outputs))
        };
        let Ok(token) = token else { return Ok(false) }; // no room: the only refusal of a list that is not empty
        if let Some(request) = request.take() {
            self.table.insert(place, token, deadline, request);
        }
        // A full fence: partner is the device's own, between "wake me" and its last look at the queue. Without it we could see that
        // it does not want to be woken while it does not see the request.
        fence(Ordering::SeqCst);
        if self.queue.should_notify() {
            self.doorbell.ring(QUEUE);
        }
        Ok(true)
    }

    /// Takes requests that have ended, as many as fit: what the device has answered, and once it is off, all that was in flight. Those that were
    /// overdue at tick `now` have timed out, the others went with them.
    pub fn ended(&mut self, now: u64) -> Ended {
        let mut ended = Ended::new();
        while !ended.is_full()
            && let Some(end) = if self.off { self.given_up(now) } else { self.answer() }
        {
            let _ = ended.push(end); // it is not full
        }
        ended
    }

    /// Takes one answer of the device. A device that answers nonsense is turned off.
    #[inline(never)] // its buffers are off the stack by the time that waiters are woken
    fn answer(&mut self) -> Option<End> {
        let token = self.queue.peek_used()?;
        let Some((place, request)) = self.table.take(token) else {
            defmt::error!("disk: an answer to a request that was never made; turned off");
            self.turn_off();
            return self.given_up(0);
        };
        let queue = &mut self.queue;
        // SAFETY: `add` put these very buffers in under this token, and they are still the request's.
        let popped = unsafe {
            with_buffers(&self.envelopes, place, &request, |inputs, outputs| {
                queue.pop_used(token, inputs, outputs)
            })
        };
        let end = match popped {
            Ok(_) => self.envelopes.end(place),
            Err(_) => Err(BlockError::Gone), // the device changed its answer under our eyes
        };
        if end == Err(BlockError::Gone) {
            self.turn_off(); // before the request's memory is given back
        }
        Some(End::of(&request, end))
    }

    fn given_up(&mut self, now: u64) -> Option<End> {
        let (overdue, request) = self.table.take_any(now)?;
        Some(End::of(&request, Err(if overdue { BlockError::Timeout } else { BlockError::Gone })))
    }

    /// Whether a request should have been answered by tick `now`.
    pub fn any_overdue(&self, now: u64) -> bool {
        self.table.any_overdue(now)
    }

    /// Turns the device off for good: what was in flight has [`ended`](Self::ended).
    pub fn turn_off(&mut self) {
        self.off = true;
        self.common.turn_off();
    }
}
