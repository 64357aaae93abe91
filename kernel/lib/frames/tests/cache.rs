//! What a frame cache promises, one CPU after the other; `loom.rs` has the interleavings.
#![cfg(not(loom))]

use fl_addr::{CpuId, Pfn};
use fl_frames::{FrameCache, Grant, MAGAZINE_CAPACITY, OwnerMap, OwnerState, Transfer};
use proptest::prelude::*;
use std::collections::BTreeSet;

const BASE: u32 = 0x100;

/// A cache of frames `BASE..BASE + total`, checked.
fn cache<const CPUS: usize>(total: u32) -> FrameCache<CPUS> {
    let states: Vec<OwnerState> = (0..total).map(|_| OwnerState::new()).collect();
    let cache = FrameCache::new();
    let owners = OwnerMap::new(Pfn(BASE), states.leak());
    cache.init_checked(vec![Pfn(0); total as usize].leak(), owners, (BASE..BASE + total).map(Pfn));
    cache
}

fn alloc<const CPUS: usize>(cache: &FrameCache<CPUS>, cpu: u8) -> Option<Pfn> {
    cache.alloc(CpuId(cpu)).map(|grant| grant.pfn)
}

/// What a grant moved: the transfer, and whether it took from the pool.
fn moves(grant: Grant) -> impl Iterator<Item = (Transfer, bool)> {
    grant.refill.map(|t| (t, true)).into_iter().chain(grant.drained.map(|t| (t, false)))
}

/// Whether these, put in the order of their numbers, are all moves of a pool that had `free` frames at first.
fn explain_the_pool(free: u32, moves: &mut [(Transfer, bool)]) -> Result<u32, String> {
    moves.sort_by_key(|(t, _)| t.number);
    moves.iter().zip(1..).try_fold(free, |free, ((t, refill), number)| {
        let moved = u32::from(t.moved);
        let after = if *refill { free.checked_sub(moved) } else { free.checked_add(moved) };
        (t.number == number && Some(t.pool_free) == after)
            .then_some(t.pool_free)
            .ok_or_else(|| format!("{t:?}, taken: {refill}, is number {number} on {free} frames"))
    })
}

/// Allocates until nothing is left.
fn exhaust<const CPUS: usize>(cache: &FrameCache<CPUS>, cpu: u8) -> Vec<Pfn> {
    std::iter::from_fn(|| alloc(cache, cpu)).collect()
}

#[test]
fn a_cache_without_frames_has_none() {
    let cache = FrameCache::<4>::new();
    assert_eq!(cache.alloc(CpuId(3)), None);
    assert_eq!((cache.free_frames(), cache.total()), (0, 0));
}

#[test]
fn frames_are_first_handed_out_in_the_order_given() {
    let cache = cache::<1>(4);
    assert_eq!(exhaust(&cache, 0), (BASE..BASE + 4).map(Pfn).collect::<Vec<_>>());
}

#[test]
fn a_refill_brings_half_a_magazine_and_says_so() {
    let cache = cache::<2>(4096);
    let half = MAGAZINE_CAPACITY as u16 / 2;
    let grant = cache.alloc(CpuId(1)).unwrap();
    let pool_free = 4096 - 1 - half as u32;
    let refill = Transfer { cache: CpuId(1), moved: 1 + half, cached: half, pool_free, number: 1 };
    assert_eq!(grant.refill, Some(refill));
    assert_eq!(grant.drained, None);
    for _ in 0..half {
        let Grant { refill, drained, .. } = cache.alloc(CpuId(1)).unwrap();
        assert_eq!((refill, drained), (None, None));
    }
    assert!(cache.alloc(CpuId(1)).unwrap().refill.is_some());
}

#[test]
fn a_full_magazine_drains_half_of_it_and_says_so() {
    let cache = cache::<1>(4096);
    let frames: Vec<Pfn> = (0..200).map(|_| alloc(&cache, 0).unwrap()).collect();
    let moves: Vec<Transfer> = frames.iter().filter_map(|&pfn| cache.free(CpuId(0), pfn)).collect();
    let half = MAGAZINE_CAPACITY as u16 / 2;
    assert!(moves.len() >= 4);
    assert!(moves.iter().all(|t| t.cache == CpuId(0) && t.moved == half && t.cached == half + 1));
    assert_eq!(cache.free_frames(), 4096);
}

