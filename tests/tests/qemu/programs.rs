//! Programs in ring 3: what they print, how they end, and what a wrong one is told.

use crate::Test;
use qemu_tests::{guest, run_in_order, tail};

pub const TESTS: &[Test] = &[
    ("programs_get_their_arguments_and_end_with_their_status", programs_get_their_arguments),
    ("memory_is_what_the_file_says_and_zero_elsewhere", memory_is_what_the_file_says),
    ("a_bad_access_kills_with_minus_one_and_prints_nothing_else", a_bad_access_kills),
    ("a_bad_buffer_kills_before_a_byte_of_it_is_shown", a_bad_buffer_kills),
    ("no_privileged_instruction_works_in_ring_3", no_privileged_instruction_works),
    ("a_bad_system_call_kills_the_caller_only", a_bad_system_call_kills),
    ("a_write_across_two_untouched_pages_arrives_whole", a_write_across_two_pages),
    ("floating_point_state_survives_preemption", floating_point_state_survives),
    ("halt_powers_off_at_once", halt_powers_off_at_once),
    ("a_name_that_does_not_exist_is_told_and_the_next_program_runs", missing_program),
];

fn programs_get_their_arguments() {
    let ran = run_in_order(guest(&["hello", "args one  two", "exit-status"]));
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"));
    let args = ran.output_of("args one  two");
    for line in
        ["args: argc = 3\n", "argv[1] = 'one'\n", "argv[2] = 'two'\n", "argv[3] = null\n", "args: exit(0)\n"]
    {
        assert!(args.contains(line), "{line:?} is missing in {args:?}");
    }
    assert_eq!(ran.output_of("exit-status"), "exit-status: exit(57)\n");
}

fn memory_is_what_the_file_says() {
    let programs = ["data", "text", "stack", "touch-zero 300", "touch-random 100"];
    let ran = run_in_order(guest(&programs));
    for program in programs {
        let name = program.split(' ').next().expect("a name");
        let output = ran.output_of(program);
        assert!(output.ends_with(&format!("{name}: exit(0)\n")), "{output}");
    }
}

fn a_bad_access_kills() {
    let bad = [
        "bad-read",
        "bad-write",
        "bad-jump",
        "bad-kernel",
        "write-text",
        "stack-low",
        "stack-overflow",
        "bad-pointer",
        "divide",
        "privileged",
    ];
    let ran = run_in_order(guest(&bad));
    for program in bad {
        assert_eq!(ran.output_of(program), format!("{program}: exit(-1)\n"));
    }
}

/// Runs a program with each of these arguments; each must end with -1 and print nothing.
fn each_case_is_killed(program: &str, cases: &[&str]) {
    let commands: Vec<String> = cases.iter().map(|case| format!("{program} {case}")).collect();
    let ran = run_in_order(guest(&commands.iter().map(String::as_str).collect::<Vec<_>>()));
    for command in &commands {
        assert_eq!(ran.output_of(command), format!("{program}: exit(-1)\n"), "{command}");
    }
}

fn a_bad_buffer_kills() {
    each_case_is_killed("bad-pointer", &["null", "unmapped", "kernel", "high", "wrap", "tail", "long"]);
}

fn no_privileged_instruction_works() {
    each_case_is_killed("privileged", &["hlt", "cli", "in", "cr3", "msr", "ud2", "int3", "int"]);
}

fn a_bad_system_call_kills() {
    let ran = run_in_order(guest(&["bad-syscall", "hello"]));
    assert_eq!(ran.output_of("bad-syscall"), "bad-syscall: exit(-1)\n");
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"));
}

fn a_write_across_two_pages() {
    let ran = run_in_order(guest(&["write-pages"]));
    assert_eq!(
        ran.output_of("write-pages"),
        "write-pages: this line lies in two pages\nwrite-pages: exit(0)\n"
    );
}

fn floating_point_state_survives() {
    let ran = run_in_order(guest(&["fp"]));
    assert!(ran.output_of("fp").ends_with("fp: exit(0)\n"), "{}", tail(&ran.outcome));
}

fn halt_powers_off_at_once() {
    let ran = run_in_order(guest(&["halt", "hello"]));
    let console = &ran.outcome.console;
    assert!(!console.contains("halt: exit"), "halt prints no exit line");
    assert!(!console.contains("Executing 'hello'"), "nothing runs after halt");
    assert_eq!(ran.outcome.not_started, ["hello"]);
}

fn missing_program() {
    // The runner would refuse the name before booting; the kernel must cope by itself.
    let ran = run_in_order(guest(&["hello"]).kernel_arg("exec", "no-such-file"));
    assert_eq!(ran.output_of("no-such-file"), "load: no-such-file: open failed\n");
}
