//! [`TwoQueue`]: new pages prove themselves in a small queue before they may stay (after Johnson and Shasha's 2Q, VLDB 1994).
//!
//! A page comes into the *probation* queue. If it is used again while it is there, or comes back soon after it was evicted, it moves
//! to the *protected* queue, which is a clock. Victims come from probation as long as that holds more than a quarter of the frames.
//! So pages that are used once pass through without driving out those that are used again. 2Q promotes only what comes
//! back; with accessed bits the second use is seen earlier, and a page in constant use never leaves. And one victim in eight is looked
//! for among the protected, so that none of them stays for ever because others keep probation full.

use crate::ghost::Ghosts;
use crate::lists::Lists;
use crate::{BATCH, Batch, Candidate, FrameIndex, NoMemory, Policy, Sample, Verdict};
use fl_addr::PageId;

/// 2Q's A1in. A frame's mark: the bit that its load had set was cleared.
const PROBATION: u8 = 0;
/// 2Q's Am.
const PROTECTED: u8 = 1;

/// The part of the frames that probation may hold (2Q's Kin): 1/4.
const PROBATION_PART: usize = 4;
/// Evicted pages that are remembered (2Q's Kout), as a part of the frames: 1/2.
const GHOST_PART: usize = 2;

/// One victim of so many is looked for in the protected queue first.
const PROTECTED_TURN: usize = 8;

/// Two queues.
#[derive(Debug)]
pub struct TwoQueue {
    lists: Lists<2>,
    ghosts: Ghosts,
    /// Candidates judged since the last that was evicted.
    fruitless: usize,
    /// Victims since the protected queue had its turn.
    victims: usize,
    /// Whether the last victim came from there.
    was_protected: bool,
}

impl TwoQueue {
    /// For frames below `frames`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(frames: u32) -> Result<Self, NoMemory> {
        Ok(Self {
            lists: Lists::new(frames)?,
            ghosts: Ghosts::new(frames as usize / GHOST_PART)?,
            fruitless: 0,
            victims: 0,
            was_protected: false,
        })
    }

    /// The queue that victims come from now. After two rounds without one it is the other's turn, and so on: the first may hold
    /// nothing but pinned pages.
    fn queue(&mut self) -> u8 {
        if self.victims >= PROTECTED_TURN && self.lists.len(PROTECTED) != 0 {
            self.victims = 0;
            return PROTECTED;
        }
        let [probation, protected] = [self.lists.len(PROBATION), self.lists.len(PROTECTED)];
        let first = probation > (probation + protected) / PROBATION_PART || protected == 0;
        let other = self.fruitless / (2 * self.len().max(1)) % 2 == 1;
        if first != other { PROBATION } else { PROTECTED }
    }
}

impl Policy for TwoQueue {
    fn insert(&mut self, frame: FrameIndex, page: PageId) {
        let queue = if self.ghosts.take(page) { PROTECTED } else { PROBATION };
        self.lists.insert(queue, frame, page);
    }

    fn remove(&mut self, frame: FrameIndex) {
        self.lists.remove(frame);
    }

    fn candidates(&mut self, batch: &mut Batch) {
        let queue = self.queue();
        self.lists.nominate_oldest(queue, batch);
        if batch.as_slice().is_empty() {
            self.lists.nominate_oldest(PROBATION + PROTECTED - queue, batch);
        }
    }

    fn tick(&mut self) {
        self.lists.tick();
    }

    fn judge(&mut self, candidate: Candidate, sample: Sample) -> Verdict {
        let frame = candidate.frame;
        let Some((queue, sample)) = self.lists.settle(candidate, sample) else { return Verdict::Keep };
        self.fruitless += 1;
        match sample {
            Sample::Unused { .. } => {
                if queue == PROBATION {
                    self.ghosts.put(self.lists.page(frame));
                }
                self.lists.remove(frame);
                self.fruitless = 0;
                self.victims += 1;
                self.was_protected = queue == PROTECTED;
                return Verdict::Evict;
            }
            Sample::Used if queue == PROBATION && core::mem::replace(self.lists.mark(frame), true) => {
                self.lists.renew(PROTECTED, frame);
            }
            Sample::Used | Sample::Unavailable => self.lists.renew(queue, frame),
        }
        Verdict::Keep
    }

    fn put_back(&mut self, frame: FrameIndex) {
        if (frame.0 as usize) < self.lists.capacity() {
            let page = self.lists.page(frame);
            self.ghosts.take(page);
            self.lists.insert(PROTECTED, frame, page);
        }
    }

    fn len(&self) -> usize {
        self.lists.total()
    }

    fn was_protected(&self) -> bool {
        self.was_protected
    }

    fn bound(&self) -> usize {
        4 * self.len() + 2 * BATCH
    }
}
