//! mmap and munmap: files as memory.

use super::shared_pages;
use super::space::Space;
use crate::fs::File;
use crate::inject::{self, Point};
use crate::mm::unmap_batch::UnmapBatch;
use crate::trace::{drain, emit};
use alloc::sync::Arc;
use fl_addr::{Pid, VirtAddr};
use fl_trace::event::{Event, Mapped, Unmapped};
use fl_vmcore::{MmapError, MmapRequest};

impl Space {
    /// Maps `file` as the request says. Its pages come in when they are touched. A refused request changes nothing.
    pub fn map_file(&self, pid: Pid, request: &MmapRequest, file: Arc<File>) -> Result<(), MmapError> {
        let pages = self.contents.lock().regions.map(request, file)?;
        emit(Event::Mapped(Mapped {
            pid,
            va: request.addr,
            pages: pages.pages() as u32,
            offset: request.offset as u64,
            writable: request.writable,
        }));
        Ok(())
    }

    /// Takes the mapping that begins at `addr` out, as a whole; what was stored to it is in the file then. False: none does.
    pub fn unmap_file(&self, pid: Pid, addr: VirtAddr) -> bool {
        let mut contents = self.contents.lock();
        let Some(region) = contents.regions.unmap(addr) else { return false };
        let (mut touched, mut batch) = (0, UnmapBatch::of_some(&self.table));
        contents.spt.take_in(region.pages, |vpn, entry| {
            drain::admit(); // a mapping has any number of pages
            inject::pass(Point::Unmapping);
            entry.page.let_go(vpn, &mut batch);
            shared_pages::forget(entry.page);
            touched += 1;
        });
        batch.flush();
        emit(Event::Unmapped(Unmapped { pid, va: addr, pages: region.pages.pages() as u32, touched }));
        true
    }
}
