//! Deterministic chaos: the places of the kernel that are marked ([`Point`]), what may happen at each ([`Kind`]), and what a seed has happen there
//! ([`Plan`], drawn from each processor's own [`Stream`]).
//!
//! The same seed and the same visits give the same actions. With one processor and counted instructions the visits are the same too, so the
//! whole run repeats. Neighbour: `inject` in the kernel passes the places and carries the actions out.
#![no_std]

mod plan;
mod point;
mod random;

pub use plan::{Action, Plan};
pub use point::{Kind, Point};
pub use random::{Stream, mix};
