//! The kernel's options, from its command line.

#![allow(
    clippy::result_large_err,
    reason = "made at most once, at boot, where there may be no heap to box it in"
)]

use crate::arch::serial::FASTEST;
use crate::console::{Ports, Setup};
use crate::mm::Budget;
use crate::{inject, ktest};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use fl_abi::cmdline::{Malformed, Word, words};
use fl_block::{Faults, FaultsError};
use fl_reclaim::{Choice, UnknownPolicy};
use fl_trace::class::{Class, Selection};

/// What carries the trace (`link=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkKind {
    /// A serial port.
    #[default]
    Uart,
    /// A virtio console.
    Virtio,
}

/// What the command line asked for.
pub struct Options {
    /// Programs to run, in order: command lines.
    pub programs: Vec<String>,
    /// What carries the trace.
    pub link: LinkKind,
    /// Which events are traced, and whether threads wait rather than lose any.
    pub trace: Selection,
    /// Where to panic, for tests of the panic path.
    pub panic: Option<inject::Point>,
    /// What the random choices follow from (`seed=`).
    pub seed: u64,
    /// What is to happen at the marked places, as the seed says.
    pub chaos: Option<inject::Extent>,
    /// A test that the kernel runs on itself before the programs.
    pub selftest: Option<ktest::Test>,
    /// Whether what comes in at COM1 can be read from the console (`stdin=com1`); else its input is at its end.
    pub listen: bool,
    /// Which pages are evicted first.
    pub policy: Choice,
    /// Milliseconds after which a disk that does not answer is turned off.
    pub disk_timeout: Option<u32>,
    /// Milliseconds after which a processor that gets nowhere is stuck; 0: never.
    pub watchdog: Option<u32>,
    /// Which requests to disks shall fail.
    pub faults: Option<Faults>,
}

/// What is wrong with the command line.
#[derive(Debug)]
pub enum OptionError {
    /// Its quoting.
    Malformed(Malformed),
    /// A value that its key does not take.
    Value(Word),
    /// A key that is not known.
    Unknown(Word),
    /// A word of `trace=` that is not known.
    Trace(Word),
    /// No policy of eviction has that name.
    Policy(Word),
    /// What `fault=` does not take, and why.
    Fault(Word, FaultsError),
    /// The trace is sent to two places.
    TwoLinks,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "kernel command line: {why}"),
            Self::Value(w) => {
                write!(f, "kernel command line: {}={} is not a value it takes", w.key(), w.value())
            }
            Self::Unknown(w) => write!(
                f,
                "kernel command line: no option {:?}; there are exec, user_frames, kernel_frames, trace, link, serial, baud, panic, selftest, stdin, policy, disk_timeout, watchdog, fault, chaos, seed, loader",
                w.key()
            ),
            Self::Trace(w) => {
                write!(f, "kernel command line: trace={}: there are block, drop, all, none", w.value())?;
                Class::ALL.iter().try_for_each(|class| write!(f, ", {}", class.word()))?;
                f.write_str(", with + or - before a class to add it or to leave it out")
            }
            Self::Policy(w) => write!(f, "kernel command line: policy={}: {UnknownPolicy}", w.value()),
            Self::Fault(w, why) => write!(f, "kernel command line: fault={}: {why}", w.value()),
            Self::TwoLinks => f.write_str(
                "kernel command line: serial=mux sends the trace over COM1 and link=virtio elsewhere; leave one of them out",
            ),
        }
    }
}

/// The budgets alone: needed before there is a heap.
pub fn budget(line: &str) -> Result<Budget, OptionError> {
    let mut budget = Budget::default();
    for word in words(line) {
        let word = word.map_err(OptionError::Malformed)?;
        match word.key() {
            "user_frames" => budget.user = Some(number(&word)?),
            "kernel_frames" => budget.kernel = Some(number(&word)?),
            _ => {}
        }
    }
    Ok(budget)
}

/// The serial ports' options alone: needed before the first line is printed.
pub fn serial(line: &str) -> Result<Setup, OptionError> {
    let mut setup = Setup::default();
    for word in words(line) {
        let word = word.map_err(OptionError::Malformed)?;
        match (word.key(), word.value()) {
            ("serial", "mux") => setup.ports = Ports::Shared,
            ("serial", "two") => setup.ports = Ports::Two,
            ("serial", _) => return Err(OptionError::Value(word)),
            ("baud", _) => {
                setup.baud = number(&word)?;
                if setup.baud == 0 || !FASTEST.is_multiple_of(setup.baud) {
                    return Err(OptionError::Value(word));
                }
            }
            ("link", _) => setup.trace = link(&word)? == LinkKind::Uart,
            _ => {}
        }
    }
    if setup.ports == Ports::Shared && !setup.trace {
        return Err(OptionError::TwoLinks);
    }
    Ok(setup)
}

fn link(word: &Word) -> Result<LinkKind, OptionError> {
    match word.value() {
        "uart" => Ok(LinkKind::Uart),
        "virtio" => Ok(LinkKind::Virtio),
        _ => Err(OptionError::Value(*word)),
    }
}

/// All options.
pub fn parse(line: &str) -> Result<Options, OptionError> {
    let mut options = Options {
        programs: Vec::new(),
        link: LinkKind::default(),
        trace: Selection::default(),
        panic: None,
        seed: 0,
        chaos: None,
        selftest: None,
        listen: false,
        policy: Choice::Clock,
        disk_timeout: None,
        watchdog: None,
        faults: None,
    };
    let mut fault = None;
    for word in words(line) {
        let word = word.map_err(OptionError::Malformed)?;
        match word.key() {
            "exec" => options.programs.push(String::from(word.value())),
            "panic" => {
                options.panic = Some(inject::Point::from_name(word.value()).ok_or(OptionError::Value(word))?)
            }
            "link" => options.link = link(&word)?,
            "trace" if !options.trace.apply(word.value()) => return Err(OptionError::Trace(word)),
            "trace" => {}
            "selftest" => {
                options.selftest = Some(ktest::Test::from_name(word.value()).ok_or(OptionError::Value(word))?)
            }
            "stdin" => {
                options.listen = match word.value() {
                    "com1" => true,
                    "none" => false,
                    _ => return Err(OptionError::Value(word)),
                }
            }
            "policy" => options.policy = word.value().parse().map_err(|_| OptionError::Policy(word))?,
            "watchdog" => options.watchdog = Some(number(&word)?),
            "disk_timeout" => options.disk_timeout = Some(number(&word)?),
            "user_frames" | "kernel_frames" | "serial" | "baud" => {} // read before
            "chaos" => {
                options.chaos = match word.value() {
                    "1" => Some(inject::Extent::Full),
                    "resident" => Some(inject::Extent::Resident),
                    "0" => None,
                    _ => return Err(OptionError::Value(word)),
                }
            }
            "seed" => options.seed = word.value().parse().map_err(|_| OptionError::Value(word))?,
            "fault" => fault = Some(word),
            "loader" => {} // the loader's
            _ => return Err(OptionError::Unknown(word)),
        }
    }
    if let Some(word) = fault {
        options.faults =
            Some(Faults::parse(word.value(), options.seed).map_err(|why| OptionError::Fault(word, why))?);
    }
    Ok(options)
}

fn number(word: &Word) -> Result<u32, OptionError> {
    word.value().parse().map_err(|_| OptionError::Value(*word))
}
