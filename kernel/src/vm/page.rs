//! [`Page`]: the logical page. Where its bytes come from, where they are now, and where they are shown.

use crate::fs::{self, File};
use crate::mm::frames::Frame;
use crate::mm::page_table::SpaceTable;
use crate::mm::{heap, layout};
use crate::percpu::Numbers;
use crate::sched::WaitQueue;
use crate::sync::{LockClass, SpinGuard, SpinLock};
use alloc::sync::Arc;
use fl_addr::{PAGE_SIZE, PageId, Pfn, Vpn};
use fl_elf::Plan;
use fl_trace::event::FaultKind;
use fl_vmcore::{Kind, NoMemory, NoRoom, PageState, Room, Sharers, bytes_in_page};

/// A page table as those hold it who look at it from outside: reverse maps.
pub type Table = Arc<SpaceTable>;

/// A program file and how it is to be loaded. Shared by the pages that come from it.
pub struct Image {
    /// The file.
    pub file: Arc<File>,
    /// Its checked segments.
    pub plan: Plan,
}

/// Where a page's first content comes from.
#[derive(Clone)]
pub enum PageSource {
    /// Zeroes. Tells bss and stack apart for those who watch.
    Zero(FaultKind),
    /// The program file, as the plan lays out this page.
    Executable(Arc<Image>, Vpn),
    /// That page of a mapped file, counted from the file's start.
    Mapping(Arc<File>, u64),
}

/// The file behind a page could not be read.
pub struct FillError;

/// The logical page.
///
/// Owns: at most one frame and one swap slot, by its state. Does not own: the entries that map it. Lifecycle: made at first touch, or as a copy;
/// shared by fork and by mappings of one file; let go by its last address space ([`Page::let_go`]). Lock: `body` (rank 6), outer to the
/// page tables in which it is shown; the waiters' queue is woken after it is released.
pub struct Page {
    /// Its identity in the trace.
    pub id: PageId,
    pub(super) source: PageSource,
    body: SpinLock<Body>,
    /// Threads that wait while it is busy.
    pub waiters: WaitQueue,
}

/// What a page's lock guards.
pub struct Body {
    /// State, pins, sharers, generation.
    pub state: PageState,
    /// Where it is shown: as many places as the state counts sharers.
    pub shown: Sharers<Table>,
    /// When it lost its frame last, in evictions: what refault distances are counted from.
    pub evicted_at: u32,
    /// It was used: a sample has taken accessed bits away since the policy looked last.
    pub used: bool,
}

/// Identities; 0 means "none".
static IDS: Numbers = Numbers::new();

impl Page {
    /// Heap bytes of a page behind an `Arc`.
    pub const HEAP: usize = heap::taken_by(size_of::<Self>() + 2 * size_of::<usize>());

    /// A page that has no frame yet, to be shown at `place`.
    pub fn new(source: PageSource, place: (Table, Vpn)) -> Self {
        let state = match source {
            PageSource::Mapping(..) => PageState::of_file(),
            PageSource::Zero(_) | PageSource::Executable(..) => PageState::new(),
        };
        Self::with_state(source, state, place)
    }

    /// A page whose content was copied from one that came from `source`: in `frame`, which it owns from now on, and pinned by the caller.
    pub fn copied(source: PageSource, frame: Frame, place: (Table, Vpn)) -> Self {
        Self::with_state(source, PageState::copied(frame.into_pfn()), place)
    }

    /// As [`copied`](Self::copied), and nobody has a pin on it: for one who has mapped the frame already, before anybody could evict the page.
    pub fn shown_copy(source: PageSource, frame: Frame, place: (Table, Vpn)) -> Self {
        let state = PageState::copied(frame.into_pfn()).unpin().expect("a copy begins with a pin");
        Self::with_state(source, state, place)
    }

    /// The generation of a page that is [`copied`](Self::copied).
    pub const GENERATION_OF_COPY: u32 = PageState::copied(Pfn(0)).generation();

    /// The generation of a page that begins as [`zeroed`](Self::zeroed).
    pub const GENERATION_OF_ZEROES: u32 = PageState::zeroed(Pfn(0)).generation();

    /// A page of zeroes that nobody else knows of yet: in `frame`, which is all zero and which it owns from now on.
    pub fn zeroed(kind: FaultKind, frame: Frame, place: (Table, Vpn)) -> Self {
        Self::with_state(PageSource::Zero(kind), PageState::zeroed(frame.into_pfn()), place)
    }

