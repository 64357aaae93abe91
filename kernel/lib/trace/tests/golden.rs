//! The exact bytes of one packet of each channel, and the shape of the schema: no change of the wire goes unnoticed.
//!
//! These files also make the schema's fingerprint. After an intended change of the wire (new variants and values only
//! go to the end) renew them, look at the difference, and raise `SCHEMA_VERSION` if old readers can no longer follow:
//!
//! ```text
//! RENEW_GOLDEN=1 cargo test -p fl-trace --test golden
//! ```

mod support;

use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::control::*;
use fl_trace::decode::decode;
use fl_trace::encode::{EventPacket, RecordPacket};
use fl_trace::event::*;
use fl_trace::locks::{LockClass, LockUse};
use fl_trace::metrics::{HistogramPart, Series};
use fl_trace::packet::{Channel, MAX_FRAME, MAX_PACKET, PACKET_ROOM, StreamPosition};
use serde_reflection::{
    ContainerFormat, Format, Named, Registry, Samples, Tracer, TracerConfig, VariantFormat,
};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use support::extremes::{ACCESSES, CAUSES, CLASSES, KINDS, OUTCOMES};

const AT: StreamPosition = StreamPosition { sequence: 300, first_index: 20_000, lost: 5 };
const BASE: u64 = 0x12_3456_789A;

