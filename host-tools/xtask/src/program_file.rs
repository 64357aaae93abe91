//! Program files on their way into the volume: others' are checked, ours are freed of what only debuggers read.

use std::fs;
use std::path::Path;

use elf::abi::PT_TLS;
use elf::endian::LittleEndian;
use elf::note::Note;

use crate::{Error, Result};

/// Most bytes of one file: far more than any program has, and far less than what a host can hold.
const SIZE_MAX: u64 = 64 << 20;

/// Reads a file of the host as a whole.
///
/// # Errors
/// It is not there, cannot be read, is no regular file (a device may have no end), or has more than 64 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let about = fs::metadata(path).map_err(Error::reading(path))?;
    let cannot = |why| Err(Error::CannotPut { path: path.to_owned(), why });
    match () {
        () if about.is_dir() => cannot("is a folder: name a file in it"),
        () if !about.is_file() => cannot("is no regular file"),
        () if about.len() > SIZE_MAX => {
            cannot("has more than 64 MiB: strip it, if debug information is what makes it large")
        }
        () => fs::read(path).map_err(Error::reading(path)),
    }
}

/// Checks by the kernel's own rules that a file of the host can be run, and that it does not count on another system.
///
/// # Errors
/// [`Error::NotAProgram`], which names what is wrong and what to do.
pub fn check(path: &Path, bytes: &[u8]) -> Result<()> {
    let not = |why| Err(Error::NotAProgram { path: path.to_owned(), why });
    if let Err(malformed) = fl_elf::plan(bytes) {
        return not(format!("{malformed}{}", remedy(&malformed)));
    }
    match relies_on(bytes) {
        Some(what) => not(format!("{what}; in C, compile it with cargo xtask cc FILE.c")),
        None => Ok(()),
    }
}

/// What to do about the malformations that a compiler makes when it is not told otherwise.
fn remedy<E>(malformed: &fl_elf::Error<E>) -> &'static str {
    const ET_REL: u16 = 1;
    const ET_DYN: u16 = 3;
    match malformed {
        fl_elf::Error::NotElf => {
            ": a program is a static executable for x86-64 (from C: cargo xtask cc FILE.c)"
        }
        fl_elf::Error::WrongType(ET_REL | ET_DYN) | fl_elf::Error::Interpreter | fl_elf::Error::Dynamic => {
            " (in C, cargo xtask cc FILE.c does that)"
        }
        _ => "",
    }
}

/// What a well-formed program needs that is not there: the kernel would start it, and it would end at its first step.
fn relies_on(bytes: &[u8]) -> Option<&'static str> {
    // The linker's notes: those of a C library for Linux say so (os 0), a program without one has no such note.
    let linux = |note| matches!(note, Note::GnuAbiTag(tag) if tag.os == 0);
    let file = elf::ElfBytes::<LittleEndian>::minimal_parse(bytes).ok()?;
    let segments = file.segments()?;
    let mut notes = segments.iter().filter_map(|segment| file.segment_data_as_notes(&segment).ok()).flatten();
    if notes.any(linux) {
        return Some("it is linked with Linux's C library and makes Linux's system calls");
    }
    let thread_local = segments.iter().any(|segment| segment.p_type == PT_TLS);
    thread_local.then_some("it has thread-local variables, which this kernel does not set up")
}

/// The program without what follows its last loaded byte (debug information, symbols, section headers).
///
/// A volume lies in the guest's memory as a whole, and what is cut off here would be most of it. A file that is no well-formed
/// ELF64 program comes back unchanged.
pub fn strip(mut bytes: Vec<u8>) -> Vec<u8> {
    let Ok(plan) = fl_elf::plan(bytes.as_slice()) else { return bytes };
    let headers_end = u64_at(&bytes, E_PHOFF) + u64::from(bytes[E_PHNUM]) * PHDR_SIZE;
    // Also where a segment of zeros only claims to begin must lie inside the file.
    let loaded_end = plan.segments.iter().map(|s| s.file_offset + s.file_len).max().unwrap_or(0);
    let end = loaded_end.max(headers_end);
    if end >= bytes.len() as u64 {
        return bytes;
    }
    bytes.truncate(end as usize);
    bytes[E_SHOFF..E_SHOFF + 8].fill(0);
    bytes[E_SHNUM..E_SHSTRNDX + 2].fill(0);
    bytes
}

// Offsets in the ELF64 header (System V gABI, chapter 4), and the size of one program header, in bytes.
const E_PHOFF: usize = 32;
const E_SHOFF: usize = 40;
const E_PHNUM: usize = 56;
const E_SHNUM: usize = 60;
const E_SHSTRNDX: usize = 62;
const PHDR_SIZE: u64 = 56;

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// A small program: one segment that holds the headers and `content`, one of zeros that begins behind it. For tests of this crate.
#[cfg(test)]
pub(crate) fn tiny_program(content: &[u8], tail: &[u8]) -> Vec<u8> {
    let size = 176 + content.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [2u16, 62] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1u32.to_le_bytes());
    for word in [0x40_00b0u64, 64, size] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 2, 64, 3, 2] {
        file.extend(half.to_le_bytes());
    }
    let zeros = 0x40_1000 + size;
    for (flags, words) in
        [(5u32, [0, 0x40_0000, 0x40_0000, size, size, 0x1000]), (6, [size, zeros, zeros, 0, 64, 0x1000])]
    {
        file.extend(1u32.to_le_bytes());
        file.extend(flags.to_le_bytes());
        words.iter().for_each(|word: &u64| file.extend(word.to_le_bytes()));
    }
    file.extend(content);
    file.extend(tail);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stripped_program_loads_the_same_and_has_no_sections() {
        let whole = tiny_program(b"code", b"symbols and debug information");
        let stripped = strip(whole.clone());
        assert_eq!(stripped.len(), 180);
        assert!(fl_elf::plan(stripped.as_slice()).is_ok());
        assert_eq!(fl_elf::plan(stripped.as_slice()), fl_elf::plan(whole.as_slice()));
        assert_eq!((u64_at(&stripped, E_SHOFF), &stripped[E_SHNUM..64]), (0, &[0u8; 4][..]));
        assert_eq!(strip(stripped.clone()), stripped, "there is nothing left to cut");
    }

    #[test]
    fn what_is_no_program_is_left_as_it_is() {
        assert_eq!(strip(b"#!/bin/sh\n".to_vec()), b"#!/bin/sh\n");
    }

    #[test]
    fn each_malformation_is_named_with_its_file() {
        let mut wrong_class = tiny_program(b"code", b"");
        wrong_class[4] = 1;
        let mut position_independent = tiny_program(b"code", b"");
        position_independent[16] = 3;
        let mut outside = tiny_program(b"code", b"");
        outside[24..32].copy_from_slice(&0x50_0000u64.to_le_bytes());
        for (bytes, part) in [
            (&b"#!/bin/sh\n"[..], "not an ELF file: a program is"),
            (b"", "not an ELF file: a program is"),
            (&position_independent, "-no-pie (in C, cargo xtask cc FILE.c does that)"),
            (&tiny_program(b"code", b"")[..40], "cut off"),
            (&wrong_class, "64-bit"),
            (&outside, "entry point"),
        ] {
            let message = check(Path::new("x/prog"), bytes).unwrap_err().to_string();
            assert!(message.starts_with("x/prog is no program") && message.contains(part), "{message}");
            assert!(!message.contains('\n'));
        }
        assert!(check(Path::new("prog"), &tiny_program(b"code", b"")).is_ok());
    }
}