#[test]
fn alternating_allocs_and_frees_never_go_back_and_forth_to_the_pool() {
    let cache = cache::<1>(4096);
    let mut held: Vec<Pfn> = Vec::new();
    // Around every level the magazine can have.
    for _ in 0..2 * MAGAZINE_CAPACITY {
        held.push(alloc(&cache, 0).unwrap());
        let moves = (0..100).filter(|_| {
            let grant = cache.alloc(CpuId(0)).unwrap();
            cache.free(CpuId(0), grant.pfn).is_some() || grant.refill.is_some()
        });
        assert!(moves.count() <= 1);
    }
}

#[test]
fn the_last_frames_are_found_in_any_magazine() {
    let cache = cache::<8>(1024);
    let mut held = exhaust(&cache, 0);
    assert_eq!(held.len(), 1024);
    for cpu in [3, 5, 5] {
        assert_eq!(cache.free(CpuId(cpu), held.pop().unwrap()), None);
    }
    let grants: Vec<Grant> = std::iter::from_fn(|| cache.alloc(CpuId(0))).collect();
    assert_eq!(grants.len(), 3);
    let drained: Vec<_> =
        grants.iter().map(|g| g.drained.map(|t| (t.cache.0, t.moved, t.pool_free))).collect();
    assert_eq!(drained, [Some((3, 0, 0)), Some((5, 1, 1)), None]);
}

#[test]
fn a_tiny_pool_keeps_every_frame_in_reach() {
    let cache = cache::<8>(40);
    let held: Vec<Pfn> = (0..40).map(|i| alloc(&cache, i % 8).unwrap()).collect();
    assert_eq!(alloc(&cache, 0), None);
    for (i, pfn) in held.into_iter().enumerate() {
        assert!(cache.free(CpuId(i as u8 % 8), pfn).is_some());
    }
    assert_eq!(cache.pool_free(), 40);
}

#[test]
fn magazines_grow_when_fewer_cpus_run_than_might() {
    let cache = cache::<64>(1024);
    assert_eq!(cache.alloc(CpuId(0)).unwrap().refill.unwrap().cached, 2);
    cache.set_online(2, |_| ());
    exhaust(&cache, 0).into_iter().for_each(|pfn| {
        cache.free(CpuId(0), pfn);
    });
    assert!(cache.cached(CpuId(0)) > 4);
    let mut told = Vec::new();
    cache.set_online(64, |t| told.push((t.cache, t.cached)));
    assert_eq!(told, [(CpuId(0), 4)]);
    assert!(cache.cached(CpuId(0)) <= 4);
    assert_eq!(cache.free_frames(), 1023);
}

#[test]
fn a_batch_goes_to_the_magazine_if_it_fits_and_else_to_the_pool() {
    let cache = cache::<1>(4096);
    let held: Vec<Pfn> = (0..200).map(|_| alloc(&cache, 0).unwrap()).collect();
    let number = cache.drain(CpuId(0)).unwrap().number + 1;
    assert_eq!(cache.free_batch(CpuId(0), &held[..10]), None);
    assert_eq!(cache.cached(CpuId(0)), 10);
    let pool_free = cache.pool_free() + 190;
    let moved = Transfer { cache: CpuId(0), moved: 190, cached: 10, pool_free, number };
    assert_eq!(cache.free_batch(CpuId(0), &held[10..]), Some(moved));
    assert_eq!(cache.free_batch(CpuId(0), &[]), None);
}

#[test]
fn draining_all_leaves_everything_in_the_pool() {
    let cache = cache::<4>(4096);
    for cpu in 0..4 {
        let pfn = alloc(&cache, cpu).unwrap();
        cache.free(CpuId(cpu), pfn);
    }
    let caches: Vec<CpuId> = cache.drain_all().map(|t| t.cache).collect();
    assert_eq!(caches, (0..4).map(CpuId).collect::<Vec<_>>());
    assert_eq!(cache.pool_free(), 4096);
    assert_eq!(cache.drain(CpuId(0)), None);
}

