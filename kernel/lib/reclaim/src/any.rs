//! [`AnyPolicy`]: the policy that `--policy` names.

use crate::{
    Batch, Candidate, Clock, EnhancedClock, Fifo, FrameIndex, NoMemory, Policy, Sample, Sieve, TwoQueue,
    Verdict,
};
use core::fmt;
use core::str::FromStr;
use fl_addr::PageId;

macro_rules! policies {
    ($($(#[$doc:meta])* $variant:ident($type:ty) = $name:literal),* $(,)?) => {
        /// The name of a policy.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Choice {
            $($(#[$doc])* $variant),*
        }

        impl Choice {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it is written in options and traces.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        /// Any of the policies.
        #[derive(Debug)]
        pub enum AnyPolicy {
            $($(#[$doc])* $variant($type)),*
        }

        impl AnyPolicy {
            /// The chosen one, for frames below `frames`.
            ///
            /// # Errors
            /// [`NoMemory`].
            pub fn new(choice: Choice, frames: u32) -> Result<Self, NoMemory> {
                Ok(match choice { $(Choice::$variant => Self::$variant(<$type>::new(frames)?)),* })
            }
        }

        impl Policy for AnyPolicy {
            fn insert(&mut self, frame: FrameIndex, page: PageId) {
                match self { $(Self::$variant(p) => p.insert(frame, page)),* }
            }
            fn remove(&mut self, frame: FrameIndex) {
                match self { $(Self::$variant(p) => p.remove(frame)),* }
            }
            fn candidates(&mut self, batch: &mut Batch) {
                match self { $(Self::$variant(p) => p.candidates(batch)),* }
            }
            fn tick(&mut self) {
                match self { $(Self::$variant(p) => p.tick()),* }
            }
            fn judge(&mut self, candidate: Candidate, sample: Sample) -> Verdict {
                match self { $(Self::$variant(p) => p.judge(candidate, sample)),* }
            }
            fn put_back(&mut self, frame: FrameIndex) {
                match self { $(Self::$variant(p) => p.put_back(frame)),* }
            }
            fn len(&self) -> usize {
                match self { $(Self::$variant(p) => p.len()),* }
            }
            fn was_protected(&self) -> bool {
                match self { $(Self::$variant(p) => p.was_protected()),* }
            }
            fn wants_accessed(&self) -> bool {
                match self { $(Self::$variant(p) => p.wants_accessed()),* }
            }
            fn bound(&self) -> usize {
                match self { $(Self::$variant(p) => p.bound()),* }
            }
        }
    };
}

policies!(
    /// Second chance. The default.
    Clock(Clock) = "clock",
    /// Clock, dirty pages last.
    EnhancedClock(EnhancedClock) = "enhanced",
    /// First in, first out.
    Fifo(Fifo) = "fifo",
    /// SIEVE.
    Sieve(Sieve) = "sieve",
    /// Two queues.
    TwoQueue(TwoQueue) = "2q",
);

/// No policy has that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownPolicy;

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such policy; there are")?;
        Choice::ALL.iter().try_for_each(|choice| write!(f, " {}", choice.name()))
    }
}

impl core::error::Error for UnknownPolicy {}

impl FromStr for Choice {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL.iter().copied().find(|choice| choice.name() == name).ok_or(UnknownPolicy)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
