//! The drain thread of the made-up machine: visits every CPU's ring in turn and writes packets.

use super::{Random, Run};
use crate::model::metrics::Recount;
use fl_addr::CpuId;
use fl_metrics::Counts;
use fl_trace::control::{Control, Counters, CpuCounters, EVENT_KINDS, Moment};
use fl_trace::encode::{EventPacket, RecordPacket};
use fl_trace::event::{Event, Stamped};
use fl_trace::locks::{LockClass, LockUse};
use fl_trace::metrics::{HistogramPart, Series, WINDOW};
use fl_trace::packet::{Channel, MAX_FRAME, PACKET_ROOM, StreamPosition};

/// Time between two visits, in ticks: 1 ms.
const VISIT: u64 = 2_400_000;
/// Time between two hellos, in ticks: 1 s.
const SYNC: u64 = 2_400_000_000;

/// An encoded run.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// The stream.
    pub bytes: Vec<u8>,
    /// Where each packet lies: begin and end (delimiter included) in `bytes`, channel, CPU, records.
    pub packets: Vec<(usize, usize, Channel, CpuId, u32)>,
    /// Events that the rings dropped.
    pub dropped: u64,
}

struct Drain {
    out: Encoded,
    /// Positions by channel and CPU.
    positions: Vec<[StreamPosition; Channel::COUNT]>,
    counters: Counters,
    /// What each CPU counts, and how long things took on it.
    cpus: Vec<(CpuCounters, Recount)>,
}

pub(super) fn encode(run: &Run, forge: impl Fn(&mut Counters)) -> Encoded {
    let cpus = usize::from(run.hello.cpus)
        .max(run.events.iter().map(|(cpu, _)| usize::from(cpu.0) + 1).max().unwrap_or(1));
    let none = [0; EVENT_KINDS];
    let count =
        |cpu| CpuCounters { cpu, at: Moment::Running, emitted: none, lost: none, untraced: none, ipis: 0 };
    let mut drain = Drain {
        out: Encoded::default(),
        positions: vec![Default::default(); cpus],
        counters: run.boot,
        cpus: (0..cpus).map(|cpu| (count(CpuId(cpu as u8)), Recount::default())).collect(),
    };
    let boot = run.hello.tsc_boot;
    drain.control(boot, &[Control::Hello(run.hello), Control::Counters(run.boot)]);

    let mut rings: Vec<Vec<Stamped>> = vec![Vec::new(); cpus];
    let (mut visit, mut sync) = (boot + VISIT, boot + SYNC);
    let mut logs = run.logs.iter().peekable();
    for (cpu, stamped) in &run.events {
        if stamped.tsc >= visit {
            while let Some((cpu, tsc, log)) = logs.next_if(|(_, tsc, _)| *tsc < visit) {
                drain.log(*cpu, *tsc, log);
            }
            drain.visit(visit, &mut rings, run.link);
            if stamped.tsc >= sync {
                let now = Counters { at: Moment::Running, ..drain.counters };
                drain.control(sync, &[Control::Hello(run.hello), Control::Counters(now)]);
                sync += SYNC;
            }
            visit += (stamped.tsc - visit) / VISIT * VISIT + VISIT;
        }
        let kind = stamped.event.index();
        drain.counters.emitted[kind] += 1;
        let (counters, histograms) = &mut drain.cpus[usize::from(cpu.0)];
        counters.emitted[kind] += 1;
        histograms.event(&stamped.event);
        if let Event::Shootdown(shot) = &stamped.event {
            counters.ipis += u64::from(shot.targets.count_ones());
            drain.counters.eviction_ipis += u64::from(shot.targets.count_ones()); // the made-up ones are for evictions
        }
        if let Event::Fault(fault) = &stamped.event {
            for (sum, ticks) in drain.counters.fault_ticks.iter_mut().zip(fault.stages) {
                *sum += u64::from(ticks);
            }
        }
        let ring = &mut rings[usize::from(cpu.0)];
        if ring.len() < run.hello.ring_events as usize {
            let ahead = run.ahead.get(usize::from(cpu.0)).copied().unwrap_or(0);
            ring.push(Stamped { tsc: stamped.tsc.wrapping_add_signed(ahead), ..*stamped });
        } else {
            drain.counters.lost[kind] += 1;
            drain.cpus[usize::from(cpu.0)].0.lost[kind] += 1;
            drain.positions[usize::from(cpu.0)][Channel::Events as usize].lost += 1;
            drain.out.dropped += 1;
        }
    }
    for (cpu, tsc, log) in logs {
        drain.log(*cpu, *tsc, log);
    }
    let end = run.events.last().map_or(boot, |(_, stamped)| stamped.tsc) + VISIT;
    drain.visit(end, &mut rings, None);
    let Counters { emitted, lost, fault_ticks, eviction_ipis, .. } = drain.counters;
    if let Some(bye) = run.bye {
        let mut last = Counters { emitted, lost, fault_ticks, eviction_ipis, ..run.power_off };
        forge(&mut last);
        drain.control(end, &[Control::Counters(last)]);
        drain.metrics(end);
        drain.control(end, &[Control::Bye(bye)]);
    }
    drain.out
}

