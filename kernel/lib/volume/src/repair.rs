//! Repair of a volume that was not unmounted: [`repair`] undoes what an interrupted operation leaves, and refuses the rest.
//!
//! Operations write in an order that leaves, wherever they are cut, at worst: clusters that no file has, a chain longer than its
//! file, slots of a long name without their file, and table copies that differ. All of that is put right here. Anything else
//! (a chain shorter than its file, two files with one cluster) was not left by us: it is named and not touched.
//!
//! The order of the steps makes a repair that is cut as good as none: each looks at the disk again, and the volume stays marked until the end.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hadris_fat::{Geometry, RootLocation};

use crate::device::{BlockDevice, SECTOR};
use crate::error::{Damage, MountError};
use crate::fat::{FIRST, Link, Table};
use crate::marker::Marker;
use crate::root::{Entry, Item, RootError, Slots, delete_slots, patch};

/// What was put right when a volume was mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs {
    /// The volume was marked as in use.
    pub was_dirty: bool,
    /// Clusters that belonged to no file, freed.
    pub lost_clusters: u32,
    /// Files whose chain was cut back to their size.
    pub cut_chains: u32,
    /// Slots of long names without a file, cleared.
    pub orphan_slots: u32,
    /// Sectors of a table copy that differed from the first.
    pub table_sectors: u64,
    /// Removed files that had been open, unlinked.
    pub swept_files: u32,
}

impl Repairs {
    /// Whether there was nothing to put right.
    pub fn nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (u64::from(self.lost_clusters), "lost clusters"),
            (u64::from(self.cut_chains), "chains longer than their files"),
            (u64::from(self.orphan_slots), "stray name slots"),
            (self.table_sectors, "sectors of a table copy that differ"),
            (u64::from(self.swept_files), "removed files that were open"),
        ];
        f.write_str(if self.was_dirty { "not unmounted" } else { "unmounted" })?;
        counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

/// One bit per cluster.
struct Clusters(Vec<u64>);

