//! One thread of the disk test: random requests to its own stretch of the disk, every sector's content known and checked.

use super::block::{self, Errors, Part, Shared, WORKERS};
use crate::dev::block::{BlockError, Completion, Operation, SECTOR, Segment};
use crate::mm::frames::Frame;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use fl_addr::PAGE_SIZE;
use fl_trace::event::FrameClass;

/// Sectors of each thread's stretch.
const STRETCH: u64 = 512;
/// Requests, or rounds of several, of each thread.
const ROUNDS: u32 = 60;
/// Most sectors of a request by slices: more than one request of the disk's holds when pages lie apart.
const LONGEST: u64 = 160;
/// Requests that a thread has in flight at once, each of a frame.
const AT_ONCE: usize = 4;

/// What went wrong, with its place.
#[derive(Debug)]
pub enum Failure {
    /// A request that should have worked did not.
    Request(Operation, u64, BlockError),
    /// A sector holds something else than was written.
    Content(u64),
    /// The disk has no room for the test.
    Small,
    /// No kernel frame.
    Memory,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(operation, sector, why) => write!(f, "{operation:?} at sector {sector}: {why}"),
            Self::Content(sector) => write!(f, "sector {sector} holds something else than was written"),
            Self::Small => write!(f, "the disk is smaller than {} sectors", WORKERS * STRETCH),
            Self::Memory => f.write_str("no kernel frame"),
        }
    }
}

/// The thread.
pub extern "C" fn thread(part: usize) -> ! {
    block::body(part, |part| {
        if part.shared.disk.sectors() < WORKERS * STRETCH {
            return Err(Failure::Small);
        }
        Worker::new(part).run()
    })
}

struct Worker<'a> {
    shared: &'a Shared,
    /// First sector of the stretch.
    first: u64,
    /// What was last written to each sector; `None`: not known.
    versions: Vec<Option<u32>>,
    /// Content that no other write had.
    next: u32,
    random: u64,
}

impl<'a> Worker<'a> {
    fn new(part: &'a Part) -> Self {
        Self {
            shared: &part.shared,
            first: part.number * STRETCH,
            versions: vec![None; STRETCH as usize],
            next: part.number as u32 + 1,
            random: 0x9e37_79b9_7f4a_7c15 ^ part.number << 17,
        }
    }

    fn run(mut self) -> Result<(), Failure> {
        let mut buffer = vec![0; LONGEST as usize * SECTOR + PAGE_SIZE];
        for _ in 0..ROUNDS {
            match self.below(4) {
                0 => self.write_slice(&mut buffer)?,
                1 => self.read_slice(&mut buffer)?,
                2 => self.scatter(&mut buffer)?,
                _ => self.several_at_once()?,
            }
        }
        // All of it once more, in large requests.
        for at in (0..STRETCH).step_by(LONGEST as usize) {
            let count = LONGEST.min(STRETCH - at);
            self.check_slice(at, count, &mut buffer)?;
        }
        Ok(())
    }

    /// A number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    /// A place in the stretch for at most `most` sectors: first, count.
    fn place(&mut self, most: u64) -> (u64, u64) {
        let count = 1 + self.below(most);
        (self.below(STRETCH - count + 1), count)
    }

    fn version(&mut self) -> u32 {
        self.next += WORKERS as u32;
        self.next
    }

