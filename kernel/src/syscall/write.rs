//! write(2): to the console.

use crate::process;
use crate::sched;
use crate::vm::user;
use fl_abi::STDOUT;

/// Bytes copied at a time, on the kernel stack.
const CHUNK: usize = 256;

/// `write(fd, buffer, n)`: bytes written, or -1 for a descriptor that cannot be written to. A bad buffer ends the process.
///
/// What one call writes stands unbroken on the console.
pub fn write(fd: i32, buffer: u64, n: u32) -> i64 {
    if fd != STDOUT {
        return -1;
    }
    if user::probe(buffer, n as usize).is_err() {
        process::fail_copy() // before a byte of it is on the console
    }
    let mut bytes = [0; CHUNK];
    let mut console = sched::console();
    let mut done: u32 = 0;
    while done < n {
        let len = (n - done).min(CHUNK as u32);
        let piece = &mut bytes[..len as usize];
        // `buffer` is the program's: the sum may wrap, which `read` refuses.
        if user::read(buffer.wrapping_add(done.into()), piece).is_err() {
            drop(console);
            process::fail_copy()
        }
        console.write(piece);
        done += len;
    }
    i64::from(n)
}
