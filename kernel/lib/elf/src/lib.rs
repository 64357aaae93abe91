//! Validated ELF64 executables: from a file to a plan of segments, and from the plan to single pages.
//!
//! Key items: [`plan`] reads and checks the headers, [`Plan`] answers for each page where its bytes come from, [`Source`] is the
//! file (read lazily, never as a whole), [`Error`] names each malformation. The kernel's loader turns [`Plan::ranges`] into
//! regions and asks [`Plan::page`] at the first touch of a page. Field parsing is done by the `elf` crate; what is legal is
//! decided here. Source of the rules: the System V ABI (gABI ch. 4 and 5, x86-64 psABI) and what pintos-kaist's programs need.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod headers;
mod page;
mod plan;
mod rules;

pub use error::Error;
pub use page::{PIECES_MAX, PagePlan, PageRange, Piece};
pub use plan::{Plan, SEGMENTS_MAX, Segment};

use core::ops::Range;
use fl_addr::PAGE_SIZE;

/// A file that can be read at any offset.
pub trait Source {
    /// Why reading failed: the disk's fault, not the program's.
    type Error;

    /// Size of the file in bytes. Must not change while a [`Plan`] of the file is in use.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes at `offset`. Called only for ranges inside [`Source::len`].
    ///
    /// # Errors
    /// The file could not be read; `buf` then holds anything.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Self::Error>;

    /// Fills `page[wanted]` with the bytes at `offset + wanted.start`. `offset` is a multiple of 4096. What else is in `page` may be changed to
    /// anything: a file that is read by sectors needs no second buffer then.
    ///
    /// # Errors
    /// As [`Source::read_at`].
    fn read_into_page(
        &self,
        offset: u64,
        page: &mut [u8; PAGE_SIZE],
        wanted: Range<usize>,
    ) -> Result<(), Self::Error> {
        self.read_at(offset + wanted.start as u64, &mut page[wanted])
    }

    /// Whether the file has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A file that is in memory as a whole (a boot module, a test image). A read beyond its end is an error, never a panic.
impl Source for [u8] {
    type Error = OutOfBounds;

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        let start = usize::try_from(offset).map_err(|_| OutOfBounds)?;
        let end = start.checked_add(buf.len()).ok_or(OutOfBounds)?;
        buf.copy_from_slice(self.get(start..end).ok_or(OutOfBounds)?);
        Ok(())
    }
}

/// A read beyond the end of a file in memory: the caller's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfBounds;

impl core::fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("read beyond the end of the file")
    }
}

impl core::error::Error for OutOfBounds {}

/// Reads and checks the headers of `file` and returns how to load it. Reads the ELF header and the program headers, nothing else.
///
/// # Errors
/// [`Error::Read`] if the file could not be read; every other variant is a malformation of the program.
pub fn plan<S: Source + ?Sized>(file: &S) -> Result<Plan, Error<S::Error>> {
    let header = headers::file_header(file)?;
    let mut segments = heapless::Vec::new();
    for index in 0..header.phdr_count {
        let phdr = headers::program_header(file, &header, index)?;
        if let Some(segment) = rules::segment(&phdr, file.len())? {
            segments.push(segment).map_err(|_| Error::TooManySegments)?;
        }
    }
    segments.sort_unstable_by_key(|s: &Segment| s.start);
    let plan = Plan { entry: header.entry, segments };
    rules::whole(&plan)?;
    Ok(plan)
}
