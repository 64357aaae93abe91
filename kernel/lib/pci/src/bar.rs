//! [`memory_bar`] reads and sizes a base address register; [`Place`] is a region relative to one.

use crate::{Address, ConfigSpace, command, reg, set_command};
use core::fmt;
use fl_addr::PhysAddr;

/// Base address registers of an ordinary function.
const BARS: u8 = 6;

/// Where a function's registers lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    /// First byte.
    pub start: PhysAddr,
    /// Length in bytes.
    pub len: u64,
}

/// Why a base address register cannot be used: the device or the firmware is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BarError {
    /// There is no register of that number, or it stands for nothing.
    Missing,
    /// It stands for ports, not for memory.
    Ports,
    /// The firmware gave it no address.
    Unassigned,
    /// The region does not lie within it.
    Outside,
}

impl fmt::Display for BarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no such base address register",
            Self::Ports => "the base address register stands for ports",
            Self::Unassigned => "the firmware assigned no address",
            Self::Outside => "a structure lies outside of its base address register",
        })
    }
}

/// Reads base address register `index` and finds its size. The function must not be in use: it does not answer meanwhile.
///
/// # Errors
/// See [`BarError`].
pub fn memory_bar(config: &impl ConfigSpace, at: Address, index: u8) -> Result<Bar, BarError> {
    if index >= BARS {
        return Err(BarError::Missing);
    }
    let offset = reg::BAR0 + 4 * index;
    let low = config.read(at, offset);
    if low & 1 != 0 {
        return Err(BarError::Ports);
    }
    let wide = low & 0b110 == 0b100;
    if wide && index + 1 >= BARS {
        return Err(BarError::Missing);
    }
    let before = config.read(at, reg::COMMAND_STATUS);
    set_command(config, at, 0, command::MEMORY | command::IO);
    let low_mask = probe(config, at, offset) & !0xf;
    let (high, high_mask) = match wide {
        true => (config.read(at, offset + 4), probe(config, at, offset + 4)),
        false => (0, u32::MAX),
    };
    set_command(config, at, before & (command::MEMORY | command::IO), 0);
    let mask = u64::from(high_mask) << 32 | u64::from(low_mask);
    let start = u64::from(high) << 32 | u64::from(low & !0xf);
    if low_mask == 0 && (!wide || high_mask == 0) {
        Err(BarError::Missing)
    } else if start == 0 {
        Err(BarError::Unassigned)
    } else {
        Ok(Bar { start: PhysAddr(start), len: mask & mask.wrapping_neg() })
    }
}

/// Writes ones, reads which bits are implemented, and restores what was there.
fn probe(config: &impl ConfigSpace, at: Address, offset: u8) -> u32 {
    let before = config.read(at, offset);
    config.write(at, offset, u32::MAX);
    let mask = config.read(at, offset);
    config.write(at, offset, before);
    mask
}

/// A structure of a device: a stretch of one of its memory regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Number of the base address register.
    pub bar: u8,
    /// First byte, from the start of that region.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Place {
    /// Its physical address.
    ///
    /// # Errors
    /// See [`BarError`].
    pub fn locate(&self, config: &impl ConfigSpace, at: Address) -> Result<PhysAddr, BarError> {
        let bar = memory_bar(config, at, self.bar)?;
        let end = u64::from(self.offset) + u64::from(self.len);
        if end > bar.len || bar.start.0.checked_add(end).is_none() {
            return Err(BarError::Outside);
        }
        Ok(bar.start + u64::from(self.offset))
    }
}
