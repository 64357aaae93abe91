//! Files: made, written and read whole, in blocks, in random order, by ten processes at once, and removed while open.

use super::{Expect, Group, Part, Scenario};

const fn row(name: &'static str) -> Scenario {
    super::row(Group::Filesys, Part::C, name)
}

/// See the module.
pub(super) const TABLE: &[Scenario] = &[
    row("lg-create").changes(&["created.dat"]),
    row("lg-full").changes(&["full.dat"]),
    row("lg-random").changes(&["shuffled.dat"]),
    row("lg-seq-block").changes(&["blocks.dat"]),
    row("lg-seq-random").changes(&["random.dat"]),
    row("sm-create").changes(&["created.dat"]),
    row("sm-full").changes(&["full.dat"]),
    row("sm-random").changes(&["shuffled.dat"]),
    row("sm-seq-block").changes(&["blocks.dat"]),
    row("sm-seq-random").changes(&["random.dat"]),
    row("syn-read")
        .runs(&["child-syn-read"])
        .changes(&["shared.dat"])
        .expects(Expect::Children("child-syn-read", 10)),
    row("syn-remove").changes(&["deleteme"]),
    row("syn-write")
        .runs(&["child-syn-wrt"])
        .changes(&["parts.dat"])
        .expects(Expect::Children("child-syn-wrt", 10)),
];
