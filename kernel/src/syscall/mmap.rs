//! mmap(2) and munmap(2): what a program alleges is judged by `fl_vmcore::mmap`'s rules.

use super::file::with_descriptors;
use crate::mm::budget;
use crate::process;
use fl_addr::VirtAddr;
use fl_vmcore::MmapRequest;

/// Heap bytes that one more mapping may take in the list of regions, which doubles when it is full.
const HEAP: usize = 4096;

/// `mmap(addr, length, writable, fd, offset) -> addr`, or 0 for whatever cannot be mapped so.
pub fn mmap(addr: u64, len: u64, writable: i32, fd: i32, offset: i32) -> u64 {
    let process = process::current().expect("system calls are made by processes");
    let file = with_descriptors(|table| table.get(fd).ok()?.file().cloned());
    let Some(file) = file.filter(|_| budget::has_room(HEAP)) else { return 0 };
    let request = MmapRequest {
        addr: VirtAddr(addr),
        len,
        offset: offset.into(),
        writable: writable != 0,
        file_len: file.len(),
    };
    match process.space.map_file(process.pid, &request, file) {
        Ok(()) => addr,
        Err(refused) => {
            defmt::info!("mmap: {}", defmt::Display2Format(&refused));
            0
        }
    }
}

/// `munmap(addr)`. Without effect where no mapping begins.
pub fn munmap(addr: u64) {
    let process = process::current().expect("system calls are made by processes");
    process.space.unmap_file(process.pid, VirtAddr(addr));
}
