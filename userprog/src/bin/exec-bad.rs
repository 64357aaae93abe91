//! exec-bad: what exec() refuses: a missing file, a file that is no program, no name, too many words, too long a line, bad pointers.
//! Each ends the child that tries it with status -1; where there is a name the console says `load: NAME: open failed`.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ffi::CStr;
use core::fmt;
use fl_abi::{ARGS_MAX, COMMAND_LINE_MAX, Syscall, USER_LIMIT};
use userprog::{Args, cformat, check, println, program, sys};

program!(run);

fn refused(what: &str, attempt: impl FnOnce()) {
    let pid = sys::fork(c"exec-bad-kid");
    if pid == 0 {
        attempt();
        println!("exec-bad: FAILED: exec of {what} returned");
        sys::exit(1);
    }
    let status = sys::wait(pid);
    check!(status == -1, "the child that tried {what} exited with {status}");
}

fn exec(command: &CStr) {
    sys::exec(command);
}

fn exec_at(address: u64) {
    // SAFETY: exec only reads.
    unsafe { sys::raw(Syscall::Exec as u64, [address, 0, 0, 0, 0, 0]) };
}

/// A text so many times over.
struct Times(usize, &'static str);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.0).try_for_each(|_| f.write_str(self.1))
    }
}

fn run(_: Args) -> i32 {
    refused("a missing file", || exec(c"no-such-file a b"));
    refused("nothing", || exec(c""));
    refused("blanks", || exec(c"   "));
    refused("a name with odd bytes", || exec(c"\xff\x1b[1m"));
    refused("one word too many", || exec(&cformat!("hello{}", Times(ARGS_MAX, " w"))));
    refused("a line too long", || {
        static LINE: [u8; 2 * COMMAND_LINE_MAX] = {
            let mut line = [b'y'; 2 * COMMAND_LINE_MAX];
            line[5] = b' ';
            line
        };
        exec_at(LINE.as_ptr() as u64);
    });
    for address in [0, 1, 0x1012_3420, USER_LIMIT - 1, USER_LIMIT, u64::MAX] {
        refused("a bad pointer", || exec_at(address));
    }
    println!("exec-bad: every bad command ended its process");
    0
}
