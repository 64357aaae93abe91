//! Configuration space read through a table that stands in for a machine, honest and otherwise.

use fl_addr::PhysAddr;
use fl_pci::{Address, BarError, ConfigSpace, MsiX, Place, VirtioPlaces, capabilities, memory_bar, scan};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Words by place; a base address register keeps only the bits of its mask. What is not there reads as all ones.
#[derive(Default)]
struct Fake {
    words: RefCell<BTreeMap<(Address, u8), u32>>,
    masks: BTreeMap<(Address, u8), u32>,
}

const DISK: Address = Address { bus: 0, device: 3, function: 0 };

impl ConfigSpace for Fake {
    fn read(&self, at: Address, offset: u8) -> u32 {
        assert!(offset.is_multiple_of(4) && at.device < 32 && at.function < 8);
        let words = self.words.borrow();
        let there = words.contains_key(&(at, 0));
        words.get(&(at, offset)).copied().unwrap_or(if there { 0 } else { u32::MAX })
    }
    fn write(&self, at: Address, offset: u8, value: u32) {
        let old = self.read(at, offset);
        let value = match self.masks.get(&(at, offset)) {
            Some(mask) => value & mask | old & 0xf & !mask, // a lower half has four bits that say what it is
            None => value,
        };
        self.words.borrow_mut().insert((at, offset), value);
    }
}

impl Fake {
    fn function(mut self, at: Address, words: &[(u8, u32)]) -> Self {
        self.words.get_mut().extend(words.iter().map(|&(offset, word)| ((at, offset), word)));
        self
    }

    fn bar(mut self, at: Address, index: u8, low: u32, mask: u32) -> Self {
        self.words.get_mut().insert((at, 0x10 + 4 * index), low);
        self.masks.insert((at, 0x10 + 4 * index), mask);
        self
    }
}

fn at(bus: u8, device: u8, function: u8) -> Address {
    Address { bus, device, function }
}

/// A virtio disk as QEMU shows it: MSI-X at 0x98, common at 0x84, notify at 0x54, registers in BAR 4.
fn disk() -> Fake {
    Fake::default()
        .function(DISK, &[(0, 0x1042_1af4), (4, 0x0010_0007), (8, 0x0100_0001), (0x34, 0x98)])
        .function(DISK, &[(0x98, 0x8001_8411), (0x9c, 0x0000_0001)])
        .function(DISK, &[(0x84, 0x0110_5409), (0x88, 4), (0x8c, 0), (0x90, 0x1000)])
        .function(DISK, &[(0x54, 0x0214_0009), (0x58, 4), (0x5c, 0x3000), (0x60, 0x1000), (0x64, 4)])
        .bar(DISK, 4, 0xfe00_000c, 0xffff_c000)
        .bar(DISK, 5, 0x0000_0001, 0xffff_ffff)
        .bar(DISK, 1, 0xfebd_1000, 0xffff_f000)
}

fn found(config: &Fake) -> Vec<Address> {
    let mut all = Vec::new();
    scan(config, |f| all.push(f.at));
    all
}

#[test]
fn functions_and_buses_behind_bridges_are_found_once() {
    let bridge = |to: u32| [(0, 0x1234_8086), (0x0c, 0x0001_0000), (0x18, to << 8)];
    let config = disk()
        .function(at(0, 31, 0), &[(0, 0x2918_8086), (0x0c, 0x0080_0000)])
        .function(at(0, 31, 2), &[(0, 0x2922_8086)])
        .function(at(0, 4, 0), &bridge(7))
        .function(at(7, 0, 0), &[(0, 0x1041_1af4)])
        .function(at(7, 0, 1), &[(0, 0x1041_1af4)]) // device 0 says it has one function
        .function(at(7, 1, 0), &bridge(7)); // leads to itself
    assert_eq!(
        found(&config),
        [at(0, 3, 0), at(0, 4, 0), at(0, 31, 0), at(0, 31, 2), at(7, 0, 0), at(7, 1, 0)]
    );
}

#[test]
fn a_function_says_who_made_it_and_what_it_is() {
    let mut seen = Vec::new();
    scan(&disk(), |f| seen.push((f.vendor, f.device, f.class)));
    assert_eq!(seen, [(0x1af4, 0x1042, (0x01, 0x00))]);
    assert_eq!(VirtioPlaces::device_type(0x1af4, 0x1042), Some(2));
    assert_eq!(VirtioPlaces::device_type(0x1af4, 0x1001), Some(2), "transitional");
    for other in [(0x8086, 0x1042), (0x1af4, 0x1040), (0x1af4, 0x1002), (0x1af4, 0x1080)] {
        assert_eq!(VirtioPlaces::device_type(other.0, other.1), None, "{other:x?}");
    }
}

