//! A small machine whose processes want more memory than there is: pages are evicted, written to swap or to their file, and come back.
//!
//! CPU 0 runs the processes in turns, the last CPU the evictor. Everything happens one after the other, so the order of time is the true one.

use super::{Plan, Random, Run, counters, name, offsets};
use fl_addr::{CpuId, PageId, Pfn, Pid, Slot, VirtAddr};
use fl_trace::class::Classes;
use fl_trace::control::{Bye, Counters, Hello, Moment};
use fl_trace::event::*;
use fl_trace::field::Ticks;
use std::collections::VecDeque;

const HZ: u64 = 2_400_000_000;
const BOOT: u64 = 7_000_000_000;
/// User frames: fewer than one process touches.
const FRAMES: u32 = 48;
const KERNEL_FRAMES: u32 = 600;
const SLOTS: u32 = 200;
const MIN: u32 = 1;
const LOW: u32 = 4;
const HIGH: u32 = 12;
/// Pages of each process, by kind: text, mapped file, stack and bss.
const PAGES: u64 = 64;
const TEXT: u64 = 8;
const MAPPED: u64 = 8;
/// Pages in a request at most.
const CLUSTER: usize = 8;
/// Accesses of each process.
const ACCESSES: usize = 400;

/// A page of a process. Its number among all is its identity, less one.
#[derive(Clone, Copy)]
struct Page {
    pid: Pid,
    va: VirtAddr,
    kind: FaultKind,
    frame: Option<Pfn>,
    slot: Option<Slot>,
    /// Stored to since it has a copy.
    dirty: bool,
    generation: u32,
    /// Evictions there had been when it got or lost its frame.
    since: u32,
}

struct World {
    random: Random,
    evictor: CpuId,
    tsc: u64,
    events: Vec<(CpuId, Stamped)>,
    pages: Vec<Page>,
    free: VecDeque<Pfn>,
    /// Pages that have a frame, the oldest first.
    resident: VecDeque<usize>,
    slots: VecDeque<Slot>,
    evictions: u32,
    level: Level,
}

/// Plays it; of the plan only seed, processors and processes matter.
pub(super) fn play(plan: Plan) -> Run {
    let mut world = World {
        random: Random(plan.seed),
        evictor: CpuId(plan.cpus - 1),
        tsc: BOOT + HZ / 100,
        events: Vec::new(),
        pages: Vec::new(),
        free: (0x800..0x800 + FRAMES).map(Pfn).collect(),
        resident: VecDeque::new(),
        slots: (0..SLOTS).map(Slot).collect(),
        evictions: 0,
        level: Level::Enough,
    };
    let pids: Vec<Pid> = (1..=plan.processes).map(Pid).collect();
    for &pid in &pids {
        world.begin(pid);
    }
    for turn in 0..ACCESSES * pids.len() {
        let process = turn / 10 % pids.len();
        world.access(process, turn);
    }
    for (process, &pid) in pids.iter().enumerate() {
        world.end(process, pid);
    }
    let (told, ahead) = offsets(plan);
    let hello = Hello {
        schema: fl_trace::SCHEMA_VERSION,
        fingerprint: fl_trace::schema_fingerprint(),
        build_id: *b"made-up-build-id-000",
        tsc_hz: HZ,
        tsc_boot: BOOT,
        cpus: plan.cpus,
        user_frames: FRAMES,
        kernel_frames: KERNEL_FRAMES,
        swap_slots: SLOTS,
        ring_events: 1 << 20,
        classes: Classes::ALL.bits(),
        lossless: true,
        frames_min: MIN,
        frames_low: LOW,
        frames_high: HIGH,
        policy: name("fifo"),
        clocks: told,
    };
    let at = |moment| Counters { slots_free: SLOTS, ..counters(moment, FRAMES, KERNEL_FRAMES) };
    Run {
        hello,
        ahead,
        link: None,
        boot: at(Moment::Boot),
        power_off: at(Moment::PowerOff),
        bye: Some(Bye::PowerOff),
        events: world.events,
        logs: Vec::new(),
    }
}

impl World {
    /// Time passes.
    fn wait(&mut self, from: u64, to: u64) -> u64 {
        let ticks = self.random.range(from, to);
        self.tsc += ticks;
        ticks
    }

    fn emit(&mut self, event: Event) {
        self.emit_on(CpuId(0), event);
    }

    fn emit_on(&mut self, cpu: CpuId, event: Event) {
        // More than clocks of two CPUs may differ.
        self.tsc += 1100;
        self.events.push((cpu, Stamped { tsc: self.tsc, event }));
    }

