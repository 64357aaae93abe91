//! Accesses, and the way of a fault: classify, bring in, break sharing, map. As the kernel's `vm`.

use crate::machine::{Machine, Origin, Page, Pte, Space};
use crate::reference::{DATA, TEXT};
use fl_abi::USER_STACK;
use fl_addr::{Pfn, VirtAddr, Vpn};
use fl_vmcore::*;
use std::rc::Rc;

/// Why an access did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fail {
    /// The program's fault.
    Bad,
    /// No frame, or the content could not be read: the process ends.
    Killed,
}

impl Machine {
    /// One instruction: a load, or a store of `value`. Compares with the reference at the moment it happens.
    pub async fn access(
        self: &Rc<Self>,
        space: &Rc<Space>,
        vpn: Vpn,
        value: Option<u64>,
    ) -> Result<(), Fail> {
        let access = if value.is_some() { Access::Write } else { Access::Read };
        loop {
            self.executor.step().await;
            let Some(frame) = translate(space, vpn, access) else {
                self.fault(space, vpn, access, true).await?;
                continue;
            };
            space.in_instruction.set(true);
            self.executor.step().await; // what was translated is used only now
            let cell = &self.content[frame.0 as usize];
            match value {
                Some(value) => {
                    cell.set(value);
                    self.reference.borrow_mut().write(space.pid, vpn.0, value);
                }
                None => {
                    let expected = self.reference.borrow().read(space.pid, vpn.0);
                    assert_eq!(Some(cell.get()), expected, "process {} reads page {vpn}", space.pid);
                }
            }
            space.in_instruction.set(false);
            space.retired.wake_all(&self.executor);
            self.seen.borrow_mut().accesses += 1;
            return Ok(());
        }
    }

    /// Resolves a fault. Sleeps holding nothing but its own claim or pin. `repeated`: an instruction will do the access at once, so a
    /// store may as well be mapped dirty.
    pub async fn fault(
        self: &Rc<Self>,
        space: &Rc<Space>,
        vpn: Vpn,
        access: Access,
        repeated: bool,
    ) -> Result<(), Fail> {
        self.seen.borrow_mut().faults += 1;
        self.find_or_make(space, vpn, access)?;
        if access == Access::Write && self.break_now(space, vpn, repeated).await {
            return Ok(());
        }
        // Frames in hand for the page and for its copy: nobody waits for memory with a pin.
        let mut spare = vec![];
        let result = self.bring_in(space, vpn, access == Access::Write, repeated, &mut spare).await;
        spare.into_iter().for_each(|frame| self.free_frame(space.cpu(), frame));
        result
    }

    /// Adds the entry of a page that is touched for the first time.
    fn find_or_make(&self, space: &Rc<Space>, vpn: Vpn, access: Access) -> Result<(), Fail> {
        let (spt, regions) = (space.spt.borrow(), space.regions.borrow());
        let region = regions.find(vpn);
        let decision = classify(vpn.start(), access, spt.get(vpn), region, VirtAddr(USER_STACK - 0x3000));
        let file =
            region.and_then(|r| if let RegionKind::Mapping(m) = &r.kind { Some(m.file) } else { None });
        drop(spt);
        match decision {
            Decision::Bad(_) => return Err(Fail::Bad),
            Decision::Resolve | Decision::BreakCow => {}
            Decision::GrowStack { prot } | Decision::MakePage { source: Source::Zero, prot } => {
                self.add_entry(space, vpn, Origin::Zero, prot, false);
            }
            Decision::MakePage { source: Source::Mapping { page }, prot } => {
                self.add_entry(space, vpn, Origin::File(file.expect("a mapping"), page), prot, false);
            }
            Decision::MakePage { source: Source::Executable, prot } => {
                // Pages of the program are shared by all who run it; a store to one is private.
                let page = if vpn.0 < DATA[0] { vpn.0 - TEXT[0] } else { TEXT[1] + vpn.0 - DATA[0] };
                self.add_entry(space, vpn, Origin::File(0, page), prot, prot.write);
            }
        }
        Ok(())
    }

