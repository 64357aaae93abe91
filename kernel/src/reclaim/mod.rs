//! Getting memory when there is none. For now nothing can be evicted, so there is nothing to wait for.

mod wait_frame;

pub use wait_frame::{NoMemory, Tables, take_frame, zeroed_frame_now};
