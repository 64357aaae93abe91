//! Replays a run against the kernel's invariants: [`Check`] is fed event by event, [`Report`] says what held.
//!
//! What loss has touched is never guessed. Every suspicion is a [`claim::Claim`] about a stretch of time, from the oldest
//! event it rests on to the event that contradicts it; if events of any CPU are missing in that stretch, the claim is
//! counted as unknown. Order between CPUs is not judged closer than the hello says that their counters agree ([`crate::model::clocks`]).
//!
//! One file per object: `pages` (invariants 1 and 2), `slots` (3 and 9), `evictions` (5, 8 and 19), `pins` (6), `copies` (7), `blocked` (10),
//! `mappings` (18), `lives` (processes), `caches` (frame caches and pools), `counters` (15 and 17), `untraced` (what was left out on purpose); clocks stand here.

mod blocked;
mod caches;
pub mod claim;
mod copies;
mod counters;
mod evictions;
mod gaps;
mod invariant;
mod lives;
mod mappings;
mod pages;
mod pins;
mod slots;
mod untraced;

use crate::decode::{Gap, Sink};
use crate::model::clock::Clock;
use crate::model::clocks::Clocks;
use crate::model::process::Processes;
use crate::wire::loss::LossReport;
use claim::{Claim, Docket, Judged, Witness};
use fl_addr::CpuId;
use fl_trace::class::Classes;
use fl_trace::control::{Bye, Control};
use fl_trace::event::{Event, EvictOutcome, Outcome, Stamped};
pub use invariant::Invariant;

/// The replay. Feed it events in the order of time, as [`crate::model::merge::Merge`] does.
pub struct Check {
    docket: Docket,
    pages: pages::Pages,
    slots: slots::Slots,
    evictions: evictions::Evictions,
    pins: pins::Pins,
    blocked: blocked::Blocked,
    copies: copies::Copies,
    mappings: mappings::Mappings,
    lives: lives::Lives,
    caches: caches::Caches,
    untraced: untraced::Untraced,
    counters: counters::Accounts,
    /// The last event of each CPU.
    last: Vec<Option<Witness>>,
    clock: Clock,
    /// Processors running, if a hello told it.
    cpus: Option<usize>,
    /// For the names in witness lines.
    processes: Processes,
    bye: Option<Bye>,
}

/// What held, what did not, and what is unknown.
pub struct Report {
    /// By invariant, in the order of [`Invariant::ALL`].
    pub results: Vec<(Invariant, Judged)>,
    /// The run's clock, to write times.
    pub clock: Clock,
    /// Who ran, to write names.
    pub processes: Processes,
    /// Whether events are missing: then an invariant holds only as far as was seen.
    pub lossy: bool,
}

impl Report {
    /// What became of one invariant.
    pub fn of(&self, invariant: Invariant) -> &Judged {
        let at = Invariant::ALL.iter().position(|i| *i == invariant).unwrap_or(0);
        &self.results[at].1
    }
    /// Whether nothing was found broken.
    pub fn holds(&self) -> bool {
        self.results.iter().all(|(_, judged)| judged.broken == 0)
    }
    /// The broken claim whose contradiction came first.
    pub fn first_broken(&self) -> Option<(Invariant, &Claim)> {
        self.results
            .iter()
            .filter_map(|(invariant, judged)| Some((*invariant, judged.first.as_ref()?)))
            .min_by_key(|(_, claim)| claim.at)
    }
}

impl Default for Check {
    fn default() -> Self {
        Self::new()
    }
}

impl Check {
    /// At the begin of a run.
    pub fn new() -> Self {
        Self {
            docket: Docket::default(),
            pages: pages::Pages::default(),
            slots: slots::Slots::default(),
            evictions: evictions::Evictions::default(),
            pins: pins::Pins::default(),
            blocked: blocked::Blocked::default(),
            copies: copies::Copies::default(),
            mappings: mappings::Mappings::default(),
            lives: lives::Lives::default(),
            caches: caches::Caches::default(),
            untraced: untraced::Untraced::default(),
            counters: counters::Accounts::default(),
            last: Vec::new(),
            clock: Clock::default(),
            cpus: None,
            processes: Processes::default(),
            bye: None,
        }
    }