impl Drain {
    /// Sends what the rings hold: all that came before `now`, or what a slow link carries of it.
    fn visit(&mut self, now: u64, rings: &mut [Vec<Stamped>], link: Option<usize>) {
        for (cpu, ring) in rings.iter_mut().enumerate() {
            for _ in 0..link.unwrap_or(usize::MAX) {
                let Some(first) = ring.first() else { break };
                let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
                let at = self.positions[cpu][Channel::Events as usize];
                let mut packet = EventPacket::begin(&mut buf, CpuId(cpu as u8), at, first.tsc);
                let taken = ring.iter().take_while(|stamped| packet.push(stamped)).count();
                ring.drain(..taken);
                let bytes = packet.finish(&mut frame);
                self.written(Channel::Events, cpu, taken as u32, bytes);
            }
        }
        if rings.len() > 1 && rings.iter().all(Vec::is_empty) {
            self.control(now, &[Control::CaughtUp]);
        }
    }

    fn control(&mut self, tsc: u64, records: &[Control]) {
        let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        let at = self.positions[0][Channel::Control as usize];
        let mut packet = RecordPacket::begin(&mut buf, Channel::Control, CpuId(0), at, tsc);
        for record in records {
            assert!(packet.push_control(record), "a few control records fit into a packet");
        }
        let bytes = packet.finish(&mut frame);
        self.written(Channel::Control, 0, records.len() as u32, bytes);
    }

    /// What each CPU counted, all of it.
    fn metrics(&mut self, tsc: u64) {
        for (counters, histograms) in std::mem::take(&mut self.cpus) {
            let cpu = counters.cpu;
            self.control(tsc, &[Control::CpuCounters(CpuCounters { at: Moment::PowerOff, ..counters })]);
            // All have waited for the pool, and the first for a lock of its own.
            let (contended, spun) = (3 + u64::from(cpu.0), 5000 + 1000 * u64::from(cpu.0));
            self.control(
                tsc,
                &[Control::Lock(LockUse { class: LockClass::FramePool, cpu, contended, spun })],
            );
            if cpu == CpuId(0) {
                self.control(
                    tsc,
                    &[Control::Lock(LockUse { class: LockClass::Page, cpu, contended: 1, spun: 90 })],
                );
            }
            for &series in Series::ALL {
                let Counts { buckets, sum, max } = histograms.of(series);
                for (part, counts) in buckets.chunks(WINDOW).enumerate() {
                    if counts.iter().all(|&n| n == 0) {
                        continue;
                    }
                    let counts = std::array::from_fn(|i| counts.get(i).copied().unwrap_or(0));
                    let (first, sum, max) = ((part * WINDOW) as u16, *sum, *max);
                    let part = HistogramPart { cpu, series, first, counts, sum, max };
                    self.control(tsc, &[Control::Histogram(part)]);
                }
            }
        }
    }

    fn log(&mut self, cpu: CpuId, tsc: u64, log: &[u8]) {
        let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        let at = self.positions[usize::from(cpu.0)][Channel::Logs as usize];
        let mut packet = RecordPacket::begin(&mut buf, Channel::Logs, cpu, at, tsc);
        assert!(packet.push_log(log), "made-up log frames are short");
        let bytes = packet.finish(&mut frame);
        self.written(Channel::Logs, cpu.0.into(), 1, bytes);
    }

    fn written(&mut self, channel: Channel, cpu: usize, records: u32, frame: &[u8]) {
        let begin = self.out.bytes.len();
        self.out.bytes.extend_from_slice(frame);
        self.out.packets.push((begin, self.out.bytes.len(), channel, CpuId(cpu as u8), records));
        self.positions[cpu][channel as usize].advance(records);
    }
}

/// Damages a stream as a bad cable does: one flipped bit in every `every` bytes, and `cut` bytes missing in the middle.
/// Returns the packets touched, as indices into [`Encoded::packets`].
pub fn damage(encoded: &mut Encoded, seed: u64, every: usize, cut: usize) -> Vec<usize> {
    let mut random = Random(seed);
    let mut touched = Vec::new();
    let len = encoded.bytes.len();
    let mut hit = |at: usize, until: usize| {
        for (i, (begin, end, ..)) in encoded.packets.iter().enumerate() {
            if *begin < until && at < *end {
                touched.push(i);
            }
        }
    };
    for block in (0..len).step_by(every) {
        let at = block + random.range(0, every.min(len - block) as u64) as usize;
        let bit = random.range(0, 8);
        encoded.bytes[at] ^= 1 << bit;
        hit(at, at + 1);
        // A delimiter that is flipped joins its frame with the next one.
        if encoded.packets.iter().any(|(_, end, ..)| *end == at + 1) {
            hit(at, at + 2);
        }
    }
    if cut > 0 && cut < len {
        let at = (len - cut) / 2;
        encoded.bytes.drain(at..at + cut);
        hit(at, at + cut);
        // What is left in front of the cut is one frame with what follows behind it.
        if encoded.packets.iter().any(|(begin, end, ..)| *begin < at && at < *end) {
            hit(at + cut, at + cut + 1);
        }
    }
    touched.sort_unstable();
    touched.dedup();
    touched
}
