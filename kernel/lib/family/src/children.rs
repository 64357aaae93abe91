//! [`Children`]: those a process has made and not waited for.

use alloc::vec::Vec;
use core::fmt;
use fl_addr::Pid;

/// No memory for another child. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no memory for another child")
    }
}

impl core::error::Error for NoMemory {}

/// The children of one process that it can still wait for; `C` is what it waits on.
///
/// Owns the list and its references. Lock: the process's own; only its own threads look.
#[derive(Debug)]
pub struct Children<C> {
    list: Vec<(Pid, C)>,
}

impl<C> Default for Children<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Children<C> {
    /// No children. Allocates nothing.
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Makes room, so that the next [`add`](Self::add) cannot fail: before there is anything to undo.
    ///
    /// # Errors
    /// [`NoMemory`]; nothing is changed.
    pub fn reserve(&mut self) -> Result<(), NoMemory> {
        self.list.try_reserve(1).map_err(|_| NoMemory)
    }

    /// Heap bytes that the next [`reserve`](Self::reserve) asks for: none while there is room, at most twice what there is otherwise.
    pub fn growth(&self) -> usize {
        const FIRST: usize = 4;
        let full = self.list.len() == self.list.capacity();
        if full { (self.list.len() * 2).max(FIRST) * size_of::<(Pid, C)>() } else { 0 }
    }

    /// Adds a child. Identifiers are never used twice, so there is none of that number.
    pub fn add(&mut self, pid: Pid, child: C) {
        self.list.push((pid, child));
    }

    /// Takes the child `pid` out, to wait for it: `None` if it is no child, or was taken before.
    pub fn take(&mut self, pid: Pid) -> Option<C> {
        let at = self.list.iter().position(|(p, _)| *p == pid)?;
        Some(self.list.swap_remove(at).1)
    }

    /// How many can be waited for.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
