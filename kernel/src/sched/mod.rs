//! Threads: run queues, context switch, preemption, sleeping.
//!
//! A thread is in at most one queue at a time: a run queue, a wait queue or the sleepers. Interrupts stay off from the moment it enters a queue
//! until it is off the CPU, and until then no other CPU takes it out of a run queue: so nobody can run it twice.

mod console;
mod console_input;
mod fault_note;
mod idle;
mod run_queue;
mod sleep;
mod switching;
mod thread;
mod thread_list;
mod wait_queue;

pub use console::console;
pub use console::print as console_print;
pub use console_input::{end_input, listen, read_line, wake_readers};
pub use fault_note::{enter_fault, leave_fault, tell_blocked};
pub use idle::{halted, run_idle};
pub use sleep::{pause, sleep, ticks};
pub use switching::{
    enter_space, exit, give_way_soon, init, is_idle, leave_space, preempt_if_due, reset_fpu, started,
    switches, tick, yield_now,
};
pub use thread::{CurrentOwner, SpawnError, UserPart, UserThread, count, current, owner, spawn_kernel};
pub use wait_queue::{ReadGuard, SleepGuard, SleepLock, SleepRwLock, WaitQueue};
