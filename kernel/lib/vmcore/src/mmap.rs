//! The rules of mmap and munmap: which requests are good, and which bytes of a file belong to a page.
//!
//! Key types: [`MmapRequest`], [`MmapError`]. A mapping is a region of kind [`RegionKind::Mapping`] like any other; its pages
//! are made at first touch. Source of the rules: pintos-kaist's mmap tests.

use crate::regions::Mapping;
use crate::{PageRange, Prot, Region, RegionError, RegionKind, Regions};
use core::fmt;
use fl_abi::USER_LIMIT;
use fl_addr::{PAGE_SHIFT, PAGE_SIZE, VirtAddr};

/// What a program asks for: every field is an allegation. Descriptor and access mode of the file are checked by who knows files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MmapRequest {
    /// Where the mapping shall start.
    pub addr: VirtAddr,
    /// Its length in bytes; what it takes is rounded up to pages.
    pub len: u64,
    /// Where in the file it starts, in bytes.
    pub offset: i64,
    /// Whether stores are allowed.
    pub writable: bool,
    /// The file's length in bytes at the moment.
    pub file_len: u64,
}

/// Why a mapping is refused, in the order in which it is looked for. Nothing is changed. All but `NoMemory` are the program's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MmapError {
    /// The address is null.
    NullAddress,
    /// The address is not at the start of a page.
    UnalignedAddress,
    /// The offset is negative or not a multiple of the page size.
    BadOffset,
    /// The length is zero.
    ZeroLength,
    /// The file has no bytes.
    EmptyFile,
    /// The end of the range wraps around.
    Wraps,
    /// The range reaches beyond user memory.
    BeyondLimit,
    /// A page of the range is text, data, the stack's or another mapping's; holds the lowest such region.
    Overlap(PageRange),
    /// No kernel memory.
    NoMemory,
}

impl fmt::Display for MmapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullAddress => f.write_str("the address is null"),
            Self::UnalignedAddress => f.write_str("the address is not page-aligned"),
            Self::BadOffset => f.write_str("the offset is not a multiple of the page size"),
            Self::ZeroLength => f.write_str("the length is zero"),
            Self::EmptyFile => f.write_str("the file is empty"),
            Self::Wraps => f.write_str("the range wraps around"),
            Self::BeyondLimit => f.write_str("the range reaches beyond user memory"),
            Self::Overlap(with) => write!(f, "overlaps pages {}..{}", with.start(), with.end()),
            Self::NoMemory => f.write_str("no kernel memory"),
        }
    }
}

impl core::error::Error for MmapError {}

impl From<RegionError> for MmapError {
    fn from(e: RegionError) -> Self {
        match e {
            RegionError::Overlap(with) => Self::Overlap(with),
            RegionError::NoMemory => Self::NoMemory,
        }
    }
}

impl MmapRequest {
    /// The pages it asks for, if it is good in itself: all rules but the overlap.
    ///
    /// # Errors
    /// See [`MmapError`].
    pub const fn pages(&self) -> Result<PageRange, MmapError> {
        if self.addr.0 == 0 {
            return Err(MmapError::NullAddress);
        }
        if !self.addr.is_aligned() {
            return Err(MmapError::UnalignedAddress);
        }
        if self.offset < 0 || self.offset % PAGE_SIZE as i64 != 0 {
            return Err(MmapError::BadOffset);
        }
        if self.len == 0 {
            return Err(MmapError::ZeroLength);
        }
        if self.file_len == 0 {
            return Err(MmapError::EmptyFile);
        }
        let Some(last) = self.addr.checked_add(self.len - 1) else {
            return Err(MmapError::Wraps);
        };
        if last.0 >= USER_LIMIT {
            return Err(MmapError::BeyondLimit);
        }
        match PageRange::of_bytes(self.addr, self.len) {
            Some(pages) => Ok(pages),
            None => Err(MmapError::BeyondLimit),
        }
    }
}

impl<M> Regions<M> {
    /// Adds the mapping that is asked for. `file`: the mapping's own reference to the file.
    ///
    /// # Errors
    /// See [`MmapError`]; nothing is changed then, and `file` is dropped.
    pub fn map(&mut self, request: &MmapRequest, file: M) -> Result<PageRange, MmapError> {
        let pages = request.pages()?;
        let mapping = Mapping { file, first: request.offset as u64 >> PAGE_SHIFT };
        let prot = Prot { write: request.writable, exec: false };
        self.insert(Region { pages, kind: RegionKind::Mapping(mapping), prot })?;
        Ok(pages)
    }

    /// Takes out the mapping that starts at `addr`, whole. `None`: none does; other regions cannot be taken out so.
    ///
    /// The caller then cleans and detaches the pages of its range that were touched, and drops the file last.
    pub fn unmap(&mut self, addr: VirtAddr) -> Option<Region<M>> {
        let region = self.find(addr.vpn())?;
        let mapping = matches!(region.kind, RegionKind::Mapping(_));
        (mapping && region.pages.start().start() == addr).then(|| self.remove(addr.vpn()))?
    }
}

/// How many bytes of a file of `file_len` bytes lie in its page number `page`: what is read into the page, whose rest is zero, and
/// what is written back. 0 for a page wholly beyond the end.
pub const fn bytes_in_page(file_len: u64, page: u64) -> usize {
    match page.checked_mul(PAGE_SIZE as u64) {
        Some(start) if start < file_len => {
            let left = file_len - start;
            if left < PAGE_SIZE as u64 { left as usize } else { PAGE_SIZE }
        }
        _ => 0,
    }
}
