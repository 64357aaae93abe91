//! A program that uses the page: its processor walks the entry, remembers what it found, and is asked to forget it.

use super::machine::{DIRTY, Machine, PRESENT, PROGRAM, Space};
use fl_shootdown::ActiveCpus;
use loom::sync::atomic::Ordering::*;

/// The processor that runs a program, and what it has cached of the entry: nothing, the mapping, or the mapping with the dirty bit known to be set.
pub struct Program<'m> {
    machine: &'m Machine,
    space: &'m Space,
    cached: usize,
}

impl<'m> Program<'m> {
    /// In `space`, whose translation it has cached.
    pub fn new(machine: &'m Machine, space: usize) -> Self {
        let space = &machine.spaces[space];
        ActiveCpus::switch(None, Some(&space.active), PROGRAM, || ());
        Self { machine, space, cached: space.entry.load(Acquire) }
    }

    /// Loads the first word, if the page is mapped.
    pub fn load(&mut self) -> Option<usize> {
        if self.cached & PRESENT == 0 {
            self.cached = self.space.entry.load(Acquire);
        }
        let value = (self.cached & PRESENT != 0).then(|| self.machine.plain.words[0].get());
        self.interruptible();
        value
    }

    /// Stores to the second word, if the page is mapped; whether it is. At the end of the instruction the processor may be interrupted.
    pub fn store(&mut self, value: usize) -> bool {
        while self.cached & DIRTY == 0 {
            let entry = self.space.entry.load(Acquire);
            if entry & PRESENT == 0 {
                if self.cached & PRESENT == 0 {
                    return false; // faults
                }
                // The dirty bit cannot be set in an entry that is gone: the processor walks anew.
                self.cached = 0;
                continue;
            }
            let set = self.space.entry.compare_exchange(entry, entry | DIRTY, AcqRel, Relaxed);
            self.cached = set.map_or(0, |entry| entry | DIRTY);
        }
        self.machine.plain.words[1].set(value);
        self.machine.plain.stored.set(value);
        assert_eq!(self.machine.frees.load(Relaxed), 0, "a freed frame is stored to");
        self.interruptible();
        true
    }

    fn interruptible(&mut self) {
        let cached = &mut self.cached;
        self.machine.interruptible(PROGRAM, || *cached = 0);
    }

    /// Goes to the kernel's own space.
    pub fn leave(self) {
        ActiveCpus::switch(Some(&self.space.active), None, PROGRAM, || ());
    }
}
