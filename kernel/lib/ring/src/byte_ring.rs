//! The log buffer of one CPU: records of any length, written piece by piece, published whole or not at all.
//!
//! Key types: [`ByteRing`], its consumer view [`Records`] made of [`Record`]s. Neighbours: [`crate::ring`] has the same
//! contract for fixed-size records; the kernel's defmt logger produces.
//!
//! A record is a 2-byte little-endian length and its bytes, both wrapping around the end of the buffer.

use crate::Full;
use crossbeam_utils::CachePadded;
use fl_model::{AtomicU8, AtomicU64, Ordering, UnsafeCell, array_of, const_fn, mutant};

/// Bytes of the length in front of each record.
const HEADER: u64 = 2;

/// A buffer of `N` bytes (`N` a power of two, at least 4), meant to be a `static` per CPU.
///
/// Owns its bytes. Positions are cumulative byte counts; bytes `tail..head` are committed and unread and belong to the
/// consumer, all others to the producer. There is no lock: who may call what is the `# Safety` contract of each method.
pub struct ByteRing<const N: usize> {
    producer: CachePadded<Producer>,
    consumer: CachePadded<Consumer>,
    bytes: [UnsafeCell<u8>; N],
}

/// Written by the producer only, in a cache line of its own.
struct Producer {
    /// Bytes ever committed; published by Release.
    head: AtomicU64,
    /// Where the open record goes on: `head + HEADER + bytes written so far`.
    cursor: AtomicU64,
    /// What `tail` was when the producer last looked; only ever behind.
    tail_seen: AtomicU64,
    /// Records ever committed.
    written: AtomicU64,
    /// Records ever dropped.
    lost: AtomicU64,
    /// `CLOSED`, `OPEN` or `TOO_LONG`.
    state: AtomicU8,
}

/// No record is being written.
const CLOSED: u8 = 0;
/// A record is being written and has fitted so far.
const OPEN: u8 = 1;
/// A record is being written and did not fit: it will be dropped.
const TOO_LONG: u8 = 2;

/// Written by the consumer only, in a cache line of its own.
struct Consumer {
    /// Bytes ever released; published by Release.
    tail: AtomicU64,
    /// Records ever released.
    released: AtomicU64,
}

// SAFETY: that a byte is not accessed by two sides at once is the contract of the unsafe methods, the rest are atomics.
unsafe impl<const N: usize> Sync for ByteRing<N> {}

impl<const N: usize> ByteRing<N> {
    const SHAPE: () =
        assert!(N.is_power_of_two() && N >= 4, "the size of a byte ring is a power of two from 4");
    /// The longest record, in bytes: what fits the buffer and the length field.
    pub const LONGEST: usize = if N > u16::MAX as usize { u16::MAX as usize } else { N - HEADER as usize };

    const_fn! {
        /// An empty buffer; as the value of a `static` it takes no room in the image.
        pub const fn new() -> Self {
            let () = Self::SHAPE;
            Self {
                producer: CachePadded::new(Producer {
                    head: AtomicU64::new(0),
                    cursor: AtomicU64::new(0),
                    tail_seen: AtomicU64::new(0),
                    written: AtomicU64::new(0),
                    lost: AtomicU64::new(0),
                    state: AtomicU8::new(CLOSED),
                }),
                consumer: CachePadded::new(Consumer { tail: AtomicU64::new(0), released: AtomicU64::new(0) }),
                bytes: array_of!(N, UnsafeCell::new(0)),
            }
        }
    }

    /// Opens a record. One that is still open (a panic inside a log call) is dropped and counted as lost.
    ///
    /// # Safety
    /// Single producer: no other call of `begin`, `write`, `commit` or `abort` on this ring runs at the same time, on any CPU
    /// or nested in an interrupt, and successive callers are ordered. In the kernel: the owning CPU with interrupts off from
    /// `begin` to `commit`.
    pub unsafe fn begin(&self) {
        let p = &self.producer;
        // Relaxed, here and in the other producer methods: only the producer writes these.
        if p.state.load(Ordering::Relaxed) != CLOSED {
            // SAFETY: the caller is the producer.
            unsafe { self.abort() };
        }
        let cursor = p.head.load(Ordering::Relaxed) + HEADER;
        let state = if self.fits(cursor) { OPEN } else { TOO_LONG };
        p.cursor.store(cursor, Ordering::Relaxed);
        p.state.store(state, Ordering::Relaxed);
    }

