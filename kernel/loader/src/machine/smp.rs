//! The other processors: started one by one, then parked until the kernel gives each an address to jump to.
//!
//! [`list`] places the protocol's structures, [`Cpus::start`] sends INIT and SIPI (Intel SDM vol. 3A, 9.4.4).
//! A started processor runs `entry.S`, then [`ap_entry`], where it takes its stack from [`MAILBOX`], reports,
//! and spins in reclaimable memory on the kernel's tables.

use super::acpi::Acpi;
use super::console;
use super::pool::Pool;
use super::port::inb;
use core::arch::{naked_asm, x86_64::__cpuid};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use fl_addr::{PAGE_SIZE, PhysAddr, VirtAddr};
use loader::acpi::{Madt, MadtEntry};
use loader::error::LoadError;
use loader::hhdm::{self, FOUR_GIB};
use loader::protocol::{MpInfo, MpResponse};

/// Where the trampoline is copied: free memory below 1 MiB, page-aligned, no longer needed once all
/// processors are parked.
pub const TRAMPOLINE: u64 = 0x8000;
/// Local APIC registers: interrupt command, low and high half.
const ICR_LOW: u64 = 0x300;
const ICR_HIGH: u64 = 0x310;
const ICR_PENDING: u32 = 1 << 12;
/// Interrupt commands, edge-triggered, asserted.
const INIT: u32 = 0x4500;
const STARTUP: u32 = 0x4600 | (TRAMPOLINE >> 12) as u32;
/// Turns of [`wait_until`] after INIT; the manual's 10 ms are for processors older than the 64-bit mode.
const INIT_TURNS: u32 = 200;
/// Turns until the first, then the second SIPI counts as lost. The last is seconds long: an emulated
/// processor waits for a thread of the host, and one that came after it was given up would take the next
/// one's stack.
const SIPI_TURNS: [u32; 2] = [5_000, 10_000_000];

/// What the processor being started needs; one at a time.
#[repr(C)]
struct Mailbox {
    /// Published by sending the SIPI, which is a volatile write after these stores; x86 keeps stores in
    /// order.
    page_tables: AtomicU64,
    stack: AtomicU64,
    info: AtomicU64,
    /// 0, then 1 by the processor when it has read the rest.
    reported: AtomicU32,
}

static MAILBOX: Mailbox = Mailbox {
    page_tables: AtomicU64::new(0),
    stack: AtomicU64::new(0),
    info: AtomicU64::new(0),
    reported: AtomicU32::new(0),
};

unsafe extern "C" {
    /// The trampoline in the image (entry.S); only the addresses mean something.
    static ap_trampoline: u8;
    static ap_trampoline_end: u8;
}

/// All processors and the protocol's structures for them.
pub struct Cpus {
    /// Direct map address of `header`.
    response: VirtAddr,
    header: &'static mut [MpResponse],
    pointers: &'static mut [VirtAddr],
    /// Direct map address of `infos`.
    first_info: VirtAddr,
    infos: &'static [MpInfo],
    /// One stack of `stack_size` bytes for each but the boot processor, in the order of `infos`.
    stacks: PhysAddr,
    stack_size: u64,
    bsp: u32,
}

/// Lists the processors of the MADT, or the boot processor alone if there is none; they are not started yet.
///
/// # Errors
/// [`LoadError::OutOfMemory`].
pub fn list(acpi: &Acpi, pool: &mut Pool, stack_size: u64) -> Result<Cpus, LoadError> {
    let bsp = __cpuid(1).ebx >> 24; // the initial local APIC id
    let alone = MpInfo { processor_id: 0, lapic_id: bsp, reserved: 0, goto_address: 0, extra_argument: 0 };
    let listed = || acpi.madt().into_iter().flat_map(Madt::entries).filter_map(processor);
    let count = listed().count().max(1);

    let (first_info, infos) = pool.put_n(alone, count)?;
    for (info, (processor_id, lapic_id)) in infos.iter_mut().zip(listed()) {
        *info = MpInfo { processor_id, lapic_id, ..alone };
    }
    let (cpus, pointers) = pool.put_n(VirtAddr(0), count)?;
    let header = MpResponse { revision: 0, flags: 0, bsp_lapic_id: bsp, cpu_count: 0, cpus };
    let (response, header) = pool.put_n(header, 1)?;
    let others = infos.iter().filter(|info| info.lapic_id != bsp).count() as u64;
    let stacks = pool.take(others.saturating_mul(stack_size), PAGE_SIZE as u64)?.0.start;
    Ok(Cpus { response, header, pointers, first_info, infos, stacks, stack_size, bsp })
}

fn processor(entry: MadtEntry) -> Option<(u32, u32)> {
    match entry {
        MadtEntry::Processor { acpi_id, lapic_id } => Some((acpi_id, lapic_id)),
        MadtEntry::IoApic(_) => None,
    }
}

impl Cpus {
    /// Direct map address of the answer to the MP request.
    pub fn response(&self) -> VirtAddr {
        self.response
    }