#[test]
fn the_capability_list_is_walked_in_order() {
    let ids: Vec<_> = capabilities(&disk(), DISK).map(|c| (c.id, c.offset)).collect();
    assert_eq!(ids, [(0x11, 0x98), (0x09, 0x84), (0x09, 0x54)]);
}

#[test]
fn a_capability_list_that_goes_in_a_circle_or_astray_ends() {
    let circle = disk().function(DISK, &[(0x54, 0x0214_9809)]);
    assert_eq!(capabilities(&circle, DISK).count(), 48);
    assert!(MsiX::find(&circle, DISK).is_some() && VirtioPlaces::find(&circle, DISK).is_some());
    let astray = disk().function(DISK, &[(0x98, 0x8001_1011)]); // into the header
    assert_eq!(capabilities(&astray, DISK).count(), 1);
    let none = disk().function(DISK, &[(4, 0x0000_0007)]); // status says there is no list
    assert_eq!(capabilities(&none, DISK).count(), 0);
    assert_eq!(capabilities(&Fake::default(), DISK).count(), 0, "a function that is gone");
}

#[test]
fn a_base_address_register_is_sized_and_left_as_it_was() {
    let config = disk();
    let before = config.words.borrow().clone();
    let bar = memory_bar(&config, DISK, 1).unwrap();
    assert_eq!((bar.start, bar.len), (PhysAddr(0xfebd_1000), 0x1000));
    let wide = memory_bar(&config, DISK, 4).unwrap();
    assert_eq!((wide.start, wide.len), (PhysAddr(0x1_fe00_0000), 0x4000));
    let mut after = config.words.borrow().clone();
    assert_eq!(
        after.remove(&(DISK, 4)),
        Some(0x7),
        "decoding is on again, and no status bit was cleared by writing it"
    );
    let mut before = before;
    before.remove(&(DISK, 4));
    assert_eq!(after, before);
}

#[test]
fn a_base_address_register_that_is_none_is_refused() {
    let config = disk().bar(DISK, 0, 0xc001, 0xffff_ff80).bar(DISK, 2, 0, 0xffff_f000).bar(DISK, 3, 0, 0);
    assert_eq!(memory_bar(&config, DISK, 0), Err(BarError::Ports));
    assert_eq!(memory_bar(&config, DISK, 2), Err(BarError::Unassigned));
    assert_eq!(memory_bar(&config, DISK, 3), Err(BarError::Missing));
    assert_eq!(memory_bar(&config, DISK, 6), Err(BarError::Missing));
    let wide_at_the_end = disk().bar(DISK, 5, 0x0000_1004, 0xffff_f000);
    assert_eq!(memory_bar(&wide_at_the_end, DISK, 5), Err(BarError::Missing));
}

#[test]
fn a_structure_outside_of_its_register_is_refused() {
    let config = disk();
    let place = |offset, len| Place { bar: 1, offset, len }.locate(&config, DISK);
    assert_eq!(place(0xf00, 0x100), Ok(PhysAddr(0xfebd_1f00)));
    assert_eq!(place(0xf00, 0x101), Err(BarError::Outside));
    assert_eq!(place(u32::MAX, u32::MAX), Err(BarError::Outside));
}

#[test]
fn msix_is_found_and_enabled() {
    let config = disk().function(DISK, &[(0x98, 0x4001_8411)]);
    let msix = MsiX::find(&config, DISK).unwrap();
    assert_eq!((msix.entries, msix.table), (2, Place { bar: 1, offset: 0, len: 32 }));
    msix.enable(&config, DISK);
    assert_eq!(config.read(DISK, 0x98), 0x8001_8411, "enabled, and the mask of all is off");
    assert_eq!(MsiX::message(3, 0x31), [0xfee0_3000, 0, 0x31, 0]);
    let without = disk().function(DISK, &[(0x34, 0x84)]);
    assert_eq!(MsiX::find(&without, DISK), None);
}

#[test]
fn virtio_structures_are_found_and_doorbells_stay_inside() {
    let places = VirtioPlaces::find(&disk(), DISK).unwrap();
    assert_eq!(places.common, Place { bar: 4, offset: 0, len: 0x1000 });
    assert_eq!(places.doorbell(0), Some(Place { bar: 4, offset: 0x3000, len: 2 }));
    assert_eq!(places.doorbell(1), Some(Place { bar: 4, offset: 0x3004, len: 2 }));
    assert_eq!(places.doorbell(0xffff), None, "what a device that is gone would say");
    for broken in [
        (0x90, 0x10),        // common configuration too short
        (0x64, 3),           // odd distance of doorbells
        (0x60, 1),           // no room for one doorbell
        (0x54, 0x0210_0009), // notify capability without its multiplier
        (0x84, 0x0310_5409), // no common configuration
    ] {
        assert_eq!(VirtioPlaces::find(&disk().function(DISK, &[broken]), DISK), None, "{broken:x?}");
    }
}
