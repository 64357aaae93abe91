//! Making other processors forget translations: the mailboxes of `fl_shootdown`, and the interrupt that has them looked into.
//!
//! Who waits does so with interrupts on and no spin lock held: the one it waits for may be waiting for it, or for the lock.

use crate::arch::cpu::{ticks_since, tsc};
use crate::arch::interrupts::{self, IrqOff};
use crate::arch::{MAX_CPUS, paging};
use crate::inject::{self, Point};
use crate::ipi;
use crate::per_cpu;
use crate::percpu::{self, PerCpu};
use crate::trace::emit;
use fl_shootdown::{CpuSet, Drops, Extent, Mailbox, PageRun, Ticket};
use fl_trace::event::{Event, Shootdown};
use fl_trace::field::Ticks;

static MAILBOXES: PerCpu<Mailbox> = per_cpu!(Mailbox::new());

/// Requests to other processors: to which, the last post to each, and what they are about.
pub struct Requests {
    to: CpuSet,
    last: [Ticket; MAX_CPUS],
    pages: u32,
    whole: bool,
    /// When they were sent.
    at: u64,
}

impl Requests {
    /// None.
    pub const fn new() -> Self {
        Self { to: CpuSet::EMPTY, last: [Ticket::NONE; MAX_CPUS], pages: 0, whole: false, at: 0 }
    }

    /// Has `cpus` drop what is in `drops`: this one at once, the others after [`send`](Self::send).
    #[inline]
    pub fn post<const N: usize>(&mut self, irq: &IrqOff, cpus: CpuSet, drops: &Drops<N>) {
        let here = percpu::this_cpu(irq);
        if cpus.has(here) {
            drop_here(drops.extent(), drops.runs());
        }
        let others = cpus.without(here);
        if others.is_empty() {
            return;
        }
        self.pages += drops.pages();
        self.whole |= drops.extent() != Extent::Runs;
        for cpu in others.iter() {
            self.to = self.to.with(cpu);
            self.last[usize::from(cpu.0)] = MAILBOXES.of(cpu).post(drops);
        }
    }

    /// Interrupts them.
    pub fn send(&mut self, irq: &IrqOff) {
        if !self.to.is_empty() {
            inject::pass(Point::Posted);
            self.at = tsc();
            self.to.iter().for_each(|cpu| ipi::shootdown(irq, cpu));
        }
    }

    /// Returns when all have dropped it. Interrupts on, no spin lock held.
    pub fn wait(self) {
        if self.to.is_empty() {
            return;
        }
        inject::pass(Point::Unacknowledged);
        for cpu in self.to.iter() {
            debug_assert!(
                interrupts::enabled(),
                "who waits for other processors serves their requests meanwhile"
            );
            while !MAILBOXES.of(cpu).is_served(self.last[usize::from(cpu.0)]) {
                core::hint::spin_loop();
            }
        }
        emit(Event::Shootdown(Shootdown {
            pages: self.pages as u16, // at most some dozen: beyond them it is whole
            targets: self.to.bits().into(),
            whole: self.whole,
            time: Ticks(ticks_since(self.at)),
        }));
    }
}

fn drop_here(extent: Extent, runs: &[PageRun]) {
    match extent {
        Extent::Runs => runs.iter().flat_map(|run| run.iter()).for_each(paging::flush),
        Extent::User => paging::flush_all(),
        Extent::Everything => paging::flush_global(),
    }
}

/// Serves what others have posted. In the interrupt.
pub fn serve(irq: &IrqOff) {
    inject::pass(Point::Serving);
    MAILBOXES.this(irq).serve(|extent, run| drop_here(extent, &[run]));
}

/// Returns when no processor has a translation cached that was taken out before, the kernel's included. Interrupts on, no spin lock held.
pub fn flush_everything() {
    let mut requests = Requests::new();
    {
        let irq = IrqOff::new();
        requests.post(&irq, everybody(), &Drops::<0>::of(Extent::Everything));
        requests.send(&irq);
    }
    requests.wait();
}

/// All processors that run.
pub fn everybody() -> CpuSet {
    CpuSet::first(percpu::online_count())
}
