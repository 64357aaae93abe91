//! [`Image`]: a hybrid image that Limine boots, by BIOS and by UEFI, from a CD and from a USB stick.
//!
//! The way through: [`limine`] finds the bootloader's binaries and tells their version; [`config`] reads `limine.cfg` and writes
//! what that version reads; [`iso`] lays both and the files in one image with xorriso; [`firmware`] finds UEFI for QEMU.
//! Used by `cargo xtask image` and by every run that boots through Limine.

pub mod config;
pub mod error;
pub mod firmware;
mod iso;
pub mod limine;

pub use config::BootConfig;
pub use error::ImageError;
pub use firmware::{Firmware, Ovmf};
pub(crate) use iso::DISK;
pub use iso::{Image, Stick};
pub use limine::Limine;
