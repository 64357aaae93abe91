//! Where the entry stubs arrive: exceptions, interrupts, system calls, each sent to who handles it.

use crate::arch::entry::{
    PAGE_TOKEN, RESCHEDULE, SECTORS_READ, SECTORS_WRITTEN, SHOOTDOWN, SPURIOUS, TIMER, TrapFrame,
};
use crate::arch::interrupts::IrqOff;
use crate::arch::{apic, interrupts, paging, usercopy};
use crate::inject::{self, Point};
use crate::mm::{shootdown, stacks};
use crate::process::{self, Process};
use crate::trace::{drain, emit};
use crate::vm::fault::{self, Arrival, FaultError};
use crate::{ipi, irq, percpu, sched, syscall, watchdog};
use fl_addr::{CpuId, VirtAddr};
use fl_trace::event::{Event, ExitCause};
use fl_vmcore::Access;

const NMI: u64 = 2;
const DOUBLE_FAULT: u64 = 8;
const PAGE_FAULT: u64 = 14;
const TIMER_VECTOR: u64 = TIMER as u64;
const RESCHEDULE_VECTOR: u64 = RESCHEDULE as u64;
const SHOOTDOWN_VECTOR: u64 = SHOOTDOWN as u64;
const SPURIOUS_VECTOR: u64 = SPURIOUS as u64;

/// Every exception and interrupt, interrupts off. Returns with interrupts off.
#[unsafe(no_mangle)]
extern "C" fn trap_entry(frame: &mut TrapFrame) {
    match frame.vector {
        PAGE_FAULT => page_fault(frame),
        TIMER_VECTOR => timer(frame),
        RESCHEDULE_VECTOR => reschedule(),
        SHOOTDOWN_VECTOR => {
            shootdown::serve(&IrqOff::new());
            apic::end_of_interrupt();
        }
        vector if irq::is_device(vector) => device(vector),
        SPURIOUS_VECTOR => {} // not acknowledged (Intel SDM vol. 3A, 12.9)
        PAGE_TOKEN | SECTORS_READ | SECTORS_WRITTEN if frame.is_user() => syscall::inspect(frame),
        NMI if ipi::must_stop(&IrqOff::by_gate()) => ipi::stop_here(),
        NMI if watchdog::answer(frame) => return, // on the stack of these interrupts, on which no process can end
        _ => exception(frame),
    }
    if frame.is_user() {
        process::leave_if_ending();
    }
}

/// Every system call, interrupts off. Returns with interrupts off.
#[unsafe(no_mangle)]
extern "C" fn syscall_entry(frame: &mut TrapFrame) {
    syscall::enter(frame);
}

fn timer(frame: &TrapFrame) {
    let off = IrqOff::new();
    inject::pass(Point::Irq);
    sched::tick(&off);
    if percpu::this_cpu(&off) == CpuId(0) {
        irq::tick(sched::ticks());
    }
    watchdog::tick(&off, frame);
    apic::end_of_interrupt();
    sched::preempt_if_due(&off);
}

/// There is a thread to run. Idle looks for threads after every interrupt; others give way if they should.
fn reschedule() {
    apic::end_of_interrupt();
    sched::preempt_if_due(&IrqOff::new());
}

fn device(vector: u64) {
    let off = IrqOff::new();
    irq::device(vector);
    apic::end_of_interrupt();
    sched::preempt_if_due(&off);
}

/// A page fault: resolved, or the end of the process, or of the copy, or of the kernel.
fn page_fault(frame: &mut TrapFrame) {
    let at = fault::time_of_arrival();
    let va = paging::fault_address(); // before another fault can overwrite it
    let fixup = if frame.is_user() { None } else { usercopy::fixup(frame.rip) };
    let process = process::current();
    let Some(process) = process.filter(|_| frame.is_user() || fixup.is_some()) else {
        kernel_fault(frame, va)
    };
    // User code and user copies run with interrupts on, so whatever the handler does may sleep.
    debug_assert!(frame.interrupts_on(), "user memory was touched with interrupts off");
    interrupts::enable();
    if at != 0 {
        drain::admit();
    }
    let result = fault::handle(&process.space, &arrival(frame, va, at, &process));
    if let Err(error) = result {
        return unresolved(frame, &process, fixup, error);
    }
    interrupts::disable();
    if at == 0 {
        emit::count_untraced(&IrqOff::by_gate(), Event::FAULT);
    }
}

/// A fault of `process` that could not be resolved: the end of the copy at its `fixup`, or of the process.
#[cold]
fn unresolved(frame: &mut TrapFrame, process: &Process, fixup: Option<u64>, error: FaultError) {
    if !emit::is_watching() {
        emit::count_untraced(&IrqOff::new(), Event::FAULT);
    }
    match fixup {
        Some(rip) => {
            process.note_copy_failure(error.cause());
            frame.rip = rip;
        }
        None => process::kill(error.cause()),
    }
    interrupts::disable();
}

fn arrival(frame: &TrapFrame, va: VirtAddr, at: u64, process: &Process) -> Arrival {
    /// Bits of the page-fault error code (Intel SDM vol. 3A, 4.7).
    const WRITE: u64 = 1 << 1;
    const FETCH: u64 = 1 << 4;
    let access = match frame.error {
        e if e & FETCH != 0 => Access::Execute,
        e if e & WRITE != 0 => Access::Write,
        _ => Access::Read,
    };
    let user = frame.is_user();
    let user_rsp = if user { frame.rsp } else { sched::current().user_rsp() };
    Arrival { pid: process.pid, va, ip: VirtAddr(frame.rip), access, user, user_rsp: VirtAddr(user_rsp), at }
}

/// The kernel touched something that is not there: its own fault, whatever the address.
fn kernel_fault(frame: &TrapFrame, va: VirtAddr) -> ! {
    crate::panic::at(
        frame,
        format_args!("page fault in the kernel at address {va}, error code {:#x}", frame.error),
    )
}

/// Any other exception: a user program is killed, the kernel panics.
fn exception(frame: &TrapFrame) {
    if frame.is_user() && frame.vector != NMI && frame.vector != DOUBLE_FAULT {
        interrupts::enable();
        defmt::info!("exception {=u64} in user mode at {=u64:#x}", frame.vector, frame.rip);
        process::kill(ExitCause::Exception)
    }
    let name = match frame.vector {
        NMI => "non-maskable interrupt",
        DOUBLE_FAULT if stacks::is_guard(paging::fault_address()) => "kernel stack overflow",
        DOUBLE_FAULT => "double fault",
        13 => "general protection fault in the kernel",
        6 => "invalid instruction in the kernel",
        18 => "machine check",
        _ => "exception in the kernel",
    };
    crate::panic::at(frame, format_args!("{name} (vector {}, error code {:#x})", frame.vector, frame.error))
}
