//! [`Run`]: one run of the guest from options to [`Outcome`]. Used by `cargo xtask run` and by the QEMU tests.
//!
//! The way through: [`Run::prepare`] checks everything that can be checked without starting (programs, names, limits) and gives
//! a [`Prepared`] ([`mod@prepare`]); its `stage` makes a folder of the run's own ([`stage`]) and gives a [`Staged`]; its `start` starts QEMU in it
//! ([`mod@start`], [`child`]), watches it ([`watch`]) and tells how it ended ([`outcome`]).

mod audit;
mod child;
mod demux;
mod feed;
mod outcome;
mod prepare;
mod signals;
mod sink;
mod stage;
mod start;
mod storage;
mod watch;

pub use audit::audit;
pub use feed::Stdin;
pub use outcome::{End, Outcome};
pub use stage::RunDir;
pub use start::{Prepared, Staged};
pub use storage::Storage;

use std::path::PathBuf;
use std::time::Duration;

use crate::image::{Firmware, Limine};
use crate::qemu::{Chipset, Link, Ports};
use crate::volume::{Get, Put};
use crate::{Artifacts, Result};

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

    /// Prepares, starts, and waits for the end.
    ///
    /// # Errors
    /// As [`Run::prepare`], and: no QEMU, QEMU refuses its command line, a file cannot be written.
    pub fn start(self) -> Result<Outcome> {
        self.prepare()?.start()
    }

    /// Whether a swap space can be given: in memory only our loader brings one.
    pub(crate) fn has_room_for_swap(&self) -> bool {
        !self.in_memory() || matches!(self.boot, Boot::Loader)
    }

    /// Whether the guest's disk and its swap space are in its memory.
    fn in_memory(&self) -> bool {
        self.ramdisk || self.icount
    }
}
