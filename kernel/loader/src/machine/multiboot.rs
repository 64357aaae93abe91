//! Reads what the multiboot 1 loader passed: command line, modules and memory map.
//!
//! Key type: [`Given`]. All of it stays where it is until the kernel runs; [`Given::occupied`] keeps the pool
//! away from it.
//! Source: Multiboot Specification 0.6.96, 3.3.

use super::memory;
use heapless::Vec;
use loader::error::LoadError;
use loader::memory_map::{FirmwareEntry, MemoryMap, Span};
use loader::text::MAX_MODULES;

/// What a multiboot 1 loader leaves in EAX.
const MAGIC: u32 = 0x2bad_b002;
/// Bits of the information's flags: which fields are valid.
const HAS_COMMAND_LINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_MEMORY_MAP: u32 = 1 << 6;
/// Byte offsets in the information.
const COMMAND_LINE: usize = 16;
const MODULE_COUNT: usize = 20;
const MODULE_LIST: usize = 24;
const MAP_LENGTH: usize = 44;
const MAP_ADDRESS: usize = 48;
/// Bytes of the information that are read.
const INFO_SIZE: u64 = 52;
/// Bytes of one element of the module list: start, end, text, reserved.
const MODULE_SIZE: usize = 16;
/// Texts are cut here, in bytes; QEMU's own limit is far below.
const MAX_TEXT: u64 = 64 << 10;
/// Information, module list, memory map, command line, loader image; and each module with its text.
const MAX_OCCUPIED: usize = 5 + 2 * MAX_MODULES;

/// A module as passed.
#[derive(Clone, Copy)]
pub struct Module {
    /// Where its bytes lie.
    pub span: Span,
    /// `FILE NAME`.
    pub text: &'static [u8],
}

/// All that was passed.
pub struct Given {
    /// With the loader's file name in front.
    pub command_line: &'static [u8],
    /// The kernel first.
    pub modules: Vec<Module, MAX_MODULES>,
    /// The firmware's map, made sound.
    pub memory: MemoryMap,
    /// Everything in RAM that must not be overwritten before the kernel runs.
    pub occupied: Vec<Span, MAX_OCCUPIED>,
}

unsafe extern "C" {
    /// First byte and one past the last byte of the loader (loader.ld); only their addresses mean something.
    static loader_image_start: u8;
    static loader_image_end: u8;
}

/// The loader's own memory, page-aligned.
pub fn loader_image() -> Span {
    Span::new((&raw const loader_image_start).addr() as u64, (&raw const loader_image_end).addr() as u64)
}

/// Reads the information at physical address `info`, if `magic` says that there is one.
///
/// # Errors
/// [`LoadError::NotMultiboot`], [`LoadError::NoMemoryMap`], [`LoadError::TooManyModules`],
/// [`LoadError::MemoryMapFull`].
pub fn read(magic: u32, info: u32) -> Result<Given, LoadError> {
    let not_multiboot = LoadError::NotMultiboot { magic };
    if magic != MAGIC {
        return Err(not_multiboot);
    }
    let mut occupied = Vec::new();
    let _ = occupied.push(loader_image()); // MAX_OCCUPIED has room for every push of this file
    let mut claim = |start: u32, length: u64| {
        let span = Span::new(start.into(), u64::from(start) + length);
        let _ = occupied.push(span);
        // SAFETY: 1. the multiboot loader says that its data is there; 2. the pool avoids `occupied`, and
        // nothing else is written.
        unsafe { memory::bytes(span) }
    };
    let info = claim(info, INFO_SIZE).ok_or(not_multiboot)?;
    let flags = word(info, 0);

    let command_line =
        if flags & HAS_COMMAND_LINE != 0 { claim_text(&mut claim, word(info, COMMAND_LINE)) } else { b"" };

    let mut modules = Vec::new();
    if flags & HAS_MODULES != 0 && word(info, MODULE_COUNT) > 0 {
        let given = word(info, MODULE_COUNT);
        if given as usize > MAX_MODULES {
            return Err(LoadError::TooManyModules { given });
        }
        let list =
            claim(word(info, MODULE_LIST), u64::from(given) * MODULE_SIZE as u64).ok_or(not_multiboot)?;
        for entry in list.chunks_exact(MODULE_SIZE) {
            let span = Span::new(word(entry, 0).into(), word(entry, 4).into());
            let text = claim_text(&mut claim, word(entry, 8));
            claim(word(entry, 0), span.len());
            let _ = modules.push(Module { span, text });
        }
    }

    if flags & HAS_MEMORY_MAP == 0 {
        return Err(LoadError::NoMemoryMap);
    }
    let map = claim(word(info, MAP_ADDRESS), word(info, MAP_LENGTH).into()).ok_or(LoadError::NoMemoryMap)?;
    Ok(Given { command_line, modules, memory: MemoryMap::from_firmware(firmware_entries(map))?, occupied })
}

/// The entries of a multiboot memory map: size of the rest, base, length, type; the size tells where the next
/// one is.
fn firmware_entries(map: &'static [u8]) -> impl Iterator<Item = FirmwareEntry> + Clone {
    let mut rest = map;
    core::iter::from_fn(move || {
        let entry = rest.get(..24)?;
        rest = rest.get(4 + word(entry, 0) as usize..).unwrap_or_default();
        let long = |offset| u64::from(word(entry, offset)) | u64::from(word(entry, offset + 4)) << 32;
        Some(FirmwareEntry { base: long(4), length: long(12), kind: word(entry, 20) })
    })
}

/// The NUL-terminated text at `address`, without the NUL.
fn claim_text(claim: &mut impl FnMut(u32, u64) -> Option<&'static [u8]>, address: u32) -> &'static [u8] {
    // SAFETY: the multiboot loader says that a text is there; reading past its end up to the limit only reads
    // RAM.
    let area = unsafe { memory::bytes(Span::new(address.into(), u64::from(address) + MAX_TEXT)) };
    let length = area.and_then(|area| area.iter().position(|&b| b == 0)).unwrap_or(0);
    match claim(address, length as u64 + 1) {
        Some(text) if address != 0 => &text[..length],
        _ => b"",
    }
}

/// The little-endian word at `offset`, which must lie in `bytes`.
fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes([bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]])
}