#[test]
#[should_panic(expected = "once")]
fn a_cache_gets_its_frames_only_once() {
    let cache = FrameCache::<1>::new();
    cache.init(vec![Pfn(0); 4].leak(), [Pfn(1)].into_iter());
    cache.init(vec![Pfn(0); 4].leak(), [Pfn(2)].into_iter());
}

#[test]
fn zeroed_frames_are_handed_out_as_such_until_there_are_none() {
    let cache = cache::<2>(64); // four of them may be in stock
    let held: Vec<Pfn> = (0..6).map(|_| alloc(&cache, 0).unwrap()).collect();
    assert!(cache.wants_zeroed());
    held[..4].iter().for_each(|&pfn| assert_eq!(cache.put_zeroed(CpuId(0), pfn), None));
    assert!(!cache.wants_zeroed(), "the stock is full");
    cache.put_zeroed(CpuId(0), held[4]);
    assert_eq!(
        (cache.stocked(), cache.free_frames()),
        (4, 63),
        "what there is no room for is free all the same"
    );
    let got: Vec<Pfn> = std::iter::from_fn(|| cache.take_zeroed()).collect();
    assert_eq!(BTreeSet::from_iter(&got), BTreeSet::from_iter(&held[..4]));
}

#[test]
fn under_pressure_the_stock_goes_before_other_magazines() {
    let cache = cache::<2>(256);
    let mut held = exhaust(&cache, 0);
    cache.free(CpuId(1), held.pop().unwrap());
    cache.put_zeroed(CpuId(1), held.pop().unwrap());
    let grant = cache.alloc(CpuId(0)).unwrap();
    assert_eq!((cache.stocked(), cache.cached(CpuId(1)), grant.drained), (0, 1, None));
}

#[test]
fn nothing_more_is_wanted_in_stock_when_frames_are_few() {
    let cache = cache::<1>(256);
    let held: Vec<Pfn> = (0..256 - 40).map(|_| alloc(&cache, 0).unwrap()).collect();
    cache.drain(CpuId(0));
    assert!(cache.wants_zeroed());
    (0..8).for_each(|_| assert!(alloc(&cache, 0).is_some()));
    cache.drain(CpuId(0));
    assert!(!cache.wants_zeroed(), "an eighth is left");
    drop(held);
}

#[cfg(debug_assertions)]
mod misuse {
    use super::*;

    #[test]
    #[should_panic(expected = "frame 0x100 freed twice")]
    fn a_double_free_is_caught() {
        let cache = cache::<2>(64);
        let pfn = alloc(&cache, 0).unwrap();
        cache.free(CpuId(0), pfn);
        cache.free(CpuId(1), pfn);
    }

    #[test]
    #[should_panic(expected = "frame 0x42 freed or given to a cache it does not belong to")]
    fn a_frame_below_the_map_is_foreign() {
        cache::<2>(64).free(CpuId(0), Pfn(0x42));
    }

    #[test]
    #[should_panic(expected = "does not belong to")]
    fn a_frame_above_the_map_is_foreign() {
        cache::<2>(64).free_batch(CpuId(0), &[Pfn(BASE + 64)]);
    }

    #[test]
    #[should_panic(expected = "does not belong to")]
    fn a_frame_inside_the_map_that_was_never_given_is_foreign() {
        let states: Vec<OwnerState> = (0..8).map(|_| OwnerState::new()).collect();
        let cache = FrameCache::<1>::new();
        let owners = OwnerMap::new(Pfn(0), states.leak());
        cache.init_checked(vec![Pfn(0); 8].leak(), owners, [Pfn(1), Pfn(3)].into_iter());
        cache.free(CpuId(0), Pfn(2));
    }

