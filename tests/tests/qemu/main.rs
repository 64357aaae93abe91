//! Tests that boot the kernel. `cargo xtask test` builds what they need and says where it is; without that they are SKIPPED,
//! said so and counted as ignored, never as passed.

mod boot;
mod c;
mod faults;
mod gdb;
mod panics;
mod programs;
mod repeatable;

use libtest_mimic::{Arguments, Trial};

/// A test by name and function; it fails by panicking.
type Test = (&'static str, fn());

fn main() {
    let arguments = Arguments::from_args();
    let no_kernel = qemu_tests::artifacts().err();
    let groups: [&[Test]; 5] =
        [boot::TESTS, programs::TESTS, faults::TESTS, repeatable::TESTS, panics::TESTS];
    // These need a program of the host besides.
    let demanding = [(c::TESTS, c::missing()), (gdb::TESTS, gdb::missing())];
    let mut tests: Vec<(&Test, bool)> =
        groups.into_iter().flatten().map(|test| (test, no_kernel.is_some())).collect();
    for (group, missing) in demanding {
        if let (Some(why), None, false) = (&missing, &no_kernel, arguments.list) {
            group.iter().for_each(|(name, _)| println!("SKIPPED {name}: {why}"));
        }
        tests.extend(group.iter().map(|test| (test, missing.is_some() || no_kernel.is_some())));
    }
    if let (Some(why), false) = (&no_kernel, arguments.list) {
        println!("SKIPPED {} tests that boot the kernel: {why}", tests.len());
    }
    let trials = tests.into_iter().map(|(&(name, test), skipped)| {
        let run = move || {
            std::panic::catch_unwind(test).map_err(|payload| {
                let text = payload.downcast_ref::<String>().cloned();
                text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                    .unwrap_or_default()
                    .into()
            })
        };
        Trial::test(name, run).with_ignored_flag(skipped)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
