//! Mounting: look, repair if need be, sweep.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use hadris_fat::Geometry;
use hadris_fat::sync::FatFs;
use hadris_fs::MountOptions;

use crate::device::{Adapter, BlockDevice, Overlay};
use crate::error::{Damage, Error, MountError};
use crate::marker::{self, Marker};
use crate::names::is_aside;
use crate::repair::{Repairs, put_right, repair};
use crate::root::{Item, Slots};
use crate::volume::Volume;

impl<D: BlockDevice + Clone> Volume<D> {
    /// Mounts the volume on `dev`. One that was not unmounted is repaired first, or refused; files that were removed while open and never closed
    /// are unlinked. A clean volume is taken at its word and costs a few reads.
    ///
    /// `dev` is a handle (a reference, an `Arc`): the volume keeps clones of it.
    pub fn mount(dev: D) -> Result<Self, MountError<D::Error>> {
        let (geo, dirty) = look(&dev)?;
        let repairs = if dirty { repair(&dev, &geo)? } else { Repairs::default() };
        let mut volume = Self {
            fs: library(&dev)?,
            marker: Marker::new(&geo),
            dev,
            geo,
            files: BTreeMap::new(),
            next: 1,
            doomed: Vec::new(),
            unsettled: false,
            damaged: false,
            repairs,
        };
        let left = leftovers(&volume.dev, &geo)?;
        if !left.is_empty() {
            volume.repairs.swept_files = left.len() as u32;
            volume.doomed = left;
            volume.unsettled = true;
            volume.sync().map_err(|error| match error {
                Error::Device(error) => MountError::Device(error),
                Error::NoMemory => MountError::NoMemory,
                // Unlinking found a chain that repair had no reason to look at.
                _ => MountError::Damaged(Damage::RootChain),
            })?;
        }
        Ok(volume)
    }
}

/// What mounting would have to put right, without doing it. More than mounting looks at: a volume that says it is clean is looked through too.
pub fn check<D: BlockDevice>(dev: &D) -> Result<Repairs, MountError<D::Error>> {
    let overlay = Overlay::new(dev);
    let (geo, dirty) = look(&&overlay)?;
    let repairs = put_right(&overlay, &geo)?;
    let swept_files = leftovers(&overlay, &geo)?.len() as u32;
    Ok(Repairs { was_dirty: dirty, swept_files, ..repairs })
}

/// The volume's geometry, and whether any mark says that it is in use.
fn look<D: BlockDevice + Clone>(dev: &D) -> Result<(Geometry, bool), MountError<D::Error>> {
    let fs = library(dev)?;
    let geo = *fs.info();
    let marked = marker::is_set(dev, &geo).map_err(MountError::Device)?;
    Ok((geo, marked || fs.was_dirty()))
}

/// The library's own mount, which only reads.
pub(crate) fn library<D: BlockDevice + Clone>(
    dev: &D,
) -> Result<Box<FatFs<Adapter<D>>>, MountError<D::Error>> {
    match FatFs::mount(Adapter(dev.clone()), MountOptions::new()) {
        Ok(fs) => Ok(Box::new(fs)),
        Err(error) => Err(error.into_error().into()),
    }
}

/// Names of files that were set aside and are still there.
fn leftovers<D: BlockDevice>(dev: &D, geo: &Geometry) -> Result<Vec<String>, MountError<D::Error>> {
    let mut left = Vec::new();
    let mut slots = Slots::new(dev, geo)?;
    while let Some(item) = slots.next()? {
        if let Item::Entry(entry) = item
            && !entry.is_directory()
        {
            let name = entry.name();
            if is_aside(name.as_bytes()) {
                left.push(name);
            }
        }
    }
    Ok(left)
}
