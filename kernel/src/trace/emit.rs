//! Recording one event: counted, and copied into this CPU's ring, interrupts off. No lock, no encoding, no waiting, callable anywhere.

use crate::arch::cpu::tsc;
use crate::arch::interrupts::IrqOff;
use crate::inject::{self, Point};
use crate::per_cpu;
use crate::percpu::PerCpu;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_metrics::Histogram;
use fl_ring::Ring;
use fl_trace::class::Classes;
use fl_trace::control::EVENT_KINDS;
use fl_trace::event::{Event, Stage, Stamped};
use fl_trace::metrics::{Series, samples};

/// Events each CPU's ring holds. At the rate of first-touch faults under QEMU it covers several drain intervals.
pub const RING_EVENTS: usize = 4096;

/// One CPU's events: the ring, and counters that stay exact whatever is traced and whatever the ring drops. Each is written by one side only, so
/// plain load and store suffice: by the owning CPU with interrupts off, but for `delivered`, which is the pump's.
pub struct CpuTrace {
    ring: Ring<Stamped, RING_EVENTS>,
    emitted: Counts,
    lost: Counts,
    untraced: Counts,
    /// Interrupts sent to have others forget translations.
    ipis: AtomicU64,
    /// Durations of events that did not get into the ring.
    kept_out: Histograms,
    /// Durations of events that the pump has taken from the ring: so that who records one does not have to.
    delivered: Histograms,
}

type Histograms = [Histogram; Series::COUNT];

type Counts = [AtomicU64; EVENT_KINDS];

const fn zeros() -> Counts {
    [const { AtomicU64::new(0) }; EVENT_KINDS]
}

static TRACES: PerCpu<CpuTrace> = per_cpu!(CpuTrace {
    ring: Ring::new(),
    emitted: zeros(),
    lost: zeros(),
    untraced: zeros(),
    ipis: AtomicU64::new(0),
    kept_out: [const { Histogram::new() }; Series::COUNT],
    delivered: [const { Histogram::new() }; Series::COUNT],
});

/// Kinds of event that go into the rings: bit `n` is `Event::index` `n`. Relaxed: whoever sees a change late acts as before it.
static TRACED: AtomicU64 = AtomicU64::new(Classes::USUAL.kinds());

/// From now on only events of these kinds are traced. All are counted. For [`super::classes`].
pub(super) fn trace_kinds(kinds: u64) {
    TRACED.store(kinds, Relaxed);
}

/// Whether anything is traced at all. If not (`trace=none`), events are counted and nothing else: no duration is taken, so none is in a histogram.
#[inline]
pub fn is_watching() -> bool {
    TRACED.load(Relaxed) != Classes::NONE.kinds()
}

/// Records `event` now, on this CPU. A full ring drops it and counts it. Where nothing is traced it need not even be made.
#[inline(always)]
pub fn emit(event: Event) {
    let irq = IrqOff::new();
    emit_made(&irq, event.index(), tsc, move || event);
}

/// [`emit`] of an event of kind `kind`, made by `make`, once at most. Its fields go straight into the ring, and only then is `now` asked for the time: a moment
/// since interrupts are off.
#[inline(always)]
pub fn emit_made(irq: &IrqOff, kind: usize, now: impl FnOnce() -> u64, make: impl FnOnce() -> Event + Copy) {
    let trace = TRACES.this(irq);
    let traced = TRACED.load(Relaxed);
    if traced >> kind & 1 == 0 {
        bump(&trace.untraced[kind]);
        if traced != Classes::NONE.kinds() {
            count(&trace.kept_out, &make());
        }
        return;
    }
    bump(&trace.emitted[kind]);
    inject::pass(Point::Emit);
    // Made only once there is room for it: until then it is not carried along in registers.
    // SAFETY: the only producer of this ring is this CPU with interrupts off; NMIs and the panic path do not emit, nor does `make`.
    if unsafe { trace.ring.push_with(|| Stamped { tsc: now(), event: make() }) }.is_err() {
        bump(&trace.lost[kind]);
        count(&trace.kept_out, &make());
    }
}

/// [`emit`] where interrupts are off already; the event, of kind `kind`, is only made if anything is traced.
#[inline]
pub fn emit_lazily(irq: &IrqOff, kind: usize, event: impl FnOnce() -> Event) {
    /// Out of line: what does not trace must not carry it along.
    #[inline(never)]
    fn traced(event: &Event) {
        emit(*event);
    }
    if is_watching() {
        traced(&event());
    } else {
        count_untraced(irq, kind);
    }
}

