//! Program files on their way into the volume: others' are checked, ours are freed of what only debuggers read.

use std::path::Path;

use crate::{Error, Result};

/// Checks by the kernel's own rules that a file of the host can be run.
///
/// # Errors
/// [`Error::NotAProgram`], which names the malformation.
pub fn check(path: &Path, bytes: &[u8]) -> Result<()> {
    let not = |why| Error::NotAProgram { path: path.to_owned(), why };
    match fl_elf::plan(bytes) {
        Ok(_) => Ok(()),
        Err(fl_elf::Error::NotElf) => {
            Err(not("it is not an ELF file; compile it for x86-64 as a static executable".into()))
        }
        Err(malformed) => Err(not(malformed.to_string())),
    }
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
        let mut outside = tiny_program(b"code", b"");
        outside[24..32].copy_from_slice(&0x50_0000u64.to_le_bytes());
        for (bytes, part) in [
            (&b"#!/bin/sh\n"[..], "not an ELF file; compile"),
            (&tiny_program(b"code", b"")[..40], "cut off"),
            (&wrong_class, "64-bit"),
            (&outside, "entry point"),
        ] {
            let message = check(Path::new("x/prog"), bytes).unwrap_err().to_string();
            assert!(
                message.starts_with("--put: x/prog is no program") && message.contains(part),
                "{message}"
            );
            assert!(!message.contains('\n'));
        }
        assert!(check(Path::new("prog"), &tiny_program(b"code", b"")).is_ok());
    }
}
