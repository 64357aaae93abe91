//! The evictor: a kernel thread that keeps enough user frames free for nobody to have to wait, as the watermarks say.
//!
//! It takes frames away in batches, writes pages out without waiting for each, and sleeps while there is enough. While it works it allocates
//! nothing, takes pages' locks by trying only, and no lock that anybody holds who waits for memory.

use super::victim::{Found, Regard, Search};
use super::write_out::WriteOut;
use super::{frame_table, oom, slots, swap, wait_frame};
use crate::arch::cpu::tsc;
use crate::mm::{budget, frames, heap};
use crate::sched::{self, SpawnError, WaitQueue};
use crate::trace::{drain, emit};
use alloc::boxed::Box;
use core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use fl_reclaim::{BATCH, Mode, Policy, Watermarks};
use fl_trace::event::{self, Event, FrameClass, Level, WatermarkCrossed};
use fl_trace::field::Ticks;

/// Rounds in vain, with time for the processes after each and nothing on its way to the disk, after which there is no memory. Two suffice for
/// what was in use to be found idle; the others are for pages that were pinned or locked when they were looked at.
const ROUNDS: u32 = 4;

/// Where it sleeps.
static WAKE: WaitQueue = WaitQueue::new();
/// It sleeps, with nothing on its way. Relaxed: for boot and power-off, which look again.
static IDLE: AtomicBool = AtomicBool::new(false);
/// Frames that will be free when the writes they are in have ended. Follows the pages' states: lowered by who
/// changes the state, at once or, for one that is rescued, a moment later. Relaxed: a number.
static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

/// Pages that are to go out though nobody wants their frames. Raised by [`force`], lowered by the evictor. Relaxed but where said: a number.
static FORCED: AtomicU32 = AtomicU32::new(0);

/// Starts the thread, and returns when it is there.
pub(super) fn start() -> Result<(), SpawnError> {
    if !budget::has_room(heap::taken_by(size_of::<WriteOut>()) + heap::taken_by(size_of::<Search>())) {
        return Err(SpawnError::NoMemory);
    }
    sched::spawn_kernel("evictor", run, 0)?;
    while !is_idle() {
        sched::sleep(1);
    }
    Ok(())
}

/// Whether it sleeps and has nothing on its way to the disk: it holds no page then. True where there is none.
pub fn is_idle() -> bool {
    // Acquire: partner is the Release in `Evictor::force_out`. What was forced is over, and then it slept.
    !super::is_active() || FORCED.load(Acquire) == 0 && IDLE.load(Relaxed)
}

/// Has it take the frames of so many pages away, whatever is free and whether they were used or not; as far as they can be had in one round. For chaos.
pub(super) fn force(pages: u32) {
    FORCED.fetch_max(pages, Relaxed);
    wake();
}

/// Has it look whether frames are wanted.
pub(super) fn wake() {
    WAKE.wake_all();
}

/// A frame is on its way to be free, with a write.
pub(super) fn in_flight() {
    IN_FLIGHT.fetch_add(1, Relaxed);
}

/// A frame that was on its way is free, or will not be.
pub(super) fn landed() {
    IN_FLIGHT.fetch_sub(1, Relaxed);
}

/// Somebody waits for a page that is being written out: its frame will not be free after all.
pub fn rescued() {
    landed();
    wake();
}

extern "C" fn run(_: usize) -> ! {
    sched::current().be_urgent();
    let marks = wait_frame::watermarks().expect("made before the thread");
    let evictor = Evictor {
        marks,
        mode: Mode::Idle,
        level: Level::Enough,
        search: Box::default(),
        writes: Box::new(WriteOut::new()),
        fruitless: 0,
        rounds: 0,
        hurried: false,
        slept: false,
        since_awake: Awake { at: 0, evicted: 0, scanned: 0 },
    };
    evictor.run()
}

struct Evictor {
    marks: Watermarks,
    mode: Mode,
    /// What was told last.
    level: Level,
    search: Box<Search>,
    writes: Box<WriteOut>,
    /// Candidates looked at since the last that was evicted, or since the last round.
    fruitless: usize,
    /// Rounds in vain.
    rounds: u32,
    /// Since a page was evicted last, a round in vain was followed by a pause only until no process could run; the next ones sleep whole ticks.
    hurried: bool,
    /// Processes could run since the policy was told so.
    slept: bool,
    since_awake: Awake,
}

struct Awake {
    /// When it woke, by the time-stamp counter.
    at: u64,
    evicted: u32,
    scanned: u32,
}

impl Evictor {
    fn run(mut self) -> ! {
        loop {
            drain::admit();
            self.writes.reap();
            wait_frame::give_out();
            match self.wanted() {
                0 if FORCED.load(Relaxed) != 0 => self.force_out(),
                0 if self.writes.wait_for_oldest() => self.slept = true,
                0 if self.mode == Mode::Idle => self.sleep(),
                0 => self.let_others_run(),
                want => self.make_room(want),
            }
        }
    }

