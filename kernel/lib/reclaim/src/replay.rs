//! A trace of accesses replayed on a policy: how many faults it would have taken. For the host: tests, and `vmtrace whatif`.

use crate::{Batch, Candidate, FrameIndex, Policy, Sample, Verdict};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use alloc::{collections::VecDeque, vec};
use fl_addr::PageId;

/// One access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// To which page. Not 0, which means "no page".
    pub page: PageId,
    /// Whether it is a store.
    pub write: bool,
}

/// How the machine behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Frames there are.
    pub frames: u32,
    /// Candidates looked at together, at most [`BATCH`](crate::BATCH). With 1 the policy is that of the textbook.
    pub batch: usize,
    /// Whether the access that a page was loaded for leaves its accessed bit set, as it does on a processor.
    pub load_counts: bool,
}

/// What a replay found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Replay {
    /// Accesses to pages that were not resident.
    pub faults: usize,
    /// Evictions of pages that had been stored to since they were loaded.
    pub writes: usize,
    /// Candidates judged in all.
    pub judged: usize,
    /// The most candidates judged for one victim.
    pub longest_search: usize,
    /// The pages that were evicted, in order.
    pub victims: Vec<PageId>,
}

/// Replays `trace` on `policy`, which must know no frames yet. With no frame at all everything is a fault.
pub fn replay(policy: &mut impl Policy, machine: Machine, trace: impl IntoIterator<Item = Access>) -> Replay {
    let mut state = State {
        page_of: vec![None; machine.frames as usize],
        accessed: vec![false; machine.frames as usize],
        dirty: vec![false; machine.frames as usize],
        free: (0..machine.frames).map(FrameIndex).collect(),
        search: 0,
        round: 0,
        found: Replay::default(),
    };
    let mut frame_of = BTreeMap::new();
    for access in trace {
        policy.tick();
        let frame = match frame_of.get(&access.page) {
            Some(&frame) => {
                state.accessed[index(frame)] = true;
                frame
            }
            None => {
                state.found.faults += 1;
                while state.free.is_empty() && machine.frames != 0 {
                    state.make_room(policy, machine.batch, |page| _ = frame_of.remove(&page));
                }
                let Some(frame) = state.free.pop_front() else { continue };
                frame_of.insert(access.page, frame);
                state.page_of[index(frame)] = Some(access.page);
                state.accessed[index(frame)] = machine.load_counts;
                state.dirty[index(frame)] = false;
                policy.insert(frame, access.page);
                frame
            }
        };
        state.dirty[index(frame)] |= access.write;
    }
    state.found
}

fn index(frame: FrameIndex) -> usize {
    frame.0 as usize
}

struct State {
    page_of: Vec<Option<PageId>>,
    accessed: Vec<bool>,
    dirty: Vec<bool>,
    free: VecDeque<FrameIndex>,
    /// Candidates judged since the last victim.
    search: usize,
    /// Candidates judged since the last victim or tick.
    round: usize,
    found: Replay,
}

impl State {
    /// One batch.
    fn make_room(&mut self, policy: &mut impl Policy, limit: usize, mut evicted: impl FnMut(PageId)) {
        if self.round >= policy.len() {
            self.round = 0;
            policy.tick(); // a victim is needed now, whoever had time to use what
        }
        let mut batch = Batch::new(limit.max(1));
        policy.candidates(&mut batch);
        assert!(!batch.as_slice().is_empty(), "all frames are taken and the policy knows of none");
        let sample = |state: &mut Self, candidate: &Candidate| {
            let at = index(candidate.frame);
            let used = core::mem::take(&mut state.accessed[at]);
            if used { Sample::Used } else { Sample::Unused { must_write: state.dirty[at] } }
        };
        for candidate in batch.as_slice() {
            self.found.judged += 1;
            self.search += 1;
            self.round += 1;
            let sample = sample(self, candidate);
            if policy.judge(*candidate, sample) == Verdict::Evict {
                self.found.longest_search = self.found.longest_search.max(core::mem::take(&mut self.search));
                self.round = 0;
                let at = index(candidate.frame);
                let page = self.page_of[at].take().expect("a resident frame has a page");
                self.found.writes += usize::from(self.dirty[at]);
                self.found.victims.push(page);
                self.free.push_back(candidate.frame);
                evicted(page);
            }
        }
    }
}
