//! The rows of the table: operations, targets in guest instructions (where nothing else is said), and where the numbers come from.

use clap::ValueEnum;

/// Which part of the kernel a row is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Group {
    /// System calls
    Syscall,
    /// Processes: fork, exit, wait
    Fork,
    /// Page faults and frames
    Vm,
    /// Swap space
    Swap,
    /// Recording events and carrying them out of the guest
    Trace,
    /// More than one processor
    Smp,
    /// Times of the host: starting QEMU, reading traces
    Host,
}

impl Group {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::Fork => "fork",
            Self::Vm => "vm",
            Self::Swap => "swap",
            Self::Trace => "trace",
            Self::Smp => "smp",
            Self::Host => "host",
        }
    }
}

/// Where a row's number comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A line `bench KEY median M mean N samples S` of that program, with the trace off.
    Program { program: &'static str, key: &'static str },
    /// The same with the trace on, less the same with the trace off.
    Recording { program: &'static str, key: &'static str },
    /// What that program measures by the clock on one processor, over what it measures on two, in percent: the median of pairs of runs. The more the
    /// better.
    TwoProcessors { program: &'static str, key: &'static str },
    /// The same by what it makes of `other` in the same runs, in percent.
    TwoAgainst { program: &'static str, key: &'static str, other: &'static str },
    /// A line of that program on a machine with half the memory that it uses, and swap space; the trace off.
    Pressure { program: &'static str, key: &'static str },
    /// The trace of the run: its bytes by its events.
    Wire,
    /// A line as a program's, which the kernel prints for `selftest=bench` with the trace on.
    Kernel { key: &'static str },
    /// All that the machine works more with the trace on, per event, less what recording takes of it.
    Drain,
    /// A fault of that program with the trace on, and sending its event.
    MachineWide { program: &'static str, key: &'static str },
    /// A time of the host's.
    Host(HostTime),
    /// Nowhere yet: what it waits for.
    NotYet(&'static str),
}

/// What the host's clock measures. Not repeatable: only on an idle machine do these mean anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HostTime {
    /// Milliseconds from starting QEMU to the kernel's line before the first program.
    FirstProgram,
    /// Megabytes of wire that vmtrace's decoder takes in a second.
    DecodedBytes,
    /// Millions of events that it makes of them.
    DecodedEvents,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) operation: &'static str,
    /// What it may take; of rates, what it has to reach.
    pub(super) target: u64,
    /// What has to be known to read the number.
    pub(super) note: &'static str,
    pub(super) source: Source,
}

const fn row(group: Group, operation: &'static str, target: u64, source: Source) -> Row {
    Row { group, operation, target, note: "", source }
}

const fn noted(row: Row, note: &'static str) -> Row {
    Row { note, ..row }
}

impl Row {
    /// Whether more is better.
    pub(super) fn is_rate(&self) -> bool {
        matches!(
            self.source,
            Source::Host(HostTime::DecodedBytes | HostTime::DecodedEvents)
                | Source::TwoProcessors { .. }
                | Source::TwoAgainst { .. }
        )
    }
}

const fn of(program: &'static str, key: &'static str) -> Source {
    Source::Program { program, key }
}

use Group::{Fork, Host, Smp, Swap, Syscall, Trace, Vm};
use Source::{NotYet, Wire};

/// The program whose events the drain is measured by.
pub(super) const DRAINED: &str = "bench-vm";

