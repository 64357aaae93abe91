//! A machine in small on a host that gives its CPUs time as it likes: who is starved is not stuck, and who is stuck is found.

use fl_addr::CpuId;
use fl_watchdog::{Linger, Order, Place, STRIKES, STRIKES_SPINNING, Sample, Watch};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Ticks between being heard of and being asked.
const INTERVAL: u64 = 20;
/// Instructions that a CPU does in a step in which the host runs it.
const SLICE: u32 = 100;
/// The longest section with interrupts off: see `STRIKES`.
const SECTION: u32 = SLICE * (STRIKES as u32 - 1);

/// What a CPU is doing.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Doing {
    /// Interrupts on, for that many instructions.
    Open(u32),
    /// Interrupts off, for that many more, with the lock or without it.
    Closed { left: u32, locked: bool },
    /// Interrupts off, in the queue for the lock, to hold it for that long.
    Spinning(u32),
    /// Interrupts off for good.
    Hung,
}

struct Cpu {
    doing: Doing,
    pending: bool,
    asked: bool,
    ticks: u64,
    answers: u64,
    deaf: bool,
    spins: bool,
    watch: Watch<8>,
    /// What it does after this, over and over: how long with interrupts on, how long off, and whether with the lock.
    program: Vec<(u32, u32, bool)>,
    at: usize,
}

struct Machine {
    cpus: Vec<Cpu>,
    /// Who has the lock, and who waits for it.
    queue: VecDeque<usize>,
    watcher: usize,
    reported: Option<CpuId>,
}

impl Machine {
    fn new(programs: Vec<Vec<(u32, u32, bool)>>) -> Self {
        let cpu = |program| Cpu {
            doing: Doing::Open(1),
            pending: false,
            asked: false,
            ticks: 0,
            answers: 0,
            deaf: false,
            spins: false,
            watch: Watch::new(),
            program,
            at: 0,
        };
        Self {
            cpus: programs.into_iter().map(cpu).collect(),
            queue: VecDeque::new(),
            watcher: 0,
            reported: None,
        }
    }

    /// A millisecond of the host's time, in which it runs the CPUs of `runs`, a bit for each.
    fn step(&mut self, runs: u32) {
        self.cpus.iter_mut().for_each(|cpu| cpu.pending = true);
        for cpu in (0..self.cpus.len()).filter(|cpu| runs >> cpu & 1 != 0) {
            self.answer(cpu);
            for _ in 0..SLICE {
                self.instruction(cpu);
            }
        }
    }

    fn answer(&mut self, number: usize) {
        let cpu = &mut self.cpus[number];
        if std::mem::take(&mut cpu.asked) {
            cpu.answers += 1;
            cpu.deaf = !matches!(cpu.doing, Doing::Open(_));
            cpu.spins = matches!(cpu.doing, Doing::Spinning(_)) && self.queue.front() != Some(&number);
        }
    }

    fn instruction(&mut self, number: usize) {
        let cpu = &mut self.cpus[number];
        match &mut cpu.doing {
            Doing::Open(_) if cpu.pending => {
                cpu.pending = false;
                cpu.ticks += 1;
                self.look(number);
            }
            Doing::Open(0) => {
                let (_, left, locked) = cpu.program[cpu.at];
                cpu.doing = if locked { Doing::Spinning(left) } else { Doing::Closed { left, locked } };
                if locked {
                    self.queue.push_back(number);
                }
            }
            Doing::Spinning(left) if self.queue.front() == Some(&number) => {
                cpu.doing = Doing::Closed { left: *left, locked: true };
            }
            Doing::Closed { left: 0, locked } => {
                if *locked {
                    self.queue.pop_front();
                }
                cpu.at = (cpu.at + 1) % cpu.program.len();
                cpu.doing = Doing::Open(cpu.program[cpu.at].0);
            }
            Doing::Open(left) | Doing::Closed { left, .. } => *left -= 1,
            Doing::Spinning(_) | Doing::Hung => {}
        }
    }