    fn add_entry(&self, space: &Rc<Space>, vpn: Vpn, origin: Origin, prot: Prot, cow: bool) {
        let page = match origin {
            Origin::Zero => self.new_page(PageState::new(), origin),
            Origin::File(file, number) => {
                let mut table = self.file_pages.borrow_mut();
                match table.get(&(file, number)) {
                    Some(page) => {
                        self.set(
                            page,
                            page.state.get().attach(false).expect("dead ones are not in the table"),
                        );
                        page.clone()
                    }
                    None => {
                        let page = self.new_page(PageState::of_file(), origin);
                        table.insert((file, number), page.clone());
                        page
                    }
                }
            }
        };
        add_sharer(&page, space, vpn);
        space.spt.borrow_mut().insert(vpn, Entry { page, prot, cow }).expect("it was free");
    }

    async fn bring_in(
        self: &Rc<Self>,
        space: &Rc<Space>,
        vpn: Vpn,
        store: bool,
        repeated: bool,
        spare: &mut Vec<Pfn>,
    ) -> Result<(), Fail> {
        loop {
            let mut entry = space.spt.borrow().get(vpn).expect("made before").clone();
            // The frame of the copy is not spent on bringing in what is to be copied: that could go on for ever.
            let keep = usize::from(store && entry.cow);
            let mut frame = self.pin(space, &entry.page, spare, keep).await?;
            if store && entry.cow {
                match on_write_fault(&entry.page.state.get(), &entry) {
                    WriteFault::Reuse => self.seen.borrow_mut().reuses += 1,
                    WriteFault::Copy => {
                        let Some(new) = spare.pop().or_else(|| self.try_frame(space.cpu())) else {
                            self.unpin(&entry.page);
                            spare.push(self.take_frame(space.cpu()).await.ok_or(Fail::Killed)?);
                            continue;
                        };
                        self.executor.step().await; // copying
                        self.content[new.0 as usize].set(self.content[frame.0 as usize].get());
                        let copy = self.new_page(PageState::copied(new), Origin::Zero);
                        let old = std::mem::replace(&mut entry.page, copy);
                        self.unpin(&old);
                        self.leave(&old, space, vpn)
                            .expect("it was pinned, and is not being cleaned by anybody but a sharer");
                        add_sharer(&entry.page, space, vpn);
                        self.settle(&entry.page, new);
                        self.seen.borrow_mut().copies += 1;
                        frame = new;
                    }
                    WriteFault::SharedWrite => panic!("a marked entry is not shared for writing"),
                }
                entry.cow = false;
            }
            *space.spt.borrow_mut().get_mut(vpn).expect("made before") = entry.clone();
            let was_dirty = space.table.borrow().get(&vpn).is_some_and(|pte| pte.dirty);
            let write = entry.mappable().write;
            let pte = Pte { frame, write, accessed: true, dirty: was_dirty || store && write && repeated };
            space.table.borrow_mut().insert(vpn, pte);
            let generation = entry.page.state.get().generation();
            self.executor.step().await; // mapped and still pinned
            self.tell_fault(&entry.page, (frame, generation));
            self.unpin(&entry.page);
            return Ok(());
        }
    }

    pub fn unpin(&self, page: &Page) {
        self.set(page, page.state.get().unpin().expect("a pin is given back once"));
    }

    /// Makes a page resident and pins it. If it has to be loaded, into a frame of `spare`, of which so many are to be kept.
    async fn pin(
        self: &Rc<Self>,
        space: &Rc<Space>,
        page: &Rc<Page>,
        spare: &mut Vec<Pfn>,
        keep: usize,
    ) -> Result<Pfn, Fail> {
        loop {
            match page.state.get().pin() {
                Ok((pinned, frame)) => {
                    self.set(page, pinned);
                    return Ok(frame);
                }
                Err(Refused::Busy) => {
                    let (waiting, ticket) = page.state.get().wait().expect("it is busy");
                    self.set(page, waiting);
                    let (mut ticket, mut pinned) = (Some(ticket), None);
                    let outcome = || match page.state.get().redeem(ticket.take().expect("kept while busy")) {
                        Redeemed::StillBusy(same) => {
                            ticket = Some(same);
                            false
                        }
                        Redeemed::Pinned(frame) => {
                            pinned = Some(frame);
                            true
                        }
                        Redeemed::Aborted => true,
                    };
                    page.waiters.wait_until(&self.executor, outcome).await;
                    if let Some(frame) = pinned {
                        return Ok(frame);
                    }
                }
                Err(Refused::NotResident) if spare.len() <= keep => {
                    spare.push(self.take_frame(space.cpu()).await.ok_or(Fail::Killed)?); // then look again
                }
                Err(Refused::NotResident) => {
                    let frame = spare.pop().expect("just looked");
                    self.set(page, page.state.get().claim().expect("not resident"));
                    if self.load(page, frame, true).await {
                        return Ok(frame);
                    }
                    self.free_frame(space.cpu(), frame);
                    return Err(Fail::Killed);
                }
                Err(why) => panic!("page {:?} cannot be brought in: {why}", page.id),
            }
        }
    }

