//! [`Sieve`]: a hand that passes over used pages and leaves them where they are (Zhang et al., NSDI 2024).
//!
//! The hand goes from old to young and then starts again at the oldest; new pages come in at the young end, behind it. So a page that
//! was used keeps its place and is not looked at again before the hand has been everywhere, while new pages that nobody uses go
//! soon. In the paper a page that comes in does not count as used. Where the processor says what was used it does, since its load
//! was for an access: it then goes at the hand's second visit.

use crate::lists::Lists;
use crate::{Batch, Candidate, FrameIndex, NoMemory, Policy, Sample, Verdict};
use fl_addr::PageId;

/// The only list, by age.
const QUEUE: u8 = 0;

/// The longest round of the hand, in looks per page.
const ROUND: usize = 4;

/// SIEVE.
#[derive(Debug)]
pub struct Sieve {
    lists: Lists<1>,
    /// The next frame to look at; `None`: the oldest.
    hand: Option<FrameIndex>,
    /// Looks since it was at the oldest.
    looks: usize,
}

impl Sieve {
    /// For frames below `frames`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(frames: u32) -> Result<Self, NoMemory> {
        Ok(Self { lists: Lists::new(frames)?, hand: None, looks: 0 })
    }

    fn take_out(&mut self, frame: FrameIndex) {
        if self.hand == Some(frame) {
            self.hand = self.lists.after(frame);
        }
        self.lists.remove(frame);
    }
}

impl Policy for Sieve {
    fn insert(&mut self, frame: FrameIndex, page: PageId) {
        self.lists.insert(QUEUE, frame, page);
    }

    fn remove(&mut self, frame: FrameIndex) {
        if self.lists.list_of(frame).is_some() {
            self.take_out(frame);
        }
    }

    fn candidates(&mut self, batch: &mut Batch) {
        while !batch.is_full() {
            if self.hand.is_none() || self.looks >= ROUND * self.len() {
                (self.hand, self.looks) = (self.lists.front(QUEUE), 0);
            }
            let Some(at) = self.hand else { return };
            if !self.lists.nominate(at, batch) {
                return; // once round
            }
            self.hand = self.lists.after(at);
            self.looks += 1;
        }
    }

    fn tick(&mut self) {
        self.lists.tick();
    }

    fn judge(&mut self, candidate: Candidate, sample: Sample) -> Verdict {
        match self.lists.settle(candidate, sample) {
            Some((_, Sample::Unused { .. })) => {
                self.take_out(candidate.frame);
                Verdict::Evict
            }
            _ => Verdict::Keep,
        }
    }

    fn put_back(&mut self, frame: FrameIndex) {
        if (frame.0 as usize) < self.lists.capacity() {
            self.lists.insert(QUEUE, frame, self.lists.page(frame));
        }
    }

    fn len(&self) -> usize {
        self.lists.total()
    }

    fn bound(&self) -> usize {
        3 * self.len() // two rounds, of which the first may be cut short
    }
}
