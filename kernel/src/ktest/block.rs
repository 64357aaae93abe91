//! The tests of disks: all of them under load from several threads, what they refuse, and one that stops answering.

use super::block_worker::{self, Failure};
use crate::dev::block::{
    self, BlockDevice, BlockError, Completion, MAX_SEGMENTS, Operation, SECTOR, Segment,
};
use crate::mm::frames::Frame;
use crate::sched::{self, WaitQueue, console_print};
use crate::sync::{LockClass, SpinLock};
use crate::{fs, reclaim};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use fl_trace::event::FrameClass;

/// Threads that work on a disk at once.
pub const WORKERS: u64 = 8;

/// What an I/O error means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// The test fails.
    Fail,
    /// There must be some, and they must hurt nothing else.
    Expected,
}

/// What the threads of one test share.
pub struct Shared {
    /// The disk under test.
    pub disk: &'static dyn BlockDevice,
    /// What an error means.
    pub errors: Errors,
    /// The first thing that went wrong.
    failed: SpinLock<Option<Failure>>,
    /// Threads that still run. SeqCst: a test, clarity before speed.
    left: AtomicU32,
    ended: WaitQueue,
    /// Tells the bystander to end.
    stop: AtomicBool,
    /// How often the bystander went round.
    pub bystander: AtomicU64,
    /// Requests during which the bystander ran.
    pub overlapped: AtomicU64,
    /// Requests that failed as expected.
    pub failures: AtomicU64,
}

/// Tests each disk but the volume's and says what it did.
pub fn every_disk(errors: Errors) -> Result<String, String> {
    let mut tested = 0;
    for disk in spare_disks() {
        let seen = one_disk(disk, errors)?;
        console_print(format_args!("selftest: {}: {seen}; {}\n", disk.kind(), disk.counters()));
        tested += 1;
    }
    if tested == 0 {
        return Err("there is no disk but the volume's, which is not to be overwritten".into());
    }
    Ok(format!("{tested} disks, {WORKERS} threads each"))
}

/// The disks that hold nothing: all but the volume's and the swap space's.
fn spare_disks() -> impl Iterator<Item = &'static dyn BlockDevice> {
    let used = [fs::disk(), reclaim::swap::disk()];
    let is_used = move |disk| used.iter().flatten().any(|&other| core::ptr::addr_eq(other, disk));
    block::disks().iter().copied().filter(move |&disk| !is_used(disk))
}

fn one_disk(disk: &'static dyn BlockDevice, errors: Errors) -> Result<String, String> {
    refusals(disk).map_err(|why| format!("{}: {why}", disk.kind()))?;
    if disk.read_only() {
        return read_only(disk);
    }
    let shared = Arc::new(Shared {
        disk,
        errors,
        failed: SpinLock::new(LockClass::Test, None),
        left: AtomicU32::new(0),
        ended: WaitQueue::new(),
        stop: AtomicBool::new(false),
        bystander: AtomicU64::new(0),
        overlapped: AtomicU64::new(0),
        failures: AtomicU64::new(0),
    });
    let threads = start(&shared, "bystander", bystander, 0)
        .and_then(|()| (0..WORKERS).try_for_each(|n| start(&shared, "block test", block_worker::thread, n)));
    let started = shared.left.load(SeqCst) > 1;
    shared.ended.wait_until(|| shared.left.load(SeqCst) <= u32::from(started));
    shared.stop.store(true, SeqCst);
    shared.ended.wait_until(|| shared.left.load(SeqCst) == 0);
    threads?;
    if let Some(failure) = shared.failed.lock().take() {
        return Err(format!("{}: {failure}; {}", disk.kind(), disk.counters()));
    }
    let (overlapped, failures) = (shared.overlapped.load(Relaxed), shared.failures.load(Relaxed));
    if errors == Errors::Expected && failures == 0 {
        return Err(format!("{}: no request failed", disk.kind()));
    }
    if let Err(error) = disk.flush().or_else(|e| if errors == Errors::Expected { Ok(()) } else { Err(e) }) {
        return Err(format!("{}: flush: {error}", disk.kind()));
    }
    Ok(format!("others ran during {overlapped} requests, {failures} errors expected"))
}

/// A disk that cannot be written is read, and refuses the rest.
fn read_only(disk: &'static dyn BlockDevice) -> Result<String, String> {
    let mut sector = [0; SECTOR];
    let answers = [disk.read(0, &mut sector), disk.write(0, &sector)];
    if answers == [Ok(()), Err(BlockError::ReadOnly)] {
        Ok("read-only".into())
    } else {
        Err(format!("{}: a read-only disk answered {answers:?}", disk.kind()))
    }
}

/// A thread's half of a test.
pub struct Part {
    /// What all share.
    pub shared: Arc<Shared>,
    /// Which worker it is.
    pub number: u64,
}

