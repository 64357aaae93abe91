//! Leaves the loader: the kernel's page tables, its stack, its entry point.

use core::arch::naked_asm;
use fl_addr::{PhysAddr, VirtAddr};
use loader::hhdm;

/// Where the kernel starts.
pub struct Handoff {
    /// For CR3.
    pub page_tables: PhysAddr,
    /// The stack's top, in the direct map, 16-aligned.
    pub stack: VirtAddr,
    /// The kernel's entry point.
    pub entry: VirtAddr,
}

impl Handoff {
    /// Starts the kernel.
    pub fn go(self) -> ! {
        let alias = hhdm::alias(PhysAddr(enter as *const () as u64));
        // SAFETY: 1. the boot tables map the loader at its alias too, so this is `enter` itself; 2. the
        // kernel's tables map the alias, the stack and the entry point (page_tables.rs).
        unsafe {
            let enter: extern "sysv64" fn(PhysAddr, VirtAddr, VirtAddr) -> ! = core::mem::transmute(alias.0);
            enter(self.page_tables, self.stack, self.entry)
        }
    }
}

/// Runs at its direct map alias, so that it survives the change of page tables. Entry state by the protocol:
/// the GDT in reclaimable memory, CS 0x28, data segments 0x30, RFLAGS clear, all general registers 0, a null
/// return address on the stack.
#[unsafe(naked)]
extern "sysv64" fn enter(page_tables: PhysAddr, stack: VirtAddr, entry: VirtAddr) -> ! {
    naked_asm!(
        "lgdt [rip + direct_gdtr]",
        "mov cr3, rdi",
        "mov rsp, rsi",
        "mov rax, rdx",
        "push 0x28", // reload CS from the new GDT
        "lea rcx, [rip + 2f]",
        "push rcx",
        "retfq",
        "2:",
        "mov ecx, 0x30",
        "mov ds, ecx",
        "mov es, ecx",
        "mov fs, ecx",
        "mov gs, ecx",
        "mov ss, ecx",
        "push 2", // RFLAGS: only the bit that is always set
        "popfq",
        "push 0",
        "push rax",
        "xor eax, eax",
        "xor ebx, ebx",
        "xor ecx, ecx",
        "xor edx, edx",
        "xor esi, esi",
        "xor edi, edi",
        "xor ebp, ebp",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "ret", // to the entry point; the null return address is left
    )
}
