//! Files: for now those of the boot-module volume, read-only and in memory.

mod volume;

pub use volume::{File, mount, open};
