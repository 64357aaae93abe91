//! The machine: page tables, frames, slots and files, run by `fl_vmcore` the way the kernel's `vm` is to do it.
//!
//! One thread, so "the page's lock" is the borrow; whoever would sleep on a page lets the evictor go on instead.

use super::reference::fresh_files;
use super::{BSS, DATA, Limits, PROCESSES, Seen, TEXT};
use fl_abi::{STACK_LIMIT, USER_STACK};
use fl_addr::{Pfn, Slot, VirtAddr, Vpn};
use fl_vmcore::*;
use std::collections::{BTreeMap, HashMap};

/// Why an access did not happen.
pub enum Fail {
    /// The program's fault.
    Bad,
    NoMemory,
    /// The machine contradicts itself.
    Wrong(String),
}

impl From<Refused> for Fail {
    fn from(why: Refused) -> Self {
        Self::Wrong(format!("refused: {why}"))
    }
}

/// A page-table entry.
#[derive(Clone, Copy, Debug)]
struct Pte {
    frame: Pfn,
    write: bool,
    dirty: bool,
}

struct Process {
    spt: Spt<usize>,
    regions: Regions<usize>,
    table: BTreeMap<Vpn, Pte>,
}

/// Where a page's first content comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Origin {
    Zero,
    File(usize, u64),
}

struct Page {
    state: PageState,
    origin: Origin,
    /// Every entry that refers to it; the mappings are among them.
    sharers: Vec<(usize, Vpn)>,
}

/// Numbered places, each free or holding a content.
struct Store(Vec<Option<u64>>);

impl Store {
    fn take(&mut self) -> Option<u32> {
        let free = self.0.iter().position(Option::is_none)?;
        self.0[free] = Some(0);
        Some(free as u32)
    }

    fn free(&mut self, at: u32) -> Result<(), String> {
        self.0[at as usize].take().map(drop).ok_or(format!("place {at} is freed twice"))
    }

