//! Tests of [`super::KernelElf`]: one sound file, and each way to break it.

use super::*;
use proptest::prelude::*;

const BASE: u64 = 0xffff_ffff_8020_0000;

/// One program header: flags, file offset, address, file size, memory size.
#[derive(Clone, Copy)]
struct Load(u32, u64, u64, u64, u64);

const TEXT: Load = Load(5, 0x1000, BASE, 0x20, 0x20);
const DATA: Load = Load(6, 0x1100, BASE + 0x1100, 0x10, 0x5000);

fn file(entry: u64, loads: &[Load]) -> Vec<u8> {
    let mut f = vec![0; 0x1200];
    f[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
    put(&mut f, 16, &TYPE_EXEC.to_le_bytes());
    put(&mut f, 18, &MACHINE_X86_64.to_le_bytes());
    put(&mut f, 24, &entry.to_le_bytes());
    put(&mut f, 32, &64u64.to_le_bytes());
    put(&mut f, 54, &56u16.to_le_bytes());
    put(&mut f, 56, &(loads.len() as u16).to_le_bytes());
    for (i, &Load(flags, offset, addr, file_size, size)) in loads.iter().enumerate() {
        let at = 64 + 56 * i;
        put(&mut f, at, &PT_LOAD.to_le_bytes());
        put(&mut f, at + 4, &flags.to_le_bytes());
        for (field, value) in [(8, offset), (16, addr), (24, addr), (32, file_size), (40, size), (48, 4096)] {
            put(&mut f, at + field, &value.to_le_bytes());
        }
    }
    f[0x1000..].fill(0xab);
    f
}

fn put(f: &mut [u8], at: usize, bytes: &[u8]) {
    f[at..at + bytes.len()].copy_from_slice(bytes);
}

fn error(f: &[u8]) -> ElfError {
    KernelElf::parse(f).unwrap_err()
}

#[test]
fn a_sound_kernel_is_laid_out_as_linked() {
    let f = file(BASE + 4, &[TEXT, DATA]);
    let elf = KernelElf::parse(&f).unwrap();
    assert_eq!((elf.entry().0, elf.start().0, elf.image_size()), (BASE + 4, BASE, 0x7000));
    let seen: Vec<_> =
        elf.segments().map(|s| (s.addr.0 - BASE, s.data.len(), s.size, s.writable, s.executable)).collect();
    assert_eq!(seen, [(0, 0x20, 0x20, false, true), (0x1100, 0x10, 0x5000, true, false)]);
}

#[test]
fn what_is_no_kernel_elf_is_told_apart() {
    assert_eq!(error(b""), ElfError::NotElf);
    assert_eq!(error(b"ustar tar archive"), ElfError::NotElf);
    let mut f = file(BASE, &[TEXT]);
    f[4] = 1;
    assert_eq!(error(&f), ElfError::NotElf64);
    let mut f = file(BASE, &[TEXT]);
    f[18] = 183;
    assert_eq!(error(&f), ElfError::NotX86_64(183));
    let mut f = file(BASE, &[TEXT]);
    f[16] = 3;
    assert_eq!(error(&f), ElfError::NotStatic(3));
    let mut f = file(BASE, &[TEXT]);
    f[54] = 32;
    assert_eq!(error(&f), ElfError::ProgramHeaderSize(32));
}

#[test]
fn every_part_is_checked_against_the_file_s_length() {
    let f = file(BASE, &[TEXT, DATA]);
    let cut = |part, end, length| ElfError::Truncated { part, end, length };
    assert_eq!(error(&f[..63]), cut(Part::Header, 64, 63));
    assert_eq!(error(&f[..64 + 111]), cut(Part::ProgramHeaders, 64 + 112, 64 + 111));
    assert_eq!(error(&f[..0x110f]), cut(Part::Segment, 0x1110, 0x110f));
    let huge = Load(5, u64::MAX - 4, BASE, 16, 16);
    assert_eq!(error(&file(BASE, &[huge])), cut(Part::Segment, u64::MAX, 0x1200));
}

#[test]
fn segments_must_be_sound() {
    let addr = VirtAddr;
    assert_eq!(error(&file(BASE, &[])), ElfError::NoSegments);
    assert_eq!(error(&file(BASE, &[Load(5, 0x1000, BASE, 0, 0)])), ElfError::NoSegments);
    let fat = Load(5, 0x1000, BASE, 0x21, 0x20);
    assert_eq!(error(&file(BASE, &[fat])), ElfError::FileLargerThanMemory { addr: addr(BASE) });
    let low = Load(5, 0x1000, 0x40_0000, 0x20, 0x20);
    assert_eq!(error(&file(0x40_0000, &[low])), ElfError::NotInTop2Gib { addr: addr(0x40_0000) });
    for size in [0x2000, u64::MAX] {
        let wraps = Load(5, 0x1000, u64::MAX - 0x1fff, 0x20, size);
        assert_eq!(error(&file(BASE, &[wraps])), ElfError::Wraps { addr: addr(u64::MAX - 0x1fff) });
    }
    let same_page = Load(6, 0x1100, BASE + 0x800, 0x10, 0x10);
    assert_eq!(error(&file(BASE, &[TEXT, same_page])), ElfError::Overlap { addr: addr(BASE + 0x800) });
    assert_eq!(error(&file(BASE, &[DATA, TEXT])), ElfError::Overlap { addr: addr(BASE) });
}

#[test]
fn the_entry_must_be_in_executable_memory() {
    for entry in [0, BASE - 1, BASE + 0x20, BASE + 0x1100] {
        let expected = ElfError::EntryOutside { entry: VirtAddr(entry) };
        assert_eq!(error(&file(entry, &[TEXT, DATA])), expected);
    }
}

proptest! {
    /// Whatever is flipped or cut: an error, or a plan whose every byte is inside file and image.
    #[test]
    fn a_damaged_file_is_refused_or_stays_in_bounds(
        edits in prop::collection::vec((0usize..192, any::<u8>()), 0..6), cut in 0usize..0x1200,
    ) {
        let mut f = file(BASE + 4, &[TEXT, DATA]);
        for (at, byte) in edits {
            f[at] = byte;
        }
        f.truncate(0x1200 - if cut < 0x600 { cut } else { 0 });
        let Ok(elf) = KernelElf::parse(&f) else { return Ok(()) };
        prop_assert!(elf.start().0 >= TOP_2_GIB && elf.image_size() < 1 << 31);
        let mut end = elf.start();
        for s in elf.segments() {
            prop_assert!(s.data.len() as u64 <= s.size && s.size > 0);
            prop_assert!(s.addr >= end && s.addr.0 + s.size <= elf.start().0 + elf.image_size());
            end = s.end();
        }
    }
}
