//! What the owner of a frame cache executes to take a frame and to give it back: one locked instruction, read off the kernel's machine code.

use crate::Test;
use qemu_tests::artifacts;
use qemu_tests::code::{Code, Locked};
use xtask::Profile;

pub const TESTS: &[Test] = &[
    ("taking_a_frame_from_ones_own_cache_is_one_locked_instruction", taking),
    ("giving_a_frame_back_to_ones_own_cache_is_one_locked_instruction", giving_back),
    ("a_path_of_two_locked_instructions_is_noticed", two_are_noticed),
];

/// What is not of the owner's path: waiting for another CPU, going to the pool and beyond, what chaos does, and what a panic does.
const BEYOND: &[&str] =
    &["SpinLock<T,C>::wait", "take_beyond", "give_back_beyond", "inject::", "panicking", "panic_", "_fail"];

fn locked(function: &str, beyond: &[&str]) -> (Vec<Locked>, Profile) {
    let artifacts = artifacts().expect("a test that runs has artefacts");
    (Code::of(&artifacts.kernel).locked_on_path(function, beyond), artifacts.profile)
}

fn is_one_locked_instruction(function: &str) {
    let (mut locked, profile) = locked(function, BEYOND);
    if profile == Profile::Checked {
        // The owner map of checked builds exchanges one byte.
        let owner_map = locked.iter().position(|locked| locked.exchange);
        locked.remove(owner_map.unwrap_or_else(|| panic!("{function} does not ask the owner map")));
    }
    assert_eq!(locked.len(), 1, "the owner's path through {function}: {locked:#x?}");
}

fn taking() {
    is_one_locked_instruction("faultline::mm::frames::Frame::take_at_hand");
}

fn giving_back() {
    is_one_locked_instruction("faultline::mm::frames::give_back");
}

/// The way to the pool takes a second lock: the check sees it where it is not told to look away, and in a function of its own.
fn two_are_noticed() {
    let waiting: Vec<&str> = BEYOND.iter().copied().filter(|word| *word != "take_beyond").collect();
    let (whole, _) = locked("faultline::mm::frames::Frame::take_at_hand", &waiting);
    let (owners, _) = locked("faultline::mm::frames::Frame::take_at_hand", BEYOND);
    let beyond = |locked: &&Locked| {
        ["take_beyond", "alloc_elsewhere"].iter().any(|name| locked.function.contains(name))
    };
    assert!(whole.iter().filter(beyond).count() >= 2, "{whole:#x?}");
    assert_eq!(owners.iter().filter(beyond).count(), 0);
}
