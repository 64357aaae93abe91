//! [`Storage`]: where a run's disk comes from, what is put onto it before, and what is looked at afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use super::RunDir;
use crate::qemu::{self, Disk};
use crate::volume::{Get, Volume};
use crate::{Error, Result, disk};

/// Which image is the guest's disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Storage {
    /// One that is made for the run, with the programs and files that are put.
    #[default]
    Fresh,
    /// One that is kept: made if it is not there, else only what is missing or differs is put into it.
    Image(PathBuf),
    /// An image that is handed over as it is and not looked at: for what the kernel says to a damaged one.
    Untouched(PathBuf),
    /// None at all.
    None,
}

impl Storage {
    /// Checks what can be checked without changing anything, and tells `volume` of what an image holds already. How the guest gets the disk.
    ///
    /// # Errors
    /// An image that cannot be one, or cannot be used.
    pub(super) fn prepare(&self, in_memory: bool, volume: &mut Volume) -> Result<Option<Disk>> {
        let kept = match self {
            Self::None => return Ok(None),
            Self::Fresh => Disk::Virtio,
            Self::Untouched(path) => {
                check_file(path, in_memory)?;
                Disk::Kept
            }
            Self::Image(path) => {
                if path.exists() {
                    check_file(path, in_memory)?;
                    volume.already_there(disk::names(path)?);
                }
                Disk::Kept
            }
        };
        Ok(Some(if in_memory { Disk::Ram } else { kept }))
    }

    /// Puts the image where QEMU finds it, filled.
    ///
    /// # Errors
    /// A file cannot be read or written; the files do not fit.
    pub(super) fn stage(&self, in_memory: bool, volume: &Volume, dir: &RunDir) -> Result<()> {
        let own = dir.file(qemu::DISK);
        match (self, in_memory) {
            (Self::None, _) => Ok(()),
            (Self::Fresh, false) => disk::make(&own, disk::size(volume.files()), volume.files()),
            (Self::Fresh, true) => disk::make(&own, disk::ram_size(volume.files()), volume.files()),
            (Self::Untouched(path), false) => dir.lead_to(path, qemu::DISK),
            (Self::Untouched(path), true) => copy(path, &own),
            (Self::Image(path), false) => {
                if path.exists() {
                    disk::update(path, volume.files())?;
                } else {
                    disk::make(path, disk::size(volume.files()), volume.files())?;
                }
                dir.lead_to(path, qemu::DISK)
            }
            // What a guest does to a disk in memory is gone at power-off, so nothing is put into the image either.
            (Self::Image(path), true) if path.exists() => {
                copy(path, &own)?;
                disk::update(&own, volume.files())
            }
            (Self::Image(_), true) => disk::make(&own, disk::ram_size(volume.files()), volume.files()),
        }
    }

    /// Looks at the disk of a guest that has powered off, and copies files out of it. What is wrong, in one line, if anything is.
    ///
    /// # Errors
    /// The image cannot be read, or a file of the host not be written.
    pub(super) fn conclude(&self, in_memory: bool, get: &[Get], dir: &RunDir) -> Result<Option<String>> {
        if in_memory || matches!(self, Self::None | Self::Untouched(_)) {
            return Ok(None);
        }
        let image = dir.file(qemu::DISK);
        if let Some(why) = disk::complaint(&image)? {
            return Ok(Some(format!("the guest powered off, but its volume is not in order: {why}")));
        }
        for Get { name, file } in get {
            let Some(bytes) = disk::get(&image, name)? else {
                let names = disk::names(&image)?.join(", ");
                return Ok(Some(format!("--get: there is no file '{name}' on the disk; there are: {names}")));
            };
            fs::write(file, bytes).map_err(Error::writing(file))?;
        }
        Ok(None)
    }
}

/// Makes a disk for swapping with room for so many pages. What is in the pages means nothing, so the file takes no room before the guest writes.
pub(super) fn make_swap(path: &Path, pages: u32) -> Result<()> {
    let write = || {
        fs::write(path, fl_swapmap::area::header())?;
        fs::File::options().write(true).open(path)?.set_len(fl_swapmap::area::disk_len(pages))
    };
    write().map_err(Error::writing(path))
}

/// Checks that an image can be a disk: QEMU would round its size up in silence.
fn check_file(path: &Path, in_memory: bool) -> Result<()> {
    let about = fs::metadata(path).map_err(Error::reading(path))?;
    let refuse = |why: &str| Err(Error::Usage(format!("--disk {}: {why}", path.display())));
    match about.len() {
        _ if !about.is_file() => refuse("a disk image is a file; one that is not there is made"),
        bytes if bytes == 0 || bytes % fl_volume::SECTOR as u64 != 0 => refuse(
            "a disk image is a file of whole sectors of 512 bytes; name one that is not there, and it is made",
        ),
        bytes if in_memory && bytes > disk::RAM_MAX => refuse(
            "it has more than 64 MiB, too much to be copied into the guest's memory; leave --ramdisk (and --icount) out",
        ),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).map_err(Error::reading(from))?;
    fs::write(to, bytes).map_err(Error::writing(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_disk_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let sized = |name: &str, bytes| {
            let path = dir.path().join(name);
            fs::File::create(&path).unwrap().set_len(bytes).unwrap();
            Storage::Image(path)
        };
        for (storage, in_memory, part) in [
            (Storage::Image(dir.path().into()), false, "is a file"),
            (sized("empty", 0), false, "it is made"),
            (sized("odd", 1000), false, "512"),
            (sized("large", disk::RAM_MAX + 512), true, "64 MiB"),
            (sized("zeros", 1 << 20), false, "no FAT volume"),
        ] {
            let error = storage.prepare(in_memory, &mut Volume::default()).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.to_string().contains(part), "{error}");
        }
        let missing = Storage::Image(dir.path().join("new"));
        assert_eq!(missing.prepare(false, &mut Volume::default()).unwrap(), Some(Disk::Kept));
        assert_eq!(missing.prepare(true, &mut Volume::default()).unwrap(), Some(Disk::Ram));
    }
}
