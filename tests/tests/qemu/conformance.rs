//! The fast conformance scenarios. All of them: `cargo xtask conformance`, which CI runs too.

use crate::Test;
use xtask::conformance::Suite;

pub const TESTS: &[Test] = &[("the_fast_conformance_scenarios_pass", the_fast_scenarios_pass)];

/// Words of which a fast scenario's name contains one: each group is there, and nothing that takes a second.
const FAST: [&str; 10] =
    ["args-", "create-", "open-", "read-", "fork-", "exec-", "wait-", "rox-", "bad-", "sm-"];

fn the_fast_scenarios_pass() {
    let mut suite = Suite::new(qemu_tests::artifacts().expect("a test that runs has artefacts"));
    suite.filter = FAST.map(str::to_owned).to_vec();
    let report = suite.run(|_| ()).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.is_good(), "{}", report.table());
}
