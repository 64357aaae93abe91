//! The operations on a page as values, so that tests can enumerate and draw them.

use fl_addr::{Pfn, Slot};
use fl_vmcore::{Home, PageState, Refused, Verdict};
use std::fmt;

/// The frame of a page that has one.
pub const F: Pfn = Pfn(7);
/// The frame that a load publishes.
pub const NEW: Pfn = Pfn(8);
/// The slot of a page that has one.
pub const S: Slot = Slot(3);
/// A free slot.
pub const OTHER: Slot = Slot(4);

macro_rules! ops {
    ($($name:ident),* $(,)?) => {
        /// One call of a method of [`PageState`].
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Op { $($name),* }
        pub const OPS: [Op; [$(Op::$name),*].len()] = [$(Op::$name),*];
    };
}

ops!(
    Claim,
    ClaimInSlot,
    Publish,
    PublishUnpinned,
    Abort,
    Pin,
    Unpin,
    UnpinWritten,
    Wait,
    Attach,
    AttachDirty,
    Detach,
    DetachDirty,
    BeginClean,
    Gather,
    GatherDirty,
    Cleaned,
    CleanFailed,
    DiscardStores,
    BeginEvict,
    Judge,
    JudgeDirty,
    Keep,
    WriteToSlot,
    WriteToOther,
    WriteToFile,
    Written,
    WriteFailed,
    TakeSlot,
);

/// What an operation gave to its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    Frame(Pfn),
    Slot(Slot),
    /// To look at, not to own.
    Look(&'static str),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame) => write!(f, "frame {}", frame.0),
            Self::Slot(slot) => write!(f, "slot {}", slot.0),
            Self::Look(what) => f.write_str(what),
        }
    }
}

impl Op {
    /// Whether it reports a store that the page did not know of.
    pub fn reports_a_store(self) -> bool {
        matches!(self, Self::UnpinWritten | Self::AttachDirty | Self::DetachDirty | Self::JudgeDirty)
    }

    /// How many frames it gives to the page.
    pub fn gives_frame(self) -> i32 {
        i32::from(matches!(self, Self::Publish | Self::PublishUnpinned))
    }
}

/// Carries out `op`.
pub fn apply(page: PageState, op: Op) -> Result<(PageState, Vec<Given>), Refused> {
    let plain = |result: Result<PageState, Refused>| result.map(|p| (p, vec![]));
    let slot = |result: Result<(PageState, Option<Slot>), Refused>| {
        result.map(|(p, slot)| (p, slot.into_iter().map(Given::Slot).collect()))
    };
    match op {
        Op::Claim => plain(page.claim()),
        Op::ClaimInSlot => plain(page.claim_in(S)),
        Op::Publish => plain(page.publish(NEW)),
        Op::PublishUnpinned => plain(page.publish_unpinned(NEW)),
        Op::Abort => plain(page.abort()),
        Op::Pin => plain(page.pin().map(|(p, _)| p)),
        Op::Unpin => plain(page.unpin()),
        Op::UnpinWritten => plain(page.unpin_written()),
        Op::Wait => plain(page.wait().map(|(p, _)| p)),
        Op::Attach => plain(page.attach(false)),
        Op::AttachDirty => plain(page.attach(true)),
        Op::Detach | Op::DetachDirty => page.detach(op == Op::DetachDirty).map(|(p, remains)| {
            let frame = remains.and_then(|r| r.frame).map(Given::Frame);
            let slot = remains.and_then(|r| r.slot).map(Given::Slot);
            (p, frame.into_iter().chain(slot).collect())
        }),
        Op::BeginClean => plain(page.begin_clean()),
        Op::Gather | Op::GatherDirty => page
            .gather(op == Op::GatherDirty)
            .map(|(p, write)| (p, vec![Given::Look(if write { "write" } else { "clean" })])),
        Op::Cleaned => plain(page.cleaned()),
        Op::CleanFailed => plain(page.clean_failed()),
        Op::DiscardStores => plain(page.discard_stores()),
        Op::BeginEvict => plain(page.begin_evict()),
        Op::Judge | Op::JudgeDirty => page.judge(op == Op::JudgeDirty).map(|(p, verdict)| {
            let given = match verdict {
                Verdict::Kept => Given::Look("kept"),
                Verdict::Gone(frame) => Given::Frame(frame),
                Verdict::Dirty(_) => Given::Look("write"),
            };
            (p, vec![given])
        }),
        Op::Keep => plain(page.keep(false)),
        Op::WriteToSlot => slot(page.begin_write(Home::Slot(S))),
        Op::WriteToOther => slot(page.begin_write(Home::Slot(OTHER))),
        Op::WriteToFile => slot(page.begin_write(Home::File)),
        Op::Written => page.written().map(|(p, frame)| (p, frame.into_iter().map(Given::Frame).collect())),
        Op::WriteFailed => slot(page.write_failed()),
        Op::TakeSlot => page.take_slot().map(|(p, slot)| (p, vec![Given::Slot(slot)])),
    }
}
