//! [`Blocks`]: something for each of some pages, kept by blocks of neighbouring pages.
//!
//! Processes touch pages in runs. So what belongs to the pages of a block lies together, and is found by one look into a hash table, or by none: that of the page
//! before is remembered. Going through all looks nothing up, and goes through each block in the order of addresses.

use crate::index::{Index, InsertError, Place, Vacancy};
use crate::{NoRoom, PageRange};
use alloc::vec::Vec;
use fl_addr::Vpn;

/// Pages of a block, a power of two. What one page alone in its block wastes is seven times what an entry takes: with sixteen, a program that touches
/// scattered pages would take more heap for its table than the pages are worth.
const PAGES: usize = 8;

/// Blocks that the first allocation has room for: so few that they are still a small block for the heap.
const FIRST: usize = 3;

/// What the pages of one block have. At least one has something.
#[derive(Debug)]
struct Block<T> {
    /// The number of its first page / [`PAGES`].
    number: u64,
    slots: [Option<T>; PAGES],
}

/// A map from pages to `T`. Walked in an order that depends on nothing but its history.
///
/// Owns what it holds. Allocates in [`reserve`](Self::reserve), [`insert`](Self::insert) and [`copy_to`](Self::copy_to) only, fallibly. Lock: its owner's.
#[derive(Debug)]
pub struct Blocks<T> {
    /// In no order.
    blocks: Vec<Block<T>>,
    /// The place of each in `blocks`, by its number.
    index: Index<u64, usize>,
    /// Where the block was that was looked for last, or any number.
    last: usize,
    /// Pages that have something.
    len: usize,
}

/// The place of what a page does not have yet, and memory for it.
pub struct FreePlace<'a, T> {
    slot: Slot<'a, T>,
    len: &'a mut usize,
}

enum Slot<'a, T> {
    /// In a block that there is.
    There(&'a mut Option<T>),
    /// In a block that is to be added: which of its slots.
    New(NewBlock<'a, T>, usize),
}

/// A block that is to be added, and memory for it.
struct NewBlock<'a, T> {
    blocks: &'a mut Vec<Block<T>>,
    vacancy: Vacancy<'a, u64, usize>,
    last: &'a mut usize,
    number: u64,
}

/// The block of `page`, and which of the block's slots is its own.
#[inline]
const fn split(page: Vpn) -> (u64, usize) {
    (page.0 / PAGES as u64, page.0 as usize % PAGES)
}

impl<'a, T> FreePlace<'a, T> {
    /// Puts `entry` there. Allocates nothing.
    #[inline(always)]
    pub fn fill(self, entry: T) -> &'a mut T {
        *self.len += 1;
        let slot = match self.slot {
            Slot::There(slot) => slot,
            Slot::New(block, slot) => &mut block.begin().slots[slot],
        };
        slot.insert(entry)
    }
}

impl<'a, T> NewBlock<'a, T> {
    #[inline(never)] // once for each block
    fn begin(self) -> &'a mut Block<T> {
        let at = *self.vacancy.fill(self.blocks.len());
        self.blocks.push(Block::empty(self.number));
        *self.last = at;
        &mut self.blocks[at]
    }
}

impl<T> Block<T> {
    const fn empty(number: u64) -> Self {
        Self { number, slots: [const { None }; PAGES] }
    }

    const fn first(&self) -> u64 {
        self.number * PAGES as u64
    }

    /// What its pages have.
    fn iter(&self) -> impl Iterator<Item = (Vpn, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(i, slot)| Some((Vpn(self.first() + i as u64), slot.as_ref()?)))
    }
}

impl<T> Blocks<T> {
    /// No page has anything. Allocates nothing.
    pub const fn new() -> Self {
        Self { blocks: Vec::new(), index: Index::new(), last: 0, len: 0 }
    }

    /// How many pages have something.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none has.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many more blocks [`reserve`](Self::reserve) makes room for, `additional` at least.
    fn step(&self, additional: usize) -> usize {
        additional.max(self.blocks.len() / 2).max(FIRST)
    }

    /// Heap bytes that making room for `additional` more pages, wherever they are, asks for, or a little more: none while there is room.
    pub fn growth(&self, additional: usize) -> usize {
        let mut bytes = self.index.growth(additional);
        if self.blocks.capacity() - self.blocks.len() < additional {
            bytes += (self.blocks.len() + self.step(additional)) * size_of::<Block<T>>() + 64;
        }
        bytes
    }

