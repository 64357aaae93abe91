//! The drain: a kernel thread that sends what the CPUs recorded, and once a second says hello again.
//!
//! It wakes at every tick, but sends only when a packet's worth is there or the oldest record has waited a while, so that few
//! bytes are spent on headers. It emits nothing itself.

use super::link::Link;
use super::metrics::Sent;
use super::pump::Pump;
use super::{emit, logger};
use crate::arch::cpu::{ticks_since, tsc};
use crate::percpu;
use crate::sched::{self, WaitQueue};
use crate::sync::Once;
use crate::time::{clock, common_tsc};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use fl_trace::control::{Bye, Control, Counters, Hello, Moment};

/// Events that are worth a packet at once: about one packet of [`fl_trace::packet::MAX_PACKET`] bytes.
const WORTH_SENDING: usize = 48;
/// Ticks (milliseconds) after which anything is sent.
const PATIENCE: u64 = 10;
/// Seconds between hellos, by the time-stamp counter: a busy host makes a virtual machine miss ticks.
const HELLO_EVERY: u64 = 1;
/// Hellos between those with all that is counted, not only what has changed.
const ALL_EVERY: u64 = 10;
/// Packets that the last flush sends at most; more than all rings can hold.
const LAST_FLUSH: u32 = 1 << 20;

/// Takes control records.
pub type Sink<'a> = &'a mut dyn FnMut(&Control);

/// Events that one thread emits at most between two calls of [`admit`]: a fault with the cache transfers of its frames, a
/// spawn, an exit, a page of a space being cleared. With room to spare.
const BETWEEN_ADMISSIONS: usize = 16;
/// Events kept free for interrupts, and for the switches of threads that sleep and wake again between two calls of [`admit`].
const RESERVED: usize = 512;

/// Whether threads wait for room rather than lose events.
static LOSSLESS: AtomicBool = AtomicBool::new(false);
static ROOM: WaitQueue = WaitQueue::new();

/// From now on nothing is lost: threads wait at their next [`admit`] while the ring is too full. For tests that need every event.
pub fn set_lossless() {
    LOSSLESS.store(true, Ordering::Relaxed); // Relaxed: whoever sees it late may lose an event, as before
}

/// An admission point: in lossless mode sleeps until every CPU's ring has room for what every thread may emit until its next
/// one: a thread may go on on another CPU. Holding nothing that the drain needs, interrupts on. `emit` itself never waits.
#[inline]
pub fn admit() {
    if LOSSLESS.load(Ordering::Relaxed) {
        ROOM.wait_until(has_room);
    }
}

fn has_room() -> bool {
    let wanted = BETWEEN_ADMISSIONS * sched::count() as usize + RESERVED;
    percpu::online()
        .map(|cpu| emit::of(cpu).ring())
        .all(|ring| ring.capacity() - ring.len() >= wanted.min(ring.capacity()))
}

/// What the drain asks the upper layers for.
pub struct Sources {
    /// The hello record.
    pub hello: Hello,
    /// The kernel's counters now.
    pub counters: fn(Moment) -> Counters,
    /// Calls back with a record of each live process.
    pub live: fn(Sink<'_>),
}

static SOURCES: Once<Sources> = Once::new();

struct SharedPump(UnsafeCell<Pump>);
// SAFETY: used by whoever starts the drain, then by its thread alone, then by the panic path alone (`take_over`).
unsafe impl Sync for SharedPump {}
static PUMP: SharedPump = SharedPump(UnsafeCell::new(Pump::new()));

/// Progress of the last flush: RUNNING -> ASKED (by `finish`) -> DONE (by the drain).
static STATE: AtomicU8 = AtomicU8::new(RUNNING);
const RUNNING: u8 = 0;
const ASKED: u8 = 1;
const DONE: u8 = 2;
static FINISHED: WaitQueue = WaitQueue::new();
static LAST: Once<Counters> = Once::new();

/// Starts the thread, which sends over `link`; without one what is recorded is dropped. Once. What was recorded before has waited.
pub fn start(sources: Sources, link: Option<&'static mut dyn Link>) -> Result<(), sched::SpawnError> {
    SOURCES.call_once(|| sources);
    // SAFETY: called once, so nobody else uses the pump yet; the panic path would have stopped this thread.
    unsafe { &mut *PUMP.0.get() }.open(link);
    sched::spawn_kernel("drain", run, 0).map(|_| ())
}

/// Sends everything that was recorded, then `last` and the goodbye; returns when it is on the wire.
pub fn finish(last: Counters) {
    LAST.call_once(|| last);
    // Release: partner is the drain's Acquire load; it sees LAST, and every record emitted before.
    STATE.store(ASKED, Ordering::Release);
    FINISHED.wait_until(|| STATE.load(Ordering::Acquire) == DONE); // partner: the store of DONE
}

/// The pump, for the panic path.
///
/// # Safety
///
/// Every other thread and CPU must have been stopped for good.
pub unsafe fn take_over() -> &'static mut Pump {
    // SAFETY: by this function's contract the drain thread runs no more. A packet that it was making is made again, one that it was sending is sent again.
    unsafe { &mut *PUMP.0.get() }
}