    #[test]
    #[should_panic(expected = "given to the cache twice")]
    fn a_frame_given_twice_is_caught() {
        let states: Vec<OwnerState> = (0..8).map(|_| OwnerState::new()).collect();
        let owners = OwnerMap::new(Pfn(0), states.leak());
        FrameCache::<1>::new().init_checked(vec![Pfn(0); 8].leak(), owners, [Pfn(1), Pfn(1)].into_iter());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Alloc(u8),
    /// Frees the held frame of this number, modulo how many are held.
    Free(u8, usize),
    FreeBatch(u8, usize),
    TakeZeroed,
    PutZeroed(u8, usize),
    Drain(u8),
    DrainAll,
    Online(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let cpu = 0u8..4;
    prop_oneof![
        12 => cpu.clone().prop_map(Op::Alloc),
        8 => (cpu.clone(), any::<usize>()).prop_map(|(cpu, i)| Op::Free(cpu, i)),
        1 => (cpu.clone(), 0usize..80).prop_map(|(cpu, n)| Op::FreeBatch(cpu, n)),
        4 => Just(Op::TakeZeroed),
        6 => (cpu.clone(), any::<usize>()).prop_map(|(cpu, i)| Op::PutZeroed(cpu, i)),
        2 => cpu.prop_map(Op::Drain),
        1 => Just(Op::DrainAll),
        1 => (0usize..6).prop_map(Op::Online),
    ]
}

/// Pools from those without magazines to those where magazines fill.
fn total() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..80, Just(300), Just(1200)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Against the model (the set of frames handed out): no frame twice, none lost, none refused while one is free, counts right,
    /// transfers true.
    #[test]
    fn frames_are_conserved(total in total(), ops in proptest::collection::vec(op(), 1..600)) {
        let cache = cache::<4>(total);
        let mut held: Vec<Pfn> = Vec::new();
        let mut held_set = BTreeSet::new();
        // Those that were given back zeroed, and not handed out since.
        let mut zeroed = BTreeSet::new();
        let mut told = Vec::new();
        for op in ops {
            let mut resized = Vec::new();
            let gives = |t: Transfer| (t, false);
            let transfers: Vec<(Transfer, bool)> = match op {
                Op::Alloc(cpu) => match cache.alloc(CpuId(cpu)) {
                    Some(grant) => {
                        prop_assert!((BASE..BASE + total).contains(&grant.pfn.0));
                        prop_assert!(held_set.insert(grant.pfn), "{} handed out twice", grant.pfn);
                        held.push(grant.pfn);
                        prop_assert!(grant.refill.is_none() || grant.drained.is_none());
                        zeroed.remove(&grant.pfn);
                        moves(grant).collect()
                    }
                    None => {
                        prop_assert_eq!(held.len(), total as usize, "refused while a frame is free");
                        vec![]
                    }
                },
                Op::TakeZeroed => {
                    let stocked = cache.stocked();
                    let got = cache.take_zeroed();
                    prop_assert_eq!(got.is_some(), stocked > 0);
                    if let Some(pfn) = got {
                        prop_assert!(held_set.insert(pfn), "{} handed out twice", pfn);
                        prop_assert!(zeroed.remove(&pfn), "{} is not zero", pfn);
                        held.push(pfn);
                    }
                    vec![]
                }
                Op::PutZeroed(_, _) if held.is_empty() => vec![],
                Op::PutZeroed(cpu, i) => {
                    let pfn = held.swap_remove(i % held.len());
                    held_set.remove(&pfn);
                    zeroed.insert(pfn);
                    cache.put_zeroed(CpuId(cpu), pfn).into_iter().map(gives).collect()
                }
                Op::Free(_, _) if held.is_empty() => vec![],
                Op::Free(cpu, i) => {
                    let pfn = held.swap_remove(i % held.len());
                    held_set.remove(&pfn);
                    cache.free(CpuId(cpu), pfn).into_iter().map(gives).collect()
                }
                Op::FreeBatch(cpu, n) => {
                    let batch = held.split_off(held.len().saturating_sub(n));
                    batch.iter().for_each(|pfn| {
                        held_set.remove(pfn);
                    });
                    cache.free_batch(CpuId(cpu), &batch).into_iter().map(gives).collect()
                }
                Op::Drain(cpu) => cache.drain(CpuId(cpu)).into_iter().map(gives).collect(),
                Op::DrainAll => cache.drain_all().map(gives).collect(),
                Op::Online(cpus) => {
                    cache.set_online(cpus, |t| resized.push(gives(t)));
                    resized
                }
            };
            told.extend(&transfers);
            if let Some((last, _)) = transfers.last() {
                prop_assert_eq!(last.cached as u32, cache.cached(last.cache));
                prop_assert_eq!(last.pool_free, cache.pool_free());
            }
            prop_assert_eq!(cache.free_frames(), total - held.len() as u32);
            let cached: u32 = (0..4).map(|i| cache.cached(CpuId(i))).sum();
            prop_assert_eq!(cached + cache.pool_free() + cache.stocked(), cache.free_frames());
            prop_assert!(cache.stocked() <= total / 16);
        }
        prop_assert_eq!(explain_the_pool(total, &mut told), Ok(cache.pool_free()));
        held.extend(exhaust(&cache, 1));
        held.sort();
        prop_assert_eq!(held, (BASE..BASE + total).map(Pfn).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Frames that come back together are as free as those that come back one by one: as many, and the same ones.
    #[test]
    fn a_batch_frees_what_single_frees_do(
        total in total(),
        steps in proptest::collection::vec((0u8..4, 0usize..70, 0usize..70), 1..40),
    ) {
        let caches = [cache::<4>(total), cache::<4>(total)];
        let mut held = [vec![], vec![]];
        for (cpu, takes, gives) in steps {
            for (cache, held) in caches.iter().zip(&mut held) {
                held.extend((0..takes).map_while(|_| alloc(cache, cpu)));
            }
            let given = held.each_mut().map(|held| held.split_off(held.len().saturating_sub(gives)));
            caches[0].free_batch(CpuId(cpu), &given[0]);
            given[1].iter().for_each(|&pfn| {
                caches[1].free(CpuId(cpu), pfn);
            });
            prop_assert_eq!(held[0].len(), held[1].len(), "one was refused a frame");
            prop_assert_eq!(caches[0].free_frames(), caches[1].free_frames());
        }
        for (cache, mut held) in caches.iter().zip(held) {
            held.extend(exhaust(cache, 0));
            held.sort();
            prop_assert_eq!(held, (BASE..BASE + total).map(Pfn).collect::<Vec<_>>());
        }
    }
}

#[test]
fn real_threads_conserve_frames_and_are_never_refused_falsely() {
    threads_find_the_last::<4>(256);
    threads_find_the_last::<8>(40);
    threads_find_the_last::<8>(1024);
}

/// As many threads as CPUs, and one free frame more than they are. Each holds one at most, so there is always one free. What they tell of the pool explains
/// it whoever told.
fn threads_find_the_last<const CPUS: usize>(total: u32) {
    let cache = &*Box::leak(Box::new(cache::<CPUS>(total)));
    let spare = CPUS + 1;
    let mut told = Vec::new();
    let kept: Vec<Pfn> = (0..total as usize - spare)
        .map(|_| {
            let grant = cache.alloc(CpuId(0)).unwrap();
            told.extend(moves(grant));
            grant.pfn
        })
        .collect();
    let number = |n: usize| CpuId((n % CPUS) as u8);
    std::thread::scope(|scope| {
        let thread = move |cpu: usize| {
            let mut told = Vec::new();
            let gives = |t: Transfer| (t, false);
            for round in 0..10_000 {
                let grant = cache.alloc(number(cpu)).expect("a frame is free at any time");
                told.extend(moves(grant));
                if round % 64 == 0 {
                    told.extend(cache.drain(number(cpu + 1)).map(gives));
                }
                if round % 16 == 0 {
                    told.extend(cache.put_zeroed(number(cpu), grant.pfn).map(gives));
                    continue;
                }
                // Freed by another number than it was allocated by: frames wander.
                told.extend(cache.free(number(cpu + round % 3), grant.pfn).map(gives));
            }
            told
        };
        let threads: Vec<_> = (0..CPUS).map(|cpu| scope.spawn(move || thread(cpu))).collect();
        threads.into_iter().for_each(|thread| told.extend(thread.join().expect("no thread panics")));
    });
    assert_eq!(explain_the_pool(total, &mut told), Ok(cache.pool_free()));
    assert_eq!(cache.free_frames() as usize, spare);
    assert_eq!(exhaust(cache, 2).len() + kept.len(), total as usize);
}
