//! Names for code addresses, from the symbol table of the kernel's own ELF file, which the bootloader keeps in memory.

use crate::sync::Once;
use core::fmt;
use elf::ElfBytes;
use elf::endian::LittleEndian;
use rustc_demangle::demangle;

static FILE: Once<&'static [u8]> = Once::new();

/// Says where the kernel's ELF file lies. Once, at boot.
pub fn set_kernel_file(file: &'static [u8]) {
    FILE.call_once(|| file);
}

/// Calls `f` with "address function+offset", or the address alone if no symbol covers it (or the file was stripped).
pub fn describe(address: u64, f: impl FnOnce(fmt::Arguments<'_>)) {
    match lookup(address) {
        Some((name, offset)) => f(format_args!("{address:#018x} {:#}+{offset:#x}", demangle(name))),
        None => f(format_args!("{address:#018x}")),
    }
}

/// The function that covers `address`, and how far in. Looks at every symbol: slow, and allocates nothing.
fn lookup(address: u64) -> Option<(&'static str, u64)> {
    let file = ElfBytes::<LittleEndian>::minimal_parse(FILE.get()?).ok()?;
    let (symbols, names) = file.symbol_table().ok()??;
    let covers = |s: &elf::symbol::Symbol| {
        s.st_symtype() == elf::abi::STT_FUNC
            && s.st_value <= address
            && address - s.st_value < s.st_size.max(1)
    };
    let symbol = symbols.iter().find(covers)?;
    Some((names.get(symbol.st_name as usize).ok()?, address - symbol.st_value))
}
