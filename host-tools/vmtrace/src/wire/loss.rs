//! What did not arrive, counted: [`LossReport`], per stream and in all, and where the bytes were damaged.

use fl_addr::CpuId;
use fl_trace::decode::PacketError;
use fl_trace::loss::Gap;
use fl_trace::packet::Channel;
use std::collections::BTreeMap;

/// Damaged places that are listed; further ones are only counted.
const LISTED: usize = 1000;

/// The account of one stream: one channel of one CPU.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StreamLoss {
    /// Packets read.
    pub packets: u64,
    /// Records read.
    pub records: u64,
    /// Packets and records that the link lost, and records that the kernel dropped.
    pub lost: Gap,
    /// Of `lost`, what lies before the first packet read: the recording may have begun late.
    pub before_first: Gap,
    /// Packets that came twice; ignored.
    pub repeats: u64,
    /// Records in sound packets that this program cannot read: another schema.
    pub unreadable: u64,
}

/// A stretch of bytes that is no packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Where it begins in the input.
    pub offset: u64,
    /// Its length in bytes, without the delimiter.
    pub len: u64,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a stretch of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is a frame but no packet.
    Packet(PacketError),
    /// It is longer than any frame.
    TooLong,
    /// The input ends inside a frame.
    CutAtEnd,
}

/// The account of a whole input.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LossReport {
    /// Bytes read.
    pub bytes: u64,
    /// Packets read, of all streams, repeats included.
    pub packets: u64,
    /// By stream.
    pub streams: BTreeMap<(Channel, CpuId), StreamLoss>,
    /// The first damaged places, in the order of their bytes.
    pub damage: Vec<Damage>,
    /// How many damaged places there are.
    pub damaged_places: u64,
    /// Bytes in damaged places.
    pub damaged_bytes: u64,
    /// Sound packets of channels that this program does not know.
    pub unknown_channels: u64,
    /// Where another boot of the kernel begins, if the input holds more than one; reading stopped there.
    pub next_boot: Option<u64>,
    /// The hello's schema fingerprint, if it differs from this program's.
    pub other_fingerprint: Option<u32>,
}

impl LossReport {
    pub(super) fn add_damage(&mut self, damage: Damage) {
        self.damaged_places += 1;
        self.damaged_bytes += damage.len;
        if self.damage.len() < LISTED {
            self.damage.push(damage);
        }
    }

    /// The sum over the streams of `channel`, or over all.
    pub fn sum(&self, channel: Option<Channel>) -> StreamLoss {
        let mut sum = StreamLoss::default();
        for ((_, _), stream) in
            self.streams.iter().filter(|((c, _), _)| channel.is_none_or(|wanted| wanted == *c))
        {
            sum.packets += stream.packets;
            sum.records += stream.records;
            sum.repeats += stream.repeats;
            sum.unreadable += stream.unreadable;
            for (to, from) in [(&mut sum.lost, &stream.lost), (&mut sum.before_first, &stream.before_first)] {
                to.packets = to.packets.saturating_add(from.packets);
                to.records = to.records.saturating_add(from.records);
                to.dropped = to.dropped.saturating_add(from.dropped);
            }
        }
        sum
    }

    /// Whether everything that was written up to the last packet is here and readable.
    pub fn is_complete(&self) -> bool {
        let sum = self.sum(None);
        self.damaged_places == 0
            && sum.lost == Gap::default()
            && sum.unreadable == 0
            && self.unknown_channels == 0
            && self.next_boot.is_none()
    }

    /// Events that are known to be missing: lost on the way, dropped in the kernel, or unreadable.
    pub fn events_missing(&self) -> u64 {
        let sum = self.sum(Some(Channel::Events));
        sum.lost.records.saturating_add(sum.lost.dropped).saturating_add(sum.unreadable)
    }
}
