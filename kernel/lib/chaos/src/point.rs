//! [`Point`]: where in the kernel something may be made to happen, and what may.

/// What is allowed at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A thread with interrupts on that holds no spin lock, though perhaps sleeping locks, claims and pins: it may sleep, and wake others.
    Thread,
    /// Interrupts are off; a spin lock may be held, or an interrupt served. Time may pass, and the thread be preempted once interrupts are on again.
    Locked,
}

/// Defines the places: doc, name in the code, name on the command line, kind, and at one in how many visits something usually happens.
macro_rules! places {
    ($($(#[doc = $doc:literal])+ $place:ident, $name:literal, $kind:ident, $usual:literal;)+) => {
        /// A marked place. At those of a fault something happens at one in four visits, so that of the two sides of a race one often waits.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Point {
            $($(#[doc = $doc])+ $place,)+
        }

        impl Point {
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
            /// All of them, by number.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$place),+];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$place => $name,)+ }
            }

            /// What is allowed there.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$place => Kind::$kind,)+ }
            }

            /// Something usually happens at one in so many visits.
            pub const fn usual(self) -> u16 {
                match self { $(Self::$place => $usual,)+ }
            }
        }
    };
}

places! {
    // Where a panic is most awkward.
    /// In the timer interrupt.
    Irq, "irq", Locked, 4;
    /// While recording an event, with the ring half-changed.
    Emit, "emit", Locked, 64;
    /// In the drain, with a packet half-made.
    Drain, "drain", Thread, 16;
    /// In the drain, with a packet sent and not accounted for.
    Sent, "sent", Thread, 16;
    /// With a page's lock held, to pin it.
    PageLock, "pagelock", Locked, 16;
    /// In the first thread, before the programs, with nothing held.
    Thread, "thread", Thread, 1;
    /// The same. A panic here is a kernel stack overflow, which arrives as a double fault.
    StackOverflow, "stack", Thread, 1;

    // A fault.
    /// A fault has arrived.
    Faulting, "fault", Thread, 4;
    /// A page was claimed and is not filled.
    Claimed, "claimed", Thread, 4;
    /// It is filled and not published.
    Filled, "filled", Thread, 4;
    /// It is published, and those who wait for it are not woken.
    Published, "published", Thread, 4;
    /// A page is resident and pinned, and not mapped.
    Resolved, "resolved", Thread, 4;
    /// A page is busy, and whoever will wait for it is counted and does not sleep.
    Awaiting, "awaiting", Thread, 2;
    /// A page that is written out is wanted, and the evictor has not heard of it.
    Rescuing, "rescuing", Thread, 2;
    /// A neighbour of a slot that is read was claimed, too.
    Ahead, "ahead", Thread, 4;
    /// A private page was copied, and the original is still shown.
    Copied, "copied", Thread, 2;
    /// The original was let go of, and the copy is not shown.
    Unshared, "unshared", Thread, 2;

    // Page tables.
    /// An entry was changed and not flushed here.
    Unflushed, "unflushed", Locked, 4;
    /// Entries were changed, and no other processor has heard of it.
    Flushing, "flushing", Thread, 4;
    /// Ranges lie in mailboxes whose owners are not interrupted.
    Posted, "posted", Locked, 4;
    /// Others were interrupted and may not have flushed.
    Unacknowledged, "unacknowledged", Thread, 4;
    /// A processor that was interrupted has not looked into its mailbox.
    Serving, "serving", Locked, 4;
    /// A processor is about to load another space's table.
    Entering, "entering", Locked, 4;
    /// It has loaded it, and is still counted among those of the space before.
    Entered, "entered", Locked, 4;

    // Eviction.
    /// A victim's mappings are gone and not flushed.
    Evicting, "evicting", Thread, 4;
    /// They are flushed, and the page keeps its frame.
    Unmapped, "unmapped", Thread, 4;
    /// A victim was judged, and nobody was told.
    Judged, "judged", Thread, 4;
    /// A page is to be written out, and its write has not begun.
    Writing, "writing", Thread, 4;
    /// Its write has ended, and the page does not know.
    Written, "written", Thread, 4;
    /// It knows, and those who wait for it are not woken.
    Landed, "landed", Thread, 4;
    /// A page of a file is being cleaned, and its write has not begun.
    Cleaning, "cleaning", Thread, 4;
    /// It is clean, and those who wait for it are not woken.
    Cleaned, "cleaned", Thread, 4;

    // Letting go, and sharing.
    /// A page was let go of, and what it owned is not given back.
    Detached, "detached", Thread, 4;
    /// A page of a file is in use, and is about to be shared.
    Sharing, "sharing", Thread, 2;
    /// A page of a file is dead, and others can still find it.
    Forgetting, "forgetting", Thread, 2;
    /// The next page is about to be let go of: munmap, exec, exit.
    Unmapping, "unmapping", Thread, 4;
    /// The next page is about to be shared with a child.
    Forking, "forking", Thread, 4;
    /// A child is complete and does not run.
    Forked, "forked", Thread, 2;
    /// A space was emptied, for another program to be loaded.
    Replacing, "replacing", Thread, 2;
    /// Pages of a program are pinned for a transfer that has not begun.
    Pinned, "pinned", Thread, 4;
    /// A process has left its space, which is full.
    Exiting, "exiting", Thread, 2;
    /// It is in no table any more, and its thread is there.
    Exited, "exited", Thread, 2;

    // Frames.
    /// A frame was taken from beyond this processor's cache.
    Refilled, "refilled", Locked, 4;
    /// A frame has come back, and those who wait for one were not told.
    Returned, "returned", Locked, 4;
    /// Somebody stands in the line for frames and does not sleep.
    FrameAwaited, "frame-awaited", Thread, 2;
    /// Frames were granted, and those who get them are not woken.
    Granted, "granted", Locked, 2;

    // The scheduler.
    /// A thread is in a wait queue, and still on its processor.
    Sleeping, "sleeping", Locked, 4;
    /// A thread is in no wait queue any more, and in no run queue.
    Waking, "waking", Locked, 4;
    /// It is in a run queue, and the processor that is to run it is not interrupted.
    Placed, "placed", Locked, 4;
    /// The next thread runs, and the one before counts as on its processor.
    Switched, "switched", Locked, 4;
    /// A processor says that it idles, and has not looked for the last time.
    Idling, "idling", Locked, 4;
}

impl Point {
    /// The place of that name on the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_are_no_others() {
        for (n, place) in Point::ALL.into_iter().enumerate() {
            assert_eq!(place as usize, n, "{place:?}");
            assert_eq!(Point::from_name(place.name()), Some(place), "another place has this name");
            assert!(place.usual() > 0, "{place:?}");
        }
        assert_eq!(Point::from_name("no such place"), None);
    }
}
