//! Loom models of the frame cache: owners, a remote drain and a scan for the last frame against each other.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p fl-frames --test loom`. The models run on the source as it is, and
//! with the mutants they have to catch.
#![cfg(loom)]

use fl_addr::{CpuId, Pfn};
use fl_frames::FrameCache;
use fl_model::caught;
use loom::sync::Arc;
use loom::thread;

/// Explores every interleaving of `f`, which has two threads: of three, two that spin would take turns for ever.
fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.max_branches = 1_000;
    builder.check(f);
}

/// A cache with 8 frames per CPU, which makes magazines of two frames and batches of one.
fn cache<const CPUS: usize>() -> FrameCache<CPUS> {
    let frames = 8 * CPUS as u32;
    let cache = FrameCache::new();
    cache.init(vec![Pfn(0); frames as usize].leak(), (0..frames).map(Pfn));
    cache
}

/// Hands out all frames but `free`, leaving the pool and the magazines with just these many.
fn take_all_but<const CPUS: usize>(cache: &FrameCache<CPUS>, free: u32) -> Vec<Pfn> {
    let held: Vec<Pfn> = (free..cache.total()).map(|_| cache.alloc(CpuId(0)).unwrap().pfn).collect();
    assert_eq!(cache.drain_all().count(), 0, "what is free lies in the pool");
    held
}

/// Asserts that the counts are right and that the free frames and `held` are all the frames, each once. Nobody else is at it.
fn assert_conserved<const CPUS: usize>(cache: &FrameCache<CPUS>, held: &[Pfn]) {
    assert_eq!(cache.free_frames(), cache.total() - held.len() as u32, "the counts are right");
    let mut all: Vec<Pfn> = held.to_vec();
    all.extend(std::iter::from_fn(|| cache.alloc(CpuId(0))).map(|grant| grant.pfn));
    all.sort();
    assert_eq!(all, (0..cache.total()).map(Pfn).collect::<Vec<_>>(), "each frame is somewhere, once");
}

/// CPU 0 frees and allocates while CPU 1 drains CPU 0's magazine.
fn owner_and_remote_drain() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let held = [(); 3].map(|()| cache.alloc(CpuId(0)).unwrap().pfn);
        let drainer = thread::spawn({
            let cache = cache.clone();
            move || cache.drain(CpuId(0))
        });
        cache.free(CpuId(0), held[0]);
        let again = cache.alloc(CpuId(0)).unwrap().pfn;
        cache.free(CpuId(0), held[1]);
        drainer.join().unwrap();
        assert_conserved(&cache, &[again, held[2]]);
    });
}

#[test]
fn a_remote_drain_neither_loses_nor_doubles_a_frame() {
    owner_and_remote_drain();
}

#[test]
fn a_lock_that_opens_too_early_is_caught() {
    caught("unlock_relaxed", owner_and_remote_drain);
}

#[test]
fn a_lock_taken_in_two_steps_is_caught() {
    caught("lock_test_then_set", owner_and_remote_drain);
}

#[test]
fn a_count_updated_outside_the_lock_is_caught() {
    caught("count_after_unlock", owner_and_remote_drain);
}

/// Two CPUs with empty magazines refill from the pool, then spill into it.
fn two_owners() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let owner = |cpu: CpuId, cache: Arc<FrameCache<2>>| {
            let frames = [(); 2].map(|()| cache.alloc(cpu).unwrap().pfn);
            cache.free(cpu, frames[0]);
            frames[1]
        };
        let other = thread::spawn({
            let cache = cache.clone();
            move || owner(CpuId(1), cache)
        });
        let mine = owner(CpuId(0), cache.clone());
        let others = other.join().unwrap();
        assert_conserved(&cache, &[mine, others]);
    });
}

#[test]
fn two_owners_refill_at_once_and_share_no_frame() {
    two_owners();
}

/// Two CPUs want the last frame.
#[test]
fn the_last_frame_goes_to_exactly_one() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let mut held = take_all_but(&cache, 1);
        // From the pool into a magazine that belongs to neither or both.
        let last = cache.alloc(CpuId(1)).unwrap().pfn;
        cache.free(CpuId(1), last);
        let other = thread::spawn({
            let cache = cache.clone();
            move || cache.alloc(CpuId(1))
        });
        let mine = cache.alloc(CpuId(0));
        let others = other.join().unwrap();
        assert!(mine.is_some() != others.is_some());
        held.extend(mine.or(others).map(|grant| grant.pfn));
        assert_conserved(&cache, &held);
    });
}

/// One frame lies in magazine 2. Another is freed into magazine 1, and only then one is taken by CPU 2: one frame is free at
/// every moment, so CPU 0 must get one, though it may look into 1 before the free and into 2 after the allocation.
fn scan_against_a_moving_frame() {
    model(|| {
        let cache = Arc::new(cache::<3>());
        let mut held = take_all_but(&cache, 0);
        cache.free(CpuId(2), held.pop().unwrap());
        let mover = thread::spawn({
            let cache = cache.clone();
            let to_free = held.pop().unwrap();
            move || {
                cache.free(CpuId(1), to_free);
                cache.alloc(CpuId(2)).expect("two free, one other wants one").pfn
            }
        });
        let mine = cache.alloc(CpuId(0)).expect("there was a free frame all the time").pfn;
        held.extend([mover.join().unwrap(), mine]);
        assert_conserved(&cache, &held);
    });
}

