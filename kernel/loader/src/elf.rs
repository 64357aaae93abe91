//! Checks a kernel file and names its segments: a static ELF64 for x86-64, linked into the top 2 GiB.
//!
//! [`KernelElf::parse`] validates everything against the file's length, so that [`KernelElf::segments`]
//! cannot fail. Only loadable segments matter here; sections and symbols stay in the file, where the kernel
//! reads them itself.
//! Source: System V ABI, ELF-64 object file format.

use crate::le::{u8_at, u16_at, u32_at, u64_at};
use core::fmt;
use fl_addr::{PAGE_SIZE, VirtAddr};

/// Where the code model `kernel` reaches from: the kernel must lie above.
pub const TOP_2_GIB: u64 = 0xffff_ffff_8000_0000;
/// The last page of the address space stays free, so that no end address wraps.
const LAST_PAGE: u64 = u64::MAX - (PAGE_SIZE as u64 - 1);

const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_EXEC: u16 = 2;
const MACHINE_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PF_EXECUTE: u32 = 1;
const PF_WRITE: u32 = 2;

/// What is wrong with a kernel file; always the file's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// The first four bytes are not an ELF file's.
    NotElf,
    /// An ELF of another class or byte order than 64-bit little-endian.
    NotElf64,
    /// For another processor; `e_machine` is given.
    NotX86_64(u16),
    /// Not a static executable (a PIE, a library or an object); `e_type` is given.
    NotStatic(u16),
    /// The file ends at byte `length`, before `end`.
    Truncated {
        /// What lies beyond the end.
        part: Part,
        /// One past the last byte needed; saturated.
        end: u64,
        /// Bytes in the file.
        length: u64,
    },
    /// Program headers are not 56 bytes each.
    ProgramHeaderSize(u16),
    /// Nothing to load.
    NoSegments,
    /// A segment has more bytes in the file than in memory.
    FileLargerThanMemory {
        /// Its virtual address.
        addr: VirtAddr,
    },
    /// A segment lies below the top 2 GiB.
    NotInTop2Gib {
        /// Its virtual address.
        addr: VirtAddr,
    },
    /// A segment reaches the last page of the address space or beyond.
    Wraps {
        /// Its virtual address.
        addr: VirtAddr,
    },
    /// A segment begins in or before a page of the one before it.
    Overlap {
        /// Its virtual address.
        addr: VirtAddr,
    },
    /// The entry point is in no executable segment.
    EntryOutside {
        /// The entry point.
        entry: VirtAddr,
    },
}

/// Parts of an ELF file that can be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The ELF header.
    Header,
    /// The table of program headers.
    ProgramHeaders,
    /// A loadable segment.
    Segment,
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotElf => {
                write!(f, "the first module is not an ELF file: the first -initrd module must be the kernel")
            }
            Self::NotElf64 => write!(f, "not a 64-bit little-endian ELF: build it for x86_64-unknown-none"),
            Self::NotX86_64(machine) => {
                write!(f, "not for x86-64 (ELF machine {machine}): build it for x86_64-unknown-none")
            }
            Self::NotStatic(kind) => {
                write!(
                    f,
                    "not a static executable (ELF type {kind}): build it with -Crelocation-model=static"
                )
            }
            Self::Truncated { part, end, length } => {
                let part = match part {
                    Part::Header => "its header",
                    Part::ProgramHeaders => "its program headers",
                    Part::Segment => "a segment",
                };
                write!(f, "truncated ELF: {part} would end at byte {end}, but the file has {length}")
            }
            Self::ProgramHeaderSize(size) => {
                write!(f, "program headers of {size} bytes, not {PROGRAM_HEADER_SIZE}")
            }
            Self::NoSegments => write!(f, "no loadable segments"),
            Self::FileLargerThanMemory { addr } => {
                write!(f, "the segment at {addr} is larger in the file than in memory")
            }
            Self::NotInTop2Gib { addr } => {
                write!(
                    f,
                    "not linked in the top 2 GiB: a segment is at {addr}, below {TOP_2_GIB:#x} (check the linker script)"
                )
            }
            Self::Wraps { addr } => {
                write!(f, "the segment at {addr} reaches beyond the last page of the address space")
            }
            Self::Overlap { addr } => {
                write!(
                    f,
                    "the segment at {addr} shares a page with the one before it: align segments to 4096 and sort them"
                )
            }
            Self::EntryOutside { entry } => write!(f, "the entry point {entry} is in no executable segment"),
        }
    }
}

/// A checked kernel file. Borrows the file; copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct KernelElf<'a> {
    file: &'a [u8],
    headers: &'a [u8],
    entry: VirtAddr,
    start: VirtAddr,
    end: VirtAddr,
}

/// One loadable segment. Its pages belong to no other segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Virtual address of the first byte, in the top 2 GiB.
    pub addr: VirtAddr,
    /// The bytes from the file; the rest of the segment is zero.
    pub data: &'a [u8],
    /// Size in memory, in bytes: not 0 and not below `data.len()`.
    pub size: u64,
    /// May be written.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
}

impl Segment<'_> {
    /// One past the last byte.
    pub fn end(&self) -> VirtAddr {
        VirtAddr(self.addr.0 + self.size)
    }
}

