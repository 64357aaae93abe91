//! Frame allocation: one pool of free frames under one lock, in front of it one magazine of frames per CPU, and beside it a stock of frames that
//! are zeroed already.
//!
//! Key types: [`FrameCache`] (one per class of frames), what it answers ([`Grant`], [`Transfer`]), and [`OwnerMap`], which
//! catches double and foreign frees in debug builds. Who waits for one of its locks ([`CacheLock`]) is measured by a [`Clock`] of the caller's. Neighbours: `mm::frames` in the kernel owns the caches, calls them with
//! preemption off and turns `Transfer`s into trace events; `reclaim::wait_frame` sleeps when there is no frame.
//!
//! This crate knows frame numbers only: it never touches the memory of a frame, never waits for one, and calls no hook.
//! `tests/loom.rs` checks the locking on this very source, and that each [`mutant`](fl_model::mutant) of it is caught.
#![no_std]

mod cache;
mod counted;
mod magazine;
mod owners;
mod policy;
mod pool;
mod scavenge;
mod spinlock;
mod zeroed;

pub use cache::{FrameCache, Grant, Transfer};
pub use owners::{Misuse, OwnerMap, OwnerState};
pub use policy::{MAGAZINE_CAPACITY, STOCK_CAPACITY};
pub use spinlock::{CacheLock, Clock, NoClock};