    fn begin(&mut self, pid: Pid) {
        self.emit(Event::ProcessSpawn(ProcessSpawn { pid, parent: Pid(0), name: name("sweep") }));
        for n in 0..PAGES {
            let (kind, base) = match n {
                0..TEXT => (FaultKind::Executable, 0x40_0000),
                _ if n < TEXT + MAPPED => (FaultKind::Mapping, 0x1000_0000),
                _ if n < PAGES - 4 => (FaultKind::Zero, 0x804_9000),
                _ => (FaultKind::Stack, 0x4744_0000),
            };
            self.pages.push(Page {
                pid,
                va: VirtAddr(base + n * 4096),
                kind,
                frame: None,
                slot: None,
                dirty: false,
                generation: 1,
                since: 0,
            });
        }
    }

    fn access(&mut self, process: usize, turn: usize) {
        self.wait(2_000, 20_000);
        let at = process * PAGES as usize + self.random.range(0, PAGES) as usize;
        let write = self.pages[at].kind != FaultKind::Executable && self.random.range(0, 3) > 0;
        if self.pages[at].frame.is_none() {
            self.fault(at, write);
        }
        self.pages[at].dirty |= write;
        if turn.is_multiple_of(16) {
            self.pin(at);
        }
        if turn.is_multiple_of(8) {
            let Page { pid, va, frame, dirty, .. } = self.pages[at];
            let frame = frame.expect("it was brought in");
            let sample = AccessSample { pid, va, page: id(at), frame, accessed: true, dirty };
            self.emit(Event::AccessSample(sample));
        }
    }

    fn pin(&mut self, at: usize) {
        let Page { pid, frame, generation, .. } = self.pages[at];
        let (page, frame) = (id(at), frame.expect("it was brought in"));
        self.emit(Event::Pinned(Pinned { pid, page, generation, frame }));
        if self.random.range(0, 2) == 0 {
            // Others are evicted meanwhile.
            self.resident.retain(|&other| other != at);
            self.reclaim();
            self.resident.push_back(at);
        }
        self.emit(Event::Unpinned(Unpinned { pid, page, generation, frame }));
    }

    /// Brings a page in, which may have to wait until there is a frame.
    fn fault(&mut self, at: usize, write: bool) {
        let Page { pid, va, kind, slot, .. } = self.pages[at];
        let mut stages = [self.random.range(250, 400) as u32, 0, 90, 700, 150];
        if self.free.len() <= MIN as usize {
            self.emit(Event::FaultBlocked(FaultBlocked { pid, va, page: id(at), on: BlockedOn::Frame }));
            let begun = self.tsc;
            self.reclaim();
            let time = self.tsc - begun;
            self.emit(Event::FrameWait(FrameWait { pid, position: 0, ok: true, time: Ticks(time) }));
            stages[Stage::Wait as usize] = time as u32;
        }
        let frame = self.free.pop_front().expect("there is room now");
        let kind = if slot.is_some() { FaultKind::Swap } else { kind };
        self.pages[at].generation += 1; // it is claimed
        if let Some(slot) = slot {
            self.emit(Event::FaultBlocked(FaultBlocked { pid, va, page: id(at), on: BlockedOn::Disk }));
            let time = self.wait(100_000, 300_000);
            stages[Stage::Fill as usize] = time as u32;
            self.pages[at].generation += 1;
            let distance = self.evictions - self.pages[at].since;
            self.emit(Event::SwapIn(SwapIn {
                page: id(at),
                generation: self.pages[at].generation,
                frame,
                slot,
                readahead: false,
                distance,
                ok: true,
                time: Ticks(time),
            }));
        } else {
            self.pages[at].generation += 1;
        }
        let page = &mut self.pages[at];
        page.frame = Some(frame);
        page.since = self.evictions;
        let generation = page.generation;
        self.resident.push_back(at);
        self.tsc += stages.iter().map(|&t| u64::from(t)).sum::<u64>();
        let access = if write { Access::Write } else { Access::Read };
        self.emit(Event::Fault(Fault {
            pid,
            va,
            ip: VirtAddr(0x40_0123),
            kind,
            access,
            user: true,
            outcome: Outcome::Mapped,
            page: id(at),
            generation,
            frame,
            stages,
        }));
    }

    /// The evictor works until there is enough.
    fn reclaim(&mut self) {
        self.turn(true, [0, 0], 0);
        let (begun, before) = (self.tsc, self.evictions);
        while self.free.len() < HIGH as usize && !self.resident.is_empty() {
            self.tell_level();
            let victims: Vec<usize> = (0..CLUSTER).filter_map(|_| self.resident.pop_front()).collect();
            let mut to_swap = Vec::new();
            for at in victims {
                self.evictions += 1;
                if self.take(at) {
                    to_swap.push(at);
                }
            }
            self.write(&to_swap);
        }
        self.tell_level();
        let evicted = self.evictions - before;
        self.turn(false, [evicted, evicted], self.tsc - begun);
        self.shoot_down();
    }