    /// Heap bytes that [`copy_to`](Self::copy_to) asks for, or a little more.
    pub fn size_of_copy(&self) -> usize {
        let blocks = self.blocks.len();
        Index::<u64, usize>::new().growth(blocks) + blocks * size_of::<Block<T>>() + 64
    }

    /// Makes room for `additional` more pages, wherever they are.
    ///
    /// # Errors
    /// [`InsertError::NoMemory`]; no page has anything else.
    pub fn reserve(&mut self, additional: usize) -> Result<(), InsertError> {
        if self.blocks.capacity() - self.blocks.len() < additional {
            let more = self.step(additional);
            self.blocks.try_reserve_exact(more).map_err(|_| InsertError::NoMemory)?;
        }
        self.index.reserve(additional)
    }

    /// Gives `page`, which has nothing, `entry`.
    ///
    /// # Errors
    /// See [`InsertError`]; nothing is changed then.
    pub fn insert(&mut self, page: Vpn, entry: T) -> Result<(), InsertError> {
        if self.place(page).is_err() {
            self.reserve(1)?;
        }
        match self.place(page) {
            Ok(Place::Free(free)) => _ = free.fill(entry),
            Ok(Place::Taken(_)) => return Err(InsertError::Occupied),
            Err(NoRoom) => return Err(InsertError::NoMemory),
        }
        Ok(())
    }

    /// What `page` has, or the place for it: found in one go.
    ///
    /// # Errors
    /// [`NoRoom`]: it has nothing, and there is no room. [`reserve`](Self::reserve) some and ask again.
    #[inline(always)]
    pub fn place(&mut self, page: Vpn) -> Result<Place<'_, T, FreePlace<'_, T>>, NoRoom> {
        let (number, slot) = split(page);
        let at = match self.blocks.get(self.last) {
            Some(block) if block.number == number => self.last,
            _ => match self.index.place(number)? {
                Place::Taken(at) => *at,
                Place::Free(vacancy) => {
                    if self.blocks.len() == self.blocks.capacity() {
                        return Err(NoRoom);
                    }
                    let (blocks, last) = (&mut self.blocks, &mut self.last);
                    let new = NewBlock { blocks, vacancy, last, number };
                    return Ok(Place::Free(FreePlace { slot: Slot::New(new, slot), len: &mut self.len }));
                }
            },
        };
        self.last = at;
        Ok(match &mut self.blocks[at].slots[slot] {
            Some(entry) => Place::Taken(entry),
            free @ None => Place::Free(FreePlace { slot: Slot::There(free), len: &mut self.len }),
        })
    }

    /// Where the block of that number is.
    #[inline]
    fn find(&self, number: u64) -> Option<usize> {
        match self.blocks.get(self.last) {
            Some(block) if block.number == number => Some(self.last),
            _ => self.index.get(&number).copied(),
        }
    }

    /// What `page` has.
    #[inline]
    pub fn get(&self, page: Vpn) -> Option<&T> {
        let (number, slot) = split(page);
        self.blocks[self.find(number)?].slots[slot].as_ref()
    }

    /// What `page` has, to change it.
    #[inline]
    pub fn get_mut(&mut self, page: Vpn) -> Option<&mut T> {
        let (number, slot) = split(page);
        let at = self.find(number)?;
        self.blocks[at].slots[slot].as_mut()
    }

    /// Takes out what `page` has.
    pub fn remove(&mut self, page: Vpn) -> Option<T> {
        let (number, slot) = split(page);
        let at = self.find(number)?;
        let taken = self.blocks[at].slots[slot].take()?;
        self.len -= 1;
        self.end_if_empty(at);
        Some(taken)
    }

    /// Takes out what the pages of `pages` have, each as `f` is told. Costs the smaller of the two sizes, counted in blocks.
    pub fn take_in(&mut self, pages: PageRange, mut f: impl FnMut(Vpn, T)) {
        let (first, last) = (split(pages.start()).0, split(Vpn(pages.end().0 - 1)).0);
        if last - first < self.blocks.len() as u64 {
            for number in first..=last {
                if let Some(at) = self.find(number) {
                    self.take_at(at, pages, &mut f);
                    self.end_if_empty(at);
                }
            }
        } else {
            let mut at = 0;
            while let Some(block) = self.blocks.get(at) {
                if !(first..=last).contains(&block.number) {
                    at += 1;
                    continue;
                }
                self.take_at(at, pages, &mut f);
                if !self.end_if_empty(at) {
                    at += 1;
                } // else another is there now
            }
        }
    }

