//! [`scan`]: every function behind the first host bridge, through bridges of any depth.

use crate::{Address, ConfigSpace, reg};

/// A function that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function {
    /// Where.
    pub at: Address,
    /// Who made it.
    pub vendor: u16,
    /// What its maker calls it.
    pub device: u16,
    /// Base class and subclass.
    pub class: (u8, u8),
}

/// Bit of the header-type byte: the device has more functions than one.
const MULTIFUNCTION: u32 = 0x80 << 16;
/// Header type of a PCI-to-PCI bridge.
const BRIDGE: u32 = 1;
const NOBODY: u16 = 0xffff;

/// Calls `found` for each function. Each bus is visited once, however the bridges are numbered.
pub fn scan(config: &impl ConfigSpace, mut found: impl FnMut(Function)) {
    let (mut waiting, mut visited) = (Buses::default(), Buses::default());
    waiting.insert(0);
    while let Some(bus) = waiting.pop() {
        visited.insert(bus);
        for device in 0..32 {
            for function in 0..functions(config, bus, device) {
                let at = Address { bus, device, function };
                let Some(it) = look(config, at) else { continue };
                found(it);
                if let Some(behind) = secondary_bus(config, at).filter(|b| !visited.contains(*b)) {
                    waiting.insert(behind);
                }
            }
        }
    }
}

fn look(config: &impl ConfigSpace, at: Address) -> Option<Function> {
    let id = config.read(at, reg::ID);
    let vendor = id as u16;
    if vendor == NOBODY {
        return None;
    }
    let class = config.read(at, reg::CLASS).to_be_bytes();
    Some(Function { at, vendor, device: (id >> 16) as u16, class: (class[0], class[1]) })
}

/// How many functions to ask: none, one, or all eight.
fn functions(config: &impl ConfigSpace, bus: u8, device: u8) -> u8 {
    let first = Address { bus, device, function: 0 };
    if config.read(first, reg::ID) as u16 == NOBODY {
        0
    } else if config.read(first, reg::HEADER_TYPE) & MULTIFUNCTION != 0 {
        8
    } else {
        1
    }
}

fn secondary_bus(config: &impl ConfigSpace, at: Address) -> Option<u8> {
    let header = config.read(at, reg::HEADER_TYPE) >> 16 & 0x7f;
    (header == BRIDGE).then(|| (config.read(at, reg::BUSES) >> 8) as u8)
}

/// A set of bus numbers.
#[derive(Default)]
struct Buses([u64; 4]);

impl Buses {
    fn insert(&mut self, bus: u8) {
        self.0[usize::from(bus >> 6)] |= 1 << (bus & 63);
    }
    fn contains(&self, bus: u8) -> bool {
        self.0[usize::from(bus >> 6)] & 1 << (bus & 63) != 0
    }
    fn pop(&mut self) -> Option<u8> {
        let word = self.0.iter().position(|w| *w != 0)?;
        let bit = self.0[word].trailing_zeros();
        self.0[word] &= !(1 << bit);
        Some((word as u32 * 64 + bit) as u8)
    }
}
