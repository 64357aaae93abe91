//! Recording one event: a copy into this CPU's ring, interrupts off. No lock, no encoding, no waiting, callable anywhere.

use crate::arch::cpu::tsc;
use crate::arch::interrupts::IrqOff;
use crate::per_cpu;
use crate::percpu::PerCpu;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_ring::Ring;
use fl_trace::control::EVENT_KINDS;
use fl_trace::event::{Event, Fault, Stage, Stamped};

/// Events each CPU's ring holds. At the rate of first-touch faults under QEMU it covers several drain intervals.
pub const RING_EVENTS: usize = 4096;

/// One CPU's events: the ring, and counters that stay exact whatever the ring drops.
pub struct CpuTrace {
    ring: Ring<Stamped, RING_EVENTS>,
    /// Written by the owning CPU only, with interrupts off, so plain load and store suffice.
    emitted: [AtomicU64; EVENT_KINDS],
    lost: [AtomicU64; EVENT_KINDS],
    fault_ticks: [AtomicU64; Stage::COUNT],
}

static TRACES: PerCpu<CpuTrace> = per_cpu!(CpuTrace {
    ring: Ring::new(),
    emitted: [const { AtomicU64::new(0) }; EVENT_KINDS],
    lost: [const { AtomicU64::new(0) }; EVENT_KINDS],
    fault_ticks: [const { AtomicU64::new(0) }; Stage::COUNT],
});

/// Records `event` now, on this CPU. A full ring drops it and counts it.
#[inline]
pub fn emit(event: Event) {
    let irq = IrqOff::new();
    let trace = TRACES.this(&irq);
    let kind = event.index();
    bump(&trace.emitted[kind], 1);
    if let Event::Fault(fault) = &event {
        trace.count_fault(fault);
    }
    crate::inject::point(crate::inject::Point::Emit);
    // SAFETY: the only producer of this ring is this CPU with interrupts off; NMIs and the panic path do not emit.
    if unsafe { trace.ring.push(Stamped { tsc: tsc(), event }) }.is_err() {
        bump(&trace.lost[kind], 1);
    }
}

/// Adds to a counter that only this CPU writes. Relaxed: readers want a recent value, no order.
#[inline]
fn bump(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed) + n, Relaxed);
}

impl CpuTrace {
    #[inline]
    fn count_fault(&self, fault: &Fault) {
        for (total, ticks) in self.fault_ticks.iter().zip(fault.stages) {
            bump(total, ticks.into());
        }
    }

    /// The ring, for its one consumer.
    pub fn ring(&self) -> &Ring<Stamped, RING_EVENTS> {
        &self.ring
    }
}

/// That CPU's events.
pub fn of(cpu: CpuId) -> &'static CpuTrace {
    TRACES.of(cpu)
}

/// Sums of all CPUs.
#[derive(Default)]
pub struct Totals {
    /// By kind, lost ones included.
    pub emitted: [u64; EVENT_KINDS],
    /// By kind.
    pub lost: [u64; EVENT_KINDS],
    /// By stage, in ticks.
    pub fault_ticks: [u64; Stage::COUNT],
}

/// Adds the counters of all CPUs up. Exact when nothing emits meanwhile.
pub fn totals() -> Totals {
    let mut sum = Totals::default();
    for cpu in crate::percpu::online() {
        let trace = of(cpu);
        let add = |to: &mut [u64], from: &[AtomicU64]| {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from.load(Relaxed); // partner: `bump`
            }
        };
        add(&mut sum.emitted, &trace.emitted);
        add(&mut sum.lost, &trace.lost);
        add(&mut sum.fault_ticks, &trace.fault_ticks);
    }
    sum
}
