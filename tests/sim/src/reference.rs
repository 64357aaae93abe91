//! What processes must see: values by page number, copied by fork, and files that all mappings share.

use fl_abi::USER_STACK;
use fl_addr::Pid;
use std::collections::BTreeMap;

/// Page numbers of a process, as first page and number of pages.
pub const TEXT: [u64; 2] = [0x10, 2];
pub const DATA: [u64; 2] = [0x20, 3];
pub const BSS: [u64; 2] = [0x30, 8];
pub const STACK: [u64; 2] = [USER_STACK / 4096 - 3, 3];
/// Where mappings are tried; they may overlap the bss.
pub const MAPPINGS: [u64; 2] = [0x36, 14];
/// Pages of each file; file 0 is the program, which nobody writes.
pub const FILES: [usize; 4] = [5, 4, 3, 1];

/// What the files hold at first: numbers that no store uses.
pub fn fresh_files() -> Vec<Vec<u64>> {
    let value = |file: usize, page: usize| u64::MAX - (file * 100 + page) as u64;
    FILES
        .iter()
        .enumerate()
        .map(|(file, &pages)| (0..pages).map(|page| value(file, page)).collect())
        .collect()
}

/// A mapping: pages, file, first page of the file, whether it may be written.
type Mapping = (u64, usize, u64, bool);

#[derive(Clone, Default)]
struct Process {
    /// What was stored to private pages; the others hold what they began with.
    stored: BTreeMap<u64, u64>,
    mappings: BTreeMap<u64, Mapping>,
}

/// All processes and files.
pub struct Reference {
    processes: BTreeMap<Pid, Process>,
    pub files: Vec<Vec<u64>>,
}

fn within([start, pages]: [u64; 2], page: u64) -> Option<u64> {
    page.checked_sub(start).filter(|&n| n < pages)
}

impl Reference {
    pub fn new() -> Self {
        Self { processes: BTreeMap::from([(Pid(1), Process::default())]), files: fresh_files() }
    }

    fn process(&self, pid: Pid) -> &Process {
        &self.processes[&pid]
    }

    /// The value at `page`; `None`: the access is bad.
    pub fn read(&self, pid: Pid, page: u64) -> Option<u64> {
        let process = self.process(pid);
        if let Some((file, page, _)) = process.mapped(page) {
            return Some(self.files[file].get(page as usize).copied().unwrap_or(0));
        }
        let first = within(TEXT, page).map(|n| self.files[0][n as usize]);
        let first = first.or(within(DATA, page).map(|n| self.files[0][(TEXT[1] + n) as usize]));
        let first = first.or(within(BSS, page).or(within(STACK, page)).map(|_| 0))?;
        Some(process.stored.get(&page).copied().unwrap_or(first))
    }

    /// Whether a store would be good. One beyond the end of a file is not part of the game: it lives as long as the page happens to.
    pub fn may_write(&self, pid: Pid, page: u64) -> Option<bool> {
        match self.process(pid).mapped(page) {
            Some((file, page, writable)) => (page < self.files[file].len() as u64).then_some(writable),
            None => Some([DATA, BSS, STACK].iter().any(|&area| within(area, page).is_some())),
        }
    }

    /// A good store.
    pub fn write(&mut self, pid: Pid, page: u64, value: u64) {
        match self.process(pid).mapped(page) {
            Some((file, page, _)) => self.files[file][page as usize] = value,
            None => _ = self.processes.get_mut(&pid).expect("it lives").stored.insert(page, value),
        }
    }

    pub fn fork(&mut self, pid: Pid, child: Pid) {
        self.processes.insert(child, self.process(pid).clone());
    }

    pub fn exit(&mut self, pid: Pid) {
        self.processes.remove(&pid);
    }

    pub fn map(&mut self, pid: Pid, start: u64, pages: u64, mapping: (usize, u64, bool)) -> bool {
        let process = self.processes.get_mut(&pid).expect("it lives");
        let taken = |page| {
            process.mapped(page).is_some() || [TEXT, DATA, BSS].iter().any(|&a| within(a, page).is_some())
        };
        if (start..start + pages).any(taken) {
            return false;
        }
        let (file, first, writable) = mapping;
        process.mappings.insert(start, (pages, file, first, writable));
        true
    }

    pub fn unmap(&mut self, pid: Pid, start: u64) -> bool {
        self.processes.get_mut(&pid).expect("it lives").mappings.remove(&start).is_some()
    }
}

impl Process {
    fn mapped(&self, page: u64) -> Option<(usize, u64, bool)> {
        let (start, &(pages, file, first, writable)) = self.mappings.range(..=page).next_back()?;
        within([*start, pages], page).map(|n| (file, first + n, writable))
    }
}
