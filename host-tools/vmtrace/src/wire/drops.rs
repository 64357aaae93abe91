//! Where the events that a kernel dropped belong among those it kept: [`Drops`], one for each CPU's stream.
//!
//! A packet says how many events had been dropped when it was made, not where. An event is dropped when the ring is full, and then
//! the ring's capacity lies between the oldest event in it and the drop: so the drops that a packet is the first to tell of lie a ring's length
//! behind the begin of that packet or of one just before it, where the reader has not come to yet. They are told of where they lie, a stretch at a time:
//! who judges what follows learns in time, however long the kernel goes on dropping.

use std::collections::VecDeque;

/// Ring capacity assumed at most while no hello told it, in events.
const RING_MOST: u64 = 1 << 16;

/// The drops of one stream whose place is not passed yet.
#[derive(Default)]
pub struct Drops {
    open: VecDeque<Stretch>,
    /// First index of the packets before this one, and the time of the last event before each: the older first. The kernel's view of a ring may be
    /// a packet old when it drops an event, and a packet's view of the drops likewise.
    before: [(u64, u64); 2],
}

/// Drops that lie somewhere between two indices.
struct Stretch {
    /// All events before this index were emitted before the drops.
    from: u64,
    /// Events from this index on were emitted behind the drops.
    until: u64,
    dropped: u64,
    /// Once the stream has come to `from`: the time of an event before the drops.
    after: Option<u64>,
}

/// Drops whose place is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// Time of an event before all of them; 0 if none was received.
    pub after: u64,
    /// Time of an event behind all of them.
    pub before: u64,
    /// How many they are.
    pub events: u64,
}

/// What is read next: a packet of events.
pub struct Next {
    /// Index of its first event.
    pub first_index: u64,
    /// Its events.
    pub count: u64,
    /// Drops that it is the first to tell of.
    pub dropped: u64,
    /// Time of the last event before it; 0 if none was received.
    pub last: u64,
    /// Time of its first event.
    pub base: u64,
}

impl Drops {
    /// Goes on to a packet, of a kernel with rings of that capacity if that is known, and tells of the drops that lie before it.
    pub fn next(&mut self, packet: &Next, ring: Option<u64>, mut tell: impl FnMut(Dropped)) {
        let Next { first_index, last, .. } = *packet;
        if packet.dropped > 0 {
            self.told(packet, ring);
        }
        for stretch in &mut self.open {
            if stretch.from <= first_index.saturating_add(packet.count) {
                stretch.after.get_or_insert(last);
            }
        }
        while let Some(stretch) = self.open.pop_front_if(|stretch| stretch.until <= first_index) {
            tell(Dropped {
                after: stretch.after.unwrap_or(last),
                before: packet.base,
                events: stretch.dropped,
            });
        }
        self.before = [self.before[1], (first_index, last)];
    }

    /// A packet is the first to tell of drops.
    fn told(&mut self, packet: &Next, ring: Option<u64>) {
        let (oldest, before_oldest) = self.before[0];
        let from = oldest.saturating_add(ring.unwrap_or(0));
        let until = packet.first_index.saturating_add(ring.unwrap_or(RING_MOST));
        match self.open.back_mut() {
            // In one with those that the stream has not come to either; what it has come to goes on to its own end, so that it is told.
            Some(last) if last.after.is_none() && from <= last.until => {
                last.until = last.until.max(until);
                last.dropped += packet.dropped;
            }
            _ => {
                let after = (from <= packet.first_index).then_some(before_oldest);
                self.open.push_back(Stretch { from, until, dropped: packet.dropped, after });
            }
        }
    }

    /// The stream has ended, with an event at `last`: the drops that are left.
    pub fn end(self, last: u64) -> Option<Dropped> {
        let events = self.open.iter().map(|stretch| stretch.dropped).sum();
        let after = self.open.front()?.after.unwrap_or(last);
        Some(Dropped { after, before: u64::MAX, events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A kernel with a ring: what happens to it. Time is the number of events so far.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Emit(u64),
        /// The drain sends a packet of at most so many events.
        Send(u64),
        /// The same, but the producer does not notice that they are gone before the next packet.
        SendUnseen(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1u64..40).prop_map(Step::Emit),
            (1u64..12).prop_map(Step::Send),
            (1u64..12).prop_map(Step::SendUnseen)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn each_drop_lies_in_a_stretch_that_is_told_of(
            steps in proptest::collection::vec(step(), 1..120), ring in 8u64..64, known: bool
        ) {
            let (mut kept, mut lost) = (Vec::new(), Vec::new());
            let (mut sent, mut seen, mut told_lost, mut now) = (0u64, 0u64, 0u64, 0u64);
            let (mut drops, mut last, mut told) = (Drops::default(), 0, Vec::new());
            for step in steps {
                let (most, unseen) = match step {
                    Step::Emit(n) => {
                        for _ in 0..n {
                            now += 1;
                            if kept.len() as u64 - seen < ring { kept.push(now) } else { lost.push(now) }
                        }
                        continue;
                    }
                    Step::Send(n) => (n, false),
                    Step::SendUnseen(n) => (n, true),
                };
                let count = most.min(kept.len() as u64 - sent);
                if count == 0 {
                    continue;
                }
                seen = sent; // at the latest when the next view is taken
                let dropped = lost.len() as u64 - told_lost;
                let base = kept[sent as usize];
                let next = Next { first_index: sent, count, dropped, last, base };
                drops.next(&next, known.then_some(ring), |drop| told.push(drop));
                told_lost += dropped;
                sent += count;
                last = kept[sent as usize - 1];
                if !unseen {
                    seen = sent;
                }
            }
            told.extend(drops.end(last));
            prop_assert_eq!(told.iter().map(|drop| drop.events).sum::<u64>(), told_lost);
            for time in &lost[..told_lost as usize] {
                prop_assert!(told.iter().any(|drop| drop.after < *time && *time < drop.before), "{}: {:?}", time, told);
            }
        }
    }

    #[test]
    fn a_kernel_that_goes_on_dropping_is_told_of_a_ring_at_a_time() {
        let (mut drops, mut told) = (Drops::default(), Vec::new());
        for packet in 0..1000u64 {
            let (first_index, base) = (packet * 50, packet * 5000);
            let next = Next { first_index, count: 50, dropped: 3, last: base.saturating_sub(100), base };
            drops.next(&next, Some(4000), |drop| told.push(drop));
        }
        assert!(told.len() > 5, "{}", told.len());
        for drop in &told {
            assert!(drop.before - drop.after < 900_000, "{drop:?} is longer than two rings");
        }
        assert_eq!(told[0].after, 3950 * 100 - 100, "nothing was dropped before the ring was full");
        let told: u64 = told.iter().map(|drop| drop.events).sum();
        assert_eq!(told + drops.end(0).unwrap().events, 3000);
    }
}
