//! Taking frames away: candidates of the policy are looked at, those judged cold lose their mappings, then their frames.

use super::write_out::{Victims, WriteOut};
use super::{frame_table, swap};
use crate::inject::{self, Point};
use crate::mm::flush_batch::FlushBatch;
use crate::mm::frames::Frame;
use crate::trace::{drain, emit};
use crate::vm::page::Page;
use alloc::sync::Arc;
use fl_addr::{Pfn, Pid, Vpn};
use fl_reclaim::{BATCH, Candidate, Choice, Policy, Sample, Verdict};
use fl_trace::event::{Event, EvictOutcome, EvictReason, Evicted, FrameClass, Reclaimer};
use fl_vmcore::{self as vmcore, Kind};

/// What a batch came to.
pub(super) struct Found {
    /// Candidates looked at.
    pub looked_at: usize,
    /// Frames that are free or on their way because of it.
    pub evicted: usize,
}

/// Which pages a batch spares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Regard {
    /// Those that were used of late, as the policy has it.
    ForUse,
    /// None that can be had: for chaos.
    ForNothing,
}

/// The search for victims, batch by batch. Large: not for a stack.
#[derive(Default)]
pub(super) struct Search {
    /// Frames judged since the last victim.
    scanned: u32,
    // Of one batch:
    candidates: heapless::Vec<Looked, BATCH>,
    victims: Victims,
}

/// A page that loses its frame.
pub(super) struct Victim {
    pub page: Arc<Page>,
    pub frame: Pfn,
    /// One of the places where it is shown.
    pub shown: (Pid, Vpn),
    /// Whether any mapping had its dirty bit set; once judged, whether the content has no copy.
    dirty: bool,
    // For the event:
    generation: u32,
    /// It had proved itself before, if the policy asks for that.
    was_protected: bool,
    /// Frames judged since the victim before.
    scanned: u32,
    /// Evictions since the page got the frame.
    age: u32,
}

/// A candidate, its page, and what was found at it.
type Looked = (Candidate, Option<Arc<Page>>, Sample);

impl Search {
    /// One batch of at most `limit` candidates. What has no copy is on its way to the disk when this returns.
    pub(super) fn batch(&mut self, limit: usize, regard: Regard, writes: &mut WriteOut) -> Found {
        let wants_accessed = {
            let mut table = frame_table::lock();
            table.candidates(limit, |candidate, page| {
                _ = self.candidates.push((candidate, page, Sample::Unavailable)); // a batch has no more
            });
            table.policy().wants_accessed() && regard == Regard::ForUse
        };
        let looked_at = self.candidates.len();
        let slots_left = swap::get().map().free_slots() != 0;
        let mut flush = FlushBatch::new();
        for (_, page, sample) in &mut self.candidates {
            if let Some(page) = page {
                *sample = look(page, wants_accessed, slots_left, &mut flush);
            }
        }
        flush.flush(); // only what stays clear from here on is idle
        for at in 0..looked_at {
            self.scanned += 1;
            let (candidate, page, sample) = &mut self.candidates[at];
            let (candidate, sample) = (*candidate, *sample);
            let Some(page) = page.take() else {
                let _ = frame_table::lock().policy().judge(candidate, Sample::Unavailable);
                continue;
            };
            if let Some(victim) = self.judge(page, candidate, sample, &mut flush) {
                _ = self.victims.push(victim);
            }
        }
        self.candidates.clear();
        flush.flush(); // from here on nobody can store to them
        let mut evicted = 0;
        self.victims.retain_mut(|victim| {
            drain::admit();
            inject::pass(Point::Unmapped);
            match take(victim) {
                Taken::Frame(frame) => {
                    drop(frame);
                    evicted += 1;
                    false
                }
                Taken::Dirty => true,
                Taken::Nothing => false,
            }
        });
        evicted += writes.begin(&self.victims);
        self.victims.clear();
        Found { looked_at, evicted }
    }

    /// Asks the policy, and takes the mappings of a victim out.
    fn judge(
        &mut self,
        page: Arc<Page>,
        candidate: Candidate,
        sample: Sample,
        flush: &mut FlushBatch,
    ) -> Option<Victim> {
        let Some(mut body) = page.try_lock() else {
            let _ = frame_table::lock().policy().judge(candidate, Sample::Unavailable);
            return None;
        };
        // The page's lock first: that it is to go and that the policy has forgotten its frame are one step for whoever frees it.
        let mut table = frame_table::lock();
        if table.policy().judge(candidate, sample) == Verdict::Keep {
            return None;
        }
        let Ok(evicting) = body.state.begin_evict() else {
            table.policy().put_back(candidate.frame);
            return None;
        };
        let was_protected = table.policy().was_protected();
        drop(table);
        body.state = evicting;
        let mut dirty = false;
        let mut shown = (Pid(0), Vpn(0));
        for (space, vpn) in body.shown.iter() {
            shown = (space.owner(), vpn);
            if let Some(pte) = space.take(vpn) {
                dirty |= pte.is_dirty();
                flush.add(space, vpn);
            }
        }
        let frame = evicting.frame().expect("an evicting page has its frame");
        drop(body);
        inject::pass(Point::Evicting);
        let scanned = core::mem::take(&mut self.scanned);
        Some(Victim { page, frame, shown, dirty, generation: 0, was_protected, scanned, age: 0 })
    }
}

