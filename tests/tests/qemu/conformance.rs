//! The fast conformance scenarios. All of them: `cargo xtask conformance`, which CI runs too.

use crate::Test;
use xtask::conformance::{Suite, Verdict};

pub const TESTS: &[Test] = &[
    ("the_fast_conformance_scenarios_pass", the_fast_scenarios_pass),
    ("a_wrong_program_fails_its_own_conformance_scenario_only", a_wrong_program_fails),
];

/// Words of which a fast scenario's name contains one: each group is there, and nothing that takes a second.
const FAST: [&str; 10] =
    ["args-", "create-", "open-", "read-", "fork-", "exec-", "wait-", "rox-", "bad-", "sm-"];

fn the_fast_scenarios_pass() {
    let mut suite = Suite::new(qemu_tests::artifacts().expect("a test that runs has artefacts"));
    suite.filter = FAST.map(str::to_owned).to_vec();
    let report = suite.run(|_| ()).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.is_good(), "{}", report.table());
}

/// Programs that do something else: one prints and exits with another status, one powers the machine off while others wait for their turn.
fn a_wrong_program_fails() {
    let mut artifacts = qemu_tests::artifacts().expect("a test that runs has artefacts");
    for (scenario, program) in [("exit", "hello"), ("create-null", "halt")] {
        let path = artifacts.programs[program].clone();
        artifacts.scenarios.insert(scenario.to_owned(), path);
    }
    let mut suite = Suite::new(artifacts);
    suite.filter = ["exit", "create-n", "open-n"].map(str::to_owned).to_vec();
    let report = suite.run(|_| ()).unwrap_or_else(|e| panic!("{e}"));
    assert!(!report.is_good());
    for judged in report.judged() {
        let wrong = ["exit", "create-null"].contains(&judged.scenario.name);
        assert_eq!(matches!(judged.verdict, Verdict::Fail { .. }), wrong, "{}", report.table());
    }
    assert_eq!(report.judged().len(), 6, "mmap-exit has the word too");
}