/// All of them, in the order in which they are shown.
pub(super) const ROWS: &[Row] = &[
    noted(
        row(Syscall, "empty system call, round trip", 70, of("bench-syscall", "syscall-empty")),
        "tell of no open file, the least that a call does",
    ),
    noted(
        row(
            Vm,
            "anonymous first-touch write fault, zeroed stock full",
            550,
            of("bench-vm", "fault-anonymous"),
        ),
        "trace off",
    ),
    noted(
        row(Vm, "the same with the zeroed stock empty", 1100, of("bench-vm", "fault-anonymous-empty")),
        "trace off; clearing the frame is 514 of it",
    ),
    noted(
        row(
            Vm,
            "the same machine-wide, zeroing and drain included",
            1600,
            Source::MachineWide { program: DRAINED, key: "fault-anonymous-empty" },
        ),
        "that with the trace on, and sending its event",
    ),
    noted(
        row(Vm, "frame alloc + free, per-CPU cache hit", 60, Source::Kernel { key: "frame-alloc-free" }),
        "with interrupts turned off and on twice",
    ),
    noted(
        row(
            Vm,
            "what recording adds to that fault",
            60,
            Source::Recording { program: "bench-vm", key: "fault-anonymous" },
        ),
        "trace on less trace off: the event, the times of its stages, and what tells of sleeping in a fault",
    ),
    noted(row(Vm, "copy-on-write fault, copy included", 1100, of("bench-vm", "fault-copy")), "trace off"),
    noted(row(Vm, "copy-on-write reuse by the last sharer", 400, of("bench-vm", "fault-reuse")), "trace off"),
    noted(
        row(
            Vm,
            "file-backed read fault, copied from the RAM disk",
            1100,
            of("bench-vm", "fault-file-copied"),
        ),
        "trace off",
    ),
    noted(
        row(Vm, "file-backed read fault, clean page shared", 600, of("bench-vm", "fault-file-shared")),
        "trace off",
    ),
    noted(row(Fork, "fork, per resident page", 75, of("bench-fork", "fork-page")), "trace off"),
    noted(
        row(Fork, "fork + exit + wait, per resident page", 180, of("bench-fork", "fork-exit-wait-page")),
        "trace off",
    ),
    noted(row(Fork, "exit, per anonymous page", 160, of("bench-fork", "exit-page")), "trace off"),
    noted(
        row(
            Swap,
            "one page in and one out, RAM disk",
            3500,
            Source::Pressure { program: "bench-swap", key: "swap-in-out" },
        ),
        "trace off; machine-wide: fault, eviction thread and both copies, of 512 instructions each",
    ),
    row(
        Swap,
        "one page in and one out, virtio-blk with clustering",
        5500,
        NotYet("a machine that counts instructions of a virtio disk"),
    ),
    row(Trace, "emit one event", 60, Source::Kernel { key: "emit-event" }),
    noted(
        row(Trace, "drain, per event, link included", 300, Source::Drain),
        "by how much longer the machine does not halt with the trace on, less the recording, per event; over a serial port",
    ),
    row(Trace, "use of a saturated UART, in percent", 90, NotYet("a port whose limit is told")),
    noted(
        row(Trace, "bytes per event on the wire", 12, Wire),
        "bytes; all that the run with the trace on sent, packets and counters included, by the events received",
    ),
    noted(
        row(
            Smp,
            "first-touch faults per second, 2 CPUs over 1, in percent",
            190,
            Source::TwoProcessors { program: "bench-smp", key: "faults-side-by-side" },
        ),
        "percent, by the clock, trace off: it needs two idle processors of the host, and only its order repeats",
    ),
    noted(
        row(
            Smp,
            "the same of computing alone: what the host gives, in percent",
            190,
            Source::TwoProcessors { program: "bench-smp", key: "computing-side-by-side" },
        ),
        "percent, in the same runs: two processes that share nothing; where this is under, the row above cannot be met",
    ),
    noted(
        row(
            Smp,
            "the one by the other, in percent",
            95,
            Source::TwoAgainst {
                program: "bench-smp",
                key: "faults-side-by-side",
                other: "computing-side-by-side",
            },
        ),
        "percent, pair by pair: what faults lose by being two, whatever the host gives; 190 of 200",
    ),
    noted(
        row(Host, "start of QEMU to the first program", 400, Source::Host(HostTime::FirstProgram)),
        "milliseconds of the host's clock, on a machine that counts instructions",
    ),
    noted(
        row(Host, "vmtrace: decoding, wire per second", 500, Source::Host(HostTime::DecodedBytes)),
        "megabytes, one core of the host, of a made-up run; as this build of xtask is optimised",
    ),
    noted(
        row(Host, "vmtrace: decoding, events per second", 20, Source::Host(HostTime::DecodedEvents)),
        "millions, likewise",
    ),
];
