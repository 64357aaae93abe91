//! Virtual memory: stack growth, paging, mappings, laziness, swap, copy-on-write.

use super::{Expect, Group, Part, SAMPLE, Scenario};
use crate::LAST_WORDS;
use crate::data::{self, DataFile};

const fn row(part: Part, name: &'static str) -> Scenario {
    super::row(Group::Vm, part, name)
}

/// A scenario of Part C: what programs and their stacks need anyway.
const fn c(name: &'static str) -> Scenario {
    row(Part::C, name)
}

/// A scenario of Part D.
const fn d(name: &'static str) -> Scenario {
    row(Part::D, name)
}

/// A scenario of Part E.
const fn e(name: &'static str) -> Scenario {
    row(Part::E, name)
}

const SMALL: &[&DataFile] = &[&data::SMALL, &data::SAMPLE];
const LARGE: &[&DataFile] = &[&data::LARGE];
const ZEROS: &[&DataFile] = &[&data::ZEROS];

/// What the sorting scenarios make, and remove.
const BUFFERS: &[&str] = &[
    "buf0", "buf1", "buf2", "buf3", "buf4", "buf5", "buf6", "buf7", "buf8", "buf9", "buf10", "buf11",
    "buf12", "buf13", "buf14", "buf15",
];

/// See the module.
pub(super) const TABLE: &[Scenario] = &[
    c("pt-grow-stack"),
    c("pt-grow-bad").killed(),
    c("pt-big-stk-obj"),
    c("pt-bad-addr").killed(),
    c("pt-bad-read").finds(SAMPLE).killed(),
    c("pt-write-code").killed(),
    c("pt-write-code2").finds(SAMPLE).killed(),
    c("pt-grow-stk-sc").changes(&["grown.dat"]),
    c("page-linear"),
    c("page-parallel").runs(&["child-linear"]).expects(Expect::Repeated("child-linear: exit(66)", 4)),
    c("page-merge-seq")
        .runs(&["child-sort"])
        .changes(BUFFERS)
        .expects(Expect::Repeated("child-sort: exit(123)", 16)),
    c("page-merge-par")
        .runs(&["child-sort"])
        .changes(BUFFERS)
        .memory(super::FRAMES, 10)
        .expects(Expect::Repeated("child-sort: exit(123)", 8)),
    c("page-merge-stk")
        .runs(&["child-qsort"])
        .changes(BUFFERS)
        .memory(super::FRAMES, 10)
        .expects(Expect::Repeated("child-qsort: exit(72)", 8)),
    d("page-merge-mm")
        .runs(&["child-qsort-mm"])
        .changes(BUFFERS)
        .memory(super::FRAMES, 10)
        .expects(Expect::Repeated("child-qsort-mm: exit(80)", 8)),
    c("page-shuffle"),
    d("mmap-read").finds(SAMPLE),
    d("mmap-close").finds(SAMPLE),
    d("mmap-unmap").finds(SAMPLE).killed(),
    d("mmap-overlap").finds(ZEROS),
    d("mmap-twice").finds(SAMPLE),
    d("mmap-write").changes(&["mapped.dat"]),
    d("mmap-ro").finds(LARGE).killed(),
    d("mmap-exit")
        .runs(&["child-mm-wrt"])
        .changes(&["mapped.dat"])
        .says(&["child-mm-wrt: exit(0)", "mmap-exit: exit(0)"]),
    d("mmap-shuffle").changes(&["shuffled.dat"]),
    d("mmap-bad-fd"),
    d("mmap-clean").finds(SAMPLE).changes(&["sample.txt"]),
    d("mmap-inherit").finds(SAMPLE).runs(&["child-inherit"]).says(&[
        LAST_WORDS,
        "child-inherit: exit(-1)",
        "mmap-inherit: exit(0)",
    ]),
    d("mmap-misalign").finds(SAMPLE),
    d("mmap-null").finds(SAMPLE),
    d("mmap-over-code").finds(SAMPLE),
    d("mmap-over-data").finds(SAMPLE),
    d("mmap-over-stk").finds(SAMPLE),
    d("mmap-remove").finds(SAMPLE).changes(&["sample.txt", "another.dat"]),
    d("mmap-zero").changes(&["empty.dat"]).killed(),
    d("mmap-bad-fd2"),
    d("mmap-bad-fd3"),
    d("mmap-zero-len").changes(&["mapped.dat"]),
    d("mmap-off").finds(LARGE).changes(&["large.txt"]),
    d("mmap-bad-off").finds(LARGE),
    d("mmap-kernel").finds(SAMPLE),
    d("lazy-file").finds(SMALL).asks_for_frames(),
    c("lazy-anon").asks_for_frames(),
    e("swap-file").finds(LARGE).memory(959, 10),
    e("swap-anon").memory(1215, 30),
    e("swap-iter").finds(LARGE).memory(1215, 50),
    e("swap-fork")
        .runs(&["child-swap"])
        .memory(1215, 200)
        .expects(Expect::Repeated("child-swap: exit(0)", 10)),
    super::row(Group::Cow, Part::D, "cow-simple")
        .asks_for_frames()
        .says(&["child: exit(0)", "cow-simple: exit(0)"]),
];
