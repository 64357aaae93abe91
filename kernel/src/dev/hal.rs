//! [`DmaHal`]: memory that devices may access, for crate `virtio-drivers`. There is no IOMMU: bus addresses are physical ones.

use crate::mm::frames::Frame;
use crate::mm::{layout, mmio, page_table};
use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ptr::NonNull;
use fl_addr::{PAGE_SIZE, VirtAddr};
use fl_trace::event::FrameClass;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// The kernel as crate `virtio-drivers` sees it.
pub struct DmaHal;

/// What the crate takes for "no memory".
const NONE: (PhysAddr, NonNull<u8>) = (0, NonNull::dangling());

/// Pages that follow each other physically come from the heap, which is one stretch of frames in the direct map.
fn heap_layout(pages: usize) -> Option<Layout> {
    Layout::from_size_align(pages.checked_mul(PAGE_SIZE)?, PAGE_SIZE).ok()
}

// SAFETY: see each method.
unsafe impl Hal for DmaHal {
    /// The frame or the heap block is zeroed, page-aligned and nobody else's until it is given back.
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        if pages == 1 {
            let Some(frame) = Frame::take_zeroed(FrameClass::Kernel) else { return NONE };
            let pfn = frame.into_pfn();
            return NonNull::new(layout::frame_ptr(pfn).cast()).map_or(NONE, |at| (pfn.start().0, at));
        }
        let Some(layout) = heap_layout(pages).filter(|l| l.size() > 0) else { return NONE };
        // SAFETY: the size is not 0.
        let Some(at) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { return NONE };
        page_table::physical(VirtAddr(at.as_ptr() as u64)).map_or(NONE, |physical| (physical.0, at))
    }

    unsafe fn dma_dealloc(at: PhysAddr, virt: NonNull<u8>, pages: usize) -> i32 {
        match (pages, heap_layout(pages)) {
            // SAFETY: `dma_alloc` took this frame, and the caller has no use for it any more.
            (1, _) => drop(unsafe { Frame::from_pfn(fl_addr::PhysAddr(at).pfn(), FrameClass::Kernel) }),
            // SAFETY: `dma_alloc` allocated this block with this layout.
            (_, Some(layout)) => unsafe { dealloc(virt.as_ptr(), layout) },
            _ => return -1,
        }
        0
    }

    /// Each call maps the registers anew, so no two pointers of this kernel are the same.
    unsafe fn mmio_phys_to_virt(at: PhysAddr, size: usize) -> NonNull<u8> {
        let mapped = mmio::map(fl_addr::PhysAddr(at), size as u64);
        let mapped = mapped.unwrap_or_else(|e| panic!("device registers at {at:#x} cannot be mapped: {e}"));
        NonNull::new(mapped.0 as *mut u8).expect("the window is not at address 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let at = VirtAddr(buffer.cast::<u8>().as_ptr() as u64);
        page_table::physical(at).expect("a buffer for a device is mapped").0
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
