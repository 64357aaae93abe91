//! A small machine: CPUs with frame caches over one pool, and processes that touch text, data, stack and now and then
//! what is not theirs.

use super::{Plan, Random, Run, counters, name, offsets};
use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::class::Classes;
use fl_trace::control::{Bye, Hello, Moment};
use fl_trace::event::{
    Access, CacheTransfer, Event, ExitCause, Fault, FaultKind, FrameClass, Outcome, PageFree, ProcessExit,
    ProcessSpawn, Stamped,
};
use std::collections::VecDeque;

const HZ: u64 = 2_400_000_000;
const BOOT: u64 = 7_000_000_000;
/// Frames at least; a plan with large sweeps gets what it needs.
const USER_FRAMES: u32 = 1215;
const KERNEL_FRAMES: u32 = 1215;
/// Frames per transfer, and frames in a cache above which it is drained.
const BATCH: u16 = 32;
const FULL: usize = 64;
const PROGRAMS: [&str; 5] = ["hello", "touch", "sweep", "bad-read", "matmult"];

struct World {
    random: Random,
    pool: VecDeque<Pfn>,
    caches: Vec<Vec<Pfn>>,
    /// Moves between caches and pool so far.
    transfers: u32,
    events: Vec<(CpuId, Stamped)>,
    next_page: u32,
}

/// A process that runs.
struct Running {
    pid: Pid,
    pages: Vec<(PageId, Pfn)>,
    /// Faults to come.
    script: VecDeque<(FaultKind, Access, u64, u64)>,
    bad: bool,
}

pub(super) fn play(plan: Plan) -> Run {
    // One process per CPU at a time: its sweep, text and stack, and a full cache.
    let user_frames = USER_FRAMES.max(u32::from(plan.cpus) * (plan.sweep + plan.sweep / 8 + 128) as u32);
    let mut world = World {
        random: Random(plan.seed),
        pool: (0x800..0x800 + user_frames).map(Pfn).collect(),
        caches: vec![Vec::new(); usize::from(plan.cpus)],
        transfers: 0,
        events: Vec::new(),
        next_page: 1,
    };
    let mut logs = Vec::new();
    let mut clocks: Vec<u64> = (0..u64::from(plan.cpus)).map(|cpu| BOOT + HZ / 100 + cpu * 5003).collect();
    let mut running: Vec<Option<Running>> = clocks.iter().map(|_| None).collect();
    let mut next = 1;
    // The CPU that is furthest behind does one step.
    while let Some(cpu) = (0..clocks.len())
        .filter(|&cpu| next <= plan.processes || running[cpu].is_some())
        .min_by_key(|&cpu| clocks[cpu])
    {
        let id = CpuId(cpu as u8);
        match running[cpu].take() {
            None => {
                running[cpu] = Some(world.spawn(id, clocks[cpu], Pid(next), plan.sweep));
                logs.push((id, clocks[cpu], vec![1, next as u8]));
                next += 1;
                clocks[cpu] += world.random.range(50_000, 200_000);
            }
            Some(mut process) => match process.script.pop_front() {
                Some(step) => {
                    clocks[cpu] = world.fault(id, clocks[cpu], &mut process, step);
                    running[cpu] = Some(process);
                }
                None => clocks[cpu] = world.exit(id, clocks[cpu], process),
            },
        }
    }
    let (told, ahead) = offsets(plan);
    let hello = Hello {
        schema: fl_trace::SCHEMA_VERSION,
        fingerprint: fl_trace::schema_fingerprint(),
        build_id: *b"made-up-build-id-000",
        tsc_hz: HZ,
        tsc_boot: BOOT,
        cpus: plan.cpus,
        user_frames,
        kernel_frames: KERNEL_FRAMES,
        swap_slots: 0,
        ring_events: plan.ring_events,
        classes: Classes::USUAL.bits(),
        lossless: false,
        frames_min: 0,
        frames_low: 0,
        frames_high: 0,
        policy: fl_trace::event::Name::default(),
        clocks: told,
    };
    world.events.sort_by_key(|(_, stamped)| stamped.tsc);
    Run {
        hello,
        ahead,
        link: None,
        boot: counters(Moment::Boot, user_frames, KERNEL_FRAMES),
        power_off: counters(Moment::PowerOff, user_frames, KERNEL_FRAMES),
        bye: Some(Bye::PowerOff),
        events: world.events,
        logs,
    }
}

impl World {
    fn emit(&mut self, cpu: CpuId, tsc: u64, event: Event) {
        self.events.push((cpu, Stamped { tsc, event }));
    }

