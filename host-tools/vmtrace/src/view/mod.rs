//! What a person or a program sees of a run: text, pictures, JSON. Views take what [`crate::model`] made; they read nothing.

pub mod check;
pub mod damage;
mod disks;
pub mod flame;
pub mod life;
pub mod logs;
pub mod openmetrics;
pub mod paint;
pub mod raw;
pub mod stats;
pub mod timeline;
