//! The event ring of one CPU: fixed-size records, one producer that never waits, one consumer at a time.
//!
//! Key types: [`Ring`], its consumer view [`Peek`], the producer's answer [`Full`]. Neighbour: [`fl_model`].

use core::mem::MaybeUninit;
use crossbeam_utils::CachePadded;
use fl_model::{AtomicU64, Ordering, UnsafeCell, array_of, const_fn, mutant};

/// A ring of `N` records (`N` a power of two), meant to be a `static` per CPU.
///
/// Owns its slots. Positions are cumulative: record `i` is the i-th ever written, lives in slot `i % N`, and counters never
/// go back (64 bits do not wrap at any event rate). Records `tail..head` are unread and belong to the consumer; all other
/// slots belong to the producer. There is no lock: who may call what is the `# Safety` contract of each method.
pub struct Ring<T: Copy, const N: usize> {
    producer: CachePadded<Producer>,
    consumer: CachePadded<Consumer>,
    slots: [UnsafeCell<MaybeUninit<T>>; N],
}

/// Written by the producer only, in a cache line of its own.
struct Producer {
    /// Records ever written; published by Release.
    head: AtomicU64,
    /// Records ever dropped because the ring was full.
    lost: AtomicU64,
    /// What `tail` was when the producer last looked; only ever behind, so trusting it can only see too little room.
    tail_seen: AtomicU64,
}

/// Written by the consumer only, in a cache line of its own.
struct Consumer {
    /// Records ever released; published by Release.
    tail: AtomicU64,
}

/// The ring was full: the record was dropped and counted. Nobody's fault; do not retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

// SAFETY: records are copied in and out by value, so sharing the ring moves `T`s between threads (`Send`); that slots are
// not accessed by two sides at once is the contract of the unsafe methods, the rest are atomics.
unsafe impl<T: Copy + Send, const N: usize> Sync for Ring<T, N> {}

impl<T: Copy, const N: usize> Ring<T, N> {
    const SHAPE: () = assert!(N.is_power_of_two(), "the capacity of a ring is a power of two");

    const_fn! {
        /// An empty ring; as the value of a `static` it takes no room in the image.
        pub const fn new() -> Self {
            let () = Self::SHAPE;
            Self {
                producer: CachePadded::new(Producer {
                    head: AtomicU64::new(0),
                    lost: AtomicU64::new(0),
                    tail_seen: AtomicU64::new(0),
                }),
                consumer: CachePadded::new(Consumer { tail: AtomicU64::new(0) }),
                slots: array_of!(N, UnsafeCell::new(MaybeUninit::uninit())),
            }
        }
    }

    /// Appends a record, or drops it and counts it as lost when all `N` slots are unread.
    ///
    /// # Safety
    /// Single producer: no other call of `push` on this ring runs at the same time, on any CPU or nested in an interrupt,
    /// and successive callers are ordered (same CPU, or a lock). In the kernel: the owning CPU with interrupts off.
    #[inline]
    pub unsafe fn push(&self, record: T) -> Result<(), Full> {
        // SAFETY: by this function's contract.
        unsafe { self.push_with(|| record) }
    }

