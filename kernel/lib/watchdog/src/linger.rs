//! [`Linger`]: how long a CPU has been in one thread in the kernel, in ticks of its own.

/// Where a tick finds a CPU that is in the kernel, in a thread other than idle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Switches between threads on this CPU so far.
    pub switches: u64,
    /// Events that happened on it so far, system calls and faults among them: each is a step forward.
    pub events: u64,
}

/// For how many ticks a CPU was found in the same place.
///
/// Own ticks are own progress: a CPU that the host gives no time takes none, or one for many.
#[derive(Clone, Copy, Default, Debug)]
pub struct Linger {
    place: Option<Place>,
    ticks: u64,
}

impl Linger {
    /// Found nowhere yet.
    pub const fn new() -> Self {
        Self { place: None, ticks: 0 }
    }

    /// A tick has found the CPU at `place`; `None`: in user mode or idle, where it may stay. For how many ticks it has been there.
    pub fn tick(&mut self, place: Option<Place>) -> u64 {
        let same = place.is_some() && place == self.place;
        self.ticks = if same { self.ticks + 1 } else { 0 };
        self.place = place;
        self.ticks
    }
}
