//! [`Mailbox`]: what others want one CPU to drop. Many post, the owner serves in the interrupt; no lock, no memory.

use crate::drops::{Drops, Extent, PageRun};
use fl_addr::Vpn;
use fl_model::{AtomicU8, AtomicU64, Ordering, array_of, const_fn, mutant};

/// Runs of pages that wait in a mailbox at most. Fewer in models: each is looked at whenever the mailbox is served.
const PLACES: usize = if cfg!(loom) { 2 } else { 8 };

/// What a place holds: 0, or a page number above the number of pages less one.
const COUNT_BITS: u32 = 12;

fn packed(run: PageRun) -> u64 {
    debug_assert!(run.pages > 0 && run.pages <= 1 << COUNT_BITS);
    (run.first.0 + 1) << COUNT_BITS | u64::from(run.pages - 1)
}

fn unpacked(place: u64) -> Option<PageRun> {
    let first = (place >> COUNT_BITS).checked_sub(1)?;
    // The sign-extended upper half does not fit, and is not needed: runs are of user pages.
    Some(PageRun { first: Vpn(first), pages: (place & ((1 << COUNT_BITS) - 1)) as u32 + 1 })
}

/// A post, to ask whether it has been served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Ticket(u64);

impl Ticket {
    /// Of no post: served from the beginning.
    pub const NONE: Self = Self(0);
}

/// What one CPU is to drop from its translation caches.
pub struct Mailbox {
    places: [AtomicU64; PLACES],
    /// An [`Extent`] beyond the places: there was no room, or more was asked for.
    extent: AtomicU8,
    /// Posts so far.
    posted: AtomicU64,
    /// Posts served, with all before them. Written by the owner.
    served: AtomicU64,
}

impl Mailbox {
    const_fn! {
        /// Empty.
        pub const fn new() -> Self {
            Self {
                places: array_of!(PLACES, AtomicU64::new(0)),
                extent: AtomicU8::new(0),
                posted: AtomicU64::new(0),
                served: AtomicU64::new(0),
            }
        }
    }

    /// Asks the owner to drop these. The caller interrupts it afterwards and waits until [`is_served`](Self::is_served).
    pub fn post<const N: usize>(&self, drops: &Drops<N>) -> Ticket {
        let fit = drops.extent() == Extent::Runs && drops.runs().iter().all(|run| self.put(*run));
        if !fit && !mutant!("overflow_forgotten") {
            // Relaxed, as the places: published by the Release below.
            self.extent.fetch_max(drops.extent().max(Extent::User) as u8, Ordering::Relaxed);
        }
        // Release: partner is the Acquire in `serve`. It publishes the places and the changed page-table entries.
        Ticket(self.posted.fetch_add(1, Ordering::AcqRel) + 1)
    }

    fn put(&self, run: PageRun) -> bool {
        let run = packed(run);
        let empty =
            |place: &AtomicU64| place.compare_exchange(0, run, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        self.places.iter().any(empty)
    }

    /// Gives each thing that is to be dropped to `drop` and acknowledges. The owner alone, with interrupts off. Another post may come meanwhile: it
    /// is served then or at its own interrupt.
    pub fn serve(&self, mut drop: impl FnMut(Extent, PageRun)) {
        let early = mutant!("posts_counted_late");
        // Acquire: partner is the Release in `post`. Read first: what is acknowledged was in the places before.
        let mut posted = self.posted.load(Ordering::Acquire);
        if mutant!("acknowledged_before_it_was_done") {
            self.served.store(posted, Ordering::Release);
        }
        match self.extent.swap(0, Ordering::Relaxed) {
            0 => {}
            extent => {
                let extent = if extent == Extent::User as u8 { Extent::User } else { Extent::Everything };
                drop(extent, PageRun::default());
            }
        }
        for place in &self.places {
            // Most are empty: looked at before they are written.
            if place.load(Ordering::Relaxed) != 0
                && let Some(run) = unpacked(place.swap(0, Ordering::Relaxed))
            {
                drop(Extent::Runs, run);
            }
        }
        if early {
            posted = self.posted.load(Ordering::Acquire);
        }
        // Release: partner is the Acquire in `is_served`; the old translations are gone by then.
        self.served.store(posted, Ordering::Release);
    }

    /// Whether the owner has done all that was asked for up to `ticket`.
    #[inline]
    pub fn is_served(&self, ticket: Ticket) -> bool {
        self.served.load(Ordering::Acquire) >= ticket.0 // partner: the Release in `serve`
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}
