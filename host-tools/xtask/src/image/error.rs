//! [`ImageError`]: what keeps an image from being made or booted, each one line that says what to do.

use std::path::PathBuf;

use super::limine::{FILES, Version};

/// Why there is no image.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageError {
    /// Limine's binaries are nowhere.
    #[error(
        "Limine's binaries are not here: set LIMINE_DIR to a folder that holds {} of a binary release of Limine 7 or newer, \
         or install your distribution's package limine",
        list(FILES)
    )]
    NoLimine,
    /// Some of Limine's files are not where they should be.
    #[error("{}: no {} in it; it must hold {} of one binary release of Limine (set LIMINE_DIR to name another folder)",
        .dir.display(), .missing.join(", no "), list(FILES))]
    Incomplete {
        /// The folder.
        dir: PathBuf,
        /// What it lacks.
        missing: Vec<&'static str>,
    },
    /// A file that no release of Limine has.
    #[error("{}: this is not a binary of Limine's; set LIMINE_DIR to a folder with a binary release", .0.display())]
    NotLimine(PathBuf),
    /// Files of several releases in one folder.
    #[error("{}: {} is of Limine {bios}, {} of Limine {uefi}; put the files of one release there", .dir.display(), FILES[0], FILES[3])]
    Mixed {
        /// The folder.
        dir: PathBuf,
        /// What starts under BIOS.
        bios: Version,
        /// What starts under UEFI.
        uefi: Version,
    },
    /// A release that does not speak the protocol as the kernel does.
    #[error("{}: Limine {found} is too old for this kernel; give a folder with Limine 7 or newer in LIMINE_DIR", .dir.display())]
    TooOld {
        /// The folder.
        dir: PathBuf,
        /// Its version.
        found: Version,
    },
    /// limine.cfg cannot be read.
    #[error("limine.cfg:{line}: {why}; see Limine's CONFIG.md for what it may hold")]
    Config {
        /// Line number, from 1; 0 stands for the file as a whole.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// No xorriso.
    #[error("xorriso not found: apt-get install xorriso")]
    NoXorriso,
    /// xorriso did not make the image.
    #[error("xorriso made no image: {0}")]
    Xorriso(String),
    /// Limine's deployer did not make the image bootable from a USB stick.
    #[error("{} bios-install failed: {why}", .deployer.display())]
    Deployer {
        /// The program.
        deployer: PathBuf,
        /// What it said.
        why: String,
    },
    /// No UEFI for QEMU.
    #[error("no UEFI firmware for QEMU found: apt-get install ovmf (or use --firmware bios)")]
    NoOvmf,
}

fn list(names: [&str; 4]) -> String {
    let [first @ .., last] = names;
    format!("{} and {last}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_one_line_with_what_to_do() {
        let dir = || PathBuf::from("/l");
        let version = |text| Version::find(format!("Limine {text}").as_bytes()).unwrap();
        for (error, parts) in [
            (
                ImageError::NoLimine,
                &["LIMINE_DIR", "limine-bios-cd.bin", "and BOOTX64.EFI", "package limine"][..],
            ),
            (
                ImageError::Incomplete { dir: dir(), missing: vec![FILES[0], FILES[3]] },
                &["/l: no limine-bios.sys, no BOOTX64.EFI in it", "LIMINE_DIR"],
            ),
            (ImageError::NotLimine("/l/BOOTX64.EFI".into()), &["/l/BOOTX64.EFI", "LIMINE_DIR"]),
            (
                ImageError::Mixed { dir: dir(), bios: version("7.13.3"), uefi: version("8.2.0") },
                &["limine-bios.sys is of Limine 7.13.3", "BOOTX64.EFI of Limine 8.2.0", "one release"],
            ),
            (
                ImageError::TooOld { dir: dir(), found: version("5.2.1") },
                &["Limine 5.2.1", "7 or newer", "LIMINE_DIR"],
            ),
            (ImageError::Config { line: 3, why: "no such line".into() }, &["limine.cfg:3: no such line"]),
            (ImageError::NoXorriso, &["apt-get install xorriso"]),
            (ImageError::Xorriso("disk full".into()), &["disk full"]),
            (
                ImageError::Deployer { deployer: "/l/limine".into(), why: "no".into() },
                &["/l/limine bios-install", "no"],
            ),
            (ImageError::NoOvmf, &["apt-get install ovmf", "--firmware bios"]),
        ] {
            let message = error.to_string();
            assert!(!message.contains('\n'), "{message}");
            for part in parts {
                assert!(message.contains(part), "{part:?} in {message:?}");
            }
        }
    }
}