    /// Closes the run. `loss` tells what the link lost.
    pub fn report(mut self, loss: &LossReport) -> Report {
        // What never came would have come after the last event: there it is missing if the end of a stream is.
        let last = self.last.iter().flatten().map(|w| w.stamped.tsc).max().unwrap_or(0);
        let behind = self.docket.clocks.most_apart() + 1;
        let end = last.saturating_add(behind);
        self.caches.end(&mut self.docket);
        self.untraced.end(&mut self.docket);
        self.lives.end(self.bye, end, &mut self.docket);
        self.slots.end(&mut self.docket);
        self.evictions.end(self.bye, end, &mut self.docket);
        self.pins.end(&mut self.docket);
        self.blocked.end(self.bye, end, &mut self.docket);
        let tail_unknown = self.counters.end(loss, &mut self.docket);
        if self.bye.is_none() || tail_unknown {
            // What was emitted after the last event received of each CPU is unknown. Without a hello there may be more
            // CPUs than were heard of.
            let cpus = self.cpus.unwrap_or(self.last.len() + 1).max(self.last.len());
            for cpu in 0..cpus {
                let last = self.last.get(cpu).and_then(Option::as_ref);
                let after = last.map_or(0, |w| w.stamped.tsc.saturating_add(behind));
                self.docket.gap(after, u64::MAX);
            }
        }
        if !self.docket.clocks.known() && self.last.len() > 1 {
            self.docket.gap(0, u64::MAX); // in which order they did what they did is not known
        }
        let lossy = self.docket.is_lossy();
        Report { results: self.docket.judge(), clock: self.clock, processes: self.processes, lossy }
    }

    fn clock(&mut self, witness: &Witness) {
        let cpu = usize::from(witness.cpu.0);
        if cpu >= self.last.len() {
            self.last.resize_with(cpu + 1, || None);
        }
        let last = self.last[cpu].replace(*witness);
        let Some(last) = last else { return };
        self.docket.exercised(Invariant::TimeGoesOn);
        if last.stamped.tsc > witness.stamped.tsc {
            self.docket.claim(Claim {
                invariant: Invariant::TimeGoesOn,
                since: witness.stamped.tsc,
                at: witness.stamped.tsc,
                certain: true,
                text: format!(
                    "cpu{}: an event is {} ticks older than the one before it",
                    witness.cpu,
                    last.stamped.tsc - witness.stamped.tsc
                ),
                witnesses: vec![last, *witness],
            });
        }
    }
}

