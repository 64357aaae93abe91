//! Entry stubs: from an exception, an interrupt or `syscall` to Rust and back.
//!
//! Every way into the kernel builds the same [`TrapFrame`] on the kernel stack, so fork, exec and the debugger see one shape.
//! The stubs call `trap_entry` and `syscall_entry` (in `trap.rs`) with interrupts off and expect them off on return.

#![allow(
    clippy::missing_safety_doc,
    reason = "entered by the processor, through a gate or LSTAR; there is no caller to promise anything"
)]

use super::cpu::{EntryArea, SMAP_ON};
use super::descriptors::{USER_CS, USER_SS};
use core::arch::naked_asm;
use core::mem::offset_of;

/// Vector of the local APIC timer.
pub const TIMER: u8 = 0x20;
/// Vector by which another CPU says that there is a thread to run.
pub const RESCHEDULE: u8 = 0x21;
/// Vector by which another CPU says that translations are to be dropped.
pub const SHOOTDOWN: u8 = 0x22;
/// First of the vectors for devices.
pub const DEVICE_FIRST: u8 = 0x30;
/// Number of vectors for devices.
pub const DEVICES: usize = 16;
/// Vector of spurious interrupts; the low four bits must be set (Intel SDM vol. 3A 12.9).
pub const SPURIOUS: u8 = 0xff;
/// Vectors that programs may raise to look into the kernel; pintos-kaist's numbers.
pub const PAGE_TOKEN: u64 = 0x42;
/// See [`PAGE_TOKEN`].
pub const SECTORS_READ: u64 = 0x43;
/// See [`PAGE_TOKEN`].
pub const SECTORS_WRITTEN: u64 = 0x44;
/// Pseudo-vector in the frame of a system call.
pub const SYSCALL: u64 = 0x100;

/// A stub's type: entered by the hardware, never called.
pub type Stub = unsafe extern "C" fn() -> !;

/// The interrupted state, as the stubs push it (lowest address first).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the fields are the registers of their names")]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rax: u64,
    /// Interrupt vector, or [`SYSCALL`].
    pub vector: u64,
    /// The hardware's error code, or 0.
    pub error: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}
const _: () = assert!(size_of::<TrapFrame>() == 22 * 8 && size_of::<TrapFrame>().is_multiple_of(16));

impl TrapFrame {
    /// The state in which a program starts: interrupts on, everything else zero.
    pub fn user(entry: u64, rsp: u64, rdi: u64, rsi: u64) -> Self {
        /// IF and the bit that is always one.
        const RFLAGS: u64 = 0x202;
        Self {
            rip: entry,
            rsp,
            rdi,
            rsi,
            cs: USER_CS.into(),
            ss: USER_SS.into(),
            rflags: RFLAGS,
            ..Self::default()
        }
    }

    /// Whether user mode was interrupted.
    pub fn is_user(&self) -> bool {
        self.cs & 3 == 3
    }

    /// Whether it could be interrupted.
    pub fn interrupts_on(&self) -> bool {
        /// RFLAGS.IF.
        const INTERRUPT_FLAG: u64 = 1 << 9;
        self.rflags & INTERRUPT_FLAG != 0
    }
}

unsafe extern "C" {
    fn trap_entry(frame: &mut TrapFrame);
    fn syscall_entry(frame: &mut TrapFrame);
}

/// Saves the general registers above vector and error code.
macro_rules! push_registers {
    () => {
        "push rax
         push rcx
         push rdx
         push rsi
         push rdi
         push r8
         push r9
         push r10
         push r11
         push rbx
         push rbp
         push r12
         push r13
         push r14
         push r15"
    };
}

/// Undoes [`push_registers`].
macro_rules! pop_registers {
    () => {
        "pop r15
         pop r14
         pop r13
         pop r12
         pop rbp
         pop rbx
         pop r11
         pop r10
         pop r9
         pop r8
         pop rdi
         pop rsi
         pop rdx
         pop rcx
         pop rax"
    };
}

