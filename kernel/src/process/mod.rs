//! Processes: made from a command line, run in ring 3, ended, waited for.

mod exit;
mod files;
mod spawn;
mod table;

pub use exit::{exit, fail_copy, kill};
pub use spawn::spawn;
pub use table::{Process, count, current, live};
