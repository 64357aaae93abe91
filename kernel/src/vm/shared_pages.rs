//! Pages that processes share because they show the same page of the same file: mappings of it, and programs that run.
//!
//! **Semantics.** All mappings of a file's page show one [`Page`]: what one process stores there, the others see at once. read(2) and write(2) go to
//! the file itself: a store to a mapping is seen by read(2) once it has been written back (munmap, exit, exec, eviction), and what write(2)
//! changes is seen by a mapping whose page comes in afterwards; a page that is in and clean stays as it is and is never written. Of a program
//! only pages are shared that nobody may write to; the file is denied to writers while it runs.

use super::page::{Body, Page, PageSource, Table};
use crate::fs::{File, InodeId};
use crate::inject::{self, Point};
use crate::mm::{budget, heap};
use crate::sched::SleepLock;
use alloc::sync::{Arc, Weak};
use fl_addr::Vpn;
use fl_vmcore::{Index, NoMemory, Place, Prot, Refused, State};

/// What a page shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    file: InodeId,
    /// The page of the mapped file; of a program its page number, and the top bit.
    page: u64,
}

impl Key {
    /// Told apart, for a program's page is made of several of the file's.
    const OF_PROGRAM: u64 = 1 << 63;

    /// That page of a mapped file.
    #[inline]
    pub fn of_mapping(file: &File, page: u64) -> Self {
        Self { file: file.id(), page }
    }

    /// That page of a program. `None`: whoever stores to it has one of its own.
    #[inline]
    pub fn of_program(file: &File, page: Vpn, prot: Prot) -> Option<Self> {
        (!prot.write).then(|| Self { file: file.id(), page: page.0 | Self::OF_PROGRAM })
    }

    /// What a page from `source` shows if others may show it, too.
    fn of(source: &PageSource) -> Option<Self> {
        match source {
            PageSource::Mapping(file, page) => Some(Self::of_mapping(file, *page)),
            PageSource::Executable(image, vpn) => Self::of_program(&image.file, *vpn, Prot::READ),
            PageSource::Zero(_) => None,
        }
    }
}

/// The pages of files that are in use. Rank 2a: taken inside a space's contents, outside everything else. A page's entry goes with the page's last
/// place, and a page holds its file open: so a file's number does not come to name another file while an entry has it.
static PAGES: SleepLock<Index<Key, Weak<Page>>> = SleepLock::new(Index::new());

/// The page that shows `key`, which is shown at `place`, too, from now on: one that there is, told to `joined` in the critical section in which that is noted,
/// or one from `source`. `None`: no kernel memory.
pub fn find_or_make(
    key: Key,
    source: impl FnOnce() -> PageSource,
    place: (&Table, Vpn),
    joined: impl FnMut(&Page, &mut Body),
) -> Option<Arc<Page>> {
    let mut pages = PAGES.lock();
    let (table, vpn) = place;
    let mut entry = pages.place(key);
    if entry.is_err() {
        let growth = heap::taken_by(pages.growth(1));
        (budget::has_room(Page::HEAP + growth) && pages.reserve(1).is_ok()).then_some(())?;
        entry = pages.place(key);
    }
    let make = || Arc::new(Page::new(source(), (table.clone(), vpn)));
    match entry.ok()? {
        Place::Taken(known) => {
            if let Some(page) = known.upgrade() {
                inject::pass(Point::Sharing);
                match page.add_place(table, vpn, |state| Ok(state.attach(false)?), joined) {
                    Ok(()) => return Some(page),
                    Err(NotShared::NoMemory) => return None,
                    Err(NotShared::Refused) => {} // it has just died, and its entry is on its way out
                }
            }
            let page = make();
            *known = Arc::downgrade(&page);
            Some(page)
        }
        Place::Free(free) => {
            let page = make();
            free.fill(Arc::downgrade(&page));
            Some(page)
        }
    }
}

enum NotShared {
    NoMemory,
    Refused,
}

impl From<NoMemory> for NotShared {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<Refused> for NotShared {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

/// Takes the entry of a page out that was let go by its last place; nothing for others.
#[inline]
pub fn forget(page: Arc<Page>) {
    if !matches!(page.source, PageSource::Zero(_)) {
        forget_if_dead(page);
    }
}

#[inline(never)]
fn forget_if_dead(page: Arc<Page>) {
    let Some(key) = Key::of(&page.source) else { return };
    if page.lock().state.state() != State::Dead {
        return;
    }
    inject::pass(Point::Forgetting);
    let mut pages = PAGES.lock();
    if pages.get(&key).is_some_and(|entry| Weak::as_ptr(entry) == Arc::as_ptr(&page)) {
        pages.remove(&key);
    }
    if pages.is_empty() {
        *pages = Index::new(); // so that an idle machine's heap is as it was at boot
    }
}
