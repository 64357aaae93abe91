//! Interrupts between processors: there is a thread to run, there are translations to drop, stop for good.

use crate::arch::apic;
use crate::arch::cpu::{ticks_since, tsc};
use crate::arch::entry::{RESCHEDULE, SHOOTDOWN};
use crate::arch::interrupts::IrqOff;
use crate::arch::{MAX_CPUS, power};
use crate::percpu;
use crate::time;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use fl_addr::CpuId;

/// The APIC number of each processor. Relaxed: written before the processor counts as online.
static ADDRESSES: [AtomicU8; MAX_CPUS] = [const { AtomicU8::new(0) }; MAX_CPUS];

/// This processor can be interrupted from now on. Once on each, its APIC enabled.
pub fn init(irq: &IrqOff) {
    ADDRESSES[usize::from(percpu::this_cpu(irq).0)].store(apic::id(), Ordering::Relaxed);
}

/// The number by which interrupt messages find `cpu`.
pub fn address(cpu: CpuId) -> u8 {
    ADDRESSES[usize::from(cpu.0)].load(Ordering::Relaxed)
}

/// Makes `cpu` look for a thread to run.
pub fn reschedule(irq: &IrqOff, cpu: CpuId) {
    apic::send(irq, address(cpu), RESCHEDULE);
}

/// Makes `cpu` look into its mailbox of translations to drop.
pub fn shootdown(irq: &IrqOff, cpu: CpuId) {
    apic::send(irq, address(cpu), SHOOTDOWN);
}

/// Interrupts `cpu`, wherever it is: what it means is told by [`must_stop`] and the watchdog.
pub fn nmi(irq: &IrqOff, cpu: CpuId) {
    apic::send_nmi(irq, address(cpu));
}

/// The processor that goes on alone, plus 1; 0: all go on. Set once. Relaxed: the interrupt comes after it, and there is nothing else to be seen.
static LAST: AtomicU8 = AtomicU8::new(0);
/// Processors that have stopped.
static STOPPED: AtomicU32 = AtomicU32::new(0);

/// Milliseconds to wait for the others: one that does not even take a non-maskable interrupt is not worth waiting for.
const PATIENCE_MS: u64 = 100;

/// Stops all other processors for good, wherever they are. Bounded: who comes to the end of the kernel must reach it.
pub fn stop_others(irq: &IrqOff) {
    let me = percpu::this_cpu(irq);
    if LAST.compare_exchange(0, me.0 + 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    let others = || percpu::online().filter(|cpu| *cpu != me);
    others().for_each(|cpu| nmi(irq, cpu));
    let patience = time::tsc_hz() / 1000 * PATIENCE_MS;
    let begun = tsc();
    // Acquire: partner is the Release in `stop_here`; what the others have done is seen by who goes on alone.
    while (STOPPED.load(Ordering::Acquire) as usize) < others().count() && ticks_since(begun) < patience {
        core::hint::spin_loop();
    }
}

/// Whether this processor must stop: then a non-maskable interrupt means [`stop_here`].
pub fn must_stop(irq: &IrqOff) -> bool {
    ![0, percpu::this_cpu(irq).0 + 1].contains(&LAST.load(Ordering::Relaxed))
}

/// Whether this processor has the end of the kernel in hand.
pub fn is_last(irq: &IrqOff) -> bool {
    LAST.load(Ordering::Relaxed) == percpu::this_cpu(irq).0 + 1
}

/// Stops this processor: another one has the end of the kernel in hand.
pub fn stop_here() -> ! {
    STOPPED.fetch_add(1, Ordering::Release); // partner: the Acquire in `stop_others`
    power::halt()
}
