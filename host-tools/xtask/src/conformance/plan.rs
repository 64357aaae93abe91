//! Which scenarios share a boot: those that get the same machine and do not see what the others leave on the volume.

use scenarios::table::{Expect, Scenario};

/// Scenarios of one boot, in the order they run.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) scenarios: Vec<&'static Scenario>,
}

impl Batch {
    /// One boot for each of its scenarios.
    pub(super) fn split(&self) -> Vec<Batch> {
        self.scenarios.iter().map(|&scenario| Batch { scenarios: vec![scenario] }).collect()
    }

    /// The names, for people.
    pub(super) fn names(&self) -> String {
        self.scenarios.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ")
    }

    fn takes(&self, scenario: &Scenario, most: usize) -> bool {
        self.scenarios.len() < most && self.scenarios.iter().all(|other| may_share(other, scenario))
    }
}

/// Whether two scenarios may run on one machine, one after the other.
fn may_share(one: &Scenario, other: &Scenario) -> bool {
    let memory = |s: &Scenario| (s.frames, s.swap_pages, s.asks_for_frames);
    let ends = |s: &Scenario| s.expect == Expect::PowerOff;
    memory(one) == memory(other)
        && !ends(one)
        && !ends(other)
        && !disturbs(one, other)
        && !disturbs(other, one)
}

/// Whether `one` changes a file that `other` makes, or finds on the volume.
fn disturbs(one: &Scenario, other: &Scenario) -> bool {
    let finds = |name: &str| other.files.iter().any(|file| file.name.to_bytes() == name.as_bytes());
    one.changes.iter().any(|name| other.changes.contains(name) || finds(name))
}

/// Puts the scenarios into batches of at most `most`; those under memory pressure, which take longest, come first.
pub(super) fn batches(scenarios: &[&'static Scenario], most: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for &scenario in scenarios {
        match batches.iter_mut().find(|batch| batch.takes(scenario, most)) {
            Some(batch) => batch.scenarios.push(scenario),
            None => batches.push(Batch { scenarios: vec![scenario] }),
        }
    }
    batches.sort_by_key(|batch| core::cmp::Reverse(batch.scenarios[0].swap_pages));
    batches
}

#[cfg(test)]
mod tests {
    use scenarios::table;

    use super::*;

    #[test]
    fn every_scenario_is_in_one_batch_and_none_disturbs_another() {
        let all: Vec<&Scenario> = table::all().collect();
        for most in [1, 7, 1000] {
            let batches = batches(&all, most);
            assert_eq!(batches.iter().map(|batch| batch.scenarios.len()).sum::<usize>(), all.len());
            for batch in &batches {
                assert!(batch.scenarios.len() <= most);
                for (i, one) in batch.scenarios.iter().enumerate() {
                    let mut others = batch.scenarios[i + 1..].iter();
                    assert!(others.all(|other| may_share(one, other)), "{}", batch.names());
                }
            }
        }
    }

    #[test]
    fn what_powers_off_or_spoils_a_file_is_kept_apart() {
        let named = |name| table::all().find(|scenario| scenario.name == name).unwrap();
        assert!(may_share(named("open-normal"), named("read-normal")));
        assert!(!may_share(named("open-normal"), named("halt")));
        assert!(!may_share(named("write-boundary"), named("read-normal")), "one writes what the other reads");
        assert!(!may_share(named("lg-full"), named("sm-full")), "both make the same file");
    }
}
