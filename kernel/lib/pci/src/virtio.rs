//! [`VirtioPlaces`]: where a virtio function keeps the structures that its driver needs to reach directly.

use crate::{Address, ConfigSpace, Place, capabilities};

/// Vendor of all virtio devices.
const VENDOR: u16 = 0x1af4;
/// Device number of type 0 in the modern numbering.
const MODERN: u16 = 0x1040;
/// Transitional functions, which offer the structures here too, have numbers of their own (virtio 1.1, 4.1.2.1).
const TRANSITIONAL: [(u16, u16); 3] = [(0x1000, 1), (0x1001, 2), (0x1003, 3)];
/// Id of a vendor's own capability.
const VENDOR_SPECIFIC: u8 = 0x09;
/// Types of virtio structures (virtio 1.1, 4.1.4).
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
/// Bytes of the common configuration.
const COMMON_LEN: u32 = 0x38;

/// The common configuration and the doorbells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VirtioPlaces {
    /// Common configuration.
    pub common: Place,
    /// Doorbells of the queues.
    pub notify: Place,
    /// Bytes from one doorbell to the next, times the number that the queue says.
    pub notify_multiplier: u32,
}

impl VirtioPlaces {
    /// The type of a virtio function (1 = network, 2 = block, 3 = console), by vendor and device number.
    pub fn device_type(vendor: u16, device: u16) -> Option<u16> {
        if vendor != VENDOR {
            return None;
        }
        let transitional = TRANSITIONAL.iter().find(|(number, _)| *number == device).map(|(_, kind)| *kind);
        transitional.or_else(|| device.checked_sub(MODERN).filter(|kind| (1..0x40).contains(kind)))
    }

    /// Reads the capabilities; `None` if one of the two structures is missing or too short. The first of each kind counts.
    pub fn find(config: &impl ConfigSpace, at: Address) -> Option<Self> {
        let (mut common, mut notify) = (None, None);
        for capability in capabilities(config, at).filter(|c| c.id == VENDOR_SPECIFIC) {
            let word = |n: u8| capability.offset.checked_add(n).map_or(u32::MAX, |o| config.read(at, o));
            let [len, kind] = [capability.header >> 16, capability.header >> 24].map(|b| b as u8);
            let place = Place { bar: word(4) as u8, offset: word(8), len: word(12) };
            match kind {
                COMMON if len >= 16 && common.is_none() => common = Some(place),
                NOTIFY if len >= 20 && notify.is_none() => notify = Some((place, word(16))),
                _ => {}
            }
        }
        let (common, (notify, notify_multiplier)) = (common?, notify?);
        let usable = common.len >= COMMON_LEN && notify.len >= 2 && notify_multiplier.is_multiple_of(2);
        usable.then_some(Self { common, notify, notify_multiplier })
    }

    /// The doorbell of a queue that says `number` in `queue_notify_off`: two bytes; `None` if it lies outside.
    pub fn doorbell(&self, number: u16) -> Option<Place> {
        let within = u32::from(number).checked_mul(self.notify_multiplier)?;
        let fits = within.checked_add(2).is_some_and(|end| end <= self.notify.len);
        let offset = self.notify.offset.checked_add(within)?;
        fits.then_some(Place { bar: self.notify.bar, offset, len: 2 })
    }
}
