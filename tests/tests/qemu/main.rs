//! Tests that boot the kernel. `cargo xtask test` builds what they need and says where it is; without that they are SKIPPED,
//! said so and counted as ignored, never as passed.

mod boot;
mod faults;
mod panics;
mod programs;
mod repeatable;

use libtest_mimic::{Arguments, Trial};

/// A test by name and function; it fails by panicking.
type Test = (&'static str, fn());

fn main() {
    let arguments = Arguments::from_args();
    let skipped = qemu_tests::artifacts().err();
    let groups: [&[Test]; 5] =
        [boot::TESTS, programs::TESTS, faults::TESTS, repeatable::TESTS, panics::TESTS];
    let tests: Vec<&Test> = groups.into_iter().flatten().collect();
    if let (Some(why), false) = (&skipped, arguments.list) {
        println!("SKIPPED {} tests that boot the kernel: {why}", tests.len());
    }
    let trials = tests.into_iter().map(|&(name, test)| {
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
