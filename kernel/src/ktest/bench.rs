//! `selftest=bench`: what operations take that no program can time from outside. In every build, for it is for measuring and not for testing.
//!
//! Prints the lines that `cargo xtask bench` reads, as the `bench-*` programs do.

use crate::arch::cpu::tsc;
use crate::mm::frames::Frame;
use crate::percpu;
use crate::sched::{self, console_print};
use crate::sync::Once;
use crate::trace::emit;
use fl_addr::Pid;
use fl_trace::event::{Event, FrameClass, Switch};

/// Repetitions; odd, for the median.
const TIMES: usize = 257;

/// Ticks that the drain needs to send what there is: see its patience.
const DRAINED: u64 = 50;

/// How long the CPUs had worked before the programs, in ticks of the time-stamp counter.
static WORKED: Once<u64> = Once::new();

/// How long the CPUs have worked since boot, all together: all the time that they did not halt.
fn worked() -> u64 {
    tsc() * u64::from(percpu::online_count()) - sched::halted()
}

/// Tells how long the CPUs have worked since [`measure`], when the drain has sent what was recorded. Nothing if that was not called.
pub fn report_work() {
    if let Some(before) = WORKED.get() {
        sched::sleep(DRAINED);
        let worked = worked() - before;
        console_print(format_args!("bench work median {worked} mean {worked} samples 1\n"));
    }
}

/// Times everything.
pub fn measure() {
    let overhead = median(|| ());
    let report = |key, ticks: u64| {
        let ticks = ticks.saturating_sub(overhead);
        console_print(format_args!("bench {key} median {ticks} mean {ticks} samples {TIMES}\n"));
    };
    // The frame that comes back is the next that goes out: neither leaves this CPU's cache.
    report("frame-alloc-free", median(|| drop(Frame::take(FrameClass::User))));
    report("emit-event", median(|| emit(Event::Switch(Switch { from: Pid(0), to: Pid(0), ready: true }))));
    sched::sleep(DRAINED);
    WORKED.call_once(worked);
}

/// The median time of `operation`, in ticks.
fn median(operation: impl Fn()) -> u64 {
    let mut times = [0; TIMES];
    for time in &mut times {
        let before = tsc();
        operation();
        *time = tsc() - before;
    }
    times.sort_unstable();
    times[TIMES / 2]
}
