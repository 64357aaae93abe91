//! Processes: their programs, fork, mappings, and the way out.

use crate::executor::Role;
use crate::fault::{Fail, add_sharer};
use crate::machine::{Machine, Origin, Page, Space, Twin};
use crate::reference::{BSS, DATA, TEXT};
use crate::{MapOp, Op};
use fl_abi::{STACK_LIMIT, USER_STACK};
use fl_addr::{Pid, Vpn};
use fl_vmcore::*;
use std::rc::Rc;

/// The first process.
pub fn start_first(machine: &Rc<Machine>) {
    let mut regions = Regions::new();
    let rows = [
        (TEXT, RegionKind::Executable, Prot::READ_EXEC),
        (DATA, RegionKind::Executable, Prot::READ_WRITE),
        (BSS, RegionKind::Zero, Prot::READ_WRITE),
        ([(USER_STACK - STACK_LIMIT) / 4096, STACK_LIMIT / 4096], RegionKind::Stack, Prot::READ_WRITE),
    ];
    for ([start, pages], kind, prot) in rows {
        regions.insert(Region { pages: PageRange::new(Vpn(start), pages).unwrap(), kind, prot }).unwrap();
    }
    let program = machine.programs.borrow_mut().pop_front().unwrap_or_default();
    start(machine, Space::new(Pid(1), regions), program);
}

fn start(machine: &Rc<Machine>, space: Rc<Space>, program: Vec<Op>) {
    machine.spaces.borrow_mut().insert(space.pid, space.clone());
    let machine = machine.clone();
    machine.clone().executor.spawn(Role::Work, async move {
        for op in program {
            if machine.step(&space, op).await == Err(Fail::Killed) {
                break;
            }
        }
        machine.exit(&space).await;
        machine.executor.done();
    });
}

impl Machine {
    /// One operation, compared with the reference.
    async fn step(self: &Rc<Self>, space: &Rc<Space>, op: Op) -> Result<(), Fail> {
        let pid = space.pid;
        let bad = |result: Result<(), Fail>, expected: bool| match result {
            Err(Fail::Bad) if expected => Ok(()),
            Ok(()) | Err(Fail::Bad) if expected => panic!("process {pid}: {op:?} was good"),
            Err(Fail::Bad) => panic!("process {pid}: {op:?} was bad"),
            other => other,
        };
        match op {
            Op::Read(page) => {
                let expected = self.reference.borrow().read(pid, page).is_none();
                bad(self.access(space, Vpn(page), None).await, expected)
            }
            Op::Write(page) | Op::Receive(page) => {
                let Some(good) = self.reference.borrow().may_write(pid, page) else { return Ok(()) };
                let value = self.next_value.replace(self.next_value.get() + 1);
                let result = match op {
                    Op::Write(_) => self.access(space, Vpn(page), Some(value)).await,
                    _ => self.receive(space, Vpn(page), value).await,
                };
                bad(result, !good)
            }
            Op::Fork => {
                self.fork(space);
                Ok(())
            }
            Op::Map(MapOp { start, pages, file, first, writable }) => {
                let request = MmapRequest {
                    addr: Vpn(start).start(),
                    len: pages * 4096 - 100,
                    offset: (first * 4096) as i64,
                    writable,
                    file_len: self.files.borrow()[file].len() as u64 * 4096,
                };
                let answer = space.regions.borrow_mut().map(&request, file);
                let good = self.reference.borrow_mut().map(pid, start, pages, (file, first, writable));
                assert_eq!(answer.is_ok(), good, "process {pid}: {op:?} {answer:?}");
                Ok(())
            }
            Op::Unmap(start) => {
                let region = space.regions.borrow_mut().unmap(Vpn(start).start());
                for vpn in region.iter().flat_map(|r| r.pages.iter()) {
                    self.let_go(space, vpn).await;
                }
                let good = self.reference.borrow_mut().unmap(pid, start);
                assert_eq!(region.is_some(), good, "process {pid}: {op:?}");
                Ok(())
            }
        }
    }

    /// A device stores to a page of the process, which is pinned meanwhile; no mapping is involved.
    async fn receive(self: &Rc<Self>, space: &Rc<Space>, vpn: Vpn, value: u64) -> Result<(), Fail> {
        let (page, frame) = loop {
            self.fault(space, vpn, Access::Write, false).await?;
            let page = space.spt.borrow().get(vpn).expect("the fault made it").page.clone();
            if let Ok((pinned, frame)) = page.state.get().pin() {
                self.set(&page, pinned);
                break (page, frame);
            }
        };
        self.executor.sleep(1 + self.executor.below(20)).await;
        self.content[frame.0 as usize].set(value);
        self.reference.borrow_mut().write(space.pid, vpn.0, value);
        self.executor.step().await;
        self.set(&page, page.state.get().unpin_written().expect("it was pinned"));
        Ok(())
    }

