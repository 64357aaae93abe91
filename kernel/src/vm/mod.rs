//! The virtual memory of user processes: address spaces, pages, and the way of a fault through them.
//!
//! [`fault::handle`] is the entry; it classifies, [`resolve`] brings the page in, [`map`] shows it to the processor.

pub mod fault;
mod fork;
mod map;
mod page;
mod resolve;
mod space;
pub mod user;

pub use page::Image;
pub use space::{Layout, Space, SpaceError};