/// Compares `actual` with a golden file, or renews the file.
fn compare(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("RENEW_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("golden file exists");
    assert!(
        expected == actual,
        "{file} differs; see the head of tests/golden.rs\nexpected:\n{expected}\nactual:\n{actual}"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).fold(String::new(), |mut lines, row| {
        row.iter().for_each(|b| write!(lines, "{b:02x}").expect("a string takes all"));
        lines + "\n"
    })
}

/// Every kind of event, and every value of every field-less enum.
fn sample_events() -> Vec<Stamped> {
    let mut events = vec![Event::ProcessSpawn(ProcessSpawn {
        pid: Pid(3),
        parent: Pid(0),
        name: Name::new(b"args-many"),
    })];
    let n = KINDS.len() * ACCESSES.len() * OUTCOMES.len();
    for i in (0..n).step_by(11).chain([n - 1]) {
        let few = i as u32;
        events.push(Event::Fault(Fault {
            pid: Pid(3 + few % 2),
            va: VirtAddr(0x60_0000 + 4096 * i as u64),
            ip: VirtAddr(if i % 3 == 0 { 0x40_1234 } else { 0xffff_ffff_8000_1000 + i as u64 }),
            kind: KINDS[i % KINDS.len()],
            access: ACCESSES[i % ACCESSES.len()],
            user: i % 3 == 0,
            outcome: OUTCOMES[i % OUTCOMES.len()],
            page: PageId(10 + few),
            generation: 2 + few,
            frame: Pfn(0x1234 - few),
            stages: [1000 * (few % 5), 70_000 * (few % 2), 40 * (few % 3), 800 * (few % 4), few],
        }));
    }
    for (i, class) in CLASSES.iter().copied().enumerate() {
        let moved = 16 + i as u16;
        let t =
            CacheTransfer { cache: CpuId(i as u8), class, moved, cached: moved, pool_free: 1000, number: 70 };
        events.push(Event::CacheRefill(t));
        let next = CacheTransfer { cached: 0, pool_free: 1000 + u32::from(moved), number: 71, ..t };
        events.push(Event::CacheDrain(next));
        events.push(Event::CacheDrain(CacheTransfer { number: 74, ..next }));
    }
    events.push(Event::PageFree(PageFree { page: PageId(12), generation: 9, frame: Pfn(0x1230) }));
    for (cause, status) in
        CAUSES.iter().copied().zip([0, -1, 1, i32::MIN, i32::MAX, 57, -57, 2].into_iter().cycle())
    {
        events.push(Event::ProcessExit(ProcessExit { pid: Pid(3), status, cause }));
    }
    // The other plain kinds, each with fields that are 0 and fields that are 1.
    for (variant, kind) in
        (0..EVENT_KINDS as u8).filter_map(|v| Some((v, support::plain::event(v, &[0; 64])?)))
    {
        if events.iter().all(|e| core::mem::discriminant(e) != core::mem::discriminant(&kind)) {
            events.extend(support::plain::event(
                variant,
                &core::array::from_fn::<u8, 64, _>(|i| (i % 2) as u8),
            ));
        }
    }
    events.into_iter().zip(0u64..).map(|(event, i)| Stamped { tsc: BASE + i * i * 100, event }).collect()
}

fn sample_controls() -> Vec<Control> {
    let counters = |at| {
        Control::Counters(Counters {
            at,
            emitted: core::array::from_fn(|i| [1, 2, 300, 4, 5, 60_000][i % 6]),
            lost: core::array::from_fn(|i| [0, 0, 7, 0, 0, 8][i % 6]),
            logs_lost: 9,
            fault_ticks: [10, 0, 1 << 20, 1 << 40, u64::MAX],
            user_free: 1215,
            kernel_free: 1100,
            slots_free: 16_384,
            heap_used: 123_456,
            threads: 4,
            processes: 1,
            eviction_ipis: 33,
        })
    };
    vec![
        Control::Hello(Hello {
            schema: 1,
            fingerprint: 0xDEAD_BEEF,
            build_id: core::array::from_fn(|i| i as u8 * 11),
            tsc_hz: 2_500_000_000,
            tsc_boot: 77,
            cpus: 2,
            user_frames: 1215,
            kernel_frames: 1215,
            swap_slots: 0,
            ring_events: 4096,
            classes: 0b101,
            lossless: true,
            frames_min: 9,
            frames_low: 37,
            frames_high: 75,
            policy: Name::new(b"clock"),
            clocks: core::array::from_fn(|i| ClockOffset {
                ahead: 100 - 40 * i as i64,
                uncertainty: 25 * i as u32,
            }),
        }),
        Control::LiveProcess { pid: Pid(3), parent: Pid(1), name: Name::new(b"child") },
        counters(Moment::Boot),
        counters(Moment::Running),
        counters(Moment::PowerOff),
        Control::Bye(Bye::PowerOff),
        Control::Bye(Bye::Panic),
        Control::CpuCounters(CpuCounters {
            cpu: CpuId(1),
            at: Moment::Running,
            emitted: core::array::from_fn(|i| 100 + i as u64),
            lost: core::array::from_fn(|i| i as u64 % 2),
            untraced: core::array::from_fn(|i| 1000 * i as u64),
            ipis: 300,
        }),
        Control::Histogram(HistogramPart {
            cpu: CpuId(1),
            series: Series::FaultStack,
            first: 64,
            counts: core::array::from_fn(|i| if i % 5 == 0 { 90 * i as u64 } else { 0 }),
            sum: 1 << 33,
            max: 1 << 17,
        }),
        Control::Lock(LockUse { class: LockClass::PageTable, cpu: CpuId(1), contended: 300, spun: 1 << 21 }),
        Control::CaughtUp,
    ]
}

#[test]
fn an_events_packet_keeps_its_bytes() {
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let mut packet = EventPacket::begin(&mut buf, CpuId(1), AT, BASE);
    assert!(sample_events().iter().all(|e| packet.push(e)));
    let frame = packet.finish(&mut frame);
    compare("events.hex", &hex(frame));
    let decoded: Result<Vec<_>, _> =
        decode(&frame[..frame.len() - 1]).expect("own packet").events().collect();
    assert_eq!(decoded, Ok(sample_events()));
}

#[test]
fn a_control_packet_keeps_its_bytes() {
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let mut packet = RecordPacket::begin(&mut buf, Channel::Control, CpuId(0), AT, BASE);
    assert!(sample_controls().iter().all(|c| packet.push_control(c)));
    compare("control.hex", &hex(packet.finish(&mut frame)));
}

#[test]
fn a_log_packet_keeps_its_bytes() {
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let mut packet = RecordPacket::begin(&mut buf, Channel::Logs, CpuId(2), AT, BASE);
    assert!(packet.push_log(&[1, 0, 2, 0, 0, 3]) && packet.push_log(&[]) && packet.push_log(&[0xEE; 200]));
    compare("logs.hex", &hex(packet.finish(&mut frame)));
}

#[test]
fn a_console_packet_keeps_its_bytes() {
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let mut packet = RecordPacket::begin(&mut buf, Channel::Console, CpuId(0), AT, BASE);
    assert_eq!(packet.push_bytes(b"hello: exit(57)\n"), 16);
    compare("console.hex", &hex(packet.finish(&mut frame)));
}

/// The serde shape of everything on the wire.
fn registry() -> Registry {
    let samples = Samples::new();
    let mut tracer = Tracer::new(TracerConfig::default());
    tracer.trace_type::<Event>(&samples).expect("traceable");
    tracer.trace_type::<Control>(&samples).expect("traceable");
    tracer.trace_type::<FaultKind>(&samples).expect("traceable");
    tracer.trace_type::<Access>(&samples).expect("traceable");
    tracer.trace_type::<Outcome>(&samples).expect("traceable");
    tracer.trace_type::<ExitCause>(&samples).expect("traceable");
    tracer.trace_type::<FrameClass>(&samples).expect("traceable");
    tracer.trace_type::<DiskOperation>(&samples).expect("traceable");
    tracer.trace_type::<BlockedOn>(&samples).expect("traceable");
    tracer.trace_type::<Reclaimer>(&samples).expect("traceable");
    tracer.trace_type::<EvictReason>(&samples).expect("traceable");
    tracer.trace_type::<EvictOutcome>(&samples).expect("traceable");
    tracer.trace_type::<Level>(&samples).expect("traceable");
    tracer.trace_type::<SlotFreeReason>(&samples).expect("traceable");
    tracer.trace_type::<Stage>(&samples).expect("traceable");
    tracer.trace_type::<Moment>(&samples).expect("traceable");
    tracer.trace_type::<Bye>(&samples).expect("traceable");
    tracer.trace_type::<Series>(&samples).expect("traceable");
    tracer.trace_type::<LockClass>(&samples).expect("traceable");
    tracer.registry().expect("every type is fully known")
}

fn format(f: &Format) -> String {
    match f {
        Format::TypeName(name) => name.clone(),
        Format::TupleArray { content, size } => format!("[{}; {size}]", format(content)),
        simple => format!("{simple:?}").to_lowercase(),
    }
}

fn fields(fields: &[Named<Format>]) -> String {
    fields.iter().map(|f| format!("    {}: {}\n", f.name, format(&f.value))).collect()
}

fn schema() -> String {
    let mut text = format!("version {}\nmax_packet {MAX_PACKET}\n", fl_trace::SCHEMA_VERSION);
    for channel in Channel::ALL {
        writeln!(text, "channel {} {channel:?}", channel as u8).expect("a string takes all");
    }
    for (name, container) in registry() {
        let body = match container {
            ContainerFormat::UnitStruct => String::new(),
            ContainerFormat::NewTypeStruct(f) => format!("    {}\n", format(&f)),
            ContainerFormat::TupleStruct(fs) => fs.iter().map(|f| format!("    {}\n", format(f))).collect(),
            ContainerFormat::Struct(fs) => fields(&fs),
            ContainerFormat::Enum(variants) => variants
                .iter()
                .map(|(number, v)| {
                    let inner = match &v.value {
                        VariantFormat::Unit => String::new(),
                        VariantFormat::NewType(f) => format!(" {}", format(f)),
                        VariantFormat::Struct(fs) => format!("\n{}", fields(fs).trim_end()),
                        other => panic!("describe {other:?} here"),
                    };
                    format!("  {number} {}{inner}\n", v.name)
                })
                .collect(),
        };
        write!(text, "{name}\n{body}").expect("a string takes all");
    }
    text
}

#[test]
fn the_schema_keeps_its_shape() {
    compare("schema.txt", &schema());
}

#[test]
fn the_sample_covers_every_variant_and_value() {
    let registry = registry();
    let known = |name: &str| match &registry[name] {
        ContainerFormat::Enum(variants) => variants.len(),
        other => panic!("{name} is no enum but {other:?}"),
    };
    assert_eq!(known("Event"), EVENT_KINDS);
    assert_eq!((known("Stage"), known("Series")), (Stage::COUNT, Series::COUNT));
    let events = sample_events();
    let kinds: HashSet<_> = events.iter().map(|e| core::mem::discriminant(&e.event)).collect();
    assert_eq!(kinds.len(), known("Event"));
    let controls: HashSet<_> = sample_controls().iter().map(core::mem::discriminant).collect();
    assert_eq!(controls.len(), known("Control"));
    let faults: Vec<Fault> =
        events.iter().filter_map(|e| if let Event::Fault(f) = e.event { Some(f) } else { None }).collect();
    assert_eq!(faults.iter().map(|f| f.kind).collect::<HashSet<_>>().len(), known("FaultKind"));
    assert_eq!(faults.iter().map(|f| f.access).collect::<HashSet<_>>().len(), known("Access"));
    assert_eq!(faults.iter().map(|f| f.outcome).collect::<HashSet<_>>().len(), known("Outcome"));
    assert_eq!(CAUSES.iter().map(|c| *c as u8).collect::<HashSet<_>>().len(), known("ExitCause"));
    assert_eq!(CLASSES.len(), known("FrameClass"));
    let present: HashSet<_> =
        faults.iter().flat_map(|f| Stage::ALL.map(|s| (s, f.stages[s as usize] != 0))).collect();
    assert_eq!(present.len(), 2 * Stage::COUNT, "each stage is there once and missing once");
}
