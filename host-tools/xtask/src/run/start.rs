//! From a [`Prepared`] run to its [`Outcome`]: the folder with all that QEMU and gdb read, and QEMU in it.

use super::{Boot, End, Outcome, Run, RunDir, child, feed, outcome, signals, storage, watch};
use crate::image::{BootConfig, Image};
use crate::qemu::{self, Disk, Machine};
use crate::volume::Volume;
use crate::{Error, Result, gdb};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A run that is checked and can be started.
#[derive(Debug)]
pub struct Prepared {
    pub(super) run: Run,
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

impl Run {
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
}
