//! fresh-frames: children fill frames with a secret and give them back in every way; no page that the kernel hands out holds it, or anything
//! else that nobody put there.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use userprog::{Args, Mapping, PAGE, PageAligned, check, println, program, sys};

program!(run);

const PAGES: usize = 300;
/// Steps down the stack, of two pages each.
const STEPS: usize = 60;
const HERE: usize = 0x1000_0000;
static mut MEMORY: PageAligned<[u8; PAGES * PAGE]> = PageAligned([0; PAGES * PAGE]);

fn memory() -> Mapping {
    Mapping::nothing_at(&raw mut MEMORY as usize)
}

/// Fills all memory, by copies of what is shared and by new pages, some of a file's.
fn fill(fd: i32) {
    for at in 0..PAGES * PAGE {
        memory().store(at, b'S');
    }
    // SAFETY: nothing of Rust's lies there.
    let map = unsafe { Mapping::of(fd, HERE) };
    for at in 0..PAGE {
        map.store(at, b'S'); // behind the file's end, too
    }
}

/// Goes down the stack, two pages a step, and looks at the lower one of each before anything is stored there.
#[inline(never)]
fn stack_is_fresh(depth: usize) -> bool {
    // Uninitialised on purpose: what the kernel has put there is looked at.
    let mut pages = core::mem::MaybeUninit::<[u8; 2 * PAGE]>::uninit();
    let memory = Mapping::nothing_at(pages.as_mut_ptr() as usize);
    // The program may have been in the uppermost ones before; and the lowest bytes are made room for by a push.
    let fresh = depth > STEPS - 4 || (16..PAGE).all(|at| memory.load(at) == 0);
    black_box(&mut pages);
    fresh && (depth == 0 || stack_is_fresh(depth - 1))
}

fn look(fd: i32) {
    for at in 0..PAGES * PAGE {
        let byte = memory().load(at);
        check!(byte == 0, "byte {at} of fresh memory holds {byte:#x}");
    }
    check!(stack_is_fresh(STEPS), "a fresh page of the stack holds something");
    // SAFETY: nothing of Rust's lies there.
    let map = unsafe { Mapping::of(fd, HERE) };
    check!((10..PAGE).all(|at| map.load(at) == 0), "behind the end of a file lies something");
}

fn child(body: impl FnOnce()) -> i32 {
    let pid = sys::fork(c"fresh-kid");
    if pid == 0 {
        body();
        sys::exit(0);
    }
    sys::wait(pid)
}

fn run(args: Args) -> i32 {
    if args.get(1) == Some("look") {
        let fd = sys::open(c"ten");
        look(fd);
        return 0;
    }
    check!(sys::create(c"ten", 10), "no file");
    let fd = sys::open(c"ten");
    let ends: [fn(); 3] = [
        || sys::exit(0),
        || Mapping::nothing_at(0).store(0, 1),
        || {
            sys::exec(c"fresh-frames look");
        },
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let status = child(|| {
            fill(fd);
            end();
        });
        check!(status == if number == 1 { -1 } else { 0 }, "the child that fills ended with {status}");
        let status = child(|| look(fd));
        check!(status == 0, "the child that looks ended with {status}");
    }
    look(fd);
    sys::close(fd);
    check!(sys::remove(c"ten"), "not removed");
    println!("fresh-frames: {PAGES} pages, all fresh");
    0
}