    /// Starts the application processors on the kernel's page tables (at `page_tables`) and completes the
    /// answer with those that came. The direct map must be complete. Returns how many processors there are,
    /// this one included.
    pub fn start(self, acpi: &Acpi, page_tables: PhysAddr) -> usize {
        let local_apic = acpi.madt().and_then(Madt::local_apic).filter(|a| a.0 < FOUR_GIB).map(LocalApic);
        copy_trampoline();
        MAILBOX.page_tables.store(page_tables.0, Ordering::Relaxed);
        let (mut online, mut stack) = (0, self.stacks.0);
        for (i, info) in self.infos.iter().enumerate() {
            let address = VirtAddr(self.first_info.0 + (i * size_of::<MpInfo>()) as u64);
            let running = info.lapic_id == self.bsp || {
                stack += self.stack_size;
                MAILBOX.stack.store(hhdm::alias(PhysAddr(stack)).0, Ordering::Relaxed);
                MAILBOX.info.store(address.0, Ordering::Relaxed);
                local_apic.as_ref().is_some_and(|apic| apic.start(info.lapic_id))
            };
            if running {
                self.pointers[online] = address;
                online += 1;
            } else {
                console::warn(format_args!("processor with local APIC id {} did not start", info.lapic_id));
            }
        }
        self.header[0].cpu_count = online as u64;
        online
    }
}

fn copy_trampoline() {
    let (start, end) = (&raw const ap_trampoline, &raw const ap_trampoline_end);
    // SAFETY: 1. both symbols bound one piece of code in the image; 2. the target is RAM below 1 MiB: the
    // pool begins above, and whatever the multiboot loader left there is not read any more.
    unsafe { (TRAMPOLINE as *mut u8).copy_from(start, end.addr() - start.addr()) };
}

/// This processor's local APIC registers, identity-mapped.
struct LocalApic(PhysAddr);

impl LocalApic {
    /// Starts a processor; false if it never reports.
    fn start(&self, id: u32) -> bool {
        MAILBOX.reported.store(0, Ordering::Relaxed); // published like the other fields
        self.send(id, INIT);
        wait_until(INIT_TURNS, || false);
        let running = SIPI_TURNS.into_iter().any(|turns| {
            self.send(id, STARTUP);
            // Acquire: pairs with the xchg in `ap_entry`; the mailbox may be written again only after the
            // processor has read it.
            wait_until(turns, || MAILBOX.reported.load(Ordering::Acquire) == 1)
        });
        if !running {
            self.send(id, INIT); // back to waiting, where it does no harm
        }
        running
    }

    fn send(&self, id: u32, command: u32) {
        let register = |offset| (self.0.0 + offset) as *mut u32;
        // SAFETY: 1. the MADT says that the registers are there, and they are identity-mapped; 2. the
        // commands reset and start another processor, which runs only code of this file and entry.S.
        unsafe {
            register(ICR_HIGH).write_volatile(id << 24);
            register(ICR_LOW).write_volatile(command);
            while register(ICR_LOW).read_volatile() & ICR_PENDING != 0 {
                core::hint::spin_loop();
            }
        }
    }
}

/// Waits for `done` up to `turns` times about a microsecond (less where the machine is emulated); returns
/// whether it came true.
fn wait_until(turns: u32, done: impl Fn() -> bool) -> bool {
    (0..turns).any(|_| {
        // SAFETY: the diagnostic port; a read takes about 1 us on a real bus and does nothing.
        unsafe { inb(0x80) };
        core::hint::spin_loop();
        done()
    })
}

/// An application processor in 64-bit mode, at its direct map alias: takes its stack and page tables,
/// reports, then spins on `goto_address` and jumps there with its [`MpInfo`] in RDI, as the protocol says.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "sysv64" fn ap_entry() -> ! {
    naked_asm!(
        "lea rsi, [rip + {mailbox}]",
        "mov rax, [rsi + {page_tables}]",
        "mov rsp, [rsi + {stack}]",
        "mov rdi, [rsi + {info}]",
        "lgdt [rip + direct_gdtr]",
        "mov cr3, rax",
        "mov eax, 1",
        "xchg [rsi + {reported}], eax", // release: pairs with the acquire load in LocalApic::start
        "2:",
        "pause",
        "mov rax, [rdi + {goto_address}]", // written by the kernel, sequentially consistent
        "test rax, rax",
        "jz 2b",
        "push 2", // RFLAGS: only the bit that is always set
        "popfq",
        "push 0", // a null return address
        "xor ebx, ebx",
        "xor ecx, ecx",
        "xor edx, edx",
        "xor esi, esi",
        "xor ebp, ebp",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "jmp rax",
        mailbox = sym MAILBOX,
        page_tables = const offset_of!(Mailbox, page_tables),
        stack = const offset_of!(Mailbox, stack),
        info = const offset_of!(Mailbox, info),
        reported = const offset_of!(Mailbox, reported),
        goto_address = const offset_of!(MpInfo, goto_address),
    )
}
