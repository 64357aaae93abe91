//! [`Image`]: builds ELF files for the tests, right by default and wrong where a test wants it.
#![allow(dead_code, reason = "each test file uses its own part")]

/// Elf64_Phdr, field by field.
#[derive(Clone, Copy, Debug)]
pub struct Phdr {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub vaddr: u64,
    pub filesz: u64,
    pub memsz: u64,
}

pub const PT_LOAD: u32 = 1;
pub const R: u32 = 4;
pub const RW: u32 = 6;
pub const RX: u32 = 5;

/// A PT_LOAD header.
pub fn load(flags: u32, offset: u64, vaddr: u64, filesz: u64, memsz: u64) -> Phdr {
    Phdr { kind: PT_LOAD, flags, offset, vaddr, filesz, memsz }
}

/// A header of another type, otherwise harmless.
pub fn other(kind: u32) -> Phdr {
    Phdr { kind, ..load(R, 0, 0, 0, 0) }
}

/// An ELF file in the making. `len` bytes long; each byte of content tells its offset (see [`content`]).
#[derive(Clone, Debug)]
pub struct Image {
    pub magic: [u8; 4],
    pub class: u8,
    pub data: u8,
    pub ident_version: u8,
    pub kind: u16,
    pub machine: u16,
    pub version: u32,
    pub entry: u64,
    pub phoff: u64,
    pub phentsize: u16,
    /// Overrides the number of headers.
    pub phnum: Option<u16>,
    pub phdrs: Vec<Phdr>,
    pub len: usize,
}

impl Image {
    /// What pintos-kaist's linker makes: headers and text R+X at 0x400000, a page-aligned RW segment of nothing but bss.
    pub fn pintos() -> Self {
        Self::with(vec![
            load(RX, 0, 0x400000, 0x1234, 0x1234),
            load(RW, 0x2000, 0x602000, 0, 0x5010),
            other(0x6474_e551), // PT_GNU_STACK
        ])
    }

    /// A sound header with these program headers, entered at 0x400100, 12 KiB long.
    pub fn with(phdrs: Vec<Phdr>) -> Self {
        Self {
            magic: *b"\x7fELF",
            class: 2,
            data: 1,
            ident_version: 1,
            kind: 2,
            machine: 62,
            version: 1,
            entry: 0x400100,
            phoff: 64,
            phentsize: 56,
            phnum: None,
            phdrs,
            len: 0x3000,
        }
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut file: Vec<u8> = (0..self.len).map(|i| content(i as u64)).collect();
        let mut head = Vec::new();
        head.extend(self.magic);
        head.extend([self.class, self.data, self.ident_version]);
        head.resize(16, 0);
        head.extend(self.kind.to_le_bytes());
        head.extend(self.machine.to_le_bytes());
        head.extend(self.version.to_le_bytes());
        head.extend(self.entry.to_le_bytes());
        head.extend(self.phoff.to_le_bytes());
        head.extend([0; 8 + 4]); // e_shoff, e_flags
        head.extend(64u16.to_le_bytes());
        head.extend(self.phentsize.to_le_bytes());
        head.extend(self.phnum.unwrap_or(self.phdrs.len() as u16).to_le_bytes());
        head.resize(64, 0);
        let mut table = Vec::new();
        for p in &self.phdrs {
            table.extend(p.kind.to_le_bytes());
            table.extend(p.flags.to_le_bytes());
            for field in [p.offset, p.vaddr, p.vaddr, p.filesz, p.memsz, 4096] {
                table.extend(field.to_le_bytes());
            }
        }
        put(&mut file, 0, &head);
        put(&mut file, self.phoff, &table);
        file
    }
}

/// The byte that stands at `offset` of an image, outside its headers. Never 0, so that it is not taken for a zeroed byte.
pub fn content(offset: u64) -> u8 {
    (offset % 251) as u8 + 1
}

/// Writes as much of `bytes` at `offset` as the file has room for.
fn put(file: &mut [u8], offset: u64, bytes: &[u8]) {
    for (i, &byte) in bytes.iter().enumerate() {
        if let Some(at) = usize::try_from(offset).ok().and_then(|o| file.get_mut(o.checked_add(i)?)) {
            *at = byte;
        }
    }
}
