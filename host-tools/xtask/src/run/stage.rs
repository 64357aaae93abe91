//! [`RunDir`]: the private folder of one run, and the pruning of old ones.
//!
//! `OUTPUT/runs/NNNN-PID` holds everything QEMU reads and writes; `OUTPUT/last` leads to the newest. No two runs share a file.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;

use crate::image::Firmware;
use crate::{Artifacts, Error, Result, qemu};

/// How many finished runs are kept.
pub const KEPT: usize = 20;

const LOCK: &str = ".lock";

/// A run's folder. While this value lives the folder is not pruned.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Locked: says to other processes that the folder is in use. Never read.
    _lock: File,
}

impl RunDir {
    /// Makes a fresh folder, fills it with what QEMU reads, and removes the oldest ones.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn create(artifacts: &Artifacts) -> Result<Self> {
        let runs = artifacts.output.join("runs");
        fs::create_dir_all(&runs).map_err(Error::writing(&runs))?;
        let path = fresh(&runs)?;
        let lock = File::create(path.join(LOCK)).map_err(Error::writing(path.join(LOCK)))?;
        // A folder that cannot be locked (a file system without locks) could at worst be pruned 20 runs later.
        let _ = lock.try_lock_shared();
        let dir = Self { path, _lock: lock };
        dir.add(&artifacts.kernel, qemu::KERNEL)?;
        dir.add(&artifacts.loader, qemu::LOADER)?;
        for output in [qemu::CONSOLE, qemu::TRACE] {
            fs::write(dir.file(output), "").map_err(Error::writing(dir.file(output)))?;
        }
        point_last_at(&artifacts.output, &dir.path);
        prune(&runs);
        Ok(dir)
    }

    /// Puts the machine's firmware where QEMU finds it.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn stage_firmware(&self, firmware: &Firmware) -> Result<()> {
        let Firmware::Uefi(ovmf) = firmware else { return Ok(()) };
        let code = self.file(qemu::UEFI_CODE);
        symlink(&ovmf.code, &code).map_err(Error::writing(code))?;
        for output in [qemu::RAW_CONSOLE, qemu::RAW_TRACE] {
            fs::write(self.file(output), "").map_err(Error::writing(self.file(output)))?;
        }
        let variables = fs::read(&ovmf.variables).map_err(Error::reading(&ovmf.variables))?;
        let own = self.file(qemu::UEFI_VARIABLES);
        fs::write(&own, variables).map_err(Error::writing(own))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Puts a file of the host into it, under `name`; where it is now.
    ///
    /// # Errors
    /// It cannot be read, or the folder not be written to.
    pub(super) fn add(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.file(name);
        link_or_copy(from, &to).map(|()| to)
    }

    /// Makes the name `name` lead to a file elsewhere, which stays where it is and is changed there.
    pub(super) fn lead_to(&self, file: &Path, name: &str) -> Result<()> {
        let target = fs::canonicalize(file).map_err(Error::reading(file))?;
        symlink(target, self.file(name)).map_err(Error::writing(self.file(name)))
    }

    /// Fails if the disk is full: then what QEMU wrote (it does not say so itself) may be cut.
    pub(super) fn check_room(&self) -> Result<()> {
        let probe = self.file(".room");
        let written = fs::write(&probe, [0; 64 * 1024]);
        let _ = fs::remove_file(&probe);
        written.map_err(Error::writing(&self.path))
    }
}

/// Makes `NNNN-PID` with the next free number.
fn fresh(runs: &Path) -> Result<PathBuf> {
    let mut number = numbered(runs).last().map_or(1, |(number, _)| number + 1);
    loop {
        let path = runs.join(format!("{number:04}-{}", process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another run of this process, a moment before us.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(Error::CannotWrite { path, source }),
        }
    }
}

/// The runs' folders, oldest first.
fn numbered(runs: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.split_once('-')?.0.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// Removes all but the newest [`KEPT`]; those in use stay. What cannot be removed is tried again by the next run.
fn prune(runs: &Path) {
    let found = numbered(runs);
    for (_, path) in found.iter().rev().skip(KEPT) {
        let in_use = File::open(path.join(LOCK))
            .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
        if !in_use {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// The staged file stays what it is when cargo replaces the original. A hard link costs nothing; another file system needs a copy.
fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let mut source = File::open(from).map_err(Error::reading(from))?;
    let mut copy = File::create(to).map_err(Error::writing(to))?;
    io::copy(&mut source, &mut copy).map(drop).map_err(Error::writing(to))
}

/// Makes `OUTPUT/last` lead to the folder, in one step. Only a convenience: failing is no harm.
fn point_last_at(output: &Path, path: &Path) {
    let Some(name) = path.file_name() else { return };
    let fresh = output.join(format!(".last-{}", name.to_string_lossy()));
    if symlink(Path::new("runs").join(name), &fresh).is_ok()
        && fs::rename(&fresh, output.join("last")).is_err()
    {
        let _ = fs::remove_file(&fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    fn artifacts(dir: &Path) -> Artifacts {
        fs::write(dir.join("faultline"), "the kernel").unwrap();
        fs::write(dir.join("loader"), "the loader").unwrap();
        Artifacts {
            profile: Profile::Release,
            kernel: dir.join("faultline"),
            loader: dir.join("loader"),
            programs: Default::default(),
            output: dir.join("out put"),
        }
    }

    #[test]
    fn every_run_has_a_folder_of_its_own_and_last_is_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = artifacts(dir.path());
        let first = RunDir::create(&artifacts).unwrap();
        let second = RunDir::create(&artifacts).unwrap();
        assert_ne!(first.path(), second.path());
        assert_eq!(fs::read(first.file(qemu::KERNEL)).unwrap(), b"the kernel");
        let last = fs::canonicalize(artifacts.output.join("last")).unwrap();
        assert_eq!(last, fs::canonicalize(second.path()).unwrap());
    }

    #[test]
    fn parallel_runs_of_one_process_do_not_meet() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = artifacts(dir.path());
        let make = || RunDir::create(&artifacts).unwrap();
        let dirs: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let paths: std::collections::BTreeSet<_> = dirs.iter().map(RunDir::path).collect();
        assert_eq!(paths.len(), 8);
    }

    #[test]
    fn the_last_20_are_kept_and_those_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = artifacts(dir.path());
        let in_use = RunDir::create(&artifacts).unwrap();
        let second = RunDir::create(&artifacts).unwrap().path().to_owned();
        for _ in 0..KEPT {
            RunDir::create(&artifacts).unwrap();
        }
        assert!(in_use.path().exists() && !second.exists());
        assert_eq!(numbered(&artifacts.output.join("runs")).len(), KEPT + 1);
    }

    #[test]
    fn a_missing_kernel_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts { kernel: dir.path().join("gone"), ..artifacts(dir.path()) };
        let message = RunDir::create(&artifacts).unwrap_err().to_string();
        assert!(message.contains("gone"), "{message}");
    }
}