    /// How many more frames are wanted now: up to the watermark, and for everybody who waits.
    fn wanted(&mut self) -> u32 {
        let (free, in_flight) = (frames::free(FrameClass::User), IN_FLIGHT.load(Relaxed));
        let waiting = wait_frame::waiting() as u32;
        self.tell_level(free, in_flight);
        let control = self.marks.control(free, in_flight, self.mode);
        self.mode = if waiting == 0 { control.mode } else { Mode::Reclaiming };
        control.want.max(waiting.saturating_sub(in_flight))
    }

    fn tell_level(&mut self, free: u32, in_flight: u32) {
        let Watermarks { min, low, high } = self.marks;
        let level = match free {
            _ if free <= min => Level::Min,
            _ if free < low => Level::Low,
            _ if free < high => Level::High,
            _ => Level::Enough,
        };
        if level != self.level {
            self.level = level;
            emit(Event::WatermarkCrossed(WatermarkCrossed {
                class: FrameClass::User,
                free,
                in_flight,
                level,
            }));
        }
    }

    /// Sleeps until frames are short.
    fn sleep(&mut self) {
        wait_frame::end_of_reclaim();
        self.tell(false);
        let Self { marks, .. } = *self;
        IDLE.store(true, Relaxed);
        WAKE.wait_until(|| {
            frames::free(FrameClass::User) < marks.low || frames::awaited() || FORCED.load(Relaxed) != 0
        });
        IDLE.store(false, Relaxed);
        self.slept = true;
        self.since_awake = Awake { at: tsc(), evicted: 0, scanned: 0 };
        self.tell(true);
    }

    fn tell(&self, awake: bool) {
        let Awake { at, evicted, scanned } = self.since_awake;
        if at == 0 {
            return; // it has just been made
        }
        emit(Event::Evictor(event::Evictor {
            awake,
            free: frames::free(FrameClass::User),
            in_flight: IN_FLIGHT.load(Relaxed),
            evicted,
            scanned,
            time: Ticks(if awake { 0 } else { tsc() - at }),
        }));
    }

    /// One batch.
    fn make_room(&mut self, want: u32) {
        if core::mem::take(&mut self.slept) {
            frame_table::lock().policy().tick();
        }
        if swap::get().map().is_short() {
            slots::reclaim();
        }
        let Found { looked_at, evicted } =
            self.search.batch((want as usize).min(BATCH), Regard::ForUse, &mut self.writes);
        self.since_awake.scanned += looked_at as u32;
        if evicted == 0 {
            self.fruitless += looked_at;
        } else {
            self.since_awake.evicted += evicted as u32;
            (self.fruitless, self.rounds, self.hurried) = (0, 0, false);
        }
        let known = frame_table::lock().policy().len();
        if self.fruitless >= known {
            self.end_of_round();
        }
    }

    /// One batch of what is forced, and the end of that if all candidates were looked at.
    #[cold]
    fn force_out(&mut self) {
        let wanted = FORCED.load(Relaxed);
        let Found { looked_at, evicted } =
            self.search.batch((wanted as usize).min(BATCH), Regard::ForNothing, &mut self.writes);
        self.since_awake.scanned += looked_at as u32;
        self.since_awake.evicted += evicted as u32;
        self.fruitless += looked_at;
        let all = self.fruitless >= frame_table::lock().policy().len();
        if all || evicted as u32 >= wanted {
            self.fruitless = 0;
        }
        let left = if all { 0 } else { wanted.saturating_sub(evicted as u32) };
        // What was asked for meanwhile is forgotten. Release: partner is the Acquire in `is_idle`, which must not find it asleep that was not.
        FORCED.store(left, Release);
    }

    /// All candidates were looked at in vain: it is for the processes, or the disk, to change something.
    fn end_of_round(&mut self) {
        self.fruitless = 0;
        if self.writes.wait_for_oldest() {
            self.slept = true;
            return;
        }
        // All pages were used. Time for the processes shows which of them are used still, but only while a process can run. Once: what is pinned
        // or locked takes its time.
        if !core::mem::replace(&mut self.hurried, true) {
            sched::pause(1);
            self.slept = true;
            return;
        }
        let before = (frames::free(FrameClass::User), wait_frame::waiting());
        self.let_others_run();
        if frames::free(FrameClass::User) > before.0 || wait_frame::waiting() < before.1 {
            self.rounds = 0; // somebody ended, or let go of memory: another need not end for it
            return;
        }
        self.rounds += 1;
        if self.rounds >= ROUNDS {
            self.rounds = 0;
            if wait_frame::waiting() != 0 && !oom::end_one() {
                wait_frame::refuse_oldest();
            }
        }
    }

    fn let_others_run(&mut self) {
        sched::sleep(1);
        self.slept = true;
    }
}
