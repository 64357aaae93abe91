//! The local APIC of each CPU in xAPIC mode: interrupt acknowledgement, the periodic timer, interrupts of other CPUs (Intel SDM vol. 3A, chapter 12).

use super::entry::{SPURIOUS, TIMER};
use super::interrupts::IrqOff;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use fl_addr::PhysAddr;
use x86_64::instructions::port::Port;
use x86_64::registers::model_specific::Msr;

/// IA32_APIC_BASE.
const APIC_BASE_MSR: u32 = 0x1b;
const ENABLE: u64 = 1 << 11;
const X2APIC: u64 = 1 << 10;

/// Register offsets in bytes.
mod reg {
    pub const ID: usize = 0x20;
    pub const EOI: usize = 0xb0;
    pub const SPURIOUS: usize = 0xf0;
    pub const COMMAND_LOW: usize = 0x300;
    pub const COMMAND_HIGH: usize = 0x310;
    pub const TIMER: usize = 0x320;
    pub const LINT0: usize = 0x350;
    pub const TIMER_INITIAL: usize = 0x380;
    pub const TIMER_CURRENT: usize = 0x390;
    pub const TIMER_DIVIDE: usize = 0x3e0;
}
const MASKED: u32 = 1 << 16;
const PERIODIC: u32 = 1 << 17;
/// Interrupt command: edge-triggered, asserted; a vector in the low byte.
const FIXED: u32 = 1 << 14;
/// The same for a non-maskable interrupt, which has no vector.
const NMI: u32 = 1 << 14 | 0b100 << 8;
/// The command before has not been accepted yet.
const PENDING: u32 = 1 << 12;
/// Divide-configuration value for 16.
const DIVIDE_16: u32 = 0b0011;

/// Virtual address at which `mm` mapped the registers, uncached; 0 before that. The same page on every CPU.
static BASE: AtomicU64 = AtomicU64::new(0);

/// Physical address of this CPU's registers.
pub fn physical_base() -> PhysAddr {
    // SAFETY: reading IA32_APIC_BASE has no side effect; every x86-64 CPU has it.
    PhysAddr(unsafe { Msr::new(APIC_BASE_MSR).read() } & 0x000f_ffff_ffff_f000)
}

fn read(offset: usize) -> u32 {
    // SAFETY: `init` was given a mapping of the register page, and the offsets are defined registers of it.
    unsafe { ((BASE.load(Relaxed) as usize + offset) as *const u32).read_volatile() } // Relaxed: set once at boot
}

fn write(offset: usize, value: u32) {
    // SAFETY: as in `read`.
    unsafe { ((BASE.load(Relaxed) as usize + offset) as *mut u32).write_volatile(value) }
}

/// The firmware left the APIC in x2APIC mode, in which its registers are not in memory; a way back to xAPIC may not exist.
#[derive(Debug)]
pub struct X2ApicMode;

impl fmt::Display for X2ApicMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the firmware left the interrupt controller in x2APIC mode, which this kernel does not drive; turn x2APIC off in the firmware's setup")
    }
}

/// This CPU's number among the local APICs: what an interrupt message is addressed to. After [`init`].
pub fn id() -> u8 {
    (read(reg::ID) >> 24) as u8
}

/// Masks the old interrupt controllers and turns this CPU's APIC on. On the boot processor, before any other is started.
///
/// # Safety
///
/// `mapped` must be an uncached mapping of [`physical_base`] that stays, in the address space of every CPU.
pub unsafe fn init(mapped: u64) -> Result<(), X2ApicMode> {
    BASE.store(mapped, Relaxed); // Relaxed: this CPU; others start later and synchronise then
    // SAFETY: masks both 8259s so that nothing but the APIC interrupts.
    unsafe {
        Port::<u8>::new(0x21).write(0xff);
        Port::<u8>::new(0xa1).write(0xff);
    }
    enable()
}

/// Turns this CPU's APIC on, in xAPIC mode.
pub fn enable() -> Result<(), X2ApicMode> {
    // SAFETY: as in `physical_base`.
    let mode = unsafe { Msr::new(APIC_BASE_MSR).read() };
    if mode & X2APIC != 0 {
        return Err(X2ApicMode);
    }
    // SAFETY: sets the enable bit, nothing else.
    unsafe { Msr::new(APIC_BASE_MSR).write(mode | ENABLE) };
    write(reg::LINT0, MASKED);
    write(reg::TIMER, MASKED);
    write(reg::SPURIOUS, 1 << 8 | u32::from(SPURIOUS));
    Ok(())
}

/// Lets the timer count down from the top without interrupting, to be measured.
pub fn start_counting() {
    write(reg::TIMER_DIVIDE, DIVIDE_16);
    write(reg::TIMER, MASKED);
    write(reg::TIMER_INITIAL, u32::MAX);
}

/// Ticks since [`start_counting`].
pub fn counted() -> u32 {
    u32::MAX - read(reg::TIMER_CURRENT)
}

/// Interrupts this CPU every `period` timer ticks from now on.
pub fn start_periodic(period: u32) {
    write(reg::TIMER_DIVIDE, DIVIDE_16);
    write(reg::TIMER, PERIODIC | u32::from(TIMER));
    write(reg::TIMER_INITIAL, period.max(1));
}

/// Acknowledges the interrupt being served.
#[inline]
pub fn end_of_interrupt() {
    write(reg::EOI, 0);
}

/// Raises the interrupt `vector` on the CPU whose APIC has the number `to`.
#[inline]
pub fn send(_irq: &IrqOff, to: u8, vector: u8) {
    command(to, FIXED | u32::from(vector));
}

/// Raises a non-maskable interrupt there.
pub fn send_nmi(_irq: &IrqOff, to: u8) {
    command(to, NMI);
}

/// The two halves of a command must not be torn apart by another on this CPU: callers have interrupts off.
fn command(to: u8, low: u32) {
    while read(reg::COMMAND_LOW) & PENDING != 0 {
        core::hint::spin_loop();
    }
    write(reg::COMMAND_HIGH, u32::from(to) << 24);
    write(reg::COMMAND_LOW, low);
}
