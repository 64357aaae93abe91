//! Suspicions and what becomes of them: [`Claim`], kept in a [`Docket`] until it is known what was lost.

use super::Invariant;
use super::gaps::Gaps;
use crate::model::clocks::Clocks;
use fl_addr::CpuId;
use fl_trace::event::Stamped;

/// Claims after which those that loss has explained meanwhile are settled.
const SETTLED: usize = 1 << 16;
/// Claims that are kept at most, about 70 MiB: what no known loss explains, and so many, is counted as broken without being judged against later findings of loss.
const KEPT: usize = 1 << 18;

/// An event that a claim rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The CPU that emitted it.
    pub cpu: CpuId,
    /// The event.
    pub stamped: Stamped,
}

/// A suspicion that an invariant was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Which.
    pub invariant: Invariant,
    /// Time of the oldest event it rests on.
    pub since: u64,
    /// Time of the event that contradicts.
    pub at: u64,
    /// Whether it holds whatever else was emitted in between.
    pub certain: bool,
    /// What is wrong.
    pub text: String,
    /// The events, in the order of time.
    pub witnesses: Vec<Witness>,
}

/// What became of an invariant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// How often it was put to the test.
    pub exercised: u64,
    /// Of these, how often loss leaves it open.
    pub unknown: u64,
    /// Of these, how often it was broken.
    pub broken: u64,
    /// The first that was broken.
    pub first: Option<Claim>,
}

/// All claims of a run, and all gaps.
#[derive(Default)]
pub struct Docket {
    /// How the clocks stand to each other, as far as is known.
    pub clocks: Clocks,
    exercised: [u64; Invariant::ALL.len()],
    claims: Vec<Claim>,
    /// Broken beyond what is kept, and the first of these.
    surplus: [(u64, Option<Claim>); Invariant::ALL.len()],
    unknown: [u64; Invariant::ALL.len()],
    /// Stretches in which events of some CPU are missing.
    gaps: Gaps,
    /// How many claims are settled next, if more than the first time.
    full: usize,
}

fn index(invariant: Invariant) -> usize {
    Invariant::ALL.iter().position(|i| *i == invariant).unwrap_or(0)
}

impl Docket {
    /// Whether `now` happened after `before` for sure.
    pub fn is_later(&self, before: &Witness, now: &Witness) -> bool {
        self.is_before(before, now.stamped.tsc, now)
    }

    /// Whether `before` happened before the time `tsc` of the other's CPU for sure.
    pub fn is_before(&self, before: &Witness, tsc: u64, now: &Witness) -> bool {
        before.stamped.tsc.saturating_add(self.clocks.apart(before.cpu, now.cpu)) < tsc
    }

    /// Counts a test of `invariant`.
    #[inline]
    pub fn exercised(&mut self, invariant: Invariant) {
        self.exercised[index(invariant)] += 1;
    }

    /// Counts a test of `invariant` that loss leaves open.
    pub fn left_open(&mut self, invariant: Invariant) {
        self.unknown[index(invariant)] += 1;
    }

    /// Takes a claim.
    pub fn claim(&mut self, claim: Claim) {
        let i = index(claim.invariant);
        if self.is_open(&claim) {
            self.unknown[i] += 1;
            return;
        }
        if self.claims.len() >= self.full.max(SETTLED) {
            self.settle();
        }
        if self.claims.len() >= KEPT {
            let (surplus, first) = &mut self.surplus[i];
            *surplus += 1;
            first.get_or_insert(claim);
            return;
        }
        self.claims.push(claim);
    }

    /// Counts the claims that loss may explain by now, and forgets them.
    fn settle(&mut self) {
        let mut claims = std::mem::take(&mut self.claims);
        claims.retain(|claim| {
            let is_open = self.is_open(claim);
            self.unknown[index(claim.invariant)] += u64::from(is_open);
            !is_open
        });
        self.claims = claims;
        // Again when there are twice as many; where these are too many already, no more.
        self.full = if self.claims.len() < KEPT { (2 * self.claims.len()).min(KEPT) } else { usize::MAX };
    }

