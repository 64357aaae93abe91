//! Pages that processes share because they show the same page of the same file: mappings of it, and programs that run.
//!
//! **Semantics.** All mappings of a file's page show one [`Page`]: what one process stores there, the others see at once. read(2) and write(2) go to
//! the file itself: a store to a mapping is seen by read(2) once it has been written back (munmap, exit, exec, eviction), and what write(2)
//! changes is seen by a mapping whose page comes in afterwards; a page that is in and clean stays as it is and is never written. Of a program
//! only pages are shared that nobody may write to; the file is denied to writers while it runs.

use super::page::{Page, PageSource, Table};
use crate::fs::InodeId;
use crate::inject::{self, Point};
use crate::sched::SleepLock;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use fl_addr::Vpn;
use fl_vmcore::{NoMemory, Prot, Refused, State};

/// What a page shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// That page of a mapped file.
    Mapping(InodeId, u64),
    /// That page of a program.
    Program(InodeId, Vpn),
}

/// The pages of files that are in use. Rank 2a: taken inside a space's contents, outside everything else. A page's entry goes with the page's last
/// place, and a page holds its file open: so a file's number does not come to name another file while an entry has it.
static PAGES: SleepLock<BTreeMap<Key, Weak<Page>>> = SleepLock::new(BTreeMap::new());

/// Heap bytes that one more entry may take: two nodes of the tree.
pub const HEAP: usize = 2 * 640;

/// What a page from `source` shows that others may see, too. `None`: it is the process's own.
pub fn key(source: &PageSource, prot: Prot) -> Option<Key> {
    match source {
        PageSource::Mapping(file, page) => Some(Key::Mapping(file.id(), *page)),
        PageSource::Executable(image, vpn) if !prot.write => Some(Key::Program(image.file.id(), *vpn)),
        PageSource::Zero(_) | PageSource::Executable(..) => None,
    }
}

/// The page that shows `key`, which is shown at `place`, too, from now on. `None`: no kernel memory.
pub fn find_or_make(key: Key, source: PageSource, place: (Table, Vpn)) -> Option<Arc<Page>> {
    let mut pages = PAGES.lock();
    if let Some(page) = pages.get(&key).and_then(Weak::upgrade) {
        inject::pass(Point::Sharing);
        match page.add_place(&place.0, place.1, |state| Ok(state.attach(false)?)) {
            Ok(()) => return Some(page),
            Err(NotShared::NoMemory) => return None,
            Err(NotShared::Refused) => {} // it has just died, and its entry is on its way out
        }
    }
    let page = Arc::new(Page::new(source, place));
    pages.insert(key, Arc::downgrade(&page));
    Some(page)
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
pub fn forget(page: Arc<Page>) {
    let Some(key) = key(&page.source, Prot::READ) else { return };
    if page.lock().state.state() != State::Dead {
        return;
    }
    inject::pass(Point::Forgetting);
    let mut pages = PAGES.lock();
    if pages.get(&key).is_some_and(|entry| Weak::as_ptr(entry) == Arc::as_ptr(&page)) {
        pages.remove(&key);
    }
    if pages.is_empty() {
        *pages = BTreeMap::new(); // so that an idle machine's heap is as it was at boot
    }
}
