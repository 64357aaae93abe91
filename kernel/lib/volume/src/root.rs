//! The root directory slot by slot: [`Slots`], for repair and for setting a removed file aside.
//!
//! A file is one short slot, before it the slots of its long name, last part first, bound to the short slot by a checksum of its
//! name. Ordinary lookups and changes are the library's.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use hadris_fat::{FatKind, Geometry, RootLocation};

use crate::device::{BlockDevice, SECTOR};
use crate::fat::{Link, Table};

/// Bytes of a slot.
pub(crate) const SLOT: u64 = 32;
/// First byte of a slot that holds nothing any more.
pub(crate) const DELETED: u8 = 0xe5;

const ATTR_LONG: u8 = 0x0f;
const ATTR_LABEL: u8 = 0x08;
const ATTR_DIRECTORY: u8 = 0x10;
/// Set in the sequence byte of the slot a long name begins with.
const LONG_START: u8 = 0x40;
/// Slots that a FAT directory has at most: a longer chain is a loop.
const MAX_SLOTS: u64 = 65536;

/// Why the directory could not be read to its end.
pub(crate) enum RootError<E> {
    Device(E),
    /// Its chain is broken.
    Chain,
    /// There is no entry where one was.
    NoEntry,
}

/// A file or directory of the root.
pub(crate) struct Entry {
    /// Where its short slot lies, in bytes of the disk.
    pub(crate) offset: u64,
    /// The short slot.
    pub(crate) raw: [u8; SLOT as usize],
    /// Where the slots of its long name lie.
    pub(crate) long: Vec<u64>,
    /// The long name's units, empty when it has none.
    units: Vec<u16>,
}

impl Entry {
    pub(crate) fn is_directory(&self) -> bool {
        self.raw[11] & ATTR_DIRECTORY != 0
    }

    pub(crate) fn size(&self) -> u32 {
        u32::from_le_bytes([self.raw[28], self.raw[29], self.raw[30], self.raw[31]])
    }

    /// The first cluster of its chain, 0 if it has none.
    pub(crate) fn first(&self, kind: FatKind) -> u32 {
        first_cluster(&self.raw, kind)
    }

    /// Its name for people and for telling names apart: in small letters, as FAT does not mind the case.
    pub(crate) fn name(&self) -> String {
        if !self.units.is_empty() {
            return String::from_utf16_lossy(&self.units).to_lowercase();
        }
        let mut name = String::new();
        let text = |name: &mut String, bytes: &[u8]| {
            let end = bytes.iter().rposition(|&b| b != b' ').map_or(0, |at| at + 1);
            name.extend(bytes[..end].iter().map(|&b| char::from(b).to_ascii_lowercase()));
        };
        text(&mut name, &self.raw[..8]);
        if self.raw[8..11] != *b"   " {
            name.push('.');
            text(&mut name, &self.raw[8..11]);
        }
        name
    }
}

/// A slot and where it lies on the disk.
struct Raw {
    offset: u64,
    raw: [u8; SLOT as usize],
}

/// A step through the directory.
pub(crate) enum Item {
    /// A file or directory, with its long name if that is whole.
    Entry(Entry),
    /// Slots of a long name that belong to no file: an interrupted operation left them.
    Orphans(Vec<u64>),
    /// The volume's label.
    Label,
}

/// Reads the root directory from its start. Yields items until the end.
pub(crate) struct Slots<'a, D> {
    dev: &'a D,
    geo: &'a Geometry,
    table: Table<'a, D>,
    /// The cluster being read (FAT32), or 0.
    cluster: u32,
    /// Offset on the disk of the next slot, and of the end of its region.
    at: u64,
    end: u64,
    seen: u64,
    sector: Box<[u8; SECTOR]>,
    /// The sector in the buffer.
    loaded: Option<u64>,
    /// The long name under way: offsets, units (last part first), checksum, and the sequence number expected next.
    long: Vec<u64>,
    parts: Vec<[u16; 13]>,
    sum: u8,
    expect: u8,
    /// An entry read while orphans before it had to be told of first.
    held: Option<Item>,
    finished: bool,
}

