//! What the tests of the volume share: a disk that fails, a source of chance with a seed, and the model that volumes are compared with.

#![allow(dead_code)] // each test program uses a part of it

pub mod disk;
pub mod model;

use disk::Disk;
use hadris_io::Error as LibError;
use hadris_storage::{BlockIndex, BlockSize};

use fl_volume::{BlockDevice, SECTOR, image};

/// Chance that can be repeated: splitmix64.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How many times as much as usual is tried: `FL_VOLUME_EFFORT`, 1 by default.
pub fn effort() -> u64 {
    std::env::var("FL_VOLUME_EFFORT").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The seed to begin with: `FL_VOLUME_SEED`, or always the same.
pub fn seed() -> u64 {
    std::env::var("FL_VOLUME_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The volumes that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// FAT12, nearly always full.
    Tiny,
    /// FAT12.
    Fat12,
    /// FAT16.
    Fat16,
    /// FAT32 as the image builder makes it.
    Fat32,
    /// FAT32 with clusters of one sector, made without alignment, as other programs may make it.
    Fat32Odd,
}

pub const KINDS: [Kind; 5] = [Kind::Tiny, Kind::Fat12, Kind::Fat16, Kind::Fat32, Kind::Fat32Odd];

/// A freshly formatted disk.
pub fn formatted(kind: Kind, seed: u64) -> Disk {
    const MIB: u64 = 1 << 20;
    let bytes = match kind {
        Kind::Tiny => 160 * 1024,
        Kind::Fat12 => 2 * MIB,
        Kind::Fat16 => 24 * MIB,
        Kind::Fat32 => 272 * MIB,
        Kind::Fat32Odd => 36 * MIB,
    };
    let disk = Disk::new(bytes / SECTOR as u64, seed);
    if kind == Kind::Fat32Odd {
        let options = hadris_fat::FatOptions::new()
            .with_kind(hadris_fat::FatKind::Fat32)
            .with_cluster_size(512)
            .with_reserved_sectors(35);
        hadris_fat::sync::format(&mut Raw(&disk), &options).expect("format");
    } else {
        image::format(&&disk).expect("format");
    }
    disk
}

/// A disk for the library alone.
pub struct Raw<'a>(pub &'a Disk);

impl hadris_io::ErrorType for Raw<'_> {
    type Error = disk::Fault;
}

impl hadris_storage::sync::BlockDevice for Raw<'_> {
    fn block_size(&self) -> BlockSize {
        BlockSize::new(SECTOR as u32).expect("a power of two")
    }
    fn block_count(&self) -> u64 {
        self.0.sectors()
    }
    fn writable(&self) -> bool {
        true
    }
    fn read_blocks(&mut self, first: BlockIndex, buf: &mut [u8]) -> Result<(), LibError<disk::Fault>> {
        self.0.read(first.get(), buf).map_err(|e| LibError::device(e, "read"))
    }
    fn write_blocks(&mut self, first: BlockIndex, buf: &[u8]) -> Result<(), LibError<disk::Fault>> {
        self.0.write(first.get(), buf).map_err(|e| LibError::device(e, "write"))
    }
}
