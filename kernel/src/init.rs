//! The first thread: mounts the volume, runs the programs in order, and powers off with everything accounted for.

use crate::arch::cpu;
use crate::arch::power::{self, ExitCode};
use crate::dev::block;
use crate::inject::{self, Actions, Extent, Point};
use crate::mm::{frames, heap, layout, stacks};
use crate::options::{self, LinkKind, Options};
use crate::percpu;
use crate::process;
use crate::reclaim;
use crate::sched::{self, console_print};
use crate::sync::Once;
use crate::time::{Clock, TICK_HZ};
use crate::trace::link::Link;
use crate::trace::{classes, drain, emit, uart};
use crate::{console, dev, fs, ktest, processors, time, watchdog};
use core::fmt;
use fl_addr::{CpuId, Pid};
use fl_reclaim::Watermarks;
use fl_trace::class::Class;
use fl_trace::control::{Control, Counters, Hello, Moment};
use fl_trace::event::{FrameClass, Name};

struct Given {
    command_line: &'static str,
    features: cpu::Features,
    clock: Clock,
}
static GIVEN: Once<Given> = Once::new();

/// Starts the first thread. It runs when boot goes idle.
pub fn start(command_line: &'static str, features: cpu::Features, clock: Clock) {
    GIVEN.call_once(|| Given { command_line, features, clock });
    sched::spawn_kernel("init", run, 0).unwrap_or_else(|e| panic!("the first thread cannot start: {e:?}"));
}

extern "C" fn run(_: usize) -> ! {
    let options = begin(GIVEN.get().expect("set by `start`"));
    run_programs(&options);
    ktest::bench::report_work();
    power_off() // the options stay: they were there when the boot counters were read
}

/// Brings up what is left to be brought up. Not inlined, as the other steps are not: what only boot needs of the stack is free again when
/// programs run, and a thread's 16 KiB have to bear the loading of a program and several interrupts on top of each other.
#[inline(never)]
fn begin(given: &Given) -> Options {
    let options = options::parse(given.command_line).unwrap_or_else(|e| console::refuse(format_args!("{e}")));
    classes::set(options.trace.classes);
    if let Some(ms) = options.disk_timeout {
        block::virtio::set_timeout(u64::from(ms) * TICK_HZ / 1000);
    }
    process::init();
    if options.listen && !sched::listen() {
        console::refuse(format_args!("stdin=com1: too many devices ask for the tick"));
    }
    if let Some(faults) = options.faults.clone() {
        block::faulty::begin(faults);
    }
    dev::init(); // before the boot counters are read: devices and the volume stay
    let sample = options.trace.classes.contains(Class::Access);
    reclaim::init(options.policy, sample).unwrap_or_else(|why| console::refuse(format_args!("{why}")));
    let repairs = fs::mount().unwrap_or_else(|why| console::refuse(format_args!("{why}")));
    let sources = drain::Sources { hello: hello(&given.clock, options.trace.lossless), counters, live };
    drain::start(sources, link(options.link)).unwrap_or_else(|e| panic!("the drain cannot start: {e:?}"));
    if options.trace.lossless {
        drain::set_lossless();
    }
    processors::go();
    greet(given, &options);
    if !repairs.nothing() {
        console_print(format_args!("The volume was repaired: {repairs}\n"));
    }
    watchdog::start(options.watchdog);
    if options.panic.is_some_and(|place| !inject::arm_panic(place)) {
        console::refuse(format_args!("panic= works in checked builds only"));
    }
    if let Some(extent) = options.chaos {
        begin_chaos(options.seed, extent);
    }
    inject::pass(Point::Thread);
    inject::pass(Point::StackOverflow);
    if options.selftest.is_some_and(|test| !ktest::run(test)) {
        console::refuse(format_args!("selftest= works in checked builds only"));
    }
    options
}

/// From now on things happen at the marked places.
fn begin_chaos(seed: u64, extent: Extent) {
    let actions = Actions {
        give_way: sched::yield_now,
        preempt: sched::give_way_soon,
        nap: sched::sleep,
        drain: frames::drain_caches,
        evict: match extent {
            Extent::Full => reclaim::force_out,
            Extent::Resident => |_| (),
        },
    };
    if !inject::begin_chaos(seed, actions) {
        console::refuse(format_args!("chaos= works in checked builds only"));
    }
    defmt::info!("this is a run of chaos with seed {=u64}", seed);
    console_print(format_args!("Chaos with seed {seed}\n"));
}

/// What carries the trace. The drain sends over it; until then what is recorded waits in the rings.
fn link(kind: LinkKind) -> Option<&'static mut dyn Link> {
    match kind {
        LinkKind::Uart => uart::open(),
        LinkKind::Virtio => {
            Some(dev::console::link().unwrap_or_else(|why| console::refuse(format_args!("{why}"))))
        }
    }
}

fn greet(given: &Given, options: &Options) {
    defmt::info!(
        "tsc {=u64} Hz, {=u32} user frames, {=u32} kernel frames",
        given.clock.tsc_hz,
        frames::total(FrameClass::User),
        frames::total(FrameClass::Kernel)
    );
    for cpu in percpu::online().skip(1) {
        let clock = time::offset(cpu);
        defmt::info!(
            "cpu {=u8}: time-stamp counter {=i64} ticks ahead of cpu 0, give or take {=u32}",
            cpu.0,
            clock.ahead,
            clock.uncertainty
        );
    }
    let f = given.features;
    defmt::info!("nx {=bool} smep {=bool} smap {=bool} umip {=bool}", f.nx, f.smep, f.smap, f.umip);
    console_print(format_args!(
        "Faultline {}: {} user frames, {} kernel frames and {} KiB of heap, {} MHz, {} programs to run\n",
        env!("CARGO_PKG_VERSION"),
        frames::total(FrameClass::User),
        frames::total(FrameClass::Kernel),
        heap::size() / 1024,
        given.clock.tsc_hz / 1_000_000,
        options.programs.len(),
    ));
    while BOOT.get().is_none() {
        sched::sleep(1); // the drain has its stack and has said hello: from here on everything is measured against now
    }
}

