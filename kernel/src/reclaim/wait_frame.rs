//! Frames for a fault: the data frame and the page tables that mapping it may take, all before anything is locked or claimed.
//!
//! As long as there are plenty a frame costs a look at one flag. When fewer are free than the low watermark, which is noticed when this CPU's cache
//! has to be refilled, the flag goes up and the evictor is woken; from then on frames are given out in order of arrival and not below the lowest
//! watermark, until the evictor has made room.

use super::{evictor, oom};
use crate::arch::cpu::tsc;
use crate::inject::{self, Point};
use crate::mm::frames::{self, Frame};
use crate::mm::page_table::{KernelTables, SpaceTable};
use crate::mm::stacks::STACKS_MAX;
use crate::sched::{self, WaitQueue};
use crate::sync::{LockClass, Once, SpinLock};
use crate::trace::{drain, emit};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use fl_addr::{Pfn, Pid, Vpn};
use fl_paging::{MapError, Pte, TableStock};
use fl_reclaim::{Turn, Turns, Watermarks};
use fl_trace::event::{BlockedOn, Event, FrameClass, FrameWait};
use fl_trace::field::Ticks;

/// No frame is to be had: there is no memory, or the process is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// The table that one page is to be mapped into, or table frames in hand for the way to it. What is left is given back on drop.
pub enum Tables {
    /// It is there.
    There(Pfn),
    /// It was not when it was looked for.
    Missing(InHand),
}

/// Table frames in hand.
pub struct InHand(TableStock);

impl Tables {
    /// Takes what mapping `page` into `table` needs.
    #[inline]
    pub fn take(table: &SpaceTable, page: Vpn) -> Result<Self, NoMemory> {
        match table.leaf_table(page) {
            Some(leaf) => Ok(Self::There(leaf)),
            None => InHand::take(table, page).map(Self::Missing),
        }
    }

    /// Maps `page`, for which this was taken, into `table`.
    #[inline]
    pub fn map(&mut self, table: &SpaceTable, page: Vpn, pte: Pte) -> Result<(), MapError> {
        match self {
            Self::There(leaf) => table.map_in(*leaf, page, pte),
            Self::Missing(frames) => frames.map(table, page, pte),
        }
    }
}

impl InHand {
    #[cold]
    fn take(table: &SpaceTable, page: Vpn) -> Result<Self, NoMemory> {
        let missing = table.missing_tables(page);
        let mut frames = Self(TableStock::new());
        if frames.0.fill(&mut KernelTables, missing) { Ok(frames) } else { Err(NoMemory) }
    }

    #[cold]
    #[inline(never)]
    fn map(&mut self, table: &SpaceTable, page: Vpn, pte: Pte) -> Result<(), MapError> {
        table.map(page, pte, &mut self.0)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.give_back(&mut KernelTables);
    }
}

/// The waiting room.
struct Waiting {
    marks: Watermarks,
    /// Lock rank 8, outer to the frame caches.
    turns: SpinLock<Turns<Frame>>,
    /// Those in `turns` sleep here.
    queue: WaitQueue,
}

static WAITING: Once<Waiting> = Once::new();

/// Frames are short: whoever wants one goes the long way. Relaxed: seen late, a few more frames are given out without a look.
static SHORT: AtomicBool = AtomicBool::new(false);

/// The most threads: each has a stack of four frames.
const FRAMES_PER_THREAD: u32 = 4;

pub(super) fn init() -> Result<(), fl_reclaim::NoMemory> {
    let threads = (frames::total(FrameClass::Kernel) / FRAMES_PER_THREAD).min(STACKS_MAX as u32);
    let turns = SpinLock::new(LockClass::FrameWait, Turns::new(threads as usize)?);
    let marks = Watermarks::for_frames(frames::total(FrameClass::User));
    WAITING.call_once(|| Waiting { marks, turns, queue: WaitQueue::new() });
    frames::tell_returns(give_out);
    Ok(())
}

/// Whether [`init`] has been called.
pub(super) fn is_ready() -> bool {
    WAITING.get().is_some()
}

/// The watermarks. `None`: nothing is evicted.
pub fn watermarks() -> Option<Watermarks> {
    WAITING.get().map(|waiting| waiting.marks)
}

/// Takes a user frame, content undefined. Sleeps until there is one: call it holding nothing but frames.
pub fn take_frame() -> Result<Frame, NoMemory> {
    if !SHORT.load(Relaxed)
        && let Some((frame, beyond)) = Frame::take_told(FrameClass::User)
    {
        if beyond {
            look();
        }
        return Ok(frame);
    }
    take_when_short()
}

/// A user frame of zeroes, if one is to be had without waiting: may be called with the space locked. `None` also while frames are short: then
/// everybody has to stand in line.
#[inline]
pub fn zeroed_frame_now() -> Option<Frame> {
    if SHORT.load(Relaxed) {
        return None;
    }
    if let Some(frame) = Frame::take_stocked() {
        return Some(frame);
    }
    let mut frame = frame_now()?;
    frame.bytes().fill(0);
    Some(frame)
}

/// A user frame, content undefined, on the terms of [`zeroed_frame_now`].
#[inline]
pub fn frame_now() -> Option<Frame> {
    if SHORT.load(Relaxed) {
        return None;
    }
    let (frame, beyond) = Frame::take_told(FrameClass::User)?;
    if beyond {
        look();
    }
    Some(frame)
}

