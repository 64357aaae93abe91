//! Slabs: memory for objects of one size, cut from chunks of about 4 KiB.
//!
//! Key type: [`Slab`]. Neighbour: the kernel's heap has one for each CPU and small size, each behind a lock, and gives them chunks; [`owner_of`] tells which of
//! them an object is from. Taking an object and giving
//! it back is a handful of instructions whatever else is there: the word before an object names its chunk, and free objects are a list that runs
//! through themselves. After Bonwick, "The Slab Allocator" (USENIX 1994), without constructors and colours.
#![no_std]

use core::ptr::{NonNull, null_mut};

/// Bytes of a chunk: 4 KiB with the word that the kernel's allocator adds.
pub const CHUNK: usize = 4096 - WORD;
/// Chunks and objects are aligned to this, and objects lie a multiple of it apart.
pub const UNIT: usize = 32;
/// Bytes before an object that name its chunk.
pub const WORD: usize = size_of::<*mut u8>();
/// Bytes at a chunk's start that are no object's.
const HEAD: usize = 2 * UNIT;

/// At the start of each chunk.
#[repr(C)]
struct Chunk {
    /// Its neighbours in the list of chunks with room. Null at the ends; without meaning while it is full.
    next: *mut Chunk,
    prev: *mut Chunk,
    /// Objects that were given back: each holds the address of the next.
    free: *mut Object,
    /// Objects that are in use.
    used: u16,
    /// Objects that were ever in use: those behind them were never touched and are in no list.
    touched: u16,
}

/// Where in its chunk stands whose slab it is: outside [`Chunk`], which only the slab's lock lets one touch.
const OWNER: usize = size_of::<Chunk>();

/// An object that nobody uses.
struct Object {
    next: *mut Object,
}

const _: () =
    assert!(OWNER + WORD <= HEAD - WORD && align_of::<Chunk>() <= UNIT && size_of::<Object>() <= UNIT - WORD);

/// Objects of one size.
///
/// Owns: the chunks it was given, until it gives them back; of those that are full it knows nothing. Does not own: objects in use. Lock: its
/// owner's, around every call.
pub struct Slab {
    /// Chunks that have room.
    with_room: *mut Chunk,
    /// From one object to the next.
    stride: usize,
    /// Objects in a chunk.
    capacity: u16,
}

/// What the slab that `object` was taken from got its chunk with. Needs no lock.
///
/// # Safety
///
/// `object` comes from [`Slab::take`] and has not been given back.
#[inline]
pub unsafe fn owner_of(object: NonNull<u8>) -> *const () {
    // SAFETY: `take` has written the word before it: its chunk, which stays its slab's as long as the object is in use. The owner was written before the
    // object was handed out, and is not written again until all are back.
    unsafe { object.cast::<*mut Chunk>().sub(1).read().cast::<u8>().add(OWNER).cast::<*const ()>().read() }
}

// SAFETY: all that it points to is its own.
unsafe impl Send for Slab {}

impl Slab {
    /// A slab without chunks, for objects that lie `stride` bytes apart, and have all of these but [`WORD`]: a multiple of [`UNIT`], not 0, of which a
    /// chunk holds at least two.
    pub const fn new(stride: usize) -> Self {
        assert!(stride != 0 && stride.is_multiple_of(UNIT) && stride <= (CHUNK - HEAD) / 2);
        // The last object needs no word behind it.
        Self { with_room: null_mut(), stride, capacity: ((CHUNK - HEAD + WORD) / stride) as u16 }
    }