    /// [`push`](Self::push) of the record that `make` gives, which is called only if there is room.
    ///
    /// # Safety
    /// As [`push`](Self::push), and `make` does not touch this ring.
    #[inline(always)]
    pub unsafe fn push_with(&self, make: impl FnOnce() -> T) -> Result<(), Full> {
        let p = &self.producer;
        // Relaxed: only the producer writes these.
        let head = p.head.load(Ordering::Relaxed);
        let tail_seen = p.tail_seen.load(Ordering::Relaxed);
        if Self::is_full(head, tail_seen) {
            self.refresh_tail(head)?;
        }
        // SAFETY: slot `head % N` is the producer's: record `head - N` was released (not full), and the Acquire load that saw
        // the release orders the consumer's copying before this write. There is no other producer.
        self.slot(head).with_mut(|slot| unsafe { slot.write(MaybeUninit::new(make())) });
        let publish = if mutant!("publish_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the Acquire load of `head` in `peek`; the slot is written before it counts as written.
        p.head.store(head + 1, publish);
        Ok(())
    }

    /// Looks at the consumer's line, which `push` avoids while the tail it remembers leaves room.
    #[cold]
    #[inline(never)]
    fn refresh_tail(&self, head: u64) -> Result<(), Full> {
        let p = &self.producer;
        // Acquire: partner is the Release store of `tail` in `Peek::release`; what was released has been copied out.
        let tail = self.consumer.tail.load(Ordering::Acquire);
        p.tail_seen.store(tail, Ordering::Relaxed); // only the producer reads it
        if !Self::is_full(head, tail) {
            return Ok(());
        }
        let lost = p.lost.load(Ordering::Relaxed); // only the producer writes it: no locked add needed
        // Release: partner is the Acquire load of `lost` in `snapshot`; who sees this loss sees every record before it.
        let order = if mutant!("lost_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        p.lost.store(lost + 1, order);
        Err(Full)
    }

    #[inline]
    fn is_full(head: u64, tail: u64) -> bool {
        let used = head - tail;
        if mutant!("full_off_by_one") { used > N as u64 } else { used >= N as u64 }
    }

    #[inline]
    fn slot(&self, position: u64) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[position as usize & (N - 1)]
    }

    /// The unread records, oldest first, and the losses up to their end. Changes nothing: until [`Peek::release`] the same
    /// records are seen again.
    ///
    /// # Safety
    /// Single consumer: while the `Peek` is in use no other `Peek` of this ring is, and successive consumers are ordered
    /// (by a lock, or because the earlier one has been stopped for good and its `Peek` is never used again).
    pub unsafe fn peek(&self) -> Peek<'_, T, N> {
        // Relaxed: only the consumer writes it.
        let first = self.consumer.tail.load(Ordering::Relaxed);
        let (end, lost) = self.snapshot();
        if mutant!("release_before_copy") {
            self.consumer.tail.store(end, Ordering::Release);
        }
        Peek { ring: self, first, end, lost }
    }

    /// `(written, lost)` as they were together at one moment: their sum is the number of records emitted until then.
    ///
    /// Only for the consumer: as it does not release meanwhile, `head` can change at most `N` times and the loop ends.
    fn snapshot(&self) -> (u64, u64) {
        // Acquire (both loads of `head`): partner is the Release store in `push`; records and losses before it are visible.
        let mut head = self.producer.head.load(Ordering::Acquire);
        loop {
            // Acquire: partner is the Release store in `refresh_tail`; a record written before this loss is seen below.
            let lost = self.producer.lost.load(Ordering::Acquire);
            let again = self.producer.head.load(Ordering::Acquire);
            if again == head || mutant!("snapshot_unchecked") {
                return (head, lost);
            }
            head = again;
        }
    }

