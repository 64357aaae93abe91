//! Where a file's bytes lie on the disk: [`Extents`], for raw I/O without the volume's lock.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hadris_fat::Geometry;

use crate::device::{BlockDevice, SECTOR};
use crate::error::Error;
use crate::fat::{Link, Table};

/// Consecutive sectors that hold consecutive bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first sector on the disk.
    pub sector: u64,
    /// How many.
    pub sectors: u64,
    /// Where in the file, in sectors.
    at: u64,
}

/// The map of one file: its size when the map was made, and its sectors. Cheap to clone.
///
/// It stays true as long as the file is open: growth adds to the end and moves nothing. It is not true any more after the last
/// [`Volume::close`](crate::Volume::close). Reading and writing through it takes no lock of the volume; that two writers of one sector, or a
/// writer and growth of the file, do not overlap is the user's business (a lock per file, shared for pages, exclusive for growth).
/// Runs are whole clusters: what lies in them behind the end of the file is nobody's data, and may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extents {
    size: u64,
    runs: Arc<[Run]>,
}

impl Extents {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All runs in the order of the file.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The sector that holds byte `offset` of the file, and how many sectors from there on follow one another on the disk and in the file.
    /// None behind the last cluster.
    pub fn sector_of(&self, offset: u64) -> Option<(u64, u64)> {
        let at = offset / SECTOR as u64;
        let index = self.runs.partition_point(|run| run.at <= at).checked_sub(1)?;
        let run = self.runs[index];
        let within = at - run.at;
        (within < run.sectors).then(|| (run.sector + within, run.sectors - within))
    }

