//! map-share: processes that map one file: stores seen at once, what the file holds after each way to let go, write(2) and read(2) beside
//! mappings, mappings that a child inherits, removed files, the last page.
#![cfg_attr(target_os = "none", no_std, no_main)]

use userprog::{Args, Mapping, PAGE, check, program, sys};

program!(run);

const HERE: usize = 0x1000_0000;
const THERE: usize = 0x2000_0000;

fn run(args: Args) -> i32 {
    match args.get(1) {
        // What exec'ed children do.
        Some("look") => return i32::from(byte_of(c"mapped", 5)),
        Some("touch") => return i32::from(Mapping::nothing_at(HERE).load(5)),
        _ => {}
    }
    stores_are_seen_at_once();
    inherited_by_a_child();
    let ends: [(fn() -> i32, i32); 4] = [
        (|| sys::exit(9), 9),
        (bad_access, -1),
        (|| sys::exec(c"map-share look"), b'!' as i32),
        (exec_and_touch, -1),
    ];
    for (end, status) in ends {
        written_back_before_wait_returns(end, status);
    }
    system_calls_beside_a_mapping();
    the_same_file_from_itself();
    a_removed_file();
    the_last_page();
    0
}

fn bad_access() -> i32 {
    i32::from(Mapping::nothing_at(0).load(0))
}

fn exec_and_touch() -> i32 {
    sys::exec(c"map-share touch")
}

fn mapping(fd: i32, address: usize) -> Mapping {
    // SAFETY: nothing of Rust's lies at these addresses.
    unsafe { Mapping::of(fd, address) }
}

/// A new file `mapped` of `len` bytes, all `.`.
fn make(len: usize) -> i32 {
    sys::remove(c"mapped");
    check!(sys::create(c"mapped", 0), "no file");
    let fd = sys::open(c"mapped");
    let block = [b'.'; 512];
    let mut left = len;
    while left > 0 {
        let n = left.min(block.len());
        check!(sys::write(fd, &block[..n]) == n as i32, "the file cannot be filled");
        left -= n;
    }
    fd
}

/// The byte at `at` as read(2) has it.
fn read(fd: i32, at: usize) -> u8 {
    let mut byte = [0];
    sys::seek(fd, at as u32);
    check!(sys::read(fd, &mut byte) == 1, "no byte {at}");
    byte[0]
}

fn byte_of(name: &core::ffi::CStr, at: usize) -> u8 {
    let fd = sys::open(name);
    let byte = read(fd, at);
    sys::close(fd);
    byte
}

fn child(body: impl FnOnce()) -> i32 {
    let pid = sys::fork(c"map-share-kid");
    if pid == 0 {
        body();
        sys::exit(0);
    }
    check!(pid > 0, "fork failed");
    pid
}

/// Waits until the other process has stored `byte`.
fn until(mapping: Mapping, at: usize, byte: u8) {
    while mapping.load(at) != byte {
        core::hint::spin_loop();
    }
}

fn stores_are_seen_at_once() {
    let fd = make(3 * PAGE);
    let other = child(|| {
        let own = sys::open(c"mapped");
        let map = mapping(own, THERE);
        sys::close(own); // the mapping keeps the file
        for round in 0..50 {
            until(map, 0, round);
            map.store(PAGE, round);
            map.store(1, round);
        }
    });
    let map = mapping(fd, HERE);
    for round in 0..50 {
        map.store(0, round);
        until(map, 1, round);
        check!(map.load(PAGE) == round, "an older store of the other process is not seen");
    }
    check!(sys::wait(other) == 0, "the other process failed");
    check!(read(fd, 1) == 49 && read(fd, PAGE) == 49, "the file has not what was stored by who has ended");
    check!(read(fd, 0) == 49, "the page was not written as a whole");
    check!(map.load(PAGE) == 49 && map.load(2 * PAGE) == b'.', "the mapping has changed");
    map.store(2, b'z');
    check!(read(fd, 2) == b'.', "the file has what was not written back");
    map.end();
    check!(read(fd, 2) == b'z', "munmap has not written back");
    sys::close(fd);
}

fn inherited_by_a_child() {
    let fd = make(2 * PAGE);
    let map = mapping(fd, HERE);
    map.store(0, b'p');
    let kid = child(|| {
        check!(map.load(0) == b'p', "the child does not see what was stored before the fork");
        until(map, 1, b'p');
        map.store(2, b'c');
        map.store(PAGE, b'c'); // which the parent has not touched
    });
    map.store(1, b'p');
    until(map, 2, b'c');
    check!(sys::wait(kid) == 0, "the child failed");
    check!(map.load(PAGE) == b'c', "the parent does not see the child's page");
    check!(
        read(fd, 1) == b'p' && read(fd, 2) == b'c' && read(fd, PAGE) == b'c',
        "the child has not written back"
    );
    map.store(3, b'q');
    let second = child(|| map.end()); // of its own; the parent's stays
    check!(sys::wait(second) == 0, "the second child failed");
    check!(read(fd, 3) == b'.', "a child that has stored nothing writes back");
    map.store(4, b'r');
    map.end();
    check!(
        read(fd, 3) == b'q' && read(fd, 4) == b'r' && read(fd, 2) == b'c',
        "the parent has not written back"
    );
    sys::close(fd);
}

