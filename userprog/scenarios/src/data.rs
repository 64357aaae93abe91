//! The files that a volume holds before a scenario runs: known bytes at every offset, for the program that reads and the host that writes.

use core::ffi::CStr;

use userprog::check;

/// A file of known bytes.
#[derive(Debug)]
pub struct DataFile {
    /// Its name in the volume.
    pub name: &'static CStr,
    /// Its length in bytes.
    pub len: usize,
    /// Tells its bytes from those of the others; 0: every byte is 0.
    seed: u32,
}

/// Less than a page.
pub const SAMPLE: DataFile = DataFile { name: c"sample.txt", len: 700, seed: 0x5a31 };
/// Three pages, the last in part.
pub const SMALL: DataFile = DataFile { name: c"small.txt", len: 10_000, seed: 0x77 };
/// More pages than the 959 or 1215 frames of the scenarios under memory pressure that map it, the last in part.
pub const LARGE: DataFile = DataFile { name: c"large.txt", len: 5 * 1024 * 1024 - 123, seed: 0x1a26e };
/// Zeros only.
pub const ZEROS: DataFile = DataFile { name: c"zeros", len: 6 * 1024, seed: 0 };
/// All of them.
pub const ALL: [&DataFile; 4] = [&SAMPLE, &SMALL, &LARGE, &ZEROS];

impl DataFile {
    /// The byte at an offset inside the file: text in lines of 64, no two lines alike.
    pub const fn byte(&self, at: usize) -> u8 {
        if self.seed == 0 {
            return 0;
        }
        if at % 64 == 63 || at == self.len - 1 {
            return b'\n';
        }
        let mixed = (at as u32 ^ self.seed.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x9e37_79b1);
        b' ' + ((mixed >> 16) % 95) as u8
    }

    /// Checks that `bytes` are those of the file from `offset` on; past its end they must be 0.
    pub fn check(&self, offset: usize, bytes: &[u8]) {
        for (at, &seen) in (offset..).zip(bytes) {
            let wanted = if at < self.len { self.byte(at) } else { 0 };
            check!(seen == wanted, "byte {at} of {:?} is {seen:#04x}, not {wanted:#04x}", self.name);
        }
    }

    /// The first `N` bytes of it.
    pub const fn start<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let mut at = 0;
        while at < N {
            bytes[at] = self.byte(at);
            at += 1;
        }
        bytes
    }

    /// All of it, for the host that makes the volume.
    #[cfg(not(target_os = "none"))]
    pub fn contents(&self) -> Vec<u8> {
        (0..self.len).map(|at| self.byte(at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_printable_and_differ_from_page_to_page() {
        for file in [&SAMPLE, &SMALL, &LARGE] {
            let contents = file.contents();
            assert_eq!(contents.len(), file.len);
            assert!(contents.iter().all(|&byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
            let mut pages: Vec<&[u8]> = contents.chunks(4096).collect();
            let count = pages.len();
            pages.sort_unstable();
            pages.dedup();
            assert_eq!(pages.len(), count, "two pages of {:?} are alike", file.name);
        }
        assert!(ZEROS.contents().iter().all(|&byte| byte == 0));
    }

    #[test]
    fn the_start_is_the_start_of_the_contents() {
        assert_eq!(SMALL.start::<100>(), SMALL.contents()[..100]);
    }
}
