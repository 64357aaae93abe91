//! The copy-on-write rule: what a store to a page that the process may write needs.

use crate::page::{Kind, PageState};
use crate::{Entry, Prot};
use fl_model::mutant;

/// What makes the store possible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use = "the store waits for it"]
pub enum WriteFault {
    /// The page is this entry's alone: clear the entry's `cow` and make its mapping writable.
    Reuse,
    /// Others see the page: copy it to a new one ([`PageState::copied`]), put that into the entry, clear its `cow`, map it writable in
    /// place of the old mapping, flush, and [`detach`](PageState::detach) from the old page.
    Copy,
    /// Others see the page and are meant to see the store: make the mapping writable.
    SharedWrite,
}

/// Decides what a store through `entry` needs. Under the page's lock, which is held until the mapping is changed or with a pin on the page, by the thread that
/// the entry belongs to.
///
/// A count of one stays one until the lock is let go and after: only the sharer itself (by fork) could raise it. A count that falls
/// to one just after `Copy` was said costs one copy.
pub fn on_write_fault<P>(page: &PageState, entry: &Entry<P>) -> WriteFault {
    match page.kind() {
        Kind::File if entry.cow => WriteFault::Copy, // the file's bytes are not this process's, however few look at them
        Kind::File => WriteFault::SharedWrite,
        Kind::Private if page.sharers() == 1 || mutant!("reuse_while_shared") => WriteFault::Reuse,
        Kind::Private => WriteFault::Copy,
    }
}

/// Whether a store through an entry that must first break sharing may turn out to need a copy. If not, it never will: a frame for the
/// copy, which is taken before the page is pinned, is not needed.
pub fn may_need_copy(page: &PageState) -> bool {
    page.kind() == Kind::File || page.sharers() != 1
}

impl<P> Entry<P> {
    /// What a mapping of the page may allow now: less than the entry's rights while a store must first break sharing.
    pub const fn mappable(&self) -> Prot {
        Prot { write: self.prot.write && !self.cow, exec: self.prot.exec }
    }
}
