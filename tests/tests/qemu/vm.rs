//! Virtual memory as programs use it: mappings of files, sharing and its breaking, memory that is used up, frames that tell nothing.

use crate::Test;
use crate::volume::{on_failing_disk, on_slow_disk, rule, small_image};
use fl_addr::Pid;
use fl_trace::event::{BlockedOn, Event, FaultKind, Outcome};
use fl_volume::Volume;
use qemu_tests::{Ran, assert_ends_with, guest, in_memory, run_in_order, tail};
use std::collections::BTreeMap;

pub const TESTS: &[Test] = &[
    ("processes_that_map_one_file_keep_the_rules", processes_map_one_file),
    ("forks_share_pages_and_break_the_sharing_by_any_store", forks_share_and_break),
    ("bad_accesses_beside_mappings_kill_and_bad_mappings_are_refused", bad_mappings),
    ("many_huge_mappings_and_memory_that_is_used_up", many_mappings),
    ("no_frame_shows_old_data", no_frame_shows_old_data),
    ("whole_pages_go_between_disk_and_frame_however_few_may_be_pinned", whole_pages),
    ("a_fault_that_sleeps_for_the_disk_says_so_first", a_fault_that_sleeps),
    ("stores_to_a_file_denied_to_writers_are_lost_and_nothing_else", a_denied_write_back),
    ("stores_that_the_disk_refuses_are_lost_and_nothing_else", a_failing_write_back),
];

fn faults(ran: &Ran, outcome: Outcome) -> usize {
    ran.trace.faults().filter(|(_, fault)| fault.outcome == outcome).count()
}

/// Write-backs that succeeded, and that did not.
fn write_backs(ran: &Ran) -> (usize, usize) {
    let of = |wanted| {
        let all = ran.trace.events().iter();
        all.filter(|seen| matches!(&seen.event, Event::WriteBack(w) if w.ok == wanted)).count()
    };
    (of(true), of(false))
}

fn processes_map_one_file() {
    // On a disk, where a write-back takes time, and in memory; twice, because nothing may be left of the first.
    for guest in [guest(&["map-share", "map-share"]), in_memory(&["map-share", "map-share"])] {
        let ran = run_in_order(guest);
        assert!(ran.output_of("map-share").ends_with("map-share: exit(0)\n"), "{}", tail(&ran.outcome));
        assert_eq!(
            ran.outcome.console.matches("\nmap-share: exit(0)\n").count(),
            2,
            "{}",
            tail(&ran.outcome)
        );
        let (written, failed) = write_backs(&ran);
        assert!(written >= 20 && failed == 0, "{written} write-backs, {failed} failed");
    }
}

fn forks_share_and_break() {
    let ran = run_in_order(in_memory(&["cow-tree 1", "cow-tree 2 4"]));
    assert_ends_with(
        &ran,
        "cow-tree 1",
        "cow-tree: 40 processes, each with memory of its own\ncow-tree: exit(0)\n",
    );
    assert_ends_with(&ran, "cow-tree 2 4", "121 processes, each with memory of its own\ncow-tree: exit(0)\n");
    let (copied, reused) = (faults(&ran, Outcome::Copied), faults(&ran, Outcome::Reused));
    assert!(copied > 500 && reused > 50, "{copied} copies, {reused} pages kept");
    let by_kernel = ran.trace.faults().filter(|(_, fault)| !fault.user && fault.outcome == Outcome::Copied);
    assert!(by_kernel.count() > 50, "the kernel's stores break sharing, too");
}

fn bad_mappings() {
    let ran = run_in_order(in_memory(&["map-bad"]));
    assert_ends_with(&ran, "map-bad", "map-bad: 8 ways to die\nmap-bad: exit(0)\n");
}

