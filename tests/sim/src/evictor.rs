//! The evictor: a thread that keeps the watermarks, as the kernel's `reclaim` is to do it.

use crate::executor::Role;
use crate::machine::{Machine, Page, Space, Turn, Twin};
use fl_addr::{CpuId, Pfn, Slot};
use fl_reclaim::cluster::{Write, assign, order, requests};
use fl_reclaim::{BATCH, Batch, Candidate, FrameIndex, Mode, Policy, Sample, Verdict};
use fl_vmcore::{Home, Kind, Refused, State};
use std::rc::Rc;

/// The evictor's own processor.
const CPU: CpuId = CpuId(0);
/// Pages in one request to the disk, at most.
const CLUSTER: usize = 8;
/// Steps between two ticks of the clock.
const TICK: u64 = 50;
/// Rounds in vain, with a tick after each and nothing in flight, after which there is no memory.
const ROUNDS: u32 = 4;

/// Runs for ever.
pub async fn run(machine: Rc<Machine>) {
    let (mut mode, mut judged, mut rounds, mut last_tick) = (Mode::Idle, 0, 0, 0);
    loop {
        let mut want = 0;
        let wanted = || {
            (mode, want) = machine.wanted(mode);
            want != 0
        };
        machine.evictor.wait_until(&machine.executor, wanted).await;
        if machine.executor.now() >= last_tick + TICK {
            last_tick = machine.executor.now();
            machine.policy.borrow_mut().tick();
        }
        if machine.swap.borrow().is_short() {
            machine.reclaim_slots();
        }
        let (seen, evicted) = machine.batch((want as usize).min(BATCH)).await;
        (judged, rounds) = if evicted == 0 { (judged + seen, rounds) } else { (0, 0) };
        if judged >= machine.policy.borrow().len() {
            machine.executor.sleep(TICK).await; // lets the processes run, and the disk
            (judged, rounds) = (0, rounds + 1);
            if rounds >= ROUNDS && machine.in_flight.get() == 0 {
                machine.refuse_one();
                rounds = 0;
            }
        }
    }
}

impl Machine {
    /// The mode from now on, and how many more frames are wanted: up to the watermark, and for everybody who waits.
    fn wanted(&self, mode: Mode) -> (Mode, u32) {
        let (in_flight, waiting) = (self.in_flight.get(), self.turns.borrow().len() as u32);
        let control = self.marks.control(self.frames.free_frames(), in_flight, mode);
        let mode = if waiting == 0 { control.mode } else { Mode::Reclaiming };
        (mode, control.want.max(waiting.saturating_sub(in_flight)))
    }

    /// One batch of candidates; how many were looked at, and how many frames are free or on their way because of it.
    async fn batch(self: &Rc<Self>, limit: usize) -> (usize, usize) {
        let mut batch = Batch::new(limit);
        self.policy.borrow_mut().candidates(&mut batch);
        let wants = self.policy.borrow().wants_accessed();
        let (mut samples, mut spaces) = (vec![], vec![]);
        for candidate in batch.as_slice() {
            samples.push((*candidate, self.sample(*candidate, wants, &mut spaces)));
        }
        self.flush(&spaces, Twin::Right).await;
        let mut victims = vec![];
        for (candidate, (page, sample)) in samples {
            if self.policy.borrow_mut().judge(candidate, sample) == Verdict::Evict {
                let page = page.expect("a frame that is known has a page");
                match page.state.get().begin_evict() {
                    Ok(evicting) => {
                        self.set(&page, evicting);
                        victims.push(page);
                    }
                    Err(_) => self.policy.borrow_mut().put_back(candidate.frame),
                }
            }
        }
        let evicted = self.evict(victims).await;
        self.executor.step().await;
        (batch.as_slice().len(), evicted)
    }

