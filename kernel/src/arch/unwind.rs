//! Backtraces by frame pointers; the whole kernel is compiled with them.

/// Frames a backtrace shows at most.
pub const DEPTH: usize = 32;

/// Walks the chain of frame pointers from `rbp`, giving each return address to `f`. Stops at anything implausible.
///
/// `readable` says whether a word may be read: a broken chain must not make a panic fault again.
pub fn walk(mut rbp: u64, readable: impl Fn(u64) -> bool, mut f: impl FnMut(u64)) {
    for _ in 0..DEPTH {
        if rbp == 0 || !rbp.is_multiple_of(8) || !readable(rbp) || !readable(rbp + 8) {
            return;
        }
        // SAFETY: both words are readable, says the caller's predicate, and aligned.
        let (next, ret) = unsafe { (*(rbp as *const u64), *((rbp + 8) as *const u64)) };
        if ret == 0 {
            return;
        }
        f(ret);
        if next <= rbp {
            return; // stacks grow down: a caller's frame lies higher
        }
        rbp = next;
    }
}

/// The frame pointer of the function that calls this.
#[inline(always)]
pub fn frame_pointer() -> u64 {
    let rbp: u64;
    // SAFETY: copies a register.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    rbp
}
