//! Distributions of durations in little memory: [`Histogram`] is written by one CPU, [`Counts`] is a copy to look at, add and send.
//!
//! [`scale`] says which values share a bucket: eight buckets to each doubling, so that a bucket is at most an eighth as wide as its
//! values. Used by the kernel (which counts) and by vmtrace (which counts the events it received in the same way, and compares).
#![no_std]
#![forbid(unsafe_code)]

mod counts;
mod histogram;
pub mod scale;

pub use counts::Counts;
pub use histogram::Histogram;
