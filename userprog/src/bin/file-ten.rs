//! file-ten: ten processes write their shares of one file, reading the whole of it meanwhile; it must hold all of them.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, PAGE, Random, cformat, check, program, sys};

program!(run);

const PROCESSES: usize = 10;
/// Bytes of one share: no multiple of a sector, so that neighbours share sectors.
const SHARE: usize = 3001;
const SIZE: usize = PROCESSES * SHARE;

/// Byte `i` of the file when it is done.
fn byte(i: usize) -> u8 {
    (i / SHARE * 31 + i % 251) as u8 | 1
}

fn run(args: Args) -> i32 {
    check!(sys::create(c"shared", SIZE as u32), "no file");
    let mut children = [0; PROCESSES];
    for (number, child) in children.iter_mut().enumerate() {
        *child = sys::fork(&cformat!("writer-{number}"));
        if *child == 0 {
            write_share(number, &mut Random::new(args.value(1, 1) + number as u64));
            sys::exit(number as i32);
        }
        check!(*child > 0, "no process {number}");
    }
    for (number, child) in children.into_iter().enumerate() {
        let status = sys::wait(child);
        check!(status == number as i32, "process {number} ended with {status}");
    }
    let fd = sys::open(c"shared");
    let mut content = [0; SIZE];
    check!(sys::read(fd, &mut content) == SIZE as i32, "the file is cut");
    for (i, &b) in content.iter().enumerate() {
        check!(b == byte(i), "byte {i}, of process {}, is {b}", i / SHARE);
    }
    check!(sys::remove(c"shared"), "not removed");
    0
}

fn write_share(number: usize, random: &mut Random) {
    let fd = sys::open(c"shared");
    let mut content = [0; SIZE];
    let mut at = number * SHARE;
    let end = at + SHARE;
    while at < end {
        let len = (1 + random.below(PAGE / 4)).min(end - at);
        let mut piece = [0; PAGE / 4];
        piece.iter_mut().zip(at..end).for_each(|(to, i)| *to = byte(i));
        sys::seek(fd, at as u32);
        check!(sys::write(fd, &piece[..len]) == len as i32, "write of {len} bytes at {at}");
        at += len;
        sys::seek(fd, 0);
        check!(sys::read(fd, &mut content) == SIZE as i32, "the file is cut");
        for (i, &b) in content.iter().enumerate() {
            // Others may not have come to it; what is ours must be there.
            let own = (number * SHARE..at).contains(&i);
            check!(b == byte(i) || (b == 0 && !own), "byte {i}, of process {}, is {b}", i / SHARE);
        }
    }
}
