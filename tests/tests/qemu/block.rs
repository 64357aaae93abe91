//! Disks: the kernel's own test of them on every machine, on slow, failing, silent and read-only disks, and in memory. The disks under test are
//! further ones; the volume's is left alone.

use crate::Test;
use qemu_tests::{Ran, guest, run_in_order, tail};
use std::fs;
use tempfile::NamedTempFile;
use xtask::qemu::Chipset;
use xtask::run::Run;

pub const TESTS: &[Test] = &[
    ("a_virtio_disk_works_on_every_machine", a_virtio_disk_works_on_every_machine),
    ("a_ram_disk_works_and_leaves_its_image_alone", a_ram_disk_works_and_leaves_its_image_alone),
    ("others_run_while_a_slow_disk_works", others_run_while_a_slow_disk_works),
    ("a_disk_without_message_interrupts_is_polled", a_disk_without_message_interrupts_is_polled),
    ("an_io_error_costs_only_its_request", an_io_error_costs_only_its_request),
    ("a_disk_that_stops_answering_is_turned_off", a_disk_that_stops_answering_is_turned_off),
    ("a_read_only_disk_refuses_writes", a_read_only_disk_refuses_writes),
    ("disks_behind_bridges_and_transitional_ones_are_found", disks_behind_bridges_are_found),
    ("a_disk_works_with_little_memory", a_disk_works_with_little_memory),
];

/// An empty image, gone with the value.
fn image() -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file can be made");
    file.as_file().set_len(16 << 20).expect("it can be made longer");
    file
}

/// A guest that runs a test on itself, then a program.
fn testing(test: &str) -> Run {
    guest(&["hello"]).kernel_arg("selftest", test)
}

/// Attaches an image in a way of the test's own. `drive` and `device` are what follows the usual words.
fn attach(mut guest: Run, image: &NamedTempFile, id: &str, drive: &str, device: &str) -> Run {
    let path = image.path().to_str().expect("a temporary path is text");
    assert!(!path.contains(','), "QEMU would take the comma for its own");
    let drive = format!("if=none,id={id},format=raw,file={path}{drive}");
    let device = format!("virtio-blk-pci,drive={id}{device}");
    guest.qemu_args.extend(["-drive".into(), drive, "-device".into(), device]);
    guest
}

/// Runs a guest whose test must end well; what its line says about the disk of kind `kind`.
fn passes(guest: Run, kind: &str) -> (Ran, String) {
    let ran = run_in_order(guest);
    let console = &ran.outcome.console;
    let ok = console.lines().any(|l| l.starts_with("selftest block") && l.contains(": ok ("));
    assert!(ok, "{}", tail(&ran.outcome));
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"), "{}", tail(&ran.outcome));
    let line = console.lines().find(|l| l.starts_with(&format!("selftest: {kind}: ")));
    let line = line.unwrap_or_else(|| panic!("no line about {kind}\n{}", tail(&ran.outcome))).to_owned();
    (ran, line)
}

/// The number before `what` in a line of counters.
fn number(line: &str, what: &str) -> u64 {
    let before = line.split(what).next().filter(|b| b.len() < line.len());
    let digits = before.and_then(|b| b.rsplit(|c: char| !c.is_ascii_digit()).next());
    digits.and_then(|d| d.parse().ok()).unwrap_or_else(|| panic!("no number before {what:?} in {line:?}"))
}

fn a_virtio_disk_works_on_every_machine() {
    for chipset in [Chipset::Pc, Chipset::Q35] {
        for cpu in ["max", "qemu64"] {
            let disk = image();
            let mut guest = testing("block");
            (guest.chipset, guest.cpu) = (chipset, cpu.to_owned());
            let (_, line) = passes(attach(guest, &disk, "d", "", ",disable-legacy=on"), "virtio, MSI-X");
            assert_eq!(number(&line, " errors, at most"), 0, "{line}");
            assert!(number(&line, " interrupts") > 0, "{line}");
            assert!(number(&line, " in flight") > 8, "no more requests in flight than threads: {line}");
            let bytes = fs::read(disk.path()).expect("the image is readable");
            assert!(bytes[..8 * 512 * 512].iter().any(|b| *b != 0), "what was written is in the image");
            assert!(bytes[8 * 512 * 512..].iter().all(|b| *b == 0), "nothing else was written");
        }
    }
}