    /// Appends bytes to the open record. If they do not fit the record is lost, which [`commit`](Self::commit) tells. Without
    /// an open record nothing happens.
    ///
    /// # Safety
    /// As for [`begin`](Self::begin).
    pub unsafe fn write(&self, bytes: &[u8]) {
        let p = &self.producer;
        if p.state.load(Ordering::Relaxed) != OPEN {
            return;
        }
        let cursor = p.cursor.load(Ordering::Relaxed);
        let end = cursor + bytes.len() as u64;
        let record = end - p.head.load(Ordering::Relaxed) - HEADER;
        if record > Self::LONGEST as u64 || !self.fits(end) {
            p.state.store(TOO_LONG, Ordering::Relaxed);
            return;
        }
        // SAFETY: the bytes up to `end` fit, so they are the producer's, and the caller is the producer.
        unsafe { self.put(cursor, bytes) };
        p.cursor.store(end, Ordering::Relaxed);
    }

    /// Publishes the open record, or drops it whole if it did not fit. Without an open record nothing happens.
    ///
    /// # Safety
    /// As for [`begin`](Self::begin).
    pub unsafe fn commit(&self) -> Result<(), Full> {
        let p = &self.producer;
        match p.state.load(Ordering::Relaxed) {
            CLOSED => return Ok(()),
            OPEN => {}
            _ => {
                // SAFETY: the caller is the producer.
                unsafe { self.abort() };
                return Err(Full);
            }
        }
        let head = p.head.load(Ordering::Relaxed);
        let end = p.cursor.load(Ordering::Relaxed);
        let len = (end - head - HEADER) as u16; // at most LONGEST, checked by `write`
        // SAFETY: `begin` found room for the header, so it is the producer's, and the caller is the producer.
        unsafe { self.put(head, &len.to_le_bytes()) };
        p.state.store(CLOSED, Ordering::Relaxed);
        p.written.store(p.written.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let order = if mutant!("commit_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the Acquire load of `head` in `snapshot`; the record is whole before it is seen.
        p.head.store(end, order);
        Ok(())
    }

    /// Drops the open record and counts it as lost. Without an open record nothing happens.
    ///
    /// # Safety
    /// As for [`begin`](Self::begin).
    pub unsafe fn abort(&self) {
        let p = &self.producer;
        if p.state.load(Ordering::Relaxed) == CLOSED {
            return;
        }
        p.state.store(CLOSED, Ordering::Relaxed);
        let lost = p.lost.load(Ordering::Relaxed);
        // Release: partner is the Acquire load of `lost` in `snapshot`; who sees this loss sees every record before it.
        p.lost.store(lost + 1, Ordering::Release);
    }

    /// Whether the bytes up to position `end` are the producer's.
    fn fits(&self, end: u64) -> bool {
        let p = &self.producer;
        let room = |tail: u64| end - tail <= N as u64 + mutant!("bytes_off_by_one") as u64;
        if room(p.tail_seen.load(Ordering::Relaxed)) {
            return true;
        }
        // Acquire: partner is the Release store of `tail` in `Records::release`; what was released has been copied out.
        let tail = self.consumer.tail.load(Ordering::Acquire);
        p.tail_seen.store(tail, Ordering::Relaxed);
        room(tail)
    }

    fn byte(&self, position: u64) -> &UnsafeCell<u8> {
        &self.bytes[position as usize & (N - 1)]
    }

    /// # Safety
    /// The caller is the producer and the bytes from `position` on are the producer's.
    unsafe fn put(&self, position: u64, bytes: &[u8]) {
        for (i, &b) in bytes.iter().enumerate() {
            // SAFETY: by contract nobody else accesses this byte.
            self.byte(position + i as u64).with_mut(|byte| unsafe { byte.write(b) });
        }
    }

    /// # Safety
    /// The byte was committed before this call and is not released during it.
    unsafe fn at(&self, position: u64) -> u8 {
        // SAFETY: by contract nobody writes this byte now.
        self.byte(position).with(|byte| unsafe { *byte })
    }

    /// The unread records and the losses up to their end. Changes nothing: until [`Records::release`] the same records are
    /// seen again.
    ///
    /// # Safety
    /// Single consumer: while the view is in use no other view of this ring is, and successive consumers are ordered (by a
    /// lock, or because the earlier one has been stopped for good and its view is never used again).
    pub unsafe fn peek(&self) -> Records<'_, N> {
        // Relaxed: only the consumer writes these.
        let start = self.consumer.tail.load(Ordering::Relaxed);
        let first = self.consumer.released.load(Ordering::Relaxed);
        let (end, lost) = self.snapshot();
        Records { ring: self, start, end, next: start, seen: 0, first, lost }
    }

    /// `(head, lost)` as they were together at one moment. Only for the consumer: as it does not release meanwhile, `head`
    /// changes less than `N` times and the loop ends.
    fn snapshot(&self) -> (u64, u64) {
        // Acquire (both loads of `head`): partner is the Release store in `commit`; records and losses before it are visible.
        let mut head = self.producer.head.load(Ordering::Acquire);
        loop {
            // Acquire: partner is the Release store in `abort`; a record committed before this loss is seen below.
            let lost = self.producer.lost.load(Ordering::Acquire);
            let again = self.producer.head.load(Ordering::Acquire);
            if again == head {
                return (head, lost);
            }
            head = again;
        }
    }

    /// Records ever dropped. Callable anywhere; may be outdated on return.
    pub fn lost(&self) -> u64 {
        self.producer.lost.load(Ordering::Relaxed) // a number only
    }

    /// Records ever committed. Callable anywhere; may be outdated on return.
    pub fn written(&self) -> u64 {
        self.producer.written.load(Ordering::Relaxed) // a number only
    }

    /// Bytes in use by unread records, their lengths included. Callable anywhere; may be outdated on return.
    pub fn used(&self) -> usize {
        // The tail first, by Acquire: partner is the Release store of `tail`, whose consumer had seen at least as large a head.
        let tail = self.consumer.tail.load(Ordering::Acquire);
        let head = self.producer.head.load(Ordering::Relaxed);
        (head - tail).min(N as u64) as usize
    }

    /// Whether there is nothing unread. Callable anywhere; may be outdated on return.
    pub fn is_empty(&self) -> bool {
        self.used() == 0
    }

    /// Bytes the buffer can hold, lengths included.
    pub const fn capacity(&self) -> usize {
        N
    }
}

impl<const N: usize> Default for ByteRing<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The consumer's view of the records that were unread when it looked, oldest first.
///
/// Borrows the ring, owns nothing. Records stay in the ring until [`release`](Self::release).
pub struct Records<'r, const N: usize> {
    ring: &'r ByteRing<N>,
    /// Byte positions of the view.
    start: u64,
    end: u64,
    /// Byte position of the record that `next_record` returns.
    next: u64,
    /// Records returned so far.
    seen: u64,
    first: u64,
    lost: u64,
}

