//! [`Watch`]: what one CPU knows of the others. One watches all of them; the others watch that one.

use fl_addr::CpuId;

/// Answers in a row, a question apart, in all of which a CPU ran with interrupts off and had not ticked since the first, that make it stuck.
///
/// More than one, because a starved CPU that comes back is asked at once, wherever it is. If the host lets a CPU that it runs at all do `n` instructions
/// between two questions, no section shorter than `n * (STRIKES - 1)` instructions is taken for a hang.
pub const STRIKES: u8 = 4;

/// The same for a CPU that spins for a lock: its turn comes after that of every other, each of whom may be starved for almost two intervals
/// before it counts as absent. Whoever holds the lock and hangs is found first.
pub const STRIKES_SPINNING: u8 = 2 * 8;

/// What is known of a CPU from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Ticks that it has taken so far.
    pub ticks: u64,
    /// Questions that it has answered so far.
    pub answers: u64,
    /// The last one found it with interrupts off.
    pub deaf: bool,
    /// And in a loop that waits for a spin lock.
    pub spins: bool,
}

/// What a CPU is to do after a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Nothing.
    Nothing,
    /// Become the watcher, if the one it knows of still is.
    TakeOver,
    /// Say that this CPU is stuck.
    Report(CpuId),
}

/// How one CPU gets on. Times are ticks of the CPU that looks.
#[derive(Clone, Copy, Debug)]
struct Progress {
    ticks: u64,
    /// When it was first seen with that count of ticks.
    silent: u64,
    /// When it was last heard of, by a tick or an answer.
    heard: u64,
    /// The question that it has not answered: its answers by then.
    asked: Option<u64>,
    /// When that was.
    asked_at: u64,
    strikes: u8,
    /// How many are enough, as the last answer was.
    enough: u8,
}

impl Progress {
    fn new(sample: Sample, now: u64) -> Self {
        Self {
            ticks: sample.ticks,
            silent: now,
            heard: now,
            asked: None,
            asked_at: 0,
            strikes: 0,
            enough: STRIKES,
        }
    }

    fn update(&mut self, sample: Sample, now: u64) {
        if sample.ticks != self.ticks {
            *self = Self::new(sample, now);
        } else if self.asked.is_some_and(|answers| answers != sample.answers) {
            self.asked = None;
            self.heard = now;
            self.strikes = if sample.deaf { self.strikes.saturating_add(1) } else { 0 };
            self.enough = if sample.spins { STRIKES_SPINNING } else { STRIKES };
        }
    }

    fn is_stuck(&self) -> bool {
        self.strikes >= self.enough
    }

    fn ask(&mut self, sample: Sample, now: u64) {
        self.asked = Some(sample.answers);
        self.asked_at = now;
    }
}

/// What one of up to `N` CPUs does about the others, tick by tick.
#[derive(Debug)]
pub struct Watch<const N: usize> {
    duty: Duty<N>,
}

#[derive(Debug)]
enum Duty<const N: usize> {
    /// Not begun.
    None,
    /// It is the watcher: how each gets on, itself not looked at.
    All([Option<Progress>; N]),
    /// It watches the watcher, that one.
    Watcher(CpuId, Progress),
}

impl<const N: usize> Watch<N> {
    /// Nothing is known.
    pub const fn new() -> Self {
        Self { duty: Duty::None }
    }

    /// CPU `me` has taken its tick number `now`; `watcher` watches, the first `online` CPUs run. `sample` tells of a CPU, `ask` interrupts one so that it answers.
    ///
    /// A CPU that runs with interrupts off for good is reported after [`STRIKES`] questions, each asked `interval` ticks after it was last heard of, if none
    /// is absent meanwhile; one that spins for a lock after [`STRIKES_SPINNING`]. For the watcher itself it takes one interval more.
    pub fn tick(
        &mut self,
        (me, watcher): (CpuId, CpuId),
        now: u64,
        interval: u64,
        online: u8,
        sample: impl Fn(CpuId) -> Sample,
        mut ask: impl FnMut(CpuId),
    ) -> Order {
        if me != watcher {
            return self.tick_of_others(watcher, now, interval, sample(watcher));
        }
        if !matches!(self.duty, Duty::All(_)) {
            self.duty = Duty::All([None; N]);
        }
        let Duty::All(cpus) = &mut self.duty else { return Order::Nothing };
        let others = || (0..online).map(CpuId).filter(|cpu| *cpu != me);
        let mut absent = false;
        for cpu in others() {
            let seen = sample(cpu);
            let progress = cpus[usize::from(cpu.0)].get_or_insert_with(|| Progress::new(seen, now));
            progress.update(seen, now);
            absent |= progress.asked.is_some() && now - progress.asked_at >= interval;
            if progress.asked.is_none() && now - progress.heard >= interval {
                progress.ask(seen, now);
                ask(cpu);
            }
        }
        if absent {
            cpus.iter_mut().flatten().for_each(|progress| progress.strikes = 0);
            return Order::Nothing;
        }
        // Of several the one that has been silent longest: the others may wait for what it holds.
        let stuck = |cpu: &CpuId| cpus[usize::from(cpu.0)].filter(Progress::is_stuck).map(|p| p.silent);
        match others().filter(|cpu| stuck(cpu).is_some()).min_by_key(stuck) {
            Some(cpu) => Order::Report(cpu),
            None => Order::Nothing,
        }
    }

    fn tick_of_others(&mut self, watcher: CpuId, now: u64, interval: u64, seen: Sample) -> Order {
        match &mut self.duty {
            Duty::Watcher(known, progress) if *known == watcher => {
                progress.update(seen, now);
                if now - progress.heard >= interval { Order::TakeOver } else { Order::Nothing }
            }
            duty => {
                *duty = Duty::Watcher(watcher, Progress::new(seen, now));
                Order::Nothing
            }
        }
    }
}

impl<const N: usize> Default for Watch<N> {
    fn default() -> Self {
        Self::new()
    }
}
