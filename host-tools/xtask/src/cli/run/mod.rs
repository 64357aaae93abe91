//! `cargo xtask run`: its flags ([`RunArgs`]), the way from them to a run ([`to_run`]), and what is done with it ([`execute`]).

mod execute;
mod to_run;

pub(super) use to_run::add_kernel_args;

use std::path::PathBuf;

use clap::ValueEnum;

use super::memory::MemoryArgs;
use crate::Profile;
use crate::qemu::{Chipset, Link};
use crate::report::Detail;

const EXAMPLES: &str = "\
Examples:
  cargo xtask run                                          the demo
  cargo xtask run --exec hello --exec 'args one two'       two programs, one after the other
  cargo xtask run --exec 'touch-random 200 7' --user-frames 100
  cargo xtask run --exec 'pressure-check 4 100 8' --user-frames 256 --swap-pages 1024 --policy sieve      more pages than frames
  cargo xtask run --exec 'pressure-check' --user-frames 128 --swap-pages 1024 --fault read:swap:0.01 --seed 3     and a disk that fails
  cargo xtask run --put ./prog --exec prog                 a program of your own (static ELF for x86-64)
  cargo xtask run --put in.txt --put ./prog --exec prog --get out.txt:out.txt      files in and out
  echo hi | cargo xtask run --stdin - --exec read-lines     what programs read from the console
  cargo xtask run --disk my.img --exec prog                a disk that is kept; mtools read it (mdir -i my.img), fsck.fat checks it
  cargo xtask cc hello.c && cargo xtask run --exec hello   one in C; those of cc come before ours of the same name
  cargo xtask run --gdb --exec hello                       stops in the kernel's start and in main, for gdb
  cargo xtask run --chaos --seed 7 --smp 4 --exec fork-tree     whatever can happen between two steps does
  cargo xtask run --icount --seed 1 --exec data --trace data.vmt    the same bytes every time
  cargo xtask run --events all --exec hello                system calls too; --events fault,process: nothing else
  cargo xtask run --exec spin --timeout 5                  ends with status 3
  LIMINE_DIR=~/limine cargo xtask run --boot limine --firmware uefi --machine q35 --exec hello    as a PC would start it

Exit status: 0 all programs ran and the guest powered off; 1 the kernel panicked or QEMU died; 2 wrong usage or something is
missing; 3 timeout; 130 ended by Ctrl-C.
Each run leaves console.txt, trace.vmt, flame.svg and what was booted in target/faultline/runs/NNNN-PID (the last 20 are kept);
target/faultline/last leads to the newest. FAULTLINE_QEMU names another QEMU than qemu-system-x86_64.";

const EXEC_EXAMPLES: &str = "\
Examples:
  cargo xtask exec hello                                   by name: first what cc compiled, then our own programs
  cargo xtask exec args one two                            with arguments; put those that begin with - in quotes:
  cargo xtask exec 'args -v' --user-frames 100             all flags of run work";