fn written_back_before_wait_returns(end: fn() -> i32, status: i32) {
    let fd = make(PAGE);
    let kid = child(|| {
        mapping(fd, HERE).store(5, b'!');
        end();
    });
    let ended = sys::wait(kid);
    check!(ended == status, "the child ended with {ended}, not {status}");
    check!(read(fd, 5) == b'!', "what a child stored that ended with {status} is not in the file");
    sys::close(fd);
}

fn system_calls_beside_a_mapping() {
    let fd = make(3 * PAGE);
    let map = mapping(fd, HERE);
    check!(map.load(0) == b'.', "page 0 holds something else");
    map.store(PAGE, b'm');
    for page in 0..3 {
        sys::seek(fd, (page * PAGE + 1) as u32);
        check!(sys::write(fd, b"w") == 1, "write(2) failed beside a mapping");
    }
    check!(map.load(1) == b'.' && map.load(PAGE + 1) == b'.', "a page that is in has changed");
    check!(map.load(2 * PAGE + 1) == b'w', "a page that came in later does not show what was written");
    map.end();
    check!(read(fd, 1) == b'w', "a clean page was written back");
    check!(
        read(fd, PAGE) == b'm' && read(fd, PAGE + 1) == b'.',
        "a dirty page was not written back, or not whole"
    );
    check!(read(fd, 2 * PAGE + 1) == b'w', "the file has lost what write(2) wrote");
    sys::close(fd);
}

fn the_same_file_from_itself() {
    let fd = make(4 * PAGE);
    for page in 0..4u8 {
        sys::seek(fd, u32::from(page) * PAGE as u32);
        check!(sys::write(fd, &[b'a' + page]) == 1, "the file cannot be marked");
    }
    let map = mapping(fd, HERE);
    // Pages 0 and 1 of the file into pages 2 and 3 of the mapping, of which none is in yet.
    sys::seek(fd, 0);
    check!(map.read_into(2 * PAGE, 2 * PAGE, fd) == 2 * PAGE as i32, "read(2) into a mapping of the file");
    check!(map.load(2 * PAGE) == b'a' && map.load(3 * PAGE) == b'b', "the mapping has not what was read");
    check!(read(fd, 2 * PAGE) == b'c', "the file has it without a write-back");
    // And the mapping's page 3 into the file's page 0.
    sys::seek(fd, 0);
    check!(map.write_from(3 * PAGE, PAGE, fd) == PAGE as i32, "write(2) from a mapping of the file");
    check!(read(fd, 0) == b'b', "the file has not what was written");
    map.end();
    let marks: [u8; 4] = core::array::from_fn(|page| read(fd, page * PAGE));
    check!(marks == *b"bbab", "the file holds {marks:?} in the end");
    sys::close(fd);
}

fn a_removed_file() {
    let old = make(2 * PAGE);
    let map = mapping(old, HERE);
    map.store(0, b'o');
    sys::close(old);
    check!(sys::remove(c"mapped"), "a mapped file cannot be removed");
    let new = make(PAGE);
    let beside = mapping(new, THERE);
    beside.store(0, b'n');
    check!(map.load(0) == b'o' && map.load(PAGE) == b'.', "the mapping of a removed file has changed");
    let kid = child(|| check!(map.load(0) == b'o' && beside.load(0) == b'n', "a child sees other files"));
    check!(sys::wait(kid) == 0, "the child failed");
    map.end();
    beside.end();
    check!(read(new, 0) == b'n' && read(new, 1) == b'.', "the new file has what was stored to the old one");
    sys::close(new);
}

fn the_last_page() {
    let len = PAGE + 100;
    let fd = make(len);
    let map = mapping(fd, HERE);
    check!(map.load(PAGE + 99) == b'.', "the last byte is missing");
    check!((100..PAGE).all(|at| map.load(PAGE + at) == 0), "behind the end of the file are not zeros");
    map.store(PAGE + 99, b'e');
    map.store(PAGE + 100, b'X');
    map.end();
    check!(sys::filesize(fd) == len as i32, "the file has grown");
    check!(read(fd, PAGE + 99) == b'e', "the last byte was not written");
    let again = mapping(fd, HERE);
    check!(again.load(PAGE + 100) == 0, "what was stored behind the end is still there");
    // A page wholly behind the end is zeros, and what is stored there goes nowhere.
    again.end();
    // SAFETY: nothing of Rust's lies there.
    let long = unsafe { Mapping::try_at(HERE, 4 * PAGE, true, fd, 0) };
    check!(long.is_some_and(|long| long.load(3 * PAGE) == 0), "no zeros behind the end");
    if let Some(long) = long {
        long.store(3 * PAGE, b'X');
        long.end();
    }
    check!(sys::filesize(fd) == len as i32, "the file has grown");
    sys::close(fd);
    check!(sys::remove(c"mapped"), "not removed");
}
