//! Segments, task state and the interrupt descriptor table.
//!
//! Selector order is dictated by `syscall`/`sysret` (Intel SDM vol. 3A 5.8.8): kernel code, kernel data, user data, user code.

use super::MAX_CPUS;
use super::entry;
use core::cell::UnsafeCell;
use spin::Once;
use x86_64::PrivilegeLevel;
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::registers::model_specific::{LStar, SFMask, Star};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::{Entry, InterruptDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;

/// Kernel code selector.
pub const KERNEL_CS: u16 = 0x08;
/// Kernel data selector.
pub const KERNEL_SS: u16 = 0x10;
/// User data selector, RPL 3.
pub const USER_SS: u16 = 0x18 | 3;
/// User code selector, RPL 3.
pub const USER_CS: u16 = 0x20 | 3;

/// Bytes of each interrupt stack: room for the panic path's formatting.
const IST_STACK: usize = 16 * 1024;
/// Interrupt-stack-table index for double faults and machine checks.
const IST_DOUBLE_FAULT: u16 = 0;
/// Interrupt-stack-table index for non-maskable interrupts.
const IST_NMI: u16 = 1;

#[repr(C, align(16))]
struct IstStack(UnsafeCell<[u8; IST_STACK]>);
// SAFETY: only the CPU that owns the stack writes it, by pushing.
unsafe impl Sync for IstStack {}

struct Tss(UnsafeCell<TaskStateSegment>);
// SAFETY: written only by its own CPU (at `load` and by `set_kernel_stack`); the hardware reads it on the same CPU.
unsafe impl Sync for Tss {}

static IST: [[IstStack; 2]; MAX_CPUS] =
    [const { [const { IstStack(UnsafeCell::new([0; IST_STACK])) }; 2] }; MAX_CPUS];
static TSS: [Tss; MAX_CPUS] = [const { Tss(UnsafeCell::new(TaskStateSegment::new())) }; MAX_CPUS];
static GDT: [Once<GlobalDescriptorTable>; MAX_CPUS] = [const { Once::new() }; MAX_CPUS];
static IDT: Once<InterruptDescriptorTable> = Once::new();

/// Loads GDT, TSS, IDT and the system-call registers of CPU `cpu`. Call once per CPU, on it, interrupts off.
pub fn load(cpu: usize) {
    let tss = TSS[cpu].0.get();
    for (index, stack) in IST[cpu].iter().enumerate() {
        let top = VirtAddr::from_ptr(stack.0.get()) + IST_STACK as u64;
        // SAFETY: this CPU has not loaded its TSS yet and nobody else touches it.
        unsafe { (*tss).interrupt_stack_table[index] = top };
    }
    let gdt = GDT[cpu].call_once(|| {
        let mut gdt = GlobalDescriptorTable::new();
        gdt.append(Descriptor::kernel_code_segment());
        gdt.append(Descriptor::kernel_data_segment());
        gdt.append(Descriptor::user_data_segment());
        gdt.append(Descriptor::user_code_segment());
        // SAFETY: a static; later writes go to its stack pointer only, which the CPU reads at interrupts.
        gdt.append(Descriptor::tss_segment(unsafe { &*tss }));
        gdt
    });
    gdt.load();
    // SAFETY: the selectors name the descriptors just loaded: flat segments equal to those in use.
    unsafe {
        CS::set_reg(SegmentSelector(KERNEL_CS));
        SS::set_reg(SegmentSelector(KERNEL_SS));
        DS::set_reg(SegmentSelector(KERNEL_SS));
        ES::set_reg(SegmentSelector(KERNEL_SS));
        FS::set_reg(SegmentSelector(0));
        GS::set_reg(SegmentSelector(0)); // clears GS base: the caller sets it afterwards
        load_tss(SegmentSelector(0x28));
    }
    IDT.call_once(interrupt_table).load();
    Star::write(
        SegmentSelector(USER_CS),
        SegmentSelector(USER_SS),
        SegmentSelector(KERNEL_CS),
        SegmentSelector(KERNEL_SS),
    )
    .expect("the selector order is the one sysret needs");
    LStar::write(VirtAddr::from_ptr(entry::syscall_stub as *const ()));
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK
            | RFlags::IOPL_LOW
            | RFlags::IOPL_HIGH,
    );
}

fn interrupt_table() -> InterruptDescriptorTable {
    fn set<F>(entry: &mut Entry<F>, stub: entry::Stub, ist: Option<u16>, user: bool) {
        let address = VirtAddr::from_ptr(stub as *const ());
        // SAFETY: `stub` saves and restores everything and ends with iretq; the IST indices name stacks set in `load`.
        unsafe {
            let options = entry.set_handler_addr(address);
            if let Some(index) = ist {
                options.set_stack_index(index);
            }
            if user {
                options.set_privilege_level(PrivilegeLevel::Ring3);
            }
        }
    }
    let mut idt = InterruptDescriptorTable::new();
    set(&mut idt.divide_error, entry::divide_error, None, false);
    set(&mut idt.debug, entry::debug, None, false);
    set(&mut idt.non_maskable_interrupt, entry::nmi, Some(IST_NMI), false);
    set(&mut idt.breakpoint, entry::breakpoint, None, true);
    set(&mut idt.overflow, entry::overflow, None, true);
    set(&mut idt.bound_range_exceeded, entry::bound_range, None, false);
    set(&mut idt.invalid_opcode, entry::invalid_opcode, None, false);
    set(&mut idt.device_not_available, entry::device_not_available, None, false);
    set(&mut idt.double_fault, entry::double_fault, Some(IST_DOUBLE_FAULT), false);
    set(&mut idt.invalid_tss, entry::invalid_tss, None, false);
    set(&mut idt.segment_not_present, entry::segment_not_present, None, false);
    set(&mut idt.stack_segment_fault, entry::stack_segment, None, false);
    set(&mut idt.general_protection_fault, entry::general_protection, None, false);
    set(&mut idt.page_fault, entry::page_fault, None, false);
    set(&mut idt.x87_floating_point, entry::x87_error, None, false);
    set(&mut idt.alignment_check, entry::alignment_check, None, false);
    set(&mut idt.machine_check, entry::machine_check, Some(IST_DOUBLE_FAULT), false);
    set(&mut idt.simd_floating_point, entry::simd_error, None, false);
    set(&mut idt[entry::TIMER], entry::timer, None, false);
    set(&mut idt[entry::RESCHEDULE], entry::reschedule, None, false);
    set(&mut idt[entry::SHOOTDOWN], entry::shootdown, None, false);
    for (vector, stub) in (entry::DEVICE_FIRST..).zip(entry::DEVICE_STUBS) {
        set(&mut idt[vector], stub, None, false);
    }
    set(&mut idt[entry::PAGE_TOKEN as u8], entry::page_token, None, true);
    set(&mut idt[entry::SECTORS_READ as u8], entry::sectors_read, None, true);
    set(&mut idt[entry::SECTORS_WRITTEN as u8], entry::sectors_written, None, true);
    set(&mut idt[entry::SPURIOUS], entry::spurious, None, false);
    idt
}

/// Sets the stack on which this CPU enters the kernel from user mode by interrupt or exception. Interrupts off.
#[inline]
pub fn set_kernel_stack(cpu: usize, top: u64) {
    // SAFETY: this CPU's own TSS; interrupts are off, so the hardware does not read it meanwhile; aligned write.
    unsafe { (*TSS[cpu].0.get()).privilege_stack_table[0] = VirtAddr::new(top) };
}