    fn spawn(&mut self, cpu: CpuId, tsc: u64, pid: Pid, sweep: u64) -> Running {
        let program = (pid.0 as usize - 1) % PROGRAMS.len();
        self.emit(
            cpu,
            tsc,
            Event::ProcessSpawn(ProcessSpawn { pid, parent: Pid(0), name: name(PROGRAMS[program]) }),
        );
        let ip = 0x40_0000 + self.random.range(0, 0x400);
        let mut script = VecDeque::new();
        script.push_back((FaultKind::Stack, Access::Write, 0x4747_fff8, ip));
        for page in 0..3 + program as u64 {
            script.push_back((
                FaultKind::Executable,
                Access::Execute,
                0x40_0000 + page * 4096,
                0x40_0000 + page * 4096,
            ));
        }
        for page in 0..sweep {
            script.push_back((
                FaultKind::Zero,
                Access::Write,
                0x804_9000 + page * 4096 + self.random.range(0, 512) * 8,
                ip,
            ));
            if page % 16 == 15 {
                script.push_back((
                    FaultKind::Stack,
                    Access::Write,
                    0x4747_fff8 - page / 16 * 4096 - 4096,
                    ip + 8,
                ));
                script.push_back((
                    FaultKind::Executable,
                    Access::Read,
                    0x41_0000 + page / 16 * 4096,
                    ip + 16,
                ));
            }
        }
        let bad = PROGRAMS[program] == "bad-read";
        if bad {
            script.push_back((FaultKind::Bad, Access::Read, 0xdead_b000, ip + 24));
        }
        Running { pid, pages: Vec::new(), script, bad }
    }

    /// Plays one fault that begins some time after `tsc`. Returns when it is over.
    fn fault(
        &mut self,
        cpu: CpuId,
        tsc: u64,
        process: &mut Running,
        step: (FaultKind, Access, u64, u64),
    ) -> u64 {
        let (kind, access, va, ip) = step;
        let mut tsc = tsc + self.random.range(2_000, 60_000);
        let random = &mut self.random;
        let stages = match kind {
            FaultKind::Bad => [random.range(400, 700) as u32, 0, 0, 0, 0],
            FaultKind::Executable | FaultKind::Mapping | FaultKind::Swap => [
                random.range(350, 500),
                0,
                random.range(60, 140),
                random.range(2_500, 4_500),
                random.range(70, 200),
            ]
            .map(|t| t as u32),
            FaultKind::Zero | FaultKind::Stack => [
                random.range(250, 400),
                0,
                random.range(60, 140),
                random.range(500, 900),
                random.range(70, 200),
            ]
            .map(|t| t as u32),
        };
        tsc += stages.iter().map(|&t| u64::from(t)).sum::<u64>();
        let mut fault = Fault {
            pid: process.pid,
            va: VirtAddr(va),
            ip: VirtAddr(ip),
            kind,
            access,
            user: true,
            outcome: Outcome::Refused,
            page: PageId(0),
            generation: 0,
            frame: Pfn(0),
            stages,
        };
        if kind != FaultKind::Bad {
            fault.outcome = Outcome::Mapped;
            fault.page = PageId(self.next_page);
            self.next_page += 1;
            fault.generation = 2;
            fault.frame = self.take(cpu, tsc - 300);
            process.pages.push((fault.page, fault.frame));
        }
        self.emit(cpu, tsc, Event::Fault(fault));
        tsc + 200
    }

    fn exit(&mut self, cpu: CpuId, mut tsc: u64, process: Running) -> u64 {
        let (status, cause) = if process.bad { (-1, ExitCause::BadAccess) } else { (0, ExitCause::Exit) };
        tsc += 1000;
        self.emit(cpu, tsc, Event::ProcessExit(ProcessExit { pid: process.pid, status, cause }));
        for (page, frame) in process.pages {
            tsc += self.random.range(150, 250);
            self.emit(cpu, tsc, Event::PageFree(PageFree { page, generation: 3, frame }));
            self.give(cpu, tsc + 10, frame);
        }
        tsc + self.random.range(50_000, 500_000)
    }

    fn take(&mut self, cpu: CpuId, tsc: u64) -> Pfn {
        if self.caches[usize::from(cpu.0)].is_empty() {
            let batch = self.pool.len().min(BATCH.into());
            let mut frames: Vec<Pfn> = self.pool.drain(..batch).collect();
            // The caller's frame goes past the cache.
            let own = frames.pop().expect("the made-up machine has frames enough");
            self.caches[usize::from(cpu.0)].extend(frames);
            let transfer = self.transfer(cpu, batch);
            self.emit(cpu, tsc, Event::CacheRefill(transfer));
            return own;
        }
        self.caches[usize::from(cpu.0)].pop().expect("it is not empty")
    }

    fn give(&mut self, cpu: CpuId, tsc: u64, frame: Pfn) {
        let cache = &mut self.caches[usize::from(cpu.0)];
        cache.push(frame);
        if cache.len() > FULL {
            let frames: Vec<Pfn> = cache.drain(..usize::from(BATCH)).collect();
            self.pool.extend(frames);
            let transfer = self.transfer(cpu, BATCH.into());
            self.emit(cpu, tsc, Event::CacheDrain(transfer));
        }
    }

    fn transfer(&mut self, cpu: CpuId, moved: usize) -> CacheTransfer {
        self.transfers += 1;
        CacheTransfer {
            cache: cpu,
            class: FrameClass::User,
            moved: moved as u16,
            cached: self.caches[usize::from(cpu.0)].len() as u16,
            pool_free: self.pool.len() as u32,
            number: self.transfers,
        }
    }
}
