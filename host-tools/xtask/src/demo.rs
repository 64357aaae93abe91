//! What `cargo xtask run` runs when nothing is asked for: a few programs whose page faults differ.

/// The demo's programs, in order.
const PROGRAMS: [&str; 8] =
    ["hello", "args one two", "touch-zero 64", "touch-random 64 7", "data", "stack", "text", "bad-read"];

/// What to try after the demo.
pub(crate) const NEXT: [(&str, &str); 3] = [
    ("cargo xtask run --exec 'touch-random 1000 3' --report full", "one program, a thousand faults"),
    (
        "cargo xtask run --exec zero-bss-big --user-frames 1215",
        "a program that wants more memory than there is",
    ),
    ("cargo xtask trace timeline --raw", "each single event of the last run"),
];

/// The demo's command lines.
pub(crate) fn command_lines() -> Vec<String> {
    PROGRAMS.map(str::to_owned).to_vec()
}
