//! Parents and children: who may be waited for ([`Children`]), and how a process ended ([`LastWord`]).
//!
//! There is no tree. A parent holds a counted reference to the last word of each child, and the child holds another; whoever lets
//! go second frees it. So a parent may end before its children and the other way round, nobody is handed to anybody else, and nothing
//! stays behind: an orphan is a process whose last word nobody else refers to. Source: `wait` of pintos-kaist (once for each child).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod children;
mod last_word;

pub use children::{Children, NoMemory};
pub use last_word::LastWord;
