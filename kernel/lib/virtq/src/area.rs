//! [`Area`]: the memory of a split virtqueue, as driver and device see it. Source: virtio 1.1, 2.6.

use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};

/// Where a buffer lies. Written by the driver.
#[repr(C)]
#[derive(Default)]
pub struct Descriptor {
    /// Its bus address.
    pub address: AtomicU64,
    /// Its bytes.
    pub len: AtomicU32,
    /// 0: the device reads it, and no other descriptor follows.
    pub flags: AtomicU16,
    /// Not used without a flag that says so.
    pub next: AtomicU16,
}

/// What the driver gives away. Written by the driver.
#[repr(C)]
pub struct Available<const N: usize> {
    /// [`NO_INTERRUPT`] or 0.
    pub flags: AtomicU16,
    /// Entries ever written; wraps.
    pub index: AtomicU16,
    /// Descriptors' numbers; entry `i` stands in place `i % N`.
    pub ring: [AtomicU16; N],
    /// Not used: its feature is not negotiated.
    pub used_event: AtomicU16,
}

/// One answer.
#[repr(C)]
#[derive(Default)]
pub struct UsedElement {
    /// The descriptor's number.
    pub id: AtomicU32,
    /// Bytes that the device wrote into it: none.
    pub len: AtomicU32,
}

/// What the device gives back. Written by the device.
#[repr(C, align(4))]
pub struct Used<const N: usize> {
    /// [`NO_NOTIFY`] or 0.
    pub flags: AtomicU16,
    /// Entries ever written; wraps.
    pub index: AtomicU16,
    /// The answers; entry `i` stands in place `i % N`.
    pub ring: [UsedElement; N],
}

/// In [`Available::flags`]: the driver looks by itself.
pub const NO_INTERRUPT: u16 = 1;
/// In [`Used::flags`]: the device looks by itself.
pub const NO_NOTIFY: u16 = 1;

/// The three parts of a queue of `N` descriptors, each aligned as the standard asks for. All zero: a queue that was never used.
#[repr(C, align(16))]
pub struct Area<const N: usize> {
    /// Descriptor table.
    pub descriptors: [Descriptor; N],
    /// Driver area.
    pub available: Available<N>,
    /// Device area.
    pub used: Used<N>,
}

const _: () = {
    assert!(cfg!(target_endian = "little"), "virtio is little-endian, and so is every machine this runs on");
    assert!(size_of::<Descriptor>() == 16 && size_of::<UsedElement>() == 8);
    assert!(size_of::<Available<32>>() == 6 + 2 * 32);
    assert!(core::mem::offset_of!(Area<32>, available) == 16 * 32);
    assert!(core::mem::offset_of!(Used<32>, ring) == 4);
};

impl<const N: usize> Default for Area<N> {
    fn default() -> Self {
        let zeros = || core::array::from_fn(|_| AtomicU16::default());
        Self {
            descriptors: core::array::from_fn(|_| Descriptor::default()),
            available: Available {
                flags: AtomicU16::new(0),
                index: AtomicU16::new(0),
                ring: zeros(),
                used_event: AtomicU16::new(0),
            },
            used: Used {
                flags: AtomicU16::new(0),
                index: AtomicU16::new(0),
                ring: core::array::from_fn(|_| UsedElement::default()),
            },
        }
    }
}