    /// Fills the frame of a claimed page and publishes it; false: it could not be read, and the frame is still the caller's.
    pub async fn load(self: &Rc<Self>, page: &Rc<Page>, frame: Pfn, pinned: bool) -> bool {
        let slot = page.state.get().slot();
        if pinned && let Some(slot) = slot {
            self.read_ahead(slot);
        }
        let read = match (slot, page.origin) {
            (None, Origin::Zero) => Ok(()),
            _ => self.disk().await,
        };
        let state = page.state.get();
        if read.is_err() {
            self.set(page, state.abort().expect("only the claimer ends a load"));
            page.waiters.wake_all(&self.executor);
            return false;
        }
        self.content[frame.0 as usize].set(match (slot, page.origin) {
            (Some(slot), _) => {
                self.seen.borrow_mut().swap_reads += 1;
                self.slots.borrow()[slot.0 as usize].expect("a slot is read once it is written")
            }
            (None, Origin::Zero) => 0,
            (None, Origin::File(file, number)) => {
                self.files.borrow()[file].get(number as usize).copied().unwrap_or(0)
            }
        });
        let published = if pinned { state.publish(frame) } else { state.publish_unpinned(frame) };
        self.set(page, published.expect("only the claimer ends a load"));
        self.settle(page, frame);
        page.waiters.wake_all(&self.executor);
        true
    }

    /// Loads the neighbours of a slot that is being read, as long as there is plenty of memory.
    fn read_ahead(self: &Rc<Self>, slot: fl_addr::Slot) {
        let around: Vec<_> = self
            .swap
            .borrow()
            .around(slot, 8)
            .filter_map(|(slot, page)| Some((slot, page.upgrade()?)))
            .collect();
        for (slot, page) in around {
            if self.frames.free_frames() <= self.marks.high {
                return;
            }
            let Ok(claimed) = page.state.get().claim_in(slot) else { continue };
            let Some(frame) = self.try_frame(fl_addr::CpuId(0)) else { return };
            self.set(&page, claimed);
            self.seen.borrow_mut().read_ahead += 1;
            let machine = self.clone();
            self.executor.spawn(crate::executor::Role::Work, async move {
                if !machine.load(&page, frame, false).await {
                    machine.free_frame(fl_addr::CpuId(0), frame);
                }
                machine.executor.done();
            });
        }
    }
}

/// Makes the space one of the page's sharers.
pub fn add_sharer(page: &Page, space: &Rc<Space>, vpn: Vpn) {
    let mut sharers = page.sharers.borrow_mut();
    if let Err((NoRoom, space)) = sharers.add(space.clone(), vpn) {
        let room = Room::for_more(sharers.len()).expect("memory");
        sharers.give(room);
        let added = sharers.add(space, vpn);
        assert!(added.is_ok(), "room was made");
    }
}

/// What the processor does: the cached translation if it allows the access and, for a store, has the dirty bit set; else the
/// entry, whose bits it sets.
fn translate(space: &Space, vpn: Vpn, access: Access) -> Option<Pfn> {
    let store = access == Access::Write;
    if let Some(cached) = space.cached.borrow().get(&vpn)
        && (!store || cached.write && cached.dirty)
    {
        return Some(cached.frame);
    }
    space.cached.borrow_mut().remove(&vpn);
    let mut table = space.table.borrow_mut();
    let pte = table.get_mut(&vpn).filter(|pte| !store || pte.write)?;
    pte.accessed = true;
    pte.dirty |= store;
    space.cached.borrow_mut().insert(vpn, *pte);
    Some(pte.frame)
}
