//! One thread of the test of files: random operations on files of its own, each compared with what the file should hold.
//!
//! On a disk that fails now and then an operation may fail with it; nobody knows then what the files hold, so the thread removes them and goes on.

use crate::fs::{self, CreateError, File, IoError, OpenError, RemoveError, WriteError};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use fl_block::BlockError;

/// Operations of each thread.
pub const ROUNDS: u32 = 300;
/// Names of each thread.
const NAMES: u32 = 4;
/// Bytes of a file when it is made, and of a write, at most.
const LONGEST: u32 = 9000;
/// How far behind the end of a file a write begins at most.
const GAP: u32 = 3000;
/// Removed files that are kept open.
const ASIDE: usize = 3;

/// A file as it should be.
struct Known {
    content: Vec<u8>,
    open: Option<Arc<File>>,
}

/// A file to work on, open, and what it should hold.
type Chosen<'a> = (Arc<File>, &'a mut Vec<u8>);

struct Worker {
    number: u32,
    random: u64,
    /// By name.
    named: [Option<Known>; NAMES as usize],
    /// Removed, and still open.
    aside: Vec<Known>,
}

/// How often a removal is tried on a disk that fails now and then.
const PATIENCE: u32 = 20;

/// Operations that failed with the disk.
pub static FAILURES: AtomicU32 = AtomicU32::new(0);

/// Why an operation did not go as it should.
enum Trouble {
    /// The disk failed.
    Disk,
    /// The test has.
    Wrong(String),
}

/// The thread, on a disk that works.
pub fn run(number: u32) -> Result<(), String> {
    let mut worker = Worker::new(number);
    let done = (0..ROUNDS).try_for_each(|_| worker.step()).and_then(|()| worker.finish());
    done.map_err(|trouble| match trouble {
        Trouble::Disk => "the disk failed".into(),
        Trouble::Wrong(why) => why,
    })
}

/// The thread, on a disk that fails now and then.
pub fn run_with_failures(number: u32) -> Result<(), String> {
    let mut worker = Worker::new(number);
    for round in 0..=ROUNDS {
        match if round < ROUNDS { worker.step() } else { worker.finish() } {
            Ok(()) => {}
            Err(Trouble::Disk) => worker.start_over()?,
            Err(Trouble::Wrong(why)) => return Err(why),
        }
    }
    Ok(())
}

impl Worker {
    fn new(number: u32) -> Self {
        let random = 0x9e37_79b9_7f4a_7c15 ^ u64::from(number) << 17;
        Self { number, random, named: [const { None }; NAMES as usize], aside: Vec::new() }
    }

