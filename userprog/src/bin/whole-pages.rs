//! `whole-pages [PROCESSES [ROUNDS]]`: read(2) and write(2) of whole pages: shared by fork, never touched, of a mapping of the same file, up to the file's end;
//! then by several processes at once, which together want more pages pinned than may be.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, Mapping, PAGE, PageAligned, check, println, program, sys};

program!(run);

/// Whole pages of the file; a chunk and a little more.
const PAGES: usize = 9;
/// Bytes behind them.
const REST: usize = 100;
const LEN: usize = PAGES * PAGE + REST;
const FILE: &core::ffi::CStr = c"whole";
const MAPPED: usize = 0x1000_0000;

static mut BUFFER: PageAligned<[u8; (PAGES + 1) * PAGE]> = PageAligned([0; (PAGES + 1) * PAGE]);
static mut UNTOUCHED: PageAligned<[u8; 2 * PAGE]> = PageAligned([0; 2 * PAGE]);

/// What stands at `at` of the file.
fn byte(at: usize) -> u8 {
    (at / PAGE * 31 + at % 251) as u8
}

fn buffer() -> Mapping {
    Mapping::nothing_at((&raw mut BUFFER) as usize)
}

/// Fills the buffer and writes it, all at once.
fn write_all(fd: i32) {
    (0..LEN).for_each(|at| buffer().store(at, byte(at)));
    sys::seek(fd, 0);
    check!(buffer().write_from(0, LEN, fd) == LEN as i32, "not all was written");
}

/// Reads the file into the buffer, all at once, and compares.
fn read_all(fd: i32) {
    sys::seek(fd, 0);
    buffer().store(LEN, b'!');
    let got = buffer().read_into(0, (PAGES + 1) * PAGE, fd);
    check!(got == LEN as i32, "{got} bytes read");
    compare(buffer(), 0, LEN);
    check!(buffer().load(LEN) == b'!', "a byte was changed behind the end of the file");
}

/// Compares memory with `len` bytes of the file from `from` on.
fn compare(memory: Mapping, from: usize, len: usize) {
    for at in 0..len {
        let (is, wanted) = (memory.load(at), byte(from + at));
        check!(is == wanted, "byte {at} is {is} and not {wanted}");
    }
}

fn child(body: impl FnOnce()) -> i32 {
    let pid = sys::fork(c"whole-kid");
    if pid == 0 {
        body();
        sys::exit(0);
    }
    check!(pid > 0, "fork failed");
    pid
}

/// What one reads into pages that fork has shared the other does not see.
fn shared_by_fork(fd: i32) {
    (0..LEN).for_each(|at| buffer().store(at, b'p'));
    let kid = child(|| read_all(fd));
    check!(sys::wait(kid) == 0, "the child failed");
    (0..LEN).for_each(|at| check!(buffer().load(at) == b'p', "the child's read changed byte {at} here"));
    read_all(fd);
}

/// Pages that were never touched are zero in the file.
fn never_touched() {
    check!(sys::create(c"zeroes", 0), "no file");
    let fd = sys::open(c"zeroes");
    let untouched = Mapping::nothing_at((&raw mut UNTOUCHED) as usize);
    // The file grows by this: there is nothing yet that could be written in whole pages; the second time there is.
    for _ in 0..2 {
        sys::seek(fd, 0);
        check!(untouched.write_from(0, 2 * PAGE, fd) == 2 * PAGE as i32, "not written");
    }
    sys::seek(fd, 0);
    (0..2 * PAGE).for_each(|at| buffer().store(at, b'x'));
    check!(buffer().read_into(0, 2 * PAGE, fd) == 2 * PAGE as i32, "not read");
    (0..2 * PAGE).for_each(|at| check!(buffer().load(at) == 0, "byte {at} is not zero"));
    sys::close(fd);
    check!(sys::remove(c"zeroes"), "not removed");
}

/// The file's first pages are read into a mapping of the same file, two pages on, and are in the file when the mapping has gone.
fn into_a_mapping_of_itself(fd: i32) {
    // SAFETY: nothing of Rust's is there.
    let map = unsafe { Mapping::of(fd, MAPPED) };
    sys::seek(fd, 0);
    check!(map.read_into(2 * PAGE, 3 * PAGE, fd) == 3 * PAGE as i32, "not read into the mapping");
    compare(Mapping::nothing_at(MAPPED + 2 * PAGE), 0, 3 * PAGE);
    map.end();
    sys::seek(fd, 2 * PAGE as u32);
    check!(buffer().read_into(0, 3 * PAGE, fd) == 3 * PAGE as i32, "not read");
    compare(buffer(), 0, 3 * PAGE);
    write_all(fd);
}

/// One of many processes that read the file and write the same to it again, by a descriptor that they have inherited.
fn at_once(fd: i32, rounds: usize) {
    for _ in 0..rounds {
        read_all(fd);
        sys::seek(fd, 0);
        check!(buffer().write_from(0, PAGES * PAGE, fd) == (PAGES * PAGE) as i32, "not all was written");
    }
}

fn run(args: Args) -> i32 {
    let (processes, rounds) = (args.value(1, 0), args.value(2, 3));
    check!(sys::create(FILE, 0), "no file");
    let fd = sys::open(FILE);
    write_all(fd); // makes the file larger
    write_all(fd); // and stays inside it
    read_all(fd);
    shared_by_fork(fd);
    never_touched();
    into_a_mapping_of_itself(fd);
    let mut kids = [0; 16];
    let kids = &mut kids[..processes];
    kids.fill_with(|| child(|| at_once(fd, rounds)));
    for &kid in kids.iter() {
        check!(sys::wait(kid) == 0, "a child failed");
    }
    read_all(fd);
    sys::close(fd);
    check!(sys::remove(FILE), "not removed");
    println!("whole-pages: all as it was written");
    0
}
