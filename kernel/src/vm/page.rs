//! [`Page`]: the logical page. Where its bytes come from, and where they are now.

use crate::fs::File;
use crate::mm::frames::Frame;
use crate::mm::heap;
use crate::sched::WaitQueue;
use crate::sync::SpinLock;
use crate::trace::emit;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use fl_addr::{PAGE_SIZE, PageId, Vpn};
use fl_elf::Plan;
use fl_trace::event::{Event, FaultKind, FrameClass, PageFree};
use fl_vmcore::{PageState, Refused};

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
}

/// The file behind a page could not be read.
pub struct FillError;

/// The logical page.
///
/// Owns: at most one frame, by its state. Does not own: the entries that map it. Lifecycle: made at first touch, [`Page::detach`]ed
/// by its last address space. Lock: `state` (rank 6); the waiters' queue is woken after it is released.
pub struct Page {
    /// Its identity in the trace.
    pub id: PageId,
    source: PageSource,
    /// State, pins, generation.
    pub state: SpinLock<PageState>,
    /// Threads that wait while it is being loaded.
    pub waiters: WaitQueue,
}

/// The next identity; 0 means "none". Relaxed: only uniqueness counts.
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl Page {
    /// Heap bytes of a page behind an `Arc`.
    pub const HEAP: usize = heap::taken_by(size_of::<Self>() + 2 * size_of::<usize>());

    /// A page that has no frame yet.
    pub fn new(source: PageSource) -> Self {
        Self::with_state(source, PageState::new())
    }

    /// A page like `other` whose content is in `frame` already, which it owns from now on. Nothing pins it.
    pub fn resident(other: &Self, frame: Frame) -> Self {
        let loaded = PageState::new().claim().and_then(|claimed| claimed.publish(frame.into_pfn()));
        let state =
            loaded.and_then(PageState::unpin).expect("a new page can be claimed, and its claimer publishes");
        Self::with_state(other.source.clone(), state)
    }

    fn with_state(source: PageSource, state: PageState) -> Self {
        let id = PageId(NEXT_ID.fetch_add(1, Relaxed));
        Self { id, source, state: SpinLock::new(state), waiters: WaitQueue::new() }
    }

    /// What a fault on it needs, for those who watch.
    pub fn kind(&self) -> FaultKind {
        match &self.source {
            PageSource::Zero(kind) => *kind,
            PageSource::Executable(..) => FaultKind::Executable,
        }
    }

    /// Fills a frame with its first content. May sleep on the disk: call it holding nothing but the claim.
    pub fn fill(&self, bytes: &mut [u8; PAGE_SIZE]) -> Result<(), FillError> {
        match &self.source {
            PageSource::Zero(_) => {
                bytes.fill(0);
                Ok(())
            }
            PageSource::Executable(image, vpn) => {
                let plan = image.plan.page(*vpn).ok_or(FillError)?;
                plan.fill(&*image.file, bytes).map_err(|_| FillError)
            }
        }
    }

    /// Ends its life: no address space refers to it any more, and no processor can reach its frame, which is given back.
    pub fn detach(&self) {
        let (frame, generation) = {
            let mut state = self.state.lock();
            match state.kill() {
                Ok((dead, frame)) => {
                    *state = dead;
                    (frame, dead.generation())
                }
                Err(Refused::Dead) => return,
                // Its one address space is going away, so nobody can be loading or pinning it.
                Err(refused) => panic!("page {} is detached while in use: {refused}", self.id),
            }
        };
        if let Some(pfn) = frame {
            emit(Event::PageFree(PageFree { page: self.id, generation, frame: pfn }));
            // SAFETY: the page owned it (published from a `Frame`), is dead now, and its mappings are gone and flushed.
            drop(unsafe { Frame::from_pfn(pfn, FrameClass::User) });
        }
    }
}
