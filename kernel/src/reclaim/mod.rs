//! Getting memory when there is none: frames are taken away from pages that were not used of late, by a thread that does nothing else.
//!
//! [`wait_frame`] gives out user frames, and is where threads sleep for one. [`frame_table`] says which page a frame belongs to, and asks the
//! policy. [`evictor`] is the thread: [`victim`] takes pages' mappings and frames away, [`write_out`] writes those first that have no copy.
//! [`swap`] is where private pages are kept meanwhile. When all of that frees nothing, [`oom`] has a process end.
//!
//! Pages are evicted where there is a swap space. Without one a frame that is not free is not to be had.

mod evictor;
mod frame_table;
pub mod oom;
mod sampler;
mod slots;
pub mod swap;
mod victim;
mod wait_frame;
mod write_out;

pub use evictor::rescued;
pub use frame_table::{evictions, forget, settle};
pub use victim::eviction_ipis;
pub use wait_frame::{
    NoMemory, Tables, frame_in_plenty, frame_now, has_plenty, refuse, take_frame, watermarks,
    zeroed_frame_now,
};

use crate::mm::frames;
use crate::sched::SpawnError;
use core::fmt;
use fl_reclaim::Choice;
use fl_trace::event::FrameClass;

/// Why frames cannot be taken away from pages.
pub enum NoReclaim {
    /// No kernel memory for the tables of frames and slots, or for the thread.
    NoMemory {
        /// User frames to keep account of.
        frames: u32,
        /// Swap slots to keep account of.
        slots: u32,
    },
}

impl fmt::Display for NoReclaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NoMemory { frames, slots } = self;
        write!(
            f,
            "not enough kernel memory to keep account of {frames} user frames and {slots} swap slots; give the kernel more frames"
        )
    }
}

/// Whether pages are evicted here.
#[inline]
pub fn is_active() -> bool {
    wait_frame::is_ready()
}

/// Whether no thread of this layer holds a page.
pub fn is_idle() -> bool {
    evictor::is_idle() && sampler::is_idle()
}

/// Has the frames of so many pages taken away though memory is plenty, if pages are evicted here. For chaos.
pub fn force_out(pages: u32) {
    if is_active() {
        evictor::force(pages);
    }
}

/// The name of the policy; empty if nothing is evicted.
pub fn policy_name() -> &'static str {
    frame_table::policy().map_or("", Choice::name)
}

/// Finds the swap space and, if there is one, starts the evictor; `sample`: also the thread that samples accessed bits. Once, before the first process, with the disks known.
pub fn init(policy: Choice, sample: bool) -> Result<(), NoReclaim> {
    let Some(found) = swap::find() else { return Ok(()) };
    let slots = found.slots();
    let no_memory = || NoReclaim::NoMemory { frames: frames::total(FrameClass::User), slots };
    swap::open(found).map_err(|_| no_memory())?;
    frame_table::init(policy).map_err(|_| no_memory())?;
    wait_frame::init().map_err(|_| no_memory())?;
    let started = evictor::start().and_then(|()| if sample { sampler::start() } else { Ok(()) });
    started.map_err(|e| match e {
        SpawnError::NoMemory => no_memory(),
    })
}