fn start(
    shared: &Arc<Shared>,
    name: &'static str,
    entry: extern "C" fn(usize) -> !,
    number: u64,
) -> Result<(), String> {
    let part = Box::into_raw(Box::new(Part { shared: shared.clone(), number }));
    shared.left.fetch_add(1, SeqCst);
    sched::spawn_kernel(name, entry, part as usize).map_err(|e| {
        // SAFETY: made above; no thread has it.
        drop(unsafe { Box::from_raw(part) });
        shared.left.fetch_sub(1, SeqCst);
        format!("a thread cannot start: {e:?}")
    })
}

/// A thread of a test: does `body` with its part and ends.
pub fn body(part: usize, body: impl FnOnce(&Part) -> Result<(), Failure>) -> ! {
    {
        // SAFETY: the pointer that `start` made, used once.
        let part = unsafe { Box::from_raw(part as *mut Part) };
        let shared = part.shared.clone();
        if let Err(failure) = body(&part) {
            shared.failed.lock().get_or_insert(failure);
        }
        drop(part);
        shared.left.fetch_sub(1, SeqCst);
        shared.ended.wake_all();
    }
    sched::exit()
}

/// Never sleeps: it goes round whenever the workers leave the processor to others.
extern "C" fn bystander(part: usize) -> ! {
    body(part, |part| {
        while !part.shared.stop.load(SeqCst) {
            part.shared.bystander.fetch_add(1, Relaxed);
            core::hint::spin_loop();
        }
        Ok(())
    })
}

/// What every disk refuses, at once and in words.
fn refusals(disk: &'static dyn BlockDevice) -> Result<(), String> {
    let mut two = vec![0; 2 * SECTOR];
    let end = disk.sectors();
    for sector in [end - 1, end, u64::MAX, u64::MAX - 1] {
        if disk.read(sector, &mut two) != Err(BlockError::OutOfRange)
            || disk.write(sector, &two) != Err(BlockError::OutOfRange)
        {
            return Err(format!("sector {sector} of {end} was not refused"));
        }
    }
    if disk.read(0, &mut two[..100]) != Err(BlockError::Malformed) {
        return Err("a part of a sector was not refused".into());
    }
    let frame = Frame::take(FrameClass::Kernel).ok_or("no frame")?;
    let many = [Segment::frame(frame.pfn()); MAX_SEGMENTS + 1];
    // SAFETY: the frame is ours until the end of this function.
    let answers = unsafe {
        [disk.transfer(Operation::Read, 0, &many), disk.transfer(Operation::Read, end - 1, &many[..1])]
    };
    if answers != [Err(BlockError::Malformed), Err(BlockError::OutOfRange)] {
        return Err(format!("malformed requests were answered {answers:?}"));
    }
    if Completion::new().wait() != Err(BlockError::Malformed) {
        return Err("waiting for no request did not end".into());
    }
    Ok(())
}

/// A disk that stops answering, with more requests than it has room for: each ends, the late ones by a timeout, the rest refused.
pub fn timeout() -> Result<String, String> {
    /// More than fit in a queue.
    const REQUESTS: usize = 40;
    let disk = spare_disks().next().ok_or("there is no disk but the volume's")?;
    let frames: Vec<_> = (0..REQUESTS).map_while(|_| Frame::take(FrameClass::Kernel)).collect();
    let completions: Vec<_> = frames.iter().map(|_| Completion::new()).collect();
    let began = sched::ticks();
    let submitted: Vec<_> = (0u64..)
        .zip(frames.iter().zip(&completions))
        .map(|(n, (frame, completion))| {
            let memory = [Segment::frame(frame.pfn())];
            // SAFETY: frames and completions stay in their vectors until all were waited for, below.
            unsafe { disk.submit(Operation::Read, n * 8, &memory, completion) }
        })
        .collect();
    let ended: Vec<_> = submitted.iter().zip(&completions).map(|(s, c)| s.and_then(|()| c.wait())).collect();
    let (took, again) = (sched::ticks() - began, sched::ticks());
    let mut sector = [0; SECTOR];
    let refused = [disk.read(0, &mut sector), disk.write(0, &sector), disk.flush()];
    let quick = sched::ticks() - again;
    let count = |end| ended.iter().filter(|e| **e == end).count();
    let (answered, late, gone) =
        (count(Ok(())), count(Err(BlockError::Timeout)), count(Err(BlockError::Gone)));
    let all = answered + late + gone == REQUESTS && late > 0 && gone > 0;
    if all && refused == [Err(BlockError::Gone); 3] && quick < 100 {
        Ok(format!(
            "{answered} answered, {late} timed out, {gone} refused after {took} ticks; {}",
            disk.counters()
        ))
    } else {
        Err(format!("{ended:?}, then {refused:?} in {quick} ticks"))
    }
}
