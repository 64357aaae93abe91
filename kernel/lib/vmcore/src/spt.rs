//! [`Spt`]: the supplemental page table: which logical page stands at which address of one process, with what rights.
//!
//! What a page holds and where it is at the moment is the page's own business ([`PageState`](crate::PageState)); what an address without an entry
//! may become is that of the [`Regions`](crate::Regions).

use crate::PageRange;
use crate::hash::VpnHash;
use core::fmt;
use fl_addr::Vpn;
use hashbrown::HashMap;

/// What a process may do to a page, besides reading it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Prot {
    /// It may write.
    pub write: bool,
    /// It may execute.
    pub exec: bool,
}

impl Prot {
    /// Only reading.
    pub const READ: Self = Self { write: false, exec: false };
    /// Reading and writing: data, bss, stack.
    pub const READ_WRITE: Self = Self { write: true, exec: false };
    /// Reading and executing: text.
    pub const READ_EXEC: Self = Self { write: false, exec: true };
}

/// One page of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<P> {
    /// The logical page; in the kernel a counted reference.
    pub page: P,
    /// What the process may do in the end. A page-table entry may allow less for a while, never more.
    pub prot: Prot,
    /// A write must first give this process a page of its own. Says nothing without `prot.write`.
    pub cow: bool,
}

/// Why an entry was not added. The table is unchanged; the entry handed in was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InsertError {
    /// The address has an entry. The caller's fault.
    Occupied,
    /// No kernel memory for it.
    NoMemory,
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Occupied => "the address has a page already",
            Self::NoMemory => "no kernel memory",
        })
    }
}

impl core::error::Error for InsertError {}

/// The supplemental page table of one address space.
///
/// Owns its entries and through them references to pages. Holds pages that were touched, not all that could be.
/// Lock: the space's own (rank 2, may sleep); used by its threads and by fork, never by the evictor.
#[derive(Debug)]
pub struct Spt<P> {
    map: HashMap<Vpn, Entry<P>, VpnHash>,
}

impl<P> Default for Spt<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> Spt<P> {
    /// An empty table. Allocates nothing.
    pub const fn new() -> Self {
        Self { map: HashMap::with_hasher(VpnHash) }
    }

    /// Makes room for `additional` entries, so that as many [`insert`](Self::insert)s cannot fail for want of memory.
    ///
    /// # Errors
    /// [`InsertError::NoMemory`]; nothing is changed.
    pub fn reserve(&mut self, additional: usize) -> Result<(), InsertError> {
        self.map.try_reserve(additional).map_err(|_| InsertError::NoMemory)
    }

    /// Heap bytes that making room for `additional` entries asks for, or a little more: none while there is room.
    pub fn growth(&self, additional: usize) -> usize {
        let wanted = self.map.len() + additional;
        if wanted <= self.map.capacity() {
            return 0;
        }
        // hashbrown fills at most 7/8 of a power of two of buckets, each with a control byte; small tables have 4 at least.
        let buckets = (wanted * 8 / 7 + 1).next_power_of_two().max(4);
        buckets * (size_of::<(Vpn, Entry<P>)>() + 1) + 64
    }

    /// Adds an entry where there is none.
    ///
    /// # Errors
    /// See [`InsertError`]; nothing is changed then.
    pub fn insert(&mut self, page: Vpn, entry: Entry<P>) -> Result<(), InsertError> {
        if self.map.contains_key(&page) {
            return Err(InsertError::Occupied);
        }
        self.reserve(1)?;
        self.map.insert(page, entry);
        Ok(())
    }

    /// The entry of `page`.
    pub fn get(&self, page: Vpn) -> Option<&Entry<P>> {
        self.map.get(&page)
    }

    /// The entry of `page`, to change its page, rights or mark.
    pub fn get_mut(&mut self, page: Vpn) -> Option<&mut Entry<P>> {
        self.map.get_mut(&page)
    }

    /// Takes the entry of `page` out.
    pub fn remove(&mut self, page: Vpn) -> Option<Entry<P>> {
        self.map.remove(&page)
    }

    /// Whether any page of `pages` has an entry. Costs the smaller of the two sizes.
    pub fn any_in(&self, pages: PageRange) -> bool {
        if pages.pages() < self.map.len() as u64 {
            pages.iter().any(|page| self.map.contains_key(&page))
        } else {
            self.map.keys().any(|&page| pages.contains(page))
        }
    }

    /// All entries, in an order that depends on nothing but the history of this table.
    pub fn iter(&self) -> impl Iterator<Item = (Vpn, &Entry<P>)> {
        self.map.iter().map(|(&page, entry)| (page, entry))
    }

    /// Takes all entries out, in that order; what the iterator has not given when it is dropped is dropped too.
    pub fn drain(&mut self) -> impl Iterator<Item = (Vpn, Entry<P>)> {
        self.map.drain()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}
