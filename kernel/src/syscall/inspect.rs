//! The interrupts by which pintos-kaist's tests look into the kernel: `int 0x42`, `0x43`, `0x44`.
//!
//! All registers but rax stay as they are. Source: pintos-kaist's `tests/lib.c` (`get_phys_addr`, `get_fs_disk_read_cnt`).

use crate::arch::cpu;
use crate::arch::entry::{PAGE_TOKEN, SECTORS_READ, SECTORS_WRITTEN, TrapFrame};
use crate::dev::block::{self, Counters};
use crate::process;
use crate::sync::Once;
use fl_abi::USER_LIMIT;
use fl_addr::{Pfn, VirtAddr};

/// Answers the interrupt in `frame`, interrupts off. It neither faults anything in nor touches it.
pub fn inspect(frame: &mut TrapFrame) {
    frame.rax = match frame.vector {
        PAGE_TOKEN => page_token(VirtAddr(frame.rax)),
        SECTORS_READ => disk(frame).map_or(0, Counters::sectors_read),
        SECTORS_WRITTEN => disk(frame).map_or(0, Counters::sectors_written),
        _ => return,
    };
}

/// What stands for the frame at `va`: 0 if none is mapped there, else a number that is the same exactly for the same frame, and no address.
fn page_token(va: VirtAddr) -> u64 {
    let process = process::current().filter(|_| va.0 < USER_LIMIT);
    process.and_then(|p| p.space.table.lookup(va.vpn())).map_or(0, |pte| token(pte.pfn()))
}

/// A permutation of the frame numbers under a key of this boot, above the bits of an offset into a page and not zero.
fn token(pfn: Pfn) -> u64 {
    static KEY: Once<u32> = Once::new();
    let key = *KEY.call_once(|| cpu::tsc() as u32);
    // Each step can be undone: exclusive or, multiplication by an odd number, mixing of the high half into the low one.
    let mut n = pfn.0 ^ key;
    for _ in 0..2 {
        n = n.wrapping_mul(0x9e37_79b9);
        n ^= n >> 16;
    }
    (1 << 32 | u64::from(n)) << 12
}

/// The disk that the program names in Pintos' way: channel in rdx, device in rcx. (0, 1) has the files, (1, 1) is for swap.
fn disk(frame: &TrapFrame) -> Option<&'static Counters> {
    let index = match (frame.rdx, frame.rcx) {
        (0, 1) => 0,
        (1, 1) => 1,
        _ => return None,
    };
    block::disks().get(index).map(|disk| disk.counters())
}