    fn turn(&mut self, awake: bool, [evicted, scanned]: [u32; 2], time: u64) {
        let free = self.free.len() as u32;
        let turn = Evictor { awake, free, in_flight: 0, evicted, scanned, time: Ticks(time) };
        self.emit_on(self.evictor, Event::Evictor(turn));
    }

    fn tell_level(&mut self) {
        let free = self.free.len() as u32;
        let level = match free {
            ..=MIN => Level::Min,
            _ if free < LOW => Level::Low,
            _ if free < HIGH => Level::High,
            _ => Level::Enough,
        };
        if level != self.level {
            self.level = level;
            let crossed = WatermarkCrossed { class: FrameClass::User, free, in_flight: 0, level };
            self.emit_on(self.evictor, Event::WatermarkCrossed(crossed));
        }
    }

    /// Takes a page. Whether it is to be written to swap.
    fn take(&mut self, at: usize) -> bool {
        self.wait(500, 900);
        let page = self.pages[at];
        let frame = page.frame.expect("it is resident");
        let outcome = match page.kind {
            _ if !page.dirty => EvictOutcome::Dropped,
            FaultKind::Mapping => EvictOutcome::ToFile,
            _ => EvictOutcome::ToSwap,
        };
        self.pages[at].generation += 1;
        self.emit_on(
            self.evictor,
            Event::Evicted(Evicted {
                page: id(at),
                generation: page.generation + 1,
                frame,
                by: Reclaimer::Evictor,
                pid: page.pid,
                va: page.va,
                reason: EvictReason::Oldest,
                dirty: page.dirty,
                scanned: 1,
                age: self.evictions - page.since,
                outcome,
            }),
        );
        match outcome {
            EvictOutcome::Dropped => self.lose(at),
            EvictOutcome::ToFile => {
                self.wait(50_000, 90_000);
                self.pages[at].generation += 1;
                let generation = page.generation + 2;
                let write = WriteBack { page: id(at), generation, frame, bytes: 4096, ok: true, kept: false };
                self.emit_on(self.evictor, Event::WriteBack(write));
                self.pages[at].dirty = false;
                self.lose(at);
            }
            _ => {
                if let Some(slot) = self.pages[at].slot.take() {
                    self.free_slot(slot, at, SlotFreeReason::Dirtied);
                }
                return true;
            }
        }
        false
    }

    /// Writes pages by one request.
    fn write(&mut self, pages: &[usize]) {
        if pages.is_empty() {
            return;
        }
        let begun = self.tsc;
        self.wait(200_000, 400_000);
        for &at in pages {
            let slot = self.slots.pop_front().expect("there are slots enough");
            self.pages[at].generation += 1;
            let page = self.pages[at];
            let (run, time) = (pages.len() as u16, Ticks(self.tsc + 1100 - begun));
            self.emit_on(
                self.evictor,
                Event::SwapOut(SwapOut {
                    page: id(at),
                    generation: page.generation,
                    frame: page.frame.expect("it is being written"),
                    slot,
                    run,
                    ok: true,
                    kept: false,
                    time,
                }),
            );
            self.pages[at].slot = Some(slot);
            self.pages[at].dirty = false;
            self.lose(at);
        }
    }

    fn lose(&mut self, at: usize) {
        let frame = self.pages[at].frame.take().expect("it had one");
        self.pages[at].since = self.evictions;
        self.free.push_back(frame);
    }

    fn free_slot(&mut self, slot: Slot, at: usize, reason: SlotFreeReason) {
        self.emit_on(self.evictor, Event::SlotFreed(SlotFreed { slot, page: id(at), reason }));
        self.slots.push_back(slot);
    }

    fn shoot_down(&mut self) {
        if self.evictor != CpuId(0) {
            let time = Ticks(self.wait(1_000, 4_000));
            let shot = Shootdown { pages: 8, targets: 1, whole: false, time };
            self.emit_on(self.evictor, Event::Shootdown(shot));
        }
    }

    fn end(&mut self, process: usize, pid: Pid) {
        self.emit(Event::ProcessExit(ProcessExit { pid, status: 0, cause: ExitCause::Exit }));
        for at in process * PAGES as usize..(process + 1) * PAGES as usize {
            let page = self.pages[at];
            if let Some(frame) = page.frame {
                let (page, generation) = (id(at), page.generation + 1);
                self.emit(Event::PageFree(PageFree { page, generation, frame }));
                self.resident.retain(|&other| other != at);
                self.lose(at);
            }
            if let Some(slot) = self.pages[at].slot.take() {
                self.free_slot(slot, at, SlotFreeReason::Dead);
            }
        }
    }
}

fn id(at: usize) -> PageId {
    PageId(at as u32 + 1)
}
