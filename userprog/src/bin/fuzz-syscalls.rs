//! `fuzz-syscalls [SEED [CALLS [PROCESSES]]]`: makes so many random system calls (20000) with random arguments, in so many processes at
//! once (1); the kernel must outlive them.
//!
//! They are made by children, each of which makes some with good pointers, which it must survive whatever the numbers are, and then, every
//! second child, one that is wild in every respect and may end it. halt is never called, and the console's descriptors are closed first.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;

use fl_abi::{Syscall, USER_LIMIT, USER_STACK};
use userprog::{Args, Random, check, println, program, sys};

program!(run);

/// Calls of one child before its last.
const TAME: u32 = 200;
/// A child that came to its end says so by this status; one whose wild call was exit, by the other.
const SURVIVED: i32 = 7;
const EXITED: i32 = 8;

const PROCESSES_MAX: usize = 16;

/// Memory that calls may read and write.
type Arena = [u8; 16 << 10];

/// Where files are mapped: so few pages that mappings meet.
const WINDOW: u64 = 0x10_0000_0000;
const WINDOW_PAGES: usize = 48;
const PAGE: u64 = 4096;

const NAMES: [&CStr; 10] = [
    c"fuzz-a",
    c"fuzz-b",
    c"fuzz-c",
    c"Fuzz-C",
    c"\x01\xfe .",
    c"fuzz-fourteen-",
    c"",
    c"a name that is too long for a file",
    c"no such program",
    c"//",
];

fn run(args: Args) -> i32 {
    let seed = args.value(1, 1);
    let calls = args.value(2, 20_000u32);
    let processes = args.value(3, 1usize);
    check!((1..=PROCESSES_MAX).contains(&processes), "{processes} processes: must be 1 to {PROCESSES_MAX}");
    let mut pids = [0; PROCESSES_MAX];
    let pids = &mut pids[..processes];
    for (number, pid) in pids.iter_mut().enumerate() {
        *pid = sys::fork(c"fuzz-driver");
        if *pid == 0 {
            drive(&mut Random::new(seed + number as u64), calls / processes as u32);
            return 0;
        }
        check!(*pid > 0, "process {number} cannot be made");
    }
    for pid in pids {
        let status = sys::wait(*pid);
        check!(status == 0, "a driver ended with {status}");
    }
    for name in NAMES {
        sys::remove(name);
    }
    0
}

/// Makes children, one after the other, that make so many calls.
fn drive(random: &mut Random, calls: u32) {
    let mut arena: Arena = [0; _];
    arena.iter_mut().for_each(|byte| *byte = random.next_u64() as u8);
    let (mut made, mut killed) = (0, 0);
    for child in 0.. {
        if made >= calls {
            break;
        }
        let wild = child % 2 == 1;
        let seed = random.next_u64();
        let pid = sys::fork(c"fuzz");
        if pid == 0 {
            be_child(&mut Random::new(seed), &mut arena, wild);
        }
        check!(pid > 0, "child {child} cannot be made");
        let status = sys::wait(pid);
        check!(
            status == SURVIVED || (wild && (status == -1 || status == EXITED)),
            "child {child} (seed {seed}) ended with {status} of calls that nobody dies of"
        );
        killed += u32::from(status == -1);
        made += TAME + u32::from(wild);
    }
    println!("fuzz-syscalls: {made} calls, {killed} children killed");
}

fn be_child(random: &mut Random, arena: &mut Arena, wild: bool) -> ! {
    sys::close(fl_abi::STDIN);
    sys::close(fl_abi::STDOUT);
    for _ in 0..TAME {
        tame(random, arena);
    }
    if wild {
        let (number, arguments) = draw_wild(random);
        // SAFETY: not for this program: whatever happens to it, it makes no further call but exit. The kernel is what is tested.
        let result = unsafe { sys::raw(number, arguments) };
        if number == Syscall::Fork as u64 && result == 0 {
            sys::exit(0);
        }
    }
    sys::exit(SURVIVED)
}

