//! [`Regions`]: which user addresses may become pages, and of what kind. Made at load time; pages are made at first touch.
//!
//! A program of a gigabyte costs a handful of regions and not one table entry until it runs. Regions never overlap, so that
//! an address has at most one meaning; the stack's region is reserved as a whole from the start. Mappings are made and taken out by
//! the rules of [`mmap`](crate::mmap).

use crate::{PageRange, Prot};
use alloc::vec::Vec;
use core::fmt;
use fl_addr::Vpn;

/// What the pages of a region hold at first touch. `M`: how a mapping holds its file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RegionKind<M = ()> {
    /// Bytes of the program file, at least in part.
    Executable,
    /// Zeroes: bss.
    Zero,
    /// Zeroes, and only where the stack rule allows.
    Stack,
    /// Bytes of a file that the program has mapped.
    Mapping(Mapping<M>),
}

/// A file, or a part of one, mapped into memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mapping<M> {
    /// The file; a reference that keeps it open.
    pub file: M,
    /// Which page of the file the region's first page is.
    pub first: u64,
}

/// A run of pages of one kind with the same rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region<M = ()> {
    /// Which pages.
    pub pages: PageRange,
    /// What they hold.
    pub kind: RegionKind<M>,
    /// What the process may do to them.
    pub prot: Prot,
}

impl<M> Region<M> {
    /// Which page of its file `page` shows. `None` if the region is no mapping, or `page` not in it.
    pub fn file_page(&self, page: Vpn) -> Option<u64> {
        match &self.kind {
            RegionKind::Mapping(mapping) if self.pages.contains(page) => {
                Some(mapping.first + (page - self.pages.start()))
            }
            _ => None,
        }
    }
}

/// Why a region was not added. The regions are unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegionError {
    /// It overlaps an existing region; holds that one's range. The caller's fault.
    Overlap(PageRange),
    /// No kernel memory for it.
    NoMemory,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap(with) => write!(f, "overlaps pages {}..{}", with.start(), with.end()),
            Self::NoMemory => f.write_str("no kernel memory"),
        }
    }
}

impl core::error::Error for RegionError {}

/// The regions of one address space, sorted by address, free of overlaps.
///
/// Owns the list and the mappings' references to their files, not the pages. Lock: the space's supplemental-page-table lock (rank 2).
#[derive(Debug)]
pub struct Regions<M = ()> {
    sorted: Vec<Region<M>>,
    /// Where [`find_again`](Self::find_again) looks first.
    found: usize,
}

impl<M> Default for Regions<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Regions<M> {
    /// No regions. Allocates nothing.
    pub const fn new() -> Self {
        Self { sorted: Vec::new(), found: 0 }
    }

    /// Adds a region.
    ///
    /// # Errors
    /// See [`RegionError`]; nothing is changed then.
    pub fn insert(&mut self, region: Region<M>) -> Result<(), RegionError> {
        if let Some(other) = self.overlapping(region.pages) {
            return Err(RegionError::Overlap(other.pages));
        }
        self.sorted.try_reserve(1).map_err(|_| RegionError::NoMemory)?;
        let at = self.sorted.partition_point(|r| r.pages.start() < region.pages.start());
        self.sorted.insert(at, region);
        Ok(())
    }

    /// The region that `page` lies in.
    pub fn find(&self, page: Vpn) -> Option<&Region<M>> {
        let after = self.sorted.partition_point(|r| r.pages.start() <= page);
        self.sorted[..after].last().filter(|r| r.pages.contains(page))
    }

    /// As [`find`](Self::find), looking first at the region that it found last: who touches memory in order has many pages of one.
    #[inline]
    pub fn find_again(&mut self, page: Vpn) -> Option<&Region<M>> {
        if !self.sorted.get(self.found).is_some_and(|r| r.pages.contains(page)) {
            self.found = self.sorted.partition_point(|r| r.pages.start() <= page).checked_sub(1)?;
        }
        self.sorted.get(self.found).filter(|r| r.pages.contains(page))
    }

    /// The lowest region that has a page in common with `pages`.
    pub fn overlapping(&self, pages: PageRange) -> Option<&Region<M>> {
        let at = self.sorted.partition_point(|r| r.pages.end() <= pages.start());
        self.sorted.get(at).filter(|r| r.pages.overlaps(pages))
    }

    /// Removes the region that starts at `start`, and returns it.
    pub fn remove(&mut self, start: Vpn) -> Option<Region<M>> {
        let at = self.sorted.binary_search_by_key(&start, |r| r.pages.start()).ok()?;
        Some(self.sorted.remove(at))
    }

    /// The regions of a forked child: the same, mappings included.
    ///
    /// # Errors
    /// [`RegionError::NoMemory`].
    pub fn fork(&self) -> Result<Self, RegionError>
    where
        M: Clone,
    {
        let mut sorted = Vec::new();
        sorted.try_reserve_exact(self.sorted.len()).map_err(|_| RegionError::NoMemory)?;
        sorted.extend(self.sorted.iter().cloned());
        Ok(Self { sorted, found: 0 })
    }

    /// All of them by address.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Region<M>> + ExactSizeIterator {
        self.sorted.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}