    /// Makes a child that runs the next program, if there is one.
    fn fork(self: &Rc<Self>, space: &Rc<Space>) {
        let Some(program) = self.programs.borrow_mut().pop_front() else { return };
        self.seen.borrow_mut().forks += 1;
        self.next_pid.set(self.next_pid.get() + 1);
        let child = Space::new(Pid(self.next_pid.get()), space.regions.borrow().fork().expect("memory"));
        let share = |vpn, page: &Rc<Page>, protect| {
            let mut table = space.table.borrow_mut();
            let pte = table.get_mut(&vpn).filter(|_| protect);
            let dirty = pte.is_some_and(|pte| {
                pte.write = false;
                pte.dirty
            });
            self.set(page, page.state.get().attach(dirty).expect("it lives"));
            add_sharer(page, &child, vpn);
            Ok::<_, InsertError>(())
        };
        let kind = |page: &Rc<Page>| page.state.get().kind();
        space.spt.borrow_mut().fork(&mut child.spt.borrow_mut(), kind, share).expect("memory");
        if self.config.twin != Twin::NoForkFlush {
            space.cached.borrow_mut().clear(); // its own processor, which is here
        }
        self.reference.borrow_mut().fork(space.pid, child.pid);
        start(self, child, program);
    }

    async fn exit(self: &Rc<Self>, space: &Rc<Space>) {
        let pages: Vec<_> = space.spt.borrow().iter().map(|(vpn, _)| vpn).collect();
        for vpn in pages {
            self.let_go(space, vpn).await;
        }
        assert!(
            space.table.borrow().is_empty() && space.spt.borrow().is_empty(),
            "pages are left after exit"
        );
        self.spaces.borrow_mut().remove(&space.pid);
        self.reference.borrow_mut().exit(space.pid);
    }

    /// Removes an entry, if there is one: writes its page back if that is a file's and dirty, and detaches.
    async fn let_go(self: &Rc<Self>, space: &Rc<Space>, vpn: Vpn) {
        let Some(page) = space.spt.borrow().get(vpn).map(|entry| entry.page.clone()) else { return };
        loop {
            match page.state.get().begin_clean() {
                Ok(cleaning) => {
                    self.set(&page, cleaning);
                    self.write_back(space, vpn, &page).await;
                }
                Err(Refused::Busy) => {
                    let busy = || {
                        let state = page.state.get();
                        state.is_busy() || matches!(state.state(), State::Cleaning { .. })
                    };
                    page.waiters.wait_until(&self.executor, || !busy()).await;
                    continue;
                }
                Err(Refused::WrongHome | Refused::NotResident) => {}
                Err(why) => panic!("page {:?} cannot be let go: {why}", page.id),
            }
            match self.leave(&page, space, vpn) {
                Ok(()) => break,
                // Somebody else was there again before the detach.
                Err(Refused::Busy | Refused::Unwritten) => self.executor.step().await,
                Err(why) => panic!("page {:?} cannot be detached: {why}", page.id),
            }
        }
        space.spt.borrow_mut().remove(vpn);
    }

    /// A page that is Cleaning: takes this space's mapping away, clears the dirty bits of the others, writes if there was one.
    async fn write_back(self: &Rc<Self>, space: &Rc<Space>, vpn: Vpn, page: &Rc<Page>) {
        let mut dirty = space.unmap(vpn);
        let others: Vec<_> = page.sharers.borrow().iter().map(|(space, vpn)| (space.clone(), vpn)).collect();
        for (other, vpn) in &others {
            if let Some(pte) = other.table.borrow_mut().get_mut(vpn) {
                dirty |= std::mem::take(&mut pte.dirty);
            }
        }
        let spaces: Vec<_> = others.into_iter().map(|(space, _)| space).collect();
        self.flush(&spaces, Twin::Right).await;
        let (gathered, write) = page.state.get().gather(dirty).expect("it is being cleaned");
        self.set(page, gathered);
        let written = if write {
            self.write_file(page, gathered.frame().expect("it is resident")).await
        } else {
            Ok(())
        };
        let state = page.state.get();
        let done = if written.is_ok() { state.cleaned() } else { state.clean_failed() };
        self.set(page, done.expect("it is being cleaned"));
        page.waiters.wake_all(&self.executor);
        // Written again by the caller if it failed: that loses no store, and errors do not last here.
    }

    /// Takes the mapping away and detaches, in one critical section of the page's lock.
    pub fn leave(&self, page: &Rc<Page>, space: &Rc<Space>, vpn: Vpn) -> Result<(), Refused> {
        let pte = space.table.borrow().get(&vpn).copied();
        let (state, remains) = page.state.get().detach(pte.is_some_and(|pte| pte.dirty))?;
        space.unmap(vpn);
        self.set(page, state);
        page.sharers.borrow_mut().remove(vpn, |sharer| Rc::ptr_eq(sharer, space)).expect("it is a sharer");
        space.cached.borrow_mut().clear(); // its own processor, which is here
        if let Some(Remains { frame, slot }) = remains {
            if let Some(frame) = frame {
                self.free_frame_of(space.cpu(), frame);
            }
            if let Some(slot) = slot {
                self.free_slot(slot);
            }
        }
        if state.state() == State::Dead
            && let Origin::File(file, number) = page.origin
        {
            self.file_pages.borrow_mut().remove(&(file, number));
        }
        Ok(())
    }
}
