//! [`FreeFrames`]: user frames that go back together, with one visit to the cache.

use super::{Frame, JUNK, USER, tell_drained, tell_returned};
use crate::arch::interrupts::IrqOff;
use crate::mm::layout::frame_ptr;
use crate::percpu;
use fl_addr::Pfn;
use fl_trace::event::FrameClass;

/// Frames that [`FreeFrames`] holds: as many as a CPU's cache.
const HELD: usize = fl_frames::MAGAZINE_CAPACITY;

/// User frames that are to be free soon, and then all at once.
///
/// Owns them, and gives them back when it is dropped.
pub struct FreeFrames(heapless::Vec<Pfn, HELD>);

impl FreeFrames {
    /// None yet.
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// Whether there is no room for more.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One user frame more, for which there must be room.
    #[inline]
    pub fn add(&mut self, frame: Frame) {
        debug_assert!(frame.class == FrameClass::User, "only user frames go back together");
        let kept = self.0.push(frame.pfn);
        assert!(kept.is_ok(), "there is room for the frame");
        frame.into_pfn();
    }

    /// They are free.
    pub fn give_back(&mut self) {
        if self.0.is_empty() {
            return;
        }
        if cfg!(debug_assertions) {
            // SAFETY: RAM in the direct map, ours alone until it is given back below.
            self.0.iter().for_each(|pfn| unsafe { &mut *frame_ptr(*pfn) }.fill(JUNK));
        }
        let irq = IrqOff::new();
        if let Some(t) = USER.free_batch(percpu::this_cpu(&irq), &self.0) {
            tell_drained(FrameClass::User, t);
        }
        self.0.clear();
        tell_returned(FrameClass::User);
    }
}

impl Drop for FreeFrames {
    fn drop(&mut self) {
        self.give_back();
    }
}
