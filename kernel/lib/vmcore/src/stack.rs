//! The stack rule: which faults below the mapped stack make it grow.

use fl_abi::{STACK_LIMIT, STACK_SLACK, USER_STACK};
use fl_addr::VirtAddr;

/// Whether a first touch of `va` belongs to the stack of a thread whose user stack pointer is `user_rsp`: not more than 8 bytes
/// below it (`push` and `call` store before rsp moves) and inside [USER_STACK - 1 MiB, USER_STACK).
///
/// `user_rsp` is the user's value at the fault or, inside a system call, at its entry; the user may set it to anything.
pub const fn may_grow(va: VirtAddr, user_rsp: VirtAddr) -> bool {
    let inside = va.0 >= USER_STACK - STACK_LIMIT && va.0 < USER_STACK;
    // Saturating: with rsp below 8 the whole window is above it. The other way round nothing can wrap.
    inside && va.0 >= user_rsp.0.saturating_sub(STACK_SLACK)
}
