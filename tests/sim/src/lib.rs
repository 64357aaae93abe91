//! Processes under memory pressure on a simulated machine, run by the kernel's own libraries: `fl_vmcore` decides what a page may do,
//! `fl_reclaim` which is evicted and when, `fl_frames` and `fl_swapmap` give out frames and slots.
//!
//! Several processors run one process each. Their translation caches and accessed and dirty bits behave as those of hardware: an
//! instruction that has translated its address stores later, a cached translation does not set the accessed bit again, and a flush is
//! acknowledged between instructions. The disk takes its time and fails now and then. Who goes on at each step is drawn from a seed,
//! so a run that fails can be repeated, and shrunk. Every value read is compared with what the process must see; in the end all
//! files, frames and slots are looked at. What is found wrong is a panic.
//!
//! [`run`] is all there is to call. [`fault`], [`process`] and [`evictor`] are the kernel's ways in small, each with its locks where
//! nothing is awaited.

mod check;
mod cow;
mod evictor;
mod executor;
mod fault;
mod machine;
mod process;
mod reference;

pub use fl_reclaim::Choice;
pub use machine::{Config, Seen, Twin};

use executor::Role;
use machine::Machine;
use std::rc::Rc;

/// What a process does next. Pages are numbers into its layout; see [`mod@reference`].
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Loads from a page.
    Read(u64),
    /// Stores to it.
    Write(u64),
    /// The kernel reads from a device into the page, which is pinned meanwhile.
    Receive(u64),
    /// Makes a child.
    Fork,
    /// Maps a file.
    Map(MapOp),
    /// Unmaps what starts at that page.
    Unmap(u64),
}

/// A mapping that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct MapOp {
    /// The first page.
    pub start: u64,
    /// How many.
    pub pages: u64,
    /// Of which file.
    pub file: usize,
    /// From which of its pages on.
    pub first: u64,
    /// Whether it may be stored to.
    pub writable: bool,
}

impl Op {
    /// An operation for any number.
    pub fn from_bits(bits: u64) -> Self {
        use reference::{BSS, DATA, MAPPINGS, STACK, TEXT};
        let part = |shift: u32, n: u64| (bits >> shift) % n;
        let [start, pages] = [TEXT, DATA, BSS, BSS, STACK, MAPPINGS][part(12, 6) as usize];
        let page = start + part(20, pages);
        match bits % 64 {
            0..26 => Self::Read(page),
            26..52 => Self::Write(page),
            52..55 => Self::Receive(page),
            55 => Self::Fork,
            56..61 => Self::Map(MapOp {
                start: MAPPINGS[0] + part(24, MAPPINGS[1]),
                pages: 1 + part(28, 4),
                file: 1 + part(32, 3) as usize,
                first: part(36, 4),
                writable: part(40, 4) != 0,
            }),
            _ => Self::Unmap(page),
        }
    }
}

/// Runs the programs: the first at once, each other one in the child of a fork. A process ends with its program.
///
/// # Panics
/// When anything is not as it must be.
pub fn run(config: Config, programs: Vec<Vec<Op>>) -> Seen {
    let machine = Rc::new(Machine::new(config, programs));
    let evictor = machine.clone();
    machine.executor.spawn(Role::Daemon, async move { evictor::run(evictor).await });
    process::start_first(&machine);
    machine.executor.run(|| machine.check());
    check::nothing_is_left(&machine);
    let seen = *machine.seen.borrow();
    machine.executor.clear(); // threads refer to the machine
    seen
}

/// The generator of programs (Vigna, xorshift64*): its sequence never changes with a version of a crate.
pub fn programs(seed: u64, processes: usize, operations: usize) -> Vec<Vec<Op>> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    (0..processes).map(|_| (0..operations).map(|_| Op::from_bits(next())).collect()).collect()
}
