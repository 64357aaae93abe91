//! What a person or a program sees of a run: text, pictures, JSON. Views take what [`crate::model`] made; they read nothing.

pub mod check;
pub mod damage;
mod disks;
pub mod flame;
mod lanes;
pub mod life;
mod life_words;
pub mod logs;
mod memory;
pub mod openmetrics;
pub mod paint;
pub mod raw;
pub mod stats;
pub mod timeline;