/// Defines a stub: `name = vector`, with `error` where the hardware pushes an error code itself.
macro_rules! stub {
    ($name:ident = $vector:expr, $common:ident) => {
        #[doc = concat!("Entry stub of vector ", stringify!($vector), ".")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() -> ! {
            naked_asm!("push 0", "push {vector}", "jmp {common}", vector = const $vector as i32, common = sym $common)
        }
    };
    ($name:ident = $vector:expr, $common:ident, error) => {
        #[doc = concat!("Entry stub of vector ", stringify!($vector), ", which has an error code.")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() -> ! {
            naked_asm!("push {vector}", "jmp {common}", vector = const $vector as i32, common = sym $common)
        }
    };
}

stub!(divide_error = 0, common);
stub!(debug = 1, common);
stub!(nmi = 2, paranoid);
stub!(breakpoint = 3, common);
stub!(overflow = 4, common);
stub!(bound_range = 5, common);
stub!(invalid_opcode = 6, common);
stub!(device_not_available = 7, common);
stub!(double_fault = 8, paranoid, error);
stub!(invalid_tss = 10, common, error);
stub!(segment_not_present = 11, common, error);
stub!(stack_segment = 12, common, error);
stub!(general_protection = 13, common, error);
stub!(page_fault = 14, common, error);
stub!(x87_error = 16, common);
stub!(alignment_check = 17, common, error);
stub!(machine_check = 18, paranoid);
stub!(simd_error = 19, common);
stub!(page_token = PAGE_TOKEN, common);
stub!(sectors_read = SECTORS_READ, common);
stub!(sectors_written = SECTORS_WRITTEN, common);
stub!(timer = TIMER, common);
stub!(reschedule = RESCHEDULE, common);
stub!(shootdown = SHOOTDOWN, common);
stub!(spurious = SPURIOUS, common);

/// The stub of device vector `DEVICE_FIRST + N`.
#[unsafe(naked)]
unsafe extern "C" fn device<const N: u8>() -> ! {
    naked_asm!("push 0", "push {vector}", "jmp {common}", vector = const (DEVICE_FIRST + N) as i32, common = sym common)
}

/// The stubs of the device vectors, in order.
pub const DEVICE_STUBS: [Stub; DEVICES] = [
    device::<0>,
    device::<1>,
    device::<2>,
    device::<3>,
    device::<4>,
    device::<5>,
    device::<6>,
    device::<7>,
    device::<8>,
    device::<9>,
    device::<10>,
    device::<11>,
    device::<12>,
    device::<13>,
    device::<14>,
    device::<15>,
];

/// The way in and out for everything that cannot strike between `swapgs` and the stack switch.
///
/// The hardware aligned the stack to 16 before it pushed 5 words; with 17 more the call is aligned again.
#[unsafe(naked)]
unsafe extern "C" fn common() -> ! {
    naked_asm!(
        "test byte ptr [rsp + 24], 3", // CS: from user mode?
        "jz 2f",
        "swapgs",
        "2:",
        push_registers!(),
        "cld",
        "cmp byte ptr [rip + {smap}], 0",
        "je 3f",
        "clac", // the interrupted code may have had AC set: a user program, or a user copy
        "3:",
        "mov rdi, rsp",
        "call {handler}",
        "jmp {leave}",
        smap = sym SMAP_ON,
        handler = sym trap_entry,
        leave = sym leave,
    )
}

/// Restores the frame at the top of the stack and returns to it.
#[unsafe(naked)]
unsafe extern "C" fn leave() -> ! {
    naked_asm!(
        pop_registers!(),
        "add rsp, 16", // vector and error code
        "test byte ptr [rsp + 8], 3",
        "jz 2f",
        "swapgs",
        "2:",
        "iretq",
    )
}