#[inline(never)]
fn run_programs(options: &Options) {
    for command in &options.programs {
        console_print(format_args!("Executing '{command}':\n"));
        match process::spawn(command, Pid(0)) {
            Ok(child) => drop(child.wait(|| false)),
            Err(error) => {
                let name = fl_abi::cmdline::arguments(command).next().unwrap_or("");
                console_print(format_args!("load: {name}: {error}\n"));
            }
        }
        if process::stopping() {
            return; // this program or a child of it has halted the machine
        }
        console_print(format_args!("Execution of '{command}' complete.\n"));
    }
}

/// The counters at boot, before the first process.
static BOOT: Once<Counters> = Once::new();

#[inline(never)]
fn power_off() -> ! {
    let boot = BOOT.get().expect("the drain takes the boot counters first");
    process::stop_all(); // those whose parents have ended
    while sched::count() > boot.threads {
        sched::sleep(1);
    }
    inject::end_chaos();
    while !reclaim::is_idle() {
        sched::sleep(1);
    }
    block::faulty::end();
    if let Err(why) = fs::leave() {
        // As good as after a crash: the next mount repairs it.
        console_print(format_args!("The volume is not left in order: {why}\n"));
    }
    frames::stop_stocking();
    let last = counters(Moment::PowerOff);
    report_leaks(boot, &last);
    if let Some(struck) = block::faulty::summary() {
        console_print(format_args!("Faults injected: {struck}\n"));
    }
    if let Some(happened) = inject::summary() {
        console_print(format_args!("Chaos: {happened}\n"));
    }
    console_print(format_args!("Powering off...\n")); // before the drain's last round, which may carry the console too
    drain::finish(last);
    power::off(ExitCode::PowerOff)
}

fn report_leaks(boot: &Counters, last: &Counters) {
    let all = |c: &Counters| (c.user_free, c.kernel_free, c.slots_free, c.heap_used, c.threads, c.processes);
    let same = all(last) == all(boot);
    console_print(format_args!(
        "Leaks: {} (user frames {} of {}, kernel frames {} of {}, heap bytes {} of {}, threads {} of {}, swap slots {} of {}{})\n",
        if same { "none" } else { "SOME" },
        last.user_free,
        boot.user_free,
        last.kernel_free,
        boot.kernel_free,
        last.heap_used,
        boot.heap_used,
        last.threads,
        boot.threads,
        last.slots_free,
        boot.slots_free,
        Depth(stacks::deepest()),
    ));
}

/// How deep kernel stacks got, if that is known: of threads, and the volume's.
struct Depth(Option<[(usize, usize); 2]>);

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some([(used, of), (large_used, large)]) = self.0 else { return Ok(()) };
        write!(f, "; deepest stack {used} of {of}, the volume's {large_used} of {large}")
    }
}

fn hello(clock: &Clock, lossless: bool) -> Hello {
    let marks = reclaim::watermarks().unwrap_or(Watermarks { min: 0, low: 0, high: 0 });
    Hello {
        schema: fl_trace::SCHEMA_VERSION,
        fingerprint: fl_trace::schema_fingerprint(),
        build_id: layout::build_id(),
        tsc_hz: clock.tsc_hz,
        tsc_boot: clock.tsc_boot,
        cpus: percpu::online_count(),
        user_frames: frames::total(FrameClass::User),
        kernel_frames: frames::total(FrameClass::Kernel),
        swap_slots: reclaim::swap::slots().0,
        ring_events: emit::RING_EVENTS as u32,
        classes: classes::current().bits(),
        lossless,
        frames_min: marks.min,
        frames_low: marks.low,
        frames_high: marks.high,
        policy: Name::new(reclaim::policy_name().as_bytes()),
        clocks: core::array::from_fn(|cpu| time::offset(CpuId(cpu as u8))),
    }
}

/// Everything that must be at power-off what it was at boot, and what the trace is reconciled with.
fn counters(at: Moment) -> Counters {
    let totals = emit::totals();
    let now = Counters {
        at,
        emitted: totals.emitted,
        lost: totals.lost,
        logs_lost: drain::logs_lost(),
        fault_ticks: totals.fault_ticks,
        user_free: frames::free(FrameClass::User),
        kernel_free: frames::free(FrameClass::Kernel),
        slots_free: reclaim::swap::slots().1,
        heap_used: heap::used(),
        threads: sched::count(),
        processes: process::count(),
        eviction_ipis: reclaim::eviction_ipis(),
    };
    if at == Moment::Boot { *BOOT.call_once(|| now) } else { now }
}

fn live(sink: drain::Sink<'_>) {
    // Collected first: the table's lock must not be held while the link is written.
    let mut records = alloc::vec::Vec::new();
    process::live(|p| records.push(Control::LiveProcess { pid: p.pid, parent: p.parent, name: p.name }));
    records.iter().for_each(sink);
}
