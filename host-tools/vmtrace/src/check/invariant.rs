//! What the replay compares a run with: [`Invariant`].

/// What is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// 1: a frame belongs to one page at a time.
    OneOwner,
    /// 2: a page has one frame at a time, and its generation never goes back.
    OneFrame,
    /// 3: a swap slot has one owner, and a page one slot.
    SlotOwner,
    /// 5, as far as events tell: nothing is written out before it was taken from all who show it.
    UnmappedFirst,
    /// 6: a pinned page keeps its frame.
    PinnedStays,
    /// 7, as far as events tell: a store to a shared page ends in a page and a frame of its own, made for it.
    CopiedOnce,
    /// 8: what was stored reaches slot or file before its frame is used for something else.
    WrittenFirst,
    /// 9: a slot is read only after its write has ended, and not written again while it can be read.
    SlotOrder,
    /// 10: every FaultBlocked is followed by exactly one Fault of that thread.
    BlockedThenFault,
    /// 15: received + lost = emitted.
    NothingVanishes,
    /// 17: at power-off everything is free that was free at boot.
    BackToBoot,
    /// 18, as far as events tell: mappings of one process never overlap, and what is unmapped was mapped.
    MappingsApart,
    /// 19: what is clean, and program text, is never written to swap.
    CleanNotSwapped,
    /// Events of one CPU carry times that do not go back.
    TimeGoesOn,
    /// Only processes that live do anything; each begins and ends once, and is waited for once, afterwards, by its parent.
    LiveProcess,
    /// Frames move between caches and pool without appearing or vanishing.
    CacheSums,
}

impl Invariant {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 16] = [
        Self::OneOwner,
        Self::OneFrame,
        Self::SlotOwner,
        Self::UnmappedFirst,
        Self::PinnedStays,
        Self::CopiedOnce,
        Self::WrittenFirst,
        Self::SlotOrder,
        Self::BlockedThenFault,
        Self::NothingVanishes,
        Self::BackToBoot,
        Self::MappingsApart,
        Self::CleanNotSwapped,
        Self::TimeGoesOn,
        Self::LiveProcess,
        Self::CacheSums,
    ];

    /// Its number in ARCHITECTURE.md, if it has one.
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::OneOwner => Some(1),
            Self::OneFrame => Some(2),
            Self::SlotOwner => Some(3),
            Self::UnmappedFirst => Some(5),
            Self::PinnedStays => Some(6),
            Self::CopiedOnce => Some(7),
            Self::WrittenFirst => Some(8),
            Self::SlotOrder => Some(9),
            Self::CleanNotSwapped => Some(19),
            Self::BlockedThenFault => Some(10),
            Self::NothingVanishes => Some(15),
            Self::BackToBoot => Some(17),
            Self::MappingsApart => Some(18),
            Self::TimeGoesOn | Self::LiveProcess | Self::CacheSums => None,
        }
    }

    /// What it says.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OneOwner => "a frame belongs to one page at a time",
            Self::OneFrame => "a page has one frame at a time, its generation never goes back",
            Self::SlotOwner => "a swap slot has one owner, a page one slot",
            Self::UnmappedFirst => "nothing is written before all who show it have let go",
            Self::PinnedStays => "a pinned page keeps its frame",
            Self::WrittenFirst => "stores reach slot or file before the frame is used again",
            Self::SlotOrder => "a slot is read after its write, and not written while it is read",
            Self::CleanNotSwapped => "what is clean is never written to swap",
            Self::CopiedOnce => "who stores to a shared page gets a copy of its own, made once",
            Self::BlockedThenFault => "a blocked fault ends in exactly one fault of that thread",
            Self::NothingVanishes => "received + lost = emitted",
            Self::BackToBoot => "at power-off all is free that was free at boot",
            Self::MappingsApart => "mappings of a process never overlap; only they are unmapped",
            Self::TimeGoesOn => "time goes on, on each CPU",
            Self::LiveProcess => "only live processes act; each begins, ends and is reaped once",
            Self::CacheSums => "frames between caches and pool neither appear nor vanish",
        }
    }
}
