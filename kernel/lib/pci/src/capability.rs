//! [`capabilities`]: the linked list of what a function can do beyond the common header.

use crate::{Address, ConfigSpace, reg};

/// Status bit: there is a list.
const HAS_LIST: u32 = 1 << 20;
/// First byte behind the common header.
const FIRST: u8 = 0x40;
/// Capabilities of 4 bytes that fit behind the header: a longer list goes round in a circle.
const MOST: usize = (0x100 - FIRST as usize) / 4;

/// One entry of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capability {
    /// What it is: 0x05 MSI, 0x09 vendor's own, 0x11 MSI-X.
    pub id: u8,
    /// Where in configuration space it begins.
    pub offset: u8,
    /// Its first word, whose upper half belongs to the capability.
    pub header: u32,
}

/// The list, in its order. Ends at the first pointer that leads outside, and after as many entries as can exist.
pub fn capabilities<C: ConfigSpace>(config: &C, at: Address) -> impl Iterator<Item = Capability> + '_ {
    let has_list = config.read(at, reg::COMMAND_STATUS) & HAS_LIST != 0;
    let mut next = if has_list { config.read(at, reg::CAPABILITIES) as u8 } else { 0 };
    core::iter::from_fn(move || {
        let offset = next & !3; // the low bits are reserved and to be masked
        if offset < FIRST {
            return None;
        }
        let header = config.read(at, offset);
        next = (header >> 8) as u8;
        (header != u32::MAX).then_some(Capability { id: header as u8, offset, header })
    })
    .take(MOST)
}
