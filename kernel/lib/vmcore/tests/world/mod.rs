//! A small machine that runs several processes on `fl_vmcore`, and a plain reference that says what each of them must see.
//!
//! [`run`] carries out a sequence of random operations on both and compares every value read, every mmap's answer, and in the end
//! what is in the files and whether all frames and slots are free. A page's content is one number; numbers are never reused, so
//! that a stale copy shows. [`vm`] is the machine, [`reference`] the semantics.

pub mod reference;
pub mod vm;

use fl_abi::USER_STACK;
use fl_vmcore::MmapError;
use reference::Reference;
use vm::{Fail, Vm};

/// Processes that may live at once.
pub const PROCESSES: usize = 5;
/// Pages of each file; file 0 is the program, which nobody writes.
pub const FILES: [usize; 4] = [5, 4, 3, 1];
/// Page numbers of the program: text, data and bss; see `PROGRAM` in [`vm`].
pub const TEXT: [u64; 2] = [0x10, 2];
pub const DATA: [u64; 2] = [0x20, 3];
pub const BSS: [u64; 2] = [0x30, 3];
/// The part of the stack that is used.
pub const STACK: [u64; 2] = [USER_STACK / 4096 - 3, 3];
/// Where mappings are tried; they may overlap the bss.
pub const MAPPINGS: [u64; 2] = [0x31, 12];

/// How much there is of everything that can run short.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub frames: usize,
    pub slots: usize,
    /// One write-out in so many fails; 0: none.
    pub io_errors: u64,
}

impl Limits {
    /// Nothing runs short and nothing is ever evicted.
    pub const PLENTY: Self = Self { frames: 400, slots: 0, io_errors: 0 };
}

/// What a process does, or what is done to it. Processes are numbered by place.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Read {
        pid: usize,
        page: u64,
    },
    Write {
        pid: usize,
        page: u64,
        by_kernel: bool,
    },
    Fork {
        pid: usize,
        child: usize,
    },
    Exit {
        pid: usize,
    },
    Map {
        pid: usize,
        start: u64,
        pages: u64,
        file: usize,
        first: u64,
        writable: bool,
    },
    Unmap {
        pid: usize,
        start: u64,
    },
    /// The evictor begins with some page, or goes on with one it has begun with.
    Evict {
        choice: usize,
    },
    Step {
        choice: usize,
    },
    /// Readahead tries a page that it believes to be in swap.
    Ahead {
        choice: usize,
    },
    /// The slot of a resident page is reclaimed.
    TakeSlot {
        choice: usize,
    },
}

impl Op {
    /// An operation for any number. `evict`: also those that need swap.
    pub fn from_bits(bits: u64, evict: bool) -> Self {
        let part = |shift: u32, n: u64| (bits >> shift) % n;
        let pid = part(8, PROCESSES as u64) as usize;
        let [start, span] = [TEXT, DATA, BSS, STACK, MAPPINGS, MAPPINGS][part(12, 6) as usize];
        let page = start + part(20, span);
        let kind = bits % if evict { 48 } else { 32 };
        match kind {
            0..10 => Self::Read { pid, page },
            10..22 => Self::Write { pid, page, by_kernel: kind > 19 },
            22..25 => Self::Fork { pid, child: part(24, PROCESSES as u64) as usize },
            25 => Self::Exit { pid },
            26..29 => Self::Map {
                pid,
                start: MAPPINGS[0] + part(24, MAPPINGS[1]),
                pages: 1 + part(28, 4),
                file: 1 + part(32, 3) as usize,
                first: part(36, 4),
                writable: part(40, 4) != 0,
            },
            29..32 => Self::Unmap { pid, start: page },
            32..39 => Self::Evict { choice: part(24, 0xffff) as usize },
            39..46 => Self::Step { choice: part(24, 0xffff) as usize },
            46 => Self::Ahead { choice: part(24, 0xffff) as usize },
            _ => Self::TakeSlot { choice: part(24, 0xffff) as usize },
        }
    }
}

/// The generator of the fixed runs (Vigna, xorshift64*): its sequence never changes with a version of a crate.
pub fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    core::iter::repeat_with(move || {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

/// What was seen to happen, so that a run that exercised nothing can be told.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    pub reuses: u64,
    pub copies: u64,
    pub file_writes: u64,
    pub swap_writes: u64,
    pub swap_reads: u64,
    pub clean_drops: u64,
    pub kept: u64,
    pub rescued: u64,
    pub write_errors: u64,
    pub no_memory: u64,
}

/// Carries out the operations on machine and reference, then ends all processes. `Err` says what was different, and when.
pub fn run(limits: Limits, ops: impl Iterator<Item = Op>) -> Result<Seen, String> {
    let (mut vm, mut reference) = (Vm::new(limits), Reference::new());
    let mut serial = 0;
    for (n, op) in ops.enumerate() {
        serial += 1;
        step(&mut vm, &mut reference, op, serial).map_err(|e| format!("operation {n}, {op:?}: {e}"))?;
        if n % 16 == 0 {
            vm.check().map_err(|e| format!("after operation {n}, {op:?}: {e}"))?;
        }
    }
    for pid in 0..PROCESSES {
        vm.exit(pid).map_err(|e| format!("exit of {pid} at the end: {e}"))?;
    }
    vm.check_empty()?;
    if vm.files != reference.files {
        return Err(format!("files hold {:?} and should hold {:?}", vm.files, reference.files));
    }
    Ok(vm.seen)
}

fn step(vm: &mut Vm, reference: &mut Reference, op: Op, serial: u64) -> Result<(), String> {
    match op {
        // Without memory the process would be killed; here the access just does not happen.
        Op::Read { pid, page } => match vm.read(pid, page) {
            Err(Fail::NoMemory) => Ok(()),
            Err(Fail::Wrong(what)) => Err(what),
            Err(Fail::Bad) => same(None, reference.read(pid, page)),
            Ok(value) => same(Some(value), reference.read(pid, page)),
        },
        Op::Write { pid, page, by_kernel } => match vm.write(pid, page, serial, by_kernel) {
            Err(Fail::NoMemory) => Ok(()),
            Err(Fail::Wrong(what)) => Err(what),
            Err(Fail::Bad) => same(None, reference.write(pid, page, serial)),
            Ok(()) => same(Some(serial), reference.write(pid, page, serial)),
        },
        Op::Fork { pid, child } => {
            if vm.fork(pid, child) {
                reference.fork(pid, child);
            }
            Ok(())
        }
        Op::Exit { .. } if (0..PROCESSES).filter(|&pid| vm.lives(pid)).count() == 1 => Ok(()),
        Op::Exit { pid } => {
            reference.exit(pid);
            vm.exit(pid)
        }
        Op::Map { pid, .. } if !vm.lives(pid) => Ok(()),
        Op::Map { pid, start, pages, file, first, writable } => {
            let answer = vm.map(pid, start, pages, file, first, writable);
            let good = reference.map(pid, start, pages, file, first, writable);
            match answer {
                Ok(()) if good => Ok(()),
                Err(MmapError::Overlap(_)) if !good => Ok(()),
                other => Err(format!("mmap said {other:?}")),
            }
        }
        Op::Unmap { pid, start } => same(vm.unmap(pid, start)?, reference.unmap(pid, start)),
        Op::Evict { choice } => {
            vm.evict(choice);
            Ok(())
        }
        Op::Step { choice } => vm.step(choice),
        Op::Ahead { choice } => vm.read_ahead(choice),
        Op::TakeSlot { choice } => vm.take_slot(choice),
    }
}

fn same<T: PartialEq + core::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}
