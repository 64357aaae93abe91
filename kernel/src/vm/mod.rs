//! The virtual memory of user processes: address spaces, pages, and the way of a fault through them.
//!
//! [`fault::handle`] is the entry; it classifies, [`resolve`] brings the page in, [`cow`] breaks sharing for a store, [`map`] shows the page to
//! the processor. [`fork`] shares a space, [`mmap`] makes files memory, [`pin`] keeps pages where they are for
//! a transfer. [`detach`] lets go of pages and writes back what files must have.

mod cow;
mod detach;
pub mod fault;
mod fork;
mod map;
mod mmap;
pub mod page;
pub mod pin;
mod readahead;
mod resolve;
mod shared_pages;
mod space;
pub mod user;

pub use page::Image;
pub use space::{Layout, Space, SpaceError};