    fn look(&mut self, me: usize) {
        let samples: Vec<Sample> = self
            .cpus
            .iter()
            .map(|cpu| Sample { ticks: cpu.ticks, answers: cpu.answers, deaf: cpu.deaf, spins: cpu.spins })
            .collect();
        let (now, online) = (self.cpus[me].ticks, self.cpus.len() as u8);
        let mut asked = Vec::new();
        let who = (CpuId(me as u8), CpuId(self.watcher as u8));
        let sample = |cpu: CpuId| samples[usize::from(cpu.0)];
        let order = self.cpus[me].watch.tick(who, now, INTERVAL, online, sample, |cpu| asked.push(cpu));
        asked.into_iter().for_each(|cpu| self.cpus[usize::from(cpu.0)].asked = true);
        match order {
            Order::Nothing => {}
            Order::TakeOver => self.watcher = me,
            Order::Report(cpu) => {
                self.reported.get_or_insert(cpu);
            }
        }
    }

    fn all(&self) -> u32 {
        (1 << self.cpus.len()) - 1
    }

    /// Hangs, or waits for a lock that nobody lets go any more: it takes no tick.
    fn blocked(&self, cpu: usize) -> bool {
        let hangs = |cpu: usize| self.cpus.get(cpu).is_none_or(|cpu| cpu.doing == Doing::Hung);
        hangs(cpu)
            || matches!(self.cpus[cpu].doing, Doing::Spinning(_))
                && self.queue.front().is_some_and(|holder| hangs(*holder))
    }

    /// Steps in which the host gives everybody time, until each CPU that still can has taken a tick. One that waits for its turn with the lock takes one tick in
    /// many steps, and looks as seldom: a bound in steps would be a bound for the lock.
    fn round(&mut self) {
        let before: Vec<u64> = self.cpus.iter().map(|cpu| cpu.ticks).collect();
        while (0..self.cpus.len()).any(|cpu| self.cpus[cpu].ticks == before[cpu] && !self.blocked(cpu)) {
            self.step(self.all());
        }
    }

    /// Runs on a host that gives everybody time, until somebody is reported. After how many rounds.
    fn until_reported(&mut self, bound: u64) -> Option<u64> {
        (0..bound).find(|_| {
            self.round();
            self.reported.is_some()
        })
    }
}