/// A call that nobody dies of: pointers are good, numbers are any.
fn tame(random: &mut Random, arena: &mut Arena) {
    const CALLS: [Syscall; 16] = [
        Syscall::Fork,
        Syscall::Wait,
        Syscall::Create,
        Syscall::Remove,
        Syscall::Open,
        Syscall::Open,
        Syscall::Filesize,
        Syscall::Read,
        Syscall::Write,
        Syscall::Seek,
        Syscall::Tell,
        Syscall::Close,
        Syscall::Dup2,
        Syscall::Mmap,
        Syscall::Mmap,
        Syscall::Munmap,
    ];
    let call = match CALLS[random.below(CALLS.len())] {
        Syscall::Fork if random.below(8) != 0 => Syscall::Wait, // forks cost more than others
        call => call,
    };
    if call == Syscall::Mmap {
        return map(random);
    }
    let (mut a, mut b, mut c) = (descriptor(random), number(random), number(random));
    match call {
        Syscall::Fork | Syscall::Create | Syscall::Remove | Syscall::Open => {
            a = NAMES[random.below(NAMES.len())].as_ptr() as u64;
        }
        Syscall::Read | Syscall::Write => {
            let at = random.below(arena.len() + 1);
            let len = random.below(arena.len() - at + 1) >> random.below(12);
            b = arena.as_mut_ptr() as u64 + at as u64;
            c = high(random) | len as u64;
        }
        Syscall::Wait => a = random.below(1 << 16) as u64,
        Syscall::Dup2 => b = descriptor(random),
        Syscall::Munmap => a = in_window(random),
        _ => {}
    }
    // SAFETY: names are strings, buffers lie in the arena, which nobody borrows; to the window nothing refers; the other arguments are numbers.
    let result = unsafe { sys::raw(call as u64, [a, b, c, random.next_u64(), 0, 0]) };
    if matches!(call, Syscall::Fork) {
        if result == 0 {
            sys::exit(0);
        }
        if random.below(2) == 0 {
            sys::wait(result as i32);
        }
    }
}

/// Maps something or fails to; what is mapped is looked at, stored to, and filled by read: from any file, the mapped one among them.
fn map(random: &mut Random) {
    let at = in_window(random);
    let len = if random.below(4) == 0 { number(random) } else { PAGE * random.below(6) as u64 };
    let offset = if random.below(4) == 0 { number(random) } else { PAGE * random.below(4) as u64 };
    let writable = random.below(4) != 0;
    let arguments = [at, len, high(random) | u64::from(writable), descriptor(random), offset, 0];
    // SAFETY: in the window there is nothing but mappings of files, to which nothing refers.
    if unsafe { sys::raw(Syscall::Mmap as u64, arguments) } == 0 {
        return;
    }
    check!(at.is_multiple_of(PAGE) && at != 0 && len > 0, "{at:#x}, {len} bytes are mapped");
    let last = at + (len - 1).min(WINDOW_PAGES as u64 * PAGE);
    let byte = core::hint::black_box(last as *mut u8);
    // SAFETY: the call says that these bytes are the program's now, whatever they hold.
    let old = unsafe { byte.read_volatile() };
    if writable && old % 2 == 0 {
        // SAFETY: as above; the mapping is writable.
        unsafe { byte.write_volatile(old.wrapping_add(1)) };
        let into = [descriptor(random), at, last + 1 - at, 0, 0, 0];
        // SAFETY: as above.
        unsafe { sys::raw(Syscall::Read as u64, into) };
    }
}

/// An address in the window: mostly where a page begins.
fn in_window(random: &mut Random) -> u64 {
    let page = WINDOW + PAGE * random.below(WINDOW_PAGES) as u64;
    if random.below(8) == 0 { page + random.below(PAGE as usize) as u64 } else { page }
}

/// Anything but halt, and nothing that could write to this program's own memory.
fn draw_wild(random: &mut Random) -> (u64, [u64; 6]) {
    let number = match random.below(4) {
        0 => random.next_u64() | 32,
        1 => Syscall::Dup2 as u64 + random.below(6) as u64,
        _ => 1 + random.below(Syscall::Munmap as usize) as u64,
    };
    let mut arguments = [(); 6].map(|()| pointer(random));
    if number == Syscall::Exit as u64 {
        arguments[0] = EXITED as u64;
    }
    if matches!(Syscall::from_number(number), Some(Syscall::Read | Syscall::Write | Syscall::Dup2)) {
        arguments[0] = descriptor(random);
        arguments[2] = random.next_u64() >> random.below(64);
    }
    (number, arguments)
}

/// An address that is not the program's to write to: nothing, almost nothing, its text, below its stack, the kernel's, any.
fn pointer(random: &mut Random) -> u64 {
    let near = random.below(64) as u64;
    match random.below(8) {
        0 => near,
        1 => run as *const () as u64 + near,
        2 => USER_STACK - (900 << 10) + near,
        3 => USER_STACK - 1 + near,
        4 => USER_LIMIT - 32 + near,
        5 => u64::MAX - near,
        6 => 0xffff_8000_0000_0000 + (random.next_u64() >> 20),
        _ => random.next_u64(),
    }
}

/// A descriptor: mostly one that may be open.
fn descriptor(random: &mut Random) -> u64 {
    high(random)
        | match random.below(10) {
            0..8 => random.below(12) as u64,
            8 => 462,
            _ => random.next_u64() & 0xffff_ffff,
        }
}

/// A size or position: a few pages, or so much that no volume has room for it.
fn number(random: &mut Random) -> u64 {
    high(random)
        | match random.below(10) {
            0..9 => random.below(40_000) as u64,
            _ => (1 << 30) | (random.next_u64() & 0xffff_ffff),
        }
}

/// What stands above a number of 32 bits.
fn high(random: &mut Random) -> u64 {
    if random.below(4) == 0 { random.next_u64() << 32 } else { 0 }
}
