//! [`Children`]: the children of a pressure program, and how they ended. Its exit status says it too: 0 all was right, 1 bytes were wrong,
//! 2 nothing was wrong but the kernel has ended a process, and said why.

use core::ffi::CStr;

use crate::{check, sys};

/// Of a process that found nothing wrong.
const RIGHT: i32 = 0;
/// Of a process that found what is wrong. It has said what: `check!` does both.
const WRONG: i32 = 1;
/// Of a process one of whose children was ended by the kernel.
const ENDED: i32 = 2;

/// How children ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Children {
    /// Well.
    pub right: u32,
    /// Having found what was wrong.
    pub wrong: u32,
    /// By the kernel: for want of memory, or because a disk failed.
    pub ended: u32,
    /// There was no memory to make them.
    pub refused: u32,
}

impl Children {
    /// Makes a child that does `work` and ends with what it returns. `None`: there is no memory for it.
    pub fn start(&mut self, name: &CStr, work: impl FnOnce() -> i32) -> Option<i32> {
        match sys::fork(name) {
            0 => sys::exit(work()),
            -1 => {
                self.refused += 1;
                None
            }
            pid => Some(pid),
        }
    }

    /// Waits for a child.
    pub fn wait(&mut self, pid: i32) {
        match sys::wait(pid) {
            RIGHT => self.right += 1,
            WRONG => self.wrong += 1,
            -1 | ENDED => self.ended += 1,
            status => check!(false, "a child ended with {status}"),
        }
    }

    /// What their parent ends with.
    pub fn status(&self) -> i32 {
        match (self.wrong, self.ended) {
            (0, 0) => RIGHT,
            (0, _) => ENDED,
            _ => WRONG,
        }
    }
}
