//! One queue: [`Fifo`], [`Clock`] (second chance), [`EnhancedClock`] (dirty last).
//!
//! The hand of the clock stands at the front of the queue; a frame that is kept goes to the back, which is once round the dial.

use crate::lists::Lists;
use crate::{Batch, Candidate, FrameIndex, NoMemory, Policy, Sample, Verdict};
use fl_addr::PageId;
use fl_model::mutant;

/// The only list.
const QUEUE: u8 = 0;

/// Defines a policy of one queue by its judgement alone.
macro_rules! one_queue {
    ($(#[$doc:meta])* $name:ident, sweeps $sweeps:literal, accessed $accessed:literal, $keep:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Lists<1>);

        impl $name {
            /// For frames below `frames`.
            ///
            /// # Errors
            /// [`NoMemory`].
            pub fn new(frames: u32) -> Result<Self, NoMemory> {
                Lists::new(frames).map(Self)
            }
        }

        impl Policy for $name {
            fn insert(&mut self, frame: FrameIndex, page: PageId) {
                self.0.insert(QUEUE, frame, page);
            }
            fn remove(&mut self, frame: FrameIndex) {
                self.0.remove(frame);
            }
            fn candidates(&mut self, batch: &mut Batch) {
                self.0.nominate_oldest(QUEUE, batch);
            }
            fn tick(&mut self) {
                self.0.tick();
            }
            fn judge(&mut self, candidate: Candidate, sample: Sample) -> Verdict {
                let Some((_, sample)) = self.0.settle(candidate, sample) else { return Verdict::Keep };
                if $keep(sample, self.0.mark(candidate.frame)) {
                    self.0.renew(QUEUE, candidate.frame);
                    Verdict::Keep
                } else {
                    self.0.remove(candidate.frame);
                    Verdict::Evict
                }
            }
            fn put_back(&mut self, frame: FrameIndex) {
                if (frame.0 as usize) < self.0.capacity() {
                    self.0.insert(QUEUE, frame, self.0.page(frame));
                }
            }
            fn len(&self) -> usize {
                self.0.total()
            }
            fn wants_accessed(&self) -> bool {
                $accessed
            }
            fn bound(&self) -> usize {
                $sweeps * self.len()
            }
        }
    };
}

one_queue!(
    /// First in, first out, whatever was used since. For comparison. One that is unavailable goes to the back.
    Fifo, sweeps 1, accessed false, unavailable
);

one_queue!(
    /// Second chance: the oldest page that was not used since the hand passed it (Corbató 1968). The default.
    Clock, sweeps 2, accessed true, used
);

one_queue!(
    /// Clock that prefers pages whose eviction costs no write: one that does is passed once more, so it goes only after a whole round
    /// has found every clean one that is as idle.
    EnhancedClock, sweeps 3, accessed true, used_or_spared
);

fn unavailable(sample: Sample, _: &mut bool) -> bool {
    sample == Sample::Unavailable
}

fn used(sample: Sample, _: &mut bool) -> bool {
    match sample {
        Sample::Used => !mutant!("no_second_chance"),
        Sample::Unavailable => true,
        Sample::Unused { .. } => false,
    }
}

/// `spared`: it was passed for being dirty, and not used since.
fn used_or_spared(sample: Sample, spared: &mut bool) -> bool {
    match sample {
        Sample::Used => {
            *spared = false;
            true
        }
        Sample::Unused { must_write: true } => !core::mem::replace(spared, true),
        Sample::Unused { must_write: false } => false,
        Sample::Unavailable => true,
    }
}
