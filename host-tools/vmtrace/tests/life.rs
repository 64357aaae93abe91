//! The life of a page, of an address and of a frame, told from made-up runs.

mod common;

use common::{vmtrace, write_run};
use fl_addr::{CpuId, PageId, Pfn, Pid, Slot, VirtAddr};
use fl_trace::event::*;
use fl_trace::field::Ticks;
use vmtrace::synth::{Run, fault, name};

/// Process 1 makes page 10, its child 2 stores to it and gets page 11; page 12 of a mapped file is written back; frames are used again.
fn run() -> Run {
    let mut run = Run::empty(1);
    let va = VirtAddr(0x804_9000);
    let at = |pid: u32, page: u32, frame: u32, outcome| {
        let ids = (Pid(pid), PageId(page), Pfn(frame));
        Event::Fault(Fault {
            pid: ids.0,
            page: ids.1,
            frame: ids.2,
            va,
            outcome,
            access: Access::Write,
            kind: FaultKind::Zero,
            generation: 2,
            ..fault()
        })
    };
    let free = |page: u32, frame: u32| {
        Event::PageFree(PageFree { page: PageId(page), generation: 3, frame: Pfn(frame) })
    };
    let write = |ok| {
        Event::WriteBack(WriteBack {
            page: PageId(12),
            generation: 4,
            frame: Pfn(0x50),
            bytes: 100,
            ok,
            kept: true,
        })
    };
    let end = |pid| Event::ProcessExit(ProcessExit { pid: Pid(pid), status: 0, cause: ExitCause::Exit });
    let events = [
        Event::ProcessSpawn(ProcessSpawn { pid: Pid(1), parent: Pid(0), name: name("parent") }),
        at(1, 10, 0x50, Outcome::Mapped),
        Event::ProcessFork(ProcessFork { pid: Pid(2), parent: Pid(1), name: name("child") }),
        Event::PageCopy(PageCopy { from: PageId(10), page: PageId(11), generation: 2, frame: Pfn(0x51) }),
        at(2, 11, 0x51, Outcome::Copied),
        at(1, 10, 0x50, Outcome::Reused),
        end(2),
        free(11, 0x51),
        free(10, 0x50),
        at(1, 12, 0x50, Outcome::Mapped),
        write(false),
        write(true),
        end(1),
        free(12, 0x50),
    ];
    let boot = run.hello.tsc_boot;
    for (event, tsc) in events.into_iter().zip((boot + 24_000..).step_by(24_000)) {
        run.events.push((CpuId(0), Stamped { tsc, event }));
    }
    run
}

/// What `vmtrace ARGS` prints for the run, which must go well.
fn told(command: &str, args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &run());
    let done = vmtrace(&[&[command, path.as_str()], args].concat());
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    done.out
}

/// Each of the words in a line of its own, in this order, and no more lines about events.
fn assert_tells(text: &str, heading: &str, words: &[&str], summary: &str) {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], heading);
    assert_eq!(lines.len(), words.len() + 3, "{text}");
    for (line, words) in lines[1..].iter().zip(words) {
        assert!(line.contains(words), "{words:?} is missing in {line:?}");
    }
    assert!(lines[lines.len() - 1].contains(summary), "{text}");
}

#[test]
fn a_page_is_made_copied_kept_and_freed() {
    let text = told("page", &["10"]);
    let words = [
        "process 1 (parent) writes 0x8049000: zero page shown in frame 0x50, generation 2; ",
        "copied to page 11, in frame 0x51",
        "process 1 (parent) writes 0x8049000: no copy was needed: made writable where it is, in frame 0x50; ",
        "let go by the last who had it, in generation 3; frame 0x50 is free",
    ];
    assert_tells(&text, "page 10", &words, "1 process, 1 copy made, freed");
    let words = [
        "made as a copy of page 10, in frame 0x51",
        "process 2 (child) writes 0x8049000: it was shared: this copy of its own, in frame 0x51; ",
        "frame 0x51 is free",
    ];
    assert_tells(&told("page", &["11"]), "page 11", &words, "1 fault in ");
}

#[test]
fn an_address_names_every_page_that_the_process_had_there() {
    let text = told("page", &["0x8049123", "--pid", "1"]);
    let words = [
        "page 10: process 1",
        "page 10: copied to page 11",
        "page 10: process 1",
        "page 10: let go",
        "page 12: process 1",
        "page 12: could not be written to its file (100 bytes from frame 0x50)",
        "page 12: 100 bytes written to its file from frame 0x50",
        "page 12: let go",
    ];
    let heading = "page of process 1 at 0x8049000";
    assert_tells(&text, heading, &words, "1 write-back, 1 failed write-back, freed 2 times");
}

#[test]
fn a_frame_tells_of_the_pages_that_were_in_it() {
    let words =
        ["page 10: ", "page 10: ", "page 10: let", "page 12: ", "page 12: ", "page 12: ", "page 12: let"];
    assert_tells(&told("frame", &["0x50"]), "frame 0x50", &words, "3 faults in ");
}

