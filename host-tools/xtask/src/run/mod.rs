//! [`Run`]: one run of the guest from options to [`Outcome`]. Used by `cargo xtask run` and by the QEMU tests.
//!
//! The way through: [`Run::prepare`] checks everything that can be checked without starting (programs, names, limits) and gives
//! a [`Prepared`]; its `stage` makes a folder of the run's own ([`stage`]) and gives a [`Staged`]; its `start` starts QEMU in it
//! ([`child`]), watches it ([`watch`]) and tells how it ended ([`outcome`]).

mod audit;
mod child;
mod demux;
mod feed;
mod outcome;
mod signals;
mod sink;
mod stage;
mod storage;
mod watch;

pub use audit::audit;
pub use feed::Stdin;
pub use outcome::{End, Outcome};
pub use stage::RunDir;
pub use storage::Storage;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::image::{self, BootConfig, Firmware, Image, Limine};
use crate::kernel_line::KernelLine;
use crate::qemu::{self, Chipset, Disk, Link, Machine, Ports, Start};
use crate::volume::{Get, Put, Volume};
use crate::{Artifacts, Error, Result, accel, gdb};

/// How long a run may take if nothing else is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The swap space of a run of chaos for which no other was asked: forced evictions want somewhere to write to, and programs are small.
pub const CHAOS_SWAP_PAGES: u32 = 1024;

/// What starts the kernel, and what it needs.
#[derive(Clone, Debug, Default)]
pub enum Boot {
    /// Our loader.
    #[default]
    Loader,
    /// Limine, from an image that is made for the run.
    Limine {
        /// Its binaries.
        limine: Limine,
        /// What starts it.
        firmware: Firmware,
        /// Further settings of the boot entry, keys as in `limine.cfg`.
        settings: Vec<(String, String)>,
    },
}

/// What to run, and on which machine. Fields are what the flags of `cargo xtask run` say; [`Run::new`] has their defaults.
#[derive(Clone, Debug)]
pub struct Run {
    /// The executables.
    pub artifacts: Artifacts,
    /// Command lines of the programs, run in order.
    pub exec: Vec<String>,
    /// Files of the host to put onto the disk.
    pub put: Vec<Put>,
    /// Files to copy from the disk when the guest has powered off.
    pub get: Vec<Get>,
    /// What starts the kernel.
    pub boot: Boot,
    /// The machine's serial ports.
    pub ports: Ports,
    /// What carries the trace.
    pub link: Link,
    /// What the guest reads from its console; nothing if not given: its input is at its end.
    pub stdin: Option<Stdin>,
    /// The chipset.
    pub chipset: Chipset,
    /// QEMU's name of the processor.
    pub cpu: String,
    /// Number of processors.
    pub smp: u32,
    /// Memory in MiB.
    pub mem_mib: u32,
    /// Cap on frames for user pages; the kernel's own choice if not given.
    pub user_frames: Option<u32>,
    /// Cap on frames for the kernel.
    pub kernel_frames: Option<u32>,
    /// Size of the swap space in pages; none if not given.
    pub swap_pages: Option<u32>,
    /// The guest's disk.
    pub disk: Storage,
    /// Give the guest a copy of the disk in memory instead of a virtio disk.
    pub ramdisk: bool,
    /// Further boot modules: files of the host, and the names the kernel knows them by. Our loader's only.
    pub modules: Vec<(PathBuf, String)>,
    /// Count instructions instead of time: repeatable to the bit. The disk is in memory then, because a virtio disk takes its time.
    pub icount: bool,
    /// Seed for the kernel's and QEMU's random choices.
    pub seed: Option<u64>,
    /// Further words of the kernel's command line.
    pub kernel_args: Vec<(String, String)>,
    /// End QEMU after this long; `None`: never.
    pub timeout: Option<Duration>,
    /// Stop before the first instruction and wait for gdb.
    pub gdb: bool,
    /// Show the console on our stdout while it comes.
    pub show_console: bool,
    /// Another file that gets the console.
    pub console_to: Option<PathBuf>,
    /// Another file that gets the trace.
    pub trace_to: Option<PathBuf>,
    /// Further words for QEMU's command line.
    pub qemu_args: Vec<String>,
    /// QEMU's program.
    pub qemu: String,
}

