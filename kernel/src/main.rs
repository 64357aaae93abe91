//! Faultline: a kernel whose virtual memory can be watched.
//!
//! This file is the table of contents: boot in order, then the programs, then power-off.
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod console;
mod dev;
mod fs;
mod init;
mod inject;
mod ipi;
mod irq;
mod ktest;
mod mm;
mod options;
mod panic;
mod percpu;
mod process;
mod processors;
mod reclaim;
mod sched;
mod sync;
mod syscall;
mod time;
mod trace;
mod trap;
mod vm;
mod watchdog;

use arch::{apic, boot, cpu};
use fl_addr::CpuId;

/// The bootloader jumps here: long mode, interrupts off, on its stack, on its page table.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let tsc_boot = cpu::tsc();
    percpu::init(CpuId(0));
    console::init();
    let info = boot::info().unwrap_or_else(|e| console::refuse(format_args!("{e}")));
    panic::set_kernel_file(info.kernel_file);
    let serial = options::serial(info.command_line).unwrap_or_else(|e| console::refuse(format_args!("{e}")));
    console::configure(serial);
    let features = cpu::enable_features();
    let budget = options::budget(info.command_line).unwrap_or_else(|e| console::refuse(format_args!("{e}")));
    let apic_at =
        mm::init(&info, budget, features.gib_pages).unwrap_or_else(|e| console::refuse(format_args!("{e}")));
    // SAFETY: `mm::init` mapped the APIC's registers there, uncached.
    unsafe { apic::init(apic_at.0) }.unwrap_or_else(|e| console::refuse(format_args!("{e}")));
    let clock = time::calibrate(tsc_boot);
    sched::init();
    processors::start();
    init::start(info.command_line, features, clock);
    time::start_tick();
    sched::run_idle()
}