fn whole_pages() {
    assert_ends_with(
        &run_in_order(in_memory(&["whole-pages"])),
        "whole-pages",
        "all as it was written\nwhole-pages: exit(0)\n",
    );
    // Ten processes that want eight pages pinned each, on a disk that lets them wait: 55 may be.
    const FRAMES: u32 = 220;
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let image = dir.path().join("slow.img");
    let guest = guest(&["whole-pages 10 2"]).kernel_arg("trace", "+pin");
    small_image(&guest, &image);
    let mut guest = on_slow_disk(guest, &image, 150);
    guest.user_frames = Some(FRAMES);
    let ran = run_in_order(guest);
    assert_ends_with(&ran, "whole-pages 10 2", "all as it was written\nwhole-pages: exit(0)\n");
    let parent = ran.pid_of("whole-pages");
    let (mut pinned, mut most, mut chunk, mut small) = (0, 0, BTreeMap::<Pid, u32>::new(), 0);
    for seen in ran.trace.events() {
        match &seen.event {
            Event::Pinned(pin) => {
                pinned += 1;
                *chunk.entry(pin.pid).or_default() += 1;
            }
            Event::Unpinned(pin) => {
                pinned -= 1;
                // What the children read and write has nine whole pages: without want they are taken as eight and one.
                let whole = chunk.remove(&pin.pid);
                small += u32::from(pin.pid != parent && whole.is_some_and(|pages| (2..8).contains(&pages)));
            }
            _ => {}
        }
        most = most.max(pinned);
    }
    assert!(most <= FRAMES / 4, "{most} pages were pinned at once");
    assert!(most > 24 && small > 0, "{most} pages at once, {small} chunks smaller for want of more");
    assert_eq!(pinned, 0, "what was pinned was unpinned");
}

fn a_fault_that_sleeps() {
    // Many programs: on a busy host a request may be done by the time that its fault would sleep.
    let ran = run_in_order(guest(&["hello", "args", "data", "text", "stack", "fp"].repeat(5)));
    let mut asleep = BTreeMap::new();
    let mut slept = 0;
    for seen in ran.trace.events() {
        match &seen.event {
            Event::FaultBlocked(blocked) if blocked.on == BlockedOn::Disk => {
                asleep.insert(blocked.pid, blocked.va);
            }
            Event::Fault(fault) => {
                if let Some(va) = asleep.remove(&fault.pid) {
                    assert_eq!(va, fault.va, "one fault of a thread at a time");
                    assert_eq!(fault.kind, FaultKind::Executable, "the others need no disk");
                    slept += 1;
                }
            }
            _ => {}
        }
    }
    assert!(slept > 0 && asleep.is_empty(), "{slept} faults slept, {} for ever", asleep.len());
}

fn many_mappings() {
    let mut small = in_memory(&["map-many", "map-share"]);
    small.kernel_frames = Some(400);
    let ran = run_in_order(small);
    assert_ends_with(&ran, "map-many", "map-many: exit(0)\n");
    assert!(!ran.output_of("map-many").contains(" 20000 small"), "memory must be what ends it");
    assert!(faults(&ran, Outcome::NoMemory) >= 2, "{}", tail(&ran.outcome));
    assert_ends_with(&ran, "map-share", "map-share: exit(0)\n");
}

fn no_frame_shows_old_data() {
    let mut small = in_memory(&["fresh-frames"]);
    small.user_frames = Some(1000); // so that frames come back soon
    assert_ends_with(&run_in_order(small), "fresh-frames", "all fresh\nfresh-frames: exit(0)\n");
}

fn a_denied_write_back() {
    let ran = run_in_order(in_memory(&["map-lost map-lost", "map-share"]));
    assert_ends_with(&ran, "map-lost map-lost", "the file is as it was\nmap-lost: exit(0)\n");
    assert_eq!(
        write_backs(&run_in_order(in_memory(&["map-lost map-lost"]))),
        (0, 4),
        "alone, child, parent, exit"
    );
    assert_ends_with(&ran, "map-share", "map-share: exit(0)\n");
}

fn a_failing_write_back() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let image = dir.path().join("failing.img");
    let guest = guest(&["map-lost hello", "hello"]);
    let disk = small_image(&guest, &image);
    let mut volume = Volume::mount(&disk).expect("mount");
    let file = volume.open(b"hello").expect("the program is there");
    let first = volume.extents(file).expect("it has a map").runs()[0].sector;
    drop(volume);
    let ran = run_in_order(on_failing_disk(guest, &image, &[rule("write", first, false)]));
    assert_ends_with(&ran, "map-lost hello", "the file is as it was\nmap-lost: exit(0)\n");
    assert_ends_with(&ran, "hello", "hello: exit(0)\n");
    assert_eq!(write_backs(&ran), (0, 4), "alone, child, parent, exit");
}