/// Flags of `run`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// Run this program, with its arguments; repeatable, run in order
    #[arg(long, value_name = "PROG ARGS")]
    exec: Vec<String>,
    /// Put a file of yours, a program or any other, onto the disk (under its own name, or NAME of at most 14 bytes); repeatable
    #[arg(long, value_name = "HOSTFILE[:NAME]")]
    put: Vec<String>,
    /// Copy a file from the disk when the guest has powered off; repeatable
    #[arg(long, value_name = "NAME:HOSTFILE")]
    get: Vec<String>,
    /// Number of processors
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    smp: u32,
    #[command(flatten)]
    memory: MemoryArgs,
    /// What starts the kernel: our own loader, or Limine (its binaries in LIMINE_DIR or /usr/share/limine) from an image
    #[arg(long, value_enum, default_value_t)]
    boot: Boot,
    /// The machine's firmware; uefi needs --boot limine and the package ovmf
    #[arg(long, value_enum, default_value_t)]
    firmware: Firmware,
    /// The machine's chipset
    #[arg(long, value_enum, default_value_t)]
    machine: Chipset,
    /// QEMU's name of the processor, perhaps with features (max,-smep)
    #[arg(long, value_name = "MODEL", default_value = "max")]
    cpu: String,
    /// Count instructions instead of time (1 ns each): two equal runs give equal bytes; implies --ramdisk
    #[arg(long)]
    icount: bool,
    /// Give the guest the disk as a copy in its memory (no virtio needed): what it writes is gone at power-off, a --disk image stays as it is
    #[arg(long)]
    ramdisk: bool,
    /// What carries the trace out of the guest
    #[arg(long, value_enum, default_value_t)]
    link: Link,
    /// What to trace: classes of events with commas between them (all, none, process, fault, ...; +syscall adds one, -frames leaves one out)
    #[arg(long, value_name = "CLASSES", allow_hyphen_values = true)]
    events: Option<String>,
    /// The machine's serial ports: console and trace on one each, or both on one, as on many a PC
    #[arg(long, value_enum, default_value_t)]
    serial: Serial,
    /// Let programs read this file from the console; - : what you type, Ctrl-D ends it [default: nothing, the end of the input at once]
    #[arg(long, value_name = "FILE")]
    stdin: Option<String>,
    /// Write the trace to this file too, while it comes
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the console to this file too, while it comes
    #[arg(long, value_name = "FILE")]
    console: Option<PathBuf>,
    /// Seed for the random choices of kernel and machine
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Let threads be preempted, delayed and lose pages where it hurts, as --seed says; in the checked build, with a swap space of 1024 pages
    /// if no other is given. With --icount all of it repeats to the byte, on any number of processors
    #[arg(long, requires = "seed")]
    chaos: bool,
    /// End QEMU after so many seconds, with status 3; 0: never [default: 60; never with --gdb]
    #[arg(long, value_name = "S")]
    timeout: Option<u64>,
    /// Stop before the first instruction and wait for gdb (prints the command to type in another terminal)
    #[arg(long)]
    gdb: bool,
    /// Keep the disk in this image: made if it is not there; else it keeps its files, and gets what is new or has changed of programs and --put
    #[arg(long, value_name = "FILE")]
    disk: Option<PathBuf>,
    /// How kernel and programs are compiled: `checked` has debug assertions and overflow checks [default: release; checked with --chaos]
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// Add a word to the kernel's command line (for tests: panic=irq); repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    kernel_arg: Vec<String>,
    /// How much to show after the run [default: full for the demo, short with --exec, none with --quiet]
    #[arg(long, value_enum)]
    report: Option<Detail>,
    /// Show only what went wrong: no progress, no console
    #[arg(long)]
    quiet: bool,
    /// Print what would be run, and start nothing
    #[arg(long)]
    dry_run: bool,
}

/// Flags of `exec`: those of `run`, and the program without a flag before it.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXEC_EXAMPLES)]
pub struct ExecArgs {
    /// The program's name and its arguments
    #[arg(required = true, value_name = "PROG ARGS")]
    words: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
}

impl ExecArgs {
    /// The same as flags of `run`; what `--exec` adds runs afterwards.
    pub(in crate::cli) fn into_run(self) -> Box<RunArgs> {
        let mut run = self.run;
        run.exec.insert(0, self.words.join(" "));
        Box::new(run)
    }
}

/// What starts the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Boot {
    #[default]
    Loader,
    Limine,
}

/// The machine's firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Firmware {
    #[default]
    Bios,
    Uefi,
}

/// The serial ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Serial {
    #[default]
    Two,
    Mux,
}

#[cfg(test)]
mod tests {
    use super::super::{Command, tests::typed};
    use super::*;
    use crate::run::Run;
    use crate::{Artifacts, Result};

    pub fn args(line: &str) -> RunArgs {
        match typed(line).unwrap() {
            Some(Command::Run(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    pub fn run(line: &str) -> Result<Run> {
        args(line).to_run(Artifacts {
            profile: Profile::Release,
            kernel: "k".into(),
            loader: "l".into(),
            programs: Default::default(),
            scenarios: Default::default(),
            output: "o".into(),
        })
    }

    #[test]
    fn exec_is_run_with_the_program_first() {
        let exec = |line| match typed(line).unwrap() {
            Some(Command::Exec(args)) => *args.into_run(),
            other => panic!("{other:?}"),
        };
        assert_eq!(exec("exec hello").exec, ["hello"]);
        let args = exec("exec args one two --mem 64 --exec hello --gdb");
        assert_eq!(
            (args.exec, args.memory.mem, args.gdb),
            (vec!["args one two".to_owned(), "hello".to_owned()], 64, true)
        );
    }
}
