//! What `cargo xtask run` runs when nothing is asked for: a few programs whose page faults differ, and some that want more memory than there is.

use crate::run::Run;

/// The demo's programs, in order. The last ones touch two to three times the frames below.
const PROGRAMS: [&str; 10] = [
    "hello",
    "args one two",
    "touch-zero 64",
    "touch-random 64 7",
    "data",
    "stack",
    "text",
    "bad-read",
    "pressure-sweep 220 3 60000",
    "pressure-check 4 60 3",
];

/// User frames of the demo's machine: a megabyte, so that pages have to go.
const USER_FRAMES: u32 = 128;
/// Its kernel has what it wants: the demo is about pages of programs.
const KERNEL_FRAMES: u32 = 2000;
/// Its swap space.
const SWAP_PAGES: u32 = 1024;

/// What to try after the demo.
pub(crate) const NEXT: [(&str, &str); 4] = [
    ("cargo xtask trace timeline --kind evict", "who lost pages, and when; --kind swap: which came back"),
    (
        "cargo xtask run --exec 'pressure-check 6 100 4' --user-frames 256 --swap-pages 2000 --policy sieve",
        "another policy, and --fault read:swap:0.01 for a disk that fails now and then",
    ),
    (
        "cargo xtask run --exec zero-bss-big --user-frames 1215",
        "a program that wants more memory than there is, without swap space",
    ),
    ("cargo xtask trace timeline --raw", "each single event of the last run"),
];

/// The demo's command lines.
pub(crate) fn command_lines() -> Vec<String> {
    PROGRAMS.map(str::to_owned).to_vec()
}

/// Gives the machine too little memory, where nothing else was asked for. A swap space that had to be in an image of Limine's cannot be had.
pub(crate) fn squeeze(run: &mut Run) {
    if run.user_frames.is_none() && run.swap_pages.is_none() && run.has_room_for_swap() {
        run.user_frames = Some(USER_FRAMES);
        run.kernel_frames = run.kernel_frames.or(Some(KERNEL_FRAMES));
        run.swap_pages = Some(SWAP_PAGES);
    }
}
