//! Chaos: what a seed draws at the marked places is carried out. What it draws, and how often, is said in `fl_chaos::Plan`.
//!
//! Each processor has numbers of its own, derived from the seed and its number. The actions are those of upper layers, handed in as [`Actions`].

use super::{ARMED, CHAOS};
use crate::arch::interrupts::{self, IrqOff};
use crate::per_cpu;
use crate::percpu::{self, PerCpu};
use crate::sync::{Once, order};
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};
use fl_addr::CpuId;
use fl_chaos::{Action, Kind, Plan, Point, Stream};

/// How much of it (`chaos=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All there is.
    Full,
    /// No forced evictions: for programs that ask which frames their pages are in.
    Resident,
}

/// What can happen besides that time passes. All but [`preempt`](Self::preempt) are for a thread that holds no spin lock.
pub struct Actions {
    /// Other threads run first, if there are any.
    pub give_way: fn(),
    /// The running thread gives way once interrupts are on again.
    pub preempt: fn(&IrqOff),
    /// Sleeps for so many ticks.
    pub nap: fn(u64),
    /// Empties the frame caches of that processor.
    pub drain: fn(CpuId),
    /// Has so many pages go out.
    pub evict: fn(u32),
}

struct Run {
    seed: u64,
    plan: Plan,
    actions: Actions,
}

static RUN: Once<Run> = Once::new();

/// The numbers of each processor. Relaxed: its own, interrupts off.
static STREAMS: PerCpu<AtomicU64> = per_cpu!(AtomicU64::new(0));

/// What each processor has done, by [`Counted`]. Relaxed: its own, interrupts off; read when all is over.
static DONE: PerCpu<[AtomicU32; Counted::COUNT]> = per_cpu!([const { AtomicU32::new(0) }; Counted::COUNT]);

#[derive(Clone, Copy)]
enum Counted {
    Spins,
    GivenUp,
    Naps,
    Drains,
    Evictions,
}

impl Counted {
    const COUNT: usize = Self::Evictions as usize + 1;
}

/// Threads that are at an action of theirs, for [`end_chaos`].
static ACTING: AtomicU32 = AtomicU32::new(0);

/// From now on things happen as `seed` says. Once. False in builds without debug assertions, where places are not compiled in.
pub fn begin_chaos(seed: u64, actions: Actions) -> bool {
    for cpu in percpu::online() {
        STREAMS.of(cpu).store(Stream::of(seed, cpu).to_word(), Relaxed); // published with `RUN`
    }
    RUN.call_once(|| Run { seed, plan: Plan::of(seed), actions });
    ARMED.fetch_or(CHAOS, Relaxed);
    cfg!(debug_assertions)
}

/// Returns when nothing happens any more: for the last counters, which must agree with each other. By a thread that may sleep.
pub fn end_chaos() {
    let Some(run) = RUN.get() else { return };
    ARMED.fetch_and(!CHAOS, Ordering::SeqCst); // partner: `act`, where one of the two sees what the other has written
    while ACTING.load(Ordering::SeqCst) != 0 {
        (run.actions.nap)(1);
    }
}

pub(super) fn happen(place: Point) {
    let Some(run) = RUN.get() else { return };
    let in_thread = place.kind() == Kind::Thread;
    assert!(!in_thread || interrupts::enabled(), "{place:?} is a thread's place, and interrupts are off");
    let action = {
        let irq = IrqOff::new();
        if in_thread {
            order::nothing_held(&irq);
        }
        let here = percpu::this_cpu(&irq);
        let mut stream = Stream::from_word(STREAMS.of(here).load(Relaxed));
        let action = run.plan.draw(&mut stream, place, here, percpu::online_count());
        STREAMS.of(here).store(stream.to_word(), Relaxed);
        let Some(action) = action else { return };
        count(&irq, action);
        if action == Action::GiveWay && !in_thread {
            return (run.actions.preempt)(&irq);
        }
        action
    };
    match action {
        Action::Spin(turns) => (0..turns).for_each(|_| core::hint::spin_loop()),
        _ => act(&run.actions, action),
    }
}

/// Carries out what only a thread may do.
fn act(actions: &Actions, action: Action) {
    ACTING.fetch_add(1, Ordering::SeqCst); // partner: `end_chaos`
    if ARMED.load(Ordering::SeqCst) & CHAOS != 0 {
        match action {
            Action::GiveWay => (actions.give_way)(),
            Action::Nap(ticks) => (actions.nap)(ticks.into()),
            Action::Drain(cpu) => (actions.drain)(cpu),
            Action::Evict(pages) => (actions.evict)(pages.into()),
            Action::Spin(_) => {}
        }
    }
    ACTING.fetch_sub(1, Ordering::SeqCst);
}

fn count(irq: &IrqOff, action: Action) {
    let what = match action {
        Action::Spin(_) => Counted::Spins,
        Action::GiveWay => Counted::GivenUp,
        Action::Nap(_) => Counted::Naps,
        Action::Drain(_) => Counted::Drains,
        Action::Evict(_) => Counted::Evictions,
    };
    let count = &DONE.this(irq)[what as usize];
    count.store(count.load(Relaxed) + 1, Relaxed);
}

/// What has happened so far, for people.
pub struct Summary {
    seed: u64,
    done: [u32; Counted::COUNT],
}

/// What has happened so far. `None`: this is no run of chaos.
pub fn summary() -> Option<Summary> {
    let done = |n: usize| percpu::online().map(|cpu| DONE.of(cpu)[n].load(Relaxed)).sum();
    RUN.get().map(|run| Summary { seed: run.seed, done: core::array::from_fn(done) })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |what: Counted| self.done[what as usize];
        write!(
            f,
            "seed {}: {} delays, {} preemptions, {} naps, {} drained caches, {} forced evictions",
            self.seed,
            of(Counted::Spins),
            of(Counted::GivenUp),
            of(Counted::Naps),
            of(Counted::Drains),
            of(Counted::Evictions)
        )
    }
}