impl<'a> KernelElf<'a> {
    /// Checks `file` from its header to its last segment.
    ///
    /// # Errors
    /// Every [`ElfError`].
    pub fn parse(file: &'a [u8]) -> Result<Self, ElfError> {
        if file.first_chunk() != Some(b"\x7fELF") {
            return Err(ElfError::NotElf);
        }
        let length = file.len() as u64;
        let cut = ElfError::Truncated { part: Part::Header, end: HEADER_SIZE as u64, length };
        let header = file.get(..HEADER_SIZE).ok_or(cut)?;
        if (u8_at(header, 4), u8_at(header, 5)) != (Some(CLASS_64), Some(LITTLE_ENDIAN)) {
            return Err(ElfError::NotElf64);
        }
        let machine = u16_at(header, 18).ok_or(cut)?;
        if machine != MACHINE_X86_64 {
            return Err(ElfError::NotX86_64(machine));
        }
        let kind = u16_at(header, 16).ok_or(cut)?;
        if kind != TYPE_EXEC {
            return Err(ElfError::NotStatic(kind));
        }
        let entry = VirtAddr(u64_at(header, 24).ok_or(cut)?);
        let (size, count) = (u16_at(header, 54).ok_or(cut)?, u16_at(header, 56).ok_or(cut)?);
        if count > 0 && usize::from(size) != PROGRAM_HEADER_SIZE {
            return Err(ElfError::ProgramHeaderSize(size));
        }
        let table = usize::from(count) * PROGRAM_HEADER_SIZE;
        let headers = slice(file, u64_at(header, 32).ok_or(cut)?, table as u64, Part::ProgramHeaders)?;
        let mut elf = Self { file, headers, entry, start: VirtAddr(0), end: VirtAddr(0) };
        elf.check_segments()?;
        Ok(elf)
    }

    /// Checks each segment, their order and the entry point; sets `start` and `end`.
    fn check_segments(&mut self) -> Result<(), ElfError> {
        let mut entry_found = false;
        let (mut start, mut end) = (None, VirtAddr(0));
        for raw in self.load_headers() {
            let segment = segment(self.file, raw)?;
            let addr = segment.addr;
            if addr.0 < TOP_2_GIB {
                return Err(ElfError::NotInTop2Gib { addr });
            }
            let last = addr.checked_add(segment.size).filter(|last| last.0 <= LAST_PAGE);
            let last = last.ok_or(ElfError::Wraps { addr })?;
            if addr < end {
                return Err(ElfError::Overlap { addr });
            }
            entry_found |= segment.executable && (addr..last).contains(&self.entry);
            start = start.or(Some(addr.align_down()));
            end = VirtAddr(last.0.next_multiple_of(PAGE_SIZE as u64));
        }
        self.start = start.ok_or(ElfError::NoSegments)?;
        self.end = end;
        if entry_found { Ok(()) } else { Err(ElfError::EntryOutside { entry: self.entry }) }
    }

    /// The program headers of segments that occupy memory.
    fn load_headers(&self) -> impl Iterator<Item = &'a [u8; PROGRAM_HEADER_SIZE]> + use<'a> {
        let (headers, _) = self.headers.as_chunks();
        headers.iter().filter(|h| u32_at(*h, 0) == Some(PT_LOAD) && u64_at(*h, 40) != Some(0))
    }

    /// The loadable segments, in ascending order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        let file = self.file;
        self.load_headers().filter_map(move |raw| segment(file, raw).ok())
    }

    /// Where execution begins.
    pub fn entry(&self) -> VirtAddr {
        self.entry
    }
    /// The first page of the image.
    pub fn start(&self) -> VirtAddr {
        self.start
    }
    /// Size of the image from its first to its last page, gaps included, in bytes: a multiple of the page
    /// size below 2 GiB.
    pub fn image_size(&self) -> u64 {
        self.end.0 - self.start.0
    }
}

/// Decodes one program header and finds its bytes in the file.
fn segment<'a>(file: &'a [u8], raw: &[u8; PROGRAM_HEADER_SIZE]) -> Result<Segment<'a>, ElfError> {
    let word = |offset| u64_at(raw, offset).unwrap_or_default(); // the array is long enough for all of them
    let (addr, file_size, size) = (VirtAddr(word(16)), word(32), word(40));
    let flags = u32_at(raw, 4).unwrap_or_default();
    if file_size > size {
        return Err(ElfError::FileLargerThanMemory { addr });
    }
    let data = slice(file, word(8), file_size, Part::Segment)?;
    Ok(Segment { addr, data, size, writable: flags & PF_WRITE != 0, executable: flags & PF_EXECUTE != 0 })
}

/// `size` bytes at `offset` of the file, which may lie anywhere.
fn slice(file: &[u8], offset: u64, size: u64, part: Part) -> Result<&[u8], ElfError> {
    let end = offset.saturating_add(size);
    let cut = ElfError::Truncated { part, end, length: file.len() as u64 };
    if end > file.len() as u64 || end == u64::MAX {
        return Err(cut);
    }
    file.get(offset as usize..end as usize).ok_or(cut)
}

#[cfg(test)]
#[path = "elf_tests.rs"]
mod tests;
