//! How fast traces are read: MB/s of wire and events/s, for decoding alone, `stats`, `flame`, `timeline` and `check`.
//!
//! `cargo run --release -p vmtrace --example throughput [MILLIONS OF EVENTS]`. A bench, never a timed test.

use fl_addr::CpuId;
use fl_trace::event::Stamped;
use rustix::time::{ClockId, clock_gettime};
use vmtrace::check::Check;
use vmtrace::decode::Sink;
use vmtrace::model::filter::Filter;
use vmtrace::model::flame::Flame;
use vmtrace::model::history::History;
use vmtrace::model::merge::Merge;
use vmtrace::model::stats::Stats;
use vmtrace::synth::{Plan, Run};
use vmtrace::wire::Intake;

/// Decodes and looks at one field, so that nothing is optimised away.
#[derive(Default)]
struct Decode(u64);

impl Sink for Decode {
    #[inline]
    fn event(&mut self, _cpu: CpuId, stamped: &Stamped) {
        self.0 = self.0.wrapping_add(stamped.tsc);
    }
}

/// Seconds of processor time that this thread has used: what others do on the machine matters less.
fn cpu_time() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn measure<S: Sink>(name: &str, bytes: &[u8], events: usize, mut sink: impl FnMut() -> S) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let mut sink = sink();
        let mut intake = Intake::new();
        let begin = cpu_time();
        for chunk in bytes.chunks(256 << 10) {
            intake.push(chunk, &mut sink).expect("a made-up run is readable");
        }
        intake.finish(&mut sink);
        best = best.min(cpu_time() - begin);
        assert!(intake.report().is_complete());
    }
    println!(
        "{name:<10} {:>7.0} MB/s {:>7.1} M events/s",
        bytes.len() as f64 / best / 1e6,
        events as f64 / best / 1e6
    );
}

fn main() {
    let millions: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2.0);
    // A process of 500 pages makes some 1150 events.
    let plan =
        Plan { processes: (millions * 870.0) as u32, sweep: 500, ring_events: 1 << 20, ..Plan::default() };
    let run = Run::new(plan);
    let (encoded, events) = (run.encode(), run.events.len());
    drop(run);
    println!(
        "{events} events, {} bytes, {:.1} bytes per event",
        encoded.bytes.len(),
        encoded.bytes.len() as f64 / events as f64
    );
    measure("decode", &encoded.bytes, events, Decode::default);
    measure("stats", &encoded.bytes, events, Stats::default);
    measure("flame", &encoded.bytes, events, Flame::default);
    measure("timeline", &encoded.bytes, events, || Merge::new(History::new(Filter::default())));
    measure("check", &encoded.bytes, events, || Merge::new(Check::new()));
}
