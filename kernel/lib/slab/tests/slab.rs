//! Objects never overlap, keep what is written to them, and chunks come back exactly when they are empty.

use fl_slab::{CHUNK, Slab, UNIT, WORD, owner_of};
use proptest::prelude::*;
use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeSet;
use std::ptr::NonNull;

/// Whose every slab here is.
static OWNER: u8 = 5;

fn owner() -> *const () {
    (&raw const OWNER).cast()
}

/// Memory for a slab, which knows what it has given.
#[derive(Default)]
struct Chunks(BTreeSet<usize>);

impl Chunks {
    fn layout() -> Layout {
        Layout::from_size_align(CHUNK, UNIT).unwrap()
    }

    fn add_to(&mut self, slab: &mut Slab) {
        // SAFETY: the layout is not empty; the chunk is the slab's until `take_back`.
        unsafe {
            let chunk = NonNull::new(alloc(Self::layout())).unwrap();
            chunk.write_bytes(0xa5, CHUNK); // it may hold anything
            assert!(self.0.insert(chunk.addr().get()));
            slab.add(chunk, owner());
        }
    }

    /// The chunk that `object` lies in.
    fn of(&self, object: NonNull<u8>) -> usize {
        let at = object.addr().get();
        let chunk = *self.0.range(..=at).next_back().expect("an object lies in a chunk");
        assert!(at + UNIT - WORD <= chunk + CHUNK, "an object lies behind its chunk");
        chunk
    }

    fn take_back(&mut self, chunk: NonNull<u8>) {
        assert!(self.0.remove(&chunk.addr().get()), "a chunk comes back that was not given");
        // SAFETY: `add_to` allocated it with this layout.
        unsafe { dealloc(chunk.as_ptr(), Self::layout()) };
    }
}

/// An object in use: its bytes are all `mark`.
struct Used {
    at: NonNull<u8>,
    mark: u8,
}

fn take(slab: &mut Slab, chunks: &mut Chunks, size: usize, mark: u8) -> Used {
    let at = slab.take().unwrap_or_else(|| {
        chunks.add_to(slab);
        slab.take().expect("a new chunk has room")
    });
    assert!(at.addr().get().is_multiple_of(UNIT));
    // SAFETY: it has just been taken.
    assert_eq!(unsafe { owner_of(at) }, owner());
    // SAFETY: the object is ours, `size` bytes of it.
    unsafe { at.write_bytes(mark, size) };
    Used { at, mark }
}

fn give_back(slab: &mut Slab, chunks: &mut Chunks, size: usize, used: Used) {
    // SAFETY: ours until here, and given back once.
    unsafe {
        assert_eq!(owner_of(used.at), owner(), "what was written to objects has changed their chunk");
        let bytes = std::slice::from_raw_parts(used.at.as_ptr(), size);
        assert!(bytes.iter().all(|&byte| byte == used.mark), "somebody wrote to an object in use");
        if let Some(chunk) = slab.give_back(used.at) {
            chunks.take_back(chunk);
        }
    }
}

#[test]
fn a_chunk_holds_what_fits_and_comes_back_when_it_is_empty() {
    let (mut slab, mut chunks) = (Slab::new(224 + UNIT), Chunks::default());
    assert!(slab.take().is_none(), "there is no chunk yet");
    let all: Vec<Used> = (0..slab.capacity()).map(|n| take(&mut slab, &mut chunks, 224, n as u8)).collect();
    assert_eq!((slab.capacity(), chunks.0.len()), (15, 1));
    assert!(slab.take().is_none(), "it is full");
    all.into_iter().for_each(|used| give_back(&mut slab, &mut chunks, 224, used));
    assert!(chunks.0.is_empty() && slab.take().is_none());
}

#[test]
fn what_was_given_back_last_is_taken_first() {
    let (mut slab, mut chunks) = (Slab::new(96), Chunks::default());
    let kept = take(&mut slab, &mut chunks, 64, 1);
    let used = take(&mut slab, &mut chunks, 64, 2);
    let at = used.at;
    give_back(&mut slab, &mut chunks, 64, used);
    let again = take(&mut slab, &mut chunks, 64, 3);
    assert_eq!(again.at, at, "it is still in the cache");
    [kept, again].into_iter().for_each(|used| give_back(&mut slab, &mut chunks, 64, used));
    assert!(chunks.0.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn objects_stay_apart_and_chunks_are_as_few_as_can_be(
        units in 1usize..=62,
        ops in proptest::collection::vec((any::<bool>(), any::<usize>()), 1..600),
    ) {
        let size = units * UNIT - WORD;
        let (mut slab, mut chunks) = (Slab::new(units * UNIT), Chunks::default());
        let mut used: Vec<Used> = Vec::new();
        for (n, (more, which)) in ops.into_iter().enumerate() {
            if more || used.is_empty() {
                let before = chunks.0.len();
                let room = before * slab.capacity() - used.len();
                used.push(take(&mut slab, &mut chunks, size, n as u8));
                prop_assert_eq!(chunks.0.len() > before, room == 0, "a chunk is added only when all are full");
            } else {
                let which = which % used.len();
                let gone = used.swap_remove(which);
                give_back(&mut slab, &mut chunks, size, gone);
            }
            let occupied: BTreeSet<usize> = used.iter().map(|used| chunks.of(used.at)).collect();
            prop_assert_eq!(&occupied, &chunks.0, "every chunk has an object in use");
        }
        used.into_iter().for_each(|used| give_back(&mut slab, &mut chunks, size, used));
        prop_assert!(chunks.0.is_empty());
    }
}