impl Clusters {
    /// Adds a cluster; whether it was new.
    fn insert(&mut self, cluster: u32) -> bool {
        let (word, bit) = (cluster as usize / 64, 1 << (cluster % 64));
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    fn contains(&self, cluster: u32) -> bool {
        self.0[cluster as usize / 64] & 1 << (cluster % 64) != 0
    }
}

/// What the look at the directory found out.
struct Plan {
    used: Clusters,
    /// Last clusters of files whose chain goes on behind their end.
    cut: Vec<u32>,
    /// Short slots of empty files that have a chain.
    empty: Vec<u64>,
    orphans: Vec<u64>,
}

impl<E> From<RootError<E>> for MountError<E> {
    fn from(error: RootError<E>) -> Self {
        match error {
            RootError::Device(error) => Self::Device(error),
            RootError::Chain | RootError::NoEntry => Self::Damaged(Damage::RootChain),
        }
    }
}

/// Repairs the volume of geometry `geo` on `dev`, which nobody has mounted, and marks it clean. When it returns an error for damage, nothing
/// was changed.
pub(crate) fn repair<D: BlockDevice>(dev: &D, geo: &Geometry) -> Result<Repairs, MountError<D::Error>> {
    let repairs = put_right(dev, geo)?;
    let mark_clean = || -> Result<(), D::Error> {
        let mut table = Table::new(dev, geo);
        table.mark_clean()?;
        table.flush()?;
        Marker::found_dirty(geo).clear(dev)
    };
    mark_clean().map_err(MountError::Device)?;
    Ok(Repairs { was_dirty: true, ..repairs })
}

/// The repair itself, without the marks: also for a mounted volume after the device failed, when the library has nothing pending.
pub(crate) fn put_right<D: BlockDevice>(dev: &D, geo: &Geometry) -> Result<Repairs, MountError<D::Error>> {
    if !geo.mirrored() || geo.active_fat() != 0 {
        return Err(MountError::Damaged(Damage::Unmirrored));
    }
    let plan = look(dev, geo)?;
    carry_out(dev, geo, &plan).map_err(MountError::Device)
}

fn carry_out<D: BlockDevice>(dev: &D, geo: &Geometry, plan: &Plan) -> Result<Repairs, D::Error> {
    let mut repairs = Repairs {
        cut_chains: (plan.cut.len() + plan.empty.len()) as u32,
        orphan_slots: plan.orphans.len() as u32,
        ..Repairs::default()
    };
    delete_slots(dev, &plan.orphans)?;
    for &offset in &plan.empty {
        patch(dev, offset, |slot| {
            slot[20..22].fill(0);
            slot[26..28].fill(0);
        })?;
    }
    let mut table = Table::new(dev, geo);
    for &cluster in &plan.cut {
        table.end(cluster)?;
    }
    table.flush()?;
    // From here on, what is behind a cut belongs to no file on the disk either.
    let mut free = 0;
    for cluster in FIRST..=geo.max_cluster() {
        match table.get(cluster)? {
            Link::Free => free += 1,
            Link::Bad => {}
            _ if plan.used.contains(cluster) => {}
            _ => {
                table.free(cluster)?;
                repairs.lost_clusters += 1;
                free += 1;
            }
        }
    }
    table.flush()?;
    repairs.table_sectors = table.mirror()?;
    info(dev, geo, free)?;
    dev.flush()?;
    Ok(repairs)
}

/// Reads the directory and every chain; changes nothing.
fn look<D: BlockDevice>(dev: &D, geo: &Geometry) -> Result<Plan, MountError<D::Error>> {
    let words = geo.max_cluster() as usize / 64 + 1;
    let mut bits = Vec::new();
    bits.try_reserve_exact(words).map_err(|_| MountError::NoMemory)?;
    bits.resize(words, 0);
    let mut plan = Plan { used: Clusters(bits), cut: Vec::new(), empty: Vec::new(), orphans: Vec::new() };
    let mut table = Table::new(dev, geo);
    if let RootLocation::Cluster(first) = geo.root() {
        let mut cluster = first;
        loop {
            if !plan.used.insert(cluster) {
                return Err(MountError::Damaged(Damage::RootChain));
            }
            match table.get(cluster).map_err(MountError::Device)? {
                Link::Next(next) => cluster = next,
                Link::End => break,
                Link::Free | Link::Bad | Link::Wild => return Err(MountError::Damaged(Damage::RootChain)),
            }
        }
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut slots = Slots::new(dev, geo)?;
    while let Some(item) = slots.next()? {
        match item {
            Item::Label => {}
            Item::Orphans(offsets) => plan.orphans.extend(offsets),
            Item::Entry(entry) => {
                let name = entry.name();
                if entry.is_directory() {
                    return Err(MountError::Damaged(Damage::Directory(name)));
                }
                chain(&mut table, geo, &entry, &mut plan)?;
                if let Some(name) = names.replace(name) {
                    return Err(MountError::Damaged(Damage::DoubleName(name)));
                }
            }
        }
    }
    Ok(plan)
}

/// Follows the chain of one file as far as its size needs.
fn chain<D: BlockDevice>(
    table: &mut Table<'_, D>,
    geo: &Geometry,
    entry: &Entry,
    plan: &mut Plan,
) -> Result<(), MountError<D::Error>> {
    let need = u64::from(entry.size()).div_ceil(u64::from(geo.cluster_size()));
    let mut cluster = entry.first(geo.kind());
    if need == 0 {
        if cluster != 0 {
            plan.empty.push(entry.offset);
        }
        return Ok(());
    }
    if !(FIRST..=geo.max_cluster()).contains(&cluster) {
        return Err(MountError::Damaged(Damage::ShortChain(entry.name())));
    }
    for left in (0..need).rev() {
        if !plan.used.insert(cluster) {
            return Err(MountError::Damaged(Damage::SharedChain(entry.name())));
        }
        match (table.get(cluster).map_err(MountError::Device)?, left) {
            (Link::End, 0) => {}
            // The last cluster may have been about to be linked to more, or be half written: only that it is this file's is known.
            (Link::Next(_) | Link::Wild | Link::Bad, 0) => plan.cut.push(cluster),
            (Link::Next(next), _) => cluster = next,
            _ => return Err(MountError::Damaged(Damage::ShortChain(entry.name()))),
        }
    }
    Ok(())
}

/// Writes the number of free clusters to FAT32's information sector, and that where to look for one is not known.
fn info<D: BlockDevice>(dev: &D, geo: &Geometry, free: u32) -> Result<(), D::Error> {
    let Some(sector) = geo.fs_info_sector() else { return Ok(()) };
    let offset = u64::from(sector) * u64::from(geo.sector_size());
    let mut signature = [0; SECTOR];
    dev.read(offset / SECTOR as u64, &mut signature)?;
    if signature[..4] != *b"RRaA" || signature[0x1e4..0x1e8] != *b"rrAa" {
        return Ok(());
    }
    patch(dev, offset, |bytes| {
        bytes[0x1e8..0x1ec].copy_from_slice(&free.to_le_bytes());
        bytes[0x1ec..0x1f0].fill(0xff);
    })
}
