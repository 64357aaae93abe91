//! Frames in doubly linked lists through one array: what every policy is made of.

use crate::{Batch, Candidate, FrameIndex, NoMemory, Sample};
use alloc::vec::Vec;
use fl_addr::PageId;
use fl_model::mutant;

/// No frame.
const NIL: u32 = u32::MAX;

/// Where a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Unknown to the policy, or to be evicted.
    Out,
    /// In the list of that number.
    In(u8),
}

/// What is known of one frame.
#[derive(Clone, Copy, Debug)]
struct Node {
    prev: u32,
    next: u32,
    /// How often it went out.
    stamp: u32,
    page: PageId,
    place: Place,
    /// It is in a batch and not judged yet.
    pending: bool,
    /// The policy's own.
    mark: bool,
    /// When its accessed bit was last found set, and so cleared.
    cleared: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u32,
    tail: u32,
    len: usize,
}

/// `N` lists of frames.
#[derive(Debug)]
pub(crate) struct Lists<const N: usize> {
    nodes: Vec<Node>,
    lists: [Ends; N],
    /// Counts ticks, modulo 2^32.
    now: u32,
}

impl<const N: usize> Lists<N> {
    /// Empty lists for frames below `frames`.
    pub(crate) fn new(frames: u32) -> Result<Self, NoMemory> {
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(frames as usize).map_err(|_| NoMemory)?;
        let node = Node {
            prev: NIL,
            next: NIL,
            stamp: 0,
            page: PageId(0),
            place: Place::Out,
            pending: false,
            mark: false,
            cleared: 0,
        };
        nodes.resize(frames as usize, node);
        Ok(Self { nodes, lists: [Ends { head: NIL, tail: NIL, len: 0 }; N], now: 0 })
    }

    /// How many frames there can be.
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.len()
    }

    /// How many frames are in list `list`.
    pub(crate) fn len(&self, list: u8) -> usize {
        self.lists[list as usize].len
    }

    /// How many frames are in any list.
    pub(crate) fn total(&self) -> usize {
        self.lists.iter().map(|ends| ends.len).sum()
    }

    /// The oldest frame of a list.
    pub(crate) fn front(&self, list: u8) -> Option<FrameIndex> {
        frame(self.lists[list as usize].head)
    }

    /// The one after `at` in its list, which is younger.
    pub(crate) fn after(&self, at: FrameIndex) -> Option<FrameIndex> {
        frame(self.nodes[at.0 as usize].next)
    }

    /// The list that a frame is in.
    pub(crate) fn list_of(&self, at: FrameIndex) -> Option<u8> {
        match self.nodes.get(at.0 as usize)?.place {
            Place::In(list) => Some(list),
            Place::Out => None,
        }
    }

    pub(crate) fn page(&self, at: FrameIndex) -> PageId {
        self.nodes[at.0 as usize].page
    }

    pub(crate) fn mark(&mut self, at: FrameIndex) -> &mut bool {
        &mut self.nodes[at.0 as usize].mark
    }

    /// Takes in a frame that is out, as the youngest, unmarked. One that is in, or beyond the end, is left alone.
    pub(crate) fn insert(&mut self, list: u8, at: FrameIndex, page: PageId) {
        let before = self.now.wrapping_sub(1);
        if let Some(node) = self.nodes.get_mut(at.0 as usize).filter(|node| node.place == Place::Out) {
            node.cleared = before;
            (node.page, node.mark, node.pending) = (page, false, false);
            self.link(list, at);
        }
    }

    /// Takes a frame out, if it is in. Candidates that name it are void.
    pub(crate) fn remove(&mut self, at: FrameIndex) {
        if self.list_of(at).is_some() {
            self.unlink(at);
            let node = &mut self.nodes[at.0 as usize];
            (node.place, node.pending) = (Place::Out, false);
            node.stamp = node.stamp.wrapping_add(1);
        }
    }

    /// Makes a frame that is in the youngest of `list`.
    pub(crate) fn renew(&mut self, list: u8, at: FrameIndex) {
        self.unlink(at);
        self.link(list, at);
    }

    /// Names a frame that is in. False: it is in the batch already.
    pub(crate) fn nominate(&mut self, at: FrameIndex, batch: &mut Batch) -> bool {
        let node = &mut self.nodes[at.0 as usize];
        if core::mem::replace(&mut node.pending, true) {
            return false;
        }
        batch.push(Candidate { frame: at, stamp: node.stamp });
        true
    }

    /// Names the oldest frames of `list`, up to the limit of the batch, in that order.
    pub(crate) fn nominate_oldest(&mut self, list: u8, batch: &mut Batch) {
        let mut next = self.front(list);
        while let Some(at) = next.filter(|_| !batch.is_full()) {
            self.nominate(at, batch);
            next = self.after(at);
        }
    }

    /// Time has passed in which pages could be used.
    pub(crate) fn tick(&mut self) {
        self.now = self.now.wrapping_add(1);
    }

    /// The list that a candidate is still in, and what its sample means; it is no candidate any more. `None`: the frame was taken
    /// out since it was named. That a bit is clear means nothing yet if it was cleared a moment ago.
    pub(crate) fn settle(&mut self, candidate: Candidate, sample: Sample) -> Option<(u8, Sample)> {
        let node = self.nodes.get_mut(candidate.frame.0 as usize)?;
        let same = node.stamp == candidate.stamp && core::mem::take(&mut node.pending);
        let Place::In(list) = node.place else { return None };
        if !same {
            return None;
        }
        let sample = match sample {
            Sample::Used => {
                node.cleared = self.now;
                sample
            }
            Sample::Unused { .. } if node.cleared == self.now && !mutant!("judged_too_early") => {
                Sample::Unavailable
            }
            _ => sample,
        };
        Some((list, sample))
    }

    fn link(&mut self, list: u8, at: FrameIndex) {
        let ends = &mut self.lists[list as usize];
        let old = core::mem::replace(&mut ends.tail, at.0);
        ends.len += 1;
        if old == NIL {
            ends.head = at.0;
        } else {
            self.nodes[old as usize].next = at.0;
        }
        let node = &mut self.nodes[at.0 as usize];
        (node.prev, node.next, node.place) = (old, NIL, Place::In(list));
    }

    fn unlink(&mut self, at: FrameIndex) {
        let Node { prev, next, place: Place::In(list), .. } = self.nodes[at.0 as usize] else { return };
        let ends = &mut self.lists[list as usize];
        ends.len -= 1;
        if prev == NIL {
            ends.head = next;
        }
        if next == NIL {
            ends.tail = prev;
        }
        if prev != NIL {
            self.nodes[prev as usize].next = next;
        }
        if next != NIL {
            self.nodes[next as usize].prev = prev;
        }
    }
}

fn frame(at: u32) -> Option<FrameIndex> {
    (at != NIL).then_some(FrameIndex(at))
}
