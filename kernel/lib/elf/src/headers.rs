//! Reads the ELF header and single program headers from a [`Source`] and checks what concerns the file as a whole.
//!
//! The `elf` crate decodes the fields; [`FileHeader`] keeps the few that are needed afterwards.

use crate::{Error, Source};
use elf::abi;
use elf::endian::LittleEndian;
use elf::file::{Class, parse_ident};
use elf::parse::{ParseAt, ParseError};
use elf::segment::ProgramHeader;
use fl_addr::VirtAddr;

/// Size of Elf64_Ehdr in bytes (gABI ch. 4).
const EHDR_SIZE: usize = 64;
/// Size of Elf64_Phdr in bytes (gABI ch. 5).
const PHDR_SIZE: usize = 56;

/// What is kept of the ELF header. The table [phdr_offset, phdr_offset + phdr_count * 56) lies inside the file.
pub(crate) struct FileHeader {
    pub entry: VirtAddr,
    pub phdr_offset: u64,
    pub phdr_count: u16,
}

/// Reads and checks the ELF header.
pub(crate) fn file_header<S: Source + ?Sized>(file: &S) -> Result<FileHeader, Error<S::Error>> {
    // A short file is read as far as it goes, so that "not ELF" wins over "cut off".
    let mut bytes = [0; EHDR_SIZE];
    let present = usize::try_from(file.len()).unwrap_or(EHDR_SIZE).min(EHDR_SIZE);
    file.read_at(0, &mut bytes[..present]).map_err(Error::Read)?;
    let magic = abi::ELFMAGIC;
    if !bytes[..present].starts_with(&magic) {
        // A prefix of the magic is a file cut off very early; an empty file is simply no ELF file.
        let cut = present != 0 && magic.starts_with(&bytes[..present]);
        return Err(if cut { Error::Truncated } else { Error::NotElf });
    }
    if present < EHDR_SIZE {
        return Err(Error::Truncated);
    }
    let ident = parse_ident::<LittleEndian>(&bytes[..abi::EI_NIDENT]).map_err(ident_error)?;
    if ident.1 != Class::ELF64 {
        return Err(Error::WrongClass);
    }
    let header =
        elf::file::FileHeader::parse_tail(ident, &bytes[abi::EI_NIDENT..]).map_err(|_| Error::Truncated)?;
    if header.version != u32::from(abi::EV_CURRENT) {
        return Err(Error::WrongVersion);
    }
    if header.e_machine != abi::EM_X86_64 {
        return Err(Error::WrongMachine(header.e_machine));
    }
    if header.e_type != abi::ET_EXEC {
        return Err(Error::WrongType(header.e_type));
    }
    if header.e_phnum == 0 {
        return Err(Error::NoSegments);
    }
    if usize::from(header.e_phentsize) != PHDR_SIZE {
        return Err(Error::WrongHeaderSize(header.e_phentsize));
    }
    // e_phnum 0xffff (PN_XNUM: the real count is elsewhere) needs no special case: it means too many either way.
    let table_len = u64::from(header.e_phnum) * PHDR_SIZE as u64;
    match header.e_phoff.checked_add(table_len) {
        Some(end) if end <= file.len() => {}
        _ => return Err(Error::HeadersOutsideFile),
    }
    Ok(FileHeader {
        entry: VirtAddr(header.e_entry),
        phdr_offset: header.e_phoff,
        phdr_count: header.e_phnum,
    })
}

/// Reads program header `index`, which must be below `header.phdr_count`.
pub(crate) fn program_header<S: Source + ?Sized>(
    file: &S,
    header: &FileHeader,
    index: u16,
) -> Result<ProgramHeader, Error<S::Error>> {
    let mut bytes = [0; PHDR_SIZE];
    // Cannot wrap: the whole table was checked to lie inside the file.
    let offset = header.phdr_offset + u64::from(index) * PHDR_SIZE as u64;
    file.read_at(offset, &mut bytes).map_err(Error::Read)?;
    ProgramHeader::parse_at(LittleEndian, Class::ELF64, &mut 0, &bytes).map_err(|_| Error::HeadersOutsideFile)
}

/// What the `elf` crate says of the identification bytes, in our words.
fn ident_error<E>(error: ParseError) -> Error<E> {
    match error {
        ParseError::BadMagic(_) => Error::NotElf,
        ParseError::UnsupportedElfClass(_) => Error::WrongClass,
        ParseError::UnsupportedElfEndianness(_) => Error::WrongByteOrder,
        ParseError::UnsupportedVersion(_) => Error::WrongVersion,
        _ => Error::Truncated,
    }
}