/// Counts an event of kind `kind` that nobody watches: what [`emit`] would come to, for paths on which the event need not even be made.
#[inline]
pub fn count_untraced(irq: &IrqOff, kind: usize) {
    bump(&TRACES.this(irq).untraced[kind]);
}

/// Counts interrupts that this CPU sends to have others forget translations.
pub fn count_ipis(irq: &IrqOff, sent: u32) {
    let ipis = &TRACES.this(irq).ipis;
    ipis.store(ipis.load(Relaxed) + u64::from(sent), Relaxed); // as in `bump`
}

/// Adds the event's durations up. By the one writer of `histograms`.
#[cold]
#[inline(never)]
fn count(histograms: &Histograms, event: &Event) {
    samples(event, |series, ticks| histograms[series as usize].record(ticks));
}

/// Adds one to a counter that only this CPU writes. Relaxed: readers want a recent value, no order.
#[inline]
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

fn read(counts: &Counts) -> [u64; EVENT_KINDS] {
    counts.each_ref().map(|count| count.load(Relaxed)) // partner: `bump`
}

impl CpuTrace {
    /// The ring, for its one consumer.
    pub fn ring(&self) -> &Ring<Stamped, RING_EVENTS> {
        &self.ring
    }

    /// Events of traced classes, by kind, lost ones included.
    pub fn emitted(&self) -> [u64; EVENT_KINDS] {
        read(&self.emitted)
    }

    /// Of those, what the ring dropped.
    pub fn lost(&self) -> [u64; EVENT_KINDS] {
        read(&self.lost)
    }

    /// Events of other classes.
    pub fn untraced(&self) -> [u64; EVENT_KINDS] {
        read(&self.untraced)
    }

    /// Interrupts that it sent to have others forget translations.
    pub fn ipis(&self) -> u64 {
        self.ipis.load(Relaxed) // partner: `count_ipis`
    }

    /// Events of all kinds so far.
    pub fn seen(&self) -> u64 {
        [&self.emitted, &self.untraced].into_iter().flatten().map(|count| count.load(Relaxed)).sum()
    }

    /// An event has left the ring: its durations count now. Only for the pump.
    #[inline]
    pub fn delivered(&self, event: &Event) {
        count(&self.delivered, event);
    }

    /// How long things took, whether they were traced or not. What lies in the ring is not in it yet.
    pub fn histogram(&self, series: Series) -> Durations<'_> {
        Durations([&self.kept_out, &self.delivered].map(|histograms| &histograms[series as usize]))
    }
}

/// A distribution in two parts that have a writer each.
pub struct Durations<'a>([&'a Histogram; 2]);

impl Durations<'_> {
    /// How many values there are in each of the `N` buckets from `first` on.
    pub fn window<const N: usize>(&self, first: usize) -> [u64; N] {
        let [a, b] = self.0.map(|histogram| histogram.window::<N>(first));
        core::array::from_fn(|i| a[i] + b[i])
    }

    /// Sum of the values, saturating.
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, histogram| sum.saturating_add(histogram.sum()))
    }

    /// Largest value.
    pub fn max(&self) -> u64 {
        self.0.iter().map(|histogram| histogram.max()).fold(0, u64::max)
    }
}

/// That CPU's events.
pub fn of(cpu: CpuId) -> &'static CpuTrace {
    TRACES.of(cpu)
}

/// Sums of all CPUs.
#[derive(Default)]
pub struct Totals {
    /// By kind, lost ones included.
    pub emitted: [u64; EVENT_KINDS],
    /// By kind.
    pub lost: [u64; EVENT_KINDS],
    /// By stage, in ticks.
    pub fault_ticks: [u64; Stage::COUNT],
}

/// Adds the counters of all CPUs up. Exact when nothing emits meanwhile; the ticks without those of events that are still in the rings.
pub fn totals() -> Totals {
    let mut sum = Totals::default();
    for trace in crate::percpu::online().map(of) {
        let add = |to: &mut [u64], from: &[u64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        add(&mut sum.emitted, &trace.emitted());
        add(&mut sum.lost, &trace.lost());
    }
    sum.fault_ticks = fault_ticks();
    sum
}

/// Ticks of all CPUs' faults by stage, of events that have left the rings.
pub fn fault_ticks() -> [u64; Stage::COUNT] {
    Stage::ALL.map(|stage| {
        let series = Series::of_stage(stage);
        crate::percpu::online().map(|cpu| of(cpu).histogram(series).sum()).sum()
    })
}
