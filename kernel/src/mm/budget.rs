//! Kernel memory is promised before work begins, so that what cannot be finished is not begun.
//!
//! A system call that needs kernel memory asks for its worst case first: [`reserve`] takes the frames and sets the heap bytes aside, or says
//! no while there is nothing to undo. Two reserves are never promised to anybody. The heap's ([`heap::RESERVE_SHARE`]) serves what cannot fail:
//! library code that allocates as it goes, small blocks of work that has begun. The frames' ([`headroom`]) serves page tables of those who
//! run already, so that it is the next fork that fails and not the programs there are.

use super::frames::{self, Frame};
use super::heap;
use fl_addr::{PAGE_SIZE, Pfn};
use fl_trace::event::FrameClass;

/// Kernel memory that is set aside. What is not used of it goes back on drop.
///
/// Heap bytes stay set aside until then, whether they have been allocated meanwhile or not: for a moment they may count twice, never not at all.
#[must_use = "what is reserved is given back on drop"]
pub struct Reservation {
    /// First frame of a list that runs through the frames themselves: its first eight bytes hold the next one's number, [`END`] in the last.
    first: u64,
    heap: u64,
}

/// No frame has this number.
const END: u64 = u64::MAX;

/// Sets `frames` kernel frames and `heap` bytes aside. `None`: that would touch the reserves; nothing was taken.
pub fn reserve(frames: usize, heap: usize) -> Option<Reservation> {
    if frames > 0 && (frames::free(FrameClass::Kernel) as usize) < frames + headroom(FrameClass::Kernel) {
        return None;
    }
    heap::promise(heap as u64).then_some(())?;
    let mut reservation = Reservation { first: END, heap: heap as u64 };
    for _ in 0..frames {
        reservation.put(Frame::take(FrameClass::Kernel)?); // on failure the drop gives all back
    }
    Some(reservation)
}

/// Frames of a class that only those may take who run already: a sixteenth, at least 8 and at most 64.
pub fn headroom(class: FrameClass) -> usize {
    (frames::total(class) as usize / 16).clamp(8, 64)
}

/// Whether there is room on the heap for `bytes` now, outside the reserve: for growth so small that nothing is undone if it comes to nothing.
#[inline]
pub fn has_room(bytes: usize) -> bool {
    heap::has_room(bytes as u64)
}

impl Reservation {
    /// One of the frames. `None`: all were taken; who reserved counted wrong.
    pub fn frame(&mut self) -> Option<Frame> {
        if self.first == END {
            return None;
        }
        // SAFETY: `put` let go of a kernel frame of this number, once.
        let mut frame = unsafe { Frame::from_pfn(Pfn(self.first as u32), FrameClass::Kernel) };
        self.first = *link(&mut frame);
        Some(frame)
    }

    fn put(&mut self, mut frame: Frame) {
        *link(&mut frame) = self.first;
        self.first = u64::from(frame.into_pfn().0);
    }
}

fn link(frame: &mut Frame) -> &mut u64 {
    const { assert!(PAGE_SIZE.is_multiple_of(size_of::<u64>())) };
    // SAFETY: the first eight bytes of a frame, which is aligned and exclusively ours; any bits are a number.
    unsafe { &mut *frame.bytes().as_mut_ptr().cast::<u64>() }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        while self.frame().is_some() {}
        heap::keep_promise(self.heap);
    }
}
