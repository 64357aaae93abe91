//! Which CPU is stuck: one that never takes an interrupt any more ([`Watch`]; [`Beats`] where there is one CPU only), and one that never leaves a thread in
//! the kernel ([`Linger`]).
//!
//! Judged by the guest's progress and never by a clock: a virtual machine on a busy host may give one CPU nothing for seconds, and then that CPU
//! is not stuck. So a CPU that is silent is asked, by an interrupt that cannot be masked: only an answer shows that it runs, and only a CPU that runs and does
//! not get anywhere is stuck. One that does not answer is *absent*, and while any is, nobody is judged: the others may spin for a lock that it holds.
//!
//! Source: Linux' soft and hard lockup detectors (`kernel/watchdog.c`) for the two kinds; the questions are our own.
#![no_std]
#![forbid(unsafe_code)]

mod beat;
mod linger;
mod watch;

pub use beat::{Beat, Beats};
pub use linger::{Linger, Place};
pub use watch::{Order, STRIKES, STRIKES_SPINNING, Sample, Watch};