    #[inline]
    fn with_state(source: PageSource, state: PageState, place: (Table, Vpn)) -> Self {
        let id = PageId(IDS.one());
        let mut shown = Sharers::new();
        let added = shown.add(place.0, place.1);
        debug_assert!(added.is_ok(), "the first place needs no room");
        let body = Body { state, shown, evicted_at: 0, used: false };
        Self { id, source, body: SpinLock::new(LockClass::Page, body), waiters: WaitQueue::new() }
    }

    /// Its state and its places, locked: no I/O, no allocation, no waiting.
    #[inline]
    pub fn lock(&self) -> SpinGuard<'_, Body> {
        self.body.lock()
    }

    /// [`lock`](Self::lock), if nobody has it.
    #[inline]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, Body>> {
        self.body.try_lock()
    }

    /// Whose bytes it holds. Never changes.
    pub fn whose(&self) -> Kind {
        match self.source {
            PageSource::Mapping(..) => Kind::File,
            PageSource::Zero(_) | PageSource::Executable(..) => Kind::Private,
        }
    }

    /// What a fault on it needs, for those who watch.
    pub fn kind(&self) -> FaultKind {
        match &self.source {
            PageSource::Zero(kind) => *kind,
            PageSource::Executable(..) => FaultKind::Executable,
            PageSource::Mapping(..) => FaultKind::Mapping,
        }
    }

    /// Fills a frame with its first content. May sleep on the disk: call it holding nothing but the claim.
    pub fn fill(&self, frame: &mut Frame) -> Result<(), FillError> {
        match &self.source {
            PageSource::Zero(_) => {
                frame.bytes().fill(0);
                Ok(())
            }
            PageSource::Executable(image, vpn) => {
                let plan = image.plan.page(*vpn).ok_or(FillError)?;
                plan.fill(&*image.file, frame.bytes()).map_err(|_| FillError)
            }
            PageSource::Mapping(file, page) => file.read_page(*page, frame).map_err(|_| FillError),
        }
    }

    /// Writes what `frame` holds of a mapped file's page to the file; how many bytes, and whether the file has them now. The page is being cleaned or
    /// written out, by the caller. Sleeps on the disk.
    pub fn write_to_file(&self, frame: Pfn) -> (u32, bool) {
        let PageSource::Mapping(file, page) = &self.source else { return (0, false) };
        let len = bytes_in_page(file.len(), *page);
        // SAFETY: the page is Cleaning or in Writeback, so the frame stays its own. While it is cleaned programs may store to it; the bytes are only
        // copied to the disk, and whichever are, the store has set a dirty bit again.
        let bytes = unsafe { core::slice::from_raw_parts(layout::frame_ptr(frame).cast::<u8>(), len) };
        let ok =
            len == 0 || file.write_at(page * PAGE_SIZE as u64, bytes).is_ok_and(|written| written == len);
        (len as u32, ok)
    }

    /// The file's pages, if the page is one of a mapped file and nobody changes the file's map.
    pub fn try_file(&self) -> Option<(fs::Pages<'_>, u64)> {
        let PageSource::Mapping(file, page) = &self.source else { return None };
        Some((file.try_pages()?, *page))
    }

    /// One more space shows the page, at `vpn` of `table`. `change` makes the new state of the old one, under the lock; if it refuses, nothing
    /// has changed. When all is changed, `then` is called in the same critical section.
    #[inline]
    pub(super) fn add_place<E: From<NoMemory>>(
        &self,
        table: &Table,
        vpn: Vpn,
        change: impl Fn(PageState) -> Result<PageState, E>,
        mut then: impl FnMut(&Self, &mut Body),
    ) -> Result<(), E> {
        let mut room = None;
        loop {
            let mut body = self.lock();
            let spare = room.take().map(|room| body.shown.give(room));
            let added = match body.shown.add(table.clone(), vpn) {
                Ok(()) => change(body.state).map(|state| body.state = state),
                Err((NoRoom, _)) => {
                    let len = body.shown.len();
                    drop(body);
                    drop(spare); // memory is given back without the lock
                    room = Some(Room::for_more(len)?);
                    continue;
                }
            };
            match added {
                Ok(()) => then(self, &mut body),
                Err(_) => drop(body.shown.remove(vpn, |t| Arc::ptr_eq(t, table))),
            }
            drop(body);
            drop(spare); // as above
            return added;
        }
    }

    /// Sleeps until nobody moves or writes the page, holding nothing. It may be busy again by then.
    pub(super) fn wait_until_idle(&self) {
        self.waiters.wait_until(|| {
            let state = self.lock().state;
            !state.is_busy() && !matches!(state.state(), fl_vmcore::State::Cleaning { .. })
        });
    }
}
