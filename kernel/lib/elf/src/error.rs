//! [`Error`]: one variant for each way a file can fail to be a program, each with a sentence a person understands.

use core::fmt;
use fl_addr::VirtAddr;

/// Why a file cannot be run. All but [`Error::Read`] are the program file's fault; trying again does not help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The file could not be read: the disk's fault.
    Read(E),
    /// The first four bytes are not the ELF magic.
    NotElf,
    /// The file ends before the ELF header does.
    Truncated,
    /// Not ELFCLASS64.
    WrongClass,
    /// Not ELFDATA2LSB.
    WrongByteOrder,
    /// Not version 1 (EV_CURRENT), in the identification or in the header.
    WrongVersion,
    /// Not EM_X86_64; holds e_machine.
    WrongMachine(u16),
    /// Not ET_EXEC; holds e_type. 3 (ET_DYN) is a position-independent executable or a library.
    WrongType(u16),
    /// e_phentsize is not 56; holds it.
    WrongHeaderSize(u16),
    /// The program header table does not lie inside the file.
    HeadersOutsideFile,
    /// PT_INTERP: wants a dynamic linker.
    Interpreter,
    /// PT_DYNAMIC: wants dynamic linking.
    Dynamic,
    /// PT_SHLIB: reserved, of no defined meaning.
    Shlib,
    /// p_offset and p_vaddr differ modulo 4096, so that the segment cannot be loaded by pages.
    Misaligned(VirtAddr),
    /// p_offset is greater than the file's size.
    OffsetOutsideFile(VirtAddr),
    /// p_offset + p_filesz goes beyond the file's end, or wraps.
    ContentOutsideFile(VirtAddr),
    /// p_memsz < p_filesz.
    FileLargerThanMemory(VirtAddr),
    /// p_memsz is 0.
    EmptySegment(VirtAddr),
    /// The segment starts in page 0, which stays unmapped so that null pointers fault.
    NullPage(VirtAddr),
    /// p_vaddr + p_memsz wraps around the address space.
    WrapsAround(VirtAddr),
    /// The segment reaches the user limit, or lies above it.
    AboveUserLimit(VirtAddr),
    /// The segment reaches into the region reserved for the stack.
    OverlapsStack(VirtAddr),
    /// The segment's bytes overlap those of the segment before it.
    SegmentsOverlap(VirtAddr),
    /// More than [`PIECES_MAX`](crate::PIECES_MAX) segments have file bytes in one page; holds the page's first byte.
    CrowdedPage(VirtAddr),
    /// More than [`SEGMENTS_MAX`](crate::SEGMENTS_MAX) PT_LOAD headers.
    TooManySegments,
    /// No PT_LOAD header at all.
    NoSegments,
    /// The entry point lies in no executable segment.
    EntryOutside(VirtAddr),
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Error::*;
        match self {
            Read(e) => write!(f, "the file could not be read: {e}"),
            NotElf => f.write_str("not an ELF file"),
            Truncated => f.write_str("the file is cut off inside its ELF header"),
            WrongClass => f.write_str("not a 64-bit ELF file"),
            WrongByteOrder => f.write_str("not a little-endian ELF file"),
            WrongVersion => f.write_str("unknown ELF version"),
            WrongMachine(m) => write!(f, "built for another processor (machine {m}, x86-64 is 62)"),
            WrongType(1) => f.write_str("an object file that has not been linked"),
            WrongType(3) => f.write_str("position-independent: link it static, with -no-pie"),
            WrongType(4) => f.write_str("a core dump, not a program"),
            WrongType(t) => write!(f, "not an executable (ELF type {t})"),
            WrongHeaderSize(n) => write!(f, "program headers of {n} bytes instead of 56"),
            HeadersOutsideFile => f.write_str("the program headers lie outside the file"),
            Interpreter => f.write_str("needs a dynamic linker (PT_INTERP): link it static"),
            Dynamic => f.write_str("needs dynamic linking (PT_DYNAMIC): link it static"),
            Shlib => f.write_str("has a PT_SHLIB header, which has no meaning"),
            Misaligned(a) => write!(f, "segment at {a}: file offset and address differ modulo 4096"),
            OffsetOutsideFile(a) => write!(f, "segment at {a}: starts beyond the end of the file"),
            ContentOutsideFile(a) => write!(f, "segment at {a}: goes beyond the end of the file"),
            FileLargerThanMemory(a) => {
                write!(f, "segment at {a}: takes more bytes of the file than of memory")
            }
            EmptySegment(a) => write!(f, "segment at {a}: takes no memory"),
            NullPage(a) => write!(f, "segment at {a}: page 0 must stay free"),
            WrapsAround(a) => write!(f, "segment at {a}: wraps around the address space"),
            AboveUserLimit(a) => write!(f, "segment at {a}: reaches beyond user memory"),
            OverlapsStack(a) => write!(f, "segment at {a}: overlaps the stack's region"),
            SegmentsOverlap(a) => write!(f, "segment at {a}: overlaps the one before it"),
            CrowdedPage(a) => write!(f, "page at {a}: too many segments in one page"),
            TooManySegments => f.write_str("too many segments"),
            NoSegments => f.write_str("nothing to load (no PT_LOAD header)"),
            EntryOutside(a) => write!(f, "entry point {a} lies in no executable segment"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}
