//! [`Sharers`]: the entries that refer to a page, for who has to find its mappings. In the page, beside its state and under the
//! same lock, where nothing may be allocated: room is made outside and handed in.

use alloc::vec::Vec;
use core::fmt;
use fl_addr::Vpn;

/// Entries that need no memory of their own: the owner's, and a child's or a second process's.
const INLINE: usize = 2;

/// There is no room for another entry: make some outside the lock ([`Room::for_more`]), hand it in, and try again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRoom;

/// No kernel memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no kernel memory")
    }
}

impl core::error::Error for NoMemory {}

/// Where a page is referred to: at which page number of which space. `S`: how a space is named; in the kernel a counted reference
/// to its page table.
///
/// Owns the names. A superset of the mappings: an entry may have none at the moment. As many as
/// [`PageState::sharers`](crate::PageState::sharers). Lock: the page's.
#[derive(Debug)]
pub struct Sharers<S> {
    /// Without gaps: none is empty before one that is not, and `more` is empty if one is.
    inline: [Option<(S, Vpn)>; INLINE],
    /// Never grows by itself. `None`: no room was ever given, as for most pages, whose end then looks for nothing to free.
    more: Option<Vec<(S, Vpn)>>,
}

/// Memory for more entries, made outside the lock; what comes back from [`Sharers::give`] is dropped there too.
#[derive(Debug)]
pub struct Room<S>(Vec<(S, Vpn)>);

impl<S> Room<S> {
    /// Room for twice as many entries as a page with `len` entries has.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn for_more(len: usize) -> Result<Self, NoMemory> {
        let mut entries = Vec::new();
        entries.try_reserve_exact((2 * len).max(2 * INLINE)).map_err(|_| NoMemory)?;
        Ok(Self(entries))
    }
}

impl<S> Default for Sharers<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Sharers<S> {
    /// Nobody.
    #[inline]
    pub const fn new() -> Self {
        Self { inline: [const { None }; INLINE], more: None }
    }

    /// Adds an entry. Allocates nothing.
    ///
    /// # Errors
    /// [`NoRoom`], and the space's name comes back.
    #[inline]
    pub fn add(&mut self, space: S, page: Vpn) -> Result<(), (NoRoom, S)> {
        if let Some(free) = self.inline.iter_mut().find(|place| place.is_none()) {
            *free = Some((space, page));
        } else if let Some(more) = self.more.as_mut().filter(|more| more.len() < more.capacity()) {
            more.push((space, page));
        } else {
            return Err((NoRoom, space));
        }
        Ok(())
    }

    /// Whether one more can be [added](Self::add).
    #[inline]
    pub fn has_room(&self) -> bool {
        self.inline[INLINE - 1].is_none()
            || self.more.as_ref().is_some_and(|more| more.len() < more.capacity())
    }

    /// Takes more room, if it is more by now, and gives back what is not needed, to be dropped outside the lock.
    pub fn give(&mut self, mut room: Room<S>) -> Room<S> {
        let more = self.more.get_or_insert_default();
        if room.0.capacity() > more.capacity() {
            room.0.append(more); // its capacity suffices
            core::mem::swap(&mut room.0, more);
        }
        room
    }

    /// Takes an entry out and returns the space's name, to be dropped outside the lock. `None`: there is no such entry.
    #[inline]
    pub fn remove(&mut self, page: Vpn, is: impl Fn(&S) -> bool) -> Option<S> {
        let matches = |(space, at): &(S, Vpn)| *at == page && is(space);
        let [first, second] = &mut self.inline;
        if first.as_ref().is_some_and(matches) {
            let (space, _) = first.take()?;
            if second.is_some() {
                *first = second.take();
                *second = self.more.as_mut().and_then(Vec::pop);
            }
            return Some(space);
        }
        if second.as_ref().is_some_and(matches) {
            let (space, _) = second.take()?;
            *second = self.more.as_mut().and_then(Vec::pop);
            return Some(space);
        }
        let more = self.more.as_mut()?;
        let at = more.iter().position(matches)?;
        Some(more.swap_remove(at).0)
    }

    /// All entries, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&S, Vpn)> {
        self.inline.iter().flatten().chain(self.more.iter().flatten()).map(|(space, page)| (space, *page))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inline.iter().flatten().count() + self.more.as_ref().map_or(0, Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inline[0].is_none()
    }
}
