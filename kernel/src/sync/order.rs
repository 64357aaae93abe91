//! The order of spin locks: checked at run time in builds with debug assertions, by what each CPU holds. A lock may be taken only inside locks of
//! lower rank; nothing sleeps while one is held.
//!
//! Sleeping locks are not watched: they are held by threads, and what holds them is told by the types (`ARCHITECTURE.md`, section 5).

use super::spin_lock::spins_for;
use crate::arch::interrupts::IrqOff;
use crate::per_cpu;
use crate::percpu::PerCpu;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_trace::locks::LockClass;

/// Most spin locks that a CPU holds at once, interrupts included.
const HELD_MAX: usize = 12;

/// The rank of a class in the table of `ARCHITECTURE.md`, in tenths.
const fn rank(class: LockClass) -> u8 {
    match class {
        LockClass::Test => 40,
        LockClass::WaitQueue => 50,
        LockClass::Page | LockClass::Processes | LockClass::Disk => 60,
        LockClass::ConsoleInput | LockClass::WaitsFor => 60,
        LockClass::PageTable => 70,
        LockClass::FrameTable => 80,
        LockClass::FrameWait => 81,
        LockClass::SwapMap => 82,
        LockClass::Zeroing => 83,
        LockClass::Magazine | LockClass::FramePool | LockClass::ZeroedStock => 83, // fl_frames takes them by itself
        LockClass::Slab => 84,
        LockClass::Heap => 85,
        LockClass::Stacks => 86,
        LockClass::DeviceWindow => 87,
        LockClass::PciPorts => 88,
        LockClass::TraceClasses => 89,
        LockClass::Sleepers => 90,
        LockClass::RunQueue => 91,
        LockClass::Console => 100,
        LockClass::Watchdog => 110,
    }
}

/// What one CPU holds: `classes[..len]`, in the order of taking. Relaxed, all of it: its own CPU, interrupts off.
struct Held {
    classes: [AtomicU8; HELD_MAX],
    len: AtomicU8,
}

static HELD: PerCpu<Held> =
    per_cpu!(Held { classes: [const { AtomicU8::new(0) }; HELD_MAX], len: AtomicU8::new(0) });

/// Off on the panic path, which takes what it needs from whoever has it.
static WATCHING: AtomicBool = AtomicBool::new(cfg!(debug_assertions));

/// From now on nothing is checked any more: for the panic path.
pub fn stop_watching() {
    WATCHING.store(false, Relaxed);
}

/// A lock of this class is about to be taken; `try_only`: only if it is free, which never waits and so needs no order.
#[inline]
pub(super) fn taking(irq: &IrqOff, class: LockClass, try_only: bool) {
    if !WATCHING.load(Relaxed) {
        return;
    }
    let held = HELD.this(irq);
    let len = usize::from(held.len.load(Relaxed));
    assert!(len < HELD_MAX, "{HELD_MAX} spin locks are held, and a {} lock is wanted", class.word());
    if !try_only {
        for outer in held.classes[..len].iter().map(|class| LockClass::ALL[usize::from(class.load(Relaxed))])
        {
            assert!(
                rank(outer) < rank(class),
                "a {} lock is wanted by one who holds a {} lock: out of order",
                class.word(),
                outer.word()
            );
        }
    }
    held.classes[len].store(class as u8, Relaxed);
    held.len.store(len as u8 + 1, Relaxed);
}

/// A lock of this class was let go of, in whatever order.
#[cfg(debug_assertions)]
#[inline]
pub(super) fn let_go(irq: &IrqOff, class: LockClass) {
    if !WATCHING.load(Relaxed) {
        return;
    }
    let held = HELD.this(irq);
    let len = usize::from(held.len.load(Relaxed));
    let Some(at) = held.classes[..len].iter().rposition(|held| held.load(Relaxed) == class as u8) else {
        panic!("a {} lock is let go of that this CPU does not hold", class.word())
    };
    for next in at + 1..len {
        held.classes[next - 1].store(held.classes[next].load(Relaxed), Relaxed);
    }
    held.len.store(len as u8 - 1, Relaxed);
}

/// What `cpu` holds, in the order of taking. Exact for a CPU that is stopped. Nothing in builds that do not check.
pub fn held(cpu: CpuId) -> impl Iterator<Item = LockClass> {
    let held = HELD.of(cpu);
    let len = usize::from(held.len.load(Relaxed)).min(HELD_MAX);
    // What it still waits for is in the list already.
    let len = len - usize::from(len > 0 && spins_for(cpu).is_some());
    held.classes[..len]
        .iter()
        .filter_map(|class| LockClass::ALL.get(usize::from(class.load(Relaxed))).copied())
}

/// The running thread is about to leave the CPU, or to wait for another: it must hold none.
#[inline]
pub fn nothing_held(irq: &IrqOff) {
    if WATCHING.load(Relaxed) {
        let held = HELD.this(irq);
        let last = usize::from(held.len.load(Relaxed)).checked_sub(1).map(|n| held.classes[n].load(Relaxed));
        assert!(
            last.is_none(),
            "a thread sleeps that holds a {} lock",
            LockClass::ALL[usize::from(last.unwrap_or(0))].word()
        );
    }
}