impl<'a, D: BlockDevice> Slots<'a, D> {
    pub(crate) fn new(dev: &'a D, geo: &'a Geometry) -> Result<Self, RootError<D::Error>> {
        let (cluster, at, end) = match geo.root() {
            RootLocation::Fixed { start, size } => (0, start, start + size),
            RootLocation::Cluster(cluster) => {
                let at = geo.cluster_offset(cluster).ok_or(RootError::Chain)?;
                (cluster, at, at + u64::from(geo.cluster_size()))
            }
        };
        Ok(Self {
            dev,
            geo,
            table: Table::new(dev, geo),
            cluster,
            at,
            end,
            seen: 0,
            sector: Box::new([0; SECTOR]),
            loaded: None,
            long: Vec::new(),
            parts: Vec::new(),
            sum: 0,
            expect: 0,
            held: None,
            finished: false,
        })
    }

    /// The next item, none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, RootError<D::Error>> {
        if let Some(item) = self.held.take() {
            return Ok(Some(item));
        }
        while !self.finished {
            let Some(Raw { offset, raw }) = self.slot()? else { break };
            match (raw[0], raw[11]) {
                (0, _) => break,
                (DELETED, _) => {
                    if let Some(orphans) = self.drop_long() {
                        return Ok(Some(orphans));
                    }
                }
                (sequence, attr) if attr & 0x3f == ATTR_LONG => {
                    let orphans = if sequence & LONG_START != 0 { self.drop_long() } else { None };
                    self.long_slot(offset, &raw);
                    if orphans.is_some() {
                        return Ok(orphans);
                    }
                }
                (_, attr) if attr & ATTR_LABEL != 0 => {
                    let orphans = self.drop_long();
                    if orphans.is_some() {
                        self.held = Some(Item::Label);
                        return Ok(orphans);
                    }
                    return Ok(Some(Item::Label));
                }
                _ => {
                    let whole = !self.long.is_empty() && self.expect == 0 && self.sum == checksum(&raw[..11]);
                    let mut entry = Entry { offset, raw, long: Vec::new(), units: Vec::new() };
                    if whole {
                        entry.long = core::mem::take(&mut self.long);
                        entry.units =
                            self.parts.iter().rev().flatten().copied().take_while(|&u| u != 0).collect();
                        self.parts.clear();
                        return Ok(Some(Item::Entry(entry)));
                    }
                    let orphans = self.drop_long();
                    if orphans.is_some() {
                        self.held = Some(Item::Entry(entry));
                        return Ok(orphans);
                    }
                    return Ok(Some(Item::Entry(entry)));
                }
            }
        }
        self.finished = true;
        Ok(self.drop_long())
    }

    /// The next slot; none behind the last.
    fn slot(&mut self) -> Result<Option<Raw>, RootError<D::Error>> {
        if self.at == self.end {
            if self.cluster == 0 {
                return Ok(None);
            }
            match self.table.get(self.cluster).map_err(RootError::Device)? {
                Link::End => return Ok(None),
                Link::Next(next) => self.cluster = next,
                Link::Free | Link::Bad | Link::Wild => return Err(RootError::Chain),
            }
            self.at = self.geo.cluster_offset(self.cluster).ok_or(RootError::Chain)?;
            self.end = self.at + u64::from(self.geo.cluster_size());
        }
        self.seen += 1;
        if self.seen > MAX_SLOTS + u64::from(self.geo.cluster_size()) / SLOT {
            return Err(RootError::Chain);
        }
        let sector = self.at / SECTOR as u64;
        if self.loaded != Some(sector) {
            self.loaded = None;
            self.dev.read(sector, &mut self.sector[..]).map_err(RootError::Device)?;
            self.loaded = Some(sector);
        }
        let within = (self.at % SECTOR as u64) as usize;
        let mut raw = [0; SLOT as usize];
        raw.copy_from_slice(&self.sector[within..within + SLOT as usize]);
        let offset = self.at;
        self.at += SLOT;
        Ok(Some(Raw { offset, raw }))
    }

    /// Takes up a part of a long name. One that does not fit what came before stays in the list, which then never becomes whole.
    fn long_slot(&mut self, offset: u64, raw: &[u8; SLOT as usize]) {
        let sequence = raw[0] & !LONG_START;
        let start = raw[0] & LONG_START != 0;
        let fits = start && (1..=20).contains(&sequence)
            || !start && !self.long.is_empty() && sequence == self.expect && raw[13] == self.sum;
        if start {
            self.sum = raw[13];
        }
        self.expect = if fits { sequence - 1 } else { u8::MAX };
        self.long.push(offset);
        let mut part = [0; 13];
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain([28, 30]);
        for (unit, at) in part.iter_mut().zip(places) {
            *unit = u16::from_le_bytes([raw[at], raw[at + 1]]);
        }
        self.parts.push(part);
    }

    /// Gives up the long name under way.
    fn drop_long(&mut self) -> Option<Item> {
        self.parts.clear();
        self.expect = 0;
        let long = core::mem::take(&mut self.long);
        (!long.is_empty()).then_some(Item::Orphans(long))
    }
}

