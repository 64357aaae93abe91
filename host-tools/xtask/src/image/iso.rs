//! [`Image::write`]: the image itself, by xorriso, and by Limine's deployer for BIOS from a USB stick.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::limine::FILES;
use super::{BootConfig, ImageError, Limine};
use crate::{Error, Result};

/// What an image is made of. Where kernel and disk lie in it is for `config` to say.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The bootloader.
    pub limine: &'a Limine,
    /// The menu, filled in.
    pub config: &'a BootConfig,
    /// The kernel's file.
    pub kernel: &'a Path,
    /// A disk image, which becomes the module `disk`.
    pub disk: Option<&'a Path>,
}

/// Whether BIOS starts the image from a USB stick. From a CD, and by UEFI from both, it always starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stick {
    /// It does: Limine's deployer has been over it.
    Bootable,
    /// It does not: there is no deployer of that version.
    NoDeployer,
}

/// Name of the module in the kernel's eyes.
pub(crate) const DISK: &str = "disk";
/// Dates in the image, in seconds from 1970: the first of January 2000, so that the same files give the same bytes.
const DATE: &str = "946684800";

impl Image<'_> {
    /// Writes the image to `to`, which appears only when it is whole. `deploy`: also for BIOS from a USB stick.
    ///
    /// # Errors
    /// No xorriso, or it or the deployer fails; the menu does not say where the files go; a file cannot be written.
    pub fn write(&self, to: &Path, deploy: bool) -> Result<Stick> {
        let partial = beside(to, "partial");
        let config = beside(to, "config");
        let made = self.make(&partial, &config, deploy);
        let made =
            made.and_then(|stick| fs::rename(&partial, to).map(|()| stick).map_err(Error::writing(to)));
        let _ = fs::remove_file(&config);
        if made.is_err() {
            let _ = fs::remove_file(&partial);
        }
        made
    }

    fn make(&self, to: &Path, config: &Path, deploy: bool) -> Result<Stick> {
        let format = self.limine.version.format();
        fs::write(config, self.config.write(format)).map_err(Error::writing(config))?;
        let _ = fs::remove_file(to); // xorriso would add to an image that a killed run left
        let mut xorriso = Command::new("xorriso");
        xorriso.args(["-as", "mkisofs", "-quiet", "-r", "-V", "FAULTLINE"]);
        xorriso.args(["--set_all_file_dates", &format!("={DATE}")]);
        xorriso.args([
            "-b",
            "boot/limine-bios-cd.bin",
            "-no-emul-boot",
            "-boot-load-size",
            "4",
            "-boot-info-table",
        ]);
        xorriso.args(["--efi-boot", "boot/limine-uefi-cd.bin", "-efi-boot-part", "--efi-boot-image"]);
        xorriso.args(["--protective-msdos-label", "-o"]).arg(to).arg("-graft-points");
        for (place, file) in self.grafts(config)? {
            xorriso.arg(graft(&place, &file));
        }
        xorriso.env("SOURCE_DATE_EPOCH", DATE).stdin(Stdio::null());
        let output = xorriso.output().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::Image(ImageError::NoXorriso),
            _ => Error::CannotStart { program: "xorriso".into(), source },
        })?;
        if !output.status.success() {
            return Err(ImageError::Xorriso(complaint(&output)).into());
        }
        let Some(deployer) = deploy.then(|| self.limine.deployer()).flatten() else {
            return Ok(Stick::NoDeployer);
        };
        let installed = Command::new(&deployer).arg("bios-install").arg(to).stdin(Stdio::null()).output();
        match installed {
            Ok(output) if output.status.success() => Ok(Stick::Bootable),
            Ok(output) => Err(ImageError::Deployer { deployer, why: complaint(&output) }.into()),
            Err(source) => Err(Error::CannotStart { program: deployer.display().to_string(), source }),
        }
    }

    /// Every file of the image: its place there, and where it is taken from.
    fn grafts(&self, config: &Path) -> Result<Vec<(String, PathBuf)>> {
        let [sys, bios_cd, uefi_cd, efi] = FILES;
        let mut grafts = vec![
            (self.config.kernel_path()?.to_owned(), self.kernel.to_owned()),
            (format!("/boot/{}", self.limine.version.format().file_name()), config.to_owned()),
            (format!("/EFI/BOOT/{efi}"), self.limine.dir.join(efi)),
        ];
        if let Some(disk) = self.disk {
            grafts.push((self.config.module_path(DISK)?.to_owned(), disk.to_owned()));
        }
        grafts.extend(
            [sys, bios_cd, uefi_cd].map(|file| (format!("/boot/{file}"), self.limine.dir.join(file))),
        );
        Ok(grafts)
    }
}

/// A file's neighbour for the time of the work, on the same file system.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{what}-{}", std::process::id()));
    name.into()
}

/// `PLACE=FILE` for xorriso, to which a `=` or a backslash in a file's path would mean something.
fn graft(place: &str, file: &Path) -> OsString {
    let mut bytes = place.as_bytes().to_vec();
    bytes.push(b'=');
    for &byte in file.as_os_str().as_bytes() {
        if matches!(byte, b'=' | b'\\') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
    }
    OsString::from_vec(bytes)
}

/// What a failed program said last, without the empty lines and the sums that xorriso ends with.
fn complaint(output: &Output) -> String {
    let text =
        String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let failure =
        lines.iter().find(|line| line.contains("FAILURE") || line.contains("FATAL")).or(lines.last());
    failure.map_or_else(|| output.status.to_string(), |line| (*line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_xorriso_is_escaped_in_the_file_only() {
        assert_eq!(graft("/boot/k", Path::new(r"/a=b/c\d e")), OsString::from(r"/boot/k=/a\=b/c\\d e"));
    }

    #[test]
    fn of_many_words_the_failure_is_said() {
        let output = |text: &str| Output { status: Default::default(), stdout: vec![], stderr: text.into() };
        let said =
            "xorriso 1.5.4\n\nlibisofs: FAILURE : Cannot find /x\nxorriso : aborting : -abort_on 'FAILURE'\n";
        assert_eq!(complaint(&output(said)), "libisofs: FAILURE : Cannot find /x");
        assert_eq!(complaint(&output("one\ntwo\n\n")), "two");
        assert!(complaint(&output("")).contains("status"));
    }

    #[test]
    fn an_image_that_cannot_be_made_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for file in FILES {
            fs::write(dir.path().join(file), "Limine 8.2.0").unwrap();
        }
        let limine = Limine::open(dir.path()).unwrap();
        let config = BootConfig::ours().unwrap();
        let gone = dir.path().join("gone");
        let image = Image { limine: &limine, config: &config, kernel: &gone, disk: Some(&gone) };
        let to = dir.path().join("x.iso");
        let message = image.write(&to, true).unwrap_err().to_string();
        assert!(message.contains("xorriso"), "{message}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), FILES.len());
    }
}
