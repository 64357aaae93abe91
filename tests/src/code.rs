//! [`Code`]: the kernel's machine code, read as far as it takes to count the locked instructions of a path.

use elf::ElfBytes;
use elf::endian::LittleEndian;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The functions of an executable, by address.
pub struct Code {
    functions: BTreeMap<u64, Function>,
}

struct Function {
    name: String,
    bytes: Vec<u8>,
}

/// A locked instruction on a path: in which function, and what it reads as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locked {
    /// The function, as its source names it.
    pub function: String,
    /// Its address.
    pub at: u64,
    /// `xchg` with memory, which locks without a prefix.
    pub exchange: bool,
}

impl Code {
    /// Reads the functions of an executable that has symbols.
    ///
    /// # Panics
    /// If the file is none.
    pub fn of(file: &Path) -> Self {
        let bytes = fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let elf = ElfBytes::<LittleEndian>::minimal_parse(&bytes).expect("an ELF file");
        let sections = elf.section_headers().expect("sections");
        let (symbols, names) = elf.symbol_table().expect("a readable symbol table").expect("symbols");
        let functions = symbols.iter().filter(|symbol| {
            symbol.st_symtype() == elf::abi::STT_FUNC && symbol.st_size > 0 && !symbol.is_undefined()
        });
        let functions = functions.filter_map(|symbol| {
            let section = sections.get(usize::from(symbol.st_shndx)).ok()?;
            let at = usize::try_from(symbol.st_value - section.sh_addr + section.sh_offset).ok()?;
            let code = bytes.get(at..at + usize::try_from(symbol.st_size).ok()?)?;
            let name = names.get(usize::try_from(symbol.st_name).ok()?).ok()?;
            let name = format!("{:#}", rustc_demangle::demangle(name));
            Some((symbol.st_value, Function { name, bytes: code.to_vec() }))
        });
        Self { functions: functions.collect() }
    }

    /// The locked instructions of the function whose name is `name`, and of those that it calls or goes on in, each function once. Not entered is what has
    /// one of `beyond` in its name: what the path does not go through. Calls by pointer are not followed.
    ///
    /// # Panics
    /// If there is no such function: it was inlined everywhere, or is called otherwise now.
    pub fn locked_on_path(&self, name: &str, beyond: &[&str]) -> Vec<Locked> {
        let start = self.functions.iter().find(|(_, function)| function.name == name);
        let mut to_do = vec![*start.unwrap_or_else(|| panic!("the kernel has no function {name}")).0];
        let mut done = Vec::new();
        let mut locked = Vec::new();
        while let Some(start) = to_do.pop() {
            if done.contains(&start) {
                continue;
            }
            done.push(start);
            let Some(function) = self.functions.get(&start) else { continue };
            let inside = start..start + function.bytes.len() as u64;
            for instruction in Decoder::with_ip(64, &function.bytes, start, DecoderOptions::NONE) {
                let exchange = is_exchange(&instruction);
                if instruction.has_lock_prefix() || exchange {
                    locked.push(Locked { function: function.name.clone(), at: instruction.ip(), exchange });
                }
                let target = instruction.near_branch_target();
                let called = self.functions.get(&target).filter(|_| !inside.contains(&target));
                if called.is_some_and(|called| !beyond.iter().any(|word| called.name.contains(word))) {
                    to_do.push(target);
                }
            }
        }
        locked
    }
}

/// Whether it exchanges a register with memory: locked, with or without the prefix (Intel SDM vol. 2, XCHG).
fn is_exchange(instruction: &Instruction) -> bool {
    let memory = (0..instruction.op_count()).any(|n| instruction.op_kind(n) == OpKind::Memory);
    instruction.mnemonic() == Mnemonic::Xchg && memory
}
