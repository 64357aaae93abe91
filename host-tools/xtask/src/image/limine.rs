//! [`Limine`]: the bootloader's binaries, which are not part of this repository: where they are, their version, their deployer.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ImageError;
use super::config::Format;
use crate::{Error, Result};

/// What an image needs of a binary release: for BIOS the loader and its CD boot sector, for UEFI its CD image and the loader.
pub const FILES: [&str; 4] = ["limine-bios.sys", "limine-bios-cd.bin", "limine-uefi-cd.bin", "BOOTX64.EFI"];
/// Names the folder.
pub const ENV: &str = "LIMINE_DIR";
/// Where distributions and Limine's own installation put them.
const USUAL: [&str; 2] = ["/usr/share/limine", "/usr/local/share/limine"];
/// The first version that knows base revision 2 of its protocol, which the kernel asks for.
const OLDEST: u32 = 7;

/// What is known of a release's version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// `Limine 7.13.3` stands in the file.
    Exact(u32, u32, u32),
    /// No version stands in it, but which configuration it reads.
    Reads(Format),
}

impl Version {
    /// The version of one of Limine's files. `None`: it is no such file.
    pub fn find(bytes: &[u8]) -> Option<Self> {
        const NAME: &[u8] = b"Limine ";
        let named = positions(bytes, NAME).filter_map(|at| three_numbers(&bytes[at + NAME.len()..]));
        // Several architectures in one file say the same version.
        match named.collect::<BTreeSet<_>>().into_iter().next_back() {
            Some((major, minor, patch)) => Some(Self::Exact(major, minor, patch)),
            None if contains(bytes, b"limine.conf") => Some(Self::Reads(Format::Conf)),
            None if contains(bytes, b"limine.cfg") => Some(Self::Reads(Format::Cfg)),
            None => None,
        }
    }

    /// Which configuration file it reads.
    pub fn format(self) -> Format {
        match self {
            Self::Exact(8.., ..) => Format::Conf,
            Self::Exact(..) => Format::Cfg,
            Self::Reads(format) => format,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
            Self::Reads(Format::Conf) => f.write_str("(8 or newer)"),
            Self::Reads(Format::Cfg) => f.write_str("(7 or older)"),
        }
    }
}

/// A folder with a binary release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limine {
    /// The folder, absolute.
    pub dir: PathBuf,
    /// Of all its files.
    pub version: Version,
}

impl Limine {
    /// The release that `LIMINE_DIR` names, or one that is installed.
    ///
    /// # Errors
    /// There is none, or it is incomplete, mixed or too old.
    pub fn find() -> Result<Self> {
        match env::var_os(ENV).filter(|dir| !dir.is_empty()) {
            Some(dir) => Self::open(Path::new(&dir)),
            None => Self::installed(&USUAL.map(PathBuf::from)),
        }
    }

    fn installed(usual: &[PathBuf]) -> Result<Self> {
        let there = usual.iter().find(|dir| dir.join(FILES[0]).exists());
        Self::open(there.ok_or(ImageError::NoLimine)?)
    }

    /// The release in that folder.
    ///
    /// # Errors
    /// It is incomplete, mixed or too old, or cannot be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let missing: Vec<_> = FILES.into_iter().filter(|file| !dir.join(file).is_file()).collect();
        if !missing.is_empty() {
            return Err(ImageError::Incomplete { dir: dir.to_owned(), missing }.into());
        }
        let dir = fs::canonicalize(dir).map_err(Error::reading(dir))?;
        let version = |file: &str| {
            let path = dir.join(file);
            let bytes = fs::read(&path).map_err(Error::reading(&path))?;
            Version::find(&bytes).ok_or(Error::Image(ImageError::NotLimine(path)))
        };
        let (bios, uefi) = (version(FILES[0])?, version(FILES[3])?);
        if bios != uefi {
            return Err(ImageError::Mixed { dir, bios, uefi }.into());
        }
        if matches!(bios, Version::Exact(major, ..) if major < OLDEST) {
            return Err(ImageError::TooOld { dir, found: bios }.into());
        }
        Ok(Self { dir, version: bios })
    }

    /// Its program that makes an image start from a USB stick under BIOS, of the same version. A CD and UEFI do without.
    pub fn deployer(&self) -> Option<PathBuf> {
        let beside = [self.dir.join("limine"), self.dir.join("../../bin/limine")];
        let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .map(|dir| dir.join("limine"))
            .collect::<Vec<_>>();
        beside.into_iter().chain(on_path).find(|program| self.says_our_version(program))
    }

    fn says_our_version(&self, program: &Path) -> bool {
        if !program.is_file() {
            return false;
        }
        let asked = Command::new(program).arg("version").stdin(Stdio::null()).output();
        let said = asked.ok().filter(|output| output.status.success());
        said.and_then(|output| Version::find(&output.stdout)).is_some_and(|version| version == self.version)
    }
}

