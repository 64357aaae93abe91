//! [`allows`]: whether a process may access a whole buffer: asked before a system call begins what it could not undo.

use crate::{Access, Bad, Decision, Regions, Spt, classify};
use fl_addr::{PAGE_SIZE, VirtAddr};

/// Whether each of the `len` bytes from `va` on may be accessed, as [`classify`] would decide if they were touched in ascending
/// order. Nothing is brought in. An access may fail all the same, for want of memory or because a file cannot be read.
///
/// Costs a look at each page up to the first bad one.
///
/// # Errors
/// [`Bad`]: what is wrong with the first bad byte.
pub fn allows<P, M>(
    spt: &Spt<P>,
    regions: &Regions<M>,
    (va, len): (VirtAddr, u64),
    access: Access,
    user_rsp: VirtAddr,
) -> Result<(), Bad> {
    let mut at = va;
    let mut left = len;
    while left > 0 {
        let vpn = at.vpn();
        // The lowest byte decides for its page: the stack rule, too, forgives higher ones more.
        if let Decision::Bad(bad) = classify(at, access, spt.get(vpn), regions.find(vpn), user_rsp) {
            return Err(bad);
        }
        let here = (PAGE_SIZE - at.page_offset()) as u64;
        left = left.saturating_sub(here);
        at.0 += here; // no overflow: `classify` has found `at` below the user limit
    }
    Ok(())
}
