//! Tests that the kernel runs on itself: `selftest=NAME` on the command line, in checked builds, before the programs. And [`mod@bench`], in all builds.
//!
//! Each prints one line, `selftest NAME: ok (...)` or `selftest NAME: FAILED (...)`, and leaves nothing behind.

pub mod bench;
mod block;
mod block_worker;
mod hang;
mod locks;
mod team;
mod volume;
mod volume_worker;

use crate::sched::console_print;
use fl_addr::CpuId;

/// A test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// Measurements.
    Bench,
    /// Several threads write, read and check every disk, many requests in flight.
    Block,
    /// The same on disks that fail now and then.
    BlockErrors,
    /// A disk that stops answering.
    BlockTimeout,
    /// A CPU hangs, which the watchdog must find: CPU 0, which watches, or CPU 1, with interrupts off.
    HangCpu0,
    /// See [`Self::HangCpu0`].
    HangCpu1,
    /// One with a lock for which two more spin.
    HangLocked,
    /// One with interrupts on, in a thread.
    HangThread,
    /// Two spin locks are taken the wrong way round, which must be a panic.
    LockOrder,
    /// Two of one class are taken, which must be a panic.
    LockTwice,
    /// A thread sleeps that holds one, which must be a panic.
    LockedSleep,
    /// A thread waits for the other processors with interrupts off, which must be a panic.
    DeafFlush,
    /// Several threads change files at random and compare.
    Volume,
    /// The same on a disk that fails now and then.
    VolumeErrors,
}

impl Test {
    /// The test of that name on the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Bench,
            Self::Block,
            Self::BlockErrors,
            Self::BlockTimeout,
            Self::HangCpu0,
            Self::HangCpu1,
            Self::HangLocked,
            Self::HangThread,
            Self::LockOrder,
            Self::LockTwice,
            Self::LockedSleep,
            Self::DeafFlush,
            Self::Volume,
            Self::VolumeErrors,
        ]
        .into_iter()
        .find(|t| t.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Block => "block",
            Self::BlockErrors => "block-errors",
            Self::BlockTimeout => "block-timeout",
            Self::HangCpu0 => "hang-cpu0",
            Self::HangCpu1 => "hang-cpu1",
            Self::HangLocked => "hang-locked",
            Self::HangThread => "hang-thread",
            Self::LockOrder => "lock-order",
            Self::LockTwice => "lock-twice",
            Self::LockedSleep => "locked-sleep",
            Self::DeafFlush => "deaf-flush",
            Self::Volume => "volume",
            Self::VolumeErrors => "volume-errors",
        }
    }
}

/// Runs it and prints how it ended. False in builds without debug assertions, which have no tests.
pub fn run(test: Test) -> bool {
    if test == Test::Bench {
        bench::measure();
        return true;
    }
    if !cfg!(debug_assertions) {
        return false;
    }
    let ended = match test {
        Test::Bench => return true,
        Test::Block => block::every_disk(block::Errors::Fail),
        Test::BlockErrors => block::every_disk(block::Errors::Expected),
        Test::BlockTimeout => block::timeout(),
        Test::HangCpu0 => hang::on(CpuId(0)),
        Test::HangCpu1 => hang::on(CpuId(1)),
        Test::HangLocked => hang::locked(),
        Test::HangThread => hang::in_a_thread(),
        Test::LockOrder => locks::out_of_order().map(Into::into).map_err(Into::into),
        Test::LockTwice => locks::twice().map(Into::into).map_err(Into::into),
        Test::LockedSleep => locks::asleep().map(Into::into).map_err(Into::into),
        Test::DeafFlush => locks::flush_uninterruptibly().map(Into::into).map_err(Into::into),
        Test::Volume => volume::test(),
        Test::VolumeErrors => volume::test_failures(),
    };
    match ended {
        Ok(what) => console_print(format_args!("selftest {}: ok ({what})\n", test.name())),
        Err(why) => console_print(format_args!("selftest {}: FAILED ({why})\n", test.name())),
    }
    true
}
