//! file-removed: a file that is removed while open lives on without a name, beside a new one of that name, until its last close.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, program, sys};

program!(run);

const SIZE: usize = 9000;

fn check_content(fd: i32, byte: u8, what: &str) {
    let mut content = [0; SIZE];
    sys::seek(fd, 0);
    check!(sys::read(fd, &mut content) == SIZE as i32, "{what} is cut");
    check!(content.iter().all(|&b| b == byte), "{what} holds other bytes");
}

fn run(_: Args) -> i32 {
    check!(sys::create(c"gone", 0), "no file");
    let old = sys::open(c"gone");
    check!(sys::write(old, &[b'o'; SIZE]) == SIZE as i32, "the old file cannot be filled");
    check!(sys::remove(c"gone"), "not removed");
    check!(sys::open(c"gone") == -1, "its name is still there");
    check!(!sys::remove(c"gone"), "removed twice");
    check_content(old, b'o', "the removed file");
    check!(sys::create(c"gone", 0), "its name is not free");
    let new = sys::open(c"gone");
    check!(sys::write(new, &[b'n'; SIZE]) == SIZE as i32, "the new file cannot be filled");
    check_content(old, b'o', "the removed file beside a new one");
    check_content(new, b'n', "the new file");
    // It can still be written to, and grows; a child keeps it beyond its parent's close.
    let child = sys::fork(c"child");
    if child == 0 {
        sys::seek(old, SIZE as u32);
        check!(sys::write(old, &[b'+'; SIZE]) == SIZE as i32, "the removed file does not grow");
        sys::close(new);
        check_content(old, b'o', "the removed file in a child");
        sys::exit(3);
    }
    sys::close(old);
    check!(sys::wait(child) == 3, "the child failed");
    check_content(new, b'n', "the new file at the end");
    check!(sys::remove(c"gone"), "the new file was not removed");
    check_content(new, b'n', "the new file without its name");
    0
}