impl Run {
    /// A run of no program yet on the default machine: 256 MiB, one processor of every feature, 60 s.
    pub fn new(artifacts: Artifacts) -> Self {
        Self {
            artifacts,
            exec: Vec::new(),
            put: Vec::new(),
            get: Vec::new(),
            boot: Boot::default(),
            ports: Ports::default(),
            link: Link::default(),
            stdin: None,
            chipset: Chipset::default(),
            cpu: "max".to_owned(),
            smp: 1,
            mem_mib: 256,
            user_frames: None,
            kernel_frames: None,
            swap_pages: None,
            disk: Storage::default(),
            ramdisk: false,
            modules: Vec::new(),
            icount: false,
            seed: None,
            kernel_args: Vec::new(),
            timeout: Some(DEFAULT_TIMEOUT),
            gdb: false,
            show_console: false,
            console_to: None,
            trace_to: None,
            qemu_args: Vec::new(),
            qemu: std::env::var("FAULTLINE_QEMU").unwrap_or_else(|_| "qemu-system-x86_64".to_owned()),
        }
    }

    /// Adds a program to run after those before it.
    #[must_use]
    pub fn exec(mut self, command_line: &str) -> Self {
        self.exec.push(command_line.to_owned());
        self
    }

    /// Adds a word to the kernel's command line.
    #[must_use]
    pub fn kernel_arg(mut self, key: &str, value: &str) -> Self {
        self.kernel_args.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Has things happen at the kernel's marked places, as `seed` says, forced evictions among them if so; with a swap space to evict pages to, if none was asked for and one can be had.
    /// For a checked build, when all else is set.
    #[must_use]
    pub fn chaos(mut self, seed: u64, evictions: bool) -> Self {
        self.seed = Some(seed);
        if self.swap_pages.is_none() && self.has_room_for_swap() {
            self.swap_pages = Some(CHAOS_SWAP_PAGES);
        }
        self.kernel_arg("chaos", if evictions { "1" } else { "resident" })
    }

    /// Checks the options and puts volume and command lines together. Starts nothing but the trial for KVM.
    ///
    /// # Errors
    /// A program that is not there, a file that is none, a value out of bounds.
    pub fn prepare(self) -> Result<Prepared> {
        let mut volume = Volume::with_programs(&self.artifacts)?;
        for put in &self.put {
            let program = |line: &String| fl_abi::cmdline::arguments(line).next() == Some(&put.name);
            volume.put(put, self.exec.iter().any(program))?;
        }
        let disk = self.disk.prepare(self.in_memory(), &mut volume)?;
        self.check_get(disk)?;
        for line in &self.exec {
            volume.check_exec(line)?;
        }
        let machine = Machine {
            start: self.boot.start(),
            ports: self.ports,
            link: self.link,
            input: self.stdin.is_some(),
            chipset: self.chipset,
            cpu: self.cpu.clone(),
            smp: self.smp,
            mem_mib: self.mem_mib,
            accel: accel::choose(&self.qemu, self.icount),
            seed: self.seed,
            gdb: self.gdb.then(free_port),
            disk,
            swap: self.swap_pages.map(|_| if self.in_memory() { Disk::Ram } else { Disk::Virtio }),
            modules: module_names(&self.modules),
            further: self.qemu_args.clone(),
            kernel_line: self.kernel_line()?,
        };
        if machine.swap == Some(Disk::Ram) && machine.start != Start::Loader {
            let why = "Limine's image has no swap space; leave --ramdisk (and --icount) out, or --swap-pages";
            return Err(Error::Usage(format!("--swap-pages with --boot limine: {why}")));
        }
        let menu = self.boot.menu(&machine)?;
        Ok(Prepared { run: self, volume, machine, menu })
    }

    /// Prepares, starts, and waits for the end.
    ///
    /// # Errors
    /// As [`Run::prepare`], and: no QEMU, QEMU refuses its command line, a file cannot be written.
    pub fn start(self) -> Result<Outcome> {
        self.prepare()?.start()
    }

    /// Writes the script that debugs this run, beside the files it names: what cargo or a compiler makes meanwhile is not theirs.
    fn write_gdb_script(&self, dir: &RunDir, port: u16) -> Result<PathBuf> {
        let mut files: Vec<(&str, PathBuf)> = Vec::new();
        for name in self.exec.iter().filter_map(|line| fl_abi::cmdline::arguments(line).next()) {
            if let (false, Some(file)) = (files.iter().any(|(known, _)| *known == name), self.host_file(name))
            {
                files.push((name, dir.add(file, &format!("symbols-{name}.elf"))?));
            }
        }
        let programs: Vec<_> = files.iter().map(|(name, file)| gdb::Debugged { name, file }).collect();
        let script = dir.file(gdb::SCRIPT);
        let text = gdb::script(&dir.file(qemu::KERNEL), port, &programs)?;
        fs::write(&script, text).map_err(Error::writing(&script))?;
        Ok(script)
    }

    /// The file that a program of the volume was made from.
    fn host_file(&self, name: &str) -> Option<&Path> {
        let put = self.put.iter().find(|put| put.name == name).map(|put| put.file.as_path());
        put.or_else(|| self.artifacts.programs.get(name).map(PathBuf::as_path))
    }

    /// Whether a swap space can be given: in memory only our loader brings one.
    pub(crate) fn has_room_for_swap(&self) -> bool {
        !self.in_memory() || matches!(self.boot, Boot::Loader)
    }

    /// Whether the guest's disk and its swap space are in its memory.
    fn in_memory(&self) -> bool {
        self.ramdisk || self.icount
    }

    fn check_get(&self, disk: Option<Disk>) -> Result<()> {
        let Some(first) = self.get.first() else { return Ok(()) };
        match disk {
            Some(Disk::Ram) => Err(Error::Usage(format!(
                "--get {}: what a guest writes to a disk in memory is gone at power-off; leave --ramdisk (and --icount) out",
                first.name
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn kernel_line(&self) -> Result<String> {
        let mut line = KernelLine::default();
        for exec in &self.exec {
            line.add("exec", exec)?;
        }
        let numbers = [
            ("user_frames", self.user_frames.map(u64::from)),
            ("kernel_frames", self.kernel_frames.map(u64::from)),
            ("seed", self.seed),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                line.add(key, &value.to_string())?;
            }
        }
        match (self.ports, self.link) {
            (Ports::Shared, Link::Virtio) => {
                let why = "the one sends the trace over the serial port, the other does not; leave one out";
                return Err(Error::Usage(format!("--serial mux with --link virtio: {why}")));
            }
            (_, Link::Virtio) => line.add("link", "virtio")?,
            // By itself the kernel would use the one port for both.
            (Ports::OnlyConsole, Link::Uart) => line.add("serial", "two")?,
            _ => {}
        }
        if self.stdin.is_some() {
            line.add("stdin", "com1")?;
        }
        for (key, value) in &self.kernel_args {
            line.add(key, value)?;
        }
        Ok(line.as_str().to_owned())
    }
}

impl Boot {
    fn start(&self) -> Start {
        match self {
            Self::Loader => Start::Loader,
            Self::Limine { firmware: Firmware::Bios, .. } => Start::BiosImage,
            Self::Limine { firmware: Firmware::Uefi(_), .. } => Start::UefiImage,
        }
    }

    /// The boot menu of a run: nobody is there to choose.
    fn menu(&self, machine: &Machine) -> Result<Option<BootConfig>> {
        let Self::Limine { settings, .. } = self else { return Ok(None) };
        let mut menu = BootConfig::ours()?;
        menu.set_global("TIMEOUT", "0");
        menu.set_global("QUIET", "yes");
        menu.set_command_line(&machine.kernel_line);
        if machine.disk != Some(Disk::Ram) {
            menu.remove_module(image::DISK);
        }
        settings.iter().for_each(|(key, value)| menu.set(key, value));
        Ok(Some(menu))
    }
}

/// Further modules as they lie in the run's folder.
fn module_names(modules: &[(PathBuf, String)]) -> Vec<(String, String)> {
    (0..).zip(modules).map(|(n, (_, name)): (u32, _)| (format!("module-{n}"), name.clone())).collect()
}

/// gdb's usual port, or any other if another run has it.
fn free_port() -> u16 {
    let port = |wanted| TcpListener::bind(("127.0.0.1", wanted)).and_then(|socket| socket.local_addr());
    port(1234).or_else(|_| port(0)).map_or(1234, |address| address.port())
}

/// A run that is checked and can be started.
#[derive(Debug)]
pub struct Prepared {
    run: Run,
    /// What the guest gets to run.
    pub volume: Volume,
    /// The machine it runs on.
    pub machine: Machine,
    /// The boot menu, if Limine starts it.
    pub menu: Option<BootConfig>,
}

impl Prepared {
    /// What starts the kernel.
    pub fn boot(&self) -> &Boot {
        &self.run.boot
    }

    /// QEMU's command line as it could be typed in the run's folder.
    pub fn command_line(&self) -> String {
        qemu::shell_line(&self.run.qemu, &self.machine.argv())
    }

    /// Makes the run's folder, with all that QEMU and gdb read.
    ///
    /// # Errors
    /// A file cannot be read or written (a full disk among the reasons).
    pub fn stage(self) -> Result<Staged> {
        let Self { run, volume, machine, menu } = self;
        let dir = RunDir::create(&run.artifacts)?;
        run.disk.stage(run.in_memory(), &volume, &dir)?;
        if let Some(pages) = run.swap_pages {
            storage::make_swap(&dir.file(qemu::SWAP), pages)?;
        }
        for ((from, _), (to, _)) in run.modules.iter().zip(&machine.modules) {
            dir.add(from, to)?;
        }
        if let (Boot::Limine { limine, firmware, .. }, Some(config)) = (&run.boot, &menu) {
            let (kernel, disk) = (&dir.file(qemu::KERNEL), dir.file(qemu::DISK));
            let disk = (machine.disk == Some(Disk::Ram)).then_some(disk.as_path());
            Image { limine, config, kernel, disk }.write(&dir.file(qemu::IMAGE), false)?;
            dir.stage_firmware(firmware)?;
        }
        let gdb_script = machine.gdb.map(|port| run.write_gdb_script(&dir, port)).transpose()?;
        Ok(Staged { run, machine, dir, gdb_script })
    }

    /// Stages the run's folder, starts QEMU and waits for the end.
    ///
    /// # Errors
    /// As [`Prepared::stage`] and [`Staged::start`].
    pub fn start(self) -> Result<Outcome> {
        self.stage()?.start()
    }
}

/// A run whose folder is made.
#[derive(Debug)]
pub struct Staged {
    run: Run,
    machine: Machine,
    dir: RunDir,
    /// What gdb is to be started with (`gdb -x`), if the run waits for it.
    pub gdb_script: Option<PathBuf>,
}

impl Staged {
    /// Starts QEMU and waits for its end, the time limit, or Ctrl-C.
    ///
    /// # Errors
    /// No QEMU, QEMU refuses its command line, a file cannot be written (a full disk among the reasons).
    pub fn start(self) -> Result<Outcome> {
        let Self { run, machine, dir, .. } = self;
        let mut streams = watch::Streams::open(&dir, &run, &machine)?;
        let signals = signals::Active::begin();
        let started = Instant::now();
        let mut child = child::spawn(&run.qemu, &machine, &dir)?;
        if let (Some(from), Some(guest)) = (&run.stdin, child.stdin.take()) {
            let feed = feed::Feed::open(from, guest).inspect_err(|_| child::end(&mut child))?;
            streams.feed(feed);
        }
        let limits = watch::Limits { started, timeout: run.timeout, signals: &signals };
        let watched = watch::until_end(&mut child, &mut streams, &limits)?;
        let duration = started.elapsed();
        dir.check_room()?;
        let console = fs::read(dir.file(qemu::CONSOLE)).map_err(Error::reading(dir.file(qemu::CONSOLE)))?;
        let console = String::from_utf8_lossy(&console).into_owned();
        let end = outcome::classify(watched.ended, &console, &dir)?;
        let not_started = outcome::not_started(&run.exec, &console);
        let disk = match end {
            End::PoweredOff => run.disk.conclude(run.in_memory(), &run.get, &dir)?,
            _ => None,
        };
        Ok(Outcome {
            end,
            disk,
            console,
            not_started,
            first_program: watched.first_program,
            duration,
            dir,
            machine,
        })
    }
}
