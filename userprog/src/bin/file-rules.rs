//! file-rules: what the file calls return for every descriptor, name and length that is not a plain one, and where positions go.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;

use fl_abi::Syscall;
use userprog::{Args, check, program, sys};

program!(run);

/// No descriptor ever has these numbers here.
const BAD: [i32; 6] = [-1, i32::MIN, 3, 462, 1 << 20, i32::MAX];
const CONSOLE: [i32; 2] = [fl_abi::STDIN, fl_abi::STDOUT];

fn run(_: Args) -> i32 {
    names();
    bad_descriptors();
    positions();
    growth();
    upper_halves();
    0
}

fn names() {
    let too_long: [&CStr; 2] =
        [c"fifteen-letters", c"a-name-of-a-great-many-more-bytes-than-a-file-can-have"];
    for name in too_long.into_iter().chain([c""]) {
        check!(!sys::create(name, 1), "a file {name:?} was made");
        check!(sys::open(name) == -1, "a file {name:?} was opened");
        check!(!sys::remove(name), "a file {name:?} was removed");
    }
    check!(sys::open(c"no-such-file") == -1, "a missing file was opened");
    check!(!sys::remove(c"no-such-file"), "a missing file was removed");
    for name in [c"fourteen-bytes", c".", c"..", c"a b", c"Case", c"case", c"\xff\x01/:*?"] {
        check!(sys::create(name, 3), "no file {name:?} was made");
        check!(!sys::create(name, 4), "a second file {name:?} was made");
        let fd = sys::open(name);
        check!(sys::filesize(fd) == 3, "{name:?} has {} bytes", sys::filesize(fd));
        sys::close(fd);
    }
    for name in [c"fourteen-bytes", c".", c"..", c"a b", c"Case", c"case", c"\xff\x01/:*?"] {
        check!(sys::remove(name), "{name:?} was not removed");
        check!(!sys::remove(name), "{name:?} was removed twice");
    }
}

fn bad_descriptors() {
    check!(sys::create(c"rules", 10), "no file");
    let mut buffer = [7; 4];
    for fd in BAD {
        check!(sys::read(fd, &mut buffer) == -1, "read({fd})");
        check!(sys::read(fd, &mut []) == -1, "read({fd}) of nothing");
        check!(sys::write(fd, &buffer) == -1, "write({fd})");
        check!(sys::filesize(fd) == -1, "filesize({fd})");
        check!(sys::tell(fd) == -1, "tell({fd})");
        check!(sys::dup2(fd, 2) == -1, "dup2({fd}, 2)");
        sys::seek(fd, 1);
        sys::close(fd);
    }
    for fd in CONSOLE {
        check!(sys::filesize(fd) == -1, "filesize({fd})");
        check!(sys::tell(fd) == -1, "tell({fd})");
        sys::seek(fd, 5);
    }
    check!(sys::read(fl_abi::STDOUT, &mut buffer) == -1, "read of the console's output");
    check!(sys::write(fl_abi::STDIN, &buffer) == -1, "write to the console's input");
    check!(sys::write(fl_abi::STDOUT, &[]) == 0, "write of nothing");
    check!(buffer == [7; 4], "a call that failed wrote to its buffer");
}