#[test]
fn the_same_as_json() {
    let value: serde_json::Value = serde_json::from_str(&told("page", &["10", "--json"])).unwrap();
    assert_eq!(value["pages"], serde_json::json!([10]));
    assert_eq!(value["events"].as_array().unwrap().len(), 4);
    assert_eq!(value["events"][1]["event"], "page-copy");
    assert!(value["events"][1]["text"].as_str().unwrap().contains("copied to page 11"));
    assert_eq!((&value["faults"], &value["freed"]), (&2.into(), &1.into()));
}

#[test]
fn what_the_trace_does_not_know_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &run());
    for (args, status, words) in [
        (&["page", &path, "99"][..], 1, "is about page 99"),
        (&["page", &path, "0x1000", "--pid", "2"], 1, "is about page of process 2 at 0x1000"),
        (&["frame", &path, "7"], 1, "is about frame 0x7"),
        (&["page", &path, "0x804900000"], 2, "is no page's number (for an address give --pid, too)"),
        (&["page", "-", "5", "--pid", "1"], 2, "reading the trace twice"),
    ] {
        let done = vmtrace(args);
        assert_eq!((done.status, done.out.as_str()), (status, ""), "{args:?}");
        assert!(done.err.contains(words) && done.err.lines().count() == 1, "{}", done.err);
    }
}

/// A page that goes to swap and comes back, once wanted while it is written and once unreadable.
fn swapped() -> Run {
    let mut run = Run::empty(1);
    let (page, frame, slot) = (PageId(10), Pfn(0x50), Slot(7));
    let evicted = |generation, outcome| {
        Event::Evicted(Evicted {
            page,
            generation,
            frame,
            by: Reclaimer::Evictor,
            pid: Pid(1),
            va: VirtAddr(0x804_9000),
            reason: EvictReason::Unused,
            dirty: true,
            scanned: 3,
            age: 12,
            outcome,
        })
    };
    let out = |generation, kept| {
        let time = Ticks(240_000);
        Event::SwapOut(SwapOut { page, generation, frame, slot, run: 4, ok: true, kept, time })
    };
    let read = |ok| {
        let (readahead, distance, time) = (false, 40, Ticks(120_000));
        Event::SwapIn(SwapIn { page, generation: 9, frame, slot, readahead, distance, ok, time })
    };
    let va = VirtAddr(0x804_9000);
    let events = [
        Event::ProcessSpawn(ProcessSpawn { pid: Pid(1), parent: Pid(0), name: name("sweep") }),
        Event::Fault(Fault { page, frame, va, generation: 2, ..fault() }),
        evicted(3, EvictOutcome::ToSwap),
        out(4, true),
        evicted(5, EvictOutcome::ToSwap),
        out(6, false),
        Event::FaultBlocked(FaultBlocked { pid: Pid(1), va, page, on: BlockedOn::Disk }),
        read(false),
        read(true),
        Event::SlotFreed(SlotFreed { slot, page, reason: SlotFreeReason::Dirtied }),
        Event::SwapIn(SwapIn {
            page: PageId(99),
            generation: 1,
            frame: Pfn(0x99),
            slot: Slot(8),
            readahead: true,
            distance: 1,
            ok: true,
            time: Ticks(1),
        }),
    ];
    let boot = run.hello.tsc_boot;
    for (event, tsc) in events.into_iter().zip((boot + 24_000..).step_by(24_000)) {
        run.events.push((CpuId(0), Stamped { tsc, event }));
    }
    run
}

#[test]
fn a_page_goes_to_swap_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_run(dir.path(), &swapped());
    let chosen = "chosen by the evictor from process 1 (sweep) at 0x8049000 (unused, dirty, 12 evictions after it came): to be written to swap from frame 0x50";
    let words = [
        "process 1 (sweep) writes 0x8049000: zero page shown in frame 0x50",
        chosen,
        "written to slot 7 with 3 other pages in 100 us; wanted meanwhile, it stays in frame 0x50",
        chosen,
        "written to slot 7 with 3 other pages in 100 us; frame 0x50 is free",
        "process 1 (sweep) sleeps in its fault at 0x8049000 for the disk",
        "could not be read from slot 7 (50.0 us); frame 0x50 is given back",
        "read from slot 7 into frame 0x50 in 50.0 us, 40 evictions after its own",
        "slot 7 is free: its copy is stale: the page was stored to",
    ];
    let summary = "2 evictions, 2 writes to swap, 1 read from swap, not freed";
    assert_tells(&vmtrace(&["page", &path, "10"]).out, "page 10", &words, summary);
    let slot = vmtrace(&["slot", &path, "7"]);
    let words: Vec<String> =
        words.iter().filter(|line| line.contains("slot 7")).map(|line| format!("page 10: {line}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_tells(&slot.out, "slot 7", &words, "2 writes to swap, 1 read from swap");
    let missing = vmtrace(&["slot", &path, "9"]);
    assert_eq!((missing.status, missing.out.as_str()), (1, ""));
    assert!(missing.err.contains("is about slot 9"), "{}", missing.err);
}