fn programs(cpus: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<(u32, u32, bool)>>> {
    let part = (1..3 * SLICE, 0..SECTION, any::<bool>());
    prop::collection::vec(prop::collection::vec(part, 1..4), cpus)
}

/// Which CPUs a host runs, for how many steps: short moments and long starvation.
fn host() -> impl Strategy<Value = Vec<(u32, u64)>> {
    prop::collection::vec((any::<u32>(), prop_oneof![1..4u64, 1..3 * INTERVAL, Just(20 * INTERVAL)]), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// However long the host starves whom, also who holds a lock that the others spin for.
    #[test]
    fn who_is_starved_is_never_taken_for_stuck(programs in programs(2..9), host in host()) {
        let mut machine = Machine::new(programs);
        for (runs, steps) in host {
            for _ in 0..steps {
                machine.step(runs);
                prop_assert_eq!(machine.reported, None);
            }
        }
    }

    /// Whoever it is, the watcher too, and whatever the host did before.
    #[test]
    fn who_hangs_is_found_within_a_bound(programs in programs(1..8), host in host(), who in any::<prop::sample::Index>()) {
        let mut machine = Machine::new(programs);
        // One that needs no lock: if all wait for the one that hangs, nobody is left to look.
        machine.cpus.extend(idle_machine(1).cpus);
        for (runs, steps) in host {
            (0..steps).for_each(|_| machine.step(runs));
        }
        let who = who.index(machine.cpus.len());
        let held = machine.queue.front() == Some(&who);
        machine.queue.retain(|cpu| *cpu != who || held);
        machine.cpus[who].doing = Doing::Hung;
        // One interval each to miss the watcher and the hung one, an answer's way for each question; and as much again if somebody was absent just now.
        let bound = 2 * u64::from(STRIKES + 3) * (INTERVAL + 2);
        let found = machine.until_reported(bound);
        prop_assert!(found.is_some(), "not found in {bound} rounds");
        prop_assert_eq!(machine.reported, Some(CpuId(who as u8)));
    }
}

fn idle_machine(cpus: usize) -> Machine {
    Machine::new(vec![vec![(SLICE, 1, false)]; cpus])
}

#[test]
fn the_others_go_on_looking_when_the_watcher_hangs() {
    let mut machine = idle_machine(4);
    (0..5).for_each(|_| machine.step(0b1111));
    machine.cpus[0].doing = Doing::Hung;
    assert!(machine.until_reported(6 * (INTERVAL + 2)).is_some());
    assert_eq!(machine.reported, Some(CpuId(0)));
    assert_ne!(machine.watcher, 0);
}

#[test]
fn who_holds_the_lock_is_named_and_not_who_spins_for_it() {
    let mut machine = Machine::new(vec![vec![(SLICE, 10, true)]; 3]);
    machine.cpus.push(idle_machine(1).cpus.remove(0));
    machine.watcher = 3;
    while machine.queue.front() != Some(&2) {
        machine.step(0b1111);
    }
    machine.cpus[2].doing = Doing::Hung;
    assert!(machine.until_reported(6 * (INTERVAL + 2)).is_some());
    assert_eq!(machine.reported, Some(CpuId(2)));
}

/// Nobody holds the lock any more who could be named.
#[test]
fn a_lock_that_is_never_let_go_is_found_by_who_spins_for_it() {
    let mut machine = idle_machine(3);
    (0..5).for_each(|_| machine.step(0b111));
    machine.queue.push_back(7);
    machine.queue.push_back(1);
    machine.cpus[1].doing = Doing::Spinning(1);
    let found = machine.until_reported(u64::from(STRIKES_SPINNING + 2) * (INTERVAL + 2));
    assert_eq!(machine.reported, Some(CpuId(1)));
    assert!(found > Some(u64::from(STRIKES + 2) * (INTERVAL + 2)));
}

#[test]
fn nobody_is_judged_while_one_is_absent() {
    let mut machine = idle_machine(3);
    (0..5).for_each(|_| machine.step(0b111));
    machine.cpus[1].doing = Doing::Hung;
    (0..100 * INTERVAL).for_each(|_| machine.step(0b011));
    assert_eq!(machine.reported, None);
    assert!(machine.until_reported(8 * (INTERVAL + 2)).is_some());
}

/// The host's timer may be late for one CPU and not for another.
#[test]
fn who_can_be_interrupted_is_not_stuck_though_its_ticks_are_late() {
    let mut watch = Watch::<2>::new();
    let mut answers = 0;
    for now in 0..1000 * INTERVAL {
        let sample = |_| Sample { ticks: 1, answers, deaf: false, spins: false };
        let mut asked = false;
        let order = watch.tick((CpuId(0), CpuId(0)), now, INTERVAL, 2, sample, |_| asked = true);
        assert_eq!(order, Order::Nothing);
        answers += u64::from(asked);
    }
    assert!(answers > 900);
}

#[test]
fn only_ticks_in_one_place_count_as_lingering() {
    let mut linger = Linger::new();
    let place = |switches, events| Some(Place { switches, events });
    assert_eq!(linger.tick(place(1, 1)), 0);
    assert_eq!(linger.tick(place(1, 1)), 1);
    assert_eq!(linger.tick(place(1, 1)), 2);
    assert_eq!(linger.tick(place(1, 2)), 0, "an event is a step forward");
    assert_eq!(linger.tick(place(2, 2)), 0, "another thread");
    assert_eq!(linger.tick(place(2, 2)), 1);
    assert_eq!(linger.tick(None), 0, "user mode");
    assert_eq!(linger.tick(None), 0);
    assert_eq!(linger.tick(place(2, 2)), 0);
}