fn positions() {
    let (a, b) = (sys::open(c"rules"), sys::open(c"rules"));
    check!(a >= 2 && b >= 2 && a != b, "descriptors {a} and {b}");
    check!(sys::filesize(a) == 10, "{} bytes", sys::filesize(a));
    let mut buffer = [1; 16];
    check!(sys::read(a, &mut buffer) == 10, "not all of the file was read");
    check!(buffer[..10] == [0; 10], "a new file is not zero");
    check!(buffer[10..] == [1; 6], "more was read than there is");
    check!(sys::tell(a) == 10 && sys::tell(b) == 0, "positions {} and {}", sys::tell(a), sys::tell(b));
    check!(sys::read(a, &mut buffer) == 0, "read at the end");
    check!(sys::write(b, b"0123456789") == 10, "write of all");
    sys::seek(a, 4);
    check!(
        sys::read(a, &mut buffer[..3]) == 3 && buffer[..3] == *b"456",
        "read in the middle: {:?}",
        &buffer[..3]
    );
    check!(sys::tell(a) == 7, "position {} after it", sys::tell(a));
    check!(sys::read(a, &mut []) == 0 && sys::tell(a) == 7, "read of nothing");
    check!(sys::write(a, &[]) == 0 && sys::tell(a) == 7, "write of nothing");
    sys::seek(a, 1000);
    check!(sys::tell(a) == 1000, "position {} past the end", sys::tell(a));
    check!(sys::read(a, &mut buffer) == 0 && sys::tell(a) == 1000, "read past the end");
    sys::seek(a, u32::MAX);
    check!(sys::tell(a) as u32 == u32::MAX, "the highest position");
    check!(sys::read(a, &mut buffer) == 0, "read at the highest position");
    check!(sys::write(a, b"xx") == -1, "a file of more than 4 GiB - 1");
    check!(sys::filesize(a) == 10, "a failed write made the file larger");
    sys::close(a);
    check!(sys::tell(a) == -1, "{a} is still open");
    check!(sys::tell(b) == 10, "closing {a} closed {b}");
    sys::close(b);
}

fn growth() {
    let fd = sys::open(c"rules");
    sys::seek(fd, 5000);
    check!(sys::write(fd, b"end") == 3, "write past the end");
    check!(sys::filesize(fd) == 5003 && sys::tell(fd) == 5003, "{} bytes", sys::filesize(fd));
    sys::seek(fd, 0);
    let mut buffer = [1; 5003];
    check!(sys::read(fd, &mut buffer) == 5003, "not all of the file was read");
    check!(buffer[..10] == *b"0123456789", "the old part changed");
    check!(buffer[10..5000].iter().all(|&byte| byte == 0), "the gap is not zero");
    check!(buffer[5000..] == *b"end", "the new part is wrong");
    sys::close(fd);
    check!(sys::remove(c"rules"), "not removed");
}

/// Descriptors, sizes and positions have 32 bits; what stands above them in a register says nothing.
fn upper_halves() {
    const HIGH: u64 = 0xdead_beef << 32;
    let call = |call: Syscall, a: u64, b: u64, c: u64| {
        // SAFETY: pointers among the arguments are to strings that are only read, and to buffers of that length.
        unsafe { sys::raw(call as u64, [a, b, c, 0, 0, 0]) }
    };
    let name = c"high".as_ptr() as u64;
    check!(call(Syscall::Create, name, HIGH | 6, 0) == 1, "create");
    check!(call(Syscall::Create, name, HIGH | 6, 0) == 0, "create of what exists is not exactly 0");
    let fd = call(Syscall::Open, name, HIGH, HIGH);
    check!(call(Syscall::Filesize, HIGH | fd, 0, 0) == 6, "filesize");
    call(Syscall::Seek, HIGH | fd, HIGH | 2, 0);
    check!(call(Syscall::Tell, HIGH | fd, 0, 0) == 2, "tell");
    let text = *b"ab";
    check!(call(Syscall::Write, HIGH | fd, text.as_ptr() as u64, HIGH | 2) == 2, "write");
    check!(call(Syscall::Read, HIGH | fd, text.as_ptr() as u64, HIGH) == 0, "read of nothing");
    check!(call(Syscall::Dup2, HIGH | fd, HIGH | 9, 0) == 9, "dup2");
    check!(call(Syscall::Tell, 9, 0, 0) == 4, "tell of the duplicate");
    call(Syscall::Close, HIGH | fd, 0, 0);
    call(Syscall::Close, HIGH | 9, 0, 0);
    check!(call(Syscall::Tell, fd, 0, 0) as i64 == -1, "close");
    check!(call(Syscall::Remove, name, 0, 0) == 1, "remove is not exactly 1");
}