impl Sink for Check {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        let witness = Witness { cpu, stamped: *stamped };
        self.processes.event(stamped);
        self.clock(&witness);
        self.counters.received(&stamped.event);
        match &stamped.event {
            Event::Fault(fault) => {
                self.lives.acts(&witness, fault.pid, "has a fault", &mut self.docket);
                self.blocked.fault(&witness, fault, &mut self.docket);
                self.evictions.fault(fault);
                if fault.outcome == Outcome::Mapped {
                    self.evictions.gets(&witness, fault.page, fault.frame, &mut self.docket);
                }
                self.pages.fault(&witness, fault, &self.lives, &mut self.docket);
                self.copies.fault(&witness, fault, &mut self.docket);
            }
            Event::ProcessSpawn(spawn) => {
                self.lives.begin(&witness, spawn.pid, &mut self.docket);
                self.mappings.begin(spawn.pid);
            }
            Event::ProcessFork(fork) => {
                self.lives.acts(&witness, fork.parent, "forks", &mut self.docket);
                self.lives.begin(&witness, fork.pid, &mut self.docket);
                self.mappings.fork(fork.pid, fork.parent);
            }
            Event::ProcessExec(exec) => {
                self.lives.acts(&witness, exec.pid, "becomes another program", &mut self.docket);
                self.mappings.exec(exec.pid);
            }
            Event::ProcessWait(wait) => self.lives.wait(&witness, wait, &mut self.docket),
            Event::ProcessExit(exit) => {
                self.lives.exit(&witness, exit.pid, &mut self.docket);
                self.mappings.exit(exit.pid);
                self.blocked.exit(&witness, exit.pid, &mut self.docket);
            }
            Event::Mapped(mapped) => {
                self.lives.acts(&witness, mapped.pid, "maps a file", &mut self.docket);
                self.mappings.mapped(&witness, mapped, &mut self.docket);
            }
            Event::Unmapped(unmapped) => {
                self.lives.acts(&witness, unmapped.pid, "unmaps a file", &mut self.docket);
                self.mappings.unmapped(&witness, unmapped, &mut self.docket);
            }
            Event::WriteBack(write) => {
                self.pages.written(&witness, write, &mut self.docket);
                self.evictions.written(&witness, write, &mut self.docket);
                if !write.kept {
                    self.pages.lost(&witness, (write.page, write.generation), write.frame);
                }
            }
            Event::Evicted(evicted) => {
                self.pages.evicted(&witness, evicted, &mut self.docket);
                self.pins.evicted(&witness, evicted, &mut self.docket);
                self.evictions.evicted(&witness, evicted, &mut self.docket);
                if evicted.outcome == EvictOutcome::Dropped {
                    self.pages.lost(&witness, (evicted.page, evicted.generation), evicted.frame);
                }
            }
            Event::SwapOut(out) => {
                self.pages.swapped_out(&witness, out, &mut self.docket);
                self.evictions.swapped_out(&witness, out, &mut self.docket);
                self.slots.swapped_out(&witness, out, &mut self.docket);
                if !out.kept {
                    self.pages.lost(&witness, (out.page, out.generation), out.frame);
                }
            }
            Event::SwapIn(read) => {
                self.slots.swapped_in(&witness, read, &mut self.docket);
                if read.ok {
                    self.evictions.gets(&witness, read.page, read.frame, &mut self.docket);
                    self.pages.swapped_in(&witness, read, &self.lives, &mut self.docket);
                }
            }
            Event::SlotFreed(freed) => self.slots.freed(&witness, freed, &mut self.docket),
            Event::Pinned(pin) => self.pins.pinned(&witness, pin.page, pin.frame),
            Event::Unpinned(pin) => {
                self.pins.unpinned(&witness, (pin.page, pin.generation), pin.frame, &mut self.docket);
            }
            Event::FaultBlocked(blocked) => {
                self.lives.acts(&witness, blocked.pid, "sleeps in a fault", &mut self.docket);
                self.blocked.sleeps(&witness, blocked, &mut self.docket);
            }
            Event::PageFree(free) => {
                self.evictions.freed(free.page);
                self.pages.free(&witness, free, &mut self.docket);
            }
            Event::PageCopy(copy) => {
                self.evictions.gets(&witness, copy.page, copy.frame, &mut self.docket);
                self.pages.copy(&witness, copy, &self.lives, &mut self.docket);
                self.copies.made(&witness, copy, &mut self.docket);
            }
            Event::CacheRefill(transfer) => self.caches.transfer(&witness, transfer, true, &mut self.docket),
            Event::CacheDrain(transfer) => self.caches.transfer(&witness, transfer, false, &mut self.docket),
            Event::TraceChanged(change) => {
                self.lives.acts(&witness, change.pid, "chooses what is traced", &mut self.docket);
                self.untraced.changed(stamped.tsc, Classes::from_bits(change.classes), &mut self.docket);
            }
            Event::WatermarkCrossed(_) | Event::Evictor(_) | Event::FrameWait(_) | Event::OutOfMemory(_) => {}
            Event::DiskIo(_) | Event::Syscall(_) | Event::Switch(_) => {} // of themselves; counted above
            Event::AccessSample(_) | Event::Shootdown(_) => {}            // likewise
        }
    }

    fn control(&mut self, tsc: u64, control: &Control) {
        self.processes.control(tsc, control);
        self.counters.control(control);
        match control {
            Control::Hello(hello) => {
                self.clock = Clock::of(hello);
                self.cpus = Some(hello.cpus.into());
                self.docket.clocks = Clocks::of(hello);
                self.caches.hello(hello);
                self.untraced.told(tsc, hello.classes(), &mut self.docket);
            }
            Control::LiveProcess { pid, .. } => self.lives.known(*pid, tsc),
            Control::Counters(counters) => self.counters.counters(tsc, counters),
            Control::Bye(bye) => self.bye = Some(*bye),
            Control::CpuCounters(_) | Control::Histogram(_) | Control::Lock(_) | Control::CaughtUp => {}
        }
    }

    fn gap(&mut self, gap: &Gap) {
        self.docket.gap(gap.after, gap.before);
    }
}
