//! Building volumes: [`format`] a disk, [`build`] an image with files in it. No clock and no chance: the same call gives the same bytes.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use hadris_fat::{FatKind, FatOptions, VolumeLabel};
use hadris_io::ErrorKind;

use crate::device::{Adapter, BlockDevice, PastEnd, RamDisk, SECTOR};
use crate::error::{Error, MountError};
use crate::names::FileName;
use crate::volume::Volume;

/// Bytes of a cluster: a page, so that file pages are pages of the disk.
pub const CLUSTER: u64 = 4096;
/// The smallest disk that is formatted.
pub const SIZE_MIN: u64 = 128 * 1024;
/// Names that the directory of FAT12 and FAT16 holds at least, in slots: one short name takes one, the longest escaped name five.
const ROOT_SLOTS: u16 = 512;

/// Why an image was not built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError<E> {
    /// The disk is smaller than [`SIZE_MIN`], or larger than FAT can be.
    Size,
    /// A file could not be put into it.
    File(FileName, Error<E>),
    /// A name that no file can have.
    Name(crate::NameError),
    /// The disk failed, or the volume just made was not accepted.
    Mount(MountError<E>),
    /// The volume could not be unmounted.
    Unmount(Error<E>),
}

impl<E: fmt::Display> fmt::Display for ImageError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => f.write_str("a volume has at least 128 KiB and at most 2 TiB"),
            Self::File(name, error) => write!(f, "file '{name}': {error}"),
            Self::Name(error) => error.fmt(f),
            Self::Mount(error) => error.fmt(f),
            Self::Unmount(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for ImageError<E> {}

/// An image of `size` bytes, rounded down to whole clusters, with these files.
pub fn build(size: u64, files: &[(&[u8], &[u8])]) -> Result<Vec<u8>, ImageError<PastEnd>> {
    let size = usize::try_from(size - size % CLUSTER).map_err(|_| ImageError::Size)?;
    let disk = RamDisk::new(vec![0; size]);
    build_on(&disk, files)?;
    Ok(disk.into_inner())
}

/// Formats `dev`, whose sectors must be zero, and puts these files into it in this order.
pub fn build_on<D: BlockDevice + Clone>(
    dev: D,
    files: &[(&[u8], &[u8])],
) -> Result<(), ImageError<D::Error>> {
    format(&dev)?;
    let mut volume = Volume::mount(dev).map_err(ImageError::Mount)?;
    for &(name, bytes) in files {
        let file = FileName::new(name).map_err(ImageError::Name)?;
        put(&mut volume, &file, bytes).map_err(|error| ImageError::File(file, error))?;
    }
    volume.unmount().map_err(ImageError::Unmount)
}

/// Makes an empty volume on `dev`: clusters of one page, the first of them aligned to a page of the disk; FAT12 up to about 16 MiB, FAT16 up to
/// about 256 MiB, FAT32 from there on.
pub fn format<D: BlockDevice + Clone>(dev: &D) -> Result<(), ImageError<D::Error>> {
    let bytes = dev.sectors() * SECTOR as u64;
    if bytes < SIZE_MIN {
        return Err(ImageError::Size);
    }
    let label = VolumeLabel::new("FAULTLINE").map_err(|_| ImageError::Size)?;
    let options = FatOptions::new()
        .with_label(label)
        .with_serial(0x464c_0001)
        .with_oem_name(*b"FAULTLIN")
        .with_root_entries(ROOT_SLOTS)
        .with_cluster_size(CLUSTER as u32)
        .with_alignment(CLUSTER as u32);
    // Between two kinds lies a size that is too large for the one and too small for the other: there the volume is a little smaller than the disk.
    let mut size = bytes - bytes % CLUSTER;
    for _ in 0..256 {
        for kind in [FatKind::Fat12, FatKind::Fat16, FatKind::Fat32] {
            let options = options.with_kind(kind).with_size(size);
            match hadris_fat::sync::format(&mut Box::new(Adapter(dev.clone())), &options) {
                Ok(_) => return Ok(()),
                Err(error) => match error.kind() {
                    ErrorKind::NoSpace | ErrorKind::LimitExceeded => {}
                    _ => return Err(ImageError::Mount(error.into())),
                },
            }
        }
        size -= CLUSTER;
    }
    Err(ImageError::Size)
}

fn put<D: BlockDevice + Clone>(
    volume: &mut Volume<D>,
    name: &FileName,
    bytes: &[u8],
) -> Result<(), Error<D::Error>> {
    volume.create(name.as_bytes(), bytes.len() as u64)?;
    let id = volume.open(name.as_bytes())?;
    let written = volume.write(id, 0, bytes);
    let closed = volume.close(id);
    written.and(closed)
}
