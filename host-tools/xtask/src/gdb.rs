//! The gdb script of a run: symbols of the kernel and of the program, and a stop where each of them begins.

use std::fs;
use std::path::Path;

use elf::ElfBytes;
use elf::endian::LittleEndian;

use crate::{Error, Result};

/// The script, in the run's folder.
pub const SCRIPT: &str = "debug.gdb";

/// Where the body of a program begins, most wanted first: C's, and that of the programs in Rust (see `userprog::program!`).
const BODIES: [&str; 2] = ["main", "userprog_main"];

/// A program to debug.
#[derive(Clone, Copy, Debug)]
pub struct Debugged<'a> {
    /// Its name in the volume.
    pub name: &'a str,
    /// Its file, with the debug information if there is any.
    pub file: &'a Path,
}

/// What gdb is to read: symbols, the connection to QEMU at `port` of 127.0.0.1, and breakpoints of the processor (others would have
/// to be written to memory that is not there yet). The first program's symbols are loaded; for the others it says how.
///
/// # Errors
/// A file cannot be read.
pub fn script(kernel: &Path, port: u16, programs: &[Debugged<'_>]) -> Result<String> {
    let kernel_entry = Symbols::read(kernel)?.entry;
    let mut text = String::from("# Debugs one run of Faultline: gdb -x THIS-FILE, then `continue`.\n");
    text +=
        "# A breakpoint in a page that is not loaded yet stops twice: before the page fault and after it.\n";
    text += "set confirm off\nset pagination off\n";
    text += &format!("file {}\n", quoted(kernel));
    let mut stops = format!("hbreak *{kernel_entry:#x}\n");
    let mut say = String::from("Type continue: first it stops where the kernel begins (_start)");
    if let Some((first, others)) = programs.split_first() {
        let place = Symbols::read(first.file)?.body();
        text += &format!("add-symbol-file {} -o 0\n", quoted(first.file));
        stops += &format!("hbreak {}\n", place.location);
        say += &format!(", then in {} of {}", place.shown, first.name);
        for other in others {
            let place = Symbols::read(other.file)?.body();
            text += &format!("# For {} instead: symbol-file {}, then ", other.name, quoted(kernel));
            text += &format!("add-symbol-file {} -o 0, then hbreak {}\n", quoted(other.file), place.location);
        }
    }
    text += &format!("target remote 127.0.0.1:{port}\n{stops}echo {say}.\\n\n");
    Ok(text)
}

/// A path as one word of gdb's.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// Where to stop: for gdb, and for people.
struct Place {
    location: String,
    shown: String,
}

/// The entry point of a file, and the body's name if its symbols tell it.
struct Symbols {
    entry: u64,
    body: Option<&'static str>,
}

impl Symbols {
    fn read(path: &Path) -> Result<Self> {
        const E_ENTRY: usize = 24; // offset in the ELF64 header (System V gABI, chapter 4)
        let bytes = fs::read(path).map_err(Error::reading(path))?;
        let entry = bytes.get(E_ENTRY..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        Ok(Self { entry: u64::from_le_bytes(entry), body: body_of(&bytes) })
    }

    fn body(&self) -> Place {
        match self.body {
            // Only a function of exactly this name: gdb would also take those that end in ::main.
            Some(name) => Place { location: format!("-qualified {name}"), shown: name.to_owned() },
            None => Place {
                location: format!("*{:#x}", self.entry),
                shown: format!("the entry ({:#x})", self.entry),
            },
        }
    }
}

/// The first of [`BODIES`] that the symbol table has; a program runs without one, or with a damaged one.
fn body_of(bytes: &[u8]) -> Option<&'static str> {
    let file = ElfBytes::<LittleEndian>::minimal_parse(bytes).ok()?;
    let (symbols, names) = file.symbol_table().ok()??;
    let defined = symbols.iter().filter(|symbol| !symbol.is_undefined());
    let found: Vec<_> = defined.filter_map(|symbol| names.get(symbol.st_name as usize).ok()).collect();
    BODIES.into_iter().find(|body| found.contains(body))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::program_file::tiny_program;

    fn file(dir: &Path, name: &str) -> PathBuf {
        fs::write(dir.join(name), tiny_program(b"code", b"")).unwrap();
        dir.join(name)
    }

    #[test]
    fn a_program_without_symbols_stops_at_its_entry() {
        let dir = tempfile::tempdir().unwrap();
        let (kernel, program) = (file(dir.path(), "kernel"), file(dir.path(), "a \"prog\""));
        let programs = [Debugged { name: "prog", file: &program }; 2];
        let script = script(&kernel, 4321, &programs).unwrap();
        let lines: Vec<_> = script.lines().collect();
        for line in ["target remote 127.0.0.1:4321", "hbreak *0x4000b0"] {
            assert!(lines.contains(&line), "{line} in {script}");
        }
        assert!(script.contains("/a \\\"prog\\\"\" -o 0\n"), "{script}");
        assert!(script.contains("# For prog instead: symbol-file "), "{script}");
        assert!(script.contains("then in the entry (0x4000b0) of prog."), "{script}");
    }

    #[test]
    fn a_run_of_no_program_stops_in_the_kernel_only() {
        let dir = tempfile::tempdir().unwrap();
        let script = script(&file(dir.path(), "kernel"), 1, &[]).unwrap();
        assert_eq!(script.matches("hbreak").count(), 1, "{script}");
        assert!(!script.contains("add-symbol-file"));
    }
}
