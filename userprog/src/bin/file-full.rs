//! file-full: fills the volume. Writes come short and then give 0, create gives 0, nothing that was written is lost; and when the file
//! is gone exactly as much fits again.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, check, println, program, sys};

program!(run);

/// Bytes in one write: no divisor of a cluster, so that the last one comes short.
const BLOCK: usize = 7 * PAGE + 1000;

fn block(number: usize) -> [u8; BLOCK] {
    let mut block = [number as u8; BLOCK];
    block[..8].copy_from_slice(&number.to_le_bytes());
    block
}

fn run(_: Args) -> i32 {
    let first = fill();
    let second = fill();
    check!(first == second, "{first} bytes the first time, {second} the second");
    println!("file-full: {first} bytes");
    0
}

/// Fills, checks and empties; how many bytes there was room for.
fn fill() -> usize {
    check!(sys::create(c"full", 0), "no file");
    let fd = sys::open(c"full");
    let mut total = 0;
    for number in 0.. {
        let n = sys::write(fd, &block(number));
        check!(n >= 0, "write at {total} gives {n}");
        total += n as usize;
        check!(sys::tell(fd) == total as i32, "a short write moved the position elsewhere");
        if n < BLOCK as i32 {
            break;
        }
    }
    check!(total > 0, "the volume was full before");
    check!(sys::write(fd, b"more") == 0, "a full volume takes more");
    check!(sys::filesize(fd) == total as i32, "{} bytes written, {total} there", sys::filesize(fd));
    check!(!sys::create(c"another", PAGE as u32), "a file was made on a full volume");
    check!(sys::open(c"another") == -1, "a failed create left something behind");
    sys::seek(fd, 0);
    let mut read = [0; BLOCK];
    for number in 0..=total / BLOCK {
        let n = sys::read(fd, &mut read);
        let expected = (total - number * BLOCK).min(BLOCK);
        check!(n == expected as i32, "read of block {number} gives {n}");
        check!(read[..expected] == block(number)[..expected], "block {number} was lost");
    }
    check!(sys::remove(c"full"), "not removed");
    check!(!sys::create(c"another", total as u32), "the room of a removed file that is open was given away");
    sys::close(fd);
    check!(sys::create(c"another", total as u32), "the room did not come back");
    check!(sys::remove(c"another"), "not removed");
    total
}