    /// What a candidate's mappings say; clears their accessed bits.
    fn sample(
        &self,
        candidate: Candidate,
        wants: bool,
        spaces: &mut Vec<Rc<Space>>,
    ) -> (Option<Rc<Page>>, Sample) {
        let Some(page) = self.owner.borrow()[candidate.frame.0 as usize].clone() else {
            return (None, Sample::Unavailable);
        };
        let state = page.state.get();
        // Now and then somebody else has the page's lock.
        if state.is_busy() || state.pins() != 0 || self.executor.below(16) == 0 {
            return (Some(page), Sample::Unavailable);
        }
        let (mut used, mut must_write) = (false, state.is_dirty());
        for (space, vpn) in page.sharers.borrow().iter() {
            if let Some(pte) = space.table.borrow_mut().get_mut(&vpn) {
                must_write |= pte.dirty;
                if wants && std::mem::take(&mut pte.accessed) {
                    used = true;
                    spaces.push(space.clone());
                }
            }
        }
        let sample = if used { Sample::Used } else { Sample::Unused { must_write } };
        (Some(page), sample)
    }

    /// Takes the pages' mappings away, and then their frames or has them written.
    async fn evict(self: &Rc<Self>, victims: Vec<Rc<Page>>) -> usize {
        let (mut dirty, mut spaces) = (vec![], vec![]);
        for page in &victims {
            let sharers: Vec<_> =
                page.sharers.borrow().iter().map(|(space, vpn)| (space.clone(), vpn)).collect();
            let mut bit = false;
            if self.config.twin == Twin::EarlyDirtyBit {
                for (space, vpn) in &sharers {
                    bit |= space.table.borrow().get(vpn).is_some_and(|pte| pte.dirty);
                }
                self.executor.step().await;
                sharers.iter().for_each(|(space, vpn)| _ = space.unmap(*vpn));
            } else {
                sharers.iter().for_each(|(space, vpn)| bit |= space.unmap(*vpn));
            }
            dirty.push(bit);
            spaces.extend(sharers.into_iter().map(|(space, _)| space));
            self.executor.step().await;
        }
        self.flush(&spaces, self.config.twin).await;
        let (mut evicted, mut swap) = (0, vec![]);
        for (page, dirty) in victims.into_iter().zip(dirty) {
            // What an exit reported since is in the state.
            let (judged, verdict) = page.state.get().judge(dirty).expect("it is being evicted");
            self.set(&page, judged);
            match verdict {
                fl_vmcore::Verdict::Kept => {
                    self.seen.borrow_mut().kept += 1;
                    self.stays(&page);
                }
                fl_vmcore::Verdict::Gone(frame) => {
                    self.seen.borrow_mut().clean_evictions += 1;
                    evicted += 1;
                    self.taken(&page, frame);
                }
                fl_vmcore::Verdict::Dirty(_) if judged.kind() == Kind::File => {
                    evicted += 1;
                    self.write(vec![(page, Home::File)]);
                }
                fl_vmcore::Verdict::Dirty(_) => {
                    let (owner, vpn) = page
                        .sharers
                        .borrow()
                        .iter()
                        .next()
                        .map_or((0, fl_addr::Vpn(0)), |(space, vpn)| (space.pid.0.into(), vpn));
                    swap.push(Write { owner, page: vpn, slot: None, item: page });
                }
            }
        }
        order(&mut swap);
        let with_slot = assign(&mut swap, |want| {
            let run = self.swap.borrow_mut().alloc_run(want.min(CLUSTER as u32))?;
            Some((run.first, run.len))
        });
        evicted += with_slot;
        for write in swap.iter().filter(|write| write.slot.is_none()) {
            self.without_slot(&write.item, &mut evicted);
        }
        for request in requests(&mut swap, CLUSTER) {
            let pages =
                request.iter().map(|w| (w.item.clone(), Home::Slot(w.slot.expect("assigned")))).collect();
            self.write(pages);
        }
        evicted
    }

    /// No slot is free: the page is written over its own old copy if it has one, and else stays.
    fn without_slot(self: &Rc<Self>, page: &Rc<Page>, evicted: &mut usize) {
        match page.state.get().slot() {
            Some(slot) => {
                *evicted += 1;
                self.write(vec![(page.clone(), Home::Slot(slot))]);
            }
            None => {
                self.set(page, page.state.get().keep(false).expect("it is being evicted"));
                self.stays(page);
            }
        }
    }

