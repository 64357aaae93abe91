//! Children: forked, started with another program, waited for.

use core::ffi::CStr;

use userprog::{cformat, check, sys};

/// Forks a child called `name`, which ends with what `body` returns; its process identifier.
pub fn fork(name: &CStr, body: impl FnOnce() -> i32) -> i32 {
    match sys::fork(name) {
        0 => sys::exit(body()),
        pid => {
            check!(pid > 0, "fork returned {pid}");
            pid
        }
    }
}

/// Forks a child, called as the command's first word, that executes the command; its process identifier.
pub fn start(command: &CStr) -> i32 {
    let text = command.to_str().unwrap_or("?");
    let name = text.split(' ').next().unwrap_or(text);
    fork(&cformat!("{name}"), || {
        sys::exec(command);
        crate::survived("exec of a program that cannot be run")
    })
}

/// Waits for `pid`, which must end with `status`.
pub fn expect(pid: i32, status: i32) {
    let ended = sys::wait(pid);
    check!(ended == status, "the child's status is {ended}, not {status}");
}

/// Starts the command and waits for it: it must end with `status`.
pub fn run(command: &CStr, status: i32) {
    expect(start(command), status);
}
