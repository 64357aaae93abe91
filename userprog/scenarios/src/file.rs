//! Files: opened, made, read and written whole; what a system call answers otherwise fails the scenario.

use core::ffi::CStr;

use userprog::{Random, check, sys};

use crate::child;
use crate::data::DataFile;

/// Length of the file that syn-read's children read.
pub const SHARED_LEN: usize = 1024;

/// Opens a file that must be there.
pub fn open(name: &CStr) -> i32 {
    let fd = sys::open(name);
    check!(fd >= 2, "open of {name:?} returned {fd}");
    fd
}

/// Makes a file that must not be there.
pub fn create(name: &CStr, size: usize) {
    check!(sys::create(name, size as u32), "{name:?} cannot be created");
}

/// Fills the buffer from where `fd` stands.
pub fn read(fd: i32, buffer: &mut [u8]) {
    let n = sys::read(fd, buffer);
    check!(n == buffer.len() as i32, "read of {} bytes returned {n}", buffer.len());
}

/// Writes all bytes from where `fd` stands.
pub fn write(fd: i32, bytes: &[u8]) {
    let n = sys::write(fd, bytes);
    check!(n == bytes.len() as i32, "write of {} bytes returned {n}", bytes.len());
}

/// Checks that what `fd` has from its start on is the data file, to the byte and not more. Leaves the position at the end.
pub fn expect_data(fd: i32, file: &DataFile) {
    let size = sys::filesize(fd);
    check!(size == file.len as i32, "filesize is {size}, not {}", file.len);
    sys::seek(fd, 0);
    let mut block = [0; 512];
    let mut at = 0;
    while at < file.len {
        let n = block.len().min(file.len - at);
        read(fd, &mut block[..n]);
        file.check(at, &block[..n]);
        at += n;
    }
    let n = sys::read(fd, &mut block);
    check!(n == 0, "read at the end returned {n}");
}

/// Checks that the file of that name holds exactly `bytes`.
pub fn expect_bytes(name: &CStr, bytes: &[u8]) {
    let fd = open(name);
    let size = sys::filesize(fd);
    check!(size == bytes.len() as i32, "{name:?} has {size} bytes, not {}", bytes.len());
    let mut block = [0; 512];
    for (i, wanted) in bytes.chunks(512).enumerate() {
        read(fd, &mut block[..wanted.len()]);
        check!(block[..wanted.len()] == *wanted, "{name:?} differs in its bytes from {} on", i * 512);
    }
    sys::close(fd);
}

/// Makes a file as long as `bytes` and writes them one block after the other; `next` tells the size of the next block. Then looks.
pub fn write_in_blocks(name: &CStr, bytes: &[u8], mut next: impl FnMut() -> usize) {
    create(name, bytes.len());
    let fd = open(name);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(next().min(rest.len()));
        write(fd, now);
        rest = later;
    }
    sys::close(fd);
    expect_bytes(name, bytes);
}

/// Makes a file and writes, then reads, its blocks of `block` bytes in random orders. `order` gives room for one number per block.
pub fn in_random_order(name: &CStr, bytes: &[u8], block: usize, order: &mut [u32]) {
    let mut random = Random::new(57);
    order.iter_mut().enumerate().for_each(|(i, place)| *place = i as u32);
    let place = |i: u32| i as usize * block..(i as usize + 1) * block;
    create(name, bytes.len());
    let fd = open(name);
    random.shuffle(order);
    for &i in &*order {
        sys::seek(fd, place(i).start as u32);
        write(fd, &bytes[place(i)]);
    }
    random.shuffle(order);
    let mut seen = [0; 512];
    for &i in &*order {
        sys::seek(fd, place(i).start as u32);
        read(fd, &mut seen[..block]);
        check!(seen[..block] == bytes[place(i)], "block {i} is not what was written");
    }
    sys::close(fd);
}

/// Rewrites the first bytes of the file `program` with what they are, before and after a child runs `command` and ends with `status`:
/// both must be done.
pub fn rewrite_around(program: &CStr, command: &CStr, status: i32) {
    let fd = open(program);
    let mut bytes = [0; 16];
    read(fd, &mut bytes);
    sys::seek(fd, 0);
    write(fd, &bytes);
    child::run(command, status);
    sys::seek(fd, 0);
    write(fd, &bytes);
}

/// Fills memory with the random bytes of a seed.
pub fn fill_random(bytes: &mut [u8], seed: u64) {
    let mut random = Random::new(seed);
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&random.next_u64().to_le_bytes()[..chunk.len()]);
    }
}
