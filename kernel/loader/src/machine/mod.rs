//! The loader's hands: all that touches memory, ports or processors, and all unsafe code.
//!
//! While it runs, the first 4 GiB of physical memory are mapped at their own address and at the direct map's
//! (`entry.S`), so a physical address below 4 GiB can be used as a pointer ([`memory`]). One processor runs
//! Rust; the others only park (`smp.rs`).

pub mod acpi;
pub mod answers;
pub mod console;
pub mod entry;
pub mod handoff;
pub mod interrupts;
pub mod kernel_image;
pub mod memory;
pub mod modules;
pub mod multiboot;
pub mod page_tables;
pub mod pool;
pub mod port;
pub mod smp;
