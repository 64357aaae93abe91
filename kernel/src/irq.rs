//! Interrupts of devices: who is called at which vector, and at every tick.
//!
//! Handlers run in the interrupt, interrupts off: they allocate nothing, take spin locks only, and wake. They are never taken away.
//! `trap` calls [`device`] and [`tick`]; drivers register.

use crate::arch::entry::{DEVICE_FIRST, DEVICES};
use crate::sync::Once;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Devices that may ask for the tick.
const TICKED: usize = 16;

/// What an interrupt calls.
pub trait Handler: Sync {
    /// The device's interrupt came.
    fn interrupt(&self);
    /// A tick has passed; `now` counts them.
    fn tick(&self, now: u64);
}

static AT_VECTOR: Table<DEVICES> = Table::new();
static AT_TICK: Table<TICKED> = Table::new();

struct Table<const N: usize> {
    places: [Once<&'static dyn Handler>; N],
    /// Places given away. Relaxed: it only makes them different; the handler is published by its `Once`.
    given: AtomicUsize,
}

impl<const N: usize> Table<N> {
    const fn new() -> Self {
        Self { places: [const { Once::new() }; N], given: AtomicUsize::new(0) }
    }

    fn reserve(&self) -> Option<usize> {
        let next = |n| if n < N { Some(n + 1) } else { None };
        self.given.try_update(Relaxed, Relaxed, next).ok()
    }
}

/// A vector of one's own, at which nobody is called yet.
#[derive(Debug)]
pub struct Vector(usize);

impl Vector {
    /// Takes one. `None`: all are taken.
    pub fn reserve() -> Option<Self> {
        AT_VECTOR.reserve().map(Self)
    }

    /// Its number.
    pub fn number(&self) -> u8 {
        DEVICE_FIRST + self.0 as u8
    }

    /// From now on `handler` is called at it.
    pub fn attach(self, handler: &'static dyn Handler) {
        AT_VECTOR.places[self.0].call_once(|| handler);
    }
}

/// From now on `handler` is called at every tick. False: too many are.
pub fn at_tick(handler: &'static dyn Handler) -> bool {
    AT_TICK.reserve().map(|n| AT_TICK.places[n].call_once(|| handler)).is_some()
}

/// Whether `vector` is a device's.
pub fn is_device(vector: u64) -> bool {
    (u64::from(DEVICE_FIRST)..u64::from(DEVICE_FIRST) + DEVICES as u64).contains(&vector)
}

/// Calls who is attached to `vector`; nobody, if the device was faster than its driver. In the interrupt.
pub fn device(vector: u64) {
    if let Some(handler) = AT_VECTOR.places[(vector - u64::from(DEVICE_FIRST)) as usize].get() {
        handler.interrupt();
    }
}

/// Calls all who asked for the tick. In the timer interrupt of the boot processor.
pub fn tick(now: u64) {
    AT_TICK.places.iter().map_while(Once::get).for_each(|handler| handler.tick(now));
}
