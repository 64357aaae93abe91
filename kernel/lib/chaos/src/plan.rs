//! [`Plan`]: what a seed has happen, and how often.

use crate::point::{Kind, Point};
use crate::random::{Stream, mix};
use fl_addr::CpuId;

/// What is to happen at a place now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// So many turns of a loop: time passes while the others go on.
    Spin(u32),
    /// The slice is over: other threads run first. Where a lock is held, as soon as it is not.
    GiveWay,
    /// Sleep for so many ticks: the thread may go on on another processor.
    Nap(u8),
    /// The frame caches of that processor are emptied.
    Drain(CpuId),
    /// So many pages are to go out, though memory is plenty.
    Evict(u8),
}

/// Longest spin, as a power of two: some 20 microseconds of a real processor, a thread's way through a lock or two.
const SPIN_BITS: u32 = 10;
/// Longest nap, in ticks: two, so that others have a whole one.
const NAP_MAX: u32 = 2;
/// Most pages that one place has go out. What many ask for at once goes out once, so that programs get on however often their pages come in again.
const EVICT_MAX: u32 = 6;

/// Of so many actions ...
const ALL: u32 = 64;
/// ... in a thread, so many give way, nap, drain and evict; the others spin.
const GIVE_WAY: u32 = 24;
const NAP: u32 = 4;
const DRAIN: u32 = 5;
const EVICT: u32 = 4;

/// How often something happens at each place, by the seed.
///
/// Not all places are alike in one run: each is cold, lukewarm or hot, so that different seeds stress different parts against each other, which finds more than
/// stressing everything always a little (swarm testing; Groce et al., ISSTA 2012). None is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Something happens at one in so many visits.
    one_in: [u16; Point::COUNT],
}

impl Plan {
    /// That of `seed`.
    pub const fn of(seed: u64) -> Self {
        let mut one_in = [0; Point::COUNT];
        let mut n = 0;
        while n < Point::COUNT {
            let usual = Point::ALL[n].usual();
            one_in[n] = match mix(seed ^ mix(n as u64)) % 4 {
                0 => usual * 4,
                1 | 2 => usual,
                _ => usual.div_ceil(4),
            };
            n += 1;
        }
        Self { one_in }
    }

    /// Something happens at one in so many visits of `place`.
    pub const fn one_in(&self, place: Point) -> u16 {
        self.one_in[place as usize]
    }

    /// What happens at this visit of `place` by processor `here`, whose stream it is, of `cpus` that run. `None`: nothing.
    pub fn draw(&self, stream: &mut Stream, place: Point, here: CpuId, cpus: u8) -> Option<Action> {
        if stream.below(self.one_in(place).into()) != 0 {
            return None;
        }
        let which = stream.below(ALL);
        Some(match place.kind() {
            Kind::Locked if which < GIVE_WAY => Action::GiveWay,
            Kind::Locked => Action::Spin(spin(stream)),
            Kind::Thread => match which {
                _ if which < GIVE_WAY => Action::GiveWay,
                _ if which < GIVE_WAY + NAP => Action::Nap(1 + stream.below(NAP_MAX) as u8),
                _ if which < GIVE_WAY + NAP + DRAIN => Action::Drain(another(stream, here, cpus)),
                _ if which < GIVE_WAY + NAP + DRAIN + EVICT => {
                    Action::Evict(1 + stream.below(EVICT_MAX) as u8)
                }
                _ => Action::Spin(spin(stream)),
            },
        })
    }
}

/// Turns of a loop: as often below 16 as from 512 on, for races have windows of all sizes.
fn spin(stream: &mut Stream) -> u32 {
    let bits = stream.below(SPIN_BITS);
    (1 << bits) + stream.below(1 << bits)
}

