//! Which classes of events are traced, as the command line and programs say.

use super::emit::{emit, trace_kinds};
use crate::sync::{LockClass, SpinLock};
use fl_addr::Pid;
use fl_trace::class::{Classes, Selection};
use fl_trace::event::{Event, TraceChanged};

/// What is traced. Rank: a leaf, outer only to the event ring.
static CURRENT: SpinLock<Classes> = SpinLock::new(LockClass::TraceClasses, Classes::USUAL);

/// What is traced now, for the hello.
pub fn current() -> Classes {
    *CURRENT.lock()
}

/// What is traced from boot on.
pub fn set(classes: Classes) {
    *CURRENT.lock() = classes;
    trace_kinds(classes.kinds());
}

/// Process `pid` asks for other classes, in the words of `trace=`; those on how a full ring is met are not its business. False: some word is
/// not understood, and nothing is changed.
///
/// The event brackets the stretch in which something may be left out: it comes before a class goes and after one has come. So there are two
/// where both happens.
pub fn change(pid: Pid, words: &str) -> bool {
    let mut current = CURRENT.lock();
    let before = Selection { lossless: false, classes: *current };
    let mut wish = before;
    if !wish.apply(words) || wish.lossless {
        return false;
    }
    let (old, new) = (before.classes, wish.classes);
    let tell = |classes: Classes| emit(Event::TraceChanged(TraceChanged { pid, classes: classes.bits() }));
    if !new.covers(old) {
        tell(old.and(new));
    }
    trace_kinds(new.kinds());
    if new != old.and(new) || new == old {
        tell(new);
    }
    *current = new;
    true
}