    /// The last `n` records written, oldest first, read or not: what a panic dump shows.
    ///
    /// Fewer if fewer were written, and at most `N`; at most `N - 1` when the oldest slot may be half overwritten by a push
    /// that was stopped in the middle. Unread records are never left out for that.
    ///
    /// # Safety
    /// The producer does not run while the iterator is in use (its CPU has been stopped, or is the caller).
    pub unsafe fn last(&self, n: usize) -> impl Iterator<Item = T> + '_ {
        // Acquire: partner is the Release store in `push`.
        let head = self.producer.head.load(Ordering::Acquire);
        let tail = self.consumer.tail.load(Ordering::Relaxed); // a number only, nothing is read through it
        // A push was in progress only if there was room, and it then writes over record `head - N`.
        let whole = if head - tail == N as u64 { N } else { N - 1 };
        let first = head - head.min(n.min(whole) as u64);
        // SAFETY: records `first..head` are written and, with the producer stopped, not being overwritten.
        (first..head).map(|i| unsafe { self.copy_out(i) })
    }

    /// Copies record `i`.
    ///
    /// # Safety
    /// Record `i` has been written, its writing happens before this call, and it is not overwritten during it.
    #[inline]
    unsafe fn copy_out(&self, i: u64) -> T {
        // SAFETY: by contract the slot is initialised and nobody writes it now.
        self.slot(i).with(|slot| unsafe { (*slot).assume_init() })
    }

    /// Records ever dropped because the ring was full. Callable anywhere; may be outdated on return.
    pub fn lost(&self) -> u64 {
        self.producer.lost.load(Ordering::Relaxed) // a number only
    }

    /// Records ever written into the ring (not counting the lost ones). Callable anywhere; may be outdated on return.
    pub fn written(&self) -> u64 {
        self.producer.head.load(Ordering::Relaxed) // a number only
    }

    /// Records ever released by the consumer. Callable anywhere; may be outdated on return.
    pub fn released(&self) -> u64 {
        self.consumer.tail.load(Ordering::Relaxed) // a number only
    }

    /// Unread records: 0..=`N`. Callable anywhere; may be outdated on return.
    pub fn len(&self) -> usize {
        // The tail first: read the other way round it could have passed the head.
        // Acquire: partner is the Release store of `tail`; its consumer had seen at least as large a head.
        let tail = self.consumer.tail.load(Ordering::Acquire);
        let head = self.producer.head.load(Ordering::Relaxed);
        (head - tail).min(N as u64) as usize
    }

    /// Whether there is nothing unread. Callable anywhere; may be outdated on return.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records the ring can hold.
    pub const fn capacity(&self) -> usize {
        N
    }
}

impl<T: Copy, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The consumer's view of the records that were unread when it looked; later ones are seen by the next look.
///
/// Borrows the ring, owns nothing. Records stay in the ring until [`release`](Self::release), so a consumer that dies
/// between sending and releasing causes a repetition and never a loss.
pub struct Peek<'r, T: Copy, const N: usize> {
    ring: &'r Ring<T, N>,
    first: u64,
    end: u64,
    lost: u64,
}

impl<T: Copy, const N: usize> Peek<'_, T, N> {
    /// The position of the first unread record: how many were written before it.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many records this view holds.
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.first) as usize
    }

    /// Whether this view holds no record.
    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Records ever lost when the view was taken. At that moment `first() + len() + lost()` records had been emitted: every
    /// loss counted here and not in the view before lies between the ends of the two views.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// A copy of the `i`-th record of the view, at position `first() + i`.
    ///
    /// # Panics
    /// If `i >= len()`: the caller's bug.
    pub fn get(&self, i: usize) -> T {
        self.with(i, |record| *record)
    }

    /// Calls `look` with the `i`-th record of the view, where it lies.
    ///
    /// # Panics
    /// If `i >= len()`: the caller's bug.
    #[inline(always)]
    pub fn with<R>(&self, i: usize, look: impl FnOnce(&T) -> R) -> R {
        assert!(i < self.len(), "record {i} of a view of {}", self.len());
        // SAFETY: `first..end` were written before the Acquire load in `snapshot` and are not released while the view lives,
        // so the producer leaves their slots alone.
        self.ring.slot(self.first + i as u64).with(|slot| look(unsafe { (*slot).assume_init_ref() }))
    }

    /// Copies of all records of the view, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Gives the slots of the first `n` records back to the producer. Call it after they were sent.
    ///
    /// # Panics
    /// If `n > len()`: the caller's bug.
    pub fn release(self, n: usize) {
        assert!(n <= self.len(), "release of {n} of {} records", self.len());
        let order = if mutant!("release_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the Acquire load of `tail` in `refresh_tail`; the copying is done before the slots are free.
        self.ring.consumer.tail.store(self.first + n as u64, order);
    }
}
