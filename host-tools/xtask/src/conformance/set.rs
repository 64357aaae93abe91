//! Sets of scenarios that have a name.

use clap::ValueEnum;

/// A set of scenarios.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Set {
    /// The twelve in which most meets most: for many seeds of chaos
    Chaos,
}

impl Set {
    /// The names of its scenarios.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Chaos => &[
                // Several processes that share pages, and evict each other's.
                "swap-fork",
                "cow-simple",
                "page-parallel",
                "multi-recurse",
                // Processes that sort files side by side: on the heap, on the stack, in mappings.
                "page-merge-par",
                "page-merge-stk",
                "page-merge-mm",
                // Pages of files: read while they go out, inherited, shared, written back by exit.
                "swap-file",
                "mmap-inherit",
                "mmap-exit",
                "rox-multichild",
                "syn-write",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::table;

    #[test]
    fn every_name_is_a_scenarios_and_stands_once() {
        for set in Set::value_variants() {
            let names = set.names();
            for (i, name) in names.iter().enumerate() {
                assert!(table::all().any(|scenario| scenario.name == *name), "{name}");
                assert!(!names[..i].contains(name), "{name} stands twice");
            }
        }
        assert_eq!(Set::Chaos.names().len(), 12, "as its help says");
    }
}
