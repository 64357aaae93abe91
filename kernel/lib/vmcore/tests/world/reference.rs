//! What processes must see: values by page number, copied by fork, and files that all mappings share.

use super::{BSS, DATA, FILES, PROCESSES, STACK, TEXT};
use std::collections::BTreeMap;

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
    processes: [Option<Process>; PROCESSES],
    pub files: Vec<Vec<u64>>,
}

/// What the files hold at first: numbers that no store uses.
pub fn fresh_files() -> Vec<Vec<u64>> {
    let value = |file: usize, page: usize| u64::MAX - (file * 100 + page) as u64;
    FILES
        .iter()
        .enumerate()
        .map(|(file, &pages)| (0..pages).map(|page| value(file, page)).collect())
        .collect()
}

fn within([start, pages]: [u64; 2], page: u64) -> Option<u64> {
    page.checked_sub(start).filter(|&n| n < pages)
}

impl Reference {
    pub fn new() -> Self {
        let mut processes = [const { None }; PROCESSES];
        processes[0] = Some(Process::default());
        Self { processes, files: fresh_files() }
    }

    /// The value at `page`; `None`: the access is bad.
    pub fn read(&self, pid: usize, page: u64) -> Option<u64> {
        let process = self.processes[pid].as_ref()?;
        if let Some((file, page, _)) = process.mapped(page) {
            return Some(self.files[file].get(page as usize).copied().unwrap_or(0));
        }
        let first = within(TEXT, page).map(|n| self.files[0][n as usize]);
        let first = first.or(within(DATA, page).map(|n| self.files[0][(TEXT[1] + n) as usize]));
        let first = first.or(within(BSS, page).or(within(STACK, page)).map(|_| 0))?;
        Some(process.stored.get(&page).copied().unwrap_or(first))
    }

    /// Stores; `None`: the access is bad. Stores beyond the end of a file are not part of the game: they live as long as the page
    /// happens to.
    pub fn write(&mut self, pid: usize, page: u64, value: u64) -> Option<u64> {
        let process = self.processes[pid].as_mut()?;
        if let Some((file, page, writable)) = process.mapped(page) {
            let cell = self.files[file].get_mut(page as usize)?;
            return writable.then(|| core::mem::replace(cell, value)).map(|_| value);
        }
        [DATA, BSS, STACK].iter().find_map(|&area| within(area, page))?;
        process.stored.insert(page, value);
        Some(value)
    }

    pub fn fork(&mut self, pid: usize, child: usize) {
        self.processes[child] = self.processes[pid].clone();
    }

    pub fn exit(&mut self, pid: usize) {
        self.processes[pid] = None;
    }

    pub fn map(
        &mut self,
        pid: usize,
        start: u64,
        pages: u64,
        file: usize,
        first: u64,
        writable: bool,
    ) -> bool {
        let Some(process) = &mut self.processes[pid] else { return false };
        let taken = |page| {
            process.mapped(page).is_some() || [TEXT, DATA, BSS].iter().any(|&a| within(a, page).is_some())
        };
        if (start..start + pages).any(taken) {
            return false;
        }
        process.mappings.insert(start, (pages, file, first, writable));
        true
    }

    pub fn unmap(&mut self, pid: usize, start: u64) -> bool {
        self.processes[pid].as_mut().is_some_and(|process| process.mappings.remove(&start).is_some())
    }
}

impl Process {
    fn mapped(&self, page: u64) -> Option<(usize, u64, bool)> {
        let (start, &(pages, file, first, writable)) = self.mappings.range(..=page).next_back()?;
        within([*start, pages], page).map(|n| (file, first + n, writable))
    }
}