/// The way in for NMI, double fault and machine check, which can strike anywhere: GS is judged by its base, not by CS.
/// The kernel's base lies in the upper half; a user program cannot set one there (FSGSBASE stays off).
#[unsafe(naked)]
unsafe extern "C" fn paranoid() -> ! {
    naked_asm!(
        push_registers!(),
        "cld",
        "mov ecx, 0xc0000101", // IA32_GS_BASE
        "rdmsr",
        "xor ebx, ebx",
        "test edx, edx",
        "js 2f",
        "swapgs",
        "mov ebx, 1",
        "2:",
        "cmp byte ptr [rip + {smap}], 0",
        "je 3f",
        "clac",
        "3:",
        "mov rdi, rsp",
        "call {handler}",
        "test ebx, ebx",
        "jz 4f",
        "swapgs",
        "4:",
        pop_registers!(),
        "add rsp, 16",
        "iretq",
        smap = sym SMAP_ON,
        handler = sym trap_entry,
    )
}

/// `syscall` lands here: rcx = return address, r11 = flags, interrupts off, still on the user's stack.
///
/// `sysretq` with a non-canonical rcx would fault in ring 0; rcx is the address after a user `syscall` instruction, which lies
/// below the user limit, so it is canonical. A handler changes `rax` only.
#[unsafe(naked)]
pub unsafe extern "C" fn syscall_stub() -> ! {
    naked_asm!(
        "swapgs",
        "mov gs:[{user_rsp}], rsp",
        "mov rsp, gs:[{kernel_rsp}]",
        "push {ss}",
        "push qword ptr gs:[{user_rsp}]",
        "push r11",
        "push {cs}",
        "push rcx",
        "push 0",
        "push {vector}",
        push_registers!(),
        "mov rdi, rsp",
        "call {handler}",
        // rbx, rbp and r12 to r15 are as they were: the handler kept them. Whoever wants others leaves by `enter_user`.
        "mov r10, [rsp + {r10}]",
        "mov r9, [rsp + {r9}]",
        "mov r8, [rsp + {r8}]",
        "mov rdi, [rsp + {rdi}]",
        "mov rsi, [rsp + {rsi}]",
        "mov rdx, [rsp + {rdx}]",
        "mov rax, [rsp + {rax}]",
        "mov rcx, [rsp + {rip}]",
        "mov r11, [rsp + {rflags}]",
        "mov rsp, [rsp + {rsp}]",
        "swapgs",
        "sysretq",
        r10 = const offset_of!(TrapFrame, r10),
        r9 = const offset_of!(TrapFrame, r9),
        r8 = const offset_of!(TrapFrame, r8),
        rdi = const offset_of!(TrapFrame, rdi),
        rsi = const offset_of!(TrapFrame, rsi),
        rdx = const offset_of!(TrapFrame, rdx),
        rax = const offset_of!(TrapFrame, rax),
        rip = const offset_of!(TrapFrame, rip),
        rflags = const offset_of!(TrapFrame, rflags),
        rsp = const offset_of!(TrapFrame, rsp),
        user_rsp = const offset_of!(EntryArea, user_rsp),
        kernel_rsp = const offset_of!(EntryArea, kernel_rsp),
        ss = const USER_SS,
        cs = const USER_CS,
        vector = const SYSCALL,
        handler = sym syscall_entry,
    )
}

/// Leaves the kernel for the user state in `frame`. Interrupts must be off; nothing on this stack is kept.
///
/// # Safety
///
/// `frame` must describe user mode (user selectors, canonical rip) and the current address space must be that program's.
pub unsafe fn enter_user(frame: &TrapFrame) -> ! {
    debug_assert!(frame.is_user() && !super::interrupts::enabled());
    // SAFETY: `leave` pops exactly a TrapFrame; the frame lies on this stack or above it and is read only.
    unsafe {
        core::arch::asm!("mov rsp, {frame}", "jmp {leave}", frame = in(reg) frame, leave = sym leave, options(noreturn))
    }
}
