//! wait-rules: what wait() returns: every status, once; -1 for who is no child, for a grandchild, for oneself, for a killed child, and after
//! the first time; in any order of ends and waits.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, check, println, program, sys};

program!(run);

fn child(body: impl FnOnce() -> i32) -> i32 {
    match sys::fork(c"wait-rules-kid") {
        0 => sys::exit(body()),
        pid => {
            check!(pid > 0, "fork failed");
            pid
        }
    }
}

fn run(_: Args) -> i32 {
    for status in [0, 1, 81, -1, -57, i32::MIN, i32::MAX] {
        let pid = child(|| status);
        let first = sys::wait(pid);
        check!(first == status, "a child that exits with {status} gives {first}");
        let second = sys::wait(pid);
        check!(second == -1, "the second wait for it gives {second}");
    }
    for pid in [0, -1, 1, 12345, i32::MIN, i32::MAX] {
        let status = sys::wait(pid);
        check!(status == -1, "wait for {pid}, which is no child, gives {status}");
    }
    let killed = child(|| {
        // SAFETY: none: the kernel must end the process here.
        unsafe { core::ptr::without_provenance::<u8>(8).read_volatile() }.into()
    });
    check!(sys::wait(killed) == -1, "a killed child gives another status than -1");
    // A grandchild is its parent's alone, and a sibling nobody's child.
    let elder = child(|| 5);
    let parent = child(|| {
        let grandchild = child(|| 7);
        if sys::wait(elder) != -1 {
            return 1;
        }
        grandchild // alive or dead: an orphan from now on
    });
    let grandchild = sys::wait(parent);
    check!(grandchild > 1, "the parent of a grandchild gives {grandchild}");
    check!(sys::wait(grandchild) == -1, "a grandchild can be waited for");
    check!(sys::wait(elder) == 5, "the sibling's attempt has used the wait up");
    // Against the order of their ends, which come while others are waited for.
    let all: [i32; 8] = core::array::from_fn(|i| child(move || i as i32 + 100));
    for (i, pid) in all.into_iter().enumerate().rev() {
        let status = sys::wait(pid);
        check!(status == i as i32 + 100, "child {i} gives {status}");
    }
    println!("wait-rules: every child was waited for once");
    0
}