    /// Writes judged pages by one request, in the background.
    fn write(self: &Rc<Self>, pages: Vec<(Rc<Page>, Home)>) {
        let mut frames = vec![];
        for (page, home) in &pages {
            let (writing, stale) =
                page.state.get().begin_write(*home).expect("judged dirty, and nobody was let in since");
            self.set(page, writing);
            if let Some(slot) = stale {
                self.free_slot(slot);
            }
            let frame = writing.frame().expect("it is written from there");
            frames.push((frame, self.content[frame.0 as usize].get()));
            if let Home::Slot(slot) = home {
                self.slots.borrow_mut()[slot.0 as usize] = None;
            }
        }
        let machine = self.clone();
        self.executor.spawn(Role::Work, async move {
            if machine.config.twin == Twin::WrittenTooEarly {
                for (page, home) in &pages {
                    machine.finish(page, *home, true);
                }
            }
            let mut ok = machine.disk().await.is_ok();
            for ((page, home), (frame, value)) in pages.iter().zip(frames) {
                let now = machine.content[frame.0 as usize].get();
                assert_eq!(now, value, "{:?} was stored to while it was written out", page.id);
                match *home {
                    Home::File => ok = ok && machine.write_file(page, frame).await.is_ok(),
                    Home::Slot(slot) if ok => machine.slots.borrow_mut()[slot.0 as usize] = Some(value),
                    Home::Slot(_) => {}
                }
                if machine.config.twin != Twin::WrittenTooEarly {
                    machine.finish(page, *home, ok);
                }
            }
            let mut seen = machine.seen.borrow_mut();
            seen.swap_requests += u64::from(matches!(pages[0].1, Home::Slot(_)));
            seen.swap_writes += pages.iter().filter(|(_, home)| *home != Home::File).count() as u64;
            machine.executor.done();
        });
    }

    /// A write has ended.
    fn finish(&self, page: &Rc<Page>, home: Home, ok: bool) {
        let state = page.state.get();
        if !ok {
            let (kept, slot) = state.write_failed().expect("it is being written");
            self.set(page, kept);
            if let Some(slot) = slot {
                self.free_slot(slot);
            }
            return self.stays(page);
        }
        if let Home::Slot(slot) = home {
            drop(self.swap.borrow_mut().set_owner(slot, Rc::downgrade(page)).expect("it is the page's"));
        }
        let (done, frame) = state.written().expect("it is being written");
        self.set(page, done);
        match frame {
            Some(frame) => self.taken(page, frame),
            None => {
                self.seen.borrow_mut().rescued += 1;
                self.stays(page);
            }
        }
    }

    /// The page was evicted; its frame is free.
    fn taken(&self, page: &Page, frame: Pfn) {
        self.owner.borrow_mut()[frame.0 as usize] = None;
        self.free_frame(CPU, frame);
        self.wake(page);
    }

    /// The page was to be evicted and stays.
    fn stays(&self, page: &Page) {
        let frame = page.state.get().frame().expect("it is resident");
        self.policy.borrow_mut().put_back(FrameIndex(frame.0));
        self.wake(page);
    }

    fn wake(&self, page: &Page) {
        if self.config.twin != Twin::LostWakeUp {
            page.waiters.wake_all(&self.executor);
        }
    }

    /// Takes back the slots that resident pages keep as copies.
    fn reclaim_slots(&self) {
        for page in self.owner.borrow().iter().flatten() {
            match page.state.get().take_slot() {
                Ok((state, slot)) => {
                    self.set(page, state);
                    self.free_slot(slot);
                    self.seen.borrow_mut().slots_reclaimed += 1;
                }
                Err(Refused::NotInSlot | Refused::Busy) => {}
                Err(why) => panic!("{:?} in {:?}: {why}", page.id, page.state.get().state()),
            }
        }
    }

    /// Out of memory: who has waited longest gets none, and its process ends.
    fn refuse_one(&self) {
        if let Some(turn) = self.turns.borrow_mut().pop_front() {
            turn.set(Turn::Refused);
            self.seen.borrow_mut().out_of_memory += 1;
            self.memory.wake_all(&self.executor);
        }
    }

    /// The slot that the page can be read from.
    pub fn readable(&self, page: &Page) -> Option<Slot> {
        match page.state.get().state() {
            State::Swapped { slot } => Some(slot),
            State::Resident { slot, .. } if !page.state.get().is_dirty() => slot,
            _ => None,
        }
    }
}
