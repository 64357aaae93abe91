//! The loader's decisions, free of hardware: what is in the inputs, is it sound, and what goes where.
//!
//! Every module here is a function of bytes and numbers and is tested on the host. The binary (`main.rs`,
//! `machine/`) reads the machine, asks this library what to do, and does it. Fault is named in one place:
//! [`error::LoadError`].
//!
//! | module | decides |
//! |---|---|
//! | [`text`] | the kernel's command line and the modules' names, out of what QEMU passes |
//! | [`memory_map`] | one sorted map without overlaps, and the hole the loader may use |
//! | [`bump`] | who gets which bytes of that hole |
//! | [`hhdm`] | which physical memory the direct map covers, in which page sizes |
//! | [`elf`] | whether the kernel file can be loaded, and its segments |
//! | [`requests`] | which Limine requests the kernel makes ([`protocol`] names them and lays out the answers) |
//! | [`acpi`] | where tables lie and which processors they list |
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod acpi;
pub mod bump;
pub mod elf;
pub mod error;
pub mod hhdm;
pub mod memory_map;
pub mod protocol;
pub mod requests;
pub mod text;

mod le;