/// Where `part` begins in `bytes`.
fn positions<'a>(bytes: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(part.len()).enumerate().filter(move |(_, window)| *window == part).map(|(at, _)| at)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    positions(bytes, part).next().is_some()
}

/// `7.13.3` at the start of `bytes`, whatever follows.
fn three_numbers(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    let end = bytes.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(bytes.len());
    let mut numbers = std::str::from_utf8(&bytes[..end]).ok()?.split('.').map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn release(bios: &[u8], uefi: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, bytes) in FILES.into_iter().zip([bios, b"cd", b"cd", uefi]) {
            fs::write(dir.path().join(file), bytes).unwrap();
        }
        dir
    }

    fn refused(dir: &Path) -> ImageError {
        match Limine::open(dir) {
            Err(Error::Image(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_version_is_read_out_of_the_file() {
        for (bytes, version, format) in [
            (&b"\0\x07Limine 7.13.3 (x86-64, BIOS)\0limine.cfg\0"[..], Version::Exact(7, 13, 3), Format::Cfg),
            (
                b"limine.cfg\0limine.conf\0Limine 8.2.0\0Limine 8.2.0 (ia-32, UEFI32)",
                Version::Exact(8, 2, 0),
                Format::Conf,
            ),
            (b"Limine 12.3.3-4-gabc", Version::Exact(12, 3, 3), Format::Conf),
            (b"Limine bootloader\0/boot/limine.conf\0limine.cfg", Version::Reads(Format::Conf), Format::Conf),
            (b"Limine \0/boot/limine.cfg", Version::Reads(Format::Cfg), Format::Cfg),
        ] {
            let found = Version::find(bytes).unwrap();
            assert_eq!((found, found.format()), (version, format));
        }
        for no_limine in [&b""[..], b"GRUB 2.06", b"Limine 7", b"Limine 7.x.1", b"Limine 99999999999.1.1"] {
            assert_eq!(Version::find(no_limine), None, "{no_limine:?}");
        }
    }

    #[test]
    fn a_whole_release_of_7_or_newer_is_taken() {
        let dir = release(b"Limine 7.0.0", b"Limine 7.0.0");
        let found = Limine::open(dir.path()).unwrap();
        assert_eq!((found.version, found.deployer()), (Version::Exact(7, 0, 0), None));
        assert!(found.dir.is_absolute());
    }

    #[test]
    fn what_is_not_one_release_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(refused(empty.path()), ImageError::Incomplete { missing, .. } if missing == FILES));
        let mixed = release(b"Limine 7.13.3", b"Limine 8.2.0");
        assert!(matches!(refused(mixed.path()), ImageError::Mixed { .. }));
        let old = release(b"Limine 6.1.0", b"Limine 6.1.0");
        assert!(matches!(refused(old.path()), ImageError::TooOld { .. }));
        let other = release(b"Limine 7.13.3", b"GRUB");
        assert!(
            matches!(refused(other.path()), ImageError::NotLimine(path) if path.ends_with("BOOTX64.EFI"))
        );
        let lacking = release(b"Limine 7.13.3", b"Limine 7.13.3");
        fs::remove_file(lacking.path().join(FILES[2])).unwrap();
        assert!(
            matches!(refused(lacking.path()), ImageError::Incomplete { missing, .. } if missing == FILES[2..3])
        );
        assert!(matches!(Limine::installed(&[empty.path().into()]), Err(Error::Image(ImageError::NoLimine))));
        let installed =
            Limine::installed(&[empty.path().into(), release(b"Limine 9.0.0", b"Limine 9.0.0").keep()]);
        assert_eq!(installed.unwrap().version, Version::Exact(9, 0, 0));
    }

    #[test]
    fn only_a_deployer_of_the_same_version_is_used() {
        let dir = release(b"Limine 8.2.0", b"Limine 8.2.0");
        let program = dir.path().join("limine");
        let limine = Limine::open(dir.path()).unwrap();
        for (says, used) in [("8.2.0", true), ("8.1.0", false)] {
            fs::write(&program, format!("#!/bin/sh\necho Limine {says}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            assert_eq!(limine.deployer().is_some_and(|found| found.starts_with(&limine.dir)), used);
        }
    }
}
