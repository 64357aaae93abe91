//! `cargo xtask run`: its flags, and the way from them to a [`Run`].

use std::io::{self, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use fl_trace::class::{Class, Selection};

use super::chaos;
use super::memory::MemoryArgs;
use crate::build::{Programs, build};
use crate::image::{self, Limine, Ovmf};
use crate::qemu::{self, Chipset, Link, Ports};
use crate::report::{self, Detail};
use crate::run::{self, DEFAULT_TIMEOUT, Outcome, Prepared, Run, Stdin, Storage};
use crate::volume::{Get, Put};
use crate::{Artifacts, Error, Profile, Result, cc, demo, place};

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
    /// if no other is given. With --icount on one processor all of it repeats to the byte
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
    pub(super) fn into_run(self) -> Box<RunArgs> {
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

impl RunArgs {
    /// Builds, runs, reports; the exit status.
    pub(super) fn execute(self: Box<Self>) -> Result<u8> {
        let boot = self.to_boot()?;
        let profile = chaos::profile(self.profile, self.chaos, Profile::Release)?;
        let root = place::root()?;
        self.note("building kernel and programs");
        let artifacts =
            build(&root, profile, Programs::for_lines(&root, &self.exec), self.quiet)?.with_scenarios();
        let mut run = self.to_run(artifacts)?;
        run.boot = boot;
        if self.exec.is_empty() {
            demo::squeeze(&mut run);
        }
        if let (true, Some(seed)) = (self.chaos, self.seed) {
            run = run.chaos(seed, true);
        }
        self.add_compiled(&mut run, &root)?;
        let prepared = run.prepare()?;
        if self.dry_run {
            return print_plan(&prepared);
        }
        self.note(&format!(
            "starting QEMU ({}, {} MiB)",
            prepared.machine.accel.name(),
            prepared.machine.mem_mib
        ));
        let staged = prepared.stage()?;
        if let Some(script) = &staged.gdb_script {
            eprintln!("the machine waits; type in another terminal: {}", gdb_command(script, &root));
        }
        let outcome = staged.start()?;
        self.conclude(&outcome, &root)
    }

    /// Adds what `cc` compiled, in the place of our own programs of the same names; says so where it matters. The demo is ours alone.
    fn add_compiled(&self, run: &mut Run, root: &Path) -> Result<()> {
        if self.exec.is_empty() {
            return Ok(());
        }
        for put in cc::compiled(&run.artifacts.output)? {
            if run.put.iter().any(|typed| typed.name == put.name) {
                continue;
            }
            let asked =
                run.exec.iter().any(|line| line.split(' ').find(|word| !word.is_empty()) == Some(&put.name));
            if asked && run.artifacts.programs.contains_key(&put.name) {
                let file = report::shown(&put.file, root);
                self.note(&format!("{} is {file} (remove that file to run ours of this name)", put.name));
            }
            run.put.push(put);
        }
        Ok(())
    }

    fn conclude(&self, outcome: &Outcome, root: &Path) -> Result<u8> {
        let complaint = outcome.complaint();
        let refused = outcome.status() == 2;
        report::print(outcome, if refused { Detail::None } else { self.detail() }, root)?;
        // Last, so that what went wrong is what a person sees first.
        if complaint.is_some() && matches!(outcome.status(), 1 | 3) {
            print_tail(outcome);
        }
        if let Some(complaint) = complaint {
            eprintln!("{complaint} (all of it: {})", report::shown(outcome.dir.path(), root));
            if self.chaos {
                eprintln!("the same seed again: {}", typed());
            }
        }
        Ok(outcome.status())
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            eprintln!("==> {text}");
        }
    }

    fn detail(&self) -> Detail {
        self.report.unwrap_or(match (self.quiet, self.exec.is_empty()) {
            (true, _) => Detail::None,
            (false, true) => Detail::Full,
            (false, false) => Detail::Short,
        })
    }

    /// What starts the kernel, looked for before anything is built.
    fn to_boot(&self) -> Result<run::Boot> {
        let firmware = match (self.boot, self.firmware) {
            (Boot::Loader, Firmware::Bios) => return Ok(run::Boot::Loader),
            (Boot::Loader, Firmware::Uefi) => {
                let how = "--firmware uefi: our own loader needs QEMU's BIOS; add --boot limine";
                return Err(Error::Usage(how.to_owned()));
            }
            (Boot::Limine, Firmware::Bios) => image::Firmware::Bios,
            (Boot::Limine, Firmware::Uefi) => image::Firmware::Uefi(Ovmf::find()?),
        };
        Ok(run::Boot::Limine { limine: Limine::find()?, firmware, settings: Vec::new() })
    }

    fn to_run(&self, artifacts: Artifacts) -> Result<Run> {
        let mut run = Run::new(artifacts);
        run.exec = if self.exec.is_empty() { demo::command_lines() } else { self.exec.clone() };
        run.put = self.put.iter().map(|text| Put::parse(text)).collect();
        run.get = self.get.iter().map(|text| Get::parse(text)).collect::<Result<_>>()?;
        run.chipset = self.machine;
        run.ports = if self.serial == Serial::Mux { Ports::Shared } else { Ports::Both };
        run.link = self.link;
        run.stdin = self.stdin.as_deref().map(Stdin::parse);
        run.cpu.clone_from(&self.cpu);
        run.smp = self.smp;
        run.icount = self.icount;
        run.seed = self.seed;
        run.disk = self.disk.clone().map_or(Storage::Fresh, Storage::Image);
        run.ramdisk = self.ramdisk;
        run.gdb = self.gdb;
        run.timeout = match self.timeout {
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None if self.gdb => None,
            None => Some(DEFAULT_TIMEOUT),
        };
        run.show_console = !self.quiet;
        run.console_to.clone_from(&self.console);
        run.trace_to.clone_from(&self.trace);
        if let Some(classes) = &self.events {
            run = run.kernel_arg("trace", checked(classes)?);
        }
        add_kernel_args(self.memory.apply(run), &self.kernel_arg)
    }
}

/// The value of `--events`, if the kernel will take it.
fn checked(classes: &str) -> Result<&str> {
    if Selection::default().apply(classes) {
        return Ok(classes);
    }
    let all: Vec<&str> = Class::ALL.iter().map(|class| class.word()).collect();
    Err(Error::Usage(format!(
        "--events '{classes}': there are all, none, {}, with + or - before one to add it or to leave it out",
        all.join(", ")
    )))
}

/// The words of `--kernel-arg`.
pub(super) fn add_kernel_args(run: Run, words: &[String]) -> Result<Run> {
    words.iter().try_fold(run, |run, word| match word.split_once('=') {
        Some((key, value)) => Ok(run.kernel_arg(key, value)),
        None => Err(Error::Usage(format!("--kernel-arg '{word}': give it as KEY=VALUE"))),
    })
}

/// The command that was typed.
fn typed() -> String {
    let words = iter::once("xtask".to_owned()).chain(std::env::args().skip(1));
    qemu::shell_line("cargo", &words.collect::<Vec<_>>())
}

/// What to type to debug the run.
fn gdb_command(script: &Path, root: &Path) -> String {
    qemu::shell_line("gdb", &["-x".to_owned(), report::shown(script, root)])
}

/// For `--dry-run`. A reader that went away is no error.
fn print_plan(prepared: &Prepared) -> Result<u8> {
    let mut text =
        format!("{}\n\nkernel command line: {}\n", prepared.command_line(), prepared.machine.kernel_line);
    if let (Some(menu), run::Boot::Limine { limine, .. }) = (&prepared.menu, prepared.boot()) {
        let format = limine.version.format();
        text += &format!("{} for Limine {}:\n", format.file_name(), limine.version);
        menu.write(format).lines().for_each(|line| text += &format!("  {line}\n"));
    }
    text += "put onto the disk:\n";
    for (name, bytes) in prepared.volume.files() {
        text += &format!("  {name:<14} {:>9} bytes\n", bytes.len());
    }
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(0)
}

/// The last lines of the console, on stderr, where the complaint stands.
fn print_tail(outcome: &Outcome) {
    const LINES: usize = 20;
    eprintln!("--- the console's last lines ---");
    if outcome.console.is_empty() {
        eprintln!("(the guest wrote nothing)");
    }
    outcome.console_tail(LINES).for_each(|line| eprintln!("{line}"));
    eprintln!("---");
}

#[cfg(test)]
mod tests {
    use super::super::{Command, tests::typed};
    use super::*;

    fn args(line: &str) -> RunArgs {
        match typed(line).unwrap() {
            Some(Command::Run(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn run(line: &str) -> Result<Run> {
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
    fn every_flag_reaches_the_run() {
        let run = run("run --exec hello --exec args --put a:b --get c:d --mem 64 --user-frames 1215 --kernel-frames 99 --machine q35 \
             --cpu qemu64 --icount --disk d --ramdisk --trace t --console c --seed 7 --timeout 5 --serial mux --stdin in --kernel-arg panic=irq --quiet \
             --swap-pages 500 --policy sieve --fault read:swap:0.01 --fault write:any:1")
        .unwrap();
        assert_eq!(run.exec, ["hello", "args"]);
        assert_eq!(run.put, [Put { file: "a".into(), name: "b".into() }]);
        assert_eq!((run.mem_mib, run.user_frames, run.kernel_frames), (64, Some(1215), Some(99)));
        assert_eq!(
            (run.chipset, run.cpu.as_str(), run.icount, run.seed),
            (Chipset::Q35, "qemu64", true, Some(7))
        );
        assert_eq!((run.disk, run.ramdisk), (Storage::Image("d".into()), true));
        assert_eq!(run.get, [Get { name: "c".into(), file: "d".into() }]);
        assert_eq!((run.trace_to, run.console_to), (Some("t".into()), Some("c".into())));
        assert_eq!((run.timeout, run.show_console), (Some(Duration::from_secs(5)), false));
        assert_eq!((run.ports, run.link), (Ports::Shared, Link::Uart));
        assert_eq!(run.stdin, Some(Stdin::File("in".into())));
        assert_eq!(run.swap_pages, Some(500));
        let words = [("policy", "sieve"), ("fault", "read:swap:0.01,write:any:1"), ("panic", "irq")];
        assert_eq!(run.kernel_args, words.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_trace_goes_one_way() {
        let line = |flags: &str| run(&format!("run {flags}")).unwrap().kernel_line();
        assert_eq!(line("--exec hello --link virtio").unwrap(), "exec=hello link=virtio");
        assert_eq!(
            line("--exec hello --serial mux").unwrap(),
            "exec=hello",
            "the kernel sees that by itself"
        );
        let error = line("--exec hello --serial mux --link virtio").unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("leave one out"), "{error}");
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

    #[test]
    fn what_cc_compiled_takes_the_place_of_ours_and_yields_to_put() {
        let dir = tempfile::tempdir().unwrap();
        let folder = cc::folder(dir.path());
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["hello", "mine"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let puts = |line: &str| {
            let mut run = run(line).unwrap();
            run.artifacts.output = dir.path().to_owned();
            args(line).add_compiled(&mut run, dir.path()).unwrap();
            run.put.into_iter().map(|put| (put.name, put.file)).collect::<Vec<_>>()
        };
        let compiled = |name: &str| (name.to_owned(), folder.join(name));
        assert_eq!(puts("run --quiet --exec hello"), [compiled("hello"), compiled("mine")]);
        assert_eq!(
            puts("run --quiet --exec hello --put a:mine"),
            [("mine".into(), "a".into()), compiled("hello")]
        );
        assert_eq!(puts("run --quiet"), [], "the demo is ours");
    }

    #[test]
    fn the_time_limit_has_three_defaults() {
        assert_eq!(run("run --exec hello").unwrap().timeout, Some(DEFAULT_TIMEOUT));
        assert_eq!(run("run --exec hello --timeout 0").unwrap().timeout, None);
        assert_eq!(run("run --exec hello --gdb").unwrap().timeout, None);
    }

    #[test]
    fn without_exec_the_demo_runs_short_of_memory_with_a_full_report() {
        let squeezed = |line: &str| {
            let mut run = run(line).unwrap();
            demo::squeeze(&mut run);
            (run.user_frames, run.swap_pages)
        };
        assert_eq!(squeezed("run"), (Some(128), Some(1024)));
        assert_eq!(
            squeezed("run --user-frames 999"),
            (Some(999), None),
            "what is asked for is what one gets"
        );
        assert_eq!(run("run").unwrap().exec, demo::command_lines());
        assert_eq!(args("run").detail(), Detail::Full);
        assert_eq!(args("run --exec hello").detail(), Detail::Short);
        assert_eq!(args("run --quiet").detail(), Detail::None);
        assert_eq!(args("run --quiet --report full").detail(), Detail::Full);
    }

    #[test]
    fn our_loader_and_uefi_do_not_go_together() {
        let error = args("run --firmware uefi").to_boot().unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("--boot limine"), "{error}");
        assert!(matches!(args("run").to_boot(), Ok(run::Boot::Loader)));
    }

    #[test]
    fn nothing_is_copied_from_a_disk_that_is_gone_at_power_off() {
        for line in ["run --get a:b --ramdisk", "run --get a:b --icount"] {
            let error = run(line).unwrap().prepare().unwrap_err();
            assert!(error.to_string().starts_with("--get a: ") && error.status() == 2, "{error}");
        }
        assert!(run("run --get a").unwrap_err().to_string().contains("NAME:HOSTFILE"));
    }

    #[test]
    fn events_are_classes_that_the_kernel_knows() {
        let line = |flags: &str| run(&format!("run --exec hello {flags}")).and_then(|run| run.kernel_line());
        assert_eq!(line("--events fault,process").unwrap(), "exec=hello trace='fault,process'");
        assert_eq!(line("--events -frames").unwrap(), "exec=hello trace=-frames");
        let error = line("--events faults").unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("all, none, process, fault"), "{error}");
    }

    #[test]
    fn a_kernel_argument_needs_its_equals_sign() {
        assert!(run("run --kernel-arg panic").unwrap_err().to_string().contains("KEY=VALUE"));
    }
}