    fn used(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

pub struct Vm {
    pages: Vec<Page>,
    /// Dead ones, whose places are used again.
    unused: Vec<usize>,
    processes: [Option<Process>; PROCESSES],
    frames: Store,
    slots: Store,
    pub files: Vec<Vec<u64>>,
    /// The page that holds each page of a file, for all processes.
    file_pages: HashMap<(usize, u64), usize>,
    /// Pages that are being written out.
    writing: Vec<usize>,
    limits: Limits,
    /// For choices that are not operations: victims, errors.
    random: Box<dyn Iterator<Item = u64>>,
    pub seen: Seen,
}

impl Vm {
    pub fn new(limits: Limits) -> Self {
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
        let mut processes = [const { None }; PROCESSES];
        processes[0] = Some(Process { spt: Spt::new(), regions, table: BTreeMap::new() });
        Self {
            pages: vec![],
            unused: vec![],
            processes,
            frames: Store(vec![None; limits.frames]),
            slots: Store(vec![None; limits.slots]),
            files: fresh_files(),
            file_pages: HashMap::new(),
            writing: vec![],
            limits,
            random: Box::new(super::numbers(7)),
            seen: Seen::default(),
        }
    }

    pub fn lives(&self, pid: usize) -> bool {
        self.processes[pid].is_some()
    }

    fn process(&mut self, pid: usize) -> &mut Process {
        self.processes[pid].as_mut().expect("it lives")
    }

    fn content(&mut self, frame: Pfn) -> Result<&mut u64, String> {
        self.frames.0[frame.0 as usize].as_mut().ok_or(format!("frame {frame} is used and free"))
    }

    // --- accesses ---

    pub fn read(&mut self, pid: usize, page: u64) -> Result<u64, Fail> {
        let pte = self.translate(pid, Vpn(page), Access::Read)?;
        self.content(pte.frame).copied().map_err(Fail::Wrong)
    }

    pub fn write(&mut self, pid: usize, page: u64, value: u64, by_kernel: bool) -> Result<(), Fail> {
        let vpn = Vpn(page);
        let process = self.processes[pid].as_ref().ok_or(Fail::Bad)?;
        if let Some(region) = process.regions.find(vpn)
            && let (RegionKind::Mapping(mapping), Some(page)) = (&region.kind, region.file_page(vpn))
            && page >= self.files[mapping.file].len() as u64
        {
            return Err(Fail::Bad); // not part of the game, see the reference
        }
        if !by_kernel {
            let pte = self.translate(pid, vpn, Access::Write)?;
            *self.content(pte.frame).map_err(Fail::Wrong)? = value;
            self.process(pid).table.get_mut(&vpn).expect("it was translated").dirty = true;
            return Ok(());
        }
        // As a read from a disk into the buffer: the frame is pinned, the device stores, no mapping is involved.
        loop {
            self.translate(pid, vpn, Access::Write)?;
            let page = self.process(pid).spt.get(vpn).expect("it was translated").page;
            match self.pages[page].state.pin() {
                Ok((pinned, frame)) => {
                    *self.content(frame).map_err(Fail::Wrong)? = value;
                    self.pages[page].state = pinned.unpin_written()?;
                    return Ok(());
                }
                Err(_) => self.settle(page).map_err(Fail::Wrong)?,
            }
        }
    }

    /// The processor's part: the entry if it allows the access, else a fault and again.
    fn translate(&mut self, pid: usize, vpn: Vpn, access: Access) -> Result<Pte, Fail> {
        for _ in 0..3 {
            let process = self.processes[pid].as_ref().ok_or(Fail::Bad)?;
            match process.table.get(&vpn) {
                Some(&pte) if access != Access::Write || pte.write => return Ok(pte),
                _ => self.fault(pid, vpn, access)?,
            }
        }
        Err(Fail::Wrong("the fault does not end".into()))
    }

    fn fault(&mut self, pid: usize, vpn: Vpn, access: Access) -> Result<(), Fail> {
        let process = self.process(pid);
        let (entry, region) = (process.spt.get(vpn), process.regions.find(vpn));
        let decision = classify(vpn.start(), access, entry, region, VirtAddr(USER_STACK - 0x3000));
        let file =
            region.and_then(|r| if let RegionKind::Mapping(m) = &r.kind { Some(m.file) } else { None });
        match decision {
            Decision::Bad(_) => return Err(Fail::Bad),
            Decision::Resolve | Decision::BreakCow => {}
            Decision::GrowStack { prot } | Decision::MakePage { source: Source::Zero, prot } => {
                self.make(pid, vpn, Origin::Zero, prot, false)?;
            }
            Decision::MakePage { source: Source::Mapping { page }, prot } => {
                self.make(pid, vpn, Origin::File(file.expect("a mapping"), page), prot, false)?;
            }
            Decision::MakePage { source: Source::Executable, prot } => {
                // Pages of the program are shared by all who run it; a store to one is private.
                let page = if vpn.0 < DATA[0] { vpn.0 - TEXT[0] } else { TEXT[1] + vpn.0 - DATA[0] };
                self.make(pid, vpn, Origin::File(0, page), prot, prot.write)?;
            }
        }
        self.bring_in(pid, vpn, access == Access::Write)
    }

    /// Adds an entry: for a file's page onto the page that others have, if there is one.
    fn make(&mut self, pid: usize, vpn: Vpn, origin: Origin, prot: Prot, cow: bool) -> Result<(), Fail> {
        let found = match origin {
            Origin::File(file, page) => self.file_pages.get(&(file, page)).copied(),
            Origin::Zero => None,
        };
        let page = match found {
            Some(page) => {
                self.pages[page].state = self.pages[page].state.attach(false)?;
                page
            }
            None => {
                let state = if origin == Origin::Zero { PageState::new() } else { PageState::of_file() };
                self.new_page(state, origin)
            }
        };
        if let Origin::File(file, number) = origin {
            self.file_pages.insert((file, number), page);
        }
        self.pages[page].sharers.push((pid, vpn));
        self.process(pid).spt.insert(vpn, Entry { page, prot, cow }).expect("it was free");
        Ok(())
    }

    fn new_page(&mut self, state: PageState, origin: Origin) -> usize {
        let page = Page { state, origin, sharers: vec![] };
        match self.unused.pop() {
            Some(place) => {
                self.pages[place] = page;
                place
            }
            None => {
                self.pages.push(page);
                self.pages.len() - 1
            }
        }
    }

    /// Makes the page resident, breaks sharing if the store needs it, and maps it.
    fn bring_in(&mut self, pid: usize, vpn: Vpn, store: bool) -> Result<(), Fail> {
        let page = self.process(pid).spt.get(vpn).expect("made before").page;
        let mut frame = self.resident(page)?; // pinned
        let mut page = page;
        let entry = *self.process(pid).spt.get(vpn).expect("made before");
        if store && entry.cow {
            match on_write_fault(&self.pages[page].state, &entry) {
                WriteFault::Reuse => self.seen.reuses += 1,
                WriteFault::Copy => {
                    self.seen.copies += 1;
                    let Some(new) = self.take_frame() else {
                        self.pages[page].state = self.pages[page].state.unpin()?;
                        return Err(Fail::NoMemory);
                    };
                    let value = *self.content(frame).map_err(Fail::Wrong)?;
                    *self.content(new).map_err(Fail::Wrong)? = value;
                    let copy = self.new_page(PageState::copied(new), Origin::Zero);
                    let dirty = self.process(pid).table.remove(&vpn).is_some_and(|pte| pte.dirty);
                    self.pages[page].state = self.pages[page].state.unpin()?;
                    self.process(pid).spt.get_mut(vpn).expect("made before").page = copy;
                    self.detach(page, pid, vpn, dirty).map_err(Fail::Wrong)?;
                    self.pages[copy].sharers.push((pid, vpn));
                    (page, frame) = (copy, new);
                }
                WriteFault::SharedWrite => return Err(Fail::Wrong("a marked entry was to be shared".into())),
            }
            self.process(pid).spt.get_mut(vpn).expect("made before").cow = false;
        }
        let entry = *self.process(pid).spt.get(vpn).expect("made before");
        let old = self.process(pid).table.get(&vpn).is_some_and(|pte| pte.dirty);
        let pte = Pte { frame, write: entry.mappable().write, dirty: old };
        self.process(pid).table.insert(vpn, pte);
        self.pages[page].state = self.pages[page].state.unpin()?;
        Ok(())
    }

    /// A pin on the page and its frame.
    fn resident(&mut self, page: usize) -> Result<Pfn, Fail> {
        loop {
            match self.pages[page].state.pin() {
                Ok((pinned, frame)) => {
                    self.pages[page].state = pinned;
                    return Ok(frame);
                }
                Err(Refused::Busy) => {
                    let (waiting, ticket) = self.pages[page].state.wait()?;
                    self.pages[page].state = waiting;
                    self.settle(page).map_err(Fail::Wrong)?;
                    match self.pages[page].state.redeem(ticket) {
                        Redeemed::Pinned(frame) => return Ok(frame),
                        Redeemed::StillBusy(_) => return Err(Fail::Wrong("a wait does not end".into())),
                        Redeemed::Aborted => {}
                    }
                }
                Err(Refused::NotResident) => {
                    let frame = self.take_frame().ok_or(Fail::NoMemory)?;
                    self.pages[page].state = self.pages[page].state.claim()?;
                    return self.fill(page, frame).map_err(Fail::Wrong);
                }
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Loads a claimed page.
    fn fill(&mut self, page: usize, frame: Pfn) -> Result<Pfn, String> {
        let value = match (self.pages[page].state.slot(), self.pages[page].origin) {
            (Some(slot), _) => {
                self.seen.swap_reads += 1;
                self.slots.0[slot.0 as usize].ok_or(format!("slot {slot} is read and free"))?
            }
            (None, Origin::Zero) => 0,
            (None, Origin::File(file, page)) => self.files[file].get(page as usize).copied().unwrap_or(0),
        };
        *self.content(frame)? = value;
        self.pages[page].state = self.pages[page].state.publish(frame).map_err(|e| e.to_string())?;
        Ok(frame)
    }

    // --- processes and mappings ---

    pub fn fork(&mut self, pid: usize, child: usize) -> bool {
        if pid == child || self.processes[child].is_some() || self.processes[pid].is_none() {
            return false;
        }
        let (pages, parent) = (&mut self.pages, self.processes[pid].as_mut().expect("it lives"));
        let shared: BTreeMap<usize, Kind> =
            parent.spt.iter().map(|(_, e)| (e.page, pages[e.page].state.kind())).collect();
        let share = |vpn, &page: &usize, protect| {
            let pte = parent.table.get_mut(&vpn).filter(|_| protect);
            let dirty = pte.is_some_and(|pte| {
                pte.write = false;
                pte.dirty
            });
            pages[page].state = pages[page].state.attach(dirty).expect("it lives");
            pages[page].sharers.push((child, vpn));
            Ok::<_, InsertError>(())
        };
        let mut spt = Spt::new();
        parent.spt.fork(&mut spt, |page| shared[page], share).expect("memory");
        let regions = parent.regions.fork().expect("memory");
        self.processes[child] = Some(Process { spt, regions, table: BTreeMap::new() });
        true
    }

    pub fn exit(&mut self, pid: usize) -> Result<(), String> {
        let Some(process) = &mut self.processes[pid] else { return Ok(()) };
        let mut entries = vec![];
        process.spt.take_all(|vpn, entry| entries.push((vpn, entry.page)));
        for (vpn, page) in entries {
            self.let_go(page, pid, vpn)?;
        }
        if !self.process(pid).table.is_empty() {
            return Err("pages are mapped after exit".into());
        }
        self.processes[pid] = None;
        Ok(())
    }

    pub fn map(
        &mut self,
        pid: usize,
        start: u64,
        pages: u64,
        file: usize,
        first: u64,
        writable: bool,
    ) -> Result<(), MmapError> {
        let request = MmapRequest {
            addr: Vpn(start).start(),
            len: pages * 4096 - 100,
            offset: (first * 4096) as i64,
            writable,
            file_len: self.files[file].len() as u64 * 4096,
        };
        self.process(pid).regions.map(&request, file).map(drop)
    }

    pub fn unmap(&mut self, pid: usize, start: u64) -> Result<bool, String> {
        let Some(process) = &mut self.processes[pid] else { return Ok(false) };
        let Some(region) = process.regions.unmap(Vpn(start).start()) else { return Ok(false) };
        let removed: Vec<_> =
            region.pages.iter().filter_map(|vpn| Some((vpn, process.spt.remove(vpn)?.page))).collect();
        for (vpn, page) in removed {
            self.let_go(page, pid, vpn)?;
        }
        Ok(true)
    }

    /// Takes the mapping of an entry that is gone, writes the page back if it is a file's and dirty, and detaches.
    fn let_go(&mut self, page: usize, pid: usize, vpn: Vpn) -> Result<(), String> {
        self.settle(page)?;
        let mut dirty = false;
        match self.pages[page].state.begin_clean() {
            Ok(cleaning) => {
                self.pages[page].state = cleaning;
                dirty = self.process(pid).table.remove(&vpn).is_some_and(|pte| pte.dirty);
                for (pid, vpn) in self.pages[page].sharers.clone() {
                    if let Some(pte) = self.process(pid).table.get_mut(&vpn) {
                        dirty |= core::mem::take(&mut pte.dirty);
                    }
                }
                let (gathered, write) = cleaning.gather(dirty).map_err(|e| e.to_string())?;
                if write {
                    self.write_file(page)?;
                }
                self.pages[page].state = gathered.cleaned().map_err(|e| e.to_string())?;
                dirty = false;
            }
            Err(Refused::WrongHome) => {
                dirty = self.process(pid).table.remove(&vpn).is_some_and(|pte| pte.dirty);
            }
            Err(Refused::NotResident) => {}
            Err(why) => return Err(why.to_string()),
        }
        self.detach(page, pid, vpn, dirty)
    }

    fn detach(&mut self, page: usize, pid: usize, vpn: Vpn, dirty: bool) -> Result<(), String> {
        self.settle(page)?;
        let (state, remains) = self.pages[page].state.detach(dirty).map_err(|e| format!("detach: {e}"))?;
        self.pages[page].state = state;
        let at = self.pages[page].sharers.iter().position(|&s| s == (pid, vpn)).ok_or("no such sharer")?;
        self.pages[page].sharers.swap_remove(at);
        if let Some(remains) = remains {
            remains.frame.map_or(Ok(()), |f| self.frames.free(f.0))?;
            remains.slot.map_or(Ok(()), |s| self.slots.free(s.0))?;
        }
        if state.state() == State::Dead {
            if let Origin::File(file, number) = self.pages[page].origin {
                self.file_pages.remove(&(file, number));
            }
            self.unused.push(page);
        }
        Ok(())
    }

    fn write_file(&mut self, page: usize) -> Result<(), String> {
        let frame = self.pages[page].state.frame().ok_or("nothing to write")?;
        let value = *self.content(frame)?;
        let Origin::File(file, number) = self.pages[page].origin else {
            return Err("not a file's page".into());
        };
        let cell = self.files[file].get_mut(number as usize).ok_or("a write beyond the end")?;
        // Values are never stored twice, so a write that changes nothing is one of a clean page.
        if core::mem::replace(cell, value) == value {
            return Err(format!("page {number} of file {file} is written and clean"));
        }
        self.seen.file_writes += 1;
        Ok(())
    }

    // --- eviction ---

    fn take_frame(&mut self) -> Option<Pfn> {
        for _ in 0..4 * self.pages.len() + 1 {
            if let Some(frame) = self.frames.take() {
                return Some(Pfn(frame));
            }
            let choice = self.random.next()? as usize;
            self.evict(choice);
            self.step(choice).expect("the evictor's own");
        }
        self.seen.no_memory += 1;
        None
    }

    /// Begins with a page, if it may be evicted, and judges it.
    pub fn evict(&mut self, choice: usize) {
        let Some(page) = choice.checked_rem(self.pages.len()) else { return };
        let Ok(evicting) = self.pages[page].state.begin_evict() else { return };
        self.pages[page].state = evicting;
        self.writing.push(page);
    }

    /// Goes on with a page that is being evicted.
    pub fn step(&mut self, choice: usize) -> Result<(), String> {
        let Some(at) = choice.checked_rem(self.writing.len()) else { return Ok(()) };
        let page = self.writing[at];
        if !self.advance(page).map_err(|e| e.to_string())? {
            self.writing.swap_remove(at);
        }
        Ok(())
    }

    /// Lets the evictor end what it does to a page.
    fn settle(&mut self, page: usize) -> Result<(), String> {
        while let Some(at) = self.writing.iter().position(|&p| p == page) {
            self.step(at)?;
        }
        Ok(())
    }

    /// One step of an eviction; whether it goes on.
    fn advance(&mut self, page: usize) -> Result<bool, String> {
        let text = |e: Refused| format!("evictor: {e}");
        let state = self.pages[page].state;
        match state.state() {
            State::Evicting { .. } if state.is_dirty() && state.pins() == 0 => {}
            State::Evicting { .. } => {
                let mut dirty = false;
                for (pid, vpn) in self.pages[page].sharers.clone() {
                    dirty |= self.process(pid).table.remove(&vpn).is_some_and(|pte| pte.dirty);
                }
                let (judged, verdict) = state.judge(dirty).map_err(text)?;
                self.pages[page].state = judged;
                match verdict {
                    Verdict::Kept => self.seen.kept += 1,
                    Verdict::Gone(frame) => {
                        self.seen.clean_drops += 1;
                        self.frames.free(frame.0)?;
                    }
                    Verdict::Dirty(_) => return Ok(true),
                }
                return Ok(false);
            }
            _ => return self.end_write(page),
        }
        // Dirty: mappings that were there when it was noted go now.
        let mut dirty = false;
        for (pid, vpn) in self.pages[page].sharers.clone() {
            dirty |= self.process(pid).table.remove(&vpn).is_some_and(|pte| pte.dirty);
        }
        let (judged, _) = state.judge(dirty).map_err(text)?;
        let home = match judged.kind() {
            Kind::File => Some(Home::File),
            Kind::Private => self.slots.take().map(|s| Home::Slot(Slot(s))),
        };
        let Some(home) = home.or(judged.slot().map(Home::Slot)) else {
            self.pages[page].state = judged.keep(false).map_err(text)?;
            return Ok(false);
        };
        let (writing, stale) = judged.begin_write(home).map_err(text)?;
        self.pages[page].state = writing;
        stale.map_or(Ok(()), |slot| self.slots.free(slot.0))?;
        Ok(true)
    }

    fn end_write(&mut self, page: usize) -> Result<bool, String> {
        let text = |e: Refused| format!("evictor: {e}");
        let state = self.pages[page].state;
        let State::Writeback { frame, to, .. } = state.state() else {
            return Err("the evictor lost a page".into());
        };
        if self.limits.io_errors != 0
            && self.random.next().is_some_and(|n| (n >> 32) % self.limits.io_errors == 0)
        {
            self.seen.write_errors += 1;
            let (kept, slot) = state.write_failed().map_err(text)?;
            self.pages[page].state = kept;
            slot.map_or(Ok(()), |slot| self.slots.free(slot.0))?;
            return Ok(false);
        }
        match to {
            Home::File => self.write_file(page)?,
            Home::Slot(slot) => {
                self.seen.swap_writes += 1;
                self.slots.0[slot.0 as usize] = Some(*self.content(frame)?);
            }
        }
        let (done, free) = state.written().map_err(text)?;
        self.pages[page].state = done;
        self.seen.rescued += u64::from(free.is_none());
        free.map_or(Ok(()), |frame| self.frames.free(frame.0))?;
        Ok(false)
    }

    pub fn read_ahead(&mut self, choice: usize) -> Result<(), String> {
        let Some(page) = choice.checked_rem(self.pages.len()) else { return Ok(()) };
        let Some(frame) = self.frames.take() else { return Ok(()) };
        let slot = self.pages[page].state.slot().unwrap_or(Slot(0));
        match self.pages[page].state.claim_in(slot) {
            Ok(claimed) => {
                self.pages[page].state = claimed;
                self.fill(page, Pfn(frame))?;
                self.pages[page].state = self.pages[page].state.unpin().map_err(|e| e.to_string())?;
                Ok(())
            }
            Err(_) => self.frames.free(frame),
        }
    }

    pub fn take_slot(&mut self, choice: usize) -> Result<(), String> {
        let Some(page) = choice.checked_rem(self.pages.len()) else { return Ok(()) };
        let Ok((state, slot)) = self.pages[page].state.take_slot() else { return Ok(()) };
        self.pages[page].state = state;
        self.slots.free(slot.0)
    }

    // --- invariants ---

    /// ARCHITECTURE.md section 6: 1, 2, 3, 4, 5, 7.
    pub fn check(&self) -> Result<(), String> {
        let (mut frames, mut slots) = (0, 0);
        for (n, page) in self.pages.iter().enumerate().filter(|(_, p)| p.state.state() != State::Dead) {
            frames += usize::from(page.state.frame().is_some());
            slots += usize::from(page.state.slot().is_some());
            if page.state.sharers() as usize != page.sharers.len() || page.state.pins() != 0 {
                return Err(format!("page {n}: {:?} with {} entries", page.state, page.sharers.len()));
            }
        }
        if (frames, slots) != (self.frames.used(), self.slots.used()) {
            let used = (self.frames.used(), self.slots.used());
            return Err(format!("pages own {frames} frames and {slots} slots, {used:?} are taken"));
        }
        for (pid, process) in self.processes.iter().enumerate() {
            let Some(process) = process else { continue };
            for (vpn, pte) in &process.table {
                let entry = process.spt.get(*vpn).ok_or(format!("{pid}: {vpn} is mapped without entry"))?;
                let state = self.pages[entry.page].state;
                let there = matches!(state.state(), State::Resident { frame, .. } | State::Evicting { frame, .. } if frame == pte.frame);
                if !there {
                    return Err(format!("{pid}: {vpn} is mapped as {pte:?}, the page is {state:?}"));
                }
                if pte.write && (!entry.prot.write || state.kind() == Kind::Private && state.sharers() != 1) {
                    return Err(format!("{pid}: {vpn} may be written, the page is {state:?}"));
                }
            }
        }
        Ok(())
    }

    /// Nothing is left of any process.
    pub fn check_empty(&self) -> Result<(), String> {
        match (self.frames.used(), self.slots.used(), self.file_pages.len()) {
            (0, 0, 0) => Ok(()),
            (frames, slots, pages) => {
                Err(format!("{frames} frames, {slots} slots, {pages} file pages are left"))
            }
        }
    }
}