fn a_ram_disk_works_and_leaves_its_image_alone() {
    for (chipset, cpu) in [(Chipset::Pc, "max"), (Chipset::Q35, "qemu64")] {
        let disk = image();
        let mut guest = testing("block");
        (guest.chipset, guest.cpu) = (chipset, cpu.to_owned());
        guest.modules.push((disk.path().to_owned(), "disk".into()));
        passes(guest, "ram");
        let bytes = fs::read(disk.path()).expect("the image is readable");
        assert!(bytes.iter().all(|b| *b == 0), "the image stays as it was");
    }
}

fn others_run_while_a_slow_disk_works() {
    let disk = image();
    let guest = attach(testing("block"), &disk, "slow", ",throttling.iops-total=400", ",disable-legacy=on");
    let (_, line) = passes(guest, "virtio, MSI-X");
    assert!(number(&line, " requests, ") > 100, "{line}");
    assert!(number(&line, " in flight") > 8, "{line}");
}

fn a_disk_without_message_interrupts_is_polled() {
    let disk = image();
    let (_, line) =
        passes(attach(testing("block"), &disk, "old", "", ",disable-legacy=on,vectors=0"), "virtio, polled");
    assert_eq!(number(&line, " interrupts"), 0, "{line}");
}

fn an_io_error_costs_only_its_request() {
    let disk = image();
    let path = disk.path().to_str().expect("a temporary path is text");
    let rule = |kind, sector| {
        format!(r#"{{"event":"none","iotype":"{kind}","errno":5,"sector":{sector},"once":false}}"#)
    };
    let node = format!(
        r#"{{"driver":"raw","node-name":"bad","file":{{"driver":"blkdebug","image":{{"driver":"file","filename":"{path}"}},"inject-error":[{},{}]}}}}"#,
        rule("read", 700),
        rule("write", 1400)
    );
    let mut guest = testing("block-errors");
    let device = "virtio-blk-pci,disable-legacy=on,drive=bad";
    guest.qemu_args.extend(["-blockdev", &node, "-device", device].map(str::to_owned));
    let (_, line) = passes(guest, "virtio, MSI-X");
    let errors = number(&line, " errors expected");
    assert!((2..100).contains(&errors) && errors == number(&line, " errors, at most"), "{line}");
}

fn a_disk_that_stops_answering_is_turned_off() {
    let disk = image();
    let guest = testing("block-timeout").kernel_arg("disk_timeout", "500");
    // What boot looks at is let through and a page or so; the next would take minutes.
    let slow = ",throttling.bps-total=64,throttling.bps-total-max=4096";
    let ran = run_in_order(attach(guest, &disk, "d", slow, ",disable-legacy=on"));
    let line = ran.outcome.console.lines().find(|l| l.starts_with("selftest block-timeout: "));
    let line = line.unwrap_or_else(|| panic!("{}", tail(&ran.outcome)));
    // How many are overdue at that moment depends on how fast they were handed over; the kernel's test counts that each has ended.
    assert!(line.contains(": ok (") && number(line, " timed out") > 0, "{line}");
    assert!(number(line, " in flight") > 8, "the queue was not full: {line}");
}

fn a_read_only_disk_refuses_writes() {
    let disk = image();
    let (_, line) =
        passes(attach(testing("block"), &disk, "d", ",readonly=on", ",disable-legacy=on"), "virtio, MSI-X");
    assert!(line.contains("read-only"), "{line}");
}

fn disks_behind_bridges_are_found() {
    let (first, second, third) = (image(), image(), image());
    let mut guest = testing("block");
    guest.chipset = Chipset::Q35;
    guest.qemu_args.extend(["-device", "pcie-root-port,id=root1,chassis=1"].map(str::to_owned));
    guest = attach(guest, &first, "behind", "", ",bus=root1");
    guest = attach(guest, &second, "both", "", ",disable-legacy=off,disable-modern=off");
    // A legacy device is left alone, and told in the log.
    guest = attach(guest, &third, "legacy", "", ",disable-legacy=off,disable-modern=on");
    let (ran, _) = passes(guest, "virtio, MSI-X");
    assert!(ran.outcome.console.contains("selftest block: ok (2 disks"), "{}", tail(&ran.outcome));
    assert!(fs::read(third.path()).expect("the image is readable").iter().all(|b| *b == 0));
}

fn a_disk_works_with_little_memory() {
    let disk = image();
    let mut guest = testing("block");
    guest.mem_mib = 32;
    passes(attach(guest, &disk, "d", "", ",disable-legacy=on"), "virtio, MSI-X");
}
