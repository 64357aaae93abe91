//! The links that carry the trace: nothing is lost where threads wait, all that is lost is counted where they do not.

use crate::Test;
use crate::boot::refused;
use fl_trace::control::{Control, Moment};
use fl_trace::event::Event;
use qemu_tests::{Ran, guest, guest_on, run, run_in_order, tail};
use std::fs;
use std::os::unix::net::UnixListener;
use vmtrace::Trace;
use xtask::qemu::Ports;
use xtask::run::{End, Run};

pub const TESTS: &[Test] = &[
    ("a_million_faults_over_virtio_lose_nothing", a_million_faults),
    ("where_threads_wait_a_serial_port_loses_nothing", a_serial_port_loses_nothing),
    ("what_a_slow_link_cannot_carry_is_counted_by_cpu_and_kind", what_is_lost_is_counted),
    ("a_virtio_console_without_msi_x_is_polled", without_msi_x),
    ("a_host_that_stops_reading_loses_the_trace_and_nothing_else", a_host_that_stops_reading),
    ("without_a_virtio_console_link_virtio_is_refused", refusals),
];

/// Pages that `zero-bss-big 100` writes.
const PAGES: usize = 100 << 8;
const RUNS: usize = 40;

/// More memory than one run of the program needs.
fn roomy(guest: Run) -> Run {
    Run { mem_mib: 384, ..guest }
}

fn a_million_faults() {
    let ran = run_in_order(roomy(guest(&["zero-bss-big 100"; RUNS])));
    let count = ran.trace.events().iter().filter(|e| matches!(e.event, Event::Fault(_))).count();
    assert!(count > RUNS * PAGES && RUNS * PAGES > 1_000_000, "{count} faults");
    println!("{count} faults in {:.1} s", ran.outcome.duration.as_secs_f64());
    somebody_comes_late(&ran);
}

/// A viewer that sees only the second half knows the machine and who lives, and takes nothing for broken.
fn somebody_comes_late(ran: &Ran) {
    let bytes = fs::read(ran.outcome.trace()).expect("the trace is readable");
    let half = Trace::from_bytes(&bytes[bytes.len() / 2..]).expect("half a trace is one too");
    assert_eq!(half.hello(), ran.trace.hello());
    let first = half.controls().iter().find_map(|(_, control)| match control {
        Control::LiveProcess { name, .. } => Some(name.as_bytes().to_vec()),
        _ => None,
    });
    assert_eq!(first.as_deref(), Some(&b"zero-bss-big"[..]), "who lives is told again");
    assert!(half.loss().sum(None).before_first.records > 0, "what came before is counted");
    let broken: Vec<_> =
        half.check().results.iter().filter(|(_, judged)| judged.broken > 0).map(|(r, _)| r.text()).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

fn a_serial_port_loses_nothing() {
    run_in_order(guest_on(Ports::Both, &["zero-bss-big 32"]));
    run_in_order(guest_on(Ports::Shared, &["zero-bss-big 32"]));
}

fn what_is_lost_is_counted() {
    let ran = run(roomy(guest_on(Ports::Both, &["zero-bss-big 100"])).kernel_arg("trace", "drop"));
    assert_eq!(ran.outcome.end, End::PoweredOff, "{}", tail(&ran.outcome));
    let last = ran.trace.counters(Moment::PowerOff).expect("counters at power-off");
    assert!(last.lost.iter().sum::<u64>() > 1000, "the port is not that fast: {:?}", last.lost);
    let mut seen = [0; Event::KINDS];
    ran.trace.events().iter().for_each(|e| seen[e.event.index()] += 1);
    for (kind, name) in Event::NAMES.iter().enumerate() {
        assert_eq!(seen[kind] + last.lost[kind], last.emitted[kind], "{name}");
    }
    let by_packets: u64 = ran.trace.loss().streams.values().map(|stream| stream.lost.dropped).sum();
    assert_eq!(by_packets, last.lost.iter().sum::<u64>(), "what the packets of each CPU say");
}

fn without_msi_x() {
    let mut guest = guest(&["zero-bss-big 32"]);
    guest.qemu_args = ["-global", "virtio-serial-pci.vectors=0"].map(str::to_owned).to_vec();
    run_in_order(guest);
}

fn a_host_that_stops_reading() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("host");
    let listener = UnixListener::bind(&path).expect("a socket");
    // More than the socket holds. QEMU's virtio console would throw away what it cannot hand on; its serial port waits.
    let mut guest = roomy(guest_on(Ports::OnlyConsole, &["zero-bss-big 100", "hello"]));
    let chardev = format!("socket,id=deaf,path={}", path.display());
    guest.qemu_args =
        ["-chardev", &chardev, "-device", "isa-serial,index=1,chardev=deaf"].map(str::to_owned).to_vec();
    let outcome = guest.start().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((&outcome.end, outcome.status()), (&End::PoweredOff, 0), "{}", tail(&outcome));
    assert!(outcome.console.contains("\nLeaks: none ("), "{}", tail(&outcome));
    assert!(outcome.duration.as_secs() >= 10, "the link never stopped");
    drop(listener);
}

fn refusals() {
    let on_uart = || guest_on(Ports::Both, &["hello"]);
    refused(on_uart().kernel_arg("link", "virtio"), &["no virtio console", "link=uart"]);
    refused(on_uart().kernel_arg("link", "string"), &["link=string"]);
    refused(guest(&["hello"]).kernel_arg("serial", "mux"), &["serial=mux", "link=virtio"]);
}
