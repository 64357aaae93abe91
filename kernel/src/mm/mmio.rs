//! Device registers: mapped uncached, one behind the other, in the window that [`layout`](super::layout) sets aside. Never unmapped.

use super::layout::MMIO;
use super::page_table;
use crate::sync::{LockClass, SpinLock};
use fl_addr::{PAGE_SIZE, PhysAddr, VirtAddr};
use fl_paging::RangeError;

/// Bytes of the window: one slot of the root table.
const WINDOW: u64 = 1 << 39;

/// Where the free part of the window begins; its first page is the APIC's.
static FREE: SpinLock<u64> = SpinLock::new(LockClass::DeviceWindow, PAGE_SIZE as u64);

/// Maps the pages of `len` bytes from `from` and returns where the first byte is. The same registers may be mapped again.
///
/// # Errors
/// No memory for tables, or a range that cannot be. The window then loses some addresses, nothing else.
pub fn map(from: PhysAddr, len: u64) -> Result<VirtAddr, RangeError> {
    let within = from.0 - from.align_down().0;
    let pages =
        from.0.checked_add(len).and_then(|end| PhysAddr(end).align_up()).ok_or(RangeError::OutOfRange)?;
    let len = pages - from.align_down();
    let mut free = FREE.lock();
    let at = MMIO + *free;
    *free = free.checked_add(len).filter(|end| *end <= WINDOW).ok_or(RangeError::OutOfRange)?;
    page_table::map_device(at, from.align_down(), len)?;
    Ok(at + within)
}
