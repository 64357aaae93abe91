//! What a stream lost, exactly: [`Continuity`] compares each packet's [`StreamPosition`] with the one before it.
//!
//! One [`Continuity`] per (channel, cpu). Records lost in the kernel and records lost on the link are told apart.

use crate::packet::StreamPosition;

/// What is missing between two packets of a stream that were both read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Gap {
    /// Packets that were sent and not read.
    pub packets: u32,
    /// Records in those packets.
    pub records: u64,
    /// Records that the kernel dropped between the two packets (it says so in the later one).
    pub dropped: u64,
}

/// How a packet follows the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follows {
    /// It is newer; this is missing before it.
    After(Gap),
    /// It was read before, or is older than one that was: to be ignored.
    Repeats,
}

/// The account of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Continuity {
    /// The position of the packet after the newest one read; a stream begins at zero.
    next: StreamPosition,
    /// Whether a packet was read at all.
    begun: bool,
    total: Gap,
}

impl Continuity {
    /// Accounts for a packet at `position` with `count` records, and says what is missing before it.
    ///
    /// The first packet read tells by its position what was sent before it. A packet that stands up to 2^31 packets
    /// behind the newest counts as a repetition; a reader who knows that a new run began takes a new [`Continuity`].
    pub fn follow(&mut self, position: StreamPosition, count: u32) -> Follows {
        let packets = position.sequence.wrapping_sub(self.next.sequence);
        if self.begun && packets > u32::MAX / 2 {
            return Follows::Repeats;
        }
        let gap = Gap {
            packets,
            records: position.first_index.wrapping_sub(self.next.first_index),
            dropped: if cfg!(mutant = "drops_uncounted") {
                0
            } else {
                position.lost.wrapping_sub(self.next.lost)
            },
        };
        self.total.packets = self.total.packets.saturating_add(gap.packets);
        self.total.records = self.total.records.saturating_add(gap.records);
        self.total.dropped = self.total.dropped.saturating_add(gap.dropped);
        self.next = position;
        self.next.advance(count);
        self.begun = true;
        Follows::After(gap)
    }

    /// All gaps so far, added up. What was lost after the newest packet is unknown until another arrives.
    pub fn total(&self) -> Gap {
        self.total
    }
}
