//! map-bad: what must kill beside mappings, each in a child of its own; what mmap must refuse without a change; mappings against the stack.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_STACK};
use userprog::{Args, Mapping, PAGE, check, println, program, sys};

program!(run);

const HERE: usize = 0x1000_0000;
/// The lowest address that the stack may come to take.
const STACK: usize = (USER_STACK - STACK_LIMIT) as usize;

fn map(address: usize, len: usize, writable: bool, fd: i32) -> Option<Mapping> {
    // SAFETY: nothing of Rust's lies where this program maps; what is refused changes nothing.
    unsafe { Mapping::try_at(address, len, writable, fd, 0) }
}

fn must(mapping: Option<Mapping>) -> Mapping {
    check!(mapping.is_some(), "a good mapping is refused");
    mapping.unwrap_or(Mapping::nothing_at(0))
}

/// A mapping of three pages with a hole of unmapped addresses around.
fn three(fd: i32, writable: bool) -> Mapping {
    must(map(HERE, 3 * PAGE, writable, fd))
}

/// What it does, and the deed: given the file.
type Deed = (&'static str, fn(i32));

const DEADLY: [Deed; 8] = [
    ("a load after munmap", |fd| {
        let map = three(fd, true);
        map.load(0);
        map.end();
        map.load(0);
    }),
    ("a store after munmap of what was never touched", |fd| {
        let map = three(fd, true);
        map.end();
        map.store(2 * PAGE, 1);
    }),
    ("a store to a mapping that may be read", |fd| {
        let map = three(fd, false);
        map.load(0);
        map.store(0, 1);
    }),
    ("a kernel's store to a mapping that may be read", |fd| {
        three(fd, false).read_into(0, 1, fd);
    }),
    ("a load behind the last page", |fd| {
        three(fd, true).load(3 * PAGE);
    }),
    ("a store to what the parent unmaps after it was inherited", |fd| {
        let map = three(fd, true);
        map.store(0, 1);
        let child = sys::fork(c"map-bad-kid");
        if child == 0 {
            map.store(1, 2); // still there
            map.end();
            map.store(1, 3);
            sys::exit(1);
        }
        let status = sys::wait(child);
        check!(status == -1 && map.load(1) == 2, "the child ended with {status}");
        map.end();
        map.load(0);
    }),
    ("code in a mapping", |fd| {
        let map = three(fd, true);
        map.store(0, 0xc3);
        // SAFETY: there is a `ret`, in memory that may not be executed; the kernel ends the program.
        unsafe { core::mem::transmute::<usize, extern "C" fn()>(HERE)() };
    }),
    ("a mapping taken by the kernel's eyes only", |fd| {
        // A buffer half in a mapping, half behind it.
        three(fd, true).write_from(3 * PAGE - 10, 20, fd);
    }),
];

fn refused(fd: i32) {
    let own = must(map(HERE, 3 * PAGE, true, fd));
    own.store(0, b'k');
    let text = run as *const () as usize & !(PAGE - 1);
    for (address, len) in [
        (0, PAGE),
        (HERE + 1, PAGE),
        (HERE, PAGE),
        (HERE + 2 * PAGE, 1),
        (HERE - PAGE, 2 * PAGE),
        (HERE - PAGE, PAGE + 1),
        (HERE + PAGE * 8, 0),
        (text, 1),
        (STACK, PAGE),
        (STACK - PAGE, PAGE + 1),
        (USER_STACK as usize - PAGE, PAGE),
        (USER_LIMIT as usize - PAGE, 2 * PAGE),
        (USER_LIMIT as usize, PAGE),
        (HERE + 8 * PAGE, usize::MAX),
        (HERE + 8 * PAGE, usize::MAX - HERE - 8 * PAGE),
        (HERE + 8 * PAGE, usize::MAX - PAGE + 2),
        (usize::MAX - PAGE + 1, PAGE),
        (0xffff_8000_0000_0000, PAGE),
    ] {
        check!(map(address, len, true, fd).is_none(), "{len:#x} bytes are mapped at {address:#x}");
    }
    for no_file in [-1, 0, 1, 99] {
        check!(map(HERE + 8 * PAGE, PAGE, true, no_file).is_none(), "descriptor {no_file} is mapped");
    }
    // Not the beginning of a mapping: no effect.
    Mapping::nothing_at(HERE + PAGE).end();
    Mapping::nothing_at(text).end();
    Mapping::nothing_at(STACK).end();
    Mapping::nothing_at(usize::MAX).end();
    check!(own.load(0) == b'k', "something has changed");
    own.end();
}

/// Uses `depth` pages of stack.
#[inline(never)]
fn deep(depth: usize) -> usize {
    let mut page = black_box([depth as u8; PAGE]);
    page[0] = black_box(page[1]);
    if depth == 0 { 0 } else { deep(depth - 1) + usize::from(black_box(page[0]) == depth as u8) }
}

fn beside_the_stack(fd: i32) {
    let below = must(map(STACK - 3 * PAGE, 3 * PAGE, true, fd));
    below.store(3 * PAGE - 1, b's');
    check!(deep(200) == 200, "the stack does not grow towards a mapping");
    check!(below.load(3 * PAGE - 1) == b's', "the stack has grown into a mapping");
    below.end();
}

fn run(_: Args) -> i32 {
    check!(sys::create(c"three", 3 * PAGE as u32), "no file");
    let fd = sys::open(c"three");
    for (what, deed) in DEADLY {
        let child = sys::fork(c"map-bad-kid");
        if child == 0 {
            deed(fd);
            println!("map-bad: {what} did not kill");
            sys::exit(1);
        }
        let status = sys::wait(child);
        check!(status == -1, "{what}: {status}");
    }
    refused(fd);
    beside_the_stack(fd);
    sys::close(fd);
    check!(sys::remove(c"three"), "not removed");
    println!("map-bad: {} ways to die", DEADLY.len());
    0
}