extern "C" fn run(_: usize) -> ! {
    // SAFETY: this thread alone uses the pump; the panic path does so only when this thread has been stopped.
    let pump = unsafe { &mut *PUMP.0.get() };
    let sources = SOURCES.get().expect("set by `start`");
    sched::current().be_quiet();
    let mut counted = Sent::new(); // before the boot counters are read: it stays
    pump.control(&Control::Hello(sources.hello));
    pump.control(&Control::Counters((sources.counters)(Moment::Boot)));
    let hello_every = HELLO_EVERY * clock().tsc_hz;
    let (mut sent_at, mut hello_at, mut hellos) = (sched::ticks(), tsc(), 0u64);
    let several = percpu::online().count() > 1;
    let mut owed = false;
    loop {
        // Acquire: partner is `finish`.
        if STATE.load(Ordering::Acquire) == ASKED {
            last_words(pump, &mut counted);
            sched::exit() // while another CPU powers the machine off: a packet begun now would be cut
        }
        let now = sched::ticks();
        if ticks_since(hello_at) >= hello_every {
            hello_at = tsc();
            hellos += 1;
            pump.control(&Control::Hello(sources.hello));
            let since = common_tsc();
            (sources.live)(&mut |record| pump.control_of(since, record));
            let since = common_tsc();
            pump.control_of(since, &Control::Counters((sources.counters)(Moment::Running)));
            counted.send(pump, Moment::Running, hellos.is_multiple_of(ALL_EVERY));
        }
        let late = now - sent_at >= PATIENCE;
        let mut sent = false;
        let (begun, mut events) = (common_tsc(), false);
        if late {
            sent |= pump.console();
        }
        // All processors or none: after a visit the host knows that it has all that was recorded before, and can put it in order.
        if late || percpu::online().any(|cpu| emit::of(cpu).ring().len() >= WORTH_SENDING) {
            for cpu in percpu::online() {
                events |= pump.events_so_far(cpu);
                if late {
                    sent |= pump.logs(cpu);
                }
            }
            sent |= events;
            // What was recorded during a visit is in order for sure after the next one.
            if several && (events || owed) {
                pump.control_of(begun, &Control::CaughtUp);
                owed = events;
            }
            ROOM.wake_all();
        }
        if late {
            sent_at = now;
        }
        if !sent {
            sched::sleep(1);
        }
    }
}

/// Not inlined, nor what tells of metrics: their records on the stack are for a moment only.
#[inline(never)]
fn last_words(pump: &mut Pump, counted: &mut Sent) {
    pump.everything(LAST_FLUSH);
    if let Some(last) = LAST.get() {
        // Of the events in the rings the durations count only now.
        let fault_ticks = emit::fault_ticks();
        pump.control(&Control::Counters(Counters { fault_ticks, ..*last }));
    }
    counted.send(pump, Moment::PowerOff, true);
    pump.control(&Control::Bye(Bye::PowerOff));
    pump.flush();
    STATE.store(DONE, Ordering::Release); // partner: the Acquire load in `finish`
    FINISHED.wake_all();
}

/// Log records lost so far.
pub fn logs_lost() -> u64 {
    logger::lost()
}
