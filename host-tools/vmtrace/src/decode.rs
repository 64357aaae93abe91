//! What a trace consists of once decoded, and who receives it: [`Sink`].
//!
//! Key types: [`Sink`], [`Gap`]. The wire ([`crate::wire`]) calls a sink in the order of arrival; between CPUs that is not
//! the order of time: [`crate::model::merge::Merge`] stands in between where that matters.

use fl_addr::CpuId;
use fl_trace::control::Control;
use fl_trace::event::Stamped;

/// A stretch of one CPU's events that did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Whose events.
    pub cpu: CpuId,
    /// Time of the last event before the gap; 0 if none was received before it.
    pub after: u64,
    /// Time of the first event behind the gap; `u64::MAX` if the stream ends in it.
    pub before: u64,
    /// Events the kernel dropped because the CPU's ring was full.
    pub dropped: u64,
    /// Events that were sent and did not arrive.
    pub missing: u64,
}

/// Receives what a trace holds. Every method but [`Sink::event`] may be left out.
pub trait Sink {
    /// An event of `cpu`. Events of one CPU come in the order of their emission.
    fn event(&mut self, cpu: CpuId, stamped: &Stamped);
    /// A control record, with the base time of its packet.
    fn control(&mut self, _tsc: u64, _control: &Control) {}
    /// A log record of `cpu`: one defmt frame, raw encoding.
    fn log(&mut self, _cpu: CpuId, _tsc: u64, _frame: &[u8]) {}
    /// Text of the console, from a machine whose console and trace share a port.
    fn console(&mut self, _text: &[u8]) {}
    /// Events of `gap.cpu` are missing here: between the event before this call and the one after it.
    fn gap(&mut self, _gap: &Gap) {}
    /// Nothing came for a while on a live source: what is held back should be shown.
    fn idle(&mut self) {}
    /// The stream has ended.
    fn end(&mut self) {}
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        (**self).event(cpu, stamped);
    }
    fn control(&mut self, tsc: u64, control: &Control) {
        (**self).control(tsc, control);
    }
    fn log(&mut self, cpu: CpuId, tsc: u64, frame: &[u8]) {
        (**self).log(cpu, tsc, frame);
    }
    fn console(&mut self, text: &[u8]) {
        (**self).console(text);
    }
    fn gap(&mut self, gap: &Gap) {
        (**self).gap(gap);
    }
    fn idle(&mut self) {
        (**self).idle();
    }
    fn end(&mut self) {
        (**self).end();
    }
}