    /// Objects in a chunk.
    pub const fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// Takes an object: `stride` less [`WORD`] bytes of anything. `None`: all chunks are full; [`add`](Self::add) one.
    #[inline]
    pub fn take(&mut self) -> Option<NonNull<u8>> {
        // SAFETY: chunks in the list are ours, and their heads are valid.
        let chunk = unsafe { self.with_room.as_mut()? };
        let object = match NonNull::new(chunk.free) {
            Some(free) => {
                // SAFETY: an object in the list is nobody's, and holds the next one's address.
                chunk.free = unsafe { free.as_ref().next };
                free.cast()
            }
            None => {
                let at = HEAD + usize::from(chunk.touched) * self.stride;
                chunk.touched += 1;
                // SAFETY: it has room and no object that was given back, so one that was never touched is left: `at`, and the word before it, lie
                // inside the chunk and are nobody's.
                unsafe {
                    let object = self.with_room.cast::<u8>().add(at);
                    object.cast::<*mut Chunk>().sub(1).write(self.with_room);
                    NonNull::new_unchecked(object)
                }
            }
        };
        chunk.used += 1;
        if chunk.used == self.capacity {
            let chunk = self.with_room;
            // SAFETY: it is in the list.
            unsafe { self.unlink(chunk) };
        }
        Some(object)
    }

    /// Gives an object back. The answer is the chunk, if nothing in it is in use any more: it is the caller's then.
    ///
    /// # Safety
    ///
    /// `object` comes from [`take`](Self::take) of this slab, is given back once, and nobody uses it any more.
    #[inline]
    #[must_use = "the chunk has no other owner"]
    pub unsafe fn give_back(&mut self, object: NonNull<u8>) -> Option<NonNull<u8>> {
        // SAFETY: by this function's contract; `take` has written it.
        let chunk = unsafe { object.cast::<*mut Chunk>().sub(1).read() };
        // SAFETY: by this function's contract the object lies in a chunk of ours, whose head is there.
        let head = unsafe { &mut *chunk };
        let free = object.as_ptr().cast::<Object>();
        // SAFETY: the object is nobody's any more, large and aligned enough.
        unsafe { free.write(Object { next: head.free }) };
        head.free = free;
        let was_full = head.used == self.capacity;
        head.used -= 1;
        if head.used == 0 {
            if !was_full {
                // SAFETY: it had room, so it is in the list.
                unsafe { self.unlink(chunk) };
            }
            return NonNull::new(chunk.cast());
        }
        if was_full {
            // SAFETY: it was full, so it is in no list.
            unsafe { self.link(chunk) };
        }
        None
    }

    /// Adds a chunk, of whose objects [`owner_of`] tells `owner`: where whoever frees one finds this slab.
    ///
    /// # Safety
    ///
    /// `chunk` is [`CHUNK`] bytes of memory, aligned to [`UNIT`], that nobody else uses until [`give_back`](Self::give_back) returns it.
    pub unsafe fn add(&mut self, chunk: NonNull<u8>, owner: *const ()) {
        debug_assert!(chunk.as_ptr().addr().is_multiple_of(UNIT));
        let chunk = chunk.as_ptr().cast::<Chunk>();
        // SAFETY: ours from now on, by this function's contract; large and aligned enough.
        unsafe {
            chunk.write(Chunk { next: null_mut(), prev: null_mut(), free: null_mut(), used: 0, touched: 0 });
            chunk.cast::<u8>().add(OWNER).cast::<*const ()>().write(owner);
            self.link(chunk);
        }
    }

    /// Puts a chunk at the front of those with room.
    ///
    /// # Safety
    ///
    /// It is one of ours, in no list.
    unsafe fn link(&mut self, chunk: *mut Chunk) {
        // SAFETY: the chunk is ours; so is the first one of the list.
        unsafe {
            (*chunk).next = self.with_room;
            (*chunk).prev = null_mut();
            if let Some(first) = self.with_room.as_mut() {
                first.prev = chunk;
            }
        }
        self.with_room = chunk;
    }

    /// Takes a chunk out of those with room.
    ///
    /// # Safety
    ///
    /// It is among them.
    unsafe fn unlink(&mut self, chunk: *mut Chunk) {
        // SAFETY: it and its neighbours are chunks of ours.
        unsafe {
            let (prev, next) = ((*chunk).prev, (*chunk).next);
            match prev.as_mut() {
                Some(prev) => prev.next = next,
                None => self.with_room = next,
            }
            if let Some(next) = next.as_mut() {
                next.prev = prev;
            }
        }
    }
}
