//! Any bytes in any chunks: no panic, every byte accounted for, and the size of the chunks does not matter.

use proptest::prelude::*;
use vmtrace::Trace;
use vmtrace::decode::Sink;
use vmtrace::synth::{Plan, Run};
use vmtrace::wire::Intake;
use vmtrace::wire::loss::LossReport;

#[derive(Default, PartialEq, Debug)]
struct Everything(Vec<String>);

impl Sink for Everything {
    fn event(&mut self, cpu: fl_addr::CpuId, stamped: &fl_trace::event::Stamped) {
        self.0.push(format!("{cpu} {stamped:?}"));
    }
    fn control(&mut self, tsc: u64, control: &fl_trace::control::Control) {
        self.0.push(format!("{tsc} {control:?}"));
    }
    fn log(&mut self, cpu: fl_addr::CpuId, tsc: u64, frame: &[u8]) {
        self.0.push(format!("{cpu} {tsc} {frame:?}"));
    }
    fn gap(&mut self, gap: &vmtrace::decode::Gap) {
        self.0.push(format!("{gap:?}"));
    }
}

fn read(bytes: &[u8], chunk: usize) -> (Everything, LossReport) {
    let (mut sink, mut intake) = (Everything::default(), Intake::new());
    for chunk in bytes.chunks(chunk) {
        intake.push(chunk, &mut sink).unwrap();
    }
    intake.finish(&mut sink);
    (sink, intake.into_report())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_do_not_matter_and_replays_do_not_panic(
        seed in 0u64..100,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        noise in proptest::collection::vec(any::<u8>(), 0..3000),
        at in any::<prop::sample::Index>(),
        chunk in 1usize..5000,
    ) {
        let mut bytes = Run::new(Plan { seed, processes: 3, ..Plan::default() }).encode().bytes;
        for (index, value) in edits {
            let i = index.index(bytes.len());
            bytes[i] = value;
        }
        let at = at.index(bytes.len());
        bytes.splice(at..at, noise);
        let (whole, report) = read(&bytes, usize::MAX);
        let (pieces, same) = read(&bytes, chunk);
        prop_assert_eq!(whole, pieces);
        prop_assert_eq!(&report.streams, &same.streams);
        prop_assert_eq!(report.damaged_bytes, same.damaged_bytes);
        prop_assert_eq!(report.bytes, bytes.len() as u64);
        if let Ok(trace) = Trace::from_bytes(&bytes) {
            let report = trace.check();
            prop_assert!(report.holds(), "{:?}", report.first_broken().map(|(_, claim)| claim));
            trace.stats();
        }
    }

    #[test]
    fn bytes_that_are_no_trace_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        prop_assert!(Trace::from_bytes(&bytes).is_err());
    }
}
