//! The hardware: the only place with assembly, port I/O, control registers and MSRs, behind safe functions.
//!
//! Layer 0: uses nothing of the kernel but the library crates. One back edge on purpose: the entry stubs of [`entry`]
//! call the two functions that `trap.rs` exports, `trap_entry` and `syscall_entry`.

pub mod apic;
pub mod boot;
pub mod cpu;
pub mod descriptors;
pub mod entry;
pub mod fpu;
pub mod interrupts;
pub mod ioapic;
pub mod paging;
pub mod pci_ports;
pub mod pit;
pub mod power;
pub mod serial;
pub mod switch;
pub mod unwind;
pub mod usercopy;

/// Processors this kernel has room for.
pub const MAX_CPUS: usize = 8;