impl<const N: usize> Records<'_, N> {
    /// The number of the first unread record: how many were committed before it. Too small by the records of one release if
    /// an earlier consumer was stopped for good inside [`release`](Self::release).
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Records ever lost when the view was taken: those not counted by the view before lie between the ends of the two.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the view holds no record at all.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Gives the bytes of the first `n` records back to the producer. Call it after they were sent.
    ///
    /// # Panics
    /// If the view has not so many: the caller's bug.
    pub fn release(mut self, n: usize) {
        (self.next, self.seen) = (self.start, 0);
        for i in 0..n {
            assert!(self.next_record().is_some(), "release of {n} of {i} records");
        }
        let c = &self.ring.consumer;
        let order = if mutant!("release_bytes_relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release: partner is the Acquire load of `tail` in `fits`; the copying is done before the bytes are free.
        c.tail.store(self.next, order);
        c.released.store(self.first + n as u64, Ordering::Relaxed); // only consumers read it, and they are ordered
    }

    /// The next record, oldest first; `None` after the last one. A record is used before the view is released.
    pub fn next_record(&mut self) -> Option<Record<'_, N>> {
        if self.next == self.end {
            return None;
        }
        // SAFETY: the bytes `start..end` were committed before the Acquire load in `snapshot`, and only this view's release
        // gives them back.
        let len = u16::from_le_bytes(unsafe { [self.ring.at(self.next), self.ring.at(self.next + 1)] });
        let record =
            Record { ring: self.ring, index: self.first + self.seen, start: self.next + HEADER, len };
        self.next = record.start + len as u64;
        self.seen += 1;
        Some(record)
    }
}

/// One unread record of a [`Records`] view. Borrows the view, so that it cannot be read after its release.
pub struct Record<'v, const N: usize> {
    ring: &'v ByteRing<N>,
    index: u64,
    start: u64,
    len: u16,
}

impl<const N: usize> Record<'_, N> {
    /// How many records were committed before this one; see [`Records::first`].
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Its length in bytes: 0..=[`ByteRing::LONGEST`].
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes in order.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        // SAFETY: the record lies inside its view, which is not released while the record borrows it.
        (0..self.len as u64).map(|i| unsafe { self.ring.at(self.start + i) })
    }

    /// Copies it to the front of `out` and returns that part, or `None` if `out` is shorter than the record.
    pub fn copy_to<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        let out = out.get_mut(..self.len())?;
        for (to, from) in out.iter_mut().zip(self.bytes()) {
            *to = from;
        }
        Some(out)
    }
}