    /// An odd place in the buffer: no disk may ask for alignment.
    fn window<'b>(&mut self, buffer: &'b mut [u8], count: u64) -> &'b mut [u8] {
        let start = self.below(PAGE_SIZE as u64) as usize;
        &mut buffer[start..start + count as usize * SECTOR]
    }

    fn write_slice(&mut self, buffer: &mut [u8]) -> Result<(), Failure> {
        let (at, count) = self.place(LONGEST);
        let version = self.version();
        let bytes = self.window(buffer, count);
        for (n, sector) in (0..).zip(bytes.chunks_mut(SECTOR)) {
            fill(sector, self.first + at + n, version);
        }
        let (disk, first) = (self.shared.disk, self.first);
        let done = self.watch(|| disk.write(first + at, bytes));
        self.wrote(at, count, version, done)
    }

    fn read_slice(&mut self, buffer: &mut [u8]) -> Result<(), Failure> {
        let (at, count) = self.place(LONGEST);
        self.check_slice(at, count, buffer)
    }

    fn check_slice(&mut self, at: u64, count: u64, buffer: &mut [u8]) -> Result<(), Failure> {
        let bytes = self.window(buffer, count);
        bytes.fill(0x5a);
        let (disk, first) = (self.shared.disk, self.first);
        let done = self.watch(|| disk.read(first + at, bytes));
        if self.worked(Operation::Read, at, done)? {
            for (n, sector) in (0..).zip(bytes.chunks(SECTOR)) {
                self.check(at + n, sector)?;
            }
        }
        Ok(())
    }

    /// One write from pieces of odd lengths in frames that lie anywhere, read back as a slice.
    fn scatter(&mut self, buffer: &mut [u8]) -> Result<(), Failure> {
        const PIECES: usize = 4;
        let mut frames = take_frames::<PIECES>()?;
        let mut pieces = [(0, 0); PIECES];
        let mut total = 0;
        for piece in &mut pieces {
            *piece = (self.below(1500) as usize, 1 + self.below(1500) as usize);
            total += piece.1;
        }
        pieces[PIECES - 1].1 += total.next_multiple_of(SECTOR) - total;
        let count = total.div_ceil(SECTOR) as u64;
        let (at, version) = (self.below(STRETCH - count + 1), self.version());
        let mut content = vec![0; count as usize * SECTOR];
        for (n, sector) in (0..).zip(content.chunks_mut(SECTOR)) {
            fill(sector, self.first + at + n, version);
        }
        let mut rest = &content[..];
        let segments = core::array::from_fn::<_, PIECES, _>(|n| {
            let (offset, len) = pieces[n];
            let (here, after) = rest.split_at(len);
            rest = after;
            frames[n].bytes()[offset..offset + len].copy_from_slice(here);
            Segment { frame: frames[n].pfn(), offset: offset as u16, len: len as u32 }
        });
        let (disk, first) = (self.shared.disk, self.first);
        // SAFETY: the frames are ours until the end of this function.
        let done = self.watch(|| unsafe { disk.transfer(Operation::Write, first + at, &segments) });
        self.wrote(at, count, version, done)?;
        self.check_slice(at, count, buffer)
    }

    /// Several writes in flight at once, then several reads.
    fn several_at_once(&mut self) -> Result<(), Failure> {
        const PAGE: u64 = (PAGE_SIZE / SECTOR) as u64;
        let mut frames = take_frames::<AT_ONCE>()?;
        let version = self.version();
        let start = self.below(STRETCH / PAGE - AT_ONCE as u64 + 1) * PAGE;
        let place = |n: usize| start + n as u64 * PAGE;
        for (n, frame) in frames.iter_mut().enumerate() {
            for (k, sector) in (0..).zip(frame.bytes().chunks_mut(SECTOR)) {
                fill(sector, self.first + place(n) + k, version);
            }
        }
        let done = self.all(Operation::Write, &frames, place);
        for (n, done) in done.into_iter().enumerate() {
            self.wrote(place(n), PAGE, version, done)?;
        }
        for frame in &mut frames {
            frame.bytes().fill(0xa5);
        }
        let done = self.all(Operation::Read, &frames, place);
        for (n, done) in done.into_iter().enumerate() {
            if self.worked(Operation::Read, place(n), done)? {
                for (k, sector) in (0..).zip(frames[n].bytes().chunks(SECTOR)) {
                    self.check(place(n) + k, sector)?;
                }
            }
        }
        Ok(())
    }

    /// Submits a request for each frame, and only then waits for all.
    fn all(
        &self,
        operation: Operation,
        frames: &[Frame; AT_ONCE],
        place: impl Fn(usize) -> u64,
    ) -> [Result<(), BlockError>; AT_ONCE] {
        let completions = [const { Completion::new() }; AT_ONCE];
        let (disk, first) = (self.shared.disk, self.first);
        self.watch(|| {
            let submitted = core::array::from_fn::<_, AT_ONCE, _>(|n| {
                let memory = [Segment::frame(frames[n].pfn())];
                // SAFETY: the caller keeps the frames; the completions stay here until each was waited for, below.
                unsafe { disk.submit(operation, first + place(n), &memory, &completions[n]) }
            });
            core::array::from_fn(|n| submitted[n].and_then(|()| completions[n].wait()))
        })
    }

    /// Does a request and notes whether somebody else ran meanwhile.
    fn watch<R>(&self, request: impl FnOnce() -> R) -> R {
        let before = self.shared.bystander.load(Relaxed);
        let result = request();
        if self.shared.bystander.load(Relaxed) != before {
            self.shared.overlapped.fetch_add(1, Relaxed);
        }
        result
    }

    /// Whether a request worked. An error that is expected is counted, any other is the end.
    fn worked(&self, operation: Operation, at: u64, done: Result<(), BlockError>) -> Result<bool, Failure> {
        match done {
            Ok(()) => Ok(true),
            Err(BlockError::Io) if self.shared.errors == Errors::Expected => {
                self.shared.failures.fetch_add(1, Relaxed);
                Ok(false)
            }
            Err(why) => Err(Failure::Request(operation, self.first + at, why)),
        }
    }

    /// Notes what a write left on the disk; after an error nobody knows.
    fn wrote(
        &mut self,
        at: u64,
        count: u64,
        version: u32,
        done: Result<(), BlockError>,
    ) -> Result<(), Failure> {
        let known = self.worked(Operation::Write, at, done)?.then_some(version);
        self.versions[at as usize..(at + count) as usize].fill(known);
        Ok(())
    }

    fn check(&self, at: u64, sector: &[u8]) -> Result<(), Failure> {
        let Some(version) = self.versions[at as usize] else { return Ok(()) };
        let mut expected = [0; SECTOR];
        fill(&mut expected, self.first + at, version);
        if sector == expected { Ok(()) } else { Err(Failure::Content(self.first + at)) }
    }
}

/// Content that tells sector, version and every place in it apart.
fn fill(bytes: &mut [u8], sector: u64, version: u32) {
    let seed = sector << 32 | u64::from(version);
    for (n, word) in (0u64..).zip(bytes.chunks_exact_mut(8)) {
        let mixed = (seed ^ n << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word.copy_from_slice(&(mixed ^ mixed >> 29).to_le_bytes());
    }
}

fn take_frames<const N: usize>() -> Result<[Frame; N], Failure> {
    let frames: Vec<_> = (0..N).map_while(|_| Frame::take(FrameClass::Kernel)).collect();
    frames.try_into().map_err(|_| Failure::Memory)
}