    /// Reads from byte `offset` on; returns how many bytes, fewer than asked for only at the end of the file.
    pub fn read<D: BlockDevice>(
        &self,
        dev: &D,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Error<D::Error>> {
        let len = self.clamp(offset, buf.len());
        let mut done = 0;
        while done < len {
            let step = self.step(offset + done as u64, len - done)?;
            let part = &mut buf[done..done + step.len];
            if step.whole() {
                dev.read(step.sector, part).map_err(Error::Device)?;
            } else {
                let mut sector = [0; SECTOR];
                dev.read(step.sector, &mut sector).map_err(Error::Device)?;
                part.copy_from_slice(&sector[step.skip..step.skip + step.len]);
            }
            done += step.len;
        }
        Ok(len)
    }

    /// Writes from byte `offset` on; returns how many bytes, fewer than asked for only at the end of the file: nothing grows. A sector
    /// written in part is read first.
    pub fn write<D: BlockDevice>(&self, dev: &D, offset: u64, buf: &[u8]) -> Result<usize, Error<D::Error>> {
        let len = self.clamp(offset, buf.len());
        let mut done = 0;
        while done < len {
            let step = self.step(offset + done as u64, len - done)?;
            let part = &buf[done..done + step.len];
            if step.whole() {
                dev.write(step.sector, part).map_err(Error::Device)?;
            } else {
                let mut sector = [0; SECTOR];
                dev.read(step.sector, &mut sector).map_err(Error::Device)?;
                sector[step.skip..step.skip + step.len].copy_from_slice(part);
                dev.write(step.sector, &sector).map_err(Error::Device)?;
            }
            done += step.len;
        }
        Ok(len)
    }

    /// Reads whole sectors from byte `offset` on, which begins one, up to the end of the file's last cluster: for those who have room around
    /// what they want of a page. Returns how many bytes; what lies behind the end of the file is anything.
    pub fn read_sectors<D: BlockDevice>(
        &self,
        dev: &D,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Error<D::Error>> {
        let sectors = buf.len() / SECTOR;
        let mut done = 0;
        while done < sectors {
            let Some((sector, follow)) = self.sector_of(offset + (done * SECTOR) as u64) else { break };
            let step = usize::try_from(follow).unwrap_or(usize::MAX).min(sectors - done);
            let part = &mut buf[done * SECTOR..(done + step) * SECTOR];
            dev.read(sector, part).map_err(Error::Device)?;
            done += step;
        }
        Ok(done * SECTOR)
    }

    /// Writes whole sectors from byte `offset` on, which begins one, up to the end of the file's last cluster: what is written behind the end of the file is
    /// nobody's. Returns how many bytes.
    pub fn write_sectors<D: BlockDevice>(
        &self,
        dev: &D,
        offset: u64,
        buf: &[u8],
    ) -> Result<usize, Error<D::Error>> {
        let sectors = buf.len() / SECTOR;
        let mut done = 0;
        while done < sectors {
            let Some((sector, follow)) = self.sector_of(offset + (done * SECTOR) as u64) else { break };
            let step = usize::try_from(follow).unwrap_or(usize::MAX).min(sectors - done);
            let part = &buf[done * SECTOR..(done + step) * SECTOR];
            dev.write(sector, part).map_err(Error::Device)?;
            done += step;
        }
        Ok(done * SECTOR)
    }

    /// The map of a file of `size` bytes whose chain begins at `first`. `self` is the map of the same file when it was smaller.
    pub(crate) fn resolve<D: BlockDevice>(
        &self,
        dev: &D,
        geo: &Geometry,
        first: Option<u32>,
        size: u64,
    ) -> Result<Self, Error<D::Error>> {
        let per_cluster = u64::from(geo.cluster_size()) / SECTOR as u64;
        let want = size.div_ceil(u64::from(geo.cluster_size())) * per_cluster;
        let mut runs = Vec::new();
        runs.try_reserve(self.runs.len() + 1).map_err(|_| Error::NoMemory)?;
        runs.extend_from_slice(&self.runs);
        let mut have = runs.last().map_or(0, |run: &Run| run.at + run.sectors);
        let mut table = Table::new(dev, geo);
        // The cluster to add next: the chain's first, or the one behind the last that is known.
        let mut next = match runs.last() {
            None => first,
            Some(run) => {
                let bytes = (run.sector + run.sectors - per_cluster) * SECTOR as u64;
                let last =
                    (bytes - geo.data_start()) / u64::from(geo.cluster_size()) + u64::from(crate::fat::FIRST);
                if have < want { follow(&mut table, last as u32)? } else { None }
            }
        };
        while have < want {
            let cluster = next.ok_or(Error::Corrupt)?;
            let sector = geo.cluster_offset(cluster).ok_or(Error::Corrupt)? / SECTOR as u64;
            match runs.last_mut() {
                Some(run) if run.sector + run.sectors == sector => run.sectors += per_cluster,
                _ => {
                    runs.try_reserve(1).map_err(|_| Error::NoMemory)?;
                    runs.push(Run { sector, sectors: per_cluster, at: have });
                }
            }
            have += per_cluster;
            next = if have < want { follow(&mut table, cluster)? } else { None };
        }
        Ok(Self { size, runs: runs.into() })
    }

    fn clamp(&self, offset: u64, len: usize) -> usize {
        self.size.saturating_sub(offset).min(len as u64) as usize
    }

    /// The next transfer of at most `len` bytes at `offset`, which is inside the file.
    fn step<E>(&self, offset: u64, len: usize) -> Result<Step, Error<E>> {
        let (sector, sectors) = self.sector_of(offset).ok_or(Error::Corrupt)?;
        let skip = (offset % SECTOR as u64) as usize;
        let whole = len - len % SECTOR;
        Ok(if skip == 0 && whole > 0 {
            let run = usize::try_from(sectors).unwrap_or(usize::MAX).saturating_mul(SECTOR);
            Step { sector, skip, len: whole.min(run) }
        } else {
            Step { sector, skip, len: len.min(SECTOR - skip) }
        })
    }
}

/// One transfer: whole sectors, or a part of one.
struct Step {
    sector: u64,
    skip: usize,
    len: usize,
}

impl Step {
    fn whole(&self) -> bool {
        self.skip == 0 && self.len.is_multiple_of(SECTOR)
    }
}

/// The cluster behind `cluster`, none at the end of the chain.
fn follow<D: BlockDevice>(table: &mut Table<'_, D>, cluster: u32) -> Result<Option<u32>, Error<D::Error>> {
    match table.get(cluster).map_err(Error::Device)? {
        Link::Next(next) => Ok(Some(next)),
        Link::End => Ok(None),
        Link::Free | Link::Bad | Link::Wild => Err(Error::Corrupt),
    }
}
