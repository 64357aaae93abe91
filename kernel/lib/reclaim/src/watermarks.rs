//! [`Watermarks`]: when the evictor begins, how much it wants, and when it stops.

/// Whether the evictor is at work.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Mode {
    /// Asleep.
    #[default]
    Idle,
    /// Making room.
    Reclaiming,
}

/// What the evictor shall do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// The mode from now on.
    pub mode: Mode,
    /// How many more frames to take away now; 0 unless reclaiming. Reclaiming with 0 is to wait for the writes in flight.
    pub want: u32,
}

/// Numbers of free frames, min < low < high, unless there are too few frames for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watermarks {
    /// Below it frames are given only to eviction itself and to processes on their way out.
    pub min: u32,
    /// Below it the evictor begins.
    pub low: u32,
    /// At it the evictor stops.
    pub high: u32,
}

impl Watermarks {
    /// Those for `total` frames: the evictor keeps between 1/32 and 1/16 of them free, at least 4 to 8 (a fault takes up to 4 frames
    /// with its tables) and at most 256 to 512 (which last for as long as a batch of writes takes, however large the memory), and never
    /// more than half of all.
    pub const fn for_frames(total: u32) -> Self {
        let mut high = total / 16;
        if high < 8 {
            high = 8;
        }
        if high > 512 {
            high = 512;
        }
        if high > total / 2 {
            high = total / 2;
        }
        Self { min: high / 8, low: high / 2, high }
    }

    /// What the evictor shall do with `free` free frames and `in_flight` frames that will be free when the write they are in has
    /// ended. Those count as free, or it would evict again and again while it waits for the disk.
    pub const fn control(&self, free: u32, in_flight: u32, mode: Mode) -> Control {
        let expected = free.saturating_add(in_flight);
        let begin = match mode {
            Mode::Idle => expected < self.low,
            // Until the frames are there, not only on their way: whoever waits for one is woken by those.
            Mode::Reclaiming => free < self.high,
        };
        if begin {
            Control { mode: Mode::Reclaiming, want: self.high.saturating_sub(expected) }
        } else {
            Control { mode: Mode::Idle, want: 0 }
        }
    }

    /// Whether an allocation may take one of `free` frames. `urgent`: it is eviction's own, or of a process on its way out.
    pub const fn admits(&self, free: u32, urgent: bool) -> bool {
        free > if urgent { 0 } else { self.min }
    }
}