    /// Takes back recent claims of `invariant` that `is_answered` by an event at `tsc` which came late.
    pub fn answer(&mut self, invariant: Invariant, tsc: u64, is_answered: impl Fn(&Claim) -> bool) {
        let apart = self.clocks.most_apart();
        let recent = self
            .claims
            .iter()
            .rposition(|claim| claim.at.saturating_add(2 * apart) < tsc)
            .map_or(0, |i| i + 1);
        let mut i = recent;
        while i < self.claims.len() {
            let claim = &self.claims[i];
            if claim.invariant == invariant && claim.at.saturating_add(apart) >= tsc && is_answered(claim) {
                self.claims.remove(i);
            } else {
                i += 1;
            }
        }
    }

    /// Takes note that events of some CPU are missing between these times.
    pub fn gap(&mut self, after: u64, before: u64) {
        self.gaps.add(after, before);
    }

    /// Whether events are missing anywhere.
    pub fn is_lossy(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Whether loss may explain the claim.
    fn is_open(&self, claim: &Claim) -> bool {
        let apart = self.clocks.most_apart();
        !claim.certain && self.gaps.meet(claim.since.saturating_sub(apart), claim.at.saturating_add(apart))
    }

    /// Judges all claims, now that all gaps are known.
    pub fn judge(mut self) -> Vec<(Invariant, Judged)> {
        self.settle();
        let mut results: Vec<(Invariant, Judged)> = Invariant::ALL
            .into_iter()
            .map(|invariant| {
                let i = index(invariant);
                let (exercised, unknown) = (self.exercised[i], self.unknown[i]);
                (invariant, Judged { exercised, unknown, broken: 0, first: None })
            })
            .collect();
        for claim in self.claims {
            let judged = &mut results[index(claim.invariant)].1;
            judged.broken += 1;
            judged.first.get_or_insert(claim);
        }
        for ((_, judged), (surplus, first)) in results.iter_mut().zip(self.surplus) {
            judged.broken += surplus;
            judged.first = judged.first.take().or(first);
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::Run;

    const RULE: Invariant = Invariant::OneFrame;

    fn claim(at: u64) -> Claim {
        Claim {
            invariant: RULE,
            since: at,
            at,
            certain: false,
            text: format!("at {at}"),
            witnesses: Vec::new(),
        }
    }

    /// Of one CPU.
    fn docket() -> Docket {
        Docket { clocks: Clocks::of(&Run::empty(1).hello), ..Docket::default() }
    }

    fn judged(docket: Docket) -> Judged {
        docket.judge().into_iter().find(|(invariant, _)| *invariant == RULE).unwrap().1
    }

    #[test]
    fn what_later_loss_explains_is_unknown_however_many_claims_there_are() {
        let mut docket = docket();
        for at in 0..4 * KEPT as u64 {
            docket.claim(claim(at));
            if at % 1000 == 999 {
                docket.gap(at - 999, at); // as loss is told: some time behind
            }
        }
        docket.gap(4 * KEPT as u64 - 1000, u64::MAX);
        let Judged { broken, unknown, first, .. } = judged(docket);
        assert_eq!((broken, unknown, first), (0, 4 * KEPT as u64, None));
    }

    #[test]
    fn the_first_that_no_loss_explains_is_told_among_many_that_it_does() {
        let mut docket = docket();
        for at in 0..2 * SETTLED as u64 {
            docket.claim(claim(at));
            if at % 1000 == 999 && at > 70_000 {
                docket.gap(at - 999, at);
            }
        }
        docket.gap(0, 999);
        docket.gap(1001, 70_000);
        docket.gap(130_000, 140_000);
        let Judged { broken, first, .. } = judged(docket);
        assert_eq!((broken, first), (1, Some(claim(1000))));
    }

    #[test]
    fn more_than_are_kept_are_counted_and_the_first_is_told() {
        let mut docket = docket();
        let all = KEPT as u64 + 100;
        (0..all).for_each(|at| docket.claim(claim(at)));
        assert_eq!(docket.claims.len(), KEPT);
        let Judged { broken, first, .. } = judged(docket);
        assert_eq!((broken, first), (all, Some(claim(0))));
    }
}
