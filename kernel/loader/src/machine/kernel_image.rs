//! Copies the kernel's segments into place: one contiguous physical image, gaps and .bss zeroed.

use super::pool::Pool;
use fl_addr::PAGE_SIZE;
use loader::elf::KernelElf;
use loader::error::LoadError;
use loader::memory_map::Span;

/// The kernel as it will run.
pub struct KernelImage {
    /// Where it lies; whole pages.
    pub phys: Span,
    /// The same, as bytes.
    pub bytes: &'static mut [u8],
    /// End of the last byte that came from the file, as an offset in `bytes`.
    file_end: usize,
}

impl KernelImage {
    /// The image up to the last byte from the file: requests lie there, not in .bss.
    pub fn file_backed(&self) -> &[u8] {
        &self.bytes[..self.file_end]
    }
}

/// Copies only what must be in memory: debug information and symbols stay in the file.
///
/// # Errors
/// [`LoadError::OutOfMemory`].
pub fn load(elf: &KernelElf<'_>, pool: &mut Pool) -> Result<KernelImage, LoadError> {
    let (phys, bytes) = pool.take(elf.image_size(), PAGE_SIZE as u64)?;
    let mut file_end = 0;
    for segment in elf.segments() {
        let start = (segment.addr.0 - elf.start().0) as usize;
        file_end = start + segment.data.len();
        bytes[start..file_end].copy_from_slice(segment.data);
    }
    Ok(KernelImage { phys, bytes, file_end })
}