/// The file whose short slot lies at `offset` of the disk.
pub(crate) fn entry_at<D: BlockDevice>(
    dev: &D,
    geo: &Geometry,
    offset: u64,
) -> Result<Entry, RootError<D::Error>> {
    let mut slots = Slots::new(dev, geo)?;
    while let Some(item) = slots.next()? {
        if let Item::Entry(entry) = item
            && entry.offset == offset
        {
            return Ok(entry);
        }
    }
    Err(RootError::NoEntry)
}

/// The 32 bytes of a slot at `offset` of the disk.
pub(crate) fn raw_entry<D: BlockDevice>(dev: &D, offset: u64) -> Result<[u8; SLOT as usize], D::Error> {
    let mut sector = [0; SECTOR];
    dev.read(offset / SECTOR as u64, &mut sector)?;
    let within = (offset % SECTOR as u64) as usize;
    let mut raw = [0; SLOT as usize];
    raw.copy_from_slice(&sector[within..within + SLOT as usize]);
    Ok(raw)
}

/// The first cluster that a short slot names, 0 for none.
pub(crate) fn first_cluster(raw: &[u8; SLOT as usize], kind: FatKind) -> u32 {
    let low = u32::from(u16::from_le_bytes([raw[26], raw[27]]));
    let high = u32::from(u16::from_le_bytes([raw[20], raw[21]]));
    if kind == FatKind::Fat32 { (high << 16 | low) & kind.mask() } else { low }
}

/// What binds a long name to its short slot.
fn checksum(name: &[u8]) -> u8 {
    name.iter().fold(0, |sum: u8, &byte| sum.rotate_right(1).wrapping_add(byte))
}

/// Changes bytes of the disk inside one sector: reads it, lets `change` see the bytes from `offset` on, writes it.
pub(crate) fn patch<D: BlockDevice>(
    dev: &D,
    offset: u64,
    change: impl FnOnce(&mut [u8]),
) -> Result<(), D::Error> {
    let mut sector = [0; SECTOR];
    let at = offset / SECTOR as u64;
    dev.read(at, &mut sector)?;
    change(&mut sector[(offset % SECTOR as u64) as usize..]);
    dev.write(at, &sector)
}

/// Marks slots as deleted.
pub(crate) fn delete_slots<D: BlockDevice>(dev: &D, slots: &[u64]) -> Result<(), D::Error> {
    slots.iter().try_for_each(|&offset| patch(dev, offset, |bytes| bytes[0] = DELETED))
}
