//! A realistic sequence of one CPU's events: programs start, touch text, data, stack and bss, and end.
//!
//! Frames come from a cache over a pool whose order gets scrambled by use, pages are freed in hash order, time passes
//! at 2.5 GHz, and two programs share the CPU in turns. Everything follows from the seed.

use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::event::*;

/// Which optional parts the faults carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Neither instruction pointer nor stage times.
    Bare,
    /// Both.
    Full,
}

/// Batch of a cache transfer, in frames.
const BATCH: usize = 16;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }
    fn in_range(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }
    /// A duration whose order of magnitude varies as well: `from` to 16 × `from`.
    fn ticks(&mut self, from: u64) -> u64 {
        let octave = self.next() % 4;
        self.in_range(from, 2 * from) << octave
    }
}

struct Program {
    pid: Pid,
    /// What it will touch: address, kind, access, user mode.
    touches: Vec<(u64, FaultKind, Access, u64)>,
    first_page: u32,
    /// Pages and frames that it owns.
    owned: Vec<(PageId, Pfn)>,
}

struct Cpu {
    random: Random,
    detail: Detail,
    tsc: u64,
    pool: Vec<u32>,
    transfers: u32,
    cache: Vec<u32>,
    next_pid: u32,
    next_page: u32,
    out: Vec<Stamped>,
}

/// About `n` events, a few more, of one CPU.
pub fn mix(seed: u64, n: usize, detail: Detail) -> Vec<Stamped> {
    let mut cpu = Cpu {
        random: Random(seed | 1 << 40),
        detail,
        tsc: 1_200_000_000,
        pool: (0x1000..0x9000).rev().collect(),
        transfers: 0,
        cache: Vec::new(),
        next_pid: 1,
        next_page: 1,
        out: Vec::with_capacity(n + 1000),
    };
    while cpu.out.len() < n {
        let mut running = [cpu.start(), cpu.start()];
        let mut turn = 0;
        while running.iter().any(|p| !p.touches.is_empty()) {
            turn ^= 1;
            for _ in 0..cpu.random.in_range(20, 60) {
                let Some(touch) = running[turn].touches.pop() else { break };
                cpu.fault(&mut running[turn], touch);
            }
        }
        running.into_iter().for_each(|p| cpu.end(p));
    }
    cpu.out
}

impl Cpu {
    fn emit(&mut self, event: Event) {
        self.out.push(Stamped { tsc: self.tsc, event });
    }

    fn start(&mut self) -> Program {
        let pid = Pid(self.next_pid);
        self.next_pid += 1;
        self.tsc += self.random.ticks(40_000);
        self.emit(Event::ProcessSpawn(ProcessSpawn { pid, parent: Pid(0), name: Name::new(b"page-linear") }));
        let mut touches = Vec::new();
        let (code, text, bss) = (0x40_1000, 0x40_0000, 0x60_0000);
        for page in 0..self.random.in_range(4, 12) {
            let at = text + page * 4096 + self.random.in_range(0, 4096);
            let (access, ip) =
                if page % 2 == 0 { (Access::Execute, at) } else { (Access::Read, code + 0x40) };
            touches.push((at, FaultKind::Executable, access, ip));
        }
        for page in 1..self.random.in_range(2, 6) {
            touches.push((0x4748_0000 - page * 4096 - 8, FaultKind::Stack, Access::Write, code + 0x80));
        }
        // An array is filled in order, then a table is touched here and there.
        for page in 0..self.random.in_range(60, 200) {
            touches.push((bss + page * 4096, FaultKind::Zero, Access::Write, code + 0x123));
        }
        let table = bss + 256 * 4096;
        let mut order: Vec<u64> = (0..self.random.in_range(30, 90)).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, self.random.in_range(0, i as u64 + 1) as usize);
        }
        for page in order {
            let at = table + page * 4096 + self.random.in_range(0, 512) * 8;
            let ip = code + 0x200 + self.random.in_range(0, 4) * 0x18;
            touches.push((at, FaultKind::Zero, if page % 3 == 0 { Access::Read } else { Access::Write }, ip));
        }
        touches.reverse();
        let first_page = self.next_page;
        self.next_page += 512;
        Program { pid, touches, first_page, owned: Vec::new() }
    }

    fn fault(&mut self, p: &mut Program, (va, kind, access, ip): (u64, FaultKind, Access, u64)) {
        self.tsc += self.random.ticks(700);
        if self.cache.is_empty() {
            let rest = self.pool.len() - BATCH;
            self.cache = self.pool.split_off(rest);
            self.transfer(Event::CacheRefill);
        }
        let frame = Pfn(self.cache.pop().expect("just filled"));
        let mut stages = [0; Stage::COUNT];
        stages[Stage::Lookup as usize] = self.random.ticks(90) as u32;
        stages[Stage::Frame as usize] = self.random.ticks(30) as u32;
        stages[Stage::Fill as usize] = self.random.ticks(150) as u32;
        stages[Stage::Map as usize] = self.random.ticks(60) as u32;
        if kind == FaultKind::Executable && self.random.next().is_multiple_of(4) {
            stages[Stage::Wait as usize] = self.random.ticks(20_000) as u32;
        }
        self.tsc += stages.iter().map(|&t| u64::from(t)).sum::<u64>();
        // Pages get their numbers when they are first touched, except those that the loader made.
        let page = PageId(p.first_page + p.owned.len() as u32);
        let (ip, stages) = match self.detail {
            Detail::Bare => (0, [0; Stage::COUNT]),
            Detail::Full => (ip, stages),
        };
        p.owned.push((page, frame));
        self.emit(Event::Fault(Fault {
            pid: p.pid,
            va: VirtAddr(va),
            ip: VirtAddr(ip),
            kind,
            access,
            user: true,
            outcome: Outcome::Mapped,
            page,
            generation: 2,
            frame,
            stages,
        }));
    }

    fn end(&mut self, mut p: Program) {
        self.tsc += self.random.ticks(5000);
        self.emit(Event::ProcessExit(ProcessExit { pid: p.pid, status: 0, cause: ExitCause::Exit }));
        for i in (1..p.owned.len()).rev() {
            p.owned.swap(i, self.random.in_range(0, i as u64 + 1) as usize);
        }
        for (page, frame) in p.owned {
            self.tsc += self.random.in_range(120, 260);
            if self.cache.len() >= 2 * BATCH {
                self.pool.extend(self.cache.drain(..BATCH));
                self.transfer(Event::CacheDrain);
            }
            self.cache.push(frame.0);
            self.emit(Event::PageFree(PageFree { page, generation: 3, frame }));
        }
    }

    fn transfer(&mut self, kind: fn(CacheTransfer) -> Event) {
        self.tsc += self.random.in_range(200, 400);
        self.transfers += 1;
        self.emit(kind(CacheTransfer {
            cache: CpuId(0),
            class: FrameClass::User,
            moved: BATCH as u16,
            cached: self.cache.len() as u16,
            pool_free: self.pool.len() as u32,
            number: self.transfers,
        }));
    }
}