/// What the mappings of a page say; takes their accessed bits away if they are wanted. A page that would need a slot is not to be had without one left.
fn look(page: &Page, wants_accessed: bool, slots_left: bool, flush: &mut FlushBatch) -> Sample {
    let Some(mut body) = page.try_lock() else { return Sample::Unavailable };
    if body.state.is_busy() || body.state.pins() != 0 {
        return Sample::Unavailable;
    }
    let mut used = core::mem::take(&mut body.used) && wants_accessed;
    let mut must_write = body.state.is_dirty();
    for (space, vpn) in body.shown.iter() {
        if let Some(bits) = space.sample(vpn) {
            must_write |= bits.dirty;
            if bits.accessed && wants_accessed {
                used = true;
                flush.add(space, vpn);
            }
        }
    }
    let needs_slot = must_write && page.whose() == Kind::Private && body.state.slot().is_none();
    match used {
        true => Sample::Used,
        false if needs_slot && !slots_left => Sample::Unavailable,
        false => Sample::Unused { must_write },
    }
}

/// What came of a victim when nobody could reach its frame any more.
enum Taken {
    /// The frame: there is a copy of the content, or it can be made again.
    Frame(Frame),
    /// The content is nowhere else.
    Dirty,
    /// The page stays: somebody wanted it meanwhile.
    Nothing,
}

/// Judges a page that is mapped nowhere any more.
fn take(victim: &mut Victim) -> Taken {
    let mut table_reference = None;
    let verdict = {
        let mut body = victim.page.lock();
        let (judged, verdict) =
            body.state.judge(victim.dirty).expect("only the evictor goes on with what it has begun");
        body.state = judged;
        (victim.generation, victim.dirty) = (judged.generation(), judged.is_dirty());
        let mut table = frame_table::lock();
        victim.age = table.age(victim.frame);
        match verdict {
            vmcore::Verdict::Kept => table.put_back(victim.frame),
            vmcore::Verdict::Gone(_) => {
                body.evicted_at = table.evictions();
                table_reference = table.clear(victim.frame);
            }
            vmcore::Verdict::Dirty(_) => {}
        }
        drop(table);
        // With the page's lock held, so that what others do with the page is told afterwards.
        match verdict {
            vmcore::Verdict::Kept => victim.tell(EvictOutcome::Rescued),
            vmcore::Verdict::Gone(_) => victim.tell(EvictOutcome::Dropped),
            vmcore::Verdict::Dirty(_) => {} // by who writes it out
        }
        verdict
    };
    drop(table_reference);
    inject::pass(Point::Judged);
    match verdict {
        vmcore::Verdict::Kept => {
            victim.page.waiters.wake_all();
            Taken::Nothing
        }
        vmcore::Verdict::Gone(frame) => {
            victim.page.waiters.wake_all();
            // SAFETY: the page owned it, and has let go; its mappings are gone and flushed.
            Taken::Frame(unsafe { Frame::from_pfn(frame, FrameClass::User) })
        }
        vmcore::Verdict::Dirty(_) => Taken::Dirty,
    }
}

impl Victim {
    /// Tells of the eviction. With the page's lock held in the step that it tells of.
    pub(super) fn tell(&self, outcome: EvictOutcome) {
        emit(Event::Evicted(Evicted {
            page: self.page.id,
            generation: self.generation,
            frame: self.frame,
            by: Reclaimer::Evictor,
            pid: self.shown.0,
            va: self.shown.1.start(),
            reason: reason(self.dirty, self.was_protected),
            dirty: self.dirty,
            scanned: self.scanned,
            age: self.age,
            outcome,
        }));
    }
}

/// Why the policy gives a page up.
fn reason(dirty: bool, was_protected: bool) -> EvictReason {
    match frame_table::policy() {
        Some(Choice::EnhancedClock) if dirty => EvictReason::UnusedDirty,
        Some(Choice::EnhancedClock) => EvictReason::UnusedClean,
        Some(Choice::Fifo) => EvictReason::Oldest,
        Some(Choice::TwoQueue) if was_protected => EvictReason::Faded,
        Some(Choice::TwoQueue) => EvictReason::UsedOnce,
        Some(Choice::Clock | Choice::Sieve) | None => EvictReason::Unused,
    }
}
