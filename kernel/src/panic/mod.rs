//! The kernel's end: message, backtrace with symbols, last events, the trace flushed, and QEMU told.
//!
//! Everything here ignores locks and is bounded: the other CPUs are stopped, and this one runs alone, with interrupts off, for the rest of time.

mod symbols;

use crate::arch::entry::TrapFrame;
use crate::arch::interrupts::{self, IrqOff};
use crate::arch::{power, unwind};
use crate::mm::page_table;
use crate::sync::{self, order};
use crate::{console, inject, ipi, percpu, process, sched, trace};
use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering};
use fl_addr::{CpuId, VirtAddr};

pub use symbols::set_kernel_file;

/// Events shown for each CPU.
const LAST_EVENTS: usize = 12;

/// The CPU that panicked first, plus 1. Another one leaves it to that; a second panic there, in here, must not start over.
static PANICKING: AtomicU8 = AtomicU8::new(0);

/// Prints a line, whoever holds the console.
macro_rules! say {
    ($($arg:tt)*) => {
        emergency(format_args!("{}\n", format_args!($($arg)*)))
    };
}

fn emergency(text: fmt::Arguments<'_>) {
    // SAFETY: called in this module only, where this CPU runs alone.
    unsafe { console::print_stolen(text) }
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    let rbp = unwind::frame_pointer();
    match info.location() {
        Some(place) => die(format_args!("{} ({}:{})", info.message(), place.file(), place.line()), None, rbp),
        None => die(format_args!("{}", info.message()), None, rbp),
    }
}

/// Panics about what `frame` interrupted.
pub fn at(frame: &TrapFrame, message: fmt::Arguments<'_>) -> ! {
    die(message, Some(frame), frame.rbp)
}

fn die(message: fmt::Arguments<'_>, frame: Option<&TrapFrame>, rbp: u64) -> ! {
    interrupts::disable();
    inject::disarm();
    let irq = IrqOff::new();
    let here = percpu::this_cpu(&irq).0 + 1;
    match PANICKING.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => ipi::stop_others(&irq),
        Err(first) if first != here => power::halt(), // it will be stopped, as the others
        Err(_) => {
            say!("PANIC while panicking: {message}");
            power::off(power::ExitCode::Panic)
        }
    }
    order::stop_watching(); // after the others have stopped: what they hold stays known
    say!("\nKERNEL PANIC: {message}");
    whereabouts();
    percpu::online().for_each(locks);
    if let Some(frame) = frame {
        registers(frame);
    }
    say!("backtrace:");
    if let Some(frame) = frame {
        symbols::describe(frame.rip, |line| say!("  {line}"));
    }
    let readable = |va| page_table::readable(VirtAddr(va));
    unwind::walk(rbp, readable, |address| {
        // The call is before its return address.
        symbols::describe(address - 1, |line| say!("  {line}"));
    });
    say!("last events (oldest first):");
    // SAFETY: this CPU runs alone.
    unsafe {
        trace::panic::last_events(LAST_EVENTS, |cpu, e| say!("  cpu {cpu} tsc {} {:?}", e.tsc, e.event))
    };
    // SAFETY: this CPU runs alone.
    unsafe { trace::panic::flush() };
    say!("the trace was flushed; the machine stops here");
    power::off(power::ExitCode::Panic)
}

fn whereabouts() {
    let irq = IrqOff::new();
    let cpu = percpu::this_cpu(&irq);
    if !sched::started() {
        say!("on CPU {cpu}, during boot");
        return;
    }
    match process::current() {
        Some(p) => say!("on CPU {cpu}, thread of process {} \"{}\"", p.pid, p.name.as_bytes().escape_ascii()),
        None => say!("on CPU {cpu}, kernel thread \"{}\"", sched::current().name),
    }
}

/// The spin locks that `cpu` holds, and the one that it waits for, if any. All CPUs have stopped.
fn locks(cpu: CpuId) {
    let wanted = sync::spins_for(cpu);
    if order::held(cpu).next().is_none() && wanted.is_none() {
        return;
    }
    emergency(format_args!("CPU {cpu}"));
    order::held(cpu).for_each(|class| emergency(format_args!(" holds a {} lock", class.word())));
    match wanted {
        Some(class) => say!(" spins for a {} lock", class.word()),
        None => say!(""),
    }
}

fn registers(f: &TrapFrame) {
    say!("rip {:016x} rsp {:016x} rflags {:08x} cs {:02x}", f.rip, f.rsp, f.rflags, f.cs);
    say!("rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", f.rax, f.rbx, f.rcx, f.rdx);
    say!("rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}", f.rsi, f.rdi, f.rbp, f.r8);
    say!("r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}", f.r9, f.r10, f.r11, f.r12);
    say!("r13 {:016x} r14 {:016x} r15 {:016x}", f.r13, f.r14, f.r15);
}
