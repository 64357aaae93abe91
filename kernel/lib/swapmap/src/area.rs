//! [`Area`]: how a raw disk is divided: a page of header, which says that the disk is for swapping, then the slots.

use fl_addr::Slot;

/// Bytes of a sector.
const SECTOR: usize = 512;
/// Bytes of a slot, and of the header: a page.
const PAGE: u64 = 4096;
const SECTORS_PER_PAGE: u64 = PAGE / SECTOR as u64;

/// What the disk begins with. No volume does: a boot sector begins with a jump. The last byte is the version of this layout.
const SIGNATURE: [u8; 16] = *b"FAULTLINE-SWAP\n\x01";

/// The slots of a disk that is for swapping. What was in them before a boot means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    slots: u32,
}

impl Area {
    /// The area on a disk of `sectors` that begins with `first_sector`. `None`: the disk is not for swapping, or has no room for a slot.
    pub fn find(first_sector: &[u8], sectors: u64) -> Option<Self> {
        let slots = (sectors / SECTORS_PER_PAGE).saturating_sub(1).min(u64::from(u32::MAX)) as u32;
        (first_sector.starts_with(&SIGNATURE) && slots != 0).then_some(Self { slots })
    }

    /// How many slots it has.
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// Where a slot begins, in sectors.
    pub const fn sector(&self, slot: Slot) -> u64 {
        (slot.0 as u64 + 1) * SECTORS_PER_PAGE
    }
}

/// What makes a disk one for swapping: its first sector. For the host, which makes such disks.
pub fn header() -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    sector[..SIGNATURE.len()].copy_from_slice(&SIGNATURE);
    sector
}

/// Bytes of a disk with so many slots.
pub const fn disk_len(slots: u32) -> u64 {
    (slots as u64 + 1) * PAGE
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_made_for_swapping_is_found_with_all_its_slots_inside() {
        for slots in [1, 2, 1000] {
            let sectors = disk_len(slots) / SECTOR as u64;
            let area = Area::find(&header(), sectors).unwrap();
            assert_eq!(area.slots(), slots);
            assert_eq!(area.sector(Slot(0)), SECTORS_PER_PAGE);
            assert_eq!(area.sector(Slot(slots - 1)) + SECTORS_PER_PAGE, sectors);
        }
    }

    #[test]
    fn other_disks_and_those_without_room_are_none() {
        let mut other = header();
        other[15] += 1;
        assert_eq!(Area::find(&other, 80), None);
        assert_eq!(Area::find(&[0; SECTOR], 80), None);
        assert_eq!(Area::find(&[], 80), None);
        for sectors in [0, 8, 15] {
            assert_eq!(Area::find(&header(), sectors), None);
        }
    }
}
