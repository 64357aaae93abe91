//! [`Files`]: what of the volume a process holds: its open files, and the program that it runs.

use crate::fs::{DenyWrite, File};
use crate::mm::heap;
use alloc::sync::Arc;
use fl_files::{NoMemory, Table};

/// Descriptors of a process, and its program, which nobody may write to meanwhile.
///
/// Owns: one reference to each file per open, and one to the program. Lifecycle: made with the first process, forked by
/// [`Files::try_fork`], kept by exec but for the program, emptied by [`Files::close_all`] at exit, before the parent's wait returns.
/// Lock: the process's own (rank 1a); nothing is copied from or to user memory under it.
pub struct Files {
    /// What is open, by number.
    pub descriptors: Table<Arc<File>>,
    program: Option<Program>,
}

struct Program {
    file: Arc<File>,
    _denied: DenyWrite,
}

/// Heap bytes of a table's two blocks.
const fn blocks([a, b]: [usize; 2]) -> usize {
    heap::taken_by(a) + heap::taken_by(b)
}

impl Files {
    /// Heap bytes of new ones.
    pub const HEAP: usize = blocks(Table::<Arc<File>>::NEW_BYTES);
    /// Heap bytes that opening one more may take, whatever is open.
    pub const GROWTH: usize = blocks(Table::<Arc<File>>::MAX_BYTES);

    /// Heap bytes that [`try_fork`](Self::try_fork) takes.
    pub fn heap_of_fork(&self) -> usize {
        blocks(self.descriptors.fork_bytes())
    }

    /// The console's two descriptors, no program yet.
    pub fn new() -> Result<Self, NoMemory> {
        Ok(Self { descriptors: Table::new()?, program: None })
    }

    /// Denies writing to `program` from now on, and no more to the one before.
    pub fn run(&mut self, program: &Arc<File>) {
        self.program = Some(Program { file: program.clone(), _denied: program.deny_write() });
    }

    /// What a forked child holds: the same files at the same positions, which are its own from now on, and the same program once more.
    pub fn try_fork(&self) -> Result<Self, NoMemory> {
        let mut child = Self { descriptors: self.descriptors.try_fork()?, program: None };
        if let Some(program) = &self.program {
            child.run(&program.file);
        }
        Ok(child)
    }

    /// Closes everything, and lets the program be written to.
    pub fn close_all(&mut self) {
        self.descriptors.close_all();
        self.program = None;
    }
}