/// Whether so many frames are free that nobody misses one soon: for work that nobody waits for.
pub fn has_plenty() -> bool {
    let high = WAITING.get().map(|waiting| waiting.marks.high);
    high.is_some_and(|high| !frames::awaited() && frames::free(FrameClass::User) > high)
}

/// Takes a frame if there are [plenty](has_plenty).
pub fn frame_in_plenty() -> Option<Frame> {
    if has_plenty() { Frame::take(FrameClass::User) } else { None }
}

/// Looks whether frames are getting short.
#[cold]
fn look() {
    let Some(Waiting { marks, .. }) = WAITING.get() else { return };
    // What lies in caches is not seen going: by the time one has to be refilled again it could be too late.
    if frames::pooled(FrameClass::User) < marks.low {
        SHORT.store(true, Relaxed);
    }
    wake_evictor(marks, frames::free(FrameClass::User));
}

/// Wakes the evictor if frames are short, and lets it begin: then there are frames again before the last is gone.
fn wake_evictor(marks: &Watermarks, free: u32) {
    if free < marks.low && evictor::is_idle() {
        evictor::wake();
        sched::yield_now();
    }
}

/// Takes a frame if there is one now, for which nobody waits and which is not among the last.
pub(super) fn try_frame() -> Option<Frame> {
    let marks = &WAITING.get()?.marks;
    let free = frames::free(FrameClass::User);
    let may = !frames::awaited() && marks.admits(free, false);
    let frame = if may { Frame::take(FrameClass::User) } else { None };
    wake_evictor(marks, free);
    frame
}

#[cold]
fn take_when_short() -> Result<Frame, NoMemory> {
    let waiting = WAITING.get().ok_or(NoMemory)?;
    match try_frame() {
        Some(frame) => Ok(frame),
        None => waiting.sleep(),
    }
}

impl Waiting {
    fn sleep(&self) -> Result<Frame, NoMemory> {
        let begun = tsc();
        let pid = sched::current().pid();
        sched::tell_blocked(BlockedOn::Frame);
        let (ticket, position) = {
            let mut turns = self.turns.lock();
            let position = turns.waiting();
            let ticket = turns.join(pid.0).ok_or(NoMemory)?;
            frames::set_awaited(true); // under the lock, as it is cleared
            (ticket, position)
        };
        if oom::is_ending() {
            self.turns.lock().refuse(pid.0); // whoever ended it has looked before it joined, or will look after
        }
        inject::pass(Point::FrameAwaited);
        SHORT.store(true, Relaxed);
        self.give_out(); // what came back before it was said that somebody waits
        evictor::wake();
        let mut turn = Turn::Waiting;
        self.queue.wait_until(|| {
            turn = self.turns.lock().fetch(ticket);
            !matches!(turn, Turn::Waiting)
        });
        let ok = matches!(turn, Turn::Granted(_));
        let time = Ticks(tsc() - begun);
        drain::admit();
        emit(Event::FrameWait(FrameWait { pid, position: position as u16, ok, time }));
        match turn {
            Turn::Granted(frame) => Ok(frame),
            Turn::Waiting | Turn::Refused => Err(NoMemory),
        }
    }

    /// Gives free frames to those who wait, as far as the watermarks let it.
    fn give_out(&self) {
        let mut any = false;
        loop {
            let mut turns = self.turns.lock();
            if turns.waiting() == 0 {
                frames::set_awaited(false);
                break;
            }
            if !self.marks.admits(frames::free(FrameClass::User), false) {
                break;
            }
            let Some(frame) = Frame::take(FrameClass::User) else { break };
            let granted = turns.grant(frame);
            debug_assert!(granted.is_ok(), "somebody waits");
            any = true;
        }
        if any {
            inject::pass(Point::Granted);
            self.queue.wake_all();
        }
    }
}

/// Gives free frames to those who wait. Called after each frame that comes back while somebody does, and by the evictor.
pub(super) fn give_out() {
    if let Some(waiting) = WAITING.get() {
        waiting.give_out();
    }
}

/// How many wait for a frame.
pub(super) fn waiting() -> usize {
    if frames::awaited() { WAITING.get().map_or(0, |waiting| waiting.turns.lock().waiting()) } else { 0 }
}

/// The evictor sleeps. If there are plenty of frames outside the caches, nobody has to count them any more.
pub(super) fn end_of_reclaim() {
    if WAITING.get().is_some_and(|waiting| frames::pooled(FrameClass::User) >= waiting.marks.low) {
        SHORT.store(false, Relaxed);
    }
}

/// Tells a process, which is to end, that it gets no frame.
pub fn refuse(pid: Pid) {
    if let Some(waiting) = WAITING.get()
        && waiting.turns.lock().refuse(pid.0)
    {
        waiting.queue.wake_all();
    }
}

/// Tells who has waited longest that there is no memory. False: nobody waits.
pub(super) fn refuse_oldest() -> bool {
    let Some(waiting) = WAITING.get() else { return false };
    let refused = waiting.turns.lock().refuse_oldest();
    waiting.queue.wake_all();
    refused
}
