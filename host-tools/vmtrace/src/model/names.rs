//! The words for kinds, stages, outcomes and causes, and arrays of all of them: one place for text and order.
//!
//! Every `match` here is exhaustive on purpose: a new variant of the schema stops the build until it has a word.

use fl_trace::control::{Bye, EVENT_KINDS, Moment};
use fl_trace::event::{Access, Event, ExitCause, FaultKind, FrameClass, Name, Outcome, Stage};

/// All fault kinds, in the order of their numbers.
pub const FAULT_KINDS: [FaultKind; FaultKind::VALUE_COUNT] = FaultKind::VALUES;

/// All outcomes, in the order of their numbers.
pub const OUTCOMES: [Outcome; Outcome::VALUE_COUNT] = Outcome::VALUES;

/// What the kinds of event are called, by [`Event::index`].
pub const EVENT_NAMES: [&str; EVENT_KINDS] = Event::NAMES;

/// [`Event::index`] of [`Event::Fault`].
pub const FAULT_INDEX: usize = Event::FAULT;

/// The index of a fault kind in [`FAULT_KINDS`].
pub const fn kind_index(kind: FaultKind) -> usize {
    kind as usize
}

/// The index of an outcome in [`OUTCOMES`].
pub const fn outcome_index(outcome: Outcome) -> usize {
    outcome as usize
}

/// A fault kind in one word.
pub const fn kind(kind: FaultKind) -> &'static str {
    kind.word()
}

/// What a fault of this kind is, for somebody who meets it for the first time.
pub const fn kind_explained(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Zero => "first touch of memory that begins as zeros",
        FaultKind::Executable => "first touch of a page of the program file",
        FaultKind::Stack => "first touch of a stack page",
        FaultKind::Bad => "an address that is not the program's",
        FaultKind::Mapping => "first touch of a page of a mapped file",
        FaultKind::Swap => "a page that was written to swap",
    }
}

/// A stage of a fault in one word.
pub const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Lookup => "lookup",
        Stage::Wait => "wait",
        Stage::Frame => "frame",
        Stage::Fill => "fill",
        Stage::Map => "map",
    }
}

/// An outcome in one or two words.
pub const fn outcome(outcome: Outcome) -> &'static str {
    outcome.word()
}

/// An access in one word.
pub const fn access(access: Access) -> &'static str {
    access.word()
}

/// The letter of an access, as permissions are written.
pub const fn access_letter(access: Access) -> char {
    match access {
        Access::Read => 'r',
        Access::Write => 'w',
        Access::Execute => 'x',
    }
}

/// Why a process ended, as the end of "killed: ..." or alone.
pub const fn cause(cause: ExitCause) -> &'static str {
    cause.word()
}

/// A frame class in one word.
pub const fn class(class: FrameClass) -> &'static str {
    class.word()
}

/// A moment of the counters in one word.
pub const fn moment(moment: Moment) -> &'static str {
    match moment {
        Moment::Boot => "boot",
        Moment::Running => "running",
        Moment::PowerOff => "power-off",
    }
}

/// How a run ended.
pub const fn bye(bye: Bye) -> &'static str {
    match bye {
        Bye::PowerOff => "power-off",
        Bye::Panic => "panic",
    }
}

/// A process name as text that is safe on a terminal and in a file.
pub fn process(name: &Name) -> String {
    name.as_bytes().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_arrays_agree() {
        for (i, k) in FAULT_KINDS.iter().enumerate() {
            assert_eq!(kind_index(*k), i);
            assert_eq!(*k as usize, i);
        }
        for (i, o) in OUTCOMES.iter().enumerate() {
            assert_eq!(outcome_index(*o), i);
        }
    }

    #[test]
    fn a_name_cannot_carry_control_characters_to_the_terminal() {
        assert_eq!(process(&Name::new(b"\x1b[31mred")), "\\x1b[31mred");
    }
}
