//! [`SendQueue`]: the driver's side of a queue whose buffers the device only reads.

use crate::area::{Area, NO_INTERRUPT, NO_NOTIFY};
use core::sync::atomic::{AtomicU16, AtomicU64, Ordering, fence};

/// The device answered what was not asked: it must be turned off and never be believed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

/// A queue of `N` places, a power of two of at most 64.
///
/// Owns: which places are free. Does not own: the buffers, which are the caller's while a place is free or taken, and the device's from
/// [`SendQueue::publish`] until [`SendQueue::reap`] frees the place. One caller at a time, or one that takes over from another which was
/// stopped for good.
pub struct SendQueue<'a, const N: usize> {
    area: &'a Area<N>,
    /// Bit `p`: place `p` is free.
    free: AtomicU64,
    /// Answers ever looked at; wraps.
    seen: AtomicU16,
}

impl<'a, const N: usize> SendQueue<'a, N> {
    const SHAPE: () = assert!(N.is_power_of_two() && N <= 64, "places are bits of a word, and numbers wrap");

    /// Over an area that is all zero, whatever the device may see of it yet. The device is asked to be silent.
    pub fn new(area: &'a Area<N>) -> Self {
        let () = Self::SHAPE;
        area.available.flags.store(NO_INTERRUPT, Ordering::Relaxed); // Relaxed: advice
        Self { area, free: AtomicU64::new(u64::MAX >> (64 - N)), seen: AtomicU16::new(0) }
    }

    /// Takes a free place: its buffer is the caller's until [`SendQueue::publish`].
    pub fn take(&self) -> Option<usize> {
        // Relaxed, here and below: one caller; what a take-over must see in order is ordered by the Release stores.
        let free = self.free.load(Ordering::Relaxed);
        let place = free.trailing_zeros() as usize;
        self.free.store(free & free.wrapping_sub(1), Ordering::Relaxed);
        (free != 0).then_some(place)
    }

    /// Gives the first `len` bytes at bus address `address`, the buffer of `place`, to the device.
    ///
    /// # Panics
    /// If there is no such place: the caller's bug.
    pub fn publish(&self, place: usize, address: u64, len: u32) {
        let descriptor = &self.area.descriptors[place];
        descriptor.address.store(address, Ordering::Relaxed);
        descriptor.len.store(len, Ordering::Relaxed);
        let index = self.area.available.index.load(Ordering::Relaxed); // ours alone
        self.area.available.ring[usize::from(index) % N].store(place as u16, Ordering::Relaxed);
        // Release: partner is the device's read of the index. It sees buffer, descriptor and entry; who takes over sees the place taken.
        self.area.available.index.store(index.wrapping_add(1), Ordering::Release);
    }

    /// Whether the device wants its doorbell rung for what was published.
    pub fn wants_doorbell(&self) -> bool {
        // A full fence: partner is the device's own, between "ring me" and its last look at the index.
        fence(Ordering::SeqCst);
        self.area.used.flags.load(Ordering::Relaxed) & NO_NOTIFY == 0
    }

    /// Asks the device to interrupt at its next answer, or to be silent. Advice: an interrupt may come all the same. Look at the answers
    /// once more afterwards: one that came before may stay silent.
    pub fn ask_for_interrupt(&self, wanted: bool) {
        self.area.available.flags.store(if wanted { 0 } else { NO_INTERRUPT }, Ordering::Relaxed);
        // A full fence: partner is the device's own, between its answer and its look at the flags.
        fence(Ordering::SeqCst);
    }

    /// Places that the device has not answered.
    pub fn in_flight(&self) -> usize {
        let given = self.area.available.index.load(Ordering::Relaxed);
        usize::from(given.wrapping_sub(self.seen.load(Ordering::Relaxed)))
    }

    /// Frees the places that the device has answered; how many.
    ///
    /// # Errors
    /// [`Broken`]: it answered more than it was given, or a place that it did not have.
    pub fn reap(&self) -> Result<usize, Broken> {
        // Acquire: partner is the device's store of the index; its answers are whole, and it reads their buffers no more.
        let answered = self.area.used.index.load(Ordering::Acquire);
        let mut seen = self.seen.load(Ordering::Relaxed);
        let count = usize::from(answered.wrapping_sub(seen));
        if count > self.in_flight() {
            return Err(Broken);
        }
        while seen != answered {
            let place = self.area.used.ring[usize::from(seen) % N].id.load(Ordering::Relaxed);
            let free = self.free.load(Ordering::Relaxed);
            if place >= N as u32 || free >> place & 1 != 0 {
                return Err(Broken);
            }
            seen = seen.wrapping_add(1);
            // In this order, so that a stop in between costs a place and never frees one twice.
            self.seen.store(seen, Ordering::Relaxed);
            self.free.store(free | 1 << place, Ordering::Release); // Release: keeps the order for who takes over
        }
        Ok(count)
    }
}
