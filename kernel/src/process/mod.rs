//! Processes: made from a command line or by fork, run in ring 3, turned into another program by exec, ended, waited for.

mod ending;
mod exec;
mod exit;
mod files;
mod fork;
mod load;
mod oom;
mod spawn;
mod start;
mod table;

pub use exec::exec;
pub use exit::{exit, fail_copy, halt, is_ending, kill, leave_if_ending, stop_all, stopping};
pub use files::Files;
pub use fork::fork;
pub use spawn::spawn;
pub use start::Entrance;
pub use table::{Process, count, current, live};

/// Makes what all processes need. Once, at boot, before the first one.
pub fn init() {
    table::init();
    oom::init();
}
