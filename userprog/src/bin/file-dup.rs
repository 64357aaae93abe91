//! file-dup: what dup2 shares, what a forked child keeps of it, and that the console's descriptors are like any other.
#![cfg_attr(target_os = "none", no_std, no_main)]

use fl_abi::{STDIN, STDOUT};
use userprog::{Args, check, println, program, sys};

program!(run);

/// The descriptors of one file under test: the second shares with the first, the third is of another open.
struct Three {
    one: i32,
    shared: i32,
    other: i32,
}

impl Three {
    fn positions(&self) -> [i32; 3] {
        [sys::tell(self.one), sys::tell(self.shared), sys::tell(self.other)]
    }
}

fn run(_: Args) -> i32 {
    check!(sys::create(c"dup", 0), "no file");
    let one = sys::open(c"dup");
    let fds = Three { one, shared: sys::dup2(one, 462), other: sys::open(c"dup") };
    check!(fds.shared == 462 && fds.other != one, "{one}, {}, {}", fds.shared, fds.other);
    check!(sys::write(fds.shared, b"abcdef") == 6, "write");
    check!(fds.positions() == [6, 6, 0], "{:?} after a write", fds.positions());
    children(&fds);
    onto_itself_and_others(&fds);
    console(&fds);
    check!(sys::remove(c"dup"), "not removed");
    0
}

/// Each moves on its own, and in each the same descriptors share.
fn children(fds: &Three) {
    let child = sys::fork(c"child");
    if child == 0 {
        check!(fds.positions() == [6, 6, 0], "the child begins at {:?}", fds.positions());
        sys::seek(fds.one, 2);
        check!(fds.positions() == [2, 2, 0], "the child's seek: {:?}", fds.positions());
        check!(sys::write(fds.shared, b"XY") == 2, "the child's write");
        sys::close(fds.one);
        check!(fds.positions() == [-1, 4, 0], "the child's close: {:?}", fds.positions());
        let grandchild = sys::fork(c"grandchild");
        if grandchild == 0 {
            check!(fds.positions() == [-1, 4, 0], "the grandchild begins at {:?}", fds.positions());
            sys::exit(12);
        }
        check!(sys::wait(grandchild) == 12, "the grandchild failed");
        sys::exit(11);
    }
    check!(sys::wait(child) == 11, "the child failed");
    check!(fds.positions() == [6, 6, 0], "the child moved the parent's: {:?}", fds.positions());
    let mut content = [0; 6];
    check!(sys::read(fds.other, &mut content) == 6 && content == *b"abXYef", "the file holds {content:?}");
    sys::seek(fds.other, 0);
}

fn onto_itself_and_others(fds: &Three) {
    check!(sys::dup2(fds.one, fds.one) == fds.one, "dup2 onto itself");
    check!(sys::dup2(99, fds.one) == -1 && sys::dup2(-1, fds.one) == -1, "dup2 of nothing");
    check!(sys::dup2(fds.one, -1) == -1, "dup2 to -1");
    check!(fds.positions() == [6, 6, 0], "dup2 that does nothing: {:?}", fds.positions());
    check!(sys::dup2(fds.other, 462) == 462, "dup2 onto an open one");
    check!(fds.positions() == [6, 0, 0], "dup2 onto an open one: {:?}", fds.positions());
    check!(sys::dup2(fds.one, i32::MAX) == i32::MAX, "dup2 to the highest number");
    sys::seek(i32::MAX, 3);
    check!(fds.positions() == [3, 0, 0], "the highest number shares: {:?}", fds.positions());
    sys::close(i32::MAX);
    check!(fds.positions() == [3, 0, 0], "closing it closed more: {:?}", fds.positions());
}

fn console(fds: &Three) {
    check!(sys::dup2(STDOUT, 7) == 7, "dup2 of the console");
    check!(sys::write(7, b"file-dup: by another number\n") == 28, "write to it");
    sys::seek(fds.one, 0);
    check!(sys::dup2(fds.one, STDOUT) == STDOUT, "dup2 onto the console");
    println!("into the file");
    check!(sys::dup2(7, STDOUT) == STDOUT, "dup2 back");
    sys::close(7);
    println!("file-dup: on the console again");
    let mut content = [0; 14];
    sys::seek(fds.one, 0);
    check!(sys::read(fds.one, &mut content) == 14 && content == *b"into the file\n", "it holds {content:?}");
    sys::close(STDIN);
    let fd = sys::open(c"dup");
    check!(fd >= 2, "after close(0) open gives {fd}");
    check!(sys::read(STDIN, &mut content) == -1, "read of what is closed");
    sys::close(STDOUT);
    check!(
        sys::write(STDOUT, b"file-dup: FAILED: closed, and yet it prints\n") == -1,
        "write to what is closed"
    );
}
