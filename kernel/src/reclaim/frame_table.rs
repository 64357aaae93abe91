//! Which page each user frame belongs to, and the policy that says which of them is evicted next.

use crate::mm::frames;
use crate::sync::{LockClass, Once, SpinGuard, SpinLock};
use crate::vm::page::Page;
use alloc::sync::Arc;
use alloc::vec::Vec;
use fl_addr::Pfn;
use fl_reclaim::{AnyPolicy, Batch, Candidate, Choice, FrameIndex, NoMemory, Policy};

/// The table. Lock rank 8, a leaf: taken with a page's lock held, so that a page's state and what is said here change together.
static TABLE: Once<(Choice, SpinLock<Table>)> = Once::new();

/// All user frames whose pages are resident.
///
/// Owns: a reference to each such page, from [`settle`] to [`forget`] or [`Table::clear`]. Takes its memory when it is made.
pub(super) struct Table {
    /// The lowest frame: number 0 of the policy.
    base: Pfn,
    frames: Vec<Entry>,
    policy: AnyPolicy,
    /// Pages that have lost their frame so far, modulo 2^32: the clock of ages and refault distances.
    evictions: u32,
}

#[derive(Clone, Default)]
struct Entry {
    page: Option<Arc<Page>>,
    /// `evictions` when the page got the frame.
    since: u32,
}

pub(super) fn init(choice: Choice) -> Result<(), NoMemory> {
    let (base, len) = frames::user_span();
    let mut entries = Vec::new();
    entries.try_reserve_exact(len as usize).map_err(|_| NoMemory)?;
    entries.resize(len as usize, Entry::default());
    let policy = AnyPolicy::new(choice, len)?;
    TABLE.call_once(|| {
        (choice, SpinLock::new(LockClass::FrameTable, Table { base, frames: entries, policy, evictions: 0 }))
    });
    Ok(())
}

/// The chosen policy. `None`: nothing is evicted.
pub(super) fn policy() -> Option<Choice> {
    TABLE.get().map(|(choice, _)| *choice)
}

/// The table. Only where pages are evicted.
pub(super) fn lock() -> SpinGuard<'static, Table> {
    TABLE.get().expect("the evictor starts after the table was made").1.lock()
}

/// The page has its content in the frame, which it owns from now on: it can be evicted when its pins are gone. With the page's lock held.
#[inline]
pub fn settle(page: &Arc<Page>, frame: Pfn) {
    if let Some((_, table)) = TABLE.get() {
        enter(table, page, frame);
    }
}

#[inline(never)]
fn enter(table: &SpinLock<Table>, page: &Arc<Page>, frame: Pfn) {
    let mut table = table.lock();
    let (index, since) = (table.index(frame), table.evictions);
    table.frames[index.0 as usize] = Entry { page: Some(page.clone()), since };
    table.policy.insert(index, page.id);
}

/// The page is dead, and its frame nobody's. With the page's lock held; the reference is dropped without.
#[inline]
#[must_use = "it is dropped when no lock is held"]
pub fn forget(frame: Pfn) -> Option<Arc<Page>> {
    let (_, table) = TABLE.get()?;
    let mut table = table.lock();
    let index = table.index(frame);
    table.policy.remove(index);
    table.frames[index.0 as usize].page.take()
}

impl Table {
    fn index(&self, frame: Pfn) -> FrameIndex {
        FrameIndex(frame.0 - self.base.0)
    }

    /// The policy.
    pub(super) fn policy(&mut self) -> &mut impl Policy {
        &mut self.policy
    }

    /// The next candidates, at most `limit`, and whose they are: called with each.
    pub(super) fn candidates(&mut self, limit: usize, mut each: impl FnMut(Candidate, Option<Arc<Page>>)) {
        let mut batch = Batch::new(limit);
        self.policy.candidates(&mut batch);
        for candidate in batch.as_slice() {
            each(*candidate, self.frames[candidate.frame.0 as usize].page.clone());
        }
    }

    /// The page in the frame was to be evicted and stays. With the page's lock held.
    pub(super) fn put_back(&mut self, frame: Pfn) {
        let index = self.index(frame);
        self.policy.put_back(index);
    }

    /// How many evictions there were since the frame got its page.
    pub(super) fn age(&self, frame: Pfn) -> u32 {
        self.evictions.wrapping_sub(self.frames[self.index(frame).0 as usize].since)
    }

    /// The page has lost the frame. Returns the reference to it, to be dropped without a lock.
    #[must_use = "it is dropped when no lock is held"]
    pub(super) fn clear(&mut self, frame: Pfn) -> Option<Arc<Page>> {
        let index = self.index(frame);
        self.evictions = self.evictions.wrapping_add(1);
        self.frames[index.0 as usize].page.take()
    }

    /// The clock of refault distances.
    pub(super) fn evictions(&self) -> u32 {
        self.evictions
    }

    /// Calls `f` with the page of each frame in turn, from `from` on, for at most `most` frames; the frame to go on with, if there are more.
    pub(super) fn pages(&self, from: usize, most: usize, mut f: impl FnMut(&Arc<Page>)) -> Option<usize> {
        let end = (from + most).min(self.frames.len());
        self.frames[from..end].iter().filter_map(|entry| entry.page.as_ref()).for_each(&mut f);
        (end < self.frames.len()).then_some(end)
    }
}

/// How many evictions there were so far, modulo 2^32.
pub fn evictions() -> u32 {
    TABLE.get().map_or(0, |(_, table)| table.lock().evictions)
}
