//! The volume: programs loaded page by page from the disk, files in and out, crashes, damage, and disks that fail.

use crate::Test;
use fl_trace::event::{DiskOperation, Event, ExitCause, FaultKind};
use fl_volume::{RamDisk, Volume};
use qemu_tests::{Ran, guest, run, run_in_order, tail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use xtask::disk;
use xtask::run::{End, Run, Storage};
use xtask::volume::{Get, Put};

pub const TESTS: &[Test] = &[
    ("a_program_is_read_from_the_disk_page_by_page", a_program_is_read_page_by_page),
    ("a_file_that_is_put_comes_back_with_get", a_file_comes_back),
    ("many_threads_change_files_and_the_host_reads_the_same", many_threads_change_files),
    ("files_work_on_a_disk_in_memory_and_with_little_memory", files_work_elsewhere),
    ("a_kept_disk_keeps_its_files", a_kept_disk_keeps_its_files),
    ("a_volume_left_by_a_crash_is_repaired_at_the_next_mount", a_crash_is_repaired),
    ("a_damaged_volume_is_refused_in_words", a_damaged_volume_is_refused),
    ("without_a_volume_the_kernel_says_what_is_missing", without_a_volume),
    ("a_page_that_cannot_be_read_ends_its_process_only", a_page_that_cannot_be_read),
    ("an_operation_that_fails_with_the_disk_hurts_nothing_else", a_disk_that_fails_now_and_then),
    ("a_program_whose_headers_cannot_be_read_is_not_started", headers_that_cannot_be_read),
];

fn in_dir(dir: &TempDir, name: &str) -> PathBuf {
    dir.path().join(name)
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// A guest that changes files for a while, and leaves one whose content is known.
fn changing_files() -> Run {
    guest(&["hello"]).kernel_arg("selftest", "volume")
}

/// The content of the file that the kernel's own test leaves.
fn left() -> Vec<u8> {
    (0..50_000_u32).map(|at| (at * 7 % 251) as u8).collect()
}

fn selftest_passed(ran: &Ran) {
    assert!(ran.outcome.console.contains("\nselftest volume: ok ("), "{}", tail(&ran.outcome));
}

fn a_program_is_read_page_by_page() {
    let ran = run_in_order(guest(&["text", "text"]));
    let mut rest = ran.trace.events().iter().map(|seen| &seen.event);
    for _ in 0..2 {
        rest.find(|event| matches!(event, Event::ProcessSpawn(_))).expect("it was started");
        let life: Vec<_> =
            rest.by_ref().take_while(|event| !matches!(event, Event::ProcessExit(_))).collect();
        let count = |what: fn(&Event) -> bool| life.iter().filter(|event| what(event)).count();
        let loaded = count(|e| matches!(e, Event::Fault(fault) if fault.kind == FaultKind::Executable));
        // Sixteen functions in pages of their own, and what surrounds them: each page comes when it is first touched, once, by one request.
        assert!((17..40).contains(&loaded), "{}", tail(&ran.outcome));
        let read = count(|e| matches!(e, Event::DiskIo(io) if io.ok && io.operation == DiskOperation::Read));
        assert_eq!(read, loaded, "{}", tail(&ran.outcome));
    }
}

fn a_file_comes_back() {
    let dir = temporary();
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(|i| i.to_le_bytes()).collect();
    fs::write(in_dir(&dir, "in"), &bytes).expect("a file can be written");
    let mut guest = guest(&["hello"]);
    guest.put.push(Put { file: in_dir(&dir, "in"), name: "Numbers.bin".into() });
    guest.get.push(Get { name: "Numbers.bin".into(), file: in_dir(&dir, "out") });
    let mut missing = guest.clone();
    run_in_order(guest);
    assert!(fs::read(in_dir(&dir, "out")).expect("it was copied out") == bytes);
    missing.get[0].name = "numbers.bin".into();
    let outcome = run(missing).outcome;
    let complaint = outcome.complaint().expect("there is no such file");
    assert!(complaint.contains("no file 'numbers.bin'") && outcome.status() == 1, "{complaint}");
}

fn many_threads_change_files() {
    let dir = temporary();
    let mut guest = changing_files();
    guest.get.push(Get { name: "selftest".into(), file: in_dir(&dir, "out") });
    let ran = run_in_order(guest);
    selftest_passed(&ran);
    assert!(fs::read(in_dir(&dir, "out")).expect("it was copied out") == left());
    let image = ran.outcome.dir.file(xtask::qemu::DISK);
    let mtools = |command: &str, words: &[&str]| {
        Command::new(command).arg("-i").arg(&image).args(words).env("MTOOLS_SKIP_CHECK", "1").output()
    };
    match (mtools("mcopy", &["::selftest", "-"]), mtools("mdir", &["-b"])) {
        (Ok(copied), Ok(listed)) => {
            assert!(copied.stdout == left(), "mcopy: {}", String::from_utf8_lossy(&copied.stderr));
            let names = String::from_utf8_lossy(&listed.stdout).into_owned();
            let ours = disk::names(&image).expect("the image is readable");
            assert_eq!(names.lines().count(), ours.len(), "mdir: {names}");
            assert!(ours.iter().all(|name| names.contains(name.as_str())), "mdir: {names}");
        }
        _ => println!("SKIPPED mtools: they are not here (package mtools)"),
    }
}

fn files_work_elsewhere() {
    let mut in_memory = changing_files();
    in_memory.ramdisk = true;
    selftest_passed(&run_in_order(in_memory));
    let mut small = changing_files();
    small.mem_mib = 32;
    selftest_passed(&run_in_order(small));
}

fn a_kept_disk_keeps_its_files() {
    let dir = temporary();
    let image = in_dir(&dir, "kept.img");
    let on = |mut guest: Run| {
        guest.disk = Storage::Image(image.clone());
        guest
    };
    selftest_passed(&run_in_order(on(changing_files())));
    let mut second = on(guest(&["hello"]));
    second.get.push(Get { name: "selftest".into(), file: in_dir(&dir, "out") });
    run_in_order(second);
    assert!(fs::read(in_dir(&dir, "out")).expect("it was copied out") == left());
}

fn a_crash_is_repaired() {
    let dir = temporary();
    let image = in_dir(&dir, "crashed.img");
    // The first page fault comes after the test, which leaves the volume in use.
    let mut crashing = changing_files().kernel_arg("panic", "pagelock");
    crashing.disk = Storage::Image(image.clone());
    let crashed = run(crashing);
    assert_eq!(crashed.outcome.end, End::Panicked, "{}", tail(&crashed.outcome));
    selftest_passed(&crashed);
    let found = disk::complaint(&image).expect("the image is readable").expect("it is marked");
    assert!(found.starts_with("not unmounted"), "{found}");
    let mut next = changing_files();
    next.disk = Storage::Image(image.clone());
    let ran = run_in_order(next);
    assert!(
        ran.outcome.console.contains("\nThe volume was repaired: not unmounted"),
        "{}",
        tail(&ran.outcome)
    );
    selftest_passed(&ran);
}

/// A small image with all programs of the run.
pub fn small_image(run: &Run, path: &Path) -> RamDisk {
    let volume = xtask::volume::Volume::with_programs(&run.artifacts).expect("the programs are readable");
    disk::make(path, 4 << 20, volume.files()).expect("an image can be made");
    RamDisk::new(fs::read(path).expect("the image is readable"))
}

/// What a kernel says that does not start; there is no trace then.
fn refusal(guest: Run) -> String {
    let outcome = guest.start().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(outcome.status(), 2, "{}", tail(&outcome));
    match outcome.end {
        End::Refused(why) => why,
        _ => panic!("{}", tail(&outcome)),
    }
}

fn a_damaged_volume_is_refused() {
    let dir = temporary();
    let image = in_dir(&dir, "damaged.img");
    let mut guest = guest(&["hello"]);
    let disk = small_image(&guest, &image);
    let mut volume = Volume::mount(&disk).expect("mount");
    volume.create(b"new", 1).expect("create");
    drop(volume); // left in use
    let mut bytes = disk.into_inner();
    let entry = bytes.windows(11).position(|name| name == b"HELLO      ").expect("the program has an entry");
    bytes[entry + 28..entry + 32].copy_from_slice(&3_000_000_u32.to_le_bytes()); // larger than its chain
    fs::write(&image, &bytes).expect("the image can be written");
    guest.disk = Storage::Untouched(image.clone());
    let why = refusal(guest.clone());
    assert!(why.contains("chain of 'hello' is shorter") && why.contains("fsck.fat"), "{why}");
    assert!(fs::read(&image).expect("the image is readable") == bytes, "it is left as it is");
    guest.disk = Storage::Image(image);
    let said = guest.start().expect_err("the host refuses it too").to_string();
    assert!(said.contains("'hello'") && !said.contains('\n'), "{said}");
}

fn without_a_volume() {
    let dir = temporary();
    let zeros = in_dir(&dir, "zeros.img");
    fs::File::create(&zeros).and_then(|file| file.set_len(1 << 20)).expect("a file can be made");
    for (disk, part) in [
        (Storage::None, "no disk to take programs from"),
        (Storage::Untouched(zeros), "no FAT volume on any of the disks (1)"),
    ] {
        let mut guest = guest(&["hello"]);
        guest.disk = disk;
        let why = refusal(guest);
        assert!(why.contains(part), "{why}");
    }
}

/// A request that fails: `kind` is read or write; `once` or always.
pub fn rule(kind: &str, sector: u64, once: bool) -> String {
    format!(r#"{{"event":"none","iotype":"{kind}","errno":5,"sector":{sector},"once":{once}}}"#)
}

/// A guest whose disk fails by these rules.
pub fn on_failing_disk(mut guest: Run, image: &Path, rules: &[String]) -> Run {
    let path = image.to_str().expect("a temporary path is text");
    let node = format!(
        r#"{{"driver":"raw","node-name":"bad","file":{{"driver":"blkdebug","image":{{"driver":"file","filename":"{path}"}},"inject-error":[{}]}}}}"#,
        rules.join(",")
    );
    guest.disk = Storage::None;
    let device = "virtio-blk-pci,disable-legacy=on,drive=bad";
    guest.qemu_args.extend(["-blockdev", &node, "-device", device].map(str::to_owned));
    guest
}

/// A guest on a disk that serves so many requests a second.
pub fn on_slow_disk(mut guest: Run, image: &Path, requests: u32) -> Run {
    let path = image.to_str().expect("a temporary path is text");
    guest.disk = Storage::None;
    let drive = format!("file={path},format=raw,if=none,id=slow,throttling.iops-total={requests}");
    let device = "virtio-blk-pci,disable-legacy=on,drive=slow";
    guest.qemu_args.extend(["-drive", &drive, "-device", device].map(str::to_owned));
    guest
}

/// A guest on a disk that fails to read some pages of `text`: those of its file from number `from` to before `to`.
fn failing(dir: &TempDir, from: u64, to: u64) -> Run {
    let guest = guest(&["text", "hello"]);
    let image = in_dir(dir, "failing.img");
    let disk = small_image(&guest, &image);
    let mut volume = Volume::mount(&disk).expect("mount");
    let file = volume.open(b"text").expect("the program is there");
    let extents = volume.extents(file).expect("it has a map");
    let sectors = (from..to).filter_map(|page| extents.sector_of(page * 4096));
    let rules: Vec<String> = sectors.map(|(sector, _)| rule("read", sector, false)).collect();
    on_failing_disk(guest, &image, &rules)
}

fn a_disk_that_fails_now_and_then() {
    let dir = temporary();
    let image = in_dir(&dir, "failing.img");
    let guest = guest(&["hello"]).kernel_arg("selftest", "volume-errors");
    let disk = small_image(&guest, &image);
    let free = {
        let mut volume = Volume::mount(&disk).expect("mount");
        volume.create(b"next", 1).expect("create");
        let file = volume.open(b"next").expect("open");
        volume.extents(file).expect("it has a map").runs()[0].sector
    };
    // Each of these fails once or twice, after the mount: writes to tables and directory, any request to some clusters that are used next.
    let metadata = (1..80).filter(|sector| sector % 5 < 2).map(|sector| rule("write", sector, true));
    let data = (free..free + 240).filter(|sector| sector % 23 == 0);
    let data = data.flat_map(|sector| ["read", "write", "write"].map(|kind| rule(kind, sector, true)));
    let rules: Vec<String> = metadata.chain(data).collect();
    let ran = run_in_order(on_failing_disk(guest, &image, &rules));
    assert!(ran.outcome.console.contains("\nselftest volume-errors: ok ("), "{}", tail(&ran.outcome));
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"), "{}", tail(&ran.outcome));
    assert_eq!(disk::complaint(&image).expect("the image is readable"), None);
}

fn a_page_that_cannot_be_read() {
    let dir = temporary();
    let ran = run_in_order(failing(&dir, 4, 12));
    assert_eq!(ran.output_of("text"), "text: exit(-1)\n");
    let text = ran.pid_of("text");
    let cause = ran.trace.events().iter().find_map(|seen| match &seen.event {
        Event::ProcessExit(exit) if exit.pid == text => Some(exit.cause),
        _ => None,
    });
    assert_eq!(cause, Some(ExitCause::IoError));
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"), "{}", tail(&ran.outcome));
}

fn headers_that_cannot_be_read() {
    let dir = temporary();
    let ran = run_in_order(failing(&dir, 0, 1));
    let said = ran.output_of("text");
    assert_eq!(said, "load: text: the file could not be read: the disk reported an I/O error\n");
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"), "{}", tail(&ran.outcome));
}