    /// Takes out what those pages of the block at `at` have that are in `pages`.
    #[inline]
    fn take_at(&mut self, at: usize, pages: PageRange, mut f: impl FnMut(Vpn, T)) {
        let block = &mut self.blocks[at];
        let first = block.first();
        for (i, slot) in block.slots.iter_mut().enumerate() {
            let page = Vpn(first + i as u64);
            if pages.contains(page)
                && let Some(entry) = slot.take()
            {
                self.len -= 1;
                f(page, entry);
            }
        }
    }

    /// Takes the block at `at` out if none of its pages has anything; the one from the end is there then.
    fn end_if_empty(&mut self, at: usize) -> bool {
        let empty = self.blocks[at].slots.iter().all(Option::is_none);
        if empty {
            let gone = self.blocks.swap_remove(at);
            self.index.remove(&gone.number);
            if let Some(moved) = self.blocks.get(at)
                && let Some(place) = self.index.get_mut(&moved.number)
            {
                *place = at;
            }
        }
        empty
    }

    /// Takes everything out, each as `f` is told, in the order of [`iter`](Self::iter). The memory stays.
    #[inline]
    pub fn take_all(&mut self, mut f: impl FnMut(Vpn, T)) {
        for block in &mut self.blocks {
            let first = block.first();
            for (i, slot) in block.slots.iter_mut().enumerate() {
                if let Some(entry) = slot.take() {
                    f(Vpn(first + i as u64), entry);
                }
            }
        }
        self.blocks.clear();
        self.index.clear();
        self.len = 0;
    }

    /// Whether any page of `pages` has something. Costs the smaller of the two sizes, counted in blocks.
    pub fn any_in(&self, pages: PageRange) -> bool {
        let (first, last) = (split(pages.start()).0, split(Vpn(pages.end().0 - 1)).0);
        let any = |block: &Block<T>| block.iter().any(|(page, _)| pages.contains(page));
        if last - first < self.blocks.len() as u64 {
            (first..=last).any(|number| self.find(number).is_some_and(|at| any(&self.blocks[at])))
        } else {
            self.blocks.iter().any(any)
        }
    }

    /// What all pages have. Neighbours in one block follow each other, blocks are in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (Vpn, &T)> {
        self.blocks.iter().flat_map(Block::iter)
    }

    /// Fills `copy`, which is empty, with clones, each made after `prepare` was told of the page.
    ///
    /// # Errors
    /// [`InsertError::NoMemory`] before anything was done, or that of `prepare`, which is told of nothing afterwards; in `copy` is what it was told of before.
    #[inline]
    pub fn copy_to<E: From<InsertError>>(
        &mut self,
        copy: &mut Self,
        mut prepare: impl FnMut(Vpn, &mut T) -> Result<(), E>,
    ) -> Result<(), E>
    where
        T: Clone,
    {
        debug_assert!(copy.is_empty());
        copy.index.reserve(self.blocks.len())?;
        copy.blocks.try_reserve_exact(self.blocks.len()).map_err(|_| InsertError::NoMemory)?;
        let result = self.blocks.iter_mut().try_for_each(|block| {
            let first = block.first();
            copy.blocks.push(Block::empty(block.number));
            let copied = copy.blocks.last_mut().expect("it was pushed just now");
            for (i, (slot, copied)) in block.slots.iter_mut().zip(&mut copied.slots).enumerate() {
                if let Some(entry) = slot {
                    prepare(Vpn(first + i as u64), entry)?;
                    *copied = Some(entry.clone());
                }
            }
            Ok(())
        });
        copy.len = match result {
            Ok(()) => self.len,
            Err(_) => copy.blocks.iter().map(|block| block.iter().count()).sum(),
        };
        // Of a whole copy the blocks are where those copied are.
        if result.is_err() || !copy.index.copy_from(&self.index) {
            for (at, block) in copy.blocks.iter().enumerate() {
                copy.index.insert(block.number, at)?;
            }
        }
        if result.is_err() {
            copy.end_if_empty(copy.blocks.len() - 1); // that in which it failed
        }
        result
    }
}

#[cfg(test)]
mod tests;
