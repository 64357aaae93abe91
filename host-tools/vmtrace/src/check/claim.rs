//! Suspicions and what becomes of them: [`Claim`], kept in a [`Docket`] until it is known what was lost.

use super::Invariant;
use crate::model::clocks::Clocks;
use fl_addr::CpuId;
use fl_trace::event::Stamped;

/// Claims that are kept with their witnesses, per invariant.
const TOLD: usize = 64;
/// Claims that are kept at all. More are counted as broken without being judged against later findings of loss.
const KEPT: usize = 1 << 16;
/// Gaps that are kept apart; beyond that neighbours are joined, which makes more unknown and nothing wrong.
const GAPS: usize = 1 << 12;

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
    told: [usize; Invariant::ALL.len()],
    /// Broken beyond what is kept.
    surplus: [u64; Invariant::ALL.len()],
    unknown: [u64; Invariant::ALL.len()],
    /// Stretches in which events of some CPU are missing.
    gaps: Vec<(u64, u64)>,
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
    pub fn claim(&mut self, mut claim: Claim) {
        let i = index(claim.invariant);
        if self.is_open(&claim) {
            self.unknown[i] += 1;
        } else if self.claims.len() >= KEPT {
            self.surplus[i] += 1;
        } else {
            if self.told[i] >= TOLD {
                claim.witnesses = Vec::new();
                claim.text = String::new();
            }
            self.told[i] += 1;
            self.claims.push(claim);
        }
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
                self.told[index(invariant)] -= 1;
            } else {
                i += 1;
            }
        }
    }

    /// Takes note that events of some CPU are missing between these times.
    pub fn gap(&mut self, after: u64, before: u64) {
        let full = self.gaps.len() >= GAPS;
        match self.gaps.last_mut() {
            Some((first, last)) if full || (*first <= after && after <= *last) => {
                *first = (*first).min(after);
                *last = (*last).max(before);
            }
            _ => self.gaps.push((after, before)),
        }
    }

    /// Whether events are missing anywhere.
    pub fn is_lossy(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Whether loss may explain the claim.
    fn is_open(&self, claim: &Claim) -> bool {
        let apart = self.clocks.most_apart();
        !claim.certain
            && self.gaps.iter().any(|&(after, before)| {
                after <= claim.at.saturating_add(apart) && before.saturating_add(apart) >= claim.since
            })
    }

    /// Judges all claims, now that all gaps are known.
    pub fn judge(mut self) -> Vec<(Invariant, Judged)> {
        let claims = std::mem::take(&mut self.claims);
        let mut results: Vec<(Invariant, Judged)> = Invariant::ALL
            .into_iter()
            .map(|invariant| {
                let i = index(invariant);
                let (exercised, unknown, broken) = (self.exercised[i], self.unknown[i], self.surplus[i]);
                (invariant, Judged { exercised, unknown, broken, first: None })
            })
            .collect();
        for claim in claims {
            let judged = &mut results[index(claim.invariant)].1;
            if self.is_open(&claim) {
                judged.unknown += 1;
            } else {
                judged.broken += 1;
                if judged.first.as_ref().is_none_or(|first| first.text.is_empty()) {
                    judged.first = Some(claim);
                }
            }
        }
        results
    }
}
