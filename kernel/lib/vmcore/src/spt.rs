//! [`Spt`]: the supplemental page table: which logical page stands at which address of one process, with what rights.
//!
//! What a page holds and where it is at the moment is the page's own business ([`PageState`](crate::PageState)); what an address without an entry
//! may become is that of the [`Regions`](crate::Regions).

use crate::blocks::{Blocks, FreePlace};
use crate::index::{InsertError, Place};
use crate::{Kind, NoRoom, PageRange};
use fl_addr::Vpn;
use fl_model::mutant;

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

/// The supplemental page table of one address space.
///
/// Owns its entries and through them references to pages. Holds pages that were touched, not all that could be.
/// Lock: the space's own (rank 2, may sleep); used by its threads and by fork, never by the evictor.
#[derive(Debug)]
pub struct Spt<P> {
    pages: Blocks<Entry<P>>,
}

impl<P> Default for Spt<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> Spt<P> {
    /// An empty table. Allocates nothing.
    pub const fn new() -> Self {
        Self { pages: Blocks::new() }
    }

    /// Heap bytes that making room for `additional` entries asks for, or a little more: none while there is room.
    pub fn growth(&self, additional: usize) -> usize {
        self.pages.growth(additional)
    }

    /// Heap bytes that the table of a [`fork`](Self::fork)ed child asks for, or a little more.
    pub fn size_of_child(&self) -> usize {
        self.pages.size_of_copy()
    }

    /// Makes room for `additional` entries, so that as many [`insert`](Self::insert)s cannot fail for want of memory.
    ///
    /// # Errors
    /// [`InsertError::NoMemory`]; nothing is changed.
    pub fn reserve(&mut self, additional: usize) -> Result<(), InsertError> {
        self.pages.reserve(additional)
    }

    /// Adds an entry where there is none.
    ///
    /// # Errors
    /// See [`InsertError`]; nothing is changed then.
    pub fn insert(&mut self, page: Vpn, entry: Entry<P>) -> Result<(), InsertError> {
        self.pages.insert(page, entry)
    }

    /// The entry of `page`, or the place for one: found in one go.
    ///
    /// # Errors
    /// [`NoRoom`]: there is no entry and no room for one. [`reserve`](Self::reserve) some and ask again.
    #[inline(always)]
    pub fn place(&mut self, page: Vpn) -> Result<Place<'_, Entry<P>, FreePlace<'_, Entry<P>>>, NoRoom> {
        self.pages.place(page)
    }

    /// The entry of `page`.
    pub fn get(&self, page: Vpn) -> Option<&Entry<P>> {
        self.pages.get(page)
    }

    /// The entry of `page`, to change its page, rights or mark.
    pub fn get_mut(&mut self, page: Vpn) -> Option<&mut Entry<P>> {
        self.pages.get_mut(page)
    }

    /// Takes the entry of `page` out.
    pub fn remove(&mut self, page: Vpn) -> Option<Entry<P>> {
        self.pages.remove(page)
    }

    /// Takes the entries of `pages` out, each as `f` is told. Costs the smaller of the two sizes.
    pub fn take_in(&mut self, pages: PageRange, f: impl FnMut(Vpn, Entry<P>)) {
        self.pages.take_in(pages, f);
    }

    /// Whether any page of `pages` has an entry. Costs the smaller of the two sizes.
    pub fn any_in(&self, pages: PageRange) -> bool {
        self.pages.any_in(pages)
    }

    /// Fills the empty table of a forked child, which shares every page with its parent.
    ///
    /// Where a store is the process's own affair, that is in private pages, both entries are marked `cow`; file pages stay shared for
    /// reading and writing. `kind` tells which is which. For each entry `share` is called once, with the page number, the
    /// page, and whether the parent's mapping has to be write-protected: under the page's lock it takes the right to write
    /// from the parent's page-table entry if so, and [`attach`](crate::PageState::attach)es the child with the dirty bit found
    /// there. The caller flushes the parent's mappings before either process goes on.
    ///
    /// # Errors
    /// [`InsertError::NoMemory`], or that of `share`, which must have done nothing then. The child's table holds what was shared so
    /// far: the caller lets go of it as at an exit. Marks that the parent has by then cost it no more than a fault.
    pub fn fork<E: From<InsertError>>(
        &mut self,
        child: &mut Self,
        kind: impl Fn(&P) -> Kind,
        mut share: impl FnMut(Vpn, &P, bool) -> Result<(), E>,
    ) -> Result<(), E>
    where
        P: Clone,
    {
        self.pages.copy_to(&mut child.pages, |vpn, entry| {
            let own = entry.prot.write && kind(&entry.page) == Kind::Private;
            let protect = own && !entry.cow && !mutant!("missing_write_protect");
            share(vpn, &entry.page, protect)?;
            entry.cow |= own;
            Ok(())
        })
    }

    /// All entries, in an order that depends on nothing but the history of this table; neighbours mostly follow each other.
    pub fn iter(&self) -> impl Iterator<Item = (Vpn, &Entry<P>)> {
        self.pages.iter()
    }

    /// Takes all entries out, each as `f` is told, in that order.
    #[inline]
    pub fn take_all(&mut self, f: impl FnMut(Vpn, Entry<P>)) {
        self.pages.take_all(f);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}
