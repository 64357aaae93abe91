//! The page's transitions and the orders around them, in every interleaving that loom can make; and mutants of the library that the
//! models here or the machine of `tests/world` must catch.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p fl-vmcore --test loom`. Each model runs on the source as it is and on
//! the mutants that it has to catch: those of the library by name, those of the code around it by a [`Twin`].
#![cfg(loom)]

mod cleaning;
mod eviction;
mod faults;
mod mutants;
mod pins;
mod teardown;
#[path = "../world/mod.rs"]
mod world;

use fl_model::{caught, fails};

/// What the code around the library does: as the library's documentation says, or one thing wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Twin {
    Right,
    /// Does not wait until all processors have acknowledged a flush.
    NoFlush,
    /// Reads the dirty bit before it takes the mapping away.
    EarlyDirtyBit,
    /// Takes a mapping away before it locks the page to report its dirty bit.
    LateReport,
    /// Wakes nobody.
    NoWake,
}

/// All orders of up to three threads with at most `preemptions` switches that no lock or sleep forces.
fn model(preemptions: Option<usize>, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(f);
}

/// Asserts that `model` fails for the twin, and passes for the code as it should be.
fn only_right(model: fn(Twin), wrong: &[Twin]) {
    model(Twin::Right);
    for &twin in wrong {
        fails(&format!("{twin:?}"), || model(twin));
    }
}
