//! Events and control records with every field at, near and between its limits.

use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::control::*;
use fl_trace::event::*;
use fl_trace::locks::{LockClass, LockUse};
use fl_trace::metrics::{HistogramPart, Series, WINDOW};
use proptest::prelude::*;

/// A 64-bit number of any length, its limits more often than chance has it.
pub fn n64() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(i64::MAX as u64),
        Just(i64::MIN as u64),
        (any::<u64>(), 0u32..64).prop_map(|(n, shift)| n >> shift),
    ]
}

/// The same of 32 bits.
pub fn n32() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(u32::MAX),
        Just(i32::MAX as u32),
        Just(i32::MIN as u32),
        (any::<u32>(), 0u32..32).prop_map(|(n, shift)| n >> shift),
    ]
}

fn n16() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), Just(u16::MAX), any::<u16>(), 0u16..200]
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        any::<[u8; 16]>().prop_map(Name),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|b| Name::new(&b))
    ]
}

pub const CAUSES: &[ExitCause] = &ExitCause::VALUES;
pub const KINDS: &[FaultKind] = &FaultKind::VALUES;
pub const ACCESSES: &[Access] = &Access::VALUES;
pub const OUTCOMES: &[Outcome] = &Outcome::VALUES;
pub const CLASSES: &[FrameClass] = &FrameClass::VALUES;

fn one_of<T: Copy + core::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn fault() -> impl Strategy<Value = Fault> {
    (
        (prop_oneof![Just(1), n32()], n64(), prop_oneof![Just(0x40_1000), n64()]),
        (one_of(KINDS), one_of(ACCESSES), any::<bool>(), one_of(OUTCOMES)),
        (n32(), n32(), n32()),
        proptest::array::uniform5(prop_oneof![Just(0), n32()]),
    )
        .prop_map(|((pid, va, ip), (kind, access, user, outcome), (page, generation, frame), stages)| {
            Fault {
                pid: Pid(pid),
                va: VirtAddr(va),
                ip: VirtAddr(ip),
                kind,
                access,
                user,
                outcome,
                page: PageId(page),
                generation,
                frame: Pfn(frame),
                stages,
            }
        })
}

fn transfer() -> impl Strategy<Value = CacheTransfer> {
    (any::<u8>(), one_of(CLASSES), n16(), n16(), n32(), n32()).prop_map(
        |(cache, class, moved, cached, pool_free, number)| CacheTransfer {
            cache: CpuId(cache),
            class,
            moved,
            cached,
            pool_free,
            number,
        },
    )
}

pub fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (n32(), n32(), name()).prop_map(|(pid, parent, name)| {
            Event::ProcessSpawn(ProcessSpawn { pid: Pid(pid), parent: Pid(parent), name })
        }),
        1 => (n32(), n32(), one_of(CAUSES)).prop_map(|(pid, status, cause)| {
            Event::ProcessExit(ProcessExit { pid: Pid(pid), status: status as i32, cause })
        }),
        4 => fault().prop_map(Event::Fault),
        1 => transfer().prop_map(Event::CacheRefill),
        1 => transfer().prop_map(Event::CacheDrain),
        1 => (n32(), n32(), n32()).prop_map(|(page, generation, frame)| {
            Event::PageFree(PageFree { page: PageId(page), generation, frame: Pfn(frame) })
        }),
    ]
}

pub fn stamped() -> impl Strategy<Value = Stamped> {
    (n64(), event()).prop_map(|(tsc, event)| Stamped { tsc, event })
}

fn moment() -> impl Strategy<Value = Moment> {
    one_of(&[Moment::Boot, Moment::Running, Moment::PowerOff])
}

/// A number for each kind of event.
fn kinds() -> impl Strategy<Value = [u64; EVENT_KINDS]> {
    proptest::collection::vec(n64(), EVENT_KINDS).prop_map(|v| v.try_into().expect("one for each"))
}

pub fn control() -> impl Strategy<Value = Control> {
    let hello = (
        (n32(), n32(), any::<[u8; 20]>(), n64(), n64()),
        (any::<u8>(), n32(), n32(), n32(), n32()),
        (n32(), any::<bool>()),
        (n32(), n32(), n32(), name(), proptest::array::uniform8((n64(), n32()))),
    )
        .prop_map(
            |(
                (schema, fingerprint, build_id, tsc_hz, tsc_boot),
                (cpus, user_frames, kernel_frames, swap_slots, ring_events),
                (classes, lossless),
                (frames_min, frames_low, frames_high, policy, clocks),
            )| {
                Hello {
                    schema,
                    fingerprint,
                    build_id,
                    tsc_hz,
                    tsc_boot,
                    cpus,
                    user_frames,
                    kernel_frames,
                    swap_slots,
                    ring_events,
                    classes,
                    lossless,
                    frames_min,
                    frames_low,
                    frames_high,
                    policy,
                    clocks: clocks
                        .map(|(ahead, uncertainty)| ClockOffset { ahead: ahead as i64, uncertainty }),
                }
            },
        );
    let counters = (
        moment(),
        kinds(),
        kinds(),
        proptest::array::uniform5(n64()),
        (n64(), n64(), n64()),
        (n32(), n32(), n32(), n32(), n32()),
    )
        .prop_map(
            |(
                at,
                emitted,
                lost,
                fault_ticks,
                (logs_lost, heap_used, eviction_ipis),
                (user_free, kernel_free, slots_free, threads, processes),
            )| {
                Counters {
                    at,
                    emitted,
                    lost,
                    logs_lost,
                    fault_ticks,
                    user_free,
                    kernel_free,
                    slots_free,
                    heap_used,
                    threads,
                    processes,
                    eviction_ipis,
                }
            },
        );
    let of_cpu = (any::<u8>(), moment(), kinds(), kinds(), kinds(), n64()).prop_map(
        |(cpu, at, emitted, lost, untraced, ipis)| CpuCounters {
            cpu: CpuId(cpu),
            at,
            emitted,
            lost,
            untraced,
            ipis,
        },
    );
    let part = (
        (any::<u8>(), one_of(Series::ALL), any::<u16>()),
        proptest::collection::vec(n64(), WINDOW),
        (n64(), n64()),
    )
        .prop_map(|((cpu, series, first), counts, (sum, max))| HistogramPart {
            cpu: CpuId(cpu),
            series,
            first,
            counts: counts.try_into().expect("a window"),
            sum,
            max,
        });
    prop_oneof![
        of_cpu.prop_map(Control::CpuCounters),
        part.prop_map(Control::Histogram),
        (one_of(LockClass::ALL), any::<u8>(), n64(), n64()).prop_map(|(class, cpu, contended, spun)| {
            Control::Lock(LockUse { class, cpu: CpuId(cpu), contended, spun })
        }),
        hello.prop_map(Control::Hello),
        (n32(), n32(), name()).prop_map(|(pid, parent, name)| Control::LiveProcess {
            pid: Pid(pid),
            parent: Pid(parent),
            name
        }),
        counters.prop_map(Control::Counters),
        Just(Control::CaughtUp),
        one_of(&[Bye::PowerOff, Bye::Panic]).prop_map(Control::Bye),
    ]
}