/// A processor other than `here`, if there is one.
fn another(stream: &mut Stream, here: CpuId, cpus: u8) -> CpuId {
    match cpus {
        0 | 1 => here,
        _ => CpuId((here.0 + 1 + stream.below(u32::from(cpus) - 1) as u8) % cpus),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VISITS: u32 = 200_000;

    fn draws(seed: u64, place: Point, cpu: u8, cpus: u8) -> impl Iterator<Item = Option<Action>> {
        let (plan, mut stream) = (Plan::of(seed), Stream::of(seed, CpuId(cpu)));
        (0..VISITS).map(move |_| plan.draw(&mut stream, place, CpuId(cpu), cpus))
    }

    #[test]
    fn a_seed_and_a_processor_have_the_same_draws_every_time_and_others_have_others() {
        let first = |seed, cpu| -> [Option<Action>; 300] {
            let (plan, mut stream) = (Plan::of(seed), Stream::of(seed, CpuId(cpu)));
            core::array::from_fn(|n| plan.draw(&mut stream, Point::ALL[n % Point::COUNT], CpuId(cpu), 4))
        };
        assert_eq!(first(7, 1), first(7, 1));
        assert_ne!(first(7, 1), first(7, 2));
        assert_ne!(first(7, 1), first(8, 1));
    }

    #[test]
    fn every_place_has_its_share_with_every_seed() {
        for seed in 0..5 {
            for place in Point::ALL {
                let happened = draws(seed, place, 0, 4).flatten().count() as u32;
                let wanted = VISITS / u32::from(Plan::of(seed).one_in(place));
                let near = wanted * 7 / 10..=wanted * 13 / 10;
                assert!(near.contains(&happened), "seed {seed}, {place:?}: {happened}, not {wanted}");
            }
        }
    }

    #[test]
    fn each_place_is_cold_with_some_seeds_and_hot_with_others() {
        for place in Point::ALL {
            let heat = |seed| Plan::of(seed).one_in(place);
            let usual = place.usual();
            let cold = (0..100).filter(|&seed| heat(seed) > usual).count();
            let hot = (0..100).filter(|&seed| heat(seed) < usual).count();
            assert!((10..=45).contains(&cold), "{place:?}: cold with {cold} of 100 seeds");
            assert!((10..=45).contains(&hot) || usual == 1, "{place:?}: hot with {hot} of 100 seeds");
        }
    }

    #[test]
    fn a_thread_does_all_there_is_in_the_shares_that_are_said() {
        let mut counts = [0u32; 5];
        for place in Point::ALL.into_iter().filter(|place| place.kind() == Kind::Thread) {
            for action in draws(3, place, 0, 4).flatten() {
                counts[match action {
                    Action::Spin(_) => 0,
                    Action::GiveWay => 1,
                    Action::Nap(_) => 2,
                    Action::Drain(_) => 3,
                    Action::Evict(_) => 4,
                }] += 1;
            }
        }
        let all: u32 = counts.iter().sum();
        for (count, share) in
            counts.into_iter().zip([ALL - GIVE_WAY - NAP - DRAIN - EVICT, GIVE_WAY, NAP, DRAIN, EVICT])
        {
            let wanted = all / ALL * share;
            assert!((wanted * 9 / 10..=wanted * 11 / 10).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn under_a_lock_time_passes_and_nothing_else() {
        for place in Point::ALL.into_iter().filter(|place| place.kind() == Kind::Locked) {
            let allowed = |action| matches!(action, Action::Spin(_) | Action::GiveWay);
            assert!(draws(5, place, 1, 4).flatten().all(allowed), "{place:?}");
        }
    }

    #[test]
    fn spins_are_short_and_long() {
        let spins = || {
            draws(1, Point::Faulting, 0, 1).flatten().filter_map(|action| match action {
                Action::Spin(turns) => Some(turns),
                _ => None,
            })
        };
        assert!(spins().all(|turns| (1..1 << SPIN_BITS).contains(&turns)));
        assert!(spins().any(|turns| turns == 1) && spins().any(|turns| turns >= 1 << (SPIN_BITS - 1)));
    }

    proptest! {
        #[test]
        fn another_processors_cache_is_drained_if_there_is_another(seed: u64, cpus in 1..=8u8, cpu in 0..8u8) {
            let cpu = cpu % cpus;
            for action in draws(seed, Point::Faulting, cpu, cpus).flatten().take(2000) {
                if let Action::Drain(whose) = action {
                    prop_assert!(whose.0 < cpus);
                    prop_assert_eq!(whose.0 == cpu, cpus == 1);
                }
            }
        }
    }
}
