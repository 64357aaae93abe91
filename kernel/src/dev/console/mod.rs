//! The trace over a virtio console: each frame in a buffer of its own, given to the device as it is.
//!
//! [`link`] finds the device and brings it up ([`probe`]); [`ConsoleLink`] sends. Source: virtio 1.1, 5.3. Only port 0's transmit queue is
//! used. The drain sleeps when all buffers are the device's; an interrupt, or the tick where there is no MSI-X, wakes it.

mod probe;

pub use probe::link;

use super::virtio::{Common, Doorbell};
use crate::arch::cpu::tsc;
use crate::irq::Handler;
use crate::mm::frames::Frame;
use crate::mm::layout;
use crate::sched::{self, WaitQueue};
use crate::time::{TICK_HZ, clock};
use crate::trace::link::{Link, Wait};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use fl_addr::{PAGE_SIZE, PhysAddr};
use fl_trace::packet::MAX_FRAME;
use fl_virtq::{Area, Broken, SendQueue};

/// Port 0's transmit queue.
const QUEUE: u16 = 1;
/// Buffers: 16 KiB of trace may be on the way.
const PLACES: usize = 16;
/// Bytes from one buffer to the next.
const BUFFER: usize = 2048;
const IN_A_FRAME: usize = PAGE_SIZE / BUFFER;
const _: () = assert!(MAX_FRAME <= BUFFER && PLACES.is_multiple_of(IN_A_FRAME));
/// Ticks between looks in case an interrupt got lost; a power of two.
const LOOK_EVERY: u64 = 128;

/// Frames that buffers lie in.
type Frames = [Frame; PLACES / IN_A_FRAME];

/// The transmit queue, its buffers, and the device. All of it stays for ever: the device may read at any time.
struct ConsoleLink {
    queue: SendQueue<'static, PLACES>,
    buffers: [PhysAddr; PLACES],
    doorbell: Doorbell,
    common: Common,
    room: &'static Room,
    /// Turned off: what is sent is dropped.
    off: bool,
}

impl ConsoleLink {
    fn new(
        area: &'static Area<PLACES>,
        frames: Frames,
        doorbell: Doorbell,
        common: Common,
        room: &'static Room,
    ) -> Self {
        let frames = frames.map(|frame| frame.into_pfn().start());
        let buffers = core::array::from_fn(|n| frames[n / IN_A_FRAME] + (n % IN_A_FRAME * BUFFER) as u64);
        Self { queue: SendQueue::new(area), buffers, doorbell, common, room, off: false }
    }

    /// Frees answered buffers until `enough`; false if the device does not answer, or not what it was asked.
    fn reap_until(&self, wait: Wait, enough: impl Fn() -> bool) -> bool {
        let mut end = self.queue.reap();
        if end.is_ok() && !enough() {
            end = match wait {
                Wait::Asleep => self.sleep_until(&enough),
                Wait::Spinning => self.spin_until(&enough),
            };
        }
        end.is_ok() && enough()
    }

    fn sleep_until(&self, enough: &impl Fn() -> bool) -> Result<usize, Broken> {
        let deadline = sched::ticks() + Wait::Asleep.patience() * TICK_HZ;
        let mut end = Ok(0);
        self.room.awaited.store(true, Relaxed);
        self.queue.ask_for_interrupt(true);
        self.room.waiters.wait_until(|| {
            end = self.queue.reap();
            end.is_err() || enough() || sched::ticks() >= deadline
        });
        self.queue.ask_for_interrupt(false);
        self.room.awaited.store(false, Relaxed);
        end
    }

    fn spin_until(&self, enough: &impl Fn() -> bool) -> Result<usize, Broken> {
        let deadline = tsc() + Wait::Spinning.patience() * clock().tsc_hz;
        while !enough() && tsc() < deadline {
            self.queue.reap()?;
            core::hint::spin_loop();
        }
        Ok(0)
    }

    /// The device is of no use any more. Its buffers stay as they are: it reads none from here on.
    fn turn_off(&mut self) {
        self.off = true;
        self.common.turn_off();
    }
}

impl Link for ConsoleLink {
    fn send(&mut self, bytes: &[u8], wait: Wait) {
        debug_assert!(bytes.len() <= BUFFER);
        if self.off {
            return;
        }
        let mut place = self.queue.take();
        if place.is_none() && self.reap_until(wait, || self.queue.in_flight() < PLACES) {
            place = self.queue.take();
        }
        let Some(place) = place else { return self.turn_off() };
        let (buffer, len) = (self.buffers[place], bytes.len().min(BUFFER));
        // SAFETY: a buffer of `BUFFER` bytes in the direct map, ours until `publish`; `bytes` is somewhere else.
        unsafe {
            (layout::direct(buffer).0 as *mut u8).copy_from_nonoverlapping(bytes.as_ptr(), len);
        }
        self.queue.publish(place, buffer.0, len as u32);
        if self.queue.wants_doorbell() {
            self.doorbell.ring(QUEUE);
        }
    }

    fn flush(&mut self, wait: Wait) {
        if !self.off && !self.reap_until(wait, || self.queue.in_flight() == 0) {
            self.turn_off();
        }
    }
}

/// Where the drain sleeps for room.
struct Room {
    waiters: WaitQueue,
    /// Whether the tick stands for the interrupt.
    polled: bool,
    /// Somebody sleeps. Relaxed: a hint for the tick, which comes again.
    awaited: AtomicBool,
}

impl Handler for Room {
    fn interrupt(&self) {
        self.waiters.wake_all();
    }

    fn tick(&self, now: u64) {
        if self.awaited.load(Relaxed) && (self.polled || now.is_multiple_of(LOOK_EVERY)) {
            self.waiters.wake_all();
        }
    }
}