#[test]
fn no_frame_is_never_said_falsely() {
    scan_against_a_moving_frame();
}

#[test]
fn a_frame_put_behind_the_scan_is_caught() {
    caught("scan_ignored", scan_against_a_moving_frame);
}

#[test]
fn asking_for_a_scan_before_the_lock_is_held_is_caught() {
    caught("scan_asked_early", scan_against_a_moving_frame);
}

/// As [`scan_against_a_moving_frame`], with two frames that come back at once.
fn scan_against_a_batch() {
    model(|| {
        let cache = Arc::new(cache::<3>());
        let mut held = take_all_but(&cache, 0);
        cache.free(CpuId(2), held.pop().unwrap());
        let batch = [held.pop().unwrap(), held.pop().unwrap()];
        let mover = thread::spawn({
            let cache = cache.clone();
            move || {
                cache.free_batch(CpuId(1), &batch);
                cache.alloc(CpuId(2)).expect("three free, one other wants one").pfn
            }
        });
        let mine = cache.alloc(CpuId(0)).expect("there was a free frame all the time").pfn;
        held.extend([mover.join().unwrap(), mine]);
        assert_conserved(&cache, &held);
    });
}

#[test]
fn frames_that_come_back_together_are_not_overlooked() {
    scan_against_a_batch();
}

#[test]
fn a_batch_that_asks_for_a_scan_before_the_lock_is_held_is_caught() {
    caught("batch_asked_early", scan_against_a_batch);
}

/// CPU 0 gives a batch back, which its magazine does not take for want of room or does, and takes a frame, while CPU 1 drains that magazine.
fn batch_and_remote_drain() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let held = [(); 4].map(|()| cache.alloc(CpuId(0)).unwrap().pfn);
        cache.free(CpuId(0), held[0]);
        let drainer = thread::spawn({
            let cache = cache.clone();
            move || cache.drain(CpuId(0))
        });
        cache.free_batch(CpuId(0), &held[1..3]);
        let again = cache.alloc(CpuId(0)).unwrap().pfn;
        drainer.join().unwrap();
        assert_conserved(&cache, &[again, held[3]]);
    });
}

#[test]
fn a_remote_drain_neither_loses_nor_doubles_a_batch() {
    batch_and_remote_drain();
    caught("unlock_relaxed", batch_and_remote_drain);
    caught("count_after_unlock", batch_and_remote_drain);
}

/// The only free frame is being drained from a magazine into the pool.
fn scan_against_a_drain() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let mut held = take_all_but(&cache, 0);
        cache.free(CpuId(1), held.pop().unwrap());
        let drainer = thread::spawn({
            let cache = cache.clone();
            move || cache.drain(CpuId(1))
        });
        held.push(cache.alloc(CpuId(0)).expect("there was a free frame all the time").pfn);
        drainer.join().unwrap();
        assert_conserved(&cache, &held);
    });
}

#[test]
fn a_frame_on_its_way_to_the_pool_is_not_overlooked() {
    scan_against_a_drain();
}

#[test]
fn a_frame_that_lies_nowhere_for_a_moment_is_caught() {
    caught("frames_in_transit", scan_against_a_drain);
}

/// One frame lies in magazine 1. Another, zeroed, is put into the stock, and only then the one in magazine 1 is taken: one frame is free at every
/// moment, so CPU 0 must get one, though it may look into the stock before the one and into the magazine after the other.
fn scan_against_the_stock() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let mut held = take_all_but(&cache, 0);
        cache.free(CpuId(1), held.pop().unwrap());
        let zeroer = thread::spawn({
            let cache = cache.clone();
            let zeroed = held.pop().unwrap();
            move || {
                cache.put_zeroed(CpuId(1), zeroed);
                cache.alloc(CpuId(1)).expect("two free, one other wants one").pfn
            }
        });
        let mine = cache.alloc(CpuId(0)).expect("there was a free frame all the time").pfn;
        held.extend([zeroer.join().unwrap(), mine]);
        assert_conserved(&cache, &held);
    });
}

#[test]
fn a_frame_that_goes_into_the_stock_is_not_overlooked() {
    scan_against_the_stock();
}

#[test]
fn a_frame_put_into_the_stock_behind_the_scan_is_caught() {
    caught("stock_put_behind_the_scan", scan_against_the_stock);
}

/// A frame is put into the stock while one takes a zeroed frame and another any.
#[test]
fn a_zeroed_frame_goes_to_exactly_one() {
    model(|| {
        let cache = Arc::new(cache::<2>());
        let mut held = take_all_but(&cache, 0);
        cache.put_zeroed(CpuId(0), held.pop().unwrap());
        let other = thread::spawn({
            let cache = cache.clone();
            move || cache.alloc(CpuId(1))
        });
        let mine = cache.take_zeroed();
        let others = other.join().unwrap();
        assert!(mine.is_some() != others.is_some());
        held.extend(mine.or(others.map(|grant| grant.pfn)));
        assert_conserved(&cache, &held);
    });
}
