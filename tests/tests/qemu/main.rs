//! Tests that boot the kernel. `cargo xtask test` builds what they need and says where it is; without that they are SKIPPED,
//! said so and counted as ignored, never as passed.

mod bench;
mod block;
mod boot;
mod c;
mod chaos;
mod conformance;
mod faults;
mod files;
mod gdb;
mod limine;
mod link;
mod metrics;
mod owner_path;
mod panics;
mod processes;
mod programs;
mod repeatable;
mod sampling;
mod smp;
mod swap;
mod vm;
mod volume;
mod watchdog;

use libtest_mimic::{Arguments, Trial};
use std::collections::BTreeMap;

/// A test by name and function; it fails by panicking.
type Test = (&'static str, fn());

fn main() {
    let arguments = Arguments::from_args();
    let no_kernel = qemu_tests::artifacts().err();
    let groups: [&[Test]; 20] = [
        boot::TESTS,
        block::TESTS,
        volume::TESTS,
        vm::TESTS,
        programs::TESTS,
        conformance::TESTS,
        faults::TESTS,
        link::TESTS,
        processes::TESTS,
        files::TESTS,
        metrics::TESTS,
        owner_path::TESTS,
        repeatable::TESTS,
        sampling::TESTS,
        bench::TESTS,
        panics::TESTS,
        smp::TESTS,
        chaos::TESTS,
        swap::TESTS,
        watchdog::TESTS,
    ];
    let ours = groups.into_iter().flatten().map(|&test| (test, no_kernel.clone()));
    // These need something of the host besides.
    let compiled = c::TESTS.iter().map(|&test| (test, no_kernel.clone().or_else(c::missing)));
    let debugged = gdb::TESTS.iter().map(|&test| (test, no_kernel.clone().or_else(gdb::missing)));
    let with_limine =
        limine::TESTS.iter().map(|&(need, test)| (test, no_kernel.clone().or_else(|| need.missing())));
    let tests: Vec<(Test, Option<String>)> =
        ours.chain(compiled).chain(debugged).chain(with_limine).collect();
    if !arguments.list {
        say_skipped(tests.iter().filter_map(|(_, why)| why.as_deref()));
    }
    let trials = tests.into_iter().map(|((name, test), skipped)| {
        let run = move || {
            std::panic::catch_unwind(test).map_err(|payload| {
                let text = payload.downcast_ref::<String>().cloned();
                text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                    .unwrap_or_default()
                    .into()
            })
        };
        Trial::test(name, run).with_ignored_flag(skipped.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// Each reason once, with how many tests it keeps from running.
fn say_skipped<'a>(reasons: impl Iterator<Item = &'a str>) {
    let mut counts = BTreeMap::new();
    reasons.for_each(|why| *counts.entry(why).or_insert(0) += 1);
    for (why, count) in counts {
        println!("SKIPPED {count} tests that boot the kernel: {why}");
    }
}