    /// After a failure: lets go of all files.
    fn start_over(&mut self) -> Result<(), String> {
        FAILURES.fetch_add(1, Relaxed);
        self.aside.clear();
        for name in 0..NAMES {
            self.named[name as usize] = None;
            let own = self.name(name);
            let mut removed = fs::remove(&own);
            for _ in 0..PATIENCE {
                if failed_with_disk(&removed) {
                    removed = fs::remove(&own);
                }
            }
            if !matches!(removed, Ok(()) | Err(RemoveError::NotFound)) {
                return Err(format!("removing after a failure: {removed:?}"));
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Trouble> {
        let name = self.below(NAMES);
        match self.below(13) {
            0 => self.create(name),
            1 => self.remove(name),
            2 => {
                if let Some(known) = &mut self.named[name as usize] {
                    known.open = None;
                }
                Ok(())
            }
            3 => {
                self.aside.pop();
                Ok(())
            }
            4 => agree("sync", fs::sync(), Ok(())),
            5 => self.denied(name),
            6..10 => self.write(name),
            _ => self.read(name),
        }
    }

    fn create(&mut self, name: u32) -> Result<(), Trouble> {
        let size = self.below(LONGEST);
        let created = fs::create(&self.name(name), size.into());
        if self.named[name as usize].is_some() {
            return agree("creating again", created, Err(CreateError::Exists));
        }
        self.named[name as usize] = Some(Known { content: vec![0; size as usize], open: None });
        agree("creating", created, Ok(()))
    }

    /// A file that is open stays as it is when it is removed, and its name is free.
    fn remove(&mut self, name: u32) -> Result<(), Trouble> {
        let Some(known) = self.named[name as usize].take() else {
            return agree("opening", fs::open(&self.name(name)).map(drop), Err(OpenError::NotFound));
        };
        agree("removing", fs::remove(&self.name(name)), Ok(()))?;
        if known.open.is_some() && self.aside.len() < ASIDE {
            self.aside.push(known);
        }
        Ok(())
    }

    fn denied(&mut self, name: u32) -> Result<(), Trouble> {
        let Some((file, _)) = self.file(name)? else { return Ok(()) };
        let (first, second) = (file.deny_write(), file.deny_write());
        agree("writing while denied", file.write_at(3, b"no"), Ok(0))?;
        drop(first);
        agree("writing while denied once", file.write_at(1 << 20, &[1; 512]), Ok(0))?;
        drop(second);
        Ok(())
    }

    fn write(&mut self, name: u32) -> Result<(), Trouble> {
        // Whole sectors now and then: they go another way.
        let unit = if self.below(3) == 0 { 512 } else { 1 };
        let len = self.below(LONGEST) / unit * unit;
        let (place, fill) = (self.below(1 << 30), self.below(256) as u8);
        let Some((file, content)) = self.file(name)? else { return Ok(()) };
        let at = (place % (content.len() as u32 + GAP)) / unit * unit;
        let bytes: Vec<u8> = (0..len).map(|i| fill.wrapping_add(i as u8)).collect();
        agree("writing", file.write_at(at.into(), &bytes), Ok(len as usize))?;
        let end = (at + len) as usize;
        if len > 0 && end > content.len() {
            content.resize(end, 0);
        }
        content.iter_mut().skip(at as usize).zip(bytes).for_each(|(old, new)| *old = new);
        agree("the size", file.len(), content.len() as u64)
    }

    fn read(&mut self, name: u32) -> Result<(), Trouble> {
        let (len, place) = (self.below(LONGEST), self.below(1 << 30));
        let Some((file, content)) = self.file(name)? else { return Ok(()) };
        let at = (place % (content.len() as u32 + GAP)) as usize;
        let mut bytes = vec![0xaa; len as usize];
        let expected = content.get(at..).map_or(&[][..], |rest| &rest[..rest.len().min(len as usize)]);
        agree("reading", file.read_at(at as u64, &mut bytes), Ok(expected.len()))?;
        if bytes[..expected.len()] == *expected {
            Ok(())
        } else {
            Err(Trouble::Wrong(format!("{} bytes at {at} are not what was written", expected.len())))
        }
    }

    /// The file of that name, opened if it is not open, and its content; now and then one that was removed.
    fn file(&mut self, name: u32) -> Result<Option<Chosen<'_>>, Trouble> {
        let (own, aside) = (self.name(name), self.below(4) == 0);
        let known = match self.aside.last_mut() {
            Some(known) if aside => known,
            _ => match &mut self.named[name as usize] {
                Some(known) => known,
                None => return Ok(None),
            },
        };
        let file = match &known.open {
            Some(file) => file.clone(),
            None => {
                let file = opened(&own)?;
                let again = opened(&own)?;
                agree(
                    "one object for one file",
                    (Arc::ptr_eq(&file, &again), again.id()),
                    (true, file.id()),
                )?;
                known.open.insert(file).clone()
            }
        };
        Ok(Some((file, &mut known.content)))
    }

    /// Looks at every file as somebody who opens it afresh, and removes it.
    fn finish(&mut self) -> Result<(), Trouble> {
        self.aside.clear();
        for name in 0..NAMES {
            let Some(known) = self.named[name as usize].take() else { continue };
            drop(known.open);
            let file = opened(&self.name(name))?;
            let mut bytes = vec![0; known.content.len() + 1];
            agree("the size at the end", file.read_at(0, &mut bytes), Ok(known.content.len()))?;
            if bytes[..known.content.len()] != known.content {
                return Err(Trouble::Wrong("a file holds something else in the end".into()));
            }
            agree("removing at the end", fs::remove(&self.name(name)), Ok(()))?;
        }
        Ok(())
    }

    fn name(&self, name: u32) -> Vec<u8> {
        format!("T{}-{name}", self.number).into_bytes()
    }

    /// A number below `end`, which is not 0: xorshift.
    fn below(&mut self, end: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 32) % u64::from(end)) as u32
    }
}

fn opened(name: &[u8]) -> Result<Arc<File>, Trouble> {
    let opened = fs::open(name);
    if failed_with_disk(&opened) {
        return Err(Trouble::Disk);
    }
    opened.map_err(|why| Trouble::Wrong(format!("opening: {why:?}")))
}

fn agree<T: PartialEq + Debug + MayFail>(what: &str, got: T, expected: T) -> Result<(), Trouble> {
    if got == expected {
        Ok(())
    } else if got.failed() {
        Err(Trouble::Disk)
    } else {
        Err(Trouble::Wrong(format!("{what}: {got:?} instead of {expected:?}")))
    }
}

fn failed_with_disk<T, E: MayFail>(result: &Result<T, E>) -> bool {
    result.as_ref().is_err_and(MayFail::failed)
}

/// What may say that the disk failed.
trait MayFail {
    fn failed(&self) -> bool {
        false
    }
}

impl MayFail for u64 {}
impl<A, B> MayFail for (A, B) {}

impl<T, E: MayFail> MayFail for Result<T, E> {
    fn failed(&self) -> bool {
        failed_with_disk(self)
    }
}

impl MayFail for IoError {
    fn failed(&self) -> bool {
        *self == Self::Disk(BlockError::Io)
    }
}

macro_rules! may_fail {
    ($($error:ty)*) => {$(
        impl MayFail for $error {
            fn failed(&self) -> bool {
                matches!(self, Self::Io(why) if why.failed())
            }
        }
    )*};
}
may_fail!(OpenError CreateError RemoveError WriteError);
